//! Reading on past what is wrong, so that one mistake does not hide another.
//!
//! A type refuses a value as soon as one field of it is wrong, before its fields are seen together. So what is wrong is left
//! out and the rest is read again, until something comes through. Where a field has to be there, a value stands in for it;
//! where none fits, what holds the field is left out. Whatever then is found and may stem from that is not told.

use deserr::{Deserr, IntoValue, Map as _, Sequence as _, Value, ValueKind, ValuePointerRef};

use super::{
    Found, Problems,
    found::{One, steps},
    problem::Step,
    rests::LeftOut,
    tree::Entries,
};

/// Each round leaves something out or tries another stand-in.
const MOST_ROUNDS: usize = 200;

/// What is right in a value, and everything that is wrong with it; `None` when nothing can be made of it.
pub(crate) fn read<T: Deserr<Found>, V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> (Option<T>, Found) {
    let mut rest = Rest {
        tree: Some(Tree::of(value)),
        base: steps(at),
        tried: Vec::new(),
    };
    let mut kept = Found::default();
    for _ in 0..MOST_ROUNDS {
        let Some(tree) = &rest.tree else { break };
        let mut found = match T::deserialize_from_value(tree.into_value(), at) {
            Ok(value) => return (Some(value), kept),
            Err(found) => found,
        };
        found.ones.iter_mut().for_each(|one| rest.place(one));
        let wrong: Vec<(Vec<Step>, bool)> = found.ones.iter().map(|one| (one.at.clone(), one.unknown)).collect();
        kept.and_certain(found);
        // Nobody reads on after so many.
        if kept.count() > Problems::LISTED {
            break;
        }
        for (at, unknown) in wrong {
            rest.leave_out(&at, unknown, &mut kept.left);
        }
    }
    kept.left.push(LeftOut::at(rest.base));
    (None, kept)
}

/// What is left of a value.
struct Rest {
    tree: Option<Tree>,
    /// Where the value is in the file.
    base: Vec<Step>,
    /// How many stand-ins were tried at which place.
    tried: Vec<(Vec<Step>, usize)>,
}

impl Rest {
    /// Lists are shorter by what was left out of them: the places of a problem as they are in the file.
    fn place(&self, one: &mut One) {
        let Some(tree) = &self.tree else { return };
        tree.place(&mut one.at, self.base.len());
        one.rests.places_mut().for_each(|at| tree.place(at, self.base.len()));
    }

    fn leave_out(&mut self, at: &[Step], unknown: bool, left: &mut Vec<LeftOut>) {
        let Some((last, holder)) = at.split_last().filter(|_| at.len() > self.base.len()) else {
            self.tree = None;
            return;
        };
        let Some(map) = self.find(holder) else {
            // It was left out with what holds it, or what holds it is not there either.
            return match left.iter().any(|left| holder.starts_with(&left.at)) {
                true => {}
                false => self.leave_out(holder, false, left),
            };
        };
        let stood_in = self.tried.iter().any(|(place, _)| place == at);
        let Some(tree) = self.find_mut(holder) else { return };
        if tree.remove(last) && !stood_in {
            let there = unknown.then(|| tree.keys());
            left.push(LeftOut {
                instead_of_all_but: there,
                ..LeftOut::at(at.to_vec())
            });
        } else if map == ValueKind::Map {
            self.stand_in(at, left);
        } else {
            self.leave_out(holder, false, left);
        }
    }

    /// Puts the next stand-in at a place where something has to be.
    fn stand_in(&mut self, at: &[Step], left: &mut Vec<LeftOut>) {
        let known = self.tried.iter().position(|(place, _)| place == at);
        let index = known.unwrap_or_else(|| {
            self.tried.push((at.to_vec(), 0));
            self.tried.len() - 1
        });
        let (Some((_, tried)), Some((last, holder))) = (self.tried.get_mut(index), at.split_last()) else {
            return;
        };
        let (value, name) = Tree::stand_in(*tried, index);
        *tried += 1;
        let Step::Key(key) = last else { return };
        match (value, self.find_mut(holder)) {
            (Some(value), Some(Tree::Map(entries))) => {
                entries.push((key.clone(), value));
                left.push(LeftOut {
                    stand_in: name,
                    ..LeftOut::at(at.to_vec())
                });
            }
            _ => self.leave_out(holder, false, left),
        }
    }

    fn find(&mut self, at: &[Step]) -> Option<ValueKind> {
        self.find_mut(at).map(|tree| (&*tree).kind())
    }

    fn find_mut(&mut self, at: &[Step]) -> Option<&mut Tree> {
        let mut tree = self.tree.as_mut()?;
        for step in at.get(self.base.len()..)? {
            tree = tree.step(step)?;
        }
        Some(tree)
    }
}

