//! Whether the alarms are known well enough to go on: what is missing holds a rollout, and never passes it.

use super::{Seen, Weighed, World};
use crate::{
    rollout::{
        ledger::Rollout,
        look::{AlarmSeen, Known},
        phase::Phase,
        policy::Engine,
        strategy::Weight,
        why::Why,
    },
    text::and_list,
    trigger::AlarmState,
};

/// What of the alarms green needs to go on, besides that none rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rollout) enum Alarms {
    /// Every one is OK.
    Ok,
    /// Every one can be read, with or without data: green has had no traffic that one of its own could know, or a person's
    /// word stands in for what is missing.
    Readable,
}

/// The alarms that count in this look, by name. Those of the step that green leaves count until the share of the next one
/// is read back, which is when this look shows it.
pub(in crate::rollout) fn counting(world: &World<'_>, rollout: &Rollout) -> Vec<String> {
    let reached = match (&rollout.phase, super::endpoint(world)) {
        (Phase::Shifting { step }, Seen::Settled(endpoint)) => {
            let share = rollout.plan.share(*step);
            (super::weigh(&rollout.plan, endpoint, share) == Weighed::AsWished).then_some(*step)
        }
        _ => None,
    };
    let at_hand = rollout.steps_at_hand();
    let steps = at_hand.filter(|step| reached.is_none_or(|reached| reached == *step));
    rollout.plan.request.policy.alarms_in(steps)
}

/// Those of them without which green gets no larger share: not those of the step that it is only about to get, which may
/// have no data before that.
fn needing_data(rollout: &Rollout, counting: &[String]) -> Vec<String> {
    match &rollout.phase {
        Phase::Shifting { .. } => rollout.plan.request.policy.alarms_in(rollout.step_left()),
        _ => counting.to_vec(),
    }
}

/// The alarms are known well enough in this look; that none rings is [`super::harm`]'s to see.
///
/// # Errors
/// What is not known.
pub(in crate::rollout) fn alarms_are_quiet(world: &World<'_>, rollout: &Rollout, needed: Alarms) -> Result<(), Why> {
    let wanted = counting(world, rollout);
    if wanted.is_empty() {
        return Ok(());
    }
    let look = world.look.ok_or(Why::NotLooked)?;
    // A step begins in this very decision, and nobody has asked for its alarms yet.
    if wanted.iter().any(|name| !look.asked.contains(name)) {
        return Err(Why::NotLooked);
    }
    let alarms = match &look.alarms {
        Known::Yes(alarms) => alarms,
        Known::No(said) => return Err(Why::Unknown(format!("the alarms could not be described: {said}"))),
    };
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|name| !alarms.iter().any(|alarm| alarm.name == **name))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        return Err(Why::Unknown(format!(
            "no alarm named {} exists any more",
            missing.join(", ")
        )));
    }
    let wanted = needing_data(rollout, &wanted);
    let silent: Vec<&str> = alarms
        .iter()
        .filter(|alarm| alarm.state == AlarmState::InsufficientData && wanted.contains(&alarm.name))
        .filter(|alarm| !silenced(rollout, alarm))
        .map(|alarm| alarm.name.as_str())
        .collect();
    if silent.is_empty() || needed == Alarms::Readable {
        Ok(())
    } else {
        Err(Why::Inconclusive(vec![without_data(&silent)]))
    }
}

/// The rollout itself has taken this alarm's data from it: it watches blue alone, which gets no requests at 100%. It can
/// say nothing of green, now as before, so nothing is gained by waiting for it.
pub(in crate::rollout) fn silenced(rollout: &Rollout, alarm: &AlarmSeen) -> bool {
    let plan = &rollout.plan;
    let idle = match &rollout.phase {
        Phase::Probing { step, .. } | Phase::Baking { step } | Phase::Gate { step } => {
            plan.share(*step) == Weight::FULL
        }
        Phase::Finishing | Phase::Keeping | Phase::Removing => true,
        _ => false,
    };
    idle && plan.engine() == Engine::Variants && alarm.watches_only(plan.endpoint(), &plan.blue.variant)
}

/// That these alarms have no data, and what can be done about it.
pub(in crate::rollout) fn without_data(alarms: &[&str]) -> String {
    let names = and_list(alarms);
    match alarms {
        [_] => format!("alarm {names} has no data (INSUFFICIENT_DATA); it says nothing before it is OK"),
        _ => format!("alarms {names} have no data (INSUFFICIENT_DATA); they say nothing before they are OK"),
    }
}
