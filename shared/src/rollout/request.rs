//! What an operator asks for with `start`, before it is known whether it can be done.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::policy::RolloutPolicy;

/// What green is made of; what is `None` is as blue's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GreenSpec {
    /// `ModelName` of a model that exists.
    pub model: Option<String>,
    /// `InstanceType`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// Instances at 100%; blue's count at that time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    /// `VariantName`; a free one (`blue` and `green` in turn) when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// `start`, merged with the fleet file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Unique for the intent: given by the operator, or the invocation's request id. The same id twice is one rollout.
    pub id: String,
    /// `EndpointName`.
    pub endpoint: String,
    /// `InferenceComponentName`, for the rolling update of one component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The variant to replace; may be absent when the endpoint has one with weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What green is made of.
    pub green: GreenSpec,
    /// How.
    pub policy: RolloutPolicy,
    /// The fleet file has the health checker probe what is rolled out: that nobody measured it is then no sign that nobody is
    /// to.
    #[serde(default)]
    pub watched: bool,
    /// Who asked; safe to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why; safe to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Only answer the plan.
    #[serde(default)]
    pub dry_run: bool,
}

impl Request {
    /// What `other` asks for that this one does not, for people; empty when they ask for the same rollout, whoever asks and
    /// why.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let named = |field: &str, this: Option<String>, that: Option<String>| {
            let or_none = |value: Option<String>| value.unwrap_or_else(|| "not given".to_owned());
            (this != that).then(|| format!("`{field}` is {} and was {}", or_none(that), or_none(this)))
        };
        let (this, that) = (&self.green, &other.green);
        let count = |green: &GreenSpec| green.instances.map(|count| count.to_string());
        let fields = [
            named("component", self.component.clone(), other.component.clone()),
            named("variant", self.variant.clone(), other.variant.clone()),
            named("model", this.model.clone(), that.model.clone()),
            named("instance_type", this.instance_type.clone(), that.instance_type.clone()),
            named("instances", count(this), count(that)),
            named("green_variant", this.variant.clone(), that.variant.clone()),
            (self.policy != other.policy).then(|| "its strategy, checks or times are others".to_owned()),
        ];
        fields.into_iter().flatten().collect()
    }
}

/// What an operator may say of a rollout that exists. None of them does more when it comes twice. (`retry` is a new start.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Hold: no further step, bakes do not count as passed. Alarms, analysis and the deadline still act.
    Pause,
    /// Go on.
    Resume,
    /// Open the gate it waits at. Refused when it waits at none.
    Promote,
    /// Go to the last step without any further bake or gate, as soon as smoke has passed. Checks that show harm still act;
    /// missing data does not hold any more.
    PromoteFull,
    /// End the present bake as if passed, or the time for which blue is kept. Checks that show harm still act. A gate is for
    /// [`Self::Promote`].
    Skip,
    /// Back to blue.
    Abort,
    /// Take a completed rollout back, within its window.
    Rollback,
}

impl Order {
    /// As operators say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Promote => "promote",
            Self::PromoteFull => "promote full",
            Self::Skip => "skip",
            Self::Abort => "abort",
            Self::Rollback => "rollback",
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
