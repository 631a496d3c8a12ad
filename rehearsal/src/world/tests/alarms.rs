use super::*;
use crate::world::alarms::{State, TreatMissing, judge};

/// `X` breaches, `0` does not, `-` is missing; oldest first.
fn points(text: &str) -> Vec<Option<bool>> {
    let read = |c: char| match c {
        'X' => Some(true),
        '0' => Some(false),
        _ => None,
    };
    text.chars().map(read).collect()
}

#[test]
fn missing_data_is_taken_as_cloudwatchs_own_tables_say() {
    use State::{Alarm, InsufficientData, Ok};
    let how = [
        TreatMissing::Missing,
        TreatMissing::Ignore,
        TreatMissing::Breaching,
        TreatMissing::NotBreaching,
    ];
    let table = [
        // Three of three.
        ("0-X-X", 3, [Some(Ok), Some(Ok), Some(Ok), Some(Ok)]),
        ("----0", 3, [Some(Ok), Some(Ok), Some(Ok), Some(Ok)]),
        ("-----", 3, [Some(InsufficientData), None, Some(Alarm), Some(Ok)]),
        ("0XX-X", 3, [Some(Alarm), Some(Alarm), Some(Alarm), Some(Alarm)]),
        ("--X--", 3, [Some(Alarm), None, Some(Alarm), Some(Ok)]),
        // Two of three.
        ("0-X-X", 2, [Some(Alarm), Some(Alarm), Some(Alarm), Some(Alarm)]),
        ("00X0X", 2, [Some(Alarm), Some(Alarm), Some(Alarm), Some(Alarm)]),
        ("0-X--", 2, [Some(Ok), Some(Ok), Some(Alarm), Some(Ok)]),
        ("----0", 2, [Some(Ok), Some(Ok), Some(Alarm), Some(Ok)]),
        ("---X-", 2, [Some(Alarm), None, Some(Alarm), Some(Ok)]),
    ];
    for (text, datapoints, expected) in table {
        let found = how.map(|how| judge(&points(text), 3, datapoints, how));
        assert_eq!(found, expected, "{text}, {datapoints} of 3");
    }
}

fn sick(missing: &str) -> Stage {
    Stage::with(|spec| {
        let region = &mut spec["regions"]["eu-west-1"];
        region["alarms"] = json!({"fraud-errors": {
            "metric": "Invocation5XXErrors", "endpoint": "fraud", "variant": "blue", "above": 0.05, "periods": 3,
            "datapoints": 2, "missing": missing, "actions": ["alerts", "function:waker"], "ok_actions": ["alerts"],
        }, "any": {"rule": "ALARM(\"fraud-errors\")"}});
        spec["incidents"] = json!([
            {"at": "10m", "for": "5m", "endpoint": "fraud", "variant": "blue", "behaves": {"errors": "50%"}},
        ]);
    })
}

fn transitions(happenings: &[Happening]) -> Vec<String> {
    happenings
        .iter()
        .filter_map(|happening| match &happening.kind {
            HappeningKind::AlarmState { alarm, from, to, .. } => {
                Some(format!("{} {alarm} {from} -> {to}", happening.at.strftime("%H:%M")))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn an_alarm_acts_on_transitions_only() {
    let mut stage = sick("not_breaching");
    let happenings = stage.pass(1800);
    assert_eq!(
        transitions(&happenings),
        [
            "09:01 fraud-errors INSUFFICIENT_DATA -> OK",
            "09:01 any INSUFFICIENT_DATA -> OK",
            "09:12 fraud-errors OK -> ALARM",
            "09:12 any OK -> ALARM",
            "09:17 fraud-errors ALARM -> OK",
            "09:17 any ALARM -> OK",
        ]
    );
    let invoked = happenings
        .iter()
        .filter(|it| matches!(it.kind, HappeningKind::AlarmAction { .. }))
        .count();
    assert_eq!(invoked, 1);
    let subjects: Vec<_> = stage
        .world
        .published()
        .iter()
        .filter_map(|it| it.message.subject.clone())
        .collect();
    assert_eq!(
        subjects,
        [
            "OK: \"fraud-errors\" in EU (Ireland)",
            "ALARM: \"fraud-errors\" in EU (Ireland)",
            "OK: \"fraud-errors\" in EU (Ireland)",
        ]
    );
}

#[test]
fn what_an_alarm_tells_a_function_and_a_topic_has_cloudwatchs_shape() {
    let mut stage = sick("not_breaching");
    let happenings = stage.pass(720);
    let payload = happenings.iter().find_map(|happening| match &happening.kind {
        HappeningKind::AlarmAction { target_arn, payload } => Some((target_arn.clone(), payload.clone())),
        _ => None,
    });
    let (target, payload) = payload.expect("an action");
    assert_eq!(target, "arn:aws:lambda:eu-west-1:111122223333:function:waker");
    assert_eq!(payload["source"], json!("aws.cloudwatch"));
    assert_eq!(payload["alarmData"]["state"]["value"], json!("ALARM"));
    assert_eq!(payload["alarmData"]["previousState"]["value"], json!("OK"));
    assert_eq!(
        payload["alarmData"]["state"]["timestamp"],
        json!("2026-03-02T09:12:00.000+0000")
    );
    let metric = &payload["alarmData"]["configuration"]["metrics"][0]["metricStat"];
    assert_eq!(
        metric["metric"]["dimensions"],
        json!({"EndpointName": "fraud", "VariantName": "blue"})
    );
    assert_eq!(metric["period"], json!(60));
    let body = &stage.world.published().last().expect("a message").message.body;
    let told: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(told["AlarmDescription"], Value::Null);
    assert_eq!(told["Region"], json!("EU (Ireland)"));
    assert_eq!(told["Trigger"]["Statistic"], json!("AVERAGE"));
    assert_eq!(
        told["Trigger"]["Dimensions"][0],
        json!({"value": "fraud", "name": "EndpointName"})
    );
}

#[test]
fn without_traffic_there_is_no_datapoint_and_no_data_to_alarm_on() {
    let mut stage = Stage::with(|spec| {
        let region = &mut spec["regions"]["eu-west-1"];
        region["endpoints"]["fraud"]["traffic"] = Value::Null;
        region["alarms"] = json!({"slow": {
            "metric": "ModelLatency", "endpoint": "fraud", "variant": "blue", "statistic": "p99", "above": 500_000,
        }});
    });
    assert_eq!(transitions(&stage.pass(600)), Vec::<String>::new());
    assert_eq!(stage.sum("Invocations", "blue", 10), 0.0);
}
