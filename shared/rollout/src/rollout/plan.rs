//! What a rollout will do, decided once at its start from what was seen then.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    effect::{ConfigPlan, Deployment},
    policy::Engine,
    request::Request,
    strategy::{Step, Weight},
};
use crate::scaling::Scaling;

/// A rollout to be. It fits one ledger only: the one whose last serial is one less.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked for.
    pub request: Request,
    /// Its number on this endpoint.
    pub serial: u64,
    /// When the facts were looked up.
    pub made: Timestamp,
    /// `EndpointConfigName` in force: what a rollback restores.
    pub base: String,
    /// What is replaced.
    pub blue: Blue,
    /// What replaces it.
    pub green: Green,
    /// Both variants, green at weight zero; only with the engine `variants`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub both: Option<ConfigPlan>,
    /// Green in blue's place; absent for an inference component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<ConfigPlan>,
    /// SageMaker's own deployment, with its engines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Deployment>,
    /// The alarm by which Steward stops SageMaker's engines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_alarm: Option<String>,
    /// Instances by type: now, and at the peak of the rollout. Empty for serverless and components.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub instances: BTreeMap<String, (u32, u32)>,
    /// What the operator should know before it begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// That nobody measures what its steps would wait for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmeasured: Option<String>,
}

/// The variant, or the inference component's model, that is replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blue {
    /// `VariantName`.
    pub variant: String,
    /// Its weight at the start: what blue and green share from then on.
    pub weight: f64,
    /// Its instances at the start; absent for serverless. It never has fewer until the last bake has passed.
    pub instances: Option<u32>,
    /// `ModelName`.
    pub model: Option<String>,
    /// `InstanceType`.
    pub instance_type: Option<String>,
    /// How it is scaled, if it is.
    pub scaling: Option<Scaling>,
}

/// What replaces it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Green {
    /// `VariantName`; with SageMaker's own engines that of blue.
    pub variant: String,
    /// `ModelName`.
    pub model: Option<String>,
    /// `InstanceType`.
    pub instance_type: Option<String>,
    /// Its instances at the first step; absent for serverless.
    pub instances: Option<u32>,
}

impl Plan {
    /// The endpoint.
    pub fn endpoint(&self) -> &str {
        &self.request.endpoint
    }

    /// `fraud-detector/7`: for people, and unique among this account's rollouts.
    pub fn id(&self) -> String {
        format!("{}/{}", self.request.endpoint, self.serial)
    }

    /// What carries the traffic over.
    pub fn engine(&self) -> Engine {
        self.request.policy.engine
    }

    /// The strategy's steps.
    pub fn steps(&self) -> &[Step] {
        &self.request.policy.strategy.steps
    }

    /// Index of the last step.
    pub fn last_step(&self) -> usize {
        self.request.policy.strategy.last()
    }

    /// Green's share in a step; all of it past the last one.
    pub fn share(&self, step: usize) -> Weight {
        self.steps().get(step).map_or(Weight::FULL, |step| step.weight)
    }

    /// As many of green's instances as stand for so many of blue's, where other instances were asked for.
    pub fn in_greens(&self, blues: u32) -> u32 {
        let start = self.blue.instances.unwrap_or(1).max(1);
        let Some(asked) = self.request.green.instances else {
            return blues;
        };
        let parts = u64::from(asked.max(1)) * u64::from(blues);
        u32::try_from(parts.div_ceil(u64::from(start))).unwrap_or(u32::MAX)
    }

    /// The fewest of blue's instances for which one fewer of green's would not do: what [`Plan::in_greens`] has rounded up is
    /// not rounded up again. None for none.
    pub fn in_blues(&self, greens: u32) -> u32 {
        let start = self.blue.instances.unwrap_or(1).max(1);
        match (self.request.green.instances, greens.checked_sub(1)) {
            (None, _) => greens,
            (Some(_), None) => 0,
            (Some(asked), Some(fewer)) => {
                let parts = u64::from(start) * u64::from(fewer) / u64::from(asked.max(1));
                u32::try_from(parts + 1).unwrap_or(u32::MAX)
            }
        }
    }

    /// `DesiredWeight` of blue and green when green has this share. They sum up to blue's weight at the start.
    pub fn weights(&self, share: Weight) -> BTreeMap<String, f64> {
        let green = self.blue.weight * share.share();
        BTreeMap::from([
            (
                self.blue.variant.clone(),
                if share == Weight::FULL {
                    0.0
                } else {
                    self.blue.weight - green
                },
            ),
            (self.green.variant.clone(), green),
        ])
    }
}

/// Instances for a share of what `total` carry; at least one. `headroom` in ten-thousandths.
pub(super) fn for_share(total: u32, share: Weight, headroom: u16) -> u32 {
    let parts = u128::from(total) * u128::from(share.ten_thousandths()) * (10_000 + u128::from(headroom));
    u32::try_from(parts.div_ceil(100_000_000)).unwrap_or(u32::MAX).max(1)
}
