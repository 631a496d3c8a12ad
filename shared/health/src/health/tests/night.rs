//! What would wake the wrong person, or nobody: outages behind other news, and recovery on what no longer holds.

use crate::{
    endpoint::EndpointStatus,
    health::{
        fixture::{Look, Stage, bare, look, minutes, probe, stage, variant},
        ledger::{State, Told},
        observation::{ActOutcome, Holder, News, ProbeResult},
        policy::Rung,
        recovery::Verb,
    },
    probe::{Cause, Judgement, ProbeVerdict},
};

fn sick_blue() -> Look {
    look("fraud").two(Some(Cause::ServerError))
}

fn answered(mut look: Look, probe: &str, cause: Option<Cause>) -> Look {
    look.0.probes = vec![ProbeResult {
        probe: probe.into(),
        variant: None,
        verdict: ProbeVerdict {
            judgement: if cause.is_some() {
                Judgement::Failed
            } else {
                Judgement::Passed
            },
            cause,
            reason: "made up".into(),
        },
        took_ms: 5,
        answered: 0,
        lasted_ms: 0,
        inference: None,
    }];
    look
}

fn refuse(stage: &mut Stage) {
    let step = stage.steps().remove(0);
    let refused = stage.acted(&step, ActOutcome::Refused("the config does not exist".into()));
    stage.hear(&News {
        acted: vec![refused],
        ..News::default()
    });
}

#[test]
fn an_endpoint_that_steward_deleted_and_could_not_create_again_is_never_forgotten_as_deleted() {
    let mut stage = stage().allowing(&[Rung::Recreate]).by_pattern();
    let failed = look("fraud").status(EndpointStatus::Failed, stage.now);
    stage.sweep([failed.clone()]).accepted();
    let now = stage.now;
    stage
        .sweep([look("fraud").status(EndpointStatus::Deleting, now)])
        .sweep([failed.absent()]);
    assert!(matches!(stage.steps()[0].verb, Verb::Create { .. }));
    refuse(&mut stage);
    stage.heard();
    stage.sweep([look("fraud").absent()]);
    assert_eq!(
        stage.heard(),
        "08:05 fraud endpoint.vanished critical: no such endpoint"
    );
}

#[test]
fn a_failed_endpoint_is_told_at_once_although_it_was_flapping() {
    let mut stage = stage().with(|policy| (policy.failure_threshold, policy.success_threshold) = (1, 1));
    for _ in 0..4 {
        stage
            .sweep([look("fraud").failed(Cause::ServerError)])
            .sweep([look("fraud")]);
    }
    assert_eq!(stage.record("fraud").incident.as_ref().unwrap().told, Told::Flapping);
    stage.heard();
    let failed = look("fraud").status(EndpointStatus::Failed, stage.now);
    stage.sweeps(3, &failed);
    assert_eq!(stage.heard(), "08:10 fraud endpoint.failed critical: it serves nothing");
}

#[test]
fn a_config_is_not_called_good_before_it_has_passed_checks_of_its_own() {
    let mut stage = stage();
    stage.sweeps(3, &look("fraud"));
    let bad = look("fraud").endpoint(|endpoint| endpoint.config = Some("bad".into()));
    stage
        .sweep([bad.clone().inconclusive(Cause::Throttled)])
        .sweep([bad.clone().failed(Cause::ServerError)])
        .sweep([bad.clone()])
        .sweep([bad.clone().failed(Cause::ServerError)]);
    let good = |stage: &Stage| stage.record("fraud").last_good.as_ref().unwrap().config.clone();
    assert_eq!(good(&stage), "fraud-config");
    stage.sweeps(2, &bad);
    assert_eq!(good(&stage), "bad");
}

