//! What is tidied up after rollouts, and what is not because somebody else uses it.

use std::collections::BTreeMap;

use super::{
    super::{
        fake::*,
        look::{Known, Unreadable, WaysBack},
        request::Order,
        *,
    },
    variants::started,
};

const BOTH: &str = "fraud-r1-7ccbce-both";

/// A rollout that completed but for the last look, after which its first config would be deleted.
fn about_to_end() -> Fake {
    let mut world = started(&request("one"));
    world.until("removing");
    world
}

#[test]
fn a_config_that_another_endpoint_uses_is_kept_and_looked_at_again_a_day_later() {
    let mut world = about_to_end();
    let others = [("copied", BOTH), ("other", "other-1")];
    world.others = Some(others.map(|(name, config)| (name.to_owned(), config.to_owned())).into());
    world.run();
    world.ticks(60);
    assert!(world.configs.contains_key(BOTH));
    assert!(!world.did().contains("delete config"), "{}", world.did());
    insta::assert_snapshot!(status(&world.facts(), &world.ledger, None));
    world.others = Some(BTreeMap::new());
    world.pass(minutes(23 * 60));
    world.ticks(1);
    assert!(!world.configs.contains_key(BOTH), "{}", world.did());
    assert_eq!(world.ledger.kept, BTreeMap::new());
}

#[test]
fn a_config_that_many_endpoints_use_names_some_of_them() {
    let mut world = about_to_end();
    world.others = Some((1..=5).map(|id| (format!("copy-{id}"), BOTH.to_owned())).collect());
    world.run();
    world.ticks(1);
    assert_eq!(
        world.ledger.kept[BOTH],
        "the endpoints copy-1, copy-2, copy-3 and 2 more use it"
    );
}

#[test]
fn what_cannot_be_found_out_keeps_a_config_for_minutes() {
    let mut world = about_to_end();
    world.others = None;
    world.run();
    world.ticks(10);
    assert!(world.configs.contains_key(BOTH));
    let why = "it could not be found out whether another endpoint uses it: throttled";
    assert_eq!(world.ledger.kept[BOTH], why);
    let wait = world.ledger.litter[BOTH].duration_since(world.now);
    assert!(wait.as_secs() <= 180, "{wait:?}");
    world.others = Some(BTreeMap::new());
    world.ticks(4);
    assert!(!world.configs.contains_key(BOTH), "{}", world.did());
}

#[test]
fn nobody_is_asked_who_uses_a_config_unless_it_can_be_deleted_now() {
    let mut world = about_to_end();
    world.others = None;
    world.run();
    world.pass(minutes(4));
    let due = needs(world.now, &world.ledger);
    let search = due.users.clone().expect("a config is to be deleted");
    let began = world.ledger.history[0].started;
    assert_eq!(search.since, Some(began - minutes(60)), "the rollout made it");
    assert!(search.configs.contains(BOTH));

    let look = world.look(&due);
    assert_eq!(due.search(&look.endpoint, &look.configs), Some(search));
    let busy = look.endpoint.yes().cloned().flatten().map(|mut endpoint| {
        endpoint.status = crate::endpoint::EndpointStatus::Updating;
        endpoint
    });
    assert_eq!(due.search(&Known::Yes(busy), &look.configs), None);
    assert_eq!(due.search(&Known::No("throttled".to_owned()), &look.configs), None);
    let gone = BTreeMap::from([(BOTH.to_owned(), Known::Yes(None))]);
    assert_eq!(due.search(&look.endpoint, &gone), None);
    // An endpoint that is gone uses nothing; what its rollouts made is deleted all the same.
    assert!(due.search(&Known::Yes(None), &look.configs).is_some());
    // While a rollout is at work nothing is deleted.
    let mut second = request("two");
    second.green.model = Some("fraud-v1".to_owned());
    world.start(&second);
    assert_eq!(needs(world.now, &world.ledger).users, None);
}

#[test]
fn who_uses_a_config_of_an_unknown_rollout_is_asked_of_all_endpoints() {
    let mut world = started(&request("one"));
    world.until("baking");
    world.order(Order::Abort);
    world.others = None;
    world.run();
    world.pass(minutes(4));
    world.ledger.history.clear();
    let search = needs(world.now, &world.ledger)
        .users
        .expect("configs are to be deleted");
    assert_eq!(search.since, None);
}

