//! When a scheduled action is due: `at(..)`, `rate(..)` and `cron(..)` as Application Auto Scaling reads them.

use std::{collections::BTreeSet, time::Duration};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// A schedule that was read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum When {
    /// Once.
    At(Timestamp),
    /// Again and again, from the action's start on.
    Every(Duration),
    /// At every matching minute of the time zone.
    Cron(Box<Cron>, TimeZone),
}

/// The six fields of a cron expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cron {
    minutes: BTreeSet<u32>,
    hours: BTreeSet<u32>,
    /// `None` for `?`.
    days: Option<BTreeSet<u32>>,
    months: BTreeSet<u32>,
    /// 1 for Sunday to 7 for Saturday; `None` for `?`.
    weekdays: Option<BTreeSet<u32>>,
    years: BTreeSet<u32>,
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl When {
    /// Reads a schedule; the time zone is of `at` and `cron`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(text: &str, zone: &TimeZone) -> Result<Self, String> {
        let inside = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(moment) = inside("at") {
            let civil: DateTime = moment
                .parse()
                .map_err(|_| format!("Invalid at expression: {moment} is no yyyy-mm-ddThh:mm:ss"))?;
            let zoned = civil.to_zoned(zone.clone()).map_err(|error| error.to_string())?;
            return Ok(Self::At(zoned.timestamp()));
        }
        if let Some(rate) = inside("rate") {
            return every(rate).map(Self::Every);
        }
        let fields = inside("cron").ok_or_else(|| format!("{text} is none of at(..), rate(..), cron(..)"))?;
        Cron::parse(fields)
            .map(|cron| Self::Cron(Box::new(cron), zone.clone()))
            .map_err(|why| format!("Invalid CRON expression: {fields}: {why}"))
    }

    /// It is of one moment, which has passed at `now`.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        matches!(self, Self::At(at) if *at <= now)
    }

    /// Whether it is due at `now`, a whole minute, where it was last due at `last` and counts from `since`.
    pub(super) fn is_due(&self, now: Timestamp, since: Timestamp, last: Option<Timestamp>) -> bool {
        match self {
            Self::At(at) => *at <= now && *at >= since && last.is_none(),
            Self::Every(every) => match last {
                None => since <= now,
                Some(last) => last + *every <= now,
            },
            Self::Cron(cron, zone) => cron.matches(now, zone),
        }
    }
}

fn every(rate: &str) -> Result<Duration, String> {
    let wrong = || format!("Invalid rate expression: {rate} is no number with minute(s), hour(s) or day(s)");
    let (number, unit) = rate.split_once(' ').ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        _ => return Err(wrong()),
    };
    // The unit is singular for 1, and only then.
    if number == 0 || (number == 1) == unit.ends_with('s') {
        return Err(wrong());
    }
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

impl Cron {
    fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays, years] = fields.as_slice() else {
            return Err(format!("{} fields, not 6", fields.len()));
        };
        if (*days == "?") == (*weekdays == "?") {
            return Err("exactly one of day-of-month and day-of-week must be ?".to_owned());
        }
        let unless_any = |field: &str, names: &[&str], from, to| match field {
            "?" => Ok(None),
            _ => values(field, names, from, to).map(Some),
        };
        Ok(Self {
            minutes: values(minutes, &[], 0, 59)?,
            hours: values(hours, &[], 0, 23)?,
            days: unless_any(days, &[], 1, 31)?,
            months: values(months, &MONTHS, 1, 12)?,
            weekdays: unless_any(weekdays, &WEEKDAYS, 1, 7)?,
            years: values(years, &[], 1970, 2199)?,
        })
    }

    fn matches(&self, now: Timestamp, zone: &TimeZone) -> bool {
        let local = now.to_zoned(zone.clone());
        let is = |set: &BTreeSet<u32>, value: i64| u32::try_from(value).is_ok_and(|value| set.contains(&value));
        let weekday = i64::from(local.weekday().to_sunday_one_offset());
        is(&self.minutes, i64::from(local.minute()))
            && is(&self.hours, i64::from(local.hour()))
            && is(&self.months, i64::from(local.month()))
            && is(&self.years, i64::from(local.year()))
            && self.days.as_ref().is_none_or(|days| is(days, i64::from(local.day())))
            && self.weekdays.as_ref().is_none_or(|days| is(days, weekday))
    }
}

