//! The alarms of a rollout: what of them stands against it, and what its people should know of them.

use super::Found;
use crate::{
    rollout::{
        checks::without_data,
        look::{AlarmSeen, Known, Look, MissingData},
        plan::Plan,
        policy::Engine,
        request::Request,
    },
    text::and_list,
    trigger::AlarmState,
};

pub(super) fn stand_against(request: &Request, look: &Look, found: &mut Found) {
    let wanted = request.policy.every_alarm();
    if wanted.is_empty() {
        return;
    }
    if wanted.len() > 100 {
        found.add(
            format!("{} alarms are named, and 100 is the most.", wanted.len()),
            "Combine some in a composite alarm.",
        );
    }
    match &look.alarms {
        Known::No(said) => found.add(format!("The alarms could not be described: {said}."), "Try again."),
        Known::Yes(alarms) => {
            for name in &wanted {
                match alarms.iter().find(|alarm| alarm.name == *name) {
                    None => found.add(
                        format!("There is no alarm \"{name}\" in this account and Region."),
                        "Create it, or take it out: an alarm that does not exist protects nothing.",
                    ),
                    Some(alarm) if alarm.alarming() => found.add(
                        format!(
                            "Alarm \"{name}\" is in ALARM already: {}.",
                            alarm.reason.trim_end_matches('.')
                        ),
                        if request.policy.alarms.contains(name) {
                            "Remove its cause first: the rollout would go back at once."
                        } else {
                            "Remove its cause first: the rollout would go back when its step comes."
                        },
                    ),
                    Some(_) => {}
                }
            }
        }
    }
}

/// Alarms that the rollout itself would set off: at 100% blue gets no requests. One of an earlier step counts no more then.
pub(super) fn would_ring(plan: &Plan, look: &Look, found: &mut Found) {
    let (blue, endpoint) = (&plan.blue.variant, plan.endpoint());
    let at_the_end = plan.request.policy.alarms_at_the_end();
    let counts = |alarm: &&AlarmSeen| at_the_end.contains(&alarm.name) && of_blue(plan, alarm);
    for alarm in named(plan, look).filter(counts) {
        if alarm.missing == MissingData::Breaching {
            found.add(
                format!(
                    "Alarm \"{}\" watches the variant {blue} of {endpoint} alone, and takes missing data for breaching: at \
                     100% {blue} gets no requests, and the alarm would ring for that alone.",
                    alarm.name
                ),
                "Set its TreatMissingData to `notBreaching`, or name an alarm that watches green's variant too.",
            );
        }
    }
}

fn named<'a>(plan: &'a Plan, look: &'a Look) -> impl Iterator<Item = &'a AlarmSeen> {
    let wanted = plan.request.policy.every_alarm();
    let seen = look.alarms.yes().into_iter().flatten();
    seen.filter(move |alarm| wanted.contains(&alarm.name))
}

/// It watches nothing but a variant that loses its requests by the rollout.
fn of_blue(plan: &Plan, alarm: &AlarmSeen) -> bool {
    plan.engine() == Engine::Variants && alarm.watches_only(plan.endpoint(), &plan.blue.variant)
}

/// Alarms that may hold the rollout, or that look past green.
pub(super) fn warnings(plan: &Plan, look: &Look) -> Vec<String> {
    let green = plan.green.variant.as_str();
    let seen: Vec<&AlarmSeen> = named(plan, look).collect();
    let silent: Vec<&str> = seen
        .iter()
        .filter(|alarm| alarm.state == AlarmState::InsufficientData)
        .map(|alarm| alarm.name.as_str())
        .collect();
    let mut warnings = Vec::new();
    if !silent.is_empty() {
        let then = match plan.engine() {
            Engine::Variants => "without data at the end of a bake the rollout is held, and goes back at its deadline",
            Engine::Guardrails | Engine::Rolling => {
                "SageMaker's own engines take an alarm without data for a quiet one"
            }
        };
        warnings.push(format!("{}; {then}", without_data(&silent)));
    }
    let at_the_end = plan.request.policy.alarms_at_the_end();
    for alarm in seen {
        let watched = alarm.variants();
        if !watched.is_empty() && !watched.contains(green) {
            let watched: Vec<&str> = watched.into_iter().collect();
            let counts = at_the_end.contains(&alarm.name);
            let then = if counts && of_blue(plan, alarm) && alarm.missing == MissingData::Missing {
                ", and has no data at 100%, where it is not waited for"
            } else {
                ""
            };
            warnings.push(format!(
                "alarm {} watches the variant {}, and green's name is {green}: it does not see green{then}",
                alarm.name,
                and_list(&watched)
            ));
        }
    }
    warnings
}
