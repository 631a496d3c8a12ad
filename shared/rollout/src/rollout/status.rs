//! Where a rollout is, for people: what has passed, what it waits for and why, and how much time is left.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{
    checks::{self, Seen, World},
    commands::{NotNow, restorable},
    decide::decide,
    decision::{Facts, News},
    ledger::{Ended, Past, Rollout, RolloutLedger},
    look::{AlarmSeen, Known, Look},
    needs::after,
    phase::Phase,
    policy::Engine,
    strategy::Weight,
};
use crate::{
    analysis::watches_without_blue,
    text::{and_list, lasting},
    trigger::AlarmState,
};

/// Lines of the log that `status` shows.
const RECENT: usize = 8;

/// Where the rollout is. Nothing is decided: what it waits for is what a decision on this look would say.
pub fn status(facts: &Facts<'_>, ledger: &RolloutLedger, look: Option<&Look>) -> String {
    let Some(rollout) = &ledger.active else {
        return idle(facts, ledger, look);
    };
    let plan = &rollout.plan;
    let decision = decide(
        facts,
        ledger,
        &News {
            look: look.cloned(),
            ..News::default()
        },
    );
    let mut said = String::new();
    let model = |name: &Option<String>| name.clone().unwrap_or_else(|| "(none)".to_owned());
    let _ = writeln!(
        said,
        "Rollout {}: {} replaces {}, {}; {} for {}.",
        plan.id(),
        model(&plan.green.model),
        model(&plan.blue.model),
        plan.request.policy.strategy.name,
        rollout.phase,
        since(facts, rollout.since)
    );
    if let Some(back) = &rollout.back {
        let _ = writeln!(
            said,
            "It is taken back since {:.0}, from {}: {}.",
            back.at, back.from, back.cause
        );
    }
    if let Some(stopped) = &rollout.stopped {
        let by = stopped.by.as_deref().unwrap_or("an operator");
        let _ = writeln!(
            said,
            "That was stopped at {:.0} by {by}: the new model stays, unless SageMaker puts the old one in force first.",
            stopped.at
        );
    }
    let _ = writeln!(said, "Now: {}.", decision.why);
    if let Some(problem) = &rollout.problem {
        let _ = writeln!(said, "Last problem: {problem}.");
    }
    let end = after(rollout.started, plan.request.policy.deadline);
    if rollout.phase.is_before_the_end() && rollout.back.is_none() {
        let _ = writeln!(
            said,
            "Deadline {end:.0}, in {}.",
            lasting(end.duration_since(facts.now).as_secs().max(0))
        );
    }
    said.push('\n');
    steps(facts, rollout, &mut said);
    evidence(facts, rollout, look, &mut said);
    said.push_str("\nLog\n");
    log(&rollout.log, RECENT, &mut said);
    said
}

/// The rollouts that ended, newest first, each with its log.
pub fn history(ledger: &RolloutLedger, endpoint: &str) -> String {
    let mut said = String::new();
    if let Some(rollout) = &ledger.active {
        let _ = writeln!(said, "Rollout {} is at work: {}.\n", rollout.plan.id(), rollout.phase);
    }
    if ledger.history.is_empty() {
        let _ = writeln!(said, "No rollout of {endpoint} has ended yet.");
    }
    for past in ledger.history.iter().rev() {
        said.push_str(&ended(past));
        log(&past.log, usize::MAX, &mut said);
        said.push('\n');
    }
    said
}

fn idle(facts: &Facts<'_>, ledger: &RolloutLedger, look: Option<&Look>) -> String {
    match ledger.history.last() {
        None => format!("{} has had no rollout.", facts.endpoint),
        Some(past) => {
            let mut said = format!("No rollout is at work. The last one:\n{}", ended(past));
            let world = World {
                facts: *facts,
                look,
                alarm: None,
                acted: None,
            };
            ways_back(&world, ledger, past, &mut said);
            if past.outcome == Ended::Failed
                && let Some(good) = &ledger.last_good
            {
                let _ = writeln!(said, "The last good config is {good}.");
            }
            for line in super::tidy::told(ledger) {
                let _ = writeln!(said, "{line}");
            }
            said
        }
    }
}

