//! The plain rule that people know: so many bad minutes in a row, or in all, are too many.

use jiff::Timestamp;

use super::{policy::BadMinutes, series::Minute, words};

/// Counts bad minutes, in a row and in all.
pub(super) struct BadRow<'a> {
    rule: &'a BadMinutes,
    minute_requests: u64,
    judged: u64,
    all: u32,
    row: u32,
    longest: u32,
    since: Option<Timestamp>,
}

impl<'a> BadRow<'a> {
    pub(super) fn new(rule: &'a BadMinutes) -> Self {
        Self {
            rule,
            minute_requests: rule.minute_requests.max(1),
            judged: 0,
            all: 0,
            row: 0,
            longest: 0,
            since: None,
        }
    }

    /// A further minute that was measured.
    pub(super) fn observe(&mut self, minute: &Minute, bad: bool) {
        if minute.requests < self.minute_requests {
            return;
        }
        self.judged += 1;
        if bad {
            self.all = self.all.saturating_add(1);
            self.row = self.row.saturating_add(1);
        } else {
            self.row = 0;
        }
        self.longest = self.longest.max(self.row);
        let total = self.rule.total.is_some_and(|total| self.all >= total.get());
        if self.since.is_none() && (total || self.longest >= self.rule.consecutive.get()) {
            self.since = Some(minute.at);
        }
    }

    /// Minutes that had enough requests.
    pub(super) fn judged(&self) -> u64 {
        self.judged
    }

    /// Requests that a minute needs, at least 1.
    pub(super) fn minute_requests(&self) -> u64 {
        self.minute_requests
    }

    /// The minute that was one too many.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// `4 of 10 minutes above, 2 in a row (fails at 3 in a row, or 5)`.
    pub(super) fn said(&self) -> String {
        let total = self.rule.total.map(|total| format!(", or {total}")).unwrap_or_default();
        format!(
            "{} of {} above, {} in a row (fails at {} in a row{total})",
            self.all,
            words::counted(self.judged, "minute"),
            self.longest,
            self.rule.consecutive
        )
    }
}
