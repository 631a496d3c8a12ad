//! `backup`: where an endpoint's recovery points go, and what of its Region becomes what of the other.
//!
//! Fields of layers are laid over each other, the entries of the mappings each by itself: what holds for the whole account
//! is said once, under `defaults`.

use std::{collections::BTreeMap, time::Duration};

use deserr::Deserr;
use schemars::JsonSchema;

use super::{
    merge::both,
    text::{Bucket, Entry, KeyId, Prefix, Region, Text},
};
use crate::{
    backup::{
        Vault,
        policy::{BackupPolicy, DrillPolicy, Mappings, Objectives, RestorePolicy, Retention},
    },
    quantity::{SpanWithin, Whole},
    yaml::{Found, Map},
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Where recovery points of the endpoint go, in another Region, and how it is restored from them. An endpoint is backed up
/// when something says its `destination`.
#[derive(Clone, Debug, PartialEq, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Backup")]
pub(crate) struct BackupSection {
    /// Back this endpoint up at all. On when there is a `destination`.
    #[deserr(default)]
    #[schemars(extend("examples" = [false]))]
    enabled: Option<bool>,
    /// Where.
    #[deserr(default)]
    #[schemars(extend("examples" = [{ "region": "eu-central-1", "bucket": "models-dr" }]))]
    destination: Option<DestinationSection>,
    /// Images that are not simply the same in the other Region: an image, a repository, or a whole registry's host, and its
    /// like there. Images of this account are expected under the same name, AWS's own are known.
    #[deserr(default)]
    #[schemars(extend("default" = {}, "examples" = [{ "222233334444.dkr.ecr.us-east-1.amazonaws.com": "222233334444.dkr.ecr.eu-central-1.amazonaws.com" }]))]
    images: Option<Map<Text<Entry>>>,
    /// Role ARNs. Roles are global, so those not named here are used in the other Region too.
    #[deserr(default)]
    #[schemars(extend("default" = {}, "examples" = [{ "arn:aws:iam::111122223333:role/ml": "arn:aws:iam::111122223333:role/ml-dr" }]))]
    roles: Option<Map<Text<Entry>>>,
    /// KMS keys of endpoints and their output, as the endpoint names them.
    #[deserr(default)]
    #[schemars(extend("default" = {}, "examples" = [{ "alias/ml": "alias/ml" }]))]
    keys: Option<Map<Text<Entry>>>,
    /// Subnets.
    #[deserr(default)]
    #[schemars(extend("default" = {}, "examples" = [{ "subnet-0a1b": "subnet-9f8e" }]))]
    subnets: Option<Map<Text<Entry>>>,
    /// Security groups.
    #[deserr(default)]
    #[schemars(extend("default" = {}, "examples" = [{ "sg-0a1b": "sg-9f8e" }]))]
    security_groups: Option<Map<Text<Entry>>>,
    /// Buckets, or buckets with the beginning of a key: where the endpoint writes to, and artifacts that are replicated by
    /// other means and are not to be copied: those are looked for there, and not compared.
    #[deserr(default)]
    #[schemars(extend("default" = {}, "examples" = [{ "captured-us": "captured-eu" }]))]
    buckets: Option<Map<Text<Entry>>>,
    /// Environment variables of containers, by name, that have another value in the other Region.
    #[deserr(default)]
    #[schemars(extend("default" = {}, "examples" = [{ "FEATURE_STORE": "https://features.eu-central-1.example.com" }]))]
    environment: Option<Map<String>>,
    /// Anything else by its whole value: model packages, SNS topics, Lambda functions.
    #[deserr(default)]
    #[schemars(extend("default" = {}, "examples" = [{ "arn:aws:sns:us-east-1:111122223333:errors": "arn:aws:sns:eu-central-1:111122223333:errors" }]))]
    others: Option<Map<Text<Entry>>>,
    /// How often a recovery point is made by itself, besides when another endpoint config comes into service. `1d`, or half
    /// of `objectives.rpo` where that is at most a day.
    #[deserr(default)]
    #[schemars(extend("examples" = ["6h"]))]
    every: Option<SpanWithin<{ 10 * MINUTE }, { 365 * DAY }>>,
    /// How long recovery points are kept. The newest good one always is.
    #[deserr(default)]
    retention: Option<RetentionSection>,
    /// What a restore makes.
    #[deserr(default)]
    restore: Option<RestoreSection>,
    /// Restores for practice, under another name, torn down afterwards.
    #[deserr(default)]
    drill: Option<DrillSection>,
    /// What was promised; missing it is an alert.
    #[deserr(default)]
    objectives: Option<ObjectivesSection>,
    /// Calls to S3 at once. Fewer are made by themselves while S3 says that it is too much.
    #[deserr(default)]
    #[schemars(extend("default" = 32))]
    concurrency: Option<Whole<1, 256>>,
}

/// Where recovery points are kept.
#[derive(Clone, Debug, PartialEq, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Destination")]
struct DestinationSection {
    /// The Region of the bucket, where the endpoint is restored.
    #[deserr(default)]
    #[schemars(extend("examples" = ["eu-central-1"]))]
    region: Option<Text<Region>>,
    /// The bucket.
    #[deserr(default)]
    #[schemars(extend("examples" = ["models-dr"]))]
    bucket: Option<Text<Bucket>>,
    /// What every key begins with.
    #[deserr(default)]
    #[schemars(extend("default" = "steward/"))]
    prefix: Option<Text<Prefix>>,
    /// The KMS key of the copies, in that Region; when not given, the bucket's own encryption. Another key copies anew.
    #[deserr(default)]
    #[schemars(extend("examples" = ["arn:aws:kms:eu-central-1:111122223333:alias/models-dr"]))]
    key: Option<Text<KeyId>>,
}

/// How long recovery points are kept: one goes when it is neither among the newest nor young.
#[derive(Clone, Debug, PartialEq, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Retention")]
struct RetentionSection {
    /// So many newest good ones stay, however old.
    #[deserr(default)]
    #[schemars(extend("default" = 7))]
    last: Option<Whole<1, 1000>>,
    /// Those younger than this stay, however many.
    #[deserr(default)]
    #[schemars(extend("default" = "30d"))]
    within: Option<SpanWithin<0, { 3650 * DAY }>>,
    /// So many go at most in one pruning.
    #[deserr(default)]
    #[schemars(extend("default" = 20))]
    deletes: Option<Whole<0, 1000>>,
}

/// What a restore makes.
#[derive(Clone, Debug, PartialEq, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Restore")]
struct RestoreSection {
    /// Instances of each variant that has any, at least. Two are in two Availability Zones.
    #[deserr(default)]
    #[schemars(extend("default" = 2))]
    instances: Option<Whole<1, 1000>>,
    /// After this time it has failed; what it made stays.
    #[deserr(default)]
    #[schemars(extend("default" = "2h"))]
    deadline: Option<SpanWithin<{ 10 * MINUTE }, { 2 * DAY }>>,
}

/// Restores for practice.
#[derive(Clone, Debug, PartialEq, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Drill")]
struct DrillSection {
    /// How often one is made by itself; when not given, only by the command `drill`. Each costs the instances for as long
    /// as it takes.
    #[deserr(default)]
    #[schemars(extend("examples" = ["30d"]))]
    every: Option<SpanWithin<DAY, { 365 * DAY }>>,
    /// Instances of each variant that has any.
    #[deserr(default)]
    #[schemars(extend("default" = 1))]
    instances: Option<Whole<1, 1000>>,
    /// After this time it has failed, and is torn down.
    #[deserr(default)]
    #[schemars(extend("default" = "2h"))]
    deadline: Option<SpanWithin<{ 10 * MINUTE }, { 2 * DAY }>>,
}

/// What was promised.
#[derive(Clone, Debug, PartialEq, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Objectives")]
struct ObjectivesSection {
    /// Recovery point objective: how old the newest good recovery point may become.
    #[deserr(default)]
    #[schemars(extend("default" = "26h"))]
    rpo: Option<SpanWithin<{ 10 * MINUTE }, { 365 * DAY }>>,
    /// Recovery time objective: how long a restore may take until the endpoint answers as it should.
    #[deserr(default)]
    #[schemars(extend("default" = "1h"))]
    rto: Option<SpanWithin<MINUTE, { 2 * DAY }>>,
}

/// What contradicts itself: the field, the problem, what is accepted, the other fields that make it so.
pub(super) type Wrong = (&'static str, String, &'static str, &'static [&'static str]);

