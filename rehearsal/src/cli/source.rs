//! Where scenarios come from: files, and those that come with the command.

use std::{fs, io};

use steward::{fleet::Fleet, yaml};

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
        if Kind::of(text) == Kind::Fleet {
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
        if Kind::of(text) == Kind::Scenario {
            let scenario = Scenario::parse(text, origin).map_err(|wrong| wrong.to_string())?;
            return Ok(Read::Scenario(Box::new(scenario)));
        }
        let fleet = Fleet::parse(text, origin).map_err(|wrong| wrong.to_string())?;
        Ok(Read::Fleet(Box::new(fleet)))
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

/// What the fields of a file make it, whatever is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Scenario,
    Fleet,
    /// It has none of either's.
    Neither,
}

impl Kind {
    /// What no fleet file has, and no scenario can do without.
    const SCENARIO: [&str; 3] = ["world", "title", "duration"];
    /// What a fleet file may have; a scenario has its own beside `fleet`.
    const FLEET: [&str; 8] = [
        "version",
        "defaults",
        "strategies",
        "endpoints",
        "lambdas",
        "apis",
        "dashboard",
        "fleet",
    ];

    fn of(text: &str) -> Self {
        let keys = yaml::keys(text);
        let has = |known: &[&str]| keys.iter().any(|key| known.contains(&key.as_str()));
        if has(&Self::SCENARIO) {
            Self::Scenario
        } else if has(&Self::FLEET) {
            Self::Fleet
        } else {
            Self::Neither
        }
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
