//! Requests that failed or were slow, as a share of all: against a limit, and against blue.

use super::{
    CheckResult, Missing,
    bad_minutes::BadRow,
    policy::{Against, ErrorCheck, ShareLimit, SlowCheck},
    sequential::Evidence,
    series::{Minute, Probes, Series},
    words,
};

/// Whether green had enough requests to be judged at all.
pub(super) fn requests(needed: u64, green: &Series) -> CheckResult {
    let needed = needed.max(1);
    let requests = green.requests();
    let missing = match requests {
        _ if green.minutes().is_empty() => Some(Missing::Metrics),
        0 => Some(Missing::Traffic),
        _ if green.of_users(requests) < needed => Some(Missing::Requests),
        _ => None,
    };
    let counted = words::counted(requests, "request");
    let probes = match green.probes() {
        Probes::AtMost(0) => String::new(),
        Probes::AtMost(probes) => format!(", up to {} of them Steward's own probes", probes.min(requests)),
        Probes::Unknown => ", and how many of them are Steward's own probes is not known".to_owned(),
    };
    let others = match green.probes() {
        Probes::AtMost(0) => "",
        _ => " others",
    };
    let needed = format!("at least {needed}{others} needed");
    let said = format!("green: {counted}{probes}");
    CheckResult::found("requests".to_owned(), false, None, missing, said, &needed)
}

/// Failed requests.
pub(super) fn errors(
    needed: u64,
    check: &ErrorCheck,
    blue: &Series,
    green: &Series,
) -> impl Iterator<Item = CheckResult> {
    let hits = |minute: &Minute| minute.failed(&check.counted);
    let share = Shares {
        name: "errors",
        verb: "failed",
        hits: &hits,
        needed: needed.max(1),
        dry_run: check.dry_run,
    };
    let limit = check.limit.as_ref().map(|limit| share.limit(limit, green));
    let against = check
        .against_blue
        .as_ref()
        .map(|against| share.against(against, blue, green));
    limit.into_iter().chain(against)
}

/// Slow requests.
pub(super) fn slow(needed: u64, check: &SlowCheck, blue: &Series, green: &Series) -> impl Iterator<Item = CheckResult> {
    let verb = format!("took over {}", check.slower_than);
    let share = Shares {
        name: "slow",
        verb: &verb,
        hits: &Minute::slow,
        needed: needed.max(1),
        dry_run: check.dry_run,
    };
    let limit = check.limit.as_ref().map(|limit| share.limit(limit, green));
    let against = check
        .against_blue
        .as_ref()
        .map(|against| share.against(against, blue, green));
    limit.into_iter().chain(against)
}

/// One way of counting requests.
struct Shares<'a> {
    name: &'a str,
    /// What a hit did, for people.
    verb: &'a str,
    /// `None` where it was not measured. At most the minute's requests.
    hits: &'a dyn Fn(&Minute) -> Option<u64>,
    /// Requests, at least 1.
    needed: u64,
    dry_run: bool,
}

/// What one variant did in the minutes that were measured.
#[derive(Default)]
struct Sum {
    minutes: u64,
    requests: u64,
    hits: u64,
}

impl Sum {
    fn add(&mut self, requests: u64, hits: u64) {
        self.minutes += 1;
        self.requests = self.requests.saturating_add(requests);
        self.hits = self.hits.saturating_add(hits);
    }

    /// What keeps green, of whose series these are, from passing.
    fn missing(&self, needed: u64, green: &Series) -> Option<Missing> {
        match self.requests {
            _ if self.minutes == 0 => Some(Missing::Metrics),
            0 => Some(Missing::Traffic),
            requests if green.of_users(requests) < needed => Some(Missing::Requests),
            _ => None,
        }
    }
}

impl Shares<'_> {
    fn limit(&self, limit: &ShareLimit, green: &Series) -> CheckResult {
        let (mut sum, mut evidence) = (Sum::default(), Evidence::new(limit.alpha));
        let mut bad = limit.bad_minutes.as_ref().map(BadRow::new);
        for minute in green.minutes() {
            let Some(hits) = (self.hits)(minute) else { continue };
            sum.add(minute.requests, hits);
            evidence.observe(minute.at, hits, minute.requests - hits, limit.share.fraction());
            if let Some(bad) = &mut bad {
                // In whole numbers, so that a minute exactly at the limit is not above it.
                let above = u128::from(hits) * 1_000_000 > u128::from(minute.requests) * millionths(limit);
                bad.observe(minute, above);
            }
        }
        let rows = bad.iter().map(|bad| format!("; {}", bad.said())).collect::<String>();
        let said = format!(
            "green: {}; at most {} allowed; {}{rows}",
            words::share(sum.hits, sum.requests, self.verb),
            limit.share,
            evidence.said(),
        );
        let since = evidence
            .since()
            .into_iter()
            .chain(bad.and_then(|bad| bad.since()))
            .min();
        let within = u128::from(sum.hits) * 1_000_000 <= u128::from(sum.requests) * millionths(limit);
        let late = if since.is_some() && within {
            "; above it in a part of these minutes"
        } else {
            ""
        };
        self.result(
            self.name.to_owned(),
            since,
            sum.missing(self.needed, green),
            format!("{said}{late}"),
        )
    }

    fn against(&self, against: &Against, blue: &Series, green: &Series) -> CheckResult {
        let (mut ours, mut both, mut theirs) = (Sum::default(), Sum::default(), Sum::default());
        let mut evidence = Evidence::new(against.alpha);
        for minute in green.minutes() {
            let Some(hits) = (self.hits)(minute) else { continue };
            ours.add(minute.requests, hits);
            let Some(other) = blue.at(minute.at) else { continue };
            let Some(other_hits) = (self.hits)(other) else { continue };
            if minute.requests == 0 || other.requests == 0 {
                continue;
            }
            both.add(minute.requests, hits);
            theirs.add(other.requests, other_hits);
            let weighed = against.ratio.factor() * minute.requests as f64;
            let expected = weighed / (weighed + other.requests as f64);
            evidence.observe(minute.at, hits, other_hits, expected);
        }
        let missing = ours.missing(self.needed, green).or_else(|| {
            let few = green.of_users(both.requests) < self.needed || blue.of_users(theirs.requests) < self.needed;
            few.then_some(Missing::Blue)
        });
        let said = match theirs.requests {
            0 => format!(
                "green: {}; blue has nothing to compare with in the same {}",
                words::share(ours.hits, ours.requests, self.verb),
                words::counted(ours.minutes, "minute"),
            ),
            _ => format!(
                "green: {}; blue: {} in the same {}; up to {} times blue's share allowed; {}",
                words::share(both.hits, both.requests, self.verb),
                words::share(theirs.hits, theirs.requests, self.verb),
                words::counted(both.minutes, "minute"),
                against.ratio,
                evidence.said(),
            ),
        };
        self.result(format!("{} against blue", self.name), evidence.since(), missing, said)
    }

    fn result(
        &self,
        name: String,
        since: Option<jiff::Timestamp>,
        missing: Option<Missing>,
        said: String,
    ) -> CheckResult {
        let needed = format!("at least {} needed", words::counted(self.needed, "request"));
        CheckResult::found(name, self.dry_run, since, missing, said, &needed)
    }
}

fn millionths(limit: &ShareLimit) -> u128 {
    // From 0 to 1,000,000: a share has steps of a millionth.
    (limit.share.fraction() * 1e6).round() as u128
}
