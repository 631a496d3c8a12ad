//! `start`: what is to be rolled out, and everything of the fleet file's `rollout` section, for this rollout alone.

use std::collections::BTreeMap;

use deserr::{Deserr, IntoValue as _, ValuePointerRef};
use serde_json::{Map, Value};

use crate::{
    command::{CommandError, fields::Fields},
    fleet::{
        Fleet, RolloutSection,
        text::{InstanceType, ResourceName, Text},
    },
    health::policy::ProbeKind,
    quantity::Whole,
    rollout::request::{GreenSpec, Request},
    text::printable,
    yaml::Found,
};

/// The fields that say what is rolled out, by whom and why.
pub(super) const OWN: usize = 11;

/// All fields: the first [`OWN`] say what is rolled out, the others are those of the fleet file's `rollout` section.
pub(super) const FIELDS: &[&str] = &[
    "endpoint",
    "model",
    "component",
    "variant",
    "instance_type",
    "instances",
    "green_variant",
    "id",
    "by",
    "reason",
    "dry_run",
    "engine",
    "strategy",
    "alarms",
    "analysis",
    "smoke",
    "health",
    "keep_blue",
    "rollback_window",
    "deadline",
    "phase_deadline",
    "gate_deadline",
    "on_deadline",
    "metrics_delay",
    "headroom",
    "batch",
];

/// What is rolled out, as it is written; texts for people and ids are read apart.
#[derive(Clone, Debug, PartialEq, Deserr)]
#[deserr(error = Found, validate = What::consistent -> Found)]
struct What {
    #[deserr(default)]
    component: Option<Text<ResourceName>>,
    #[deserr(default)]
    variant: Option<Text<ResourceName>>,
    #[deserr(default)]
    model: Option<Text<ResourceName>>,
    #[deserr(default)]
    instance_type: Option<Text<InstanceType>>,
    #[deserr(default)]
    instances: Option<Whole<1, 10_000>>,
    #[deserr(default)]
    green_variant: Option<Text<ResourceName>>,
    #[deserr(default)]
    dry_run: Option<bool>,
}

impl What {
    fn consistent(self, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Found::default();
        if self.component.is_some() {
            if self.model.is_none() {
                found.and(Found::one(
                    at.push_key("model"),
                    "is missing; it is what the component gets",
                    None,
                ));
            }
            let none_of_its = [
                ("variant", self.variant.is_some()),
                ("instance_type", self.instance_type.is_some()),
                ("instances", self.instances.is_some()),
                ("green_variant", self.green_variant.is_some()),
            ];
            for (field, _) in none_of_its.into_iter().filter(|(_, given)| *given) {
                let problem = "an inference component has none: SageMaker places it";
                found.and(Found::one(
                    at.push_key(field),
                    problem,
                    "`component` and `model` alone".to_owned(),
                ));
            }
        } else if self.model.is_none() && self.instance_type.is_none() {
            let accepted = "the name of a SageMaker model, or `instance_type` for the same model on other instances";
            found.and(Found::one(at.push_key("model"), "is missing", accepted.to_owned()));
        }
        if self.variant.is_some() && self.variant == self.green_variant {
            let accepted = "another name, or none: Steward finds a free one".to_owned();
            found.and(Found::one(
                at.push_key("green_variant"),
                "is the variant that it replaces",
                accepted,
            ));
        }
        found.or(self)
    }
}

/// A rollout that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    endpoint: String,
    what: What,
    policy: RolloutSection,
    id: Option<String>,
    by: Option<String>,
    reason: Option<String>,
}

