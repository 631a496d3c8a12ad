//! The CloudWatch dashboard of the fleet, as the JSON that `PutDashboard` takes.
//!
//! Latency in milliseconds, requests, errors in percent, instances, the share of each variant, the backlog of asynchronous
//! endpoints, an estimate of the cost, and links to the runbooks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use shared::capacity::dashboard::DashboardPolicy;

use super::world::Seen;

/// CloudWatch takes 500 widgets; an endpoint has six.
const MOST_ENDPOINTS: usize = 80;

/// CloudWatch takes 500 metrics in a widget; a priced variant has two.
const MOST_PRICED: usize = 240;

const WIDTH: usize = 8;
const HEIGHT: usize = 6;

const RUNBOOKS: [(&str, &str); 5] = [
    ("an endpoint is unhealthy", "endpoint.unhealthy"),
    ("a recovery gave up", "recovery.exhausted"),
    ("a rollout was rolled back", "rollout.rolled-back"),
    ("a wake failed", "wake.failed"),
    ("Steward is silent", "function.silent"),
];

/// `DashboardBody` for these endpoints. `components` are the inference components by name, each with its endpoint.
pub fn body(
    policy: &DashboardPolicy,
    endpoints: &[&Seen],
    components: &BTreeMap<String, String>,
    region: &str,
) -> Value {
    let shown = &endpoints[..endpoints.len().min(MOST_ENDPOINTS)];
    let mut widgets = vec![header(policy, shown.len(), endpoints.len())];
    widgets.extend(cost(policy, shown, region));
    let mut y = 8;
    for seen in shown {
        let own: Vec<&str> = components
            .iter()
            .filter(|(_, endpoint)| **endpoint == seen.name)
            .map(|(component, _)| component.as_str())
            .collect();
        // CloudWatch refuses a widget without metrics.
        let shown = of_endpoint(seen, &own)
            .into_iter()
            .filter(|(_, metrics, _)| !metrics.is_empty());
        for (index, (title, metrics, unit)) in shown.enumerate() {
            let (x, row) = ((index % 3) * WIDTH, y + (index / 3) * HEIGHT);
            let title = format!("{}: {title}", seen.name);
            widgets.push(widget(&title, metrics, unit, region, (x, row, WIDTH, HEIGHT)));
        }
        y += 2 * HEIGHT;
    }
    json!({ "start": "-PT3H", "periodOverride": "inherit", "widgets": widgets })
}

fn header(policy: &DashboardPolicy, shown: usize, all: usize) -> Value {
    let mut text = "# Steward\n".to_owned();
    if shown < all {
        text.push_str(&format!("The first {shown} of {all} endpoints.\n"));
    }
    match &policy.runbooks {
        Some(base) => {
            text.push_str("What to do when ");
            let links = RUNBOOKS.map(|(when, kind)| format!("[{when}]({}/{kind}.md)", base.trim_end_matches('/')));
            text.push_str(&links.join(", "));
            text.push_str(".\n");
        }
        None => text.push_str("Runbooks are linked when the fleet file says `dashboard.runbooks`.\n"),
    }
    json!({ "type": "text", "x": 0, "y": 0, "width": 24, "height": 2, "properties": { "markdown": text } })
}

fn widget(title: &str, metrics: Vec<Value>, unit: &str, region: &str, at: (usize, usize, usize, usize)) -> Value {
    let (x, y, width, height) = at;
    json!({
        "type": "metric",
        "x": x,
        "y": y,
        "width": width,
        "height": height,
        "properties": {
            "title": title,
            "metrics": metrics,
            "region": region,
            "view": "timeSeries",
            "stacked": false,
            "period": 60,
            "yAxis": { "left": { "label": unit, "showUnits": false, "min": 0 } },
        },
    })
}

/// Instances are not a metric of SageMaker: each publishes its CPU once a minute, so the datapoints of a minute are counted.
fn instances(endpoint: &str, variant: &str, id: &str, visible: bool) -> Value {
    json!([
        "/aws/sagemaker/Endpoints", "CPUUtilization", "EndpointName", endpoint, "VariantName", variant,
        { "stat": "SampleCount", "period": 60, "id": id, "label": variant, "visible": visible }
    ])
}

fn cost(policy: &DashboardPolicy, endpoints: &[&Seen], region: &str) -> Option<Value> {
    let variants = endpoints
        .iter()
        .flat_map(|seen| seen.variants.iter().map(move |variant| (*seen, variant)));
    let priced: Vec<(&str, &str, f64)> = variants
        .filter_map(|(seen, variant)| {
            let price = policy.prices.get(variant.instance_type.as_deref()?)?;
            Some((seen.name.as_str(), variant.name.as_str(), *price))
        })
        .take(MOST_PRICED)
        .collect();
    if priced.is_empty() {
        return None;
    }
    let mut metrics = vec![];
    for (index, (endpoint, variant, price)) in priced.iter().enumerate() {
        metrics.push(instances(endpoint, variant, &format!("n{index}"), false));
        let expression = format!("n{index}*{price}");
        let label = format!("{endpoint} {variant}");
        metrics.push(
            json!([{ "expression": expression, "id": format!("cost{index}"), "label": label, "visible": false }]),
        );
    }
    metrics.push(json!([{ "expression": "SUM(METRICS(\"cost\"))", "id": "all", "label": "all priced instances" }]));
    let title = format!("Estimated cost of the instances, {} an hour", policy.currency);
    Some(widget(&title, metrics, &policy.currency, region, (0, 2, 24, HEIGHT)))
}

