//! Scaling policies: what they go by, and how they get on with each other.

use super::{Findings, Rule, metric};
use crate::{
    capacity::{
        thing::{Action, Key, Scalable, Thing},
        world::World,
    },
    scaling::{ScalingRule, TrackedMetric},
};

/// What came into service is of no use before it is there; SageMaker's instances take minutes.
const SHORT: u32 = 60;

pub(super) fn check(world: &World, found: &mut Findings) {
    for (key, thing) in world.things() {
        match thing {
            Thing::Policy { of, name, rule } => one(world, key, of, name, rule, found),
            Thing::Target { of, .. } => together(world, key, of, found),
            _ => {}
        }
    }
}

fn one(world: &World, key: &Key, of: &Scalable, name: &str, rule: &ScalingRule, found: &mut Findings) {
    match rule {
        ScalingRule::Step { .. } => {
            let triggered = world.things().any(|(_, thing)| match thing {
                Thing::Alarm(alarm) => {
                    let wanted = Action::Policy {
                        of: of.clone(),
                        name: name.to_owned(),
                    };
                    alarm.enabled
                        && [&alarm.actions, &alarm.ok_actions]
                            .iter()
                            .any(|actions| actions.contains(&wanted))
                }
                _ => false,
            });
            if !triggered {
                found.add(
                    Rule::NoTrigger,
                    key,
                    "no alarm that is enabled names it, so its steps are never taken".to_owned(),
                    "let an alarm name the policy's ARN; in the fleet file, `step.alarm` or `from_zero`".to_owned(),
                );
            }
        }
        ScalingRule::TargetTracking {
            target,
            metric: tracked,
            scale_in_cooldown,
            disable_scale_in,
            ..
        } => {
            if !disable_scale_in && scale_in_cooldown.is_some_and(|seconds| seconds < SHORT) {
                let seconds = scale_in_cooldown.unwrap_or_default();
                found.add(
                    Rule::ShortCooldown,
                    key,
                    format!("it may take capacity away every {seconds} s, sooner than an instance is in service: it will swing"),
                    "a scale-in cooldown of 5m or more, longer than an instance takes to start".to_owned(),
                );
            }
            match tracked {
                TrackedMetric::Predefined { kind, .. } => predefined(world, key, of, kind, found),
                TrackedMetric::Customized {
                    metric: metric_name,
                    namespace,
                    dimensions,
                    unit,
                    ..
                } => {
                    let named = metric::Named {
                        key,
                        namespace,
                        metric: metric_name,
                        dimensions: dimensions
                            .iter()
                            .map(|(name, value)| (name.as_str(), value.as_str()))
                            .collect(),
                        unit: unit.as_deref(),
                        value: *target,
                    };
                    metric::check(&named, world, found);
                    metric::foreign(of, &named, found);
                    if metric_name == "CPUUtilization" && namespace == "/aws/sagemaker/Endpoints" {
                        per_core(world, key, of, *target, found);
                    }
                }
                TrackedMetric::Math(_) => {}
            }
        }
    }
}

fn predefined(world: &World, key: &Key, of: &Scalable, kind: &str, found: &mut Findings) {
    let fits = match of {
        Scalable::Instances { .. } => {
            kind.starts_with("SageMakerVariant") && kind != "SageMakerVariantProvisionedConcurrencyUtilization"
        }
        Scalable::Concurrency { .. } => kind == "SageMakerVariantProvisionedConcurrencyUtilization",
        Scalable::Copies { .. } => kind.starts_with("SageMakerInferenceComponent"),
    };
    if !fits {
        found.add(
            Rule::WrongPredefined,
            key,
            format!("{kind} is no metric of the {of}"),
            "take the metric of what it scales".to_owned(),
        );
    }
    let asynchronous = world.endpoint_of(of).is_some_and(|seen| seen.asynchronous);
    if asynchronous && kind == "SageMakerVariantInvocationsPerInstance" {
        found.add(
            Rule::NotPublished,
            key,
            "the endpoint is asynchronous, and such endpoints publish no InvocationsPerInstance".to_owned(),
            "go by ApproximateBacklogSizePerInstance (`backlog_per_instance`)".to_owned(),
        );
    }
}

