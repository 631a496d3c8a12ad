//! Whether one commit, or one call, keeps the rules.

use std::collections::BTreeMap;

use steward::{
    alert::AlertKind,
    analysis::Verdict,
    endpoint::EndpointStatus,
    health::ledger::Level,
    rollout::{
        Ended, Phase, Rollout, RolloutLedger, To, Transition,
        effect::{ActOutcome, Effect},
        look::Look,
        policy::Engine,
        request::Order,
    },
};

use super::{
    calls::Luck,
    ghost::{Ghost, Wrong},
    rules::Rule,
    state::{Asked, Committed, Decided, Invocation},
    world::World,
};

/// A committed decision; `ghost` has followed it.
pub(crate) fn commit(decided: &Decided, invocation: &Invocation, ghost: &Ghost, wrong: &mut Wrong) {
    told(decided, invocation, wrong);
    harm(decided, invocation, ghost, wrong);
    heard(decided, wrong);
    kept(decided, wrong);
    if let Some(effect) = &decided.decision.effect {
        asked(decided, effect, ghost, wrong);
    }
    if let Some(before) = decided.read.active.as_ref().and_then(|it| it.back.as_ref())
        && let Some(after) = &decided.write.active
        && after.back.as_ref() != Some(before)
    {
        wrong.push((Rule::NeverUpAgain, "the decision to go back was taken back".to_owned()));
    }
}

fn asked(decided: &Decided, effect: &Effect, ghost: &Ghost, wrong: &mut Wrong) {
    let Some(rollout) = &decided.write.active else { return };
    let plan = &rollout.plan;
    if let Effect::SetWeights(weights) = effect {
        if weights.values().sum::<f64>() <= 0.0 {
            wrong.push((Rule::Capacity, format!("{effect}: the weights sum to zero")));
        }
        if ghost.back && *weights != plan.weights(steward::rollout::strategy::Weight::ZERO) {
            wrong.push((Rule::NeverUpAgain, format!("{effect}: not all to blue in one call")));
        }
    }
    if plan.engine() != Engine::Variants {
        return;
    }
    let mut after = decided.world.clone();
    if let ActOutcome::Refused(said) = after.act(effect, Luck::Fair)
        && said.contains("scalable target")
    {
        wrong.push((Rule::Safekeeping, format!("{effect}: {said}")));
    }
    let green = &plan.green.variant;
    let (had, gets) = (decided.world.share(green), after.share(green));
    let earned = ghost.earned(plan);
    if gets > had && gets > earned + 10 {
        let rule = if ghost.back { Rule::NeverUpAgain } else { Rule::Gates };
        wrong.push((
            rule,
            format!("{effect}: green gets {gets} and has earned {earned} ten-thousandths"),
        ));
    }
}

/// Harm that is seen, or told, is acted on in this very decision, and what is none is not.
fn harm(decided: &Decided, invocation: &Invocation, ghost: &Ghost, wrong: &mut Wrong) {
    let Some(before) = &decided.read.active else { return };
    let removing = before.phase == Phase::Removing && before.update.is_some();
    if before.back.is_some() || !before.phase.is_forward() || removing {
        return;
    }
    let of_all = !before.plan.request.policy.alarms.is_empty();
    let rang = invocation
        .alarm
        .is_some_and(|at| (of_all && at >= before.started) || ghost.counted(at));
    let gone_back = match &decided.write.active {
        Some(after) => after.back.is_some(),
        None => decided
            .write
            .history
            .last()
            .is_some_and(|past| past.outcome != Ended::Completed),
    };
    let alarming = rings(decided, before);
    let for_alarm = decided
        .decision
        .transitions
        .iter()
        .any(|it| it.cause.as_ref().is_some_and(|cause| cause.label() == "alarm"));
    if for_alarm && !rang && !alarming {
        wrong.push((
            Rule::Harm,
            format!(
                "it goes back from {} on an alarm that does not count there",
                before.phase
            ),
        ));
    }
    if !gone_back && (rang || alarming || shows_harm(&decided.look, before)) {
        wrong.push((
            Rule::Harm,
            format!("harm in {}, and it goes on: {}", before.phase, decided.decision.why),
        ));
    }
}

/// Completed is not said of a green whose health nobody asked for: whichever answer was lost, and whoever died.
fn heard(decided: &Decided, wrong: &mut Wrong) {
    let asks = decided
        .read
        .active
        .as_ref()
        .is_some_and(|it| it.plan.request.policy.health);
    let completes = decided
        .decision
        .transitions
        .iter()
        .any(|it| matches!(it.to, To::End(Ended::Completed)) && it.from.as_ref().is_some_and(Phase::is_forward));
    if asks && completes && decided.look.health.is_none() {
        wrong.push((Rule::Harm, "completed, and nobody asked for green's health".to_owned()));
    }
}

