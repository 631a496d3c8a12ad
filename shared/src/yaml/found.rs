//! What reading finds wrong, gathered by place in the structure; lines come from the tree afterwards.

use std::{collections::HashSet, ops::ControlFlow};

use deserr::{
    DeserializeError, ErrorKind, IntoValue, MergeWithError, Value, ValueKind, ValuePointerRef,
    errors::helpers::did_you_mean,
};

use super::{
    Problem,
    problem::{Step, path, quoted},
    rests::{LeftOut, Rests},
    tree::{Kind, Mark, Node},
};

/// The error of every type that is read from a file: all that is wrong, not only the first.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub(super) ones: Vec<One>,
    /// What reading went on without.
    pub(super) left: Vec<LeftOut>,
}

#[derive(Clone, Debug)]
pub(super) struct One {
    pub(super) at: Vec<Step>,
    /// The key is wrong, not its value.
    on_key: bool,
    /// The key means nothing in its map.
    pub(super) unknown: bool,
    pub(super) problem: String,
    accepted: Option<String>,
    pub(super) rests: Rests,
}

/// Places at which reading refused what stands there.
pub(crate) struct Refused(HashSet<Vec<Step>>);

impl Refused {
    /// This is one of them.
    pub(crate) fn is_at(&self, at: ValuePointerRef<'_>) -> bool {
        self.0.contains(&steps(at))
    }
}

impl Found {
    /// One problem with the value at `at`.
    pub fn one(at: ValuePointerRef<'_>, problem: impl Into<String>, accepted: impl Into<Option<String>>) -> Self {
        let one = One {
            at: steps(at),
            on_key: false,
            unknown: false,
            problem: problem.into(),
            accepted: accepted.into(),
            rests: Rests::default(),
        };
        Self {
            ones: vec![one],
            left: Vec::new(),
        }
    }

    /// One problem with the last key of `at`, whatever its value.
    pub fn key(at: ValuePointerRef<'_>, problem: impl Into<String>, accepted: impl Into<Option<String>>) -> Self {
        let mut found = Self::one(at, problem, accepted).whatever_is_in_it();
        found.ones.iter_mut().for_each(|one| one.on_key = true);
        found
    }

    /// True whatever else stands in the value at its place. Otherwise a problem is told only when all of that was read.
    #[must_use]
    pub fn whatever_is_in_it(mut self) -> Self {
        self.ones.iter_mut().for_each(|one| one.rests.inside = false);
        self
    }

    /// True only because these fields of the map at `at` are what they are, or are not there: told only when none of them
    /// was wrong.
    #[must_use]
    pub fn beside(mut self, at: ValuePointerRef<'_>, fields: &[&str]) -> Self {
        self.ones.iter_mut().for_each(|one| one.rests.on(at, fields, false));
        self
    }

    /// The same, and of everything in these fields.
    #[must_use]
    pub fn resting_on(mut self, at: ValuePointerRef<'_>, fields: &[&str]) -> Self {
        self.ones.iter_mut().for_each(|one| one.rests.on(at, fields, true));
        self
    }

    /// Adds of `others` what does not rest on anything that was left out.
    pub(crate) fn and_certain(&mut self, others: Self) {
        let left = &self.left;
        let certain = |one: &One| !left.iter().any(|left| one.in_doubt_without(left));
        self.ones.extend(others.ones.into_iter().filter(certain));
    }

    /// Something at `at`, in it or around it was left out.
    pub(crate) fn lacks(&self, at: ValuePointerRef<'_>) -> bool {
        let at = steps(at);
        self.left.iter().any(|left| left.touches(&at, true))
    }

    /// Where something stands that reading refused, and went on without.
    pub(crate) fn refused(&self) -> Refused {
        let refused = self.left.iter().filter(|left| left.instead_of_all_but.is_none());
        Refused(refused.map(|left| left.at.clone()).collect())
    }

    /// Which item of the list at `at`, as the file has it, is the one that was read at this index: items may have been left
    /// out before it.
    pub(crate) fn index_in_file(&self, at: ValuePointerRef<'_>, read: usize) -> usize {
        let list = steps(at);
        let left_out = |index: usize| {
            let item = Some((&Step::Index(index), list.as_slice()));
            self.left.iter().any(|left| left.at.split_last() == item)
        };
        (0..).filter(|index| !left_out(*index)).nth(read).unwrap_or(read)
    }

    /// The map at `at` has a key that means nothing there.
    pub(super) fn unknown_key(key: &str, accepted: &[&str], at: ValuePointerRef<'_>) -> Self {
        let problem = match key {
            "<<" => "merge keys are not part of YAML 1.2".to_owned(),
            _ => format!("there is no such field{}", hint(key, accepted)),
        };
        let mut found = Self::key(at.push_key(key), problem, Some(accepted.join(", ")));
        found.ones.iter_mut().for_each(|one| one.unknown = true);
        found
    }

    /// The value at `at` is of the wrong kind.
    pub fn kind<V: IntoValue>(at: ValuePointerRef<'_>, actual: Value<V>, accepted: impl Into<String>) -> Self {
        Self::one(at, shown(&actual), Some(accepted.into()))
    }

    /// The same problems, each of them telling that `accepted` would be right.
    #[must_use]
    pub fn accepting(mut self, accepted: &str) -> Self {
        self.ones
            .iter_mut()
            .for_each(|one| one.accepted = Some(accepted.to_owned()));
        self
    }

    /// Adds what another reading found.
    pub fn and(&mut self, other: Self) {
        self.ones.extend(other.ones);
        self.left.extend(other.left);
    }

