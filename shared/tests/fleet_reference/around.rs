//! A file that is right, around any one section of the schema.

use serde_json::{Map, Value, json};

/// The whole file around one section of the schema.
pub(crate) fn around(section: &str, fields: Map<String, Value>) -> Value {
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
