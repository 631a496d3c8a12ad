//! Lambda, as far as functions invoke each other and themselves: asynchronously.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::world::{
    ApiError, HappeningKind, Reply, Service,
    api::{Input, reply, unknown_operation},
    region::{Ctx, Region},
};

/// The operations simulated.
pub(crate) const OPERATIONS: &[&str] = &["Invoke"];

/// The largest payload of an asynchronous invocation, in bytes.
const LARGEST_EVENT: usize = 1 << 20;

impl Region {
    pub(crate) fn lambda_call(&self, ctx: &mut Ctx, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        if operation != "Invoke" {
            return Err(unknown_operation(Service::Lambda, operation, OPERATIONS));
        }
        let named = input.need("FunctionName")?;
        let name = match named.strip_prefix("arn:") {
            Some(arn) => arn.split(':').nth(5).unwrap_or(named),
            None => named.split(':').next().unwrap_or(named),
        };
        let arn = self.arn(ctx, "lambda", &format!("function:{name}"));
        if !ctx.functions.contains(&(self.name.clone(), name.to_owned())) {
            let message = format!("Function not found: {arn}");
            return Err(ApiError::new(404, "ResourceNotFoundException", message));
        }
        let body = input.text("Payload").unwrap_or_default();
        let body = BASE64_STANDARD.decode(body).unwrap_or_default();
        if body.len() > LARGEST_EVENT {
            let message = format!(
                "{} byte payload is too large for the Event invocation type (limit {LARGEST_EVENT} bytes)",
                body.len()
            );
            return Err(ApiError::new(413, "RequestTooLargeException", message));
        }
        let payload: Value = if body.is_empty() {
            json!({})
        } else {
            serde_json::from_slice(&body).map_err(|problem| {
                let message = format!("Could not parse request body into json: {problem}");
                ApiError::new(400, "InvalidRequestContentException", message)
            })?
        };
        match input.text("InvocationType") {
            Some("Event") => {
                ctx.tell(
                    &self.name,
                    HappeningKind::Invoked {
                        target_arn: arn,
                        payload,
                    },
                );
                reply(json!({"StatusCode": 202}))
            }
            Some("DryRun") => reply(json!({"StatusCode": 204})),
            other => Err(input.refuse(format!(
                "The rehearsal invokes functions with InvocationType Event, not {}.",
                other.unwrap_or("RequestResponse")
            ))),
        }
    }
}
