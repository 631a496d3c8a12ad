//! The monitor's own troubles: told apart from any endpoint's, with their own thresholds.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Facts, Why, alerts,
    judge::SPACING,
    ledger::{HealthLedger, MonitorRecord, between},
    observation::{Trouble, TroubleKind},
};
use crate::{
    alert::{Alert, AlertKind},
    probe::excerpt,
};

/// Consecutive times that a trouble must not be met before people are told that it is over.
const CLEAR: u32 = 2;

/// Troubles remembered at once; more say nothing new.
const MOST: usize = 200;

/// Counts what was met and what was not. `swept`: this was a sweep, which meets every trouble there is; `looked` are the
/// endpoints looked at, which speak for their own troubles; `answered` are the keys of the troubles that a probe's answer
/// speaks for, because an asynchronous probe answers less often than its endpoint is looked at.
pub(super) fn update(
    facts: &Facts<'_>,
    ledger: &mut HealthLedger,
    troubles: &[Trouble],
    swept: bool,
    looked: &BTreeSet<String>,
    answered: &BTreeSet<String>,
) -> Vec<Why> {
    let mut met: BTreeMap<String, (&Trouble, u32)> = BTreeMap::new();
    for trouble in troubles.iter().collect::<BTreeSet<_>>() {
        let entry = met.entry(trouble.key()).or_insert((trouble, 0));
        entry.1 += 1;
        if *trouble < *entry.0 {
            entry.0 = trouble;
        }
    }
    for (key, (trouble, times)) in &met {
        if ledger.monitor.len() >= MOST && !ledger.monitor.contains_key(key) {
            continue;
        }
        let record = ledger.monitor.entry(key.clone()).or_insert_with(|| MonitorRecord {
            kind: trouble.kind,
            endpoint: trouble.endpoint.clone(),
            since: facts.now,
            last: facts.now,
            met: 0,
            clear: 0,
            example: String::new(),
            alert: None,
            reminded: None,
        });
        if record.met == 0 || record.clear > 0 || between(record.last, facts.now) >= SPACING {
            record.met = record.met.saturating_add(1);
            record.last = facts.now;
            record.clear = 0;
            record.example = match times {
                1 => trouble.detail.clone(),
                times => format!("{} (and {} more like it)", trouble.detail, times - 1),
            };
        }
    }
    for (key, record) in &mut ledger.monitor {
        let could_have_met = match &record.endpoint {
            Some(_) if TroubleKind::OF_PROBES.contains(&record.kind) => answered.contains(key),
            Some(endpoint) => looked.contains(endpoint),
            None => swept,
        };
        if !met.contains_key(key) && could_have_met && between(record.last, facts.now) >= SPACING {
            record.clear = record.clear.saturating_add(1);
            record.last = facts.now;
        }
    }
    speak(facts, ledger)
}

fn speak(facts: &Facts<'_>, ledger: &mut HealthLedger) -> Vec<Why> {
    let mut whys = Vec::new();
    let keys: Vec<String> = ledger.monitor.keys().cloned().collect();
    for key in keys {
        let serial = ledger.serial + 1;
        let Some(record) = ledger.monitor.get_mut(&key) else {
            continue;
        };
        if record.alert.is_none() && record.met >= record.kind.threshold() {
            let id = format!("monitor:{}:{}-{serial}", record.kind.as_str(), facts.now.as_second());
            let alert = told(facts, &key, record, format!("{id}:1"));
            record.alert = Some(id);
            record.reminded = record.kind.reminder().map(|_| (facts.now, 0));
            ledger.serial = serial;
            ledger.outbox.push(alert);
            whys.push(Why::MonitorTrouble(key));
        } else if let (Some(id), Some((at, number)), Some(every)) =
            (&record.alert, record.reminded, record.kind.reminder())
            && record.clear == 0
            && between(at, facts.now) >= every
        {
            let number = number.saturating_add(1);
            let mut alert = told(facts, &key, record, format!("{id}:1:{number}"));
            alert.reminder = number;
            record.reminded = Some((facts.now, number));
            ledger.outbox.push(alert);
            whys.push(Why::Reminded);
        } else if record.clear >= CLEAR {
            whys.extend(over(facts, ledger, &key, None));
        }
    }
    whys
}

