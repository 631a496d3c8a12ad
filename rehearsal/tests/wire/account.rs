//! What an account divides among its users: Lambda's concurrency, API Gateway's throttling.

use aws_sdk_apigateway::types::{Op, PatchOperation};
use aws_sdk_lambda::types::ProvisionedConcurrencyStatusEnum;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::{HOME, cloud};

fn told(error: &impl ProvideErrorMetadata) -> String {
    format!(
        "{}: {}",
        error.code().unwrap_or_default(),
        error.message().unwrap_or_default()
    )
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_reserved_and_kept_for_published_versions_only() {
    let cloud = cloud();
    let lambda = aws_sdk_lambda::Client::new(&cloud.sdk_config("operator", HOME));
    let names = lambda.list_functions().send().await.expect("functions");
    assert_eq!(names.functions()[0].function_name(), Some("predict"));
    let configuration = lambda
        .get_function_configuration()
        .function_name("predict")
        .qualifier("live")
        .send()
        .await
        .expect("a configuration");
    assert_eq!(configuration.version(), Some("2"));
    let aliases = lambda
        .list_aliases()
        .function_name("predict")
        .send()
        .await
        .expect("aliases");
    let alias = &aliases.aliases()[0];
    assert_eq!((alias.name(), alias.function_version()), (Some("live"), Some("2")));
    let versions = lambda
        .list_versions_by_function()
        .function_name("predict")
        .send()
        .await
        .expect("versions");
    let versions: Vec<_> = versions.versions().iter().filter_map(|it| it.version()).collect();
    assert_eq!(versions, ["$LATEST", "1", "2"]);

    let reserve = |reserved: i32| {
        lambda
            .put_function_concurrency()
            .function_name("predict")
            .reserved_concurrent_executions(reserved)
            .send()
    };
    let greedy = told(&reserve(901).await.expect_err("too much"));
    insta::assert_snapshot!(greedy, @"InvalidParameterValueException: Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].");
    reserve(20).await.expect("reserved");
    let keep = |qualifier: &str, kept: i32| {
        lambda
            .put_provisioned_concurrency_config()
            .function_name("predict")
            .qualifier(qualifier)
            .provisioned_concurrent_executions(kept)
            .send()
    };
    insta::assert_snapshot!(told(&keep("$LATEST", 1).await.expect_err("unpublished")), @"InvalidParameterValueException: Provisioned Concurrency Configs cannot be applied to unpublished function versions.");
    insta::assert_snapshot!(told(&keep("live", 21).await.expect_err("above the reserved")), @"InvalidParameterValueException: Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function");
    insta::assert_snapshot!(told(&keep("none", 1).await.expect_err("no such alias")), @"ResourceNotFoundException: Function not found: arn:aws:lambda:eu-west-1:111122223333:function:predict:none");
    let begun = keep("live", 10).await.expect("kept");
    assert_eq!(begun.status(), Some(&ProvisionedConcurrencyStatusEnum::InProgress));
    insta::assert_snapshot!(told(&keep("2", 1).await.expect_err("the alias is kept already")), @"ResourceConflictException: Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version");
    insta::assert_snapshot!(told(&reserve(5).await.expect_err("less than is kept")), @"InvalidParameterValueException: ReservedConcurrentExecutions of 5 is below the provisioned concurrency of the function, 10.");
    cloud.clock().sleep(std::time::Duration::from_secs(180)).await;
    let all = lambda
        .list_provisioned_concurrency_configs()
        .function_name("predict")
        .send()
        .await
        .expect("configs");
    let one = &all.provisioned_concurrency_configs()[0];
    assert_eq!(one.status(), Some(&ProvisionedConcurrencyStatusEnum::Ready));
    assert_eq!(one.requested_provisioned_concurrent_executions(), Some(10));
    assert!(
        one.function_arn()
            .is_some_and(|arn| arn.ends_with(":function:predict:live"))
    );

    let settings = lambda.get_account_settings().send().await.expect("settings");
    let limit = settings.account_limit().expect("limits");
    assert_eq!(
        (limit.concurrent_executions(), limit.unreserved_concurrent_executions()),
        (1000, Some(980))
    );
    lambda
        .delete_provisioned_concurrency_config()
        .function_name("predict")
        .qualifier("live")
        .send()
        .await
        .expect("let go");
    let gone = lambda
        .get_provisioned_concurrency_config()
        .function_name("predict")
        .qualifier("live")
        .send()
        .await
        .expect_err("gone");
    insta::assert_snapshot!(told(&gone), @"ProvisionedConcurrencyConfigNotFoundException: No Provisioned Concurrency Config found for this function");
    lambda
        .delete_function_concurrency()
        .function_name("predict")
        .send()
        .await
        .expect("let go");
    let reserved = lambda
        .get_function_concurrency()
        .function_name("predict")
        .send()
        .await
        .expect("nothing");
    assert_eq!(reserved.reserved_concurrent_executions(), None);
}

fn replace(path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder()
        .op(Op::Replace)
        .path(path)
        .value(value)
        .build()
}

#[tokio::test(start_paused = true)]
async fn a_stage_is_throttled_by_its_own_paths_and_a_wrong_patch_changes_nothing() {
    let cloud = cloud();
    let gateway = aws_sdk_apigateway::Client::new(&cloud.sdk_config("operator", HOME));
    let apis = gateway.get_rest_apis().send().await.expect("APIs");
    assert_eq!(
        (apis.items()[0].id(), apis.items()[0].name()),
        (Some("a1b2c3"), Some("models"))
    );
    let patch = |operations: Vec<PatchOperation>| {
        gateway
            .update_stage()
            .rest_api_id("a1b2c3")
            .stage_name("prod")
            .set_patch_operations(Some(operations))
            .send()
    };
    let usage_plans = patch(vec![
        replace("/*/*/throttling/rateLimit", "7"),
        replace("/*/*/throttle/rateLimit", "7"),
    ]);
    insta::assert_snapshot!(told(&usage_plans.await.expect_err("the path of usage plans")), @"BadRequestException: Invalid patch path  '/*/*/throttle/rateLimit' specified for op 'replace'. Must be one of: [/{resourcePath}/{httpMethod}/throttling/burstLimit, /{resourcePath}/{httpMethod}/throttling/rateLimit, /*/*/throttling/burstLimit, /*/*/throttling/rateLimit], as far as the rehearsal goes");
    let text = patch(vec![replace("/*/*/throttling/burstLimit", "many")]);
    insta::assert_snapshot!(told(&text.await.expect_err("no number")), @"BadRequestException: Invalid value specified for path '/*/*/throttling/burstLimit': many");
    patch(vec![
        replace("/*/*/throttling/rateLimit", "1000.5"),
        replace("/*/*/throttling/burstLimit", "2000"),
        replace("/~1res~1{id}/GET/throttling/rateLimit", "5"),
    ])
    .await
    .expect("patched");
    let stages = gateway.get_stages().rest_api_id("a1b2c3").send().await.expect("stages");
    let stage = gateway
        .get_stage()
        .rest_api_id("a1b2c3")
        .stage_name("prod")
        .send()
        .await
        .expect("a stage");
    assert_eq!(stages.item()[0].method_settings(), stage.method_settings());
    let methods = stage.method_settings().expect("settings");
    let limits = |key: &str| {
        let it = &methods[key];
        (it.throttling_rate_limit(), it.throttling_burst_limit())
    };
    assert_eq!(limits("*/*"), (1000.5, 2000));
    assert_eq!(limits("~1predict/POST"), (50.0, 100));
    // What was not said is as the account has it.
    assert_eq!(limits("~1res~1{id}/GET"), (5.0, 5000));
    let missing = gateway.get_stage().rest_api_id("a1b2c3").stage_name("test").send();
    insta::assert_snapshot!(told(&missing.await.expect_err("no such stage")), @"NotFoundException: Invalid stage identifier specified");
    let actions: Vec<String> = cloud.calls().into_iter().flat_map(|call| call.actions).collect();
    assert!(actions.contains(&"apigateway:PATCH".to_owned()), "{actions:?}");
}
