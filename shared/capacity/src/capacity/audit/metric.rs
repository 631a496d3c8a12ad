//! What can be wrong with a metric of SageMaker wherever it is named: in a policy or in an alarm.

use super::{Findings, Rule};
use crate::capacity::{
    thing::{Key, Scalable},
    world::World,
};

/// A metric as a policy or an alarm names it, and the value it is held against.
pub(super) struct Named<'a> {
    pub(super) key: &'a Key,
    pub(super) namespace: &'a str,
    pub(super) metric: &'a str,
    pub(super) dimensions: Vec<(&'a str, &'a str)>,
    pub(super) unit: Option<&'a str>,
    pub(super) value: f64,
}

const MICROSECONDS: [&str; 5] = [
    "ModelLatency",
    "OverheadLatency",
    "ModelSetupTime",
    "RequestDownloadLatency",
    "ResponseUploadLatency",
];

/// Published for the endpoint as a whole: with `EndpointName` alone.
const OF_ENDPOINT: [&str; 4] = [
    "ApproximateBacklogSize",
    "ApproximateBacklogSizePerInstance",
    "ApproximateAgeOfOldestRequest",
    "HasBacklogWithoutCapacity",
];

/// Not published by asynchronous endpoints.
pub(super) const OF_REAL_TIME: [&str; 3] = ["Invocations", "InvocationsPerInstance", "OverheadLatency"];

const NAMESPACES: [&str; 3] = [
    "AWS/SageMaker",
    "/aws/sagemaker/Endpoints",
    "/aws/sagemaker/InferenceComponents",
];

/// Nobody promises a model's answer within 5 ms and scales by it; 500 is meant as 500 ms.
const SUSPICIOUSLY_FAST: f64 = 5_000.0;

pub(super) fn check(named: &Named<'_>, world: &World, found: &mut Findings) {
    let metric = named.metric;
    if let Some(right) = namespace(named.namespace) {
        found.add(
            Rule::WrongNamespace,
            named.key,
            format!(
                "it names {}, where CloudWatch keeps {right}: there is never any data",
                named.namespace
            ),
            format!("write the namespace {right}"),
        );
        return;
    }
    if !NAMESPACES.contains(&named.namespace) {
        return;
    }
    if MICROSECONDS.contains(&metric) {
        if let Some(unit) = named.unit.filter(|unit| *unit != "Microseconds") {
            found.add(
                Rule::WrongUnit,
                named.key,
                format!("{metric} is published in Microseconds, and it asks for {unit}: there is never any data"),
                "leave the unit out, and write the value in microseconds".to_owned(),
            );
        }
        if named.value > 0.0 && named.value < SUSPICIOUSLY_FAST {
            let (value, milliseconds) = (named.value, named.value / 1000.0);
            found.add(
                Rule::LatencyUnit,
                named.key,
                format!("{metric} is in microseconds: {value} of them are {milliseconds} ms"),
                format!(
                    "if {value} ms were meant, write {}; in the fleet file, write `{value}ms`",
                    value * 1000.0
                ),
            );
        }
    } else if metric.ends_with("Utilization")
        && let Some(unit) = named.unit.filter(|unit| *unit != "Percent")
    {
        found.add(
            Rule::WrongUnit,
            named.key,
            format!("{metric} is published in Percent, and it asks for {unit}: there is never any data"),
            "leave the unit out".to_owned(),
        );
    }
    dimensions(named, world, found);
}

fn namespace(given: &str) -> Option<&'static str> {
    let plain = |text: &str| text.trim_matches('/').to_ascii_lowercase();
    let near = NAMESPACES.into_iter().find(|known| plain(known) == plain(given))?;
    (near != given).then_some(near)
}

fn dimensions(named: &Named<'_>, world: &World, found: &mut Findings) {
    let metric = named.metric;
    let value = |name: &str| {
        named
            .dimensions
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    };
    let (endpoint, variant) = (value("EndpointName"), value("VariantName"));
    let component = value("InferenceComponentName");
    if OF_ENDPOINT.contains(&metric) {
        if variant.is_some() {
            found.add(
                Rule::WrongDimensions,
                named.key,
                format!("{metric} is published with EndpointName alone, and it asks for VariantName, too: there is never any data"),
                "leave VariantName out".to_owned(),
            );
        }
    } else if metric == "NoCapacityInvocationFailures" {
        if component.is_none() {
            found.add(
                Rule::WrongDimensions,
                named.key,
                "NoCapacityInvocationFailures is published with InferenceComponentName".to_owned(),
                "name the inference component".to_owned(),
            );
        }
    } else if endpoint.is_some() && variant.is_none() && component.is_none() {
        found.add(
            Rule::WrongDimensions,
            named.key,
            format!("{metric} is published with EndpointName and VariantName, and it asks for EndpointName alone"),
            "name the variant, too".to_owned(),
        );
    }
    let Some(seen) = endpoint.and_then(|name| world.endpoint(name)) else {
        return;
    };
    if let Some(variant) = variant
        && !seen.variants.iter().any(|seen| seen.name == variant)
    {
        let there: Vec<&str> = seen.variants.iter().map(|seen| seen.name.as_str()).collect();
        let there = crate::text::and_list(&there);
        found.add(
            Rule::WrongDimensions,
            named.key,
            format!(
                "{} has no variant {variant}; it has {there}. AllTraffic is a name like any other",
                seen.name
            ),
            "name a variant that the endpoint has".to_owned(),
        );
    }
    if seen.asynchronous && OF_REAL_TIME.contains(&metric) {
        found.add(
            Rule::NotPublished,
            named.key,
            format!("{} is asynchronous, and such endpoints publish no {metric}", seen.name),
            "go by ApproximateBacklogSizePerInstance".to_owned(),
        );
    }
}

/// Dimensions of something else than what the policy scales.
pub(super) fn foreign(of: &Scalable, named: &Named<'_>, found: &mut Findings) {
    let own = of.dimensions();
    let other = named.dimensions.iter().find_map(|(name, value)| {
        let known = own.iter().find(|(known, _)| known == name)?;
        (known.1 != *value).then(|| format!("{name} {value}"))
    });
    if let Some(other) = other {
        found.add(
            Rule::WrongDimensions,
            named.key,
            format!("it scales {of} by the metric of {other}"),
            "name what it scales".to_owned(),
        );
    }
}
