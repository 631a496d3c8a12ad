//! The plan for one variant, from what was seen of its endpoint.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Subject;
use crate::{
    analysis::{AnalysisPolicy, said_without_blue},
    endpoint::{Endpoint, Variant},
    rollout::{
        effect::{ConfigPlan, VariantPlan},
        ledger::RolloutLedger,
        limits::LONGEST_WAIT,
        look::{ConfigSeen, ConfigVariantSeen},
        names, native,
        plan::{Blue, Green, Plan, for_share},
        policy::{Engine, RolloutPolicy},
        request::Request,
        strategy::Weight,
    },
    scaling::ScalingRule,
    text::and_list,
};

pub(super) fn build(now: Timestamp, subject: &Subject<'_>, ledger: &RolloutLedger) -> Plan {
    let Subject {
        request,
        endpoint,
        config,
        blue,
        like,
        base,
    } = *subject;
    let serial = ledger.serial.saturating_add(1);
    let policy = &request.policy;
    let two = policy.engine == Engine::Variants;
    let green_name = if two {
        green_name(request, endpoint, &blue.name)
    } else {
        blue.name.clone()
    };
    let total = blue.desired_instances.max(blue.current_instances);
    let at_full = total.map(|total| request.green.instances.unwrap_or(total).max(1));
    let first = policy.strategy.steps.first().map_or(Weight::FULL, |step| step.weight);
    let green = Green {
        variant: green_name,
        model: request.green.model.clone().or_else(|| like.model.clone()),
        instance_type: request
            .green
            .instance_type
            .clone()
            .or_else(|| like.instance_type.clone()),
        instances: if two {
            at_full.map(|full| for_share(full, first, policy.headroom))
        } else {
            at_full
        },
    };
    let as_it_is = |variant: &ConfigVariantSeen| {
        let live = endpoint.variants.iter().find(|live| live.name == variant.name);
        VariantPlan {
            name: variant.name.clone(),
            like: variant.name.clone(),
            model: None,
            instance_type: None,
            instances: variant
                .instances
                .map(|initial| live.and_then(|live| live.desired_instances).unwrap_or(initial).max(1)),
            weight: round_trip(live.map_or(variant.weight, |live| live.current_weight)),
        }
    };
    let new = |instances: Option<u32>, weight: f64| VariantPlan {
        name: green.variant.clone(),
        like: blue.name.clone(),
        model: request.green.model.clone(),
        instance_type: request.green.instance_type.clone(),
        instances,
        weight,
    };
    let kept: Vec<VariantPlan> = config.variants.iter().map(as_it_is).collect();
    let replaced = kept
        .iter()
        .map(|variant| {
            if variant.name == blue.name {
                new(at_full, round_trip(blue.current_weight))
            } else {
                variant.clone()
            }
        })
        .collect();
    let name = |kind| names::config(&request.endpoint, serial, &request.id, kind);
    let mut all = kept;
    all.push(new(green.instances, 0.0));
    let instances = instances(config, endpoint, policy, blue, (&green, at_full));
    Plan {
        request: request.clone(),
        serial,
        made: now,
        blue: Blue {
            variant: blue.name.clone(),
            weight: round_trip(blue.current_weight),
            instances: total,
            model: like.model.clone(),
            instance_type: like.instance_type.clone(),
            scaling: None,
        },
        both: two.then(|| ConfigPlan {
            name: name("both"),
            from: base.to_owned(),
            variants: all,
        }),
        only: Some(ConfigPlan {
            name: name("green"),
            from: base.to_owned(),
            variants: replaced,
        }),
        base: base.to_owned(),
        green,
        deployment: None,
        abort_alarm: None,
        instances,
        warnings: Vec::new(),
        unmeasured: None,
    }
}

/// `blue` and `green` in turn, as far as they are free.
fn green_name(request: &Request, endpoint: &Endpoint, blue: &str) -> String {
    if let Some(name) = &request.green.variant {
        return name.clone();
    }
    let free = |name: &str| {
        !endpoint
            .variants
            .iter()
            .any(|variant| variant.name.eq_ignore_ascii_case(name))
    };
    let turn = if blue.eq_ignore_ascii_case("green") {
        ["blue", "green"]
    } else {
        ["green", "blue"]
    };
    turn.into_iter()
        .find(|name| free(name))
        .map(str::to_owned)
        .or_else(|| (2..100).map(|n| format!("green-{n}")).find(|name| free(name)))
        .unwrap_or_else(|| "green".to_owned())
}

