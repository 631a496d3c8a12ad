//! An alarm as a scenario writes it.

use deserr::Deserr;
use steward::{quantity::Span, yaml::Found};

use crate::world::quantity::Named;

/// A metric alarm (with `metric` and one of the four comparisons), or a composite one (with `rule`).
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct AlarmSpec {
    /// Makes it composite: `ALARM("a") OR NOT OK("b")`.
    #[deserr(default)]
    pub rule: Option<String>,
    /// Metric name, for example `Invocation5XXErrors`.
    #[deserr(default)]
    pub metric: Option<String>,
    /// Metric namespace; `AWS/SageMaker` unless said.
    #[deserr(default)]
    pub namespace: Option<String>,
    /// Short for the dimension `EndpointName`.
    #[deserr(default)]
    pub endpoint: Option<String>,
    /// Short for the dimension `VariantName`.
    #[deserr(default)]
    pub variant: Option<String>,
    /// Further dimensions.
    #[deserr(default)]
    pub dimensions: Named<String>,
    /// `Average` unless said; `Sum`, `Minimum`, `Maximum`, `SampleCount` or a percentile such as `p99`.
    #[deserr(default)]
    pub statistic: Option<String>,
    /// Period; one minute unless said.
    #[deserr(default)]
    pub period: Option<Span>,
    /// Breaching above this.
    #[deserr(default)]
    pub above: Option<f64>,
    /// Breaching at this and above.
    #[deserr(default)]
    pub at_least: Option<f64>,
    /// Breaching below this.
    #[deserr(default)]
    pub below: Option<f64>,
    /// Breaching at this and below.
    #[deserr(default)]
    pub at_most: Option<f64>,
    /// `EvaluationPeriods`; 1 unless said.
    #[deserr(default)]
    pub periods: Option<u32>,
    /// `DatapointsToAlarm`; as many as `periods` unless said.
    #[deserr(default)]
    pub datapoints: Option<u32>,
    /// What a missing datapoint means; `missing` unless said.
    #[deserr(default)]
    pub missing: Option<Missing>,
    /// Told on ALARM: a topic of this Region by name, `function:NAME`, `policy:ENDPOINT/VARIANT/NAME` (a scaling policy), or
    /// an ARN.
    #[deserr(default)]
    pub actions: Vec<String>,
    /// Told on OK.
    #[deserr(default)]
    pub ok_actions: Vec<String>,
    /// Told on INSUFFICIENT_DATA.
    #[deserr(default)]
    pub insufficient_data_actions: Vec<String>,
    /// `AlarmDescription`.
    #[deserr(default)]
    pub description: Option<String>,
}

/// `TreatMissingData`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr)]
#[deserr(error = Found)]
pub enum Missing {
    /// As a breach.
    #[deserr(rename = "breaching")]
    Breaching,
    /// As no breach.
    #[deserr(rename = "not_breaching")]
    NotBreaching,
    /// The state stays.
    #[deserr(rename = "ignore")]
    Ignore,
    /// INSUFFICIENT_DATA when all are missing.
    #[deserr(rename = "missing")]
    Missing,
}
