//! What goes wrong, as a scenario writes it.

use deserr::Deserr;
use serde_json::Value;
use steward::{
    quantity::{Share, Span},
    yaml::Found,
};

use crate::world::{quantity::Rps, spec::TrafficSpec};

/// One thing that happens at its time. It has exactly one effect: `behaves`, `becomes`, `deploys`, `next_change`,
/// `traffic`, `requests`, `no_capacity`, `zone_lost`, `metrics_late_by`, `pushes`, `expires` or `dark`.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct IncidentSpec {
    /// Since the start.
    pub at: Span,
    /// Ends after this; never unless said. Not for `next_change`, `deploys`, `requests`, `zone_lost`,
    /// `pushes` and `expires`.
    #[deserr(rename = "for", default)]
    pub lasts: Option<Span>,
    /// The Region; needed where more than one has the endpoint.
    #[deserr(default)]
    pub region: Option<String>,
    /// The endpoint; for everything but `dark`, `metrics_late_by`, `pushes` and `expires`, and not needed beside `model`,
    /// `instance_type` or `zone_lost`.
    #[deserr(default)]
    pub endpoint: Option<String>,
    /// One variant of it; all of them unless said.
    #[deserr(default)]
    pub variant: Option<String>,
    /// One model, wherever it runs: beside `behaves`.
    #[deserr(default)]
    pub model: Option<String>,
    /// Containers behave differently.
    #[deserr(default)]
    pub behaves: Option<BehaviourSpec>,
    /// Ends early when this is done to the endpoint. Nothing cures it unless said.
    #[deserr(default)]
    pub cured_by: Vec<Cure>,
    /// The endpoint takes another status, whatever it is doing. With `for` it returns to `InService` afterwards.
    #[deserr(default)]
    pub becomes: Option<Becomes>,
    /// Somebody updates the endpoint to this endpoint config.
    #[deserr(default)]
    pub deploys: Option<String>,
    /// `FailureReason` for `becomes: failed`, of the endpoint or of the component.
    #[deserr(default)]
    pub reason: Option<String>,
    /// How the change under way, or else the next one, ends.
    #[deserr(default)]
    pub next_change: Option<NextChange>,
    /// Only the next change of this kind: beside `next_change`.
    #[deserr(default)]
    pub of: Option<ChangeKind>,
    /// No further instance is to be had: of the endpoint, of its `variant`, or of an `instance_type`.
    #[deserr(default)]
    pub no_capacity: Option<bool>,
    /// One instance type: beside `no_capacity`.
    #[deserr(default)]
    pub instance_type: Option<String>,
    /// The instances in one Availability Zone are gone, of the endpoint or of all. SageMaker replaces them in the others.
    #[deserr(default)]
    pub zone_lost: Option<bool>,
    /// Over so many Zones instances are spread; 3 unless said. Beside `zone_lost`.
    #[deserr(default)]
    pub zones: Option<u32>,
    /// The metrics of SageMaker arrive so much later in CloudWatch.
    #[deserr(default)]
    pub metrics_late_by: Option<Span>,
    /// Other traffic.
    #[deserr(default)]
    pub traffic: Option<TrafficSpec>,
    /// So many requests at once: to an asynchronous endpoint, or to one of its inference components.
    #[deserr(default)]
    pub requests: Option<u32>,
    /// An inference component of the endpoint: beside `requests`, and beside `becomes: failed`.
    #[deserr(default)]
    pub component: Option<String>,
    /// Somebody pushes an image under this `repository:tag` (or whole URI), into the registry of this Region alone. What the
    /// tag named before stays, without a tag if it has no other.
    #[deserr(default)]
    pub pushes: Option<String>,
    /// Which build of the repository it is: the same in every Region, and what `repository:build` is that was there at the
    /// start. Beside `pushes`.
    #[deserr(default)]
    pub build: Option<String>,
    /// An image (`repository:tag`) is deleted in this Region with all its tags, or, of a whole `repository`, every image
    /// without a tag, as a lifecycle policy does.
    #[deserr(default)]
    pub expires: Option<String>,
    /// Every call in the Region fails.
    #[deserr(default)]
    pub dark: Option<bool>,
}

