//! The words of the fleet file for one thing. Whether they mean what is there is asked afterwards.

use serde_json::{Map, Value, json};

use crate::{
    capacity::{
        provision::Provisioned,
        thing::{Action, Alarm, Scalable, Thing, USUAL_COOLDOWN},
    },
    scaling::{ScalingRule, ScheduledAction, TrackedMetric},
};

fn of(of: &Scalable) -> (&'static str, Value) {
    match of {
        Scalable::Instances { variant, .. } => ("variant", json!(variant)),
        Scalable::Concurrency { variant, .. } => ("serverless", json!(variant)),
        Scalable::Copies { component } => ("component", json!(component)),
    }
}

fn put(map: &mut Map<String, Value>, field: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(field.to_owned(), value.into());
    }
}

pub(super) fn target(thing: &Thing) -> Value {
    let Thing::Target {
        of: scaled,
        min,
        max,
        suspended,
    } = thing
    else {
        return Value::Null;
    };
    let (field, name) = of(scaled);
    let mut target = json!({ field: name, "min": min, "max": max });
    let flags = [
        ("scale_in", suspended.scale_in),
        ("scale_out", suspended.scale_out),
        ("scheduled", suspended.scheduled),
    ];
    for (flag, _) in flags.into_iter().filter(|(_, on)| *on) {
        target["suspended"][flag] = json!(true);
    }
    target
}

/// A whole number without its `.0`.
pub(super) fn number(number: f64) -> Value {
    match number.fract() == 0.0 && number.abs() < 1e15 {
        true => json!(number as i64),
        false => json!(number),
    }
}

/// `90` seconds as `90s`.
fn span(seconds: u32) -> Value {
    format!("{seconds}s").into()
}

/// What may say it, the kindest first.
pub(super) fn policy(scaled: &Scalable, name: &str, rule: &ScalingRule) -> Vec<Value> {
    let mut base = Map::from_iter([("name".to_owned(), json!(name))]);
    match rule {
        ScalingRule::TargetTracking {
            target,
            metric,
            scale_out_cooldown,
            scale_in_cooldown,
            disable_scale_in,
        } => {
            for (field, cooldown) in [
                ("scale_out_cooldown", scale_out_cooldown),
                ("scale_in_cooldown", scale_in_cooldown),
            ] {
                put(
                    &mut base,
                    field,
                    cooldown.filter(|seconds| *seconds != USUAL_COOLDOWN).map(span),
                );
            }
            put(&mut base, "scale_in", disable_scale_in.then_some(false));
            let ways = tracked(scaled, *target, metric).into_iter();
            ways.map(|way| {
                let mut said = Map::from_iter([("name".to_owned(), json!(name))]);
                said.extend(way);
                said.extend(base.clone());
                said.into()
            })
            .collect()
        }
        ScalingRule::Step {
            adjustment,
            steps,
            magnitude,
            cooldown,
            aggregation,
        } => {
            let adjust = match adjustment.as_str() {
                "PercentChangeInCapacity" => Some("percent"),
                "ExactCapacity" => Some("exact"),
                _ => None,
            };
            let mut step = Map::new();
            put(&mut step, "adjust", adjust);
            let steps = steps.iter().map(|(from, to, by)| {
                let mut step = Map::new();
                put(&mut step, "from", from.map(number));
                put(&mut step, "to", to.map(number));
                put(&mut step, "by", Some(*by));
                Value::from(step)
            });
            step.insert("steps".to_owned(), steps.collect());
            put(&mut step, "at_least", *magnitude);
            put(
                &mut step,
                "cooldown",
                cooldown.filter(|seconds| *seconds != USUAL_COOLDOWN).map(span),
            );
            let aggregate = aggregation.as_ref().filter(|kind| *kind != "Average");
            put(&mut step, "aggregate", aggregate.map(|kind| kind.to_ascii_lowercase()));
            base.insert("step".to_owned(), step.into());
            vec![base.into()]
        }
    }
}

type Fields = Vec<(String, Value)>;

