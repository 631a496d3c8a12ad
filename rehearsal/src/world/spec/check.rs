//! Contradictions in a world that is well formed.

use crate::world::spec::{AlarmSpec, EndpointSpec, RegionSpec, ScalingSpec, SpecProblem, TrafficSpec, WorldSpec};

mod incident;

/// Collects problems under a path.
struct Found(Vec<SpecProblem>);

impl Found {
    fn add(&mut self, path: &str, problem: impl Into<String>, accepted: impl Into<String>) {
        self.0.push(SpecProblem {
            path: path.to_owned(),
            problem: problem.into(),
            accepted: accepted.into(),
        });
    }

    fn name(&mut self, path: &str, name: &str) {
        if !is_name(name) {
            self.add(
                path,
                format!("`{name}` is no name"),
                "1 to 63 letters, digits and inner hyphens",
            );
        }
    }
}

/// `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}` and at most 63 long: endpoints, configs, variants, models.
pub(crate) fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= 63
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

/// Copies of one endpoint at most: ten times what a Region's quota usually allows, and a world that still fits in memory.
const MOST_COPIES: u32 = 10_000;

/// The names that an endpoint of the spec stands for; never more than [`MOST_COPIES`].
pub(crate) fn endpoint_names(name: &str, spec: &EndpointSpec) -> Vec<String> {
    match spec.copies {
        None => vec![name.to_owned()],
        Some(copies) => (1..=copies.min(MOST_COPIES))
            .map(|n| format!("{name}-{n:04}"))
            .collect(),
    }
}

impl WorldSpec {
    /// Every contradiction; empty for a world that can be built.
    pub fn problems(&self) -> Vec<SpecProblem> {
        let mut found = Found(Vec::new());
        if self.account.len() != 12 || !self.account.bytes().all(|b| b.is_ascii_digit()) {
            found.add("account", format!("`{}` is no account", self.account), "twelve digits");
        }
        if self.regions.is_empty() {
            found.add("regions", "no Region", "at least one, for example `eu-west-1: {}`");
        }
        for (name, region) in &self.regions {
            let path = format!("regions.{name}");
            if !is_region(name) {
                found.add(&path, format!("`{name}` is no Region"), "a name such as `eu-west-1`");
            }
            check_region(&mut found, &path, region);
        }
        for (kind, price) in &self.prices {
            if !(price.is_finite() && *price >= 0.0) {
                let path = format!("prices.{kind}");
                found.add(&path, format!("{price} is no price"), "what an hour costs, 0 or more");
            }
        }
        for (index, incident) in self.incidents.iter().enumerate() {
            self.check_incident(&mut found, &format!("incidents[{index}]"), incident);
        }
        found.0
    }
}

fn check_scaling(found: &mut Found, path: &str, scaling: &ScalingSpec) {
    for (name, action) in &scaling.schedules {
        if let Err(problem) = crate::world::scaling::check_schedule(&action.schedule) {
            let path = format!("{path}.schedules.{name}.schedule");
            found.add(&path, problem, "for example `cron(0 7 ? * MON-FRI *)`");
        }
    }
    if scaling.min > scaling.max {
        found.add(path, "`min` is above `max`", "`min` at most `max`");
    }
}

fn is_region(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    parts.len() >= 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        && parts
            .last()
            .is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()))
}

