//! Under which names a restore or drill makes what it makes, and what is there already and used as it is.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    look::{Existing, Look, Seen},
    mark::MARK,
    plan::Ask,
    record::{Kind, Thing, ThingKind},
};
use crate::{
    backup::{
        definition::{self, Definition, Document},
        images::EcrImage,
        names::suffixed,
        references::each_text_mut,
        rewrite::{self, Renames},
    },
    text::sentence,
};

/// The instances that a variant begins with.
const COUNT: &str = "InitialInstanceCount";

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Called {
    /// Everything under the names that it gets.
    pub definition: Definition,
    /// What is there already as it has to be.
    pub reused: Vec<Thing>,
    /// What stands against it.
    pub problems: Vec<String>,
    /// What could not be seen.
    pub unseen: Vec<String>,
    /// What people should know.
    pub notes: Vec<String>,
}

/// Decides it for a definition under the names that are wished for, and with the `suffix` of those that it may get instead.
///
/// Documents name each other, so a new name of one may make another of that which names it: they are decided in the order
/// in which they are made, each as it is under the names decided before.
pub(super) fn called(wished: &Definition, suffix: Option<&str>, ask: &Ask<'_>, look: &Look) -> Called {
    let made = format!("{}/{}-", ask.point.1.endpoint, Kind::Restore.as_str());
    let restored = match look.things.get(&Thing::endpoint(&wished.endpoint)) {
        Some(Seen::There(existing)) => {
            let mark = existing.tags.get(MARK);
            existing.is("InService") && mark.is_some_and(|mark| mark.starts_with(&made))
        }
        _ => false,
    };
    let deployed = ask.point.1.source.deployed.iter();
    let mut names = Names {
        look,
        suffix,
        renames: Renames::default(),
        resumed: false,
        region: &ask.policy.vault.region,
        served: deployed.map(|one| one.digest.as_str()).collect(),
        restored,
        decided: Called {
            definition: wished.clone(),
            reused: vec![],
            problems: vec![],
            unseen: vec![],
            notes: vec![],
        },
    };
    let (components, shared): (Vec<_>, Vec<_>) = wished
        .documents()
        .partition(|(kind, _)| *kind == definition::Kind::Component);
    for (kind, document) in shared {
        names.decide(wished, kind, document);
    }
    names.resumed = names.resumes(ask, &components);
    names.endpoint();
    for (kind, document) in components {
        names.decide(wished, kind, document);
    }
    // A plan says what is there, where that is used.
    let config = &names.decided.definition.config;
    let thing = Thing::of(definition::Kind::Config, &config.name);
    if let Some(Seen::There(existing)) = look
        .things
        .get(&thing)
        .filter(|_| names.decided.reused.contains(&thing))
    {
        let body = names.begun_with(config, existing);
        names.decided.definition.config.body = body;
    }
    names.decided
}

struct Names<'a> {
    look: &'a Look,
    suffix: Option<&'a str>,
    renames: Renames,
    /// The endpoint is one that an earlier restore made.
    resumed: bool,
    /// Where everything is made.
    region: &'a str,
    /// Digests of the builds that served.
    served: BTreeSet<&'a str>,
    /// The endpoint is there, in service, and a restore of this endpoint made it.
    restored: bool,
    /// So far.
    decided: Called,
}

/// A name, as far as it can be had.
enum Name {
    Free,
    /// What has it is what would be made.
    Same,
    Taken,
    /// What has it is a component that an endpoint left behind, which is gone.
    Left,
}

