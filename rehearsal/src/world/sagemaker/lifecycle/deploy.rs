//! An update under way: the second fleet starts, takes the traffic by steps, bakes, and goes again when an alarm trips or
//! the time is over; or instances are replaced some at a time.

use std::time::Duration;

use jiff::Timestamp;
use steward::endpoint::EndpointStatus;

use super::{Change, Fleet, Kind, Step, tell_capacity};
use crate::world::{
    HappeningKind,
    region::{Ctx, Region},
    sagemaker::{
        Variant,
        guardrails::{Routing, instances},
    },
    spec::NextChange,
    traffic::Minute,
};

/// The fleet that an update brings, beside the one in place. After a failed rollback, what is left of it.
#[derive(Clone, Debug)]
pub(crate) struct Green {
    pub(crate) config: String,
    pub(crate) variants: Vec<Variant>,
    /// Of all traffic, 0 to 1.
    pub(crate) share: f64,
    pub(crate) phase: Phase,
    /// Since when it is in this phase.
    pub(crate) since: Timestamp,
}

/// What the new fleet is doing; all but the last two in the words of `VariantStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Creating,
    ActivatingTraffic,
    Baking,
    /// It serves everything; the old fleet waits for its end.
    Serving,
    /// It is being taken away.
    Deleting,
}

impl Phase {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::ActivatingTraffic => "ActivatingTraffic",
            Self::Baking => "Baking",
            Self::Serving => "Updating",
            Self::Deleting => "Deleting",
        }
    }
}

impl Green {
    /// The fleet before any instance of it answers.
    pub(super) fn coming(goal: &Fleet, now: Timestamp) -> Self {
        let variants = goal
            .variants
            .iter()
            .cloned()
            .map(|mut variant| {
                variant.current_instances = variant.current_instances.map(|_| 0);
                variant.minute = Minute::default();
                variant
            })
            .collect();
        Self {
            config: goal.config.clone(),
            variants,
            share: 0.0,
            phase: Phase::Creating,
            since: now,
        }
    }
}

impl Region {
    /// Schedules what is known of an update when it begins, or takes another turn.
    pub(super) fn plan_update(&mut self, ctx: &mut Ctx, name: &str) {
        let Some(endpoint) = self.endpoints.get(name) else {
            return;
        };
        let (Some(change), Some(green)) = (&endpoint.change, &endpoint.green) else {
            return;
        };
        let guardrails = change.guardrails.clone();
        let fate = change.fate;
        if let Some(timeout) = guardrails.timeout {
            let left = (change.began + timeout).duration_since(ctx.now);
            self.next_step(ctx, name, left.try_into().unwrap_or_default(), Step::TimedOut);
        }
        let timing = ctx.timing.clone();
        let weights = timing.weights.duration();
        let first = timing.update.duration().saturating_sub(weights);
        let most = green
            .variants
            .iter()
            .filter_map(|variant| variant.desired_instances)
            .max();
        let created = first + timing.further_instance.duration() * most.unwrap_or(1).saturating_sub(1);
        let batches = match guardrails.routing {
            Routing::Rolling { batch, .. } => instances(&green.variants).div_ceil(batch),
            Routing::BlueGreen(_) => 0,
        };
        let batch = batch_time(ctx, &guardrails.routing);
        let whole = guardrails.waits(&green.variants)
            + match guardrails.routing {
                Routing::Rolling { .. } => batch * batches,
                Routing::BlueGreen(_) => created + weights,
            };
        match fate {
            Some(NextChange::Sticks) => return,
            Some(NextChange::LacksCapacity) => {
                self.next_step(ctx, name, created.min(whole).mul_f64(0.6), Step::RollBack);
                return;
            }
            Some(NextChange::Fails | NextChange::RollsBack) => {
                self.next_step(ctx, name, whole.mul_f64(0.6), Step::RollBack);
            }
            Some(NextChange::EndsFailed) => self.next_step(ctx, name, whole.mul_f64(0.6), Step::Fail),
            Some(NextChange::RollbackFails) => {
                // In the middle of a batch, so that the fleet is mixed when it ends.
                let middle = batch + guardrails.wait.mul_f64(0.5);
                let at = if batches > 0 { middle } else { whole.mul_f64(0.6) };
                self.next_step(ctx, name, at, Step::RollBack);
            }
            Some(NextChange::RollsBackSilently) | None => {}
        }
        if green.phase != Phase::Creating {
            return;
        }
        if batches > 0 {
            self.next_step(ctx, name, batch, Step::Batch);
            return;
        }
        let coming: Vec<(String, u32)> = green
            .variants
            .iter()
            .map(|variant| {
                let missing = variant.desired_instances.unwrap_or(0) - variant.current_instances.unwrap_or(0);
                (variant.name.clone(), missing)
            })
            .collect();
        for (variant, missing) in coming {
            for nth in 0..missing {
                let at = first + timing.further_instance.duration() * nth;
                self.next_step(ctx, name, at, Step::Green(variant.clone()));
            }
        }
        self.next_step(ctx, name, created, Step::Activate(0));
    }

