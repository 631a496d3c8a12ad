//! From the alarm to all traffic on blue: calls of the function and seconds, for each engine and phase.
//!
//! Counted in the simulated AWS on its own clock, so that the machine does not matter and each run gives the same table. One
//! endpoint gets a good model; an alarm that watches another endpoint rings in the phase at hand. Each call of the function
//! takes [`CALL`]; how long SageMaker takes is in [`WORLD`].

use std::{
    io::{self, Write},
    time::Duration,
};

use jiff::Timestamp;
use rehearsal::{
    faults::{Fault, FaultKind},
    play::{Options, Outcome, play},
    record::Shape,
    scenario::Scenario,
    timeline::{Silent, Sort},
};

/// How long each AWS call of the function takes.
const CALL: Duration = Duration::from_millis(50);

const FUNCTION: &str = "traffic-shifter";

/// SageMaker needs four minutes for an update, one and a half for weights, four for an instance, one to roll back by itself.
/// The schedule comes at the half minute, alarms ring at the full one.
const WORLD: &str = r#"
title: An alarm
duration: 75m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {v1: {latency: 60ms}, v2: {latency: 55ms}}
      endpoints:
        fraud: {traffic: 20 rps, config: fraud-1, variants: {blue: {model: v1, instances: 4, scaling: {min: 4, max: 10, target: 600}}}}
        sensor: {traffic: 2 rps}
      alarms:
        rings: {metric: Invocation5XXErrors, endpoint: sensor, variant: AllTraffic, statistic: Sum, at_least: 20, missing: not_breaching}
  timing: {update: 4m, weights: 90s, instance: 4m, further_instance: 10s, rollback: 1m}
  incidents: [{at: AT, for: 5m, endpoint: sensor, behaves: {errors: 100%}}]
fleet:
  version: 1
  endpoints: {fraud: {rollout: {alarms: [rings], smoke: false, analysis: {errors: {limit: 1%}}, ROLLOUT}}}
functions: [{name: traffic-shifter, first: 30s, on: [endpoint-state-change, endpoint-deployment-state-change, alarm-state-change]}]
commands: [{at: 1m, to: traffic-shifter, command: start, args: {endpoint: fraud, model: v2}}]
"#;

/// One alarm in one phase.
struct Case {
    engine: &'static str,
    /// As the alert names it.
    phase: &'static str,
    rollout: &'static str,
    /// When what the alarm watches begins to fail: the alarm rings at the end of that minute.
    at: &'static str,
    /// Autoscaling cannot be registered, which keeps the rollout in the phase that does it last.
    held: bool,
}

const CANARY: &str = "keep_blue: 20m, strategy: {canary: {size: 10%, bake: 5m}}";
const GUARDED: &str = "engine: guardrails, keep_blue: 5m, strategy: {canary: {size: 25%, bake: 10m}}";
const ROLLING: &str = "engine: rolling, batch: 25%, keep_blue: 0s, strategy: {all_at_once: {bake: 5m}}";
const fn variants(phase: &'static str, at: &'static str, held: bool) -> Case {
    Case {
        engine: "variants",
        phase,
        rollout: CANARY,
        at,
        held,
    }
}

const fn native(engine: &'static str, rollout: &'static str, at: &'static str) -> Case {
    Case {
        engine,
        phase: "deploying",
        rollout,
        at,
        held: false,
    }
}

const CASES: [Case; 8] = [
    variants("preparing", "2m", false),
    variants("shifting", "5m", false),
    variants("baking", "8m", false),
    variants("sizing", "13m", false),
    variants("finishing", "26m", true),
    variants("keeping", "35m", false),
    native("guardrails", GUARDED, "12m"),
    native("rolling", ROLLING, "8m"),
];

/// What came of an alarm.
struct Measured {
    /// Green's share, or that of the new fleet, when it rang.
    share: f64,
    /// Calls of the function until the one that gives blue its traffic, that one included, and the time to its arrival.
    /// `None` where SageMaker goes back without being asked.
    write: Option<(usize, Duration)>,
    /// Until blue had all traffic for good.
    blue: Duration,
    /// Calls and time until it was told that everything is as before.
    over: (usize, Duration),
}

