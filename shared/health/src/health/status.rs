//! What the ledger knows, for people and for programs. No endpoint is asked.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    asked,
    ledger::{EndpointRecord, HealthLedger, State, Told, between},
    observation::Watch,
    recovery,
    silence::{self, Mute},
};
use crate::probe::seconds;

/// Endpoints shown in the table; the JSON has them all.
const SHOWN: usize = 200;

/// The table and the facts behind it. `endpoints` are names or globs; none asks for all.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Readable: one line for each endpoint, the sick ones first.
    pub summary: String,
    /// By endpoint name.
    pub endpoints: Value,
    /// The monitor's own troubles, of which people were told.
    pub troubles: Value,
    /// Silences in force.
    pub silences: Value,
}

/// What is known at `now`.
pub fn status(now: Timestamp, watch: &Watch, ledger: &HealthLedger, endpoints: &[String]) -> Status {
    let wanted = |name: &String| endpoints.is_empty() || silence::covers(endpoints, name);
    let mut rows: Vec<(&String, &EndpointRecord)> = ledger.endpoints.iter().filter(|(name, _)| wanted(name)).collect();
    rows.sort_by_key(|(name, record)| (std::cmp::Reverse(urgency(record)), (*name).clone()));
    let table: Vec<[String; 4]> = rows
        .iter()
        .take(SHOWN)
        .map(|(name, record)| row(now, watch, ledger, name, record))
        .collect();
    let known: Vec<&str> = ledger
        .endpoints
        .keys()
        .chain(watch.policies.keys())
        .map(String::as_str)
        .collect();
    let checked: Vec<&str> = ledger.endpoints.keys().map(String::as_str).collect();
    let unknown = asked::unmatched(endpoints, &checked).into_iter().map(|never| {
        let problem = if known.contains(&never.asked.as_str()) {
            "watched, and not checked yet"
        } else {
            "never checked"
        };
        never.sentence(problem)
    });
    let mut lines = vec![headline(now, ledger, &rows)];
    lines.extend(aligned(&table));
    if rows.len() > SHOWN {
        lines.push(format!("and {} more", rows.len() - SHOWN));
    }
    lines.extend(unknown);
    let told: Vec<_> = ledger
        .monitor
        .iter()
        .filter(|(_, trouble)| trouble.alert.is_some())
        .collect();
    lines.extend(
        told.iter()
            .map(|(key, trouble)| format!("trouble of the monitor: {key}: {}", trouble.example)),
    );
    Status {
        summary: lines.join("\n"),
        endpoints: rows
            .iter()
            .map(|(name, record)| ((*name).clone(), facts(now, watch, ledger, name, record)))
            .collect(),
        troubles: told
            .iter()
            .map(|(key, trouble)| ((*key).clone(), json!(trouble)))
            .collect(),
        silences: ledger
            .silences
            .iter()
            .filter(|silence| silence.until > now)
            .map(|silence| json!(silence))
            .collect(),
    }
}

/// What Steward deleted and cannot create is changing, and serves nobody.
fn urgency(record: &EndpointRecord) -> u8 {
    let state = if record.is_missing() {
        State::Failed
    } else {
        record.state
    };
    state.urgency()
}

fn headline(now: Timestamp, ledger: &HealthLedger, rows: &[(&String, &EndpointRecord)]) -> String {
    let ill = rows.iter().filter(|(_, record)| urgency(record) >= 2).count();
    let checked = match ledger.sweep.at {
        Some(at) => format!("last sweep {} ago", seconds(between(at, now))),
        None => "no scheduled sweep yet".to_owned(),
    };
    let unreached = match ledger.sweep.unreached.len() {
        0 => String::new(),
        unreached => format!(", {unreached} not reached in it"),
    };
    let common = match &ledger.suppression {
        Some(_) => "; everything fails at once, one common cause is assumed",
        None => "",
    };
    format!(
        "{} endpoint{}, {ill} sick; {checked}{unreached}{common}.",
        rows.len(),
        if rows.len() == 1 { "" } else { "s" }
    )
}

