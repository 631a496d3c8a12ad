//! Which endpoints use an endpoint config.
//!
//! SageMaker has no call for that: `ListEndpoints` knows no filter by config and does not name configs, so each endpoint
//! that may use one is described. An endpoint gets a config by `CreateEndpoint` or `UpdateEndpoint`, which set its
//! `LastModifiedTime`; so those that were last modified before the config was there are left out by the listing itself.

use futures::{StreamExt, TryStreamExt, stream};

use super::{SERVICE, SageMaker, endpoint};
use crate::{
    aws::incomplete,
    failure::{CallError, Failure},
    rollout::look::{Search, Users},
};

/// Endpoints described at the same time.
const AT_ONCE: usize = 8;

impl SageMaker {
    /// Who uses any of these configs now, or is being updated to it: one `ListEndpoints` for each hundred endpoints that
    /// were modified since, and one `DescribeEndpoint` for each of them. One that is deleted meanwhile uses nothing.
    ///
    /// # Errors
    /// What SageMaker says of any of these calls; there is no partial answer.
    pub async fn users_of(&self, search: &Search) -> Result<Users, CallError> {
        let names = self.modified_since(search.since).await?;
        let described = stream::iter(names).map(|name| async move {
            match self.describe(&name).await {
                Err(gone) if gone.failure == Failure::NotFound => Ok(None),
                described => Ok(Some(endpoint(&described?)?)),
            }
        });
        let described: Vec<Option<_>> = described.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut users = Users::new();
        for endpoint in described.into_iter().flatten() {
            let used = endpoint.config.into_iter().chain(endpoint.pending);
            for config in used.filter(|config| search.configs.contains(config)) {
                users.entry(config).or_default().insert(endpoint.name.clone());
            }
        }
        Ok(users)
    }

    async fn modified_since(&self, since: Option<jiff::Timestamp>) -> Result<Vec<String>, CallError> {
        let operation = "ListEndpoints";
        let since = since.map(|since| aws_smithy_types::DateTime::from_secs(since.as_second()));
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            let request = self
                .client
                .list_endpoints()
                .max_results(100)
                .set_last_modified_time_after(since)
                .set_next_token(token);
            let page = self.bound.call(SERVICE, operation, request.send()).await?;
            for summary in page.endpoints.unwrap_or_default() {
                let name = summary.endpoint_name;
                names.push(name.ok_or_else(|| incomplete(SERVICE, operation, "EndpointName"))?);
            }
            token = page.next_token;
            if token.is_none() {
                // One created while the pages are read can be listed twice.
                names.sort();
                names.dedup();
                return Ok(names);
            }
        }
    }
}
