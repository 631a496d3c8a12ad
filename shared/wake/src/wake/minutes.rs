//! What the minutes say: is there work without capacity, did a request succeed, has the work drained.
//!
//! A minute is believed when something was certainly published in it. What is missing is unknown: never idle, never
//! drained.

use std::time::Duration;

use jiff::Timestamp;

use shared::wake::number;

use super::{
    ledger::{Left, before},
    look::Minute,
    policy::WakePolicy,
    thing::Thing,
};

/// Work without capacity that is older counts no more: whoever was refused has gone, and a queue shows it anew.
pub(super) const LOOKBACK: Duration = Duration::from_secs(15 * 60);

/// So long without any work is drained.
pub(super) const DRAINED: Duration = Duration::from_secs(5 * 60);

/// CloudWatch's newest minute is not complete before that.
const DELAY: Duration = Duration::from_secs(60);

/// A backlog seen longer ago says nothing of now.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// Waiting requests for each instance of an asynchronous endpoint: the target value in SageMaker's own example.
const PER_INSTANCE: u32 = 5;

/// Whether there was work for some time.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Quiet {
    /// None, in every minute.
    Yes,
    /// There was some: in the minute that began then.
    Busy(Timestamp),
    /// The time is not over yet.
    NotYet,
    /// Of so many minutes nothing is known.
    Unknown(usize),
}

/// The first minute, the one of `from` or later, of those in which requests found no capacity and which no minute followed
/// that shows otherwise. Work that was done, and a queue that is empty now, ask for nothing any more.
pub(super) fn demanded(minutes: &[Minute], from: Timestamp) -> Option<Timestamp> {
    let since = minutes.iter().filter(|minute| number(minute.at) >= number(from));
    since.fold(None, |asked, minute| match (asks(minute), met(minute)) {
        (true, _) => asked.or(Some(minute.at)),
        (false, true) => None,
        (false, false) => asked,
    })
}

/// The same of a queue in which something was left: the first minute in which more waits. What is left becomes less with
/// the queue.
pub(super) fn grown(minutes: &[Minute], left: &mut Left) -> Option<Timestamp> {
    let mut asked = None;
    for minute in minutes.iter().filter(|minute| minute.pulse) {
        if number(minute.at) < number(left.at) {
            continue;
        }
        asked = (minute.backlog > left.waiting).then(|| asked.unwrap_or(minute.at));
        if minute.backlog < left.waiting {
            (left.at, left.waiting) = (minute.at, minute.backlog);
        }
    }
    asked
}

/// What waits in the queue, as far as it is known.
pub(super) fn waiting(minutes: &[Minute], now: Timestamp) -> Option<f64> {
    let newest = minutes.iter().rfind(|minute| minute.pulse)?;
    (end(newest) >= before(now, FRESH)).then_some(newest.backlog)
}

/// An alarm of `at` is about something else than requests without capacity: what is known of its time shows that there are
/// none.
pub(super) fn refuted(thing: &Thing, minutes: &[Minute], at: Timestamp) -> bool {
    let newest = minutes.iter().rfind(|minute| asks(minute) || met(minute));
    newest.is_some_and(|newest| match thing {
        Thing::Variant => !asks(newest) && end(newest) >= before(at, FRESH),
        // Without copies nothing is published but the refusals themselves.
        Thing::Component(_) => !asks(newest) && newest.at >= at,
    })
}

/// The last one.
pub(super) fn last_demanded(minutes: &[Minute], from: Timestamp) -> Option<Timestamp> {
    let mut asked = minutes.iter().filter(|minute| minute.at >= from && asks(minute));
    asked.next_back().map(|minute| minute.at)
}

fn asks(minute: &Minute) -> bool {
    minute.refused > 0.0 || (minute.backlog > 0.0 && !minute.told)
}

/// Whoever asked before found capacity, or has gone.
fn met(minute: &Minute) -> bool {
    minute.pulse || minute.told || minute.served > 0.0 || minute.running > 0.0
}

fn busy(minute: &Minute) -> bool {
    asks(minute) || minute.backlog > 0.0 || minute.served > 0.0 || minute.failed > 0.0 || minute.running > 0.0
}

