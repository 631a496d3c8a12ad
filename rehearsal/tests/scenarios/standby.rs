//! What is exported in the Region of the backups, of endpoints that were restored there, means just what is there.

use rehearsal::{play::Outcome, record::Ending, scenario::Scenario};
use serde_json::{Value, json};

use super::played;

/// Five endpoints of every kind are restored, and the reconciler makes there what the fleet file declares.
const WORLD: &str = r#"
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      images: [scorer:1]
      models:
        m1: {image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/scorer:1", artifact: "s3://models/scorer.tar.gz", latency: 5s}
      endpoints:
        reader:
          async: {output: "s3://answers/reader/"}
          variants: {main: {instances: 1, model: m1, scaling: {min: 0, max: 4, target: 50}}}
        ranker:
          variants: {main: {instances: 3, model: m1, scaling: {min: 2, max: 12, target: 600, schedules: {morning: {schedule: "cron(30 6 ? * * *)", min: 3, max: 12}, night: {schedule: "cron(0 20 ? * * *)", min: 1, max: 2}}}}}
        fraud: {variants: {main: {instances: 2, model: m1}}}
        chat:
          variants: {main: {instances: 2}}
          components: {llm: {copies: 1, model: m1, scaling: {min: 0, max: 4}}, sum: {copies: 2, model: m1, scaling: {min: 1, max: 4}}}
        two: {variants: {a: {instances: 2, model: m1}, b: {instances: 1, model: m1, scaling: {min: 1, max: 3, target: 100}}}}
    eu-central-1:
      topics: [steward-alerts]
      images: [scorer:1]
  incidents:
    - {at: 35m, region: eu-west-1, dark: true}
buckets:
  models: {region: eu-west-1, objects: {scorer.tar.gz: 1 GB}}
  models-dr: eu-central-1
  answers: {region: eu-west-1, versions: false}
  answers-eu: {region: eu-central-1, versions: false}
fleet:
  version: 1
  fleet: {reconcile: {apply: true}}
  defaults:
    backup: {destination: {region: eu-central-1, bucket: models-dr}, buckets: {answers: answers-eu}}
  endpoints:
    reader: {wake: {enabled: true}, scaling: [{variant: main, min: 0, max: 4, policies: [{name: steward-backlog, backlog_per_instance: 50}]}]}
    ranker:
      scaling: [{variant: main, min: 2, max: 12, policies: [{name: steward-load, invocations_per_instance: 600}, {name: steward-step, step: {alarm: "steward-ranker-busy", steps: [{by: 2}]}}]}]
      schedule: [{name: steward-noon, cron: "0 12 ? * * *", variant: main, min: 4}]
      alarms:
        - {name: "steward-<endpoint>-errors", variant: main, errors: 5%, datapoints: 3, of: 5}
        - {name: steward-ranker-busy, variant: main, latency: 500ms}
    fraud:
      scaling: [{variant: main, min: 2, max: 6, policies: [{name: steward-load, invocations_per_instance: 600}]}]
      alarms: [{name: "steward-<endpoint>-errors", variant: main, errors: 5%, datapoints: 3, of: 5, purpose: rollback}]
    chat: {wake: {enabled: true, components: [llm]}, alarms: [{name: steward-llm, component: llm, no_capacity: true, purpose: wake}]}
    two: {}
functions:
  - {name: cross-region-backup, region: eu-west-1, every: 5m, timeout: 15m}
  - {name: cross-region-backup-dr, handler: cross-region-backup, region: eu-central-1, every: 1m, timeout: 15m}
  - {name: fleet-reconciler-dr, handler: fleet-reconciler, region: eu-central-1, every: 1h, timeout: 5m}
commands:
  - {at: 1h, name: r1, to: cross-region-backup-dr, command: restore, args: {endpoint: reader, by: ana}}
  - {at: 1h, name: r2, to: cross-region-backup-dr, command: restore, args: {endpoint: ranker, by: ana}}
  - {at: 1h, name: r3, to: cross-region-backup-dr, command: restore, args: {endpoint: fraud, by: ana}}
  - {at: 1h, name: r4, to: cross-region-backup-dr, command: restore, args: {endpoint: chat, by: ana}}
  - {at: 1h, name: r5, to: cross-region-backup-dr, command: restore, args: {endpoint: two, by: ana}}
  - {at: 3h10m, name: plan0, to: fleet-reconciler-dr, command: plan}
  - {at: 3h11m, name: export, to: fleet-reconciler-dr, command: export}
"#;

fn parsed(more: &str) -> Scenario {
    let text = format!(
        "title: An export of what was restored\nduration: 5h\nstart: 2026-03-02T05:00:00Z\n{WORLD}{more}expect:\n  \
         invocations: [{{ends: failed, at_least: 0}}]\n  dead_letters: {{at_least: 0}}\n"
    );
    Scenario::parse(&text, "standby.yaml").unwrap_or_else(|problems| panic!("{problems}\n\n{text}"))
}

fn answer<'a>(outcome: &'a Outcome, name: &str) -> &'a Value {
    let mut answers = outcome.record.answers.iter();
    let answered = answers
        .find(|answer| answer.name == name)
        .expect("the command's answer");
    assert_eq!(answered.ending, Ending::Ok, "{name}: {}", answered.answer);
    &answered.answer
}

#[test]
fn a_plan_of_what_was_exported_of_restored_endpoints_changes_nothing_and_names_what_is_left() {
    let outcome = played(&parsed(""));
    let exported = answer(&outcome, "export");
    let file = exported["fleet_file"].as_str().expect("a file");
    // In force in that Region in place of the copy that was there.
    let lines = file.lines().map(|line| format!("      {line}\n"));
    let more = format!(
        "  - {{at: 3h30m, name: adopted, to: fleet-reconciler-dr, command: plan}}\n  - {{at: 4h30m, name: later, to: \
         fleet-reconciler-dr, command: plan}}\n  - {{at: 4h31m, name: drift, to: fleet-reconciler-dr, command: drift}}\n\
         fleet_changes:\n  - at: 3h20m\n    region: eu-central-1\n    fleet:\n{}",
        lines.collect::<String>()
    );
    let outcome = played(&parsed(&more));
    for name in ["adopted", "later"] {
        let plan = answer(&outcome, name);
        let said = plan["summary"].as_str().expect("a summary");
        assert_eq!(
            (&plan["changes"], &plan["held"]),
            (&json!([]), &json!(0)),
            "{file}\n{said}"
        );
        // `wake`, which no export can say, declared its target; the file names both.
        let left: Vec<&str> = said.lines().filter(|line| line.starts_with("left")).collect();
        let backlog =
            "left     scaling policy steward-backlog of variant main of reader: Steward's own, and no longer declared";
        assert_eq!(left, [backlog], "{file}");
    }
    let left_out = exported["left_out"].as_array().expect("a list");
    for of in [
        "endpoint reader: `wake`",
        "endpoint reader: `backup`",
        "endpoint fraud: `backup`",
        "endpoint chat: `wake`",
        "scalable target variant main of reader, and what hangs on it",
    ] {
        let named = |line: &Value| line.as_str().is_some_and(|line| line.starts_with(of));
        assert!(left_out.iter().any(named), "{of}: {left_out:#?}");
    }
    let drift = answer(&outcome, "drift");
    assert_eq!(drift["drifted"], json!([]), "{}", drift["summary"]);
}
