//! `wake`: which endpoints may sleep, how they are woken, and when they are awake by schedule.

use std::{borrow::Cow, collections::BTreeSet, time::Duration};

use deserr::{Deserr, IntoValue, Sequence as _, Value, ValuePointerRef};
use jiff::tz::TimeZone;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{
    backup::Wrong,
    maintenance::Zone,
    text::{ResourceName, Text, Words},
};
use crate::{
    cron::{Cron, CronError},
    quantity::{SpanWithin, Whole},
    wake::{Prewarm, WakePolicy},
    yaml::{Found, quoted},
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const MAX_INSTANCES: u32 = 4;

/// How an asynchronous endpoint, or its inference components, are woken from zero and put to sleep.
#[derive(Clone, Debug, PartialEq, Default, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Wake")]
pub(crate) struct WakeSection {
    /// Wake this endpoint, and put it to sleep. Its alarms lead to scale-from-zero; what they do not tell, its sweep finds.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    enabled: Option<bool>,
    /// The variant of an asynchronous endpoint; when not given, the first that has instances.
    #[deserr(default)]
    #[schemars(extend("examples" = ["main"]))]
    variant: Option<Text<ResourceName>>,
    /// The inference components that sleep. With none, the instances of an asynchronous endpoint do.
    #[deserr(default)]
    #[schemars(extend("default" = [], "examples" = [["llm-7b"]]))]
    components: Option<Components>,
    /// Instances, or copies of each component, to begin with; more where `per_instance` says so.
    #[deserr(default)]
    #[schemars(extend("default" = 1))]
    instances: Option<Whole<1, 1000>>,
    /// No more than these are begun with, however many requests wait.
    #[deserr(default)]
    #[schemars(extend("default" = 4))]
    max_instances: Option<Whole<1, 1000>>,
    /// So many waiting requests for each instance. When not given: 5 for an asynchronous endpoint; for components, whose
    /// requests are refused and come again, `instances` whatever was refused.
    #[deserr(default)]
    #[schemars(extend("examples" = [5]))]
    per_instance: Option<Whole<1, 1_000_000>>,
    /// What came into service is left there so long at least, and nothing is put to sleep so soon after a wake.
    #[deserr(default)]
    #[schemars(extend("default" = "10m"))]
    cooldown: Option<SpanWithin<{ 5 * MINUTE }, DAY>>,
    /// Without capacity in service, and then without one request that succeeded, for so long a wake has failed. Holds for
    /// each of the instance pools that the endpoint's config has.
    #[deserr(default)]
    #[schemars(extend("default" = "30m"))]
    deadline: Option<SpanWithin<{ 10 * MINUTE }, { 6 * HOUR }>>,
    /// Put to sleep after so long without any request but those of its health probes. When not given, only its scaling policies or people do that.
    #[deserr(default)]
    #[schemars(extend("examples" = ["30m"]))]
    idle_after: Option<SpanWithin<{ 10 * MINUTE }, DAY>>,
    /// When it is awake before anybody asks.
    #[deserr(default)]
    #[schemars(extend("default" = []))]
    prewarm: Option<Prewarms>,
}

/// When it is awake by schedule.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Prewarm")]
struct PrewarmSection {
    /// What it is for; no two of an endpoint have the same.
    #[schemars(example = "office hours")]
    name: Text<Words>,
    /// When it begins: a cron expression of AWS.
    #[schemars(example = "0 8 ? * MON-FRI *")]
    cron: Schedule,
    /// Whose wall clock: an IANA time zone.
    #[deserr(default)]
    #[schemars(example = "Europe/Berlin", extend("default" = "UTC"))]
    zone: Option<Zone>,
    /// How long it stays awake; afterwards it is let go when its work has drained.
    #[deserr(rename = "for")]
    #[schemars(rename = "for", example = "10h")]
    lasts: SpanWithin<{ 5 * MINUTE }, { 7 * DAY }>,
    /// Instances or copies.
    #[deserr(default)]
    #[schemars(extend("default" = 1))]
    instances: Option<Whole<1, 1000>>,
}

/// A cron expression.
#[derive(Clone, Debug, PartialEq)]
struct Schedule(Cron);

impl Deserr<Found> for Schedule {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::String(text) => text.parse().map(Self).map_err(|error: CronError| {
                let problem = format!("{} is no cron expression of AWS: {}", quoted(&text), error.problem);
                Found::one(at, problem, Cron::FORM.to_owned())
            }),
            other => Err(Found::kind(at, other, Cron::FORM)),
        }
    }
}

impl JsonSchema for Schedule {
    fn schema_name() -> Cow<'static, str> {
        "Schedule".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "title": "a cron expression of AWS" })
    }
}