/// The end of the first minute, the one of `from` or later, in which a request succeeded. What comes into service within
/// the minute in which it was asked for serves in that minute, too.
pub(super) fn first_success(minutes: &[Minute], from: Timestamp) -> Option<Timestamp> {
    let first = number(from);
    let mut served = minutes
        .iter()
        .filter(|minute| number(minute.at) >= first && minute.served > 0.0);
    served.next().map(end)
}

/// Requests that failed since.
pub(super) fn failed(minutes: &[Minute], from: Timestamp) -> f64 {
    let since = minutes.iter().filter(|minute| minute.at >= from);
    since.map(|minute| minute.failed).sum()
}

/// There was work in a minute that began at `from` or later.
pub(super) fn worked(minutes: &[Minute], from: Timestamp) -> bool {
    minutes.iter().any(|minute| minute.at >= from && busy(minute))
}

/// Whether there was no work for `span` until now, and since `from` throughout.
pub(super) fn quiet(minutes: &[Minute], now: Timestamp, span: Duration, from: Timestamp) -> Quiet {
    let complete = now.checked_sub(DELAY).unwrap_or(Timestamp::MIN);
    let last = number(complete);
    let count = i64::try_from(span.as_secs().div_ceil(60)).unwrap_or(i64::MAX).max(1);
    let first = last.saturating_sub(count);
    let at = |minute: &Minute| number(minute.at);
    let recent = minutes.iter().filter(|minute| at(minute) >= first);
    // Also of a minute that is not complete: what it shows is there.
    if let Some(minute) = recent.clone().rfind(|minute| busy(minute)) {
        return Quiet::Busy(minute.at);
    }
    if first < number(from) {
        return Quiet::NotYet;
    }
    let mut known: Vec<i64> = recent
        .filter(|minute| minute.pulse && at(minute) < last)
        .map(at)
        .collect();
    known.dedup();
    match usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(known.len()) {
        0 => Quiet::Yes,
        unknown => Quiet::Unknown(unknown),
    }
}

/// How many instances or copies the work asks for, within the policy's limits.
pub(super) fn size(policy: &WakePolicy, thing: &Thing, minutes: &[Minute], now: Timestamp) -> u32 {
    let oldest = before(now, FRESH);
    let mut fresh = minutes.iter().filter(|minute| end(minute) >= oldest);
    let (work, each) = match (thing, policy.per_instance) {
        (Thing::Variant, each) => {
            let newest = fresh.rfind(|minute| minute.pulse);
            (
                newest.map_or(0.0, |minute| minute.backlog),
                each.unwrap_or(PER_INSTANCE),
            )
        }
        (Thing::Component(_), None) => (0.0, 1),
        (Thing::Component(_), Some(each)) => (fresh.map(|minute| minute.refused).fold(0.0, f64::max), each),
    };
    let least = policy.instances.min(policy.max_instances);
    let needed = (work / f64::from(each.max(1))).ceil();
    (least..=policy.max_instances)
        .find(|count| f64::from(*count) >= needed)
        .unwrap_or(policy.max_instances)
        .max(1)
}

fn end(minute: &Minute) -> Timestamp {
    minute.at.checked_add(Duration::from_secs(60)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_served_within_the_minute_of_the_call_is_a_success_and_what_was_before_is_none() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).expect("a time");
        let minutes = [-60, 0, 60].map(|second| Minute {
            served: 1.0,
            ..Minute::at(at(second))
        });
        assert_eq!(first_success(&minutes, at(1)), Some(at(60)));
        assert_eq!(first_success(&minutes[..1], at(1)), None);
        assert_eq!(first_success(&minutes[2..], at(59)), Some(at(120)));
    }

    #[test]
    fn an_alarm_of_a_component_is_answered_by_the_minute_that_begins_with_it() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).expect("a time");
        let thing = Thing::Component("llm".to_owned());
        let minute = |second| Minute {
            pulse: true,
            ..Minute::at(at(second))
        };
        assert!(refuted(&thing, &[minute(0)], at(0)));
        assert!(!refuted(&thing, &[minute(0)], at(1)));
        let refused = Minute {
            refused: 1.0,
            ..minute(0)
        };
        assert!(!refuted(&thing, &[refused], at(0)));
    }
}
