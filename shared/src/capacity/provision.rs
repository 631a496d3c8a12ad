//! An endpoint as it is provisioned: its model, its config, and the requests that make them.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What an endpoint of one model and one variant is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provisioned {
    /// `Image` of the primary container.
    pub image: String,
    /// `ModelDataUrl`.
    pub data: Option<String>,
    /// `ExecutionRoleArn`.
    pub role: String,
    /// `Environment`.
    pub environment: BTreeMap<String, String>,
    /// `VpcConfig.Subnets`.
    pub subnets: Vec<String>,
    /// `VpcConfig.SecurityGroupIds`.
    pub security_groups: Vec<String>,
    /// `EnableNetworkIsolation`.
    pub isolated: bool,
    /// `VariantName`.
    pub variant: String,
    /// `InstanceType`.
    pub instance_type: String,
    /// `InitialInstanceCount`: said when it is created, moved by scaling afterwards.
    pub instances: u32,
    /// `KmsKeyId` of the instances' storage.
    pub key: Option<String>,
    /// `DataCaptureConfig`, when it is enabled.
    pub capture: Option<Capture>,
    /// `AsyncInferenceConfig`.
    pub asynchronous: Option<Asynchronous>,
}

/// `DataCaptureConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// `DestinationS3Uri`.
    pub destination: String,
    /// `InitialSamplingPercentage`, 0 to 100.
    pub percent: u32,
    /// Requests are captured.
    pub input: bool,
    /// Answers are captured.
    pub output: bool,
    /// `KmsKeyId`.
    pub key: Option<String>,
}

/// `AsyncInferenceConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asynchronous {
    /// `OutputConfig.S3OutputPath`.
    pub output: String,
    /// `OutputConfig.S3FailurePath`.
    pub failures: Option<String>,
    /// `OutputConfig.KmsKeyId`.
    pub key: Option<String>,
    /// `ClientConfig.MaxConcurrentInvocationsPerInstance`.
    pub concurrency: Option<u32>,
    /// `NotificationConfig.SuccessTopic`.
    pub success_topic: Option<String>,
    /// `NotificationConfig.ErrorTopic`.
    pub error_topic: Option<String>,
}

/// The bodies of `CreateModel`, `CreateEndpointConfig` and `CreateEndpoint`, in this order.
#[derive(Clone, Debug, PartialEq)]
pub struct Requests {
    /// `CreateModel`.
    pub model: Value,
    /// `CreateEndpointConfig`.
    pub config: Value,
    /// `CreateEndpoint`.
    pub endpoint: Value,
}

impl Provisioned {
    /// What is compared with a live endpoint: the number of instances belongs to scaling, and a rollout may have named the
    /// variant anew.
    #[must_use]
    pub fn comparable(&self) -> Self {
        let mut same = Self {
            instances: 0,
            variant: String::new(),
            ..self.clone()
        };
        same.subnets.sort();
        same.security_groups.sort();
        same
    }

    /// `ModelName`: the same for the same content, so that creating it twice is creating it once.
    pub fn model_name(&self, endpoint: &str) -> String {
        named(endpoint, &self.model_body())
    }

    /// `EndpointConfigName`, by content too.
    pub fn config_name(&self, endpoint: &str) -> String {
        named(endpoint, &self.config_body(endpoint))
    }

    /// The requests that make it.
    pub fn requests(&self, endpoint: &str) -> Requests {
        let (mut model, mut config) = (self.model_body(), self.config_body(endpoint));
        let config_name = self.config_name(endpoint);
        model.insert("ModelName".to_owned(), self.model_name(endpoint).into());
        config.insert("EndpointConfigName".to_owned(), config_name.as_str().into());
        Requests {
            model: model.into(),
            config: config.into(),
            endpoint: json!({ "EndpointName": endpoint, "EndpointConfigName": config_name }),
        }
    }

    fn model_body(&self) -> Map<String, Value> {
        let mut container = Map::from_iter([("Image".to_owned(), json!(self.image))]);
        put(&mut container, "ModelDataUrl", &self.data);
        if !self.environment.is_empty() {
            container.insert("Environment".to_owned(), json!(self.environment));
        }
        let mut body = Map::from_iter([
            ("PrimaryContainer".to_owned(), container.into()),
            ("ExecutionRoleArn".to_owned(), json!(self.role)),
        ]);
        if !self.subnets.is_empty() {
            let vpc = json!({ "Subnets": self.subnets, "SecurityGroupIds": self.security_groups });
            body.insert("VpcConfig".to_owned(), vpc);
        }
        if self.isolated {
            body.insert("EnableNetworkIsolation".to_owned(), true.into());
        }
        body
    }

