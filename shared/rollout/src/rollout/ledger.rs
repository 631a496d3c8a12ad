//! What Steward remembers of one endpoint's rollouts between two invocations: one JSON document for each endpoint.
//!
//! Written only on condition that nobody else wrote since it was read, and always before the effect that it names. What
//! SageMaker shows is not repeated here: of an update in flight only what tells "not begun" from "taken back".

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    cause::Cause, doubt::Asked, effect::ConfigPlan, phase::Phase, plan::Plan, request::Order, triggers::Named,
};
use crate::{
    outbox::{HasOutbox, Outbox},
    scaling::Scaling,
};

/// Kind and version of the document. A build that finds another one leaves it alone.
pub const SCHEMA: &str = "rollout/1";

/// Rollouts remembered after their end.
pub(super) const HISTORY: usize = 50;

/// Lines of one rollout's log; the first and the last ones are kept.
pub(super) const LINES: usize = 120;

/// That somebody looked is written down once in so long, or oftener where a phase may last for less than four times as long:
/// from it an outage of Steward's own is known.
pub(super) const LOOKED: Duration = Duration::from_secs(600);

/// Commands remembered by their ids, so that the same one is obeyed once.
pub(super) const COMMANDS: usize = 50;

/// The whole document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RolloutLedger {
    /// The rollout at work; at most one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<Rollout>,
    /// Those that ended, oldest first, at most [`HISTORY`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Past>,
    /// The number of the last rollout. Only grows.
    #[serde(default)]
    pub serial: u64,
    /// The config that last carried all traffic to the satisfaction of a whole rollout, or before the first one began.
    /// Never deleted by Steward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<String>,
    /// Configs that Steward made and may delete, by name, each with the time from which on. Those of a rollout that failed
    /// are left for some time for the person who looks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub litter: BTreeMap<String, Timestamp>,
    /// Why configs of `litter` that were to be deleted were kept so far, by name; for people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, String>,
    /// Alarms that Steward made to stop SageMaker's engines, and that nobody needs any more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stale_alarms: BTreeSet<String>,
    /// Commands that had an id and were obeyed, oldest first, at most [`COMMANDS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obeyed: Vec<Obeyed>,
    /// Ids of commands that an earlier build obeyed: it kept neither the order nor the rollout. Forgotten when another rollout
    /// begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Alerts decided and not known to be published.
    #[serde(default)]
    pub outbox: Outbox,
}

/// A rollout at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// What was decided at the start. Never changes.
    pub plan: Plan,
    /// When it was accepted.
    pub started: Timestamp,
    /// Where it is.
    pub phase: Phase,
    /// Since when it is there.
    pub since: Timestamp,
    /// Time in this phase that was spent paused and is over. It counts toward no bake and no phase's deadline.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub rested: Duration,
    /// When it was last decided on, give or take [`LOOKED`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<Timestamp>,
    /// Time in this phase in which nobody decided on it. It counts toward no phase's deadline.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub absent: Duration,
    /// An operator holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// An operator ended the present bake or opened the present gate. Forgotten when the phase ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Said>,
    /// What did so last, in whichever phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onward: Option<Onward>,
    /// An operator asked to go to the last step without further bakes and gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted: Option<Said>,
    /// Green goes. Once set, for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Back>,
    /// The update of the endpoint or component that this phase asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
    /// When SageMaker took an update of this phase back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_back: Option<Timestamp>,
    /// From when on green's metrics count: the begin of the present step's bake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_from: Option<Timestamp>,
    /// With SageMaker's own engines: the endpoint was unhealthy when green came.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub found_ill: bool,
    /// Green was asked by its name, as the endpoint fell ill while both had traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// When the share of each step that has alarms of its own was about to be asked for, by the step's index: from then on
    /// they count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub begun: BTreeMap<usize, Timestamp>,
    /// How blue is scaled but for what Steward suspended; what green gets, and blue gets back. Where green alone was
    /// scaled, as green is, for blue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// How large both were when green's present share was read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizes: Option<Sizes>,
    /// Blue's config where the one from the start cannot be used again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<ConfigPlan>,
    /// Those before it that are not wanted any more, by name: green has grown since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outgrown: Vec<String>,
    /// When SageMaker last did not give blue the further instances that it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<Timestamp>,
    /// It is a completed rollout that is being taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub returning: bool,
    /// How green was scaled before it was deregistered to put blue in its place; what it gets again where that fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub green_scaling: Option<Scaling>,
    /// `MaxCapacity` that Steward gave green beyond blue's, for instances that blue's maximum has no room for. 0: blue's.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub raised: u32,
    /// When green, which serves alone, was last seen registered before it was deregistered: what is scheduled since then
    /// moves nothing. None while it is registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unregistered: Option<Timestamp>,
    /// Alarms that scaled blue or green, and cannot be pointed at whichever is to be scaled by them now, with why; found in
    /// this phase.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unpointed: BTreeMap<String, String>,
    /// What each of these alarms triggered of either variant when Steward last deregistered one, by the alarm's name. AWS takes it
    /// from them with the policies, so that only from here is known what belongs to them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub named: BTreeMap<String, BTreeSet<Named>>,
    /// An operator ended the taking back of a completed rollout: green stays, unless blue is in force by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Said>,
    /// People were told that this phase is held up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// People were told in this phase that the endpoint is unhealthy, and nobody knows whether green is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsettled: bool,
    /// What the last call met that did not take effect; for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Steps whose gates passed, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<Passed>,
    /// Alerts decided so far; makes their ids differ.
    #[serde(default)]
    pub alerts: u32,
    /// What happened, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<Line>,
}

