//! The things that make up capacity, each with the key that says which one it is.
//!
//! What a fleet file declares and what AWS describes are the same nouns, so that they can be compared.

mod following;
mod key;

use std::{collections::BTreeMap, fmt};

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

pub use self::key::Key;
use super::provision::Provisioned;
use crate::{
    cron::Cron,
    scaling::{ScalingRule, ScheduledAction, Suspended, TrackedMetric},
};

/// What Application Auto Scaling scales: `ResourceId` and `ScalableDimension`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scalable {
    /// `sagemaker:variant:DesiredInstanceCount`.
    Instances {
        /// `EndpointName`.
        endpoint: String,
        /// `VariantName`.
        variant: String,
    },
    /// `sagemaker:variant:DesiredProvisionedConcurrency` of a serverless variant.
    Concurrency {
        /// `EndpointName`.
        endpoint: String,
        /// `VariantName`.
        variant: String,
    },
    /// `sagemaker:inference-component:DesiredCopyCount`.
    Copies {
        /// `InferenceComponentName`.
        component: String,
    },
}

impl Scalable {
    /// `ResourceId`.
    pub fn resource(&self) -> String {
        match self {
            Self::Instances { endpoint, variant } | Self::Concurrency { endpoint, variant } => {
                format!("endpoint/{endpoint}/variant/{variant}")
            }
            Self::Copies { component } => format!("inference-component/{component}"),
        }
    }

    /// `ScalableDimension`.
    pub const fn dimension(&self) -> &'static str {
        match self {
            Self::Instances { .. } => "sagemaker:variant:DesiredInstanceCount",
            Self::Concurrency { .. } => "sagemaker:variant:DesiredProvisionedConcurrency",
            Self::Copies { .. } => "sagemaker:inference-component:DesiredCopyCount",
        }
    }

    /// `EndpointName`; a component does not say it.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Instances { endpoint, .. } | Self::Concurrency { endpoint, .. } => Some(endpoint),
            Self::Copies { .. } => None,
        }
    }

    /// `VariantName`, and whether it is a serverless one; a component has none.
    pub fn variant(&self) -> Option<(&str, bool)> {
        match self {
            Self::Instances { variant, .. } => Some((variant, false)),
            Self::Concurrency { variant, .. } => Some((variant, true)),
            Self::Copies { .. } => None,
        }
    }

    /// The dimensions of its own metrics.
    pub fn dimensions(&self) -> Vec<(String, String)> {
        match self {
            Self::Instances { endpoint, variant } | Self::Concurrency { endpoint, variant } => vec![
                ("EndpointName".to_owned(), endpoint.clone()),
                ("VariantName".to_owned(), variant.clone()),
            ],
            Self::Copies { component } => vec![("InferenceComponentName".to_owned(), component.clone())],
        }
    }
}

impl fmt::Display for Scalable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instances { endpoint, variant } => write!(f, "variant {variant} of {endpoint}"),
            Self::Concurrency { endpoint, variant } => {
                write!(f, "provisioned concurrency of variant {variant} of {endpoint}")
            }
            Self::Copies { component } => write!(f, "inference component {component}"),
        }
    }
}

/// One thing, as it is declared or described.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thing {
    /// An endpoint with its model and config.
    Endpoint {
        /// `EndpointName`.
        name: String,
        /// What it is made of.
        made: Box<Provisioned>,
    },
    /// A scalable target.
    Target {
        /// What it scales.
        of: Scalable,
        /// `MinCapacity`.
        min: u32,
        /// `MaxCapacity`.
        max: u32,
        /// `SuspendedState`.
        suspended: Suspended,
    },
    /// A scaling policy.
    Policy {
        /// What it scales.
        of: Scalable,
        /// `PolicyName`.
        name: String,
        /// `PolicyType` with its configuration.
        rule: ScalingRule,
    },
    /// A scheduled action.
    Action {
        /// Whose range it sets.
        of: Scalable,
        /// The whole of it.
        action: ScheduledAction,
    },
    /// A CloudWatch alarm on one metric.
    Alarm(Box<Alarm>),
    /// `ReservedConcurrentExecutions` of a Lambda function.
    Reserved {
        /// `FunctionName`.
        function: String,
        /// At most so many at once, and nobody else gets them.
        concurrency: u32,
    },
    /// `ProvisionedConcurrentExecutions` of a published version or an alias.
    Warm {
        /// `FunctionName`.
        function: String,
        /// A version or an alias; `$LATEST` cannot have any.
        qualifier: String,
        /// So many are kept initialised.
        concurrency: u32,
    },
    /// The throttling of a stage of a REST API, or of one method in it.
    Throttle {
        /// `RestApiId`.
        api: String,
        /// `StageName`.
        stage: String,
        /// The method and its resource; `None` for all of the stage.
        route: Option<Route>,
        /// Requests per second.
        rate: f64,
        /// Requests at once.
        burst: u32,
    },
    /// A CloudWatch dashboard.
    Dashboard {
        /// `DashboardName`.
        name: String,
        /// `DashboardBody`, parsed.
        body: serde_json::Value,
    },
}

