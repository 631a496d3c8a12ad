use std::{fmt::Write, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::health::policy::{JsonTest, ProbeKind};

fn probe(conditions: Vec<Condition>) -> Probe {
    Probe {
        name: "smoke".into(),
        kind: ProbeKind::Sync,
        content_type: "application/json".into(),
        accept: None,
        payload: "{}".into(),
        timeout: Duration::from_secs(10),
        retries: 0,
        per_variant: false,
        degraded_after: None,
        conditions,
    }
}

fn answered(body: &str) -> ProbeAnswer {
    ProbeAnswer {
        latency: Duration::from_millis(120),
        outcome: Outcome::Answered {
            status: 200,
            body: body.into(),
            whole: true,
        },
    }
}

fn refused(status: u16, code: &str, message: &str) -> ProbeAnswer {
    ProbeAnswer {
        latency: Duration::from_millis(5),
        outcome: Outcome::Refused {
            status,
            code: code.into(),
            message: message.into(),
        },
    }
}

fn model_error(original_status: Option<u16>, message: &str) -> ProbeAnswer {
    ProbeAnswer {
        latency: Duration::from_millis(5),
        outcome: Outcome::ModelError {
            original_status,
            message: message.into(),
        },
    }
}

fn json_is(pointer: &str, is: JsonTest) -> Condition {
    Condition::Json {
        pointer: pointer.into(),
        is,
    }
}

fn golden(value: Value, tolerance: f64) -> Condition {
    json_is("/scores", JsonTest::Near { value, tolerance })
}

/// `judgement cause: reason`, one line for each case.
fn table(cases: &[(ProbeAnswer, Vec<Condition>)]) -> String {
    cases.iter().fold(String::new(), |mut out, (answer, conditions)| {
        let verdict = judge(answer, &probe(conditions.clone()));
        let cause = verdict.cause.map_or("-".to_owned(), |cause| format!("{cause:?}"));
        writeln!(out, "{:?} {cause}: {}", verdict.judgement, verdict.reason).unwrap();
        out
    })
}

#[test]
fn each_failure_has_a_culprit() {
    let cases = [
        model_error(Some(500), "Traceback (most recent call last):\n  File \"inference.py\""),
        model_error(Some(404), "no route /invocations"),
        model_error(None, ""),
        model_error(Some(415), "unsupported content type text/csv"),
        refused(429, "ModelNotReadyException", "Model is loading"),
        refused(429, "ThrottlingException", "Rate exceeded"),
        refused(400, "ThrottlingException", "Rate exceeded"),
        refused(
            403,
            "AccessDeniedException",
            "not authorized to perform sagemaker:InvokeEndpoint",
        ),
        refused(
            400,
            "ValidationError",
            "Endpoint fraud of account 111122223333 not found.",
        ),
        refused(400, "ValidationError", "Variant blue not found for endpoint fraud"),
        refused(
            400,
            "ValidationError",
            "Inference component llm has no capacity to process this request",
        ),
        refused(400, "ValidationError", "Accept header is wrong"),
        refused(500, "InternalFailure", ""),
        refused(503, "ServiceUnavailable", "try later"),
        ProbeAnswer {
            latency: Duration::from_secs(10),
            outcome: Outcome::TimedOut,
        },
        ProbeAnswer {
            latency: Duration::ZERO,
            outcome: Outcome::NoConnection {
                message: "dns error: no such host".into(),
            },
        },
        ProbeAnswer {
            latency: Duration::from_secs(960),
            outcome: Outcome::Overdue {
                within: Duration::from_secs(900),
            },
        },
    ]
    .map(|answer| (answer, vec![]));
    insta::assert_snapshot!(table(&cases));
}

#[test]
fn each_condition_says_what_it_expected_and_what_came() {
    let body = r#"{"scores": [0.91, 0.09], "label": "fraud", "n": 3}"#;
    let long = format!("<html>\u{1b}[31m{}</html>", "x".repeat(500));
    let cases = [
        (answered(body), vec![]),
        (
            answered(body),
            vec![Condition::Status(200), Condition::Contains("fraud".into())],
        ),
        (answered(body), vec![Condition::Status(204)]),
        (
            answered(body),
            vec![Condition::LatencyBelow(Duration::from_millis(100))],
        ),
        (answered(body), vec![Condition::Contains("legit".into())]),
        (answered(body), vec![Condition::NotContains("fraud".into())]),
        (
            answered(body),
            vec![
                json_is("/label", JsonTest::Equals(json!("fraud"))),
                json_is("/n", JsonTest::Equals(json!(3.0))),
            ],
        ),
        (
            answered(body),
            vec![json_is("/label", JsonTest::Equals(json!("legit")))],
        ),
        (answered(body), vec![json_is("/missing", JsonTest::Exists)]),
        (answered(body), vec![json_is("/n", JsonTest::AtLeast(4.0))]),
        (answered(body), vec![json_is("/n", JsonTest::AtMost(2.5))]),
        (answered(body), vec![json_is("/label", JsonTest::AtMost(2.5))]),
        (answered(body), vec![golden(json!([0.9, 0.1]), 0.02)]),
        (answered(body), vec![golden(json!([0.9, 0.1]), 0.001)]),
        (answered(body), vec![golden(json!([0.9]), 0.1)]),
        (answered(body), vec![golden(json!("high"), 0.1)]),
        (answered(body), vec![golden(json!([0.91, 0.09]), f64::NAN)]),
        (answered("not json"), vec![json_is("", JsonTest::Exists)]),
        (answered(&long), vec![Condition::Contains("ok".into())]),
        (answered(""), vec![Condition::Contains("ok".into())]),
    ];
    insta::assert_snapshot!(table(&cases));
}

#[test]
fn an_answer_slower_than_degraded_after_is_degraded_not_failed() {
    let slow = Probe {
        degraded_after: Some(Duration::from_millis(100)),
        ..probe(vec![])
    };
    let verdict = judge(&answered("{}"), &slow);
    assert_eq!(
        (verdict.judgement, verdict.cause),
        (Judgement::Degraded, Some(Cause::Slow))
    );
    assert_eq!(verdict.reason, "answered in 120 ms, slower than 100 ms");
}

#[test]
fn a_probe_that_asks_for_a_refusal_passes_on_it() {
    let conditions = vec![Condition::Status(400), Condition::Contains("missing field".into())];
    let verdict = judge(&model_error(Some(400), "missing field `amount`"), &probe(conditions));
    assert_eq!(verdict.judgement, Judgement::Passed);
}

#[test]
fn durations_read_as_people_say_them() {
    let all = [
        90,
        1_000,
        2_500,
        90_000,
        120_000,
        3_600_000,
        7_200_000,
        12_000_000,
        259_200_000,
    ];
    let said = all.map(|ms| seconds(Duration::from_millis(ms)));
    assert_eq!(
        said,
        [
            "90 ms",
            "1 s",
            "2.5 s",
            "90 s",
            "2 min",
            "60 min",
            "2 h",
            "3 h 20 min",
            "3 days"
        ]
    );
}

#[test]
fn of_an_answer_that_is_too_large_only_what_its_beginning_proves_is_held_against_the_endpoint() {
    let beginning = |text: &str| ProbeAnswer {
        latency: Duration::from_millis(120),
        outcome: Outcome::Answered {
            status: 200,
            body: text.into(),
            whole: false,
        },
    };
    let image = || beginning(r#"{"kind": "png", "image": "xxxx"#);
    let cases = [
        (image(), vec![]),
        (image(), vec![Condition::Status(200), Condition::Contains("png".into())]),
        (image(), vec![Condition::Status(204)]),
        (image(), vec![Condition::LatencyBelow(Duration::from_millis(100))]),
        (image(), vec![Condition::Contains("score".into())]),
        (image(), vec![Condition::NotContains("png".into())]),
        (image(), vec![Condition::NotContains("NaN".into())]),
        (image(), vec![json_is("/image", JsonTest::Exists)]),
        (
            image(),
            vec![
                json_is("/image", JsonTest::Exists),
                Condition::NotContains("png".into()),
            ],
        ),
    ];
    insta::assert_snapshot!(table(&cases));
}

#[test]
fn no_more_of_an_answer_is_kept_than_its_conditions_look_at() {
    assert!(kept_of_body(&probe(vec![Condition::Status(200)])) < 10_000);
    for looks in [Condition::Contains("a".into()), json_is("", JsonTest::Exists)] {
        assert_eq!(kept_of_body(&probe(vec![looks])), BODY_LIMIT);
    }
}

fn any_answer() -> impl Strategy<Value = ProbeAnswer> {
    let body = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        Just(br#"{"scores":[1,2,[3]],"x":null}"#.to_vec()),
    ];
    let outcome = prop_oneof![
        (any::<u16>(), body, any::<bool>()).prop_map(|(status, body, whole)| Outcome::Answered { status, body, whole }),
        (any::<Option<u16>>(), any::<String>()).prop_map(|(original_status, message)| Outcome::ModelError {
            original_status,
            message
        }),
        (any::<u16>(), any::<String>(), any::<String>()).prop_map(|(status, code, message)| Outcome::Refused {
            status,
            code,
            message
        }),
        Just(Outcome::TimedOut),
        any::<String>().prop_map(|message| Outcome::NoConnection { message }),
        any::<Duration>().prop_map(|within| Outcome::Overdue { within }),
        any::<Duration>().prop_map(|after| Outcome::CutShort { after }),
    ];
    (any::<Duration>(), outcome).prop_map(|(latency, outcome)| ProbeAnswer { latency, outcome })
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let test = prop_oneof![
        Just(JsonTest::Exists),
        any::<f64>().prop_map(JsonTest::AtLeast),
        any::<f64>().prop_map(|tolerance| JsonTest::Near {
            value: json!([1, 2, [3.5]]),
            tolerance
        }),
        Just(JsonTest::Equals(json!({"scores": [1, 2, [3.0]], "x": null}))),
    ];
    prop_oneof![
        any::<u16>().prop_map(Condition::Status),
        any::<Duration>().prop_map(Condition::LatencyBelow),
        any::<String>().prop_map(Condition::Contains),
        any::<String>().prop_map(Condition::NotContains),
        ("(/[a-z~0-9]{0,6}){0,3}|scores", test).prop_map(|(pointer, is)| Condition::Json { pointer, is }),
    ]
}

proptest! {
    #[test]
    fn any_answer_is_judged_and_the_reason_is_one_printable_line(
        answer in any_answer(),
        conditions in proptest::collection::vec(any_condition(), 0..4),
    ) {
        let verdict = judge(&answer, &probe(conditions));
        prop_assert!(!verdict.reason.is_empty() && verdict.reason.chars().count() < 1_000);
        prop_assert!(!verdict.reason.chars().any(char::is_control));
        prop_assert_eq!(verdict.judgement == Judgement::Passed, verdict.cause.is_none());
        let monitors = verdict.cause.is_some_and(|cause| cause.is_monitors());
        prop_assert!(!monitors || verdict.judgement == Judgement::Inconclusive);
    }

    #[test]
    fn only_an_answer_of_the_model_says_how_long_an_answer_takes(
        answer in any_answer(),
        conditions in proptest::collection::vec(any_condition(), 0..4),
    ) {
        let verdict = judge(&answer, &probe(conditions));
        let model = matches!(answer.outcome, Outcome::Answered { .. } | Outcome::ModelError { .. });
        prop_assert!(model || !verdict.is_of_an_answer());
        prop_assert!(verdict.judgement != Judgement::Inconclusive || !verdict.is_of_an_answer());
        prop_assert!(verdict.is_of_an_answer() || verdict.judgement != Judgement::Passed);
    }
}
