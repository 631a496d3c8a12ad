//! A problem as it is told: the place, what is wrong, what would be accepted.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// Where in the structure, e.g. `endpoints.fraud.health.probes[0].timeout`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What would be right, where that can be said.
    pub accepted: Option<String>,
}

/// Everything that is wrong in one file, in file order; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Problems {
    /// The file, as its reader named it.
    pub origin: String,
    /// At most [`Problems::LISTED`].
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub unlisted: usize,
}

impl Problems {
    /// Nobody reads on after this many.
    pub const LISTED: usize = 100;

    /// `count` is how many there are, of which `problems` are known with their places.
    pub(super) fn new(origin: &str, mut problems: Vec<Problem>, count: usize) -> Self {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        let unlisted = count.saturating_sub(problems.len().min(Self::LISTED));
        problems.truncate(Self::LISTED);
        Self {
            origin: origin.to_owned(),
            problems,
            unlisted,
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            origin,
            problems,
            unlisted,
        } = self;
        match problems.len() + unlisted {
            1 => write!(f, "1 error in {origin}")?,
            count => write!(f, "{count} errors in {origin}")?,
        }
        for problem in problems {
            write!(f, "\n\n{origin}:{problem}")?;
        }
        match unlisted {
            0 => Ok(()),
            more => write!(f, "\n\nand {more} more"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            path,
            problem,
            accepted,
        } = self;
        write!(f, "{line}:{column}: ")?;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(problem)?;
        match accepted {
            Some(accepted) => write!(f, "\n    accepted: {accepted}"),
            None => Ok(()),
        }
    }
}

/// Text from the file, quoted, with nothing in it that could move a cursor, and cut to what a line can hold.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((cut, _)) => format!("{:?} (cut)", &text[..cut]),
    }
}

/// A path as people write it: `endpoints.fraud.health`, `endpoints["fraud-*"]`, `probes[0]`.
pub(super) fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Index(index) => path.push_str(&format!("[{index}]")),
            Step::Key(key) if is_plain(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
            Step::Key(key) => path.push_str(&format!("[{}]", quoted(key))),
        }
    }
    path
}

fn is_plain(key: &str) -> bool {
    (1..=63).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// One step down into the structure.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}
