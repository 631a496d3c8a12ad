//! A list in which nothing comes twice.

use std::{borrow::Cow, collections::BTreeMap};

use deserr::{Deserr, IntoValue, Sequence as _, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::yaml::Found;

/// What stands in a [`List`].
pub(crate) trait Item: Deserr<Found> + JsonSchema {
    /// The fields that decide it.
    const IDENTIFIED_BY: &[&str];

    /// No two of a list have the same.
    fn identity(&self) -> String;
}

/// At most `MOST` items, none twice.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct List<T, const MOST: usize>(pub(crate) Vec<T>);

impl<T, const MOST: usize> Default for List<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Item, const MOST: usize> Deserr<Found> for List<T, MOST> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let form = || format!("a list of at most {MOST}");
        let items = match value {
            Value::Sequence(items) => items,
            other => return Err(Found::kind(at, other, form())),
        };
        if items.len() > MOST {
            return Err(Found::one(at, format!("there are {}", items.len()), form()));
        }
        let mut found = Found::default();
        let (mut list, mut known) = (Vec::new(), BTreeMap::new());
        let whole = at;
        for (index, item) in items.into_iter().enumerate() {
            let at = whole.push_index(index);
            match T::deserialize_from_value(item.into_value(), at) {
                Ok(item) => {
                    let first = *known.entry(item.identity()).or_insert(index);
                    if first != index {
                        let problem = format!("{} is here for the second time", item.identity());
                        let wrong = Found::one(at, problem, None).whatever_is_in_it();
                        let first = whole.push_index(first);
                        found.and(wrong.beside(at, T::IDENTIFIED_BY).beside(first, T::IDENTIFIED_BY));
                    }
                    list.push(item);
                }
                Err(more) => found.and(more),
            }
        }
        found.or(Self(list))
    }
}

impl<T: Item, const MOST: usize> JsonSchema for List<T, MOST> {
    fn schema_name() -> Cow<'static, str> {
        format!("ListOf{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Vec::<T>::json_schema(generator);
        schema.insert("maxItems".to_owned(), MOST.into());
        schema
    }
}