/// After the last bake neither a deadline nor a refusal takes green back, unless somebody took from its traffic.
fn kept(decided: &Decided, wrong: &mut Wrong) {
    for transition in &decided.decision.transitions {
        let passed = matches!(
            transition.from,
            Some(Phase::Finishing | Phase::Keeping | Phase::Removing)
        );
        let (true, To::Phase(Phase::RollingBack), Some(cause)) = (passed, &transition.to, &transition.cause) else {
            continue;
        };
        let housekeeping = ["deadline", "refused", "sagemaker"].contains(&cause.label());
        let green = decided.write.active.as_ref().map(|it| it.plan.green.variant.as_str());
        if housekeeping && green.is_some_and(|green| decided.world.share(green) == 10_000) {
            wrong.push((Rule::Kept, format!("it goes back for {}: {cause}", cause.label())));
        }
    }
}

/// An alarm is seen ringing that counts: of the step whose share green has, and of the one whose share it is about to get.
fn rings(decided: &Decided, rollout: &Rollout) -> bool {
    let plan = &rollout.plan;
    let left = rollout.passed.last().map(|passed| passed.step);
    let has = |step: usize| {
        let endpoint = decided.look.endpoint.yes().and_then(Option::as_ref);
        let settled = endpoint.filter(|endpoint| endpoint.status == EndpointStatus::InService);
        let share = settled.and_then(|endpoint| endpoint.share(&plan.green.variant));
        share.is_some_and(|share| (share - plan.share(step).share()).abs() < 1e-3)
    };
    let steps = match rollout.phase {
        Phase::Sizing { .. } => [left, None],
        Phase::Shifting { step } if has(step) => [None, Some(step)],
        Phase::Shifting { step } => [left, Some(step)],
        Phase::Finishing | Phase::Keeping | Phase::Removing => [None, Some(plan.last_step())],
        ref phase => [None, phase.step()],
    };
    let own = steps.into_iter().flatten().flat_map(|step| &plan.steps()[step].alarms);
    let wanted: Vec<&String> = plan.request.policy.alarms.iter().chain(own).collect();
    let seen = decided.look.alarms.yes();
    seen.is_some_and(|it| it.iter().any(|alarm| alarm.alarming() && wanted.contains(&&alarm.name)))
}

fn shows_harm(look: &Look, before: &Rollout) -> bool {
    let analysis = look.analysis.as_ref().and_then(|it| it.yes());
    let green = look
        .health
        .as_ref()
        .and_then(|it| it.yes()?.as_ref()?.variants.get("green"));
    // Of a component there are no variants: what is found is green's.
    let whole = before.plan.request.component.is_some()
        && look
            .health
            .as_ref()
            .and_then(|it| it.yes()?.as_ref())
            .is_some_and(|seen| seen.level == Level::Unhealthy);
    whole
        || analysis.is_some_and(|it| it.verdict == Verdict::Fail)
        || green.is_some_and(|(level, _)| *level == Level::Unhealthy)
}

/// The alerts of this decision are those of its changes, each once; none of those that wait is lost.
fn told(decided: &Decided, invocation: &Invocation, wrong: &mut Wrong) {
    let (before, after) = (decided.read.outbox.pending(), decided.write.outbox.pending());
    let has = |alerts: &[steward::alert::Alert], id: &str| alerts.iter().filter(|alert| alert.id == id).count();
    for alert in before {
        if has(after, &alert.id) != 1 {
            wrong.push((Rule::Told, format!("{} waited and is lost", alert.id)));
        }
    }
    let fresh: Vec<_> = after.iter().filter(|alert| has(before, &alert.id) == 0).collect();
    let mut kinds: BTreeMap<AlertKind, i32> = BTreeMap::new();
    for alert in &fresh {
        *kinds.entry(alert.kind).or_default() += 1;
        if has(after, &alert.id) != 1 {
            wrong.push((Rule::Told, format!("{} waits twice", alert.id)));
        }
    }
    if let Some(kind) = answered(decided, invocation) {
        *kinds.entry(kind).or_default() -= 1;
    }
    for kind in decided.decision.transitions.iter().filter_map(announced) {
        *kinds.entry(kind).or_default() -= 1;
    }
    let ended = decided
        .decision
        .transitions
        .iter()
        .any(|it| matches!(it.to, To::End(_)));
    if ended
        && decided
            .write
            .history
            .last()
            .is_some_and(|past| !past.unpointed.is_empty())
    {
        *kinds.entry(AlertKind::RolloutUnscaled).or_default() -= 1;
    }
    // Held up: once for each phase, which the ledger says.
    if kinds.get(&AlertKind::RolloutHeld) == Some(&1) && decided.write.active.as_ref().is_some_and(|it| it.held) {
        kinds.remove(&AlertKind::RolloutHeld);
    }
    for (kind, over) in kinds.into_iter().filter(|(_, over)| *over != 0) {
        let which = if over > 0 { "too many" } else { "too few" };
        wrong.push((
            Rule::Told,
            format!("{which} alerts {kind} for {:?}", decided.decision.transitions),
        ));
    }
}

