//! Sweeps that have no time for everything.

use std::collections::BTreeSet;

use crate::{
    health::{
        fixture::{Look, Stage, bare, look, minutes, stage},
        ledger::between,
        observation::{News, Observation, ProbeResult, SweepNews},
        reach,
    },
    probe::{Cause, Judgement, ProbeVerdict},
};

/// A sweep a minute after the last one that did not reach these, or not to the end.
fn sweep(stage: &mut Stage, looks: impl IntoIterator<Item = Look>, unreached: &[String]) {
    stage.later(minutes(1));
    let at = stage.now;
    let observations = looks.into_iter().map(|look| Observation { at, ..look.0 }).collect();
    let unreached = unreached.to_vec();
    stage.hear(&News {
        observations,
        sweep: Some(SweepNews { unreached }),
        ..News::default()
    });
}

fn cut(name: &str) -> Look {
    let mut look = look(name);
    look.0.probes.push(ProbeResult {
        probe: "deep".into(),
        variant: None,
        verdict: ProbeVerdict {
            judgement: Judgement::Inconclusive,
            cause: Some(Cause::CutShort),
            reason: "no answer within 36 s, and no time left for the 60 s that it may take".into(),
        },
        took_ms: 36_000,
        answered: 0,
        lasted_ms: 0,
        inference: None,
    });
    look
}

#[test]
fn a_probe_that_was_not_heard_to_the_end_is_no_sign_of_health_and_is_named() {
    let mut stage = stage();
    let counted = stage.record("fraud").counted;
    for _ in 0..5 {
        sweep(&mut stage, [cut("fraud")], &["fraud".to_owned()]);
    }
    assert_eq!(stage.record("fraud").counted, counted, "another probe passed each time");
    let alert = stage.told.last().expect("told");
    assert_eq!(
        alert.evidence,
        [
            "1 endpoint was not reached, or not heard to the end, in the last sweep: fraud (probe deep: no answer within \
             36 s, and no time left for the 60 s that it may take)",
            "met 5 times in a row"
        ]
    );
}

#[test]
fn what_failed_counts_though_another_probe_was_not_heard_to_the_end() {
    let mut stage = stage();
    for _ in 0..3 {
        let sick = cut("fraud").failed(Cause::ServerError);
        sweep(&mut stage, [sick], &["fraud".to_owned()]);
    }
    assert_eq!(stage.heard(), "08:04 fraud endpoint.unhealthy critical: errors");
}

#[test]
fn those_not_reached_are_named_up_to_a_few_and_counted() {
    let mut stage = stage();
    let names: Vec<String> = (0..40).map(|n| format!("model-{n:02}")).collect();
    for _ in 0..5 {
        sweep(&mut stage, [look("fraud")], &names);
    }
    let alert = stage.told.last().expect("told");
    assert!(
        alert.evidence[0].ends_with(": model-00, model-01, model-02, model-03, model-04, and 35 more"),
        "{:?}",
        alert.evidence
    );
}

#[test]
fn an_answer_too_large_for_its_conditions_is_told_and_over_when_one_is_judged() {
    let mut stage = stage();
    stage.sweeps(4, &look("fraud").inconclusive(Cause::TooLarge));
    assert_eq!(
        stage.heard(),
        "08:04 fraud monitor.trouble warning: answer-too-large: probe smoke/fraud"
    );
    stage.sweeps(2, &look("fraud"));
    assert_eq!(
        stage.heard(),
        "08:07 fraud monitor.trouble info: over: answer-too-large probe smoke/fraud"
    );
}

/// Forty endpoints that were well, of which a sweep reaches eight.
fn large() -> (Stage, Vec<String>) {
    let names: Vec<String> = (0..40).map(|n| format!("model-{n:02}")).collect();
    let mut stage = bare(&names.iter().map(String::as_str).collect::<Vec<_>>());
    stage.sweep(names.iter().map(|name| look(name)));
    (stage, names)
}

/// The sweep of this number reaches the next eight; how many of these hang.
fn partial(stage: &mut Stage, names: &[String], number: usize, hanging: usize) {
    let from = number * 8 % names.len();
    let (reached, unreached): (Vec<_>, Vec<_>) = names
        .iter()
        .cloned()
        .enumerate()
        .partition(|(n, _)| (from..from + 8).contains(n));
    let looks: Vec<Look> = reached
        .iter()
        .enumerate()
        .map(|(n, (_, name))| match n < hanging {
            true => look(name).failed(Cause::TimedOut),
            false => look(name),
        })
        .collect();
    let unreached: Vec<String> = unreached.into_iter().map(|(_, name)| name).collect();
    sweep(stage, looks, &unreached);
}

