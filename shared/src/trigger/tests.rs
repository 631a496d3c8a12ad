use std::{collections::BTreeMap, fs, path::Path};

use aws_lambda_events::{
    cloudwatch_alarms::{CloudWatchAlarm, CloudWatchAlarmData},
    eventbridge::EventBridgeEvent,
    sns::SnsEvent,
};
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Every file of `samples`, by name: events as AWS sends them, one for each trap known.
fn samples() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/trigger/samples");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        (name, serde_json::from_str(&text).unwrap())
    };
    files.map(read).collect()
}

fn sample(name: &str) -> Value {
    samples().remove(name).unwrap_or_else(|| panic!("no sample {name}"))
}

fn alarm(name: &str) -> AlarmChange {
    match Trigger::parse(&sample(name)) {
        Ok(Trigger::Alarms(mut changes)) if changes.len() == 1 => changes.remove(0),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn every_sample_is_understood() {
    let read = samples().into_iter().map(|(name, event)| match Trigger::parse(&event) {
        Ok(trigger) => format!("{name}\n  {trigger}\n  {trigger:?}\n"),
        Err(error) => panic!("{name}: {error}"),
    });
    insta::assert_snapshot!(read.collect::<String>());
}

#[test]
fn an_alarm_is_the_same_change_by_whichever_way_it_arrives() {
    let direct = alarm("alarm-direct-composite-without-suppressor");
    let enveloped = alarm("alarm-direct-composite-in-an-envelope");
    let blanks = alarm("alarm-direct-with-the-blanks-of-the-documentation");
    assert_eq!(direct.dedup_key(), enveloped.dedup_key());
    assert_eq!(direct.dedup_key(), blanks.dedup_key());
    assert_ne!(direct.dedup_key(), alarm("alarm-direct-metric").dedup_key());
}

#[test]
fn the_region_of_an_sns_alarm_is_that_of_its_arn() {
    assert_eq!(alarm("alarm-sns-metric-null-description").region, "eu-south-1");
}

#[test]
fn the_endpoint_behind_an_alarm_is_found_in_every_form() {
    for name in [
        "alarm-direct-metric",
        "alarm-direct-math",
        "alarm-sns-metric-null-description",
        "alarm-sns-math",
    ] {
        assert_eq!(alarm(name).dimension("EndpointName"), ["fraud-detector"], "{name}");
    }
}

/// Where Lambda's own event types can read a sample, they say the same.
#[test]
fn the_types_of_aws_lambda_events_agree_where_they_can_read_at_all() {
    type Data = CloudWatchAlarmData<Value, Value>;
    let mut compared = 0;
    for (name, event) in samples() {
        let Ok(Trigger::Alarms(ours)) = Trigger::parse(&event) else {
            continue;
        };
        let theirs: Vec<(String, Option<Data>)> = match ours[0].form {
            AlarmForm::Direct => serde_json::from_value::<CloudWatchAlarm<Value, Value>>(event)
                .map(|alarm| vec![(alarm.alarm_data.alarm_name.clone(), Some(alarm.alarm_data))]),
            AlarmForm::EventBridge => serde_json::from_value::<EventBridgeEvent<Data>>(event)
                .map(|event| vec![(event.detail.alarm_name.clone(), Some(event.detail))]),
            AlarmForm::Sns => serde_json::from_value::<SnsEvent>(event).map(|event| {
                let message = |text: &str| serde_json::from_str::<Value>(text).unwrap();
                let name = |text: &str| message(text)["AlarmName"].as_str().unwrap().to_owned();
                event
                    .records
                    .iter()
                    .map(|record| (name(&record.sns.message), None))
                    .collect()
            }),
        }
        .unwrap_or_default();
        for (ours, (theirs, data)) in ours.iter().zip(theirs) {
            compared += 1;
            assert_eq!(ours.name, theirs, "{name}");
            if let Some(state) = data.and_then(|data| data.state) {
                assert_eq!(ours.at.as_millisecond(), state.timestamp.timestamp_millis(), "{name}");
                assert_eq!(
                    json!(ours.state.as_str()),
                    serde_json::to_value(state.value).unwrap(),
                    "{name}"
                );
            }
        }
    }
    assert!(compared >= 14, "only {compared} alarms could be compared");
}

fn with(name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut event = sample(name);
    change(&mut event);
    event
}

#[test]
fn what_is_not_understood_is_refused_in_words() {
    let mut deep = json!({});
    for _ in 0..40 {
        deep = json!({ "a": deep });
    }
    let refused = [
        ("empty", json!({})),
        ("a list", json!([1, 2])),
        ("a text", json!("check")),
        (
            "another service",
            json!({"version": "0", "source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification", "detail": {}}),
        ),
        (
            "an edited alarm",
            with("alarm-eventbridge-metric", |event| {
                event["detail-type"] = json!("CloudWatch Alarm Configuration Change");
                event["detail"]["state"].as_object_mut().unwrap().remove("reason");
            }),
        ),
        (
            "a training job",
            json!({"source": "aws.sagemaker", "detail-type": "SageMaker Training Job State Change", "detail": {}}),
        ),
        (
            "a spoofed schedule",
            json!({"source": "my.app", "detail-type": "Scheduled Event", "detail": {}}),
        ),
        (
            "a message without its envelope",
            json!({"AlarmName": "a", "NewStateValue": "ALARM"}),
        ),
        ("a command without its name", json!({"endpoints": ["a"]})),
        ("a command with a wrong name", json!({"command": "Check\nnow"})),
        ("a command that is a number", json!({"command": 7})),
        (
            "control characters",
            json!({"\u{1b}[2J": 1, "source": "x\ny", "detail-type": "z".repeat(500)}),
        ),
        (
            "too many keys",
            Value::Object((0..30).map(|n| (format!("key{n}"), json!(n))).collect()),
        ),
        (
            "an endpoint event without a name",
            with("endpoint-state-change-failed", |event| {
                event["detail"].as_object_mut().unwrap().remove("EndpointName");
            }),
        ),
        (
            "an endpoint event with a forged name",
            with("endpoint-state-change-failed", |event| {
                event["detail"]["EndpointName"] = json!("a\nERROR forged line");
            }),
        ),
        (
            "a detail that is no object",
            with("endpoint-state-change-failed", |event| event["detail"] = json!("{}")),
        ),
        (
            "an alarm in an unknown state",
            with("alarm-direct-metric", |event| {
                event["alarmData"]["state"]["value"] = json!("PANIC");
            }),
        ),
        (
            "an alarm without a time",
            with("alarm-direct-metric", |event| {
                event["alarmData"]["state"]["timestamp"] = json!("soon");
            }),
        ),
        (
            "an alarm without an ARN",
            with("alarm-direct-metric", |event| {
                event.as_object_mut().unwrap().remove("alarmArn");
            }),
        ),
        (
            "an alarm with another ARN",
            with("alarm-eventbridge-metric", |event| {
                event["resources"] = json!(["arn:aws:s3:::bucket"]);
            }),
        ),
        (
            "an alarm with a forged name",
            with("alarm-direct-metric", |event| {
                event["alarmData"]["alarmName"] = json!("latency\nERROR forged line");
            }),
        ),
        ("no records", json!({"Records": []})),
        (
            "records of another service",
            json!({"Records": [{"eventSource": "aws:s3", "s3": {}}]}),
        ),
        (
            "an SNS message that is a text",
            with("alarm-sns-math", |event| {
                event["Records"][0]["Sns"]["Message"] = json!("hello");
            }),
        ),
        (
            "a second record that is wrong",
            with("alarm-sns-two-records", |event| {
                event["Records"][1]["Sns"]["Message"] = json!("{\"AlarmName\": \"x\"}");
            }),
        ),
        ("too deep", deep),
        (
            "too large",
            json!({"command": "check", "endpoints": ["a".repeat(MAX_BYTES)]}),
        ),
    ];
    let errors = refused.map(|(name, event)| match Trigger::parse(&event) {
        Err(error) => format!("{name}\n  {error}\n"),
        Ok(trigger) => panic!("{name} was taken as {trigger}"),
    });
    insta::assert_snapshot!(errors.concat());
}

#[test]
fn bytes_are_refused_when_they_are_no_json_or_too_many_or_nested_without_end() {
    let refused = [
        Vec::new(),
        b"{\"command\": }".to_vec(),
        vec![b'['; 100_000],
        vec![b' '; MAX_BYTES + 1],
    ];
    let errors = refused.map(|bytes| format!("{}\n", Trigger::parse_bytes(&bytes).unwrap_err()));
    insta::assert_snapshot!(errors.concat());
}

#[test]
fn a_forged_reason_cannot_begin_a_new_line() {
    let event = with("alarm-direct-metric", |event| {
        event["alarmData"]["state"]["reason"] = json!("a\n{\"level\":\"ERROR\"}");
        event["alarmData"]["configuration"]["metrics"][0]["metricStat"]["metric"]["dimensions"]["Endpoint\nName"] =
            json!("\u{202e}x");
    });
    let shown = format!("{:?}", Trigger::parse(&event).unwrap());
    assert!(!shown.chars().any(crate::text::unsafe_to_show), "{shown}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(json!("ALARM")),
        Just(json!("2026-01-31T03:12:15.490+0000")),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let key = prop_oneof![
            ".{0,8}",
            prop::sample::select(vec![
                "detail",
                "alarmData",
                "Records",
                "Sns",
                "Message",
                "command",
                "source",
                "detail-type"
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..5).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The paths to every value within, as the indexes of children.
fn paths(value: &Value, here: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
    all.push(here.clone());
    let children: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    };
    for (index, child) in children.into_iter().enumerate() {
        here.push(index);
        paths(child, here, all);
        here.pop();
    }
}

fn place<'a>(value: &'a mut Value, path: &[usize]) -> &'a mut Value {
    path.iter().fold(value, |value, index| match value {
        Value::Array(items) => &mut items[*index],
        Value::Object(fields) => fields.values_mut().nth(*index).unwrap(),
        _ => unreachable!("a path leads through lists and objects"),
    })
}

/// Whatever is taken may be shown.
fn is_sound(outcome: &Result<Trigger, TriggerError>) -> Result<(), TestCaseError> {
    let shown = match outcome {
        Ok(Trigger::Command(command)) => command.name.clone(),
        Ok(trigger) => format!("{trigger} {}", format!("{trigger:?}").replace("\\n", "")),
        Err(error) => error.to_string(),
    };
    prop_assert!(!shown.chars().any(crate::text::unsafe_to_show), "{shown:?}");
    prop_assert!(
        outcome.is_ok() || shown.len() < 4000,
        "an error of {} bytes",
        shown.len()
    );
    Ok(())
}

proptest! {
    #[test]
    fn no_json_panics(event in any_json()) {
        is_sound(&Trigger::parse(&event))?;
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        is_sound(&Trigger::parse_bytes(&bytes))?;
    }

    #[test]
    fn no_sample_panics_with_one_value_replaced(
        sample in prop::sample::select(samples().into_values().collect::<Vec<_>>()),
        at in any::<prop::sample::Index>(),
        value in any_json(),
    ) {
        let mut event = sample;
        let mut all = Vec::new();
        paths(&event, &mut Vec::new(), &mut all);
        *place(&mut event, &all[at.index(all.len())]) = value;
        is_sound(&Trigger::parse(&event))?;
    }

    #[test]
    fn no_sample_panics_with_one_byte_changed(
        sample in prop::sample::select(samples().into_values().collect::<Vec<_>>()),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = sample.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        is_sound(&Trigger::parse_bytes(&bytes))?;
    }
}

#[test]
fn an_endpoint_event_of_another_region_or_account_is_not_ours() {
    let event = |region: &str, account: &str| {
        let event = serde_json::json!({
            "source": "aws.sagemaker", "detail-type": "SageMaker Endpoint State Change",
            "detail": {
                "EndpointName": "fraud", "EndpointStatus": "DELETING",
                "EndpointArn": format!("arn:aws:sagemaker:{region}:{account}:endpoint/fraud"),
            },
        });
        match Trigger::parse(&event) {
            Ok(Trigger::EndpointStateChange(change)) => change.meant_for("eu-west-1", "123456789012"),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(event("eu-west-1", "123456789012"), Ok(()));
    assert!(event("us-east-1", "123456789012").is_err());
    insta::assert_snapshot!(event("eu-west-1", "999999999999").unwrap_err());
}

#[test]
fn a_command_inside_an_event_of_aws_is_neither() {
    let event = serde_json::json!({
        "command": "check", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {},
    });
    insta::assert_snapshot!(Trigger::parse(&event).unwrap_err());
}
