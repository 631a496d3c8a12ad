//! What to look at before the next decision.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{
    checks::World,
    commands,
    decision::{AlarmNews, Command},
    doubt::Doubt,
    ledger::{Ended, Past, Rollout, RolloutLedger},
    look::{Before, Fleet, Needs, Window},
    phase::{Phase, Rounds},
    plan::Plan,
    policy::Engine,
    strategy::Weight,
    tidy,
};
use crate::{
    analysis::{AnalysisPolicy, makes_limits},
    trigger::AlarmChange,
};

/// Rounds of probes closer together than this say the same thing twice: a burst of events is no evidence.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(20);

/// So much of blue's last traffic is looked at when it has none any more.
const BEFORE: Duration = Duration::from_secs(3600);

/// What to look at, besides the endpoint itself.
pub fn needs(now: Timestamp, ledger: &RolloutLedger) -> Needs {
    match &ledger.active {
        Some(rollout) => at_work(now, rollout),
        None => idle(now, ledger),
    }
}

fn at_work(now: Timestamp, rollout: &Rollout) -> Needs {
    match rollout.plan.engine() {
        Engine::Variants => variants(now, rollout),
        Engine::Guardrails | Engine::Rolling => native(now, rollout),
    }
}

/// The same for a decision that is told of this alarm, or given this command. What takes green back does so without the
/// metrics and the probes, whoever is slow to answer them, and without all else that only the way forward asks for.
pub fn needs_told(
    now: Timestamp,
    ledger: &RolloutLedger,
    alarm: Option<&AlarmNews>,
    command: Option<&Command>,
) -> Needs {
    let taken_back = ledger.active.as_ref().filter(|rollout| {
        // Where blue is being removed only a look says whether there is a way back.
        let may_go_back = rollout.phase.is_forward() && rollout.phase != Phase::Removing && rollout.back.is_none();
        may_go_back
            && match (command, alarm) {
                (Some(command), _) => commands::aborts(now, ledger, command),
                (None, alarm) => alarm.is_some_and(|alarm| rollout.counted(&alarm.name, alarm.at)),
            }
    });
    match taken_back {
        Some(rollout) => at_work(
            now,
            &Rollout {
                phase: Phase::RollingBack,
                ..rollout.clone()
            },
        ),
        None => needs(now, ledger),
    }
}

/// From when on the endpoint has to be looked at again without being woken by an event; `None`: not before a command.
pub fn wake(ledger: &RolloutLedger) -> Option<Timestamp> {
    if ledger.active.is_some() || !ledger.outbox.is_empty() || !ledger.stale_alarms.is_empty() {
        return Some(Timestamp::MIN);
    }
    ledger.litter.values().min().copied()
}

/// The changes of alarms of this Region and account. Rollouts name their alarms, and others may be called the same elsewhere.
pub fn of_here<'a>(
    changes: &'a [AlarmChange],
    region: &'a str,
    account: &'a str,
) -> impl Iterator<Item = &'a AlarmChange> + Clone {
    changes
        .iter()
        .filter(move |change| change.region == region && change.account == account)
}