/// How containers behave while an incident lasts; what is not said stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct BehaviourSpec {
    /// Median latency.
    #[deserr(default)]
    pub latency: Option<Span>,
    /// So much more latency.
    #[deserr(default)]
    pub slower_by: Option<Span>,
    /// Share of requests that fail.
    #[deserr(default)]
    pub errors: Option<Share>,
    /// The status failing containers answer with.
    #[deserr(default)]
    pub status: Option<u16>,
    /// Share of requests that are never answered: the caller waits a minute and gets a `ModelError`.
    #[deserr(default)]
    pub times_out: Option<Share>,
    /// Another body: the wrong output.
    #[deserr(default)]
    pub answer: Option<Value>,
    /// Another `ContentType`.
    #[deserr(default)]
    pub content_type: Option<String>,
    /// Requests per second that one instance serves; beyond that, latency grows and requests are refused.
    #[deserr(default)]
    pub capacity: Option<Rps>,
}

/// What may end an incident early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr)]
#[deserr(error = Found)]
pub enum Cure {
    /// An `UpdateEndpoint` that completes: a fresh fleet.
    #[deserr(rename = "redeploy")]
    Redeploy,
    /// One more instance of the variant.
    #[deserr(rename = "add_instance")]
    AddInstance,
    /// The endpoint deleted and created again.
    #[deserr(rename = "recreate")]
    Recreate,
}

/// The statuses an endpoint may take, and `vanished`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr)]
#[deserr(error = Found)]
pub enum Becomes {
    /// `InService`.
    #[deserr(rename = "in_service")]
    InService,
    /// `Creating`.
    #[deserr(rename = "creating")]
    Creating,
    /// `Updating`.
    #[deserr(rename = "updating")]
    Updating,
    /// `SystemUpdating`.
    #[deserr(rename = "system_updating")]
    SystemUpdating,
    /// `RollingBack`.
    #[deserr(rename = "rolling_back")]
    RollingBack,
    /// `Deleting`.
    #[deserr(rename = "deleting")]
    Deleting,
    /// `Failed`.
    #[deserr(rename = "failed")]
    Failed,
    /// `OutOfService`.
    #[deserr(rename = "out_of_service")]
    OutOfService,
    /// `UpdateRollbackFailed`.
    #[deserr(rename = "update_rollback_failed")]
    UpdateRollbackFailed,
    /// Gone, as if somebody had deleted it.
    #[deserr(rename = "vanished")]
    Vanished,
}

/// What changes an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr)]
#[deserr(error = Found)]
pub enum ChangeKind {
    /// `CreateEndpoint`.
    #[deserr(rename = "create")]
    Create,
    /// `UpdateEndpoint`.
    #[deserr(rename = "update")]
    Update,
    /// `UpdateEndpointWeightsAndCapacities`, also by Application Auto Scaling.
    #[deserr(rename = "weights")]
    Weights,
    /// `DeleteEndpoint`.
    #[deserr(rename = "delete")]
    Delete,
}

/// How a change of an endpoint ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr)]
#[deserr(error = Found)]
pub enum NextChange {
    /// A creation ends `Failed`; an update rolls back.
    #[deserr(rename = "fails")]
    Fails,
    /// Never.
    #[deserr(rename = "sticks")]
    Sticks,
    /// `RollingBack`, then `InService` with what was before.
    #[deserr(rename = "rolls_back")]
    RollsBack,
    /// `InService` with what was before, without a word.
    #[deserr(rename = "rolls_back_silently")]
    RollsBackSilently,
    /// The endpoint is `Failed` afterwards.
    #[deserr(rename = "ends_failed")]
    EndsFailed,
    /// It rolls back; a rolling deployment ends `UpdateRollbackFailed`, serving from both fleets.
    #[deserr(rename = "rollback_fails")]
    RollbackFails,
    /// No instances to be had: a creation fails, an update or a larger count rolls back.
    #[deserr(rename = "lacks_capacity")]
    LacksCapacity,
}
