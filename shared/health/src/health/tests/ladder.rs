//! The recovery ladder: what is begun, what is not, and how each ends.

use std::collections::BTreeMap;

use crate::{
    endpoint::{Endpoint, EndpointStatus},
    health::{
        Why,
        fixture::{Look, Stage, bare, look, minutes, stage, time, variant},
        ledger::State,
        observation::{ActOutcome, News, Trouble, TroubleKind},
        policy::Rung,
        recovery::Verb,
    },
    probe::Cause,
};

pub(super) fn weights<const N: usize>(weights: [(&str, f64); N]) -> Verb {
    Verb::SetWeights(
        weights
            .into_iter()
            .map(|(name, weight)| (name.to_owned(), weight))
            .collect(),
    )
}

pub(super) fn verbs(stage: &Stage) -> Vec<Verb> {
    stage.steps().into_iter().map(|step| step.verb).collect()
}

fn refusal(stage: &Stage) -> String {
    let reasons = stage.last.iter().flat_map(|decision| &decision.reasons);
    reasons
        .filter_map(|(_, why)| {
            if let Why::NoRecovery(why) = why {
                Some(why.clone())
            } else {
                None
            }
        })
        .collect()
}

pub(super) fn sick_blue() -> Look {
    look("fraud").two(Some(Cause::ServerError))
}

pub(super) fn blue_without_traffic(blue: Option<Cause>) -> Look {
    look("fraud")
        .two(blue)
        .endpoint(|endpoint| endpoint.variants = vec![variant("blue", 0.0, 2), variant("green", 1.0, 2)])
}

#[test]
fn traffic_is_not_shifted_to_variants_that_could_not_carry_it() {
    let mut stage = stage().allowing(&[Rung::ShiftAway]);
    let canary =
        sick_blue().endpoint(|endpoint| endpoint.variants = vec![variant("blue", 9.0, 9), variant("green", 1.0, 1)]);
    stage.sweeps(3, &canary);
    assert_eq!(verbs(&stage), []);
    assert_eq!(
        refusal(&stage),
        "shift-away: the well variants have only 1 of 10 instances and could not carry the traffic"
    );
}

#[test]
fn traffic_is_not_shifted_when_no_variant_is_well() {
    let mut stage = stage().allowing(&[Rung::ShiftAway]);
    stage.sweeps(3, &sick_blue().variant_failed("green", Cause::TimedOut));
    assert_eq!(verbs(&stage), []);
}

#[test]
fn traffic_is_not_shifted_to_a_variant_that_was_given_none() {
    let mut stage = stage().allowing(&[Rung::ShiftAway]);
    let only =
        sick_blue().endpoint(|endpoint| endpoint.variants = vec![variant("blue", 1.0, 2), variant("green", 0.0, 2)]);
    stage.sweeps(3, &only);
    assert_eq!(verbs(&stage), []);
}

#[test]
fn a_slow_endpoint_gets_one_more_instance() {
    let mut stage = stage().allowing(&[Rung::AddInstance]);
    stage.sweeps(3, &look("fraud").degraded());
    assert_eq!(
        verbs(&stage),
        [Verb::SetInstances {
            variant: "blue".into(),
            count: 3
        }]
    );
    stage.accepted();
    stage.sweeps(
        2,
        &look("fraud").endpoint(|endpoint| endpoint.variants = vec![variant("blue", 1.0, 3)]),
    );
    assert!(stage.heard().ends_with("08:06 fraud recovery.finished info: done"));
}

#[test]
fn no_instance_is_added_beyond_the_limits() {
    for (most, max) in [(Some(2), 9), (None, 2)] {
        let mut stage = stage()
            .allowing(&[Rung::AddInstance])
            .with(|policy| policy.recovery.max_instances = most);
        stage.sweeps(3, &look("fraud").degraded().scaled(1, max));
        assert_eq!(verbs(&stage), [], "{most:?} {max}");
    }
}

#[test]
fn a_redeployment_is_done_only_when_the_new_config_is_read_back() {
    let mut stage = stage().allowing(&[Rung::Redeploy]);
    stage.sweeps(3, &look("fraud").failed(Cause::ServerError));
    let verbs = verbs(&stage);
    let [Verb::Redeploy { from, to }] = verbs.as_slice() else {
        panic!("not one redeployment: {verbs:?}")
    };
    assert_eq!(from, "fraud-config");
    assert!(
        to.starts_with("fraud-config-") && to.len() == "fraud-config-".len() + 10,
        "{to}"
    );
    stage.accepted();
    let now = stage.now;
    stage.sweep([look("fraud").status(EndpointStatus::Updating, now)]);
    stage.sweep([look("fraud").endpoint(|endpoint| endpoint.config = Some(to.clone()))]);
    assert!(stage.record("fraud").recovery.intent.is_none());
}

