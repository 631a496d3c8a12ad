//! What Steward's own probes did of the work that metrics show: it is nobody's use, and keeps nothing awake.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::minute::{Minute, number};

/// Remembered of one thing: one a minute for a day and an hour, with room to spare.
const MOST: usize = 2000;

/// Inferences of Steward's own that a container answered, by the time at which they were asked, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Own(Vec<Asked>);

/// When they were asked, in milliseconds since 1970; so many minutes later they had been answered; how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Asked(i64, i64, u32);

impl Asked {
    fn first(self) -> i64 {
        self.0.div_euclid(60_000)
    }

    fn last(self) -> i64 {
        self.first().saturating_add(self.1)
    }
}

impl Own {
    /// None is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One more was asked at `asked`, and had been answered at `answered`.
    pub fn add(&mut self, asked: Timestamp, answered: Timestamp) {
        let new = span(asked, answered, 1);
        let at = self.0.partition_point(|one| (one.0, one.1) < (new.0, new.1));
        match self.0.get_mut(at).filter(|one| (one.0, one.1) == (new.0, new.1)) {
            Some(one) => one.2 = one.2.saturating_add(1),
            None => self.insert(at, new),
        }
    }

    /// So many were asked at `asked` or after it, and had been answered at `answered`. Said again, it is the same.
    pub fn set(&mut self, asked: Timestamp, answered: Timestamp, count: u32) {
        let new = span(asked, answered, count);
        let at = self.0.partition_point(|one| one.0 < new.0);
        match self.0.get_mut(at).filter(|one| one.0 == new.0) {
            Some(one) => *one = new,
            None => self.insert(at, new),
        }
    }

    fn insert(&mut self, at: usize, new: Asked) {
        self.0.insert(at, new);
        let excess = self.0.len().saturating_sub(MOST);
        self.0.drain(..excess);
    }

    /// Those that had been answered before are forgotten.
    pub fn forget(&mut self, before: Timestamp) {
        let oldest = number(before);
        self.0.retain(|one| one.last() >= oldest);
    }
}

fn span(asked: Timestamp, answered: Timestamp, count: u32) -> Asked {
    let lasts = number(answered).saturating_sub(number(asked)).max(0);
    Asked(asked.as_millisecond(), lasts, count)
}

/// One of them whose minutes are at hand.
struct Open {
    until: i64,
    count: f64,
    /// Not found among the requests yet.
    left: f64,
}

/// The minutes without what Steward's own inferences did in them. Each explains one request that was answered, in any one
/// of its minutes, and one that waited or was at work in all of them; what is more is somebody else's.
pub fn others(mut minutes: Vec<Minute>, own: &Own) -> Vec<Minute> {
    let mut coming = own.0.iter().peekable();
    let mut open: Vec<Open> = vec![];
    for minute in &mut minutes {
        let now = number(minute.at);
        while let Some(one) = coming.next_if(|one| one.first() <= now) {
            let count = f64::from(one.2);
            open.push(Open {
                until: one.last(),
                count,
                left: count,
            });
        }
        open.retain(|one| one.until >= now);
        let there: f64 = open.iter().map(|one| one.count).sum();
        minute.backlog = (minute.backlog - there).max(0.0);
        minute.running = (minute.running - there).max(0.0);
        // What has to be found first, first: then none is left over that could have been found.
        open.sort_by_key(|one| one.until);
        for one in &mut open {
            for answered in [&mut minute.served, &mut minute.failed] {
                let found = one.left.min(*answered);
                one.left -= found;
                *answered -= found;
            }
        }
    }
    minutes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn served(counts: &[u32]) -> Vec<Minute> {
        let minute = |(index, count): (usize, &u32)| Minute {
            pulse: true,
            served: f64::from(*count),
            ..Minute::at(at(60 * i64::try_from(index).expect("few")))
        };
        counts.iter().enumerate().map(minute).collect()
    }

    fn own(spans: &[(i64, i64)]) -> Own {
        let mut own = Own::default();
        for (asked, answered) in spans {
            own.add(at(*asked), at(*answered));
        }
        own
    }

    fn left(minutes: Vec<Minute>, own: &Own) -> Vec<f64> {
        let others = others(minutes, own);
        others.iter().map(|minute| minute.served + minute.failed).collect()
    }

    #[test]
    fn an_own_inference_explains_one_request_in_any_of_its_minutes_and_no_other() {
        let asked = own(&[(20, 80), (320, 320)]);
        assert_eq!(left(served(&[1, 0, 0, 0, 0, 1]), &asked), [0.0; 6]);
        assert_eq!(left(served(&[0, 1, 0, 0, 0, 1]), &asked), [0.0; 6]);
        assert_eq!(
            left(served(&[1, 1, 0, 0, 0, 2]), &asked),
            [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        );
        assert_eq!(
            left(served(&[0, 0, 1, 0, 0, 0]), &asked),
            [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
        );
    }

    #[test]
    fn what_waits_while_an_own_inference_may_is_its_and_more_is_somebody_elses() {
        let mut minutes = served(&[0, 0, 0]);
        for (minute, backlog) in minutes.iter_mut().zip([1.0, 3.0, 1.0]) {
            minute.backlog = backlog;
        }
        let others = others(minutes, &own(&[(0, 90)]));
        let backlog: Vec<f64> = others.iter().map(|minute| minute.backlog).collect();
        assert_eq!(backlog, [0.0, 2.0, 1.0]);
    }

    #[test]
    fn it_is_remembered_as_long_as_it_may_matter_and_read_back() {
        let mut asked = own(&[(0, 60), (60, 60), (60, 60), (600, 600)]);
        let text = serde_json::to_string(&asked).expect("JSON");
        assert_eq!(text, "[[1800000000000,1,1],[1800000060000,0,2],[1800000600000,0,1]]");
        assert_eq!(serde_json::from_str::<Own>(&text).expect("its own"), asked);
        asked.forget(at(120));
        assert_eq!(asked, own(&[(600, 600)]));
        for minute in 0..3000 {
            let minute = at(60 * minute);
            asked.set(minute, minute, 1);
            asked.set(minute, minute, 2);
        }
        assert_eq!((asked.0.len(), asked.0[0].2), (MOST, 2));
    }

    proptest! {
        #[test]
        fn no_request_of_anybody_else_is_hidden_and_none_of_its_own_is_left(
            spans in proptest::collection::vec((0..2400_i64, 0..300_i64, 0..300_i64), 0..30),
            others in proptest::collection::vec(0..45_usize, 0..20),
        ) {
            // Each own one was answered at some second between its asking and its being seen.
            let mut counts = vec![0; 60];
            let mut asked = Own::default();
            for (from, until_answer, until_seen) in &spans {
                asked.add(at(*from), at(from + until_answer + until_seen));
                counts[usize::try_from((from + until_answer) / 60).unwrap()] += 1;
            }
            for minute in &others {
                counts[*minute] += 1;
            }
            let sum: f64 = left(served(&counts), &asked).iter().sum();
            prop_assert_eq!(sum, others.len() as f64);
        }
    }
}
