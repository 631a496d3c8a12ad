//! What runs in a container, wherever it was copied to and whatever the model is called there.

use crate::world::{behaviour::Behaviour, region::Region, registry::containers, sagemaker::Model};

/// The image without its registry, as it was resolved, and the artifact without its place, of the first container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Contents {
    image: String,
    artifact: Option<String>,
}

impl Contents {
    fn of(model: &Model) -> Option<Self> {
        let first = containers(&model.input).into_iter().next()?;
        let image = &model.images.first()?.resolved;
        let artifact = first["ModelDataUrl"].as_str();
        Some(Self {
            image: image
                .split_once('/')
                .map_or(image.as_str(), |(_, image)| image)
                .to_owned(),
            artifact: artifact.and_then(|uri| uri.rsplit('/').next()).map(str::to_owned),
        })
    }
}

impl Region {
    /// What runs in the models that stand here, and how it behaves.
    pub(crate) fn originals(&self) -> Vec<(Contents, Behaviour)> {
        let behaving = self.behaviours.iter();
        behaving
            .filter_map(|(name, behaviour)| Some((Contents::of(self.models.get(name)?)?, behaviour.clone())))
            .filter(|(_, behaviour)| *behaviour != Behaviour::default())
            .collect()
    }

    /// A copy behaves as what it was copied from, unless the scenario says something of its name.
    pub(crate) fn behave_as_original(&mut self, name: &str, model: &Model) {
        if let Some(original) = Contents::of(model).and_then(|contents| self.originals.get(&contents))
            && !self.behaviours.contains_key(name)
        {
            self.behaviours.insert(name.to_owned(), original.clone());
        }
    }
}
