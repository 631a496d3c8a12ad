//! What becomes of images: tags that move, images that are deleted, and what SageMaker took a tag for.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{containers, first_digest, is_tag, key, split};
use crate::world::{
    api::epoch,
    region::{Ctx, Region},
};

/// An image of a container, as it was resolved when its model was made: that is what is pulled, wherever the tag goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deployed {
    specified: String,
    /// `REPOSITORY@DIGEST`.
    pub(crate) resolved: String,
    at: Timestamp,
}

impl Deployed {
    /// One of `DeployedImages`.
    pub(crate) fn told(&self) -> Value {
        json!({
            "SpecifiedImage": self.specified, "ResolvedImage": self.resolved, "ResolutionTime": epoch(self.at),
        })
    }
}

/// Every image of a model.
pub(crate) fn all_of(region: &Region, model: &Value, at: Timestamp) -> Vec<Deployed> {
    let images = containers(model).into_iter().filter_map(|one| one["Image"].as_str());
    images.map(|image| region.deploys(image, at)).collect()
}

impl Region {
    /// What SageMaker takes an image for. Images of other registries are pulled as they are written.
    pub(crate) fn deploys(&self, image: &str, at: Timestamp) -> Deployed {
        let (repository, version) = split(image);
        let named = self.images.get(&key(repository, version));
        let digest = named.cloned().unwrap_or_else(|| first_digest(repository, version));
        Deployed {
            specified: image.to_owned(),
            resolved: match image.contains(".dkr.ecr.") {
                true => format!("{repository}@{digest}"),
                false => image.to_owned(),
            },
            at,
        }
    }

    /// The image of a component's own container.
    pub(crate) fn component_image(&self, specification: Option<&Value>, at: Timestamp) -> Option<Deployed> {
        let image = specification?.pointer("/Container/Image")?.as_str()?;
        Some(self.deploys(image, at))
    }

    /// Somebody pushes a build under a tag. What the tag named stays, without a tag if it has no other. A build has the same
    /// digest in every Region.
    pub(crate) fn push_image(&mut self, ctx: &Ctx, image: &str, build: &str) {
        let whole = self.whole(ctx, image);
        let (repository, tag) = split(&whole);
        let new = first_digest(repository, build);
        let before = self.images.insert(key(repository, tag), new.clone());
        self.images.remove(&key(repository, &new));
        let of_repository = |uri: &str| split(uri).0 == repository;
        if let Some(before) = before
            && !self
                .images
                .iter()
                .any(|(uri, digest)| of_repository(uri) && *digest == before)
        {
            self.images.insert(key(repository, &before), before);
        }
    }

    /// An image is deleted with all its tags, or, where only a repository is named, every image in it without a tag.
    pub(crate) fn expire_images(&mut self, ctx: &Ctx, image: &str) {
        let whole = self.whole(ctx, image);
        let named = whole.rsplit('/').next().is_some_and(|name| name.contains([':', '@']));
        let (repository, version) = split(&whole);
        let digest = self.images.get(&key(repository, version)).cloned();
        self.images.retain(|uri, of| {
            let (its, tag) = split(uri);
            let goes = match named {
                true => Some(&*of) == digest.as_ref() || *of == version,
                false => !is_tag(tag),
            };
            its != repository || !goes
        });
    }
}
