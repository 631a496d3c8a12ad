//! What holds of declared capacity for any fleet file: a plan after it was applied is empty, and so is one after an export.
//! And an apply that does not fit into one invocation.

use proptest::{
    prelude::any,
    prop_assert, prop_assert_eq,
    test_runner::{Config, TestCaseResult, TestRunner},
};
use rehearsal::{play::Outcome, record::Ending, scenario::Scenario};
use serde_json::{Map, Value, json};

use super::played;

const WORLD: &str = r#"
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      endpoints:
        ranker: {variants: {main: {instances: 2, latency: 50ms}}, traffic: 5 rps}
        search: {variants: {main: {instances: 3, latency: 50ms}}}
        images:
          async: {output: "s3://inference-output/images/"}
          variants: {main: {instances: 1, latency: 2s}}
        chat:
          variants: {main: {instances: 1}}
          components: {llm: {copies: 1, latency: 300ms}}
        edge: {variants: {main: {serverless: {memory: 2048, concurrency: 20, provisioned: 2}}}}
      functions: {predict: {versions: 2, aliases: {live: 2}}}
      apis: {a1b2c3d4e5: {stages: {prod: {}}}}
"#;

/// What the provisioned endpoints need; another Steward's file has a bucket beside them.
const BUCKETS: [&str; 4] = ["models", "captured", "answers", "inference-output"];

/// Numbers from a seed, one after the other.
struct Dice(u64);

impl Dice {
    /// 0 up to, and without, `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn often(&mut self) -> bool {
        self.roll(3) > 0
    }
}

/// Each policy at most once, with cooldowns or without. A member `beside` is what it needs beside its own.
fn policies(dice: &mut Dice, of: &[(&str, Value)]) -> Vec<Value> {
    let mut policies = vec![];
    for (number, (field, value)) in of.iter().enumerate() {
        if !dice.often() {
            continue;
        }
        let mut policy = json!({ "name": format!("steward-{number}"), (*field): value });
        if *field != "from_zero" && *field != "step" {
            if dice.often() {
                policy["scale_in_cooldown"] = json!(format!("{}s", 60 + dice.roll(900)));
            }
            if dice.roll(4) == 0 {
                policy["scale_in"] = json!(false);
            }
        }
        match *field {
            "cpu" | "gpu" => policy["cores"] = json!(4),
            "metric" => policy["target"] = json!(60),
            "predefined" => policy["target"] = json!(0.7),
            _ => {}
        }
        policies.push(policy);
    }
    policies
}

fn target(dice: &mut Dice, field: &str, name: &str, min: u64, policies: Vec<Value>) -> Value {
    let max = 4 + dice.roll(6);
    let mut target = json!({ field: name, "min": min, "max": max, "policies": policies });
    if dice.roll(4) == 0 {
        target["suspended"] = json!({ "scale_in": true });
    }
    target
}

/// An alarm by its metric, with some of what an alarm may have.
fn alarm(dice: &mut Dice, name: &str, watched: Value) -> Value {
    let mut alarm = watched;
    alarm["name"] = json!(name);
    let choices = [
        (
            "missing",
            json!(["good", "bad", "ignore", "missing"][dice.roll(4) as usize]),
        ),
        ("purpose", json!(["health", "rollback", "wake"][dice.roll(3) as usize])),
        ("description", json!("More than anybody wants: 50% & rising <ü>")),
        ("enabled", json!(false)),
        ("period", json!(["1m", "5m"][dice.roll(2) as usize])),
        (
            "ok_actions",
            json!(["arn:aws:sns:eu-west-1:123456789012:steward-alerts"]),
        ),
        (
            "insufficient_actions",
            json!(["arn:aws:sns:eu-west-1:123456789012:steward-alerts"]),
        ),
        ("actions", json!(["arn:aws:sns:eu-west-1:123456789012:steward-alerts"])),
    ];
    for (field, value) in choices {
        if dice.roll(3) == 0 {
            alarm[field] = value;
        }
    }
    alarm
}

