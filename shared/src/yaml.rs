//! What is wrong with a YAML file that people write, all of it at once, and where.
//!
//! A file is parsed into a [`tree`] that remembers lines and columns, and read by types that derive
//! [`Deserr`](deserr::Deserr) with [`Found`] as their error, which gathers instead of stopping.
//! [`Parts`] are read on past their mistakes ([`recover`]), and what is told then never stems from one of them ([`rests`]).
//! A key without a value counts as not written. No input panics; size, nesting and aliases are bounded.

mod found;
mod map;
mod parts;
mod problem;
mod recover;
mod rests;
mod scalar;
mod tree;

pub use found::Found;
pub use map::Map;
pub use parts::Parts;
pub(crate) use problem::quoted;
pub use problem::{Problem, Problems};
pub(crate) use recover::read as read_on;

use deserr::{Deserr, IntoValue, ValuePointerRef};

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// How deep lists and maps may be nested.
pub const MAX_DEPTH: usize = 64;

/// The largest number of values in a file, each alias counted as often as it is used.
pub const MAX_VALUES: usize = 200_000;

/// Reads one YAML document.
///
/// # Errors
/// Everything that is wrong with it, in file order. `origin` is only for people: it names the file in the problems.
pub fn read<T: Deserr<Found>>(text: &str, origin: &str) -> Result<T, Problems> {
    let parsed = tree::parse(text).map_err(|problem| Problems::new(origin, vec![problem], 1))?;
    let read = T::deserialize_from_value((&*parsed.root).into_value(), ValuePointerRef::Origin);
    let mut problems = parsed.problems;
    let mut count = problems.len();
    match read {
        Ok(value) if count == 0 => return Ok(value),
        Ok(_) => {}
        Err(found) => {
            count += found.count();
            problems.extend(found.located(&parsed.root, 2 * Problems::LISTED));
        }
    }
    Err(Problems::new(origin, problems, count))
}

/// The keys of a document that is a map, in file order, whatever else is wrong with it; none where it cannot be parsed.
pub fn keys(text: &str) -> Vec<String> {
    match tree::parse(text).map(|parsed| parsed.root.kind.clone()) {
        Ok(tree::Kind::Map(entries)) => entries.into_iter().map(|(key, _)| key.text).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