/// A method of a REST API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// The path of the resource, such as `/predict`.
    pub path: String,
    /// `GET`, `POST`, … or `ANY`.
    pub method: String,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// A CloudWatch alarm on one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// `AlarmName`.
    pub name: String,
    /// `AlarmDescription`.
    pub description: Option<String>,
    /// `Namespace`.
    pub namespace: String,
    /// `MetricName`.
    pub metric: String,
    /// `Dimensions`.
    pub dimensions: BTreeMap<String, String>,
    /// `Statistic`, or `ExtendedStatistic` such as `p99`.
    pub statistic: String,
    /// `Unit`.
    pub unit: Option<String>,
    /// `Period`, seconds.
    pub period: u32,
    /// `EvaluationPeriods`.
    pub periods: u32,
    /// `DatapointsToAlarm`.
    pub datapoints: u32,
    /// `ComparisonOperator`.
    pub comparison: String,
    /// `Threshold`.
    pub threshold: f64,
    /// `TreatMissingData`.
    pub missing: String,
    /// `ActionsEnabled`.
    pub enabled: bool,
    /// `AlarmActions`.
    pub actions: Vec<Action>,
    /// `OKActions`.
    pub ok_actions: Vec<Action>,
    /// `InsufficientDataActions`.
    pub insufficient_actions: Vec<Action>,
}

/// What an alarm does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Triggers a scaling policy. Its ARN is known only once the policy is there.
    Policy {
        /// What the policy scales.
        of: Scalable,
        /// `PolicyName`.
        name: String,
    },
    /// Anything else, by ARN: a topic, a function, a policy that is gone.
    Arn(String),
}

impl Thing {
    /// Which thing it is.
    pub fn key(&self) -> Key {
        match self {
            Self::Endpoint { name, .. } => Key::Endpoint(name.clone()),
            Self::Target { of, .. } => Key::Target(of.clone()),
            Self::Policy { of, name, .. } => Key::Policy(of.clone(), name.clone()),
            Self::Action { of, action } => Key::Action(of.clone(), action.name.clone()),
            Self::Alarm(alarm) => Key::Alarm(alarm.name.clone()),
            Self::Reserved { function, .. } => Key::Reserved(function.clone()),
            Self::Warm {
                function, qualifier, ..
            } => Key::Warm(function.clone(), qualifier.clone()),
            Self::Throttle { api, stage, route, .. } => {
                let (path, method) = match route {
                    Some(route) => (route.path.clone(), route.method.clone()),
                    None => (String::new(), String::new()),
                };
                Key::Throttle(api.clone(), stage.clone(), path, method)
            }
            Self::Dashboard { name, .. } => Key::Dashboard(name.clone()),
        }
    }

    /// The same as AWS keeps it: what it fills in by itself is filled in, and what has no order is in order. Two things are
    /// the same when their usual forms are.
    #[must_use]
    pub fn usual(mut self) -> Self {
        match &mut self {
            Self::Policy { rule, .. } => match rule {
                ScalingRule::TargetTracking {
                    metric,
                    scale_out_cooldown,
                    scale_in_cooldown,
                    ..
                } => {
                    scale_out_cooldown.get_or_insert(USUAL_COOLDOWN);
                    scale_in_cooldown.get_or_insert(USUAL_COOLDOWN);
                    if let TrackedMetric::Customized { dimensions, .. } = metric {
                        dimensions.sort();
                    }
                }
                ScalingRule::Step {
                    cooldown, aggregation, ..
                } => {
                    cooldown.get_or_insert(USUAL_COOLDOWN);
                    aggregation.get_or_insert_with(|| "Average".to_owned());
                }
            },
            Self::Action { action, .. } => {
                if let Some(usual) = usual_schedule(&action.schedule) {
                    action.schedule = usual;
                }
                action.timezone = action.timezone.take().filter(|zone| zone != "UTC");
                if action.schedule.starts_with("rate(") {
                    // Application Auto Scaling reads it only with at(…) and cron(…).
                    action.timezone = None;
                }
            }
            Self::Alarm(alarm) => {
                for actions in [
                    &mut alarm.actions,
                    &mut alarm.ok_actions,
                    &mut alarm.insufficient_actions,
                ] {
                    actions.sort();
                    actions.dedup();
                }
            }
            Self::Endpoint { .. }
            | Self::Target { .. }
            | Self::Reserved { .. }
            | Self::Warm { .. }
            | Self::Throttle { .. }
            | Self::Dashboard { .. } => {}
        }
        self
    }
}

/// The same schedule as it is written here; `None` when it cannot be read.
fn usual_schedule(schedule: &str) -> Option<String> {
    if schedule.starts_with("cron(") {
        return schedule.parse::<Cron>().ok().map(|cron| cron.to_string());
    }
    let civil: DateTime = schedule.strip_prefix("at(")?.strip_suffix(')')?.trim().parse().ok()?;
    Some(format!("at({})", civil.strftime("%Y-%m-%dT%H:%M:%S")))
}

/// What SageMaker's policies have when none is said, seconds. Source: `ScaleInCooldown` of Application Auto Scaling.
pub const USUAL_COOLDOWN: u32 = 300;

/// The patch of `UpdateStage` that sets a stage's throttling: path and value. `/throttle/…` would be a usage plan's.
pub fn stage_patch(route: Option<&Route>, rate: f64, burst: u32) -> [(String, String); 2] {
    let at = match route {
        None => "/*/*".to_owned(),
        Some(route) => format!("/{}/{}", route.path.replace('~', "~0").replace('/', "~1"), route.method),
    };
    [
        (format!("{at}/throttling/rateLimit"), rate.to_string()),
        (format!("{at}/throttling/burstLimit"), burst.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_throttled_by_the_paths_that_update_stage_takes() {
        let all = stage_patch(None, 10_000.0, 5_000);
        assert_eq!(all[0], ("/*/*/throttling/rateLimit".to_owned(), "10000".to_owned()));
        assert_eq!(all[1], ("/*/*/throttling/burstLimit".to_owned(), "5000".to_owned()));
        let route = Route {
            path: "/res/{id}".to_owned(),
            method: "GET".to_owned(),
        };
        let one = stage_patch(Some(&route), 0.5, 1);
        assert_eq!(
            one[0],
            ("/~1res~1{id}/GET/throttling/rateLimit".to_owned(), "0.5".to_owned())
        );
    }
}
