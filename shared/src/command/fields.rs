//! What every command has in common: it is known or not, and its fields are read until all that is wrong is found.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{CommandError, Spec};
use crate::{
    text::{and_list, nearest, printable},
    trigger::{Command, is_endpoint_name},
};

/// The most endpoints one command may name.
pub const MAX_ENDPOINTS: usize = 1000;

/// The fields of one command while they are read, with what was found wrong so far.
pub(super) struct Fields<'a> {
    pub(super) spec: Spec,
    args: &'a Map<String, Value>,
    problems: Vec<String>,
}

impl<'a> Fields<'a> {
    /// Finds the command and its unknown fields.
    pub(super) fn of(commands: &[Spec], command: &'a Command) -> Result<Self, CommandError> {
        let names: Vec<&'static str> = commands.iter().map(|spec| spec.name).collect();
        match commands.iter().find(|spec| spec.name == command.name) {
            Some(spec) => Ok(Self {
                spec: *spec,
                args: &command.args,
                problems: unknown_fields(&command.args, spec.fields),
            }),
            None => Err(CommandError::Unknown {
                name: printable(&command.name, 64),
                nearest: nearest(&command.name, names.iter().copied()),
                accepted: names,
                example: commands.first().map(|spec| spec.example).unwrap_or_default(),
            }),
        }
    }

    /// All fields as they came.
    pub(super) fn args(&self) -> &'a Map<String, Value> {
        self.args
    }

    /// What was read, or `None` and one problem more.
    pub(super) fn take<T>(&mut self, read: Result<T, impl Into<Cow<'static, str>>>) -> Option<T> {
        read.map_err(|problem| self.problems.push(problem.into().into_owned()))
            .ok()
    }

    /// More problems.
    pub(super) fn refuse(&mut self, problems: impl IntoIterator<Item = String>) {
        self.problems.extend(problems);
    }

    /// The field is not there, or says nothing.
    pub(super) fn is_absent(&self, key: &str) -> bool {
        match self.args.get(key) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(_) => false,
        }
    }

    /// A text in one line, safe to show; `None` when absent, blank or wrong.
    pub(super) fn words(&mut self, key: &str) -> Option<String> {
        self.take(words(self.args, key)).flatten()
    }

    /// The name of one endpoint; `None` when absent or wrong.
    pub(super) fn endpoint(&mut self, required: bool) -> Option<String> {
        self.take(endpoint(self.args, required)).flatten()
    }

    /// An id that makes the same command twice one; `None` when absent or wrong.
    pub(super) fn id(&mut self) -> Option<String> {
        self.take(id(self.args)).flatten()
    }

    /// `command`, unless something was found wrong. Whoever found nothing wrong has read every field.
    pub(super) fn done<T>(self, command: Option<T>) -> Result<T, CommandError> {
        match command {
            Some(command) if self.problems.is_empty() => Ok(command),
            _ => Err(CommandError::refused(self.spec.name, self.problems, self.spec.example)),
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

fn endpoint(args: &Map<String, Value>, required: bool) -> Result<Option<String>, String> {
    const ACCEPTED: &str = "the name of one endpoint, such as \"fraud-detector\"";
    match args.get("endpoint") {
        None | Some(Value::Null) if required => Err(format!("`endpoint` is missing: {ACCEPTED}.")),
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) if is_endpoint_name(name) => Ok(Some(name.clone())),
        Some(other) => Err(format!("`endpoint` is {}: it has to be {ACCEPTED}.", shown(other))),
    }
}

fn id(args: &Map<String, Value>) -> Result<Option<String>, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    match args.get("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if (1..=128).contains(&id.len()) && id.chars().all(plain) => Ok(Some(id.clone())),
        Some(other) => Err(format!(
            "`id` is {}: it has to be 1 to 128 letters, digits and -_.:/, such as \"release-42\".",
            shown(other)
        )),
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

pub(super) fn shown(value: &Value) -> String {
    printable(&value.to_string(), 60)
}
