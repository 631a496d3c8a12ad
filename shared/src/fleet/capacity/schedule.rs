//! `schedule`: when the range of what scales changes by the clock.

use std::borrow::Cow;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    SCHEDULED, exactly_one,
    list::{Item, List},
    only_beside,
    target::Unbound,
};
use crate::{
    capacity::thing::{Scalable, Thing},
    cron::{Cron, CronError},
    fleet::{
        maintenance::{Moment, Zone},
        text::{ActionName, ResourceName, Text},
    },
    quantity::Whole,
    scaling::ScheduledAction,
    yaml::{Found, quoted},
};

/// The scheduled actions of one endpoint.
pub(crate) type Schedules = List<ActionSection, SCHEDULED>;

/// A scheduled action: at that time the range becomes this one, until another action or the file says otherwise. Nothing is
/// put back by itself, so an action that raises needs one that lowers.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields, validate = ActionSection::consistent -> Found)]
#[schemars(deny_unknown_fields, rename = "ScheduledAction")]
pub(crate) struct ActionSection {
    /// Its name in AWS; no two of an endpoint have the same.
    #[schemars(example = "steward-office-hours")]
    name: Text<ActionName>,
    /// The variant whose instances it is for; may be left out where `scaling` has one target only.
    #[deserr(default)]
    #[schemars(extend("examples" = ["main"]))]
    variant: Option<Text<ResourceName>>,
    /// The inference component that it is for.
    #[deserr(default)]
    #[schemars(extend("examples" = ["llm-7b"]))]
    component: Option<Text<ResourceName>>,
    /// The serverless variant that it is for.
    #[deserr(default)]
    #[schemars(extend("examples" = ["main"]))]
    serverless: Option<Text<ResourceName>>,
    /// Again and again: a cron expression of AWS.
    #[deserr(default)]
    #[schemars(extend("examples" = ["0 8 ? * MON-FRI *"]))]
    cron: Option<CronText>,
    /// Once, by the clock of `zone`.
    #[deserr(default)]
    #[schemars(extend("examples" = ["2026-12-24T08:00:00"]))]
    at: Option<Civil>,
    /// Again and again after so long.
    #[deserr(default)]
    #[schemars(extend("examples" = ["12 hours"]))]
    rate: Option<Rate>,
    /// Whose wall clock `cron` and `at` follow: an IANA time zone.
    #[deserr(default)]
    #[schemars(example = "Europe/Berlin", extend("default" = "UTC"))]
    zone: Option<Zone>,
    /// The least from then on.
    #[deserr(default)]
    #[schemars(extend("examples" = [3]))]
    min: Option<Whole<0, 10_000>>,
    /// The most from then on.
    #[deserr(default)]
    #[schemars(extend("examples" = [10]))]
    max: Option<Whole<0, 10_000>>,
    /// Not before this moment.
    #[deserr(default)]
    #[schemars(extend("examples" = ["2026-12-01T00:00:00Z"]))]
    starts: Option<Moment>,
    /// Not after this moment.
    #[deserr(default)]
    #[schemars(extend("examples" = ["2027-01-01T00:00:00Z"]))]
    ends: Option<Moment>,
    #[deserr(skip)]
    #[schemars(skip)]
    of: Option<Unbound>,
}

impl Item for ActionSection {
    const IDENTIFIED_BY: &[&str] = &["name"];

    fn identity(&self) -> String {
        self.quoted()
    }
}

