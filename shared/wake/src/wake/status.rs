//! How an endpoint sleeps and wakes, for people.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{
    ledger::{Past, Remembered, Wake, WakeLedger, after, since},
    look::{Known, Look},
    policy::WakePolicy,
    tell::spoken,
    thing::{Seen, Thing, find},
};

/// Lines of a log that are shown.
const RECENT: usize = 6;

/// Wakes that ended that are shown.
const PAST: usize = 3;

/// What is known of one endpoint. Without a look only what the ledger remembers is said.
pub fn status(
    endpoint: &str,
    policy: Option<&WakePolicy>,
    ledger: &WakeLedger,
    look: Option<&Look>,
    now: Timestamp,
) -> String {
    let mut said = String::new();
    if policy.is_none() {
        let _ = writeln!(
            said,
            "{endpoint} is not woken by Steward: the fleet file does not say `wake: {{ enabled: true }}` for it."
        );
    }
    for thing in super::needs::things(policy, ledger) {
        let variant = policy.and_then(|policy| policy.variant.as_deref());
        let seen = look.map(|look| find(look, &thing, variant));
        let name = match &thing {
            Thing::Variant => endpoint.to_owned(),
            Thing::Component(component) => format!("{endpoint}, component {component}"),
        };
        let _ = writeln!(said, "{name}: {}.", present(&thing, seen.as_ref()));
        if let Some(remembered) = ledger.things.get(&thing) {
            remember(&mut said, policy, remembered, now);
        }
        let past = ledger.history.iter().rev().filter(|past| past.thing == thing);
        for past in past.take(PAST) {
            let _ = writeln!(said, "  {}", ended(past, now));
        }
    }
    if let Some(policy) = policy {
        promise(&mut said, policy, now);
    }
    said
}

fn present(thing: &Thing, seen: Option<&Seen<'_>>) -> String {
    let unit = thing.unit();
    let state = match seen {
        None => return "it was not looked at".to_owned(),
        Some(Seen::Not(why) | Seen::Never(why)) => return why.clone(),
        Some(Seen::There(state)) => state,
    };
    let count = match (state.current, state.desired) {
        (0, 0) => "asleep".to_owned(),
        (current, desired) if current == desired => format!("{current} {unit} in service"),
        (current, desired) => format!("{current} {unit} in service, {desired} asked for"),
    };
    match state.scaling() {
        Known::Yes(Some(scaling)) => format!("{count}; scaled from {} to {}", scaling.min, scaling.max),
        Known::Yes(None) => format!("{count}; no scalable target"),
        Known::No(_) => count,
    }
}

fn remember(said: &mut String, policy: Option<&WakePolicy>, remembered: &Remembered, now: Timestamp) {
    if let Some(wake) = &remembered.wake {
        at_work(said, policy, wake, now);
    }
    if let Some(sleep) = &remembered.sleep {
        let by = sleep.by.as_deref().unwrap_or("nobody used it");
        let refused = sleep.refused.as_deref().map(|said| format!("; AWS said: {said}"));
        let refused = refused.unwrap_or_default();
        let _ = writeln!(said, "  is put to sleep since {:.0}: {by}{refused}.", sleep.since);
    }
    if let Some(left) = remembered.left.filter(|left| left.waiting > 0.0) {
        let _ = writeln!(
            said,
            "  {:.0} requests were left in its queue by a forced sleep: more of them wake it, or `wake`.",
            left.waiting
        );
    }
    if let Some(until) = remembered
        .not_before
        .filter(|until| now < *until && remembered.wake.is_none())
    {
        let failed = match remembered.failures {
            1 => "the last wake failed".to_owned(),
            many => format!("the last {many} wakes failed"),
        };
        let _ = writeln!(
            said,
            "  {failed}; requests wake it again from {until:.0} on, `wake` at once."
        );
    }
}

