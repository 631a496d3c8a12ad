//! What sleeps stays asleep until somebody waits, and a schedule's time is kept.

use super::*;

/// How it comes to sleep.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Put {
    /// By a person, who is refused while there is work.
    Quiet,
    /// By a person with `force`.
    Force,
    /// By its own policies or schedules.
    Others,
}

fn minutely(fake: &mut Fake, minutes: u32, alarms: &[AlarmNews]) {
    for _ in 0..minutes {
        fake.pass(60);
        fake.tick(&Woken { alarms, command: None }, |_| Some(Fault::None));
    }
}

proptest! {
    #[test]
    fn what_came_before_a_sleep_does_not_undo_it_and_whatever_waits_after_it_wakes(
        component in any::<bool>(),
        targeted in any::<bool>(),
        put in prop::sample::select(vec![Put::Quiet, Put::Force, Put::Others]),
        work in proptest::collection::vec((1..30_u32, 1..400_i64), 0..6),
        calm in 0..900_i64,
        last in 0..3_u32,
    ) {
        let mut fake = world(component, targeted, false, 0);
        fake.scales_in = false;
        fake.does = 2;
        (fake.current, fake.desired) = (1, 1);
        let mut alarms = vec![fake.alarm()];
        for (count, seconds) in work {
            fake.asked(count);
            fake.pass(seconds);
            fake.quietly();
            alarms.push(fake.alarm());
        }
        fake.pass(60 + calm);
        // What comes at the very moment of a forced sleep may count to either side of it.
        let last = if put == Put::Force || component { 0 } else { last };
        match put {
            Put::Others => {
                fake.pass(i64::from(fake.backlog) * 60);
                fake.change(0);
            }
            Put::Quiet | Put::Force => {
                let order = Order::Sleep { force: put == Put::Force };
                let mut tries = 0..200;
                while !fake.order(order).accepted {
                    prop_assert!(tries.next().is_some(), "it is never quiet");
                    fake.pass(60);
                }
            }
        }
        fake.asked(last);
        minutely(&mut fake, 3, &alarms);
        let waits = fake.thing == Thing::Variant && fake.backlog > 0;
        minutely(&mut fake, 20, &alarms);
        if waits && put != Put::Force {
            prop_assert!(fake.desired > 0, "{} wait", fake.backlog);
            return Ok(());
        }
        prop_assert_eq!(fake.wake(), None);
        prop_assert_eq!((fake.current, fake.desired), (0, 0));
        fake.asked(1);
        minutely(&mut fake, 2, &alarms);
        prop_assert!(fake.desired > 0, "a single request wakes it");
    }

    #[test]
    fn within_the_time_of_a_schedule_its_instances_come_whatever_is_at_work(
        component in any::<bool>(),
        targeted in any::<bool>(),
        early in prop::option::of(0..60_i64),
        steady in any::<bool>(),
        scarce in 0..5000_i64,
    ) {
        let mut fake = world(component, targeted, true, 0);
        fake.policy.prewarm = vec![prewarm("0 9 * * ? *", 6 * 3600)];
        let opens = fake.policy.prewarm[0].cron.next(fake.now, &jiff::tz::TimeZone::UTC).unwrap();
        let until = opens + jiff::SignedDuration::from_secs(scarce);
        // A wake that failed, the longest pause, and the start.
        let there = until + jiff::SignedDuration::from_mins(30 + 60 + 10);
        for minute in 0.. {
            if early.is_some_and(|early| minute == early || steady && minute > early) {
                fake.asked(1);
            }
            if fake.now >= opens - jiff::SignedDuration::from_mins(5) {
                fake.scarce_until = Some(until);
            }
            fake.pass(60);
            fake.quietly();
            if fake.now > there {
                break;
            }
        }
        // Work that went on all the while may have asked for more.
        prop_assert!(fake.current >= 2 && fake.min().is_none_or(|min| min >= 2), "{} of {:?}", fake.current, fake.min());
        prop_assert!(steady || (fake.current, fake.min()) == (2, targeted.then_some(2)), "{} of {:?}", fake.current, fake.min());
        // And a person's word ends it for this time.
        let answer = fake.order(Order::Sleep { force: true });
        prop_assert!(answer.accepted);
        if !steady {
            minutely(&mut fake, 60, &[]);
            prop_assert_eq!((fake.current, fake.min()), (0, targeted.then_some(0)));
        }
    }
}
