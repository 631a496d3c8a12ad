//! ECR, as far as it is asked whether an image is there, and what SageMaker needs to be there: image, artifact, role,
//! key. Each must be in the model's own Region.

mod deployed;

use std::{fmt, sync::Arc};

pub(crate) use self::deployed::{Deployed, all_of};
use s3s::crypto::{Checksum, Sha256};
use serde_json::{Value, json};

use crate::world::{
    ApiError, Reply, Service,
    api::{Input, epoch, reply, unknown_operation},
    region::{Ctx, Region},
    sagemaker::invalid,
};

/// The operations simulated.
pub(crate) const OPERATIONS: &[&str] = &["BatchGetImage", "DescribeImages"];

/// What S3 has where a model artifact should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The Region of the bucket.
    pub region: String,
    /// The object, or something under the prefix, is there.
    pub found: bool,
}

/// `s3://` URI in, the bucket's state out; `None` for a bucket that does not exist.
type Look = dyn Fn(&str) -> Option<Artifact> + Send + Sync;

/// Where SageMaker looks for artifacts.
#[derive(Clone)]
pub(crate) struct Artifacts(Arc<Look>);

impl Artifacts {
    pub(crate) fn new(look: impl Fn(&str) -> Option<Artifact> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }
}

impl fmt::Debug for Artifacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Artifacts")
    }
}

