//! `maintenance`: windows as the file writes them.

use std::{borrow::Cow, collections::BTreeSet, sync::LazyLock};

use deserr::{Deserr, IntoValue, Sequence as _, Value, ValuePointerRef, errors::helpers::did_you_mean};
use jiff::{Timestamp, tz::TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::text::{Text, Words};
use crate::{
    window::{Day, TimeOfDay, Weekly, When, Window, zone, zone_names},
    yaml::{Found, quoted},
};

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
    #[schemars(extend("examples" = [["sat", "sun"]]))]
    days: Option<Vec<WeekDay>>,
    /// When it opens: a time of day for a weekly window, a moment with its offset for a single one.
    #[schemars(example = "02:00")]
    from: Start,
    /// The time of day at which a weekly window closes; at or before `from` it is the next day's.
    #[deserr(default)]
    #[schemars(example = "04:00")]
    to: Option<Time>,
    /// Whose wall clock a weekly window follows: an IANA time zone.
    #[deserr(default)]
    #[schemars(example = "Europe/Berlin", extend("default" = "UTC"))]
    zone: Option<Zone>,
    /// The moment at which a single window closes.
    #[deserr(default)]
    #[schemars(example = "2026-03-01T04:00:00+01:00")]
    until: Option<Moment>,
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

/// The windows of `maintenance`, found right.
#[derive(Clone, Debug, Default)]
pub(super) struct Maintenance(pub(super) Vec<Window>);

impl Maintenance {
    const MOST: usize = 50;
}

impl Deserr<Found> for Maintenance {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let form = || format!("a list of at most {} windows", Self::MOST);
        let items = match value {
            Value::Sequence(items) => items,
            other => return Err(Found::kind(at, other, form())),
        };
        if items.len() > Self::MOST {
            return Err(Found::one(at, format!("there are {} windows", items.len()), form()));
        }
        let mut found = Found::default();
        let mut windows = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let at = at.push_index(index);
            let section = WindowSection::deserialize_from_value(item.into_value(), at);
            match section.and_then(|section| section.window(at)) {
                Ok(window) => windows.push(window),
                Err(more) => found.and(more),
            }
        }
        found.or(Self(windows))
    }
}

impl JsonSchema for Maintenance {
    fn schema_name() -> Cow<'static, str> {
        "Maintenance".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Vec::<WindowSection>::json_schema(generator);
        schema.insert("maxItems".to_owned(), Self::MOST.into());
        schema
    }
}

impl WindowSection {
    fn window(mut self, at: ValuePointerRef<'_>) -> Result<Window, Found> {
        let name = self.name.take().map(Text::into_string);
        let when = match self.until {
            Some(Moment(until)) => self.once(until, at),
            None => self
                .weekly(at)
                .map_err(|found| found.beside(at, &["until", "to", "from"])),
        };
        when.map(|when| Window { name, when })
    }

    fn once(&self, until: Timestamp, at: ValuePointerRef<'_>) -> Result<When, Found> {
        let mut found = Found::default();
        let given = [
            ("days", self.days.is_some()),
            ("to", self.to.is_some()),
            ("zone", self.zone.is_some()),
        ];
        for (field, _) in given.into_iter().filter(|(_, given)| *given) {
            let problem = "belongs to a weekly window, and `until` makes this a single one";
            let accepted = "name, from, until; or, without until, name, days, from, to, zone".to_owned();
            found.and(Found::key(at.push_key(field), problem, accepted));
        }
        let from = match self.from {
            Start::Moment(from) => from,
            Start::Time(time) => {
                let problem = format!("{time} is no moment, and `until` makes this a single window");
                found.and(Found::one(at.push_key("from"), problem, Moment::ACCEPTED.to_owned()));
                return Err(found);
            }
        };
        if from >= until {
            let problem = format!("the window is empty: {until} is not after `from`");
            found.and(Found::one(at.push_key("until"), problem, None).beside(at, &["from"]));
        }
        found.or(When::Once { from, until })
    }

