//! From the first request to the last one served: Steward's wake beside the step policy that AWS documents, for the very
//! same requests.
//!
//! Two asynchronous endpoints alike stand in one simulated AWS and sleep. Both have the same target tracking on the backlog
//! per instance. One is woken by Steward, the other by the documented pair of alarm and step policy; the fleet reconciler
//! puts all policies there. Counted on the clock of the simulation, so that the machine does not matter and each run gives
//! the same table.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use fastrand::Rng;
use jiff::Timestamp;
use rehearsal::{
    play::{Options, Outcome, play},
    record::{Measure, Record},
    scenario::Scenario,
    timeline::Silent,
};

/// An answer takes ten seconds, one instance gives six a minute. The first instance needs five minutes to start, each further
/// one of the same change 20 seconds more.
const WORLD: &str = r#"
title: Asleep
duration: LASTS
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      endpoints:
        wake: {async: {output: "s3://output/wake/"}, variants: {main: {instances: 0, instance_type: ml.g5.xlarge, latency: 10s, capacity: 0.1 rps, scaling: {min: 0, max: 8}}}}
        step: {async: {output: "s3://output/step/"}, variants: {main: {instances: 0, instance_type: ml.g5.xlarge, latency: 10s, capacity: 0.1 rps, scaling: {min: 0, max: 8}}}}
      alarms:
        wake-waits: {metric: HasBacklogWithoutCapacity, endpoint: wake, statistic: Maximum, at_least: 1, missing: not_breaching, actions: ["function:scale-from-zero"]}
  timing: {instance: 5m, further_instance: 20s}
  incidents:
REQUESTS
fleet:
  version: 1
  fleet: {reconcile: {apply: true}}
  endpoints:
    wake:
      wake: {enabled: true, max_instances: 8}
      scaling: [{variant: main, min: 0, max: 8, policies: [FOLLOW]}]
    step:
      scaling: [{variant: main, min: 0, max: 8, policies: [FOLLOW, {name: steward-first, from_zero: {minutes: 2, cooldown: 5m}}]}]
functions:
  - {name: fleet-reconciler, every: 1h, timeout: 5m}
  - {name: scale-from-zero}
expect:
  alerts: [{kind: capacity.failed, times: 0}, {kind: wake.failed, times: 0}]
"#;

/// As in SageMaker's guide: five waiting requests for each instance, ten minutes before it takes one away.
const FOLLOW: &str = "{name: steward-backlog, backlog_per_instance: 5, scale_out_cooldown: 5m, scale_in_cooldown: 10m}";

/// The first requests of all patterns come at this second, when all policies are there and both endpoints sleep.
const FIRST: u32 = 20 * 60 + 20;

const HOUR: u32 = 3600;

/// Second and number of requests that come then.
type Arrivals = Vec<(u32, u32)>;

struct Pattern {
    name: &'static str,
    /// Seconds that are played.
    lasts: u32,
    arrivals: fn(&mut Rng) -> Arrivals,
}

/// Longer than what CloudWatch answers minute by minute must no pattern last.
const PATTERNS: [Pattern; 6] = [
    Pattern {
        name: "one request",
        lasts: 2 * HOUR,
        arrivals: |_| vec![(FIRST, 1)],
    },
    Pattern {
        name: "20 at once",
        lasts: 2 * HOUR,
        arrivals: |_| vec![(FIRST, 20)],
    },
    Pattern {
        name: "500 at once",
        lasts: 3 * HOUR,
        arrivals: |_| vec![(FIRST, 500)],
    },
    Pattern {
        name: "a trickle: three an hour",
        lasts: 12 * HOUR,
        arrivals: |rng| poisson(rng, 11 * HOUR, |_| 3.0 / f64::from(HOUR)),
    },
    Pattern {
        name: "bursts: 50 to 300, every two hours or so",
        lasts: 12 * HOUR,
        arrivals: |rng| {
            let begins = poisson(rng, 10 * HOUR, |_| 0.5 / f64::from(HOUR));
            let burst = begins.into_iter().flat_map(|(at, _)| {
                let many = rng.u32(50..=300);
                // Within five minutes.
                (0..many).map(|_| (at + rng.u32(0..300), 1)).collect::<Vec<_>>()
            });
            let mut all: Arrivals = burst.collect();
            all.sort_unstable();
            all
        },
    },
    Pattern {
        name: "a day: none at night, 12 a minute at noon",
        lasts: 23 * HOUR,
        arrivals: |rng| {
            let wave = |second: u32| (f64::from(second) / f64::from(22 * HOUR) * std::f64::consts::PI).sin();
            poisson(rng, 22 * HOUR, |second| 12.0 / 60.0 * wave(second).powi(3))
        },
    },
];

/// A Poisson process from [`FIRST`] for so many seconds, thinned from its busiest rate (requests per second, below 1) to the
/// one of each moment.
fn poisson(rng: &mut Rng, lasts: u32, rate: impl Fn(u32) -> f64) -> Arrivals {
    let busiest = (0..lasts).step_by(60).map(&rate).fold(0.0, f64::max);
    let (mut at, mut arrivals) = (0.0, vec![(FIRST, 1)]);
    loop {
        at += -(1.0 - rng.f64()).ln() / busiest;
        if at >= f64::from(lasts) {
            return arrivals;
        }
        let second = at as u32;
        if rng.f64() * busiest < rate(second) {
            arrivals.push((FIRST + second, 1));
        }
    }
}

