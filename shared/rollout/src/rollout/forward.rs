//! The engine `variants` on its way: each phase looks whether what it wants is so, and otherwise asks for one call.

mod finish;
mod follow;
mod prepare;
mod size;
mod steps;

pub(super) use self::{
    follow::{blue_grows, lacking},
    steps::gate_may_open,
};
use super::{
    cause::Cause,
    checks::{self, Seen, World},
    decide::Next,
    ledger::{Ended, Rollout},
    phase::Phase,
    why::Why,
};
use crate::endpoint::Endpoint;

pub(super) fn step(world: &World<'_>, rollout: &mut Rollout) -> Next {
    let phase = rollout.phase.clone();
    let endpoint = match settled(world, rollout) {
        Ok(endpoint) => endpoint,
        Err(next) => return *next,
    };
    match phase {
        Phase::Pending => match held_by_operator(world, rollout) {
            Some(why) => Next::Stay(why),
            None => Next::Go(Phase::Preparing),
        },
        Phase::Preparing => prepare::preparing(world, rollout, endpoint),
        Phase::Smoke(rounds) => match prepare::probed(world, rollout, rounds) {
            None => advance(world, rollout, None),
            Some(next) => next,
        },
        Phase::Sizing { step, count } => steps::sizing(world, rollout, endpoint, step, count),
        Phase::Shifting { step } => steps::shifting(world, rollout, endpoint, step),
        Phase::Probing { step, rounds } => match prepare::probed(world, rollout, rounds) {
            None => Next::Go(Phase::Baking { step }),
            Some(next) => next,
        },
        Phase::Baking { step } => steps::baking(world, rollout, endpoint, step),
        Phase::Gate { step } => steps::gate(world, rollout, endpoint, step),
        Phase::Finishing => finish::finishing(world, rollout, endpoint),
        Phase::Keeping => finish::keeping(world, rollout, endpoint),
        Phase::Removing => finish::removing(world, rollout, endpoint),
        Phase::Deploying | Phase::RollingBack | Phase::CleaningUp | Phase::Returning | Phase::Leaving => {
            Next::Stay(Why::Unknown(format!("{phase} is no phase of this engine on its way")))
        }
    }
}

/// The endpoint, InService and with a config that this phase knows.
fn settled<'a>(world: &World<'a>, rollout: &Rollout) -> Result<&'a Endpoint, Box<Next>> {
    let plan = &rollout.plan;
    let endpoint = match checks::endpoint(world) {
        Seen::No(why) => return Err(Box::new(Next::Stay(why))),
        Seen::Gone => {
            let said = format!("the endpoint {} is gone", plan.endpoint());
            return Err(Box::new(Next::End(Ended::Failed, Some(Cause::Gone { said }))));
        }
        Seen::Broken(said) => return Err(Box::new(Next::End(Ended::Failed, Some(Cause::Endpoint { said })))),
        Seen::Busy(endpoint) => {
            let why = match &rollout.update {
                Some(update) if update.seen => Why::Working(format!("the update to {}", update.target)),
                _ => Why::Busy(endpoint.status),
            };
            return Err(Box::new(Next::Stay(why)));
        }
        Seen::Settled(endpoint) => endpoint,
    };
    let both = plan.both.as_ref().map(|config| config.name.as_str());
    let only = plan.only.as_ref().map(|config| config.name.as_str());
    let known: &[Option<&str>] = match rollout.phase {
        Phase::Pending => &[Some(&plan.base)],
        Phase::Preparing => &[Some(&plan.base), both],
        Phase::Removing => &[both, only],
        _ => &[both],
    };
    let config = endpoint.config.as_deref();
    if config.is_some() && known.contains(&config) {
        return Ok(endpoint);
    }
    let said = format!(
        "somebody else gave the endpoint the config {}; the rollout expected {}",
        config.unwrap_or("(none)"),
        known.iter().copied().flatten().collect::<Vec<_>>().join(" or "),
    );
    Err(Box::new(match rollout.phase {
        // Nothing was changed yet.
        Phase::Pending => Next::End(Ended::Failed, Some(Cause::TakenOver { said })),
        _ => Next::Back(Cause::TakenOver { said }),
    }))
}

/// An operator's hold, as long as it lasts.
fn held_by_operator(world: &World<'_>, rollout: &Rollout) -> Option<Why> {
    let now = world.facts.now;
    let pause = rollout
        .paused
        .as_ref()
        .filter(|pause| now < rollout.held_until(pause))?;
    Some(Why::Paused {
        by: pause.by.clone(),
        reason: pause.reason.clone(),
    })
}

/// Past the gates of a step, or of the preparation: on to the next step, or to the end.
pub(super) fn advance(world: &World<'_>, rollout: &mut Rollout, step: Option<usize>) -> Next {
    if let Some(why) = held_by_operator(world, rollout) {
        return Next::Stay(why);
    }
    let last = rollout.plan.last_step();
    let next = match step {
        Some(step) if step >= last => return Next::Go(Phase::Finishing),
        _ if rollout.promoted.is_some() => last,
        Some(step) => step + 1,
        None => 0,
    };
    let Seen::Settled(endpoint) = checks::endpoint(world) else {
        return Next::Stay(Why::NotLooked);
    };
    Next::Go(Phase::Sizing {
        step: next,
        count: size::before_share(rollout, endpoint, next),
    })
}
