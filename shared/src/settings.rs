//! The environment of a function, read once at its start: all of it right, or all that is wrong with it at once.

mod parse;

use std::{collections::BTreeMap, fmt, path::PathBuf};

use crate::{
    alert::Links,
    text::{nearest, or_list, printable},
};

/// Where the fleet file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FleetSource {
    /// `s3://bucket/key`.
    S3 {
        /// The bucket.
        bucket: String,
        /// The key, without a leading slash.
        key: String,
    },
    /// `file:path`, for a file packed with the function or a rehearsal.
    File(PathBuf),
}

impl fmt::Display for FleetSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// Where the ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateStore {
    /// The bucket.
    pub bucket: String,
    /// Empty, or ending with a slash: put before every key.
    pub prefix: String,
}

impl StateStore {
    /// The key of a document.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Only what failed.
    Error,
    /// And what looks wrong.
    Warn,
    /// And what was done.
    Info,
    /// And why.
    Debug,
    /// And every call.
    Trace,
}

impl LogLevel {
    const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The value of `STEWARD_LOG`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Everything the environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `STEWARD_FLEET`.
    pub fleet: FleetSource,
    /// `STEWARD_STATE`.
    pub state: StateStore,
    /// `STEWARD_TOPIC_ARN`: a topic in the function's own Region.
    pub topic_arn: String,
    /// `STEWARD_NAME`: tells several installations in one account apart. Default `steward`.
    pub name: String,
    /// `STEWARD_RUNBOOKS`: base URL without a trailing slash.
    pub runbooks: Option<String>,
    /// `STEWARD_METRICS_NAMESPACE`. Default `Steward`.
    pub metrics_namespace: String,
    /// `STEWARD_LOG`. Default info.
    pub log: LogLevel,
    /// `AWS_REGION`, which Lambda sets.
    pub region: String,
    /// `AWS_LAMBDA_FUNCTION_NAME`, which Lambda sets; `STEWARD_NAME` where it is absent.
    pub function: String,
}

/// One variable that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// The variable.
    pub variable: String,
    /// What it holds, safe to show; `None` when it is not set.
    pub holds: Option<String>,
    /// What is wrong with that.
    pub problem: String,
    /// What is accepted.
    pub accepted: String,
    /// A line that would do.
    pub example: String,
}