fn variants(now: Timestamp, rollout: &Rollout) -> Needs {
    let plan = &rollout.plan;
    let policy = &plan.request.policy;
    let (blue, green) = (&plan.blue.variant, &plan.green.variant);
    let mut needs = Needs::default();
    if rollout.phase.is_forward() && rollout.back.is_none() {
        needs.alarms = policy.alarms_in(rollout.steps_at_hand());
        needs.analysis = window(now, rollout);
        needs.health = policy.health && rollout.judged_from.is_some();
        needs.doubt = Doubt::of(rollout).filter(|_| needs.health);
        needs.answers = needs.doubt.as_ref().and_then(|_| answers(now, rollout));
    }
    let loses_its_traffic = match rollout.phase {
        Phase::Shifting { step } if plan.share(step) == Weight::FULL => Some(now),
        Phase::Probing { step, .. } if plan.share(step) == Weight::FULL => rollout.judged_from,
        _ => None,
    };
    if let Some(analysis) = policy.analysis_at_the_end().filter(|analysis| makes_limits(analysis)) {
        needs.alone = loses_its_traffic.map(|at| (last_hour(at, blue), analysis.clone()));
    }
    let triggers = rollout.triggers();
    let points = !triggers.is_empty() && points_alarms(rollout);
    match &rollout.phase {
        Phase::Preparing => {
            needs.scaling.push(blue.clone());
            needs.configs.extend(plan.both.iter().map(|config| config.name.clone()));
        }
        Phase::Smoke(rounds) | Phase::Probing { rounds, .. } if due(now, rounds) => {
            needs.smoke = Some(green.clone());
        }
        Phase::Sizing { .. } | Phase::Baking { .. } | Phase::Gate { .. } | Phase::Finishing
            if rollout.scaling.is_some() =>
        {
            needs.scaling.extend([blue.clone(), green.clone()]);
        }
        Phase::Keeping if points => needs.scaling.push(green.clone()),
        Phase::Removing => {
            needs.scaling.push(blue.clone());
            needs.scaling.extend(points.then(|| green.clone()));
            needs.configs.extend(plan.only.iter().map(|config| config.name.clone()));
        }
        Phase::CleaningUp => {
            needs.scaling.extend([blue.clone(), green.clone()]);
            needs.configs.push(plan.base.clone());
            needs
                .configs
                .extend(rollout.restore.iter().map(|config| config.name.clone()));
        }
        Phase::Returning => {
            serves_alone(plan, &mut needs);
            needs.scaling.extend([blue.clone(), green.clone()]);
            needs
                .configs
                .extend(rollout.restore.iter().map(|config| config.name.clone()));
        }
        Phase::Leaving => {
            needs.scaling.push(blue.clone());
            let green = (points || rollout.green_scaling.is_some()).then(|| green.clone());
            needs.scaling.extend(green);
        }
        _ => {}
    }
    if points {
        for alarm in triggers {
            if !needs.alarms.contains(&alarm) {
                needs.alarms.push(alarm);
            }
        }
    }
    needs
}

/// In this phase alarms are pointed at the variant that they are to scale.
fn points_alarms(rollout: &Rollout) -> bool {
    match rollout.phase {
        Phase::Baking { .. } | Phase::Gate { .. } => rollout.share() == Weight::FULL,
        Phase::Finishing | Phase::Keeping | Phase::Removing | Phase::CleaningUp | Phase::Returning | Phase::Leaving => {
            true
        }
        _ => false,
    }
}

fn native(now: Timestamp, rollout: &Rollout) -> Needs {
    let plan = &rollout.plan;
    let policy = &plan.request.policy;
    let mut needs = Needs {
        components: plan.request.component.iter().cloned().collect(),
        ..Needs::default()
    };
    needs.alarms.extend(plan.abort_alarm.clone());
    if rollout.phase.is_forward() && rollout.back.is_none() {
        needs.alarms.extend(policy.alarms.iter().cloned());
        needs.analysis = window(now, rollout);
        needs.health = policy.health && rollout.judged_from.is_some();
    }
    if rollout.phase == Phase::Deploying {
        needs.configs.extend(plan.only.iter().map(|config| config.name.clone()));
    }
    if rollout.phase == Phase::Returning && plan.request.component.is_none() {
        needs.configs.push(plan.base.clone());
        serves_alone(plan, &mut needs);
    }
    needs
}

/// What tells whether green serves, also under another config's name.
fn serves_alone(plan: &Plan, needs: &mut Needs) {
    needs.configs.extend(plan.only.iter().map(|config| config.name.clone()));
    needs.in_force = true;
}

/// This look asked for all that is to be heard of green. Where nobody saw SageMaker at work, it did not.
pub(super) fn was_asked(world: &World<'_>, rollout: &Rollout) -> bool {
    let needs = native(world.facts.now, rollout);
    let Some(look) = world.look else { return false };
    (!needs.health || look.health.is_some()) && (needs.analysis.is_none() || look.analysis.is_some())
}

fn idle(now: Timestamp, ledger: &RolloutLedger) -> Needs {
    let due = tidy::due(now, ledger);
    let mut needs = Needs {
        users: tidy::search(ledger, &due),
        configs: due,
        alarms: ledger.stale_alarms.iter().cloned().collect(),
        ..Needs::default()
    };
    for plan in returnable(now, ledger).into_iter().map(|past| &past.plan) {
        match &plan.request.component {
            Some(component) => needs.components.push(component.clone()),
            None => {
                needs.configs.push(plan.base.clone());
                serves_alone(plan, &mut needs);
            }
        }
    }
    needs.configs.sort();
    needs.configs.dedup();
    needs
}

