//! What the fleet file asks for the backups of one endpoint, with every default filled in.

use std::time::Duration;

use super::vault::Vault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The backups of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPolicy {
    /// Where they are kept.
    pub vault: Vault,
    /// What of the endpoint's Region becomes what of the other.
    pub mappings: Mappings,
    /// How often a recovery point is made by itself.
    pub every: Duration,
    /// How long recovery points are kept.
    pub retention: Retention,
    /// What a restore makes.
    pub restore: RestorePolicy,
    /// Restores for practice; absent: only when they are asked for.
    pub drill: DrillPolicy,
    /// What was promised.
    pub objectives: Objectives,
    /// Calls to S3 at once.
    pub concurrency: u32,
}

/// What a restore makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestorePolicy {
    /// Instances of each variant that has any, at least: two are in two Availability Zones.
    pub instances: u32,
    /// How long it may take until it has failed.
    pub deadline: Duration,
}

/// Restores for practice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrillPolicy {
    /// How often; absent: never by itself.
    pub every: Option<Duration>,
    /// Instances of each variant that has any.
    pub instances: u32,
    /// How long it may take until it is torn down as failed.
    pub deadline: Duration,
}

/// What was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objectives {
    /// The most that may be lost: the age of the newest recovery point.
    pub rpo: Duration,
    /// The longest from the start of a restore until the endpoint answers as it should.
    pub rto: Duration,
}

/// How long points are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// So many newest ones are kept, however old.
    pub last: u32,
    /// Those younger than this are kept, however many.
    pub within: Duration,
    /// So many points go at most in one pruning.
    pub deletes: u32,
}

/// `backup` of the fleet file, as far as it maps the old Region to the new one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mappings {
    /// Images, repositories or registries.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
    /// Role ARNs. Roles are global: those not mapped stay.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, String>,
    /// KMS keys, by ARN, id or alias as the documents write them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, String>,
    /// Subnets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub subnets: BTreeMap<String, String>,
    /// Security groups.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub security_groups: BTreeMap<String, String>,
    /// Buckets, or buckets with the beginning of a key, for what is written to S3 and for what is not to be copied.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub buckets: BTreeMap<String, String>,
    /// Values of environment variables by name, whatever they were.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Anything else, by its whole value: model packages, topics, Lambda functions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, String>,
}
