use super::*;

/// One statistic of blue's latency, a value for each of the last `minutes`.
fn latency(stage: &mut Stage, stat: &str, minutes: i64) -> Vec<f64> {
    let end = stage.now.as_second();
    let metric = json!({"Namespace": "AWS/SageMaker", "MetricName": "ModelLatency", "Dimensions": [
        {"Name": "EndpointName", "Value": "fraud"}, {"Name": "VariantName", "Value": "blue"},
    ]});
    let input = json!({
        "StartTime": end - minutes * 60, "EndTime": end, "ScanBy": "TimestampAscending",
        "MetricDataQueries": [{"Id": "q", "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}],
    });
    let output = stage.call(Service::CloudWatch, "GetMetricData", input);
    output["MetricDataResults"][0]["Values"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
        .collect()
}

#[test]
fn counts_within_bounds_are_whole_and_sum_to_all_of_them() {
    let mut stage = Stage::fraud();
    stage.pass(1800);
    let all = latency(&mut stage, "SampleCount", 30);
    let fast = latency(&mut stage, "TC(:90000)", 30);
    let slow = latency(&mut stage, "TC(90000:)", 30);
    let rank = latency(&mut stage, "PR(:90000)", 30);
    assert_eq!(all.len(), 30);
    for minute in 0..30 {
        assert_eq!(fast[minute] + slow[minute], all[minute]);
        assert_eq!(fast[minute].fract(), 0.0);
        assert!((rank[minute] - 100.0 * fast[minute] / all[minute]).abs() < 1e-9);
    }
    assert_eq!(slow, latency(&mut stage, "TC(90000:)", 30), "asked again, the same");
    let (outer, inner) = (
        latency(&mut stage, "TC(60000:120000)", 30),
        latency(&mut stage, "TC(70000:100000)", 30),
    );
    assert!(outer.iter().zip(&inner).all(|(outer, inner)| outer >= inner));
}

#[test]
fn the_count_of_slow_requests_varies_as_draws_do() {
    let mut stage = Stage::fraud();
    stage.pass(4 * 3600);
    let (all, slow) = (
        latency(&mut stage, "SampleCount", 240),
        latency(&mut stage, "TC(95000:)", 240),
    );
    let share = slow.iter().sum::<f64>() / all.iter().sum::<f64>();
    let spread: f64 = all
        .iter()
        .zip(&slow)
        .map(|(n, slow)| (slow - n * share).powi(2) / (n * share * (1.0 - share)))
        .sum::<f64>()
        / all.len() as f64;
    assert!((0.1..0.3).contains(&share), "{share}");
    assert!(
        (0.75..1.25).contains(&spread),
        "the variance of a binomial, not {spread} of it"
    );
}

#[test]
fn statistics_that_cannot_be_are_refused() {
    let mut stage = Stage::fraud();
    for stat in ["TC(:)", "TC(5:1)", "TC(10%:90%)", "PR", "p101", "TM(1:2)", "Mean"] {
        let metric = json!({"Namespace": "AWS/SageMaker", "MetricName": "ModelLatency"});
        let input = json!({
            "StartTime": 0, "EndTime": 60,
            "MetricDataQueries": [{"Id": "q", "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}],
        });
        let told = stage.refused(Service::CloudWatch, "GetMetricData", input);
        assert!(told.contains("is not simulated"), "{told}");
    }
}

#[test]
fn late_metrics_come_with_their_own_time_and_at_once_when_nothing_is_late_any_more() {
    let mut stage = Stage::with(|spec| {
        spec["incidents"] = json!([{"at": "10m", "for": "20m", "metrics_late_by": "5m"}]);
    });
    stage.pass(20 * 60);
    let seen = latency(&mut stage, "SampleCount", 20).len();
    assert_eq!(seen, 15, "what belongs to the last five minutes is on its way");
    stage.pass(11 * 60);
    assert_eq!(latency(&mut stage, "SampleCount", 31).len(), 31);
}

#[test]
fn an_alarm_without_data_keeps_the_state_it_was_set_to_when_missing_data_is_ignored() {
    let mut stage = Stage::fraud();
    let alarm = json!({
        "AlarmName": "by-hand", "Namespace": "Steward/Tests", "MetricName": "Nothing", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 0.0, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore",
    });
    stage.call(Service::CloudWatch, "PutMetricAlarm", alarm);
    let state = |stage: &mut Stage| {
        let described = stage.call(
            Service::CloudWatch,
            "DescribeAlarms",
            json!({"AlarmNames": ["by-hand"]}),
        );
        described["MetricAlarms"][0]["StateValue"]
            .as_str()
            .expect("a state")
            .to_owned()
    };
    for wanted in ["OK", "ALARM", "OK"] {
        let set = json!({"AlarmName": "by-hand", "StateValue": wanted, "StateReason": "a test"});
        stage.call(Service::CloudWatch, "SetAlarmState", set);
        stage.pass(1800);
        assert_eq!(state(&mut stage), wanted);
    }
}
