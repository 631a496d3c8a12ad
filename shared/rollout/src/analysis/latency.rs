//! Latency percentiles: bad minutes against a limit, and paired minutes against blue.
//!
//! Percentiles of minutes cannot be added or averaged: the mean of ten p99 is the p99 of nothing. So each minute is one
//! judgement. Against a limit, it is bad when the percentile is above it. Against blue, both variants answer the same
//! traffic in the same minute, and the minute is a coin toss: is green's percentile more than `ratio` times blue's? Were
//! green no slower than that, it would be at most as often as not, up to what a percentile of few requests is off, for
//! which each minute needs [`Percentile::enough_requests`](super::Percentile::enough_requests) on both sides; the tosses
//! go through the same sequential test as everything else. A burst that slows both says nothing.
//!
//! With the default 1% of false alarms, eight slow minutes of eight fail. Whoever can say how slow is too slow should
//! ask for slow requests instead ([`SlowCheck`](super::SlowCheck)), of which every single one is evidence.

use jiff::Timestamp;

use super::{
    CheckResult, Missing,
    bad_minutes::BadRow,
    policy::{Against, Alpha, LatencyCheck, LatencyLimit},
    sequential::Evidence,
    series::{Minute, Series},
    words,
};

/// The checks of one percentile.
pub(super) fn judge(check: &LatencyCheck, blue: &Series, green: &Series) -> impl Iterator<Item = CheckResult> {
    let limit = check.limit.as_ref().map(|limit| against_limit(check, limit, green));
    let against = check
        .against_blue
        .as_ref()
        .map(|against| against_blue(check, against, blue, green));
    limit.into_iter().chain(against)
}

fn against_limit(check: &LatencyCheck, limit: &LatencyLimit, green: &Series) -> CheckResult {
    let mut bad = BadRow::new(&limit.bad_minutes);
    let (mut measured, mut worst) = (0, None);
    for minute in green.minutes() {
        let Some(latency) = measured_latency(check, minute) else {
            continue;
        };
        measured += 1;
        worst = worst.max(Some(latency));
        bad.observe(minute, latency > limit.limit.duration());
    }
    let missing = missing(
        measured,
        bad.judged(),
        limit.bad_minutes.consecutive.get().into(),
        green,
    );
    let worst = worst.map_or("none".to_owned(), words::latency);
    CheckResult::found(
        check.percentile.to_string(),
        check.dry_run,
        bad.since(),
        missing,
        format!(
            "green: {} at worst {worst}, at most {} allowed; {}",
            check.percentile,
            limit.limit,
            bad.said()
        ),
        &format!(
            "at least {} of {} needed",
            words::counted(limit.bad_minutes.consecutive.get().into(), "minute"),
            words::counted(bad.minute_requests(), "request")
        ),
    )
}

fn against_blue(check: &LatencyCheck, against: &Against, blue: &Series, green: &Series) -> CheckResult {
    let enough = check
        .minute_requests
        .unwrap_or(check.percentile.enough_requests())
        .max(1);
    let mut evidence = Evidence::new(against.alpha);
    let (mut measured, mut judged, mut pairs, mut slower) = (0, 0, 0, 0_u64);
    for minute in green.minutes() {
        let Some(latency) = measured_latency(check, minute) else {
            continue;
        };
        measured += 1;
        if minute.requests < enough {
            continue;
        }
        judged += 1;
        let Some(other) = blue.at(minute.at).filter(|other| other.requests >= enough) else {
            continue;
        };
        let Some(theirs) = measured_latency(check, other) else {
            continue;
        };
        pairs += 1;
        let worse = latency.as_secs_f64() > theirs.as_secs_f64() * against.ratio.factor();
        slower += u64::from(worse);
        evidence.observe(minute.at, worse.into(), (!worse).into(), 0.5);
    }
    let needed = fewest_that_fail(against.alpha);
    let said = match pairs {
        0 => format!(
            "no minute in which both variants have a {} to compare",
            check.percentile
        ),
        _ => format!(
            "green's {} was over {} times blue's in {slower} of {}; {}",
            check.percentile,
            against.ratio,
            words::counted(pairs, "minute"),
            evidence.said(),
        ),
    };
    let missing = missing(measured, judged, needed, green).or((pairs < needed).then_some(Missing::Blue));
    CheckResult::found(
        format!("{} against blue", check.percentile),
        check.dry_run,
        evidence.since(),
        missing,
        said,
        &format!(
            "at least {} with {} of both needed",
            words::counted(needed, "minute"),
            words::counted(enough, "request")
        ),
    )
}

/// What keeps a percentile from passing, without looking at blue.
fn missing(measured: u64, judged: u64, needed: u64, green: &Series) -> Option<Missing> {
    if measured == 0 {
        let idle = !green.minutes().is_empty() && green.requests() == 0;
        return Some(if idle { Missing::Traffic } else { Missing::Metrics });
    }
    (judged < needed).then_some(Missing::Minutes)
}

/// Without requests there is no latency, whatever was published.
fn measured_latency(check: &LatencyCheck, minute: &Minute) -> Option<std::time::Duration> {
    let latency = minute.latency.get(&check.percentile).copied();
    latency.filter(|_| minute.requests > 0)
}

/// So many slow minutes of as many are enough to fail. To pass takes as many: nobody passes a check that could not
/// have failed him.
fn fewest_that_fail(alpha: Alpha) -> u64 {
    let mut evidence = Evidence::new(alpha);
    let mut minutes = 0;
    // Each toss multiplies the wealth of the highest odds by 128/65, so this ends.
    while evidence.since().is_none() {
        evidence.observe(Timestamp::UNIX_EPOCH, 1, 0, 0.5);
        minutes += 1;
    }
    minutes
}
