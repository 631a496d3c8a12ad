//! The health checker as a Lambda function.

use health_checker::{Context, HandlerError, handle};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use shared::aws::{Base, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let base = Base::from_env().await;
    // Wrong settings are the answer to every event: a process that ended here would be started again and again, and
    // whoever invokes it would only see that it ended.
    let ctx = &match Context::new(&std::env::vars().collect(), base) {
        Ok(ctx) => ctx,
        Err(errors) => {
            let said = &errors.to_string();
            return run(service_fn(async |_: LambdaEvent<Value>| {
                Err::<Value, _>(failed("Settings", said))
            }))
            .await;
        }
    };
    lambda::log_to(ctx.base(), ctx.settings().log)?;
    run(service_fn(async |event: LambdaEvent<Value>| {
        let call = lambda::invocation(&event.context.request_id, event.context.deadline);
        handle(ctx, &call, event.payload).await.map_err(|error| {
            let kind = match error {
                HandlerError::Ledger(_) => "Ledger",
                HandlerError::NoFleet(_) => "NoFleet",
            };
            failed(kind, &error.to_string())
        })
    }))
    .await
}

/// What Lambda reports of a failed invocation: `errorType` for programs, `errorMessage` for people.
fn failed(kind: &str, message: &str) -> Diagnostic {
    Diagnostic {
        error_type: kind.to_owned(),
        error_message: message.to_owned(),
    }
}
