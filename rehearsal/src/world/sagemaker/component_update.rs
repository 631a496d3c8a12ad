//! `UpdateInferenceComponent`: copies of the new specification take the place of old ones some at a time, and go again when
//! an alarm trips.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{
    ApiError, HappeningKind, Reply,
    api::{Input, reply},
    region::{Ctx, Region, What},
    registry::Deployed,
    sagemaker::{invalid, name_of},
};

/// A new specification on its way.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    /// The step that is due; another one is stale.
    step: u64,
    specification: Value,
    image: Option<Deployed>,
    pub(crate) model: String,
    /// Copies of the new specification that answer.
    pub(crate) copies: u32,
    /// So many at a time, and so many at a time back.
    batch: u32,
    back: u32,
    wait: Duration,
    ends: Option<Timestamp>,
    alarms: Vec<String>,
    undone: bool,
    /// `DesiredCopyCount` before.
    desired_before: u32,
}

/// A batch of copies: `COPY_COUNT` or `CAPACITY_PERCENT`, within bounds in percent of `of`.
fn batch(parent: Input<'_>, member: &str, of: u32, from: f64, to: f64) -> Result<Option<u32>, ApiError> {
    let Some(size) = parent.get(member) else {
        return Ok(None);
    };
    let size = parent.of(size)?;
    let value = size.count("Value")?.ok_or_else(|| size.missing("Value"))?;
    let (percent, copies) = match size.need("Type")? {
        "COPY_COUNT" => (100.0 * f64::from(value) / f64::from(of.max(1)), value),
        "CAPACITY_PERCENT" => (
            f64::from(value),
            (f64::from(of) * f64::from(value) / 100.0).floor() as u32,
        ),
        other => {
            return Err(invalid(format!(
                "{member}.Type {other} is none of COPY_COUNT, CAPACITY_PERCENT."
            )));
        }
    };
    if value == 0 || !(from..=to).contains(&percent) {
        return Err(invalid(format!(
            "{member} must be between {from}% and {to}% of the {of} copies, not {value} of Type {}.",
            size.need("Type")?
        )));
    }
    Ok(Some(copies.max(1)))
}

fn seconds(parent: Input<'_>, member: &str, from: u32, to: u32) -> Result<Option<Duration>, ApiError> {
    match parent.count(member)? {
        Some(value) if !(from..=to).contains(&value) => Err(invalid(format!(
            "{member} must be between {from} and {to}, not {value}."
        ))),
        value => Ok(value.map(|value| Duration::from_secs(u64::from(value)))),
    }
}

