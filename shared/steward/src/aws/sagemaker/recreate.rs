//! Deleting an endpoint in order to create it again: only when it can be.

use jiff::Timestamp;

use super::{SERVICE, SageMaker, change::Change};
use crate::{
    endpoint::EndpointStatus,
    failure::{CallError, Failure},
};

impl SageMaker {
    /// Deletes an endpoint that is to be created again from `config`: only while it is still the `Failed` one that was
    /// created at `created`, and only if the config and all models that it names exist.
    ///
    /// # Errors
    /// [`Failure::Conflict`], without the deletion, when it is another endpoint or not `Failed` any more;
    /// [`Failure::NotFound`], without the deletion, when there is no such config, or a model of it is gone; otherwise as
    /// [`SageMaker::delete_endpoint`].
    pub async fn delete_failed_endpoint(
        &self,
        endpoint: &str,
        created: Timestamp,
        config: &str,
    ) -> Result<Change, CallError> {
        let now = match self.describe_endpoint(endpoint).await {
            Ok(now) => now,
            Err(gone) if gone.failure == Failure::NotFound => return Ok(Change::Already),
            Err(error) => return Err(error),
        };
        if now.created == created && now.status == EndpointStatus::Deleting {
            return Ok(Change::Already);
        }
        if now.created != created || now.status != EndpointStatus::Failed {
            let message = format!(
                "not sent: endpoint {endpoint} is {} and was created at {:.0}; what was to be deleted was Failed and created at {created:.0}",
                now.status, now.created
            );
            return Err(not_deleted(Failure::Conflict, message));
        }
        let kept = |error: CallError| CallError {
            message: format!(
                "{} Endpoint {endpoint} was not deleted: it is to be created again from config {config}.",
                error.message
            ),
            ..error
        };
        for model in self.models_of(config).await.map_err(kept)? {
            if !self.has_model(&model).await.map_err(kept)? {
                let message = format!(
                    "not sent: endpoint {endpoint} is to be created again from config {config}, and model {model}, which \
                     that names, does not exist. Endpoint {endpoint} was not deleted."
                );
                return Err(not_deleted(Failure::NotFound, message));
            }
        }
        self.delete_endpoint(endpoint).await
    }

    /// The models that a config names, shadow variants' too; inference components bring their own.
    async fn models_of(&self, config: &str) -> Result<Vec<String>, CallError> {
        let request = self.client.describe_endpoint_config().endpoint_config_name(config);
        let described = self
            .bound
            .call(SERVICE, "DescribeEndpointConfig", request.send())
            .await?;
        let variants = described
            .production_variants()
            .iter()
            .chain(described.shadow_production_variants());
        let mut models: Vec<String> = variants
            .filter_map(|variant| variant.model_name().map(str::to_owned))
            .collect();
        models.sort_unstable();
        models.dedup();
        Ok(models)
    }
}

fn not_deleted(failure: Failure, message: String) -> CallError {
    CallError {
        service: SERVICE,
        operation: "DeleteEndpoint",
        failure,
        code: None,
        message,
        request_id: None,
    }
}
