//! How rollouts of each endpoint go.

use std::time::Duration;

use shared::rollout::{
    policy::{Engine, RolloutPolicy},
    strategy::{OwnAnalysis, StrategyKind},
};

use super::meaning::{fleet, rollout, tags};

#[test]
fn rollouts_are_layered_like_health() {
    let fleet = fleet(
        "
version: 1
strategies:
  careful: { canary: { size: 2.5%, bake: 3h } }
defaults:
  rollout:
    strategy: careful
    alarms: [everything]
    analysis: { min_requests: 10, errors: { limit: 5%, alpha: 2% }, latency: [{ percentile: p99, limit: 1s }] }
    smoke: { passes: 5 }
endpoints:
  '*': { health: { probes: [{ name: p, payload: x }] }, rollout: { keep_blue: 2h } }
  fraud:
    rollout:
      alarms: []
      analysis: { errors: { limit: 1% }, latency: [{ percentile: p50, against_blue: true }], slow: { slower_than: 250ms } }
      smoke: true
  churn: { rollout: { analysis: false, smoke: { failures: 9 } } }
",
    );
    let fraud = rollout(&fleet, "fraud");
    assert_eq!(
        (fraud.strategy.name.as_str(), fraud.strategy.kind),
        ("careful", StrategyKind::Canary)
    );
    let weights: Vec<String> = fraud
        .strategy
        .steps
        .iter()
        .map(|step| step.weight.to_string())
        .collect();
    assert_eq!(weights, ["2.5%", "100%"]);
    assert_eq!(fraud.keep_blue, Duration::from_secs(2 * 3600));
    assert_eq!(
        fraud.deadline,
        Duration::from_secs((3 + 3 + 4) * 3600),
        "the bakes and four hours"
    );
    assert!(fraud.alarms.is_empty(), "a list is replaced as a whole");
    insta::assert_debug_snapshot!(fraud.analysis);
    assert_eq!(
        (fraud.smoke, fraud.smoke_passes),
        (true, 5),
        "`true` keeps what the defaults say"
    );

    let churn = rollout(&fleet, "churn");
    assert_eq!(churn.analysis, None);
    assert_eq!((churn.smoke_passes, churn.smoke_failures), (5, 9));
    assert_eq!(churn.alarms, ["everything"]);
    assert!(
        fleet
            .rollout_for("other", None)
            .is_some_and(|rules| rules.policy().is_ok())
    );
}

#[test]
fn what_is_switched_off_stays_off_until_it_is_switched_on() {
    let fleet = fleet(
        "
version: 1
defaults: { rollout: { analysis: { min_requests: 7, slow: { slower_than: 1s } } } }
endpoints:
  a*: { rollout: { analysis: false } }
  ab*: { rollout: { analysis: { min_requests: 9 } } }
  ac: { rollout: { analysis: { errors: false, slow: false, latency: [{ percentile: p90, limit: 1s }] } } }
",
    );
    assert_eq!(rollout(&fleet, "a").analysis, None);
    let again = rollout(&fleet, "ab").analysis.expect("on again");
    assert_eq!(
        (again.min_requests, again.slow),
        (9, None),
        "nothing of what was below `false` comes back"
    );
    let latency = rollout(&fleet, "ac").analysis.expect("on");
    assert!(latency.errors.is_none() && latency.slow.is_none() && latency.latency.len() == 1);
}

#[test]
fn green_is_probed_first_when_there_is_a_probe_it_can_answer() {
    let fleet = fleet(
        r#"
version: 1
endpoints:
  none: {}
  sync: { health: { probes: [{ name: p, payload: x }] } }
  later: { health: { probes: [{ name: p, payload: x, kind: async, input: "s3://bucket/" }] } }
  unwanted: { health: { probes: [{ name: p, payload: x }] }, rollout: { smoke: false } }
"#,
    );
    let probed = ["none", "sync", "later", "unwanted"].map(|name| rollout(&fleet, name).smoke);
    assert_eq!(probed, [false, true, false, false]);
}

#[test]
fn every_built_in_strategy_ends_with_all_traffic() {
    let weights = ["all-at-once", "canary-10", "linear-10", "steps-10-30-50-80-100"].map(|name| {
        let text = format!("version: 1\nendpoints: {{ a: {{ rollout: {{ strategy: {name} }} }} }}\n");
        let policy = rollout(&fleet(&text), "a");
        assert_eq!((policy.strategy.name.as_str(), policy.engine), (name, Engine::Variants));
        let steps = policy.strategy.steps.iter();
        steps
            .map(|step| format!("{} {}m", step.weight, step.bake.as_secs() / 60))
            .collect::<Vec<_>>()
            .join(", ")
    });
    assert_eq!(
        weights,
        [
            "100% 10m",
            "10% 10m, 100% 10m",
            "10% 10m, 20% 10m, 30% 10m, 40% 10m, 50% 10m, 60% 10m, 70% 10m, 80% 10m, 90% 10m, 100% 10m",
            "10% 30m, 30% 30m, 50% 30m, 80% 30m, 100% 30m",
        ]
    );
}

