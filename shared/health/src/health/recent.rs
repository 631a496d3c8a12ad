//! The last checks of an endpoint or a variant: what streaks do not see.
//!
//! Thresholds count checks in a row, so that two failures, a success, two failures, a success and so on would never be
//! told although two checks of three fail. Counting failures among the last checks tells it.

use serde::{Deserialize, Serialize};

use super::{ledger::Streak, policy::HealthPolicy};
use crate::probe::Judgement;

const PASSED: char = 'p';
const DEGRADED: char = 'd';
const FAILED: char = 'f';

/// One letter a check, oldest first, beginning with one that did not pass: of an endpoint that is well nothing is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recent(String);

impl Recent {
    /// No check that did not pass is among the last ones.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many failed.
    pub fn failed(&self) -> u32 {
        self.count(|check| check == FAILED)
    }

    /// How many failed or were degraded.
    pub fn impaired(&self) -> u32 {
        self.count(|check| check != PASSED)
    }

    fn count(&self, of: impl Fn(char) -> bool) -> u32 {
        u32::try_from(self.0.chars().filter(|check| of(*check)).count()).unwrap_or(u32::MAX)
    }

    /// One more check that counts; at most `most` are kept.
    pub(super) fn push(&mut self, verdict: Judgement, most: u32) {
        self.0.push(match verdict {
            Judgement::Passed | Judgement::Inconclusive => PASSED,
            Judgement::Degraded => DEGRADED,
            Judgement::Failed => FAILED,
        });
        let excess = self.0.chars().count().saturating_sub(most as usize);
        let kept: String = self
            .0
            .chars()
            .skip(excess)
            .skip_while(|check| *check == PASSED)
            .collect();
        self.0 = kept;
    }

    /// In words, when the share of failures is enough and the failures in a row are not.
    pub(super) fn broken(&self, streak: Streak, policy: &HealthPolicy) -> Option<String> {
        let enough = policy.failure_share.enough(policy.failure_threshold)?;
        let (count, said) = if self.failed() >= enough {
            (self.failed(), "failed")
        } else {
            (self.impaired(), "did not pass")
        };
        let in_a_row = streak.impaired >= policy.failure_threshold.max(1);
        (count >= enough && streak.impaired > 0 && !in_a_row)
            .then(|| format!("{count} of the last {} checks {said}", policy.failure_share.checks))
    }
}
