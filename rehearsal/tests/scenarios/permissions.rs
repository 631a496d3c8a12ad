//! The calls that a function makes and the actions its role grants are the same set, for each function. The calls are those
//! of every built-in scenario, played with the very handlers that are deployed. What S3 is asked for is compared with the
//! bucket, since a role may do different things with each: `s3:GetObject on BackupBucket`.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::LazyLock,
    thread::{available_parallelism, scope},
};

use rehearsal::{
    record::Called,
    scenario::{Builtin, builtins},
};
use serde_json::Value;

use super::kept;

#[path = "../../../tests/support/template.rs"]
pub(super) mod support;

use support::{Statement, allowed, template, yaml};

/// The buckets of the template's permissions, by what their resources name.
const BUCKETS: [&str; 5] = [
    "StateBucket",
    "FleetBucket",
    "ArtifactBuckets",
    "BackupBucket",
    "AsyncProbeBucket",
];

/// Which bucket of a scenario is which of the template's.
pub(super) struct Buckets {
    states: BTreeSet<String>,
    fleets: BTreeSet<String>,
    backups: BTreeSet<String>,
    probes: BTreeSet<String>,
    /// The bucket of one Region, and what takes its place in the other.
    replaced: BTreeSet<(String, String)>,
}

impl Buckets {
    pub(super) fn of(builtin: &Builtin) -> Self {
        let mut buckets = Self {
            states: BTreeSet::new(),
            fleets: BTreeSet::new(),
            backups: BTreeSet::new(),
            probes: BTreeSet::new(),
            replaced: BTreeSet::new(),
        };
        buckets.collect(&yaml(builtin.text, builtin.name));
        for (here, there) in &buckets.replaced {
            if buckets.probes.contains(here) {
                buckets.probes.insert(there.clone());
            }
        }
        buckets
    }

    fn collect(&mut self, value: &Value) {
        for (key, inner) in value.as_object().into_iter().flatten() {
            let place = inner.as_str().and_then(|uri| uri.strip_prefix("s3://"));
            let bucket = place.and_then(|place| place.split('/').next()).map(str::to_owned);
            match key.as_str() {
                "STEWARD_STATE" => self.states.extend(place.map(str::to_owned)),
                "STEWARD_FLEET" => self.fleets.extend(place.map(str::to_owned)),
                "input" | "output" | "failures" => self.probes.extend(bucket),
                "destination" => self.backups.extend(inner["bucket"].as_str().map(str::to_owned)),
                "buckets" => {
                    for (here, there) in inner.as_object().into_iter().flatten() {
                        let there = there.as_str().map(str::to_owned);
                        self.replaced.extend(there.map(|there| (here.clone(), there)));
                    }
                }
                _ => {}
            }
            self.collect(inner);
        }
        value
            .as_array()
            .into_iter()
            .flatten()
            .for_each(|item| self.collect(item));
    }

    /// The name that the template has for the bucket of `bucket/key`, or of a bucket.
    fn named(&self, place: &str) -> &'static str {
        let bucket = place.split('/').next().unwrap_or(place);
        let lies_in = |places: &BTreeSet<String>| places.iter().any(|known| place.starts_with(known.as_str()));
        match bucket {
            state if state.starts_with("steward-state-") || lies_in(&self.states) => "StateBucket",
            _ if lies_in(&self.fleets) || self.fleets.iter().any(|fleet| fleet.split('/').next() == Some(place)) => {
                "FleetBucket"
            }
            backups if self.backups.contains(backups) => "BackupBucket",
            probes if self.probes.contains(probes) => "AsyncProbeBucket",
            _ => "ArtifactBuckets",
        }
    }

    /// What a call needs, as it is compared.
    pub(super) fn needed(&self, call: &Called) -> impl Iterator<Item = String> {
        call.actions.iter().map(move |action| {
            let read = action.starts_with("s3:Get");
            let place = call
                .copied_from
                .as_deref()
                .filter(|_| read)
                .or(call.resource.as_deref());
            match place.filter(|_| action.starts_with("s3:")) {
                Some(place) => format!("{action} on {}", self.named(place)),
                None => action.clone(),
            }
        })
    }
}

