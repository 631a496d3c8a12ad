//! What operators may ask of the health checker.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    CommandError, MAX_ENDPOINTS, Spec,
    fields::{Fields, shown},
};
use crate::{
    fleet::{
        glob::Glob,
        text::{ResourceName, Rule as _},
    },
    quantity::{QuantityError, Span},
    text::{and_list, printable},
    trigger::{Command, moment},
};

/// The longest silence: 31 days. A longer one is a maintenance window, and belongs into the fleet file.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(31 * 24 * 3600);

/// The endpoints a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Every endpoint of the fleet.
    All,
    /// These: names, or globs such as `fraud-*`. Never empty.
    Named(Vec<String>),
}

/// When a silence ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// So long after the command is carried out.
    After(Duration),
    /// At this time.
    At(Timestamp),
}

impl Ends {
    /// The end of a silence that begins now, at most [`LONGEST_SILENCE`] away; `None` when it is over already.
    pub fn from(self, now: Timestamp) -> Option<Timestamp> {
        let longest = now.checked_add(LONGEST_SILENCE).unwrap_or(Timestamp::MAX);
        let end = match self {
            Self::After(span) => now.checked_add(span).unwrap_or(Timestamp::MAX),
            Self::At(time) => time,
        };
        (end > now).then_some(end.min(longest))
    }
}

/// A command to the health checker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthCommand {
    /// Check now.
    Check {
        /// Absent in the command: all.
        endpoints: Targets,
    },
    /// Say what is known, without a call to any endpoint.
    Status {
        /// Absent in the command: all.
        endpoints: Targets,
    },
    /// No alerts and no repairs for a while.
    Silence {
        /// Must be said; `"*"` is all.
        endpoints: Targets,
        /// `for` or `until`.
        ends: Ends,
        /// Shown wherever the silence is shown; safe to show.
        reason: String,
        /// Who asked; safe to show.
        by: Option<String>,
    },
    /// End silences early.
    Unsilence {
        /// Must be said; `"*"` is all.
        endpoints: Targets,
    },
}

/// What the health checker is asked.
const COMMANDS: [Spec; 4] = [
    Spec {
        name: "check",
        fields: &["endpoints"],
        example: r#"{"command": "check", "endpoints": ["fraud-detector"]}"#,
    },
    Spec {
        name: "status",
        fields: &["endpoints"],
        example: r#"{"command": "status"}"#,
    },
    Spec {
        name: "silence",
        fields: &["endpoints", "for", "until", "reason", "by"],
        example: r#"{"command": "silence", "endpoints": ["fraud-*"], "for": "2h", "reason": "load test", "by": "ana"}"#,
    },
    Spec {
        name: "unsilence",
        fields: &["endpoints"],
        example: r#"{"command": "unsilence", "endpoints": ["fraud-*"]}"#,
    },
];

impl HealthCommand {
    /// Reads a command.
    ///
    /// # Errors
    /// When the command is unknown, or with every field that is unknown, missing or wrong.
    pub fn parse(command: &Command) -> Result<Self, CommandError> {
        let mut fields = Fields::of(&COMMANDS, command)?;
        let args = fields.args();
        let name = fields.spec.name;
        let endpoints = fields.take(targets(args, name));
        let read = match name {
            "check" => endpoints.map(|endpoints| Self::Check { endpoints }),
            "status" => endpoints.map(|endpoints| Self::Status { endpoints }),
            "unsilence" => endpoints.map(|endpoints| Self::Unsilence { endpoints }),
            _ => {
                let reason = fields.words("reason");
                if reason.is_none() && fields.is_absent("reason") {
                    fields.refuse(["`reason` is missing: say why, so that the next person knows.".to_owned()]);
                }
                let by = fields.words("by");
                let ends = fields.take(ends(args));
                match (endpoints, ends, reason) {
                    (Some(endpoints), Some(ends), Some(reason)) => Some(Self::Silence {
                        endpoints,
                        ends,
                        reason,
                        by,
                    }),
                    _ => None,
                }
            }
        };
        fields.done(read)
    }
}

const ENDPOINTS: &str =
    "a list of endpoint names or globs such as [\"fraud-detector\", \"search-*\"], or \"*\" for all";

