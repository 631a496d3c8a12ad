//! What is told of the repairs of an endpoint that is watched no more: nobody else ends them, or undoes what they took.

use super::{Ending, Intent, Measure, account, outcome, undo};
use crate::{
    alert::{AlertKind, Severity},
    health::{
        Facts, Why, alerts,
        ledger::{EndpointRecord, HealthLedger},
    },
};

/// Says how far the last repair came, and how a person undoes what is to be undone. Forgets both. `None` when there is
/// nothing to say.
pub(in crate::health) fn let_go(
    facts: &Facts<'_>,
    ledger: &mut HealthLedger,
    name: &str,
    because: &str,
) -> Option<Why> {
    let mut record = ledger.endpoints.get(name)?.clone();
    let recovery = std::mem::take(&mut ledger.endpoints.get_mut(name)?.recovery);
    if let Some(intent) = recovery.intent.as_ref().filter(|intent| account::is_open(intent)) {
        suppose(&mut record, intent, facts);
    }
    let by_hand = match record.gone {
        true => Vec::new(),
        false => undo::by_hand(name, &record),
    };
    let made = recovery.untold.as_ref().is_some_and(|ended| ended.how == Ending::Made);
    let open = recovery.intent.or(recovery.untold.map(|ended| ended.intent));
    if open.is_none() && by_hand.is_empty() {
        return None;
    }
    let (id, since) = match &open {
        Some(intent) => (outcome::id(intent), intent.begun),
        None => {
            let serial = ledger.next_serial();
            (
                format!("health:{name}:{}-{serial}:left", facts.now.as_second()),
                facts.now,
            )
        }
    };
    let mut alert = alerts::new(facts, id, AlertKind::RecoveryWithdrawn, Some(name), since, None);
    alert.title = because.to_owned();
    alert.evidence = alerts::context(&record);
    let raised = record.recovery.raised.iter().filter(|_| !record.gone);
    alert.evidence.extend(raised.map(|raised| {
        format!(
            "Steward raised the minimum of variant {} from {} to {} at {:.0}",
            raised.variant, raised.from, raised.to, raised.at
        )
    }));
    match open {
        None => alert.title = format!("what an earlier repair changed is left as it is: {because}"),
        Some(intent) if made => alert.done.push(format!(
            "Steward {}. Whether that helped is not known.",
            intent.measure.describe()
        )),
        Some(intent) => alert.done.extend(account::of_attempt(&intent, record.gone)),
    }
    alert.next = "Nothing, if this was meant.".to_owned();
    if !by_hand.is_empty() {
        alert.severity = Severity::Warning;
        alert.next = format!("Steward does not undo it any more. {}", by_hand.join(" "));
    }
    ledger.outbox.push(alert);
    Some(Why::Withdrawn(because.to_owned()))
}

/// What may have been taken is to be looked at as well.
fn suppose(record: &mut EndpointRecord, intent: &Intent, facts: &Facts<'_>) {
    if matches!(intent.measure, Measure::ShiftAway { .. } | Measure::AddInstance { .. }) {
        undo::remember(record, intent, facts.now);
    }
}
