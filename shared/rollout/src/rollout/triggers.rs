//! The alarms by which step policies scale a variant, and what points them at the other variant's policies.
//!
//! A step policy does nothing by itself: an alarm that somebody made names its ARN. The ARN holds an id that is another one
//! whenever the scalable target is registered anew, so an alarm is pointed not only at green's policies, but also at blue's
//! own after they were deregistered. Which alarms these are is remembered from when they triggered a policy; whether they
//! do is always looked up.
//!
//! With a step policy AWS deletes the action by which an alarm triggers it, and leaves the alarm ("Deleting a step scaling
//! policy deletes the underlying alarm action, but does not delete the CloudWatch alarm", `DeleteScalingPolicy`). So what an
//! alarm named is written down before Steward deregisters it, and put back. An action that is left, with the ARN of a policy
//! that is gone, is replaced.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    checks::{self, World},
    decide::Next,
    effect::{ActOutcome, Effect},
    ledger::Rollout,
    look::{AlarmSeen, Known, Watched},
    why::Why,
};
use crate::{text::printable, trigger::AlarmState};

/// Why an alarm cannot be pointed, in characters.
const SAID: usize = 300;

/// At what the alarms of two variants of one endpoint are to point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointing {
    /// `EndpointName`.
    pub endpoint: String,
    /// The variant that is to be scaled.
    pub variant: String,
    /// The variant that it stands beside.
    pub other: String,
    /// The ARNs of its policies, by name.
    pub policies: BTreeMap<String, String>,
    /// What this alarm triggered before Steward deregistered it: put back where the alarm does not name it any more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub again: BTreeSet<Named>,
}

/// A step policy that an alarm triggers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Named {
    /// `PolicyName`.
    pub policy: String,
    /// The state that triggers it: which of the three lists of actions it is in.
    pub on: AlarmState,
}

/// What an alarm is to the variant that it is to scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// It triggers what it is to trigger, and watches what it is to watch.
    Scales,
    /// Not yet.
    Differs,
    /// It triggers nothing of the two variants, and did not when Steward last deregistered one: somebody's own decision.
    Apart,
}

/// The variant of the endpoint whose policy an ARN names, and the policy's name.
fn policy_of<'a>(endpoint: &str, arn: &'a str) -> Option<(&'a str, &'a str)> {
    // arn:PARTITION:autoscaling:REGION:ACCOUNT:scalingPolicy:ID:resource/sagemaker/endpoint/E/variant/V:policyName/P
    let mut parts = arn.splitn(8, ':');
    let is_policy = parts.nth(2)? == "autoscaling" && parts.nth(2)? == "scalingPolicy";
    let of = parts.nth(1).filter(|_| is_policy)?;
    let (of, rest) = of
        .strip_prefix("resource/sagemaker/endpoint/")?
        .split_once("/variant/")?;
    let (variant, name) = rest.split_once(":policyName/").filter(|_| of == endpoint)?;
    // Who made it may stand behind the name.
    Some((variant, name.split_once(":createdBy/").map_or(name, |(name, _)| name)))
}

impl AlarmSeen {
    /// The variants of the endpoint whose policies it triggers, also policies that are gone.
    pub(super) fn scales<'a>(&'a self, endpoint: &'a str) -> impl Iterator<Item = &'a str> {
        let actions = self.actions.iter();
        actions.filter_map(move |action| policy_of(endpoint, &action.arn).map(|(variant, _)| variant))
    }
}