/// What became of one endpoint's requests.
struct Drained {
    /// Minutes from the first request to the end of the minute in which the first one was served.
    first: u32,
    /// The longest time in a row at whose minutes' ends requests waited, minutes.
    longest: u32,
    /// How long a request waited on average, minutes.
    mean: f64,
    /// Hours of instances in service.
    hours: f64,
}

pub(crate) fn measure() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "\n| requests | how many | by | first served | longest queue | mean wait | instance hours |\n\
         | -------- | -------- | -- | ------------ | ------------- | --------- | -------------- |"
    )?;
    for (number, pattern) in (1..).zip(&PATTERNS) {
        let arrivals = (pattern.arrivals)(&mut Rng::with_seed(number));
        let outcome = played(pattern, &arrivals)?;
        let many: u32 = arrivals.iter().map(|(_, requests)| requests).sum();
        for (endpoint, who) in [("wake", "wake"), ("step", "step scaling")] {
            let drained =
                read(&outcome.record, endpoint, many).map_err(|problem| format!("{}: {problem}", pattern.name))?;
            let (name, many) = match endpoint {
                "wake" => (pattern.name, many.to_string()),
                _ => ("", String::new()),
            };
            writeln!(
                out,
                "| {name} | {many} | {who} | {} min | {} min | {:.1} min | {:.1} |",
                drained.first, drained.longest, drained.mean, drained.hours
            )?;
        }
    }
    Ok(())
}

fn played(pattern: &Pattern, arrivals: &Arrivals) -> Result<Outcome, Box<dyn std::error::Error>> {
    let mut requests = String::new();
    for (at, many) in arrivals {
        for endpoint in ["wake", "step"] {
            writeln!(requests, "    - {{at: {at}s, endpoint: {endpoint}, requests: {many}}}")?;
        }
    }
    let text = WORLD
        .replace("LASTS", &format!("{}s", pattern.lasts))
        .replace("FOLLOW", FOLLOW)
        .replace("REQUESTS\n", &requests);
    let scenario = Scenario::parse(&text, "draining").map_err(|problems| problems.to_string())?;
    let outcome = play(&scenario, &Options::default(), &mut Silent)?;
    let broken: Vec<String> = outcome
        .checks
        .iter()
        .filter(|check| !check.holds)
        .map(|check| format!("{}, but {}", check.expected, check.seen))
        .collect();
    match broken.is_empty() {
        true => Ok(outcome),
        false => Err(format!("{}: {}", pattern.name, broken.join("; ")).into()),
    }
}

fn read(record: &Record, endpoint: &str, requests: u32) -> Result<Drained, String> {
    let key = format!("eu-west-1/{endpoint}");
    let points = |measure: Measure| -> Result<&[(Timestamp, f64)], String> {
        let mut series = record.series.iter();
        let found = series.find(|series| series.endpoint == key && series.measure == measure);
        found
            .map(|series| series.points.as_slice())
            .ok_or_else(|| format!("nothing is known of {measure:?} of {endpoint}"))
    };
    let (waiting, worked) = (points(Measure::Waiting)?, points(Measure::WorkedOff)?);
    // Begun minutes.
    let minutes = |from: Timestamp, to: Timestamp| (to.duration_since(from).as_secs().max(0) + 59) / 60;

    let all: f64 = worked.iter().map(|(_, requests)| requests).sum();
    let left = waiting.last().map_or(0.0, |(_, requests)| *requests);
    if (all - f64::from(requests)).abs() > 1.0 || left > 0.0 {
        return Err(format!(
            "of {requests} requests {endpoint} served {all:.0}, and {left:.0} wait at the end"
        ));
    }
    let came = record.start + jiff::SignedDuration::from_secs(i64::from(FIRST));
    let mut so_far = 0.0;
    let served = worked.iter().find(|(_, requests)| {
        so_far += requests;
        // Work on a request is counted as it goes on.
        so_far >= 0.999
    });
    let (served, _) = served.ok_or_else(|| format!("{endpoint} served nothing"))?;
    // A datapoint bears the beginning of its minute.
    let first = minutes(came, *served + jiff::SignedDuration::from_mins(1));
    let (mut longest, mut run) = (0_u32, 0_u32);
    for (_, requests) in waiting {
        run = if *requests > 0.0 { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    // Little's law: the requests that wait, added up over the minutes, are the minutes that requests waited.
    let waited: f64 = waiting.iter().map(|(_, requests)| requests).sum();
    Ok(Drained {
        first: u32::try_from(first).unwrap_or(u32::MAX),
        longest,
        mean: waited / f64::from(requests),
        hours: hours(record, &key)?,
    })
}

fn hours(record: &Record, key: &str) -> Result<f64, String> {
    let history = record
        .endpoints
        .get(key)
        .ok_or_else(|| format!("no history of {key}"))?;
    let steps = history.shape.within(record.start, record.end);
    let ends = steps.iter().skip(1).map(|(at, _)| *at).chain([record.end]);
    let spans = steps.iter().zip(ends).map(|((from, shape), to)| {
        let variants = shape.iter().flat_map(|shape| shape.variants.values());
        let instances: u32 = variants.filter_map(|standing| standing.instances).sum();
        f64::from(instances) * to.duration_since(*from).as_secs_f64() / f64::from(HOUR)
    });
    Ok(spans.sum())
}
