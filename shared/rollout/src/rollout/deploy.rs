//! SageMaker's own engines: started, watched, stopped by an alarm, and believed only when read back.
//!
//! SageMaker moves the traffic by itself and cannot be told to wait, so nothing here holds back a step. What Steward adds:
//! it stops the deployment on whatever takes a rollout back, through an alarm of its own in the deployment's list; it tells
//! a deployment that succeeded from one that SageMaker took back in silence; and it can go back after the end.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    back,
    cause::Cause,
    checks::{self, Alarms, Config, Progress, Seen, World},
    decide::Next,
    effect::{Deployment, Effect, Routing},
    ledger::{Ended, Rollout},
    look::{ComponentSeen, Known},
    native::DESCRIBE_ALARMS,
    needs::{after, was_asked},
    phase::Phase,
    why::Why,
};
use crate::{endpoint::EndpointStatus, text::printable};

/// SageMaker has taken a deployment back, or begun to, so long after its alarm rang.
const OBEYED: Duration = Duration::from_secs(180);

/// What is in force.
enum Stand {
    /// Cannot be seen now.
    Unseen(Why),
    /// SageMaker is at work.
    Busy(Why),
    /// It is not there.
    Gone(String),
    /// Only a person can help.
    Broken(String),
    /// Blue.
    Old(Option<Timestamp>),
    /// Green.
    New(Option<Timestamp>),
    /// Something else.
    Other(String),
}

pub(super) fn step(world: &World<'_>, rollout: &mut Rollout) -> Next {
    let stand = match stand(world, rollout) {
        Stand::Gone(said) => return Next::End(Ended::Failed, Some(Cause::Gone { said })),
        Stand::Broken(said) => return Next::End(Ended::Failed, Some(Cause::Endpoint { said })),
        stand => stand,
    };
    match rollout.phase {
        Phase::Pending => match stand {
            Stand::Old(_) => Next::Go(Phase::Deploying),
            Stand::New(_) => Next::End(
                Ended::Failed,
                Some(Cause::TakenOver {
                    said: "green is in force already, and not by this rollout".to_owned(),
                }),
            ),
            Stand::Other(said) => Next::End(Ended::Failed, Some(Cause::TakenOver { said })),
            stand => waits(stand),
        },
        Phase::RollingBack => stopping(world, rollout, stand),
        Phase::CleaningUp => match stand {
            Stand::Old(modified) if checks::may_begin(world, rollout, modified) => Next::Stay(Why::Unknown(
                "the deployment that was asked for may still begin".to_owned(),
            )),
            Stand::Old(_) if checks::may_arrive(world, rollout) => {
                Next::Stay(Why::Unknown("a call made before may still arrive".to_owned()))
            }
            Stand::Old(_) => Next::End(Ended::RolledBack, None),
            Stand::New(_) => Next::Go(Phase::Returning),
            Stand::Other(_) => Next::Go(Phase::Leaving),
            stand => waits(stand),
        },
        Phase::Returning => returning(world, rollout, stand),
        Phase::Leaving if checks::may_arrive(world, rollout) => {
            Next::Stay(Why::Unknown("a call made before may still arrive".to_owned()))
        }
        Phase::Leaving => Next::End(
            Ended::Failed,
            match stand {
                Stand::Other(said) => Some(Cause::TakenOver { said }),
                _ => None,
            },
        ),
        _ => deploying(world, rollout, stand),
    }
}

fn waits(stand: Stand) -> Next {
    Next::Stay(match stand {
        Stand::Unseen(why) | Stand::Busy(why) => why,
        Stand::Gone(said) | Stand::Broken(said) | Stand::Other(said) => Why::Unknown(said),
        Stand::Old(_) | Stand::New(_) => Why::NotLooked,
    })
}

/// The component of this name in this look: none when it was not asked for, an error when it could not be described.
pub(super) fn component<'a>(world: &World<'a>, name: &str) -> Option<Result<&'a ComponentSeen, Option<&'a str>>> {
    Some(match world.look?.components.get(name)? {
        Known::Yes(Some(seen)) => Ok(seen),
        Known::Yes(None) => Err(None),
        Known::No(said) => Err(Some(said)),
    })
}