/// Which rollouts can be taken back, until when, and whether that would be begun now.
fn ways_back(world: &World<'_>, ledger: &RolloutLedger, last: &Past, said: &mut String) {
    let returnable = super::needs::returnable(world.facts.now, ledger);
    let several = returnable.len() > 1;
    for past in returnable {
        let plan = &past.plan;
        let until = after(past.ended, plan.request.policy.rollback_window);
        let order = match plan.request.component.as_ref().filter(|_| several) {
            Some(component) => format!("`rollback` with `\"component\": \"{component}\"`"),
            None => "`rollback`".to_owned(),
        };
        let which = if several {
            plan.id()
        } else if plan.serial == last.plan.serial && last.outcome == Ended::Completed {
            "it".to_owned()
        } else {
            format!("{}, which completed before,", plan.id())
        };
        let now = world.look.map(|_| restorable(world, ledger, past).map(drop));
        let _ = match now {
            None | Some(Ok(())) => writeln!(said, "{order} takes {which} back until {until:.0}."),
            Some(Err(NotNow::Impossible(why))) => {
                writeln!(
                    said,
                    "{order} would take {which} back until {until:.0}, but is refused now: {why}."
                )
            }
            Some(Err(NotNow::Unknown(why))) => writeln!(
                said,
                "{order} takes {which} back until {until:.0}, if it is possible, which is not known now: {why}."
            ),
        };
    }
}

fn ended(past: &Past) -> String {
    let model = past.plan.green.model.as_deref().unwrap_or("(none)");
    let returned = match (past.returned, past.outcome) {
        (true, Ended::Completed) => ", its taking back was stopped",
        (true, _) => " after it had completed",
        (false, _) => "",
    };
    let cause = past
        .cause
        .as_ref()
        .map(|cause| format!(", {cause}"))
        .unwrap_or_default();
    let mut said = format!(
        "Rollout {} to {model}, {:.0} to {:.0}: {}{returned}{cause}.\n",
        past.plan.id(),
        past.started,
        past.ended,
        past.outcome.as_str()
    );
    for (alarm, why) in &past.unpointed {
        let _ = writeln!(said, "Its end left alarm {alarm} without a policy to trigger: {why}.");
    }
    said
}

fn since(facts: &Facts<'_>, at: jiff::Timestamp) -> String {
    lasting(facts.now.duration_since(at).as_secs().max(0))
}

/// One line a step: what has passed, where it is, what is to come.
fn steps(facts: &Facts<'_>, rollout: &Rollout, said: &mut String) {
    let plan = &rollout.plan;
    if plan.engine() != Engine::Variants {
        let _ = writeln!(
            said,
            "SageMaker moves the traffic by itself; how far it is cannot be seen from outside."
        );
        return;
    }
    for (index, step) in plan.steps().iter().enumerate() {
        let passed = rollout.passed.iter().find(|passed| passed.step == index);
        let state = match (passed, rollout.phase.step()) {
            (Some(passed), _) => {
                let word = passed
                    .word
                    .as_ref()
                    .map(|word| format!(" on the word of {}", word.by.as_deref().unwrap_or("an operator")));
                format!("passed at {:.0}{}", passed.to, word.unwrap_or_default())
            }
            (None, Some(at)) if at == index => match rollout.phase {
                Phase::Baking { .. } => {
                    let baked = rollout.elapsed(facts.now).min(step.bake);
                    format!("{} of {} baked", spoken(baked), spoken(step.bake))
                }
                _ => rollout.phase.name().to_owned(),
            },
            (None, _) if rollout.back.is_some() => "will not come".to_owned(),
            (None, _) if rollout.promoted.is_some() && index < plan.last_step() => "left out".to_owned(),
            (None, _) => format!("to come, bakes for {}", spoken(step.bake)),
        };
        let waits = matches!(rollout.phase, Phase::Gate { step } if step == index);
        let gate = match (step.gate, passed) {
            (true, Some(_)) if waits => ", waits for `promote`",
            (true, None) if rollout.back.is_none() => ", then waits for `promote`",
            _ => "",
        };
        let own = [plan.own_alarms(index), plan.own_analysis(index)];
        let own: String = own.into_iter().flatten().map(|own| format!("; {own}")).collect();
        let _ = writeln!(
            said,
            "  step {} of {}  {:>6}  {state}{gate}{own}",
            index + 1,
            plan.steps().len(),
            step.weight.to_string()
        );
    }
}

