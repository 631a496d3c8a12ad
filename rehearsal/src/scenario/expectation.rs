//! What must hold, as a scenario writes it. Judging is the business of `expect.rs`.

use deserr::{Deserr, ValuePointerRef};
use steward::{
    alert::AlertKind,
    quantity::Span,
    yaml::{Found, Map},
};

use crate::{expect::matches, record::Ending};

mod backup;
mod cost;
mod endpoint;
mod rollout;

pub use backup::{CopyExpectation, DefinitionExpectation, UploadExpectation};
pub use cost::CostExpectation;
pub use endpoint::EndpointExpectation;
pub use rollout::{Bound, ConfigExpectation, CountBound, RequestExpectation, ShareBound, TargetExpectation};

/// Everything that must hold.
#[derive(Clone, Debug, Default, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct Expect {
    /// How endpoints stand, in the world and in the health ledger.
    #[deserr(default)]
    pub endpoints: Vec<EndpointExpectation>,
    /// How clients' requests went.
    #[deserr(default)]
    pub requests: Vec<RequestExpectation>,
    /// What endpoints cost.
    #[deserr(default)]
    pub costs: Vec<CostExpectation>,
    /// Which endpoint configs exist at the end.
    #[deserr(default)]
    pub configs: Vec<ConfigExpectation>,
    /// Which variants are scalable targets at the end.
    #[deserr(default)]
    pub scalable_targets: Vec<TargetExpectation>,
    /// Which objects have copies at the end.
    #[deserr(default)]
    pub copies: Vec<CopyExpectation>,
    /// What of SageMaker exists in Regions at the end. Of a Region without it, nothing may be left of a restore or drill
    /// that serves nobody, other than of a restore that was told to have failed.
    #[deserr(default)]
    pub definitions: Vec<DefinitionExpectation>,
    /// How many multipart uploads are left unfinished at the end. Without it, none may be.
    #[deserr(default)]
    pub unfinished_uploads: Option<UploadExpectation>,
    /// What is published.
    #[deserr(default)]
    pub alerts: Vec<AlertExpectation>,
    /// How unique the alerts' deduplication ids are.
    #[deserr(default)]
    pub alert_ids: AlertIds,
    /// Which AWS calls are made.
    #[deserr(default)]
    pub calls: Vec<CallExpectation>,
    /// What commands answer.
    #[deserr(default)]
    pub answers: Vec<AnswerExpectation>,
    /// How invocations end. Without any, every invocation must end `ok`.
    #[deserr(default)]
    pub invocations: Vec<InvocationExpectation>,
    /// How many events are given up. Without it, none may be.
    #[deserr(default)]
    pub dead_letters: Option<DeadLetterExpectation>,
}

/// How often. Without any bound: at least once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// Exactly.
    pub times: Option<u64>,
    /// Or more.
    pub at_least: Option<u64>,
    /// Or fewer.
    pub at_most: Option<u64>,
}

impl Count {
    /// Whether `number` is within the bounds.
    pub fn allows(&self, number: u64) -> bool {
        match (self.times, self.at_least, self.at_most) {
            (None, None, None) => number >= 1,
            (times, least, most) => {
                times.is_none_or(|n| number == n)
                    && least.is_none_or(|n| number >= n)
                    && most.is_none_or(|n| number <= n)
            }
        }
    }
}

impl Count {
    /// It must not happen.
    pub fn is_never(&self) -> bool {
        self.times == Some(0) || self.at_most == Some(0)
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.times, self.at_least, self.at_most) {
            (None, None, None) => f.write_str("at least once"),
            (Some(1), _, _) => f.write_str("once"),
            (Some(n), _, _) => write!(f, "{n} times"),
            (None, Some(least), Some(most)) => write!(f, "{least} to {most} times"),
            (None, Some(least), None) => write!(f, "at least {least} times"),
            (None, None, Some(most)) => write!(f, "at most {most} times"),
        }
    }
}