fn at_work(said: &mut String, policy: Option<&WakePolicy>, wake: &Wake, now: Timestamp) {
    let _ = writeln!(
        said,
        "  wake {} is {} for {}, {} after the first request; asked for by {}.",
        wake.number,
        wake.phase,
        spoken(since(wake.since, now)),
        spoken(since(wake.demanded, now)),
        wake.cause
    );
    if let (Some(original), Some(raised)) = (wake.original, wake.raised.last()) {
        let _ = writeln!(
            said,
            "  The minimum was raised to {raised} and is to be {original} in the end."
        );
    }
    if let (None, Some(policy)) = (wake.ready, policy) {
        let ends = after(wake.started, wake.may_take(policy.deadline));
        let _ = writeln!(said, "  It has failed if it is not in service by {ends:.0}.");
    }
    if let Some(problem) = &wake.problem {
        let _ = writeln!(said, "  Last problem: {problem}.");
    }
    for line in wake.log.iter().rev().take(RECENT).rev() {
        let _ = writeln!(said, "    {:.0} {}", line.at, line.what);
    }
}

fn ended(past: &Past, now: Timestamp) -> String {
    let ago = spoken(since(past.ended, now));
    let took = match (past.ready, past.served) {
        (_, Some(served)) => format!("first success after {}", spoken(served)),
        (Some(ready), None) => format!("in service after {}, without a request", spoken(ready)),
        (None, None) => "never in service".to_owned(),
    };
    format!("wake {} ended {ago} ago, {}: {took}.", past.number, past.how)
}

fn promise(said: &mut String, policy: &WakePolicy, now: Timestamp) {
    let sleeps = match policy.idle_after {
        Some(idle) => format!("It is put to sleep after {} without requests", spoken(idle)),
        None => "Steward does not put it to sleep by itself".to_owned(),
    };
    let open = policy.prewarm.iter().filter_map(|prewarm| {
        let (_, until) = prewarm.open_at(now)?;
        Some((until, prewarm))
    });
    if let Some((until, prewarm)) = open.max_by_key(|(until, _)| *until) {
        let _ = writeln!(
            said,
            "{sleeps}, and not before {until:.0}, when the time of its schedule ({}) is over.",
            prewarm.name
        );
        return;
    }
    let next = policy.prewarm.iter().filter_map(|prewarm| {
        let at = prewarm.cron.next(now, &prewarm.zone)?;
        Some((at, prewarm))
    });
    let _ = match next.min_by_key(|(at, _)| *at) {
        Some((at, prewarm)) => writeln!(
            said,
            "{sleeps}; it is awake by schedule ({}) next from {:.0} for {}.",
            prewarm.name,
            at,
            spoken(prewarm.lasts)
        ),
        None => writeln!(said, "{sleeps}."),
    };
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wake::{fake::*, needs};

    fn shown(fake: &Fake) -> String {
        let look = fake.look(&needs(fake.now, Some(&fake.policy), &fake.ledger, true));
        status("images", Some(&fake.policy), &fake.ledger, Some(&look), fake.now)
    }

    #[test]
    fn it_reads_like_this() {
        let mut fake = Fake::asynchronous();
        fake.policy.idle_after = Some(Duration::from_secs(1800));
        fake.policy.prewarm = vec![prewarm("0 20 ? * MON-FRI *", 36_000)];
        let mut said = vec![shown(&fake)];
        fake.backlog = 30;
        fake.takes = 300;
        fake.scarce_until = Some(at(500));
        fake.pass(120);
        fake.alarmed();
        fake.pass(180);
        fake.quietly();
        said.push(shown(&fake));
        fake.pass(180);
        fake.quietly();
        fake.pass(60);
        fake.quietly();
        said.push(shown(&fake));
        fake.until_calm(60);
        said.push(shown(&fake));
        let mut slow = Fake::component();
        slow.coming = 1;
        slow.takes = 100_000;
        slow.pass(60);
        slow.quietly();
        slow.until_calm(60);
        said.push(shown(&slow));
        said.push(status("images", None, &WakeLedger::default(), None, at(0)));
        insta::assert_snapshot!(said.join("\n"));
    }
}
