//! What people read when their file is wrong.

use proptest::prelude::*;
use shared::fleet::Fleet;

fn told(text: &str) -> String {
    match Fleet::parse(text, "fleet.yaml") {
        Ok(_) => panic!("nothing was found wrong in:\n{text}"),
        Err(errors) => errors.to_string(),
    }
}

/// Probes of one endpoint.
fn probes(lines: &str) -> String {
    format!("version: 1\nendpoints:\n  fraud:\n    health:\n      probes:\n{lines}")
}

#[test]
fn a_file_full_of_mistakes_is_told_all_of_them() {
    insta::assert_snapshot!(told(include_str!("full-of-mistakes.yaml")));
}

#[test]
fn probes_whose_settings_contradict_each_other_are_refused() {
    insta::assert_snapshot!(told(&probes(
        r#"
        - { name: no-input, kind: async, payload: x }
        - { name: async-extras, kind: async, payload: x, input: "s3://abc/", per_variant: true, degraded_after: 1s,
            component: c, expect: { status: 200, latency_below: 1s } }
        - { name: no-component, kind: inference-component, payload: x, per_variant: true }
        - { name: not-async, payload: x, input: "s3://abc/", within: 5m, component: c }
        - { name: never-slow, payload: x, degraded_after: 10s }
        - { name: never-late, payload: x, timeout: 2s, expect: { latency_below: 3s } }
        - { name: late-before-slow, payload: x, degraded_after: 2s, expect: { latency_below: 1s } }
        - { name: twice, payload: x }
        - { name: twice, payload: x }
        - name: json
          payload: x
          expect:
            json:
              - { pointer: score, exists: true }
              - { pointer: /a~2, exists: true }
              - { pointer: /b }
              - { pointer: /c, exists: false }
              - { pointer: /d, near: 1 }
              - { pointer: /e, near: high, tolerance: 1 }
              - { pointer: /f, near: [1, x], tolerance: 1 }
              - { pointer: /g, near: 1, tolerance: -1 }
              - { pointer: /h, tolerance: 1 }
              - { pointer: /i, at_least: 2, at_most: 1 }
              - { pointer: /j, at_least: .nan }
              - { pointer: /k, equals: [.inf] }
"#
    )));
}

#[test]
fn windows_that_never_open_are_refused() {
    insta::assert_snapshot!(told(
        r#"
version: 1
defaults:
  health:
    maintenance:
      - { from: "02:00", to: "02:00" }
      - { from: "02:00" }
      - { from: 2, to: 4am, days: [sun, someday] }
      - { from: "2am", to: "24:30", days: [], zone: Berlin }
      - { from: "24:00", to: "01:00", zone: Europe/Berlyn }
      - { from: 2026-03-02T00:00:00Z, until: 2026-03-01T00:00:00Z }
      - { from: "24:00", to: "01:00" }
      - { from: "02:00", to: "03:00", days: [] }
      - { from: "02:00", until: 2026-03-01T00:00:00Z }
      - { from: 2026-03-01T00:00:00Z, to: "04:00" }
      - { from: 2026-03-01T00:00:00Z, until: 2026-03-01T01:00:00Z, zone: UTC, days: [mon], to: "01:00" }
      - { from: 2026-03-01, until: 2026-03-01T10:00:00, zone: UTC }
endpoints: {}
"#
    ));
}

#[test]
fn sections_of_a_later_version_are_refused_by_name() {
    insta::assert_snapshot!(told(
        "version: 2\nendpoints:\n  fraud:\n    backup: { to: eu-west-1 }\n    helth: {}\nlambdas: {}\ndefault: {}\n"
    ));
}

