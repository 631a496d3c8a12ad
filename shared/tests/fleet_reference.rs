//! `docs/fleet.schema.json` and `docs/fleet.md` say what the types say that read the file, and everything they show works.

mod fleet_reference {
    pub(crate) mod around;
    pub(crate) mod render;
}

use std::{env, fs, path::PathBuf};

use fleet_reference::{around::around, render};
use serde_json::{Map, Value, json};
use shared::fleet::Fleet;

const INTRO: &str = include_str!("fleet_reference/intro.md");

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Compares a generated file with the one in the repository, or writes it when `UPDATE` is set.
fn current(path: &str, generated: &str) {
    let path_here = repository(path);
    if env::var_os("UPDATE").is_some() {
        fs::write(&path_here, generated).unwrap_or_else(|error| panic!("{path} could not be written: {error}"));
    }
    let written = fs::read_to_string(&path_here).unwrap_or_default();
    assert!(
        written == generated,
        "{path} is not what the types of shared/src/fleet say. To write it anew:\n\n    \
         UPDATE=1 cargo test -p shared --no-default-features --test fleet_reference\n"
    );
}

fn parsed(text: &str, what: &str) -> Fleet {
    Fleet::parse(text, what).unwrap_or_else(|errors| panic!("{errors}\n\nin\n{text}"))
}

#[test]
fn the_schema_is_current() {
    let schema = serde_json::to_string_pretty(&Fleet::schema()).expect("JSON");
    current("docs/fleet.schema.json", &format!("{schema}\n"));
}

#[test]
fn the_reference_is_current() {
    current(
        "docs/fleet.md",
        &format!("{INTRO}{}", render::reference(&Fleet::schema())),
    );
}

#[test]
fn every_field_of_the_schema_is_read_and_no_other() {
    for section in render::sections(&Fleet::schema()) {
        let file = around(&section.name, Map::from_iter([("surely-unknown".to_owned(), json!(1))]));
        let errors = Fleet::parse(&file.to_string(), "probe").expect_err("an unknown field");
        let accepted = errors
            .problems
            .iter()
            .find(|problem| problem.path.ends_with("surely-unknown"));
        let accepted = accepted
            .and_then(|problem| problem.accepted.clone())
            .expect("the accepted fields");
        let fields: Vec<&str> = section.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(accepted.split(", ").collect::<Vec<_>>(), fields, "{}", section.name);
    }
}

#[test]
fn every_example_and_every_default_of_the_reference_is_accepted() {
    let mut shown = 0;
    for section in render::sections(&Fleet::schema()) {
        for field in section.fields {
            for value in field.examples.into_iter().chain(field.default) {
                // As YAML and as the tables show it, not as JSON.
                let file = around(&section.name, Map::from_iter([(field.name.clone(), json!("PLACE"))])).to_string();
                parsed(&file.replace("\"PLACE\"", &render::flow(&value)), &field.name);
                shown += 1;
            }
        }
    }
    assert!(shown > 40, "only {shown} values were found in the schema");
}

