//! Tags of scalable targets, which are a map here.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::invalid;
use crate::world::{
    ApiError, Reply,
    api::{Input, reply},
    region::Region,
};

/// `Tags`: at most 50, with keys of 1 to 128 characters and values of at most 256.
pub(super) fn read(input: Input<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    let given = input.get("Tags").and_then(Value::as_object);
    for (key, value) in given.into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        if key.is_empty() || key.len() > 128 || value.len() > 256 {
            let rule = "keys have 1 to 128 characters, values at most 256";
            return Err(invalid(format!("tag `{key}`: {rule}")));
        }
        tags.insert(key.clone(), value.to_owned());
    }
    enough(&tags)?;
    Ok(tags)
}

fn enough(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > 50 {
        let message = format!("{} tags; at most 50 are accepted", tags.len());
        return Err(ApiError::new(400, "TooManyTagsException", message));
    }
    Ok(())
}

impl Region {
    pub(super) fn target_tags(&mut self, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        let arn = input.need("ResourceARN")?;
        let given = read(input)?;
        let mut targets = self.scaling.targets.values_mut();
        let target = targets.find(|target| target.arn == arn).ok_or_else(|| {
            ApiError::new(
                400,
                "ResourceNotFoundException",
                format!("The resource {arn} does not exist."),
            )
        })?;
        match operation {
            "ListTagsForResource" => return reply(json!({"Tags": target.tags})),
            "UntagResource" => {
                let keys = input.texts("TagKeys");
                target.tags.retain(|key, _| !keys.contains(key));
            }
            _ => {
                let mut tags = target.tags.clone();
                tags.extend(given);
                enough(&tags)?;
                target.tags = tags;
            }
        }
        reply(json!({}))
    }
}