/// Entries of `over`, and those of `under` with other keys.
fn entries<T>(over: Option<Map<T>>, under: Option<Map<T>>) -> Option<Map<T>> {
    both(over, under, |mut over, under| {
        let more = under.0.into_iter().filter(|(key, _)| over.get(key).is_none());
        let more: Vec<_> = more.collect();
        over.0.extend(more);
        over
    })
}

impl BackupSection {
    /// What this layer says, and below it what `under` says.
    pub(super) fn over(self, under: Self) -> Self {
        Self {
            enabled: self.enabled.or(under.enabled),
            destination: both(self.destination, under.destination, |over, under| DestinationSection {
                region: over.region.or(under.region),
                bucket: over.bucket.or(under.bucket),
                prefix: over.prefix.or(under.prefix),
                key: over.key.or(under.key),
            }),
            images: entries(self.images, under.images),
            roles: entries(self.roles, under.roles),
            keys: entries(self.keys, under.keys),
            subnets: entries(self.subnets, under.subnets),
            security_groups: entries(self.security_groups, under.security_groups),
            buckets: entries(self.buckets, under.buckets),
            environment: entries(self.environment, under.environment),
            others: entries(self.others, under.others),
            every: self.every.or(under.every),
            retention: both(self.retention, under.retention, |over, under| RetentionSection {
                last: over.last.or(under.last),
                within: over.within.or(under.within),
                deletes: over.deletes.or(under.deletes),
            }),
            restore: both(self.restore, under.restore, |over, under| RestoreSection {
                instances: over.instances.or(under.instances),
                deadline: over.deadline.or(under.deadline),
            }),
            drill: both(self.drill, under.drill, |over, under| DrillSection {
                every: over.every.or(under.every),
                instances: over.instances.or(under.instances),
                deadline: over.deadline.or(under.deadline),
            }),
            objectives: both(self.objectives, under.objectives, |over, under| ObjectivesSection {
                rpo: over.rpo.or(under.rpo),
                rto: over.rto.or(under.rto),
            }),
            concurrency: self.concurrency.or(under.concurrency),
        }
    }