impl Region {
    pub(super) fn update_component(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "InferenceComponentName")?;
        let component = self.component(ctx, name)?;
        let arn = component.arn.clone();
        if component.status != "InService" {
            return Err(invalid(format!(
                "Cannot update in-progress inference component \"{arn}\"."
            )));
        }
        let copies = match input.get("RuntimeConfig") {
            Some(runtime) => input.of(runtime)?.count("CopyCount")?,
            None => None,
        };
        let Some(specification) = input.get("Specification").cloned() else {
            let copies = copies.ok_or_else(|| invalid("Specification, RuntimeConfig or both must be given."))?;
            self.rescale_component(ctx, name, copies);
            return reply(json!({"InferenceComponentArn": arn}));
        };
        let model = match specification.get("ModelName").and_then(Value::as_str) {
            Some(model) if !self.models.contains_key(model) => {
                return Err(invalid(format!("Could not find model \"{model}\".")));
            }
            Some(model) => model.to_owned(),
            None if specification.get("Container").is_some() => component.model.clone(),
            None => return Err(invalid("Specification needs ModelName or Container.")),
        };
        let desired_before = component.desired;
        let of = copies.unwrap_or(desired_before);
        let mut update = Update {
            step: ctx.next(),
            image: self.component_image(Some(&specification), ctx.now),
            specification,
            model,
            copies: 0,
            batch: of.max(1),
            back: of.max(1),
            wait: Duration::ZERO,
            ends: None,
            alarms: Vec::new(),
            undone: false,
            desired_before,
        };
        let deployment = input.get("DeploymentConfig").cloned();
        if let Some(deployment) = &deployment {
            self.read_component_deployment(ctx, input.of(deployment)?, of, &mut update)?;
        }
        let step = update.step;
        if let Some(component) = self.components.get_mut(name) {
            component.desired = of;
            component.status = "Updating";
            component.modified = ctx.now;
            component.deployment = deployment;
            component.update = Some(update);
        }
        self.schedule_component(ctx, name, step, ctx.timing.instance.duration());
        reply(json!({"InferenceComponentArn": arn}))
    }

    fn read_component_deployment(
        &self,
        ctx: &Ctx,
        deployment: Input<'_>,
        of: u32,
        update: &mut Update,
    ) -> Result<(), ApiError> {
        let policy = deployment.of(deployment
            .get("RollingUpdatePolicy")
            .ok_or_else(|| deployment.missing("RollingUpdatePolicy"))?)?;
        update.batch =
            batch(policy, "MaximumBatchSize", of, 5.0, 50.0)?.ok_or_else(|| policy.missing("MaximumBatchSize"))?;
        update.back = batch(policy, "RollbackMaximumBatchSize", of, 0.0, 100.0)?.unwrap_or(of.max(1));
        update.wait = seconds(policy, "WaitIntervalInSeconds", 0, 3600)?
            .ok_or_else(|| policy.missing("WaitIntervalInSeconds"))?;
        if let Some(timeout) = seconds(policy, "MaximumExecutionTimeoutInSeconds", 600, 28_800)? {
            let waits = update.wait * of.div_ceil(update.batch);
            if timeout <= waits {
                return Err(invalid(format!(
                    "MaximumExecutionTimeoutInSeconds of {} must be greater than the sum of all waits, {} seconds.",
                    timeout.as_secs(),
                    waits.as_secs()
                )));
            }
            update.ends = Some(ctx.now + timeout);
        }
        if let Some(rollback) = deployment.get("AutoRollbackConfiguration") {
            let rollback = deployment.of(rollback)?;
            let alarms = rollback.list("Alarms").len();
            if !(1..=10).contains(&alarms) {
                return Err(invalid(format!(
                    "AutoRollbackConfiguration takes 1 to 10 alarms, not {alarms}."
                )));
            }
            update.alarms = self.read_alarms(rollback)?;
        }
        Ok(())
    }

    fn schedule_component(&self, ctx: &mut Ctx, name: &str, step: u64, after: Duration) {
        let what = What::ComponentUpdate {
            component: name.to_owned(),
            step,
        };
        ctx.schedule(ctx.now + after, &self.name, what);
    }

    /// The next copies of an update have come, or are gone again.
    pub(crate) fn component_update_step(&mut self, ctx: &mut Ctx, name: &str, step: u64) {
        let instance = ctx.timing.instance.duration();
        let next = ctx.next();
        let Some(component) = self.components.get_mut(name) else {
            return;
        };
        let goal = component.desired;
        let Some(update) = component.update.as_mut().filter(|update| update.step == step) else {
            return;
        };
        update.step = next;
        if update.undone {
            update.copies = update.copies.saturating_sub(update.back);
            if update.copies > 0 {
                self.schedule_component(ctx, name, next, instance);
            } else {
                self.component_updated(ctx, name, false);
            }
            return;
        }
        if update.copies >= goal {
            self.component_updated(ctx, name, true);
            return;
        }
        update.copies = (update.copies + update.batch).min(goal);
        component.current = component.current.max(update.copies);
        let wait = if update.copies < goal {
            update.wait + instance
        } else {
            update.wait
        };
        let late = update.ends.is_some_and(|ends| ctx.now + wait > ends);
        let alarms = update.alarms.clone();
        if late || self.any_in_alarm(&alarms) {
            self.undo_component(ctx, name);
        } else {
            self.schedule_component(ctx, name, next, wait);
        }
    }

    fn undo_component(&mut self, ctx: &mut Ctx, name: &str) {
        let step = ctx.next();
        let Some(update) = self
            .components
            .get_mut(name)
            .and_then(|component| component.update.as_mut())
        else {
            return;
        };
        update.undone = true;
        update.step = step;
        let text = format!("inference component {name} goes back to its old specification");
        ctx.tell(&self.name, HappeningKind::Incident { text });
        self.schedule_component(ctx, name, step, ctx.timing.rollback.duration());
    }

    /// The update is over: the new specification is in force, or the old one again.
    fn component_updated(&mut self, ctx: &mut Ctx, name: &str, done: bool) {
        let Some(component) = self.components.get_mut(name) else {
            return;
        };
        let Some(update) = component.update.take() else { return };
        if done {
            component.input["Specification"] = update.specification;
            component.model = update.model;
            component.image = update.image;
        } else {
            component.desired = update.desired_before;
        }
        component.current = component.desired;
        component.status = "InService";
        component.modified = ctx.now;
        let endpoint = component.endpoint.clone();
        self.tell_component(ctx, name, endpoint);
    }

    /// An alarm has gone to ALARM: every component's update that it guards is undone.
    pub(crate) fn guard_trips_components(&mut self, ctx: &mut Ctx, alarm: &str) {
        let guarded: Vec<String> = self
            .components
            .iter()
            .filter(|(_, component)| {
                component.update.as_ref().is_some_and(|update| {
                    !update.undone && update.copies > 0 && update.alarms.iter().any(|name| name == alarm)
                })
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in guarded {
            self.undo_component(ctx, &name);
        }
    }
}
