//! What operators may ask of the cross-Region backup.

use serde_json::Value;

use super::{
    CommandError, Said, Spec,
    fields::{Fields, shown},
};
use crate::{backup::PointId, fleet::text::is_region, trigger::Command};

/// A command to the cross-Region backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupCommand {
    /// Make a recovery point now.
    Backup {
        /// Absent: of every endpoint that is backed up.
        endpoint: Option<String>,
        /// Who and why.
        said: Said,
    },
    /// Say what is known, without changing anything.
    Status {
        /// Absent: of every endpoint that is backed up.
        endpoint: Option<String>,
    },
    /// Say which recovery points there are.
    List {
        /// `EndpointName`.
        endpoint: String,
        /// Only those of the endpoint in this Region.
        from: Option<String>,
    },
    /// Look whether everything that a recovery point names is there as it should be.
    Verify(OfPoint),
    /// Show what a restore would make.
    PlanRestore {
        /// From what.
        of: OfPoint,
        /// The endpoint's name in the other Region; its own when absent.
        name: Option<String>,
    },
    /// Make the endpoint in the other Region.
    Restore {
        /// From what.
        of: OfPoint,
        /// The endpoint's name in the other Region; its own when absent.
        name: Option<String>,
        /// Who and why.
        said: Said,
    },
    /// Restore under another name, probe, tear down.
    Drill {
        /// From what.
        of: OfPoint,
        /// Who and why.
        said: Said,
    },
    /// End a restore or drill at work: a drill is torn down, a restore stops where it is.
    Abort {
        /// `EndpointName`.
        endpoint: String,
        /// Who and why.
        said: Said,
    },
    /// Delete what retention does not keep.
    Prune {
        /// `EndpointName`.
        endpoint: String,
        /// Points of the endpoint in this Region. Absent: of the function's own, or the only one.
        from: Option<String>,
        /// All of them, of an endpoint that is not backed up any more.
        everything: bool,
        /// The digest of the plan that was shown. Absent: show it.
        plan: Option<String>,
        /// Who and why.
        said: Said,
    },
    /// Go on with a backup whose invocation ran out of time. Sent by the function to itself.
    Continue {
        /// `EndpointName`.
        endpoint: String,
        /// Which backup.
        job: u64,
        /// The so-manieth continuation.
        hop: u32,
    },
}

/// A recovery point of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfPoint {
    /// `EndpointName`.
    pub endpoint: String,
    /// Absent: the newest.
    pub point: Option<PointId>,
    /// The Region of the endpoint. Absent: the function's own, or the only one.
    pub from: Option<String>,
}

const COMMANDS: [Spec; 10] = [
    Spec {
        name: "backup",
        fields: &["endpoint", "id", "by", "reason"],
        example: r#"{"command": "backup", "endpoint": "fraud-detector", "by": "ana", "reason": "before the migration"}"#,
    },
    Spec {
        name: "status",
        fields: &["endpoint"],
        example: r#"{"command": "status", "endpoint": "fraud-detector"}"#,
    },
    Spec {
        name: "list",
        fields: &["endpoint", "from"],
        example: r#"{"command": "list", "endpoint": "fraud-detector"}"#,
    },
    Spec {
        name: "verify",
        fields: &["endpoint", "point", "from"],
        example: r#"{"command": "verify", "endpoint": "fraud-detector", "point": "20260131T020000Z-1a2b3c4d"}"#,
    },
    Spec {
        name: "plan-restore",
        fields: &["endpoint", "point", "from", "name"],
        example: r#"{"command": "plan-restore", "endpoint": "fraud-detector"}"#,
    },
    Spec {
        name: "restore",
        fields: &["endpoint", "point", "from", "name", "id", "by", "reason"],
        example: r#"{"command": "restore", "endpoint": "fraud-detector", "by": "ana", "reason": "us-east-1 is down"}"#,
    },
    Spec {
        name: "drill",
        fields: &["endpoint", "point", "from", "id", "by", "reason"],
        example: r#"{"command": "drill", "endpoint": "fraud-detector", "by": "ana"}"#,
    },
    Spec {
        name: "abort",
        fields: &["endpoint", "id", "by", "reason"],
        example: r#"{"command": "abort", "endpoint": "fraud-detector", "by": "ana", "reason": "the Region is back"}"#,
    },
    Spec {
        name: "prune",
        fields: &["endpoint", "from", "everything", "plan", "id", "by", "reason"],
        example: r#"{"command": "prune", "endpoint": "fraud-detector", "plan": "0123456789ab", "by": "ana"}"#,
    },
    Spec {
        name: "continue",
        fields: &["endpoint", "job", "hop"],
        example: r#"{"command": "continue", "endpoint": "fraud-detector", "job": 12, "hop": 1}"#,
    },
];

