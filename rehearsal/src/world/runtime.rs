//! SageMaker Runtime: one request at a time, answered as the endpoint stands at that moment.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use crate::world::{
    ApiError, Reply, Service,
    api::{Input, unknown_operation},
    behaviour::{Behaviour, MODEL_TIMEOUT, SPREAD},
    dice,
    metrics::{MetricId, Stat},
    region::{Ctx, Region},
};

pub(crate) mod asynchronous;

/// The operations simulated.
pub(crate) const OPERATIONS: &[&str] = &["InvokeEndpoint", "InvokeEndpointAsync"];

/// SageMaker's own part of a request.
const OVERHEAD: Duration = Duration::from_millis(4);

/// Largest payload, in bytes.
const LARGEST: usize = 6 * 1024 * 1024;

/// The runtime's `ValidationError`.
fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ValidationError", message)
}

/// How one request went.
struct Outcome {
    /// From the model's side.
    latency: Duration,
    /// The status the model answered with; 0 when it did not answer.
    status: u16,
}

/// Throws the dice for one request to containers of this behaviour.
fn ask(ctx: &mut Ctx, behaviour: &Behaviour, utilisation: f64) -> Outcome {
    if ctx.rng.f64() < behaviour.timeout_share() {
        return Outcome {
            latency: MODEL_TIMEOUT,
            status: 0,
        };
    }
    let factor = Behaviour::load_factor(utilisation) * (SPREAD * dice::gauss(&mut ctx.rng)).exp();
    let latency = behaviour.median().mul_f64(factor);
    if latency >= MODEL_TIMEOUT {
        return Outcome {
            latency: MODEL_TIMEOUT,
            status: 0,
        };
    }
    let failed = ctx.rng.f64() < behaviour.error_share();
    Outcome {
        latency,
        status: if failed { behaviour.failure_status() } else { 200 },
    }
}

impl Region {
    /// Answers one operation of the runtime.
    pub(crate) fn runtime_call(&mut self, ctx: &mut Ctx, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        match operation {
            "InvokeEndpoint" => self.invoke(ctx, input),
            "InvokeEndpointAsync" => self.invoke_async(ctx, input),
            _ => Err(unknown_operation(Service::Runtime, operation, OPERATIONS)),
        }
    }

    /// Refuses what no request may be.
    fn may_invoke(&self, ctx: &Ctx, name: &str) -> Result<(), ApiError> {
        let missing = || invalid(format!("Endpoint {name} of account {} not found.", ctx.account));
        let endpoint = self.endpoints.get(name).ok_or_else(missing)?;
        if !endpoint.status.serves() {
            return Err(invalid(format!(
                "Endpoint {name} of account {} is in status {} and cannot be invoked.",
                ctx.account, endpoint.status
            )));
        }
        Ok(())
    }

    fn invoke(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = input.need("EndpointName")?;
        let body = input.text("Body").unwrap_or_default();
        let payload = BASE64
            .decode(body)
            .map_err(|error| invalid(format!("Body is not base64: {error}")))?;
        if payload.len() > LARGEST {
            return Err(ApiError::new(
                413,
                "ValidationError",
                format!(
                    "Request {} bytes has exceeded the limit of {LARGEST} bytes",
                    payload.len()
                ),
            ));
        }
        self.may_invoke(ctx, name)?;
        if self.endpoints[name].asynchronous.is_some() {
            return Err(invalid(format!(
                "Endpoint {name} is an asynchronous endpoint; use InvokeEndpointAsync."
            )));
        }
        match input.text("InferenceComponentName") {
            Some(component) => self.invoke_component(ctx, name, component),
            None if self.has_components(name) => Err(invalid(
                "Inference Component Name header is required for endpoints to which you plan to deploy \
                             inference components. Please include Inference Component Name header or consider using \
                             SageMaker models.",
            )),
            None => self.invoke_variant(ctx, name, input.text("TargetVariant")),
        }
    }

