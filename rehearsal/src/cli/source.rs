//! Where scenarios come from: files, and those that come with the command.

use std::{fs, io};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use shared::{
    fleet::Fleet,
    yaml::{self, Found},
};

use super::Stopped;
use crate::scenario::{Scenario, builtin, builtins};

/// A scenario by its name on the command line.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) scenario: Scenario,
}

/// What a file was found to be.
#[derive(Debug)]
pub(super) enum Read {
    Scenario(Box<Scenario>),
    Fleet(Box<Fleet>),
}

/// Reads scenarios. The error holds every problem of every one.
pub(super) fn read(names: &[String]) -> Result<Vec<Named>, Stopped> {
    each(names, |text, origin| {
        if is_fleet(text) {
            return Err(format!(
                "{origin}: this is a fleet file, and no scenario\n    `rehearse check` reads it alone; a scenario holds \
                 one under `fleet`, beside a `world`: see docs/rehearsal.md"
            ));
        }
        Scenario::parse(text, origin).map_err(|wrong| wrong.to_string())
    })
    .map(|all| {
        let named = |(name, scenario)| Named { name, scenario };
        all.into_iter().map(named).collect()
    })
}

/// Reads scenarios and fleet files. The error holds every problem of every one.
pub(super) fn read_either(names: &[String]) -> Result<Vec<(String, Read)>, Stopped> {
    each(names, |text, origin| {
        if is_fleet(text) {
            let fleet = Fleet::parse(text, origin).map_err(|wrong| wrong.to_string())?;
            return Ok(Read::Fleet(Box::new(fleet)));
        }
        let scenario = Scenario::parse(text, origin).map_err(|wrong| wrong.to_string())?;
        Ok(Read::Scenario(Box::new(scenario)))
    })
}

/// Each name with what `reading` makes of its text and of where that is from.
fn each<T>(names: &[String], reading: impl Fn(&str, &str) -> Result<T, String>) -> Result<Vec<(String, T)>, Stopped> {
    let mut all = Vec::new();
    let mut problems = Vec::new();
    for name in names {
        match text(name).and_then(|(text, origin)| reading(&text, &origin)) {
            Ok(read) => all.push((name.clone(), read)),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(all)
    } else {
        Err(Stopped::Wrong(problems.join("\n\n")))
    }
}

/// The file's fields are those of a fleet file: it names endpoints, and has no world for them.
fn is_fleet(text: &str) -> bool {
    let fields = yaml::read::<yaml::Map<Anything>>(text, "").unwrap_or_default();
    fields.get("endpoints").is_some() && fields.get("world").is_none()
}

/// Any value, of which only its presence matters.
struct Anything;

impl Deserr<Found> for Anything {
    fn deserialize_from_value<V: IntoValue>(_: Value<V>, _: ValuePointerRef<'_>) -> Result<Self, Found> {
        Ok(Self)
    }
}

/// A file, or a scenario that comes with the command: the file wins where there is one.
fn text(name: &str) -> Result<(String, String), String> {
    match fs::read_to_string(name) {
        Ok(text) => Ok((text, name.to_owned())),
        Err(error) => match builtin(name.strip_suffix(".yaml").unwrap_or(name)) {
            Some(builtin) => Ok((builtin.text.to_owned(), format!("{}.yaml (built in)", builtin.name))),
            None if error.kind() == io::ErrorKind::NotFound => {
                let names: Vec<&str> = builtins().iter().map(|builtin| builtin.name).collect();
                Err(format!(
                    "{name}: no such file, and no scenario of this name comes with rehearse\n    there are: {}",
                    names.join(", ")
                ))
            }
            None => Err(format!("{name}: cannot be read: {error}")),
        },
    }
}