    /// Carries out one step of an update.
    pub(super) fn deploy_step(&mut self, ctx: &mut Ctx, name: &str, change: &Change, step: Step) {
        let guardrails = &change.guardrails;
        match step {
            Step::Green(variant) => self.green_up(ctx, name, &variant),
            Step::Activate(nth) => {
                self.green_phase(ctx, name, Phase::ActivatingTraffic, None);
                let weights = ctx.timing.weights.duration();
                self.next_step(ctx, name, weights, Step::Bake(nth));
            }
            Step::Bake(nth) => {
                let Routing::BlueGreen(shares) = &guardrails.routing else {
                    return;
                };
                self.green_phase(ctx, name, Phase::Baking, shares.get(nth).copied());
                if self.any_in_alarm(&guardrails.alarms) {
                    self.roll_back(ctx, name);
                    return;
                }
                let next = match (nth + 1 < shares.len(), guardrails.termination_wait.is_zero()) {
                    (true, _) => Step::Activate(nth + 1),
                    (false, true) => Step::Finish,
                    (false, false) => Step::Retire,
                };
                self.next_step(ctx, name, guardrails.wait, next);
            }
            Step::Retire => {
                self.green_phase(ctx, name, Phase::Serving, None);
                self.next_step(ctx, name, guardrails.termination_wait, Step::Finish);
            }
            Step::Batch => self.batch(ctx, name, change),
            Step::BatchBack => self.batch_back(ctx, name, change),
            Step::TimedOut if self.endpoints[name].status == EndpointStatus::Updating => self.roll_back(ctx, name),
            _ => {}
        }
    }

    /// One more instance of the new fleet answers, if there is one to be had.
    fn green_up(&mut self, ctx: &mut Ctx, name: &str, variant: &str) {
        if self.lacks_instances(name, variant, |endpoint| endpoint.green_variants()) {
            self.roll_back(ctx, name);
            return;
        }
        let green = self
            .endpoints
            .get_mut(name)
            .and_then(|endpoint| endpoint.green.as_mut());
        let live = green.and_then(|green| green.variants.iter_mut().find(|live| live.name == variant));
        if let Some(live) = live {
            live.current_instances = live.current_instances.map(|count| count + 1);
        }
    }

    /// The new fleet is in another phase, and takes another share of the traffic from now on if one is said.
    fn green_phase(&mut self, ctx: &mut Ctx, name: &str, phase: Phase, share: Option<f64>) {
        let now = ctx.now;
        let Some(green) = self
            .endpoints
            .get_mut(name)
            .and_then(|endpoint| endpoint.green.as_mut())
        else {
            return;
        };
        green.phase = phase;
        green.since = now;
        green.share = share.unwrap_or(green.share);
        let (config, share) = (green.config.clone(), green.share);
        ctx.tell(
            &self.name,
            HappeningKind::Deployment {
                endpoint: name.to_owned(),
                config,
                phase: phase.as_str().to_owned(),
                share,
            },
        );
        self.deployment_changed(ctx, name);
    }

    /// The next instances of a rolling deployment answer in the place of old ones.
    fn batch(&mut self, ctx: &mut Ctx, name: &str, change: &Change) {
        let Routing::Rolling { batch, .. } = change.guardrails.routing else {
            return;
        };
        let Some(variant) = change.goal.variants.first().map(|variant| variant.name.clone()) else {
            return;
        };
        if self.lacks_instances(name, &variant, |endpoint| endpoint.green_variants()) {
            self.roll_back(ctx, name);
            return;
        }
        let share = self.replace(ctx, name, change, i64::from(batch));
        self.green_phase(ctx, name, Phase::Baking, Some(share));
        if self.any_in_alarm(&change.guardrails.alarms) {
            self.roll_back(ctx, name);
            return;
        }
        let wait = change.guardrails.wait;
        if share >= 1.0 {
            self.next_step(ctx, name, wait, Step::Finish);
        } else {
            let batch = batch_time(ctx, &change.guardrails.routing);
            self.next_step(ctx, name, wait + batch, Step::Batch);
        }
    }

