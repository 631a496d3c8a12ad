//! Which endpoints an entry of `endpoints` means.

use std::collections::BTreeMap;

use deserr::{Deserr, IntoValue, Map as _, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{
    Entry, Layer,
    entry::{EntrySection, MatchSection},
    glob::Glob,
    text::{ResourceName, Rule as _, Words},
};
use crate::yaml::{Found, Map};

/// Which endpoints an entry means.
#[derive(Clone, Debug)]
pub(super) enum Select {
    /// The endpoint of this name.
    Exact(String),
    /// Every endpoint whose name the glob matches.
    Pattern(Glob),
    /// Every endpoint that some glob matches (any, when there is none) and that has all these tags.
    Group {
        names: Vec<Glob>,
        tags: BTreeMap<String, TagValue>,
    },
}

/// Names of which one has to match (any, when there are none), and tags that are all asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    names: Vec<Glob>,
    tags: BTreeMap<String, TagValue>,
}

impl Reach {
    /// Every endpoint that `other` means is meant. A `false` may only mean that it cannot be told.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let named = |other: &Glob| self.names.iter().any(|glob| glob.covers(other));
        let names = match other.names.as_slice() {
            [] => self.names.is_empty() || self.names.iter().any(Glob::is_universal),
            others => self.names.is_empty() || others.iter().all(named),
        };
        let asked = |(key, wanted): (&String, &TagValue)| match (wanted, other.tags.get(key)) {
            (_, None) => false,
            (TagValue::Any, Some(_)) => true,
            (TagValue::Is(wanted), Some(TagValue::Is(given))) => wanted == given,
            (TagValue::Is(_), Some(TagValue::Any)) => false,
        };
        names && self.tags.iter().all(asked)
    }

    /// There may be an endpoint that both mean.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let both = |one: &Glob| other.names.iter().any(|two| one.overlaps(two));
        let names = self.names.is_empty() || other.names.is_empty() || self.names.iter().any(both);
        let apart = |(key, wanted): (&String, &TagValue)| match (wanted, other.tags.get(key)) {
            (TagValue::Is(one), Some(TagValue::Is(two))) => one != two,
            _ => false,
        };
        names && !self.tags.iter().any(apart)
    }
}

/// What is asked of a tag.
#[derive(Clone, Debug)]
pub(super) enum TagValue {
    Any,
    Is(String),
}

impl Select {
    pub(super) fn selects(&self, name: &str, tags: Option<&BTreeMap<String, String>>) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Pattern(glob) => glob.matches(name),
            Self::Group { names, tags: wanted } => {
                let tagged = |(key, value): (&String, &TagValue)| match (tags.and_then(|tags| tags.get(key)), value) {
                    (None, _) => false,
                    (Some(_), TagValue::Any) => true,
                    (Some(given), TagValue::Is(wanted)) => given == wanted,
                };
                among(names, name) && wanted.iter().all(tagged)
            }
        }
    }

    pub(super) fn is_exact(&self) -> bool {
        matches!(self, Self::Exact(_))
    }

    pub(super) fn exact_name(&self) -> Option<&str> {
        match self {
            Self::Exact(name) => Some(name),
            Self::Pattern(_) | Self::Group { .. } => None,
        }
    }

    /// Which endpoints it means, to be compared with what others mean.
    pub(super) fn reach(&self) -> Reach {
        match self {
            Self::Exact(name) => Reach {
                names: vec![Glob::exactly(name)],
                ..Reach::default()
            },
            Self::Pattern(glob) => Reach {
                names: vec![glob.clone()],
                ..Reach::default()
            },
            Self::Group { names, tags } => Reach {
                names: names.clone(),
                tags: tags.clone(),
            },
        }
    }

    pub(super) fn asks_for_tags_of(&self, name: &str) -> bool {
        matches!(self, Self::Group { names, tags } if !tags.is_empty() && among(names, name))
    }

    fn of_key(key: &str, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        if Glob::is_one(key) {
            return Glob::parse(key).map(Self::Pattern).map_err(|problem| {
                Found::key(at, format!("this glob is wrong: {problem}"), Glob::ACCEPTED.to_owned())
            });
        }
        match ResourceName::keeps(key) {
            true => Ok(Self::Exact(key.to_owned())),
            false => {
                let accepted = format!(
                    "{}; or a glob with *, ? or [a-z]; or, for a group with `match`, {}",
                    ResourceName::ACCEPTED,
                    Words::ACCEPTED
                );
                Err(Found::key(at, "no endpoint can have this name", accepted))
            }
        }
    }

    /// What is wrong with the label of a group.
    fn of_label(key: &str, at: ValuePointerRef<'_>) -> Found {
        match Words::keeps(key) {
            true => Found::default(),
            false => Found::key(at, "this is no label for a group", Words::ACCEPTED.to_owned()),
        }
    }

    fn of_match(key: &str, section: MatchSection, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Self::of_label(key, at);
        let at = at.push_key("match");
        if section.names.is_none() && section.tags.is_none() {
            found.and(Found::one(at, "selects nothing", "tags, names, or both".to_owned()));
        }
        let names = section
            .names
            .map(|names| names.into_iter().map(|name| name.0).collect::<Vec<_>>());
        if names.as_ref().is_some_and(Vec::is_empty) {
            let accepted = "at least one name or glob, such as `fraud-*`".to_owned();
            found.and(Found::one(at.push_key("names"), "names no endpoint", accepted));
        }
        let (names, tags) = (
            names.unwrap_or_default(),
            section.tags.map(|tags| tags.0).unwrap_or_default(),
        );
        found.or(Self::Group { names, tags })
    }
}

