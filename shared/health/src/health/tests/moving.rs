//! Endpoints that SageMaker works on, as autoscaling makes it do for hours.

use crate::{
    endpoint::EndpointStatus,
    health::{
        fixture::{Look, bare, look, minutes, stage, variant},
        ledger::State,
        policy::Rung,
    },
    probe::Cause,
};

fn scaling(since: jiff::Timestamp) -> Look {
    look("fraud").status(EndpointStatus::Updating, since)
}

#[test]
fn failed_checks_count_on_while_autoscaling_comes_and_goes() {
    let mut stage = stage();
    let sick = look("fraud").failed(Cause::ServerError);
    stage.sweep([sick.clone()]);
    let now = stage.now;
    stage
        .sweep([scaling(now).failed(Cause::ServerError)])
        .sweep([sick.clone()]);
    assert_eq!(stage.told[0].since.to_string(), "2026-03-02T08:02:00Z");
    assert_eq!(stage.heard(), "08:04 fraud endpoint.unhealthy critical: errors");
    let now = stage.now;
    stage.sweeps(9, &scaling(now).failed(Cause::ServerError));
    assert_eq!(
        (stage.heard().as_str(), stage.record("fraud").state),
        ("", State::Unhealthy)
    );
}

#[test]
fn an_outage_that_ends_while_the_endpoint_scales_is_over_and_the_next_one_is_told() {
    let mut stage = stage();
    stage.sweeps(3, &look("fraud").failed(Cause::ServerError)).heard();
    let now = stage.now;
    stage.sweeps(1, &scaling(now).passed());
    assert_eq!(stage.heard(), "");
    stage.sweeps(2, &scaling(now).passed());
    assert_eq!(stage.record("fraud").state, State::Changing);
    assert_eq!(stage.heard(), "08:06 fraud endpoint.recovered info: after 4 min");
    stage.sweeps(3, &scaling(now).failed(Cause::ServerError));
    assert_eq!(stage.heard(), "08:10 fraud endpoint.unhealthy critical: errors");
}

#[test]
fn a_common_cause_that_meets_endpoints_while_they_scale_is_one_page_and_no_repair() {
    let names = ["a", "b", "c", "d", "e"];
    let mut stage = bare(&names).allowing(&[Rung::Redeploy]);
    stage.sweep(names.map(look));
    let now = stage.now;
    for _ in 0..4 {
        stage.sweep(names.map(|name| {
            let look = look(name).status(EndpointStatus::Updating, now);
            look.failed(Cause::ServerError)
        }));
    }
    for _ in 0..4 {
        stage.sweep(names.map(|name| look(name).failed(Cause::ServerError)));
    }
    assert_eq!(
        stage.heard(),
        "08:04 - fleet.suppressed critical: 5 of 5 endpoints fail at once"
    );
    assert_eq!(stage.steps(), []);
}

#[test]
fn a_transition_that_is_stuck_does_not_undo_the_damping_of_swings() {
    let mut stage = stage();
    let began = stage.now;
    stage.later(minutes(90));
    for _ in 0..12 {
        stage
            .sweeps(4, &scaling(began).failed(Cause::ServerError))
            .sweeps(4, &scaling(began).passed());
    }
    let heard = stage.heard();
    assert!(
        heard.ends_with("09:58 fraud endpoint.flapping critical: 7 changes in 60 min"),
        "{heard}"
    );
}

#[test]
fn a_transition_that_does_not_end_hides_no_outage() {
    let mut stage = stage();
    let began = stage.now;
    stage.later(minutes(90)).sweeps(3, &scaling(began).passed());
    assert_eq!(
        stage.heard(),
        "09:32 fraud endpoint.stuck warning: a transition does not end"
    );
    stage.sweeps(3, &scaling(began).failed(Cause::ServerError));
    let evidence = &stage.told[0].evidence;
    assert!(
        evidence
            .iter()
            .any(|line| line.starts_with("status Updating for 96 min"))
            && evidence.iter().filter(|line| line.starts_with("status")).count() == 1,
        "{evidence:?}"
    );
    assert_eq!(stage.heard(), "09:37 fraud endpoint.unhealthy critical: errors");
}

#[test]
fn checks_of_the_config_before_are_no_part_of_those_of_the_next() {
    let mut stage = stage();
    let now = stage.now;
    stage.sweeps(2, &scaling(now).failed(Cause::ServerError));
    let next = look("fraud").endpoint(|endpoint| endpoint.config = Some("next".into()));
    stage.sweeps(2, &next.clone().failed(Cause::ServerError));
    assert_eq!(stage.heard(), "");
    stage.sweep([next.failed(Cause::ServerError)]);
    assert_eq!(stage.told[0].since.to_string(), "2026-03-02T08:04:00Z");
}

#[test]
fn no_repair_begins_before_sagemaker_is_done() {
    let mut stage = stage().allowing(&[Rung::Redeploy]);
    let now = stage.now;
    stage.sweeps(6, &scaling(now).failed(Cause::ServerError));
    assert_eq!(stage.steps(), []);
    stage.sweep([look("fraud").failed(Cause::ServerError)]);
    assert_eq!(stage.steps().len(), 1);
}

#[test]
fn an_endpoint_whose_last_instances_leave_goes_to_zero() {
    let leaving = |counts: &[Option<u32>]| {
        let look = look("fraud").endpoint(|endpoint| {
            let variants = counts.iter().map(|desired| crate::endpoint::Variant {
                desired_instances: *desired,
                ..variant("blue", 1.0, 1)
            });
            endpoint.variants = variants.collect();
        });
        matches!(look.0.seen, crate::health::observation::Seen::Described(endpoint) if endpoint.goes_to_zero())
    };
    assert!(leaving(&[Some(0)]) && leaving(&[Some(0), Some(0)]));
    assert!(!leaving(&[Some(0), Some(1)]) && !leaving(&[None]) && !leaving(&[]));
}

#[test]
fn a_variant_that_is_on_its_way_is_not_asked() {
    let both = |endpoint: &mut crate::endpoint::Endpoint| {
        endpoint.variants = vec![variant("blue", 1.0, 2), variant("green", 0.0, 1)];
    };
    let asked = |look: Look| match look.endpoint(both).0.seen {
        crate::health::observation::Seen::Described(endpoint) => {
            endpoint.asked().map(|variant| variant.name.clone()).collect::<Vec<_>>()
        }
        _ => Vec::new(),
    };
    assert_eq!(asked(look("fraud")), ["blue", "green"]);
    assert_eq!(asked(scaling(crate::health::fixture::start())), ["blue"]);
}
