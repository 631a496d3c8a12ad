//! Mistakes of every kind are told together, each as if it were the only one.

use std::{collections::BTreeSet, sync::LazyLock};

use proptest::prelude::*;
use shared::fleet::{Fleet, FleetError};

fn told(text: &str) -> String {
    match Fleet::parse(text, "fleet.yaml") {
        Ok(_) => panic!("nothing was found wrong in:\n{text}"),
        Err(errors) => errors.to_string(),
    }
}

/// What is told, without the path, which bears the keys of the lines around it.
fn problems(text: &str) -> Vec<FleetError> {
    let errors = Fleet::parse(text, "fleet.yaml").err();
    let mut problems = errors.map_or_else(Vec::new, |errors| {
        assert_eq!(errors.unlisted, 0, "{errors}");
        errors.problems
    });
    problems.iter_mut().for_each(|problem| problem.path.clear());
    problems
}

/// Lines of a file that is right. After each, what may stand there instead: wrong, and independent of every other line.
const LINES: &[(&str, &[&str])] = &[
    ("version: 1", &["version: 2", "version: one"]),
    ("strategies:", &[]),
    (
        "  careful: { canary: { size: 5%, bake: 1h } }",
        &["  careful: { canary: { size: 5% } }", "  careful: {}"],
    ),
    (
        "  ladder: { all_at_once: { bake: 1h } }",
        &["  ladder: { all_at_once: { bake: 1 } }"],
    ),
    ("defaults:", &[]),
    ("  health:", &[]),
    (
        "    failure_threshold: 3",
        &["    failure_threshold: 0", "    failure_treshold: 3"],
    ),
    ("    reminder: 4h", &["    reminder: 1s"]),
    ("  backup:", &[]),
    ("    objectives: { rpo: 2d }", &["    objectives: { rpo: 2d, rpt: 1h }"]),
    ("fleet:", &[]),
    (
        "  suppression: { minimum: 3 }",
        &[
            "  suppression: { share: 0% }",
            "  suppression: { minimum: 3, share: 0%, x: 1 }",
        ],
    ),
    (
        "  labels: { team: a }",
        &["  labels: { team name: a, empty: \"\", number: 5 }"],
    ),
    ("endpoints:", &[]),
    ("  fraud:", &[]),
    ("    health:", &[]),
    ("      metrics: true", &["      metrics: yes", "      metricks: true"]),
    (
        "      recovery: { rungs: [redeploy] }",
        &[
            "      recovery: { rungs: [redeploy, redeploy], budget: many }",
            "      recovery: { rungs: [redeploy], max_instances: 3, budget: 0 }",
        ],
    ),
    ("      maintenance:", &[]),
    (
        "        - { from: \"02:00\", to: \"03:00\" }",
        &[
            "        - { from: \"02:00\", to: \"02:00\", zone: Berlin }",
            "        - { from: \"02:00\", to: 3, days: [someday] }",
        ],
    ),
    ("      probes:", &[]),
    (
        "        - { name: one, payload: x }",
        &["        - { name: one, payload: x, timeout: 30 }"],
    ),
    (
        "        - { name: two, payload: x }",
        &[
            "        - { name: one, payload: x, retry: 1 }",
            "        - { name: two, input: \"s3://abc/\", component: c, degraded_after: 20s }",
            "        - { name: two, payload: x, kind: async, timeout: soon, expect: { status: 200 } }",
        ],
    ),
    (
        "        - { name: three, payload: x, timeout: 2s }",
        &[
            "        - { name: \"\", payload: x, timeout: 2s, degraded_after: 3s }",
            "        - { name: three, payload: x, expect: { json: [{ pointer: a, near: b }, { pointer: /c }] } }",
        ],
    ),
    ("    rollout:", &[]),
    ("      strategy: canary-10", &["      strategy: canary-01"]),
    ("      health: true", &["      health: perhaps"]),
    (
        "    wake: { enabled: true }",
        &["    wake: { instances: 9, max_instances: 4, cooldown: 1 }"],
    ),
    ("  late:", &[]),
    (
        "    health: { metrics: true }",
        &["    health: { metrics: maybe, stuck: 5 }", "    health: 5"],
    ),
    (
        "    rollout: { deadline: 8h, engine: variants }",
        &[
            "    rollout: { deadline: 10m, engine: variants, headroom: 101% }",
            "    rollout: { deadline: 10m, analysis: { slow: true } }",
        ],
    ),
    ("    scaling:", &[]),
    ("      - { variant: main, min: 1, max: 2 }", &[]),
    ("    schedule:", &[]),
    (
        "      - { name: a, variant: main, rate: 1 hour, min: 1 }",
        &[
            "      - { name: a, variant: main, rate: 1 hour, min: two }",
            "      - { name: a, variant: main, min: 3, max: 2, at: now }",
        ],
    ),
    (
        "      - { name: b, variant: main, rate: 1 hour, min: 1 }",
        &[
            "      - { name: b, variant: other, rate: 1 hour, min: 1 }",
            "      - { name: b, variant: main, rate: 1 hour, zone: UTC }",
        ],
    ),
    (
        "    backup: { enabled: false }",
        &["    backup: { enabled: true, every: 1s }"],
    ),
    ("  images:", &[]),
    ("    scaling:", &[]),
    (
        "      - { variant: main, min: 1, max: 2 }",
        &["      - { variant: main, min: 3, max: 2, policies: [{ name: a, latency: 1s, target: 5, gpu: 0 }] }"],
    ),
    (
        "      - { variant: more, min: 1, max: 2 }",
        &[
            "      - { variant: main, min: 1, max: 2, suspended: 5 }",
            "      - { min: 1, max: 2, x: 1 }",
            "      - { variant: more, min: 1, max: 2, policies: [{ name: a }, { name: a, step: { steps: [] } }] }",
            "      - { variant: more, max: 0, policies: [{ name: \"\", cpu: 50% }, { name: b, provisioned_utilization: 0% }] }",
        ],
    ),
    ("    alarms:", &[]),
    (
        "      - { name: one, variant: main, errors: 1% }",
        &["      - { name: one, variant: main, errors: 1%, missing: no }"],
    ),
    (
        "      - { name: two, variant: main, errors: 1% }",
        &[
            "      - { name: one, waiting: 1m, period: 61 }",
            "      - { name: two, latency: 1s, period: 45s, datapoints: 3, of: 2, purpose: fun }",
            "      - { variant: main, errors: 1%, threshold: 5 }",
        ],
    ),
    (
        "    provision: { enabled: false }",
        &[
            "    provision: { enabled: true, instances: 0 }",
            "    provision: { capture: { input: false, output: false, sampling: 0.5% } }",
        ],
    ),
    ("  made:", &[]),
    ("    provision:", &[]),
    (
        "      model: { image: a/b:1, role: \"arn:aws:iam::111122223333:role/ml\" }",
        &["      model: { image: a b, role: \"arn:aws:iam::111122223333:role/ml\" }"],
    ),
    ("      instances: 2", &["      instances: 1"]),
    (
        "      capture: { destination: s3://captured/made }",
        &["      capture: { sampling: 5% }"],
    ),
    ("      instance_type: ml.m5.large", &["      key: alias/ml"]),
    ("  asleep:", &[]),
    ("    scaling:", &[]),
    (
        "      - { variant: one, min: 1, max: 2 }",
        &["      - { variant: one, min: 3, max: 2 }", "      - 5"],
    ),
    (
        "      - { variant: two, min: 1, max: 2 }",
        &["      - { variant: two, min: 0, max: 2, policies: [{ name: a, backlog_per_instance: 5 }] }"],
    ),
    (
        "      - { component: llm, min: 1, max: 2 }",
        &["      - { component: llm, min: 0, max: 2 }"],
    ),
    ("    alarms:", &[]),
    (
        "      - { name: three, waiting: 5m }",
        &[
            "      - { name: one, waiting: 5m }",
            "      - { name: three, waiting: 5 }",
        ],
    ),
    ("  \"search-*\":", &["  \"search-[\":"]),
    ("    health: {}", &["    health: { probe: [] }"]),
    ("  group:", &["  \" group \":"]),
    (
        "    match: { names: [x] }",
        &["    match: { name: [x] }", "    match: { names: [] }"],
    ),
    ("lambdas:", &[]),
    (
        "  predict: { reserved: 10, provisioned: { live: 5 } }",
        &[
            "  predict: { reserved: 1, provisioned: { live: 5 }, x: 1 }",
            "  pre dict: { reserved: x, provisioned: { $LATEST: 5 } }",
        ],
    ),
    ("apis:", &[]),
    (
        "  a1: { stages: { prod: { rate: 1, burst: 1 } } }",
        &["  a-1: { stages: { prod: { rate: 1, methods: { GET: { rate: 1, burst: 1 } } } } }"],
    ),
    (
        "dashboard: { currency: EUR }",
        &["dashboard: { currency: 5, name: \"a b\" }"],
    ),
];

