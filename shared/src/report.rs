//! What every invocation answers: JSON with a `summary` a person can read.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How an invocation went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything that was to be done is done, also when that was nothing.
    Done,
    /// A part is done; the details say what is left, and the next tick continues.
    Partial,
    /// The event was not understood, or names nothing that there is, and nothing was done. Not an error of the function: a retry would change nothing.
    Refused,
}

/// The answer of one invocation. Details lie beside `summary` at the top level of the JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How it went.
    pub outcome: Outcome,
    /// One to a few sentences.
    pub summary: String,
    /// The facts behind the summary, for programs.
    #[serde(flatten)]
    pub details: Map<String, Value>,
}

impl Report {
    /// Everything done.
    pub fn done(summary: impl Into<String>) -> Self {
        Self::new(Outcome::Done, summary)
    }

    /// A part done.
    pub fn partial(summary: impl Into<String>) -> Self {
        Self::new(Outcome::Partial, summary)
    }

    /// Nothing done, because the event was not understood or names nothing that there is.
    pub fn refused(why: &impl fmt::Display) -> Self {
        Self::new(Outcome::Refused, why.to_string())
    }

    fn new(outcome: Outcome, summary: impl Into<String>) -> Self {
        Self {
            outcome,
            summary: summary.into(),
            details: Map::new(),
        }
    }

    /// One more fact. `outcome` and `summary` are taken: a fact of that name is kept as `detail_summary`.
    #[must_use]
    pub fn with(mut self, name: &str, fact: impl Into<Value>) -> Self {
        let name = if matches!(name, "outcome" | "summary") {
            format!("detail_{name}")
        } else {
            name.to_owned()
        };
        self.details.insert(name, fact.into());
        self
    }

    /// One more sentence of the summary.
    #[must_use]
    pub fn noting(mut self, sentence: &str) -> Self {
        if !self.summary.is_empty() {
            self.summary.push('\n');
        }
        self.summary.push_str(sentence);
        self
    }

    /// The JSON that Lambda returns.
    pub fn to_value(&self) -> Value {
        let mut value = Map::new();
        value.insert("outcome".into(), serde_json::json!(self.outcome));
        value.insert("summary".into(), self.summary.clone().into());
        value.extend(self.details.clone());
        Value::Object(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_begins_with_outcome_and_summary() {
        let report = Report::partial("Checked 3 of 5 endpoints; 2 wait for the next sweep.")
            .with("checked", 3)
            .with("unreached", vec!["d", "e"])
            .with("summary", "mine");
        insta::assert_snapshot!(serde_json::to_string_pretty(&report.to_value()).unwrap());
        assert_eq!(serde_json::from_value::<Report>(report.to_value()).unwrap(), report);
    }
}