/// Reads everything, and tells `fields` all that is wrong.
pub(super) fn read(fields: &mut Fields<'_>) -> Option<Start> {
    let endpoint = fields.endpoint(true);
    let (id, by, reason) = (fields.id(), fields.words("by"), fields.words("reason"));
    let of = |names: &[&str]| -> Map<String, Value> {
        let given = fields.args().iter().filter(|(name, _)| names.contains(&name.as_str()));
        given.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let (own, rules) = FIELDS.split_at(OWN);
    let what = What::deserialize_from_value(Value::Object(of(own)).into_value(), ValuePointerRef::Origin);
    let policy = RolloutSection::deserialize_from_value(Value::Object(of(rules)).into_value(), ValuePointerRef::Origin);
    let what = what.map_err(|found| fields.refuse(found.sentences())).ok();
    let policy = policy.map_err(|found| fields.refuse(found.sentences())).ok();
    Some(Start {
        endpoint: endpoint?,
        what: what?,
        policy: policy?,
        id,
        by,
        reason,
    })
}

/// A rollout that is to begin again as it was asked for is one that the fleet file still means.
///
/// # Errors
/// What stands against it in the file by now.
pub fn still_meant(
    request: &Request,
    fleet: &Fleet,
    tags: Option<&BTreeMap<String, String>>,
) -> Result<(), CommandError> {
    let against = match fleet.rollout_for(&request.endpoint, tags) {
        None => unmeant(&request.endpoint),
        Some(rules) => match rules.against(&request.policy) {
            Some(against) => format!(
                "what was asked for cannot be begun again, because {against} any more. Give it one under `health.probes`, or \
                 `start` the rollout anew."
            ),
            None => return Ok(()),
        },
    };
    let example = super::COMMANDS.iter().find(|spec| spec.name == "retry");
    let example = example.map(|spec| spec.example).unwrap_or_default();
    Err(CommandError::refused("retry", vec![against], example))
}

/// Whether the fleet file has the health checker probe the endpoint, or this component of it: with a probe that would say
/// something of what is rolled out. Without one it knows nothing but the status that SageMaker shows to everybody.
pub fn watched(
    fleet: &Fleet,
    tags: Option<&BTreeMap<String, String>>,
    endpoint: &str,
    component: Option<&str>,
) -> bool {
    let of_another = |kind: &ProbeKind| matches!((kind, component), (ProbeKind::InferenceComponent(name), Some(this)) if name != this);
    fleet
        .health_for(endpoint, tags)
        .is_some_and(|health| health.enabled && health.probes.iter().any(|probe| !of_another(&probe.kind)))
}

fn unmeant(endpoint: &str) -> String {
    format!(
        "`endpoint`: no entry of the fleet file means {endpoint}; Steward touches only what an entry means, and \
         `{endpoint}: {{}}` under `endpoints` is enough."
    )
}

impl Start {
    /// `EndpointName`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Only the plan is asked for.
    pub fn dry_run(&self) -> bool {
        self.what.dry_run.unwrap_or(false)
    }

    /// The request, over what the fleet file says of the endpoint; `id` is the invocation's own, for a command without
    /// one.
    ///
    /// # Errors
    /// When the fleet file does not select the endpoint, or with everything in both together that contradicts itself or
    /// can never work.
    pub fn request(
        &self,
        fleet: &Fleet,
        tags: Option<&BTreeMap<String, String>>,
        id: &str,
    ) -> Result<Request, CommandError> {
        let refused = |problems| CommandError::refused("start", problems, super::COMMANDS[0].example);
        let Some(rules) = fleet.rollout_for(&self.endpoint, tags) else {
            return Err(refused(vec![unmeant(&self.endpoint)]));
        };
        let policy = rules
            .policy_with(self.policy.clone(), self.what.component.is_some())
            .map_err(|wrong| refused(wrong.iter().map(ToString::to_string).collect()))?;
        let text = |text: &Option<Text<ResourceName>>| text.clone().map(Text::into_string);
        let component = text(&self.what.component);
        Ok(Request {
            id: self.id.clone().unwrap_or_else(|| printable(id, 128)),
            endpoint: self.endpoint.clone(),
            component: component.clone(),
            variant: text(&self.what.variant),
            green: GreenSpec {
                model: text(&self.what.model),
                instance_type: self.what.instance_type.clone().map(Text::into_string),
                instances: self.what.instances.map(|count| count.0),
                variant: text(&self.what.green_variant),
            },
            policy,
            watched: watched(fleet, tags, &self.endpoint, component.as_deref()),
            by: self.by.clone(),
            reason: self.reason.clone(),
            dry_run: self.dry_run(),
        })
    }
}