/// A variant on instances, with everything that scales one.
fn on_instances(dice: &mut Dice, name: &str) -> Value {
    let (per_minute, milliseconds) = (100 + dice.roll(2000), 50 + dice.roll(900));
    let slow = format!("steward-{name}-slow");
    let step = if dice.often() {
        json!({ "alarm": slow, "steps": [{ "from": 0, "to": 1000, "by": 1 }, { "from": 1000, "by": 2 }] })
    } else {
        json!({ "alarm": slow, "adjust": "percent", "at_least": 1, "aggregate": "maximum", "cooldown": "90s", "steps": [{ "from": 0, "by": 50 }] })
    };
    let memory = json!({ "namespace": "/aws/sagemaker/Endpoints", "name": "MemoryUtilization", "dimensions": { "EndpointName": name, "VariantName": "main" } });
    let of = [
        ("invocations_per_instance", json!(per_minute)),
        ("latency", json!(format!("{milliseconds}ms"))),
        ("cpu", json!("70%")),
        ("step", step),
        ("gpu", json!("60%")),
        ("metric", memory),
        ("concurrency", json!(2 + dice.roll(8))),
    ];
    let policies = policies(dice, &of);
    let (min, mut entry) = (1 + dice.roll(3), json!({}));
    entry["scaling"] = json!([target(dice, "variant", "main", min, policies)]);
    let metric = json!({ "namespace": "/aws/sagemaker/Endpoints", "name": "DiskUtilization", "dimensions": { "EndpointName": name, "VariantName": "main" }, "statistic": "p90" });
    let compare = ["<", "<=", ">", ">="][dice.roll(4) as usize];
    entry["alarms"] = json!([
        { "name": slow, "variant": "main", "latency": "1s", "percentile": "p99" },
        { "name": format!("steward-{name}-errors"), "variant": "main", "errors": "5%", "datapoints": 1 + dice.roll(3), "of": 5 },
        alarm(dice, "steward-<endpoint>-disk", json!({ "metric": metric, "threshold": 80.5, "compare": compare })),
    ]);
    if dice.often() {
        entry["schedule"] = json!([
            { "name": "steward-morning", "cron": format!("{} 8 ? * MON-FRI *", dice.roll(60)), "zone": "Europe/Berlin", "min": min + 1 },
            { "name": "steward-often", "rate": "12 hours", "min": min },
            { "name": "steward-sale", "at": "2026-11-27T08:00:00", "zone": "America/New_York", "min": min, "max": 12 },
            { "name": "steward-season", "cron": "0 6 * * ? *", "max": 11, "starts": "2026-06-01T00:00:00+02:00", "ends": "2026-09-01T00:00:00Z" },
        ]);
    }
    entry
}

/// Two endpoints that are not there, of which one is a queue.
fn provisioned(dice: &mut Dice, endpoints: &mut Value) {
    let account = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
    let role = "arn:aws:iam::111122223333:role/inference";
    let mut scorer = json!({
        "model": { "image": format!("{account}/scorer:1"), "data": "s3://models/scorer/1.tar.gz", "role": role },
        "instance_type": "ml.m5.xlarge",
    });
    if dice.often() {
        scorer["model"]["environment"] = json!({ "THREADS": "4", "NAME": "a, \"b\" & ü" });
        scorer["instances"] = json!(2 + dice.roll(3));
        scorer["capture"] = json!({ "destination": "s3://captured/scorer", "sampling": format!("{}%", 1 + dice.roll(99)), "output": dice.often() });
    } else {
        scorer["model"]["subnets"] = json!(["subnet-0a1b", "subnet-2c3d"]);
        scorer["model"]["security_groups"] = json!(["sg-0a1b"]);
        scorer["model"]["isolated"] = json!(true);
        scorer["instances"] = json!(1);
        scorer["single_instance"] = json!("a demo; an outage costs nothing");
        scorer["variant"] = json!("blue");
    }
    let variant = scorer["variant"].as_str().unwrap_or("main").to_owned();
    let load = policies(dice, &[("invocations_per_instance", json!(600))]);
    let scaling = target(dice, "variant", &variant, 1, load);
    endpoints["scorer"] = json!({ "provision": scorer, "scaling": [scaling] });
    let mut reader = json!({
        "model": { "image": format!("{account}/reader:1"), "role": role },
        "instance_type": "ml.g5.xlarge",
        "async": { "output": "s3://answers/reader/" },
    });
    if dice.often() {
        reader["async"]["concurrency"] = json!(1 + dice.roll(9));
        reader["async"]["failures"] = json!("s3://answers/failed/");
        reader["async"]["error_topic"] = json!("arn:aws:sns:eu-west-1:123456789012:steward-alerts");
    }
    let first = json!({ "name": "steward-first", "from_zero": { "minutes": 1 + dice.roll(3) } });
    let scaling = target(dice, "variant", "main", 0, vec![first]);
    endpoints["reader"] = json!({ "provision": reader, "scaling": [scaling] });
}