/// What this look shows.
fn evidence(facts: &Facts<'_>, rollout: &Rollout, look: Option<&Look>, said: &mut String) {
    let Some(look) = look else { return };
    said.push_str("\nSeen\n");
    let world = World {
        facts: *facts,
        look: Some(look),
        alarm: None,
        acted: None,
    };
    match checks::endpoint(&world) {
        Seen::No(why) => {
            let _ = writeln!(said, "  {why}");
        }
        Seen::Gone => said.push_str("  the endpoint is gone\n"),
        Seen::Broken(why) => {
            let _ = writeln!(said, "  {why}");
        }
        Seen::Settled(endpoint) | Seen::Busy(endpoint) => {
            let config = endpoint.config.as_deref().unwrap_or("(none)");
            let _ = writeln!(said, "  endpoint {} with config {config}", endpoint.status);
            for variant in &endpoint.variants {
                let instances = match (variant.current_instances, variant.desired_instances) {
                    (Some(current), Some(desired)) if current != desired => format!("{current} of {desired} instances"),
                    (Some(1), _) => "1 instance".to_owned(),
                    (Some(count), _) => format!("{count} instances"),
                    (None, _) => "serverless".to_owned(),
                };
                let share = endpoint.share(&variant.name).unwrap_or(0.0);
                let share = Weight::from_ten_thousandths((share * 10_000.0).round() as u16).unwrap_or(Weight::FULL);
                let weight = super::table::rounded;
                let asked = if (variant.current_weight - variant.desired_weight).abs() > 1e-6 {
                    format!(" ({} is asked for)", weight(variant.desired_weight))
                } else {
                    String::new()
                };
                let _ = writeln!(
                    said,
                    "  {}: weight {}{asked}, {share} of the traffic, {instances}",
                    variant.name,
                    weight(variant.current_weight)
                );
            }
        }
    }
    if let Known::Yes(alarms) = &look.alarms {
        let judges = checks::counting(&world, rollout);
        for alarm in alarms.iter().filter(|alarm| judges.contains(&alarm.name)) {
            let state = match alarm.state {
                AlarmState::Ok => "quiet",
                AlarmState::Alarm => "ALARM",
                AlarmState::InsufficientData if checks::silenced(rollout, alarm) => {
                    "has no data, as it watches blue alone; not waited for"
                }
                AlarmState::InsufficientData => "has no data",
            };
            let _ = writeln!(said, "  alarm {}: {state}", alarm.name);
        }
        triggers(rollout, alarms, said);
    }
    match &look.health {
        Some(Known::Yes(Some(seen))) => {
            let _ = match checks::unmeasured(facts.now, rollout, seen) {
                Some(unmeasured) => writeln!(said, "  health: {} when last heard; {unmeasured}", seen.level),
                None if seen.evidence.is_empty() => writeln!(said, "  health: {}", seen.level),
                None => writeln!(said, "  health: {}; {}", seen.level, seen.evidence.join("; ")),
            };
        }
        Some(Known::Yes(None)) => {
            let unknown = checks::unknown(rollout);
            let why = unknown
                .as_deref()
                .unwrap_or("the health checker does not watch this endpoint");
            let _ = writeln!(said, "  health: {why}");
        }
        Some(Known::No(why)) => {
            let _ = writeln!(said, "  health: not known: {why}");
        }
        None => {}
    }
    match &look.analysis {
        Some(Known::Yes(analysis)) => {
            let _ = writeln!(said, "  analysis: {}", analysis.to_string().replace('\n', "\n  "));
            let policy = rollout.analysis();
            if rollout.share_judged() == Weight::FULL && policy.is_some_and(|policy| !watches_without_blue(policy)) {
                said.push_str(
                    "  - at 100% no check is left that could find a bad green; alarms, if there are any, still act\n",
                );
            }
        }
        Some(Known::No(why)) => {
            let _ = writeln!(said, "  analysis: {why}");
        }
        None if rollout.judged_from.is_some() && rollout.analysis().is_some() => {
            said.push_str("  analysis: no whole minute of metrics yet\n");
        }
        None => {}
    }
}

/// What the alarms scale that step policies need.
fn triggers(rollout: &Rollout, alarms: &[AlarmSeen], said: &mut String) {
    for name in rollout.triggers() {
        let seen = alarms.iter().find(|alarm| alarm.name == name);
        let scales = match (rollout.unpointed.get(&name), seen) {
            (Some(why), _) => format!("scales the endpoint no more: {why}"),
            (None, Some(seen)) => {
                let variants: BTreeSet<&str> = seen.scales(rollout.plan.endpoint()).collect();
                let variants: Vec<&str> = variants.into_iter().collect();
                match variants.as_slice() {
                    [] => "triggers no policy of the endpoint".to_owned(),
                    variants => format!("triggers a policy of {}", and_list(variants)),
                }
            }
            (None, None) => continue,
        };
        let _ = writeln!(said, "  alarm {name}: {scales}");
    }
}

fn log(lines: &[super::ledger::Line], most: usize, said: &mut String) {
    let left_out = lines.len().saturating_sub(most);
    if left_out > 0 {
        let _ = writeln!(said, "  ({left_out} earlier lines: `history`)");
    }
    for line in &lines[left_out..] {
        let _ = writeln!(said, "  {:.0}  {}", line.at, line.what);
    }
}

fn spoken(span: std::time::Duration) -> String {
    super::preflight::spoken(span)
}