#[test]
fn writing_every_default_out_changes_nothing() {
    let schema = Fleet::schema();
    let health = render::defaults(&schema, "Health");
    let mut rollout = render::defaults(&schema, "Rollout");
    rollout["analysis"] = render::defaults(&schema, "Analysis");
    rollout["analysis"]["errors"] = render::defaults(&schema, "ErrorAnalysis");
    // What these say holds only with a probe, and with a limit.
    let without = |section: &mut Value, field: &str| section.as_object_mut().and_then(|fields| fields.remove(field));
    assert!(without(&mut rollout, "smoke").is_some());
    assert!(without(&mut rollout["analysis"]["errors"], "bad_minutes").is_some());
    let bare = parsed(r#"{ "version": 1, "endpoints": { "a": {} } }"#, "bare");
    let full = json!({
        "version": 1,
        "endpoints": { "a": { "health": health, "rollout": rollout } },
        "fleet": render::defaults(&schema, "FleetWide"),
    });
    let full = parsed(&full.to_string(), "full");
    assert_eq!(full.health_for("a", None), bare.health_for("a", None));
    assert_eq!(full.fleet_health(), bare.fleet_health());
    let policy = |fleet: &Fleet| fleet.rollout_for("a", None).expect("selected").policy().expect("right");
    assert_eq!(policy(&full), policy(&bare));

    let destination = json!({ "region": "eu-central-1", "bucket": "models-dr" });
    let backup = |section: Value| {
        let file = json!({ "version": 1, "endpoints": { "a": { "backup": section } } });
        parsed(&file.to_string(), "backup")
            .backup_for("a", None)
            .expect("backed up")
    };
    let mut written = render::defaults(&schema, "Backup");
    for (field, section) in [
        ("retention", "Retention"),
        ("restore", "Restore"),
        ("drill", "Drill"),
        ("objectives", "Objectives"),
    ] {
        written[field] = render::defaults(&schema, section);
    }
    written["destination"] = render::defaults(&schema, "Destination");
    for (field, value) in destination.as_object().into_iter().flatten() {
        written["destination"][field] = value.clone();
    }
    assert_eq!(backup(written), backup(json!({ "destination": destination })));

    let wake = |section: Value| {
        let file = json!({ "version": 1, "endpoints": { "a": { "wake": section } } });
        parsed(&file.to_string(), "wake").wake_for("a", None).expect("woken")
    };
    let mut written = render::defaults(&schema, "Wake");
    written["enabled"] = json!(true);
    assert_eq!(wake(written), wake(json!({ "enabled": true })));
    assert_eq!(full.simultaneous_wakes(), bare.simultaneous_wakes());

    // What scales, said with everything written out and with what is needed only.
    let capacity = |section: Value| {
        let file = json!({ "version": 1, "endpoints": { "a": section } });
        parsed(&file.to_string(), "capacity").capacity_for("a", None)
    };
    let mut written = render::defaults(&schema, "Scaling");
    let needed = json!({ "variant": "main", "min": 1, "max": 2 });
    let of_policy = json!({ "name": "p", "latency": "1s" });
    let mut policy = render::defaults(&schema, "Policy");
    policy
        .as_object_mut()
        .expect("fields")
        .retain(|field, _| field.starts_with("scale_"));
    for (section, fields) in [(&mut written, &needed), (&mut policy, &of_policy)] {
        for (field, value) in fields.as_object().into_iter().flatten() {
            section[field] = value.clone();
        }
    }
    written["policies"] = json!([policy]);
    let mut bare_target = needed.clone();
    bare_target["policies"] = json!([of_policy]);
    assert_eq!(
        capacity(json!({ "scaling": [written] })),
        capacity(json!({ "scaling": [bare_target] }))
    );
    let mut alarm = render::defaults(&schema, "Alarm");
    alarm
        .as_object_mut()
        .expect("fields")
        .retain(|field, _| field != "compare" && field != "metric");
    for (field, value) in [("name", "a"), ("variant", "main"), ("errors", "5%")] {
        alarm[field] = json!(value);
    }
    let bare_alarm = json!({ "name": "a", "variant": "main", "errors": "5%" });
    assert_eq!(
        capacity(json!({ "alarms": [alarm] })),
        capacity(json!({ "alarms": [bare_alarm] }))
    );
    let model = json!({ "image": "a/b:1", "role": "arn:aws:iam::111122223333:role/ml" });
    let provision = |mut section: Value| {
        section["instance_type"] = json!("ml.m5.xlarge");
        for (field, value) in model.as_object().into_iter().flatten() {
            section["model"][field] = value.clone();
        }
        section["capture"]["destination"] = json!("s3://captured/a");
        section["async"]["output"] = json!("s3://answers/a");
        capacity(json!({ "provision": section }))
    };
    let mut written = render::defaults(&schema, "Provision");
    for (field, section) in [("model", "Model"), ("capture", "Capture"), ("async", "Async")] {
        written[field] = render::defaults(&schema, section);
    }
    assert_eq!(
        provision(written),
        provision(json!({ "model": {}, "capture": {}, "async": {} }))
    );
    assert_eq!(full.reconcile(), bare.reconcile());

    let probes = |mut probe: Value| {
        probe["name"] = json!("p");
        probe["payload"] = json!("x");
        let file = json!({ "version": 1, "endpoints": { "a": { "health": { "probes": [probe] } } } });
        parsed(&file.to_string(), "probe")
            .health_for("a", None)
            .expect("selected")
            .probes
    };
    let written = render::defaults(&schema, "Probe");
    assert!(
        written.as_object().is_some_and(|written| written.len() >= 5),
        "{written}"
    );
    assert_eq!(probes(written), probes(json!({})));
}

#[test]
fn every_file_that_the_documents_show_is_right() {
    let text = fs::read_to_string(repository("examples/fleet.yaml")).expect("the example");
    parsed(&text, "examples/fleet.yaml");
    let blocks: Vec<&str> = INTRO
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() >= 3);
    for block in blocks {
        parsed(block, "docs/fleet.md");
    }
}