fn tracked(scaled: &Scalable, target: f64, metric: &TrackedMetric) -> Vec<Fields> {
    let one = |field: &str, value: Value| vec![(field.to_owned(), value)];
    let share = |fraction: f64| Value::from(format!("{}%", percent(fraction)));
    match metric {
        TrackedMetric::Predefined { kind, .. } => vec![
            one("invocations_per_instance", number(target)),
            one("concurrency", number(target)),
            one("provisioned_utilization", share(target * 100.0)),
            vec![
                ("predefined".to_owned(), json!(kind)),
                ("target".to_owned(), number(target)),
            ],
        ],
        TrackedMetric::Customized {
            metric,
            namespace,
            dimensions,
            statistic,
            unit,
        } => {
            let mut ways = vec![];
            if metric == "ModelLatency" {
                ways.push(one("latency", format!("{}ms", (target / 1000.0).round()).into()));
            }
            if metric == "ApproximateBacklogSizePerInstance" {
                ways.push(one("backlog_per_instance", number(target)));
            }
            for (field, prefix) in [("cpu", "CPUUtilization"), ("gpu", "GPUUtilization")] {
                if metric.starts_with(prefix) && target > 0.0 && target < 100_000.0 {
                    let cores = (target / 100.0).ceil();
                    let mut said = one(field, share(target / cores));
                    if !matches!(scaled, Scalable::Copies { .. }) {
                        said.push(("cores".to_owned(), json!(cores as u32)));
                    }
                    ways.push(said);
                }
            }
            let metric = named(namespace, metric, dimensions.to_vec(), statistic, unit.as_deref());
            ways.push(vec![
                ("metric".to_owned(), metric),
                ("target".to_owned(), number(target)),
            ]);
            ways
        }
        TrackedMetric::Math(_) => vec![],
    }
}

/// With as many digits as a share may have.
fn percent(percent: f64) -> String {
    let text = format!("{percent:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

fn named(
    namespace: &str,
    metric: &str,
    dimensions: Vec<(String, String)>,
    statistic: &str,
    unit: Option<&str>,
) -> Value {
    let mut said = json!({ "namespace": namespace, "name": metric });
    for (name, value) in dimensions {
        said["dimensions"][name] = json!(value);
    }
    if statistic != "Average" {
        said["statistic"] = json!(statistic);
    }
    if let Some(unit) = unit {
        said["unit"] = json!(unit);
    }
    said
}

pub(super) fn action(scaled: &Scalable, action: &ScheduledAction) -> Option<Value> {
    let (kind, inner) = action.schedule.strip_suffix(')')?.split_once('(')?;
    let (field, name) = of(scaled);
    let mut said = Map::from_iter([
        ("name".to_owned(), json!(action.name)),
        (field.to_owned(), name),
        (kind.to_owned(), json!(inner)),
    ]);
    put(&mut said, "zone", action.timezone.clone());
    put(&mut said, "min", action.min);
    put(&mut said, "max", action.max);
    put(&mut said, "starts", action.start.map(|at| at.to_string()));
    put(&mut said, "ends", action.end.map(|at| at.to_string()));
    Some(said.into())
}

pub(super) fn alarm(alarm: &Alarm) -> Value {
    let mut said = Map::from_iter([("name".to_owned(), json!(alarm.name))]);
    put(&mut said, "description", alarm.description.clone());
    let dimensions = alarm.dimensions.clone().into_iter().collect();
    let metric = named(
        &alarm.namespace,
        &alarm.metric,
        dimensions,
        &alarm.statistic,
        alarm.unit.as_deref(),
    );
    said.insert("metric".to_owned(), metric);
    said.insert("threshold".to_owned(), number(alarm.threshold));
    let compare = match alarm.comparison.as_str() {
        "GreaterThanOrEqualToThreshold" => Some(">="),
        "LessThanThreshold" => Some("<"),
        "LessThanOrEqualToThreshold" => Some("<="),
        _ => None,
    };
    put(&mut said, "compare", compare);
    put(&mut said, "period", (alarm.period != 60).then(|| span(alarm.period)));
    put(
        &mut said,
        "datapoints",
        (alarm.datapoints != 1).then_some(alarm.datapoints),
    );
    put(
        &mut said,
        "of",
        (alarm.periods != alarm.datapoints).then_some(alarm.periods),
    );
    let missing = match alarm.missing.as_str() {
        "breaching" => Some("bad"),
        "ignore" => Some("ignore"),
        "missing" => Some("missing"),
        _ => None,
    };
    put(&mut said, "missing", missing);
    put(&mut said, "enabled", (!alarm.enabled).then_some(false));
    for (field, actions) in [
        ("actions", &alarm.actions),
        ("ok_actions", &alarm.ok_actions),
        ("insufficient_actions", &alarm.insufficient_actions),
    ] {
        let arns: Vec<&String> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Arn(arn) => Some(arn),
                Action::Policy { .. } => None,
            })
            .collect();
        put(&mut said, field, (!arns.is_empty()).then(|| json!(arns)));
    }
    said.into()
}

