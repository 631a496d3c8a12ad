use serde_json::json;

use super::*;
use crate::trigger::Trigger;

fn parse(event: Value) -> Result<HealthCommand, CommandError> {
    match Trigger::parse(&event) {
        Ok(Trigger::Command(command)) => HealthCommand::parse(&command),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_example_is_accepted() {
    let read = COMMANDS.map(|spec| format!("{:?}\n", parse(serde_json::from_str(spec.example).unwrap()).unwrap()));
    insta::assert_snapshot!(read.concat());
}

#[test]
fn no_endpoints_are_all_where_nothing_is_changed() {
    assert_eq!(
        parse(json!({"command": "check"})),
        Ok(HealthCommand::Check {
            endpoints: Targets::All
        })
    );
    assert_eq!(
        parse(json!({"command": "status", "endpoints": "*"})),
        Ok(HealthCommand::Status {
            endpoints: Targets::All
        })
    );
    assert!(parse(json!({"command": "unsilence"})).is_err());
}

#[test]
fn a_silence_may_end_at_a_time() {
    let silence = json!({"command": "silence", "endpoints": "a", "until": "2026-01-31T12:00:00Z", "reason": "x\ny"});
    assert_eq!(
        parse(silence),
        Ok(HealthCommand::Silence {
            endpoints: Targets::Named(vec!["a".into()]),
            ends: Ends::At("2026-01-31T12:00:00Z".parse().unwrap()),
            reason: "x\\ny".into(),
            by: None,
        })
    );
}

#[test]
fn a_silence_ends_after_its_beginning_and_within_a_month() {
    let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    assert_eq!(Ends::At(now).from(now), None);
    assert_eq!(Ends::At(Timestamp::MAX).from(now), Some(now + LONGEST_SILENCE));
    assert_eq!(
        Ends::After(Duration::from_secs(60)).from(now),
        Some(now + Duration::from_secs(60))
    );
}

#[test]
fn what_can_mean_no_endpoint_is_refused_by_every_command_that_looks_for_endpoints() {
    let patterns = json!(["{fraud,search}-*", "fraud-[a", "fraud-a"]);
    for mut event in [
        json!({"command": "check"}),
        json!({"command": "status"}),
        json!({"command": "silence", "for": "1h", "reason": "x"}),
    ] {
        event["endpoints"] = patterns.clone();
        let refused = parse(event).expect_err("refused").to_string();
        assert!(
            refused.contains(r#""{fraud,search}-*" ('{' cannot be in an endpoint's name)"#),
            "{refused}"
        );
        assert!(
            refused.contains(r#""fraud-[a" (the class that begins with [ does not end)"#),
            "{refused}"
        );
    }
    // A silence of an earlier build may hold it.
    let unsilence = parse(json!({"command": "unsilence", "endpoints": patterns}));
    assert!(matches!(unsilence, Ok(HealthCommand::Unsilence { endpoints: Targets::Named(names) }) if names.len() == 3));
}

#[test]
fn what_is_wrong_is_refused_by_name_and_all_at_once() {
    let many = vec!["a"; MAX_ENDPOINTS + 1];
    let refused = [
        json!({"command": "silense"}),
        json!({"command": "delete"}),
        json!({"command": "check", "endpoint": ["a"], "force": true}),
        json!({"command": "check", "endpoints": []}),
        json!({"command": "check", "endpoints": ["a", 7]}),
        json!({"command": "check", "endpoints": {"name": "a"}}),
        json!({"command": "check", "endpoints": ["../etc\n"]}),
        json!({"command": "check", "endpoints": many}),
        json!({"command": "status", "endpoints": ["fraud", "", "fraud-", "fraud.eu"]}),
        json!({"command": "silence"}),
        json!({"command": "silence", "endpoints": "*", "for": "2 weeks", "reason": 1, "by": []}),
        json!({"command": "silence", "endpoints": "*", "for": 30, "reason": "x"}),
        json!({"command": "silence", "endpoints": "*", "for": "32d", "reason": "x"}),
        json!({"command": "silence", "endpoints": "*", "for": "0s", "reason": "x"}),
        json!({"command": "silence", "endpoints": "*", "for": "1h", "until": "2026-01-31T12:00:00Z", "reason": "x"}),
        json!({"command": "silence", "endpoints": "*", "until": "tomorrow", "reason": " ", "becuase": "x"}),
        json!({"command": "unsilence"}),
    ];
    let errors = refused.map(|event| {
        let shown = printable(&event.to_string(), 120);
        format!("{shown}\n  {}\n", parse(event).unwrap_err())
    });
    insta::assert_snapshot!(errors.concat());
}
