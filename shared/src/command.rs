//! What operators may ask of the health checker, with every field checked before anything is done.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    quantity::{QuantityError, Span},
    text::{and_list, nearest, printable},
    trigger::{Command, moment},
};

/// The most endpoints one command may name.
pub const MAX_ENDPOINTS: usize = 1000;

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

/// The names of the commands and the fields each accepts, with an example.
const COMMANDS: [(&str, &[&str], &str); 4] = [
    (
        "check",
        &["endpoints"],
        r#"{"command": "check", "endpoints": ["fraud-detector"]}"#,
    ),
    ("status", &["endpoints"], r#"{"command": "status"}"#),
    (
        "silence",
        &["endpoints", "for", "until", "reason", "by"],
        r#"{"command": "silence", "endpoints": ["fraud-*"], "for": "2h", "reason": "load test", "by": "ana"}"#,
    ),
    (
        "unsilence",
        &["endpoints"],
        r#"{"command": "unsilence", "endpoints": ["fraud-*"]}"#,
    ),
];

/// Why a command was refused. Nothing of it was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No command of this function.
    #[error("There is no command \"{name}\".{} Accepted are {}. Example: {example}", meant(.nearest), and_list(.accepted))]
    Unknown {
        /// What was asked.
        name: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
        /// The commands there are.
        accepted: Vec<&'static str>,
        /// A whole command.
        example: &'static str,
    },
    /// Fields that are wrong, all of them.
    #[error("The command \"{command}\" was refused and nothing was done:{} Example: {example}", listed(.problems))]
    Fields {
        /// The command.
        command: &'static str,
        /// One sentence for each.
        problems: Vec<String>,
        /// A whole command.
        example: &'static str,
    },
}

fn meant(nearest: &Option<&str>) -> String {
    nearest
        .map(|word| format!(" Was \"{word}\" meant?"))
        .unwrap_or_default()
}

fn listed(problems: &[String]) -> String {
    match problems {
        [one] => format!(" {one}"),
        many => many
            .iter()
            .enumerate()
            .map(|(index, problem)| format!(" ({}) {problem}", index + 1))
            .collect(),
    }
}

impl HealthCommand {
    /// Reads a command.
    ///
    /// # Errors
    /// When the command is unknown, or with every field that is unknown, missing or wrong.
    pub fn parse(command: &Command) -> Result<Self, CommandError> {
        let names: Vec<&'static str> = COMMANDS.iter().map(|(name, ..)| *name).collect();
        let Some((name, fields, example)) = COMMANDS.into_iter().find(|(name, ..)| *name == command.name) else {
            return Err(CommandError::Unknown {
                name: printable(&command.name, 64),
                nearest: nearest(&command.name, names.iter().copied()),
                accepted: names,
                example: COMMANDS[0].2,
            });
        };
        let mut problems = unknown_fields(&command.args, fields);
        let mut take = |read: Result<_, String>| read.map_err(|problem| problems.push(problem)).ok();
        let endpoints = take(targets(&command.args, matches!(name, "silence" | "unsilence")));
        let silence = (name == "silence").then(|| {
            let mut problem = |text: Result<_, String>| text.map_err(|problem| problems.push(problem)).ok();
            let reason = problem(words(&command.args, "reason").and_then(|reason| {
                reason.ok_or_else(|| "`reason` is missing: say why, so that the next person knows.".to_owned())
            }));
            let by = problem(words(&command.args, "by").map(Option::unwrap_or_default));
            let ends = ends(&command.args).map_err(|problem| problems.push(problem)).ok();
            (ends, reason, by)
        });
        let refused = |problems| CommandError::Fields {
            command: name,
            problems,
            example,
        };
        match (endpoints, silence) {
            _ if !problems.is_empty() => Err(refused(problems)),
            (Some(endpoints), None) => Ok(match name {
                "check" => Self::Check { endpoints },
                "status" => Self::Status { endpoints },
                _ => Self::Unsilence { endpoints },
            }),
            (Some(endpoints), Some((Some(ends), Some(reason), Some(by)))) => Ok(Self::Silence {
                endpoints,
                ends,
                reason,
                by: (!by.is_empty()).then_some(by),
            }),
            _ => Err(refused(problems)),
        }
    }
}

fn unknown_fields(args: &Map<String, Value>, accepted: &[&str]) -> Vec<String> {
    let unknown = args.keys().filter(|key| !accepted.contains(&key.as_str()));
    unknown
        .take(10)
        .map(|key| {
            let meant = nearest(key, accepted.iter().copied());
            let meant = meant.map(|word| format!(" Was `{word}` meant?")).unwrap_or_default();
            format!(
                "`{}` is no field of it; accepted {} {}.{meant}",
                printable(key, 40),
                if accepted.len() == 1 { "is" } else { "are" },
                and_list(accepted)
            )
        })
        .collect()
}

fn targets(args: &Map<String, Value>, required: bool) -> Result<Targets, String> {
    const ACCEPTED: &str =
        "a list of endpoint names or globs such as [\"fraud-detector\", \"search-*\"], or \"*\" for all";
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
    let part_of_glob =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '*' | '?' | '[' | ']' | '{' | '}' | ',' | '!');
    let wrong = named
        .iter()
        .find(|name| name.is_empty() || name.len() > 200 || !name.chars().all(part_of_glob));
    match wrong {
        Some(name) => Err(format!(
            "`endpoints` holds \"{}\", which can be no endpoint's name: {ACCEPTED}.",
            printable(name, 80)
        )),
        None if named.iter().any(|name| name == "*") => Ok(Targets::All),
        None => Ok(Targets::Named(named)),
    }
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

fn words(args: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match args.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(printable(text.trim(), 300))),
        Some(other) => Err(format!("`{key}` is {}: it has to be a text.", shown(other))),
    }
}

fn shown(value: &Value) -> String {
    printable(&value.to_string(), 60)
}

#[cfg(test)]
mod tests;
