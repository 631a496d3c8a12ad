use proptest::prelude::*;

use super::{fake::*, *};

mod promises;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// A wake-up in which the so-manieth call is lost before or after its effect, or the function dies before it.
    Tick(usize, Option<Fault>),
    /// An alarm, so many seconds old; it may come twice.
    Alarm(i64),
    /// Requests.
    Work(u32),
    /// Time passes, seconds.
    Pass(i64),
    /// A call of a function that died takes effect.
    Late(usize),
    /// Somebody else has the lease, or not.
    Lease(bool),
    /// Metrics are published, or not.
    Metrics(bool),
    /// AWS has no instances for so many seconds.
    Scarce(i64),
    /// An operator.
    Wake(u32),
    Sleep(bool),
}

fn event() -> impl Strategy<Value = Event> {
    let fault = prop::sample::select(vec![
        None,
        Some(Fault::LostBefore),
        Some(Fault::LostAfter),
        Some(Fault::Refused),
    ]);
    prop_oneof![
        6 => (0..6_usize, fault).prop_map(|(which, fault)| Event::Tick(which, fault)),
        2 => (0..2000_i64).prop_map(Event::Alarm),
        3 => (1..40_u32).prop_map(Event::Work),
        6 => (1..600_i64).prop_map(Event::Pass),
        1 => (0..4_usize).prop_map(Event::Late),
        1 => any::<bool>().prop_map(Event::Lease),
        1 => any::<bool>().prop_map(Event::Metrics),
        1 => (1..3000_i64).prop_map(Event::Scarce),
        1 => (1..4_u32).prop_map(Event::Wake),
        1 => any::<bool>().prop_map(Event::Sleep),
    ]
}

fn world(component: bool, targeted: bool, idle: bool, min: u32) -> Fake {
    let mut fake = if component {
        Fake::component()
    } else {
        Fake::asynchronous()
    };
    fake.scaling = targeted.then(|| scaling(min, 4));
    fake.does = 100;
    fake.current = if targeted { min } else { 0 };
    fake.desired = fake.current;
    fake.policy.idle_after = idle.then(|| std::time::Duration::from_secs(1800));
    fake
}

fn play(fake: &mut Fake, events: Vec<Event>) {
    let mut late: Vec<(jiff::Timestamp, Effect)> = vec![];
    let mut alarms = vec![];
    for event in events {
        let mut command = None;
        match event {
            Event::Tick(..) => {}
            Event::Alarm(old) => {
                alarms.push(AlarmNews {
                    at: fake.now - jiff::SignedDuration::from_secs(old),
                    ..fake.alarm()
                });
                continue;
            }
            Event::Work(count) => {
                fake.asked(count);
                continue;
            }
            Event::Pass(seconds) => {
                fake.pass(seconds);
                continue;
            }
            Event::Late(which) => {
                if !late.is_empty() {
                    let (made, effect) = late.swap_remove(which % late.len());
                    // No call outlives its function for longer than it is waited for.
                    if fake.now.duration_since(made).as_secs() < 300 {
                        fake.take(&effect, Fault::None);
                    }
                }
                continue;
            }
            Event::Lease(taken) => {
                fake.leased = taken;
                continue;
            }
            Event::Metrics(published) => {
                fake.metrics = published;
                continue;
            }
            Event::Scarce(seconds) => {
                fake.scarce_until = Some(fake.now + jiff::SignedDuration::from_secs(seconds));
                continue;
            }
            Event::Wake(count) => {
                command = Some(Order::Wake {
                    instances: Some(count),
                    lasts: None,
                });
            }
            Event::Sleep(force) => command = Some(Order::Sleep { force }),
        }
        let command = command.map(|order| Command {
            order,
            component: None,
            id: None,
            by: None,
            reason: None,
        });
        let (which, fault) = match event {
            Event::Tick(which, fault) => (which, fault),
            _ => (usize::MAX, None),
        };
        let (mut calls, mut dead) = (0, None);
        // The same alarms come again and again, out of order.
        let woken = Woken {
            alarms: &alarms,
            command,
        };
        fake.tick(&woken, |effect| {
            calls += 1;
            if calls != which.saturating_add(1) {
                return Some(Fault::None);
            }
            if fault.is_none() {
                dead = Some(effect.clone());
            }
            fault
        });
        late.extend(dead.map(|effect| (fake.now, effect)));
        alarms.reverse();
    }
    fake.leased = false;
    fake.metrics = true;
    fake.scarce_until = None;
}

