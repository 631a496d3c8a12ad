//! Capacity that goes and comes: Availability Zones, and policies that look every ten seconds.

use super::*;

fn world(endpoint: Value, incidents: Value) -> Stage {
    Stage::of(json!({"regions": {"eu-west-1": {"endpoints": {"fraud": endpoint}}}, "incidents": incidents}))
}

#[test]
fn a_lost_zone_takes_its_share_of_instances_until_they_are_replaced() {
    for (instances, lost, refused) in [(1, 1, 0.99), (3, 1, 0.2), (6, 2, 0.2)] {
        let endpoint = json!({
            "variants": {"blue": {"instances": instances, "latency": "100ms", "capacity": "20 rps"}},
            "traffic": format!("{} rps", 18 * instances),
        });
        let mut stage = world(endpoint, json!([{"at": "10m", "zone_lost": true}]));
        let texts: Vec<String> = stage
            .pass(601)
            .into_iter()
            .filter_map(|happening| match happening.kind {
                HappeningKind::Incident { text } => Some(text),
                _ => None,
            })
            .collect();
        assert_eq!(
            texts[1],
            format!("{lost} of {instances} instances of fraud variant blue stood in it")
        );
        stage.pass(179);
        let (all, failed) = (
            stage.sum("Invocations", "blue", 2),
            stage.sum("Invocation5XXErrors", "blue", 2),
        );
        assert!(failed / all > refused, "{failed} of {all} with {instances}");
        // What SageMaker was asked for stays what it says.
        assert_eq!(
            stage.describe("fraud")["ProductionVariants"][0]["CurrentInstanceCount"],
            instances
        );
        stage.pass(300);
        assert_eq!(stage.sum("Invocation5XXErrors", "blue", 2), 0.0);
    }
}

#[test]
fn a_single_instance_that_was_lost_refuses_every_request() {
    let endpoint = json!({"variants": {"blue": {"instances": 1}}});
    let mut stage = world(endpoint, json!([{"at": "10m", "endpoint": "fraud", "zone_lost": true}]));
    let ask = json!({"EndpointName": "fraud", "Body": "e30="});
    stage.call(Service::Runtime, "InvokeEndpoint", ask.clone());
    stage.pass(660);
    let refused = stage.refused(Service::Runtime, "InvokeEndpoint", ask.clone());
    assert!(refused.starts_with("503 ServiceUnavailable"), "{refused}");
    stage.pass(300);
    stage.call(Service::Runtime, "InvokeEndpoint", ask);
}

#[test]
fn a_policy_of_high_resolution_acts_within_the_minute_where_a_usual_one_waits_for_three() {
    let mut first = Vec::new();
    for (metric, target) in [
        ("SageMakerVariantConcurrentRequestsPerModelHighResolution", 3),
        ("SageMakerVariantInvocationsPerInstance", 60),
    ] {
        let policy = json!({
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": target, "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
            },
        });
        let scaling = json!({"min": 1, "max": 6, "policies": {"load": policy}});
        let endpoint = json!({
            "variants": {"blue": {"instances": 1, "latency": "2s", "capacity": "2 rps", "scaling": scaling}},
        });
        let mut stage = world(
            endpoint,
            json!([{"at": "10m", "endpoint": "fraud", "traffic": "3 rps"}]),
        );
        let scaled = stage.pass(1800).into_iter().find_map(|happening| match happening.kind {
            HappeningKind::Scaled { from, to, .. } if to > from => Some(happening.at),
            _ => None,
        });
        let after = scaled.expect("more instances").duration_since(stage.world.ctx.start);
        first.push(after.as_secs() / 60);
    }
    assert_eq!(first, [11, 13]);
}

