//! Whether each endpoint is well, what people are told of it, and what is done about it.
//!
//! One pure step: the ledger of earlier sweeps and the [`News`] of this one go in, the next ledger, the steps to take
//! and the reasons come out. [`decide`] is total and deterministic, and deciding again on the same news changes nothing,
//! so a lost race is answered by deciding once more on the newer ledger.
//!
//! - `judge` turns one look at an endpoint into its state, with thresholds in both directions.
//! - `incident` compares what people were told with what is. `suppression` and `silence` hold that back.
//! - `monitor` keeps the monitor's own troubles away from the endpoints.
//! - `recovery` climbs the ladder and follows each step to its end.
//!
//! Invariants: an observation that is not newer than the last changes nothing. A trouble of the monitor never makes an
//! endpoint sick and never begins a recovery. A step is handed out only for an intent that is in the ledger. Budgets
//! hold over any history.

mod alerts;
pub mod asked;
pub mod awaited;
#[cfg(test)]
mod fixture;
mod incident;
pub mod judge;
pub mod ledger;
mod monitor;
pub mod observation;
mod own;
#[cfg(test)]
mod properties;
pub mod reach;
pub mod recent;
pub mod recovery;
pub mod silence;
pub mod status;
pub mod suppression;
#[cfg(test)]
mod tests;
mod why;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use self::{
    ledger::{EndpointRecord, HealthLedger, State, between},
    observation::{News, Observation, Trouble, Watch},
    policy::{FleetHealthPolicy, HealthPolicy},
    recovery::{Situation, Step},
};
use crate::{
    alert::Links,
    probe::{Cause, Judgement},
};

pub use self::why::Why;
pub use shared::health::policy;

/// What a decision needs beside ledger and news.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The time.
    pub now: Timestamp,
    /// What holds for the fleet as a whole.
    pub fleet: &'a FleetHealthPolicy,
    /// What alerts link to.
    pub links: &'a Links,
}

/// What comes of a decision.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// To be committed before anything else is done.
    pub ledger: HealthLedger,
    /// To be done after the commit, each under its endpoint's lease.
    pub steps: Vec<Step>,
    /// Why, by endpoint name; `None` is the fleet.
    pub reasons: Vec<(Option<String>, Why)>,
}

/// A vanished endpoint that no entry names is forgotten after this: it was found by a pattern or a tag, and nobody says
/// that it must exist. What somebody deleted in the Region of its backups stands by again after this.
pub const FORGET_VANISHED: Duration = Duration::from_secs(24 * 3600);

/// Recoveries of endpoints whose policy is not at hand are remembered this long for their budgets.
const REMEMBER_RECOVERIES: Duration = Duration::from_secs(31 * 24 * 3600);

/// Decides on what one invocation learnt.
pub fn decide(facts: &Facts<'_>, watch: &Watch, ledger: &HealthLedger, news: &News) -> Decision {
    let mut round = Round {
        facts,
        watch,
        ledger: ledger.clone(),
        steps: Vec::new(),
        reasons: Vec::new(),
        counted: Vec::new(),
    };
    round.ledger.silences.retain(|silence| silence.until > facts.now);
    let fresh = round.observe(news);
    for acted in &news.acted {
        let why = recovery::note(facts, &mut round.ledger, acted);
        round.say(Some(&acted.endpoint), why);
    }
    round.forget();
    if let Some(sweep) = &news.sweep {
        let more = !sweep.unreached.is_empty();
        suppression::sweeps::note(facts, watch, &mut round.ledger, &round.counted, more);
    }
    let (suppression, why) = suppression::update(facts, watch, &mut round.ledger);
    round.say(None, why);
    for (name, policy) in &watch.policies {
        if !round.ledger.endpoints.contains_key(name) {
            continue;
        }
        let mute = silence::mute(facts.now, &round.ledger, policy, name);
        if mute.is_none() && round.ledger.endpoints[name].is_unmade() {
            incident::close_unmade(facts, &mut round.ledger, name);
        }
        let why = incident::tell(
            facts,
            &mut round.ledger,
            name,
            policy,
            mute.as_ref(),
            suppression.holds_alerts,
        );
        round.say(Some(name), why);
        if let Some(look) = fresh.get(name.as_str()) {
            let held = mute.is_some() || suppression.holds_recovery;
            let (step, whys) = recovery::decide(
                facts,
                &mut round.ledger,
                Situation {
                    name,
                    policy,
                    look,
                    held,
                    muted: mute.is_some(),
                },
            );
            round.steps.extend(step);
            for why in whys {
                round.say(Some(name), Some(why));
            }
        }
        let why = recovery::tell(facts, &mut round.ledger, name, policy, mute.is_some());
        round.say(Some(name), why);
        let why = recovery::tell_missing(facts, &mut round.ledger, name, policy, mute.is_some());
        round.say(Some(name), why);
    }
    round.prune();
    Decision {
        ledger: round.ledger,
        steps: round.steps,
        reasons: round.reasons,
    }
}

struct Round<'a> {
    facts: &'a Facts<'a>,
    watch: &'a Watch,
    ledger: HealthLedger,
    steps: Vec<Step>,
    reasons: Vec<(Option<String>, Why)>,
    /// The checks that counted.
    counted: Vec<(String, Judgement)>,
}

