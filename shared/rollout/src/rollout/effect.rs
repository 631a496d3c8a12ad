//! What a decision asks to be done: one call or one set of calls, each safe to repeat.

use std::{collections::BTreeMap, fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{strategy::Weight, triggers::Pointing};
use crate::scaling::{Scaling, Suspended};

/// One thing to do to the endpoint, under its lease, after the decision was committed.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// `CreateEndpointConfig`. One of that name with the same content is taken for done.
    CreateConfig(ConfigPlan),
    /// `UpdateEndpoint` with `RetainAllVariantProperties`.
    UpdateEndpoint {
        /// `EndpointConfigName`.
        config: String,
        /// SageMaker's own deployment, for its engines.
        deployment: Option<Deployment>,
    },
    /// `UpdateEndpointWeightsAndCapacities` with these weights, nothing else.
    SetWeights(BTreeMap<String, f64>),
    /// `UpdateEndpointWeightsAndCapacities` with one count.
    SetInstances {
        /// `VariantName`.
        variant: String,
        /// `DesiredInstanceCount`.
        count: u32,
    },
    /// `RegisterScalableTarget`, `PutScalingPolicy` and `PutScheduledAction` until all of it is there.
    Scale {
        /// `VariantName`.
        variant: String,
        /// The whole of it.
        scaling: Scaling,
    },
    /// `RegisterScalableTarget` with this `SuspendedState`, the range left alone.
    Suspend {
        /// `VariantName`.
        variant: String,
        /// All three.
        suspended: Suspended,
    },
    /// `DeregisterScalableTarget`; one that is not there is done.
    Unscale {
        /// `VariantName`.
        variant: String,
    },
    /// `PutMetricAlarm` with all that the alarm is, but for the policies that it triggers and the variant that it watches;
    /// one that is not there is done.
    Point {
        /// `AlarmName`.
        alarm: String,
        /// At what.
        at: Pointing,
    },
    /// `DeleteEndpointConfig`; one that is not there is done.
    DeleteConfig(String),
    /// `UpdateInferenceComponent` to another model, with a rolling update.
    UpdateComponent {
        /// `InferenceComponentName`.
        component: String,
        /// `Specification.ModelName`; everything else stays.
        model: String,
        /// How.
        deployment: Deployment,
    },
    /// `PutMetricAlarm`: an alarm that stays OK until [`Effect::TripAlarm`], for SageMaker's engines to roll back on.
    PutAbortAlarm(String),
    /// `SetAlarmState` to ALARM.
    TripAlarm {
        /// `AlarmName`.
        alarm: String,
        /// `StateReason`.
        reason: String,
    },
    /// `DeleteAlarms`; one that is not there is done.
    DeleteAlarm(String),
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateConfig(plan) => write!(f, "create config {}", plan.name),
            Self::UpdateEndpoint { config, .. } => write!(f, "update the endpoint to config {config}"),
            Self::SetWeights(weights) => {
                let weights: Vec<String> = weights
                    .iter()
                    .map(|(name, weight)| format!("{name} {weight}"))
                    .collect();
                write!(f, "set weights {}", weights.join(", "))
            }
            Self::SetInstances { variant, count } => write!(f, "set {variant} to {count} instances"),
            Self::Scale { variant, .. } => write!(f, "register the autoscaling of {variant}"),
            Self::Suspend { variant, suspended } if suspended.scale_in => write!(f, "suspend scale-in of {variant}"),
            Self::Suspend { variant, .. } => write!(f, "resume scale-in of {variant}"),
            Self::Unscale { variant } => write!(f, "deregister the autoscaling of {variant}"),
            Self::Point { alarm, at } => write!(f, "point alarm {alarm} at {}", at.variant),
            Self::DeleteConfig(name) => write!(f, "delete config {name}"),
            Self::UpdateComponent { component, model, .. } => {
                write!(f, "update component {component} to model {model}")
            }
            Self::PutAbortAlarm(name) => write!(f, "put alarm {name}"),
            Self::TripAlarm { alarm, .. } => write!(f, "set alarm {alarm} to ALARM"),
            Self::DeleteAlarm(name) => write!(f, "delete alarm {name}"),
        }
    }
}

/// A new endpoint config: a copy of one, with other production variants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigPlan {
    /// `EndpointConfigName`.
    pub name: String,
    /// Everything but the production variants is as in this config.
    pub from: String,
    /// All production variants, in order.
    pub variants: Vec<VariantPlan>,
}

/// One production variant of a new config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantPlan {
    /// `VariantName`.
    pub name: String,
    /// The variant of the old config that it is a copy of but for what follows.
    pub like: String,
    /// `ModelName`, when another.
    pub model: Option<String>,
    /// `InstanceType`, when another.
    pub instance_type: Option<String>,
    /// `InitialInstanceCount`; `None` for serverless.
    pub instances: Option<u32>,
    /// `InitialVariantWeight`.
    pub weight: f64,
}

/// `DeploymentConfig`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// The policy.
    pub routing: Routing,
    /// `MaximumExecutionTimeoutInSeconds`.
    pub timeout: Duration,
    /// `AutoRollbackConfiguration`, at most 10.
    pub alarms: Vec<String>,
}

/// `BlueGreenUpdatePolicy` or `RollingUpdatePolicy`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Routing {
    /// `ALL_AT_ONCE`.
    AllAtOnce {
        /// `WaitIntervalInSeconds`.
        wait: Duration,
        /// `TerminationWaitInSeconds`.
        termination_wait: Duration,
    },
    /// `CANARY`.
    Canary {
        /// `CanarySize` in percent of capacity.
        size: Weight,
        /// `WaitIntervalInSeconds`.
        wait: Duration,
        /// `TerminationWaitInSeconds`.
        termination_wait: Duration,
    },
    /// `LINEAR`.
    Linear {
        /// `LinearStepSize` in percent of capacity.
        step: Weight,
        /// `WaitIntervalInSeconds`.
        wait: Duration,
        /// `TerminationWaitInSeconds`.
        termination_wait: Duration,
    },
    /// `RollingUpdatePolicy`.
    Rolling {
        /// `MaximumBatchSize` in percent of capacity.
        batch: u8,
        /// `WaitIntervalInSeconds`.
        wait: Duration,
    },
}

/// How an effect went.
#[derive(Clone, Debug, PartialEq)]
pub struct Acted {
    /// Which: the one that the ledger's intent names.
    pub effect: Effect,
    /// When the answer came.
    pub at: Timestamp,
    /// What came.
    pub outcome: ActOutcome,
}

/// What came of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActOutcome {
    /// AWS took it, or it was so already. What came of it is seen only by looking.
    Accepted,
    /// Not now (busy, throttled, no lease, no answer): the same again later. It may have taken effect.
    Later(String),
    /// AWS will never take it.
    Refused(String),
}
