//! `alarms`: what CloudWatch watches of an endpoint, as the file writes it.

mod made;

use deserr::{Deserr, ValuePointerRef};
use schemars::JsonSchema;

pub(super) use self::made::named;
use super::{
    DAY, HOUR, LISTED, SECOND, exactly_one,
    list::{Item, List},
    metric::MetricSection,
    only_beside, seconds,
};
use crate::{
    fleet::text::{AlarmName, Arn, Description, ResourceName, Statistic, Text},
    quantity::{Number, Share, SpanWithin, Whole},
    yaml::{Found, quoted},
};

/// The alarms of one endpoint.
pub(crate) type Alarms = List<AlarmSection, LISTED>;

/// A CloudWatch alarm. It says one thing that it watches.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields, validate = AlarmSection::consistent -> Found)]
#[schemars(deny_unknown_fields, rename = "Alarm")]
pub(crate) struct AlarmSection {
    /// Its name in AWS; no two that differ have the same. `<endpoint>` becomes the endpoint's name, so that one of a glob is another one for
    /// each. Steward deletes only what it made.
    #[schemars(example = "steward-<endpoint>-errors")]
    name: Text<AlarmName>,
    /// What it is for; stands in its description.
    #[deserr(default)]
    #[schemars(extend("examples" = ["rollback"]))]
    purpose: Option<Purpose>,
    /// Its description; when not given, what it is for.
    #[deserr(default)]
    #[schemars(extend("examples" = ["More than one of a hundred requests fails"]))]
    description: Option<Text<Description>>,
    /// The variant that it watches.
    #[deserr(default)]
    #[schemars(extend("examples" = ["main"]))]
    variant: Option<Text<ResourceName>>,
    /// The inference component that it watches.
    #[deserr(default)]
    #[schemars(extend("examples" = ["llm-7b"]))]
    component: Option<Text<ResourceName>>,
    /// More than this share of the requests fails with 5xx.
    #[deserr(default)]
    #[schemars(extend("examples" = ["5%"]))]
    errors: Option<Share>,
    /// `ModelLatency` is above this, by `percentile`. Sent to AWS in microseconds.
    #[deserr(default)]
    #[schemars(extend("examples" = ["800ms"]))]
    latency: Option<SpanWithin<1, HOUR>>,
    /// Of the latency; `Average` when not given.
    #[deserr(default)]
    #[schemars(extend("examples" = ["p99"]))]
    percentile: Option<Text<Statistic>>,
    /// The oldest request of an asynchronous endpoint waits for longer than this.
    #[deserr(default)]
    #[schemars(extend("examples" = ["10m"]))]
    waiting: Option<SpanWithin<SECOND, DAY>>,
    /// Requests wait and there is no instance, or requests of the component are refused for want of a copy: one is enough.
    #[deserr(default)]
    #[schemars(extend("examples" = [true]))]
    no_capacity: Option<bool>,
    /// Any other metric, with `threshold`.
    #[deserr(default)]
    metric: Option<MetricSection>,
    /// What `metric` is compared with, in its own unit.
    #[deserr(default)]
    #[schemars(extend("examples" = [90]))]
    threshold: Option<Number>,
    /// How `metric` is compared with it.
    #[deserr(default)]
    #[schemars(extend("default" = ">"))]
    compare: Option<Compare>,
    /// How long one datapoint is: 10s, 20s, 30s (only for metrics that are published so often), or whole minutes.
    #[deserr(default)]
    #[schemars(extend("default" = "1m"))]
    period: Option<SpanWithin<{ 10 * SECOND }, DAY>>,
    /// So many datapoints have to be beyond the threshold.
    #[deserr(default)]
    #[schemars(extend("default" = 1))]
    datapoints: Option<Whole<1, 100>>,
    /// Among so many; as many as `datapoints` when not given.
    #[deserr(default)]
    #[schemars(extend("examples" = [5]))]
    of: Option<Whole<1, 100>>,
    /// What a missing datapoint means: without traffic there is none.
    #[deserr(default)]
    #[schemars(extend("default" = "good"))]
    missing: Option<Missing>,
    /// Its actions are carried out.
    #[deserr(default)]
    #[schemars(extend("default" = true))]
    enabled: Option<bool>,
    /// What it tells when it goes off, by ARN. Policies that name it in `step.alarm` come on top.
    #[deserr(default)]
    #[schemars(extend("default" = [], "examples" = [["arn:aws:sns:us-east-1:111122223333:steward-alerts"]]))]
    actions: Option<List<Text<Arn>, 5>>,
    /// What it tells when all is well again.
    #[deserr(default)]
    #[schemars(extend("default" = []))]
    ok_actions: Option<List<Text<Arn>, 5>>,
    /// What it tells when it has nothing to go by.
    #[deserr(default)]
    #[schemars(extend("default" = []))]
    insufficient_actions: Option<List<Text<Arn>, 5>>,
}

