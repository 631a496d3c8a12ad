//! Which endpoints are selected, and what each of them gets.

use std::{collections::BTreeMap, time::Duration};

use shared::{
    fleet::{Fleet, Unmade},
    health::policy::{Condition, HealthPolicy, JsonTest, ProbeKind, Rung},
    rollout::policy::RolloutPolicy,
};

pub(super) fn fleet(text: &str) -> Fleet {
    match Fleet::parse(text, "fleet.yaml") {
        Ok(fleet) => fleet,
        Err(errors) => panic!("{errors}"),
    }
}

pub(super) fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn health(fleet: &Fleet, name: &str) -> HealthPolicy {
    fleet.health_for(name, None).expect("selected")
}

pub(super) fn rollout(fleet: &Fleet, name: &str) -> RolloutPolicy {
    let rules = fleet.rollout_for(name, None).expect("selected");
    rules.policy().expect("right")
}

#[test]
fn the_example_means_what_it_says() {
    let fleet = fleet(include_str!("../../../examples/fleet.yaml"));
    assert_eq!(fleet.named(), ["fraud", "thumbnails", "transcriber", "llm"]);
    assert!(fleet.selects_by_tags_of("exp-1-draft") && fleet.selects_by_pattern());
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
    assert!(!fleet.selects_by_tags_of("a-1"));
}

#[test]
fn tags_are_asked_only_of_endpoints_that_the_names_of_a_group_leave_in() {
    let group = |select: &str| {
        fleet(&format!(
            "version: 1\nendpoints: {{ risk: {{ match: {select} }}, fraud-c: {{}} }}\n"
        ))
    };
    let both = group("{ names: [\"fraud-*\"], tags: { team: risk } }");
    assert!(both.selects_by_tags_of("fraud-a") && both.selects_by_tags_of("fraud-c"));
    assert!(!both.selects_by_tags_of("zzz"));
    assert!(group("{ tags: { team: risk } }").selects_by_tags_of("zzz"));
    assert!(!group("{ names: [\"fraud-*\"] }").selects_by_tags_of("fraud-a"));
}

#[test]
fn a_file_of_names_needs_neither_listing_nor_tags() {
    let fleet = fleet("version: 1\nendpoints: { b: {}, a: {} }\n");
    assert_eq!(fleet.named(), ["b", "a"]);
    assert!(!fleet.selects_by_tags_of("a") && !fleet.selects_by_pattern());
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

#[test]
fn what_a_restore_or_a_plan_makes_need_not_be_there_yet() {
    let fleet = fleet(
        "
version: 1
defaults: { backup: { destination: { region: eu-central-1, bucket: models-dr } } }
endpoints:
  '*': {}
  fraud:
  search: { backup: { enabled: false } }
  made: { provision: { model: { image: '1.dkr.ecr.eu-west-1.amazonaws.com/a:1', role: 'arn:aws:iam::111122223333:role/a' }, instance_type: ml.m5.xlarge } }
  unmade: { provision: { enabled: false, model: { image: '1.dkr.ecr.eu-west-1.amazonaws.com/a:1' } } }
",
    );
    let all = |region: &str| ["fraud", "search", "made", "unmade", "other"].map(|name| fleet.unmade(name, region));
    assert_eq!(all("eu-west-1"), [None, None, Some(Unmade::Declared), None, None]);
    let stands_by = Some(Unmade::StandsBy);
    assert_eq!(all("eu-central-1"), [stands_by, stands_by, stands_by, stands_by, None]);
}
