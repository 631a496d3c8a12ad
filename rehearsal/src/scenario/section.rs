//! Parts of a scenario that are other people's documents.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use steward::{fleet::Fleet, yaml::Found};

/// A fleet file written inside a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetText(pub serde_json::Value);

impl FleetText {
    /// The file as the functions read it: JSON, which is YAML too.
    pub fn text(&self) -> String {
        format!("{:#}\n", self.0)
    }
}

impl Deserr<Found> for FleetText {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let json = serde_json::Value::from(value);
        Fleet::deserialize_from_value(json.clone().into_value(), at)?;
        Ok(Self(json))
    }
}

/// Any map, as JSON.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JsonMap(pub serde_json::Map<String, serde_json::Value>);

impl Deserr<Found> for JsonMap {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            map @ Value::Map(_) => match serde_json::Value::from(map) {
                serde_json::Value::Object(map) => Ok(Self(map)),
                other => Err(Found::one(at, format!("{other} is no map"), "a map".to_owned())),
            },
            other => Err(Found::kind(at, other, "a map")),
        }
    }
}
