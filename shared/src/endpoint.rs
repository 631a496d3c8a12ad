//! What SageMaker says of an endpoint, in our own nouns.
//!
//! Field names and meanings follow `DescribeEndpointOutput`; only name, ARN, status and the two times are always there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `EndpointStatus` of SageMaker, plus `Unknown` for a value this build does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EndpointStatus {
    /// Not available to take requests.
    OutOfService,
    /// Being created.
    Creating,
    /// `UpdateEndpoint` or `UpdateEndpointWeightsAndCapacities` at work.
    Updating,
    /// AWS maintenance: no update, rescale or delete until it is over.
    SystemUpdating,
    /// A failed change being undone; ends in `InService`.
    RollingBack,
    /// Taking requests.
    InService,
    /// Being deleted.
    Deleting,
    /// Could not be created or repaired; only `DeleteEndpoint` is accepted.
    Failed,
    /// A rolling deployment and its rollback both failed; still serving from a mix of both configs.
    UpdateRollbackFailed,
    /// A status this build does not know.
    Unknown,
}

impl EndpointStatus {
    /// Every status SageMaker documents.
    pub const ALL: [Self; 9] = [
        Self::OutOfService,
        Self::Creating,
        Self::Updating,
        Self::SystemUpdating,
        Self::RollingBack,
        Self::InService,
        Self::Deleting,
        Self::Failed,
        Self::UpdateRollbackFailed,
    ];

    /// Reads the API's `InService` and the event's `IN_SERVICE` alike.
    pub fn parse(text: &str) -> Self {
        let plain = |text: &str| {
            text.chars()
                .filter(|c| *c != '_')
                .collect::<String>()
                .to_ascii_lowercase()
        };
        let wanted = plain(text);
        Self::ALL
            .into_iter()
            .find(|status| plain(status.as_str()) == wanted)
            .unwrap_or(Self::Unknown)
    }

    /// The API's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutOfService => "OutOfService",
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::SystemUpdating => "SystemUpdating",
            Self::RollingBack => "RollingBack",
            Self::InService => "InService",
            Self::Deleting => "Deleting",
            Self::Failed => "Failed",
            Self::UpdateRollbackFailed => "UpdateRollbackFailed",
            Self::Unknown => "Unknown",
        }
    }

    /// SageMaker is changing the endpoint: every mutating call is refused until it is done.
    pub fn in_transition(self) -> bool {
        matches!(
            self,
            Self::Creating | Self::Updating | Self::SystemUpdating | Self::RollingBack | Self::Deleting
        )
    }

    /// Requests are answered in this status.
    pub fn serves(self) -> bool {
        matches!(
            self,
            Self::InService | Self::Updating | Self::SystemUpdating | Self::RollingBack | Self::UpdateRollbackFailed
        )
    }
}

impl std::fmt::Display for EndpointStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One endpoint as described at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// `EndpointName`.
    pub name: String,
    /// `EndpointArn`.
    pub arn: String,
    /// `EndpointConfigName`; absent while the endpoint has none.
    pub config: Option<String>,
    /// `PendingDeploymentSummary.EndpointConfigName`: there only while the endpoint moves to another config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// `EndpointStatus`.
    pub status: EndpointStatus,
    /// `FailureReason`; promised by SageMaker only for `Failed`.
    pub failure_reason: Option<String>,
    /// `CreationTime`.
    pub created: Timestamp,
    /// `LastModifiedTime`: when the present transition began, or the last one ended.
    pub modified: Timestamp,
    /// `ProductionVariants`.
    pub variants: Vec<Variant>,
    /// The endpoint config names an `AsyncInferenceConfig`.
    pub asynchronous: bool,
}

impl Endpoint {
    /// All its instances are on their way out: what is queued now would bring them back.
    pub fn goes_to_zero(&self) -> bool {
        !self.variants.is_empty() && self.variants.iter().all(|variant| variant.desired_instances == Some(0))
    }

    /// The variants that a probe of each variant asks: all of them, and while SageMaker is at work those that carry
    /// traffic. What is coming or going answers nothing, and that is no sickness.
    pub fn asked(&self) -> impl Iterator<Item = &Variant> {
        let moving = self.status.in_transition();
        self.variants
            .iter()
            .filter(move |variant| !moving || variant.current_weight > 0.0)
    }

    /// The share of traffic, 0 to 1, that a variant takes by the current weights; `None` when they sum to zero.
    pub fn share(&self, variant: &str) -> Option<f64> {
        let total: f64 = self.variants.iter().map(|v| v.current_weight).sum();
        (total > 0.0).then(|| {
            self.variants
                .iter()
                .filter(|v| v.name == variant)
                .map(|v| v.current_weight / total)
                .sum()
        })
    }
}

/// One `ProductionVariantSummary`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// `VariantName`.
    pub name: String,
    /// `CurrentWeight`, 0 or more; a share only when divided by the sum over variants.
    pub current_weight: f64,
    /// `DesiredWeight`.
    pub desired_weight: f64,
    /// `CurrentInstanceCount`; absent for serverless.
    pub current_instances: Option<u32>,
    /// `DesiredInstanceCount`; absent for serverless.
    pub desired_instances: Option<u32>,
    /// The variant is serverless.
    pub serverless: bool,
}

/// One endpoint as `ListEndpoints` lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// `EndpointName`.
    pub name: String,
    /// `EndpointArn`.
    pub arn: String,
    /// `EndpointStatus`.
    pub status: EndpointStatus,
    /// Tags, where the fleet file selects by tag and they were fetched.
    pub tags: Option<BTreeMap<String, String>>,
}