fn stand(world: &World<'_>, rollout: &Rollout) -> Stand {
    let plan = &rollout.plan;
    let Some(name) = &plan.request.component else {
        return match checks::endpoint(world) {
            Seen::No(why) => Stand::Unseen(why),
            Seen::Gone => Stand::Gone(format!("the endpoint {} is gone", plan.endpoint())),
            Seen::Broken(said) => Stand::Broken(said),
            Seen::Busy(endpoint) => Stand::Busy(match &rollout.update {
                Some(update) if update.seen => Why::Working(format!("the deployment of {}", update.target)),
                _ => Why::Busy(endpoint.status),
            }),
            Seen::Settled(endpoint) => {
                let modified = Some(endpoint.modified);
                let only = plan.only.as_ref().map(|only| only.name.as_str());
                match endpoint.config.as_deref() {
                    Some(config) if config == plan.base => Stand::Old(modified),
                    Some(config) if Some(config) == only => Stand::New(modified),
                    config => match checks::is_greens_copy(world, plan, config) {
                        // A repair of green came before its way back.
                        Ok(true) if rollout.phase == Phase::Returning => Stand::New(modified),
                        Err(said) if rollout.phase == Phase::Returning => Stand::Unseen(Why::Unknown(said)),
                        Ok(_) | Err(_) => Stand::Other(format!(
                            "somebody else gave the endpoint the config {}",
                            config.unwrap_or("(none)")
                        )),
                    },
                }
            }
        };
    };
    match component(world, name) {
        None => Stand::Unseen(Why::NotLooked),
        Some(Err(Some(said))) => Stand::Unseen(Why::Unseen(said.to_owned())),
        Some(Err(None)) => Stand::Gone(format!("the inference component {name} is gone")),
        Some(Ok(seen)) => match seen.status.as_str() {
            "InService" if seen.model == plan.green.model => Stand::New(seen.modified),
            "InService" if seen.model == plan.blue.model => Stand::Old(seen.modified),
            "InService" => Stand::Other(format!(
                "somebody else gave {name} the model {}",
                seen.model.as_deref().unwrap_or("(none)")
            )),
            "Failed" => Stand::Broken(format!(
                "the inference component {name} is Failed: {}",
                seen.failure.as_deref().unwrap_or("no reason is given")
            )),
            status => Stand::Busy(Why::Working(format!("{name} is {}", printable(status, 40)))),
        },
    }
}

/// SageMaker has taken the deployment of green to the component, whether or not its answer came: of the deployments that
/// the component had, the last one names the alarm that is this rollout's alone.
pub(super) fn is_by_this_rollout(world: &World<'_>, rollout: &Rollout) -> bool {
    let plan = &rollout.plan;
    let seen = plan.request.component.as_ref().and_then(|name| component(world, name));
    let (Some(update), Some(alarm), Some(Ok(seen))) = (&rollout.update, &plan.abort_alarm, seen) else {
        return false;
    };
    // A rollout whose ledger was lost had an alarm of the same name.
    let since = update.before.is_none() || checks::changed(update, seen.modified);
    target(rollout).as_ref() == Some(&update.target) && since && seen.guards.contains(alarm)
}

/// What the update asks for: the config, or the component's model.
fn target(rollout: &Rollout) -> Option<String> {
    let plan = &rollout.plan;
    match plan.request.component {
        Some(_) => plan.green.model.clone(),
        None => plan.only.as_ref().map(|only| only.name.clone()),
    }
}

