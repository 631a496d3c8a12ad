use proptest::prelude::*;

use super::*;
use crate::world::dice;

/// Everything one hour of a troubled world tells.
fn told(seed: u64) -> String {
    let mut spec: Value = serde_json::from_str(FRAUD).expect("JSON");
    spec["incidents"] = json!([
        {"at": "5m", "for": "10m", "endpoint": "fraud", "behaves": {"errors": "20%", "slower_by": "300ms"}},
        {"at": "30m", "endpoint": "fraud", "becomes": "system_updating", "for": "5m"},
    ]);
    spec["regions"]["eu-west-1"]["alarms"] = json!({"errors": {
        "metric": "InvocationModelErrors", "endpoint": "fraud", "variant": "blue", "above": 0.1, "actions": ["alerts"],
    }});
    let mut stage = Stage::seeded(spec, seed);
    let mut all = stage.pass(600);
    let invoke = json!({"EndpointName": "fraud", "Body": ""});
    let answer = format!("{:?}", stage.try_call(Service::Runtime, "InvokeEndpoint", invoke));
    all.extend(stage.pass(3000));
    let latency = stage.sum("ModelLatency", "blue", 60);
    format!("{}{answer}{latency}", serde_json::to_string(&all).expect("JSON"))
}

#[test]
fn the_same_seed_gives_the_same_run() {
    assert_eq!(told(3), told(3));
    assert_ne!(told(3), told(4));
}

#[test]
fn looking_more_often_changes_no_happening() {
    let (mut once, mut often) = (Stage::fraud(), Stage::fraud());
    let whole = once.pass(3600);
    let pieces: Vec<Happening> = (0..360).flat_map(|_| often.pass(10)).collect();
    assert_eq!(whole, pieces);
    assert_eq!(
        once.sum("Invocations", "blue", 60),
        often.sum("Invocations", "blue", 60)
    );
}

#[test]
fn ten_hours_of_traffic_have_the_rate_and_the_error_share_they_were_given() {
    let mut stage = Stage::with(|spec| {
        spec["regions"]["eu-west-1"]["endpoints"]["fraud"]["variants"]["blue"]["errors"] = json!("2%");
    });
    stage.pass(36_000);
    let (requests, errors) = (
        stage.sum("Invocations", "blue", 600),
        stage.sum("Invocation5XXErrors", "blue", 600),
    );
    assert!((requests / 720_000.0 - 1.0).abs() < 0.01, "{requests}");
    assert!((errors / requests - 0.02).abs() < 0.001, "{errors} of {requests}");
}

proptest! {
    #[test]
    fn splitting_traffic_by_weights_loses_nothing_and_gives_nothing_to_weight_zero(
        seed: u64,
        n in 0_u64..2_000_000,
        weights in prop::collection::vec(prop_oneof![Just(0.0), 0.001_f64..10.0], 1..8),
    ) {
        let parts = dice::split(&mut fastrand::Rng::with_seed(seed), n, &weights);
        let any = weights.iter().any(|weight| *weight > 0.0);
        prop_assert_eq!(parts.iter().sum::<u64>(), if any { n } else { 0 });
        prop_assert!(parts.iter().zip(&weights).all(|(part, weight)| *weight > 0.0 || *part == 0));
    }
}
