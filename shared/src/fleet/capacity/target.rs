//! `scaling`: what scales, within which range, by which policies.

use std::fmt;

use deserr::{Deserr, ValuePointerRef};
use schemars::JsonSchema;

use super::{
    LISTED, exactly_one,
    list::{Item, List},
    policy::PolicySection,
};
use crate::{
    capacity::thing::{Scalable, Thing},
    fleet::text::{ResourceName, Text},
    quantity::Whole,
    scaling::Suspended,
    yaml::Found,
};

/// What of one endpoint scales.
pub(crate) type Targets = List<TargetSection, LISTED>;

/// One thing that scales: the instances of a variant, the copies of an inference component, or the provisioned concurrency of
/// a serverless variant.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields, validate = TargetSection::consistent -> Found)]
#[schemars(deny_unknown_fields, rename = "Scaling")]
pub(crate) struct TargetSection {
    /// A variant: its instances scale.
    #[deserr(default)]
    #[schemars(extend("examples" = ["main"]))]
    variant: Option<Text<ResourceName>>,
    /// An inference component: its copies scale.
    #[deserr(default)]
    #[schemars(extend("examples" = ["llm-7b"]))]
    component: Option<Text<ResourceName>>,
    /// A serverless variant: its provisioned concurrency scales.
    #[deserr(default)]
    #[schemars(extend("examples" = ["main"]))]
    serverless: Option<Text<ResourceName>>,
    /// Never fewer. 0 is for asynchronous endpoints and components, and is refused without what wakes them: a policy with
    /// `from_zero` or with a `step` that adds, `wake` (for a component, with it among `components`), or a scheduled action
    /// that raises it again and again. Scheduled actions and wakes move it for their time.
    #[schemars(example = 2)]
    min: Whole<0, 10_000>,
    /// Never more.
    #[schemars(example = 10)]
    max: Whole<0, 10_000>,
    /// What of it stands still for now.
    #[deserr(default)]
    suspended: Option<SuspendedSection>,
    /// What moves it within the range; of several, the one that asks for most decides.
    #[deserr(default)]
    #[schemars(extend("default" = []))]
    policies: Option<List<PolicySection, LISTED>>,
    #[deserr(skip)]
    #[schemars(skip)]
    of: Unbound,
}

/// What of a target stands still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Suspended")]
struct SuspendedSection {
    /// Policies take nothing away.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    scale_in: Option<bool>,
    /// Policies add nothing.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    scale_out: Option<bool>,
    /// Scheduled actions do nothing.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    scheduled: Option<bool>,
}

/// What scales, of an endpoint that is not named yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unbound {
    Variant(String),
    Component(String),
    Serverless(String),
}

impl Default for Unbound {
    fn default() -> Self {
        Self::Variant(String::new())
    }
}

impl Unbound {
    /// What the three fields say.
    pub(super) fn of(
        variant: Option<&Text<ResourceName>>,
        component: Option<&Text<ResourceName>>,
        serverless: Option<&Text<ResourceName>>,
    ) -> Option<Self> {
        let name = |text: &Text<ResourceName>| text.clone().into_string();
        let variant = variant.map(|text| Self::Variant(name(text)));
        let component = component.map(|text| Self::Component(name(text)));
        variant
            .or(component)
            .or(serverless.map(|text| Self::Serverless(name(text))))
    }

    pub(super) fn bound(&self, endpoint: &str) -> Scalable {
        let endpoint = endpoint.to_owned();
        match self.clone() {
            Self::Variant(variant) => Scalable::Instances { endpoint, variant },
            Self::Component(component) => Scalable::Copies { component },
            Self::Serverless(variant) => Scalable::Concurrency { endpoint, variant },
        }
    }
}

impl fmt::Display for Unbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variant(name) => write!(f, "the variant {name}"),
            Self::Component(name) => write!(f, "the component {name}"),
            Self::Serverless(name) => write!(f, "the serverless variant {name}"),
        }
    }
}

impl Item for TargetSection {
    const IDENTIFIED_BY: &[&str] = &["variant", "component", "serverless"];

    fn identity(&self) -> String {
        self.of.to_string()
    }
}

impl TargetSection {
    fn consistent(mut self, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Found::default();
        let given = [
            ("variant", self.variant.is_some()),
            ("component", self.component.is_some()),
            ("serverless", self.serverless.is_some()),
        ];
        exactly_one(&given, at, "what scales", &mut found);
        if self.min.0 > self.max.0 {
            let problem = format!("is more than `max`, which is {}", self.max.0);
            let wrong = Found::one(at.push_key("min"), problem, "at most `max`".to_owned());
            found.and(wrong.beside(at, &["max"]));
        }
        let of = Unbound::of(self.variant.as_ref(), self.component.as_ref(), self.serverless.as_ref());
        if let Some(of) = of {
            for (index, policy) in self.policies().enumerate() {
                let misfit = policy.misfit(&of, at.push_key("policies").push_index(index));
                found.and(misfit.beside(at, &["variant", "component", "serverless"]));
            }
            self.of = of;
        }
        found.or(self)
    }

    pub(super) fn of(&self) -> &Unbound {
        &self.of
    }

    pub(super) fn policies(&self) -> impl Iterator<Item = &PolicySection> {
        self.policies.iter().flat_map(|list| &list.0)
    }

    /// It may be at zero, and none of its policies leaves that at the first request. One that may never be more is meant so.
    pub(super) fn may_stay_at_zero(&self) -> bool {
        self.min.0 == 0 && self.max.0 > 0 && !self.policies().any(PolicySection::leaves_zero)
    }

    pub(super) fn thing(&self, of: Scalable) -> Thing {
        let suspended = self.suspended.unwrap_or_default();
        Thing::Target {
            of,
            min: self.min.0,
            max: self.max.0,
            suspended: Suspended {
                scale_in: suspended.scale_in.unwrap_or(false),
                scale_out: suspended.scale_out.unwrap_or(false),
                scheduled: suspended.scheduled.unwrap_or(false),
            },
        }
    }
}