fn deploying(world: &World<'_>, rollout: &mut Rollout, stand: Stand) -> Next {
    let modified = match stand {
        Stand::Old(modified) => modified,
        Stand::New(_) if rollout.update.is_some() => {
            rollout.judged_from.get_or_insert(rollout.since);
            // The alarms, the analysis and the health of this very look were heard before.
            if was_asked(world, rollout) {
                return Next::End(Ended::Completed, None);
            }
            return Next::Stay(Why::Inconclusive(vec![
                "green is in force, and what is known of it was not looked at yet".to_owned(),
            ]));
        }
        Stand::New(_) => {
            let said = "green is in force, and not by this rollout".to_owned();
            return Next::Back(Cause::TakenOver { said });
        }
        Stand::Other(said) => return Next::Back(Cause::TakenOver { said }),
        Stand::Busy(why) => {
            // A component does not say what it is being updated to. Where that is somebody else's change, to look at its
            // health does no harm; where an answer was lost, not to look would.
            let component = rollout.plan.request.component.is_some();
            if rollout.update.as_ref().is_some_and(|update| update.seen || component) {
                rollout.judged_from.get_or_insert(world.facts.now);
            }
            return Next::Stay(why);
        }
        stand => return waits(stand),
    };
    let plan = &rollout.plan;
    let (Some(target), Some(deployment), Some(alarm)) =
        (target(rollout), plan.deployment.clone(), plan.abort_alarm.clone())
    else {
        let said = "the plan holds no deployment for SageMaker's own engine".to_owned();
        return Next::Back(Cause::Refused { said });
    };
    match checks::not_in_force(world, rollout, modified, &target) {
        Progress::TakenBack => Next::Back(Cause::Sagemaker {
            said: format!(
                "SageMaker took the deployment of {target} back, and is InService with {} again: one of its alarms ({}) \
                 tripped, its timeout passed, or the new fleet did not start",
                plan.blue.model.as_deref().unwrap_or("the old fleet"),
                deployment.alarms.join(", "),
            ),
        }),
        Progress::NotSeenYet => Next::Stay(Why::NotSeenYet(format!("the deployment of {target}"))),
        Progress::Done | Progress::ToDo => {
            match tripped(world, &alarm) {
                Err(why) => return Next::Stay(why),
                Ok(None) => return Next::Do(Effect::PutAbortAlarm(alarm)),
                Ok(Some(true)) => {
                    let said = format!("alarm {alarm}, by which Steward stops the deployment, is in ALARM already");
                    return Next::Back(Cause::Refused { said });
                }
                Ok(Some(false)) => {}
            }
            if let Err(why) = checks::alarms_are_quiet(world, rollout, Alarms::Readable) {
                return Next::Stay(why);
            }
            if let Some(only) = rollout.plan.only.clone() {
                match checks::config(world, &only) {
                    Config::Unknown(why) => return Next::Stay(why),
                    Config::Other(said) => return Next::Back(Cause::Refused { said }),
                    Config::Missing => return Next::Do(Effect::CreateConfig(only)),
                    Config::There => {}
                }
            }
            // Not known to have been taken: what changed since says nothing of it.
            rollout.update.take_if(|update| update.accepted.is_none());
            checks::begin(rollout, &target, modified);
            Next::Do(update(rollout, target, Some(deployment)))
        }
    }
}

fn update(rollout: &Rollout, target: String, deployment: Option<Deployment>) -> Effect {
    match &rollout.plan.request.component {
        None => Effect::UpdateEndpoint {
            config: target,
            deployment,
        },
        Some(component) => Effect::UpdateComponent {
            component: component.clone(),
            model: target,
            // Without a deployment of its own: in batches as large as they may be, and no alarm stops it.
            deployment: deployment.unwrap_or(Deployment {
                routing: Routing::Rolling {
                    batch: 50,
                    wait: Duration::ZERO,
                },
                timeout: rollout
                    .plan
                    .deployment
                    .as_ref()
                    .map_or(Duration::from_secs(3600), |plan| plan.timeout),
                alarms: Vec::new(),
            }),
        },
    }
}

/// Whether the alarm is in ALARM; none when there is no such alarm.
fn tripped(world: &World<'_>, alarm: &str) -> Result<Option<bool>, Why> {
    match world.look.map(|look| &look.alarms) {
        None => Err(Why::NotLooked),
        Some(Known::No(said)) => Err(Why::Unknown(format!("the alarms could not be described: {said}"))),
        Some(Known::Yes(alarms)) => Ok(alarms
            .iter()
            .find(|seen| seen.name == alarm)
            .map(|seen| seen.alarming())),
    }
}

