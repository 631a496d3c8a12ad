//! What people are told about one endpoint, and when.
//!
//! Not a stream of events but a comparison: what they were last told ([`Incident`]) with what is. So nothing is lost
//! when an invocation dies, when alerts are muted for a while, or when an event comes twice.

use jiff::Timestamp;

use super::{
    Facts, Why, alerts,
    ledger::{Checks, EndpointRecord, HealthLedger, Incident, Level, State, Told, after, between},
    policy::HealthPolicy,
    recovery,
    silence::Mute,
};
use crate::{
    alert::{AlertKind, Severity},
    outbox::Outbox,
};

/// What is wrong with the endpoint now; `None` while it is well, and while nobody can know yet.
pub(super) fn ailment(record: &EndpointRecord) -> Option<State> {
    match record.state {
        State::Degraded
        | State::Unhealthy
        | State::Stuck
        | State::RollbackFailed
        | State::OutOfService
        | State::Failed
        | State::Vanished => Some(record.state),
        // What its probes said of the endpoint that Steward deleted says nothing of the one to come.
        State::Changing | State::Deleting if record.recovery.recreates() => None,
        State::Unknown | State::Changing | State::Deleting => match record.level {
            Level::Degraded => Some(State::Degraded),
            Level::Unhealthy => Some(State::Unhealthy),
            Level::Unknown | Level::Healthy => None,
        },
        State::Healthy => None,
    }
}

/// Keeps what people know equal to what is.
pub(super) fn tell(
    facts: &Facts<'_>,
    ledger: &mut HealthLedger,
    name: &str,
    policy: &HealthPolicy,
    mute: Option<&Mute>,
    suppressed: bool,
) -> Option<Why> {
    let serial = ledger.serial + 1;
    let outbox = &mut ledger.outbox;
    let record = ledger.endpoints.get_mut(name)?;
    if let Some(mute) = mute {
        return (ailment(record).is_some() || record.incident.is_some()).then(|| Why::Muted(mute.clone()));
    }
    let teller = Teller { facts, name, policy };
    let ailing = ailment(record);
    record
        .changes
        .retain(|change| between(*change, facts.now) < policy.flapping.window);
    // SageMaker's own word does not flap: an outage that it states is told whatever the probes did before. Stuck is its word
    // only where no probe judges meanwhile; elsewhere it comes and goes with their answers.
    let stated = ailing.is_some_and(|state| is_stated(state) && (state != State::Stuck || !record.status.serves()));
    let settled = ailing.is_some() && stays_sick(record, policy);
    if settled {
        // It does not flap any more: what comes is counted anew.
        record.changes.clear();
    }
    let unsteady = !stated && record.changes.len() as u64 > u64::from(policy.flapping.transitions);
    match (record.incident.as_ref().map(|incident| incident.told), ailing) {
        (Some(Told::Flapping), _) if !stated && !record.changes.is_empty() => {
            Some(teller.still_flapping(record, outbox))
        }
        (Some(Told::Flapping), Some(state)) => Some(teller.calm_but(record, outbox, state)),
        (Some(Told::Flapping), None) => teller.over(record, outbox),
        (None, _) if unsteady => {
            let since = record.changes.first().copied().unwrap_or(facts.now);
            record.incident = Some(teller.incident(serial, Told::Flapping, since));
            ledger.serial = serial;
            Some(teller.flapping(record, outbox))
        }
        (Some(Told::Ill(_)), _) if unsteady => Some(teller.flapping(record, outbox)),
        (None, Some(state)) if suppressed && state_is_judged(state) => Some(Why::Suppressed),
        // On its way back when the mute or the suppression ended: nobody needs to hear of it any more.
        (None, Some(state)) if state_is_judged(state) && record.streak.passing > 0 => Some(Why::NotYetWell),
        (None, Some(state)) => {
            let since = record
                .ill_since
                .filter(|_| state_is_judged(state))
                .unwrap_or(record.since);
            record.incident = Some(teller.incident(serial, Told::Ill(state), since));
            ledger.serial = serial;
            Some(teller.ill(record, outbox, state))
        }
        (Some(Told::Ill(told)), Some(state)) if told != state => Some(teller.ill(record, outbox, state)),
        (Some(Told::Ill(state)), Some(_)) => teller.remind(record, outbox, state),
        (Some(Told::Ill(_)), None) => teller.over(record, outbox),
        (None, None) => None,
    }
}

