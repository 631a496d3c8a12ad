//! Where scenarios come from: files, and those that come with the command.

use std::{fs, io};

use super::Stopped;
use crate::scenario::{Scenario, builtin, builtins};

/// A scenario by its name on the command line.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) scenario: Scenario,
}

/// Reads all of them. The error holds every problem of every one.
pub(super) fn read(names: &[String]) -> Result<Vec<Named>, Stopped> {
    let mut all = Vec::new();
    let mut problems = Vec::new();
    for name in names {
        match text(name) {
            Err(problem) => problems.push(problem),
            Ok((text, origin)) => match Scenario::parse(&text, &origin) {
                Ok(scenario) => all.push(Named {
                    name: name.clone(),
                    scenario,
                }),
                Err(wrong) => problems.push(wrong.to_string()),
            },
        }
    }
    if problems.is_empty() {
        Ok(all)
    } else {
        Err(Stopped::Wrong(problems.join("\n\n")))
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
