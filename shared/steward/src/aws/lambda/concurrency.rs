//! How much of Lambda's concurrency a function has: reserved, and provisioned for versions and aliases.

use super::invoke::{Lambda, SERVICE};
use crate::failure::{CallError, Failure};

impl Lambda {
    /// `ReservedConcurrentExecutions`; `None` when nothing is reserved.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when there is no such function.
    pub async fn reserved(&self, function: &str) -> Result<Option<u32>, CallError> {
        let request = self.client.get_function_concurrency().function_name(function);
        let sent = self.bound.call(SERVICE, "GetFunctionConcurrency", request.send());
        Ok(sent.await?.reserved_concurrent_executions.and_then(count))
    }

    /// The requested provisioned concurrency by version or alias.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when there is no such function.
    pub async fn provisioned(&self, function: &str) -> Result<Vec<(String, u32)>, CallError> {
        let mut found = Vec::new();
        let mut marker = None;
        loop {
            let request = self
                .client
                .list_provisioned_concurrency_configs()
                .function_name(function)
                .set_marker(marker);
            let sent = self
                .bound
                .call(SERVICE, "ListProvisionedConcurrencyConfigs", request.send());
            let page = sent.await?;
            for config in page.provisioned_concurrency_configs.unwrap_or_default() {
                let qualifier = config.function_arn.as_deref().and_then(qualifier);
                let requested = config.requested_provisioned_concurrent_executions.and_then(count);
                found.extend(qualifier.zip(requested));
            }
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(found);
            }
        }
    }

    /// Reserves concurrency for a function.
    ///
    /// # Errors
    /// What Lambda says; [`Failure::Invalid`] also when the account would be left with too little for all others.
    pub async fn reserve(&self, function: &str, concurrency: u32) -> Result<(), CallError> {
        let request = self
            .client
            .put_function_concurrency()
            .function_name(function)
            .reserved_concurrent_executions(whole(concurrency));
        let sent = self.bound.call(SERVICE, "PutFunctionConcurrency", request.send());
        sent.await.map(drop)
    }

    /// Keeps so many of a version or an alias initialised. Lambda takes minutes for it.
    ///
    /// # Errors
    /// What Lambda says; [`Failure::Busy`] while it works on another change of it.
    pub async fn provision(&self, function: &str, qualifier: &str, concurrency: u32) -> Result<(), CallError> {
        let request = self
            .client
            .put_provisioned_concurrency_config()
            .function_name(function)
            .qualifier(qualifier)
            .provisioned_concurrent_executions(whole(concurrency));
        let sent = self
            .bound
            .call(SERVICE, "PutProvisionedConcurrencyConfig", request.send());
        sent.await.map(drop).map_err(|error| CallError {
            failure: match error.failure {
                Failure::Conflict => Failure::Busy,
                failure => failure,
            },
            ..error
        })
    }
}

fn count(count: i32) -> Option<u32> {
    u32::try_from(count).ok()
}

fn whole(concurrency: u32) -> i32 {
    i32::try_from(concurrency).unwrap_or(i32::MAX)
}

/// `arn:aws:lambda:<region>:<account>:function:<name>:<qualifier>`.
fn qualifier(arn: &str) -> Option<String> {
    arn.split(':').nth(7).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_qualifier_is_what_follows_the_functions_name() {
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:api";
        assert_eq!(qualifier(&format!("{arn}:live")).as_deref(), Some("live"));
        assert_eq!(qualifier(arn), None);
    }
}