    fn weekly(self, at: ValuePointerRef<'_>) -> Result<When, Found> {
        let mut found = Found::default();
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
        if self.to.is_none() {
            let accepted = "`to` for a window of every week, `until` for a single one".to_owned();
            found.and(Found::one(at.push_key("to"), "the window has no end", accepted));
        }
        let from = match self.from {
            Start::Time(TimeOfDay::MIDNIGHT_AFTER) => {
                found.and(Found::one(
                    at.push_key("from"),
                    "24:00 is the end of a day",
                    "00:00".to_owned(),
                ));
                None
            }
            Start::Time(from) => Some(from),
            Start::Moment(_) if self.to.is_none() => None,
            Start::Moment(_) => {
                let problem = "is one moment, and `to` makes this a window of every week";
                found.and(Found::one(at.push_key("from"), problem, Time::ACCEPTED.to_owned()));
                None
            }
        };
        let (Some(from), Some(Time(to))) = (from, self.to) else {
            return Err(found);
        };
        if from == to {
            let problem = format!("the window is empty: it opens and closes at {to}");
            found.and(Found::one(
                at.push_key("to"),
                problem,
                "from 00:00 to 24:00 for the whole day".to_owned(),
            ));
        }
        let zone = self.zone.map_or(TimeZone::UTC, |zone| zone.0);
        found.or(When::Weekly(Weekly { days, from, to, zone }))
    }
}

/// `from`: which of the two it is says which kind of window.
#[derive(Clone, Copy, Debug)]
enum Start {
    Time(TimeOfDay),
    Moment(Timestamp),
}

#[derive(Clone, Copy, Debug)]
struct Time(TimeOfDay);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment(pub(super) Timestamp);

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Zone(pub(super) TimeZone);

impl Start {
    const ACCEPTED: &str = "a time of day such as 02:00 for a window of every week, or a moment with its offset such as \
                            2026-03-01T02:00:00+01:00 for a single one";

    fn read(text: &str) -> Result<Self, String> {
        let time = text.parse().map(Self::Time).ok();
        let moment = || text.parse().map(Self::Moment).ok();
        time.or_else(moment)
            .ok_or_else(|| format!("{} is neither a time of day nor a moment", quoted(text)))
    }
}

impl Time {
    const ACCEPTED: &str = "a time of day such as 04:00 or 24:00";

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| format!("{} is no time of day", quoted(text)))
    }
}

impl Moment {
    const ACCEPTED: &str = "a moment with its offset, such as 2026-03-01T02:00:00Z or 2026-03-01T02:00:00+01:00";

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| format!("{} is no moment with its offset", quoted(text)))
    }
}

impl Zone {
    const ACCEPTED: &str = "an IANA time zone such as Europe/Berlin, America/New_York or UTC";

    fn read(name: &str) -> Result<Self, String> {
        zone(name).map(Self).ok_or_else(|| unknown_zone(name))
    }
}

macro_rules! read {
    ($($type:ident),*) => {$(
        impl Deserr<Found> for $type {
            fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
                match value {
                    Value::String(text) => {
                        Self::read(&text).map_err(|problem| Found::one(at, problem, Self::ACCEPTED.to_owned()))
                    }
                    other => Err(Found::kind(at, other, Self::ACCEPTED)),
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
                schemars::json_schema!({ "type": "string", "title": Self::ACCEPTED })
            }
        }
    )*};
}

read!(Start, Time, Moment, Zone);

fn unknown_zone(name: &str) -> String {
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(zone_names);
    let city = |zone: &&String| {
        zone.rsplit('/')
            .next()
            .is_some_and(|city| city.eq_ignore_ascii_case(name))
    };
    let hint = match NAMES.iter().find(city) {
        Some(zone) => format!("; did you mean `{zone}`?"),
        None => {
            // Measuring the distance to all of the 600 names takes a file of many mistakes minutes.
            let near = |zone: &&str| zone.bytes().next() == name.bytes().next() && zone.len().abs_diff(name.len()) <= 2;
            let near: Vec<&str> = NAMES.iter().map(String::as_str).filter(near).collect();
            match did_you_mean(name, &near).trim_end() {
                "" => String::new(),
                hint => format!("; {hint}"),
            }
        }
    };
    format!("there is no time zone {}{hint}", quoted(name))
}