impl Names<'_> {
    fn decide(&mut self, wished: &Definition, kind: definition::Kind, document: &Document) {
        let thing = Thing::of(kind, &document.name);
        let other = self.suffix.map(|suffix| suffixed(&thing.name, suffix));
        // What the endpoint that is there was made with comes first: at another hour the other name may be as good.
        let serves = other.as_deref().is_some_and(|other| self.serves_with(kind, other));
        match self.look_at(&thing) {
            _ if serves => {}
            Name::Free => return,
            Name::Same => return self.decided.reused.push(thing),
            Name::Left => return self.left(&thing),
            Name::Taken => {}
        }
        let Some(other) = other else {
            return self.decided.problems.push(format!(
                "The {thing} is there already, and has the name that this drill would use; delete it if nobody needs it."
            ));
        };
        let renamed = Thing {
            name: other,
            ..thing.clone()
        };
        self.renames
            .documents
            .insert((kind, document.name.clone()), renamed.name.clone());
        self.decided.definition = rewrite::renamed(wished, &self.renames);
        match self.look_at(&renamed) {
            Name::Free => self.decided.notes.push(format!(
                "there is another {thing} already, so the new one is called {}",
                renamed.name
            )),
            Name::Same => self.decided.reused.push(renamed),
            Name::Left => self.left(&renamed),
            Name::Taken => self.decided.problems.push(format!(
                "There is another {thing} already, and another {renamed} too, which is the name it would get instead. \
                 Delete one of them if nobody needs it, or restore from another `point`."
            )),
        }
    }

    /// Compares what has a name with what would be made under it.
    fn look_at(&mut self, thing: &Thing) -> Name {
        match self.look.things.get(thing) {
            Some(Seen::Absent) => Name::Free,
            Some(Seen::Unknown(why)) => {
                let why = sentence(why);
                let said = format!("Whether the {thing} exists could not be seen: {why}");
                self.decided.unseen.push(said);
                Name::Free
            }
            None => {
                let said = format!("Whether the {thing} exists was not looked for.");
                self.decided.unseen.push(said);
                Name::Free
            }
            // A component serves one endpoint, so one that is the same is another's unless that endpoint is there.
            Some(Seen::There(existing))
                if self.is_as_wished(thing, existing) && (thing.kind != ThingKind::Component || self.resumed) =>
            {
                Name::Same
            }
            Some(Seen::There(existing)) if self.left_of(thing, existing).is_some() => Name::Left,
            Some(Seen::There(_)) => Name::Taken,
        }
    }

    /// The endpoint that left the component behind: it is gone, and `DeleteEndpoint` deletes no components.
    fn left_of<'b>(&self, thing: &Thing, existing: &'b Existing) -> Option<&'b str> {
        let endpoint = served_by(thing, existing)?;
        let seen = self.look.things.get(&Thing::endpoint(endpoint));
        (seen == Some(&Seen::Absent)).then_some(endpoint)
    }

    /// Beside what an endpoint left behind nothing is made under another name: clients and probes name components.
    fn left(&mut self, thing: &Thing) {
        let Some(Seen::There(existing)) = self.look.things.get(thing) else {
            return;
        };
        let Some(endpoint) = self.left_of(thing, existing) else {
            return;
        };
        let (name, region) = (&thing.name, self.region);
        let said = match existing.is("Deleting") {
            true => {
                format!("The {thing}, left of the endpoint {endpoint}, is still being deleted: wait until it is gone.")
            }
            false => format!(
                "The {thing} is left of the endpoint {endpoint}, which is gone. Delete it, and wait until it is gone: \
                 `aws sagemaker delete-inference-component --inference-component-name {name} --region {region}`."
            ),
        };
        self.decided.problems.push(said);
    }

    fn is_as_wished(&self, thing: &Thing, existing: &Existing) -> bool {
        let mut documents = self.decided.definition.documents();
        documents.any(|(kind, document)| {
            Thing::of(kind, &document.name) == *thing
                && match kind {
                    definition::Kind::Config => is_same(&self.begun_with(document, existing), existing),
                    definition::Kind::Model | definition::Kind::Component => {
                        is_same(&document.body, existing)
                            || is_same(&self.pulled_as(&document.body, existing), existing)
                    }
                }
        })
    }

    /// A body with the images as the existing one names them, where that differs only in saying the tag or the build behind
    /// it: which of them a plan says depends on what the registry answered. A digest has to be the one that served; a tag
    /// says nothing of what runs, so it counts where an earlier restore of this endpoint serves with it.
    fn pulled_as(&self, body: &Value, existing: &Existing) -> Value {
        let mut pulled = body.clone();
        each_text_mut(&mut pulled, &mut |pointer, wished| {
            let there = existing.body.pointer(pointer).and_then(Value::as_str);
            let images = EcrImage::parse(wished).zip(there.and_then(EcrImage::parse));
            let is_named_alike = images.is_some_and(|(wished, there)| match (wished.digest(), there.digest()) {
                (None, Some(digest)) => self.served.contains(digest) && wished.pinned(digest) == there.to_string(),
                (Some(digest), None) => self.restored && wished.to_string() == there.pinned(digest),
                _ => false,
            });
            if let Some(there) = there.filter(|_| is_named_alike) {
                there.clone_into(wished);
            }
        });
        pulled
    }

    /// The endpoint that is there has this config.
    fn serves_with(&self, kind: definition::Kind, config: &str) -> bool {
        let endpoint = Thing::endpoint(&self.decided.definition.endpoint);
        match self.look.things.get(&endpoint) {
            Some(Seen::There(existing)) if kind == definition::Kind::Config => {
                text(existing, "EndpointConfigName") == Some(config)
            }
            _ => false,
        }
    }

    /// A config with the instances that the existing one begins with, where they do: how many are wanted depends on the hour
    /// at which the plan is made. They do where the endpoint is there with them. Where registering a range does the rest, they
    /// do when there are enough; and under the name that only restores of this point give, whatever they are.
    fn begun_with(&self, config: &Document, existing: &Existing) -> Value {
        let serves = self.serves_with(definition::Kind::Config, &config.name);
        let given = self.renames.documents.values().any(|name| *name == config.name);
        let is_scaled = |variant: &str| {
            let mut scaling = self.decided.definition.scaling.iter();
            scaling.any(|scaled| scaled.counts_instances_of(variant))
        };
        let mut body = config.body.clone();
        for list in ["ProductionVariants", "ShadowProductionVariants"] {
            let there = existing.body.get(list).and_then(Value::as_array);
            let wished = body.get_mut(list).and_then(Value::as_array_mut);
            for (wished, there) in wished.into_iter().flatten().zip(there.into_iter().flatten()) {
                let count = |variant: &Value| variant.get(COUNT).and_then(Value::as_u64);
                let (Some(wants), Some(has)) = (count(wished), count(there)) else {
                    continue;
                };
                let name = wished.get("VariantName").and_then(Value::as_str).unwrap_or_default();
                if serves || (is_scaled(name) && (given || has >= wants)) {
                    wished[COUNT] = has.into();
                }
            }
        }
        body
    }

    fn endpoint(&mut self) {
        let thing = Thing::endpoint(&self.decided.definition.endpoint);
        if matches!(self.look_at(&thing), Name::Free) {
            return;
        }
        if self.resumed {
            self.decided.notes.push(format!(
                "the {thing} is there already, made by an earlier restore; what it lacks is done"
            ));
            self.decided.reused.push(thing);
        } else {
            self.decided.problems.push(format!(
                "There is an endpoint {} already. Restore under another `name`, for which the fleet file here needs an entry, \
                 or delete it first if it is not needed.",
                thing.name
            ));
        }
    }

    /// The endpoint is one that an earlier restore made from this definition, and it serves: that restore ended before all
    /// was done. Models and config are decided.
    fn resumes(&self, ask: &Ask<'_>, components: &[(definition::Kind, &Document)]) -> bool {
        let Definition { endpoint, config, .. } = &self.decided.definition;
        let Some(Seen::There(existing)) = self.look.things.get(&Thing::endpoint(endpoint)) else {
            return false;
        };
        let mut shared = things(&self.decided.definition).filter(|thing| thing.kind != ThingKind::Component);
        ask.kind == Kind::Restore
            && self.restored
            && text(existing, "EndpointConfigName") == Some(&config.name)
            && shared.all(|thing| self.decided.reused.contains(&thing))
            && components.iter().all(|(kind, document)| {
                let thing = Thing::of(*kind, &document.name);
                match self.look.things.get(&thing) {
                    // One of this endpoint that is another by now was changed since: nothing is made beside it.
                    Some(Seen::There(there)) => {
                        self.is_as_wished(&thing, there) || served_by(&thing, there) != Some(endpoint)
                    }
                    // A component may be what is still lacking.
                    _ => true,
                }
            })
    }
}

/// The endpoint of a component, by its name.
pub(super) fn served_by<'a>(thing: &Thing, existing: &'a Existing) -> Option<&'a str> {
    text(existing, "EndpointName").filter(|_| thing.kind == ThingKind::Component)
}

/// How many copies a component has moves on with its load, and says nothing of what it is.
fn is_same(wished: &Value, existing: &Existing) -> bool {
    let without_copies = |body: &Value| {
        let mut body = body.clone();
        if let Some(runtime) = body.get_mut("RuntimeConfig").and_then(Value::as_object_mut) {
            runtime.remove("CopyCount");
        }
        body
    };
    *wished == existing.body || without_copies(wished) == without_copies(&existing.body)
}

fn text<'a>(existing: &'a Existing, field: &str) -> Option<&'a str> {
    existing.body.get(field)?.as_str()
}

fn things(definition: &Definition) -> impl Iterator<Item = Thing> {
    let documents = definition.documents();
    documents.map(|(kind, document)| Thing::of(kind, &document.name))
}
