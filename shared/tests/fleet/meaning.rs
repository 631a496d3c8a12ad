//! Which endpoints are selected, and what each of them gets.

use std::{collections::BTreeMap, time::Duration};

use shared::{
    fleet::Fleet,
    health::policy::{Condition, HealthPolicy, JsonTest, ProbeKind, Rung},
    rollout::{
        policy::{Engine, RolloutPolicy},
        strategy::StrategyKind,
    },
};

fn fleet(text: &str) -> Fleet {
    match Fleet::parse(text, "fleet.yaml") {
        Ok(fleet) => fleet,
        Err(errors) => panic!("{errors}"),
    }
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn health(fleet: &Fleet, name: &str) -> HealthPolicy {
    fleet.health_for(name, None).expect("selected")
}

fn rollout(fleet: &Fleet, name: &str) -> RolloutPolicy {
    let rules = fleet.rollout_for(name, None).expect("selected");
    rules.policy().expect("right")
}

#[test]
fn the_example_means_what_it_says() {
    let fleet = fleet(include_str!("../../../examples/fleet.yaml"));
    assert_eq!(fleet.named(), ["fraud", "thumbnails", "transcriber", "llm"]);
    assert!(fleet.selects_by_tag() && fleet.selects_by_pattern());
    insta::assert_debug_snapshot!((
        fleet.health_for("fraud", None),
        fleet.health_for("transcriber", None),
        fleet.health_for(
            "exp-1-draft",
            Some(&tags(&[("environment", "staging"), ("owner", "me")]))
        ),
        fleet.fleet_health(),
        rollout(&fleet, "fraud"),
        rollout(&fleet, "llm"),
        rollout(&fleet, "search-ranker"),
    ));
}

#[test]
fn a_bare_entry_gets_every_default() {
    let fleet = fleet("version: 1\nendpoints:\n  fraud:\n");
    insta::assert_debug_snapshot!((health(&fleet, "fraud"), rollout(&fleet, "fraud"), fleet.fleet_health()));
}

#[test]
fn an_endpoint_that_nothing_selects_has_no_policy() {
    let fleet = fleet("version: 1\ndefaults: { health: { metrics: true } }\nendpoints: { fraud: {}, 'a-*': {} }\n");
    assert!(fleet.health_for("fraud-2", None).is_none());
    assert!(fleet.health_for("a-1", None).is_some());
    assert!(!fleet.selects_by_tag());
}

#[test]
fn a_file_of_names_needs_neither_listing_nor_tags() {
    let fleet = fleet("version: 1\nendpoints: { b: {}, a: {} }\n");
    assert_eq!(fleet.named(), ["b", "a"]);
    assert!(!fleet.selects_by_tag() && !fleet.selects_by_pattern());
}

#[test]
fn an_empty_fleet_is_a_fleet() {
    let fleet = fleet("version: 1\nendpoints: {}\n");
    assert!(fleet.named().is_empty() && fleet.health_for("fraud", None).is_none());
}

#[test]
fn per_field_the_name_beats_the_globs_which_beat_the_defaults() {
    let fleet = fleet(
        "
version: 1
defaults: { health: { failure_threshold: 9, success_threshold: 9, stuck: { creating: 9h, updating: 9h } } }
endpoints:
  fraud: { health: { failure_threshold: 1 } }
  fr*: { health: { failure_threshold: 2, success_threshold: 2, stuck: { updating: 2h } } }
  '*': { health: { failure_threshold: 3, stuck: { updating: 3h }, metrics: true } }
",
    );
    let fraud = health(&fleet, "fraud");
    assert_eq!(
        (fraud.failure_threshold, fraud.success_threshold, fraud.metrics),
        (1, 2, true)
    );
    assert_eq!(fraud.stuck_creating, Duration::from_secs(9 * 3600));
    assert_eq!(
        fraud.stuck_updating,
        Duration::from_secs(3 * 3600),
        "of two globs the later one holds"
    );
    assert_eq!(health(&fleet, "churn").success_threshold, 9);
}

#[test]
fn lists_are_replaced_as_a_whole() {
    let fleet = fleet(
        "
version: 1
endpoints:
  '*':
    health:
      probes: [{ name: a, payload: x }, { name: b, payload: x }]
      recovery: { rungs: [shift-away, redeploy], cooldown: 1h }
  fraud: { health: { probes: [{ name: c, payload: x }], recovery: { rungs: [recreate] } } }
  churn: { health: { probes: [], reminder: never } }
",
    );
    let fraud = health(&fleet, "fraud");
    assert_eq!(
        fraud.probes.iter().map(|probe| probe.name.as_str()).collect::<Vec<_>>(),
        ["c"]
    );
    assert_eq!(fraud.recovery.rungs, [Rung::Recreate]);
    assert_eq!(
        fraud.recovery.cooldown,
        Duration::from_secs(3600),
        "what is no list is merged"
    );
    assert!(health(&fleet, "churn").probes.is_empty());
}

#[test]
fn never_takes_a_reminder_back() {
    let fleet = fleet(
        "version: 1\ndefaults: { health: { reminder: 4h } }\nendpoints: { a: {}, b: { health: { reminder: never } } }\n",
    );
    assert_eq!(health(&fleet, "a").reminder, Some(Duration::from_secs(4 * 3600)));
    assert_eq!(health(&fleet, "b").reminder, None);
}

#[test]
fn a_group_selects_by_every_tag_and_by_any_name() {
    let fleet = fleet(
        "
version: 1
endpoints:
  search team:
    match: { tags: { team: search, tier: '*' } }
  drafts:
    match: { names: ['exp-*', '*-draft'], tags: { owner: '*' } }
  named:
    match: { names: [plain] }
",
    );
    let selected = |name: &str, given: &[(&str, &str)]| fleet.health_for(name, Some(&tags(given))).is_some();
    assert!(selected("x", &[("team", "search"), ("tier", "1")]));
    assert!(!selected("x", &[("team", "search")]));
    assert!(!selected("x", &[("team", "ads"), ("tier", "1")]));
    assert!(selected("exp-1", &[("owner", "")]));
    assert!(!selected("exp-1", &[]));
    assert!(!selected("other", &[("owner", "me")]));
    assert!(selected("plain", &[]));
    assert!(
        fleet.health_for("x", None).is_none(),
        "tags that nobody fetched select nothing"
    );
    assert!(fleet.named().is_empty(), "a label and a name in `match` need not exist");
}

#[test]
fn payloads_and_expectations_are_taken_as_they_are() {
    let fleet = fleet(
        r#"
version: 1
endpoints:
  a:
    health:
      probes:
        - { name: text, payload: "1,2", content_type: text/csv }
        - { name: json, payload: { z: [1, 2.5, null, true, "x"], a: -1 } }
        - { name: number, payload: 5 }
        - name: expectations
          payload: ""
          expect:
            json:
              - { pointer: "", equals: null }
              - { pointer: /a~1b, equals: { x: [1] } }
              - { pointer: /v, near: [[1, 2], [3, 4.5]], tolerance: 0 }
              - { pointer: /n, at_least: -1, at_most: 1e3, exists: true }
        - { name: later, kind: async, payload: x, input: "s3://abc/" }
"#,
    );
    let probes = health(&fleet, "a").probes;
    let payloads: Vec<&str> = probes.iter().map(|probe| probe.payload.as_str()).collect();
    assert_eq!(payloads, ["1,2", r#"{"z":[1,2.5,null,true,"x"],"a":-1}"#, "5", "", "x"]);
    assert_eq!(
        probes[4].kind,
        ProbeKind::Async {
            input: "s3://abc/".into(),
            within: Duration::from_secs(900)
        }
    );
    let json = |pointer: &str, is: JsonTest| Condition::Json {
        pointer: pointer.into(),
        is,
    };
    assert_eq!(
        probes[3].conditions,
        [
            json("", JsonTest::Equals(serde_json::Value::Null)),
            json("/a~1b", JsonTest::Equals(serde_json::json!({ "x": [1] }))),
            json(
                "/v",
                JsonTest::Near {
                    value: serde_json::json!([[1, 2], [3, 4.5]]),
                    tolerance: 0.0
                }
            ),
            json("/n", JsonTest::Exists),
            json("/n", JsonTest::AtLeast(-1.0)),
            json("/n", JsonTest::AtMost(1000.0)),
        ]
    );
}

#[test]
fn windows_keep_their_zone_and_their_name() {
    let fleet = fleet(
        "
version: 1
endpoints:
  a:
    health:
      maintenance:
        - { name: nightly, days: [Monday, fri], from: '23:00', to: '01:00', zone: America/New_York }
        - { from: '00:00', to: '24:00' }
        - { name: move, from: 2026-03-01T18:00:00+01:00, until: 2026-03-02T06:00:00Z }
",
    );
    let windows: Vec<String> = health(&fleet, "a")
        .maintenance
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        windows,
        [
            "nightly (mon fri 23:00-01:00 America/New_York)",
            "daily 00:00-24:00 UTC",
            "move (2026-03-01T17:00:00Z to 2026-03-02T06:00:00Z)",
        ]
    );
}

#[test]
fn aliases_save_repetition() {
    let fleet =
        fleet("version: 1\nendpoints:\n  a: &quiet { health: { metrics: true, failure_threshold: 7 } }\n  b: *quiet\n");
    assert_eq!(health(&fleet, "b"), health(&fleet, "a"));
    assert_eq!(health(&fleet, "b").failure_threshold, 7);
}

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

#[test]
fn the_share_of_failures_grows_with_the_threshold_and_can_be_turned_off() {
    let fleet = fleet(
        "version: 1
defaults: { health: { failure_share: { share: 50% } } }
endpoints:
  usual: {}
  patient: { health: { failure_threshold: 8 } }
  most-patient: { health: { failure_threshold: 100 } }
  own: { health: { failure_share: { checks: 20 } } }
  never: { health: { failure_share: { checks: 0 } } }
",
    );
    let enough = |name| {
        let health = health(&fleet, name);
        (
            health.failure_share.checks,
            health.failure_share.enough(health.failure_threshold),
        )
    };
    assert_eq!(enough("usual"), (10, Some(5)));
    assert_eq!(enough("patient"), (24, Some(12)));
    assert_eq!(enough("most-patient"), (100, Some(100)));
    assert_eq!(enough("own"), (20, Some(10)));
    assert_eq!(enough("never"), (0, None));
}
