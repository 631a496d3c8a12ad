//! The alarms of a rollout: what of them stands against it, and what its people should know of them.

use super::Found;
use crate::{
    rollout::{
        checks::without_data,
        look::{AlarmSeen, Known, Look},
        policy::Engine,
        request::Request,
    },
    text::and_list,
    trigger::AlarmState,
};

pub(super) fn stand_against(request: &Request, look: &Look, found: &mut Found) {
    let wanted = &request.policy.alarms;
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
            for name in wanted {
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
                        "Remove its cause first: the rollout would go back at once.",
                    ),
                    Some(_) => {}
                }
            }
        }
    }
}

/// Alarms that may hold the rollout, or that look past green.
pub(super) fn warnings(request: &Request, look: &Look, green: &str) -> Vec<String> {
    let wanted = &request.policy.alarms;
    let seen: Vec<&AlarmSeen> = look.alarms.yes().map_or(Vec::new(), |alarms| {
        alarms.iter().filter(|alarm| wanted.contains(&alarm.name)).collect()
    });
    let silent: Vec<&str> = seen
        .iter()
        .filter(|alarm| alarm.state == AlarmState::InsufficientData)
        .map(|alarm| alarm.name.as_str())
        .collect();
    let mut warnings = Vec::new();
    if !silent.is_empty() {
        let then = match request.policy.engine {
            Engine::Variants => "without data at the end of a bake the rollout is held, and goes back at its deadline",
            Engine::Guardrails | Engine::Rolling => {
                "SageMaker's own engines take an alarm without data for a quiet one"
            }
        };
        warnings.push(format!("{}; {then}", without_data(&silent)));
    }
    for alarm in seen {
        if !alarm.variants.is_empty() && !alarm.variants.contains(green) {
            let watched: Vec<&str> = alarm.variants.iter().map(String::as_str).collect();
            warnings.push(format!(
                "alarm {} watches the variant {}, and green's name is {green}: it does not see green",
                alarm.name,
                and_list(&watched)
            ));
        }
    }
    warnings
}
