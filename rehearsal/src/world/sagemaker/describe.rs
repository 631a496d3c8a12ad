//! An endpoint in words of the API and of its events.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use steward::endpoint::EndpointStatus;

use crate::world::{
    ApiError, HappeningKind, Reply,
    api::{Input, epoch, page, reply},
    region::{Ctx, Region},
    registry::Deployed,
    sagemaker::{
        Endpoint, Variant, invalid,
        lifecycle::{Kind, Phase},
        listed, name_of,
    },
};

/// `InService` as events spell it: `IN_SERVICE`.
pub(crate) fn upper_snake(status: EndpointStatus) -> String {
    let mut text = String::new();
    for (index, letter) in status.as_str().chars().enumerate() {
        if index > 0 && letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

/// One `ProductionVariantSummary`.
fn summary(region: &Region, variant: &Variant, status: Option<(&str, Timestamp)>) -> Value {
    let mut output = Map::from_iter([
        ("VariantName".to_owned(), json!(variant.name)),
        ("CurrentWeight".to_owned(), json!(variant.current_weight)),
        ("DesiredWeight".to_owned(), json!(variant.desired_weight)),
    ]);
    if let Some(model) = region
        .models
        .get(&variant.model)
        .filter(|model| !model.images.is_empty())
    {
        let images = model.images.iter().map(Deployed::told).collect();
        output.insert("DeployedImages".to_owned(), images);
    }
    match &variant.serverless {
        Some(config) => {
            output.insert("CurrentServerlessConfig".to_owned(), config.clone());
            output.insert("DesiredServerlessConfig".to_owned(), config.clone());
        }
        None => {
            output.insert(
                "CurrentInstanceCount".to_owned(),
                json!(variant.current_instances.unwrap_or(0)),
            );
            output.insert(
                "DesiredInstanceCount".to_owned(),
                json!(variant.desired_instances.unwrap_or(0)),
            );
        }
    }
    if let Some((word, since)) = status {
        output.insert(
            "VariantStatus".to_owned(),
            json!([{"Status": word, "StartTime": epoch(since)}]),
        );
    }
    Value::Object(output)
}

/// `VariantStatus` of the fleet in place.
fn status_in_place(endpoint: &Endpoint) -> Option<(&'static str, Timestamp)> {
    let word = match endpoint.status {
        EndpointStatus::Creating => "Creating",
        EndpointStatus::Deleting => "Deleting",
        EndpointStatus::Updating | EndpointStatus::RollingBack => match &endpoint.green {
            Some(green) if green.phase == Phase::Serving => "Deleting",
            _ => "Updating",
        },
        _ => return None,
    };
    Some((word, endpoint.modified))
}

/// An output of the API as events carry it: times in epoch milliseconds.
fn in_milliseconds(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(in_milliseconds).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let value = match value.as_f64() {
                    Some(seconds) if name.ends_with("Time") => json!((seconds * 1000.0).round() as i64),
                    _ => in_milliseconds(value),
                };
                (name, value)
            })
            .collect(),
        other => other,
    }
}

impl Region {
    /// The endpoint by this name.
    ///
    /// # Errors
    /// As SageMaker refuses one it cannot find.
    pub(crate) fn endpoint(&self, ctx: &Ctx, name: &str) -> Result<&Endpoint, ApiError> {
        self.endpoints
            .get(name)
            .ok_or_else(|| invalid(format!("Could not find endpoint \"{}\".", self.endpoint_arn(ctx, name))))
    }

    pub(crate) fn endpoint_arn(&self, ctx: &Ctx, name: &str) -> String {
        self.arn(ctx, "sagemaker", &format!("endpoint/{}", name.to_ascii_lowercase()))
    }

