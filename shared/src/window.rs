//! When maintenance is on: whether a window is open at a moment, and when it closes.
//!
//! Windows are written in the wall clock of a time zone, because people plan maintenance by it. The zones come from the
//! database compiled into the program, so a Lambda without `/usr/share/zoneinfo` and a laptop read the same hours.

use std::{collections::BTreeSet, fmt, str::FromStr};

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime, Weekday},
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

/// One maintenance window, once or every week.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// What it is for, as people call it.
    pub name: Option<String>,
    /// When it is open.
    pub when: When,
}

/// The two kinds of window.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// Every week.
    Weekly(Weekly),
    /// Once: open from `from` (included) to `until` (excluded).
    Once {
        /// The first moment.
        from: Timestamp,
        /// The first moment after it.
        until: Timestamp,
    },
}

/// A window that opens on the same weekdays at the same wall-clock time.
///
/// Where the clocks change, none is lost: an hour that they repeat is covered both times; a window that begins at a time
/// they skip opens at the change, and one that ends at such a time keeps the length that is left of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Weekly {
    /// The days on which it opens; a window that crosses midnight closes on the next day.
    pub days: BTreeSet<Day>,
    /// The wall-clock time at which it opens.
    pub from: TimeOfDay,
    /// The wall-clock time at which it closes; at or before `from` it is the next day's. Up to 24 hours after `from`.
    pub to: TimeOfDay,
    /// Whose wall clock.
    pub zone: TimeZone,
}

impl Window {
    /// The window is open at `now`.
    pub fn open_at(&self, now: Timestamp) -> bool {
        match &self.when {
            When::Once { from, until } => *from <= now && now < *until,
            When::Weekly(weekly) => weekly.occurrences(now).any(|(from, until)| from <= now && now < until),
        }
    }

    /// When the window that is open at `now` closes; `None` when it is not open.
    ///
    /// Occurrences that touch (every day `00:00` to `24:00`) count as one, looked at for a week ahead.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.when {
            When::Once { until, .. } => self.open_at(now).then_some(*until),
            When::Weekly(weekly) => weekly.occurrences(now).fold(None, |open, (from, until)| match open {
                None => (from <= now && now < until).then_some(until),
                Some(end) if from <= end => Some(end.max(until)),
                closed => closed,
            }),
        }
    }
}

impl Weekly {
    /// The occurrences around `now`, earliest first: every one that can be open then, and a week of later ones.
    fn occurrences(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        // Two days back, not one: a zone may skip a whole day (Apia, 2011), which stretches what began before it.
        let today = now.to_zoned(self.zone.clone()).date();
        (-2..=7)
            .filter_map(move |days: i64| today.checked_add(days.days()).ok())
            .filter_map(|date| self.on(date))
    }

    fn on(&self, date: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days.contains(&Day::from(date.weekday())) {
            return None;
        }
        let closing = if self.to <= self.from {
            date.tomorrow().ok()?
        } else {
            date
        };
        Some((self.opening(self.from.on(date)?)?, self.closing(self.to.on(closing)?)?))
    }

    fn opening(&self, wall: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(wall);
        let skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        let earliest = ambiguous.earlier().ok()?;
        match skipped {
            false => Some(earliest),
            true => self.zone.following(earliest).next().map(|change| change.timestamp()),
        }
    }

    fn closing(&self, wall: DateTime) -> Option<Timestamp> {
        self.zone.to_ambiguous_timestamp(wall).later().ok()
    }
}

impl fmt::Display for Window {
    /// `weekly patching (sat sun 02:00-04:00 Europe/Berlin)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} ({})", self.when),
            None => self.when.fmt(f),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once { from, until } => write!(f, "{from} to {until}"),
            Self::Weekly(Weekly { days, from, to, zone }) => {
                match days.len() == Day::ALL.len() {
                    true => write!(f, "daily ")?,
                    false => days.iter().try_for_each(|day| write!(f, "{day} "))?,
                }
                write!(f, "{from}-{to} {}", zone.iana_name().unwrap_or("UTC"))
            }
        }
    }
}

/// A day of the week; Monday is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the days need no explanation")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    /// All seven.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// Its full name, as the fleet file accepts it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }

    /// The three letters the fleet file uses: `mon`.
    pub fn short(self) -> &'static str {
        &self.name()[..3]
    }

    /// Reads `mon` and `monday`, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|day| text.eq_ignore_ascii_case(day.short()) || text.eq_ignore_ascii_case(day.name()))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

impl From<Weekday> for Day {
    fn from(weekday: Weekday) -> Self {
        Self::ALL[usize::from(weekday.to_monday_zero_offset().unsigned_abs())]
    }
}

/// A wall-clock time to the minute, `00:00` to `24:00`; the latter is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// The end of the day.
    pub const MIDNIGHT_AFTER: Self = Self(24 * 60);

    fn on(self, date: Date) -> Option<DateTime> {
        let (date, minutes) = match self {
            Self::MIDNIGHT_AFTER => (date.tomorrow().ok()?, 0),
            Self(minutes) => (date, minutes),
        };
        Some(date.at((minutes / 60).try_into().ok()?, (minutes % 60).try_into().ok()?, 0, 0))
    }
}

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str| match digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()) {
            true => digits.parse::<u16>().ok(),
            false => None,
        };
        text.split_once(':')
            .and_then(|(hour, minute)| Some((number(hour)?, number(minute)?)))
            .filter(|&(hour, minute)| minute < 60 && hour * 60 + minute <= Self::MIDNIGHT_AFTER.0)
            .map(|(hour, minute)| Self(hour * 60 + minute))
            .ok_or_else(|| format!("{text:?} is no time of day"))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// The time zone of an IANA name such as `Europe/Berlin`, from the database compiled in; `None` for an unknown name.
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// Every IANA name that [`zone`] knows, in order.
pub fn zone_names() -> Vec<String> {
    let mut names: Vec<String> = TimeZoneDatabase::bundled()
        .available()
        .map(|name| name.as_str().to_owned())
        .collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests;