/// `*`, `5`, `1-5`, `MON-FRI`, `*/15`, `10/5`, and several by commas.
fn values(field: &str, names: &[&str], from: u32, to: u32) -> Result<BTreeSet<u32>, String> {
    let number = |text: &str| -> Result<u32, String> {
        let named = names
            .iter()
            .zip(from..)
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some((_, value)) => Some(value),
            None => text.parse().ok(),
        };
        value
            .filter(|value| (from..=to).contains(value))
            .ok_or_else(|| format!("{text} is not simulated or not within {from} to {to}"))
    };
    let mut all = BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (
                range,
                Some(step.parse().ok().filter(|step| *step > 0).ok_or("a step of 0")?),
            ),
            None => (part, None),
        };
        let (first, last) = match (range, range.split_once('-')) {
            ("*", _) => (from, to),
            (_, Some((first, last))) => (number(first)?, number(last)?),
            (one, None) if step.is_some() => (number(one)?, to),
            (one, None) => (number(one)?, number(one)?),
        };
        if first > last {
            return Err(format!("{part} ends before it begins"));
        }
        all.extend((first..=last).step_by(step.unwrap_or(1)));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(text: &str, zone: &str, at: &str) -> bool {
        let zone = TimeZone::get(zone).expect("a zone");
        let now: Timestamp = at.parse().expect("a moment");
        When::parse(text, &zone)
            .unwrap_or_else(|why| panic!("{why}"))
            .is_due(now, Timestamp::UNIX_EPOCH, None)
    }

    #[test]
    fn a_cron_is_due_at_the_wall_clocks_minute_of_its_zone() {
        let weekdays = "cron(0 8 ? * MON-FRI *)";
        assert!(due(weekdays, "UTC", "2026-03-02T08:00:00Z"));
        assert!(!due(weekdays, "UTC", "2026-03-02T08:01:00Z"));
        assert!(!due(weekdays, "UTC", "2026-03-01T08:00:00Z"), "a Sunday");
        assert!(due(weekdays, "Europe/Berlin", "2026-03-02T07:00:00Z"), "winter time");
        assert!(due(weekdays, "Europe/Berlin", "2026-07-06T06:00:00Z"), "summer time");
        assert!(due("cron(*/15 6,18 1 JAN-MAR ? 2026)", "UTC", "2026-02-01T18:45:00Z"));
        assert!(due("cron(10/20 * ? * 2 *)", "UTC", "2026-03-02T05:50:00Z"));
    }

    #[test]
    fn a_rate_and_a_moment_are_due_when_they_say() {
        let at: Timestamp = "2026-03-02T08:00:00Z".parse().expect("a moment");
        let hourly = When::parse("rate(1 hour)", &TimeZone::UTC).expect("a rate");
        assert!(hourly.is_due(at, at, None));
        assert!(!hourly.is_due(at + Duration::from_secs(3540), at, Some(at)));
        assert!(hourly.is_due(at + Duration::from_secs(3600), at, Some(at)));
        assert!(due("at(2026-03-02T09:00:00)", "Europe/Berlin", "2026-03-02T08:00:00Z"));
        assert!(!due("at(2026-03-02T09:00:00)", "UTC", "2026-03-02T08:00:00Z"));
    }

    #[test]
    fn a_wrong_schedule_says_what_is_wrong_with_it() {
        let wrong = [
            "cron(0 8 * * MON-FRI *)",
            "cron(0 8 ? * ? *)",
            "cron(0 8 ? * MON-FRI)",
            "cron(60 8 ? * MON *)",
            "cron(0 8 L * ? *)",
            "cron(0/0 8 1 * ? *)",
            "rate(1 minutes)",
            "rate(5 minute)",
            "rate(0 days)",
            "at(tomorrow)",
            "every day",
        ];
        let told: Vec<String> = wrong
            .iter()
            .map(|text| When::parse(text, &TimeZone::UTC).expect_err(text))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        Invalid CRON expression: 0 8 * * MON-FRI *: exactly one of day-of-month and day-of-week must be ?
        Invalid CRON expression: 0 8 ? * ? *: exactly one of day-of-month and day-of-week must be ?
        Invalid CRON expression: 0 8 ? * MON-FRI: 5 fields, not 6
        Invalid CRON expression: 60 8 ? * MON *: 60 is not simulated or not within 0 to 59
        Invalid CRON expression: 0 8 L * ? *: L is not simulated or not within 1 to 31
        Invalid CRON expression: 0/0 8 1 * ? *: a step of 0
        Invalid rate expression: 1 minutes is no number with minute(s), hour(s) or day(s)
        Invalid rate expression: 5 minute is no number with minute(s), hour(s) or day(s)
        Invalid rate expression: 0 days is no number with minute(s), hour(s) or day(s)
        Invalid at expression: tomorrow is no yyyy-mm-ddThh:mm:ss
        every day is none of at(..), rate(..), cron(..)
        ");
    }
}
