//! How green is judged when it has all the traffic: there is no blue to compare with on the same minutes.
//!
//! A policy that only compares would then check nothing, though it is the step with the most to lose. So what is asked for
//! as a comparison becomes a limit: made from what blue did in the hour before it lost its traffic, or, where that is not
//! known, a backstop. It is judged by the same sequential test as any limit.
//!
//! # The limit
//!
//! Let `b` be the most that blue's share may well have been (below), and `r` the policy's `against_blue.ratio`. Then green
//! may have `2 r b`, and no more than `b + (1 - b) / 4`; at least 1%, and of failed requests at most 90%.
//!
//! - *Twice*, since another hour is no fair comparison.
//! - *A quarter of the rest*, since twice a large share is everything: at 42% nothing could fail any more. Of the requests
//!   that blue answered well, green may fail one in four, however ill blue was. In odds, in which a share is multiplied
//!   without passing 1, that is never less than 4/3 times blue's.
//! - *90%*, since a green that answers nothing is no replacement, though blue answered nothing either: a limit at which
//!   nothing can fail is none.
//!
//! # An outage in blue's hour
//!
//! What blue depends on may have failed in that hour, and be well again: people ship just then. The mean of the hour would
//! let green fail as often as that outage did. So the hour is cut into stretches of at least five minutes, each with
//! enough requests to be judged by, and the middle one of them counts where it is the better one: the median has a
//! breakdown point of one half (Huber, "Robust Statistics", 1981), so an outage of less than half of them moves it to
//! another calm stretch and no further. Of a stretch with few requests little is known, and its bound is high; the bound of
//! the whole hour counts then, as it does for a blue that never was ill.
//!
//! Failures that come and go with a job or the load are no outage, and come again when green has all the traffic. So the
//! whole hour's limit counts as well, up to the 5% that callers take for an outage: nothing but what is more is left out.

use super::{
    Analysis, AnalysisPolicy, judge,
    policy::{Against, ShareLimit},
    series::{Minute, Series},
    words,
};
use crate::quantity::Share;

/// The share of failed requests that green may have where nothing is known of blue: one in twenty. Whoever calls an endpoint
/// takes that for an outage, whatever the model; and it lies far enough above the errors of healthy models that these are
/// not near it. A green that fails everything is found on its first few requests.
const BACKSTOP: Share = Share::from_percent(5).expect("5 is at most 100");

/// A limit made from blue's share is at least this: after a blue without any failure, a single one is no harm.
const LEAST: Share = Share::from_percent(1).expect("1 is at most 100");

/// Blue had its share in another hour. What callers send and what a model depends on change from hour to hour, and nothing
/// tells that apart from a worse model now; so it may be twice what it might be on the same minutes.
const ANOTHER_HOUR: f64 = 2.0;

/// What of the requests that blue answered well green may have at the most.
const OF_THE_REST: f64 = 0.25;

/// Whoever fails so many requests replaces nothing, whatever blue did.
const CEILING: Share = Share::from_percent(90).expect("90 is at most 100");

/// Minutes of blue's that are judged together, at least.
const STRETCH: usize = 5;

/// A blue with less than one request for so many of green's is not served any more: SageMaker's own engines leave it at
/// least 5% of the traffic, or none. Less than that is a request that was still under way, or a metric that is not complete.
const STRAY: u64 = 100;

/// What is left to judge green by when blue gets no requests: its own limits, and limits in place of comparisons.
///
/// Of failed requests, the limit is `against_blue.ratio` times twice blue's share in the minutes `before`: at least 1%, at
/// most blue's share and a quarter of the rest, never over 90%. It is 5% where blue had fewer than `min_requests` of which
/// it is known how many failed. Of slow requests the same, but for the 90%, and no limit where blue's share is not known. A
/// limit that the policy has itself stays as it is, and is the only one. Percentiles are held to their own limits only.
#[must_use]
pub fn without_blue(policy: &AnalysisPolicy, before: &Series) -> AnalysisPolicy {
    let mut policy = policy.clone();
    let needed = policy.min_requests.max(1);
    if let Some(errors) = &mut policy.errors
        && let Some(against) = errors.against_blue.take()
    {
        let share = || {
            let had = had(before, needed, |minute| minute.failed(&errors.counted));
            had.map_or(BACKSTOP, |had| limit(had, against).min(CEILING))
        };
        let limit = errors.limit.take();
        errors.limit = Some(limit.unwrap_or_else(|| held(share(), against)));
    }
    if let Some(slow) = &mut policy.slow
        && let Some(against) = slow.against_blue.take()
        && slow.limit.is_none()
    {
        let had = had(before, needed, Minute::slow);
        slow.limit = had.map(|had| held(limit(had, against), against));
    }
    for check in &mut policy.latency {
        check.against_blue = None;
    }
    policy
}