fn targets(args: &Map<String, Value>, command: &str) -> Result<Targets, String> {
    const ACCEPTED: &str = ENDPOINTS;
    let required = matches!(command, "silence" | "unsilence");
    let named = match args.get("endpoints") {
        None | Some(Value::Null) if required => return Err(format!("`endpoints` is missing: {ACCEPTED}.")),
        None | Some(Value::Null) => return Ok(Targets::All),
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(items)) if items.is_empty() => {
            return Err(format!("`endpoints` is an empty list: {ACCEPTED}."));
        }
        Some(Value::Array(items)) if items.len() > MAX_ENDPOINTS => {
            return Err(format!(
                "`endpoints` names {}; at most {MAX_ENDPOINTS} are taken. Use globs.",
                items.len()
            ));
        }
        Some(Value::Array(items)) => match items.iter().find(|item| !item.is_string()) {
            Some(item) => {
                return Err(format!(
                    "`endpoints` holds {}, which is no text: {ACCEPTED}.",
                    shown(item)
                ));
            }
            None => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        },
        Some(_) => return Err(format!("`endpoints` has to be {ACCEPTED}.")),
    };
    let wrong: Vec<String> = named
        .iter()
        .filter_map(|name| {
            let problem = meaningless(name).filter(|_| command != "unsilence" || !silenced_before(name))?;
            Some(format!("\"{}\" ({problem})", printable(name, 80)))
        })
        .collect();
    if !wrong.is_empty() {
        let more = wrong.len().saturating_sub(WRONG);
        let mut shown = wrong;
        shown.truncate(WRONG);
        if more > 0 {
            shown.push(format!("{more} more"));
        }
        return Err(format!(
            "`endpoints` holds {}, which can mean no endpoint: {ACCEPTED}. In a glob are {}.",
            and_list(&shown),
            Glob::ACCEPTED
        ));
    }
    Ok(match named.iter().any(|name| name == "*") {
        true => Targets::All,
        false => Targets::Named(named),
    })
}

/// Patterns shown in one refusal at most.
const WRONG: usize = 10;

/// Why the text can mean no endpoint; `None` when it can.
fn meaningless(text: &str) -> Option<String> {
    match (Glob::parse(text), Glob::is_one(text)) {
        (Err(problem), _) => Some(problem),
        (Ok(_), false) if !ResourceName::keeps(text) => Some(format!("this is not {}", ResourceName::ACCEPTED)),
        (Ok(_), _) if text.len() > LONGEST => Some(format!("it is longer than {LONGEST} characters")),
        (Ok(_), _) => None,
    }
}

/// The longest glob, in characters.
const LONGEST: usize = 200;

/// What earlier builds took for the glob of a silence: it can still be taken back by its name.
fn silenced_before(text: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '*' | '?' | '[' | ']' | '{' | '}' | ',' | '!');
    (1..=LONGEST).contains(&text.len()) && text.chars().all(part)
}

fn ends(args: &Map<String, Value>) -> Result<Ends, String> {
    let said = |key: &str| args.get(key).filter(|value| !value.is_null());
    match (said("for"), said("until")) {
        (None, None) => Err("`for` (such as \"2h\") or `until` (such as \"2026-01-31T12:00:00Z\") is missing.".into()),
        (Some(_), Some(_)) => Err("`for` and `until` say the same thing twice: give one of them.".into()),
        (Some(span), None) => {
            let Some(text) = span.as_str() else {
                return Err(format!("`for` is {}: it has to be {}.", shown(span), Span::FORM));
            };
            let read: Span = text.parse().map_err(|error: QuantityError| {
                format!(
                    "`for`: {}; it has to be {}.",
                    printable(&error.problem, 200),
                    error.accepted
                )
            })?;
            if read.duration() == Duration::ZERO || read.duration() > LONGEST_SILENCE {
                return Err(format!(
                    "`for` is {read}: a silence lasts more than nothing and at most 31 days; what is longer is a maintenance window of the fleet file."
                ));
            }
            Ok(Ends::After(read.duration()))
        }
        (None, Some(time)) => moment(time).map(Ends::At).ok_or_else(|| {
            format!(
                "`until` is {}: it has to be a time such as \"2026-01-31T12:00:00Z\".",
                shown(time)
            )
        }),
    }
}

#[cfg(test)]
mod tests;