/// Instances by type, now and at the peak of the rollout, or of its rollback.
///
/// Each `UpdateEndpoint` without a rolling deployment builds a whole second fleet beside the one that runs, and only then
/// takes that down. With two variants it comes to most when blue is removed, or green when it goes back: all of blue and all
/// of green are running then, and the fleet that stays is built anew beside them.
fn instances(
    config: &ConfigSeen,
    endpoint: &Endpoint,
    policy: &RolloutPolicy,
    blue: &Variant,
    (green, at_full): (&Green, Option<u32>),
) -> BTreeMap<String, (u32, u32)> {
    let mut now: BTreeMap<String, u32> = BTreeMap::new();
    let mut others = now.clone();
    for variant in &config.variants {
        let live = endpoint.variants.iter().find(|live| live.name == variant.name);
        if let (Some(kind), Some(count)) = (&variant.instance_type, live.and_then(|live| live.desired_instances)) {
            add(&mut now, kind, count);
            if variant.name != blue.name {
                add(&mut others, kind, count);
            }
        }
    }
    let mut only = others;
    let mut both = now.clone();
    if let (Some(kind), Some(full)) = (&green.instance_type, at_full) {
        let headroom = if policy.engine == Engine::Variants {
            policy.headroom
        } else {
            0
        };
        let full = for_share(full, Weight::FULL, headroom);
        add(&mut only, kind, full);
        add(&mut both, kind, full);
    }
    let of = |fleet: &BTreeMap<String, u32>, kind: &str| fleet.get(kind).copied().unwrap_or(0);
    let peak = |kind: &str| {
        let (now, only) = (of(&now, kind), of(&only, kind));
        match policy.engine {
            Engine::Variants => of(&both, kind).saturating_add(now.max(only)),
            Engine::Guardrails => now.saturating_add(only),
            Engine::Rolling => {
                let batch = u64::from(only.max(now)) * u64::from(policy.batch_percent);
                now.max(only)
                    .saturating_add(u32::try_from(batch.div_ceil(100)).unwrap_or(u32::MAX))
            }
        }
    };
    let kinds = both.keys();
    kinds.map(|kind| (kind.clone(), (of(&now, kind), peak(kind)))).collect()
}

fn add(fleet: &mut BTreeMap<String, u32>, kind: &str, count: u32) {
    let entry = fleet.entry(kind.to_owned()).or_default();
    *entry = entry.saturating_add(count);
}

pub(super) fn warnings(request: &Request, plan: &Plan) -> Vec<String> {
    let policy = &request.policy;
    let mut warnings = Vec::new();
    for (kind, (now, peak)) in &plan.instances {
        let now = match now {
            1 => "1 instance".to_owned(),
            now => format!("{now} instances"),
        };
        let builds = match policy.engine {
            Engine::Variants | Engine::Guardrails => "SageMaker builds a whole fleet anew beside the one that runs",
            Engine::Rolling => "one batch more than now",
        };
        warnings.push(format!(
            "{kind}: {now} now, {peak} at the peak, as {builds}; the endpoint quota has to allow that"
        ));
    }
    warnings.extend(unwatched(policy));
    let alone = policy.analysis_at_the_end();
    let said = alone.map(said_without_blue).unwrap_or_default();
    if !said.is_empty() {
        let when = match policy.engine {
            Engine::Variants | Engine::Guardrails => "in the last bake and while blue is kept",
            Engine::Rolling => "after the last batch",
        };
        warnings.push(format!(
            "at 100% there is no blue to compare with, {when}: {}",
            said.join("; ")
        ));
    }
    if policy.engine != Engine::Variants && (policy.smoke || policy.strategy.steps.iter().any(|step| step.smoke)) {
        warnings.push(
            "no smoke: with SageMaker's own engines the new fleet cannot be addressed before it has traffic".to_owned(),
        );
    }
    if let Some(abort_alarm) = &plan.abort_alarm {
        warnings.push(native::hears(&policy.alarms, abort_alarm));
    }
    let last = policy.strategy.steps.last().map(|step| step.bake).unwrap_or_default();
    if policy.engine == Engine::Guardrails && last.saturating_add(policy.keep_blue) > LONGEST_WAIT {
        warnings.push("SageMaker keeps the old fleet for 1h at most, the last bake included".to_owned());
    }
    let scaling = plan.blue.scaling.as_ref().filter(|_| policy.engine == Engine::Variants);
    for policy in scaling.into_iter().flat_map(|scaling| &scaling.policies) {
        if !matches!(policy.rule, ScalingRule::Step { .. }) {
            continue;
        }
        let (blue, green, name) = (&plan.blue.variant, &plan.green.variant, &policy.name);
        warnings.push(match policy.alarms.as_slice() {
            [] => format!(
                "no alarm triggers step scaling policy {name} of {blue}: it scales nothing now, and {green}'s will not either"
            ),
            alarms => format!(
                "alarms of step scaling policy {name}: Steward points {} at the policy of {green}, and at {green}'s metrics in \
                 place of {blue}'s, when {green} has all traffic, and back should it go back; a deployment of whatever made \
                 them would undo that",
                and_list(alarms)
            ),
        });
    }
    warnings
}

/// The steps in which neither an alarm nor an analysis watches green.
fn unwatched(policy: &RolloutPolicy) -> Option<String> {
    let all = policy.strategy.steps.len();
    let watched = |step: usize| {
        !policy.alarms_in([step]).is_empty() || policy.analysis_in(step).is_some_and(AnalysisPolicy::decides)
    };
    let unwatched = (0..all).filter(|step| !watched(*step));
    let unwatched: Vec<String> = unwatched.map(|step| (step + 1).to_string()).collect();
    let numbers: Vec<&str> = unwatched.iter().map(String::as_str).collect();
    let probes = if policy.smoke {
        "its probes before the first step"
    } else {
        "a person"
    };
    match numbers.as_slice() {
        [] => None,
        numbers if numbers.len() == all => Some(format!(
            "neither alarms nor analysis: nothing but {probes} can find a bad green"
        )),
        [one] => Some(format!(
            "neither alarms nor analysis in step {one}: nothing but a person can find a bad green there"
        )),
        several => Some(format!(
            "neither alarms nor analysis in steps {}: nothing but a person can find a bad green there",
            and_list(several)
        )),
    }
}

/// Nine digits: more than the 32-bit float at SageMaker has, and few enough to be the same when read back from JSON.
fn round_trip(weight: f64) -> f64 {
    format!("{weight:.8e}").parse().unwrap_or(weight)
}
