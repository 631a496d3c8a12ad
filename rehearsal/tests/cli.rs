//! The `rehearse` command as people and pipelines use it: output, exit status, files.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A short scenario in which one endpoint falls ill.
const ILL: &str = "
title: Ill
duration: 8m
world:
  regions: {eu-west-1: {topics: [steward-alerts], endpoints: {fraud: {traffic: 5 rps}}}}
  incidents: [{at: 2m30s, endpoint: fraud, behaves: {errors: 100%}}]
fleet: {version: 1, endpoints: {fraud: {health: {probes: [{name: golden, payload: {amount: 12}}]}}}}
expect:
  endpoints: [{name: fraud, health: HEALTH}]
";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    fn rehearse(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_rehearse"))
            .args(arguments)
            .current_dir(self.path())
            .env_remove("COLUMNS")
            .output()
            .expect("the command")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn expectations_that_hold_exit_with_0_and_read_well() {
    let folder = Folder::new();
    folder.file("ill.yaml", &ILL.replace("HEALTH", "unhealthy"));
    let output = folder.rehearse(&["run", "ill.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    insta::assert_snapshot!(text(&output.stdout));
}

#[test]
fn an_expectation_that_does_not_hold_exits_with_1_and_shows_what_happened_around_it() {
    let folder = Folder::new();
    folder.file("ill.yaml", &ILL.replace("HEALTH", "healthy"));
    let output = folder.rehearse(&["run", "ill.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let out = text(&output.stdout);
    assert!(out.contains("FAILED  fraud has health healthy at the end"), "{out}");
    assert!(out.contains("seen: health unhealthy at 0:08:00"), "{out}");
    assert!(out.contains("|  0:05:0"), "the timeline around it is missing:\n{out}");
}

#[test]
fn a_bad_scenario_exits_with_2_and_all_its_errors() {
    let folder = Folder::new();
    folder.file("bad.yaml", "title: bad\nduration: soon\nworld: {}\nfleet: 5\n");
    for command in ["run", "check"] {
        let output = folder.rehearse(&[command, "bad.yaml", "missing.yaml"]);
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        for part in [
            "bad.yaml:2:11: duration",
            "world.regions",
            "bad.yaml:4:8: fleet",
            "missing.yaml: no such file",
        ] {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
        assert_eq!(text(&output.stdout), "", "nothing is half played");
    }
}

#[test]
fn json_is_one_object_a_line_and_the_same_bytes_again() {
    let folder = Folder::new();
    folder.file("ill.yaml", &ILL.replace("HEALTH", "unhealthy"));
    let first = folder.rehearse(&["run", "ill.yaml", "--json", "--seed", "5", "--until", "6m"]);
    let lines: Vec<serde_json::Value> = text(&first.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.first().expect("a line")["seed"], 5);
    let last = lines.last().expect("a line");
    assert_eq!(
        (&last["holds"], &last["end"]),
        (&true.into(), &"2026-03-02T08:06:00Z".into())
    );
    assert!(
        lines
            .iter()
            .any(|line| line["sort"] == "alert" && line["subject"] == "fraud"),
        "{lines:?}"
    );
    let again = folder.rehearse(&["run", "ill.yaml", "--json", "--seed", "5", "--until", "6m"]);
    assert_eq!(text(&first.stdout), text(&again.stdout));
}

#[test]
fn a_report_is_one_page_that_needs_nothing_else() {
    let folder = Folder::new();
    folder.file(
        "ill.yaml",
        &ILL.replace("HEALTH", "unhealthy")
            .replace("title: Ill", "title: Ill & <b>well</b>"),
    );
    let output = folder.rehearse(&["run", "ill.yaml", "--report", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = fs::read_to_string(folder.path().join("out/ill.html")).expect("a report");
    for part in [
        "Ill &amp; &lt;b&gt;well",
        "class=\"seg unhealthy\"",
        "class=\"mark critical\"",
        "Model latency",
        "<path",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
    for outside in [
        "<script", "<link", "<img", "<iframe", "src=", "href=", "url(", "@import",
    ] {
        assert!(!page.contains(outside), "the page reaches outside with {outside}");
    }
}

#[test]
fn the_list_names_every_scenario_and_any_of_them_can_be_checked_by_name() {
    let folder = Folder::new();
    let listed = text(&folder.rehearse(&["list"]).stdout);
    assert!(listed.starts_with("first "), "{listed}");
    let names: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() >= 15, "{listed}");
    let mut arguments = vec!["check"];
    arguments.extend(&names);
    let output = folder.rehearse(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn a_probe_that_takes_longer_than_a_sweep_is_a_warning_of_check() {
    let folder = Folder::new();
    folder.file(
        "slow.yaml",
        "version: 1\ndefaults: {health: {probes: [{name: deep, payload: hi, timeout: 60s}]}}\nendpoints:\n  fraud: {health: {probes: [{name: golden, payload: hi, timeout: 30s}]}}\n  chat: {health: {probes: [{name: quick, payload: hi}]}}\n",
    );
    let checked = folder.rehearse(&["check", "slow.yaml"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    insta::assert_snapshot!(text(&checked.stdout));
}

#[test]
fn a_fleet_file_is_checked_alone_before_it_is_uploaded() {
    let folder = Folder::new();
    folder.file(
        "right.yaml",
        "version: 1\nendpoints: {fraud: {}, ranking: {}, \"ads-*\": {}}\n",
    );
    let right = folder.rehearse(&["check", "right.yaml"]);
    assert_eq!(right.status.code(), Some(0), "{}", text(&right.stderr));
    assert_eq!(
        text(&right.stdout),
        "right.yaml: ok: a fleet file with 2 endpoints by name and 1 glob or group\n"
    );

    folder.file(
        "wrong.yaml",
        "version: 1\nendpoints:\n  fraud:\n    health:\n      every: 30\n      failure_threshold: 5000000000\n",
    );
    let wrong = folder.rehearse(&["check", "right.yaml", "wrong.yaml"]);
    assert_eq!(wrong.status.code(), Some(2));
    insta::assert_snapshot!(text(&wrong.stderr));

    let played = folder.rehearse(&["run", "right.yaml"]);
    assert_eq!(played.status.code(), Some(2));
    insta::assert_snapshot!(text(&played.stderr));
}

#[test]
fn a_wrong_fleet_file_is_told_as_one_and_a_wrong_scenario_as_one() {
    let folder = Folder::new();
    let told = |file: &str| {
        folder.file("file.yaml", file);
        let checked = folder.rehearse(&["check", "file.yaml"]);
        assert_eq!(checked.status.code(), Some(2), "{file}");
        text(&checked.stderr)
    };
    let twice = told("version: 1\nendpoints:\n  fraud: {}\n  fraud: {}\n");
    assert!(
        twice.starts_with(
            "1 error in file.yaml\n\nfile.yaml:4:3: endpoints.fraud: \"fraud\" is here for the second time"
        ),
        "{twice}"
    );
    let bare = told("version: 1\n");
    assert!(
        bare.starts_with("1 error in file.yaml\n\nfile.yaml:1:1: endpoints: is missing"),
        "{bare}"
    );
    let bare = told("endpoints: {}\n");
    assert!(
        bare.starts_with("1 error in file.yaml\n\nfile.yaml:1:1: version: is missing"),
        "{bare}"
    );
    let twice = told(
        &ILL.replace("HEALTH", "healthy")
            .replace("duration: 8m", "duration: 8m\nduration: 8m"),
    );
    assert!(
        twice.starts_with("1 error in file.yaml") && twice.contains("duration"),
        "{twice}"
    );
    let titled = told("title: a\nendpoints: {}\n");
    assert!(titled.contains("world: is missing"), "{titled}");
}

/// What `serve` prints before it waits.
fn greeting(folder: &Folder, arguments: &[&str]) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rehearse"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let lines = lines.map(|line| line.expect("text"));
    let told: Vec<String> = lines
        .take_while(|line| !line.starts_with("What happens in it"))
        .collect();
    child.kill().expect("it waits");
    child.wait().expect("its end");
    told.join("\n")
}

#[test]
fn what_serve_prints_leads_to_the_region_where_the_endpoints_are() {
    let folder = Folder::new();
    let built_in = greeting(&folder, &[]);
    assert!(built_in.contains("export AWS_REGION=eu-west-1\n"), "{built_in}");
    let world = "
title: Two Regions
duration: 8m
world:
  regions: {eu-central-1: {}, eu-west-1: {topics: [steward-alerts], endpoints: {fraud: {}}}, us-east-1: {topics: [steward-alerts]}}
fleet: {version: 1, endpoints: {fraud: {}}}
";
    folder.file("two.yaml", world);
    let told = greeting(&folder, &["--world", "two.yaml"]);
    assert!(told.contains("export AWS_REGION=eu-west-1\n"), "{told}");
    let function = "functions: [{name: cross-region-backup, region: us-east-1}]\n";
    folder.file("two.yaml", &format!("{world}{function}"));
    let told = greeting(&folder, &["--world", "two.yaml"]);
    assert!(told.contains("export AWS_DEFAULT_REGION=us-east-1\n"), "{told}");
}

#[test]
fn an_unknown_argument_exits_with_2() {
    let folder = Folder::new();
    assert_eq!(folder.rehearse(&["run", "first", "--sed", "1"]).status.code(), Some(2));
    assert_eq!(folder.rehearse(&["--help"]).status.code(), Some(0));
    let output = folder.rehearse(&["serve", "--speed", "0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("--speed 0 is no speed"),
        "{}",
        text(&output.stderr)
    );
}