impl Pointing {
    /// The policy of one of the two that an alarm's action names.
    fn policy<'a>(&self, action: &'a str) -> Option<&'a str> {
        let (variant, name) = policy_of(&self.endpoint, action)?;
        (variant == self.variant || variant == self.other).then_some(name)
    }

    /// The ARN that is to stand in the place of an alarm's action: of the policy of the same name. `None` for what is no
    /// policy of the two, and for one that the variant does not have.
    pub fn wanted(&self, action: &str) -> Option<&str> {
        self.policies.get(self.policy(action)?).map(String::as_str)
    }

    /// One of the three lists of an alarm's actions as it is to be: each once, and with those that a deregistration took.
    pub fn actions(&self, on: AlarmState, actions: &[String]) -> Vec<String> {
        let taken = self.again.iter().filter(|named| {
            let mut there = actions.iter().filter_map(|action| self.policy(action));
            named.on == on && !there.any(|policy| policy == named.policy)
        });
        let again = taken.filter_map(|named| self.policies.get(&named.policy));
        let kept = actions.iter().map(|action| self.wanted(action).unwrap_or(action));
        let mut pointed: Vec<String> = Vec::new();
        for action in kept.chain(again.map(String::as_str)) {
            if !pointed.iter().any(|there| there == action) {
                pointed.push(action.to_owned());
            }
        }
        pointed
    }

    /// This action triggers a policy of the variant that is to be scaled, one that is there.
    pub fn triggers(&self, action: &str) -> bool {
        self.policies.values().any(|policy| policy == action)
    }

    /// The metrics of an alarm that triggers a policy are to be the variant's in place of the other's. Not of one that
    /// compares the two.
    pub fn moves_metrics(&self, watches: &[Watched]) -> bool {
        watches.iter().any(|watched| self.left(watched))
            && !watches.iter().any(|watched| self.is_of(watched, &self.variant))
    }

    /// A metric of the variant that is not to be scaled.
    pub fn left(&self, watched: &Watched) -> bool {
        self.is_of(watched, &self.other)
    }

    fn is_of(&self, watched: &Watched, variant: &str) -> bool {
        (watched.endpoint.as_deref(), watched.variant.as_deref()) == (Some(self.endpoint.as_str()), Some(variant))
    }

    fn stands(&self, alarm: &AlarmSeen) -> Stands {
        let mut stands = Stands::Apart;
        let mut as_wished = !self.moves_metrics(&alarm.watches);
        for on in [AlarmState::Alarm, AlarmState::Ok, AlarmState::InsufficientData] {
            let actions = alarm.actions.iter().filter(|action| action.on == on);
            let is: Vec<String> = actions.map(|action| action.arn.clone()).collect();
            let wished = self.actions(on, &is);
            if wished.iter().any(|action| self.triggers(action)) {
                stands = Stands::Scales;
            }
            as_wished &= is == wished;
        }
        match stands {
            Stands::Scales if !as_wished => Stands::Differs,
            stands => stands,
        }
    }
}

impl Rollout {
    /// The alarms that scaled blue or green by their step policies, as far as this rollout has seen.
    pub(super) fn triggers(&self) -> BTreeSet<String> {
        let scalings = self.scaling.iter().chain(&self.green_scaling);
        scalings
            .flat_map(|scaling| scaling.step_alarms())
            .map(str::to_owned)
            .collect()
    }
}

/// Every alarm triggers the policies of this variant; `None` when it does, when nothing scales the variant, or when nothing
/// more can be done about it within a phase's time. What stays to be done then is in [`Rollout::unpointed`].
pub(super) fn point(world: &World<'_>, rollout: &mut Rollout, variant: &str) -> Option<Next> {
    let late = rollout.waited(world.facts.now) >= rollout.plan.request.policy.phase_deadline;
    next(world, rollout, variant, late)
}

/// [`point`] where something else is to go on meanwhile: what was just tried, or cannot be known now, waits.
pub(super) fn point_meanwhile(world: &World<'_>, rollout: &mut Rollout, variant: &str) -> Option<Next> {
    match next(world, rollout, variant, false)? {
        Next::Do(effect) if world.acted.is_none_or(|acted| acted.effect != effect) => Some(Next::Do(effect)),
        _ => None,
    }
}

