//! From a wish to a capacity: limits, suspension, resources that are busy, and the record of all of it.

use serde_json::{Value, json};
use steward::endpoint::EndpointStatus;

use super::{Push, Resource, TargetId};
use crate::world::{
    HappeningKind,
    api::epoch,
    region::{Ctx, Region},
    sagemaker::{
        guardrails::Guardrails,
        lifecycle::{Fleet, Kind, NO_CAPACITY},
    },
};

impl Region {
    /// Moves a target's capacity inside its limits if it is outside.
    pub(super) fn push_inside(&mut self, ctx: &mut Ctx, id: &TargetId, push: Push, cause: &str) {
        let now = Resource::parse(id).and_then(|resource| self.desired_capacity(&resource));
        if let Some(now) = now {
            self.scale(ctx, id, now, push, cause);
        }
    }

    /// Moves a target's capacity, within its limits, if the resource can be changed now.
    pub(super) fn scale(&mut self, ctx: &mut Ctx, id: &TargetId, wanted: u32, push: Push, cause: &str) {
        let Some(target) = self.scaling.targets.get(id) else {
            return;
        };
        let (min, max) = (target.min, target.max);
        let to = wanted.clamp(min, max);
        let Some(resource) = Resource::parse(id) else { return };
        let Some(from) = self.desired_capacity(&resource) else {
            return;
        };
        let held = push == Push::Policy
            && target.suspends(if wanted > from {
                "DynamicScalingOutSuspended"
            } else {
                "DynamicScalingInSuspended"
            });
        if held {
            return;
        }
        if to == from {
            let reason = match push {
                Push::Policy if wanted > to => {
                    json!({"Code": "AlreadyAtMaxCapacity", "MaxCapacity": max, "CurrentCapacity": from})
                }
                Push::Policy if wanted < to => {
                    json!({"Code": "AlreadyAtMinCapacity", "MinCapacity": min, "CurrentCapacity": from})
                }
                _ => return,
            };
            self.not_scaled(ctx, id, cause, reason);
            return;
        }
        let busy = match &resource {
            Resource::Variant { endpoint, .. } | Resource::Concurrency { endpoint, .. } => self
                .endpoints
                .get(endpoint)
                .is_none_or(|endpoint| endpoint.status.in_transition() || endpoint.status == EndpointStatus::Failed),
            Resource::Component(name) => self
                .components
                .get(name)
                .is_none_or(|component| component.status != "InService"),
        };
        if busy && push == Push::Policy {
            let reason = json!({"Code": "TargetServicePutResourceAsUnscalable", "CurrentCapacity": from});
            self.not_scaled(ctx, id, cause, reason);
            return;
        }
        let description = format!("Setting desired capacity to {to}.");
        if busy {
            let why = format!("Failed to set desired capacity to {to}: the resource is being updated.");
            self.record(ctx, id, &description, cause, Err(&why));
            return;
        }
        self.record(ctx, id, &description, cause, Ok(&format!("desired capacity to {to}")));
        if let Some(target) = self.scaling.targets.get_mut(id) {
            *(if to > from {
                &mut target.last_out
            } else {
                &mut target.last_in
            }) = Some(ctx.now);
        }
        let kind = HappeningKind::Scaled {
            resource: id.0.clone(),
            from,
            to,
            cause: cause.to_owned(),
        };
        ctx.tell(&self.name, kind);
        self.set_capacity(ctx, resource, to);
    }

    fn set_capacity(&mut self, ctx: &mut Ctx, resource: Resource, to: u32) {
        match resource {
            Resource::Component(name) => self.rescale_component(ctx, &name, to),
            Resource::Variant { endpoint, variant } | Resource::Concurrency { endpoint, variant } => {
                let live = &self.endpoints[&endpoint];
                let mut goal = Fleet {
                    config: live.config.clone(),
                    variants: live.variants.clone(),
                };
                for wanted in goal.variants.iter_mut().filter(|wanted| wanted.name == variant) {
                    match &mut wanted.serverless {
                        Some(serverless) => serverless["ProvisionedConcurrency"] = json!(to),
                        None => wanted.desired_instances = Some(to),
                    }
                }
                self.begin(ctx, &endpoint, Kind::Capacity, goal, Guardrails::default());
            }
        }
    }

    /// Writes an activity down, unless it fails just as the one before.
    pub(super) fn record(
        &mut self,
        ctx: &mut Ctx,
        id: &TargetId,
        description: &str,
        cause: &str,
        end: Result<&str, &str>,
    ) {
        let (code, message) = match end {
            Ok(done) => ("Successful", format!("Successfully set {done}.")),
            Err(why) => ("Failed", why.to_owned()),
        };
        let activity = json!({
            "ActivityId": ctx.uuid(),
            "ServiceNamespace": "sagemaker",
            "ResourceId": id.0,
            "ScalableDimension": id.1,
            "Description": description,
            "Cause": cause,
            "StartTime": epoch(ctx.now),
            "EndTime": epoch(ctx.now),
            "StatusCode": code,
            "StatusMessage": message,
        });
        let same = |last: &Value, member: &str| last[member] == activity[member];
        let again = end.is_err()
            && self
                .scaling
                .activities
                .last()
                .is_some_and(|last| same(last, "ResourceId") && same(last, "StatusMessage"));
        if !again {
            self.scaling.activities.push(activity);
        }
    }

    /// What was set did not come: SageMaker had no instances, and Application Auto Scaling says so.
    pub(crate) fn capacity_lacked(&mut self, ctx: &Ctx, resource: &str) {
        let mut all = self.scaling.activities.iter_mut().rev();
        let Some(last) = all.find(|last| last["ResourceId"] == resource && last.get("NotScaledReasons").is_none())
        else {
            return;
        };
        if last["StatusCode"] == "Successful" {
            last["StatusCode"] = json!("Failed");
            last["StatusMessage"] = json!(format!("Failed to set desired capacity. Reason: {NO_CAPACITY}"));
            last["EndTime"] = epoch(ctx.now);
        }
    }

    /// Writes down why a policy's wish came to nothing, unless that is what was written last about the target.
    fn not_scaled(&mut self, ctx: &mut Ctx, id: &TargetId, cause: &str, reason: Value) {
        let reasons = json!([reason]);
        let last = self
            .scaling
            .activities
            .iter()
            .rev()
            .find(|last| last["ResourceId"] == id.0);
        if last.is_some_and(|last| last.get("NotScaledReasons") == Some(&reasons)) {
            return;
        }
        let activity = json!({
            "ActivityId": ctx.uuid(),
            "ServiceNamespace": "sagemaker",
            "ResourceId": id.0,
            "ScalableDimension": id.1,
            "Description": "Attempting to scale due to alarm triggered",
            "Cause": cause,
            "StartTime": epoch(ctx.now),
            "StatusCode": "Failed",
            "NotScaledReasons": reasons,
        });
        self.scaling.activities.push(activity);
    }
}
