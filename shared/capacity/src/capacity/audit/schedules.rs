//! Scheduled actions: when they come, and what they leave behind.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::DateTime};

use super::{Findings, Rule};
use crate::{
    capacity::{
        thing::{Key, Scalable, Thing},
        world::World,
    },
    cron::Cron,
    scaling::ScheduledAction,
    window::zone,
};

pub(super) fn check(world: &World, now: Timestamp, found: &mut Findings) {
    let mut of_target: BTreeMap<&Scalable, Vec<(&Key, &ScheduledAction)>> = BTreeMap::new();
    for (key, thing) in world.things() {
        if let Thing::Action { of, action } = thing {
            if let Some(problem) = problem(action, now) {
                found.add(
                    Rule::InvalidSchedule,
                    key,
                    format!("{}: {problem}", action.schedule),
                    remedy(&action.schedule),
                );
            }
            of_target.entry(of).or_default().push((key, action));
        }
    }
    for (of, actions) in of_target {
        let range = match world.get(&Key::Target(of.clone())) {
            Some(Thing::Target { min, max, .. }) => Some((*min, *max)),
            _ => None,
        };
        for (key, action) in &actions {
            fights(key, action, range, found);
        }
        let minima: Vec<u32> = actions.iter().filter_map(|(_, action)| action.min).collect();
        let (least, most) = (minima.iter().min(), minima.iter().max());
        let repeats = |action: &ScheduledAction| !action.schedule.starts_with("at(");
        if let (Some(least), Some(most), Some((min, _))) = (least, most, range)
            && least == most
            && let Some((key, _)) = actions
                .iter()
                .find(|(_, action)| action.min == Some(*most) && repeats(action))
        {
            // Its minimum now may already be what the action made of it.
            found.add(
                Rule::NeverLowered,
                key,
                format!(
                    "it sets the minimum to {most}, and no other action of the target sets another; now it is {min}"
                ),
                "add the action that sets it back: a scheduled action undoes nothing when its time is over".to_owned(),
            );
        }
        for (index, (key, action)) in actions.iter().enumerate() {
            let same =
                |other: &ScheduledAction| (&other.schedule, &other.timezone) == (&action.schedule, &action.timezone);
            if let Some((other, _)) = actions[..index].iter().find(|(_, other)| same(other)) {
                found.add(
                    Rule::ScheduleFightsRange,
                    key,
                    format!("it is due at the same time as {other}: which of them comes last is chance"),
                    "keep one of them".to_owned(),
                );
            }
        }
    }
}

fn remedy(schedule: &str) -> String {
    match schedule.split('(').next() {
        Some("cron") => Cron::FORM.to_owned(),
        Some("rate") => {
            "rate(1 hour), rate(5 minutes): the unit has no s after 1, and one after every other number".to_owned()
        }
        Some("at") => "a moment to come, such as at(2026-12-24T08:00:00), or no action".to_owned(),
        _ => "cron(…), at(…) or rate(…)".to_owned(),
    }
}

fn problem(action: &ScheduledAction, now: Timestamp) -> Option<String> {
    let named = action.timezone.as_deref().unwrap_or("UTC");
    let Some(zone) = zone(named) else {
        return Some(format!("there is no time zone {named}"));
    };
    if action.end.is_some_and(|end| end <= now) {
        return Some("its end is over, so it never comes again".to_owned());
    }
    let schedule = action.schedule.as_str();
    if schedule.starts_with("cron(") {
        return match schedule.parse::<Cron>() {
            Err(error) => Some(error.problem),
            Ok(cron) => cron
                .next(now, &zone)
                .is_none()
                .then(|| "it never comes again".to_owned()),
        };
    }
    let inner = |kind: &str| schedule.strip_prefix(kind)?.strip_suffix(')');
    if let Some(moment) = inner("at(") {
        let moment = moment
            .trim()
            .parse::<DateTime>()
            .ok()
            .and_then(|civil| civil.to_zoned(zone).ok());
        return match moment {
            None => Some("it is no time of the wall clock such as 2026-12-24T08:00:00".to_owned()),
            Some(moment) => (moment.timestamp() <= now).then(|| "its moment is over".to_owned()),
        };
    }
    if let Some(rate) = inner("rate(") {
        let mut words = rate.split_whitespace();
        let (number, unit, more) = (words.next(), words.next(), words.next());
        let number = number
            .and_then(|number| number.parse::<u32>().ok())
            .filter(|number| *number > 0);
        let units = if number == Some(1) {
            ["minute", "hour", "day"]
        } else {
            ["minutes", "hours", "days"]
        };
        let right = more.is_none() && number.is_some() && unit.is_some_and(|unit| units.contains(&unit));
        return (!right).then(|| "it is no rate such as 1 hour or 5 minutes".to_owned());
    }
    Some("it is neither cron(…), at(…) nor rate(…)".to_owned())
}

fn fights(key: &Key, action: &ScheduledAction, range: Option<(u32, u32)>, found: &mut Findings) {
    let evidence = match (action.min, action.max, range) {
        (Some(min), Some(max), _) if min > max => format!("it sets the minimum to {min} and the maximum to {max}"),
        (Some(min), None, Some((_, max))) if min > max => {
            format!("it sets the minimum to {min}, and the target's maximum is {max}")
        }
        (None, Some(max), Some((min, _))) if max < min => {
            format!("it sets the maximum to {max}, and the target's minimum is {min}")
        }
        _ => return,
    };
    found.add(
        Rule::ScheduleFightsRange,
        key,
        format!("{evidence}: Application Auto Scaling refuses it when it is due"),
        "set both, the minimum not above the maximum".to_owned(),
    );
}