/// The digest of an image, the same wherever a repository is replicated to.
pub(crate) fn digest(name: &str) -> String {
    let hex: String = Sha256::checksum(name.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// `REGISTRY.dkr.ecr.REGION.amazonaws.com/REPOSITORY` and the tag or digest; `latest` when neither is named.
fn split(image: &str) -> (&str, &str) {
    if let Some((repository, digest)) = image.split_once('@') {
        return (repository, digest);
    }
    match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (image, "latest"),
    }
}

/// The containers of a model.
pub(crate) fn containers(model: &Value) -> Vec<&Value> {
    let many = model.get("Containers").and_then(Value::as_array);
    let many = many.map(Vec::as_slice).unwrap_or_default();
    model.get("PrimaryContainer").into_iter().chain(many).collect()
}

/// Every URI that a container's model data is read from.
fn artifacts(container: &Value) -> Vec<&str> {
    let mut found: Vec<&str> = container["ModelDataUrl"].as_str().into_iter().collect();
    let more = container["AdditionalModelDataSources"].as_array();
    let more = more.map(Vec::as_slice).unwrap_or_default();
    for source in [&container["ModelDataSource"]].into_iter().chain(more) {
        let source = &source["S3DataSource"];
        found.extend(
            ["S3Uri", "ManifestS3Uri"]
                .iter()
                .filter_map(|member| source[*member].as_str()),
        );
    }
    found
}

impl Region {
    /// Makes an image known by whole URI, or by repository and tag of the account's own registry.
    pub(crate) fn stand_image(&mut self, ctx: &Ctx, image: &str) {
        let whole = self.whole(ctx, image);
        let (repository, version) = split(&whole);
        self.images
            .insert(key(repository, version), first_digest(repository, version));
    }

    /// The whole URI of an image of which perhaps only repository and tag are said.
    fn whole(&self, ctx: &Ctx, image: &str) -> String {
        match image.contains(".dkr.ecr.") {
            true => image.to_owned(),
            false => format!("{}.dkr.ecr.{}.amazonaws.com/{image}", ctx.account, self.name),
        }
    }

    fn has_image(&self, image: &str) -> bool {
        let (repository, version) = split(image);
        let of_repository = |uri: &str| split(uri).0 == repository;
        self.images.contains_key(&key(repository, version))
            || self
                .images
                .iter()
                .any(|(uri, digest)| digest == version && of_repository(uri))
    }

    /// What of a model is not there, as the model's containers say it; `None` when nothing is missing, or nobody looks.
    /// `pulled`: the images are pulled as they were resolved before, so it is those that have to be there.
    pub(crate) fn what_is_missing(&self, ctx: &Ctx, model: &Value, pulled: Option<&[Deployed]>) -> Option<String> {
        if !ctx.strict {
            return None;
        }
        if let Some(arn) = model["ExecutionRoleArn"].as_str() {
            let role = arn.rsplit('/').next().unwrap_or(arn);
            if !ctx.roles.contains(role) {
                return Some(format!(
                    "Could not assume role {arn}. Please ensure that the role exists and allows principal \
                     'sagemaker.amazonaws.com' to assume the role."
                ));
            }
        }
        for image in pulled.into_iter().flatten() {
            if !self.has_image(&image.resolved) {
                return Some(format!("Requested image {} not found.", image.resolved));
            }
        }
        for container in containers(model) {
            let image = container["Image"].as_str().filter(|_| pulled.is_none());
            if let Some(image) = image.filter(|image| !self.has_image(image)) {
                return Some(format!("Requested image {image} not found."));
            }
            for uri in artifacts(container) {
                let Some(Artifacts(look)) = &ctx.artifacts else {
                    continue;
                };
                let problem = match look(uri) {
                    Some(Artifact { region, .. }) if region != self.name => format!(
                        "Could not access model data at {uri}. The bucket is in {region}, and the model in {}: they must \
                         be in the same Region.",
                        self.name
                    ),
                    Some(Artifact { found: true, .. }) => continue,
                    _ => format!("Could not find model data at {uri}."),
                };
                return Some(problem);
            }
        }
        None
    }

    pub(crate) fn ecr_call(&self, ctx: &Ctx, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        match operation {
            "BatchGetImage" => self.batch_get_image(ctx, input),
            "DescribeImages" => self.describe_images(ctx, input),
            other => Err(unknown_operation(Service::Ecr, other, OPERATIONS)),
        }
    }

    /// Tag and digest of every image of a repository.
    fn repository(&self, ctx: &Ctx, input: Input<'_>) -> Result<(String, Vec<(String, String)>), ApiError> {
        let registry = input.text("registryId").unwrap_or(&ctx.account).to_owned();
        let name = input.need("repositoryName")?;
        let uri = format!("{registry}.dkr.ecr.{}.amazonaws.com/{name}", self.name);
        let images = self.images.iter().filter(|(image, _)| split(image).0 == uri);
        let mut found: Vec<_> = images
            .map(|(image, digest)| (split(image).1.to_owned(), digest.clone()))
            .collect();
        if !ctx.strict {
            let asked = input.list("imageIds").iter();
            found.extend(asked.filter_map(|id| {
                let version = id["imageTag"].as_str().or(id["imageDigest"].as_str())?;
                Some((version.to_owned(), first_digest(&uri, version)))
            }));
        }
        if found.is_empty() && ctx.strict {
            let message =
                format!("The repository with name '{name}' does not exist in the registry with id '{registry}'");
            return Err(ApiError::new(400, "RepositoryNotFoundException", message));
        }
        Ok((registry, found))
    }

    fn batch_get_image(&self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let (registry, all) = self.repository(ctx, input)?;
        let asked = input.list("imageIds");
        if asked.is_empty() {
            return Err(input.missing("imageIds"));
        }
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for id in asked {
            match all.iter().find(|image| is_asked(id, image)) {
                Some((tag, digest)) => images.push(json!({
                    "registryId": registry,
                    "repositoryName": input.text("repositoryName"),
                    "imageId": {"imageDigest": digest, "imageTag": is_tag(tag).then_some(tag)},
                    "imageManifest": json!({"schemaVersion": 2, "config": {"digest": digest}}).to_string(),
                    "imageManifestMediaType": "application/vnd.docker.distribution.manifest.v2+json",
                })),
                None => failures.push(json!({
                    "imageId": id, "failureCode": "ImageNotFound", "failureReason": "Requested image not found",
                })),
            }
        }
        reply(json!({"images": images, "failures": failures}))
    }

    fn describe_images(&self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        if input.text("registryId").is_some_and(|registry| registry != ctx.account) {
            let message = "User is not authorized to perform: ecr:DescribeImages because no resource-based policy allows \
                           the ecr:DescribeImages action";
            return Err(ApiError::new(400, "AccessDeniedException", message));
        }
        let (registry, all) = self.repository(ctx, input)?;
        let asked = input.list("imageIds");
        if let Some(missing) = asked.iter().find(|id| !all.iter().any(|image| is_asked(id, image))) {
            let message = format!(
                "The image with imageId {missing} does not exist within the repository with name '{}' in the registry \
                 with id '{registry}'",
                input.text("repositoryName").unwrap_or_default()
            );
            return Err(ApiError::new(400, "ImageNotFoundException", message));
        }
        let wanted = all
            .iter()
            .filter(|image| asked.is_empty() || asked.iter().any(|id| is_asked(id, image)));
        let details: Vec<Value> = wanted
            .map(|(tag, digest)| {
                json!({
                    "registryId": registry,
                    "repositoryName": input.text("repositoryName"),
                    "imageDigest": digest,
                    "imageTags": is_tag(tag).then_some(tag).into_iter().collect::<Vec<_>>(),
                    "imageSizeInBytes": 1_000_000_000,
                    "imagePushedAt": epoch(ctx.start),
                })
            })
            .collect();
        reply(json!({"imageDetails": details}))
    }

    /// Refuses a key that is not of this Region.
    pub(crate) fn check_key_region(&self, member: &str, key: Option<&str>) -> Result<(), ApiError> {
        let region = key.and_then(|key| key.strip_prefix("arn:")?.split(':').nth(2));
        match region.filter(|region| *region != self.name) {
            Some(other) => Err(invalid(format!(
                "{member} names a key in {other}; the key must be in {}.",
                self.name
            ))),
            None => Ok(()),
        }
    }
}

/// Under which an image is kept: `REPOSITORY:TAG`, and `REPOSITORY@DIGEST` for one without a tag.
fn key(repository: &str, version: &str) -> String {
    let between = if is_tag(version) { ':' } else { '@' };
    format!("{repository}{between}{version}")
}

/// What is not has no tag, and is called by its digest.
fn is_tag(version: &str) -> bool {
    !version.starts_with("sha256:")
}

/// The digest of what a tag names until another image is pushed under it; a digest is itself.
fn first_digest(repository: &str, version: &str) -> String {
    let name = repository.split_once('/').map_or(repository, |(_, name)| name);
    match is_tag(version) {
        true => digest(&format!("{name}:{version}")),
        false => version.to_owned(),
    }
}

fn is_asked(id: &Value, (tag, digest): &(String, String)) -> bool {
    let same = |member: &str, is: &str| id[member].as_str().is_none_or(|wanted| wanted == is);
    (id["imageTag"].is_string() || id["imageDigest"].is_string())
        && same("imageTag", tag)
        && same("imageDigest", digest)
}