#[test]
fn what_a_policy_or_a_function_of_the_description_may_not_be_is_told_with_its_place() {
    let policy = json!({
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 3,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerInferenceComponentInvocationsPerCopy"},
        },
    });
    let scaling = json!({"min": 1, "max": 6, "policies": {"load": policy}, "schedules": {
        "never": {"schedule": "rate(1 hour)"}, "nowhere": {"schedule": "rate(1 hour)", "min": 1, "timezone": "Mars/Rim"},
    }});
    let spec = json!({"regions": {"eu-west-1": {
        "endpoints": {"fraud": {"variants": {"blue": {"scaling": scaling}}}},
        "functions": {
            "a": {"versions": 1, "aliases": {"live": 2}, "reserved": 901},
            "b": {"versions": 1, "reserved": 1, "provisioned": {"1": 2, "$LATEST": 1}},
        },
        "apis": {"x": {"stages": {"prod": {"rate": -5, "methods": {"predict": {"rate": 1}}}}}},
    }}});
    let spec = WorldSpec::from_value(&spec).expect("well written");
    let problems = World::new(&spec, 1, Timestamp::UNIX_EPOCH).expect_err("contradictions");
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    regions.eu-west-1.endpoints.fraud.variants.blue.scaling.policies.load: the rehearsal does not track SageMakerInferenceComponentInvocationsPerCopy of this resource; accepted: what PutScalingPolicy accepts
    regions.eu-west-1.endpoints.fraud.variants.blue.scaling.schedules.never: ScalableTargetAction needs MinCapacity, MaxCapacity or both; accepted: what PutScheduledAction accepts
    regions.eu-west-1.endpoints.fraud.variants.blue.scaling.schedules.nowhere: Timezone Mars/Rim is not a time zone; accepted: what PutScheduledAction accepts
    regions.eu-west-1.functions.a.aliases.live: there is no version 2; accepted: 1 to 1, which `versions` says
    regions.eu-west-1.functions.a.reserved: Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].; accepted: what PutFunctionConcurrency accepts
    regions.eu-west-1.functions.b.provisioned.$LATEST: Provisioned Concurrency Configs cannot be applied to unpublished function versions.; accepted: what PutProvisionedConcurrencyConfig accepts
    regions.eu-west-1.functions.b.provisioned.1: Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function; accepted: what PutProvisionedConcurrencyConfig accepts
    regions.eu-west-1.apis.x.stages.prod.rate: Invalid value specified for path '/*/*/throttling/rateLimit': -5; accepted: what UpdateStage accepts
    regions.eu-west-1.apis.x.stages.prod.methods.predict.rate: Invalid patch path  '//predict/throttling/rateLimit' specified for op 'replace'. Must be one of: [/{resourcePath}/{httpMethod}/throttling/burstLimit, /{resourcePath}/{httpMethod}/throttling/rateLimit, /*/*/throttling/burstLimit, /*/*/throttling/rateLimit], as far as the rehearsal goes; accepted: what UpdateStage accepts
    ");
}

#[test]
fn a_zone_is_lost_for_as_long_as_its_replacement_takes_and_is_of_some_zones() {
    let spec = json!({
        "regions": {"eu-west-1": {"endpoints": {"fraud": {}}}},
        "incidents": [
            {"at": "1m", "for": "5m", "zone_lost": true, "zones": 0},
            {"at": "1m", "endpoint": "fraud", "zone_lost": false},
            {"at": "1m", "endpoint": "fraud", "becomes": "failed", "zones": 2},
        ],
        "prices": {"ml.m5.xlarge": -1},
    });
    let problems = WorldSpec::from_value(&spec).expect_err("contradictions");
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    prices.ml.m5.xlarge: -1 is no price; accepted: what an hour costs, 0 or more
    incidents[0].for: what was lost is replaced by and by; accepted: no `for` beside `zone_lost`
    incidents[0].zones: no Zone at all; accepted: 1 or more
    incidents[1].zone_lost: has no effect; accepted: `true`
    incidents[2].zones: only what stands in Availability Zones is spread; accepted: `zones` beside `zone_lost`
    ");
}

#[test]
fn provisioned_concurrency_of_a_serverless_variant_follows_its_use() {
    let serverless = json!({"memory": 2048, "concurrency": 20, "provisioned": 2});
    let endpoint = json!({
        "variants": {"blue": {"serverless": serverless, "latency": "1s", "capacity": "40 rps"}},
        "traffic": "8 rps",
    });
    let mut stage = world(endpoint, json!([]));
    let target = json!({
        "ServiceNamespace": "sagemaker", "ResourceId": "endpoint/fraud/variant/blue",
        "ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency",
    });
    let with = |more: Value| {
        let mut input = target.clone();
        input
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        input
    };
    stage.call(
        Service::AutoScaling,
        "RegisterScalableTarget",
        with(json!({"MinCapacity": 1, "MaxCapacity": 15})),
    );
    let policy = |metric: &str| {
        with(json!({
            "PolicyName": "use", "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 0.7, "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
            },
        }))
    };
    let wrong = policy("SageMakerVariantInvocationsPerInstance");
    let wrong = stage.refused(Service::AutoScaling, "PutScalingPolicy", wrong);
    assert!(wrong.contains("of this resource"), "{wrong}");
    let right = policy("SageMakerVariantProvisionedConcurrencyUtilization");
    stage.call(Service::AutoScaling, "PutScalingPolicy", right);
    stage.pass(1200);
    let config = stage.describe("fraud")["ProductionVariants"][0]["CurrentServerlessConfig"].clone();
    let kept = config["ProvisionedConcurrency"].as_u64().expect("a count");
    assert!((11..=15).contains(&kept), "{config}");
}
