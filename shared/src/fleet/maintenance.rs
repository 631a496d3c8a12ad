//! `maintenance`: windows as the file writes them.

use std::{borrow::Cow, collections::BTreeSet};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::text::{Text, Words};
use crate::{
    window::{Day, TimeOfDay, Weekly, When, Window, zone, zone_names},
    yaml::Found,
};

const TIME_OF_DAY: &str = "a time of day such as 02:00 or 24:00, for a window of every week";
const MOMENT: &str = "a moment with its offset, such as 2026-03-01T02:00:00Z or 2026-03-01T02:00:00+01:00";
const ZONE: &str = "an IANA time zone such as Europe/Berlin, America/New_York or UTC";

/// A maintenance window, every week (`days`, `from`, `to`, `zone`) or once (`from`, `until`).
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Window")]
pub(super) struct WindowSection {
    /// What it is for.
    #[deserr(default)]
    #[schemars(example = "weekly patching")]
    name: Option<Text<Words>>,
    /// The days on which it opens; every day when not given. A window across midnight closes on the day after.
    #[deserr(default)]
    #[schemars(example = ["sat", "sun"])]
    days: Option<Vec<WeekDay>>,
    /// When it opens: a time of day for a weekly window, a moment with its offset for a single one.
    #[schemars(example = "02:00")]
    from: String,
    /// The time of day at which a weekly window closes; at or before `from` it is the next day's.
    #[deserr(default)]
    #[schemars(example = "04:00")]
    to: Option<String>,
    /// Whose wall clock a weekly window follows: an IANA time zone.
    #[deserr(default)]
    #[schemars(example = "Europe/Berlin", extend("default" = "UTC"))]
    zone: Option<String>,
    /// The moment at which a single window closes.
    #[deserr(default)]
    #[schemars(example = "2026-03-01T04:00:00+01:00")]
    until: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct WeekDay(Day);

impl WeekDay {
    const ACCEPTED: &str = "mon, tue, wed, thu, fri, sat, sun";
}

impl Deserr<Found> for WeekDay {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::String(text) => match Day::parse(&text) {
                Some(day) => Ok(Self(day)),
                None => Err(Found::kind(at, Value::<V>::String(text), Self::ACCEPTED)),
            },
            other => Err(Found::kind(at, other, Self::ACCEPTED)),
        }
    }
}

impl JsonSchema for WeekDay {
    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Day::ALL
            .iter()
            .map(|day| day.short())
            .chain(Day::ALL.iter().map(|day| day.name()))
            .collect();
        schemars::json_schema!({ "type": "string", "title": Self::ACCEPTED, "enum": names })
    }
}

/// A window of `maintenance` that was found right.
#[derive(Clone, Debug)]
pub(super) struct Maintenance(pub(super) Window);

impl Deserr<Found> for Maintenance {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut section = WindowSection::deserialize_from_value(value, at)?;
        let name = section.name.take().map(Text::into_string);
        let when = match section.until {
            Some(_) => section.once(at),
            None => section.weekly(at),
        };
        when.map(|when| Self(Window { name, when }))
    }
}

impl JsonSchema for Maintenance {
    fn schema_name() -> Cow<'static, str> {
        WindowSection::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        WindowSection::json_schema(generator)
    }
}

impl WindowSection {
    fn once(&self, at: ValuePointerRef<'_>) -> Result<When, Found> {
        let mut found = Found::default();
        let given = [
            ("days", self.days.is_some()),
            ("to", self.to.is_some()),
            ("zone", self.zone.is_some()),
        ];
        for (field, _) in given.into_iter().filter(|(_, given)| *given) {
            let accepted = "name, from, until; or, without until, name, days, from, to, zone".to_owned();
            found.and(Found::key(
                at.push_key(field),
                "belongs to a weekly window, and `until` makes this a single one",
                accepted,
            ));
        }
        let mut moment = |field: &str, text: &str| {
            let moment = text.parse::<Timestamp>().ok();
            if moment.is_none() {
                found.and(Found::one(
                    at.push_key(field),
                    format!("{text:?} is no moment"),
                    MOMENT.to_owned(),
                ));
            }
            moment
        };
        let from = moment("from", &self.from);
        let until = moment("until", self.until.as_deref().unwrap_or_default());
        let empty = |until| {
            Found::one(
                at.push_key("until"),
                format!("the window is empty: {until} is not after `from`"),
                None,
            )
        };
        match (from, until) {
            (Some(from), Some(until)) if from < until => found.or(When::Once { from, until }),
            (Some(_), Some(until)) => {
                found.and(empty(until));
                Err(found)
            }
            _ => Err(found),
        }
    }

    fn weekly(&self, at: ValuePointerRef<'_>) -> Result<When, Found> {
        let mut found = Found::default();
        let mut time = |field: &str, text: &str| {
            let time = text.parse::<TimeOfDay>().ok();
            if time.is_none() {
                let accepted = format!("{TIME_OF_DAY}; or {MOMENT}, with `until`, for a single one");
                found.and(Found::one(
                    at.push_key(field),
                    format!("{text:?} is no time of day"),
                    accepted,
                ));
            }
            time
        };
        let from = time("from", &self.from);
        let to = self.to.as_deref().map(|text| time("to", text));
        if to.is_none() {
            let accepted = "`to` for a window of every week, `until` for a single one".to_owned();
            found.and(Found::one(at.push_key("to"), "the window has no end", accepted));
        }
        if let (Some(from), Some(Some(to))) = (from, to)
            && from == to
        {
            let accepted = "from 00:00 to 24:00 for the whole day".to_owned();
            found.and(Found::one(
                at.push_key("to"),
                format!("the window is empty: it opens and closes at {to}"),
                accepted,
            ));
        }
        if from == Some(TimeOfDay::MIDNIGHT_AFTER) {
            found.and(Found::one(
                at.push_key("from"),
                "24:00 is the end of a day",
                "00:00".to_owned(),
            ));
        }
        let days: BTreeSet<Day> = match &self.days {
            None => Day::ALL.into(),
            Some(days) => days.iter().map(|day| day.0).collect(),
        };
        if days.is_empty() {
            let accepted = format!("{}; or no `days` for every day", WeekDay::ACCEPTED);
            found.and(Found::one(
                at.push_key("days"),
                "the window is empty: it has no day",
                accepted,
            ));
        }
        let name = self.zone.as_deref().unwrap_or("UTC");
        let zone = zone(name);
        if zone.is_none() {
            found.and(Found::one(at.push_key("zone"), unknown_zone(name), ZONE.to_owned()));
        }
        match (from, to.flatten(), zone) {
            (Some(from), Some(to), Some(zone)) => found.or(When::Weekly(Weekly { days, from, to, zone })),
            _ => Err(found),
        }
    }
}

fn unknown_zone(name: &str) -> String {
    let names = zone_names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let city = |zone: &&&str| {
        zone.rsplit('/')
            .next()
            .is_some_and(|city| city.eq_ignore_ascii_case(name))
    };
    let hint = match names.iter().find(city) {
        Some(zone) => format!("did you mean `{zone}`?"),
        None => deserr::errors::helpers::did_you_mean(name, &names)
            .trim_end()
            .to_owned(),
    };
    let name: String = name.chars().take(60).collect();
    match hint.as_str() {
        "" => format!("there is no time zone {name:?}"),
        hint => format!("there is no time zone {name:?}; {hint}"),
    }
}
