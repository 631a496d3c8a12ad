use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::trigger::Trigger;

fn parse(event: &Value) -> Result<BackupCommand, CommandError> {
    match Trigger::parse(event) {
        Ok(Trigger::Command(command)) => BackupCommand::parse(&command),
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
        json!({"command": "resotre", "endpoint": "fraud"}),
        json!({"command": "restore", "endpoint": "-", "point": "latest", "name": "a b", "force": true, "by": 7}),
        json!({"command": "prune", "endpoint": "fraud", "plan": "all"}),
        json!({"command": "continue", "endpoint": "fraud", "job": 0, "hop": "1"}),
        json!({"command": "verify"}),
        json!({"command": "list", "endpoint": "fraud", "point": "20260131T020000Z-1a2b3c4d"}),
    ];
    let refused: Vec<String> = events
        .iter()
        .map(|event| parse(event).expect_err("wrong").to_string())
        .collect();
    insta::assert_snapshot!(refused.join("\n"));
}

#[test]
fn what_is_about_all_endpoints_says_so_by_silence() {
    let command = parse(&json!({"command": "backup"})).expect("right");
    assert_eq!(command.endpoint(), None);
    let command = parse(&json!({"command": "drill", "endpoint": "fraud", "point": null})).expect("right");
    assert!(matches!(&command, BackupCommand::Drill { of, .. } if of.point.is_none()));
    assert_eq!(command.endpoint(), Some("fraud"));
}

proptest! {
    #[test]
    fn nothing_makes_the_reader_panic(name in prop::sample::select(COMMANDS.map(|spec| spec.name).to_vec()), key in "[a-z]{1,8}", text in ".{0,20}", number in any::<i64>()) {
        for value in [json!(text), json!(number), json!([text]), Value::Null] {
            let mut event = json!({"command": name, "endpoint": "fraud"});
            event[&key] = value;
            if key != "command" && key != "source" {
                let _ = parse(&event);
            }
        }
    }
}
