//! How far a backup is, for logs and `status`: bytes, objects, rate, time left.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Outcome, layout::Layout};
use crate::{
    backup::inventory::CopyAnswer,
    text::{self, bytes},
};

/// Objects and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tally {
    /// Number of objects.
    pub objects: u64,
    /// Bytes in them.
    pub bytes: u64,
}

impl Tally {
    /// One more object.
    pub fn add(&mut self, bytes: u64) {
        self.objects = self.objects.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            objects: self.objects.saturating_add(other.objects),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// What is left without the other.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self {
            objects: self.objects.saturating_sub(other.objects),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    /// The smaller of both.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        Self {
            objects: self.objects.min(other.objects),
            bytes: self.bytes.min(other.bytes),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.objects == 1 { "" } else { "s" };
        write!(f, "{} object{plural}, {}", self.objects, bytes(self.bytes))
    }
}

/// How far a backup is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Progress {
    /// All there is to have.
    pub total: Tally,
    /// Copied by this backup.
    pub copied: Tally,
    /// Already there, and not copied again.
    pub present: Tally,
    /// Copied by this backup within the destination's Region, from what was copied before.
    #[serde(default)]
    pub taken: Tally,
    /// Bytes of parts copied of objects that are not whole yet.
    pub partial: u64,
    /// Bytes that this backup copied in all, also of versions that were replaced meanwhile.
    #[serde(default)]
    pub moved: u64,
    /// Time that invocations spent copying.
    pub busy: Duration,
}

impl Progress {
    /// A call was answered: parts count before their object is whole.
    pub fn answered(&mut self, answer: &CopyAnswer) {
        if let CopyAnswer::Part(part) = answer {
            self.partial = self.partial.saturating_add(part.size);
            self.moved = self.moved.saturating_add(part.size);
        }
    }

    /// An object came out, or did not.
    pub fn ended(&mut self, size: u64, outcome: &Outcome) {
        match outcome {
            Outcome::Copied(_) | Outcome::Taken(_) => {
                match outcome {
                    Outcome::Taken(_) => self.taken.add(size),
                    _ => self.copied.add(size),
                }
                match Layout::of(size) {
                    Some(_) => self.partial = self.partial.saturating_sub(size),
                    None => self.moved = self.moved.saturating_add(size),
                }
            }
            Outcome::Present(_) => self.present.add(size),
            _ => {}
        }
    }

    /// Bytes a second while copying; `None` before there is anything to go by.
    pub fn rate(&self) -> Option<u64> {
        let seconds = self.busy.as_secs_f64();
        let made = [self.taken.bytes, self.partial];
        let made = made.into_iter().fold(self.copied.bytes, u64::saturating_add);
        let moved = made.max(self.moved);
        (seconds >= 1.0 && moved > 0).then(|| (moved as f64 / seconds) as u64)
    }

    /// How far this invocation, which is at `now`, and those `before` it came together. What they copied is there now, but
    /// was not before they began. Where the source `changed` between them, some of it may not be part of the set any more:
    /// only so much of it counts as is found.
    #[must_use]
    pub fn after(before: &Self, now: &Self, changed: bool) -> Self {
        let still = |made: Tally, there: Tally| match changed {
            true => made.least(there),
            false => made,
        };
        let copied = still(before.copied, now.present);
        let taken = still(before.taken, now.present.less(copied));
        Self {
            total: now.total,
            copied: copied.plus(now.copied),
            taken: taken.plus(now.taken),
            present: now.present.less(copied).less(taken),
            partial: now.partial,
            moved: before.moved.saturating_add(now.moved),
            busy: before.busy.saturating_add(now.busy),
        }
    }

    /// Bytes still to copy.
    pub fn remaining(&self) -> u64 {
        let done = [self.copied.bytes, self.taken.bytes, self.present.bytes, self.partial];
        done.into_iter().fold(self.total.bytes, u64::saturating_sub)
    }

