//! What can sleep and be woken, and how it is found in what was seen.

pub use shared::wake::{NoThing, Thing};

use super::look::{Known, Look, ThingSeen};
use crate::{
    endpoint::{Endpoint, EndpointStatus},
    scaling::Scaling,
};

/// A thing as one look found it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen<'a> {
    /// It could not be looked at: why.
    Not(String),
    /// It does not exist, or cannot sleep at all: why.
    Never(String),
    /// There it is.
    There(State<'a>),
}

/// What of it counts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State<'a> {
    /// `VariantName`; of a component its own name.
    pub(super) name: String,
    /// In service now.
    pub(super) current: u32,
    /// Wanted by whoever changed it last.
    pub(super) desired: u32,
    /// SageMaker would take a direct change of its count now.
    pub(super) settled: bool,
    /// What SageMaker says of its failure.
    pub(super) failure: Option<String>,
    /// The rest of what was looked at.
    pub(super) more: Option<&'a ThingSeen>,
}

impl State<'_> {
    /// Its scalable target, as far as it is known.
    pub(super) fn scaling(&self) -> Known<Option<&Scaling>> {
        match self.more.and_then(|more| more.scaling.as_ref()) {
            None => Known::No("its scalable target was not looked at".to_owned()),
            Some(Known::No(why)) => Known::No(format!("its scalable target could not be described: {why}")),
            Some(Known::Yes(scaling)) => Known::Yes(scaling.as_ref()),
        }
    }
}

/// Finds a thing in a look. `variant` is the one that the fleet file names.
pub(super) fn find<'a>(look: &'a Look, thing: &Thing, variant: Option<&str>) -> Seen<'a> {
    let endpoint = match &look.endpoint {
        Known::No(why) => return Seen::Not(format!("the endpoint could not be described: {why}")),
        Known::Yes(None) => return Seen::Never("the endpoint does not exist".to_owned()),
        Known::Yes(Some(endpoint)) => endpoint,
    };
    if endpoint.status == EndpointStatus::Deleting {
        return Seen::Never("the endpoint is being deleted".to_owned());
    }
    let more = look.things.get(thing);
    match thing {
        Thing::Variant => of_variant(endpoint, more, variant),
        Thing::Component(name) => of_component(endpoint, more, name),
    }
}

fn of_variant<'a>(endpoint: &Endpoint, more: Option<&'a ThingSeen>, wanted: Option<&str>) -> Seen<'a> {
    if !endpoint.asynchronous {
        let said = "the endpoint is not asynchronous: its instances cannot be none, only its inference components can";
        return Seen::Never(said.to_owned());
    }
    let mut variants = endpoint.variants.iter().filter(|variant| !variant.serverless);
    let found = match wanted {
        None => variants.next(),
        Some(name) => variants.find(|variant| variant.name == name),
    };
    let Some(variant) = found else {
        let said = match wanted {
            Some(name) => format!("it has no variant {name} with instances"),
            None => "it has no variant with instances".to_owned(),
        };
        return match endpoint.status.in_transition() {
            true => Seen::Not(said),
            false => Seen::Never(said),
        };
    };
    let current = variant.current_instances.unwrap_or(0);
    Seen::There(State {
        name: variant.name.clone(),
        current,
        desired: variant.desired_instances.unwrap_or(current),
        settled: endpoint.status == EndpointStatus::InService,
        failure: endpoint.failure_reason.clone(),
        more,
    })
}

fn of_component<'a>(endpoint: &Endpoint, more: Option<&'a ThingSeen>, name: &str) -> Seen<'a> {
    let copies = match more.and_then(|more| more.component.as_ref()) {
        None => return Seen::Not(format!("component {name} was not looked at")),
        Some(Known::No(why)) => return Seen::Not(format!("component {name} could not be described: {why}")),
        Some(Known::Yes(None)) => return Seen::Never(format!("there is no component {name}")),
        Some(Known::Yes(Some(copies))) => copies,
    };
    if copies.endpoint != endpoint.name {
        return Seen::Never(format!("component {name} belongs to endpoint {}", copies.endpoint));
    }
    let current = copies.current.unwrap_or(0);
    Seen::There(State {
        name: name.to_owned(),
        current,
        desired: copies.desired.unwrap_or(current),
        settled: copies.status == "InService" && endpoint.status == EndpointStatus::InService,
        failure: copies.failure.clone(),
        more,
    })
}