fn check_region(found: &mut Found, path: &str, region: &RegionSpec) {
    for name in region.models.keys() {
        found.name(&format!("{path}.models.{name}"), name);
    }
    for (name, endpoint) in &region.endpoints {
        check_endpoint(found, &format!("{path}.endpoints.{name}"), name, endpoint, region);
    }
    for (index, topic) in region.topics.iter().enumerate() {
        let bare = topic.strip_suffix(".fifo").unwrap_or(topic);
        if bare.is_empty()
            || topic.len() > 256
            || !bare
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            found.add(
                &format!("{path}.topics[{index}]"),
                format!("`{topic}` is no topic name"),
                "up to 256 letters, digits, hyphens and underscores, `.fifo` at the end for a FIFO topic",
            );
        }
    }
    let home = path.rsplit('.').next().unwrap_or_default();
    for (index, image) in region.images.iter().enumerate() {
        let here = image
            .split_once(".dkr.ecr.")
            .is_none_or(|(_, rest)| rest.split('.').next() == Some(home));
        if image.is_empty() || !here {
            found.add(
                &format!("{path}.images[{index}]"),
                format!("`{image}` is no image of this Region"),
                "`repository:tag`, or `ACCOUNT.dkr.ecr.REGION.amazonaws.com/repository:tag` with this Region",
            );
        }
    }
    for (name, alarm) in &region.alarms {
        check_alarm(found, &format!("{path}.alarms.{name}"), alarm, region);
    }
}

fn check_endpoint(found: &mut Found, path: &str, name: &str, endpoint: &EndpointSpec, region: &RegionSpec) {
    if let Some(longest) = endpoint_names(name, endpoint).last() {
        found.name(path, longest);
    } else {
        found.add(&format!("{path}.copies"), "no copy at all", "1 or more");
    }
    if let Some(copies) = endpoint.copies.filter(|copies| *copies > MOST_COPIES) {
        found.add(
            &format!("{path}.copies"),
            format!("{copies} copies"),
            format!("at most {MOST_COPIES}"),
        );
    }
    if endpoint.variants.len() > 10 {
        found.add(
            &format!("{path}.variants"),
            format!("{} variants", endpoint.variants.len()),
            "at most 10",
        );
    }
    let weights: f64 = endpoint
        .variants
        .values()
        .map(|variant| variant.weight.unwrap_or(1.0))
        .sum();
    if !endpoint.variants.is_empty() && weights <= 0.0 {
        found.add(
            &format!("{path}.variants"),
            "the weights sum to zero",
            "a weight above zero for at least one variant",
        );
    }
    for (name, variant) in &endpoint.variants {
        let path = format!("{path}.variants.{name}");
        found.name(&path, name);
        if variant.weight.is_some_and(|weight| !weight.is_finite() || weight < 0.0) {
            found.add(&format!("{path}.weight"), "a weight below zero", "0 or more");
        }
        if variant.instances == Some(0) && endpoint.asynchronous.is_none() && endpoint.components.is_empty() {
            found.add(
                &format!("{path}.instances"),
                "no instance",
                "1 or more; 0 only for asynchronous endpoints and with inference components",
            );
        }
        if variant.serverless.is_some() && variant.instances.is_some() {
            found.add(
                &path,
                "serverless and with instances",
                "one of `serverless` and `instances`",
            );
        }
        if let Some(model) = &variant.model
            && !region.models.contains_key(model)
        {
            let all = region.models.keys().cloned().collect::<Vec<_>>().join(", ");
            found.add(
                &format!("{path}.model"),
                format!("no model `{model}` in this Region"),
                if all.is_empty() {
                    "an entry in `models`".to_owned()
                } else {
                    all
                },
            );
        }
        if let Some(scaling) = &variant.scaling {
            check_scaling(found, &format!("{path}.scaling"), scaling);
        }
    }
    for (name, component) in &endpoint.components {
        let path = format!("{path}.components.{name}");
        found.name(&path, name);
        if let Some(variant) = &component.variant
            && !endpoint.variants.contains_key(variant)
        {
            let all = endpoint.variants.keys().cloned().collect::<Vec<_>>().join(", ");
            found.add(&format!("{path}.variant"), format!("no variant `{variant}`"), all);
        }
        if let Some(scaling) = &component.scaling {
            check_scaling(found, &format!("{path}.scaling"), scaling);
        }
    }
    if let Some(asynchronous) = &endpoint.asynchronous {
        for (field, uri) in [
            ("output", Some(&asynchronous.output)),
            ("failures", asynchronous.failures.as_ref()),
        ] {
            if uri.is_some_and(|uri| !uri.starts_with("s3://") || uri.len() < 6) {
                found.add(
                    &format!("{path}.async.{field}"),
                    "not an S3 URI",
                    "`s3://bucket/prefix/`",
                );
            }
        }
    }
    check_traffic(found, &format!("{path}.traffic"), &endpoint.traffic);
}

