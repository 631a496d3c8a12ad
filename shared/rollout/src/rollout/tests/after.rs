//! After the end of a rollout, and around it.

use super::{
    super::{fake::*, request::Order, *},
    variants::{as_it_was, started},
};

#[test]
fn a_completed_rollout_is_taken_back_with_as_many_instances_as_green_has() {
    let mut world = started(&request("one"));
    assert_eq!(world.run(), Ended::Completed);
    world.endpoint_mut().variants[0].desired_instances = Some(7);
    world.endpoint_mut().variants[0].current_instances = Some(7);
    assert!(world.order(Order::Rollback).accepted);
    assert_eq!(world.run(), Ended::RolledBack);
    as_it_was(&world);
    assert_eq!(world.endpoint().variants[0].current_instances, Some(7));
    assert!(world.ledger.history.last().unwrap().returned);
    insta::assert_snapshot!(world.told());
    insta::assert_snapshot!(world.did());
}

#[test]
fn a_rollback_after_the_end_is_refused_when_the_endpoint_was_changed_or_the_window_is_over() {
    let mut world = started(&request("one"));
    world.run();
    let config = world.endpoint().config.clone();
    world.endpoint_mut().config = Some("theirs".to_owned());
    let answer = world.order(Order::Rollback);
    assert!(
        !answer.accepted && answer.said.contains("somebody changed it since"),
        "{}",
        answer.said
    );
    world.endpoint_mut().config = config;
    world.pass(minutes(24 * 60));
    let answer = world.order(Order::Rollback);
    assert!(!answer.accepted && answer.said.contains("window"), "{}", answer.said);
}

#[test]
fn a_completed_rollout_can_be_taken_back_after_later_ones_that_went_back() {
    let mut world = started(&request("one"));
    world.run();
    let mut second = request("two");
    second.green.model = Some("fraud-v1".to_owned());
    world.start(&second);
    world.until("baking");
    world.order(Order::Abort);
    assert_eq!(world.run(), Ended::RolledBack);
    let said = status(&world.facts(), &world.ledger, None);
    assert!(
        said.contains("`rollback` takes fraud/1, which completed before, back until"),
        "{said}"
    );
    let answer = world.order(Order::Rollback);
    assert!(answer.accepted && answer.said.contains("fraud/1"), "{}", answer.said);
    assert_eq!(world.run(), Ended::RolledBack);
    as_it_was(&world);
    let answer = world.order(Order::Rollback);
    assert!(
        !answer.accepted && answer.said.contains("was taken back after it had completed"),
        "{}",
        answer.said
    );
}

#[test]
fn what_is_not_in_force_any_more_is_not_taken_back() {
    let mut world = started(&request("one"));
    world.run();
    let mut second = request("two");
    second.green.model = Some("fraud-v1".to_owned());
    world.start(&second);
    world.until("baking");
    world.endpoint_mut().config = Some("theirs".to_owned());
    assert_eq!(world.run(), Ended::Failed);
    let answer = world.order(Order::Rollback);
    assert!(
        !answer.accepted && answer.said.contains("somebody changed it since"),
        "{}",
        answer.said
    );
}

#[test]
fn a_config_that_was_deleted_under_it_is_made_again() {
    let mut world = started(&request("one"));
    world.until("baking");
    world.configs.remove("fraud-1");
    world.order(Order::Abort);
    assert_eq!(world.run(), Ended::RolledBack);
    as_it_was(&world);
    assert_eq!(world.ledger.last_good, world.endpoint().config);
}

#[test]
fn an_abort_while_blue_is_being_removed_is_done_after_that() {
    let mut world = started(&request("one"));
    world.until("removing");
    world.order(Order::Abort);
    assert_eq!(world.run(), Ended::RolledBack);
    as_it_was(&world);
}

#[test]
fn an_endpoint_without_autoscaling_gets_none() {
    let mut world = Fake::new();
    world.scaling.clear();
    world.start(&request("one"));
    assert_eq!(world.run(), Ended::Completed);
    assert!(world.scaling.is_empty());
}