fn row(now: Timestamp, watch: &Watch, ledger: &HealthLedger, name: &str, record: &EndpointRecord) -> [String; 4] {
    let mut notes = Vec::new();
    if let Some(muted) = muted(now, watch, ledger, name) {
        notes.push(muted);
    }
    if record
        .incident
        .as_ref()
        .is_some_and(|incident| incident.told == Told::Flapping)
    {
        notes.push("flapping".to_owned());
    }
    if record.recovery.shifted.iter().any(|shifted| shifted.back.is_none()) {
        notes.push("traffic shifted away".to_owned());
    }
    if let Some(intent) = &record.recovery.intent {
        notes.push(format!("Steward {}", intent.measure.describe()));
        notes.extend(recovery::delay(intent, now));
    }
    notes.extend(tried(now, watch, ledger, name, record));
    notes.extend(record.evidence.first().cloned());
    [
        name.to_owned(),
        record.state.to_string(),
        format!("for {}", seconds(between(record.since, now))),
        notes.join("; "),
    ]
}

/// What recovery tried in the incident, and what it may try yet.
fn tried(now: Timestamp, watch: &Watch, ledger: &HealthLedger, name: &str, record: &EndpointRecord) -> Option<String> {
    let incident = record.incident.as_ref()?;
    let policy = watch.policies.get(name).map(|policy| &policy.recovery);
    let policy = policy.filter(|policy| !policy.rungs.is_empty())?;
    let tried: Vec<&str> = incident.tried.iter().map(|rung| rung.as_str()).collect();
    let tried = if tried.is_empty() {
        "no repair tried".to_owned()
    } else {
        format!("tried {}", tried.join(", "))
    };
    let left = recovery::budget::left(ledger, name, policy, now);
    Some(format!("{tried} ({})", recovery::budget::described(left, policy)))
}

fn muted(now: Timestamp, watch: &Watch, ledger: &HealthLedger, name: &str) -> Option<String> {
    Some(match silence::mute(now, ledger, watch.policies.get(name)?, name)? {
        Mute::Silenced { until } => format!("silenced until {until:.0}"),
        Mute::Maintenance { until: Some(until) } => format!("in maintenance until {until:.0}"),
        Mute::Maintenance { until: None } => "in maintenance".to_owned(),
    })
}

fn aligned(table: &[[String; 4]]) -> Vec<String> {
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (name, state, age) = (width(0), width(1), width(2));
    let line = |row: &[String; 4]| format!("{:name$}  {:state$}  {:age$}  {}", row[0], row[1], row[2], row[3]);
    table.iter().map(|row| line(row).trim_end().to_owned()).collect()
}

fn facts(now: Timestamp, watch: &Watch, ledger: &HealthLedger, name: &str, record: &EndpointRecord) -> Value {
    json!({
        "state": record.state,
        "since": record.since,
        "checked": record.counted,
        "seen": (record.seen != Timestamp::MIN).then_some(record.seen),
        "status": record.status,
        "config": record.config,
        "last_good_config": record.last_good.as_ref().map(|good| &good.config),
        "evidence": record.evidence,
        "variants": record.variants,
        "muted": muted(now, watch, ledger, name),
        "incident": record.incident.as_ref().map(|incident| json!({"id": incident.id, "since": incident.since, "told": incident.told, "tried": incident.tried, "exhausted": incident.exhausted})),
        "budget_left": watch.policies.get(name).map(|policy| recovery::budget::left(ledger, name, &policy.recovery, now)),
        "repair_made": record.recovery.untold.as_ref().map(|ended| json!({
            "measure": ended.intent.measure, "begun": ended.intent.begun, "ended": ended.at, "how": ended.how,
        })),
        "recovery": record.recovery.intent.as_ref().map(|intent| json!({
            "measure": intent.measure, "begun": intent.begun, "problem": intent.problem,
            "advice": intent.hindrance.as_ref().map(|hindrance| &hindrance.advice),
            "missing_since": intent.missing.as_ref().map(|missing| missing.since),
        })),
        "shifted": record.recovery.shifted.iter().filter(|shifted| shifted.back.is_none()).collect::<Vec<_>>(),
        "give_back": recovery::give_back(name, record),
    })
}