/// A value that can be read more than once, of which parts can be left out.
#[derive(Clone, Debug)]
enum Tree {
    Null,
    Bool(bool),
    Whole(u64),
    Negative(i64),
    Float(f64),
    Text(String),
    /// Each item with its index in the file.
    List(Vec<(usize, Tree)>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    fn of<V: IntoValue>(value: Value<V>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Boolean(value) => Self::Bool(value),
            Value::Integer(number) => Self::Whole(number),
            Value::NegativeInteger(number) => Self::Negative(number),
            Value::Float(number) => Self::Float(number),
            Value::String(text) => Self::Text(text),
            Value::Sequence(items) => {
                let items = items.into_iter().map(|item| Self::of(item.into_value()));
                Self::List(items.enumerate().collect())
            }
            Value::Map(entries) => {
                let entries = entries.into_iter();
                Self::Map(
                    entries
                        .map(|(key, value)| (key, Self::of(value.into_value())))
                        .collect(),
                )
            }
        }
    }

    /// One for each form that fields have which have to be there; what is text is told apart by `number`.
    fn stand_in(tried: usize, number: usize) -> (Option<Self>, Option<String>) {
        let name = format!("steward-stand-in-{number}");
        let text = |text: &str| Some(Self::Text(text.to_owned()));
        match tried {
            0 => (text(&name), Some(name)),
            1 => (Some(Self::Whole(1)), None),
            2 => (text("1h"), None),
            3 => (text("10%"), None),
            4 => (text("00:00"), None),
            5 => (text("2000-01-01T00:00:00Z"), None),
            6 => (text("/"), None),
            7 => (text("s3://stand-in/"), None),
            8 => (text("0 0 * * ? *"), None),
            9 => (text("p50"), None),
            10 => (Some(Self::Map(Vec::new())), None),
            11 => (Some(Self::List(Vec::new())), None),
            _ => (None, None),
        }
    }

    fn step(&mut self, step: &Step) -> Option<&mut Self> {
        match (self, step) {
            (Self::List(items), Step::Index(at)) => {
                items.iter_mut().find(|(index, _)| index == at).map(|(_, item)| item)
            }
            (Self::Map(entries), Step::Key(at)) => {
                entries.iter_mut().find(|(key, _)| key == at).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// There was such a part.
    fn remove(&mut self, step: &Step) -> bool {
        let before = self.len();
        match (&mut *self, step) {
            (Self::List(items), Step::Index(at)) => items.retain(|(index, _)| index != at),
            (Self::Map(entries), Step::Key(at)) => entries.retain(|(key, _)| key != at),
            _ => {}
        }
        self.len() < before
    }

    fn len(&self) -> usize {
        match self {
            Self::List(items) => items.len(),
            Self::Map(entries) => entries.len(),
            _ => 0,
        }
    }

    fn keys(&self) -> Vec<String> {
        match self {
            Self::Map(entries) => entries.iter().map(|(key, _)| key.clone()).collect(),
            _ => Vec::new(),
        }
    }

    fn place(&self, at: &mut [Step], from: usize) {
        let mut tree = self;
        for step in at.iter_mut().skip(from) {
            let next = match (tree, &mut *step) {
                (Self::List(items), Step::Index(at)) => items.get(*at).map(|(index, item)| {
                    *at = *index;
                    item
                }),
                (Self::Map(entries), Step::Key(at)) => {
                    entries.iter().find(|(key, _)| key == at).map(|(_, value)| value)
                }
                _ => None,
            };
            match next {
                Some(next) => tree = next,
                None => return,
            }
        }
    }
}

impl<'a> IntoValue for &'a Tree {
    type Sequence = Vec<&'a Tree>;
    type Map = Entries<'a, Tree>;

    fn kind(&self) -> ValueKind {
        match self {
            Tree::Null => ValueKind::Null,
            Tree::Bool(_) => ValueKind::Boolean,
            Tree::Whole(_) => ValueKind::Integer,
            Tree::Negative(_) => ValueKind::NegativeInteger,
            Tree::Float(_) => ValueKind::Float,
            Tree::Text(_) => ValueKind::String,
            Tree::List(_) => ValueKind::Sequence,
            Tree::Map(_) => ValueKind::Map,
        }
    }

    fn into_value(self) -> Value<Self> {
        match self {
            Tree::Null => Value::Null,
            Tree::Bool(value) => Value::Boolean(*value),
            Tree::Whole(number) => Value::Integer(*number),
            Tree::Negative(number) => Value::NegativeInteger(*number),
            Tree::Float(number) => Value::Float(*number),
            Tree::Text(text) => Value::String(text.clone()),
            Tree::List(items) => Value::Sequence(items.iter().map(|(_, item)| item).collect()),
            Tree::Map(entries) => Value::Map(Entries(entries.iter().map(|(key, value)| (&**key, value)).collect())),
        }
    }
}
