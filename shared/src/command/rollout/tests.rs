use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{fleet::Fleet, rollout::request::Request, text::printable, trigger::Trigger};

fn parse(event: &Value) -> Result<RolloutCommand, CommandError> {
    match Trigger::parse(event) {
        Ok(Trigger::Command(command)) => RolloutCommand::parse(&command),
        other => panic!("{other:?}"),
    }
}

fn fleet() -> Fleet {
    let text = "
version: 1
strategies: { careful: { canary: { size: 1%, bake: 3h } } }
defaults: { rollout: { alarms: [errors], analysis: { min_requests: 10 } } }
endpoints:
  fraud-detector: { rollout: { strategy: careful }, health: { probes: [{ name: p, payload: x }] } }
  'native-*': { rollout: { engine: guardrails } }
";
    Fleet::parse(text, "fleet.yaml").expect("right")
}

fn request(event: &Value) -> Result<Request, CommandError> {
    match parse(event)? {
        RolloutCommand::Start(start) => start.request(&fleet(), None, "request-1"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_example_is_accepted() {
    let read = COMMANDS.map(
        |spec| match parse(&serde_json::from_str(spec.example).expect("JSON")).expect("right") {
            RolloutCommand::Start(start) => format!("Start {}, dry run: {}\n", start.endpoint(), start.dry_run()),
            other => format!("{other:?}\n"),
        },
    );
    insta::assert_snapshot!(read.concat());
}

#[test]
fn start_takes_every_field_of_the_rollout_section_and_of_its_own() {
    let schema = Fleet::schema();
    let section = schema["$defs"]["Rollout"]["properties"].as_object().expect("fields");
    let fields: Vec<&str> = section.keys().map(String::as_str).collect();
    let (own, rules) = start::FIELDS.split_at(start::OWN);
    assert_eq!(rules, fields);
    assert!(
        own.iter().all(|field| !fields.contains(field)),
        "a field has two meanings"
    );
}

#[test]
fn a_start_that_says_little_takes_the_rest_from_the_fleet_file() {
    let event = json!({"command": "start", "endpoint": "fraud-detector", "model": "fraud-v2"});
    insta::assert_debug_snapshot!(request(&event).expect("right"));
}

#[test]
fn a_start_that_says_everything_is_taken_at_its_word() {
    let event = json!({
        "command": "start", "endpoint": "fraud-detector", "variant": "blue", "model": "fraud-v2",
        "instance_type": "ml.c7i.2xlarge", "instances": 3, "green_variant": "green", "id": "release-42",
        "by": " ana ", "reason": "retrained\n", "dry_run": true,
        "engine": "variants", "alarms": ["p99"], "smoke": {"passes": 4}, "keep_blue": "0s",
        "strategy": {"steps": [
            {"weight": "50%", "bake": "1h", "gate": true, "smoke": true, "alarms": ["green-p99"], "analysis": {"min_requests": 20}},
            {"weight": "100%", "bake": "1m", "analysis": false},
        ]},
        "analysis": {"errors": false, "slow": {"slower_than": "250ms", "limit": "5%"}},
        "rollback_window": "2d", "deadline": "3d", "phase_deadline": "30m", "gate_deadline": "6h",
        "on_deadline": "promote", "metrics_delay": "90s", "headroom": "25%", "batch": "10%",
    });
    insta::assert_debug_snapshot!(request(&event).expect("right"));
}

#[test]
fn a_component_is_rolled_by_sagemaker() {
    let event = json!({"command": "start", "endpoint": "llm", "component": "adapter", "model": "adapter-v2"});
    let fleet = Fleet::parse(
        "version: 1\nendpoints: { llm: { rollout: { engine: variants, alarms: [errors] } } }\n",
        "fleet.yaml",
    )
    .expect("right");
    let Ok(RolloutCommand::Start(start)) = parse(&event) else {
        panic!("refused")
    };
    let request = start.request(&fleet, None, "request-1").expect("right");
    assert_eq!(request.policy.engine, crate::rollout::policy::Engine::Rolling);
    assert_eq!(request.policy.strategy.name, "all-at-once");
    assert_eq!(request.component.as_deref(), Some("adapter"));
    assert_eq!(
        request.policy.analysis, None,
        "its metrics tell no old copy from a new one"
    );
}

#[test]
fn the_same_start_means_the_same_whenever_it_is_read() {
    let event = json!({"command": "start", "endpoint": "fraud-detector", "model": "m", "keep_blue": "2h"});
    let (one, two) = (request(&event).expect("right"), request(&event).expect("right"));
    assert_eq!(one, two);
    assert_eq!(one.policy.keep_blue, Duration::from_secs(7200));
}

#[test]
fn what_is_wrong_is_refused_by_name_and_all_at_once() {
    let refused = [
        json!({"command": "begin"}),
        json!({"command": "promte", "endpoint": "a"}),
        json!({"command": "check"}),
        json!({"command": "start"}),
        json!({"command": "start", "endpoint": "fraud-*", "modle": "m"}),
        json!({"command": "start", "endpoint": "a", "model": "m_1", "variant": "-", "instances": 0, "instance_type": "m5", "green_variant": 5, "dry_run": "yes", "id": "a b", "by": 1, "reason": []}),
        json!({"command": "start", "endpoint": "a", "model": "m", "variant": "blue", "green_variant": "blue"}),
        json!({"command": "start", "endpoint": "a", "component": "c", "instances": 2, "variant": "v"}),
        json!({"command": "start", "endpoint": "a", "model": "m", "strategy": {"steps": [{"weight": "20%", "bake": "5m"}, {"weight": "10%"}]}}),
        json!({"command": "start", "endpoint": "a", "model": "m", "strategy": {"cannary": {}}}),
        json!({"command": "start", "endpoint": "a", "model": "m", "strategy": {"steps": [{"weight": "100%", "bake": "5m", "alarms": "errors", "analysis": {"min_requests": 0}}]}}),
        json!({"command": "start", "endpoint": "a", "model": "m", "analysis": {"error_rate": {"max": 1}}, "keep_blue": 3600, "alarms": "errors"}),
        json!({"command": "status", "endpoint": ["a"]}),
        json!({"command": "status", "endpoints": "a"}),
        json!({"command": "history"}),
        json!({"command": "pause", "endpoint": "a\u{1b}[31m", "for": "2h"}),
        json!({"command": "rollback", "endpoint": null, "component": "-", "by": {}}),
        json!({"command": "promote", "endpoint": "a", "full": "yes", "step": 0}),
        json!({"command": "skip", "endpoint": "a", "full": true, "step": "2"}),
        json!({"command": "abort", "endpoint": "a", "step": 1}),
    ];
    let errors = refused.map(|event| {
        let shown = printable(&event.to_string(), 160);
        format!("{shown}\n  {}\n", parse(&event).unwrap_err())
    });
    insta::assert_snapshot!(errors.concat());
}

#[test]
fn promote_says_whether_one_gate_or_everything_that_is_left_is_meant() {
    let order = |event: &Value| match parse(event).expect("right") {
        RolloutCommand::Order { order, step, .. } => (order, step),
        other => panic!("{other:?}"),
    };
    let plain = json!({"command": "promote", "endpoint": "a", "full": false});
    assert_eq!(order(&plain), (Order::Promote, None));
    let of_step = json!({"command": "promote", "endpoint": "a", "step": 2});
    assert_eq!(order(&of_step), (Order::Promote, Some(2)));
    let full = json!({"command": "promote", "endpoint": "a", "full": true});
    assert_eq!(order(&full), (Order::PromoteFull, None));
}

#[test]
fn what_the_fleet_file_and_the_command_cannot_mean_together_is_refused() {
    let refused = [
        json!({"command": "start", "endpoint": "unknown", "model": "m"}),
        json!({"command": "start", "endpoint": "fraud-detector", "model": "m", "strategy": "carefull"}),
        json!({"command": "start", "endpoint": "fraud-detector", "model": "m", "engine": "guardrails"}),
        json!({"command": "start", "endpoint": "native-a", "model": "m", "strategy": "steps-10-30-50-80-100", "alarms": [], "analysis": false, "keep_blue": "2h", "smoke": true}),
        json!({"command": "start", "endpoint": "native-a", "component": "c", "model": "m", "strategy": "canary-10"}),
        json!({"command": "start", "endpoint": "native-a", "component": "c", "model": "m", "engine": "guardrails"}),
        json!({"command": "start", "endpoint": "native-a", "component": "c", "model": "m", "analysis": {"min_requests": 9}}),
        json!({"command": "start", "endpoint": "native-a", "component": "c", "model": "m", "alarms": []}),
        json!({"command": "start", "endpoint": "native-a", "model": "m", "deadline": "9h"}),
        json!({"command": "start", "endpoint": "fraud-detector", "model": "m", "deadline": "6h"}),
    ];
    let errors = refused.map(|event| format!("{event}\n  {}\n", request(&event).unwrap_err()));
    insta::assert_snapshot!(errors.concat());
}

fn any_json() -> impl proptest::strategy::Strategy<Value = Value> {
    let words = [
        "canary-10",
        "10%",
        "100%",
        "30m",
        "a",
        "",
        "variants",
        "p99",
        "\u{202e}",
        "ml.m5.large",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(words.to_vec()).prop_map(Value::from),
    ];
    let keys = [
        "canary",
        "linear",
        "steps",
        "all_at_once",
        "size",
        "step",
        "weight",
        "bake",
        "gate",
        "smoke",
        "health",
        "errors",
        "slow",
        "latency",
        "percentile",
        "limit",
        "bad_minutes",
        "total",
        "passes",
        "x",
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(proptest::sample::select(keys.to_vec()), inner, 0..4)
                .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_command_panics_and_every_refusal_says_why(
        index in 0..COMMANDS.len(),
        fields in proptest::collection::btree_map(proptest::sample::select(start::FIELDS.to_vec()), any_json(), 0..6),
        named: bool,
    ) {
        let mut event = json!({"command": COMMANDS[index].name});
        if named {
            event["endpoint"] = json!("fraud-detector");
            event["model"] = json!("m");
        }
        for (field, value) in fields {
            event[field] = value;
        }
        let said = match parse(&event) {
            Ok(RolloutCommand::Start(start)) => start.request(&fleet(), None, "id").err(),
            Ok(_) => None,
            Err(error) => Some(error),
        };
        if let Some(error) = said {
            let said = error.to_string();
            prop_assert!(!said.is_empty() && !said.chars().any(crate::text::unsafe_to_show), "{said:?}");
        }
    }
}

#[test]
fn a_rollout_begins_again_only_where_the_fleet_file_still_means_it() {
    let event = json!({"command": "start", "endpoint": "fraud-detector", "model": "m", "smoke": true});
    let asked = request(&event).expect("right");
    still_meant(&asked, &fleet(), None).expect("nothing has changed");
    let later = |text: &str| {
        let fleet = Fleet::parse(text, "fleet.yaml").expect("right");
        still_meant(&asked, &fleet, None).unwrap_err().to_string()
    };
    let told = [
        later("version: 1\nendpoints: { another: {} }\n"),
        later("version: 1\nendpoints: { fraud-detector: {} }\n"),
    ];
    insta::assert_snapshot!(told.join("\n"));
    let unprobed = request(
        &json!({"command": "start", "endpoint": "native-a", "model": "m", "engine": "guardrails",
        "strategy": {"all_at_once": {"bake": "10m"}}, "alarms": ["errors"], "smoke": false}),
    )
    .expect("right");
    still_meant(&unprobed, &fleet(), None).expect("it needs none");
}

#[test]
fn what_is_rolled_out_is_watched_where_a_probe_of_the_fleet_file_asks_it() {
    let text = "
version: 1
endpoints:
  probed: { health: { probes: [{ name: p, payload: x }] } }
  unprobed: {}
  off: { health: { enabled: false, probes: [{ name: p, payload: x }] } }
  shared: { health: { probes: [{ name: p, kind: inference-component, payload: x, component: one }] } }
";
    let fleet = Fleet::parse(text, "fleet.yaml").expect("right");
    let of = |endpoint: &str, component: Option<&str>| watched(&fleet, None, endpoint, component);
    assert!(of("probed", None));
    assert!(of("shared", Some("one")));
    assert!(!of("shared", Some("two")));
    for endpoint in ["unprobed", "off", "undeclared"] {
        assert!(!of(endpoint, None), "{endpoint}");
    }
    let event = json!({"command": "start", "endpoint": "fraud-detector", "model": "m"});
    assert!(request(&event).expect("right").watched);
}
