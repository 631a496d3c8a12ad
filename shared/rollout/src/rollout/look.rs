//! What one look at a rollout's endpoint brought: the facts that decisions are made from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{doubt::Doubt, strategy::Weight};
use crate::{
    analysis::{Analysis, AnalysisPolicy, Probes},
    endpoint::{Endpoint, EndpointStatus},
    health::policy::{HealthPolicy, ProbeKind},
    scaling::Scaling,
    trigger::AlarmState,
};
pub use shared::{health::seen::HealthSeen, known::Known};

/// Checks of the health checker for each one that its schedule asks for: an event that came twice is a second one.
const MORE_CHECKS: f64 = 1.1;

/// Checks on top of that in every window: SageMaker tells each change of the endpoint, and that of the weights begins it.
const EXTRA_CHECKS: f64 = 5.0;

/// What to look at before deciding; [`super::needs`] says it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// Endpoint configs to describe, by name.
    pub configs: Vec<String>,
    /// The endpoint's config in force is described as well, whatever it is.
    pub in_force: bool,
    /// Variants whose scalable target (policies and scheduled actions included) to describe.
    pub scaling: Vec<String>,
    /// Alarms to describe, by name.
    pub alarms: Vec<String>,
    /// Metrics to fetch and judge.
    pub analysis: Option<Window>,
    /// Variant to probe with the endpoint's probes.
    pub smoke: Option<String>,
    /// Inference components to describe, by name; where the health is asked for beside one alone, it is that one's.
    pub components: Vec<String>,
    /// Models of which to ask whether they exist; only before a start.
    pub models: Vec<String>,
    /// Configs to delete, of which to ask whether any endpoint uses them.
    pub users: Option<Search>,
    /// What the health checker knows of the endpoint.
    pub health: bool,
    /// When to ask green itself; [`Needs::asks_green`] says it.
    pub doubt: Option<Doubt>,
    /// Green's minutes, and how they are judged, when green is to be asked itself and cannot be; [`Needs::asks_metrics`] says it.
    pub answers: Option<(Window, AnalysisPolicy)>,
    /// Blue's minutes so far, of which to say what they make of the comparisons once blue has no traffic.
    pub alone: Option<(Before, AnalysisPolicy)>,
}

impl Needs {
    /// All the configs to describe, once the endpoint is described.
    pub fn every_config(&self, endpoint: &Known<Option<Endpoint>>) -> Vec<String> {
        let endpoint = endpoint.yes().and_then(Option::as_ref).filter(|_| self.in_force);
        let in_force = endpoint.and_then(|endpoint| endpoint.config.as_ref());
        let mut configs = self.configs.clone();
        configs.extend(in_force.filter(|name| !self.configs.contains(name)).cloned());
        configs
    }

    /// The variant to probe by its name with the endpoint's probes, once it is known what the health checker knows: the
    /// endpoint is ill, and only green's own answers tell whether green is.
    pub fn asks_green(&self, health: Option<&Known<Option<HealthSeen>>>) -> Option<&str> {
        self.doubt.as_ref()?.asks(health?.yes()?.as_ref()?)
    }

    /// What tells in place of green's own answers how green is, once it was asked for these: nothing could be heard of it.
    pub fn asks_metrics(&self, green: Option<&Known<SmokeSeen>>) -> Option<&(Window, AnalysisPolicy)> {
        self.answers.as_ref().filter(|_| matches!(green, Some(Known::No(_))))
    }

    /// The search for users that is left once the endpoint and the configs are described. It asks every endpoint of the
    /// account, so it is made only if a deletion can follow: of configs that are there, and while the endpoint takes changes.
    pub fn search(
        &self,
        endpoint: &Known<Option<Endpoint>>,
        configs: &BTreeMap<String, Known<Option<ConfigSeen>>>,
    ) -> Option<Search> {
        let mut search = self.users.clone()?;
        let settled = match endpoint {
            Known::Yes(Some(endpoint)) => endpoint.status == EndpointStatus::InService,
            Known::Yes(None) => true,
            Known::No(_) => false,
        };
        search
            .configs
            .retain(|name| matches!(configs.get(name), Some(Known::Yes(Some(_)))));
        (settled && !search.configs.is_empty()).then_some(search)
    }
}

/// A search for the endpoints that use one of some configs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// `EndpointConfigName`s.
    pub configs: BTreeSet<String>,
    /// None of them was there before this time, so that an endpoint which was last modified earlier uses none of them;
    /// `None`: not known, ask all endpoints.
    pub since: Option<Timestamp>,
}

/// The endpoints that use a config, or are being updated to it, by its name; one that nobody uses is missing.
pub type Users = BTreeMap<String, BTreeSet<String>>;

/// Who may have to go back to configs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaysBack {
    /// By the config's name: the endpoints whose rollouts may, and those that the health checker last knew to be well with it.
    pub by: Users,
    /// The ledgers of other endpoints that are there and that this build cannot read: nobody knows what they name.
    pub unreadable: Vec<Unreadable>,
}

