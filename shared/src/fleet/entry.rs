//! What is said of endpoints: `defaults`, and one entry of `endpoints`.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use schemars::JsonSchema;

use super::{
    backup::BackupSection,
    capacity::{Alarms, CapacityLayer, ProvisionSection, Schedules, Targets},
    file::Health,
    rollout::RolloutSection,
    select::{NameGlob, Tags},
    wake::WakeSection,
};
use crate::yaml::{Found, Parts};

const SECTIONS: [&str; 8] = [
    "health",
    "rollout",
    "backup",
    "wake",
    "scaling",
    "schedule",
    "alarms",
    "provision",
];

const ENTRY: [&str; 9] = [
    "match",
    "health",
    "rollout",
    "backup",
    "wake",
    "scaling",
    "schedule",
    "alarms",
    "provision",
];

/// What holds for every endpoint that does not say otherwise.
#[derive(Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Defaults {
    /// The health section of every endpoint.
    pub(super) health: Option<Health>,
    /// The rollout section of every endpoint.
    pub(super) rollout: Option<RolloutSection>,
    /// The backup section of every endpoint. What it maps from Region to Region holds for all of them.
    pub(super) backup: Option<BackupSection>,
    /// The wake section of every endpoint.
    pub(super) wake: Option<WakeSection>,
    /// How every endpoint scales.
    pub(super) scaling: Option<Targets>,
    /// When the range of every endpoint changes by the clock.
    pub(super) schedule: Option<Schedules>,
    /// What CloudWatch watches of every endpoint.
    pub(super) alarms: Option<Alarms>,
    /// What every endpoint that is provisioned has in common.
    pub(super) provision: Option<ProvisionSection>,
    /// What is wrong with it.
    #[schemars(skip)]
    pub(super) found: Found,
}

impl Defaults {
    pub(super) fn capacity(&mut self) -> CapacityLayer {
        CapacityLayer {
            scaling: self.scaling.take(),
            schedule: self.schedule.take(),
            alarms: self.alarms.take(),
            provision: self.provision.take(),
        }
    }
}

impl Deserr<Found> for Defaults {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut defaults = Self::default();
        let found = &mut defaults.found;
        if let Some(mut parts) = Parts::of(value, at, &SECTIONS, found) {
            defaults.health = parts.take::<Option<Health>>("health", found).flatten();
            defaults.rollout = parts.take::<Option<RolloutSection>>("rollout", found).flatten();
            defaults.backup = parts.take::<Option<BackupSection>>("backup", found).flatten();
            defaults.wake = parts.take::<Option<WakeSection>>("wake", found).flatten();
            defaults.scaling = parts.take::<Option<Targets>>("scaling", found).flatten();
            defaults.schedule = parts.take::<Option<Schedules>>("schedule", found).flatten();
            defaults.alarms = parts.take::<Option<Alarms>>("alarms", found).flatten();
            defaults.provision = parts.take::<Option<ProvisionSection>>("provision", found).flatten();
        }
        Ok(defaults)
    }
}

/// One entry of `endpoints`.
#[derive(Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Entry")]
pub(super) struct EntrySection {
    /// Makes the key a label, and selects every endpoint that fits all of it.
    #[schemars(rename = "match")]
    pub(super) matching: Option<MatchSection>,
    /// How health is judged, and what may be done about it.
    pub(super) health: Option<Health>,
    /// How a new model is brought to it.
    pub(super) rollout: Option<RolloutSection>,
    /// Where its recovery points go.
    pub(super) backup: Option<BackupSection>,
    /// How it is woken from zero.
    pub(super) wake: Option<WakeSection>,
    /// How it scales.
    pub(super) scaling: Option<Targets>,
    /// When its range changes by the clock.
    pub(super) schedule: Option<Schedules>,
    /// What CloudWatch watches of it.
    pub(super) alarms: Option<Alarms>,
    /// What it is made of when it is not there.
    pub(super) provision: Option<ProvisionSection>,
    /// What is wrong with it.
    #[schemars(skip)]
    pub(super) found: Found,
    /// `match` is wrong, so nobody knows what the key is.
    #[schemars(skip)]
    pub(super) unmatched: bool,
}

impl EntrySection {
    pub(super) fn capacity(&mut self) -> CapacityLayer {
        CapacityLayer {
            scaling: self.scaling.take(),
            schedule: self.schedule.take(),
            alarms: self.alarms.take(),
            provision: self.provision.take(),
        }
    }
}

impl Deserr<Found> for EntrySection {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut entry = Self::default();
        let found = &mut entry.found;
        if let Some(mut parts) = Parts::of(value, at, &ENTRY, found) {
            let grouped = parts.has("match");
            let matching = parts.take::<Option<MatchSection>>("match", found);
            entry.unmatched = grouped && (matching.is_none() || found.lacks(at.push_key("match")));
            entry.matching = matching.flatten();
            entry.health = parts.take::<Option<Health>>("health", found).flatten();
            entry.rollout = parts.take::<Option<RolloutSection>>("rollout", found).flatten();
            entry.backup = parts.take::<Option<BackupSection>>("backup", found).flatten();
            entry.wake = parts.take::<Option<WakeSection>>("wake", found).flatten();
            entry.scaling = parts.take::<Option<Targets>>("scaling", found).flatten();
            entry.schedule = parts.take::<Option<Schedules>>("schedule", found).flatten();
            entry.alarms = parts.take::<Option<Alarms>>("alarms", found).flatten();
            entry.provision = parts.take::<Option<ProvisionSection>>("provision", found).flatten();
        }
        Ok(entry)
    }
}

/// Which endpoints belong to a group.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Match")]
pub(super) struct MatchSection {
    /// Tags that the endpoint must have, all of them; `"*"` for any value.
    #[deserr(default)]
    #[schemars(example = serde_json::json!({ "team": "search", "tier": "*" }))]
    pub(super) tags: Option<Tags>,
    /// Names or globs, one of which must match.
    #[deserr(default)]
    #[schemars(extend("examples" = [["search-*", "ranker"]]))]
    pub(super) names: Option<Vec<NameGlob>>,
}