/// Some glob matches; no globs leave every name in.
fn among(names: &[Glob], name: &str) -> bool {
    names.is_empty() || names.iter().any(|glob| glob.matches(name))
}

/// `tags`: what is asked of the tags of an endpoint; at least one.
#[derive(Debug)]
pub(super) struct Tags(BTreeMap<String, TagValue>);

impl Deserr<Found> for Tags {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let given = Map::<String>::deserialize_from_value(value, at)?;
        let mut found = Found::default();
        if given.0.is_empty() {
            found.and(Found::one(
                at,
                "names no tag",
                "at least one tag, such as `team: search`".to_owned(),
            ));
        }
        let mut tags = BTreeMap::new();
        for (key, value) in given.0 {
            if !(1..=128).contains(&key.chars().count()) {
                let accepted = "a key of 1 to 128 characters".to_owned();
                found.and(Found::key(at.push_key(&key), "no tag can have this key", accepted));
            }
            if value.chars().count() > 256 {
                let accepted = "up to 256 characters, or \"*\" for any value".to_owned();
                found.and(Found::one(at.push_key(&key), "no tag can have this value", accepted));
            }
            let value = if value == "*" {
                TagValue::Any
            } else {
                TagValue::Is(value)
            };
            tags.insert(key, value);
        }
        found.or(Self(tags))
    }
}

impl JsonSchema for Tags {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tags".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Map::<String>::json_schema(generator)
    }
}

/// One of `names`: a name or a glob, which need not match anything.
#[derive(Debug)]
pub(super) struct NameGlob(Glob);

impl Deserr<Found> for NameGlob {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::String(text) => Glob::parse(&text)
                .map(Self)
                .map_err(|problem| Found::one(at, format!("this glob is wrong: {problem}"), Glob::ACCEPTED.to_owned())),
            other => Err(Found::kind(at, other, Glob::ACCEPTED)),
        }
    }
}

impl JsonSchema for NameGlob {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NameGlob".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "title": "a name or a glob" })
    }
}

/// The entries of `endpoints`, in file order.
#[derive(Clone, Debug, Default)]
pub(super) struct Endpoints {
    /// Those whose key is right; a section that is wrong counts as not written.
    pub(super) entries: Vec<Entry>,
    /// What entries say of which nobody knows whom they mean, because their glob or `match` is wrong.
    pub(super) unplaced: Vec<(String, Layer)>,
    /// What is wrong with them.
    pub(super) found: Found,
}

impl Deserr<Found> for Endpoints {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let map = match value {
            Value::Map(map) => map,
            other => {
                return Err(Found::kind(
                    at,
                    other,
                    "a map from names, globs or labels to settings, or {}",
                ));
            }
        };
        let mut endpoints = Self::default();
        for (key, value) in map.into_iter() {
            let at = at.push_key(&key);
            let found = &mut endpoints.found;
            let mut section = match EntrySection::deserialize_from_value(value.into_value(), at) {
                Ok(section) => section,
                Err(more) => {
                    found.and(more);
                    continue;
                }
            };
            found.and(std::mem::take(&mut section.found));
            let layer = Layer {
                capacity: section.capacity(),
                health: section.health.unwrap_or_default(),
                rollout: section.rollout.unwrap_or_default(),
                backup: section.backup.unwrap_or_default(),
                wake: section.wake.unwrap_or_default(),
            };
            let select = match section.matching {
                _ if section.unmatched => Err(Select::of_label(&key, at)),
                Some(section) => Select::of_match(&key, section, at),
                None => Select::of_key(&key, at),
            };
            match select {
                Ok(select) => endpoints.entries.push(Entry { key, select, layer }),
                Err(more) => {
                    found.and(more);
                    endpoints.unplaced.push((key, layer));
                }
            }
        }
        Ok(endpoints)
    }
}

impl JsonSchema for Endpoints {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Endpoints".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, Option<EntrySection>>::json_schema(generator)
    }
}