/// A ledger that this build cannot read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its endpoint.
    pub endpoint: String,
    /// When it was last written: it names nothing that was made later. `None`: not known.
    pub written: Option<Timestamp>,
    /// What is wrong with it and what can be done, for people.
    pub said: String,
}

/// Whose metrics, and of which minutes: those that begin at `from` or later and ended by `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Begin of the step's bake, in whole minutes, rounded up.
    pub from: Timestamp,
    /// Now less the metrics delay, in whole minutes, rounded down; always after `from`.
    pub to: Timestamp,
    /// Blue's metrics; `None` where blue gets no requests by design, so that there is nothing to compare with:
    /// [`crate::analysis::judge_alone`] then, by what blue did `before`.
    pub blue: Option<Fleet>,
    /// Without `blue`, and beside `whole`: with SageMaker's own engines blue has no requests from some minute on that only
    /// the metrics tell.
    pub before: Option<Before>,
    /// Green's metrics.
    pub green: Fleet,
    /// Green's share of what both get in these minutes; `None` where SageMaker moves the traffic, and only it knows.
    pub share: Option<Weight>,
    /// Rounds of probes that Steward sent to green in these minutes, because the endpoint was ill.
    pub rounds: u32,
    /// Both together, with SageMaker's own engines: blue's own may not be published by its config, and then they are what
    /// these are more than green's. Only beside `blue`; judged by [`crate::analysis::judge_deployment`].
    pub whole: Option<Fleet>,
}

impl Window {
    /// How many of green's requests, and of blue's, in these minutes may be Steward's own probes.
    ///
    /// The health checker checks once a minute, and when SageMaker says that the endpoint has changed; events come twice now and then. A
    /// probe of each variant is asked of both, another one goes where the weights send it; a round that is sent to green
    /// itself brings all of them. Further attempts are not counted: they are made only where one has failed, which the other
    /// checks see. `health` is the endpoint's policy; `None` where the health checker has none for it.
    pub fn probes(&self, health: Option<&HealthPolicy>) -> [Probes; 2] {
        let asked = health.filter(|health| health.enabled).map(|health| &health.probes);
        let asked = asked.into_iter().flatten();
        let (mut of_each, mut routed) = (0_u32, 0_u32);
        for probe in asked {
            match probe.kind {
                ProbeKind::Sync | ProbeKind::Serverless if probe.per_variant => of_each += 1,
                ProbeKind::Sync | ProbeKind::Serverless => routed += 1,
                ProbeKind::Async { .. } | ProbeKind::InferenceComponent(_) => {}
            }
        }
        let minutes = self.to.duration_since(self.from).as_secs().max(0) as f64 / 60.0;
        let checks = minutes * MORE_CHECKS + EXTRA_CHECKS;
        let share = self.share.map(Weight::share);
        let rounds = f64::from(self.rounds) * f64::from(of_each.saturating_add(routed));
        [
            (share.unwrap_or(1.0), rounds),
            (share.map_or(1.0, |green| 1.0 - green), 0.0),
        ]
        .map(|(share, rounds)| {
            let a_check = f64::from(of_each) + f64::from(routed) * share;
            // The cast saturates; a window is hours long.
            Probes::AtMost((checks * a_check + rounds).ceil() as u64)
        })
    }
}

/// Minutes in which blue has or still had traffic: those that begin at `from` or later and ended by `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// In whole minutes.
    pub from: Timestamp,
    /// In whole minutes, and no later than green's begin.
    pub to: Timestamp,
    /// Blue's metrics.
    pub blue: Fleet,
}

/// One set of instances in the metrics of `AWS/SageMaker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Dimension `VariantName`.
    pub variant: String,
    /// Dimension `EndpointConfigName`, with SageMaker's own engines, where both fleets carry the same variant name.
    pub config: Option<String>,
}