#[test]
fn strategies_that_lead_nowhere_are_refused() {
    insta::assert_snapshot!(told(
        r#"
version: 1
strategies:
  canary-10: { canary: { size: 5%, bake: 10m } }
  inline: { all_at_once: { bake: 10m } }
  two words: { all_at_once: { bake: 10m } }
  none: {}
  word: canary
  both: { canary: { size: 5%, bake: 10m }, linear: { step: 10%, bake: 10m } }
  no-bake: { canary: { size: 10% }, linear: }
  quick: { canary: { size: 0%, bake: 0s } }
  everything: { canary: { size: 100%, bake: 31d } }
  fine: { canary: { size: 0.001%, bake: 10 } }
  endless: { linear: { step: 0.5%, bake: 1m } }
  coarse: { linear: { step: 60%, bake: 1m } }
  empty: { steps: [] }
  backwards: { steps: [{ weight: 30%, bake: 5m }, { weight: 20%, bake: 5m }, { weight: 20%, bake: 5m }] }
  short: { steps: [{ weight: 10%, bake: 5m }, { weight: 99.99%, bake: 5m, gates: true }] }
  unfinished: { steps: [{ weight: 10%, bake: 5m }, { weight: 50%, bake: 5m, gate: yes }] }
  left-over: { steps: [{ weight: 10%, bake: 5m }, { weight: 50%, bake: 5m }] }
endpoints: {}
"#
    ));
}

#[test]
fn rollouts_are_refused_field_by_field() {
    insta::assert_snapshot!(told(
        r#"
version: 1
endpoints:
  fraud:
    rollout:
      engine: variant
      strategy: [canary]
      alarms: [ok, ok, "", "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a", 5]
      smoke: twice
      keep_blue: 8d
      rollback_window: -1
      deadline: 5m
      phase_deadline: 1m
      gate_deadline: 1
      on_deadline: hold
      metrics_delay: 1h
      headroom: 0.001%
      batch: 5.5%
      analysis:
        min_requests: 0
        errors: { counted: [6xx], limit: 1, against_blue: 0.9, alpha: 0%, dry_run: maybe, bad_minutes: 3 }
        latency: [p99, { limit: 1s }, { percentile: p100, limit: 0s }, { percentile: p50, against_blue: yes }]
        slow: { slower_than: 0s, limit: 101%, alpha: 25% }
        throughput: {}
"#
    ));
}

#[test]
fn rollouts_that_contradict_themselves_are_refused() {
    insta::assert_snapshot!(told(
        r#"
version: 1
strategies:
  ladder: { steps: [{ weight: 10%, bake: 2h, gate: true, smoke: true }, { weight: 100%, bake: 1h }] }
defaults:
  rollout: { alarms: [errors], strategy: canary-01 }
endpoints:
  unknown: { rollout: { strategy: lader } }
  late: { rollout: { strategy: canary-10, deadline: 20m } }
  no-probe: { rollout: { strategy: canary-10, smoke: true } }
  no-step-probe: { rollout: { strategy: ladder } }
  checks-nothing:
    rollout:
      strategy: canary-10
      analysis:
        errors: { against_blue: false, bad_minutes: {} }
        latency: [{ percentile: p99 }, { percentile: p90, limit: 1s, alpha: 2% }, { percentile: p50, bad_minutes: {}, against_blue: true }]
        slow: true
  no-error: { rollout: { strategy: canary-10, analysis: { errors: { counted: [], limit: 100% } } } }
"#
    ));
}

#[test]
fn what_is_wrong_with_the_alarms_and_the_analysis_of_a_step_is_refused_where_it_is() {
    insta::assert_snapshot!(told(
        r#"
version: 1
strategies:
  values:
    steps:
      - { weight: 10%, bake: 5m, alarms: errors, analysis: often }
      - { weight: 20%, bake: 5m, alarms: [a, a, "", "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a"] }
      - { weight: 30%, bake: 5m, analysis: { min_requests: 0, errors: { limit: 1 }, throughput: {} } }
      - { weight: 100%, bake: 5m, alarm: [a], analysis: { slow: { slower_than: 1s, limit: 101% } } }
  canary: { canary: { size: 10%, bake: 10m, alarms: [a] } }
  whole:
    steps:
      - { weight: 10%, bake: 5m, analysis: { errors: { bad_minutes: {} }, slow: true } }
      - { weight: 100%, bake: 5m, analysis: { latency: [{ percentile: p99 }] } }
  limited: { steps: [{ weight: 10%, bake: 5m, analysis: { errors: { bad_minutes: {} } } }, { weight: 100%, bake: 5m }] }
  own: { steps: [{ weight: 100%, bake: 5m, alarms: [a] }] }
endpoints:
  whole: { rollout: { strategy: whole } }
  told-once: { rollout: { strategy: limited, analysis: { errors: { bad_minutes: {} } } } }
  right: { rollout: { strategy: limited, analysis: { errors: { limit: 1% } } } }
  native: { rollout: { strategy: own, engine: guardrails, alarms: [b] } }
"#
    ));
}