/// The processors that an instance of this size has; the sizes of all families count alike.
fn processors(instance_type: &str) -> Option<f64> {
    let size = instance_type.rsplit('.').next()?;
    match size {
        "medium" => Some(1.0),
        "large" => Some(2.0),
        "xlarge" => Some(4.0),
        _ => size
            .strip_suffix("xlarge")?
            .parse::<f64>()
            .ok()
            .map(|times| times * 4.0),
    }
}

fn per_core(world: &World, key: &Key, of: &Scalable, target: f64, found: &mut Findings) {
    let Scalable::Instances { variant, .. } = of else {
        return;
    };
    let seen = world
        .endpoint_of(of)
        .and_then(|seen| seen.variants.iter().find(|seen| seen.name == *variant));
    let Some((kind, cores)) = seen
        .and_then(|seen| seen.instance_type.as_deref())
        .and_then(|kind| Some((kind, processors(kind)?)))
    else {
        return;
    };
    let share = target / cores;
    if share < 25.0 && target <= 100.0 {
        found.add(
            Rule::CpuPerCore,
            key,
            format!("CPUUtilization counts 100 for each core: {target} on {kind} with {cores} cores is {share:.0}% of the machine"),
            format!("if {target}% of the machine were meant, write {}; in the fleet file, `cpu: {target}%` with `cores: {cores}`", target * cores),
        );
    }
}

fn together(world: &World, key: &Key, of: &Scalable, found: &mut Findings) {
    let rules: Vec<(&str, &ScalingRule)> = world
        .hanging_on(of)
        .filter_map(|key| match world.get(key) {
            Some(Thing::Policy { name, rule, .. }) => Some((name.as_str(), rule)),
            _ => None,
        })
        .collect();
    let tracking: Vec<(&str, f64, &TrackedMetric, bool)> = rules
        .iter()
        .filter_map(|(name, rule)| match rule {
            ScalingRule::TargetTracking {
                target,
                metric,
                disable_scale_in,
                ..
            } => Some((*name, *target, metric, *disable_scale_in)),
            ScalingRule::Step { .. } => None,
        })
        .collect();
    for (index, (name, target, metric, _)) in tracking.iter().enumerate() {
        for (other, value, _, _) in tracking[..index].iter().filter(|(_, _, tracked, _)| tracked == metric) {
            found.add(
                Rule::ConflictingPolicies,
                key,
                format!("{other} keeps the metric at {value} and {name} keeps the same at {target}; the one that asks for more decides"),
                "keep one of them".to_owned(),
            );
        }
    }
    let shrinks = |rule: &ScalingRule| match rule {
        ScalingRule::TargetTracking { disable_scale_in, .. } => !disable_scale_in,
        ScalingRule::Step { adjustment, steps, .. } => {
            adjustment == "ExactCapacity" || steps.iter().any(|(_, _, adjustment)| *adjustment < 0)
        }
    };
    if let Some((name, _)) = rules
        .iter()
        .find(|(_, rule)| matches!(rule, ScalingRule::Step { .. }) && shrinks(rule))
        && tracking.iter().any(|(_, _, _, disabled)| !disabled)
    {
        found.add(
            Rule::ConflictingPolicies,
            key,
            format!("{name} takes capacity away by steps while target tracking puts it back"),
            "let one of the two scale in".to_owned(),
        );
    }
    if !rules.is_empty() && !rules.iter().any(|(_, rule)| shrinks(rule)) {
        found.add(
            Rule::NeverScalesIn,
            key,
            "none of its policies takes anything away: after a peak it stays at the peak".to_owned(),
            "let one policy scale in".to_owned(),
        );
    }
}
