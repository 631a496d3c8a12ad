//! Deployment guardrails: what an update's `DeploymentConfig` asks for, and what SageMaker refuses of it.

use std::time::Duration;

use serde_json::Value;

use crate::world::{
    ApiError,
    api::Input,
    region::Region,
    sagemaker::{Variant, invalid},
};

/// A `DeploymentConfig`, read and found right.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Guardrails {
    pub(crate) routing: Routing,
    /// Each bake.
    pub(crate) wait: Duration,
    /// How long the old fleet stays after the last bake.
    pub(crate) termination_wait: Duration,
    /// `MaximumExecutionTimeoutInSeconds`.
    pub(crate) timeout: Option<Duration>,
    /// Any of these in ALARM while the new fleet bakes undoes the update.
    pub(crate) alarms: Vec<String>,
}

/// How the new fleet takes over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Routing {
    /// A whole second fleet, which takes these shares of the traffic one after another; the last is all of it.
    BlueGreen(Vec<f64>),
    /// So many instances at a time, and so many at a time back.
    Rolling { batch: u32, back: u32 },
}

impl Default for Guardrails {
    /// What happens without a `DeploymentConfig`: all at once, without baking.
    fn default() -> Self {
        Self {
            routing: Routing::BlueGreen(vec![1.0]),
            wait: Duration::ZERO,
            termination_wait: Duration::ZERO,
            timeout: None,
            alarms: Vec::new(),
        }
    }
}

/// A `CapacitySize` of a fleet.
#[derive(Clone, Copy)]
enum Size {
    Instances(u32),
    Percent(u32),
}

impl Size {
    fn read(parent: Input<'_>, member: &str) -> Result<Option<Self>, ApiError> {
        let Some(size) = parent.get(member) else {
            return Ok(None);
        };
        let size = parent.of(size)?;
        let value = size.count("Value")?.ok_or_else(|| size.missing("Value"))?;
        if value == 0 {
            return Err(invalid(format!("{member}.Value must be at least 1.")));
        }
        match size.need("Type")? {
            "INSTANCE_COUNT" => Ok(Some(Self::Instances(value))),
            "CAPACITY_PERCENT" => Ok(Some(Self::Percent(value))),
            other => Err(invalid(format!(
                "{member}.Type {other} is none of INSTANCE_COUNT, CAPACITY_PERCENT."
            ))),
        }
    }

    /// Percent of a variant.
    fn percent_of(self, variant: &Variant) -> f64 {
        match (self, variant.desired_instances) {
            (Self::Percent(percent), _) => f64::from(percent),
            (Self::Instances(count), Some(of)) => 100.0 * f64::from(count) / f64::from(of.max(1)),
            (Self::Instances(_), None) => f64::INFINITY,
        }
    }

    /// Whole instances of `of`; at least one.
    fn instances_of(self, of: u32) -> u32 {
        match self {
            Self::Instances(count) => count,
            Self::Percent(percent) => (f64::from(of) * f64::from(percent) / 100.0).floor() as u32,
        }
        .clamp(1, of.max(1))
    }

    fn check(self, member: &str, fleet: &[Variant], from: f64, to: f64) -> Result<(), ApiError> {
        for variant in fleet {
            let percent = self.percent_of(variant);
            if !(from..=to).contains(&percent) {
                let is = match (self, variant.desired_instances) {
                    (Self::Percent(percent), _) => format!("{percent}%"),
                    (Self::Instances(count), Some(of)) => format!("{count} of its {of} instances"),
                    (Self::Instances(count), None) => format!("{count} instances of a serverless variant"),
                };
                return Err(invalid(format!(
                    "{member} must be between {from}% and {to}% of variant {}, not {is}.",
                    variant.name
                )));
            }
        }
        Ok(())
    }
}

/// Seconds within bounds.
fn seconds(parent: Input<'_>, member: &str, from: u32, to: u32) -> Result<Option<Duration>, ApiError> {
    match parent.count(member)? {
        Some(value) if !(from..=to).contains(&value) => Err(invalid(format!(
            "{member} must be between {from} and {to}, not {value}."
        ))),
        value => Ok(value.map(|value| Duration::from_secs(u64::from(value)))),
    }
}