/// How often alerts of a kind are published.
#[derive(Clone, Debug, Default, Deserr)]
#[deserr(error = Found, deny_unknown_fields, validate = alert_checked -> Found)]
pub struct AlertExpectation {
    /// Dot name, e.g. `endpoint.unhealthy`; `*` stands for any text.
    pub kind: String,
    /// Only about this endpoint.
    #[deserr(default)]
    pub endpoint: Option<String>,
    /// Only on a topic of this Region.
    #[deserr(default)]
    pub region: Option<String>,
    /// `critical`, `warning` or `info`.
    #[deserr(default)]
    pub severity: Option<String>,
    /// Only those that say that something is over (true), or that something is wrong (false).
    #[deserr(default)]
    pub resolved: Option<bool>,
    /// Its text contains this.
    #[deserr(default)]
    pub says: Option<String>,
    /// Only from this moment on.
    #[deserr(default)]
    pub from: Option<Span>,
    /// Only until this moment.
    #[deserr(default)]
    pub until: Option<Span>,
    /// Exactly so often.
    #[deserr(default)]
    pub times: Option<u64>,
    /// Or more.
    #[deserr(default)]
    pub at_least: Option<u64>,
    /// Or fewer.
    #[deserr(default)]
    pub at_most: Option<u64>,
}

impl AlertExpectation {
    /// How often.
    pub fn count(&self) -> Count {
        Count {
            times: self.times,
            at_least: self.at_least,
            at_most: self.at_most,
        }
    }
}

fn alert_checked(spec: AlertExpectation, at: ValuePointerRef<'_>) -> Result<AlertExpectation, Found> {
    let mut found = Found::default();
    found.and(count_checked(spec.count(), at));
    if !AlertKind::ALL.iter().any(|kind| matches(&spec.kind, kind.as_str())) {
        let kinds: Vec<&str> = AlertKind::ALL.iter().map(|kind| kind.as_str()).collect();
        found.and(Found::one(
            at.push_key("kind"),
            format!("no kind of alert is {:?}", spec.kind),
            kinds.join(", "),
        ));
    }
    const SEVERITIES: [&str; 3] = ["critical", "warning", "info"];
    if let Some(severity) = &spec.severity
        && !SEVERITIES.contains(&severity.as_str())
    {
        found.and(Found::one(
            at.push_key("severity"),
            format!("{severity:?} is not known"),
            SEVERITIES.join(", "),
        ));
    }
    found.or(spec)
}

fn count_checked(count: Count, at: ValuePointerRef<'_>) -> Found {
    match count {
        Count {
            times: Some(_),
            at_least,
            at_most,
        } if at_least.is_some() || at_most.is_some() => {
            Found::key(at.push_key("times"), "cannot go with `at_least` or `at_most`", None)
        }
        Count {
            at_least: Some(least),
            at_most: Some(most),
            ..
        } if least > most => Found::one(at.push_key("at_most"), format!("{most} is less than `at_least`"), None),
        _ => Found::default(),
    }
}

/// How unique the deduplication ids of all published alerts are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserr)]
pub enum AlertIds {
    /// Every alert is published once.
    #[default]
    #[deserr(rename = "once")]
    Once,
    /// An alert may be published again, but always under its one id: subscribers can tell.
    #[deserr(rename = "stable")]
    Stable,
}

/// How often AWS calls are made.
#[derive(Clone, Debug, Default, Deserr)]
#[deserr(error = Found, deny_unknown_fields, validate = call_checked -> Found)]
pub struct CallExpectation {
    /// `sagemaker`, `runtime`, `cloudwatch`, `autoscaling`, `sns`, `sts` or `s3`.
    #[deserr(default)]
    pub service: Option<String>,
    /// E.g. `UpdateEndpoint`; `*` stands for any text.
    pub operation: String,
    /// Function, or `operator`.
    #[deserr(default)]
    pub by: Option<String>,
    /// Only to this Region.
    #[deserr(default)]
    pub region: Option<String>,
    /// Only those that copy from this bucket.
    #[deserr(default)]
    pub copied_from: Option<String>,
    /// Only those that succeeded (true) or failed (false).
    #[deserr(default)]
    pub succeeded: Option<bool>,
    /// Only from this moment on.
    #[deserr(default)]
    pub from: Option<Span>,
    /// Only until this moment.
    #[deserr(default)]
    pub until: Option<Span>,
    /// Exactly so often.
    #[deserr(default)]
    pub times: Option<u64>,
    /// Or more.
    #[deserr(default)]
    pub at_least: Option<u64>,
    /// Or fewer.
    #[deserr(default)]
    pub at_most: Option<u64>,
}