    pub(super) fn describe_endpoint(&self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "EndpointName")?;
        let endpoint = self.endpoint(ctx, name)?;
        let mut output = Map::from_iter([
            ("EndpointName".to_owned(), json!(name)),
            ("EndpointArn".to_owned(), json!(endpoint.arn)),
            ("EndpointConfigName".to_owned(), json!(endpoint.config)),
            ("EndpointStatus".to_owned(), json!(endpoint.status.as_str())),
            ("CreationTime".to_owned(), epoch(endpoint.created)),
            ("LastModifiedTime".to_owned(), epoch(endpoint.modified)),
        ]);
        let creating = endpoint.status == EndpointStatus::Creating;
        if !creating && endpoint.status != EndpointStatus::Failed {
            let variants = endpoint
                .variants
                .iter()
                .map(|variant| summary(self, variant, status_in_place(endpoint)))
                .collect();
            output.insert("ProductionVariants".to_owned(), variants);
        }
        if let Some(reason) = &endpoint.failure {
            output.insert("FailureReason".to_owned(), json!(reason));
        }
        if let Some(deployment) = &endpoint.deployment {
            output.insert("LastDeploymentConfig".to_owned(), deployment.clone());
        }
        if let Some(capture) = &endpoint.data_capture {
            output.insert("DataCaptureConfig".to_owned(), capture.clone());
        }
        if let Some(config) = self.configs.get(&endpoint.config) {
            for member in ["AsyncInferenceConfig", "ExplainerConfig", "MetricsConfig"] {
                if let Some(value) = config.input.get(member) {
                    output.insert(member.to_owned(), value.clone());
                }
            }
        }
        if let Some(pending) = self.pending(endpoint) {
            output.insert("PendingDeploymentSummary".to_owned(), pending);
        }
        reply(Value::Object(output))
    }

    /// `PendingDeploymentSummary`, while the endpoint is being created or goes to a new config.
    fn pending(&self, endpoint: &Endpoint) -> Option<Value> {
        let change = endpoint.change.as_ref()?;
        let creating = Some(("Creating", change.began));
        let (fleet, status) = match (change.kind, &endpoint.green) {
            (Kind::Create, _) => (&change.goal.variants, creating),
            (Kind::Update, Some(green)) => (&green.variants, Some((green.phase.as_str(), green.since))),
            _ => return None,
        };
        let variants: Vec<Value> = fleet
            .iter()
            .map(|variant| {
                let mut output = summary(self, variant, status);
                if variant.serverless.is_none() {
                    output["InstanceType"] = json!(variant.instance_type);
                    if change.kind == Kind::Create {
                        output["CurrentInstanceCount"] = json!(0);
                    }
                }
                output
            })
            .collect();
        Some(json!({
            "EndpointConfigName": change.goal.config,
            "StartTime": epoch(change.began),
            "ProductionVariants": variants,
        }))
    }

    /// Tells the bus that an update has gone on.
    pub(super) fn deployment_changed(&mut self, ctx: &mut Ctx, name: &str) {
        let Some(endpoint) = self.endpoints.get(name) else {
            return;
        };
        let mut detail = self.event_detail(name, endpoint);
        if let Some(pending) = self.pending(endpoint) {
            detail["PendingDeploymentSummary"] = in_milliseconds(pending);
        }
        let arn = endpoint.arn.clone();
        let kind = "SageMaker Endpoint Deployment State Change";
        ctx.event(&self.name, "aws.sagemaker", kind, &[arn], detail);
    }

    pub(super) fn list_endpoints(&self, input: Input<'_>) -> Result<Reply, ApiError> {
        let items = self
            .endpoints
            .iter()
            .map(|(name, endpoint)| {
                let output = json!({
                    "EndpointName": name,
                    "EndpointArn": endpoint.arn,
                    "CreationTime": epoch(endpoint.created),
                    "LastModifiedTime": epoch(endpoint.modified),
                    "EndpointStatus": endpoint.status.as_str(),
                });
                (
                    name.clone(),
                    endpoint.created,
                    endpoint.modified,
                    endpoint.status.as_str(),
                    output,
                )
            })
            .collect();
        reply(page(
            input,
            "Endpoints",
            "MaxResults",
            10,
            listed(input, items, "CreationTime", "Descending")?,
        )?)
    }

    /// Gives an endpoint another status, and tells the bus. Every change of status goes through here.
    pub(crate) fn set_status(&mut self, ctx: &mut Ctx, name: &str, to: EndpointStatus, reason: Option<String>) {
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        let from = endpoint.status;
        endpoint.status = to;
        endpoint.modified = ctx.now;
        endpoint.failure.clone_from(&reason);
        self.status_changed(ctx, name, Some(from), reason);
    }

    /// Tells of a status that is already in place.
    pub(crate) fn status_changed(
        &mut self,
        ctx: &mut Ctx,
        name: &str,
        from: Option<EndpointStatus>,
        reason: Option<String>,
    ) {
        let Some(endpoint) = self.endpoints.get(name) else {
            return;
        };
        let mut detail = self.event_detail(name, endpoint);
        if let Some(reason) = &reason {
            detail["FailureReason"] = json!(reason);
        }
        let (arn, to) = (endpoint.arn.clone(), endpoint.status);
        ctx.tell(
            &self.name,
            HappeningKind::EndpointStatus {
                endpoint: name.to_owned(),
                from: from.map(|status| status.as_str().to_owned()),
                to: Some(to.as_str().to_owned()),
                reason,
            },
        );
        ctx.event(
            &self.name,
            "aws.sagemaker",
            "SageMaker Endpoint State Change",
            &[arn],
            detail,
        );
    }

    /// `detail` of a state-change event: statuses in UPPER_SNAKE, times in epoch milliseconds, counts as floats.
    fn event_detail(&self, name: &str, endpoint: &Endpoint) -> Value {
        let variants: Vec<Value> = endpoint
            .variants
            .iter()
            .map(|variant| {
                let mut output = json!({
                    "VariantName": variant.name,
                    "CurrentWeight": variant.current_weight,
                    "DesiredWeight": variant.desired_weight,
                });
                if variant.serverless.is_none() {
                    output["CurrentInstanceCount"] = json!(f64::from(variant.current_instances.unwrap_or(0)));
                    output["DesiredInstanceCount"] = json!(f64::from(variant.desired_instances.unwrap_or(0)));
                }
                output
            })
            .collect();
        json!({
            "EndpointName": name,
            "EndpointArn": endpoint.arn,
            "EndpointConfigName": endpoint.config,
            "ProductionVariants": variants,
            "EndpointStatus": upper_snake(endpoint.status),
            "CreationTime": endpoint.created.as_millisecond(),
            "LastModifiedTime": endpoint.modified.as_millisecond(),
            "Tags": endpoint.tags,
        })
    }
}