impl Round<'_> {
    fn say(&mut self, endpoint: Option<&str>, why: impl Into<Option<Why>>) {
        if let Some(why) = why.into() {
            self.reasons.push((endpoint.map(str::to_owned), why));
        }
    }

    /// Applies the observations in the order they were made, whatever order they came in. Returns the ones that are now
    /// the newest of their endpoint.
    fn observe<'n>(&mut self, news: &'n News) -> BTreeMap<&'n str, &'n Observation> {
        let mut looks: Vec<&Observation> = news.observations.iter().collect();
        looks.sort_by(|a, b| {
            // Two looks of the same moment are compared by content, so that the order they came in cannot matter.
            (a.at, &a.endpoint)
                .cmp(&(b.at, &b.endpoint))
                .then_with(|| content(a).cmp(&content(b)))
        });
        let mut fresh = BTreeMap::new();
        let mut troubles = news.troubles.clone();
        let mut looked = BTreeSet::new();
        let mut answered = BTreeSet::new();
        for look in looks {
            let Some(policy) = self.watch.policies.get(&look.endpoint) else {
                self.say(Some(&look.endpoint), Why::Unwatched);
                continue;
            };
            let named = self.watch.named.contains(&look.endpoint);
            if !self.ledger.endpoints.contains_key(&look.endpoint) {
                // An endpoint that was never there, or never seen, is nothing to remember.
                match look.seen {
                    observation::Seen::Nothing => {
                        troubles.extend(look.troubles.iter().cloned());
                        self.say(Some(&look.endpoint), Why::Unseen);
                        continue;
                    }
                    observation::Seen::Absent if !named => continue,
                    observation::Seen::Absent | observation::Seen::Described(_) => {}
                }
            }
            let record = self
                .ledger
                .endpoints
                .entry(look.endpoint.clone())
                .or_insert_with(|| EndpointRecord::new(look.at));
            let unmade = self.watch.unmade.get(&look.endpoint).copied();
            let (why, met) = judge::apply(record, policy, (named, unmade), look);
            if why != Why::Stale {
                fresh.insert(look.endpoint.as_str(), look);
                if why != Why::Unseen {
                    looked.insert(look.endpoint.clone());
                    answered.extend(settled_by_answers(&self.ledger, policy, look));
                }
            }
            if let Why::Counted(verdict) = why {
                self.counted.push((look.endpoint.clone(), verdict));
            }
            troubles.extend(met);
            self.say(Some(&look.endpoint), why);
        }
        if let Some(sweep) = &news.sweep {
            self.ledger.sweep.at = self.ledger.sweep.at.max(Some(self.facts.now));
            self.ledger.sweep.unreached.clone_from(&sweep.unreached);
            troubles.extend(reach::behind(&sweep.unreached, &news.observations));
        }
        let whys = monitor::update(
            self.facts,
            &mut self.ledger,
            &troubles,
            news.sweep.is_some(),
            &looked,
            &answered,
        );
        for why in whys {
            self.say(None, why);
        }
        fresh
    }

    /// Lets go of what is gone for good, and of what nobody watches any more.
    fn forget(&mut self) {
        let names: Vec<String> = self.ledger.endpoints.keys().cloned().collect();
        for name in names {
            let record = &self.ledger.endpoints[&name];
            let named = self.watch.named.contains(&name);
            let deleted = record.gone && record.state == State::Deleting;
            let unwatched = self.watch.complete && !self.watch.policies.contains_key(&name);
            let because = if unwatched && record.recovery.is_half_made() {
                continue;
            } else if unwatched {
                "watched no more: no entry of the fleet file selects it"
            } else if deleted {
                "deleted"
            } else if record.gone && !named && !record.was_there() {
                "forgotten: it was never seen, and no entry of the fleet file names it any more"
            } else if record.state == State::Vanished
                && !named
                && self.watch.policies.contains_key(&name)
                && between(record.since, self.facts.now) >= FORGET_VANISHED
            {
                "forgotten: it has been gone for a day, and no entry of the fleet file names it"
            } else {
                continue;
            };
            incident::close(self.facts, &mut self.ledger, &name, because);
            let why = recovery::let_go(self.facts, &mut self.ledger, &name, because);
            self.say(Some(&name), why);
            self.ledger.endpoints.remove(&name);
            for why in monitor::close(self.facts, &mut self.ledger, &name, because) {
                self.say(None, why);
            }
            self.say(Some(&name), if deleted { Why::Deleted } else { Why::Unwatched });
        }
    }

    /// Budgets need no more than their period.
    fn prune(&mut self) {
        let now = self.facts.now;
        let policies = &self.watch.policies;
        self.ledger.recoveries.retain(|started| {
            let period = policies.get(&started.endpoint).map_or(REMEMBER_RECOVERIES, |policy| {
                policy.recovery.period.max(Duration::from_secs(3600))
            });
            between(started.at, now) < period
        });
    }
}

/// The troubles of probes that this look could have met again: of probes that said something, and of probes that are no
/// more.
fn settled_by_answers(ledger: &HealthLedger, policy: &HealthPolicy, look: &Observation) -> Vec<String> {
    let silent = |cause| {
        matches!(
            cause,
            Cause::Throttled | Cause::Denied | Cause::Network | Cause::CutShort
        )
    };
    let spoke = look
        .probes
        .iter()
        .filter(|result| !result.verdict.cause.is_some_and(silent))
        .flat_map(|result| Trouble::keys_of_probe(&look.endpoint, &result.probe));
    let asked: BTreeSet<String> = policy
        .probes
        .iter()
        .flat_map(|probe| Trouble::keys_of_probe(&look.endpoint, &probe.name))
        .collect();
    let removed = ledger
        .monitor
        .iter()
        .filter(|(key, record)| record.endpoint.as_ref() == Some(&look.endpoint) && !asked.contains(*key))
        .map(|(key, _)| key.clone());
    spoke.chain(removed).collect()
}

fn content(look: &Observation) -> String {
    serde_json::to_string(look).unwrap_or_else(|_| format!("{look:?}"))
}