#[test]
fn what_an_engine_can_never_do_is_refused_with_the_one_that_can() {
    insta::assert_snapshot!(told(
        r#"
version: 1
strategies:
  large: { canary: { size: 60%, bake: 30m } }
  half-percent: { canary: { size: 2.5%, bake: 30m } }
  small: { linear: { step: 5%, bake: 30m } }
  long: { canary: { size: 10%, bake: 2h } }
  all-day: { linear: { step: 10%, bake: 50m } }
  slow-batches: { all_at_once: { bake: 1h } }
defaults:
  rollout: { engine: guardrails, alarms: [errors] }
endpoints:
  fine: { rollout: { strategy: linear-10, keep_blue: 1h } }
  large: { rollout: { strategy: large } }
  half-percent: { rollout: { strategy: half-percent } }
  small: { rollout: { strategy: small } }
  long: { rollout: { strategy: long } }
  own: { rollout: { strategy: steps-10-30-50-80-100 } }
  all-day: { rollout: { strategy: all-day } }
  kept: { rollout: { keep_blue: 2h } }
  alarms: { rollout: { alarms: [a, b, c, d, e, f, g, h, i, j] } }
  nothing: { rollout: { alarms: [], analysis: false } }
  batches: { rollout: { engine: rolling } }
  canary-batches: { rollout: { engine: rolling, strategy: canary-10 } }
  endless-batches: { rollout: { engine: rolling, strategy: slow-batches, batch: 5% } }
  small-batches: { rollout: { engine: rolling, strategy: { all_at_once: { bake: 20m } }, batch: 5% } }
  too-long: { rollout: { strategy: canary-10, deadline: 10h } }
  too-short: { rollout: { strategy: canary-10, deadline: 1h } }
  variants: { rollout: { engine: variants, strategy: all-day } }
"#
    ));
}

#[test]
fn a_contradiction_is_told_once_and_where_it_is_written() {
    let told = told(
        r#"
version: 1
defaults:
  rollout: { engine: guardrails }
endpoints:
  "fraud-*":
    rollout: { strategy: steps-10-30-50-80-100 }
  fraud-a:
  fraud-b: { health: { metrics: true } }
  other: { rollout: { analysis: false } }
  fine: { rollout: { engine: variants } }
"#,
    );
    insta::assert_snapshot!(told);
}

#[test]
fn one_mistake_does_not_hide_another() {
    let told = told(
        r#"
version: 2
typo: 1
strategies:
  broken: { canary: { size: 10% } }
defaults:
  typo: 1
  health: { typo: 1 }
  rollout: { strategy: nowhere }
fleet: { typo: 1 }
endpoints:
  a: { typo: 1, health: { typo: 1 }, rollout: { strategy: broken, smoke: true, typo: 1 } }
  b: { health: { probes: [typo] }, rollout: { strategy: canary-10, smoke: true } }
  c: { match: typo, rollout: { strategy: somewhere } }
"#,
    );
    insta::assert_snapshot!(told);
}

