//! SageMaker's endpoint events.
//!
//! They come late, twice or not at all, and their counters are those of the moment they were written: an event is a
//! reason to look at the endpoint, so only what says *which* endpoint and *what kind of* change is read.

use jiff::Timestamp;

use super::{TriggerError, read::Fields};
use crate::endpoint::EndpointStatus;

/// "SageMaker Endpoint State Change" or "SageMaker Endpoint Deployment State Change".
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointStateChange {
    /// The event's id, the same when it is delivered twice.
    pub id: Option<String>,
    /// When the event was written.
    pub at: Option<Timestamp>,
    /// `EndpointName`, checked against SageMaker's pattern.
    pub endpoint: String,
    /// `EndpointArn`, from the detail or else the envelope.
    pub arn: Option<String>,
    /// The Region of the ARN, else that of the envelope.
    pub region: Option<String>,
    /// The account of the ARN, else that of the envelope.
    pub account: Option<String>,
    /// The status after the change.
    pub status: EndpointStatus,
    /// `EndpointConfigName`.
    pub config: Option<String>,
    /// `PendingDeploymentSummary.EndpointConfigName`: the config being deployed.
    pub pending_config: Option<String>,
    /// `FailureReason`, safe to show.
    pub failure_reason: Option<String>,
    /// `CreationTime`.
    pub created: Option<Timestamp>,
    /// `LastModifiedTime`.
    pub modified: Option<Timestamp>,
}

impl EndpointStateChange {
    /// It is about an endpoint of this Region and account, as far as it says.
    ///
    /// # Errors
    /// [`TriggerError::Elsewhere`]: another endpoint may have the same name.
    pub fn meant_for(&self, region: &str, account: &str) -> Result<(), TriggerError> {
        let is = |said: &Option<String>, ours: &str| said.as_deref().is_none_or(|said| said == ours);
        if is(&self.region, region) && is(&self.account, account) {
            return Ok(());
        }
        let said = |said: &Option<String>| said.clone().unwrap_or_else(|| "an unknown place".to_owned());
        Err(TriggerError::Elsewhere {
            endpoint: self.endpoint.clone(),
            seen: format!("{} in account {}", said(&self.region), said(&self.account)),
            ours: format!("{region} in account {account}"),
        })
    }
}

pub(super) fn from_event(envelope: &Fields<'_>) -> Result<EndpointStateChange, TriggerError> {
    let mut change = from_detail(&envelope.object("detail")?)?;
    change.id = envelope.text("id");
    change.at = envelope.moment_if_any("time").or(change.at);
    change.region = change.region.or_else(|| envelope.text("region"));
    change.account = change.account.or_else(|| envelope.text("account"));
    Ok(change)
}

pub(super) fn from_detail(detail: &Fields<'_>) -> Result<EndpointStateChange, TriggerError> {
    let arn = detail.text("EndpointArn");
    let pending = detail.object_if_any("PendingDeploymentSummary");
    let modified = detail.moment_if_any("LastModifiedTime");
    let of_arn = |part: usize| {
        let part = arn.as_deref().and_then(|arn| arn.split(':').nth(part));
        part.filter(|part| !part.is_empty()).map(str::to_owned)
    };
    Ok(EndpointStateChange {
        id: None,
        at: modified,
        endpoint: detail.endpoint_name("EndpointName")?,
        region: of_arn(3),
        account: of_arn(4),
        arn,
        status: EndpointStatus::parse(detail.required_text("EndpointStatus")?),
        config: detail.text("EndpointConfigName"),
        pending_config: pending.and_then(|pending| pending.text("EndpointConfigName")),
        failure_reason: detail.long_text("FailureReason", 1024),
        created: detail.moment_if_any("CreationTime"),
        modified,
    })
}
