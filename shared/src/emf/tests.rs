use proptest::prelude::*;

use super::*;

fn at() -> Timestamp {
    "2026-01-31T03:12:00.250Z".parse().unwrap()
}

fn metrics() -> Metrics {
    Metrics::new("Steward", at()).dimension("Function", "health-checker")
}

#[test]
fn the_fleet_is_one_line_and_each_endpoint_that_asked_another() {
    let mut metrics = metrics().property("request_id", "r-1");
    metrics.put("Checked", 3.0, Unit::Count);
    metrics.put("SweepTime", 812.5, Unit::Milliseconds);
    metrics.put_for(&[("EndpointName", "fraud-detector")], "Healthy", 0.0, Unit::None);
    metrics.put_for(
        &[("EndpointName", "fraud-detector")],
        "ProbeLatency",
        120.0,
        Unit::Milliseconds,
    );
    metrics.put_for(
        &[("EndpointName", "fraud-detector")],
        "ProbeLatency",
        95.0,
        Unit::Milliseconds,
    );
    insta::assert_snapshot!(metrics.lines().unwrap().join("\n"));
}

#[test]
fn nothing_put_is_no_line() {
    assert_eq!(metrics().lines(), Ok(Vec::new()));
}

#[test]
fn what_cloudwatch_would_drop_in_silence_is_an_error() {
    let put = |name: &str, value: f64, further: &[(&str, &str)]| {
        let mut metrics = metrics().property("request_id", "r-1");
        metrics.put_for(further, name, value, Unit::Count);
        metrics.lines().unwrap_err()
    };
    let names: Vec<String> = (0..30).map(|n| format!("D{n}")).collect();
    let thirty: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let errors = [
        put("Checked", f64::NAN, &[]),
        put("Checked", f64::INFINITY, &[]),
        put("", 1.0, &[]),
        put("Checked\n", 1.0, &[]),
        put("Checked", 1.0, &[("EndpointName", "")]),
        put("Checked", 1.0, &[("EndpointName", "größe")]),
        put("Checked", 1.0, &[(":x", "y")]),
        put("Function", 1.0, &[]),
        put("request_id", 1.0, &[]),
        put("_aws", 1.0, &[]),
        put("Checked", 1.0, &thirty),
    ];
    insta::assert_snapshot!(errors.map(|error| format!("{error}\n")).concat());
}

proptest! {
    #[test]
    fn every_value_arrives_once_and_every_line_keeps_the_limits(
        puts in prop::collection::vec((0..250_u32, 0..3_u32, (-1_000_000..1_000_000_i32).prop_map(f64::from)), 0..900),
    ) {
        let mut metrics = metrics();
        for (name, endpoint, value) in &puts {
            match endpoint {
                0 => metrics.put(&format!("m{name}"), *value, Unit::Count),
                n => metrics.put_for(&[("EndpointName", &format!("e{n}"))], &format!("m{name}"), *value, Unit::Count),
            }
        }
        let mut arrived = Vec::new();
        for line in metrics.lines().unwrap() {
            prop_assert!(line.len() < 256 * 1024 && !line.contains('\n'));
            let line: Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(&line["_aws"]["Timestamp"], &json!(at().as_millisecond()));
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            for dimension in directive["Dimensions"][0].as_array().unwrap() {
                prop_assert!(line[dimension.as_str().unwrap()].is_string());
            }
            let endpoint = match line["EndpointName"].as_str() {
                Some(name) => name[1..].parse().unwrap(),
                None => 0,
            };
            let definitions = directive["Metrics"].as_array().unwrap();
            prop_assert!((1..=100).contains(&definitions.len()));
            for definition in definitions {
                let name = definition["Name"].as_str().unwrap();
                let values = match &line[name] {
                    Value::Array(values) => values.clone(),
                    one => vec![one.clone()],
                };
                prop_assert!((1..=100).contains(&values.len()));
                arrived.extend(values.iter().map(|v| (name[1..].parse().unwrap(), endpoint, v.as_f64().unwrap())));
            }
        }
        let mut puts = puts;
        let order = |a: &(u32, u32, f64), b: &(u32, u32, f64)| a.partial_cmp(b).unwrap();
        puts.sort_by(order);
        arrived.sort_by(order);
        prop_assert_eq!(arrived, puts);
    }

    #[test]
    fn many_values_of_one_metric_are_split(count in 1..450_usize) {
        let mut metrics = metrics();
        for n in 0..count {
            metrics.put("Latency", n as f64, Unit::Milliseconds);
        }
        prop_assert_eq!(metrics.lines().unwrap().len(), count.div_ceil(100));
    }
}