/// The alarm is tripped until the deployment is seen to be over.
fn stopping(world: &World<'_>, rollout: &mut Rollout, stand: Stand) -> Next {
    let waiting = match stand {
        Stand::New(_) => return Next::Go(Phase::Returning),
        Stand::Other(_) => return Next::Go(Phase::Leaving),
        Stand::Old(modified) if !checks::may_begin(world, rollout, modified) => return Next::Go(Phase::CleaningUp),
        Stand::Old(_) => Why::Unknown("the deployment that was asked for may still begin".to_owned()),
        Stand::Busy(_) if rollout.update.is_some() => match goes_on(world, rollout) {
            Some(said) => Why::Unknown(said),
            None => Why::Working("the deployment is taken back".to_owned()),
        },
        stand => match waits(stand) {
            Next::Stay(why) => why,
            next => return next,
        },
    };
    let (Some(_), Some(alarm), Some(back)) = (&rollout.update, &rollout.plan.abort_alarm, &rollout.back) else {
        return Next::Stay(waiting);
    };
    match tripped(world, alarm) {
        Ok(Some(false)) | Err(_) => Next::Do(Effect::TripAlarm {
            alarm: alarm.clone(),
            reason: printable(&back.cause.to_string(), 500),
        }),
        Ok(Some(true) | None) => Next::Stay(waiting),
    }
}

/// SageMaker does not obey the alarm, as far as that can be seen: of an endpoint by its status, of a component not at all.
fn goes_on(world: &World<'_>, rollout: &Rollout) -> Option<String> {
    let (alarm, back) = (rollout.plan.abort_alarm.as_ref()?, rollout.back.as_ref()?);
    let Seen::Busy(endpoint) = checks::endpoint(world) else {
        return None;
    };
    let goes_on = endpoint.status == EndpointStatus::Updating
        && rollout.plan.request.component.is_none()
        && endpoint.pending.is_some()
        && endpoint.pending == target(rollout)
        && tripped(world, alarm) == Ok(Some(true))
        && world.facts.now >= after(back.at, OBEYED);
    goes_on.then(|| {
        format!(
            "SageMaker goes on with the deployment, though alarm {alarm} is in ALARM: it hears alarms while a fleet bakes, \
             and only if the execution role of the endpoint's models allows {DESCRIBE_ALARMS}; what the deployment brings \
             is undone when it has ended"
        )
    })
}

/// Green is in force; the old config, or model, is put in its place.
fn returning(world: &World<'_>, rollout: &mut Rollout, stand: Stand) -> Next {
    let modified = match stand {
        Stand::Old(_) => return Next::Go(Phase::CleaningUp),
        Stand::Other(_) => return Next::Go(Phase::Leaving),
        Stand::New(modified) => modified,
        stand => return waits(stand),
    };
    if rollout.stopped.is_some() {
        return back::stays(world, rollout, modified);
    }
    let plan = &rollout.plan;
    let target = if plan.request.component.is_some() {
        let Some(model) = plan.blue.model.clone() else {
            return Next::Go(Phase::Leaving);
        };
        model
    } else {
        let base = plan.base.clone();
        match world.look.and_then(|look| look.configs.get(&base)) {
            Some(Known::Yes(Some(_))) => base,
            Some(Known::Yes(None)) => {
                let said = format!("the config {base} that blue had is gone, and green serves");
                return Next::End(Ended::Failed, Some(Cause::Gone { said }));
            }
            Some(Known::No(said)) => {
                return Next::Stay(Why::Unknown(format!("config {base} could not be described: {said}")));
            }
            None => return Next::Stay(Why::Unknown(format!("config {base} was not looked at"))),
        }
    };
    match checks::tried_again(world, rollout, checks::not_in_force(world, rollout, modified, &target)) {
        Progress::NotSeenYet => Next::Stay(Why::NotSeenYet(format!("the update to {target}"))),
        Progress::Done | Progress::ToDo | Progress::TakenBack => {
            if let Some(why) = checks::rests(world, rollout, &format!("the update to {target}")) {
                return Next::Stay(why);
            }
            checks::begin(rollout, &target, modified);
            Next::Do(update(rollout, target, None))
        }
    }
}