    /// This layer says something of the field.
    pub(super) fn says(&self, field: &str) -> bool {
        match field {
            "enabled" => self.enabled.is_some(),
            "destination" => self.destination.is_some(),
            "objectives" => self.objectives.is_some(),
            "drill" => self.drill.as_ref().is_some_and(|drill| drill.every.is_some()),
            "every" => self.every.is_some(),
            "restore" => self.restore.is_some(),
            _ => false,
        }
    }

    /// What is missing or contradicts itself.
    pub(super) fn contradictions(&self) -> Vec<Wrong> {
        let mut wrong: Vec<Wrong> = vec![];
        if self.enabled == Some(false) {
            return wrong;
        }
        match &self.destination {
            None if self.enabled == Some(true) => wrong.push((
                "enabled",
                "nothing says where backups go".to_owned(),
                "`destination` with `region` and `bucket`, here or in `defaults`",
                &["destination"],
            )),
            None => {}
            Some(destination) => {
                let missing: Vec<&str> = [
                    ("`region`", destination.region.is_none()),
                    ("`bucket`", destination.bucket.is_none()),
                ]
                .into_iter()
                .filter_map(|(name, missing)| missing.then_some(name))
                .collect();
                if !missing.is_empty() {
                    let problem = format!("says nothing of {}", crate::text::and_list(&missing));
                    let accepted = "`region` and `bucket`, here or in `defaults`";
                    wrong.push(("destination", problem, accepted, &["enabled"]));
                }
            }
        }
        let restore = self.restore.clone().unwrap_or_default();
        let promised = self
            .objectives
            .clone()
            .unwrap_or_default()
            .rto
            .map(SpanWithin::duration);
        let deadline = restore.deadline.map_or(RESTORE_DEADLINE, SpanWithin::duration);
        if promised.is_some_and(|rto| rto > deadline) {
            wrong.push((
                "objectives",
                "the restore's `deadline` comes before `rto` is over".to_owned(),
                "an `rto` of at most `restore.deadline`",
                &["enabled", "restore"],
            ));
        }
        let rpo = self.promised_rpo();
        if self.every.is_some_and(|every| every.duration() >= rpo) {
            wrong.push((
                "every",
                "the newest recovery point is older than `objectives.rpo` before the next one comes".to_owned(),
                "less than `objectives.rpo`",
                &["enabled", "objectives"],
            ));
        }
        wrong
    }