/// A fleet file that declares some of everything.
fn fleet(seed: u64) -> Value {
    let dice = &mut Dice(seed);
    let mut endpoints = json!({});
    for name in ["ranker", "search"] {
        endpoints[name] = on_instances(dice, name);
    }
    let backlog = policies(dice, &[("backlog_per_instance", json!(5)), ("latency", json!("2s"))]);
    let first = json!({ "name": "steward-first", "from_zero": { "instances": 1 + dice.roll(3) } });
    endpoints["images"] = json!({
        "scaling": [target(dice, "variant", "main", 0, [backlog, vec![first]].concat())],
        "alarms": [alarm(dice, "steward-<endpoint>-old", json!({ "waiting": "10m" })), alarm(dice, "images empty", json!({ "no_capacity": true }))],
    });
    let mut busy = policies(
        dice,
        &[
            ("latency", json!("300ms")),
            ("invocations_per_instance", json!(60)),
            ("gpu", json!("70%")),
        ],
    );
    busy.iter_mut().filter_map(Value::as_object_mut).for_each(|policy| {
        policy.remove("cores");
    });
    let least = dice.roll(2);
    if least == 0 {
        busy.push(json!({ "name": "steward-first", "from_zero": { "cooldown": "2m", "alarm": "llm wakes" } }));
    }
    endpoints["chat"] = json!({
        "scaling": [target(dice, "component", "llm", least, busy)],
        "alarms": [alarm(dice, "steward-llm-slow", json!({ "component": "llm", "latency": "2500ms" }))],
    });
    let kept = policies(dice, &[("provisioned_utilization", json!("70%"))]);
    endpoints["edge"] = json!({
        "scaling": [target(dice, "serverless", "main", 1, kept)],
        "schedule": [{ "name": "steward-night", "cron": "0 22 ? * * *", "min": 1, "max": 2 }],
    });
    if dice.often() {
        provisioned(dice, &mut endpoints);
    }
    let mut fleet = json!({ "version": 1, "fleet": { "reconcile": { "apply": true } }, "endpoints": endpoints });
    if dice.often() {
        fleet["lambdas"] =
            json!({ "predict": { "reserved": dice.roll(200) + 20, "provisioned": { "live": 1 + dice.roll(10) } } });
        let post = json!({ "rate": 0.5 + dice.roll(50) as f64, "burst": dice.roll(100) });
        fleet["apis"] = json!({ "a1b2c3d4e5": { "stages": { "prod": { "rate": 1000, "burst": 2000, "methods": { "POST /predict": post } } } } });
    }
    if dice.often() {
        fleet["dashboard"] = json!({ "name": "steward-any", "runbooks": "https://wiki.example.com/steward", "prices": { "ml.m5.xlarge": 0.23 }, "currency": "EUR" });
    }
    fleet
}

/// Empty ones of the Region, and one that is described.
fn buckets(others: Option<Value>) -> Value {
    let mut buckets: Map<String, Value> = BUCKETS
        .iter()
        .map(|name| ((*name).to_owned(), json!("eu-west-1")))
        .collect();
    buckets.extend(others.map(|described| ("others".to_owned(), described)));
    Value::Object(buckets)
}

fn parsed(fleet: &Value, commands: &str) -> Scenario {
    let text = format!(
        "title: Any fleet file\nduration: 80m\nstart: 2026-03-02T09:00:00Z\n{WORLD}fleet: {fleet}\nbuckets: {}\nfunctions: \
         [{{name: fleet-reconciler, every: 1h, timeout: 5m}}]\ncommands:\n{commands}expect: {{alert_ids: stable}}\n",
        buckets(None)
    );
    Scenario::parse(&text, "any.yaml").unwrap_or_else(|problems| panic!("{problems}\n\n{text}"))
}

fn answer<'a>(outcome: &'a Outcome, name: &str) -> &'a Value {
    let mut answers = outcome.record.answers.iter();
    let answered = answers
        .find(|answer| answer.name == name)
        .expect("the command's answer");
    assert_eq!(answered.ending, Ending::Ok, "{name}: {}", answered.answer);
    &answered.answer
}

/// Every case is a whole play, so there are sixteen, whatever `PROPTEST_CASES` says.
fn of_any(check: impl Fn(u64) -> TestCaseResult) {
    let few = Config {
        cases: 16,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    };
    let judged = TestRunner::new(few).run(&any::<u64>(), check);
    judged.unwrap_or_else(|failed| panic!("{failed}"));
}

#[test]
fn a_plan_is_empty_after_any_fleet_file_was_applied() {
    of_any(|seed| {
        let fleet = fleet(seed);
        let outcome = played(&parsed(
            &fleet,
            "  - {at: 70m, name: left, to: fleet-reconciler, command: plan}\n",
        ));
        let left = answer(&outcome, "left");
        prop_assert_eq!(&left["changes"], &json!([]), "{}\n{}", fleet, left["summary"]);
        prop_assert_eq!(&left["held"], &json!(0), "{}\n{}", fleet, left["summary"]);
        prop_assert!(left["same"].as_u64() > Some(5), "{}", left["summary"]);
        let drifted = outcome
            .record
            .alerts
            .iter()
            .filter(|alert| alert.kind == "capacity.drifted");
        prop_assert_eq!(drifted.count(), 0, "{}", fleet);
        Ok(())
    });
}

