//! What people are sent to exists and says what the code says: runbooks, links between documents, files named by the
//! template.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use shared::{
    alert::AlertKind,
    command::{BackupCommand, CapacityCommand, HealthCommand, RolloutCommand, WakeCommand},
    fleet::Fleet,
    trigger::Trigger,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages in `docs/runbooks` without `.md`.
fn pages() -> BTreeSet<String> {
    fs::read_dir(root().join("docs/runbooks"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}

/// The targets of Markdown links in a document, without those that leave the repository.
fn links(document: &str) -> Vec<&str> {
    document
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
        .collect()
}

/// Every Markdown file of the repository that people read, relative to its root.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                if path.starts_with("docs") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_alert_kind_has_a_runbook_that_names_its_severity() {
    let index = text("docs/runbooks/README.md");
    for kind in AlertKind::ALL {
        let page = text(&format!("docs/runbooks/{kind}.md"));
        assert!(page.starts_with(&format!("# {kind}\n")), "{kind}.md has another title");
        let severity = format!("**Severity** {}.", kind.severity());
        assert!(page.contains(&severity), "{kind}.md does not say {severity:?}");
        assert!(
            index.contains(&format!("({kind}.md)")),
            "README.md does not list {kind}.md"
        );
    }
}

#[test]
fn every_alarm_of_the_template_has_a_runbook_and_every_runbook_a_reader() {
    let template = text("template.yaml");
    let named: BTreeSet<String> = template
        .split("docs/runbooks/")
        .skip(1)
        .filter_map(|rest| rest.split_once(".md").map(|(page, _)| page.to_owned()))
        .filter(|page| page.starts_with("function."))
        .collect();
    assert_eq!(
        template.matches("Type: AWS::CloudWatch::Alarm").count(),
        template.matches("AlarmDescription:").count()
    );
    let kinds = AlertKind::ALL.iter().map(|kind| kind.as_str().to_owned());
    let expected: BTreeSet<String> = kinds.chain(named).chain(["README".to_owned()]).collect();
    assert_eq!(
        pages(),
        expected,
        "left: the pages there are; right: those that an alert or alarm leads to"
    );
}

/// The alarms of the template, each with the runbook that it names.
fn alarms(template: &str) -> Vec<(&str, &str)> {
    const ALARM: &str = ":\n    Type: AWS::CloudWatch::Alarm";
    let found = template.match_indices(ALARM).map(|(at, _)| {
        let name = template[..at].rsplit('\n').next().unwrap_or_default();
        let (_, rest) = template[at..].split_once("docs/runbooks/").expect("a runbook");
        (name.trim(), rest.split_once(".md").expect("a page").0)
    });
    found.collect()
}

#[test]
fn each_alarm_of_a_function_stands_on_the_page_it_leads_to_beside_the_function() {
    let template = text("template.yaml");
    let alarms = alarms(&template);
    assert_eq!(alarms.len(), template.matches("Type: AWS::CloudWatch::Alarm").count());
    for (alarm, page) in alarms {
        let content = text(&format!("docs/runbooks/{page}.md"));
        assert!(
            content.contains(&format!("`{alarm}`")),
            "{page}.md does not name {alarm}"
        );
        let functions = content.matches("`steward-").count();
        assert!(
            functions >= 5 || page == "function.slow",
            "{page}.md is not about all functions"
        );
    }
}

#[test]
fn whoever_sends_a_command_waits_for_its_answer_and_sends_it_once() {
    let mut sent = 0;
    for document in documents() {
        let content = text(&document.to_string_lossy());
        for (at, _) in content.match_indices("aws lambda invoke ") {
            let line = content[..at].rsplit('\n').next().unwrap_or_default();
            let command = content[at..].split("/dev/std").next().unwrap_or_default();
            assert!(
                line.contains("AWS_MAX_ATTEMPTS=1") && command.contains("--cli-read-timeout 0"),
                "{}: {command}",
                document.display()
            );
            sent += 1;
        }
    }
    assert!(sent >= 9, "{sent} commands were found");
}

#[test]
fn no_link_between_documents_is_dead() {
    let dead: Vec<String> = documents()
        .iter()
        .flat_map(|document| {
            let folder = document.parent().unwrap_or(Path::new("")).to_owned();
            let content = text(&document.to_string_lossy());
            links(&content)
                .into_iter()
                .filter(|target| !root().join(&folder).join(target).exists())
                .map(|target| format!("{}: {target}", document.display()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

/// The commands that a document tells people to send. `'$ENDPOINT'` is the shell's.
fn commands(document: &str) -> Vec<Value> {
    let document = document.replace("'$ENDPOINT'", "fraud-detector");
    let command = |(start, _): (usize, &str)| {
        let mut values = serde_json::Deserializer::from_str(&document[start..]).into_iter();
        values.next().and_then(Result::ok)
    };
    let found: Vec<Value> = document.match_indices("{\"command\"").filter_map(command).collect();
    assert_eq!(
        found.len(),
        document.matches("{\"command\"").count(),
        "some commands are no JSON:\n{document}"
    );
    found
}

#[test]
fn every_command_in_a_document_is_accepted() {
    let mut accepted = 0;
    for document in documents() {
        for command in commands(&text(&document.to_string_lossy())) {
            let trigger = Trigger::parse(&command);
            let Ok(Trigger::Command(parsed)) = trigger else {
                panic!("{}: {command}: {trigger:?}", document.display())
            };
            // `status` is a command of all.
            if let (Err(health), Err(rollout), Err(backup), Err(wake), Err(capacity)) = (
                HealthCommand::parse(&parsed),
                RolloutCommand::parse(&parsed),
                BackupCommand::parse(&parsed),
                WakeCommand::parse(&parsed),
                CapacityCommand::parse(&parsed),
            ) {
                panic!(
                    "{}: {command}: {health}\nor {rollout}\nor {backup}\nor {wake}\nor {capacity}",
                    document.display()
                );
            }
            accepted += 1;
        }
    }
    assert!(accepted > 10, "{accepted} commands were found");
}

#[test]
fn every_fleet_file_in_a_document_is_right() {
    let mut right = 0;
    for document in documents() {
        let content = text(&document.to_string_lossy());
        for block in content.split("```yaml\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            if block.starts_with("version: 1") {
                let fleet = Fleet::parse(block, &document.to_string_lossy());
                assert!(
                    fleet.is_ok(),
                    "{}\n{block}",
                    fleet.err().map(|e| e.to_string()).unwrap_or_default()
                );
                right += 1;
            }
        }
    }
    assert!(right > 0, "no fleet file was found");
}

#[test]
fn every_sample_event_is_shown_in_the_readme() {
    let readme = text("README.md");
    let shown: BTreeSet<&str> = links(&readme).into_iter().collect();
    let mut samples = 0;
    for function in fs::read_dir(root().join("events")).unwrap() {
        let folder = function.unwrap().path();
        for file in fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            let path = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            assert!(shown.contains(path.as_str()), "README.md shows no link to {path}");
            samples += 1;
        }
    }
    assert!(samples > 50, "{samples} samples were found");
}