/// Closes the incident of an endpoint that is watched no more.
pub(super) fn close(facts: &Facts<'_>, ledger: &mut HealthLedger, name: &str, because: &str) {
    let outbox = &mut ledger.outbox;
    let Some(record) = ledger.endpoints.get_mut(name) else {
        return;
    };
    if let Some(mut incident) = record.incident.take() {
        let since = incident.since;
        let mut alert = alerts::of_incident(facts, &mut incident, AlertKind::EndpointDismissed, name, None);
        alert.title = because.to_owned();
        alert.evidence = vec![format!("{} when it was last looked at", record.state)];
        outbox.push(alerts::with_since(alert, since));
    }
}

/// Closes what was told of an endpoint that is not there and, by what the fleet file says now, need not be yet.
pub(super) fn close_unmade(facts: &Facts<'_>, ledger: &mut HealthLedger, name: &str) {
    let said = ledger.endpoints.get(name).and_then(|record| record.evidence.first());
    let because = said.cloned().unwrap_or_default();
    close(facts, ledger, name, &because);
}

/// Its level has been ill for so long, by checks that counted, that it is an outage and not a swing.
fn stays_sick(record: &EndpointRecord, policy: &HealthPolicy) -> bool {
    let sick_for = |change: &Timestamp| record.counted.map(|counted| between(*change, counted));
    record.level.is_ill()
        && record.streak.passing == 0
        && record
            .changes
            .last()
            .and_then(sick_for)
            .is_some_and(|lasting| lasting >= policy.flapping.outage)
}

/// It is known to be well: by its state, or, of an endpoint that SageMaker works on, by checks that passed since it was ill.
pub(super) fn known_well(record: &EndpointRecord, policy: &HealthPolicy) -> bool {
    let answers = record.state == State::Changing
        && record.status.serves()
        && record.level == Level::Healthy
        && record.streak.passing >= policy.success_threshold;
    record.state == State::Healthy || answers
}

fn is_stated(state: State) -> bool {
    matches!(
        state,
        State::Stuck | State::OutOfService | State::Failed | State::Vanished
    )
}

fn state_is_judged(state: State) -> bool {
    matches!(state, State::Degraded | State::Unhealthy)
}

struct Teller<'a> {
    facts: &'a Facts<'a>,
    name: &'a str,
    policy: &'a HealthPolicy,
}