#[test]
fn traffic_is_not_shifted_once_the_other_variant_has_fallen_ill_too() {
    let mut stage = stage().allowing(&[Rung::ShiftAway]);
    stage.sweeps(3, &sick_blue());
    assert_eq!(stage.steps().len(), 1);
    stage.sweep([sick_blue().variant_failed("green", Cause::TimedOut)]);
    assert_eq!(stage.steps(), []);
    assert!(stage.heard().contains("withdrawn"));
}

#[test]
fn weights_that_somebody_changed_before_the_shift_are_not_set_back() {
    let mut stage = stage().allowing(&[Rung::ShiftAway]);
    stage.sweeps(3, &sick_blue());
    let theirs =
        sick_blue().endpoint(|endpoint| endpoint.variants = vec![variant("blue", 1.0, 2), variant("green", 0.2, 2)]);
    stage.sweep([theirs]);
    assert_eq!(stage.steps(), []);
    assert!(
        stage
            .heard()
            .contains("recovery.failed warning: somebody else changed its weights")
    );
}

#[test]
fn a_rung_withdrawn_before_it_began_may_be_tried_later() {
    let mut stage = stage().allowing(&[Rung::ShiftAway]);
    stage.sweeps(3, &sick_blue());
    stage.sweep([sick_blue().variant_failed("green", Cause::TimedOut)]);
    stage.sweeps(17, &sick_blue());
    assert!(matches!(stage.steps()[0].verb, Verb::SetWeights(_)));
}

#[test]
fn a_probe_that_fails_is_not_outvoted_by_checks_that_did_not_hear_of_it() {
    let mut stage = bare(&["fraud"]).with(|policy| policy.probes = vec![probe("smoke"), probe("deep")]);
    stage.sweep([look("fraud")]);
    for _ in 0..3 {
        stage
            .sweep([answered(look("fraud"), "deep", Some(Cause::Backlog))])
            .sweep([answered(look("fraud"), "smoke", None)]);
    }
    assert_eq!(
        stage.heard(),
        "08:06 fraud endpoint.unhealthy critical: the queue does not drain"
    );
    stage.sweep([answered(look("fraud"), "smoke", None)]);
    stage.sweeps(2, &answered(look("fraud"), "deep", None));
    assert_eq!(stage.record("fraud").state, State::Healthy);
}

#[test]
fn a_status_that_this_build_does_not_know_is_not_healthy_and_is_told_as_the_monitors_trouble() {
    let mut stage = bare(&["fraud"]).with(|policy| policy.probes.clear());
    let mut strange = look("fraud").endpoint(|endpoint| endpoint.status = EndpointStatus::Unknown);
    strange.0.probes.clear();
    stage.sweeps(4, &strange);
    assert_eq!(stage.record("fraud").state, State::Unknown);
    assert_eq!(
        stage.heard(),
        "08:03 fraud monitor.trouble warning: unexpected: EndpointStatus/fraud"
    );
}

#[test]
fn a_refused_probe_that_is_asked_rarely_is_told_all_the_same_and_is_not_over_while_not_asked() {
    let mut stage = bare(&["fraud"]);
    let mut waiting = look("fraud");
    waiting.0.probes.clear();
    for _ in 0..3 {
        stage
            .sweep([look("fraud").inconclusive(Cause::PayloadRefused)])
            .sweeps(4, &waiting);
    }
    assert_eq!(
        stage.heard(),
        "08:11 fraud monitor.trouble warning: probe-refused: probe smoke/fraud"
    );
    stage.sweeps(2, &look("fraud"));
    assert_eq!(
        stage.heard(),
        "08:17 fraud monitor.trouble info: over: probe-refused probe smoke/fraud"
    );
}

#[test]
fn a_reminder_of_a_deleted_endpoint_pages_no_more_than_its_first_alert() {
    let mut stage = stage().with(|policy| policy.reminder = Some(minutes(5)));
    let now = stage.now;
    stage
        .sweep([look("fraud").status(EndpointStatus::Deleting, now)])
        .sweeps(6, &look("fraud").absent());
    assert_eq!(
        stage.heard(),
        "08:03 fraud endpoint.vanished warning: no such endpoint\n\
         08:08 fraud endpoint.vanished warning reminder 1: no such endpoint"
    );
}

