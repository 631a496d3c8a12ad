use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::trigger::Trigger;

fn parse(event: &Value) -> Result<WakeCommand, CommandError> {
    match Trigger::parse(event) {
        Ok(Trigger::Command(command)) => WakeCommand::parse(&command),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_example_is_accepted() {
    let read = COMMANDS.map(|spec| {
        let command = parse(&serde_json::from_str(spec.example).expect("JSON")).expect("right");
        format!("{command:?}\n")
    });
    insta::assert_snapshot!(read.concat());
}

#[test]
fn what_is_wrong_is_refused_by_name_and_all_at_once() {
    let events = [
        json!({"command": "wakeup", "endpoint": "images"}),
        json!({"command": "wake", "endpoint": "a b", "component": "-", "instances": 0, "for": "2 days", "force": true}),
        json!({"command": "wake", "instances": "2", "for": 7200, "by": 7}),
        json!({"command": "sleep", "endpoint": "images", "force": "yes", "for": "1h"}),
        json!({"command": "status", "endpoint": "images", "verbose": true}),
    ];
    let refused: Vec<String> = events
        .iter()
        .map(|event| parse(event).expect_err("wrong").to_string())
        .collect();
    insta::assert_snapshot!(refused.join("\n"));
}

#[test]
fn the_status_of_all_is_asked_by_naming_none() {
    assert_eq!(parse(&json!({"command": "status"})).expect("right").endpoint(), None);
    let command = parse(&json!({"command": "sleep", "endpoint": "images", "component": null})).expect("right");
    assert_eq!(command.endpoint(), Some("images"));
}

proptest! {
    #[test]
    fn nothing_makes_the_reader_panic(name in prop::sample::select(COMMANDS.map(|spec| spec.name).to_vec()), key in "[a-z]{1,9}", text in ".{0,20}", number in any::<i64>()) {
        for value in [json!(text), json!(number), json!([text]), Value::Null] {
            let mut event = json!({"command": name, "endpoint": "images"});
            event[&key] = value;
            if key != "command" && key != "source" {
                let _ = parse(&event);
            }
        }
    }
}