fn steps(target: &mut Value) -> impl Iterator<Item = &mut Value> {
    let policies = target.get_mut("policies").and_then(Value::as_array_mut);
    policies
        .into_iter()
        .flatten()
        .filter(|policy| policy.get("step").is_some())
}

/// Lets the step policies of a target that this alarm triggers name it, each the first one only.
pub(super) fn trigger(target: &mut Value, alarm: &Alarm) {
    let target_of = |of: &Scalable| self::of(of);
    let triggered: Vec<(&'static str, Value, Value)> = alarm
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Policy { of, name } => {
                let (field, of) = target_of(of);
                Some((field, of, json!(name)))
            }
            Action::Arn(_) => None,
        })
        .collect();
    for (field, of, name) in triggered {
        if target.get(field) != Some(&of) {
            continue;
        }
        for policy in steps(target).filter(|policy| policy.get("name") == Some(&name)) {
            if policy["step"].get("alarm").is_none() {
                policy["step"]["alarm"] = json!(alarm.name);
            }
        }
    }
}

/// The alarms that the policies of a target name.
pub(super) fn triggers(target: &mut Value) -> Vec<String> {
    steps(target)
        .filter_map(|policy| policy.pointer("/step/alarm")?.as_str().map(str::to_owned))
        .collect()
}

/// Lets no policy of a target name this alarm.
pub(super) fn untrigger(target: &mut Value, alarm: &str) {
    for policy in steps(target) {
        if let Some(step) = policy.get_mut("step").and_then(Value::as_object_mut)
            && step.get("alarm").and_then(Value::as_str) == Some(alarm)
        {
            step.remove("alarm");
        }
    }
}

pub(super) fn provision(made: &Provisioned) -> Value {
    let mut model = Map::from_iter([("image".to_owned(), json!(made.image))]);
    put(&mut model, "data", made.data.clone());
    put(&mut model, "role", Some(made.role.clone()));
    put(
        &mut model,
        "environment",
        (!made.environment.is_empty()).then(|| json!(made.environment)),
    );
    put(
        &mut model,
        "subnets",
        (!made.subnets.is_empty()).then(|| json!(made.subnets)),
    );
    put(
        &mut model,
        "security_groups",
        (!made.security_groups.is_empty()).then(|| json!(made.security_groups)),
    );
    put(&mut model, "isolated", made.isolated.then_some(true));
    let mut said = Map::from_iter([
        ("model".to_owned(), Value::from(model)),
        ("variant".to_owned(), json!(made.variant)),
        ("instance_type".to_owned(), json!(made.instance_type)),
        ("instances".to_owned(), json!(made.instances)),
    ]);
    put(
        &mut said,
        "single_instance",
        (made.instances == 1).then_some("it was so when it was exported"),
    );
    put(&mut said, "key", made.key.clone());
    if let Some(capture) = &made.capture {
        let mut section = json!({ "destination": capture.destination, "sampling": format!("{}%", capture.percent) });
        for (field, _) in [("input", capture.input), ("output", capture.output)]
            .iter()
            .filter(|(_, on)| !on)
        {
            section[*field] = json!(false);
        }
        if let Some(key) = &capture.key {
            section["key"] = json!(key);
        }
        said.insert("capture".to_owned(), section);
    }
    if let Some(asynchronous) = &made.asynchronous {
        let mut section = Map::from_iter([("output".to_owned(), json!(asynchronous.output))]);
        put(&mut section, "failures", asynchronous.failures.clone());
        put(&mut section, "concurrency", asynchronous.concurrency);
        put(&mut section, "success_topic", asynchronous.success_topic.clone());
        put(&mut section, "error_topic", asynchronous.error_topic.clone());
        put(&mut section, "key", asynchronous.key.clone());
        said.insert("async".to_owned(), section.into());
    }
    said.into()
}