fn check_traffic(found: &mut Found, path: &str, traffic: &TrafficSpec) {
    match traffic {
        TrafficSpec::Diurnal(wave) => {
            if wave.low > wave.high {
                found.add(path, "`low` is above `high`", "`low` at most `high`");
            }
            if !(0.0..=24.0).contains(&wave.peak_hour) {
                found.add(
                    &format!("{path}.diurnal.peak_hour"),
                    "not an hour of the day",
                    "0 to 24",
                );
            }
        }
        TrafficSpec::Burst(burst) => {
            if burst.every.duration().is_zero() || burst.lasts > burst.every {
                found.add(path, "bursts overlap", "`every` above zero and `lasts` at most `every`");
            }
        }
        TrafficSpec::Trace(points) => {
            let rising = points.windows(2).all(|pair| pair[0].minute < pair[1].minute);
            let sound = points
                .iter()
                .all(|point| point.minute >= 0.0 && point.rps >= 0.0 && point.rps.is_finite());
            if points.is_empty() || !rising || !sound {
                found.add(
                    path,
                    "not a trace",
                    "points of `minute` and `rps`, 0 or more, minutes rising",
                );
            }
        }
        TrafficSpec::None | TrafficSpec::Constant(_) => {}
    }
}

fn check_alarm(found: &mut Found, path: &str, alarm: &AlarmSpec, region: &RegionSpec) {
    let comparisons = [alarm.above, alarm.at_least, alarm.below, alarm.at_most]
        .iter()
        .flatten()
        .count();
    match (&alarm.rule, &alarm.metric) {
        (Some(_), None) if comparisons == 0 => {}
        (Some(_), _) => found.add(
            path,
            "composite and metric alarm at once",
            "`rule` without `metric` and comparison",
        ),
        (None, None) => found.add(
            path,
            "neither a metric nor a rule",
            "`metric` with a comparison, or `rule`",
        ),
        (None, Some(_)) if comparisons == 1 => {}
        (None, Some(_)) => found.add(
            path,
            "not exactly one comparison",
            "one of above, at_least, below, at_most",
        ),
    }
    let periods = alarm.periods.unwrap_or(1);
    if periods == 0
        || alarm
            .datapoints
            .is_some_and(|datapoints| datapoints == 0 || datapoints > periods)
    {
        found.add(
            path,
            "`periods` and `datapoints` do not fit",
            "1 or more periods, 1 to `periods` datapoints",
        );
    }
    if alarm.period.is_some_and(|period| {
        let seconds = period.duration().as_secs();
        period.duration().subsec_nanos() != 0
            || !(matches!(seconds, 10 | 20 | 30) || (seconds > 0 && seconds % 60 == 0))
    }) {
        found.add(
            &format!("{path}.period"),
            "not a period",
            "10s, 20s, 30s or whole minutes",
        );
    }
    for (field, actions) in [
        ("actions", &alarm.actions),
        ("ok_actions", &alarm.ok_actions),
        ("insufficient_data_actions", &alarm.insufficient_data_actions),
    ] {
        if actions.len() > 5 {
            found.add(
                &format!("{path}.{field}"),
                format!("{} actions", actions.len()),
                "at most 5 per state",
            );
        }
        for action in actions {
            let named = ["arn:", "function:", "policy:"]
                .iter()
                .any(|kind| action.starts_with(kind));
            if !named && !region.topics.contains(action) {
                found.add(
                    &format!("{path}.{field}"),
                    format!("`{action}` is no topic of this Region, no function and no scaling policy"),
                    "a name in `topics`, `function:NAME`, `policy:ENDPOINT/VARIANT/NAME`, or an ARN",
                );
            }
        }
    }
}
