//! What a wake has raised, for whoever keeps the scaling for later.

use super::{super::fake::*, *};
use crate::scaling::Scaling;

/// The minimum without what the wake at work has raised.
fn own(fake: &Fake, seen: &Scaling) -> u32 {
    let raised = fake.ledger.raised(&Thing::Variant, seen, fake.now);
    seen.given_back(raised.as_slice()).min
}

/// A wake that has raised the minimum from 0 to 4.
fn woken() -> Fake {
    let mut fake = Fake::asynchronous();
    fake.backlog = 500;
    fake.pass(120);
    fake.alarmed();
    assert_eq!(fake.min(), Some(4));
    fake
}

#[test]
fn at_every_minute_of_a_wake_the_minimum_that_comes_back_is_known() {
    let mut fake = woken();
    for _ in 0..90 {
        assert_eq!(own(&fake, &scaling(fake.min().unwrap(), 10)), 0);
        fake.pass(60);
        fake.quietly();
    }
    assert_eq!(fake.min(), Some(0));
}

#[test]
fn what_somebody_or_a_schedule_set_meanwhile_is_no_wake_s() {
    let fake = woken();
    assert_eq!(own(&fake, &scaling(7, 10)), 7);
    let mut scheduled = scaling(4, 10);
    scheduled.actions = vec![action(fake.now, 4)];
    assert_eq!(own(&fake, &scheduled), 4);
    scheduled.suspended.scheduled = true;
    assert_eq!(own(&fake, &scheduled), 0);
}
