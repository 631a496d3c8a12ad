//! What people are told: one alert for each change that they act on, and a line in the log for every change.

use std::time::Duration;

use super::{
    decision::{Facts, To, Transition},
    ledger::{Ended, Phase, Sleep, Wake, since},
    thing::Thing,
    trouble::{Kind, Trouble},
    why::Why,
};
use crate::{
    alert::{Alert, AlertKind},
    outbox::Outbox,
    text::{lasting, printable},
};

/// Where it is told.
pub(super) struct Teller<'a> {
    pub(super) facts: Facts<'a>,
    pub(super) thing: &'a Thing,
    pub(super) alerts: &'a mut u64,
    pub(super) outbox: &'a mut Outbox,
    pub(super) transitions: &'a mut Vec<Transition>,
}

impl Teller<'_> {
    fn alert(&mut self, kind: AlertKind, title: &str, alert: impl FnOnce(Alert) -> Alert) {
        *self.alerts += 1;
        let facts = self.facts;
        let mut new = Alert::new(kind, Some(facts.endpoint), facts.now, facts.now);
        let (at, serial) = (facts.now.as_millisecond(), *self.alerts % 1_000_000);
        new.id = format!("{kind}:{}:{at}:{serial}", facts.endpoint);
        new.labels.clone_from(facts.labels);
        let title = match self.thing {
            Thing::Variant => title.to_owned(),
            Thing::Component(name) => format!("component {name}: {title}"),
        };
        self.outbox.push(alert(new.titled(printable(&title, 200))));
    }

    fn went(&mut self, wake: u64, to: To) {
        self.transitions.push(Transition {
            thing: self.thing.clone(),
            wake,
            at: self.facts.now,
            to,
        });
    }

    pub(super) fn began(&mut self, wake: &mut Wake) {
        let unit = self.thing.unit();
        wake.note(
            self.facts.now,
            format!("to be woken with {} {unit}: {}", wake.wanted, wake.cause),
        );
        self.went(wake.number, To::Phase(Phase::Waiting));
    }

    pub(super) fn moved(&mut self, wake: &mut Wake, to: Phase) {
        wake.note(self.facts.now, to.as_str());
        self.went(wake.number, To::Phase(to));
    }

    pub(super) fn ready(&mut self, wake: &mut Wake, current: u32) {
        let Some(took) = wake.time_to_service() else { return };
        let unit = self.thing.unit();
        wake.note(
            self.facts.now,
            format!("{current} {unit} in service after {}", spoken(took)),
        );
        self.went(wake.number, To::Ready(took));
        if matches!(wake.cause, super::ledger::Cause::Command { .. }) {
            self.awake(wake, &format!("in service after {}", spoken(took)));
        }
    }

    pub(super) fn served(&mut self, wake: &mut Wake) {
        let Some(took) = wake.time_to_success() else { return };
        wake.note(self.facts.now, format!("first success after {}", spoken(took)));
        self.went(wake.number, To::Served(took));
        if !matches!(wake.cause, super::ledger::Cause::Command { .. }) {
            self.awake(wake, &format!("first success after {}", spoken(took)));
        }
    }

    fn awake(&mut self, wake: &Wake, title: &str) {
        let unit = self.thing.unit();
        let asked = format!("asked for by {}, since {:.0}", wake.cause, wake.demanded);
        let ready = wake
            .time_to_service()
            .map(|took| format!("in service after {}", spoken(took)));
        let problem = wake.problem.clone();
        let done = match (wake.original, wake.raised.last()) {
            (Some(original), Some(raised)) => {
                format!(
                    "raised the minimum from {original} to {raised} {unit}; it is restored when the work has drained"
                )
            }
            _ => format!("set {} {unit}", wake.wanted),
        };
        self.alert(AlertKind::WakeServed, title, |alert| {
            let alert = alert.seen(asked);
            let alert = ready.filter(|said| said != title).into_iter().fold(alert, Alert::seen);
            let alert = problem
                .map(|said| format!("on the way: {said}"))
                .into_iter()
                .fold(alert, Alert::seen);
            alert.did(done)
        });
    }

    /// Once for each kind of trouble in a wake.
    pub(super) fn troubled(&mut self, wake: &mut Wake, trouble: &Trouble) {
        let said = trouble.to_string();
        wake.problem = Some(said.clone());
        if wake.told.contains(&trouble.kind) {
            return;
        }
        wake.note(self.facts.now, format!("{}: {said}", trouble.kind.title()));
        wake.told.push(trouble.kind);
        let waited = waited(wake, self.facts);
        let cause = format!("asked for by {}", wake.cause);
        let pools = pools(wake, trouble.kind);
        let next = trouble.kind.next().replace("<endpoint>", self.facts.endpoint);
        let title = trouble.kind.title();
        self.alert(AlertKind::WakeStruggling, title, |alert| {
            let alert = alert.seen(said).seen(cause).seen(waited).next(next);
            pools.into_iter().fold(alert, Alert::seen)
        });
    }

    /// Somebody else set the minimum.
    pub(super) fn yielded(&mut self, wake: &mut Wake, before: u32, now: u32) {
        let raised = wake.raised.last().copied().unwrap_or(before);
        let said =
            format!("the minimum is {now}, and neither the {before} from before nor the {raised} that Steward set");
        wake.note(self.facts.now, format!("{said}: it stays as it is"));
        let phase = wake.phase;
        self.alert(AlertKind::WakeYielded, &format!("its minimum is {now} now"), |alert| {
            alert
                .seen(said)
                .seen(format!("the wake is {phase}"))
                .did("leaves the minimum as it is, also when the work has drained")
        });
    }

    /// The minimum cannot be restored, or nobody knows whether it may.
    pub(super) fn held(&mut self, wake: &mut Wake, why: &str) {
        if wake.told.contains(&Kind::Kept) {
            return;
        }
        wake.told.push(Kind::Kept);
        wake.note(self.facts.now, format!("held: {why}"));
        let kept = match (wake.original, wake.raised.last()) {
            (Some(original), Some(raised)) => format!("the minimum is {raised}, and was {original}"),
            _ => "it stays awake".to_owned(),
        };
        let phase = wake.phase;
        self.alert(AlertKind::WakeHeld, why, |alert| {
            alert.seen(kept).seen(format!("the wake is {phase}"))
        });
    }

    pub(super) fn failed(&mut self, wake: &mut Wake, why: &str, failures: u32) {
        let said = why.to_owned();
        let waited = waited(wake, self.facts);
        let cause = format!("asked for by {}", wake.cause);
        let times = (failures > 1).then(|| format!("{failures} wakes in a row failed"));
        let pools = pools(wake, Kind::Capacity);
        let problem = wake.problem.clone().filter(|problem| !said.contains(problem.as_str()));
        let calls = wake.calls.count;
        let kind = wake.told.iter().rfind(|kind| **kind != Kind::Held);
        let next = kind.map(|kind| kind.next().replace("<endpoint>", self.facts.endpoint));
        self.alert(AlertKind::WakeFailed, &said, |alert| {
            let alert = alert.seen(cause).seen(waited);
            let alert = problem.into_iter().chain(pools).chain(times).fold(alert, Alert::seen);
            let alert = alert.did(format!("asked for capacity {calls} times"));
            match next {
                Some(next) => alert.next(next),
                None => alert,
            }
        });
    }

    pub(super) fn ended(&mut self, wake: &mut Wake, how: &Ended) {
        wake.note(self.facts.now, how.to_string());
        self.went(wake.number, To::End(how.as_str()));
    }

    /// It was to be put to sleep because nobody uses it, and could not be.
    pub(super) fn restless(&mut self, sleep: &Sleep, current: u32) {
        let unit = self.thing.unit();
        let (tried, said) = ordered(sleep);
        self.alert(
            AlertKind::WakeHeld,
            "it could not be put to sleep for an hour",
            |alert| {
                let alert = alert.seen(tried).seen(format!("{current} {unit} in service"));
                let alert = said.into_iter().fold(alert, Alert::seen);
                alert.did("tries again as long as nobody uses it, and does not tell again until it slept or was woken")
            },
        );
    }

    /// What a person ordered is not done yet.
    pub(super) fn pending(&mut self, sleep: &Sleep, current: u32, why: &Why, again: Duration) {
        let (tried, said) = ordered(sleep);
        let waits = match why {
            Why::Later { .. } => None,
            why => Some(why.to_string()),
        };
        let unit = self.thing.unit();
        let lasts = spoken(since(sleep.since, self.facts.now));
        self.alert(
            AlertKind::WakeHeld,
            &format!("it was to be put to sleep {lasts} ago, and is awake"),
            |alert| {
                let alert = alert.seen(tried).seen(format!("{current} {unit} in service"));
                let alert = said.into_iter().chain(waits).fold(alert, Alert::seen);
                alert.did(format!(
                    "tries again at every wake-up until it sleeps, and tells again every {}; `wake`, or another `sleep`, \
                     takes the order's place",
                    spoken(again)
                ))
            },
        );
    }

    /// What a person ordered is not done at all: somebody else wants it awake.
    pub(super) fn overruled(&mut self, sleep: &Sleep, why: &str) {
        let (tried, said) = ordered(sleep);
        self.alert(
            AlertKind::WakeHeld,
            &format!("it is not put to sleep: {why}"),
            |alert| {
                let alert = said.into_iter().fold(alert.seen(tried), Alert::seen);
                alert.did("leaves it awake; send `sleep` again when the minimum is 0")
            },
        );
    }

    pub(super) fn asleep(&mut self) {
        self.went(0, To::Asleep);
    }
}

/// Since when and why it is to sleep, and what AWS said to that.
fn ordered(sleep: &Sleep) -> (String, Option<String>) {
    let by = sleep.by.as_deref().unwrap_or("nobody used it");
    let tried = format!("to be put to sleep since {:.0}: {by}", sleep.since);
    (tried, sleep.refused.as_ref().map(|said| format!("AWS said: {said}")))
}

fn waited(wake: &Wake, facts: Facts<'_>) -> String {
    let unit = if wake.ready.is_some() { "" } else { " without capacity" };
    format!(
        "{} since the first request{unit}",
        spoken(since(wake.demanded, facts.now))
    )
}

fn pools(wake: &Wake, kind: Kind) -> Option<String> {
    let told = kind == Kind::Capacity;
    match wake.pools.as_slice() {
        _ if !told => None,
        [] => None,
        pools => Some(format!(
            "SageMaker tries its instance pools in this order: {}",
            pools.join(", ")
        )),
    }
}

pub(super) fn spoken(span: Duration) -> String {
    lasting(i64::try_from(span.as_secs()).unwrap_or(i64::MAX))
}