#[test]
fn configs_are_kept_for_a_rollback_and_deleted_after_it_but_never_what_people_made() {
    let mut world = started(&request("one"));
    world.run();
    let mut second = request("two");
    second.green.model = Some("fraud-v1".to_owned());
    world.start(&second);
    world.run();
    world.ticks(5);
    let first_green = "fraud-r1-7ccbce-green";
    assert!(world.configs.contains_key(first_green), "a rollback needs it");
    assert_eq!(wake(&world.ledger), Some(world.ledger.litter[first_green]));
    world.pass(minutes(25 * 60));
    world.ticks(2);
    assert!(!world.configs.contains_key(first_green));
    assert!(world.configs.contains_key("fraud-1"), "people made it");
    assert_eq!(world.configs.len(), 2);
    assert_eq!(wake(&world.ledger), None);
}

#[test]
fn what_a_failed_rollout_made_is_deleted_a_day_later_but_not_what_the_endpoint_has() {
    for adopted in [false, true] {
        let mut world = started(&request("one"));
        world.until("baking");
        let both = world.endpoint().config.clone().unwrap();
        let theirs = if adopted { both.clone() } else { "theirs".to_owned() };
        world.endpoint_mut().config = Some("theirs".to_owned());
        assert_eq!(world.run(), Ended::Failed);
        world.endpoint_mut().config = Some(theirs);
        world.ticks(3);
        assert!(world.configs.contains_key(&both), "for the person who looks");
        let said = status(&world.facts(), &world.ledger, None);
        assert!(said.contains("The last good config is fraud-1."), "{said}");
        let told = world.alerts.last().unwrap().evidence.join("\n");
        assert!(told.contains(&format!("left behind: {both}")), "{told}");
        world.pass(minutes(25 * 60));
        world.ticks(5);
        assert_eq!(world.configs.contains_key(&both), adopted);
        assert!(world.configs.contains_key("fraud-1"));
        assert!(world.ledger.litter.is_empty(), "{:?}", world.ledger.litter);
    }
}

#[test]
fn a_deletion_that_is_refused_is_asked_for_again_an_hour_later() {
    let mut world = started(&request("one"));
    world.until("removing");
    while world.ledger.active.is_some() {
        if world.change.is_some() {
            world.calls.clear();
            world.calls.push_back(Call::Refused);
        }
        world.ticks(1);
    }
    let both = "fraud-r1-7ccbce-both";
    assert!(world.configs.contains_key(both), "{}", world.did());
    let deletions = |world: &Fake| world.did().matches("delete config").count();
    let before = deletions(&world);
    world.ticks(30);
    assert_eq!(deletions(&world), before);
    world.ticks(35);
    assert!(!world.configs.contains_key(both), "{}", world.did());
}

#[test]
fn an_action_whose_moment_has_passed_is_not_given_to_green() {
    let mut world = Fake::new();
    let sale = crate::scaling::ScheduledAction {
        name: "sale".to_owned(),
        schedule: "at(2026-11-22T08:05:00)".to_owned(),
        timezone: None,
        start: None,
        end: None,
        min: Some(4),
        max: None,
    };
    let later = crate::scaling::ScheduledAction {
        name: "later".to_owned(),
        schedule: "at(2026-12-24T08:00:00)".to_owned(),
        ..sale.clone()
    };
    world.scaling.get_mut("blue").unwrap().actions = vec![sale, later.clone()];
    world.start(&request("one"));
    assert_eq!(world.run(), Ended::Completed);
    assert_eq!(world.scaling["green"].actions, [later]);
}

#[test]
fn harm_is_heard_again_when_sagemaker_puts_blue_back() {
    let mut world = started(&request("one"));
    world.until("keeping");
    world.fates.push_back(Fate::TakenBack);
    world.until("removing");
    world.verdict = crate::analysis::Verdict::Fail;
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(world.ledger.history[0].cause.as_ref().unwrap().label(), "analysis");
    as_it_was(&world);
}