    fn invoke_variant(&mut self, ctx: &mut Ctx, name: &str, target: Option<&str>) -> Result<Reply, ApiError> {
        self.settle(ctx, name);
        let moved = self.endpoints[name].green_share();
        let green = moved > 0.0 && ctx.rng.f64() < moved;
        let variants = self.endpoints[name].fleet(green);
        let total: f64 = variants.iter().map(|variant| variant.current_weight).sum();
        let index = match target {
            Some(target) => variants
                .iter()
                .position(|variant| variant.name == target)
                .ok_or_else(|| {
                    invalid(format!(
                        "Could not find variant {target} of endpoint {name} of account {}.",
                        ctx.account
                    ))
                })?,
            None => {
                let mut at = ctx.rng.f64() * total;
                let mut fits = |weight: f64| {
                    at -= weight;
                    weight > 0.0 && at < 0.0
                };
                variants
                    .iter()
                    .position(|variant| fits(variant.current_weight))
                    .or_else(|| variants.iter().rposition(|variant| variant.current_weight > 0.0))
                    .ok_or_else(|| ApiError::new(503, "ServiceUnavailable", "No variant takes requests."))?
            }
        };
        let variant = &variants[index];
        let variant_name = variant.name.clone();
        let workers = variant.workers();
        let share = if total > 0.0 {
            variant.current_weight / total
        } else {
            0.0
        };
        let behaviour = self.behaviour_of(name, variant, green);
        let fleet_share = if green { moved } else { 1.0 - moved };
        let offered = self.demand_now(ctx, name) * share * fleet_share;
        let utilisation = offered / (behaviour.capacity() * f64::from(workers).max(0.001));
        let at = (green, index);
        let cold = self.warm_up(ctx, name, at, &behaviour);
        if workers == 0 || (utilisation > 1.0 && ctx.rng.f64() < 1.0 - 1.0 / utilisation) {
            self.count(name, at, 503, false, None);
            let mut refusal = ApiError::new(503, "ServiceUnavailable", "The service is temporarily overloaded.");
            refusal.takes = OVERHEAD;
            return Err(refusal);
        }
        let mut outcome = ask(ctx, &behaviour, utilisation);
        outcome.latency += cold.unwrap_or_default();
        if outcome.latency >= MODEL_TIMEOUT {
            outcome = Outcome {
                latency: MODEL_TIMEOUT,
                status: 0,
            };
        }
        self.count(name, at, outcome.status, true, Some(outcome.latency));
        if let Some(cold) = cold {
            let endpoint = self.endpoints.get_mut(name).expect("found above");
            let minute = &mut endpoint.fleet_mut(green)[index].minute;
            minute.setup.merge(&Stat::of(cold.as_micros() as f64));
        }
        self.answer(ctx, name, &variant_name, &behaviour, &outcome)
    }

    /// What a serverless variant's cold start costs this request, if it is cold; from now on it is warm.
    fn warm_up(
        &mut self,
        ctx: &Ctx,
        name: &str,
        (green, index): (bool, usize),
        behaviour: &Behaviour,
    ) -> Option<Duration> {
        let busy = self.demand_now(ctx, name) > 0.0;
        let variant = &mut self.endpoints.get_mut(name)?.fleet_mut(green)[index];
        variant.serverless.as_ref()?;
        let stays_warm = behaviour.stays_warm.unwrap_or(Duration::from_secs(300));
        let warm = variant.last_asked.is_some_and(|last| last + stays_warm >= ctx.now);
        variant.last_asked = Some(ctx.now);
        (!warm && !busy).then(|| behaviour.cold_start.unwrap_or(Duration::from_secs(6)))
    }

    /// Accounts for one request in the minute under way.
    fn count(
        &mut self,
        name: &str,
        (green, index): (bool, usize),
        status: u16,
        from_model: bool,
        latency: Option<Duration>,
    ) {
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        let variant = &mut endpoint.fleet_mut(green)[index];
        let workers = f64::from(variant.workers()).max(1.0);
        let minute = &mut variant.minute;
        minute.invocations += 1.0;
        minute.per_instance += 1.0 / workers;
        if status != 200 {
            minute.fail(status, from_model, 1.0);
        }
        if let Some(latency) = latency {
            minute.latency.merge(&Stat::of(latency.as_micros() as f64));
        }
    }

    /// The answer of a container, or SageMaker's account of why there is none.
    fn answer(
        &self,
        ctx: &Ctx,
        endpoint: &str,
        variant: &str,
        behaviour: &Behaviour,
        outcome: &Outcome,
    ) -> Result<Reply, ApiError> {
        let takes = outcome.latency + OVERHEAD;
        if outcome.status == 200 {
            let output = json!({
                "Body": BASE64.encode(behaviour.body()),
                "ContentType": behaviour.content_type(),
                "InvokedProductionVariant": variant,
            });
            return Ok(Reply { output, takes });
        }
        let region = &self.name;
        let see = format!(
            "See https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group=\
             /aws/sagemaker/Endpoints/{endpoint} in account {} for more information.",
            ctx.account
        );
        let (whose, said) = match outcome.status {
            0 => (
                "server",
                "Your invocation timed out while waiting for a response from container primary. Review the latency \
                 metrics for each container in Amazon CloudWatch, resolve the issue, and try again.",
            ),
            400..=499 => ("client", "Bad Request"),
            _ => ("server", "Internal Server Error"),
        };
        let message = format!(
            "Received {whose} error ({}) from primary with message \"{said}\". {see}",
            outcome.status
        );
        let mut refusal = ApiError::new(424, "ModelError", message);
        refusal.takes = takes;
        refusal.detail = BTreeMap::from([
            ("OriginalStatusCode".to_owned(), json!(outcome.status)),
            ("OriginalMessage".to_owned(), json!(said)),
            ("LogStreamArn".to_owned(), Value::String(self.log_arn(ctx, endpoint))),
        ]);
        Err(refusal)
    }

