//! The answers that `docs/rollouts.md` shows are those that the function gives.

use std::{env, fmt::Write as _, fs, path::Path};

use rehearsal::{record::Ending, scenario::Scenario};

use super::played;

/// Two rollouts of one endpoint, with every command once, and what a person meets when something stands in the way.
const SHOWN: &str = "
title: Every command once
start: 2026-07-01T09:00:00Z
duration: 3h35m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {fraud-v1: {latency: 60ms}, fraud-v2: {latency: 55ms}, fraud-v3: {latency: 55ms}, fraud-v4: {latency: 55ms, errors: 8%}}
      endpoints:
        fraud-detector:
          config: fraud-detector-1
          traffic: 30 rps
          variants: {blue: {model: fraud-v1, instances: 4, scaling: {min: 4, max: 10, target: 900}}}
        search: {config: search-1, traffic: 5 rps, variants: {blue: {model: fraud-v1, instances: 2}}}
      alarms:
        fraud-5xx: {metric: Invocation5XXErrors, endpoint: fraud-detector, variant: green, statistic: Sum, above: 50, missing: not_breaching}
        search-5xx: {metric: Invocation5XXErrors, endpoint: search, variant: blue, statistic: Sum, above: 50, missing: not_breaching}
  incidents:
    - {at: 1m, endpoint: search, behaves: {errors: 60%}}
fleet:
  version: 1
  endpoints:
    fraud-detector:
      health: {probes: [{name: golden, payload: {amount: 12}}]}
      rollout:
        strategy: {steps: [{weight: 5%, bake: 15m, smoke: true}, {weight: 50%, bake: 10m, gate: true}, {weight: 100%, bake: 10m}]}
        alarms: [fraud-5xx]
        keep_blue: 10m
    search: {rollout: {alarms: [search-5xx]}}
functions:
  - {name: health-checker}
  - {name: traffic-shifter, on: [endpoint-state-change, alarm-state-change]}
commands:
  - {at: 5m, name: plan, to: traffic-shifter, command: start, args: {endpoint: fraud-detector, model: fraud-v2, dry_run: true}}
  - {at: 5m, name: problems, to: traffic-shifter, command: start, args: {endpoint: search, model: fraud-v22, dry_run: true}}
  - {at: 6m, name: start, to: traffic-shifter, command: start, args: {endpoint: fraud-detector, model: fraud-v2, by: ana, reason: retrained}}
  - {at: 20m, name: status, to: traffic-shifter, command: status, args: {endpoint: fraud-detector}}
  - {at: 21m, name: pause, to: traffic-shifter, command: pause, args: {endpoint: fraud-detector, by: ana, reason: looking at the logs}}
  - {at: 22m, name: refused, to: traffic-shifter, command: promote, args: {endpoint: fraud-detector, by: bob}}
  - {at: 23m, name: resume, to: traffic-shifter, command: resume, args: {endpoint: fraud-detector, by: ana}}
  - {at: 24m, name: skip, to: traffic-shifter, command: skip, args: {endpoint: fraud-detector, by: ana, reason: seen enough}}
  - {at: 55m, name: gate, to: traffic-shifter, command: status, args: {endpoint: fraud-detector}}
  - {at: 56m, name: promote, to: traffic-shifter, command: promote, args: {endpoint: fraud-detector, by: ana, reason: accuracy is right}}
  - {at: 1h45m, name: completed, to: traffic-shifter, command: status, args: {endpoint: fraud-detector}}
  - {at: 1h46m, name: rollback, to: traffic-shifter, command: rollback, args: {endpoint: fraud-detector, by: ana, reason: customers complain}}
  - {at: 2h15m, name: second, to: traffic-shifter, command: start, args: {endpoint: fraud-detector, model: fraud-v3, by: ana, reason: retrained again}}
  - {at: 2h32m, name: abort, to: traffic-shifter, command: abort, args: {endpoint: fraud-detector, by: ana, reason: wrong model}}
  - {at: 2h32m30s, name: back, to: traffic-shifter, command: status, args: {endpoint: fraud-detector}}
  - {at: 2h50m, name: bad, to: traffic-shifter, command: start, args: {endpoint: fraud-detector, model: fraud-v4, by: ana, reason: a deeper net}}
  - {at: 2h45m, name: history, to: traffic-shifter, command: history, args: {endpoint: fraud-detector}}
  - {at: 3h30m, name: retry, to: traffic-shifter, command: retry, args: {endpoint: fraud-detector, by: ana, reason: the quota was raised}}
  - {at: 3h31m, name: all, to: traffic-shifter, command: status}
";

const FENCE: &str = "```text answer=";

#[test]
fn every_answer_of_the_documentation_is_the_one_that_is_given() {
    let scenario = Scenario::parse(SHOWN, "answers.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let outcome = played(&scenario);
    let summary = |name: &str| {
        let answers = &outcome.record.answers;
        let answer = answers.iter().find(|answer| answer.name == name);
        let answer = answer.unwrap_or_else(|| panic!("no command named {name} was sent"));
        assert_eq!(answer.ending, Ending::Ok, "{name}: {:?}", answer.answer);
        answer.answer["summary"]
            .as_str()
            .expect("a summary")
            .trim_end()
            .to_owned()
    };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rollouts.md");
    let text = fs::read_to_string(&page).expect("docs/rollouts.md");
    let mut current = String::new();
    let mut rest = text.as_str();
    let mut shown = 0;
    while let Some((before, block)) = rest.split_once(FENCE) {
        let (name, block) = block.split_once('\n').expect("a name");
        let (_, after) = block.split_once("```").expect("a block that ends");
        write!(current, "{before}{FENCE}{name}\n{}\n```", summary(name)).expect("text");
        rest = after;
        shown += 1;
    }
    current.push_str(rest);
    assert!(shown >= 10, "only {shown} answers are shown");
    if env::var_os("UPDATE").is_some() {
        fs::write(page, current).expect("docs/rollouts.md");
        return;
    }
    assert!(
        text == current,
        "docs/rollouts.md shows other answers than are given; write them with\n\
         UPDATE=1 cargo test -p rehearsal --test scenarios answer_of_the_documentation"
    );
}
