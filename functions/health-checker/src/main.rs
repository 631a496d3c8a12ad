//! The health checker as a Lambda function.

use health_checker::{Context, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use shared::aws::{Base, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let base = Base::from_env().await;
    let ctx = Context::new(&std::env::vars().collect(), base)?;
    lambda::log_to(ctx.base(), ctx.settings().log)?;
    let ctx = &ctx;
    run(service_fn(async |event: LambdaEvent<Value>| {
        let call = lambda::invocation(&event.context.request_id, event.context.deadline);
        handle(ctx, &call, event.payload).await.map_err(Error::from)
    }))
    .await
}
