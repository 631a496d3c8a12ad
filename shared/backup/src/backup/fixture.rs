//! Nouns for tests, short to write.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    artifact::{Artifact, Listed, Vault},
    copy::{Proof, progress::Tally},
    definition::{Definition, Document, Kind, Live, Scaled, ScaledThing},
    inventory::ObjectInfo,
    manifest::RecoveryPoint,
    policy::{BackupPolicy, DrillPolicy, Objectives, RestorePolicy},
    references::Form,
    restore::{self, Ask, Look, Proposal, Restoration},
    retention::Retention,
    rewrite::Mappings,
    tell::Facts,
    verify::Verified,
};
use crate::location::Location;
use crate::scaling::{Scaling, ScalingPolicy, ScalingRule, Suspended, TrackedMetric};

/// A moment: so many seconds after the epoch of the tests.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();

/// What is told is of the endpoint fraud in eu-west-1, and then.
pub(super) fn facts(now: i64) -> Facts<'static> {
    Facts {
        now: at(now),
        endpoint: "fraud",
        region: "eu-west-1",
        labels: &NO_LABELS,
    }
}

/// A restore or drill from the first point, where nothing stands in its way.
pub(super) fn proposed(kind: restore::Kind, number: u64) -> Proposal {
    let (point, policy, verified) = (point(0), policy(), Verified::default());
    let ask = Ask {
        kind,
        number,
        point: (&point.write().0, &point),
        name: None,
        cover: Default::default(),
        policy: &policy,
        probed: true,
        verified: &verified,
        notes: &[],
        now: at(0),
    };
    restore::plan(&ask, &Look::default())
}

/// The same, begun at that moment.
pub(super) fn begun(kind: restore::Kind, number: u64, now: i64) -> Restoration {
    Restoration::new(proposed(kind, number).plan, at(now), None)
}

/// An object as a listing tells it.
pub(super) fn object(key: &str, size: u64, etag: &str) -> ObjectInfo {
    ObjectInfo {
        key: key.into(),
        size,
        etag: etag.into(),
        version: None,
        checksum: None,
        full_object: None,
        made_of: None,
        storage_class: None,
        archived: None,
        modified: at(0),
    }
}

/// The same with inference components of one model, each with so many copies.
pub(super) fn with_components(components: &[(&str, u32)]) -> Definition {
    let component = |(name, copies): &(&str, u32)| Document {
        name: (*name).into(),
        body: json!({
            "InferenceComponentName": name, "EndpointName": "fraud", "VariantName": "blue",
            "Specification": {"ModelName": "fraud-v1"}, "RuntimeConfig": {"CopyCount": copies},
        }),
        tags: BTreeMap::new(),
    };
    Definition {
        components: components.iter().map(component).collect(),
        ..definition()
    }
}