/// What people are told of a command that was obeyed.
fn answered(decided: &Decided, invocation: &Invocation) -> Option<AlertKind> {
    let obeyed = decided.decision.answer.as_ref().is_some_and(|answer| answer.accepted);
    let rollout = decided.read.active.as_ref().filter(|it| obeyed && it.back.is_none())?;
    match (invocation.order?, &rollout.paused) {
        (Asked::Order(Order::Pause), None) => Some(AlertKind::RolloutPaused),
        (Asked::Order(Order::Resume), Some(_)) => Some(AlertKind::RolloutResumed),
        _ => None,
    }
}

/// What people are told of a change.
fn announced(transition: &Transition) -> Option<AlertKind> {
    let from_forward = transition.from.as_ref().is_none_or(Phase::is_forward);
    match (&transition.from, &transition.to) {
        (None, To::Phase(Phase::Pending)) => Some(AlertKind::RolloutStarted),
        (_, To::Phase(Phase::Baking { .. })) => Some(AlertKind::RolloutProgressed),
        (_, To::Phase(Phase::Gate { .. })) => Some(AlertKind::RolloutWaiting),
        (_, To::Phase(Phase::Keeping)) => Some(AlertKind::RolloutPromoted),
        (_, To::Phase(Phase::RollingBack | Phase::Returning)) if from_forward => Some(AlertKind::RolloutRollingBack),
        (_, To::Phase(Phase::CleaningUp)) => Some(AlertKind::RolloutRolledBack),
        (_, To::End(Ended::Completed)) => Some(AlertKind::RolloutCompleted),
        (_, To::End(Ended::Failed)) => Some(AlertKind::RolloutFailed),
        _ => None,
    }
}

/// A call as it met the world.
pub(crate) fn call(
    committed: &Committed,
    (before, after): (&World, &World),
    now_in_store: &RolloutLedger,
    ghost: &mut Ghost,
    wrong: &mut Wrong,
) {
    let effect = &committed.effect;
    safekeeping(effect, before, now_in_store, wrong);
    let Some(rollout) = &committed.ledger.active else {
        return;
    };
    let plan = &rollout.plan;
    let present = now_in_store
        .active
        .as_ref()
        .is_some_and(|it| it.plan.serial == plan.serial);
    let touches = |world: &World| (world.work.clone(), world.fleets.clone(), world.targets.clone());
    if !present && touches(before) != touches(after) {
        wrong.push((
            Rule::Over,
            format!("{effect} came after rollout {} had ended", plan.id()),
        ));
    }
    if plan.engine() != Engine::Variants || plan.request.component.is_some() {
        return;
    }
    let weighs = |world: &World| world.wished().values().map(|fleet| fleet.desired_weight).sum::<u32>();
    if after.exists && after.status != EndpointStatus::Failed && weighs(before) > 0 && weighs(after) == 0 {
        wrong.push((Rule::Capacity, format!("{effect}: the weights sum to zero")));
    }
    let blue = |world: &World| world.wished().get(&plan.blue.variant).map_or(0, |fleet| fleet.desired);
    let (had, has) = (blue(before), blue(after));
    if has < had
        && has < ghost.blue
        && !ghost.is_through(plan)
        && !committed.ledger.active.as_ref().is_some_and(|it| it.returning)
    {
        wrong.push((
            Rule::Capacity,
            format!("{effect}: blue goes from {had} to {has} of {} instances", ghost.blue),
        ));
    }
    let green = &plan.green.variant;
    large_enough(effect, rollout, before, wrong);
    if ghost.back && rollout.back.is_none() && after.share(green) > before.share(green) {
        ghost.overtaken = true;
    }
}

/// Green, that had all of the traffic, is not taken from beside a blue that has fewer instances: while it goes, blue cannot
/// grow.
fn large_enough(effect: &Effect, rollout: &Rollout, world: &World, wrong: &mut Wrong) {
    let Effect::UpdateEndpoint { config, .. } = effect else {
        return;
    };
    let plan = &rollout.plan;
    let both = (
        world.fleets.get(&plan.blue.variant),
        world.fleets.get(&plan.green.variant),
    );
    let (Some(blue), Some(green)) = both else { return };
    let had_all = rollout.back.as_ref().is_some_and(|back| match &back.from {
        Phase::Baking { step } => *step == plan.last_step(),
        from => matches!(from, Phase::Finishing | Phase::Keeping | Phase::Removing),
    });
    let stays = |config: &String| world.configs.get(config).is_some_and(|it| it.len() > 1);
    if had_all && !world.short && !stays(config) && blue.count < green.desired {
        let (blue, green) = (blue.count, green.desired);
        wrong.push((
            Rule::Capacity,
            format!("{effect}: blue has {blue} instances, green had {green}"),
        ));
    }
}

fn safekeeping(effect: &Effect, before: &World, ledger: &RolloutLedger, wrong: &mut Wrong) {
    let Effect::DeleteConfig(name) = effect else { return };
    let live = before.exists && before.config == *name;
    if live || before.pending() == Some(name) || ledger.last_good.as_ref() == Some(name) {
        wrong.push((Rule::Safekeeping, format!("{effect}, which serves or served well")));
    }
    if !name.contains("-r") {
        wrong.push((Rule::Safekeeping, format!("{effect}, which Steward did not make")));
    }
}