impl Teller<'_> {
    fn incident(&self, serial: u64, told: Told, since: Timestamp) -> Incident {
        Incident {
            id: format!("health:{}:{}-{serial}", self.name, since.as_second()),
            told,
            since,
            last: self.facts.now,
            alerts: 0,
            reminders: 0,
            tried: Vec::new(),
            exhausted: false,
            limited: false,
            checks: Checks::default(),
        }
    }

    fn ill(&self, record: &mut EndpointRecord, outbox: &mut Outbox, state: State) -> Why {
        let severity = alerts::severity(state, record);
        let Some(incident) = record.incident.as_mut() else {
            return Why::Told(state);
        };
        let before = incident.told;
        incident.told = Told::Ill(state);
        // Rungs that were of no use before may be left for what is wrong now.
        incident.exhausted &= state != State::Failed;
        incident.last = self.facts.now;
        incident.reminders = 0;
        incident.checks = Checks::default();
        let mut alert = alerts::of_incident(self.facts, incident, alerts::kind(state), self.name, Some(self.policy));
        alert.title = alerts::title(state, &record.causes);
        alert.evidence.clone_from(&record.evidence);
        if incident.alerts > 1
            && let Told::Ill(before) = before
        {
            alert.evidence.push(format!("was {before} before"));
        }
        alert.evidence.extend(alerts::context(record));
        alert.done.push(alerts::may_recover(self.policy));
        if let Some(severity) = severity {
            alert.severity = severity;
        }
        if let Some(next) = alerts::next(state, record) {
            alert.next = next.into();
        }
        outbox.push(alert);
        Why::Told(state)
    }

    fn flapping(&self, record: &mut EndpointRecord, outbox: &mut Outbox) -> Why {
        if let Some(incident) = record.incident.as_mut() {
            incident.told = Told::Flapping;
            incident.reminders = 0;
            self.swings(record, outbox);
        }
        Why::Flapping
    }

    /// An outage of minutes, again and again, is one that people are reminded of like any other.
    fn still_flapping(&self, record: &mut EndpointRecord, outbox: &mut Outbox) -> Why {
        let due = |incident: &Incident| {
            let every = self.policy.reminder?;
            (self.facts.now >= after(incident.last, every)).then_some(())
        };
        if let Some(incident) = record.incident.as_mut()
            && due(incident).is_some()
        {
            let before = incident.reminders;
            incident.reminders = before.saturating_add(1);
            if self.swings(record, outbox) {
                return Why::Reminded;
            }
            if let Some(incident) = &mut record.incident {
                incident.reminders = before;
            }
        }
        Why::Flapping
    }

    /// Single changes are not told: this is what stands for them. False when people were not told of the first yet.
    fn swings(&self, record: &mut EndpointRecord, outbox: &mut Outbox) -> bool {
        let Some(incident) = record.incident.as_mut() else {
            return false;
        };
        let (told, checks) = (incident.last, std::mem::take(&mut incident.checks));
        incident.last = self.facts.now;
        let mut alert = alerts::of_incident(
            self.facts,
            incident,
            AlertKind::EndpointFlapping,
            self.name,
            Some(self.policy),
        );
        alert.title = format!(
            "{} changes in {}",
            record.changes.len(),
            crate::probe::seconds(self.policy.flapping.window)
        );
        alert.reminder = incident.reminders;
        let window = self.policy.flapping.window;
        if record
            .unhealthy
            .is_some_and(|last| between(last, self.facts.now) < window)
        {
            alert.severity = Severity::Critical;
        }
        alert.evidence.push(format!("now {}", record.state));
        if checks.counted > 0 && told < self.facts.now {
            alert.evidence.push(format!(
                "{} of the {} checks since {:.0} failed",
                checks.failed, checks.counted, told
            ));
        }
        alert.evidence.extend(record.evidence.iter().cloned());
        alert.done.push(format!(
            "Single alerts and recovery are held back until it has not changed for {}, or has been sick for {} without a break.",
            crate::probe::seconds(self.policy.flapping.window),
            crate::probe::seconds(self.policy.flapping.outage)
        ));
        outbox.push(alert)
    }

    /// It flaps no more, but it is sick.
    fn calm_but(&self, record: &mut EndpointRecord, outbox: &mut Outbox, state: State) -> Why {
        let why = self.ill(record, outbox, state);
        if let Some(incident) = record.incident.as_mut() {
            incident.tried.clear();
            incident.exhausted = false;
        }
        why
    }

    fn remind(&self, record: &mut EndpointRecord, outbox: &mut Outbox, state: State) -> Option<Why> {
        let (severity, next) = (alerts::severity(state, record), alerts::next(state, record));
        let incident = record.incident.as_mut()?;
        if self.facts.now < after(incident.last, self.policy.reminder?) {
            return None;
        }
        incident.last = self.facts.now;
        incident.checks = Checks::default();
        let reminder = incident.reminders.saturating_add(1);
        let mut alert = alerts::of_incident(self.facts, incident, alerts::kind(state), self.name, Some(self.policy));
        alert.reminder = reminder;
        alert.severity = severity.unwrap_or(alert.severity);
        if let Some(next) = next {
            alert.next = next.into();
        }
        alert.title = alerts::title(state, &record.causes);
        alert.evidence.clone_from(&record.evidence);
        alert.evidence.extend(alerts::context(record));
        // Not where the first of it waits in the outbox yet.
        outbox.push(alert).then_some(())?;
        record.incident.as_mut()?.reminders = reminder;
        Some(Why::Reminded)
    }

    /// Over only when it is known to be well: an endpoint that is changing without an answer, or not judged since it was
    /// created, is not; nor, while it is changing, one of which SageMaker itself had said that it is not.
    fn over(&self, record: &mut EndpointRecord, outbox: &mut Outbox) -> Option<Why> {
        let by_checks = record.incident.as_ref().is_some_and(|incident| match incident.told {
            Told::Flapping => true,
            Told::Ill(state) => state_is_judged(state),
        });
        if record.state != State::Healthy && !(by_checks && known_well(record, self.policy)) {
            return Some(Why::NotYetWell);
        }
        let mut incident = record.incident.take()?;
        let flapped = incident.told == Told::Flapping;
        let lasted = crate::probe::seconds(between(incident.since, self.facts.now));
        let mut alert = alerts::of_incident(
            self.facts,
            &mut incident,
            AlertKind::EndpointRecovered,
            self.name,
            Some(self.policy),
        );
        alert.title = if flapped {
            format!("calm since {}", crate::probe::seconds(self.policy.flapping.window))
        } else {
            format!("after {lasted}")
        };
        alert.evidence.extend(alerts::context(record));
        if let Some(next) = recovery::give_back(self.name, record) {
            alert.next = next;
        }
        if !incident.tried.is_empty() {
            let tried: Vec<&str> = incident.tried.iter().map(|rung| rung.as_str()).collect();
            alert.done.push(format!("Recovery had tried: {}.", tried.join(", ")));
        }
        outbox.push(alert);
        Some(Why::Recovered)
    }
}
