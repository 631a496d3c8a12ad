//! ECR: whether an image is where a model would pull it from.

use aws_sdk_ecr::{
    Client,
    types::{ImageFailureCode, ImageIdentifier},
};

use super::{Base, Bound, incomplete};
use crate::failure::{CallError, Failure};

const SERVICE: &str = "ecr";

/// ECR in one Region.
#[derive(Clone, Debug)]
pub struct Ecr {
    client: Client,
    bound: Bound,
}

impl Ecr {
    /// A client on `base`.
    pub fn new(base: &Base) -> Self {
        let mut config = aws_sdk_ecr::config::Builder::from(&base.sdk).retry_partition(base.partition(SERVICE));
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

    /// The digest (`sha256:...`) of an image, by tag or digest; `None` when there is no such image or repository in the
    /// registry (twelve digits) of this Region. It is asked for as a pull does, which is what registries of other
    /// accounts, such as AWS's own, allow.
    ///
    /// # Errors
    /// [`Failure::Denied`] also for a repository that another account does not share, or does not have.
    pub async fn image(&self, registry: &str, repository: &str, reference: &str) -> Result<Option<String>, CallError> {
        let operation = "BatchGetImage";
        let id = ImageIdentifier::builder();
        let id = match reference.starts_with("sha256:") {
            true => id.image_digest(reference),
            false => id.image_tag(reference),
        };
        let request = self.client.batch_get_image().registry_id(registry);
        let request = request.repository_name(repository).image_ids(id.build());
        let answer = match self.bound.call(SERVICE, operation, request.send()).await {
            Ok(answer) => answer,
            Err(error) if error.failure == Failure::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if let Some(image) = answer.images().first() {
            let digest = image.image_id().and_then(|id| id.image_digest());
            let digest = digest.ok_or_else(|| incomplete(SERVICE, operation, "imageDigest"))?;
            return Ok(Some(digest.to_owned()));
        }
        let failure = answer.failures().first();
        match failure.and_then(|failure| failure.failure_code()) {
            Some(ImageFailureCode::ImageNotFound) => Ok(None),
            code => Err(CallError {
                service: SERVICE,
                operation,
                failure: Failure::Invalid,
                code: code.map(|code| code.as_str().to_owned()),
                message: failure
                    .and_then(|failure| failure.failure_reason())
                    .unwrap_or("the answer has neither the image nor a failure")
                    .to_owned(),
                request_id: None,
            }),
        }
    }
}