    fn promised_rpo(&self) -> Duration {
        let objectives = self.objectives.as_ref();
        let said = objectives.and_then(|objectives| objectives.rpo.as_ref());
        said.map_or(Duration::from_millis(26 * HOUR), |rpo| rpo.duration())
    }

    /// Where recovery points go, or went while there were any made: whatever `enabled` says.
    pub(super) fn vault(&self) -> Option<Vault> {
        let destination = self.destination.clone()?;
        Some(Vault {
            region: destination.region?.into_string(),
            bucket: destination.bucket?.into_string(),
            prefix: destination
                .prefix
                .map_or_else(|| "steward/".to_owned(), Text::into_string),
            key: destination.key.map(Text::into_string),
        })
    }

    /// How long they are kept.
    pub(super) fn retention(&self) -> Retention {
        let retention = self.retention.clone().unwrap_or_default();
        Retention {
            last: retention.last.map_or(7, |number| number.0),
            within: retention
                .within
                .map_or(Duration::from_millis(30 * DAY), SpanWithin::duration),
            deletes: retention.deletes.map_or(20, |number| number.0),
        }
    }

    /// The whole policy; `None` when the endpoint is not backed up.
    pub(super) fn resolve(self) -> Option<BackupPolicy> {
        if self.enabled == Some(false) {
            return None;
        }
        let rpo = self.promised_rpo();
        let vault = self.vault()?;
        let retention = self.retention();
        let restore = self.restore.unwrap_or_default();
        let drill = self.drill.unwrap_or_default();
        let objectives = self.objectives.unwrap_or_default();
        Some(BackupPolicy {
            vault,
            mappings: Mappings {
                images: texts(self.images),
                roles: texts(self.roles),
                keys: texts(self.keys),
                subnets: texts(self.subnets),
                security_groups: texts(self.security_groups),
                buckets: texts(self.buckets),
                environment: self.environment.unwrap_or_default().0.into_iter().collect(),
                others: texts(self.others),
            },
            every: self.every.map_or_else(|| usual(rpo), SpanWithin::duration),
            retention,
            restore: RestorePolicy {
                instances: restore.instances.map_or(2, |number| number.0),
                deadline: restore.deadline.map_or(RESTORE_DEADLINE, SpanWithin::duration),
            },
            drill: DrillPolicy {
                every: drill.every.map(SpanWithin::duration),
                instances: drill.instances.map_or(1, |number| number.0),
                deadline: drill.deadline.map_or(RESTORE_DEADLINE, SpanWithin::duration),
            },
            objectives: Objectives {
                rpo,
                rto: objectives.rto.map_or(Duration::from_millis(HOUR), SpanWithin::duration),
            },
            concurrency: self.concurrency.map_or(32, |number| number.0),
        })
    }
}

const RESTORE_DEADLINE: Duration = Duration::from_millis(2 * HOUR);

/// How often a recovery point is made so that none becomes older than this.
fn usual(rpo: Duration) -> Duration {
    let day = Duration::from_millis(DAY);
    if rpo > day { day } else { rpo / 2 }
}

fn texts(entries: Option<Map<Text<Entry>>>) -> BTreeMap<String, String> {
    let entries = entries.unwrap_or_default().0;
    entries
        .into_iter()
        .map(|(key, value)| (key, value.into_string()))
        .collect()
}