/// For serde.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Who said something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// Who; safe to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why; safe to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An operator's hold.
pub type Pause = Said;

/// A `promote` that opened a gate, or a `skip`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Onward {
    /// Which of the two.
    pub order: Order,
    /// Index into the strategy's steps; none while blue was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// Who, when and why.
    #[serde(flatten)]
    pub said: Said,
}

/// A command that was obeyed. One that differs in anything but the time is another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Obeyed {
    /// What was asked for.
    pub order: Order,
    /// The step that it was given for, from 1; none when it named none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// The inference component that it was given for; none when it named none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The number of the rollout that it was given for.
    pub rollout: u64,
    /// Its id.
    pub id: String,
    /// When it was obeyed.
    pub at: Timestamp,
}

/// The decision to go back to blue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Back {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub cause: Cause,
    /// Where it was.
    pub from: Phase,
}

/// An `UpdateEndpoint` or `UpdateInferenceComponent` of the present phase, or a change of instances: enough to tell one that was never begun from
/// one that SageMaker took back, since both show the old config and `InService`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Update {
    /// The config, or of a component the model, asked for; of instances the call in words.
    pub target: String,
    /// `LastModifiedTime` when the call was decided; ledgers of earlier builds have none of a component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// When SageMaker took the call, as far as the answer was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Timestamp>,
    /// SageMaker was seen working on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub seen: bool,
}

/// Instances at a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sizes {
    /// Blue's.
    pub blue: u32,
    /// Green's.
    pub green: u32,
    /// The most that all of the traffic was found to need so far, in green's; 0: nothing was found.
    #[serde(default)]
    pub whole: u32,
    /// Green's that Steward gave it for this share: they say nothing of the traffic. 0: not known.
    #[serde(default)]
    pub given: u32,
    /// Green's by which `blues` was found last.
    #[serde(default)]
    pub followed: u32,
    /// Blue's that all of the traffic was found to need; 0: no more than it has had.
    #[serde(default)]
    pub blues: u32,
}

/// A step whose gates passed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Passed {
    /// Index into the strategy's steps.
    pub step: usize,
    /// When its weight was verified: its data begins here.
    pub from: Timestamp,
    /// When the bake was taken for passed.
    pub to: Timestamp,
    /// An operator's word stood in for the bake or for missing data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<Said>,
    /// What the analysis said, one check an item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<String>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Line {
    /// When it was decided.
    pub at: Timestamp,
    /// What, for people.
    pub what: String,
}

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Green has replaced blue, read back.
    Completed,
    /// Blue serves as before, read back.
    RolledBack,
    /// Neither: a person has to look.
    Failed,
}

impl Ended {
    /// For metrics and people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::RolledBack => "rolled-back",
            Self::Failed => "failed",
        }
    }
}

/// A rollout that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// What was decided at its start.
    pub plan: Plan,
    /// When it was accepted.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How.
    pub outcome: Ended,
    /// Why, unless it completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// How blue was scaled; needed to take a completed rollout back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// `MaxCapacity` that Steward gave green beyond that. 0: none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub raised: u32,
    /// It was the taking back of a rollout that had completed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub returned: bool,
    /// Alarms that scaled the endpoint before and did so no more at the end, with why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unpointed: BTreeMap<String, String>,
    /// What these triggered before Steward deregistered it, where that is known; needed to take a completed rollout back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub named: BTreeMap<String, BTreeSet<Named>>,
    /// What happened, oldest first.
    pub log: Vec<Line>,
}

impl HasOutbox for RolloutLedger {
    fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }
}
