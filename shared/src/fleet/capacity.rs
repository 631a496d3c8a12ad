//! `scaling`, `schedule`, `alarms` and `provision`: what an endpoint's capacity is to be.

mod alarm;
mod asleep;
mod list;
mod metric;
mod policy;
mod provision;
mod schedule;
mod step;
mod target;

use deserr::ValuePointerRef;

use self::target::Unbound;
pub(super) use self::{alarm::Alarms, provision::ProvisionSection, schedule::Schedules, target::Targets};
use super::{
    merge::both,
    wake::WakeSection,
    whole::{Often, Wrong},
};
use crate::{
    capacity::thing::{Action, Alarm, Scalable, Thing},
    yaml::Found,
};

/// Targets, policies of one target, or alarms that an entry may list.
pub const LISTED: usize = 50;

/// Scheduled actions that an entry may list.
pub const SCHEDULED: usize = 200;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What one layer says of capacity.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CapacityLayer {
    pub(super) scaling: Option<Targets>,
    pub(super) schedule: Option<Schedules>,
    pub(super) alarms: Option<Alarms>,
    pub(super) provision: Option<ProvisionSection>,
}

impl CapacityLayer {
    /// What this layer says, and below it what `under` says. Lists are replaced as a whole.
    pub(super) fn over(self, under: Self) -> Self {
        Self {
            scaling: self.scaling.or(under.scaling),
            schedule: self.schedule.or(under.schedule),
            alarms: self.alarms.or(under.alarms),
            provision: both(self.provision, under.provision, ProvisionSection::over),
        }
    }

    /// This layer says something of the section.
    pub(super) fn says(&self, section: &str) -> bool {
        match section {
            "scaling" => self.scaling.is_some(),
            "schedule" => self.schedule.is_some(),
            "alarms" => self.alarms.is_some(),
            "provision" => self.provision.is_some(),
            _ => false,
        }
    }

    /// What is missing, or contradicts itself, when everything that holds for an endpoint is seen together. `image_refused`:
    /// an image is said, and wrong.
    pub(super) fn contradictions(&self, wake: &WakeSection, image_refused: bool) -> Vec<Wrong> {
        let mut wrong: Vec<Wrong> = vec![];
        let mut tell = |section, problem, accepted: &str, rests: &[&str]| {
            wrong.push(Wrong {
                section,
                field: String::new(),
                problem,
                accepted: Some(accepted.to_owned()),
                rests: rests.iter().map(|path| (*path).to_owned()).collect(),
                told: Often::EachProblem,
            });
        };
        let targets: Vec<&Unbound> = self.targets().map(|target| target.of()).collect();
        for action in self.schedule.iter().flat_map(|list| &list.0) {
            match action.of() {
                None if targets.len() == 1 => {}
                None => tell(
                    "schedule",
                    format!(
                        "{} does not say what it is for, and `scaling` has {}",
                        action.quoted(),
                        counted(targets.len())
                    ),
                    "`variant`, `component` or, where there is one only, nothing",
                    &["scaling", "schedule"],
                ),
                Some(of) if targets.contains(&of) => {}
                Some(of) => tell(
                    "schedule",
                    format!("{} is for {of}, which `scaling` does not have", action.quoted()),
                    "one of the targets of `scaling`",
                    &["scaling"],
                ),
            }
        }
        let alarms: Vec<&str> = self
            .alarms
            .iter()
            .flat_map(|list| &list.0)
            .map(alarm::AlarmSection::name)
            .collect();
        for target in self.targets() {
            let named = target.policies().filter_map(|policy| Some((policy, policy.alarm()?)));
            for (policy, alarm) in named.filter(|(_, alarm)| !alarms.contains(alarm)) {
                let problem = format!(
                    "{} waits for the alarm {alarm:?}, which `alarms` does not have",
                    policy.quoted()
                );
                tell("scaling", problem, "the name of one of `alarms`", &["alarms"]);
            }
        }
        if let Some(provision) = &self.provision {
            for (problem, accepted, rests) in provision.contradictions(image_refused) {
                tell("provision", problem, &accepted, &rests);
            }
        }
        wrong.extend(self.asleep_for_good(wake));
        wrong
    }

