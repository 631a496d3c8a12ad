//! What holds of declared capacity for any fleet file: a plan after it was applied is empty, and so is one after an export.
//! And an apply that does not fit into one invocation.

use proptest::{
    prelude::any,
    prop_assert, prop_assert_eq,
    test_runner::{Config, TestCaseResult, TestRunner},
};
use rehearsal::{play::Outcome, record::Ending, scenario::Scenario};
use serde_json::{Value, json};

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
"#;

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

/// Each policy at most once, with cooldowns or without.
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
        if *field == "cpu" {
            policy["cores"] = json!(4);
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

/// A fleet file that declares some of everything.
fn fleet(seed: u64) -> Value {
    let dice = &mut Dice(seed);
    let (mut endpoints, per_minute, milliseconds) = (json!({}), 100 + dice.roll(2000), 50 + dice.roll(900));
    for name in ["ranker", "search"] {
        let step = json!({ "alarm": format!("steward-{name}-slow"), "steps": [{ "from": 0, "to": 1000, "by": 1 }, { "from": 1000, "by": 2 }] });
        let of = [
            ("invocations_per_instance", json!(per_minute)),
            ("latency", json!(format!("{milliseconds}ms"))),
            ("cpu", json!("70%")),
            ("step", step),
        ];
        let policies = policies(dice, &of);
        let (min, mut entry) = (1 + dice.roll(3), json!({}));
        entry["scaling"] = json!([target(dice, "variant", "main", min, policies)]);
        entry["alarms"] = json!([
            { "name": format!("steward-{name}-slow"), "variant": "main", "latency": "1s", "percentile": "p99" },
            { "name": format!("steward-{name}-errors"), "variant": "main", "errors": "5%", "datapoints": 1 + dice.roll(3), "of": 5 },
        ]);
        if dice.often() {
            entry["schedule"] = json!([
                { "name": "steward-morning", "cron": format!("{} 8 ? * MON-FRI *", dice.roll(60)), "zone": "Europe/Berlin", "min": min + 1 },
                { "name": "steward-often", "rate": "12 hours", "min": min },
            ]);
        }
        endpoints[name] = entry;
    }
    let backlog = policies(dice, &[("backlog_per_instance", json!(5)), ("latency", json!("2s"))]);
    let first = json!({ "name": "steward-first", "from_zero": { "instances": 1 + dice.roll(3) } });
    endpoints["images"] = json!({ "scaling": [target(dice, "variant", "main", 0, [backlog, vec![first]].concat())] });
    let busy = policies(
        dice,
        &[("latency", json!("300ms")), ("invocations_per_instance", json!(60))],
    );
    endpoints["chat"] = json!({ "scaling": [target(dice, "component", "llm", 1, busy)] });
    json!({ "version": 1, "fleet": { "reconcile": { "apply": true } }, "endpoints": endpoints })
}

fn parsed(fleet: &Value, commands: &str) -> Scenario {
    let text = format!(
        "title: Any fleet file\nduration: 80m\nstart: 2026-03-02T09:00:00Z\n{WORLD}fleet: {fleet}\nfunctions: [{{name: \
         fleet-reconciler, every: 1h, timeout: 5m}}]\ncommands:\n{commands}expect: {{alert_ids: stable}}\n"
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

/// Every case is a whole play, so there are four, whatever `PROPTEST_CASES` says.
fn of_any(check: impl Fn(u64) -> TestCaseResult) {
    let few = Config {
        cases: 4,
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
        let other = json!({ "others": { "region": "eu-west-1", "objects": { "fleet.yaml": { "content_type": "application/yaml", "text": file } } } });
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