/// Every variable that is wrong. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsErrors(pub Vec<SettingsError>);

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = self.0.len();
        write!(
            f,
            "{many} setting{} wrong; nothing was started.",
            if many == 1 { " is" } else { "s are" }
        )?;
        for SettingsError {
            variable,
            holds,
            problem,
            accepted,
            example,
        } in &self.0
        {
            match holds {
                Some(value) => write!(f, "\n{variable} is \"{value}\": {problem}.")?,
                None => write!(f, "\n{variable} {problem}.")?,
            }
            write!(f, "\n  accepted: {accepted}\n  example:  {example}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsErrors {}

/// A variable, what it accepts and an example.
struct Variable {
    name: &'static str,
    accepted: &'static str,
    example: &'static str,
}

const FLEET: Variable = Variable {
    name: "STEWARD_FLEET",
    accepted: "where the fleet file is: s3://BUCKET/KEY or file:PATH",
    example: "STEWARD_FLEET=s3://my-steward-state/fleet.yaml",
};
const STATE: Variable = Variable {
    name: "STEWARD_STATE",
    accepted: "where state is kept: s3://BUCKET or s3://BUCKET/PREFIX",
    example: "STEWARD_STATE=s3://my-steward-state",
};
const TOPIC: Variable = Variable {
    name: "STEWARD_TOPIC_ARN",
    accepted: "the ARN of an SNS topic in the function's Region (a FIFO topic reaches queues only)",
    example: "STEWARD_TOPIC_ARN=arn:aws:sns:eu-west-1:111122223333:steward-alerts",
};
const NAME: Variable = Variable {
    name: "STEWARD_NAME",
    accepted: "letters, digits and hyphens, 1 to 40 characters, beginning with a letter; default steward",
    example: "STEWARD_NAME=steward",
};
const RUNBOOKS: Variable = Variable {
    name: "STEWARD_RUNBOOKS",
    accepted: "the base URL of the runbook pages, http:// or https://, without ? and #; unset for none",
    example: "STEWARD_RUNBOOKS=https://wiki.example.com/steward/runbooks",
};
const NAMESPACE: Variable = Variable {
    name: "STEWARD_METRICS_NAMESPACE",
    accepted: "a CloudWatch namespace: letters, digits and . - _ / # : , 1 to 255 characters, not beginning with AWS/ or a colon; default Steward",
    example: "STEWARD_METRICS_NAMESPACE=Steward",
};
const LOG: Variable = Variable {
    name: "STEWARD_LOG",
    accepted: "error, warn, info, debug or trace; default info",
    example: "STEWARD_LOG=info",
};
const REGION: Variable = Variable {
    name: "AWS_REGION",
    accepted: "a Region's name; Lambda sets it by itself",
    example: "AWS_REGION=eu-west-1",
};
const FUNCTION: Variable = Variable {
    name: "AWS_LAMBDA_FUNCTION_NAME",
    accepted: "the function's name, at most 140 characters; Lambda sets it by itself",
    example: "AWS_LAMBDA_FUNCTION_NAME=steward-health-checker",
};

/// What may follow `STEWARD_`.
const KNOWN: [&Variable; 7] = [&FLEET, &STATE, &TOPIC, &NAME, &RUNBOOKS, &NAMESPACE, &LOG];

impl Settings {
    /// Every variable beginning with `STEWARD_` that is read; any other such variable is refused.
    pub const VARIABLES: [&'static str; 7] = [
        FLEET.name,
        STATE.name,
        TOPIC.name,
        NAME.name,
        RUNBOOKS.name,
        NAMESPACE.name,
        LOG.name,
    ];

    /// Reads the environment. An empty value counts as not set.
    ///
    /// # Errors
    /// Every variable that is missing or wrong, and every variable beginning with `STEWARD_` that nobody reads.
    pub fn from_env(env: &BTreeMap<String, String>) -> Result<Self, SettingsErrors> {
        let mut read = Reader {
            env,
            errors: Vec::new(),
        };
        let fleet = read.required(&FLEET, parse::fleet_source);
        let state = read.required(&STATE, parse::state_store);
        let region = read.required(&REGION, parse::region_name);
        let topic = read.required(&TOPIC, |text| parse::topic_arn(text, region.as_deref()));
        let name = read
            .optional(&NAME, parse::installation)
            .unwrap_or_else(|| "steward".into());
        let runbooks = read.optional(&RUNBOOKS, parse::base_url);
        let namespace = read
            .optional(&NAMESPACE, parse::namespace)
            .unwrap_or_else(|| "Steward".into());
        let log = read.optional(&LOG, parse::log_level).unwrap_or(LogLevel::Info);
        let function = read
            .optional(&FUNCTION, parse::function_name)
            .unwrap_or_else(|| name.clone());
        read.refuse_unknown();
        match (fleet, state, region, topic, read.errors) {
            (Some(fleet), Some(state), Some(region), Some(topic_arn), errors) if errors.is_empty() => Ok(Self {
                fleet,
                state,
                topic_arn,
                name,
                runbooks,
                metrics_namespace: namespace,
                log,
                region,
                function,
            }),
            (.., errors) => Err(SettingsErrors(errors)),
        }
    }

    /// The account that this runs in: that of the topic.
    pub fn account(&self) -> &str {
        self.topic_arn.split(':').nth(4).unwrap_or_default()
    }

    /// What the links of alerts are made from.
    pub fn links(&self) -> Links {
        Links {
            region: self.region.clone(),
            runbooks: self.runbooks.clone(),
        }
    }
}

struct Reader<'a> {
    env: &'a BTreeMap<String, String>,
    errors: Vec<SettingsError>,
}

impl Reader<'_> {
    fn required<T>(&mut self, variable: &Variable, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        if self.env.get(variable.name).is_none_or(|text| text.trim().is_empty()) {
            self.refuse(variable, None, "is not set".into());
            return None;
        }
        self.optional(variable, parse)
    }

    fn optional<T>(&mut self, variable: &Variable, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self
            .env
            .get(variable.name)
            .map(|text| text.trim())
            .filter(|text| !text.is_empty())?;
        parse(text)
            .map_err(|problem| self.refuse(variable, Some(text.to_owned()), problem))
            .ok()
    }

    fn refuse(&mut self, variable: &Variable, holds: Option<String>, problem: String) {
        self.errors.push(SettingsError {
            variable: variable.name.into(),
            holds: holds.map(|text| printable(&text, 200)),
            problem,
            accepted: variable.accepted.into(),
            example: variable.example.into(),
        });
    }

    fn refuse_unknown(&mut self) {
        let known = KNOWN.map(|variable| variable.name);
        let unknown = self
            .env
            .iter()
            .filter(|(name, _)| name.starts_with("STEWARD_") && !known.contains(&name.as_str()));
        for (name, value) in unknown {
            let suffix = |name: &'static str| name.trim_start_matches("STEWARD_");
            let meant = nearest(name.trim_start_matches("STEWARD_"), known.map(suffix));
            let meant = KNOWN.into_iter().find(|variable| Some(suffix(variable.name)) == meant);
            self.errors.push(SettingsError {
                variable: printable(name, 80),
                holds: Some(printable(value, 200)),
                problem: match meant {
                    Some(meant) => format!("Steward reads no such variable; {} may be meant", meant.name),
                    None => "Steward reads no such variable".into(),
                },
                accepted: meant.map_or_else(|| or_list(&known), |variable| variable.accepted.into()),
                example: meant.map_or("unset it", |variable| variable.example).into(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
