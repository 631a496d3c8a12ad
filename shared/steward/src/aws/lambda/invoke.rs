//! Lambda as a service: a function that has more to do than fits into its time invokes itself again.

use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use serde_json::Value;

use crate::{
    aws::{Base, Bound},
    failure::{CallError, Failure},
};

pub(super) const SERVICE: &str = "lambda";

/// The largest event of an asynchronous invocation, in bytes: 256 KiB, which Lambda takes everywhere. (1 MB is newer.)
pub const LARGEST_EVENT: usize = 256 << 10;

/// Lambda in one Region.
#[derive(Clone, Debug)]
pub struct Lambda {
    pub(super) client: Client,
    pub(super) bound: Bound,
}

impl Lambda {
    /// A client on `base`.
    pub fn new(base: &Base) -> Self {
        let mut config = aws_sdk_lambda::config::Builder::from(&base.sdk).retry_partition(base.partition(SERVICE));
        config.set_retry_config(base.few_calls());
        Self {
            client: Client::from_conf(config.build()),
            bound: base.bound(),
        }
    }

    /// The same, giving up at `deadline`.
    #[must_use]
    pub fn until(&self, deadline: jiff::Timestamp) -> Self {
        Self {
            client: self.client.clone(),
            bound: self.bound.until(deadline),
        }
    }

    /// Hands an event to a function (name or ARN, with alias or version if wanted) and does not wait for what comes of
    /// it. When the answer is lost the event may have been taken, and then comes twice if it is handed over again.
    ///
    /// # Errors
    /// [`Failure::Invalid`], without a call, for an event larger than [`LARGEST_EVENT`]; [`Failure::NotFound`] when there
    /// is no such function.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<(), CallError> {
        let operation = "Invoke";
        let event = event.to_string().into_bytes();
        if event.len() > LARGEST_EVENT {
            return Err(CallError {
                service: SERVICE,
                operation,
                failure: Failure::Invalid,
                code: None,
                message: format!(
                    "not sent: the event has {} bytes, and at most {LARGEST_EVENT} are taken",
                    event.len()
                ),
                request_id: None,
            });
        }
        let request = self.client.invoke().function_name(function);
        let request = request.invocation_type(InvocationType::Event).payload(Blob::new(event));
        self.bound.call(SERVICE, operation, request.send()).await.map(drop)
    }
}
