//! `docs/fleet.schema.json` and `docs/fleet.md` say what the types say that read the file, and everything they show works.

mod fleet_reference {
    pub(crate) mod render;
}

use std::{env, fs, path::PathBuf};

use fleet_reference::render;
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

/// The whole file around one section of the schema.
fn around(section: &str, fields: Map<String, Value>) -> Value {
    let with = |mut fields: Map<String, Value>, more: Value| {
        for (key, value) in more.as_object().into_iter().flatten() {
            fields.entry(key).or_insert_with(|| value.clone());
        }
        Value::Object(fields)
    };
    let file = |more: Value| {
        with(
            more.as_object().cloned().unwrap_or_default(),
            json!({ "version": 1, "endpoints": {} }),
        )
    };
    let health = |health: Value| file(json!({ "defaults": { "health": health } }));
    let strategy = |kind: &str, settings: Value| file(json!({ "strategies": { "a": { kind: settings } } }));
    let rollout = |rollout: Value| {
        let probes = json!([{ "name": "p", "payload": "x" }]);
        file(json!({ "endpoints": { "a": { "rollout": rollout, "health": { "probes": probes } } } }))
    };
    let analysis = |analysis: Value| rollout(json!({ "analysis": analysis }));
    let probe = |fields: Map<String, Value>| {
        let needed = match fields
            .keys()
            .map(String::as_str)
            .find(|field| ["component", "input", "within"].contains(field))
        {
            Some("component") => json!({ "name": "p", "payload": "x", "kind": "inference-component" }),
            Some(_) => json!({ "name": "p", "payload": "x", "kind": "async", "input": "s3://bucket/" }),
            None => json!({ "name": "p", "payload": "x" }),
        };
        health(json!({ "probes": [with(fields, needed)] }))
    };
    let target = |fields: Map<String, Value>| {
        let of = ["variant", "component", "serverless"]
            .iter()
            .any(|of| fields.contains_key(*of));
        let needed = match of {
            true => json!({ "min": 1, "max": 10 }),
            false => json!({ "variant": "main", "min": 1, "max": 10 }),
        };
        file(json!({ "defaults": { "scaling": [with(fields, needed)] } }))
    };
    let policy = |fields: Map<String, Value>| {
        let has = |field: &str| fields.contains_key(field);
        let (needed, of) = match () {
            () if has("provisioned_utilization") => (json!({ "name": "p" }), "serverless"),
            () if has("cpu") || has("gpu") => (json!({ "name": "p", "cores": 4 }), "variant"),
            () if has("cores") => (json!({ "name": "p", "cpu": "70%" }), "variant"),
            () if has("predefined") || has("metric") => (json!({ "name": "p", "target": 60 }), "variant"),
            () if has("target") => (json!({ "name": "p", "predefined": "x" }), "variant"),
            () if [
                "invocations_per_instance",
                "concurrency",
                "latency",
                "backlog_per_instance",
                "from_zero",
                "step",
            ]
            .iter()
            .any(|field| has(field)) =>
            {
                (json!({ "name": "p" }), "variant")
            }
            () => (json!({ "name": "p", "latency": "1s" }), "variant"),
        };
        let policies = json!([with(fields, needed)]);
        target(Map::from_iter([
            (of.to_owned(), json!("main")),
            ("policies".to_owned(), policies),
        ]))
    };
    let expect = |expect: Value| probe(Map::from_iter([("expect".to_owned(), expect)]));
    match section {
        "Fleet" => file(Value::Object(fields)),
        "Defaults" => file(json!({ "defaults": fields })),
        "FleetWide" => file(json!({ "fleet": fields })),
        "Suppression" => file(json!({ "fleet": { "suppression": fields } })),
        "Strategy" => file(json!({ "strategies": { "a": fields } })),
        "AllAtOnce" => strategy("all_at_once", with(fields, json!({ "bake": "10m" }))),
        "Canary" => strategy("canary", with(fields, json!({ "size": "10%", "bake": "10m" }))),
        "Linear" => strategy("linear", with(fields, json!({ "step": "10%", "bake": "10m" }))),
        "Step" => {
            let first = with(fields, json!({ "weight": "10%", "bake": "10m" }));
            strategy("steps", json!([first, { "weight": "100%", "bake": "10m" }]))
        }
        "Backup" => file(json!({ "defaults": { "backup": fields } })),
        "Destination" => file(json!({ "defaults": { "backup": { "destination": fields } } })),
        "Retention" => file(json!({ "defaults": { "backup": { "retention": fields } } })),
        "Restore" => file(json!({ "defaults": { "backup": { "restore": fields } } })),
        "Drill" => file(json!({ "defaults": { "backup": { "drill": fields } } })),
        "Objectives" => file(json!({ "defaults": { "backup": { "objectives": fields } } })),
        "Rollout" => rollout(Value::Object(fields)),
        "Smoke" => rollout(json!({ "smoke": fields })),
        "Analysis" => analysis(Value::Object(fields)),
        "ErrorAnalysis" => analysis(json!({ "errors": with(fields, json!({ "limit": "1%" })) })),
        "LatencyAnalysis" => {
            let needed = json!({ "percentile": "p99", "limit": "1s", "against_blue": 1.2 });
            analysis(json!({ "latency": [with(fields, needed)] }))
        }
        "SlowAnalysis" => analysis(json!({ "slow": with(fields, json!({ "slower_than": "1s", "limit": "1%" })) })),
        "BadMinutes" => analysis(json!({ "errors": { "limit": "1%", "bad_minutes": fields } })),
        "Entry" => file(json!({ "endpoints": { "a": fields } })),
        "Match" => file(json!({ "endpoints": { "a": { "match": fields } } })),
        "Health" => health(Value::Object(fields)),
        "Stuck" => health(json!({ "stuck": fields })),
        "FailureShare" => health(json!({ "failure_share": fields })),
        "Flapping" => health(json!({ "flapping": fields })),
        "Recovery" => health(json!({ "recovery": fields })),
        "Window" => {
            let needed = match fields.contains_key("until") {
                true => json!({ "from": "2026-01-01T00:00:00Z" }),
                false => json!({ "from": "01:00", "to": "05:00" }),
            };
            health(json!({ "maintenance": [with(fields, needed)] }))
        }
        "Probe" => probe(fields),
        "Expect" => expect(Value::Object(fields)),
        "JsonExpect" => {
            let needed = match fields.keys().next().map(String::as_str) {
                Some("near" | "tolerance") => json!({ "pointer": "/a", "near": 1, "tolerance": 1 }),
                Some("pointer") => json!({ "exists": true }),
                _ => json!({ "pointer": "/a" }),
            };
            expect(json!({ "json": [with(fields, needed)] }))
        }
        "Wake" => file(json!({ "defaults": { "wake": fields } })),
        "Prewarm" => {
            let needed = json!({ "name": "office", "cron": "0 8 ? * MON-FRI *", "for": "1h" });
            file(json!({ "defaults": { "wake": { "prewarm": [with(fields, needed)] } } }))
        }
        "Scaling" => target(fields),
        "Suspended" => target(Map::from_iter([("suspended".to_owned(), Value::Object(fields))])),
        "Policy" => policy(fields),
        "Metric" => {
            let metric = with(fields, json!({ "namespace": "AWS/SageMaker", "name": "Invocations" }));
            policy(Map::from_iter([("metric".to_owned(), metric)]))
        }
        "StepScaling" => {
            let needed = match fields.contains_key("at_least") {
                true => json!({ "adjust": "percent", "steps": [{ "by": 1 }] }),
                false => json!({ "steps": [{ "by": 1 }] }),
            };
            policy(Map::from_iter([("step".to_owned(), with(fields, needed))]))
        }
        "StepAdjustment" => {
            let steps = json!({ "steps": [with(fields, json!({ "by": 1 }))] });
            policy(Map::from_iter([("step".to_owned(), steps)]))
        }
        "FromZero" => policy(Map::from_iter([("from_zero".to_owned(), Value::Object(fields))])),
        "ScheduledAction" => {
            let needed = match fields.contains_key("at") || fields.contains_key("rate") {
                true => json!({ "name": "a", "max": 9 }),
                false => json!({ "name": "a", "cron": "0 8 ? * MON-FRI *", "max": 9 }),
            };
            let needed = match fields.get("max") {
                Some(_) => with(fields, needed),
                None => with(
                    fields,
                    with(needed.as_object().cloned().unwrap_or_default(), json!({ "max": 9 })),
                ),
            };
            file(json!({ "defaults": { "schedule": [needed] } }))
        }
        "Alarm" => {
            let has = |field: &str| fields.contains_key(field);
            let needed = match () {
                () if has("metric") || has("threshold") || has("compare") => {
                    let metric = json!({ "namespace": "AWS/SageMaker", "name": "Invocations" });
                    json!({ "name": "a", "metric": metric, "threshold": 1 })
                }
                () if has("waiting") || has("no_capacity") => json!({ "name": "a" }),
                () if has("latency") => json!({ "name": "a", "variant": "main" }),
                () if has("percentile") => json!({ "name": "a", "variant": "main", "latency": "1s" }),
                () if has("component") => json!({ "name": "a", "errors": "5%" }),
                () => json!({ "name": "a", "variant": "main", "errors": "5%" }),
            };
            file(json!({ "defaults": { "alarms": [with(fields, needed)] } }))
        }
        "Provision" => file(json!({ "defaults": { "provision": fields } })),
        "Model" => file(json!({ "defaults": { "provision": { "model": fields } } })),
        "Capture" => file(json!({ "defaults": { "provision": { "capture": fields } } })),
        "Async" => file(json!({ "defaults": { "provision": { "async": fields } } })),
        "Lambda" => file(json!({ "lambdas": { "predict": fields } })),
        "Api" => file(json!({ "apis": { "a1": with(fields, json!({ "stages": {} })) } })),
        "Stage" => {
            file(json!({ "apis": { "a1": { "stages": { "prod": with(fields, json!({ "rate": 1, "burst": 1 })) } } } }))
        }
        "Method" => {
            let methods = json!({ "GET /": with(fields, json!({ "rate": 1, "burst": 1 })) });
            file(json!({ "apis": { "a1": { "stages": { "prod": { "rate": 1, "burst": 1, "methods": methods } } } } }))
        }
        "Dashboard" => file(json!({ "dashboard": fields })),
        "Reconcile" => file(json!({ "fleet": { "reconcile": fields } })),
        other => panic!("say in this function where a file has the section {other}"),
    }
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
