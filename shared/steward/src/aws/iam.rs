//! IAM: whether a role exists. It has no Region; the SDK finds it from any.

use aws_sdk_iam::Client;

use super::{Base, Bound, incomplete};
use crate::failure::{CallError, Failure};

const SERVICE: &str = "iam";

/// IAM of the account.
#[derive(Clone, Debug)]
pub struct Iam {
    client: Client,
    bound: Bound,
}

impl Iam {
    /// A client on `base`.
    pub fn new(base: &Base) -> Self {
        let mut config = aws_sdk_iam::config::Builder::from(&base.sdk).retry_partition(base.partition(SERVICE));
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

    /// The ARN of a role, by its name (without its path); `None` when there is no such role.
    ///
    /// # Errors
    /// What IAM says.
    pub async fn role(&self, name: &str) -> Result<Option<String>, CallError> {
        let operation = "GetRole";
        let request = self.client.get_role().role_name(name);
        match self.bound.call(SERVICE, operation, request.send()).await {
            Ok(answer) => answer
                .role
                .map(|role| Some(role.arn))
                .ok_or_else(|| incomplete(SERVICE, operation, "Role")),
            Err(error) if error.failure == Failure::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