fn told(facts: &Facts<'_>, key: &str, record: &MonitorRecord, id: String) -> Alert {
    let kind = record.kind;
    let mut alert = alerts::new(facts, id, opened(kind), record.endpoint.as_deref(), record.since, None);
    alert.title = match kind {
        TroubleKind::NoFleetFile => "there is none yet, so nothing is watched".to_owned(),
        kind => format!("{}: {}", kind.as_str(), excerpt(what(key).as_bytes())),
    };
    alert.evidence = vec![record.example.clone(), format!("met {} times in a row", record.met)];
    alert.next = advice(kind).to_owned();
    alert
}

/// Closes the troubles of an endpoint that is watched no more.
pub(super) fn close(facts: &Facts<'_>, ledger: &mut HealthLedger, endpoint: &str, because: &str) -> Vec<Why> {
    let of_it = |record: &MonitorRecord| record.endpoint.as_deref() == Some(endpoint);
    let keys: Vec<String> = ledger
        .monitor
        .iter()
        .filter(|(_, record)| of_it(record))
        .map(|(key, _)| key.clone())
        .collect();
    keys.iter()
        .filter_map(|key| over(facts, ledger, key, Some(because)))
        .collect()
}

/// Forgets a trouble, and says so to those who were told of it.
fn over(facts: &Facts<'_>, ledger: &mut HealthLedger, key: &str, because: Option<&str>) -> Option<Why> {
    let record = ledger.monitor.remove(key)?;
    let mut alert = alerts::new(
        facts,
        format!("{}:2", record.alert?),
        closed(record.kind),
        record.endpoint.as_deref(),
        record.since,
        None,
    );
    alert.title = format!("over: {} {}", record.kind.as_str(), excerpt(what(key).as_bytes()));
    alert.severity = crate::alert::Severity::Info;
    alert.resolved = true;
    alert.next = "Nothing now.".into();
    if let Some(because) = because {
        alert.evidence.push(format!("the endpoint is {because}"));
        alert.next = "Nothing, if this was meant.".into();
    }
    ledger.outbox.push(alert);
    Some(Why::MonitorClear(key.to_owned()))
}

/// What a trouble's key is about, without its kind.
fn what(key: &str) -> &str {
    key.split_once('/').map_or("", |(_, what)| what)
}

fn opened(kind: TroubleKind) -> AlertKind {
    match kind {
        TroubleKind::FleetFile | TroubleKind::NoFleetFile => AlertKind::FleetFileBroken,
        TroubleKind::Behind => AlertKind::MonitorIncomplete,
        _ => AlertKind::MonitorTrouble,
    }
}

fn closed(kind: TroubleKind) -> AlertKind {
    match kind {
        TroubleKind::FleetFile | TroubleKind::NoFleetFile => AlertKind::FleetFileRestored,
        kind => opened(kind),
    }
}

fn advice(kind: TroubleKind) -> &'static str {
    match kind {
        TroubleKind::Throttled => {
            "Lower the concurrency in the fleet file, check less often, or ask for a higher API rate quota. Until then endpoints may go unjudged."
        }
        TroubleKind::Denied => {
            "Allow the named action in the function's role (and in the resource's policy, KMS key and service control policies). Until then endpoints may go unjudged."
        }
        TroubleKind::Network => {
            "Check the function's subnets, security groups, NAT gateway or VPC endpoints. Until then endpoints may go unjudged."
        }
        TroubleKind::Unavailable => "Nothing at first. If it lasts, look at the AWS Health Dashboard of the Region.",
        TroubleKind::ProbeRefused => {
            "Correct the probe's payload, content type or target in the fleet file: this endpoint has never accepted it, and is not judged by it."
        }
        TroubleKind::AnswerTooLarge => {
            "In the fleet file, give the probe a payload with a short answer, or conditions that the beginning of the answer or its latency can meet: until then the probe says nothing of this endpoint."
        }
        TroubleKind::Unexpected => {
            "Read the message: AWS refused a call or answered in a way that this version does not expect."
        }
        TroubleKind::FleetFile => {
            "Correct the fleet file at the places named above and put it back; it is read again on the next sweep. The last good one stays in force."
        }
        TroubleKind::NoFleetFile => {
            "Write a fleet file and put it where it is looked for; it is read on the next sweep. Should there be one already, correct the stack's FleetBucket and FleetKey."
        }
        TroubleKind::Behind => {
            "Look at the endpoints named first: one that does not answer takes all the time that its probes may take. Then shorten the probes' timeouts, or raise the template's TimeoutSeconds, the concurrency in the fleet file or the function's memory."
        }
    }
}
