//! What recovery can do and undo, and the calls that it takes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    health::{observation::Holder, policy::Rung},
    lease::Urgency,
};

/// The things that recovery does and undoes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Weight zero for the sick variants; the others keep theirs.
    ShiftAway {
        /// The sick ones.
        variants: BTreeSet<String>,
        /// All weights before.
        before: BTreeMap<String, f64>,
        /// Do not give it back by itself: that was tried within the period.
        keep: bool,
    },
    /// The weights of before.
    ShiftBack {
        /// Those that get traffic again.
        variants: BTreeSet<String>,
        /// Their weights.
        weights: BTreeMap<String, f64>,
    },
    /// One more instance.
    AddInstance {
        /// Where.
        variant: String,
        /// So many in the end.
        count: u32,
        /// The minimum of the variant's scalable target, if it has one: it is raised instead of the count.
        minimum: Option<u32>,
    },
    /// The minimum of before.
    LowerMinimum {
        /// Where.
        variant: String,
        /// So low.
        minimum: u32,
    },
    /// A fresh fleet from the same config under another name.
    Redeploy {
        /// The config it has.
        from: String,
        /// The config it shall have: a copy.
        to: String,
    },
    /// Deleted and created.
    Recreate {
        /// From this config.
        config: String,
        /// With these tags.
        tags: BTreeMap<String, String>,
    },
}

impl Measure {
    /// The rung it belongs to; `None` for what only undoes.
    pub fn rung(&self) -> Option<Rung> {
        match self {
            Self::ShiftAway { .. } => Some(Rung::ShiftAway),
            Self::AddInstance { .. } => Some(Rung::AddInstance),
            Self::Redeploy { .. } => Some(Rung::Redeploy),
            Self::Recreate { .. } => Some(Rung::Recreate),
            Self::ShiftBack { .. } | Self::LowerMinimum { .. } => None,
        }
    }

    /// How long SageMaker may take. Instances of large models start in tens of minutes; a blue/green update starts a
    /// whole fleet.
    pub(super) fn patience(&self) -> Duration {
        let minutes = match self {
            Self::ShiftAway { .. } | Self::ShiftBack { .. } | Self::LowerMinimum { .. } => 30,
            Self::AddInstance { .. } => 60,
            Self::Redeploy { .. } | Self::Recreate { .. } => 120,
        };
        Duration::from_secs(minutes * 60)
    }

    /// How it stands to others who want to act on the endpoint. Traffic is taken off a sick variant before a rollout goes
    /// on; all that changes the fleet waits for the rollout, and what is given back has time.
    pub fn urgency(&self) -> Urgency {
        match self {
            Self::ShiftAway { .. } => Urgency::Repair,
            Self::AddInstance { .. } | Self::Redeploy { .. } | Self::Recreate { .. } => Urgency::Planned,
            Self::ShiftBack { .. } | Self::LowerMinimum { .. } => Urgency::Routine,
        }
    }

    /// Whether it may be begun while `holder` acts on the endpoint: only traffic taken off the very variant on trial.
    /// Anything else would give that variant traffic it has not earned, or replace the config under a rollout.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn beside(&self, holder: Option<&Holder>) -> Result<(), String> {
        match (self, holder) {
            (_, None) => Ok(()),
            (Self::ShiftAway { variants, .. }, Some(Holder { trial: Some(trial), .. })) if variants.contains(trial) => {
                Ok(())
            }
            (_, Some(holder)) => Err(format!("{} holds the endpoint, for: {}", holder.name, holder.purpose)),
        }
    }

    /// What it does, for people: follows "Steward ".
    pub fn describe(&self) -> String {
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        match self {
            Self::ShiftAway { variants, .. } => format!("takes the traffic off variant {}", list(variants)),
            Self::ShiftBack { variants, .. } => format!("gives variant {} its traffic back", list(variants)),
            Self::AddInstance {
                variant,
                count,
                minimum: None,
            } => format!("brings variant {variant} to {count} instances"),
            Self::AddInstance {
                variant,
                count,
                minimum: Some(minimum),
            } => {
                format!("raises the minimum of variant {variant}'s autoscaling from {minimum} to {count} instances")
            }
            Self::LowerMinimum { variant, minimum } => {
                format!("lowers the minimum of variant {variant}'s autoscaling to {minimum} instances again")
            }
            Self::Redeploy { from, to } => format!("redeploys a fresh fleet from a copy of config {from} named {to}"),
            Self::Recreate { config, .. } => format!("deletes the endpoint and creates it again from config {config}"),
        }
    }
}

/// One call to make, under the endpoint's lease. Safe to repeat.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Where.
    pub endpoint: String,
    /// The intent it belongs to.
    pub intent: String,
    /// Which one of the intent, from 1: the outcome is told by it.
    pub number: u32,
    /// What.
    pub verb: Verb,
}

/// The calls. Acting on them needs no further decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// `UpdateEndpointWeightsAndCapacities` with these weights and nothing else.
    SetWeights(BTreeMap<String, f64>),
    /// `UpdateEndpointWeightsAndCapacities` with this count for one variant.
    SetInstances {
        /// The variant.
        variant: String,
        /// `DesiredInstanceCount`.
        count: u32,
    },
    /// `RegisterScalableTarget` with this minimum, the maximum left alone.
    SetMinimum {
        /// The variant.
        variant: String,
        /// `MinCapacity`.
        minimum: u32,
    },
    /// `CreateEndpointConfig` as a copy (one that exists is taken), then `UpdateEndpoint` with
    /// `RetainAllVariantProperties`.
    Redeploy {
        /// To be copied.
        from: String,
        /// The copy.
        to: String,
    },
    /// `DeleteEndpoint`, but only of what was judged, and only if there is something to create it from again.
    Delete {
        /// Its `CreationTime`: another one is another endpoint.
        created: Timestamp,
        /// The config that must exist.
        config: String,
    },
    /// `CreateEndpoint`.
    Create {
        /// `EndpointConfigName`.
        config: String,
        /// `Tags`.
        tags: BTreeMap<String, String>,
    },
}

/// A config name of at most 63 characters, the same for the same intent: `<from>-<10 hexadecimal digits>`.
pub(super) fn config_name(from: &str, intent: &str) -> String {
    let digest: String = Sha256::digest(intent.as_bytes())
        .iter()
        .take(5)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // A copy of a copy gets a new ending, not another one.
    let base = match from.rsplit_once('-') {
        Some((base, ending))
            if ending.len() == 10 && !base.is_empty() && ending.bytes().all(|c| c.is_ascii_hexdigit()) =>
        {
            base
        }
        _ => from,
    };
    let base: String = base.chars().take(63 - 11).collect();
    format!("{}-{digest}", base.trim_end_matches('-'))
}