#[test]
fn a_large_fleet_that_hangs_is_told_after_as_many_sweeps_as_one_endpoint_needs() {
    let (mut stage, names) = large();
    for number in 0..20 {
        partial(&mut stage, &names, number, 8);
    }
    let heard = stage.heard();
    let first = heard.lines().next().expect("told");
    assert_eq!(
        first,
        "08:04 - fleet.suppressed critical: 24 of 24 checks in 3 sweeps fail at once"
    );
    assert!(!heard.contains("endpoint.unhealthy"), "{heard}");
    for number in 20..22 {
        partial(&mut stage, &names, number, 0);
    }
    assert!(stage.heard().contains("fleet.suppressed info: over"));
    assert_eq!(stage.ledger.failing_sweeps, None);
}

#[test]
fn sweeps_that_reach_a_part_and_fail_once_or_twice_are_no_common_cause() {
    let (mut stage, names) = large();
    for number in 0..30 {
        // Two blips of everything, then eight that are well; and for long, not enough of each sweep.
        let hanging = match number {
            0..12 if number % 3 < 2 => 8,
            0..12 => 0,
            _ => 5,
        };
        partial(&mut stage, &names, number, hanging);
        assert_eq!(stage.ledger.suppression, None, "sweep {number}");
    }
    assert!(!stage.heard().contains("fleet.suppressed"));
}

#[test]
fn endpoints_that_were_never_well_prove_no_common_cause() {
    let names: Vec<String> = (0..40).map(|n| format!("model-{n:02}")).collect();
    let mut stage = bare(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for number in 0..5 {
        partial(&mut stage, &names, number, 8);
    }
    assert_eq!(stage.ledger.failing_sweeps, None);
}

/// These endpoints, which were well.
fn fleet(count: usize) -> Stage {
    let names: Vec<String> = (0..count).map(|n| format!("model-{n:03}")).collect();
    let mut stage = bare(&names.iter().map(String::as_str).collect::<Vec<_>>());
    stage.sweep(names.iter().map(|name| look(name)));
    stage
}

/// A sweep of ten seconds, eight at a time, three seconds each: the fourth of each row is begun and not heard to the end.
/// Those of `hanging` take all there is, those of `sick` fail.
fn hurried(stage: &mut Stage, sick: &BTreeSet<String>, hanging: &BTreeSet<String>) {
    let mut left = [10_u32; 8];
    let (mut looks, mut unreached) = (Vec::new(), Vec::new());
    for name in reach::order(&stage.watch, &stage.ledger) {
        let row = left.iter_mut().max().expect("a row");
        let cost = if hanging.contains(&name) { 100 } else { 3 };
        if *row < cost {
            unreached.push(name.clone());
        }
        if *row > 0 {
            looks.push(match sick.contains(&name) {
                _ if *row < cost => look(&name).inconclusive(Cause::CutShort),
                true => look(&name).failed(Cause::ServerError),
                false => look(&name),
            });
        }
        *row = row.saturating_sub(cost);
    }
    sweep(stage, looks, &unreached);
}

#[test]
fn whatever_part_of_the_fleet_a_sweep_reaches_everything_sick_in_it_is_told() {
    for count in 20..110 {
        let mut stage = fleet(count);
        let sick: BTreeSet<String> = stage
            .watch
            .policies
            .keys()
            .skip(count % 7)
            .step_by(7)
            .cloned()
            .collect();
        let sweeps_for_all = count.div_ceil(24) + 1;
        for _ in 0..3 * sweeps_for_all {
            hurried(&mut stage, &sick, &BTreeSet::new());
        }
        let told = stage.told.iter().filter_map(|alert| alert.subject_of.clone());
        assert_eq!(told.collect::<BTreeSet<_>>(), sick, "of {count}");
    }
}

#[test]
fn endpoints_that_hang_take_no_more_than_every_second_sweep() {
    let mut stage = fleet(40);
    let hanging: BTreeSet<String> = stage.watch.policies.keys().step_by(5).cloned().collect();
    assert_eq!(hanging.len(), 8, "as many as are looked at at a time");
    for sweep in 0..40 {
        hurried(&mut stage, &BTreeSet::new(), &hanging);
        for (name, record) in stage
            .ledger
            .endpoints
            .iter()
            .filter(|(name, _)| sweep > 8 && !hanging.contains(*name))
        {
            let ago = between(record.counted.expect("well once"), stage.now);
            assert!(ago <= minutes(4), "{name}: {ago:?} in sweep {sweep}");
        }
    }
}