#[test]
fn keys_that_select_nothing_are_refused() {
    insta::assert_snapshot!(told(
        r#"
version: 1
endpoints:
  my_endpoint: {}
  -fraud: {}
  this-name-is-longer-than-the-sixty-three-characters-that-sagemaker-allows: {}
  fr[aud: {}
  "fr.*": {}
  nothing: { match: {} }
  empty: { match: { tags: {}, names: [] } }
  wrong: { match: { tags: { team: 5 }, names: ["[z-a]", "a b"] } }
  " label ": { match: { names: [x] } }
"#
    ));
}

#[test]
fn the_shape_of_the_whole_file_is_told() {
    let all = [
        "5",
        "[]",
        "version: 1",
        "endpoints: {}",
        "version: 1\nendpoints: []",
        "version: '1'\nendpoints:",
    ];
    let all: Vec<String> = all
        .into_iter()
        .map(|text| format!("--- {text:?}\n{}", told(text)))
        .collect();
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn lists_without_end_are_refused_before_they_are_read() {
    let probe = "        - { name: a, payload: x }\n";
    let window = "      - { from: '01:00', to: '02:00', zone: Nowhere }\n";
    let windows = |count: usize| {
        format!(
            "version: 1\nendpoints: {}\ndefaults:\n  health:\n    maintenance:\n{}",
            "{}",
            window.repeat(count)
        )
    };
    let all = [probes(&probe.repeat(21)), windows(51)].map(|text| told(&text));
    insta::assert_snapshot!(all.join("\n\n"));
    assert_eq!(
        Fleet::parse(&windows(50), "fleet.yaml")
            .expect_err("no such zone")
            .problems
            .len(),
        50
    );
}

#[test]
fn errors_are_data_too() {
    let errors = Fleet::parse(
        &probes("        - { name: a, payload: x, timeout: 30 }\n"),
        "fleet.yaml",
    )
    .expect_err("wrong");
    insta::assert_json_snapshot!(errors);
}

#[test]
fn a_file_of_a_megabyte_of_mistakes_is_told_in_short() {
    let mut text = "version: 1\nendpoints:\n".to_owned();
    let mut number = 0;
    while text.len() < 1_000_000 {
        text.push_str(&format!("  endpoint-number-{number}: {{x: 1}}\n"));
        number += 1;
    }
    let errors = Fleet::parse(&text, "fleet.yaml").expect_err("wrong");
    assert_eq!(errors.problems.len() + errors.unlisted, number);
    assert!(errors.to_string().len() < 20_000);
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        if let Err(errors) = Fleet::parse(&text, "fleet.yaml") {
            prop_assert!(!errors.to_string().is_empty());
        }
    }

    /// The example with some of its characters replaced: near enough to a fleet file to reach every check.
    #[test]
    fn no_mutation_of_the_example_panics(
        edits in proptest::collection::vec((0_usize..5000, 0_usize..12, "[a-z0-9 :,\\[\\]{}'\"*&!%#\n.~/-]{0,6}"), 1..6)
    ) {
        let mut chars: Vec<char> = include_str!("../../../examples/fleet.yaml").chars().collect();
        for (at, length, text) in edits {
            let from = at.min(chars.len());
            let to = (from + length).min(chars.len());
            chars.splice(from..to, text.chars());
        }
        let text: String = chars.into_iter().collect();
        let lines = text.lines().count() + 1;
        if let Err(errors) = Fleet::parse(&text, "fleet.yaml") {
            for error in errors.problems {
                prop_assert!((1..=lines).contains(&error.line), "{:?}", error);
                prop_assert!(error.column >= 1 && !error.problem.is_empty());
            }
        }
    }

    #[test]
    fn a_fleet_of_any_names_selects_exactly_them(names in proptest::collection::btree_set("[a-z0-9]{1,10}", 1..20)) {
        let entries: String = names.iter().map(|name| format!("  \"{name}\": {{}}\n")).collect();
        let fleet = Fleet::parse(&format!("version: 1\nendpoints:\n{entries}"), "fleet.yaml").expect("right");
        prop_assert_eq!(fleet.named(), names.iter().map(String::as_str).collect::<Vec<_>>());
        for name in &names {
            prop_assert!(fleet.health_for(name, None).is_some());
            let longer = format!("{name}-");
            prop_assert!(fleet.health_for(&longer, None).is_none());
        }
    }
}

#[test]
fn a_share_of_nothing_is_refused() {
    let text = "version: 1\nendpoints: { a: { health: { failure_share: { share: 0% } } } }\n";
    insta::assert_snapshot!(told(text));
}