impl CallExpectation {
    /// How often.
    pub fn count(&self) -> Count {
        Count {
            times: self.times,
            at_least: self.at_least,
            at_most: self.at_most,
        }
    }
}

fn call_checked(spec: CallExpectation, at: ValuePointerRef<'_>) -> Result<CallExpectation, Found> {
    count_checked(spec.count(), at).or(spec)
}

/// What a command answers.
#[derive(Clone, Debug, Default, Deserr)]
#[deserr(error = Found, deny_unknown_fields, validate = answer_checked -> Found)]
pub struct AnswerExpectation {
    /// The command's name in `commands`.
    pub to: String,
    /// How the invocation ends. `ok` unless said.
    #[deserr(default)]
    pub ends: Option<Ending>,
    /// Its `summary` contains this.
    #[deserr(default)]
    pub says: Option<String>,
    /// Values at JSON pointers.
    #[deserr(default)]
    pub json: Map<Answer>,
}

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer(pub serde_json::Value);

impl Deserr<Found> for Answer {
    fn deserialize_from_value<V: deserr::IntoValue>(
        value: deserr::Value<V>,
        _: ValuePointerRef<'_>,
    ) -> Result<Self, Found> {
        Ok(Self(serde_json::Value::from(value)))
    }
}

fn answer_checked(spec: AnswerExpectation, at: ValuePointerRef<'_>) -> Result<AnswerExpectation, Found> {
    let mut found = Found::default();
    for (pointer, _) in &spec.json.0 {
        if !pointer.is_empty() && !pointer.starts_with('/') {
            let json = at.push_key("json");
            found.and(Found::key(
                json.push_key(pointer),
                "is no JSON pointer",
                "a pointer such as /endpoints/0/state".to_owned(),
            ));
        }
    }
    found.or(spec)
}

/// How many invocations end in a way.
#[derive(Clone, Debug, Deserr)]
#[deserr(error = Found, deny_unknown_fields, validate = invocation_checked -> Found)]
pub struct InvocationExpectation {
    /// How they end.
    pub ends: Ending,
    /// Only this function's.
    #[deserr(default)]
    pub function: Option<String>,
    /// Only from this moment on.
    #[deserr(default)]
    pub from: Option<Span>,
    /// Only until this moment.
    #[deserr(default)]
    pub until: Option<Span>,
    /// Exactly so often.
    #[deserr(default)]
    pub times: Option<u64>,
    /// Or more.
    #[deserr(default)]
    pub at_least: Option<u64>,
    /// Or fewer.
    #[deserr(default)]
    pub at_most: Option<u64>,
}

impl InvocationExpectation {
    /// How often.
    pub fn count(&self) -> Count {
        Count {
            times: self.times,
            at_least: self.at_least,
            at_most: self.at_most,
        }
    }
}

fn invocation_checked(spec: InvocationExpectation, at: ValuePointerRef<'_>) -> Result<InvocationExpectation, Found> {
    count_checked(spec.count(), at).or(spec)
}

/// How many events are given up after their last retry.
#[derive(Clone, Copy, Debug, Default, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct DeadLetterExpectation {
    /// Exactly so many.
    #[deserr(default)]
    pub times: Option<u64>,
    /// Or more.
    #[deserr(default)]
    pub at_least: Option<u64>,
    /// Or fewer.
    #[deserr(default)]
    pub at_most: Option<u64>,
}

impl DeadLetterExpectation {
    /// How many.
    pub fn count(&self) -> Count {
        Count {
            times: self.times,
            at_least: self.at_least,
            at_most: self.at_most,
        }
    }
}