proptest! {
    #[test]
    fn whatever_happens_it_ends_and_the_minimum_is_what_it_was(
        component in any::<bool>(),
        targeted in any::<bool>(),
        idle in any::<bool>(),
        min in 0..2_u32,
        tells in any::<bool>(),
        suspended in prop::option::of(0..4000_i64),
        events in proptest::collection::vec(event(), 0..60),
    ) {
        let mut fake = world(component, targeted, idle, min);
        fake.tells = tells;
        // A scheduled action that is suspended does nothing to the minimum, and is taken for nothing.
        if let (Some(seconds), Some(scaling)) = (suspended, &mut fake.scaling) {
            scaling.suspended.scheduled = true;
            scaling.actions.push(action(at(seconds), 3));
        }
        play(&mut fake, events);
        // Work that asks for it again after a failure is done too.
        for _ in 0..3 {
            fake.until_calm(600);
            fake.pass(3700);
            fake.quietly();
        }
        fake.until_calm(600);
        prop_assert_eq!(fake.min(), targeted.then_some(min));
        let left = fake.ledger.things.get(&fake.thing).and_then(|remembered| remembered.left);
        prop_assert!(f64::from(fake.backlog) <= left.map_or(0.0, |left| left.waiting), "{} wait", fake.backlog);
        // What nobody gives back any more ends by itself.
        prop_assert!(fake.slots.held.values().all(|until| *until <= fake.now));
    }

    #[test]
    fn planning_again_on_a_world_that_is_as_wished_changes_nothing(
        component in any::<bool>(),
        targeted in any::<bool>(),
        events in proptest::collection::vec(event(), 0..30),
    ) {
        let mut fake = world(component, targeted, false, 0);
        play(&mut fake, events);
        fake.until_calm(600);
        fake.pass(3700);
        fake.quietly();
        fake.until_calm(600);
        let (ledger, calls) = (fake.ledger.clone(), fake.calls.len());
        for _ in 0..3 {
            fake.quietly();
        }
        prop_assert_eq!(&fake.ledger, &ledger);
        prop_assert_eq!(fake.calls.len(), calls);
    }

    #[test]
    fn nothing_goes_to_sleep_on_missing_data(
        component in any::<bool>(),
        targeted in any::<bool>(),
        passes in proptest::collection::vec(1..4000_i64, 1..30),
    ) {
        let mut fake = world(component, targeted, true, 0);
        fake.scales_in = false;
        fake.backlog = 3;
        fake.coming = 1;
        fake.pass(120);
        fake.alarmed();
        fake.metrics = false;
        let mut awake = false;
        for seconds in passes {
            fake.pass(seconds);
            fake.quietly();
            awake |= fake.current > 0;
            prop_assert!(!awake || fake.desired > 0);
            if awake && targeted {
                prop_assert!(fake.min() > Some(0));
            }
        }
    }

    #[test]
    fn what_a_person_sets_meanwhile_stays_and_is_told(
        theirs in 2..4_u32,
        ticks in 0..12_usize,
        events in proptest::collection::vec(event().prop_filter("nobody ends it", |event| !matches!(event, Event::Sleep(_) | Event::Wake(_))), 0..20),
    ) {
        let mut fake = world(false, true, false, 0);
        fake.backlog = 1;
        fake.pass(60);
        fake.alarmed();
        prop_assert_eq!(fake.min(), Some(1));
        for _ in 0..ticks {
            fake.pass(60);
            fake.quietly();
        }
        prop_assume!(fake.wake().is_some());
        if let Some(scaling) = &mut fake.scaling {
            scaling.min = theirs;
        }
        fake.quietly();
        let quiet: Vec<Event> = events.into_iter().filter(|event| !matches!(event, Event::Late(_) | Event::Tick(..))).collect();
        play(&mut fake, quiet);
        fake.until_calm(600);
        prop_assert_eq!(fake.min(), Some(theirs));
        prop_assert!(fake.told().iter().any(|told| told.starts_with("wake.yielded")));
    }

}

proptest! {
    #[test]
    fn no_more_of_the_fleet_are_woken_at_once_than_may_be(
        most in 1..4_u32,
        starts in proptest::collection::vec(0..900_i64, 1..6),
        pools in 1..4_usize,
        share in 5..90_i64,
    ) {
        // Each pool has the whole deadline.
        let takes = 600 * i64::try_from(pools).unwrap() * share / 100;
        let mut slots = Slots::default();
        let mut fleet: Vec<Fake> = starts.iter().map(|start| {
            let mut fake = Fake::asynchronous();
            fake.most = most;
            fake.takes = takes;
            fake.policy.deadline = std::time::Duration::from_secs(600);
            fake.pools = vec!["ml.g5.xlarge".to_owned(); pools];
            fake.backlog = u32::from(*start < 60);
            fake
        }).collect();
        for (index, fake) in fleet.iter_mut().enumerate() {
            fake.ledger.serial = u64::try_from(index).unwrap() * 1000;
        }
        for _ in 0..240 {
            for (fake, start) in fleet.iter_mut().zip(&starts) {
                let began = fake.now.duration_since(at(0)).as_secs();
                if *start >= 60 && (began..began + 60).contains(start) {
                    fake.backlog = 1;
                }
                fake.pass(60);
                std::mem::swap(&mut fake.slots, &mut slots);
                fake.quietly();
                std::mem::swap(&mut fake.slots, &mut slots);
            }
            let on_the_way = fleet.iter().filter(|fake| fake.desired > 0 && fake.current == 0).count();
            prop_assert!(on_the_way <= most as usize, "{on_the_way} at once");
            let all_began = fleet.iter().zip(&starts).all(|(fake, start)| fake.now.duration_since(at(0)).as_secs() > start + 60);
            if all_began && fleet.iter().all(|fake| fake.backlog == 0 && fake.wake().is_none()) {
                break;
            }
        }
        prop_assert!(fleet.iter().all(|fake| fake.backlog == 0), "all were woken in the end");
    }
}