#[test]
fn a_plan_of_what_was_exported_is_empty() {
    of_any(|seed| {
        let applied = fleet(seed);
        let outcome = played(&parsed(
            &applied,
            "  - {at: 70m, name: export, to: fleet-reconciler, command: export}\n",
        ));
        let file = answer(&outcome, "export")["fleet_file"]
            .as_str()
            .expect("a file")
            .to_owned();
        // The same account, and another Steward that knows nothing but the exported file.
        let other = json!({ "region": "eu-west-1", "objects": { "fleet.yaml": { "content_type": "application/yaml", "text": file } } });
        let other = buckets(Some(other));
        let text = format!(
            "title: Adopted\nduration: 80m\nstart: 2026-03-02T09:00:00Z\n{WORLD}fleet: {applied}\nbuckets: {other}\nfunctions:\n  \
             - {{name: fleet-reconciler, every: 1h, timeout: 5m}}\n  - {{name: others, handler: fleet-reconciler, every: never, \
             timeout: 5m, settings: {{STEWARD_NAME: others, STEWARD_FLEET: \"s3://others/fleet.yaml\", STEWARD_STATE: \
             \"s3://others/state\"}}}}\ncommands:\n  - {{at: 71m, name: adopted, to: others, command: plan}}\nexpect: \
             {{alert_ids: stable}}\n"
        );
        let scenario = Scenario::parse(&text, "adopted.yaml").unwrap_or_else(|problems| panic!("{problems}\n\n{text}"));
        let outcome = played(&scenario);
        let plan = answer(&outcome, "adopted");
        prop_assert_eq!(&plan["changes"], &json!([]), "{}\n{}", file, plan["summary"]);
        prop_assert_eq!(&plan["held"], &json!(0), "{}\n{}", file, plan["summary"]);
        prop_assert_eq!(&plan["prunable"], &json!(0), "{}\n{}", file, plan["summary"]);
        prop_assert!(plan["same"].as_u64() > Some(5), "{}\n{}", file, plan["summary"]);
        Ok(())
    });
}

/// Every change of a scalable target takes three seconds, so that an invocation of half a minute makes a few of them.
const SLOW: &str = r#"
title: More than one invocation can do
duration: 20m
start: 2026-03-02T09:00:00Z
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      endpoints:
        ranker: {copies: 12, variants: {main: {instances: 2}}}
fleet:
  version: 1
  fleet: {reconcile: {apply: true}}
  endpoints:
    ranker-*: {scaling: [{variant: main, min: 2, max: 8, policies: [{name: steward-load, invocations_per_instance: 600}]}]}
faults:
  - {kind: slow, by: 3s, caller: fleet-reconciler, service: autoscaling, operation: RegisterScalableTarget}
functions: [{name: fleet-reconciler, every: 1h, timeout: 30s}]
commands:
  - {at: 19m, name: left, to: fleet-reconciler, command: plan}
expect:
  answers: [{to: left, json: {/changes: [], /held: 0}}]
  calls:
    - {operation: RegisterScalableTarget, by: fleet-reconciler, times: 12}
    - {operation: PutScalingPolicy, by: fleet-reconciler, times: 12}
  alerts:
    - {kind: capacity.applied, times: 1}
    - {kind: capacity.failed, times: 0}
"#;

#[test]
fn what_does_not_fit_into_one_invocation_is_gone_on_with_in_the_next_without_waiting_for_the_schedule() {
    let scenario = Scenario::parse(SLOW, "slow.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let outcome = played(&scenario);
    let broken: Vec<String> = outcome
        .checks
        .iter()
        .filter(|check| !check.holds)
        .map(|check| format!("{}: {}", check.expected, check.seen))
        .collect();
    assert_eq!(broken, Vec::<String>::new());
    let invocations: Vec<(&str, &Value)> = outcome
        .record
        .invocations
        .iter()
        .filter(|invoked| invoked.woken_by != "command")
        .map(|invoked| (invoked.woken_by.as_str(), &invoked.answer["summary"]))
        .collect();
    let asked = outcome
        .record
        .calls
        .iter()
        .filter(|call| call.operation == "Invoke")
        .count();
    assert!(asked >= 1, "{invocations:?}");
    assert_eq!(invocations.len(), asked + 1, "each goes on once: {invocations:?}");
    let first = invocations[0].1.as_str().unwrap_or_default();
    assert!(
        first.contains("the invocation's time is over, and another one goes on"),
        "{first}"
    );
    let done = outcome
        .record
        .calls
        .iter()
        .rfind(|call| call.operation == "PutScalingPolicy");
    let done = done.expect("a policy").at.duration_since(outcome.record.start);
    assert!(done.as_secs() < 120, "all is made within minutes: {done:#}");
}