pub(crate) fn measure() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "\n| engine     | phase     | green's share | calls to the write | to the write | to 100% blue | calls to the end | to the end |\n\
         | ---------- | --------- | ------------- | ------------------ | ------------ | ------------ | ---------------- | ---------- |"
    )?;
    for case in &CASES {
        let measured = measured(case)?;
        let (calls, to_write) = measured
            .write
            .map_or(("-".to_owned(), "-".to_owned()), |(calls, took)| {
                (calls.to_string(), seconds(took))
            });
        let (all, to_end) = measured.over;
        writeln!(
            out,
            "| {:<10} | {:<9} | {:>12.0}% | {calls:>18} | {to_write:>12} | {:>12} | {all:>16} | {:>10} |",
            case.engine,
            case.phase,
            100.0 * measured.share,
            seconds(measured.blue),
            seconds(to_end),
        )?;
    }
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn measured(case: &Case) -> Result<Measured, Box<dyn std::error::Error>> {
    let text = WORLD
        .replace("AT,", &format!("{},", case.at))
        .replace("ROLLOUT", case.rollout);
    let scenario = Scenario::parse(&text, "rollback").map_err(|problems| problems.to_string())?;
    let mut faults = Vec::new();
    if case.held {
        let mut held = Fault::every(FaultKind::Throttle)
            .by(FUNCTION)
            .on("autoscaling", "RegisterScalableTarget");
        held.from = Some(Duration::from_secs(20 * 60));
        held.until = Some(Duration::from_secs(40 * 60));
        faults.push(held);
    }
    faults.push(Fault::every(FaultKind::Slow(CALL)).by(FUNCTION));
    let options = Options {
        faults,
        ..Options::default()
    };
    let outcome = play(&scenario, &options, &mut Silent)?;
    let name = format!("{}, {}", case.engine, case.phase);
    read(&outcome, case).map_err(|missing| {
        let told: Vec<&str> = outcome
            .record
            .alerts
            .iter()
            .map(|alert| alert.subject.as_str())
            .collect();
        format!("{name}: {missing}; told was {told:?}").into()
    })
}

fn read(outcome: &Outcome, case: &Case) -> Result<Measured, String> {
    let record = &outcome.record;
    let rang = record.timeline.iter();
    let rang = rang
        .filter(|entry| entry.sort == Sort::Alarm && entry.subject == "rings")
        .find(|entry| entry.at > record.start)
        .ok_or("the alarm never rang")?
        .at;
    let told = |kind: &str| record.alerts.iter().find(|alert| alert.kind == kind);
    let back = told("rollout.rolling-back").ok_or("it was not taken back")?;
    if !back.text.contains(&format!("it was {}", case.phase)) {
        return Err(format!("it was in another phase: {}", back.text));
    }
    let over = told("rollout.rolled-back").ok_or("it did not end on blue")?.at;

    let history = &record.endpoints["eu-west-1/fraud"];
    let in_service = |at: Timestamp| {
        let status = history.status.at(at).copied().flatten();
        status.is_some_and(|status| status.as_str() == "InService")
    };
    let greens = |shape: &Shape| shape.share("green").max(shape.new_fleet);
    let on_blue = |at: Timestamp, shape: &Shape| {
        let settled = case.engine != "rolling" || in_service(at);
        greens(shape) == 0.0 && settled
    };
    let shape = |at: Timestamp| {
        history
            .shape
            .at(at)
            .and_then(Option::as_ref)
            .ok_or("the endpoint is gone")
    };
    let moments = history
        .shape
        .0
        .iter()
        .map(|(at, _)| *at)
        .chain(history.status.0.iter().map(|(at, _)| *at));
    let mut moments: Vec<Timestamp> = moments.filter(|at| *at > rang).chain([rang]).collect();
    moments.sort();
    let apart = |at: &Timestamp| !shape(*at).is_ok_and(|shape| on_blue(*at, shape));
    let last = moments.iter().rposition(apart).map_or(0, |last| last + 1);
    let blue = *moments.get(last).ok_or("blue never had all traffic again")?;

    let calls: Vec<_> = record
        .calls
        .iter()
        .filter(|call| call.caller == FUNCTION && call.at >= rang)
        .collect();
    let writes = ["UpdateEndpointWeightsAndCapacities", "SetAlarmState"];
    let write = calls
        .iter()
        .position(|call| call.succeeded && writes.contains(&call.operation.as_str()) && call.at <= over)
        .map(|index| (index + 1, since(calls[index].at, rang)));
    let until_over = calls.iter().filter(|call| call.at <= over).count();
    Ok(Measured {
        // SageMaker's own engines hear of it in the same moment.
        share: greens(shape(rang - Duration::from_secs(1))?),
        write,
        blue: since(blue, rang),
        over: (until_over, since(over, rang)),
    })
}

fn since(at: Timestamp, from: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(from)).unwrap_or_default()
}
