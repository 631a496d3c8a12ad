//! What the health checker knows of the endpoint, as far as green can be the reason.

use std::time::Duration;

use jiff::Timestamp;

use super::World;
use crate::{
    analysis::Verdict,
    rollout::{
        cause::Cause,
        doubt::{Doubt, Illness, Judged},
        ledger::Rollout,
        look::{HealthSeen, Known},
        needs::after,
        policy::Engine,
        request::Request,
        why::Why,
    },
    text::lasting,
};

/// Checks further apart than this say nothing of the time between them. The health checker's schedule is a minute.
const STALE: Duration = Duration::from_secs(10 * 60);

/// A check that has not come so long after green got its share is missing, and not only to come.
const OVERDUE: Duration = Duration::from_secs(3 * 60);

/// So long an endpoint that is unhealthy is left to green's next answers before a person is told that there are none.
const UNASKED: Duration = Duration::from_secs(5 * 60);

const NEVER_CHECKED: &str =
    "the health checker has never looked at this endpoint, and the fleet file has probes for it";

const HEARD_NOTHING: &str = "the health checker has heard nothing of this endpoint yet";

/// So long `status`, which sends no probes, believes what green last said.
const REMEMBERED: Duration = Duration::from_secs(3 * 60);

/// Green, or with green's traffic the endpoint, is unhealthy.
pub(super) fn harm(world: &World<'_>, rollout: &Rollout) -> Option<Cause> {
    let seen = asked(world, rollout)?.yes()?.as_ref()?;
    (illness(world, rollout, seen) == Illness::Unhealthy).then(|| Cause::Health {
        said: said(world, seen),
    })
}

/// The endpoint has been unhealthy for some time since green has its present share, and whether green is cannot be found out:
/// users may get errors, and only a person can decide. The evidence.
pub(in crate::rollout) fn unsettled(world: &World<'_>, rollout: &Rollout) -> Option<Vec<String>> {
    let seen = asked(world, rollout)?.yes()?.as_ref()?;
    let from = rollout.judged_from?;
    let Judged::AskGreen(Illness::Unhealthy) = Doubt::of(rollout)?.judge(seen) else {
        return None;
    };
    let unheard = matches!(world.look?.green, Some(Known::No(_)));
    let heard = rollout.asked.as_ref().and_then(|asked| asked.heard);
    let since = Some(from).max(seen.failing_since).max(heard)?;
    let long = world.facts.now >= after(since, UNASKED);
    (unheard && long).then(|| said(world, seen))
}

/// What the health checker measured since green has its present share, and of late, speaks for going on.
///
/// # Errors
/// What does not, or that it is not known.
pub(in crate::rollout) fn is_well(world: &World<'_>, rollout: &Rollout) -> Result<(), Why> {
    match asked(world, rollout) {
        None => Ok(()),
        Some(Known::Yes(None)) => match unknown(rollout) {
            Some(said) => Err(Why::Inconclusive(vec![advised(world.facts.now, rollout, said)])),
            None => Ok(()),
        },
        Some(Known::No(said)) => Err(Why::Unknown(format!(
            "what the health checker knows could not be read: {said}"
        ))),
        Some(Known::Yes(Some(seen))) if illness(world, rollout, seen) == Illness::None => {
            match unmeasured(world.facts.now, rollout, seen) {
                Some(said) => Err(Why::Inconclusive(vec![advised(world.facts.now, rollout, said)])),
                None => Ok(()),
            }
        }
        Some(Known::Yes(Some(seen))) => Err(Why::Inconclusive(vec![format!(
            "the health checker finds the endpoint ill: {}",
            said(world, seen).join("; ")
        )])),
    }
}

/// That the health checker has no record of an endpoint that it is to probe, for people; `None` where it is not to.
pub(in crate::rollout) fn unknown(rollout: &Rollout) -> Option<String> {
    rollout.plan.request.watched.then(|| NEVER_CHECKED.to_owned())
}

/// What a person is told before a rollout begins whose steps would wait for the health checker; `None` when they would not.
pub(in crate::rollout) fn warning(
    now: Timestamp,
    request: &Request,
    health: Option<&Known<Option<HealthSeen>>>,
) -> Option<String> {
    if !asks(request) {
        return None;
    }
    let said = match health?.yes()? {
        None => NEVER_CHECKED.to_owned(),
        Some(seen) => match seen.counted {
            Some(at) if now < after(at, STALE) => return None,
            Some(at) => heard(now, at),
            None => HEARD_NOTHING.to_owned(),
        },
    };
    let then = match request.policy.engine {
        Engine::Variants => "no step passes before it does",
        Engine::Guardrails | Engine::Rolling => "until it does, its probes take no bad model back",
    };
    Some(format!("{said}; {then}"))
}