#[test]
fn a_linear_strategy_ends_with_what_is_left() {
    let fleet = fleet("version: 1\nendpoints: { a: { rollout: { strategy: { linear: { step: 30%, bake: 5m } } } } }\n");
    let strategy = rollout(&fleet, "a").strategy;
    let weights: Vec<String> = strategy.steps.iter().map(|step| step.weight.to_string()).collect();
    assert_eq!(
        (strategy.name.as_str(), weights.join(" ")),
        ("inline", "30% 60% 90% 100%".to_owned())
    );
}

#[test]
fn a_gate_has_its_time_in_the_deadline_and_never_more() {
    let steps = "[{ weight: 50%, bake: 1h, gate: true }, { weight: 100%, bake: 1h }]";
    let with = |more: &str| {
        let text =
            format!("version: 1\nendpoints: {{ a: {{ rollout: {{ strategy: {{ steps: {steps} }}{more} }} }} }}\n");
        let policy = rollout(&fleet(&text), "a");
        (policy.deadline.as_secs() / 3600, policy.gate_deadline.as_secs() / 3600)
    };
    assert_eq!(with(""), (24 + 2 + 4, 24));
    assert_eq!(with(", gate_deadline: 6h"), (6 + 2 + 4, 6));
    assert_eq!(with(", deadline: 5h"), (5, 5));
}

fn judged(policy: &RolloutPolicy) -> Vec<String> {
    let steps = 0..policy.strategy.steps.len();
    steps
        .map(|step| match policy.analysis_in(step) {
            None => "off".to_owned(),
            Some(analysis) => {
                let limit = analysis.errors.as_ref().and_then(|errors| errors.limit.as_ref());
                let limit = limit.map_or("none".to_owned(), |limit| limit.share.to_string());
                format!(
                    "{} requests, limit {limit}, {} latencies",
                    analysis.min_requests,
                    analysis.latency.len()
                )
            }
        })
        .collect()
}

#[test]
fn what_a_step_says_of_the_analysis_is_laid_over_what_the_endpoint_says() {
    let fleet = fleet(
        "
version: 1
strategies:
  own:
    steps:
      - { weight: 1%, bake: 30m, analysis: { min_requests: 20 }, alarms: [on-green, everything] }
      - { weight: 20%, bake: 30m, analysis: false }
      - { weight: 50%, bake: 30m }
      - { weight: 90%, bake: 30m, analysis: { latency: [{ percentile: p50, limit: 1s }] } }
      - { weight: 100%, bake: 30m, analysis: { errors: { limit: 2% } } }
defaults: { rollout: { strategy: own, alarms: [everything], analysis: { min_requests: 100, errors: { limit: 5% } } } }
endpoints:
  fraud: {}
  churn: { rollout: { analysis: { min_requests: 400 }, alarms: [] } }
  none: { rollout: { analysis: false } }
",
    );
    let fraud = rollout(&fleet, "fraud");
    assert_eq!(
        judged(&fraud),
        [
            "20 requests, limit 5%, 0 latencies",
            "off",
            "100 requests, limit 5%, 0 latencies",
            "100 requests, limit 5%, 1 latencies",
            "100 requests, limit 2%, 0 latencies",
        ]
    );
    let alarms: Vec<String> = (0..3).map(|step| fraud.alarms_in([step]).join(" ")).collect();
    assert_eq!(alarms, ["everything on-green", "everything", "everything"]);
    assert_eq!(fraud.every_alarm(), ["everything", "on-green"]);
    assert_eq!(
        judged(&rollout(&fleet, "churn")),
        [
            "20 requests, limit 5%, 0 latencies",
            "off",
            "400 requests, limit 5%, 0 latencies",
            "400 requests, limit 5%, 1 latencies",
            "400 requests, limit 2%, 0 latencies",
        ]
    );
    // Switched off for the endpoint, and on again in a step: nothing of what was switched off comes back.
    assert_eq!(
        judged(&rollout(&fleet, "none")),
        [
            "20 requests, limit none, 0 latencies",
            "off",
            "off",
            "50 requests, limit none, 1 latencies",
            "50 requests, limit 2%, 0 latencies",
        ]
    );
    assert_eq!(fraud.strategy.steps[1].analysis, Some(OwnAnalysis::Off));
    assert_eq!(fraud.strategy.steps[2].analysis, None);
}

#[test]
fn groups_by_tag_that_contradict_each_other_are_told_when_they_meet() {
    let fleet = fleet(
        "
version: 1
endpoints:
  native: { match: { tags: { engine: native } }, rollout: { engine: guardrails } }
  ladder: { match: { tags: { strategy: ladder } }, rollout: { strategy: steps-10-30-50-80-100 } }
",
    );
    let both = tags(&[("engine", "native"), ("strategy", "ladder")]);
    let wrong = fleet
        .rollout_for("a", Some(&both))
        .expect("selected")
        .policy()
        .expect_err("impossible");
    insta::assert_snapshot!(wrong[0].to_string(), @"`strategy`: the engine guardrails can do neither steps of your own nor gates; accepted: all_at_once, canary or linear, or `engine: variants`, which has no such limit.");
}
