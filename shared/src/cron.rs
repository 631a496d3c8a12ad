//! The cron expressions of EventBridge and Application Auto Scaling, and when they are due.
//!
//! Six fields: minutes, hours, day of month, month, day of week, year. One of the two days is `?`. What AWS would refuse
//! (`0 8 * * MON-FRI *` above all) is refused here, with what would be right, before AWS or a schedule that never comes
//! says so. Sources: "Create a rule that runs on a schedule" of the EventBridge guide, and `PutScheduledAction`.

mod field;

use std::{collections::BTreeSet, fmt, str::FromStr, time::Duration};

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Weekday},
    tz::TimeZone,
};

use self::field::{DayOfMonth, DayOfWeek};

/// A cron expression that AWS takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: BTreeSet<u16>,
    hours: BTreeSet<u16>,
    day: Day,
    months: BTreeSet<u16>,
    years: BTreeSet<u16>,
}

/// Which of the two days counts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Day {
    OfMonth(DayOfMonth),
    OfWeek(DayOfWeek),
}

/// Why a text is no cron expression that AWS takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; accepted: {}", Cron::FORM)]
pub struct CronError {
    /// What is wrong with it.
    pub problem: String,
}

fn wrong(problem: impl Into<String>) -> CronError {
    CronError {
        problem: problem.into(),
    }
}

impl Cron {
    /// What [`FromStr`] accepts, for people.
    pub const FORM: &str =
        "minutes, hours, day of month, month, day of week and year, one of the days `?`, such as 0 8 ? * MON-FRI *";

    /// When it is due next after `now`, in this time zone; `None` when it never is again.
    ///
    /// A wall-clock time that the clocks skip is due as much later as they skip; one that they repeat is due the first time.
    pub fn next(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = now.to_zoned(zone.clone()).date();
        let year = u16::try_from(today.year()).ok()?;
        let first = match self.years.range(year..).next()? {
            first if *first == year => today.yesterday().unwrap_or(today),
            first => Date::new(i16::try_from(*first).ok()?, 1, 1).ok()?,
        };
        // A 29 February may be eight years away.
        let days = (0..9 * 366_i64).filter_map(|days| first.checked_add(days.days()).ok());
        days.filter(|date| self.on(*date))
            .find_map(|date| self.times(date, zone).filter(|time| *time > now).min())
    }

    /// When it was due last, at `now` or within the time before it.
    pub fn latest(&self, now: Timestamp, zone: &TimeZone, within: Duration) -> Option<Timestamp> {
        let earliest = now.checked_sub(within).unwrap_or(Timestamp::MIN);
        let tomorrow = now.to_zoned(zone.clone()).date().tomorrow().ok()?;
        let days = i64::try_from(within.as_secs() / 86_400).ok()?.min(3700) + 3;
        let dates = (0..=days).filter_map(|days| tomorrow.checked_sub(days.days()).ok());
        dates
            .filter(|date| self.on(*date))
            .find_map(|date| self.times(date, zone).filter(|time| *time <= now).max())
            .filter(|time| *time >= earliest)
    }

    fn times<'a>(&'a self, date: Date, zone: &'a TimeZone) -> impl Iterator<Item = Timestamp> + 'a {
        let times = self
            .hours
            .iter()
            .flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        times.filter_map(move |(hour, minute)| {
            let wall = date.at(hour.try_into().ok()?, minute.try_into().ok()?, 0, 0);
            zone.to_ambiguous_timestamp(wall).compatible().ok()
        })
    }

    fn on(&self, date: Date) -> bool {
        let year = u16::try_from(date.year()).unwrap_or_default();
        let month = u16::from(date.month().unsigned_abs());
        if !self.years.contains(&year) || !self.months.contains(&month) {
            return false;
        }
        match &self.day {
            Day::OfMonth(day) => day.on(date),
            Day::OfWeek(day) => day.on(date),
        }
    }
}

impl FromStr for Cron {
    type Err = CronError;

    /// With or without `cron(…)` around it.
    fn from_str(text: &str) -> Result<Self, CronError> {
        let trimmed = text.trim();
        let inner = trimmed
            .strip_prefix("cron(")
            .map_or(Some(trimmed), |rest| rest.strip_suffix(')'))
            .ok_or_else(|| wrong("the bracket after `cron` is not closed"))?;
        if inner.len() > 256 {
            return Err(wrong("it is longer than 256 characters"));
        }
        let upper = inner.to_ascii_uppercase();
        let fields: Vec<&str> = upper.split_whitespace().collect();
        let [minutes, hours, of_month, month, of_week, year] = fields.as_slice() else {
            let said = match fields.len() {
                5 => "it has 5 fields, as cron elsewhere: the year is missing".to_owned(),
                n => format!("it has {n} fields, not 6"),
            };
            return Err(wrong(said));
        };
        let day = match (*of_month, *of_week) {
            ("?", "?") => return Err(wrong("both days are `?`, so none is named")),
            ("?", day) => Day::OfWeek(DayOfWeek::parse(day)?),
            (day, "?") => Day::OfMonth(DayOfMonth::parse(day)?),
            (_, "*") => {
                return Err(wrong(
                    "neither day is `?`: the day of week has to be, as the day of month counts",
                ));
            }
            _ => return Err(wrong("neither day is `?`: the one that does not count has to be")),
        };
        Ok(Self {
            text: fields.join(" "),
            minutes: field::numbers("minutes", minutes, 0, 59, &[])?,
            hours: field::numbers("hours", hours, 0, 23, &[])?,
            day,
            months: field::numbers("month", month, 1, 12, &field::MONTHS)?,
            years: field::numbers("year", year, 1970, 2199, &[])?,
        })
    }
}

impl fmt::Display for Cron {
    /// As AWS takes it: `cron(0 8 ? * MON-FRI *)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cron({})", self.text)
    }
}

/// Sunday is 1.
fn number(day: Weekday) -> u16 {
    u16::from(day.to_sunday_one_offset().unsigned_abs())
}

#[cfg(test)]
mod tests;