/// There is a comparison that becomes a limit when blue gets no requests.
pub fn makes_limits(policy: &AnalysisPolicy) -> bool {
    let errors = policy.errors.as_ref();
    let slow = policy.slow.as_ref();
    errors.is_some_and(|check| check.against_blue.is_some() && check.limit.is_none())
        || slow.is_some_and(|check| check.against_blue.is_some() && check.limit.is_none())
}

/// Those limits as they are after blue's minutes `before`, one an item, for people: `errors: at most 1% without blue; blue
/// had up to 0.1% in its hour before`.
pub fn limits_without_blue(policy: &AnalysisPolicy, before: &Series) -> Vec<String> {
    let held = without_blue(policy, before);
    let errors = policy.errors.as_ref().filter(|check| check.limit.is_none());
    let errors = errors.and_then(|_| held.errors?.limit);
    let slow = policy.slow.as_ref().filter(|check| check.limit.is_none());
    let slow = slow.and_then(|_| held.slow?.limit);
    let limits = [("errors", errors), ("slow", slow)].into_iter();
    let said = limits.filter_map(|(name, limit)| {
        let share = limit?.share;
        Some(format!(
            "{name}: at most {share} without blue{}",
            blues(policy, name, before)
        ))
    });
    said.collect()
}

/// Where the limit in place of the comparison of this check comes from; for people.
fn blues(policy: &AnalysisPolicy, check: &str, before: &Series) -> String {
    let needed = policy.min_requests.max(1);
    let had = match (check, &policy.errors) {
        ("errors", Some(errors)) => had(before, needed, |minute| minute.failed(&errors.counted)),
        _ => had(before, needed, Minute::slow),
    };
    match had {
        Some(Had { whole, calm }) if calm < whole.min(1.0) => format!(
            "; blue had up to {} in its hour before, {} with the worst of it",
            words::percent(calm),
            words::percent(whole.min(1.0))
        ),
        Some(Had { calm, .. }) => format!("; blue had up to {} in its hour before", words::percent(calm)),
        None => "; of blue's hour before too little is known".to_owned(),
    }
}

/// There is a check that can still take green back when blue gets no requests.
pub fn watches_without_blue(policy: &AnalysisPolicy) -> bool {
    let mut left = policy.clone();
    left.latency.retain(|check| check.limit.is_some());
    left.decides()
}

/// What becomes of the comparisons when blue gets no requests, for people; none if there are none.
pub fn said_without_blue(policy: &AnalysisPolicy) -> Vec<String> {
    let mut said = Vec::new();
    if policy
        .errors
        .as_ref()
        .is_some_and(|check| check.against_blue.is_some() && check.limit.is_none())
    {
        said.push(format!(
            "errors are held to twice what they may be beside blue, taken from blue's hour before (an outage in it left \
             out): at least {LEAST}, at most blue's share and a quarter of the rest, never over {CEILING}; or to {BACKSTOP} \
             where that is not known"
        ));
    }
    if policy
        .slow
        .as_ref()
        .is_some_and(|check| check.against_blue.is_some() && check.limit.is_none())
    {
        said.push("slow requests likewise, if blue's are known".to_owned());
    }
    let compared = policy.latency.iter().filter(|check| check.against_blue.is_some());
    let compared: Vec<String> = compared.map(|check| check.percentile.to_string()).collect();
    if !compared.is_empty() {
        said.push(format!(
            "{} is not compared with anything",
            crate::text::and_list(&compared)
        ));
    }
    said
}

/// Judges the minutes in which green had all the traffic. `before` are blue's, of the time before it lost its own.
pub fn judge_alone(policy: &AnalysisPolicy, before: &Series, green: &Series) -> Analysis {
    let mut analysis = judge(&without_blue(policy, before), &Series::default(), green);
    let replaced = |name: &str| match name {
        "errors" => policy.errors.as_ref().is_some_and(|check| check.limit.is_none()),
        "slow" => policy.slow.as_ref().is_some_and(|check| check.limit.is_none()),
        _ => false,
    };
    for check in analysis.checks.iter_mut().filter(|check| replaced(&check.name)) {
        check.said.push_str(&blues(policy, &check.name, before));
        check.name.push_str(" without blue");
    }
    analysis
}

