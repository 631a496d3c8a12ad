//! What is known of one endpoint.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Incident, Level, State};
use crate::{
    endpoint::EndpointStatus,
    health::{awaited::AsyncJobs, observation::Holder, recent::Recent, recovery::Recovery},
    probe::Cause,
    wake::{Own, Thing},
};
use shared::health::seen::HealthSeen;

/// What is known of one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// As of the newest observation.
    pub state: State,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// When the newest observation was made; older ones are ignored.
    pub seen: Timestamp,
    /// The newest observations, while there was no time to hear them to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// What the probes say, with hysteresis, whatever SageMaker is doing.
    pub level: Level,
    /// What SageMaker said last.
    pub status: EndpointStatus,
    /// SageMaker has none of this name.
    #[serde(default)]
    pub gone: bool,
    /// `CreationTime`; another one is another endpoint of the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// `EndpointConfigName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// The last check that counted toward the thresholds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Timestamp>,
    /// Consecutive counted checks.
    #[serde(default)]
    pub streak: Streak,
    /// The last checks, since the first of them that did not pass.
    #[serde(default, skip_serializing_if = "Recent::is_empty")]
    pub recent: Recent,
    /// The first check of the present streak of checks that did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ill_since: Option<Timestamp>,
    /// Since when the level is ill: the first of the checks that made it so, or the one that made Degraded Unhealthy. Passed
    /// checks that are too few for Healthy do not end it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sick_since: Option<Timestamp>,
    /// The last check that left it Unhealthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unhealthy: Option<Timestamp>,
    /// It has passed at least one check since it was created.
    #[serde(default)]
    pub well_once: bool,
    /// What the last check saw, for people; empty when all was well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// Why probes of the last check did not pass.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub causes: BTreeSet<Cause>,
    /// Probes, each with the variant it asked, that did not pass when they last said something of the endpoint.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ailing: BTreeSet<(String, Option<String>)>,
    /// Probed variants, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<String, VariantRecord>,
    /// The config under which it was last Healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<GoodConfig>,
    /// Probes that have passed here, by name, with the fingerprint of what they sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proven: BTreeMap<String, String>,
    /// The inferences of asynchronous probes, by probe name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub jobs: BTreeMap<String, AsyncJobs>,
    /// Since when what a probe asks has nothing in service although something should be, by probe name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wanting: BTreeMap<String, Timestamp>,
    /// What Steward's own probes did of the work of what may sleep.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub own: BTreeMap<Thing, Own>,
    /// When the level changed, oldest first, no longer ago than the flapping window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Timestamp>,
    /// Who else acted on it when it was last seen, as far as that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Holder>,
    /// What people were last told and not yet that it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Incident>,
    /// What recovery did and does.
    #[serde(default, skip_serializing_if = "Recovery::is_idle")]
    pub recovery: Recovery,
    /// `Deleting` was seen, or told by an event: if it is gone, somebody deleted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving: Option<Timestamp>,
    /// The tags by which the fleet file selects it; kept because a vanished endpoint has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
}

impl EndpointRecord {
    /// It is there, or was: it was described, or an event said that it is being deleted.
    pub(crate) fn was_there(&self) -> bool {
        self.created.is_some() || self.leaving.is_some()
    }

    /// It is not there, because Steward deleted it and cannot create it again yet.
    pub fn is_missing(&self) -> bool {
        let intent = self.recovery.intent.as_ref();
        intent.is_some_and(|intent| intent.missing.is_some())
    }

    /// It is not there, and need not be yet.
    pub fn is_unmade(&self) -> bool {
        self.gone && self.state == State::Unknown
    }

    pub(crate) fn new(at: Timestamp) -> Self {
        Self {
            state: State::Unknown,
            since: at,
            seen: Timestamp::MIN,
            cut: None,
            level: Level::Unknown,
            status: EndpointStatus::Unknown,
            gone: false,
            created: None,
            config: None,
            counted: None,
            streak: Streak::default(),
            recent: Recent::default(),
            ill_since: None,
            sick_since: None,
            unhealthy: None,
            well_once: false,
            evidence: Vec::new(),
            causes: BTreeSet::new(),
            ailing: BTreeSet::new(),
            variants: BTreeMap::new(),
            last_good: None,
            proven: BTreeMap::new(),
            jobs: BTreeMap::new(),
            wanting: BTreeMap::new(),
            own: BTreeMap::new(),
            changes: Vec::new(),
            holder: None,
            incident: None,
            recovery: Recovery::default(),
            leaving: None,
            tags: None,
        }
    }
}

/// Consecutive observations that there was no time to hear to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// When the observation before the first of them was made.
    pub heard: Timestamp,
    /// So many.
    pub times: u32,
}

/// Consecutive counted checks. A degraded check is both `impaired` and `serving`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Streak {
    /// Failed.
    pub failing: u32,
    /// Failed or degraded.
    pub impaired: u32,
    /// Passed.
    pub passing: u32,
    /// Passed or degraded.
    pub serving: u32,
}

/// What is known of one probed variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantRecord {
    /// With the endpoint's thresholds.
    pub level: Level,
    /// Since when.
    pub since: Timestamp,
    /// Consecutive counted checks.
    #[serde(default)]
    pub streak: Streak,
    /// The last checks, since the first of them that did not pass.
    #[serde(default, skip_serializing_if = "Recent::is_empty")]
    pub recent: Recent,
    /// Why it did not pass the last check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// A config under which the endpoint was Healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodConfig {
    /// `EndpointConfigName`.
    pub config: String,
    /// When it was first seen Healthy under it.
    pub since: Timestamp,
}

impl EndpointRecord {
    /// What others may know of it. `elsewhere` are the probes that ask what they do not touch: when no others ail, the
    /// endpoint is well as far as they are concerned.
    pub fn seen(&self, elsewhere: &BTreeSet<String>) -> HealthSeen {
        let ails_elsewhere = !self.ailing.is_empty() && self.ailing.iter().all(|(probe, _)| elsewhere.contains(probe));
        HealthSeen {
            level: if ails_elsewhere { Level::Healthy } else { self.level },
            ill_since: self.sick_since.or(self.ill_since).filter(|_| !ails_elsewhere),
            failing_since: self.ill_since.filter(|_| !ails_elsewhere),
            counted: self.counted,
            evidence: self.evidence.clone(),
            proven: self.proven.keys().cloned().collect(),
            variants: self
                .variants
                .iter()
                .map(|(name, variant)| (name.clone(), (variant.level, variant.since)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_that_ask_what_others_do_not_touch_say_nothing_to_them() {
        let mut record = EndpointRecord::new(Timestamp::UNIX_EPOCH);
        record.level = Level::Unhealthy;
        record.ill_since = Some(Timestamp::UNIX_EPOCH);
        record.ailing = BTreeSet::from([("other".to_owned(), None)]);
        let elsewhere = BTreeSet::from(["other".to_owned()]);
        assert_eq!(record.seen(&elsewhere).level, Level::Healthy);
        assert_eq!(record.seen(&BTreeSet::new()).level, Level::Unhealthy);
        record.ailing.insert(("mine".to_owned(), None));
        assert_eq!(record.seen(&elsewhere).level, Level::Unhealthy);
    }
}