    /// `value`, unless something was found.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.ones.is_empty() { Ok(value) } else { Err(self) }
    }

    /// One sentence for each problem, for what is no file and has no lines.
    pub fn sentences(self) -> impl Iterator<Item = String> {
        self.ones.into_iter().map(|one| {
            let (at, problem) = (path(&one.at), one.problem);
            match one.accepted {
                Some(accepted) => format!("`{at}`: {problem}; accepted: {accepted}."),
                None => format!("`{at}`: {problem}."),
            }
        })
    }

    /// How many problems there are.
    pub(crate) fn count(&self) -> usize {
        self.ones.len()
    }

    /// The problems with their places; no more than `most`, since finding each one takes a walk through its maps.
    pub(super) fn located(self, root: &Node, most: usize) -> impl Iterator<Item = Problem> {
        self.ones.into_iter().take(most).map(|one| {
            let mark = locate(root, &one);
            Problem {
                line: mark.line,
                column: mark.column,
                path: path(&one.at),
                problem: one.problem,
                accepted: one.accepted,
            }
        })
    }
}

pub(super) fn steps(mut at: ValuePointerRef<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    loop {
        match at {
            ValuePointerRef::Origin => break,
            ValuePointerRef::Key { key, prev } => {
                steps.push(Step::Key(key.to_owned()));
                at = *prev;
            }
            ValuePointerRef::Index { index, prev } => {
                steps.push(Step::Index(index));
                at = *prev;
            }
        }
    }
    steps.reverse();
    steps
}

/// As far down the path as the file goes: a missing field stands where its map begins.
fn locate(root: &Node, one: &One) -> Mark {
    let (mut node, mut mark) = (root, root.mark);
    for (depth, step) in one.at.iter().enumerate() {
        let last = depth + 1 == one.at.len();
        let next = match (&node.kind, step) {
            (Kind::Map(entries), Step::Key(key)) => entries.iter().find(|(k, _)| k.text == *key).map(|(k, node)| {
                let of_key = last && one.on_key || node.kind == Kind::Null;
                (&**node, if of_key { k.mark } else { node.mark })
            }),
            (Kind::List(items), Step::Index(index)) => items.get(*index).map(|node| (&**node, node.mark)),
            _ => None,
        };
        match next {
            Some(found) => (node, mark) = found,
            None => break,
        }
    }
    mark
}

impl MergeWithError<Found> for Found {
    fn merge(found: Option<Self>, other: Found, _at: ValuePointerRef) -> ControlFlow<Self, Self> {
        let mut found = found.unwrap_or_default();
        found.and(other);
        ControlFlow::Continue(found)
    }
}

impl DeserializeError for Found {
    fn error<V: IntoValue>(found: Option<Self>, error: ErrorKind<V>, at: ValuePointerRef) -> ControlFlow<Self, Self> {
        let one = match error {
            ErrorKind::IncorrectValueKind { actual, accepted } => Self::kind(at, actual, kinds(accepted)),
            ErrorKind::MissingField { field } => Self::one(at.push_key(field), "is missing", None),
            ErrorKind::UnknownKey { key, accepted } => Self::unknown_key(key, accepted, at),
            ErrorKind::UnknownValue { value, accepted } => {
                let problem = format!("{} is not known{}", quoted(value), hint(value, accepted));
                Self::one(at, problem, Some(accepted.join(", ")))
            }
            ErrorKind::BadSequenceLen { actual, expected } => {
                let problem = format!("the list has {} items", deserr::Sequence::len(&actual));
                Self::one(at, problem, Some(format!("{expected} items")))
            }
            ErrorKind::Unexpected { msg } => match beyond(&msg) {
                Some((number, accepted)) => Self::one(at, format!("is the number {number}"), Some(accepted)),
                None => Self::one(at, msg, None),
            },
        };
        Self::merge(found, one, at)
    }
}

/// The number that `deserr` found beyond what an integer type holds, and what that type holds. Its error for them is a
/// sentence of its own words.
fn beyond(sentence: &str) -> Option<(&str, String)> {
    let ticked: Vec<&str> = sentence.split('`').collect();
    match ticked[..] {
        ["value: ", number, told, limit, ""] if told.contains("too large") => {
            Some((number, format!("at most {limit}")))
        }
        ["value: ", number, told, limit, ""] if told.contains("too small") => {
            Some((number, format!("at least {limit}")))
        }
        _ => None,
    }
}

fn hint(given: &str, accepted: &[&str]) -> String {
    match did_you_mean(given, accepted).trim_end() {
        "" => String::new(),
        hint => format!("; {hint}"),
    }
}

/// A value as it is told in a problem.
fn shown<V: IntoValue>(value: &Value<V>) -> String {
    match value {
        Value::Null => "has no value".to_owned(),
        Value::Boolean(value) => format!("is {value}"),
        Value::Integer(number) => format!("is the number {number}"),
        Value::NegativeInteger(number) => format!("is the number {number}"),
        Value::Float(number) => format!("is the number {number}"),
        Value::String(text) => format!("is the text {}", quoted(text)),
        Value::Sequence(_) => "is a list".to_owned(),
        Value::Map(_) => "is a map".to_owned(),
    }
}

pub(super) fn kinds(accepted: &[ValueKind]) -> String {
    let has = |kind| accepted.contains(&kind);
    let mut words = Vec::new();
    if has(ValueKind::Null) {
        words.push("nothing");
    }
    if has(ValueKind::Boolean) {
        words.push("true or false");
    }
    if has(ValueKind::Float) {
        words.push("a number");
    } else if has(ValueKind::NegativeInteger) {
        words.push("a whole number");
    } else if has(ValueKind::Integer) {
        words.push("a whole number, 0 or more");
    }
    if has(ValueKind::String) {
        words.push("text");
    }
    if has(ValueKind::Sequence) {
        words.push("a list");
    }
    if has(ValueKind::Map) {
        words.push("a map of `name: value`");
    }
    words.join(", ")
}