/// What a statement grants, as it is compared.
fn granted(statement: &Statement) -> impl Iterator<Item = String> {
    let resource = statement.resource.to_string();
    statement.actions.iter().map(move |action| {
        let bucket = BUCKETS.iter().find(|bucket| resource.contains(**bucket));
        match bucket.filter(|_| action.starts_with("s3:")) {
            Some(bucket) => format!("{action} on {bucket}"),
            None => action.clone(),
        }
    })
}

/// Granted without a call of a function's own, and why.
type Excused = [(&'static str, &'static str)];

/// Granted to every function.
const OF_ALL: &Excused = &[
    (
        "logs:CreateLogStream",
        "Lambda writes the function's output with the function's role",
    ),
    (
        "logs:PutLogEvents",
        "Lambda writes the function's output with the function's role",
    ),
    ("sqs:SendMessage", "Lambda keeps failed events with the function's role"),
    (
        "s3:GetObject on FleetBucket",
        "the fleet file may lie in a bucket of the user's; here it lies with the state",
    ),
    (
        "s3:ListBucket on FleetBucket",
        "makes S3 answer 404 instead of 403 for a fleet file that is not there",
    ),
    (
        "cloudwatch:PutMetricAlarm",
        "checked by Application Auto Scaling, whose alarms are made in the caller's name",
    ),
    (
        "cloudwatch:DeleteAlarms",
        "checked by Application Auto Scaling, whose alarms are deleted in the caller's name",
    ),
];

const HEALTH_CHECKER: &Excused = &[
    (
        "s3:ListBucket on AsyncProbeBucket",
        "makes S3 answer 404 instead of 403 for an answer that is not there yet",
    ),
    (
        "s3:ListBucket on StateBucket",
        "makes S3 answer 404 instead of 403 for an object that is not there",
    ),
    (
        "iam:PassRole",
        "checked by SageMaker when a config that names a role is copied",
    ),
    (
        "sagemaker:AddTags",
        "checked by SageMaker when something is created with tags",
    ),
    (
        "application-autoscaling:DeregisterScalableTarget",
        "checked by SageMaker when an autoscaled endpoint is deleted",
    ),
    (
        "kms:CreateGrant",
        "checked by SageMaker when it deploys a config that names a key",
    ),
    (
        "kms:DescribeKey",
        "checked by SageMaker when it deploys a config that names a key",
    ),
    (
        "cloudwatch:DescribeAlarms",
        "checked by Application Auto Scaling, which looks at its alarms in the caller's name",
    ),
];

const TRAFFIC_SHIFTER: &Excused = &[
    (
        "iam:PassRole",
        "checked by SageMaker when a config that names a role is copied",
    ),
    (
        "sagemaker:AddTags",
        "checked by SageMaker when a config is created with tags",
    ),
    (
        "kms:CreateGrant",
        "checked by SageMaker when it deploys a config that names a key",
    ),
    (
        "kms:DescribeKey",
        "checked by SageMaker when it deploys a config that names a key",
    ),
    (
        "sagemaker:UpdateInferenceComponentRuntimeConfig",
        "checked by Application Auto Scaling, which scales components in the caller's name",
    ),
];

const CROSS_REGION_BACKUP: &Excused = &[
    (
        "s3:ListBucket on AsyncProbeBucket",
        "makes S3 answer 404 instead of 403 for an answer that is not there yet",
    ),
    (
        "s3:PutObjectTagging on BackupBucket",
        "checked by S3 when a copy is made with tags",
    ),
    ("kms:Decrypt", "checked by S3 when an encrypted object is copied"),
    ("kms:GenerateDataKey", "checked by S3 when a copy is encrypted"),
    (
        "kms:DescribeKey",
        "checked by SageMaker when it deploys a config that names a key",
    ),
    (
        "cloudwatch:DescribeAlarms",
        "checked by Application Auto Scaling, which looks at its alarms in the caller's name",
    ),
    (
        "sagemaker:UpdateInferenceComponentRuntimeConfig",
        "checked by Application Auto Scaling, which scales components in the caller's name",
    ),
    (
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "checked by Application Auto Scaling, which scales variants in the caller's name",
    ),
];

const SCALE_FROM_ZERO: &Excused = &[(
    "cloudwatch:DescribeAlarms",
    "checked by Application Auto Scaling, which looks at its alarms in the caller's name",
)];

