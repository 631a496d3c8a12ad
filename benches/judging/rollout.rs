//! One simulated rollout, from the first request of green to its promotion or its end.

use crate::{
    rules::{Judge, Judging, Look},
    traffic::Case,
};

/// Green's share of the requests in each step.
const STEPS: [f64; 4] = [0.05, 0.1, 0.3, 0.5];
/// Minutes in each step, at least.
pub(crate) const BAKE: usize = 10;
/// A rollout that has not come to an end by then is given up.
const DEADLINE: u64 = 12 * 60;

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Promoted,
    RolledBack,
    TimedOut,
}

/// How it ended, after how many minutes, with how many requests served by green.
pub(crate) struct End {
    outcome: Outcome,
    minutes: u64,
    served: u64,
}

/// The rollout number `run` of a case.
pub(crate) fn run(case: &Case, run: u64, judge: Judge) -> End {
    let mut judging = Judging::new(judge);
    let (mut minutes, mut served) = (0, 0);
    for weight in STEPS {
        judging.begin_step();
        let mut baked = 0;
        loop {
            let (blue, green) = case.minute(run, minutes, weight);
            served += green.requests;
            let look = judging.look(minutes, blue, green);
            minutes += 1;
            baked += usize::from(look != Look::Hold);
            let outcome = match look {
                Look::Bad => Outcome::RolledBack,
                _ if minutes >= DEADLINE => Outcome::TimedOut,
                Look::Good if baked >= BAKE => break,
                Look::Good | Look::Hold | Look::Wait => continue,
            };
            return End {
                outcome,
                minutes,
                served,
            };
        }
    }
    End {
        outcome: Outcome::Promoted,
        minutes,
        served,
    }
}

/// The rollouts of one case by one judge.
pub(crate) struct Tally(Vec<End>);

impl FromIterator<End> for Tally {
    fn from_iter<I: IntoIterator<Item = End>>(ends: I) -> Self {
        Self(ends.into_iter().collect())
    }
}

impl Tally {
    /// The share that ended so: `12.3%`.
    pub(crate) fn rate(&self, outcome: Outcome) -> String {
        let so = self.0.iter().filter(|end| end.outcome == outcome).count();
        format!("{:.1}%", so as f64 * 100.0 / self.0.len().max(1) as f64)
    }

    /// Of those that ended so; the upper of the middle two when there is none in the middle.
    pub(crate) fn median_minutes(&self, outcome: Outcome) -> Option<u64> {
        let so = self.0.iter().filter(|end| end.outcome == outcome);
        let mut minutes: Vec<u64> = so.map(|end| end.minutes).collect();
        minutes.sort_unstable();
        minutes.get(minutes.len() / 2).copied()
    }

    /// Requests that green served, on average over all, whatever the end.
    pub(crate) fn mean_served(&self) -> u64 {
        let all: u64 = self.0.iter().map(|end| end.served).sum();
        (all as f64 / self.0.len().max(1) as f64).round() as u64
    }
}
