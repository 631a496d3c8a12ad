//! One field of a cron expression.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::{CronError, number, wrong};

pub(super) const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// `*`, `5`, `1-5`, `0/15`, `2-10/2` and lists of them. The names stand for the numbers from `least` on. A range may lead
/// past the end (`FRI-MON`) where there are names.
pub(super) fn numbers(
    field: &str,
    text: &str,
    least: u16,
    most: u16,
    names: &[&str],
) -> Result<BTreeSet<u16>, CronError> {
    let range = || match names {
        [] => format!("{least} to {most}"),
        [first, .., last] => format!("{least} to {most} or {first} to {last}"),
        [only] => format!("{least} or {only}"),
    };
    let refused = |part: &str| wrong(format!("{part:?} does not fit {field}: {} does", range()));
    let one = |text: &str| {
        let named = names.iter().position(|name| *name == text);
        let number = match named {
            Some(index) => u16::try_from(index).ok().map(|index| index + least),
            None => plain(text),
        };
        number.filter(|number| (least..=most).contains(number))
    };
    let mut found = BTreeSet::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            None => (part, None),
            Some((range, step)) => {
                let step = plain(step).filter(|step| *step > 0).ok_or_else(|| refused(part))?;
                (range, Some(step))
            }
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (least, most),
            (_, Some((from, to))) => one(from).zip(one(to)).ok_or_else(|| refused(part))?,
            (single, None) => {
                let from = one(single).ok_or_else(|| refused(part))?;
                (from, if step.is_some() { most } else { from })
            }
        };
        if from > to && names.is_empty() {
            return Err(wrong(format!("{part:?} begins after its end")));
        }
        let whole: Vec<u16> = match from <= to {
            true => (from..=to).collect(),
            false => (from..=most).chain(least..=to).collect(),
        };
        found.extend(whole.into_iter().step_by(usize::from(step.unwrap_or(1))));
    }
    Ok(found)
}

/// Digits only: `+5` is no number here.
fn plain(text: &str) -> Option<u16> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The day of month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DayOfMonth {
    Among(BTreeSet<u16>),
    /// `L`.
    Last,
    /// `LW`: the last from Monday to Friday.
    LastWeekday,
    /// `15W`: the day from Monday to Friday that is nearest, within the month.
    Nearest(u16),
}

impl DayOfMonth {
    pub(super) fn parse(text: &str) -> Result<Self, CronError> {
        match text {
            "L" => Ok(Self::Last),
            "LW" => Ok(Self::LastWeekday),
            _ => match text.strip_suffix('W') {
                Some(day) => {
                    let day = plain(day).filter(|day| (1..=31).contains(day));
                    day.map(Self::Nearest)
                        .ok_or_else(|| wrong(format!("{text:?} is no day of month: 1W to 31W or LW is")))
                }
                None => numbers("day of month", text, 1, 31, &[]).map(Self::Among),
            },
        }
    }

    pub(super) fn on(&self, date: Date) -> bool {
        let day = u16::from(date.day().unsigned_abs());
        let last = u16::from(date.days_in_month().unsigned_abs());
        match self {
            Self::Among(days) => days.contains(&day),
            Self::Last => day == last,
            Self::LastWeekday => day == nearest(date, last),
            // A month without that day has none that is nearest to it.
            Self::Nearest(wanted) => *wanted <= last && day == nearest(date, *wanted),
        }
    }
}

/// The day from Monday to Friday nearest to `wanted` in the month of `date`.
fn nearest(date: Date, wanted: u16) -> u16 {
    let last = u16::from(date.days_in_month().unsigned_abs());
    // From Sunday = 1 on; the days between two dates of a month shift the day of week.
    let shift = (wanted + 35 - u16::from(date.day().unsigned_abs())) % 7;
    let of_week = (number(date.weekday()) - 1 + shift) % 7 + 1;
    match of_week {
        1 if wanted == last => wanted - 2,
        1 => wanted + 1,
        7 if wanted == 1 => wanted + 2,
        7 => wanted - 1,
        _ => wanted,
    }
}

/// The day of week; Sunday is 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DayOfWeek {
    Among(BTreeSet<u16>),
    /// `6L`, `FRIL`: the last one of the month.
    Last(u16),
    /// `3#2`: the second Tuesday of the month.
    Nth(u16, u16),
}

impl DayOfWeek {
    pub(super) fn parse(text: &str) -> Result<Self, CronError> {
        let one = |text: &str| {
            let days = numbers("day of week", text, 1, 7, &DAYS)?;
            match days.len() {
                1 => Ok(days.first().copied().unwrap_or(1)),
                _ => Err(wrong(format!("{text:?} is not one day of week"))),
            }
        };
        if text == "L" {
            return Ok(Self::Among(BTreeSet::from([7])));
        }
        if let Some((day, nth)) = text.split_once('#') {
            let nth = plain(nth).filter(|nth| (1..=5).contains(nth));
            let nth = nth.ok_or_else(|| wrong(format!("{text:?} is no day of week: 1 to 5 follows the #")))?;
            return Ok(Self::Nth(one(day)?, nth));
        }
        match text.strip_suffix('L') {
            Some(day) => Ok(Self::Last(one(day)?)),
            None => numbers("day of week", text, 1, 7, &DAYS).map(Self::Among),
        }
    }

    pub(super) fn on(&self, date: Date) -> bool {
        let (day, last) = (
            u16::from(date.day().unsigned_abs()),
            u16::from(date.days_in_month().unsigned_abs()),
        );
        let of_week = number(date.weekday());
        match self {
            Self::Among(days) => days.contains(&of_week),
            Self::Last(wanted) => of_week == *wanted && day + 7 > last,
            Self::Nth(wanted, nth) => of_week == *wanted && day.div_ceil(7) == *nth,
        }
    }
}