    /// Moves `count` instances from the old to the new fleet of a rolling deployment; back when below zero. Answers with the
    /// new fleet's share.
    fn replace(&mut self, ctx: &mut Ctx, name: &str, change: &Change, count: i64) -> f64 {
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return 0.0;
        };
        let (Some(old), Some(green)) = (endpoint.variants.first_mut(), endpoint.green.as_mut()) else {
            return 0.0;
        };
        let Some(new) = green.variants.first_mut() else {
            return 0.0;
        };
        let goal = new.desired_instances.unwrap_or(0);
        let had = change
            .prior
            .variants
            .first()
            .and_then(|variant| variant.current_instances)
            .unwrap_or(0);
        let there = (i64::from(new.current_instances.unwrap_or(0)) + count).clamp(0, i64::from(goal)) as u32;
        let share = f64::from(there) / f64::from(goal.max(1));
        new.current_instances = Some(there);
        old.current_instances = Some((f64::from(had) * (1.0 - share)).ceil() as u32);
        tell_capacity(ctx, &self.name, name, old);
        share
    }

    /// Takes the new fleet away again: at once from the traffic where the old fleet is still whole, otherwise as old
    /// instances come back.
    pub(super) fn undo_update(&mut self, ctx: &mut Ctx, name: &str) {
        let Some(change) = self
            .endpoints
            .get_mut(name)
            .and_then(|endpoint| endpoint.change.as_mut())
        else {
            return;
        };
        let rolls = matches!(change.guardrails.routing, Routing::Rolling { .. });
        if !(rolls && change.fate == Some(NextChange::RollbackFails)) {
            change.fate = Some(NextChange::RollsBackSilently);
        }
        self.green_phase(ctx, name, Phase::Deleting, (!rolls).then_some(0.0));
        let step = if rolls { Step::BatchBack } else { Step::Finish };
        self.next_step(ctx, name, ctx.timing.rollback.duration(), step);
    }

    fn batch_back(&mut self, ctx: &mut Ctx, name: &str, change: &Change) {
        if change.fate == Some(NextChange::RollbackFails) {
            self.end_change(name);
            self.set_status(ctx, name, EndpointStatus::UpdateRollbackFailed, None);
            return;
        }
        let Routing::Rolling { back, .. } = change.guardrails.routing else {
            return;
        };
        let share = self.replace(ctx, name, change, -i64::from(back));
        self.green_phase(ctx, name, Phase::Deleting, Some(share));
        let (after, step) = if share > 0.0 {
            (ctx.timing.rollback.duration(), Step::BatchBack)
        } else {
            (Duration::ZERO, Step::Finish)
        };
        self.next_step(ctx, name, after, step);
    }

    /// An alarm has gone to ALARM: every update that it guards is undone.
    pub(crate) fn guard_trips(&mut self, ctx: &mut Ctx, alarm: &str) {
        let guarded: Vec<String> = self
            .endpoints
            .iter()
            .filter(|(_, endpoint)| {
                let bakes = endpoint.green.as_ref().is_some_and(|green| {
                    matches!(green.phase, Phase::Baking | Phase::ActivatingTraffic) && green.share > 0.0
                });
                let guards = endpoint.change.as_ref().is_some_and(|change| {
                    change.kind == Kind::Update && change.guardrails.alarms.iter().any(|name| name == alarm)
                });
                bakes && guards
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in guarded {
            self.settle(ctx, &name);
            self.roll_back(ctx, &name);
        }
        self.guard_trips_components(ctx, alarm);
    }
}

/// How long one batch of a rolling deployment takes to come.
fn batch_time(ctx: &Ctx, routing: &Routing) -> Duration {
    match routing {
        Routing::Rolling { batch, .. } => {
            ctx.timing.instance.duration() + ctx.timing.further_instance.duration() * batch.saturating_sub(1)
        }
        Routing::BlueGreen(_) => Duration::ZERO,
    }
}