#[test]
fn a_silent_rollback_of_a_redeployment_is_a_failure() {
    let mut stage = stage().allowing(&[Rung::Redeploy]);
    stage.sweeps(3, &look("fraud").failed(Cause::ServerError)).accepted();
    let now = stage.now;
    stage.sweep([look("fraud").status(EndpointStatus::Updating, now)]);
    stage.sweep([look("fraud").failed(Cause::ServerError)]);
    let heard = stage.heard();
    assert!(
        heard.contains("fraud recovery.failed warning: SageMaker accepted config"),
        "{heard}"
    );
    assert!(
        heard.contains("rolled back to fraud-config without an error"),
        "{heard}"
    );
}

#[test]
fn a_step_whose_effect_is_not_seen_is_handed_out_again_the_same() {
    let mut stage = stage().allowing(&[Rung::Redeploy]);
    stage.sweeps(3, &look("fraud").failed(Cause::ServerError));
    let first = verbs(&stage);
    stage.sweep([look("fraud").failed(Cause::ServerError)]);
    assert_eq!((first.len(), verbs(&stage)), (1, first));
}

#[test]
fn a_wrong_answer_is_not_redeployed() {
    let mut stage = stage().allowing(&[Rung::Redeploy, Rung::AddInstance]);
    stage.sweeps(3, &look("fraud").failed(Cause::WrongAnswer));
    assert_eq!(verbs(&stage), []);
}

pub(super) fn failed() -> Look {
    look("fraud").status(EndpointStatus::Failed, time("2026-03-02T08:01:30Z"))
}

pub(super) fn reborn(status: EndpointStatus) -> Look {
    let created = time("2026-03-02T08:03:30Z");
    let look = look("fraud").endpoint(|endpoint| endpoint.created = created);
    if status == EndpointStatus::InService {
        look
    } else {
        look.status(status, created)
    }
}

