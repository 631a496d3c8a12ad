//! What operators may ask of fleet-reconciler.

use std::time::Duration;

use serde_json::Value;

use super::{
    CommandError, Said, Spec,
    fields::{Fields, shown},
};
use crate::{capacity::REMEMBERED, quantity::Span, trigger::Command};

/// A command to fleet-reconciler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapacityCommand {
    /// Say what would be done, without doing it.
    Plan {
        /// Also what would be deleted; as the fleet file says when absent.
        prune: Option<bool>,
    },
    /// Do what a plan said.
    Apply {
        /// Its id.
        plan: String,
        /// As it was planned.
        prune: Option<bool>,
        /// Who and why.
        said: Said,
    },
    /// Say what is wrong, of everything there is.
    Audit {
        /// Absent: of the whole account.
        endpoint: Option<String>,
    },
    /// Say what was changed outside.
    Drift {
        /// Absent: of everything.
        endpoint: Option<String>,
    },
    /// Say what scaling did.
    Activities {
        /// `EndpointName`.
        endpoint: String,
        /// How far back.
        window: Duration,
    },
    /// Write a fleet file of what is there.
    Export {
        /// Absent: of the whole account.
        endpoint: Option<String>,
    },
}

const COMMANDS: [Spec; 6] = [
    Spec {
        name: "plan",
        fields: &["prune"],
        example: r#"{"command": "plan"}"#,
    },
    Spec {
        name: "apply",
        fields: &["plan", "prune", "id", "by", "reason"],
        example: r#"{"command": "apply", "plan": "0f3a9c51d2e7", "by": "ana", "reason": "the sale begins"}"#,
    },
    Spec {
        name: "audit",
        fields: &["endpoint"],
        example: r#"{"command": "audit"}"#,
    },
    Spec {
        name: "drift",
        fields: &["endpoint"],
        example: r#"{"command": "drift"}"#,
    },
    Spec {
        name: "activities",
        fields: &["endpoint", "for"],
        example: r#"{"command": "activities", "endpoint": "fraud-detector", "for": "6h"}"#,
    },
    Spec {
        name: "export",
        fields: &["endpoint"],
        example: r#"{"command": "export"}"#,
    },
];

const USUAL_WINDOW: Duration = Duration::from_secs(3600);

impl CapacityCommand {
    /// Reads a command.
    ///
    /// # Errors
    /// When the command is unknown, or with every field that is unknown, missing or wrong.
    pub fn parse(command: &Command) -> Result<Self, CommandError> {
        let mut fields = Fields::of(&COMMANDS, command)?;
        let read = match fields.spec.name {
            "plan" => Some(Self::Plan {
                prune: prune(&mut fields),
            }),
            "apply" => {
                let (plan, prune) = (plan(&mut fields), prune(&mut fields));
                let said = Said {
                    id: fields.id(),
                    by: fields.words("by"),
                    reason: fields.words("reason"),
                };
                plan.map(|plan| Self::Apply { plan, prune, said })
            }
            "audit" => Some(Self::Audit {
                endpoint: fields.endpoint(false),
            }),
            "activities" => {
                let (endpoint, window) = (fields.endpoint(true), window(&mut fields));
                endpoint.map(|endpoint| Self::Activities { endpoint, window })
            }
            "drift" => Some(Self::Drift {
                endpoint: fields.endpoint(false),
            }),
            _ => Some(Self::Export {
                endpoint: fields.endpoint(false),
            }),
        };
        fields.done(read)
    }
}

fn prune(fields: &mut Fields<'_>) -> Option<bool> {
    let read = match fields.args().get("prune") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(prune)) => Ok(Some(*prune)),
        Some(other) => Err(format!("`prune` is {}: it has to be true or false.", shown(other))),
    };
    fields.take(read).flatten()
}

fn plan(fields: &mut Fields<'_>) -> Option<String> {
    const ACCEPTED: &str = "the id that `plan` told, such as \"0f3a9c51d2e7\"";
    let value = fields.args().get("plan");
    let id = |text: &&str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let read = match value {
        None | Some(Value::Null) => Err(format!("`plan` is missing: {ACCEPTED}.")),
        Some(value) => match value.as_str().filter(id) {
            Some(text) => Ok(text.to_owned()),
            None => Err(format!("`plan` is {}: it has to be {ACCEPTED}.", shown(value))),
        },
    };
    fields.take(read)
}

fn window(fields: &mut Fields<'_>) -> Duration {
    if fields.is_absent("for") {
        return USUAL_WINDOW;
    }
    let value = fields.args().get("for").unwrap_or(&Value::Null);
    let read = value
        .as_str()
        .and_then(|text| text.parse::<Span>().ok())
        .map(Span::duration);
    let read = read.filter(|span| (Duration::from_secs(60)..=REMEMBERED).contains(span));
    let read = read.ok_or_else(|| {
        let shown = shown(value);
        format!("`for` is {shown}: it has to be a time from 1m to 42d, which is as long as it is remembered, such as \"6h\".")
    });
    fields.take(read).unwrap_or(USUAL_WINDOW)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(value: Value) -> Result<CapacityCommand, CommandError> {
        let name = value["command"].as_str().expect("a name").to_owned();
        let mut args = value.as_object().cloned().expect("a map");
        args.remove("command");
        CapacityCommand::parse(&Command { name, args })
    }

    #[test]
    fn every_example_is_a_command() {
        for spec in COMMANDS {
            let example: Value = serde_json::from_str(spec.example).expect("JSON");
            assert!(parsed(example).is_ok(), "{}", spec.example);
        }
    }

    #[test]
    fn a_command_says_what_is_done() {
        let apply = parsed(json!({ "command": "apply", "plan": "0f3a9c51d2e7", "prune": true, "by": "ana" }));
        let said = Said {
            by: Some("ana".to_owned()),
            ..Said::default()
        };
        assert_eq!(
            apply,
            Ok(CapacityCommand::Apply {
                plan: "0f3a9c51d2e7".to_owned(),
                prune: Some(true),
                said,
            })
        );
        let activities = parsed(json!({ "command": "activities", "endpoint": "fraud" }));
        assert_eq!(
            activities,
            Ok(CapacityCommand::Activities {
                endpoint: "fraud".to_owned(),
                window: USUAL_WINDOW,
            })
        );
    }

    #[test]
    fn everything_that_is_wrong_with_a_command_is_told_at_once() {
        let refused = [
            json!({ "command": "apply", "prune": "yes", "plan": "latest", "force": true }),
            json!({ "command": "apply" }),
            json!({ "command": "activities", "for": "90d" }),
            json!({ "command": "destroy" }),
        ];
        let told: Vec<String> = refused
            .into_iter()
            .map(|command| parsed(command).expect_err("wrong").to_string())
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
