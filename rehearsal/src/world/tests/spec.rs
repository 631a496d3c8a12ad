use super::*;

#[test]
fn the_smallest_world_is_a_whole_one() {
    let text = "regions: {eu-west-1: {endpoints: {fraud: {variants: {blue: {instances: 2, latency: 80ms}}, \
                traffic: 20 rps}}}}";
    let spec = WorldSpec::parse(text, "world.yaml").expect("a sound world");
    assert_eq!(spec.problems(), []);
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = "regions:\n  eu-west-1:\n    endpoints:\n      fraud:\n        variants: {blue: {latency: 80, weight: x}}\n\
                \x20       trafic: 20 rps\n        traffic: many\nincidents:\n  - at: soon\n    becomes: sad\n";
    let problems = WorldSpec::parse(text, "world.yaml").expect_err("mistakes");
    insta::assert_snapshot!(problems, @r#"
    6 errors in world.yaml

    world.yaml:5:36: regions.eu-west-1.endpoints.fraud.variants.blue.latency: 80 has no unit
        accepted: a time with its unit, such as 500ms, 30s, 5m, 1h30m or 2d

    world.yaml:5:48: regions.eu-west-1.endpoints.fraud.variants.blue.weight: is the text "x"
        accepted: a number

    world.yaml:6:9: regions.eu-west-1.endpoints.fraud.trafic: there is no such field; did you mean `traffic`?
        accepted: variants, components, traffic, async, tags, config, define, config_tags, status, age, copies

    world.yaml:7:18: regions.eu-west-1.endpoints.fraud.traffic: "many" is no request rate
        accepted: a rate such as `20 rps`, or one of `constant`, `diurnal`, `burst`, `trace`

    world.yaml:9:9: incidents[0].at: "soon" is no time
        accepted: a time with its unit, such as 500ms, 30s, 5m, 1h30m or 2d

    world.yaml:10:14: incidents[0].becomes: "sad" is not known
        accepted: in_service, creating, updating, system_updating, rolling_back, deleting, failed, out_of_service, update_rollback_failed, vanished
    "#);
}

#[test]
fn every_contradiction_is_told_at_once_with_its_path() {
    let spec = json!({
        "account": "42",
        "regions": {"eu-west-1": {
            "endpoints": {"fraud": {"variants": {"blue": {"weight": 0, "model": "nowhere"}}}},
            "alarms": {"a": {"metric": "ModelLatency", "actions": ["nobody"]}},
            "images": ["fine:1", "1.dkr.ecr.us-east-1.amazonaws.com/elsewhere:1"],
        }},
        "incidents": [{"at": "1m", "endpoint": "frad", "becomes": "failed", "dark": true}, {"at": "1m"}],
    });
    let problems = WorldSpec::from_value(&spec).expect_err("contradictions");
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    account: `42` is no account; accepted: twelve digits
    regions.eu-west-1.endpoints.fraud.variants: the weights sum to zero; accepted: a weight above zero for at least one variant
    regions.eu-west-1.endpoints.fraud.variants.blue.model: no model `nowhere` in this Region; accepted: an entry in `models`
    regions.eu-west-1.images[1]: `1.dkr.ecr.us-east-1.amazonaws.com/elsewhere:1` is no image of this Region; accepted: `repository:tag`, or `ACCOUNT.dkr.ecr.REGION.amazonaws.com/repository:tag` with this Region
    regions.eu-west-1.alarms.a: not exactly one comparison; accepted: one of above, at_least, below, at_most
    regions.eu-west-1.alarms.a.actions: `nobody` is no topic of this Region, no function and no scaling policy; accepted: a name in `topics`, `function:NAME`, `policy:ENDPOINT/VARIANT/NAME`, or an ARN
    incidents[0]: has several effects: becomes, dark; accepted: exactly one of behaves, becomes, deploys, next_change, traffic, requests, no_capacity, zone_lost, metrics_late_by, pushes, expires, dark
    incidents[1]: has no effect; accepted: exactly one of behaves, becomes, deploys, next_change, traffic, requests, no_capacity, zone_lost, metrics_late_by, pushes, expires, dark
    incidents[1]: whose incident is not said; accepted: `endpoint`
    ");
}

#[test]
fn more_copies_than_fit_in_memory_are_refused_and_not_made() {
    let text = "regions: {eu-west-1: {endpoints: {fraud: {copies: 1000000000}}}}";
    let spec = WorldSpec::parse(text, "world.yaml").expect("well written");
    let problems: Vec<String> = spec.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        ["regions.eu-west-1.endpoints.fraud.copies: 1000000000 copies; accepted: at most 10000"]
    );
}