#[test]
fn a_failed_endpoint_is_deleted_and_created_from_the_last_good_config_with_its_tags() {
    let mut stage = stage().allowing(&[Rung::Recreate]);
    let tags = BTreeMap::from([("team".to_owned(), "risk".to_owned())]);
    let mut look = failed();
    look.0.tags = Some(tags.clone());
    stage.sweep([look]);
    assert_eq!(
        verbs(&stage),
        [Verb::Delete {
            created: time("2026-01-01T00:00:00Z"),
            config: "fraud-config".into()
        }]
    );
    stage.accepted().sweep([failed().absent()]);
    assert_eq!(
        verbs(&stage),
        [Verb::Create {
            config: "fraud-config".into(),
            tags
        }]
    );
    stage
        .accepted()
        .sweep([reborn(EndpointStatus::Creating)])
        .sweep([reborn(EndpointStatus::InService)]);
    insta::assert_snapshot!(stage.heard(), @r"
    08:02 fraud endpoint.failed critical: it serves nothing
    08:02 fraud recovery.started info: recreate
    08:05 fraud endpoint.recovered info: after 3 min
    08:05 fraud recovery.finished info: done
    ");
}

#[test]
fn a_failed_endpoint_with_autoscaling_or_without_a_good_config_is_left_to_people() {
    let mut scaled = stage().allowing(&[Rung::Recreate]);
    scaled.sweep([failed().scaled(1, 4)]);
    assert_eq!(
        refusal(&scaled),
        "recreate: its autoscaling policies would be lost with it"
    );
    let mut new = bare(&["fraud"]).allowing(&[Rung::Recreate]);
    new.sweep([failed()]);
    assert_eq!(refusal(&new), "recreate: no config is known under which it was healthy");
}

#[test]
fn rungs_follow_each_other_after_the_cooldown_until_none_is_left() {
    let mut stage = stage().allowing(&[Rung::AddInstance, Rung::Redeploy]);
    stage.sweeps(3, &look("fraud").failed(Cause::TimedOut));
    let step = stage.steps().remove(0);
    let refused = stage.acted(&step, ActOutcome::Refused("ResourceLimitExceeded".into()));
    stage.hear(&News {
        acted: vec![refused],
        ..News::default()
    });
    stage.sweeps(14, &look("fraud").failed(Cause::TimedOut));
    assert_eq!(verbs(&stage), []);
    stage.sweep([look("fraud").failed(Cause::TimedOut)]);
    assert!(matches!(verbs(&stage).as_slice(), [Verb::Redeploy { .. }]));
    let step = stage.steps().remove(0);
    let refused = stage.acted(&step, ActOutcome::Refused("AccessDenied".into()));
    stage.hear(&News {
        acted: vec![refused],
        ..News::default()
    });
    stage.sweeps(40, &look("fraud").failed(Cause::TimedOut));
    insta::assert_snapshot!(stage.heard(), @r"
    08:04 fraud endpoint.unhealthy critical: no answer in time
    08:04 fraud recovery.started info: add-instance
    08:04 fraud recovery.failed warning: ResourceLimitExceeded
    08:19 fraud recovery.started info: redeploy
    08:19 fraud recovery.failed warning: AccessDenied
    08:34 fraud recovery.exhausted critical: every rung that is safe here was tried
    ");
}

#[test]
fn the_fleets_limit_of_recoveries_holds_across_endpoints() {
    let names = ["a", "b", "c", "d"];
    let mut stage = bare(&names).allowing(&[Rung::Redeploy]);
    stage.fleet.suppression_minimum = 100;
    stage.sweep(names.map(look));
    for _ in 0..3 {
        stage.sweep(names.map(|name| look(name).failed(Cause::ServerError)));
    }
    assert_eq!(stage.steps().len(), 3);
}

#[test]
fn nothing_is_recovered_while_everything_fails_at_once() {
    let names = ["a", "b", "c"];
    let mut stage = bare(&names).allowing(&[Rung::Redeploy]);
    stage.sweep(names.map(look));
    for _ in 0..60 {
        stage.sweep(names.map(|name| look(name).failed(Cause::ServerError)));
    }
    assert!(stage.ledger.recoveries.is_empty());
}

#[test]
fn nothing_is_recovered_while_silenced_flapping_updating_or_unseen() {
    let mut stage = stage().allowing(&[Rung::Redeploy, Rung::ShiftAway, Rung::AddInstance, Rung::Recreate]);
    let now = stage.now;
    stage.sweeps(5, &look("fraud").status(EndpointStatus::Updating, now));
    let trouble = Trouble {
        kind: TroubleKind::Network,
        what: "x".into(),
        endpoint: None,
        detail: "no route".into(),
    };
    stage
        .sweeps(5, &look("fraud").unseen(trouble))
        .sweeps(5, &look("fraud").inconclusive(Cause::Denied));
    let silenced = crate::health::silence::Silence {
        endpoints: vec!["fraud".into()],
        until: stage.now.checked_add(minutes(10)).unwrap(),
        reason: None,
        by: None,
        at: stage.now,
    };
    crate::health::silence::silence(&mut stage.ledger, silenced).unwrap();
    stage.sweeps(9, &look("fraud").failed(Cause::ServerError));
    assert!(stage.ledger.recoveries.is_empty());
    stage.sweep([look("fraud").failed(Cause::ServerError)]);
    assert_eq!(stage.ledger.recoveries.len(), 1);
}

#[test]
fn an_intent_whose_reason_went_away_before_it_began_is_withdrawn() {
    let mut stage = stage().allowing(&[Rung::Redeploy]);
    stage.sweeps(3, &look("fraud").failed(Cause::ServerError)).heard();
    stage.sweeps(2, &look("fraud"));
    assert!(
        stage
            .heard()
            .contains("recovery.withdrawn info: the endpoint recovered by itself")
    );
    assert_eq!(verbs(&stage), []);
}

#[test]
fn nobody_is_told_that_nothing_is_left_to_try_while_checks_pass_again() {
    let mut stage = stage()
        .allowing(&[Rung::ShiftAway])
        .with(|policy| policy.recovery.cooldown = minutes(0));
    let sick = look("fraud").two(Some(Cause::ServerError));
    stage.sweeps(4, &sick).accepted();
    let away = |endpoint: &mut Endpoint| endpoint.variants = vec![variant("blue", 0.0, 2), variant("green", 1.0, 2)];
    stage.sweep([sick.clone().endpoint(away)]);
    assert!(stage.heard().contains("recovery.finished"));
    // A rollout that held it has put everything back, and all is well.
    stage.sweep([look("fraud").two(None)]);
    assert_eq!(stage.record("fraud").state, State::Degraded, "not yet known to be well");
    assert!(!stage.heard().contains("recovery.exhausted"));
}