/// Judges a deployment of SageMaker's own: it does not say when blue has lost its traffic, but the minutes show it. `blue`
/// and `green` are of the same minutes, `before` are those before the deployment.
///
/// All of them are judged as [`judge`](super::judge) does, and those after blue's last one also by the limits in place of
/// comparisons. So there are two tests of a deployment, each with the chance of a false alarm that the policy gives to one.
/// Where blue had no requests at all, as when everything is moved at once, only [`judge_alone`] is left.
pub fn judge_deployment(policy: &AnalysisPolicy, before: &Series, blue: &Series, green: &Series) -> Analysis {
    let serves = |minute: &&Minute| {
        let beside = green.at(minute.at).map_or(0, |green| green.requests);
        minute.requests > 0 && minute.requests.saturating_mul(STRAY) >= beside
    };
    let last = blue.minutes().iter().filter(serves).map(|minute| minute.at).max();
    let after = green.minutes().iter().filter(|minute| Some(minute.at) > last);
    let alone: Series = after.cloned().collect();
    if alone.requests() == 0 {
        return judge(policy, blue, green);
    }
    if alone.minutes().len() == green.minutes().len() {
        return judge_alone(policy, before, green);
    }
    let mut compared = policy.clone();
    compared.errors.take_if(|check| check.limit.is_some());
    compared.slow.take_if(|check| check.limit.is_some());
    compared.latency.clear();
    let limits = judge_alone(&compared, before, &alone.with_probes(green.probes())).checks;
    let mut checks = judge(policy, blue, green).checks;
    // The first one counts the requests, which the other has done.
    checks.extend(limits.into_iter().skip(1));
    Analysis::of(checks)
}

fn held(share: Share, against: Against) -> ShareLimit {
    ShareLimit {
        alpha: against.alpha,
        ..ShareLimit::new(share)
    }
}

fn limit(had: Had, against: Against) -> Share {
    of_share(had.calm, against).max(of_share(had.whole, against).min(BACKSTOP))
}

fn of_share(had: f64, against: Against) -> Share {
    let scaled = had * ANOTHER_HOUR * against.ratio.factor();
    let most = had + (1.0 - had) * OF_THE_REST;
    // In tenths of a percent, rounded up, and at most all: from 0 to 1,000.
    let tenths = (scaled.min(most) * 1e3).ceil().min(1e3) as u32;
    Share::from_millionths(tenths * 1000).map_or(BACKSTOP, |share| share.max(LEAST))
}

/// The most that blue's true share may well have been, from 0 to 1.
#[derive(Clone, Copy)]
struct Had {
    whole: f64,
    /// Without an outage of less than half of the minutes, as far as there are requests to tell it from the rest: never
    /// more than `whole`.
    calm: f64,
}

/// `None` where blue had too few requests.
fn had(before: &Series, needed: u64, hits: impl Fn(&Minute) -> Option<u64>) -> Option<Had> {
    let mut whole = Sum::default();
    let mut stretches: Vec<Sum> = Vec::new();
    let mut open = Sum::default();
    for minute in before.minutes() {
        let Some(hit) = hits(minute) else { continue };
        whole.add(hit, minute.requests);
        open.add(hit, minute.requests);
        if open.minutes >= STRETCH && open.requests >= needed {
            stretches.push(std::mem::take(&mut open));
        }
    }
    let mut bounds: Vec<f64> = stretches.iter().map(Sum::bound).collect();
    bounds.sort_by(f64::total_cmp);
    let middle = bounds.get(bounds.len().saturating_sub(1) / 2);
    let bound = whole.bound();
    (whole.requests >= needed).then(|| Had {
        whole: bound,
        calm: middle.map_or(bound, |middle| middle.min(bound)).min(1.0),
    })
}

/// Some minutes of blue's.
#[derive(Default)]
struct Sum {
    minutes: usize,
    hits: u64,
    requests: u64,
}

impl Sum {
    fn add(&mut self, hits: u64, requests: u64) {
        self.minutes += 1;
        self.hits = self.hits.saturating_add(hits);
        self.requests = self.requests.saturating_add(requests);
    }

    /// `k` hits speak for a mean of at most `k + 2 sqrt(k) + 3`: never less than the one-sided 95% bound of a Poisson
    /// count, which is 3.0 for none, 4.7 for one and 118 for a hundred.
    fn bound(&self) -> f64 {
        let hits = self.hits as f64;
        (hits + 2.0 * hits.sqrt() + 3.0) / self.requests.max(1) as f64
    }
}

#[cfg(test)]
mod tests;