/// What an alarm is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr, JsonSchema)]
#[deserr(error = Found, rename_all = lowercase)]
#[schemars(rename_all = "lowercase")]
enum Purpose {
    /// Somebody has to know.
    Health,
    /// A rollout is rolled back; named in `rollout.alarms` as well.
    Rollback,
    /// Something asleep is woken.
    Wake,
}

/// How a metric is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr, JsonSchema)]
#[deserr(error = Found)]
enum Compare {
    /// Above it.
    #[deserr(rename = ">")]
    #[schemars(rename = ">")]
    Above,
    /// At it or above.
    #[deserr(rename = ">=")]
    #[schemars(rename = ">=")]
    From,
    /// Below it.
    #[deserr(rename = "<")]
    #[schemars(rename = "<")]
    Below,
    /// At it or below.
    #[deserr(rename = "<=")]
    #[schemars(rename = "<=")]
    UpTo,
}

/// What a missing datapoint means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr, JsonSchema)]
#[deserr(error = Found, rename_all = lowercase)]
#[schemars(rename_all = "lowercase")]
enum Missing {
    /// All is well (`notBreaching`).
    Good,
    /// The threshold is exceeded (`breaching`).
    Bad,
    /// As it was (`ignore`).
    Ignore,
    /// Nothing is known, `INSUFFICIENT_DATA` (`missing`).
    #[deserr(rename = "missing")]
    #[schemars(rename = "missing")]
    Unknown,
}

impl Item for Text<Arn> {
    const IDENTIFIED_BY: &[&str] = &[];

    fn identity(&self) -> String {
        quoted(self.as_str())
    }
}

impl Item for AlarmSection {
    const IDENTIFIED_BY: &[&str] = &["name"];

    fn identity(&self) -> String {
        quoted(self.name())
    }
}

impl AlarmSection {
    fn consistent(self, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Found::default();
        let given = [
            ("errors", self.errors.is_some()),
            ("latency", self.latency.is_some()),
            ("waiting", self.waiting.is_some()),
            ("no_capacity", self.no_capacity.is_some()),
            ("metric", self.metric.is_some()),
        ];
        let watches = exactly_one(&given, at, "what it watches", &mut found);
        let (variant, component) = (self.variant.is_some(), self.component.is_some());
        match watches {
            Some("errors" | "latency") => {
                let of = [("variant", variant), ("component", component)];
                exactly_one(&of, at, "whose", &mut found);
            }
            Some("waiting") => {
                let accepted = "`errors` or `latency`: a backlog belongs to the whole endpoint";
                only_beside(
                    &[("variant", variant), ("component", component)],
                    accepted,
                    &given,
                    at,
                    &mut found,
                );
            }
            Some("no_capacity") => {
                let accepted = "`errors` or `latency`: a backlog belongs to the whole endpoint";
                only_beside(&[("variant", variant)], accepted, &given, at, &mut found);
            }
            Some("metric") => {
                let accepted = "what has a word of its own: `metric` says its own `dimensions`";
                only_beside(
                    &[("variant", variant), ("component", component)],
                    accepted,
                    &given,
                    at,
                    &mut found,
                );
                if self.threshold.is_none() {
                    found.and(Found::one(
                        at.push_key("threshold"),
                        "is missing",
                        "a number in the metric's own unit".to_owned(),
                    ));
                }
            }
            _ => {}
        }
        if watches.is_some() {
            let own = [
                ("threshold", self.threshold.is_some()),
                ("compare", self.compare.is_some()),
            ];
            if watches != Some("metric") {
                only_beside(&own, "`metric`", &given, at, &mut found);
            }
            if watches != Some("latency") {
                only_beside(
                    &[("percentile", self.percentile.is_some())],
                    "`latency`",
                    &given,
                    at,
                    &mut found,
                );
            }
        }
        if self.no_capacity == Some(false) {
            found.and(Found::one(
                at.push_key("no_capacity"),
                "watches nothing",
                "true".to_owned(),
            ));
        }
        let period = self.period();
        if !([10, 20, 30].contains(&period) || period.is_multiple_of(60)) {
            let accepted = "10s, 20s, 30s or whole minutes".to_owned();
            found.and(Found::one(
                at.push_key("period"),
                "CloudWatch has no such period",
                accepted,
            ));
        }
        let (datapoints, periods) = self.evaluated();
        if datapoints > periods {
            let problem = format!("there are only {periods} to look at");
            found.and(Found::one(
                at.push_key("datapoints"),
                problem,
                "at most `of`".to_owned(),
            ));
        }
        if u64::from(periods) * u64::from(period) > DAY / SECOND {
            let accepted = "`period` times `of` up to 1d".to_owned();
            found.and(Found::one(at, "looks back for longer than a day", accepted).whatever_is_in_it());
        }
        found.or(self)
    }

    pub(super) fn name(&self) -> &str {
        self.name.as_str()
    }

    fn period(&self) -> u32 {
        self.period.map_or(60, seconds)
    }

    fn evaluated(&self) -> (u32, u32) {
        let datapoints = self.datapoints.map_or(1, |number| number.0);
        (datapoints, self.of.map_or(datapoints, |number| number.0))
    }
}