fn next(world: &World<'_>, rollout: &mut Rollout, variant: &str, late: bool) -> Option<Next> {
    let alarms = rollout.triggers();
    if alarms.is_empty() {
        return None;
    }
    let (at, seen) = match known(world, rollout, variant) {
        Ok(Some(known)) => known,
        Ok(None) => return None,
        Err(why) if late => {
            for alarm in alarms {
                rollout
                    .unpointed
                    .entry(alarm)
                    .or_insert_with(|| printable(&why.to_string(), SAID));
            }
            return None;
        }
        Err(why) => return Some(Next::Stay(why)),
    };
    let mut unseen = false;
    for alarm in alarms {
        let at = Pointing {
            again: rollout.named.get(&alarm).cloned().unwrap_or_default(),
            ..at.clone()
        };
        let seen = seen.iter().find(|seen| seen.name == alarm);
        match seen.map(|seen| at.stands(seen)) {
            Some(Stands::Scales) => {
                rollout.unpointed.remove(&alarm);
            }
            Some(Stands::Apart) => {}
            _ if rollout.unpointed.contains_key(&alarm) => {}
            // It was not known to scale anything when this look was made.
            None if !world.look.is_some_and(|look| look.asked.contains(&alarm)) => unseen = true,
            None => {
                rollout.unpointed.insert(alarm, "it is gone".to_owned());
            }
            Some(Stands::Differs) => {
                let effect = Effect::Point {
                    alarm: alarm.clone(),
                    at,
                };
                match world.acted.filter(|acted| late && acted.effect == effect) {
                    None => return Some(Next::Do(effect)),
                    Some(acted) => {
                        let said = match &acted.outcome {
                            ActOutcome::Accepted => "it was changed, and does not show it",
                            ActOutcome::Later(said) | ActOutcome::Refused(said) => said,
                        };
                        rollout.unpointed.insert(alarm, printable(said, SAID));
                    }
                }
            }
        }
    }
    unseen.then_some(Next::Stay(Why::NotLooked))
}

/// What is to be pointed at, and the alarms as they are; `None` where the variant is not scaled.
fn known<'a>(world: &World<'a>, rollout: &Rollout, variant: &str) -> Result<Option<(Pointing, &'a [AlarmSeen])>, Why> {
    let plan = &rollout.plan;
    let Some(scaling) = checks::scaled(world, variant)? else {
        return Ok(None);
    };
    let other = match variant == plan.green.variant {
        true => &plan.blue.variant,
        false => &plan.green.variant,
    };
    let arns = scaling.policies.iter();
    let at = Pointing {
        endpoint: plan.endpoint().to_owned(),
        variant: variant.to_owned(),
        other: other.clone(),
        policies: arns
            .filter_map(|policy| Some((policy.name.clone(), policy.arn.clone()?)))
            .collect(),
        again: BTreeSet::new(),
    };
    match world.look.map(|look| &look.alarms) {
        Some(Known::Yes(seen)) => Ok(Some((at, seen))),
        Some(Known::No(said)) => Err(Why::Unknown(format!("the alarms could not be described: {said}"))),
        None => Err(Why::NotLooked),
    }
}

/// Steward is about to deregister this variant's autoscaling: what alarms trigger is written down, since AWS takes it from
/// them. Also what they trigger of the other variant: a call that was made before may point them at this one until then. One
/// that triggers nothing now may have lost it to an earlier call of Steward's: what was written down
/// then stays. Where an alarm could not be described, its policies say that they are triggered, by an ALARM most likely.
pub(super) fn deregisters(world: &World<'_>, rollout: &mut Rollout, variant: &str) {
    let seen = world
        .look
        .and_then(|look| look.alarms.yes())
        .map_or(&[][..], Vec::as_slice);
    let plan = &rollout.plan;
    let (blue, green) = (&plan.blue.variant, &plan.green.variant);
    for alarm in seen {
        let named = alarm.actions.iter().filter_map(|action| {
            let (of, policy) = policy_of(plan.endpoint(), &action.arn)?;
            (of == blue || of == green).then(|| Named {
                policy: policy.to_owned(),
                on: action.on,
            })
        });
        let named: BTreeSet<Named> = named.collect();
        if !named.is_empty() {
            rollout.named.insert(alarm.name.clone(), named);
        }
    }
    let scaling = checks::scaled(world, variant).ok().flatten();
    let steps = scaling.into_iter().flat_map(|scaling| &scaling.policies);
    for policy in steps.filter(|policy| policy.waits_for_alarms()) {
        let unseen = |alarm: &&String| !seen.iter().any(|seen| seen.name == **alarm);
        for alarm in policy.alarms.iter().filter(unseen) {
            rollout.named.entry(alarm.clone()).or_default().insert(Named {
                policy: policy.name.clone(),
                on: AlarmState::Alarm,
            });
        }
    }
}

/// The call that was to point an alarm was refused: it is not made again in this phase.
pub(super) fn refused(rollout: &mut Rollout, alarm: &str, said: &str) {
    rollout.unpointed.insert(alarm.to_owned(), printable(said, SAID));
}