impl ActionSection {
    fn consistent(mut self, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Found::default();
        self.of = Unbound::of(self.variant.as_ref(), self.component.as_ref(), self.serverless.as_ref());
        let whens = [
            ("cron", self.cron.is_some()),
            ("at", self.at.is_some()),
            ("rate", self.rate.is_some()),
        ];
        let when = exactly_one(&whens, at, "when", &mut found);
        let of = [
            ("variant", self.variant.is_some()),
            ("component", self.component.is_some()),
            ("serverless", self.serverless.is_some()),
        ];
        if of.iter().any(|(_, given)| *given) {
            exactly_one(&of, at, "what it is for", &mut found);
        }
        if when == Some("rate") {
            only_beside(
                &[("zone", self.zone.is_some())],
                "`cron` or `at`",
                &whens,
                at,
                &mut found,
            );
        }
        if self.min.is_none() && self.max.is_none() {
            let wrong = Found::one(at, "changes nothing", "`min`, `max`, or both".to_owned());
            found.and(wrong.whatever_is_in_it().beside(at, &["min", "max"]));
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min.0 > max.0
        {
            let problem = format!("is more than `max`, which is {}", max.0);
            found.and(Found::one(at.push_key("min"), problem, "at most `max`".to_owned()));
        }
        if let (Some(starts), Some(ends)) = (self.starts, self.ends)
            && starts.0 >= ends.0
        {
            found.and(Found::one(at.push_key("ends"), "is not after `starts`", None));
        }
        found.or(self)
    }

    pub(super) fn quoted(&self) -> String {
        quoted(self.name.as_str())
    }

    pub(super) fn of(&self) -> Option<&Unbound> {
        self.of.as_ref()
    }

    /// It sets a minimum above 0, more than once.
    pub(super) fn raises_again(&self) -> bool {
        self.at.is_none() && self.min.is_some_and(|least| least.0 > 0)
    }

    pub(super) fn thing(&self, of: Scalable) -> Thing {
        let schedule = match (&self.cron, &self.at, &self.rate) {
            (Some(cron), ..) => cron.0.to_string(),
            (None, Some(at), _) => format!("at({})", at.0.strftime("%Y-%m-%dT%H:%M:%S")),
            (None, None, Some(rate)) => format!("rate({rate})"),
            (None, None, None) => String::new(),
        };
        let moment = |moment: Option<Moment>| -> Option<Timestamp> { moment.map(|moment| moment.0) };
        let zone = self.zone.as_ref().filter(|zone| zone.0 != TimeZone::UTC);
        Thing::Action {
            of,
            action: ScheduledAction {
                name: self.name.as_str().to_owned(),
                schedule,
                timezone: zone.and_then(|zone| zone.0.iana_name()).map(str::to_owned),
                start: moment(self.starts),
                end: moment(self.ends),
                min: self.min.map(|number| number.0),
                max: self.max.map(|number| number.0),
            },
        }
    }
}

/// A cron expression.
#[derive(Clone, Debug, PartialEq)]
struct CronText(Cron);

/// A time of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Civil(DateTime);

/// How often.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rate(u32, &'static str);

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

impl CronText {
    const FORM: &str = "a cron expression of AWS";

    fn read(text: &str) -> Result<Self, (String, &'static str)> {
        text.parse().map(Self).map_err(|error: CronError| {
            let problem = format!("{} is no cron expression of AWS: {}", quoted(text), error.problem);
            (problem, Cron::FORM)
        })
    }
}

impl Civil {
    const FORM: &str = "a date and a time of the wall clock, such as 2026-12-24T08:00:00";

    fn read(text: &str) -> Result<Self, (String, &'static str)> {
        let whole = |time: &DateTime| time.subsec_nanosecond() == 0;
        let read = text.parse::<DateTime>().ok().filter(whole);
        let read = read.filter(|_| text.len() == 19 && text.as_bytes().get(10) == Some(&b'T'));
        read.map(Self)
            .ok_or_else(|| (format!("{} is no such time", quoted(text)), Self::FORM))
    }
}

impl Rate {
    const FORM: &str = "a number with its unit, such as 1 minute, 5 minutes, 1 hour, 12 hours or 7 days";

    fn read(text: &str) -> Result<Self, (String, &'static str)> {
        let wrong = || (format!("{} is no rate", quoted(text)), Self::FORM);
        let (number, unit) = text.split_once(' ').ok_or_else(wrong)?;
        let number: u32 = number
            .parse()
            .ok()
            .filter(|number| (1..=100_000).contains(number))
            .ok_or_else(wrong)?;
        let unit = ["minute", "hour", "day"]
            .into_iter()
            .find(|known| unit.strip_suffix('s').unwrap_or(unit) == *known);
        unit.map(|unit| Self(number, unit)).ok_or_else(wrong)
    }
}

macro_rules! read {
    ($($type:ident),*) => {$(
        impl Deserr<Found> for $type {
            fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
                match value {
                    Value::String(text) => {
                        Self::read(&text).map_err(|(problem, accepted)| Found::one(at, problem, accepted.to_owned()))
                    }
                    other => Err(Found::kind(at, other, Self::FORM)),
                }
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "title": Self::FORM })
            }
        }
    )*};
}

read!(CronText, Civil, Rate);
