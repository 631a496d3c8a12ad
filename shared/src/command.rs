//! What operators may ask of the functions, with every field checked before anything is done.
//!
//! Each function has its own commands; what they have in common (unknown names and fields, texts, endpoints, and that all
//! that is wrong is told at once) is in `fields`.

mod backup;
mod capacity;
mod fields;
mod health;
mod rollout;
mod wake;

use crate::text::and_list;

pub use self::{
    backup::{BackupCommand, OfPoint},
    capacity::CapacityCommand,
    fields::MAX_ENDPOINTS,
    health::{Ends, HealthCommand, LONGEST_SILENCE, Targets},
    rollout::{RolloutCommand, Said, Start, still_meant, watched},
    wake::WakeCommand,
};

/// One command: what it accepts, with a whole example.
#[derive(Clone, Copy, Debug)]
struct Spec {
    name: &'static str,
    fields: &'static [&'static str],
    example: &'static str,
}

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

impl CommandError {
    fn refused(command: &'static str, problems: Vec<String>, example: &'static str) -> Self {
        Self::Fields {
            command,
            problems,
            example,
        }
    }
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