/// The file with what each number says: 0 for the line that is right.
fn file(choices: &[usize]) -> String {
    LINES
        .iter()
        .zip(choices)
        .map(|((right, wrong), choice)| match choice.checked_sub(1) {
            Some(index) => wrong[index],
            None => right,
        })
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// What each mistake is told as when it is the only one, by line and choice.
static ALONE: LazyLock<Vec<Vec<Vec<FleetError>>>> = LazyLock::new(|| {
    let alone = |at: usize, choice: usize| {
        let mut choices = vec![0; LINES.len()];
        choices[at] = choice;
        let problems = problems(&file(&choices));
        assert!(!problems.is_empty(), "{}", LINES[at].1[choice - 1]);
        problems
    };
    let line = |at: usize| (1..=LINES[at].1.len()).map(|choice| alone(at, choice)).collect();
    (0..LINES.len()).map(line).collect()
});

/// Told together: in file order, none twice, and each as it is alone.
fn as_alone(choices: &[usize]) {
    let alone: BTreeSet<&FleetError> = choices
        .iter()
        .zip(&*ALONE)
        .filter_map(|(choice, alone)| alone.get(choice.checked_sub(1)?))
        .flatten()
        .collect();
    let together = problems(&file(choices));
    let places = together.iter().map(|problem| (problem.line, problem.column));
    assert!(places.is_sorted(), "{together:?}");
    let unique: BTreeSet<&FleetError> = together.iter().collect();
    assert_eq!(unique.len(), together.len(), "{together:?}");
    assert_eq!(unique, alone, "{}", file(choices));
}

#[test]
fn the_file_without_mistakes_is_right() {
    assert_eq!(problems(&file(&vec![0; LINES.len()])), []);
}

#[test]
fn neighbours_do_not_hide_each_other() {
    let all: Vec<(usize, usize)> = LINES
        .iter()
        .enumerate()
        .flat_map(|(at, (_, wrong))| (1..=wrong.len()).map(move |choice| (at, choice)))
        .collect();
    for (index, (at, choice)) in all.iter().enumerate() {
        for (other, second) in all.iter().skip(index + 1).take(4).filter(|(other, _)| other != at) {
            let mut choices = vec![0; LINES.len()];
            choices[*at] = *choice;
            choices[*other] = *second;
            as_alone(&choices);
        }
    }
}

proptest! {
    #[test]
    fn mistakes_are_told_together_as_they_are_alone(
        picks in proptest::collection::vec((any::<proptest::sample::Index>(), 0_usize..3), LINES.len())
    ) {
        let choose = |((_, wrong), (pick, odds)): (&(&str, &[&str]), (proptest::sample::Index, usize))| match odds {
            0 if !wrong.is_empty() => 1 + pick.index(wrong.len()),
            _ => 0,
        };
        as_alone(&LINES.iter().zip(picks).map(choose).collect::<Vec<usize>>());
    }
}

#[test]
fn what_is_wrong_by_itself_hides_no_contradiction() {
    insta::assert_snapshot!(told(
        r#"
version: 1
strategies:
  ladder: { steps: [{ weight: 30%, bake: 5m, gate: yes }, { weight: 100%, bake: 1h }] }
defaults:
  health: { failure_threshold: 0 }
  rollout: { engine: guardrails, alarms: [errors], keep_blue: soon }
endpoints:
  fraud:
    health:
      probes:
        - { name: golden, payload: x, timeout: 30 }
        - { name: golden, payload: x, input: "s3://bucket/", degraded_after: 20s }
        - { payload: x, kind: async, per_variant: true, accept: 5 }
      recovery: { rungs: [redeploy], max_instances: 4, cooldown: never }
    rollout: { strategy: canary-10, deadline: 10h, batch: 3% }
    scaling:
      - { variant: main, min: 3, max: 2, policies: [{ name: load, latency: 500, cpu: 50% }] }
    schedule:
      - { name: morning, variant: other, rate: 1 hour, max: 5 }
      - { name: evening, variant: main, rate: 1 hour, max: many }
    wake: { enabled: true, instances: 9, max_instances: 4, deadline: 1 }
  images:
    health: { enabled: perhaps }
    rollout: { strategy: steps-10-30-50-80-100 }
    backup: { enabled: true, every: 1s }
"#
    ));
}

#[test]
fn nothing_is_told_that_may_stem_from_another_mistake() {
    insta::assert_snapshot!(told(
        r#"
version: 1
strategies:
  broken: { canary: { size: 10% } }
defaults:
  rollout: { engine: guard-rails, strategy: broken }
  backup: { destination: { region: 5, bucket: models-dr } }
endpoints:
  fraud:
    health:
      probes:
        - { name: kind, payload: x, kind: asynch, input: "s3://bucket/" }
        - { name: time, payload: x, timeout: 30, degraded_after: 20s }
        - { name: near, payload: x, expect: { json: [{ pointer: /a, near: .inf, tolerance: 1 }, { pointer: /b, exist: true }] } }
      maintenance: [{ from: 2026-03-01T00:00:00Z, until: tomorrow }]
      recovery: { rungs: [add-instances], max_instances: 4 }
    rollout: { strategy: steps-10-30-50-80-100, smoke: true, keep_blue: 2h }
    backup: { enabled: true }
    scaling: [{ variant: main, min: two, max: 4, policies: [{ name: "", step: { alarm: backlog, steps: [{ from: 0, by: x }] } }] }]
    schedule: [{ name: a, varient: main, rate: 1 hour, max: 5 }]
    alarms: [{ name: 5, metric: { namespace: a }, threshold: 5, period: 1 minute }]
    wake: { enabled: true, instances: 9, max_instances: "10" }
  late:
    backup: { enabled: true }
  "search-[":
    backup: { destination: { region: eu-central-1 } }
"#
    ));
}