/// One look.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// When the endpoint was described; the rest followed.
    pub at: Timestamp,
    /// The endpoint; `Yes(None)` when there is none of this name.
    pub endpoint: Known<Option<Endpoint>>,
    /// The configs asked for; `Yes(None)` when there is none of this name.
    pub configs: BTreeMap<String, Known<Option<ConfigSeen>>>,
    /// The scalable targets asked for, by variant; `Yes(None)` when it has none.
    pub scaling: BTreeMap<String, Known<Option<Scaling>>>,
    /// The alarms asked for; one that does not exist is missing in the list.
    pub alarms: Known<Vec<AlarmSeen>>,
    /// The alarms that were asked for, by name: of these, one that is not among `alarms` does not exist.
    pub asked: Vec<String>,
    /// How green compares in the window asked for; `None` when not asked.
    pub analysis: Option<Known<Analysis>>,
    /// A round of probes of the variant asked for; `None` when not asked.
    pub smoke: Option<Known<SmokeSeen>>,
    /// The inference components asked for; `Yes(None)` when there is none of this name.
    pub components: BTreeMap<String, Known<Option<ComponentSeen>>>,
    /// The models asked for; whether there is one of this name.
    pub models: BTreeMap<String, Known<bool>>,
    /// Who uses the configs that [`Needs::search`] asked for; `None` when not asked.
    pub users: Option<Known<Users>>,
    /// Who may have to go back to one of these configs; `None` when not asked.
    pub needed: Option<Known<WaysBack>>,
    /// What the health checker knows of the endpoint; `Yes(None)` when it does not watch it, `None` when not asked.
    pub health: Option<Known<Option<HealthSeen>>>,
    /// A round of probes of the variant that [`Needs::asks_green`] named; `None` when it named none.
    pub green: Option<Known<SmokeSeen>>,
    /// What green's metrics say that [`Needs::asks_metrics`] named; `None` when it named none.
    pub answers: Option<Known<Analysis>>,
    /// What green is held to in place of comparisons when it gets all the traffic now, for people; `None` when not asked.
    pub alone: Option<Known<Vec<String>>>,
}

/// What decisions need of an endpoint config.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigSeen {
    /// `ProductionVariants`, in order.
    pub variants: Vec<ConfigVariantSeen>,
    /// It has `ShadowProductionVariants`.
    pub shadowed: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// One `ProductionVariant`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigVariantSeen {
    /// `VariantName`.
    pub name: String,
    /// `ModelName`; absent when it hosts inference components.
    pub model: Option<String>,
    /// `InstanceType`; absent for serverless.
    pub instance_type: Option<String>,
    /// `InitialInstanceCount`; absent for serverless.
    pub instances: Option<u32>,
    /// `InitialVariantWeight`.
    pub weight: f64,
    /// Some of its `InstancePools` name a model of their own (`ModelNameOverride`).
    pub overridden: bool,
}

/// One alarm as described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmSeen {
    /// `AlarmName`.
    pub name: String,
    /// `StateValue`; anything that is neither `OK` nor `ALARM` counts as no data.
    pub state: AlarmState,
    /// `StateReason`.
    pub reason: String,
    /// `StateUpdatedTimestamp`.
    pub since: Option<Timestamp>,
    /// The metrics that it watches, one item each; none of a composite alarm.
    pub watches: Vec<Watched>,
    /// `TreatMissingData`; [`MissingData::Missing`] of a composite alarm, which has none.
    pub missing: MissingData,
    /// What it triggers in each of its states.
    pub actions: Vec<Action>,
}

/// One of the actions of an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The state that triggers it: ALARM those of `AlarmActions`, OK of `OKActions`, no data of `InsufficientDataActions`.
    pub on: AlarmState,
    /// Its ARN.
    pub arn: String,
}

/// Whose metric an alarm watches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Dimension `EndpointName`.
    pub endpoint: Option<String>,
    /// Dimension `VariantName`.
    pub variant: Option<String>,
}

/// What an alarm takes minutes without data for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingData {
    /// `missing`: with nothing else it has no data. CloudWatch's default.
    #[default]
    Missing,
    /// `notBreaching`: for good ones.
    NotBreaching,
    /// `breaching`: for bad ones.
    Breaching,
    /// `ignore`: it stays as it is.
    Ignore,
}

impl AlarmSeen {
    /// It is in ALARM.
    pub fn alarming(&self) -> bool {
        self.state == AlarmState::Alarm
    }

    /// The variants that it watches, by name.
    pub fn variants(&self) -> BTreeSet<&str> {
        let named = self.watches.iter().filter_map(|watched| watched.variant.as_deref());
        named.collect()
    }

    /// All that it watches is one variant of one endpoint: without requests to that it has no data, and says nothing of
    /// any other.
    pub fn watches_only(&self, endpoint: &str, variant: &str) -> bool {
        let of_it = |watched: &Watched| {
            watched.endpoint.as_deref() == Some(endpoint) && watched.variant.as_deref() == Some(variant)
        };
        !self.watches.is_empty() && self.watches.iter().all(of_it)
    }
}

/// One round of probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmokeSeen {
    /// Every probe passed.
    pub passed: bool,
    /// What they said, for people.
    pub said: Vec<String>,
}

/// An inference component as described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentSeen {
    /// `EndpointName`.
    pub endpoint: String,
    /// `VariantName`.
    pub variant: String,
    /// `InferenceComponentStatus`.
    pub status: String,
    /// `FailureReason`.
    pub failure: Option<String>,
    /// `Specification.ModelName` in force.
    pub model: Option<String>,
    /// `RuntimeConfig.CurrentCopyCount`.
    pub copies: Option<u32>,
    /// `LastModifiedTime`.
    pub modified: Option<Timestamp>,
    /// The alarms of `LastDeploymentConfig`, which take its last deployment back.
    pub guards: BTreeSet<String>,
}