    /// Alarms with the place that says each: a section, and the item in it.
    pub(super) fn alarms(&self, endpoint: &str) -> Vec<(&'static str, String, Alarm)> {
        let mut alarms = vec![];
        for (index, target) in self.targets().enumerate() {
            let of = target.of().bound(endpoint);
            for (policy, section) in target.policies().enumerate() {
                let own = section.own_alarm(&of, endpoint);
                alarms.extend(own.map(|alarm| ("scaling", format!("{index}.policies.{policy}"), alarm)));
            }
        }
        for (index, section) in self.alarms.iter().flat_map(|list| &list.0).enumerate() {
            alarms.push(("alarms", format!("{index}.name"), section.alarm(endpoint)));
        }
        alarms
    }

    fn targets(&self) -> impl Iterator<Item = &target::TargetSection> {
        self.scaling.iter().flat_map(|list| &list.0)
    }

    /// `provision` holds for it: a plan makes the endpoint.
    pub(super) fn makes_endpoint(&self) -> bool {
        self.provision
            .as_ref()
            .is_some_and(|section| section.resolve().is_some())
    }

    /// Everything that is declared of an endpoint.
    pub(super) fn things(&self, endpoint: &str) -> Vec<Thing> {
        let mut things = vec![];
        if let Some(made) = self.provision.as_ref().and_then(ProvisionSection::resolve) {
            things.push(Thing::Endpoint {
                name: endpoint.to_owned(),
                made: Box::new(made),
            });
        }
        let mut triggers: Vec<(String, Action)> = vec![];
        for target in self.targets() {
            let of = target.of().bound(endpoint);
            things.push(target.thing(of.clone()));
            for policy in target.policies() {
                things.push(policy.thing(&of));
                things.extend(
                    policy
                        .own_alarm(&of, endpoint)
                        .map(|alarm| Thing::Alarm(Box::new(alarm))),
                );
                let triggered = Action::Policy {
                    of: of.clone(),
                    name: policy.name().to_owned(),
                };
                triggers.extend(policy.alarm().map(|name| (alarm::named(name, endpoint), triggered)));
            }
        }
        let only = self.targets().next().map(|target| target.of());
        for action in self.schedule.iter().flat_map(|list| &list.0) {
            let of: Option<Scalable> = action.of().or(only).map(|of| of.bound(endpoint));
            things.extend(of.map(|of| action.thing(of)));
        }
        for alarm in self.alarms.iter().flat_map(|list| &list.0) {
            let mut alarm = alarm.alarm(endpoint);
            let policies = triggers.iter().filter(|(name, _)| *name == alarm.name);
            alarm.actions.extend(policies.map(|(_, action)| action.clone()));
            things.push(Thing::Alarm(Box::new(alarm)));
        }
        things.into_iter().map(Thing::usual).collect()
    }
}

fn counted(targets: usize) -> String {
    match targets {
        0 => "no target".to_owned(),
        count => format!("{count} targets"),
    }
}

/// Exactly one of these fields is to be there; the name of the one that is.
fn exactly_one(
    fields: &[(&'static str, bool)],
    at: ValuePointerRef<'_>,
    what: &str,
    found: &mut Found,
) -> Option<&'static str> {
    let given: Vec<&'static str> = fields
        .iter()
        .filter(|(_, given)| *given)
        .map(|(name, _)| *name)
        .collect();
    let names: Vec<String> = fields.iter().map(|(name, _)| format!("`{name}`")).collect();
    match given.as_slice() {
        [one] => return Some(one),
        [] => {
            let fields: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
            let wrong = Found::one(at, format!("does not say {what}"), crate::text::or_list(&names));
            found.and(wrong.whatever_is_in_it().beside(at, &fields));
        }
        [first, more @ ..] => {
            for field in more {
                let problem = format!("says {what} a second time, after `{first}`");
                found.and(Found::key(
                    at.push_key(field),
                    problem,
                    format!("one of {}", names.join(", ")),
                ));
            }
        }
    }
    None
}

/// These fields mean something only beside `with`, which `choices` decide.
fn only_beside(
    fields: &[(&'static str, bool)],
    with: &str,
    choices: &[(&'static str, bool)],
    at: ValuePointerRef<'_>,
    found: &mut Found,
) {
    let choices: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    for (field, _) in fields.iter().filter(|(_, given)| *given) {
        let wrong = Found::key(at.push_key(field), "means nothing here", format!("only beside {with}"));
        found.and(wrong.beside(at, &choices));
    }
}

/// In whole seconds, which is what AWS takes.
fn seconds<const MIN: u64, const MAX: u64>(span: crate::quantity::SpanWithin<MIN, MAX>) -> u32 {
    u32::try_from(span.duration().as_secs()).unwrap_or(u32::MAX)
}