const FLEET_RECONCILER: &Excused = &[
    (
        "iam:CreateServiceLinkedRole",
        "checked by Application Auto Scaling when an account's first target is registered",
    ),
    (
        "sagemaker:AddTags",
        "checked by SageMaker when something is created with tags",
    ),
    (
        "kms:CreateGrant",
        "checked by SageMaker when it deploys a config that names a key",
    ),
    (
        "kms:DescribeKey",
        "checked by SageMaker when it deploys a config that names a key",
    ),
    (
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "checked by Application Auto Scaling, which scales variants in the caller's name",
    ),
    (
        "sagemaker:DescribeInferenceComponent",
        "checked by Application Auto Scaling, which looks at components in the caller's name",
    ),
    (
        "sagemaker:UpdateInferenceComponentRuntimeConfig",
        "checked by Application Auto Scaling, which scales components in the caller's name",
    ),
    (
        "s3:ListBucket on StateBucket",
        "makes S3 answer 404 instead of 403 for an object that is not there",
    ),
    (
        "lambda:InvokeFunction",
        "goes on in another invocation with what does not fit into one",
    ),
];

#[test]
fn the_role_of_the_fleet_reconciler_grants_exactly_what_its_calls_need() {
    grants_exactly("fleet-reconciler", "FleetReconcilerRole", FLEET_RECONCILER);
}

#[test]
fn the_role_of_scale_from_zero_grants_exactly_what_its_calls_need() {
    grants_exactly("scale-from-zero", "ScaleFromZeroRole", SCALE_FROM_ZERO);
}

#[test]
fn the_role_of_the_health_checker_grants_exactly_what_its_calls_need() {
    grants_exactly("health-checker", "HealthCheckerRole", HEALTH_CHECKER);
}

#[test]
fn the_role_of_the_traffic_shifter_grants_exactly_what_its_calls_need() {
    grants_exactly("traffic-shifter", "TrafficShifterRole", TRAFFIC_SHIFTER);
}

#[test]
fn the_role_of_the_cross_region_backup_grants_exactly_what_its_calls_need() {
    grants_exactly("cross-region-backup", "CrossRegionBackupRole", CROSS_REGION_BACKUP);
}

fn grants_exactly(function: &str, role: &str, without_a_call: &Excused) {
    let used = &USED[function];
    let statements = allowed(&template(), role);
    let granted: BTreeMap<String, &Statement> = statements
        .iter()
        .flat_map(|statement| granted(statement).map(move |action| (action, statement)))
        .collect();

    let missing: Vec<String> = used
        .iter()
        .filter(|(action, _)| !granted.contains_key(*action))
        .map(|(action, scenario)| format!("{action}, called in {scenario}"))
        .collect();
    assert!(
        missing.is_empty(),
        "called, but not granted in template.yaml: {missing:#?}"
    );

    let idle: Vec<String> = granted
        .iter()
        .filter(|(action, _)| {
            !used.contains_key(*action) && !OF_ALL.iter().chain(without_a_call).any(|(known, _)| known == action)
        })
        .map(|(action, by)| {
            let when = by.condition.as_deref().unwrap_or("always");
            let only_if = &by.only_if;
            format!(
                "{action}, by the statement {} ({when}) on {} if {only_if}",
                by.sid, by.resource
            )
        })
        .collect();
    assert!(
        idle.is_empty(),
        "granted in template.yaml, but called in no scenario: {idle:#?}"
    );

    for (action, why) in OF_ALL.iter().chain(without_a_call) {
        assert!(
            granted.contains_key(*action),
            "{action} is excused ({why}), but not granted"
        );
    }
}

/// The IAM actions behind every call of each function in the built-in scenarios, each with a scenario that makes it.
static USED: LazyLock<BTreeMap<String, BTreeMap<String, &'static str>>> = LazyLock::new(|| {
    let at_once = available_parallelism().map_or(1, NonZeroUsize::get);
    scope(|scope| {
        for some in builtins().chunks(builtins().len().div_ceil(at_once)) {
            scope.spawn(move || {
                for builtin in some {
                    kept(builtin.name);
                }
            });
        }
    });
    let mut used: BTreeMap<String, BTreeMap<String, &str>> = BTreeMap::new();
    for builtin in builtins() {
        for (function, action) in &kept(builtin.name).actions {
            used.entry(function.clone())
                .or_default()
                .insert(action.clone(), builtin.name);
        }
    }
    used
});