/// A move in parts needs parts: every variant with instances has two of them or more.
fn divisible(fleet: &[Variant], how: &str) -> Result<(), ApiError> {
    match fleet
        .iter()
        .find(|variant| variant.desired_instances.is_some_and(|count| count < 2))
    {
        Some(variant) => Err(invalid(format!(
            "{how} cannot divide variant {}, which has fewer than 2 instances.",
            variant.name
        ))),
        None => Ok(()),
    }
}

fn blue_green(policy: Input<'_>, fleet: &[Variant]) -> Result<Guardrails, ApiError> {
    let routing = policy.of(policy
        .get("TrafficRoutingConfiguration")
        .ok_or_else(|| policy.missing("TrafficRoutingConfiguration"))?)?;
    let kind = routing.need("Type")?;
    let wait =
        seconds(routing, "WaitIntervalInSeconds", 0, 3600)?.ok_or_else(|| routing.missing("WaitIntervalInSeconds"))?;
    let canary = Size::read(routing, "CanarySize")?;
    let linear = Size::read(routing, "LinearStepSize")?;
    let first = |size: Size| fleet.first().map_or(1.0, |variant| size.percent_of(variant) / 100.0);
    let shares = match (kind, canary, linear) {
        ("ALL_AT_ONCE", None, None) => vec![1.0],
        ("CANARY", Some(size), None) => {
            divisible(fleet, "CANARY")?;
            size.check("CanarySize", fleet, 0.0, 50.0)?;
            vec![first(size), 1.0]
        }
        ("LINEAR", None, Some(size)) => {
            divisible(fleet, "LINEAR")?;
            size.check("LinearStepSize", fleet, 10.0, 50.0)?;
            let step = first(size);
            let steps = (1.0 / step - 1e-9).ceil().max(1.0) as u32;
            (1..=steps).map(|nth| (f64::from(nth) * step).min(1.0)).collect()
        }
        ("CANARY", None, _) => return Err(routing.missing("CanarySize")),
        ("LINEAR", _, None) => return Err(routing.missing("LinearStepSize")),
        ("ALL_AT_ONCE" | "CANARY" | "LINEAR", ..) => {
            return Err(invalid(format!(
                "TrafficRoutingConfiguration of Type {kind} cannot have the other types' CanarySize or LinearStepSize."
            )));
        }
        (other, ..) => {
            return Err(invalid(format!(
                "TrafficRoutingConfiguration.Type {other} is none of ALL_AT_ONCE, CANARY, LINEAR."
            )));
        }
    };
    Ok(Guardrails {
        routing: Routing::BlueGreen(shares),
        wait,
        termination_wait: seconds(policy, "TerminationWaitInSeconds", 0, 3600)?.unwrap_or_default(),
        timeout: seconds(policy, "MaximumExecutionTimeoutInSeconds", 600, 28_800)?,
        alarms: Vec::new(),
    })
}

fn rolling(policy: Input<'_>, fleet: &[Variant]) -> Result<Guardrails, ApiError> {
    let batch = Size::read(policy, "MaximumBatchSize")?.ok_or_else(|| policy.missing("MaximumBatchSize"))?;
    let back = Size::read(policy, "RollbackMaximumBatchSize")?.unwrap_or(Size::Percent(100));
    let wait =
        seconds(policy, "WaitIntervalInSeconds", 0, 3600)?.ok_or_else(|| policy.missing("WaitIntervalInSeconds"))?;
    let instances = match fleet {
        [variant] => variant
            .desired_instances
            .ok_or_else(|| invalid("Rolling deployments are not supported for serverless variants."))?,
        _ => {
            return Err(invalid(
                "Rolling deployments are not supported for endpoints with multiple production variants.",
            ));
        }
    };
    divisible(fleet, "RollingUpdatePolicy")?;
    batch.check("MaximumBatchSize", fleet, 5.0, 50.0)?;
    back.check("RollbackMaximumBatchSize", fleet, 0.0, 100.0)?;
    Ok(Guardrails {
        routing: Routing::Rolling {
            batch: batch.instances_of(instances),
            back: back.instances_of(instances),
        },
        wait,
        termination_wait: Duration::ZERO,
        timeout: seconds(policy, "MaximumExecutionTimeoutInSeconds", 600, 28_800)?,
        alarms: Vec::new(),
    })
}

