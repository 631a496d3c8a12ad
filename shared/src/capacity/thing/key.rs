//! Which thing it is.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Scalable;
use crate::rollout::is_abort_alarm;

/// Which thing it is. The order is the one in which things are made: each after what it needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// By `EndpointName`.
    Endpoint(String),
    /// By what it scales.
    Target(Scalable),
    /// By what it scales and `PolicyName`.
    Policy(Scalable, String),
    /// By `AlarmName`.
    Alarm(String),
    /// By whose range it sets and `ScheduledActionName`.
    Action(Scalable, String),
    /// By `FunctionName`.
    Reserved(String),
    /// By `FunctionName` and qualifier.
    Warm(String, String),
    /// By API, stage, path and method; both empty for all of the stage.
    Throttle(String, String, String, String),
    /// By `DashboardName`.
    Dashboard(String),
}

impl Key {
    /// The kind of thing, for tables.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Endpoint(_) => "endpoint",
            Self::Target(_) => "scalable target",
            Self::Policy(..) => "scaling policy",
            Self::Alarm(_) => "alarm",
            Self::Action(..) => "scheduled action",
            Self::Reserved(_) => "reserved concurrency",
            Self::Warm(..) => "provisioned concurrency",
            Self::Throttle(..) => "throttling",
            Self::Dashboard(_) => "dashboard",
        }
    }

    /// Its own name in AWS, where its maker chose one; not of what a rollout makes and deletes for its time.
    pub fn own_name(&self) -> Option<&str> {
        match self {
            Self::Alarm(name) if is_abort_alarm(name) => None,
            Self::Policy(_, name) | Self::Alarm(name) | Self::Action(_, name) | Self::Dashboard(name) => Some(name),
            Self::Endpoint(_) | Self::Target(_) | Self::Reserved(_) | Self::Warm(..) | Self::Throttle(..) => None,
        }
    }

    /// What it scales.
    pub const fn scalable(&self) -> Option<&Scalable> {
        match self {
            Self::Target(of) | Self::Policy(of, _) | Self::Action(of, _) => Some(of),
            _ => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(name) | Self::Alarm(name) | Self::Dashboard(name) => f.write_str(name),
            Self::Target(of) => of.fmt(f),
            Self::Policy(of, name) | Self::Action(of, name) => write!(f, "{name} of {of}"),
            Self::Reserved(function) => f.write_str(function),
            Self::Warm(function, qualifier) => write!(f, "{function}:{qualifier}"),
            Self::Throttle(api, stage, path, method) if path.is_empty() && method.is_empty() => {
                write!(f, "{api}/{stage}")
            }
            Self::Throttle(api, stage, path, method) => write!(f, "{api}/{stage} {method} {path}"),
        }
    }
}