macro_rules! lists {
    ($($list:ident of $item:ty, at most $most:literal, each named by $name:expr;)*) => {$(
        /// A list without the same thing twice.
        #[derive(Clone, Debug, PartialEq, Default)]
        struct $list(Vec<$item>);

        impl Deserr<Found> for $list {
            fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
                let form = || format!("a list of at most {}", $most);
                let items = match value {
                    Value::Sequence(items) => items,
                    other => return Err(Found::kind(at, other, form())),
                };
                let mut found = Found::default();
                if items.len() > $most {
                    return Err(Found::one(at, format!("there are {}", items.len()), form()));
                }
                let (mut list, mut names) = (Vec::new(), BTreeSet::new());
                for (index, item) in items.into_iter().enumerate() {
                    let at = at.push_index(index);
                    match <$item>::deserialize_from_value(item.into_value(), at) {
                        Ok(item) => {
                            let name: fn(&$item) -> String = $name;
                            if !names.insert(name(&item)) {
                                found.and(Found::one(at, "is here for the second time", None).whatever_is_in_it());
                            }
                            list.push(item);
                        }
                        Err(more) => found.and(more),
                    }
                }
                found.or(Self(list))
            }
        }

        impl JsonSchema for $list {
            fn schema_name() -> Cow<'static, str> {
                stringify!($list).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let mut schema = Vec::<$item>::json_schema(generator);
                schema.insert("maxItems".to_owned(), $most.into());
                schema
            }
        }
    )*};
}

lists! {
    Components of Text<ResourceName>, at most 50, each named by |name| name.clone().into_string();
    Prewarms of PrewarmSection, at most 20, each named by |prewarm| prewarm.name.clone().into_string();
}

impl WakeSection {
    /// What this layer says, and below it what `under` says. Lists are replaced as a whole.
    pub(super) fn over(self, under: Self) -> Self {
        Self {
            enabled: self.enabled.or(under.enabled),
            variant: self.variant.or(under.variant),
            components: self.components.or(under.components),
            instances: self.instances.or(under.instances),
            max_instances: self.max_instances.or(under.max_instances),
            per_instance: self.per_instance.or(under.per_instance),
            cooldown: self.cooldown.or(under.cooldown),
            deadline: self.deadline.or(under.deadline),
            idle_after: self.idle_after.or(under.idle_after),
            prewarm: self.prewarm.or(under.prewarm),
        }
    }

    /// This layer says something of the field.
    pub(super) fn says(&self, field: &str) -> bool {
        match field {
            "instances" => self.instances.is_some(),
            "prewarm" => self.prewarm.is_some(),
            "variant" => self.variant.is_some(),
            "max_instances" => self.max_instances.is_some(),
            "components" => self.components.is_some(),
            "enabled" => self.enabled.is_some(),
            _ => false,
        }
    }

    /// The instances of this variant are woken. The `only` one goes by whatever name the last rollout gave it.
    pub(super) fn wakes_variant(&self, variant: &str, only: bool) -> bool {
        let named = self.variant.as_ref();
        let components = self.components.iter().flat_map(|list| &list.0);
        self.enabled == Some(true)
            && components.count() == 0
            && named.is_none_or(|named| only || named.as_str() == variant)
    }

    /// The copies of this inference component are woken.
    pub(super) fn wakes_component(&self, component: &str) -> bool {
        let mut components = self.components.iter().flat_map(|list| &list.0);
        self.enabled == Some(true) && components.any(|named| named.as_str() == component)
    }

    /// What contradicts itself.
    pub(super) fn contradictions(&self) -> Vec<Wrong> {
        let mut wrong: Vec<Wrong> = vec![];
        let most = self.max_instances.map_or(MAX_INSTANCES, |number| number.0);
        if self.instances.is_some_and(|number| number.0 > most) {
            let problem = format!("is more than `max_instances`, which is {most}");
            wrong.push(("instances", problem, "at most `max_instances`", &["max_instances"]));
        }
        let prewarmed = self.prewarm.iter().flat_map(|list| &list.0);
        let highest = prewarmed
            .filter_map(|prewarm| prewarm.instances)
            .map(|number| number.0)
            .max();
        if highest.is_some_and(|count| count > most) {
            let problem = format!("asks for more than `max_instances`, which is {most}");
            let accepted = "at most `max_instances` for each";
            wrong.push(("prewarm", problem, accepted, &["max_instances"]));
        }
        let components = self.components.as_ref().is_some_and(|list| !list.0.is_empty());
        if components && self.variant.is_some() {
            let problem = "names a variant, and `components` make it sleep copy by copy".to_owned();
            wrong.push(("variant", problem, "either `variant` or `components`", &["components"]));
        }
        wrong
    }

    /// The whole policy; `None` when the endpoint is not woken.
    pub(super) fn resolve(self) -> Option<WakePolicy> {
        if self.enabled != Some(true) {
            return None;
        }
        let components = self.components.unwrap_or_default().0;
        Some(WakePolicy {
            variant: self.variant.map(Text::into_string),
            components: components.into_iter().map(Text::into_string).collect(),
            instances: self.instances.map_or(1, |number| number.0),
            max_instances: self.max_instances.map_or(MAX_INSTANCES, |number| number.0),
            per_instance: self.per_instance.map(|number| number.0),
            cooldown: self
                .cooldown
                .map_or(Duration::from_millis(10 * MINUTE), SpanWithin::duration),
            deadline: self
                .deadline
                .map_or(Duration::from_millis(30 * MINUTE), SpanWithin::duration),
            idle_after: self.idle_after.map(SpanWithin::duration),
            prewarm: self
                .prewarm
                .unwrap_or_default()
                .0
                .into_iter()
                .map(PrewarmSection::resolve)
                .collect(),
        })
    }
}

impl PrewarmSection {
    fn resolve(self) -> Prewarm {
        Prewarm {
            name: self.name.into_string(),
            cron: self.cron.0,
            zone: self.zone.map_or(TimeZone::UTC, |zone| zone.0),
            lasts: self.lasts.duration(),
            instances: self.instances.map_or(1, |number| number.0),
        }
    }
}