/// Before a rollout of this begins, what the health checker knows is worth a look.
pub(in crate::rollout) const fn asks(request: &Request) -> bool {
    request.policy.health && request.watched
}

fn heard(now: Timestamp, at: Timestamp) -> String {
    let ago = lasting(now.duration_since(at).as_secs().max(0));
    format!("the health checker last heard this endpoint at {at:.0}, {ago} ago")
}

/// Why the health checker's word is not of now, for people; `None` when it is.
pub(in crate::rollout) fn unmeasured(now: Timestamp, rollout: &Rollout, seen: &HealthSeen) -> Option<String> {
    let from = rollout.judged_from?;
    match seen.counted {
        None => Some(HEARD_NOTHING.to_owned()),
        Some(at) if at >= from && now < after(at, STALE) => None,
        Some(at) => {
            let before = if at < from {
                ", before green had its present share"
            } else {
                ""
            };
            Some(format!("{}{before}", heard(now, at)))
        }
    }
}

/// With what to do about it, once it is more than the next check still to come.
fn advised(now: Timestamp, rollout: &Rollout, said: String) -> String {
    if rollout.judged_from.is_some_and(|from| now < after(from, OVERDUE)) {
        return said;
    }
    format!(
        "{said}. It does not run, or its probes say nothing: its `status` tells which. `skip` goes on without it, and `health: \
         false` in the `rollout` section of the fleet file leaves it out of the next one"
    )
}

fn asked<'a>(world: &World<'a>, rollout: &Rollout) -> Option<&'a Known<Option<HealthSeen>>> {
    if !rollout.plan.request.policy.health {
        return None;
    }
    world.look?.health.as_ref()
}

/// An illness of the endpoint is green's where green alone can have it, or has it when it is asked by its name.
fn illness(world: &World<'_>, rollout: &Rollout, seen: &HealthSeen) -> Illness {
    let Some(doubt) = Doubt::of(rollout) else {
        return Illness::None;
    };
    let illness = match doubt.judge(seen) {
        Judged::Known(illness) => return illness,
        Judged::AskGreen(illness) => illness,
    };
    let well = match world.look.and_then(|look| look.green.as_ref()) {
        Some(Known::Yes(round)) => Some(round.passed),
        // Nobody hears green. What it answered everybody else is in its metrics: harm in them is harm, all else is no word for it.
        Some(Known::No(_)) => fails_by_its_metrics(world).then_some(false),
        None => {
            let asked = rollout.asked.as_ref();
            asked
                .is_some_and(|asked| asked.passed && world.facts.now < after(asked.at, REMEMBERED))
                .then_some(true)
        }
    };
    match well {
        Some(true) => Illness::None,
        Some(false) => illness,
        None => Illness::Ill,
    }
}

fn fails_by_its_metrics(world: &World<'_>) -> bool {
    let answers = world.look.and_then(|look| look.answers.as_ref()).and_then(Known::yes);
    answers.is_some_and(|analysis| analysis.verdict == Verdict::Fail)
}

fn said(world: &World<'_>, seen: &HealthSeen) -> Vec<String> {
    let mut said = if seen.evidence.is_empty() {
        vec!["its probes do not pass".to_owned()]
    } else {
        seen.evidence.clone()
    };
    match world.look.and_then(|look| look.green.as_ref()) {
        Some(Known::Yes(round)) => said.extend(
            round
                .said
                .iter()
                .map(|line| format!("green, asked by its name: {line}")),
        ),
        Some(Known::No(why)) => said.push(format!("what green says itself is not known: {why}")),
        None => {}
    }
    match world.look.and_then(|look| look.answers.as_ref()) {
        Some(Known::Yes(analysis)) => said.extend(
            analysis
                .deciding()
                .map(|check| format!("green's metrics, {}: {}", check.name, check.said)),
        ),
        Some(Known::No(why)) => said.push(format!("green's metrics could not be read: {why}")),
        None => {}
    }
    said
}