impl Guardrails {
    /// Every wait the deployment asks for.
    pub(crate) fn waits(&self, fleet: &[Variant]) -> Duration {
        let bakes = match &self.routing {
            Routing::BlueGreen(shares) => shares.len() as u32,
            Routing::Rolling { batch, .. } => instances(fleet).div_ceil(*batch),
        };
        self.wait * bakes + self.termination_wait
    }
}

/// Instances of a whole fleet.
pub(crate) fn instances(fleet: &[Variant]) -> u32 {
    fleet.iter().filter_map(|variant| variant.desired_instances).sum()
}

impl Region {
    /// Reads a `DeploymentConfig` for a fleet that is to come.
    ///
    /// # Errors
    /// Whatever of it SageMaker refuses: limits, fleets that cannot be divided so, alarms that do not exist.
    pub(super) fn read_guardrails(
        &self,
        input: Input<'_>,
        value: &Value,
        fleet: &[Variant],
    ) -> Result<Guardrails, ApiError> {
        // A retained config is not a part of the request.
        let Value::Object(members) = value else {
            return Err(input.refuse("DeploymentConfig is not a structure"));
        };
        let deployment = input.within(members);
        let mut read = match (
            deployment.get("BlueGreenUpdatePolicy"),
            deployment.get("RollingUpdatePolicy"),
        ) {
            (Some(_), Some(_)) => {
                return Err(invalid(
                    "DeploymentConfig takes one of BlueGreenUpdatePolicy and RollingUpdatePolicy.",
                ));
            }
            (Some(policy), None) => blue_green(deployment.of(policy)?, fleet)?,
            (None, Some(policy)) => rolling(deployment.of(policy)?, fleet)?,
            (None, None) => Guardrails::default(),
        };
        let waits = read.waits(fleet);
        if let Some(timeout) = read.timeout.filter(|timeout| *timeout <= waits) {
            return Err(invalid(format!(
                "MaximumExecutionTimeoutInSeconds of {} must be greater than the sum of all waits, {} seconds.",
                timeout.as_secs(),
                waits.as_secs()
            )));
        }
        if let Some(rollback) = deployment.get("AutoRollbackConfiguration") {
            let rollback = deployment.of(rollback)?;
            let alarms = rollback.list("Alarms");
            if !(1..=10).contains(&alarms.len()) {
                return Err(invalid(format!(
                    "AutoRollbackConfiguration takes 1 to 10 alarms, not {}.",
                    alarms.len()
                )));
            }
            read.alarms = self.read_alarms(rollback)?;
        }
        Ok(read)
    }

    /// `Alarms` of an `AutoRollbackConfiguration`, all of which exist.
    pub(super) fn read_alarms(&self, rollback: Input<'_>) -> Result<Vec<String>, ApiError> {
        let mut names = Vec::new();
        for alarm in rollback.list("Alarms") {
            let name = rollback.of(alarm)?.need("AlarmName")?;
            if !self.alarms.contains_key(name) {
                return Err(invalid(format!("Could not find the CloudWatch alarm \"{name}\".")));
            }
            names.push(name.to_owned());
        }
        Ok(names)
    }

    /// One of these alarms is in ALARM.
    pub(crate) fn any_in_alarm(&self, alarms: &[String]) -> bool {
        alarms
            .iter()
            .filter_map(|name| self.alarms.get(name))
            .any(|alarm| alarm.in_alarm())
    }
}

/// A deployment config that moves the same variants' traffic needs the same variants.
pub(super) fn same_names(live: &[Variant], goal: &[Variant]) -> Result<(), ApiError> {
    let names = |fleet: &[Variant]| {
        let mut names: Vec<String> = fleet.iter().map(|variant| variant.name.clone()).collect();
        names.sort();
        names
    };
    let (live, goal) = (names(live), names(goal));
    if live == goal {
        return Ok(());
    }
    Err(invalid(format!(
        "With a DeploymentConfig the new endpoint configuration must have the variants of the present one: {} were \
         expected, {} were given.",
        live.join(", "),
        goal.join(", ")
    )))
}
