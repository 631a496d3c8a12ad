use super::{fake::*, *};

#[test]
fn a_good_green_goes_through_all_steps_and_replaces_blue() {
    let mut world = Fake::new();
    assert!(world.start(&request("one")).accepted);
    assert_eq!(world.run(), Ended::Completed);
    insta::assert_snapshot!(world.told());
    insta::assert_snapshot!(world.did());
    let live = world.endpoint();
    assert_eq!(live.variants.len(), 1);
    assert_eq!(live.variants[0].name, "green");
    assert_eq!(live.variants[0].current_instances, Some(4));
    assert!(world.scaling["green"].does(&scaling()), "{:?}", world.scaling);
    assert!(!world.scaling.contains_key("blue"));
    let kinds: Vec<String> = world.kinds().iter().map(ToString::to_string).collect();
    assert_eq!(
        kinds,
        [
            "rollout.started",
            "rollout.progressed",
            "rollout.progressed",
            "rollout.progressed",
            "rollout.promoted",
            "rollout.completed"
        ]
    );
}

#[test]
fn an_alarm_takes_green_back_in_the_invocation_that_it_wakes() {
    let mut world = Fake::new();
    world.start(&request("one"));
    world.until("baking");
    assert!(world.share("green") > 0.09);
    let before = world.effects.len();
    let alarm = AlarmNews {
        name: "errors".to_owned(),
        at: world.now,
        reason: "5 errors".to_owned(),
    };
    world.wake(None, Some(alarm));
    assert!(
        matches!(world.effects[before..], [effect::Effect::SetWeights(_)]),
        "{}",
        world.did()
    );
    assert_eq!(world.run(), Ended::RolledBack);
    assert_eq!(world.share("blue"), 1.0);
    assert_eq!(world.endpoint().config.as_deref(), Some("fraud-1"));
    assert!(world.scaling["blue"].does(&scaling()));
    insta::assert_snapshot!(world.told());
}

#[test]
fn a_plan_reads_like_this() {
    let mut request = request("one");
    request.policy.strategy.steps[1].gate = true;
    insta::assert_snapshot!(Fake::new().planned(&request).unwrap());
}

#[test]
fn a_status_reads_like_this() {
    let mut world = Fake::new();
    world.start(&request("one"));
    world.until("baking");
    world.ticks(4);
    let look = world.look(&needs(world.now, &world.ledger));
    insta::assert_snapshot!(status(&world.facts(), &world.ledger, Some(&look)));
    world.order(request::Order::Abort);
    insta::assert_snapshot!(status(&world.facts(), &world.ledger, None));
    world.run();
    insta::assert_snapshot!(status(&world.facts(), &world.ledger, None));
    insta::assert_snapshot!(history(&world.ledger, ENDPOINT));
}

mod after;
mod alarms;
mod commands;
mod component;
mod copied;
mod deregistered;
mod gap;
mod health;
mod native;
mod own;
mod preflight;
mod probes;
mod ratio;
mod repeated;
mod returning;
mod size;
mod tidy;
mod triggers;
mod undone;
mod unheard;
mod unwatched;
mod variants;