/// A definition with one of everything, in us-east-1.
pub(super) fn definition() -> Definition {
    let described = |kind, answer: Value, tags: &[(&str, &str)]| {
        let tags = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Document::described(kind, answer, tags).unwrap()
    };
    let own = "111122223333.dkr.ecr.us-east-1.amazonaws.com/fraud:1.4";
    let role = "arn:aws:iam::111122223333:role/sagemaker";
    let v1 = json!({
        "ModelName": "fraud-v1",
        "ModelArn": "arn:aws:sagemaker:us-east-1:111122223333:model/fraud-v1",
        "CreationTime": 1_780_000_000,
        "ExecutionRoleArn": role,
        "PrimaryContainer": {
            "Image": own,
            "ModelDataUrl": "s3://models/fraud/v1/model.tar.gz",
            "Environment": {
                "SAGEMAKER_SUBMIT_DIRECTORY": "s3://models/fraud/v1/source.tar.gz",
                "FEATURES": "https://features.us-east-1.amazonaws.com/v2",
                "THRESHOLD": "0.5",
            },
        },
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-a", "subnet-b"]},
        "EnableNetworkIsolation": false,
    });
    let pipeline = json!({
        "ModelName": "fraud-pipeline",
        "ExecutionRoleArn": role,
        "Containers": [
            {
                "ContainerHostname": "prepare",
                "Image": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
                "ModelDataUrl": "s3://models/fraud/v1/model.tar.gz",
            },
            {
                "Image": "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.3-gpu-py311",
                "ModelDataSource": {"S3DataSource": {
                    "S3Uri": "s3://models/llm/", "S3DataType": "S3Prefix", "CompressionType": "None",
                    "ETag": "\"abc\"", "ManifestS3Uri": "s3://models/llm-manifest.csv", "ManifestEtag": "\"def\"",
                }},
                "AdditionalModelDataSources": [{
                    "ChannelName": "draft",
                    "S3DataSource": {"S3Uri": "s3://models/draft/a.tar.gz", "S3DataType": "S3Object", "CompressionType": "Gzip"},
                }],
            },
            {"Image": own, "Mode": "MultiModel", "ModelDataUrl": "s3://many/models"},
        ],
        "InferenceExecutionConfig": {"Mode": "Serial"},
    });
    let config = json!({
        "EndpointConfigName": "fraud-config",
        "EndpointConfigArn": "arn:aws:sagemaker:us-east-1:111122223333:endpoint-config/fraud-config",
        "ProductionVariants": [
            {"VariantName": "blue", "ModelName": "fraud-v1", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large", "InitialVariantWeight": 1.0},
            {"VariantName": "green", "ModelName": "fraud-pipeline", "InitialInstanceCount": 4, "InstanceType": "ml.g5.xlarge", "InitialVariantWeight": 0.0},
        ],
        "KmsKeyId": "arn:aws:kms:us-east-1:111122223333:key/1234",
        "DataCaptureConfig": {"EnableCapture": true, "DestinationS3Uri": "s3://captured/fraud", "InitialSamplingPercentage": 10},
        "AsyncInferenceConfig": {"OutputConfig": {
            "S3OutputPath": "s3://answers/fraud/",
            "NotificationConfig": {"ErrorTopic": "arn:aws:sns:us-east-1:111122223333:errors"},
        }},
        "ExplainerConfig": {"ClarifyExplainerConfig": {"ShapConfig": {"ShapBaselineConfig": {"ShapBaselineUri": "s3://models/baseline.csv"}}}},
        "CreationTime": 1_780_000_000,
    });
    Definition {
        endpoint: "fraud".into(),
        tags: [("team".to_owned(), "risk".to_owned())].into(),
        config: described(Kind::Config, config, &[("team", "risk")]),
        models: vec![
            described(Kind::Model, pipeline, &[]),
            described(Kind::Model, v1, &[("team", "risk")]),
        ],
        components: vec![],
        scaling: vec![Scaled {
            of: ScaledThing::Variant("blue".into()),
            dimension: "sagemaker:variant:DesiredInstanceCount".into(),
            scaling: Scaling {
                min: 1,
                max: 4,
                suspended: Suspended::default(),
                policies: vec![ScalingPolicy {
                    arn: None,
                    name: "busy".into(),
                    rule: ScalingRule::TargetTracking {
                        target: 60.0,
                        metric: TrackedMetric::Customized {
                            metric: "CPUUtilization".into(),
                            namespace: "/aws/sagemaker/Endpoints".into(),
                            dimensions: vec![
                                ("EndpointName".into(), "fraud".into()),
                                ("VariantName".into(), "blue".into()),
                            ],
                            statistic: "Average".into(),
                            unit: None,
                        },
                        scale_out_cooldown: None,
                        scale_in_cooldown: Some(300),
                        disable_scale_in: false,
                    },
                    alarms: vec![],
                }],
                actions: vec![],
            },
        }],
        live: vec![
            Live {
                variant: "blue".into(),
                weight: Some(1.0),
                instances: Some(3),
            },
            Live {
                variant: "green".into(),
                weight: Some(0.0),
                instances: Some(1),
            },
        ],
        left_out: vec![],
        deployed: vec![],
        during: None,
        unsure: vec![],
    }
}

/// A place for backups.
pub(super) fn vault() -> Vault {
    Vault {
        region: "eu-west-1".into(),
        bucket: "dr".into(),
        prefix: "steward/".into(),
        key: None,
    }
}

/// A recovery point, begun so many seconds after the epoch of the tests.
pub(super) fn point(began: i64) -> RecoveryPoint {
    let source = definition();
    let uri = "s3://models/fraud/v1/model.tar.gz";
    let object = object("fraud/v1/model.tar.gz", 10_000_000, "\"abc\"");
    let root = vault().object_root("models", &object.key, &object.etag);
    RecoveryPoint {
        endpoint: source.endpoint.clone(),
        account: "111122223333".into(),
        from: "us-east-1".into(),
        to: "eu-west-1".into(),
        began: at(began),
        completed: at(began + 60),
        writer: "0.1.0".into(),
        restored: source.clone(),
        source,
        artifacts: vec![Artifact {
            uri: uri.into(),
            form: Form::Object,
            at: Location::new("dr", format!("{}model.tar.gz", root.key)),
            root,
            tally: Tally {
                objects: 1,
                bytes: object.size,
            },
            digest: "0".repeat(64),
            proof: Proof::Checksum,
            by_size: 0,
            source: None,
        }],
    }
}

/// What lies where the copy of an artifact is, as it was.
pub(super) fn listed(artifact: &Artifact) -> Listed {
    Listed {
        digest: artifact.digest.clone(),
        tally: artifact.tally,
        ..Listed::default()
    }
}

/// What a fleet file may ask for.
pub(super) fn policy() -> BackupPolicy {
    let limit = std::time::Duration::from_secs(7200);
    BackupPolicy {
        vault: vault(),
        mappings: Mappings::default(),
        every: limit,
        retention: Retention {
            last: 7,
            within: limit,
            deletes: 20,
        },
        restore: RestorePolicy {
            instances: 2,
            deadline: limit,
        },
        drill: DrillPolicy {
            every: None,
            instances: 1,
            deadline: limit,
        },
        objectives: Objectives {
            rpo: limit,
            rto: limit / 2,
        },
        concurrency: 32,
    }
}