    fn log_arn(&self, ctx: &Ctx, endpoint: &str) -> String {
        self.arn(ctx, "logs", &format!("log-group:/aws/sagemaker/Endpoints/{endpoint}"))
    }

    fn invoke_component(&mut self, ctx: &mut Ctx, endpoint: &str, name: &str) -> Result<Reply, ApiError> {
        let component = self
            .components
            .get_mut(name)
            .filter(|component| component.endpoint == endpoint)
            .ok_or_else(|| {
                invalid(format!(
                    "Inference Component {name} of endpoint {endpoint} was not found."
                ))
            })?;
        if component.current == 0 {
            component.without_capacity += 1.0;
            return Err(invalid(
                "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress \
                 (if configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API.",
            ));
        }
        let (variant, mut model) = (component.variant.clone(), component.model.clone());
        if let Some(update) = &component.update
            && update.copies > 0
            && ctx.rng.f64() < f64::from(update.copies) / f64::from(component.current.max(1))
        {
            model.clone_from(&update.model);
        }
        let behaviour = self.component_behaviour(endpoint, &variant, &model);
        let outcome = ask(ctx, &behaviour, 0.0);
        if let Some(component) = self.components.get_mut(name) {
            component.minute.invocations += 1.0;
            component.minute.per_instance += 1.0 / f64::from(component.current.max(1));
            if outcome.status != 200 {
                component.minute.fail(outcome.status, true, 1.0);
            }
            component
                .minute
                .latency
                .merge(&Stat::of(outcome.latency.as_micros() as f64));
        }
        self.answer(ctx, endpoint, &variant, &behaviour, &outcome)
    }

    /// So many requests to a component at once: refused when it has no copy.
    pub(crate) fn ask_component(&mut self, ctx: &mut Ctx, endpoint: &str, name: &str, requests: u32) {
        for _ in 0..requests {
            // What each of them is answered shows in the metrics.
            let _ = self.invoke_component(ctx, endpoint, name);
        }
    }

    /// Publishes the minute that ends now for every inference component.
    pub(crate) fn publish_components(&mut self, ctx: &Ctx) {
        let at = ctx.minute_ending();
        for (name, component) in &mut self.components {
            let minute = std::mem::take(&mut component.minute);
            let refused = std::mem::take(&mut component.without_capacity);
            let n = minute.invocations;
            if component.current > 0 {
                let copies = f64::from(component.current);
                let cpu = (3.0 + n / copies / 10.0).min(100.0);
                let dimensions = [("InferenceComponentName", name.as_str())];
                let id = MetricId::new(
                    "/aws/sagemaker/InferenceComponents",
                    "CPUUtilizationNormalized",
                    &dimensions,
                );
                let stat = Stat::set(copies, cpu * copies, cpu, cpu);
                self.metrics.publish(id, "Percent", at, &stat);
            }
            let mut put = |metric: &str, unit: &str, stat: &Stat| {
                let id = MetricId::new("AWS/SageMaker", metric, &[("InferenceComponentName", name)]);
                self.metrics.publish(id, unit, at, stat);
            };
            if refused > 0.0 {
                put(
                    "NoCapacityInvocationFailures",
                    "Count",
                    &Stat::set(refused, refused, 1.0, 1.0),
                );
            }
            if n > 0.0 {
                put("Invocations", "None", &Stat::set(n, n, 1.0, 1.0));
                put(
                    "InvocationsPerCopy",
                    "None",
                    &Stat::set(n, minute.per_instance, 0.0, 1.0),
                );
                put("Invocation4XXErrors", "None", &Stat::zero_one(minute.errors_4xx, n));
                put("Invocation5XXErrors", "None", &Stat::zero_one(minute.errors_5xx, n));
                put("InvocationModelErrors", "None", &Stat::zero_one(minute.model_errors, n));
                put("ModelLatency", "Microseconds", &minute.latency);
                // Little's law: the time that all of them took, over the time in which they came.
                let concurrent = minute.latency.sum / 60e6 / f64::from(component.current.max(1));
                for second in (0..60).step_by(10) {
                    let id = MetricId::new(
                        "AWS/SageMaker",
                        "ConcurrentRequestsPerCopy",
                        &[("InferenceComponentName", name)],
                    );
                    let at = at + Duration::from_secs(second);
                    self.metrics.publish(id, "None", at, &Stat::of(concurrent));
                }
            }
        }
    }
}
