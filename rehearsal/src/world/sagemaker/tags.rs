//! Tags of everything that has an ARN.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::world::{
    ApiError, Reply,
    api::{Input, reply},
    region::Region,
    sagemaker::{done, invalid},
};

/// `[{Key, Value}]`, at most 50.
pub(crate) fn read(input: Input<'_>, member: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for tag in input.list(member) {
        let tag = input.of(tag)?;
        let (key, value) = (tag.need("Key")?, tag.need("Value")?);
        if key.is_empty() || key.len() > 128 || value.len() > 256 {
            return Err(input.refuse(format!(
                "tag `{key}`: keys have 1 to 128 characters, values at most 256"
            )));
        }
        if key.starts_with("aws:") {
            return Err(input.refuse(format!("tag `{key}`: keys beginning with aws: are reserved")));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    if tags.len() > 50 {
        return Err(input.refuse(format!("{} tags; at most 50 are accepted", tags.len())));
    }
    Ok(tags)
}

/// `[{Key, Value}]` again.
pub(crate) fn write(tags: &BTreeMap<String, String>) -> Value {
    tags.iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect()
}

/// The request without some members.
pub(crate) fn without(input: Input<'_>, members: &[&str]) -> Value {
    let mut all: Map<String, Value> = input.all().clone();
    for member in members {
        all.remove(*member);
    }
    Value::Object(all)
}

impl Region {
    fn tags_of(&mut self, input: Input<'_>) -> Result<&mut BTreeMap<String, String>, ApiError> {
        let arn = input.need("ResourceArn")?;
        let models = self.models.values_mut().map(|model| (&model.arn, &mut model.tags));
        let configs = self.configs.values_mut().map(|config| (&config.arn, &mut config.tags));
        let endpoints = self
            .endpoints
            .values_mut()
            .map(|endpoint| (&endpoint.arn, &mut endpoint.tags));
        let components = self
            .components
            .values_mut()
            .map(|component| (&component.arn, &mut component.tags));
        models
            .chain(configs)
            .chain(endpoints)
            .chain(components)
            .find(|(its, _)| its.as_str() == arn)
            .map(|(_, tags)| tags)
            .ok_or_else(|| invalid(format!("The resource \"{arn}\" was not found.")))
    }

    pub(super) fn add_tags(&mut self, input: Input<'_>) -> Result<Reply, ApiError> {
        let added = read(input, "Tags")?;
        let tags = self.tags_of(input)?;
        tags.extend(added);
        reply(json!({"Tags": write(tags)}))
    }

    pub(super) fn list_tags(&mut self, input: Input<'_>) -> Result<Reply, ApiError> {
        let tags = write(self.tags_of(input)?);
        reply(json!({"Tags": tags}))
    }

    pub(super) fn delete_tags(&mut self, input: Input<'_>) -> Result<Reply, ApiError> {
        let keys = input.texts("TagKeys");
        let tags = self.tags_of(input)?;
        for key in keys {
            tags.remove(&key);
        }
        done()
    }
}
