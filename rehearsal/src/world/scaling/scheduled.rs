//! Scheduled actions: they move the limits of a scalable target at their time, and the capacity inside them.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use crate::world::{
    ApiError, Reply,
    api::{Input, epoch, page, reply},
    region::{Ctx, Region},
    scaling::{
        Push, TargetId,
        api::{invalid, not_found, target_id},
        when::When,
    },
};

/// A scheduled action; `input` is what `PutScheduledAction` was given.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    arn: String,
    created: Timestamp,
    input: Value,
    when: When,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Region {
    /// An upsert. Start and end that are not given are none.
    pub(super) fn put_scheduled(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let (id, _) = target_id(input)?;
        if !self.scaling.targets.contains_key(&id) {
            return Err(not_found(&id));
        }
        let name = input.need("ScheduledActionName")?.to_owned();
        if name.is_empty() || name.chars().count() > 256 || name.contains([':', '/', '|']) {
            return Err(invalid("ScheduledActionName has 1 to 256 characters without : / |"));
        }
        let key = (id.clone(), name.clone());
        let old = self.scaling.actions.get(&key);
        let kept = |member: &str| {
            input
                .get(member)
                .or_else(|| old.and_then(|old| old.input.get(member)))
                .cloned()
        };
        let schedule = kept("Schedule").ok_or_else(|| input.missing("Schedule"))?;
        let action = kept("ScalableTargetAction").ok_or_else(|| input.missing("ScalableTargetAction"))?;
        let zone_name = kept("Timezone");
        let zone = match zone_name.as_ref().and_then(Value::as_str) {
            Some(name) => TimeZone::get(name).map_err(|_| invalid(format!("Timezone {name} is not a time zone")))?,
            None => TimeZone::UTC,
        };
        let when = When::parse(schedule.as_str().unwrap_or_default(), &zone).map_err(invalid)?;
        let limits = input.of(&action)?;
        match (limits.count("MinCapacity")?, limits.count("MaxCapacity")?) {
            (None, None) => {
                return Err(invalid("ScalableTargetAction needs MinCapacity, MaxCapacity or both"));
            }
            (Some(min), Some(max)) if min > max => {
                return Err(invalid("Maximum capacity cannot be less than minimum capacity"));
            }
            _ => {}
        }
        let (start, end) = (input.time("StartTime")?, input.time("EndTime")?);
        if when.is_over(ctx.now) {
            let schedule = schedule.as_str().unwrap_or_default();
            return Err(invalid(format!("Schedule is in the past: {schedule}")));
        }
        if let Some(end) = end.filter(|end| *end <= ctx.now) {
            return Err(invalid(format!("EndTime is in the past: {end}")));
        }
        let arn = match old {
            Some(old) => old.arn.clone(),
            None => {
                let rest = format!(
                    "scheduledAction:{}:resource/sagemaker/{}:scheduledActionName/{name}",
                    ctx.uuid(),
                    id.0
                );
                self.arn(ctx, "autoscaling", &rest)
            }
        };
        let mut kept_input = json!({"Schedule": schedule, "ScalableTargetAction": action});
        if let Some(zone) = zone_name {
            kept_input["Timezone"] = zone;
        }
        let action = Action {
            arn,
            created: old.map_or(ctx.now, |old| old.created),
            last: old.filter(|old| old.when == when).and_then(|old| old.last),
            input: kept_input,
            when,
            start,
            end,
        };
        self.scaling.actions.insert(key, action);
        reply(json!({}))
    }

    pub(super) fn describe_scheduled(&self, input: Input<'_>) -> Result<Reply, ApiError> {
        input.need("ServiceNamespace")?;
        let names = input.texts("ScheduledActionNames");
        let all = self
            .scaling
            .actions
            .iter()
            .filter(|(((resource, dimension), name), _)| {
                (names.is_empty() || names.contains(name))
                    && input.text("ResourceId").is_none_or(|wanted| wanted == resource)
                    && input.text("ScalableDimension").is_none_or(|wanted| wanted == dimension)
            })
            .map(|(((resource, dimension), name), action)| {
                let mut output = action.input.clone();
                output["ScheduledActionName"] = json!(name);
                output["ScheduledActionARN"] = json!(action.arn);
                output["ServiceNamespace"] = json!("sagemaker");
                output["ResourceId"] = json!(resource);
                output["ScalableDimension"] = json!(dimension);
                output["CreationTime"] = epoch(action.created);
                for (member, moment) in [("StartTime", action.start), ("EndTime", action.end)] {
                    if let Some(moment) = moment {
                        output[member] = epoch(moment);
                    }
                }
                output
            })
            .collect();
        reply(page(input, "ScheduledActions", "MaxResults", 50, all)?)
    }

    pub(super) fn delete_scheduled(&mut self, input: Input<'_>) -> Result<Reply, ApiError> {
        let (id, _) = target_id(input)?;
        let key = (id, input.need("ScheduledActionName")?.to_owned());
        match self.scaling.actions.remove(&key) {
            Some(_) => reply(json!({})),
            None => {
                let message = format!("No scheduled action found for {} named {}", key.0.0, key.1);
                Err(ApiError::new(400, "ObjectNotFoundException", message))
            }
        }
    }

    /// Carries out every scheduled action that is due at this minute.
    pub(super) fn follow_schedules(&mut self, ctx: &mut Ctx) {
        let now = ctx.now;
        let mut due: Vec<(TargetId, String, Option<u32>, Option<u32>)> = Vec::new();
        for ((id, name), action) in &mut self.scaling.actions {
            let since = action.start.unwrap_or(action.created);
            let within = since <= now && action.end.is_none_or(|end| now <= end);
            if within && action.when.is_due(now, since, action.last) {
                action.last = Some(now);
                let limit = |member: &str| {
                    let value = action.input["ScalableTargetAction"].get(member)?.as_f64()?;
                    Some(value as u32)
                };
                due.push((id.clone(), name.clone(), limit("MinCapacity"), limit("MaxCapacity")));
            }
        }
        for (id, name, min, max) in due {
            self.act_on_schedule(ctx, &id, &name, min, max);
        }
    }

    fn act_on_schedule(&mut self, ctx: &mut Ctx, id: &TargetId, name: &str, min: Option<u32>, max: Option<u32>) {
        let Some(target) = self.scaling.targets.get_mut(id) else {
            return;
        };
        if target.suspends("ScheduledScalingSuspended") {
            return;
        }
        let (min, max) = (min.unwrap_or(target.min), max.unwrap_or(target.max));
        let said = format!("min capacity to {min} and max capacity to {max}");
        let cause = format!("scheduled action name {name} was triggered");
        if min > max {
            let why = "Maximum capacity cannot be less than minimum capacity";
            self.record(ctx, id, &format!("Setting {said}"), &cause, Err(why));
            return;
        }
        (target.min, target.max) = (min, max);
        self.record(ctx, id, &format!("Setting {said}"), &cause, Ok(&said));
        self.push_inside(ctx, id, Push::Limits, &cause);
    }
}