/// The completed rollouts that `rollback` takes back, each within its window, the newest first: of the endpoint's variants, and
/// of each inference component, the last one that completed, if it was not taken back since. Later ones that went back
/// left its green in force; where anything else is, the command finds out.
pub(super) fn returnable(now: Timestamp, ledger: &RolloutLedger) -> Vec<&Past> {
    let mut seen = BTreeSet::new();
    let back_to_the_last = ledger.history.iter().rev();
    back_to_the_last
        .filter(|past| past.outcome == Ended::Completed || past.returned)
        .filter(|past| seen.insert(past.plan.request.component.as_deref()))
        .filter(|past| past.outcome == Ended::Completed)
        .filter(|past| now < after(past.ended, past.plan.request.policy.rollback_window))
        .collect()
}

fn due(now: Timestamp, rounds: &Rounds) -> bool {
    rounds.counted.is_none_or(|last| now >= after(last, BETWEEN_ROUNDS))
}

/// Green's errors in the minutes that are judged, and how they tell of whom an illness is when green cannot be asked by its
/// name: as an analysis compares them that says nothing else. `None` where the rollout's own judges them anyway.
fn answers(now: Timestamp, rollout: &Rollout) -> Option<(Window, AnalysisPolicy)> {
    let own = rollout.analysis().and_then(|analysis| analysis.errors.as_ref());
    if own.is_some_and(|errors| !errors.dry_run) {
        return None;
    }
    Some((minutes(now, rollout)?, AnalysisPolicy::default()))
}

/// The present step's minutes; `None` where there is nothing to judge.
fn window(now: Timestamp, rollout: &Rollout) -> Option<Window> {
    rollout.analysis()?;
    minutes(now, rollout)
}

/// The same, whoever judges them.
fn minutes(now: Timestamp, rollout: &Rollout) -> Option<Window> {
    let plan = &rollout.plan;
    let policy = &plan.request.policy;
    // A component's metrics carry neither variant nor config.
    if plan.request.component.is_some() {
        return None;
    }
    let judged_from = rollout.judged_from?;
    let from = whole_minutes(judged_from, true);
    let to = whole_minutes(before(now, policy.metrics_delay), false);
    let of_blue = &plan.blue.variant;
    let (blue, before, green, whole) = match plan.engine() {
        Engine::Variants => {
            let green = fleet(&plan.green.variant, None);
            if rollout.share_judged() < Weight::FULL {
                (Some(fleet(of_blue, None)), None, green, None)
            } else {
                (None, Some(last_hour(judged_from, of_blue)), green, None)
            }
        }
        // Nobody says when SageMaker has given green everything: the minutes themselves show it. Before the rollout began,
        // all of the variant was blue.
        Engine::Guardrails | Engine::Rolling => {
            let name = &plan.green.variant;
            let green = fleet(name, Some(&plan.only.as_ref()?.name));
            let blue = fleet(name, Some(&plan.base));
            (
                Some(blue),
                Some(last_hour(rollout.started, of_blue)),
                green,
                Some(fleet(name, None)),
            )
        }
    };
    let share = (plan.engine() == Engine::Variants).then(|| rollout.share_judged());
    (from < to).then_some(Window {
        from,
        to,
        share,
        rounds: rollout.rounds_of_green(),
        blue,
        before,
        green,
        whole,
    })
}

fn fleet(variant: &str, config: Option<&str>) -> Fleet {
    Fleet {
        variant: variant.to_owned(),
        config: config.map(str::to_owned),
    }
}

fn last_hour(until: Timestamp, blue: &str) -> Before {
    let to = whole_minutes(until, false);
    Before {
        from: before(to, BEFORE),
        to,
        blue: fleet(blue, None),
    }
}

/// The minute it lies in, or the next one.
fn whole_minutes(at: Timestamp, up: bool) -> Timestamp {
    let second = at.as_second() + if up && at.subsec_nanosecond() > 0 { 1 } else { 0 };
    let minute = second.saturating_add(if up { 59 } else { 0 }).div_euclid(60);
    Timestamp::from_second(minute.saturating_mul(60)).unwrap_or(at)
}

/// Saturating.
pub(super) fn after(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// Saturating.
pub(super) fn before(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_sub(span).unwrap_or(Timestamp::MIN)
}
