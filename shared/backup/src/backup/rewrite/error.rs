//! What could not be rewritten, for people.

use std::fmt;

use crate::{backup::references::Reference, text::printable};

/// One string that could not be rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The string and its place.
    pub place: Reference,
    /// Why.
    pub why: String,
    /// What to do, begun as a sentence that follows `endpoints.….backup`.
    pub advice: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = printable(&self.place.value, 200);
        write!(f, "{}: \"{value}\": {}; {}.", self.place, self.why, self.advice)
    }
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", listed(.0))]
pub struct RefusedAll(pub Vec<Refused>);

fn listed(refused: &[Refused]) -> String {
    let intro = match refused.len() {
        1 => "One thing cannot be taken to the other Region as it is. In the endpoint's `backup` section:".to_owned(),
        n => format!("{n} things cannot be taken to the other Region as they are. In the endpoint's `backup` section:"),
    };
    refused.iter().fold(intro, |text, one| format!("{text}\n- {one}"))
}
