//! API Gateway's REST APIs: how many requests a stage takes.

use aws_sdk_apigateway::{
    Client,
    types::{Op, PatchOperation},
};

use super::{Base, Bound};
use crate::{
    capacity::thing::{Route, Thing, stage_patch},
    failure::CallError,
};

const SERVICE: &str = "apigateway";

/// API Gateway in the function's Region.
#[derive(Clone, Debug)]
pub struct ApiGateway {
    client: Client,
    bound: Bound,
}

impl ApiGateway {
    /// A client on `base`.
    pub fn new(base: &Base) -> Self {
        let mut config = aws_sdk_apigateway::config::Builder::from(&base.sdk).retry_partition(base.partition(SERVICE));
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

    /// The throttling of a stage and of its methods, where it is set. Read as a whole by `GetStage`.
    ///
    /// # Errors
    /// [`crate::failure::Failure::NotFound`] when there is no such API or stage.
    pub async fn throttles(&self, api: &str, stage: &str) -> Result<Vec<Thing>, CallError> {
        let request = self.client.get_stage().rest_api_id(api).stage_name(stage);
        let described = self.bound.call(SERVICE, "GetStage", request.send()).await?;
        let settings = described.method_settings.unwrap_or_default();
        let mut found: Vec<Thing> = settings
            .iter()
            .filter_map(|(key, settings)| {
                let burst = u32::try_from(settings.throttling_burst_limit()).ok()?;
                let rate = settings.throttling_rate_limit();
                // Below 0: the account's limits, and nothing is set.
                (rate >= 0.0).then_some(())?;
                Some(Thing::Throttle {
                    api: api.to_owned(),
                    stage: stage.to_owned(),
                    route: route(key)?,
                    rate,
                    burst,
                })
            })
            .collect();
        found.sort_by_key(Thing::key);
        Ok(found)
    }

    /// Throttles a stage or one method of it, by `UpdateStage`.
    ///
    /// # Errors
    /// What API Gateway says.
    pub async fn throttle(
        &self,
        (api, stage): (&str, &str),
        route: Option<&Route>,
        (rate, burst): (f64, u32),
    ) -> Result<(), CallError> {
        let patch = stage_patch(route, rate, burst).map(|(path, value)| {
            PatchOperation::builder()
                .op(Op::Replace)
                .path(path)
                .value(value)
                .build()
        });
        let request = self
            .client
            .update_stage()
            .rest_api_id(api)
            .stage_name(stage)
            .set_patch_operations(Some(patch.into()));
        self.bound.call(SERVICE, "UpdateStage", request.send()).await.map(drop)
    }
}

/// The key of a method's settings: `*/*` for the stage, otherwise the path with `~1` for its slashes, and the method.
/// `None` for what names no method.
fn route(key: &str) -> Option<Option<Route>> {
    if key == "*/*" {
        return Some(None);
    }
    let (path, method) = key.rsplit_once('/')?;
    let path = path.replace("~1", "/").replace("~0", "~");
    let path = match path.starts_with('/') {
        true => path,
        false => format!("/{path}"),
    };
    Some(Some(Route {
        path,
        method: method.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_a_method_are_named_by_its_path_and_its_verb() {
        assert_eq!(route("*/*"), Some(None));
        let named = |key: &str| route(key).flatten().map(|route| route.to_string());
        assert_eq!(named("~1predict~1{id}/POST").as_deref(), Some("POST /predict/{id}"));
        assert_eq!(named("~1/ANY").as_deref(), Some("ANY /"));
        assert_eq!(route("nothing"), None);
    }

    #[test]
    fn what_is_patched_is_found_under_the_same_name() {
        for path in ["/", "/predict", "/a~b/{c}"] {
            let wanted = Route {
                path: path.to_owned(),
                method: "GET".to_owned(),
            };
            let [(rate, _), _] = stage_patch(Some(&wanted), 1.0, 1);
            let key = rate.trim_start_matches('/').trim_end_matches("/throttling/rateLimit");
            assert_eq!(route(key), Some(Some(wanted)));
        }
    }
}