fn of_endpoint(seen: &Seen, components: &[&str]) -> Vec<(&'static str, Vec<Value>, &'static str)> {
    let name = seen.name.as_str();
    let variants: Vec<&str> = seen.variants.iter().map(|variant| variant.name.as_str()).collect();
    let plain = |metric: &str, stat: &str| -> Vec<Value> {
        let of = |variant: &&str| {
            json!(["AWS/SageMaker", metric, "EndpointName", name, "VariantName", variant,
                { "stat": stat, "label": format!("{variant} {metric}") }])
        };
        variants.iter().map(of).collect()
    };
    let scaled = |metrics: &[(&str, &str)], by: &str| -> Vec<Value> {
        let mut rows = vec![];
        for (v, variant) in variants.iter().enumerate() {
            for (m, (metric, stat)) in metrics.iter().enumerate() {
                let id = format!("m{v}_{m}");
                rows.push(
                    json!(["AWS/SageMaker", metric, "EndpointName", name, "VariantName", variant,
                    { "stat": stat, "id": id, "visible": false }]),
                );
                let label = format!("{variant} {metric} {stat}");
                rows.push(json!([{ "expression": format!("{id}{by}"), "id": format!("e{v}_{m}"), "label": label }]));
            }
        }
        rows
    };
    let latency = scaled(&[("ModelLatency", "p50"), ("ModelLatency", "p99")], "/1000");
    let errors = scaled(
        &[
            ("Invocation5XXErrors", "Average"),
            ("Invocation4XXErrors", "Average"),
            ("InvocationModelErrors", "Average"),
        ],
        "*100",
    );
    let counted = |index: usize, variant: &&str| instances(name, variant, &format!("n{index}"), true);
    let serving = seen
        .variants
        .iter()
        .filter(|variant| !variant.serverless)
        .map(|variant| variant.name.as_str());
    let running: Vec<Value> = serving
        .enumerate()
        .map(|(index, variant)| counted(index, &variant))
        .collect();
    if seen.asynchronous {
        let of_endpoint = |metric: &str, stat: &str| json!(["AWS/SageMaker", metric, "EndpointName", name, { "stat": stat, "label": metric }]);
        return vec![
            ("model latency", latency, "ms"),
            (
                "backlog",
                vec![
                    of_endpoint("ApproximateBacklogSize", "Maximum"),
                    of_endpoint("HasBacklogWithoutCapacity", "Maximum"),
                ],
                "requests",
            ),
            (
                "oldest request",
                vec![of_endpoint("ApproximateAgeOfOldestRequest", "Maximum")],
                "s",
            ),
            (
                "failed requests",
                [plain("InvocationFailures", "Sum"), plain("ExpiredRequests", "Sum")].concat(),
                "requests",
            ),
            ("instances", running, "instances"),
        ];
    }
    let mut weights: Vec<Value> = vec![];
    for (index, variant) in variants.iter().enumerate() {
        weights.push(
            json!(["AWS/SageMaker", "Invocations", "EndpointName", name, "VariantName", variant,
            { "stat": "Sum", "id": format!("w{index}"), "visible": false }]),
        );
        let expression = format!("100*w{index}/SUM(METRICS(\"w\"))");
        weights.push(json!([{ "expression": expression, "id": format!("share{index}"), "label": variant }]));
    }
    let refused: Vec<Value> = components
        .iter()
        .map(|component| {
            json!(["AWS/SageMaker", "NoCapacityInvocationFailures", "InferenceComponentName", component,
                { "stat": "Sum", "label": format!("{component} refused") }])
        })
        .collect();
    vec![
        ("model latency", latency, "ms"),
        ("requests", plain("Invocations", "Sum"), "requests a minute"),
        ("errors", errors, "% of requests"),
        ("instances", running, "instances"),
        ("weights, as the traffic shows them", weights, "% of requests"),
        match refused.is_empty() {
            true => (
                "requests at once",
                plain("ConcurrentRequestsPerModel", "Maximum"),
                "requests",
            ),
            false => ("refused for want of copies", refused, "requests a minute"),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::fixture::{asynchronous, real_time};

    fn policy() -> DashboardPolicy {
        DashboardPolicy {
            name: None,
            runbooks: Some("https://wiki.example.com/runbooks/".to_owned()),
            prices: BTreeMap::from([("ml.m5.xlarge".to_owned(), 0.23)]),
            currency: "USD".to_owned(),
        }
    }

    #[test]
    fn the_dashboard_is_json_that_cloudwatch_takes() {
        let (fraud, images) = (real_time("fraud", 2), asynchronous("images", 0));
        insta::assert_json_snapshot!(body(&policy(), &[&fraud, &images], &BTreeMap::new(), "eu-central-1"));
    }

    #[test]
    fn no_widget_lies_over_another_and_no_fleet_is_too_large() {
        let many: Vec<Seen> = (0..100).map(|number| real_time(&format!("e{number}"), 2)).collect();
        let body = body(
            &policy(),
            &many.iter().collect::<Vec<_>>(),
            &BTreeMap::new(),
            "eu-central-1",
        );
        let widgets = body["widgets"].as_array().unwrap();
        assert!(widgets.len() <= 500);
        assert!(
            widgets[0]["properties"]["markdown"]
                .as_str()
                .unwrap()
                .contains("The first 80 of 100")
        );
        let number = |widget: &Value, field: &str| widget[field].as_u64().unwrap();
        let places: std::collections::BTreeSet<(u64, u64)> = widgets
            .iter()
            .map(|widget| (number(widget, "x"), number(widget, "y")))
            .collect();
        assert_eq!(places.len(), widgets.len());
        assert!(
            widgets
                .iter()
                .all(|widget| number(widget, "x") + number(widget, "width") <= 24)
        );
        for widget in widgets.iter().skip(1) {
            let metrics = widget["properties"]["metrics"].as_array().unwrap();
            assert!((1..=500).contains(&metrics.len()));
        }
    }
}
