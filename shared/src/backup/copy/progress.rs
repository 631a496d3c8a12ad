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
    /// Bytes of parts copied of objects that are not whole yet.
    pub partial: u64,
    /// Time that invocations spent copying.
    pub busy: Duration,
}

impl Progress {
    /// A call was answered: parts count before their object is whole.
    pub fn answered(&mut self, answer: &CopyAnswer) {
        if let CopyAnswer::Part(part) = answer {
            self.partial = self.partial.saturating_add(part.size);
        }
    }

    /// An object came out, or did not.
    pub fn ended(&mut self, size: u64, outcome: &Outcome) {
        match outcome {
            Outcome::Copied(_) => {
                self.copied.add(size);
                if Layout::of(size).is_some() {
                    self.partial = self.partial.saturating_sub(size);
                }
            }
            Outcome::Present(_) => self.present.add(size),
            _ => {}
        }
    }

    /// Bytes a second while copying; `None` before there is anything to go by.
    pub fn rate(&self) -> Option<u64> {
        let seconds = self.busy.as_secs_f64();
        let moved = self.copied.bytes.saturating_add(self.partial);
        (seconds >= 1.0 && moved > 0).then(|| (moved as f64 / seconds) as u64)
    }

    /// Bytes still to copy.
    pub fn remaining(&self) -> u64 {
        let done = [self.copied.bytes, self.present.bytes, self.partial];
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
            total, copied, present, ..
        } = self;
        let done = total.bytes.saturating_sub(self.remaining());
        write!(
            f,
            "{} of {} objects, {} of {}",
            copied.objects.saturating_add(present.objects),
            total.objects,
            bytes(done),
            bytes(total.bytes)
        )?;
        if present.objects > 0 {
            write!(f, " ({} were there)", bytes(present.bytes))?;
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
                checksum: None,
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