/// Who may have to go back to the config with both variants.
fn needed_by(endpoints: &[&str]) -> Known<WaysBack> {
    let endpoints = endpoints.iter().map(|name| (*name).to_owned());
    Known::Yes(WaysBack {
        by: BTreeMap::from([(BOTH.to_owned(), endpoints.collect())]),
        unreadable: Vec::new(),
    })
}

#[test]
fn a_config_that_another_endpoint_may_have_to_go_back_to_is_kept_though_nobody_uses_it() {
    let mut world = about_to_end();
    world.needed = needed_by(&["copied", "fraud", "other"]);
    world.run();
    world.ticks(60);
    assert!(world.configs.contains_key(BOTH), "{}", world.did());
    assert_eq!(world.ledger.kept[BOTH], "the ways back of copied, other need it");
    world.needed = Known::Yes(WaysBack::default());
    world.pass(minutes(23 * 60));
    world.ticks(1);
    assert!(!world.configs.contains_key(BOTH), "{}", world.did());
}

#[test]
fn a_config_with_which_the_endpoint_itself_was_last_healthy_is_kept_until_another_one_is() {
    let mut world = about_to_end();
    world.needed = needed_by(&["fraud"]);
    world.run();
    world.ticks(15);
    assert!(world.configs.contains_key(BOTH), "{}", world.did());
    let again = world.ledger.litter[BOTH].duration_since(world.now);
    assert!(again.as_secs() <= 600, "{again:?}");
    world.needed = Known::Yes(WaysBack::default());
    world.ticks(11);
    assert!(!world.configs.contains_key(BOTH), "{}", world.did());
}

#[test]
fn ledgers_that_cannot_be_read_keep_a_config() {
    let mut world = about_to_end();
    world.needed = Known::No("the ledger is torn".to_owned());
    world.run();
    world.ticks(10);
    assert!(world.configs.contains_key(BOTH));
    assert!(
        world.ledger.kept[BOTH].contains("the ledger is torn"),
        "{:?}",
        world.ledger.kept
    );
}

/// A ledger of another endpoint that nobody can read.
fn torn(world: &Fake, hours_ago: Option<u64>) -> Known<WaysBack> {
    Known::Yes(WaysBack {
        unreadable: vec![Unreadable {
            endpoint: "other".to_owned(),
            written: hours_ago.map(|hours| world.now - minutes(hours * 60)),
            said: "rollouts/other.json is no document of this build, move it away".to_owned(),
        }],
        ..WaysBack::default()
    })
}

#[test]
fn a_ledger_that_nobody_can_read_keeps_what_was_there_when_it_was_written_and_says_so() {
    for hours_ago in [None, Some(0)] {
        let mut world = about_to_end();
        world.needed = torn(&world, hours_ago);
        world.run();
        world.ticks(70);
        assert!(world.configs.contains_key(BOTH), "{}", world.did());
        assert_eq!(
            world.ledger.kept[BOTH],
            "other may have to go back to it, and nobody can read its ledger: rollouts/other.json is no document of this \
             build, move it away"
        );
        let again = world.ledger.litter[BOTH].duration_since(world.now);
        assert!(again.as_secs() > 600, "a person has to mend it: {again:?}");
        world.needed = Known::Yes(WaysBack::default());
        world.ticks(61);
        assert!(!world.configs.contains_key(BOTH), "{}", world.did());
    }
}

#[test]
fn a_ledger_that_nobody_can_read_keeps_nothing_that_was_made_after_it_was_written() {
    let mut world = about_to_end();
    world.needed = torn(&world, Some(5));
    world.run();
    world.ticks(2);
    assert!(!world.configs.contains_key(BOTH), "{}", world.did());
}

#[test]
fn a_ledger_needs_what_its_rollouts_may_go_back_to_and_nothing_else() {
    let mut world = started(&request("one"));
    let of = |world: &Fake| needed(world.now, &world.ledger).into_iter().collect::<Vec<_>>();
    world.until("baking");
    assert_eq!(of(&world), ["fraud-1", BOTH, "fraud-r1-7ccbce-green"]);
    assert_eq!(world.run(), Ended::Completed);
    assert_eq!(of(&world), ["fraud-1", "fraud-r1-7ccbce-green"]);
    world.pass(minutes(24 * 60));
    assert_eq!(of(&world), ["fraud-r1-7ccbce-green"], "the window is over");
}
