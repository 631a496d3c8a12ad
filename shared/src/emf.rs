//! Metrics as log lines: CloudWatch's embedded metric format, which costs no API call and no permission.
//!
//! One line carries one set of dimension values, so the fleet's metrics are one line and each endpoint that asked for
//! metrics of its own is another. Every distinct set of values is a custom metric that costs money: nothing is added here
//! that was not put in. Limits are those of the EMF specification.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::text::printable;

/// Metric definitions in one line.
const METRICS_A_LINE: usize = 100;

/// Values of one metric in one line.
const VALUES_A_LINE: usize = 100;

/// Dimensions of one set.
const DIMENSIONS: usize = 30;

/// What a number measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// How many.
    Count,
    /// Time in milliseconds.
    Milliseconds,
    /// Time in seconds.
    Seconds,
    /// 0 to 100.
    Percent,
    /// Size in bytes.
    Bytes,
    /// A share from 0 to 1, a yes (1) or no (0).
    None,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
            Self::Percent => "Percent",
            Self::Bytes => "Bytes",
            Self::None => "None",
        }
    }
}

/// Why metrics cannot be written as they were put in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmfError {
    /// CloudWatch takes no more.
    #[error("A metric has {count} dimensions; CloudWatch takes {DIMENSIONS}.")]
    TooManyDimensions {
        /// How many there are.
        count: usize,
    },
    /// Not a name or value CloudWatch takes.
    #[error(
        "\"{shown}\" is no {what}: CloudWatch takes 1 to {limit} printable ASCII characters, not all of them blanks, and no leading colon in a dimension."
    )]
    Text {
        /// The name of a metric, the name of a dimension, the value of a dimension.
        what: &'static str,
        /// What it is, safe to show.
        shown: String,
        /// In characters.
        limit: usize,
    },
    /// A line is a flat JSON object, so each name stands once.
    #[error("\"{name}\" is used twice in one line: as a metric, a dimension or a property.")]
    Collision {
        /// The name.
        name: String,
    },
    /// JSON has no such number, and CloudWatch neither.
    #[error("The metric \"{name}\" is {value}, which is no number that CloudWatch takes.")]
    NotFinite {
        /// The metric.
        name: String,
        /// NaN, inf or -inf.
        value: String,
    },
}

/// The metrics of one invocation, being put together.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    namespace: String,
    at: Timestamp,
    dimensions: BTreeMap<String, String>,
    properties: BTreeMap<String, Value>,
    sets: BTreeMap<BTreeMap<String, String>, Set>,
}

/// The metrics of one set of dimension values, in the order they were first put.
type Set = Vec<(String, Unit, Vec<f64>)>;

/// As much of one metric as one line takes.
type Part<'a> = (&'a str, Unit, &'a [f64]);

impl Metrics {
    /// No metrics yet.
    pub fn new(namespace: impl Into<String>, at: Timestamp) -> Self {
        Self {
            namespace: namespace.into(),
            at,
            dimensions: BTreeMap::new(),
            properties: BTreeMap::new(),
            sets: BTreeMap::new(),
        }
    }

    /// A dimension of every metric, such as `Function`.
    #[must_use]
    pub fn dimension(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.dimensions.insert(name.into(), value.into());
        self
    }

    /// A fact beside the metrics in every line, for CloudWatch Logs Insights: it makes no metric and costs nothing.
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.properties.insert(name.into(), value.into());
        self
    }

    /// A metric of the fleet. Put several times, it has several values (CloudWatch makes statistics of them).
    pub fn put(&mut self, name: &str, value: f64, unit: Unit) {
        self.put_for(&[], name, value, unit);
    }

    /// A metric with further dimensions, such as `EndpointName`.
    pub fn put_for(&mut self, further: &[(&str, &str)], name: &str, value: f64, unit: Unit) {
        let further = further
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let set = self.sets.entry(further).or_default();
        match set
            .iter_mut()
            .find(|(known, known_unit, _)| known == name && *known_unit == unit)
        {
            Some((.., values)) => values.push(value),
            None => set.push((name.to_owned(), unit, vec![value])),
        }
    }

    /// Nothing was put.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The lines to write to the standard output, without line ends.
    ///
    /// # Errors
    /// When something put in is nothing CloudWatch takes; it would drop the line without a word.
    pub fn lines(&self) -> Result<Vec<String>, EmfError> {
        let mut lines = Vec::new();
        for (further, set) in &self.sets {
            let mut dimensions = self.dimensions.clone();
            dimensions.extend(further.clone());
            self.check(&dimensions, set)?;
            let parts = set.iter().flat_map(|(name, unit, values)| {
                values
                    .chunks(VALUES_A_LINE)
                    .enumerate()
                    .map(move |(index, values)| (index, name.as_str(), *unit, values))
            });
            let mut rounds: BTreeMap<usize, Vec<Part<'_>>> = BTreeMap::new();
            for (round, name, unit, values) in parts {
                rounds.entry(round).or_default().push((name, unit, values));
            }
            for metrics in rounds.values().flat_map(|metrics| metrics.chunks(METRICS_A_LINE)) {
                lines.push(self.line(&dimensions, metrics));
            }
        }
        Ok(lines)
    }

    fn check(&self, dimensions: &BTreeMap<String, String>, set: &Set) -> Result<(), EmfError> {
        if dimensions.len() > DIMENSIONS {
            return Err(EmfError::TooManyDimensions {
                count: dimensions.len(),
            });
        }
        for (name, value) in dimensions {
            check_text("dimension name", name, 255)?;
            check_text("dimension value", value, 1024)?;
        }
        let mut names: Vec<&str> = vec!["_aws"];
        names.extend(dimensions.keys().chain(self.properties.keys()).map(String::as_str));
        for (name, _, values) in set {
            check_text("metric name", name, 255)?;
            names.push(name);
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(EmfError::NotFinite {
                    name: name.clone(),
                    value: value.to_string(),
                });
            }
        }
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(EmfError::Collision {
                name: printable(pair[0], 255),
            }),
            None => Ok(()),
        }
    }

    fn line(&self, dimensions: &BTreeMap<String, String>, metrics: &[Part<'_>]) -> String {
        let definitions: Vec<Value> = metrics
            .iter()
            .map(|(name, unit, _)| json!({"Name": name, "Unit": unit.as_str()}))
            .collect();
        let mut line = Map::new();
        line.insert(
            "_aws".into(),
            json!({
                "Timestamp": self.at.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": self.namespace,
                    "Dimensions": [dimensions.keys().collect::<Vec<_>>()],
                    "Metrics": definitions,
                }],
            }),
        );
        line.extend(
            dimensions
                .iter()
                .map(|(name, value)| (name.clone(), value.clone().into())),
        );
        line.extend(
            self.properties
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        for (name, _, values) in metrics {
            let value = match values {
                [one] => json!(one),
                many => json!(many),
            };
            line.insert((*name).to_owned(), value);
        }
        Value::Object(line).to_string()
    }
}

fn check_text(what: &'static str, text: &str, limit: usize) -> Result<(), EmfError> {
    let printable_ascii = text.bytes().all(|c| (b' '..=b'~').contains(&c));
    let fits = !text.trim().is_empty()
        && text.len() <= limit
        && printable_ascii
        && !(what != "metric name" && text.starts_with(':'));
    if fits {
        Ok(())
    } else {
        Err(EmfError::Text {
            what,
            shown: printable(text, 100),
            limit,
        })
    }
}

#[cfg(test)]
mod tests;