    fn config_body(&self, endpoint: &str) -> Map<String, Value> {
        let variant = json!({
            "VariantName": self.variant,
            "ModelName": self.model_name(endpoint),
            "InstanceType": self.instance_type,
            "InitialInstanceCount": self.instances,
            "InitialVariantWeight": 1.0,
        });
        let mut body = Map::from_iter([("ProductionVariants".to_owned(), json!([variant]))]);
        put(&mut body, "KmsKeyId", &self.key);
        if let Some(capture) = &self.capture {
            body.insert("DataCaptureConfig".to_owned(), capture.body());
        }
        if let Some(asynchronous) = &self.asynchronous {
            body.insert("AsyncInferenceConfig".to_owned(), asynchronous.body());
        }
        body
    }

    /// What a described endpoint is made of: its config and its model, as `DescribeEndpointConfig` and `DescribeModel`
    /// answered, and the variant that is looked at.
    ///
    /// # Errors
    /// Why it cannot be said in these words: several containers, no instances of its own, a model package.
    pub fn described(config: &Value, model: &Value, variant: &str) -> Result<Self, String> {
        let text = |of: &Value, at: &str| of.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let texts = |of: &Value, at: &str| -> Vec<String> {
            let list = of.pointer(at).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let variants = config.get("ProductionVariants").and_then(Value::as_array);
        let found = variants
            .into_iter()
            .flatten()
            .find(|found| found.get("VariantName").and_then(Value::as_str) == Some(variant))
            .ok_or_else(|| format!("the config has no variant {variant}"))?;
        let containers = model.get("Containers").and_then(Value::as_array);
        let container = match (model.get("PrimaryContainer"), containers.map(Vec::as_slice)) {
            (Some(container), None | Some([])) if !container.is_null() => container,
            (_, Some([container])) => container,
            _ => return Err("its model has several containers".to_owned()),
        };
        let beyond = [
            wordless("config", config, &CONFIG),
            wordless("variant", found, &VARIANT),
            wordless("model", model, &MODEL),
            wordless("container", container, &CONTAINER),
        ];
        if let Some(why) = beyond.into_iter().flatten().next() {
            return Err(why);
        }
        let missing = |what: &str| format!("its {what}, which `provision` cannot do without");
        Ok(Self {
            image: text(container, "/Image").ok_or_else(|| missing("container names no image"))?,
            data: text(container, "/ModelDataUrl"),
            role: text(model, "/ExecutionRoleArn").ok_or_else(|| missing("model names no role"))?,
            environment: container
                .get("Environment")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
            subnets: texts(model, "/VpcConfig/Subnets"),
            security_groups: texts(model, "/VpcConfig/SecurityGroupIds"),
            isolated: model.get("EnableNetworkIsolation") == Some(&Value::Bool(true)),
            variant: variant.to_owned(),
            instance_type: text(found, "/InstanceType").ok_or_else(|| missing("variant has no instance type"))?,
            instances: number(found, "/InitialInstanceCount").unwrap_or_default(),
            key: text(config, "/KmsKeyId"),
            capture: Capture::described(config.get("DataCaptureConfig")),
            asynchronous: Asynchronous::described(config.get("AsyncInferenceConfig")),
        })
    }
}

/// Members that have words here, and those that tell of the state only.
const CONFIG: [&str; 9] = [
    "EndpointConfigName",
    "EndpointConfigArn",
    "CreationTime",
    "ProductionVariants",
    "KmsKeyId",
    "DataCaptureConfig",
    "AsyncInferenceConfig",
    "EnableNetworkIsolation",
    "Tags",
];
const VARIANT: [&str; 5] = [
    "VariantName",
    "ModelName",
    "InstanceType",
    "InitialInstanceCount",
    "InitialVariantWeight",
];
const MODEL: [&str; 9] = [
    "ModelName",
    "ModelArn",
    "CreationTime",
    "PrimaryContainer",
    "Containers",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
    "DeploymentRecommendation",
];
const CONTAINER: [&str; 4] = ["Image", "ModelDataUrl", "Environment", "ContainerHostname"];

/// What it says beyond these members; what is off, empty or as it would be without being said does not count. SageMaker
/// answers a `ModelDataUrl` as a `ModelDataSource`, too, and then it says nothing more.
fn wordless(what: &str, document: &Value, known: &[&str]) -> Option<String> {
    let usual = |key: &str, value: &Value| {
        let nothing = match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        let twice = key == "ModelDataSource" && document.get("ModelDataUrl").is_some_and(Value::is_string);
        let single = key == "Mode" && value == "SingleModel";
        let standard = key == "MetricsConfig" && value.get("EnableEnhancedMetrics") != Some(&Value::Bool(true));
        nothing || twice || single || standard
    };
    let mut members = document.as_object().into_iter().flatten();
    let found = members.find(|(key, value)| !known.contains(&key.as_str()) && !usual(key, value));
    found.map(|(key, _)| format!("its {what} has {}", crate::text::printable(key, 60)))
}

impl Capture {
    fn body(&self) -> Value {
        let modes = [("Input", self.input), ("Output", self.output)];
        let modes = modes.into_iter().filter(|(_, on)| *on);
        let mut body = Map::from_iter([
            ("EnableCapture".to_owned(), json!(true)),
            ("InitialSamplingPercentage".to_owned(), json!(self.percent)),
            ("DestinationS3Uri".to_owned(), json!(self.destination)),
            (
                "CaptureOptions".to_owned(),
                modes.map(|(mode, _)| json!({ "CaptureMode": mode })).collect(),
            ),
        ]);
        put(&mut body, "KmsKeyId", &self.key);
        body.into()
    }