    /// Time of copying still needed at the present rate.
    pub fn left(&self) -> Option<Duration> {
        let rate = self.rate()?.max(1);
        Some(Duration::from_secs(self.remaining().div_ceil(rate)))
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            total,
            copied,
            taken,
            present,
            ..
        } = self;
        let done = total.bytes.saturating_sub(self.remaining());
        write!(
            f,
            "{} of {} objects, {} of {}",
            [taken.objects, present.objects]
                .into_iter()
                .fold(copied.objects, u64::saturating_add),
            total.objects,
            bytes(done),
            bytes(total.bytes)
        )?;
        if present.objects > 0 {
            write!(f, " ({} were there)", bytes(present.bytes))?;
        }
        if taken.objects > 0 {
            write!(f, " ({} taken from earlier copies)", bytes(taken.bytes))?;
        }
        if let (Some(rate), Some(left)) = (self.rate(), self.left()) {
            write!(f, ", {}/s", bytes(rate))?;
            if self.remaining() > 0 {
                let left = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
                write!(f, ", {} left", text::lasting(left))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_reads_like_this() {
        let mut progress = Progress {
            total: Tally {
                objects: 12,
                bytes: 100_000_000_000,
            },
            ..Progress::default()
        };
        assert_eq!(progress.to_string(), "0 of 12 objects, 0 B of 100 GB");
        progress.present.add(10_000_000_000);
        progress.copied.add(25_000_000_000);
        progress.partial = 5_000_000_000;
        progress.busy = Duration::from_secs(120);
        assert_eq!(
            progress.to_string(),
            "2 of 12 objects, 40 GB of 100 GB (10 GB were there), 250 MB/s, 4m left"
        );
    }

    #[test]
    fn parts_count_once_before_and_after_their_object_is_whole() {
        let part = |size| {
            CopyAnswer::Part(crate::backup::inventory::Part {
                number: 1,
                size,
                etag: String::new(),
            })
        };
        let large = 300 << 20;
        let mut progress = Progress {
            total: Tally {
                objects: 2,
                bytes: large + 10,
            },
            ..Progress::default()
        };
        progress.answered(&part(200 << 20));
        progress.answered(&part(100 << 20));
        assert_eq!(progress.remaining(), 10);
        progress.ended(large, &Outcome::Copied(super::super::Proof::Checksum));
        progress.ended(10, &Outcome::Copied(super::super::Proof::Md5));
        assert_eq!(
            (progress.remaining(), progress.partial, progress.copied.objects),
            (0, 0, 2)
        );
    }

    #[test]
    fn what_was_copied_and_replaced_since_is_not_counted_as_there() {
        let tally = |objects| Tally {
            objects,
            bytes: objects * 10,
        };
        let before = Progress {
            total: tally(401),
            copied: tally(300),
            moved: 3000,
            ..Progress::default()
        };
        let now = Progress {
            total: tally(401),
            present: tally(250),
            taken: tally(40),
            copied: tally(60),
            moved: 1000,
            ..Progress::default()
        };
        let so_far = Progress::after(&before, &now, true);
        assert_eq!(
            (so_far.copied, so_far.taken, so_far.present),
            (tally(310), tally(40), tally(0))
        );
        assert_eq!(so_far.moved, 4000, "the rate is of all of it");
        let unchanged = Progress::after(
            &before,
            &Progress {
                present: tally(300),
                ..now
            },
            false,
        );
        assert_eq!((unchanged.copied, unchanged.present), (tally(360), tally(0)));
    }

    #[test]
    fn nothing_is_left_when_all_is_there_and_no_rate_is_made_up() {
        let mut progress = Progress {
            total: Tally { objects: 1, bytes: 7 },
            ..Progress::default()
        };
        progress.present.add(7);
        assert_eq!(progress.to_string(), "1 of 1 objects, 7 B of 7 B (7 B were there)");
        assert_eq!(progress.left(), None);
    }
}
