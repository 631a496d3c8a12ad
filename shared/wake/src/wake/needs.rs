//! What to look at before the next decision, and which alarms ask for something.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    ledger::{Phase, Remembered, WakeLedger, before},
    look::{Needs, ThingNeeds},
    minutes::{DRAINED, LOOKBACK},
    policy::WakePolicy,
    prewarm::opening,
    thing::Thing,
};
use crate::trigger::{AlarmChange, AlarmState};

/// Minutes are fetched for so long at most.
const LONGEST: Duration = Duration::from_secs(26 * 3600);

/// More minutes than are judged, because the newest ones are not complete.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// What to look at, besides the endpoint itself. `prompted`: an alarm or a command asks for something, so that everything
/// that a wake needs is fetched at once.
pub fn needs(now: Timestamp, policy: Option<&WakePolicy>, ledger: &WakeLedger, prompted: bool) -> Needs {
    let mut needs = Needs::default();
    for thing in things(policy, ledger) {
        let remembered = ledger.things.get(&thing);
        // How long its slot has to last depends on them.
        needs.pools |= match remembered.and_then(|one| one.wake.as_ref()) {
            Some(wake) => wake.phase == Phase::Waiting,
            None => prompted,
        };
        needs.things.insert(thing, of(now, policy, remembered, prompted));
    }
    needs
}

fn starts(wake: &super::ledger::Wake) -> bool {
    matches!(wake.phase, Phase::Raising | Phase::Starting)
}

fn of(now: Timestamp, policy: Option<&WakePolicy>, remembered: Option<&Remembered>, prompted: bool) -> ThingNeeds {
    let idle = policy.and_then(|policy| policy.idle_after);
    let wake = remembered.and_then(|one| one.wake.as_ref());
    let mut from = before(now, idle.unwrap_or_default().max(LOOKBACK).max(DRAINED));
    if let Some(wake) = wake {
        from = from.min(wake.started);
    }
    ThingNeeds {
        scaling: prompted || wake.is_some() || remembered.is_some_and(|one| one.sleep.is_some()),
        minutes: policy.map(|_| before(from, MARGIN).max(before(now, LONGEST))),
        activities: wake.filter(|wake| starts(wake)).map(|wake| wake.started),
    }
}

/// What sleeps or is idle is looked at so often; what is at work at every tick.
const SWEEP: i64 = 5;

/// Whether the tick at `now` has to look at an endpoint: something is at work, a schedule opens, or its turn in the sweep
/// has come. Looking costs money, and the sweep only finds what an alarm did not tell, so each endpoint has one of five
/// minutes.
pub fn due(now: Timestamp, endpoint: &str, policy: Option<&WakePolicy>, ledger: &WakeLedger) -> bool {
    if ledger.at_work() {
        return true;
    }
    let Some(policy) = policy else { return false };
    let nothing = Remembered::default();
    let opens = policy.things().iter().any(|thing| {
        let remembered = ledger.things.get(thing).unwrap_or(&nothing);
        opening(policy, remembered, now).is_some()
    });
    let turn = endpoint
        .bytes()
        .fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % 997);
    opens || now.as_second().div_euclid(60).rem_euclid(SWEEP) == turn.rem_euclid(SWEEP)
}

/// What the fleet file names, and what is at work all the same.
pub(super) fn things(policy: Option<&WakePolicy>, ledger: &WakeLedger) -> Vec<Thing> {
    let mut things = policy.map(WakePolicy::things).unwrap_or_default();
    for (thing, remembered) in &ledger.things {
        if (remembered.wake.is_some() || remembered.sleep.is_some()) && !things.contains(thing) {
            things.push(thing.clone());
        }
    }
    things
}

/// What an alarm asks to be woken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asks {
    /// The asynchronous endpoint of this name.
    Endpoint(String),
    /// The inference component of this name. Its endpoint is in the fleet file, or `DescribeInferenceComponent` says it.
    Component(String),
}

/// What a change of an alarm asks for: one that went to ALARM and looks at work without capacity.
pub fn asks(alarm: &AlarmChange) -> Vec<Asks> {
    if alarm.state != AlarmState::Alarm {
        return vec![];
    }
    let of = |metrics: &[&str], dimension: &str| {
        let metrics = alarm
            .metrics
            .iter()
            .filter(|metric| metric.namespace == "AWS/SageMaker" && metrics.contains(&metric.name.as_str()));
        let mut names: Vec<String> = metrics
            .filter_map(|metric| metric.dimensions.get(dimension).cloned())
            .collect();
        names.sort();
        names.dedup();
        names
    };
    let endpoints = of(&["HasBacklogWithoutCapacity", "ApproximateBacklogSize"], "EndpointName");
    let components = of(&["NoCapacityInvocationFailures"], "InferenceComponentName");
    let endpoints = endpoints.into_iter().map(Asks::Endpoint);
    endpoints.chain(components.into_iter().map(Asks::Component)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trigger::Trigger;

    /// An alarm that asks for nothing wakes nothing, however well it is understood.
    #[test]
    fn the_sample_alarms_of_a_wake_ask_for_what_they_look_at() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/scale-from-zero");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("samples")
            .map(|file| file.expect("a sample").path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        let asked: Vec<String> = files
            .iter()
            .filter_map(
                |path| match Trigger::parse_bytes(&std::fs::read(path).expect("a sample")) {
                    Ok(Trigger::Alarms(changes)) => {
                        let name = path.file_stem().unwrap_or_default().to_string_lossy();
                        Some(format!(
                            "{name}: {:?}",
                            changes.iter().flat_map(asks).collect::<Vec<_>>()
                        ))
                    }
                    _ => None,
                },
            )
            .collect();
        insta::assert_snapshot!(asked.join("\n"), @r#"
        alarm-direct-composite: []
        alarm-direct-queue: [Endpoint("doc-summarizer")]
        alarm-direct: [Component("chat-assistant-8b")]
        alarm-eventbridge: [Endpoint("doc-summarizer")]
        alarm-sns: [Component("chat-assistant-8b")]
        "#);
    }
}
