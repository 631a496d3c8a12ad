//! Looking at what a restore makes. A call that fails is a fact that is not known, never an error.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use steward::{
    aws::{
        autoscaling::Scaled,
        sagemaker::{Noun, SageMaker},
    },
    backup::{
        definition::{Document, Kind, ScaledThing},
        restore::{Existing, Look, Restoration, Seen, Thing, ThingKind},
    },
    failure::{CallError, Failure},
    text::sentence,
};

use crate::services::Services;

/// Things looked at at the same time.
const AT_ONCE: usize = 8;

/// What the next decision is made from.
pub(super) async fn look(services: &Services<'_>, restoration: &Restoration) -> Look {
    let (wanted, with_scaling) = restoration.needs();
    // Only what was made here has to show whose it is.
    let tagged = wanted.iter().filter(|thing| restoration.intended(thing).is_some());
    let tagged = tagged.cloned().collect();
    let things = things(services, wanted, &tagged).await;
    let scaling = match with_scaling {
        true => scaling(services, restoration).await,
        false => BTreeMap::new(),
    };
    Look { things, scaling }
}

/// Looks at these; of those in `tagged` also at the tags.
pub(super) async fn things(
    services: &Services<'_>,
    wanted: Vec<Thing>,
    tagged: &BTreeSet<Thing>,
) -> BTreeMap<Thing, Seen> {
    let sagemaker = services.looking(services.home()).sagemaker;
    let sagemaker = &sagemaker;
    let looking = wanted.into_iter().map(async |thing| {
        let seen = match described(sagemaker, &thing, tagged.contains(&thing)).await {
            Ok(existing) => Seen::There(existing),
            Err(Unseen::Call(error)) if error.failure == Failure::NotFound => Seen::Absent,
            Err(Unseen::Call(error)) => Seen::Unknown(told(&error)),
            Err(Unseen::Answer(why)) => Seen::Unknown(why),
        };
        (thing, seen)
    });
    stream::iter(looking).buffered(AT_ONCE).collect().await
}

enum Unseen {
    Call(CallError),
    /// What was answered is not what is needed.
    Answer(String),
}

async fn described(sagemaker: &SageMaker, thing: &Thing, tagged: bool) -> Result<Existing, Unseen> {
    let (noun, arn) = match thing.kind {
        ThingKind::Model => (Noun::Model, "ModelArn"),
        ThingKind::Config => (Noun::EndpointConfig, "EndpointConfigArn"),
        ThingKind::Endpoint => (Noun::Endpoint, "EndpointArn"),
        ThingKind::Component => (Noun::InferenceComponent, "InferenceComponentArn"),
    };
    let answer = sagemaker.document(noun, &thing.name).await.map_err(Unseen::Call)?;
    let text = |field: &str| answer.get(field).and_then(Value::as_str).map(str::to_owned);
    let tags = match (tagged, text(arn)) {
        (false, _) => BTreeMap::new(),
        (true, Some(arn)) => match sagemaker.list_tags(&arn).await {
            Ok(tags) => tags,
            // It went in between: the next look says so itself.
            Err(error) => return Err(Unseen::Answer(told(&error))),
        },
        (true, None) => return Err(Unseen::Answer(format!("its description has no {arn}"))),
    };
    let (status, reason) = match thing.kind {
        ThingKind::Model | ThingKind::Config => (None, None),
        ThingKind::Endpoint => (text("EndpointStatus"), text("FailureReason")),
        ThingKind::Component => (text("InferenceComponentStatus"), text("FailureReason")),
    };
    let kind = match thing.kind {
        ThingKind::Model => Some(Kind::Model),
        ThingKind::Config => Some(Kind::Config),
        ThingKind::Component => Some(Kind::Component),
        ThingKind::Endpoint => None,
    };
    let body = match kind {
        None => json!({"EndpointName": thing.name, "EndpointConfigName": text("EndpointConfigName")}),
        Some(kind) => {
            let document = Document::described(kind, Value::Object(answer), BTreeMap::new());
            document.map_err(Unseen::Answer)?.body
        }
    };
    Ok(Existing {
        status,
        reason,
        body,
        tags,
    })
}

/// How a call's failure is told.
pub(super) fn told(error: &CallError) -> String {
    tracing::warn!(%error, advice = error.advice(), "could not look");
    format!("{} {}", sentence(&error.to_string()), error.advice())
}

type Scalings = BTreeMap<(ScaledThing, String), Result<Option<steward::scaling::Scaling>, String>>;

async fn scaling(services: &Services<'_>, restoration: &Restoration) -> Scalings {
    let autoscaling = services.looking(services.home()).autoscaling;
    let autoscaling = &autoscaling;
    let definition = &restoration.plan.definition;
    let looking = definition.scaling.iter().map(async |scaled| {
        let seen = match target(&definition.endpoint, &scaled.of, &scaled.dimension) {
            // Nobody registered what nobody knows how to register.
            None => Ok(None),
            Some(target) => autoscaling.scaling(&target).await.map_err(|error| told(&error)),
        };
        ((scaled.of.clone(), scaled.dimension.clone()), seen)
    });
    stream::iter(looking).buffered(AT_ONCE).collect().await
}

/// What Application Auto Scaling calls it; `None` for a dimension that this build does not know.
pub(super) fn target(endpoint: &str, of: &ScaledThing, dimension: &str) -> Option<Scaled> {
    let resource = match of {
        ScaledThing::Variant(variant) => format!("endpoint/{endpoint}/variant/{variant}"),
        ScaledThing::Component(component) => format!("inference-component/{component}"),
    };
    Scaled::parse(&resource, dimension)
}