impl BackupCommand {
    /// Reads a command.
    ///
    /// # Errors
    /// When the command is unknown, or with every field that is unknown, missing or wrong.
    pub fn parse(command: &Command) -> Result<Self, CommandError> {
        let mut fields = Fields::of(&COMMANDS, command)?;
        let name = fields.spec.name;
        let endpoint = fields.endpoint(!matches!(name, "backup" | "status"));
        let point = match fields.spec.fields.contains(&"point") {
            true => point(&mut fields),
            false => None,
        };
        let from = match fields.spec.fields.contains(&"from") {
            true => region(&mut fields),
            false => None,
        };
        let said = match fields.spec.fields.contains(&"by") {
            true => Said {
                id: fields.id(),
                by: fields.words("by"),
                reason: fields.words("reason"),
            },
            false => Said::default(),
        };
        let of = endpoint.clone().map(|endpoint| OfPoint {
            endpoint,
            point,
            from: from.clone(),
        });
        let read = match name {
            "backup" => Some(Self::Backup { endpoint, said }),
            "status" => Some(Self::Status { endpoint }),
            "list" => endpoint.map(|endpoint| Self::List { endpoint, from }),
            "verify" => of.map(Self::Verify),
            "plan-restore" => {
                let name = new_name(&mut fields);
                of.map(|of| Self::PlanRestore { of, name })
            }
            "restore" => {
                let name = new_name(&mut fields);
                of.map(|of| Self::Restore { of, name, said })
            }
            "drill" => of.map(|of| Self::Drill { of, said }),
            "abort" => endpoint.map(|endpoint| Self::Abort { endpoint, said }),
            "prune" => {
                let plan = plan(&mut fields);
                let everything = everything(&mut fields);
                endpoint.map(|endpoint| Self::Prune {
                    endpoint,
                    from,
                    everything,
                    plan,
                    said,
                })
            }
            _ => {
                let job = number(&mut fields, "job", 1, u64::MAX);
                let hop = number(&mut fields, "hop", 1, 1000).and_then(|hop| u32::try_from(hop).ok());
                endpoint
                    .zip(job)
                    .zip(hop)
                    .map(|((endpoint, job), hop)| Self::Continue { endpoint, job, hop })
            }
        };
        fields.done(read)
    }

    /// The endpoint it is about; `None` for all.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Backup { endpoint, .. } | Self::Status { endpoint } => endpoint.as_deref(),
            Self::Verify(of) | Self::PlanRestore { of, .. } | Self::Restore { of, .. } | Self::Drill { of, .. } => {
                Some(&of.endpoint)
            }
            Self::List { endpoint, .. }
            | Self::Abort { endpoint, .. }
            | Self::Prune { endpoint, .. }
            | Self::Continue { endpoint, .. } => Some(endpoint),
        }
    }
}

fn point(fields: &mut Fields<'_>) -> Option<PointId> {
    const ACCEPTED: &str = "the id of a recovery point as `list` shows it, or nothing for the newest";
    if fields.is_absent("point") {
        return None;
    }
    let value = fields.args().get("point")?;
    let read = value.as_str().and_then(|text| text.parse().ok());
    fields.take(read.ok_or_else(|| format!("`point` is {}: it has to be {ACCEPTED}.", shown(value))))
}

fn region(fields: &mut Fields<'_>) -> Option<String> {
    if fields.is_absent("from") {
        return None;
    }
    let value = fields.args().get("from")?;
    let read = value.as_str().filter(|region| is_region(region));
    fields.take(read.map(str::to_owned).ok_or_else(|| {
        let shown = shown(value);
        format!("`from` is {shown}: it has to be the Region of the endpoint, such as \"us-east-1\".")
    }))
}

fn new_name(fields: &mut Fields<'_>) -> Option<String> {
    if fields.is_absent("name") {
        return None;
    }
    let value = fields.args().get("name")?;
    let read = value.as_str().filter(|name| crate::trigger::is_endpoint_name(name));
    fields.take(read.map(str::to_owned).ok_or_else(|| {
        let shown = shown(value);
        format!(
            "`name` is {shown}: it has to be a name for the endpoint in the other Region, such as \"fraud-detector\"."
        )
    }))
}

fn everything(fields: &mut Fields<'_>) -> bool {
    let read = match fields.args().get("everything") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(everything)) => Ok(*everything),
        Some(other) => Err(format!("`everything` is {}: it has to be true or false.", shown(other))),
    };
    fields.take(read).unwrap_or(false)
}

fn plan(fields: &mut Fields<'_>) -> Option<String> {
    if fields.is_absent("plan") {
        return None;
    }
    let value = fields.args().get("plan")?;
    let hex = |text: &&str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let read = value.as_str().filter(hex);
    fields.take(read.map(str::to_owned).ok_or_else(|| {
        let shown = shown(value);
        format!("`plan` is {shown}: it has to be the 12 digits that `prune` without `plan` shows.")
    }))
}

fn number(fields: &mut Fields<'_>, key: &'static str, least: u64, most: u64) -> Option<u64> {
    let value = fields.args().get(key).unwrap_or(&Value::Null);
    let read = value.as_u64().filter(|number| (least..=most).contains(number));
    fields.take(read.ok_or_else(|| {
        let shown = shown(value);
        format!("`{key}` is {shown}: it has to be a number from {least}, as the function sends it to itself.")
    }))
}

#[cfg(test)]
mod tests;