    fn described(config: Option<&Value>) -> Option<Self> {
        let config = config.filter(|config| config.get("EnableCapture") != Some(&Value::Bool(false)))?;
        let modes = config.get("CaptureOptions").and_then(Value::as_array);
        let modes: Vec<&str> = modes
            .into_iter()
            .flatten()
            .filter_map(|mode| mode.get("CaptureMode")?.as_str())
            .collect();
        let both = modes.contains(&"InputAndOutput");
        Some(Self {
            destination: config.get("DestinationS3Uri")?.as_str()?.to_owned(),
            percent: number(config, "/InitialSamplingPercentage").unwrap_or_default(),
            input: both || modes.contains(&"Input"),
            output: both || modes.contains(&"Output"),
            key: config.get("KmsKeyId").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

impl Asynchronous {
    fn body(&self) -> Value {
        let mut output = Map::from_iter([("S3OutputPath".to_owned(), json!(self.output))]);
        put(&mut output, "S3FailurePath", &self.failures);
        put(&mut output, "KmsKeyId", &self.key);
        let mut topics = Map::new();
        put(&mut topics, "SuccessTopic", &self.success_topic);
        put(&mut topics, "ErrorTopic", &self.error_topic);
        if !topics.is_empty() {
            output.insert("NotificationConfig".to_owned(), topics.into());
        }
        let mut body = Map::from_iter([("OutputConfig".to_owned(), output.into())]);
        if let Some(concurrency) = self.concurrency {
            let client = json!({ "MaxConcurrentInvocationsPerInstance": concurrency });
            body.insert("ClientConfig".to_owned(), client);
        }
        body.into()
    }

    fn described(config: Option<&Value>) -> Option<Self> {
        let config = config?;
        let text = |at: &str| config.pointer(at).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            output: text("/OutputConfig/S3OutputPath")?,
            failures: text("/OutputConfig/S3FailurePath"),
            key: text("/OutputConfig/KmsKeyId"),
            concurrency: number(config, "/ClientConfig/MaxConcurrentInvocationsPerInstance"),
            success_topic: text("/OutputConfig/NotificationConfig/SuccessTopic"),
            error_topic: text("/OutputConfig/NotificationConfig/ErrorTopic"),
        })
    }
}

fn put(body: &mut Map<String, Value>, field: &str, value: &Option<String>) {
    if let Some(value) = value {
        body.insert(field.to_owned(), value.as_str().into());
    }
}

fn number(of: &Value, at: &str) -> Option<u32> {
    of.pointer(at)?.as_u64()?.try_into().ok()
}

/// SageMaker's names end after 63 characters, and none ends before its hash or begins with a hyphen.
fn named(endpoint: &str, body: &Map<String, Value>) -> String {
    let text = serde_json::to_string(body).unwrap_or_default();
    let digest = Sha256::digest(text.as_bytes());
    let hash: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    let stem: String = endpoint.chars().take(63 - 1 - hash.len()).collect();
    format!("{}-{hash}", stem.trim_end_matches('-'))
}
