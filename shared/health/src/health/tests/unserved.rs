//! What should be in service and is not.

use crate::health::{
    fixture::{Look, look, stage},
    ledger::State,
    observation::Unserved,
};

fn copyless(status: &str, desired: u32, failure: Option<&str>, minimum: u32) -> Unserved {
    Unserved::component(
        "llm-7b",
        status.to_owned(),
        desired,
        failure.map(str::to_owned),
        minimum,
    )
}

fn without(unserved: Unserved) -> Look {
    let mut look = look("fraud");
    look.0.probes.clear();
    look.0.unserved = [("smoke".to_owned(), unserved)].into();
    look
}

#[test]
fn only_what_is_to_be_at_zero_rests() {
    assert!(copyless("InService", 0, None, 0).rests());
    assert!(
        copyless("InService", 0, Some("an old reason"), 0).rests(),
        "nothing is wanted, so nothing is missing"
    );
    assert!(!copyless("InService", 0, None, 2).rests(), "its minimum is above zero");
    assert!(!copyless("Updating", 1, None, 0).rests(), "it is on its way");
    assert!(!copyless("Failed", 0, None, 0).rests());
}

#[test]
fn a_component_whose_copies_do_not_come_is_unhealthy_after_its_time() {
    let mut stage = stage();
    stage.sweeps(31, &without(copyless("InService", 0, None, 2)));
    assert_eq!(
        (stage.heard().as_str(), stage.record("fraud").state),
        ("", State::Healthy)
    );
    stage.sweeps(3, &without(copyless("InService", 0, None, 2)));
    assert_eq!(
        stage.told[0].evidence[0],
        "probe smoke: inference component llm-7b (InService) has no copy in service and should have 2, for 33 min, \
         expected within 30 min"
    );
    assert_eq!(
        stage.heard(),
        "08:35 fraud endpoint.unhealthy critical: nothing in service"
    );
    stage.sweeps(2, &look("fraud"));
    assert_eq!(stage.heard(), "08:37 fraud endpoint.recovered info: after 4 min");
    assert!(stage.record("fraud").wanting.is_empty());
}

#[test]
fn a_component_that_sagemaker_gave_up_is_unhealthy_at_the_threshold_with_its_reason() {
    let mut stage = stage();
    stage.sweeps(3, &without(copyless("Failed", 2, Some("no ml.g5 capacity"), 0)));
    let evidence = &stage.told[0].evidence[0];
    assert!(evidence.ends_with("; the reason: no ml.g5 capacity"), "{evidence}");
    assert_eq!(
        stage.heard(),
        "08:04 fraud endpoint.unhealthy critical: nothing in service"
    );
}

#[test]
fn waiting_is_counted_from_when_it_was_wanted() {
    let mut stage = stage();
    let coming = without(copyless("Updating", 1, None, 0));
    stage.sweeps(25, &coming);
    let mut rests = look("fraud");
    rests.0.probes.clear();
    (rests.0.resting, rests.0.asleep) = (["smoke".to_owned()].into(), true);
    stage.sweep([rests]).sweeps(25, &coming);
    assert_eq!(stage.heard(), "");
}