#[test]
fn a_minimum_raised_in_vain_is_lowered_again() {
    let mut stage = stage().allowing(&[Rung::AddInstance]);
    let slow = look("fraud").degraded();
    stage.sweeps(3, &slow.clone().scaled(2, 4)).accepted();
    stage.sweeps(61, &slow.scaled(3, 4));
    assert!(stage.heard().contains("recovery.failed"));
    stage.sweeps(20, &look("fraud").scaled(3, 4));
    assert_eq!(
        stage.steps().remove(0).verb,
        Verb::SetMinimum {
            variant: "blue".into(),
            minimum: 2
        }
    );
}

#[test]
fn what_was_exhausted_while_slow_does_not_keep_a_failed_endpoint_from_being_recreated() {
    let mut stage = stage().allowing(&[Rung::Redeploy, Rung::Recreate]);
    stage.sweeps(3, &look("fraud").failed(Cause::ServerError));
    refuse(&mut stage);
    stage.sweeps(20, &look("fraud").failed(Cause::ServerError));
    assert!(stage.heard().contains("recovery.exhausted"));
    let failed = look("fraud").status(EndpointStatus::Failed, stage.now);
    stage.sweep([failed]);
    assert!(matches!(stage.steps().remove(0).verb, Verb::Delete { .. }));
}

fn held_by_a_rollout(look: Look, trial: &str) -> Look {
    let mut look = look;
    look.0.holder = Some(Holder {
        name: "traffic-shifter".into(),
        purpose: "rollout fraud/1".into(),
        trial: Some(trial.into()),
    });
    look
}

#[test]
fn beside_a_rollout_only_the_variant_on_trial_loses_its_traffic() {
    let every = [Rung::Redeploy, Rung::AddInstance, Rung::ShiftAway, Rung::Recreate];
    let mut stage = stage().allowing(&every);
    stage.sweeps(10, &held_by_a_rollout(sick_blue(), "green"));
    assert_eq!(
        stage.steps(),
        [],
        "green has not earned blue's traffic, and the config is the rollout's"
    );
    let why = "traffic-shifter is changing it, for rollout fraud/1";
    let mut evidence = stage.told.iter().flat_map(|alert| &alert.evidence);
    assert!(evidence.any(|line| line.starts_with(why)), "{:#?}", stage.told);
    let heard = stage.heard();
    assert!(!heard.contains("recovery."), "{heard}");

    let mut stage = self::stage().allowing(&every);
    stage.sweeps(10, &held_by_a_rollout(sick_blue(), "blue"));
    assert!(matches!(&stage.steps()[..], [step] if matches!(step.verb, Verb::SetWeights(_))));

    let mut stage = self::stage().allowing(&every);
    stage.sweeps(10, &held_by_a_rollout(sick_blue(), "green"));
    stage.sweeps(2, &sick_blue());
    assert_eq!(stage.steps().len(), 1, "once the rollout is over, the repair begins");
}

#[test]
fn what_was_raised_is_not_lowered_in_the_middle_of_a_rollout() {
    let mut stage = stage().allowing(&[Rung::AddInstance]);
    let three = |look: Look| look.endpoint(|endpoint| endpoint.variants = vec![variant("blue", 1.0, 3)]);
    stage.sweeps(3, &look("fraud").degraded().scaled(1, 4)).accepted();
    stage.sweeps(60, &held_by_a_rollout(three(look("fraud")).scaled(3, 4), "green"));
    assert_eq!(stage.steps(), []);
    stage.sweeps(30, &three(look("fraud")).scaled(3, 4));
    assert_eq!(
        stage.steps()[0].verb,
        Verb::SetMinimum {
            variant: "blue".into(),
            minimum: 1
        }
    );
}
