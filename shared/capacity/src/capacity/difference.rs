//! Two things field by field.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::thing::Thing;

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Where it is: `rule.target-tracking.target`.
    pub path: String,
    /// What is there; absent when there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What is to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// The fields in which they differ, in their order. Lists are one field. Of two endpoints only what a rollout would change.
pub fn fields(from: Option<&Thing>, to: Option<&Thing>) -> Vec<Field> {
    let both = from.is_some() && to.is_some();
    let (from, to) = (leaves(from, both), leaves(to, both));
    let mut fields: Vec<Field> = from
        .iter()
        .filter_map(|(path, value)| {
            let other = to.iter().find(|(known, _)| known == path).map(|(_, value)| value);
            (other != Some(value)).then(|| Field {
                path: path.clone(),
                from: Some(value.clone()),
                to: other.cloned(),
            })
        })
        .collect();
    let added = to
        .iter()
        .filter(|(path, _)| !from.iter().any(|(known, _)| known == path));
    fields.extend(added.map(|(path, value)| Field {
        path: path.clone(),
        from: None,
        to: Some(value.clone()),
    }));
    fields
}

fn leaves(thing: Option<&Thing>, comparable: bool) -> Vec<(String, Value)> {
    let shown = match thing {
        Some(Thing::Endpoint { name, made }) if comparable => Some(Thing::Endpoint {
            name: name.clone(),
            made: Box::new(made.comparable()),
        }),
        other => other.cloned(),
    };
    let mut found = vec![];
    let json = shown.and_then(|thing| serde_json::to_value(thing).ok());
    // The outermost name is the kind of thing.
    for inner in json.as_ref().and_then(Value::as_object).into_iter().flatten() {
        gather(inner.1, String::new(), &mut found);
    }
    found
}

fn gather(value: &Value, path: String, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                gather(value, path, found);
            }
        }
        Value::Null => {}
        leaf => found.push((path, leaf.clone())),
    }
}
