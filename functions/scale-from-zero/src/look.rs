//! Looking at what a decision asks for. A call that fails is a fact that is not known, never an error.

use std::{collections::BTreeMap, future::Future};

use futures::future::join_all;
use steward::{
    aws::autoscaling::Scaled,
    endpoint::Endpoint,
    failure::{CallError, Failure},
    text::sentence,
    wake::{Known, Look, Needs, Thing, ThingNeeds, ThingSeen, others},
};

use crate::services::Services;

/// Looks at the endpoint and at its components at the same time, then at what is known only by the endpoint. `variant` is
/// the one that the fleet file names.
pub(crate) async fn look(services: &Services<'_>, endpoint: &str, variant: Option<&str>, needs: &Needs) -> Look {
    let at = services.now();
    let described = async { there(services.looking.sagemaker.describe_endpoint(endpoint).await) };
    let components = needs.things.iter().filter_map(|(thing, needs)| match thing {
        Thing::Variant => None,
        Thing::Component(name) => Some(async move { (thing.clone(), component(services, name, needs).await) }),
    });
    let together = Box::pin(async { tokio::join!(described, join_all(components)) });
    let (described, seen) = together.await;
    let mut things: BTreeMap<Thing, ThingSeen> = seen.into_iter().collect();
    let slept = sleeps(&described, variant);
    let queue = maybe(needs.things.get(&Thing::Variant), async |needs| {
        queue(services, endpoint, slept.as_deref(), needs).await
    });
    let pools = maybe(needs.pools.then_some(()), async |()| {
        pools(services, &described, needs, slept.as_deref()).await
    });
    let (queue, pools) = Box::pin(async { tokio::join!(queue, pools) }).await;
    things.extend(queue.map(|seen| (Thing::Variant, seen)));
    for (thing, seen) in &mut things {
        if in_service(thing, seen, &described, slept.as_deref()) {
            leave_out_probes(services, endpoint, thing, seen).await;
        }
    }
    Look {
        at,
        endpoint: described,
        things,
        pools,
    }
}

/// What has no capacity is not probed.
fn in_service(thing: &Thing, seen: &ThingSeen, described: &Known<Option<Endpoint>>, variant: Option<&str>) -> bool {
    let current = match thing {
        Thing::Variant => {
            let endpoint = described.yes().and_then(Option::as_ref);
            let mut variants = endpoint.into_iter().flat_map(|endpoint| &endpoint.variants);
            let found = variants.find(|one| Some(one.name.as_str()) == variant);
            found.and_then(|one| one.current_instances)
        }
        Thing::Component(_) => {
            let copies = seen.component.as_ref().and_then(Known::yes).and_then(Option::as_ref);
            copies.and_then(|copies| copies.current)
        }
    };
    current.is_some_and(|count| count > 0)
}

/// The health checker's own probes are nobody's use. Read after the metrics, so that what these show is in it.
async fn leave_out_probes(services: &Services<'_>, endpoint: &str, thing: &Thing, seen: &mut ThingSeen) {
    if let Some(Known::Yes(minutes)) = &mut seen.minutes
        && let Some(health) = services.health().await
    {
        let (own, awaited) = health.own_work(endpoint, thing, services.now());
        *minutes = others(std::mem::take(minutes), &own);
        seen.awaited = awaited;
    }
}

/// The variant that sleeps.
fn sleeps(described: &Known<Option<Endpoint>>, variant: Option<&str>) -> Option<String> {
    if let Some(name) = variant {
        return Some(name.to_owned());
    }
    let endpoint = described.yes()?.as_ref()?;
    let first = endpoint.variants.iter().find(|variant| !variant.serverless);
    first.map(|variant| variant.name.clone())
}

async fn queue(services: &Services<'_>, endpoint: &str, variant: Option<&str>, needs: &ThingNeeds) -> ThingSeen {
    let Some(variant) = variant else {
        let nothing = || "the endpoint has no variant that is known".to_owned();
        return ThingSeen {
            component: None,
            scaling: needs.scaling.then(|| Known::No(nothing())),
            minutes: needs.minutes.map(|_| Known::No(nothing())),
            activities: needs.activities.map(|_| Known::No(nothing())),
            awaited: false,
        };
    };
    let scaled = Scaled::VariantInstances {
        endpoint: endpoint.to_owned(),
        variant: variant.to_owned(),
    };
    let minutes = maybe(needs.minutes, async |from| {
        let (cloudwatch, now) = (&services.looking.cloudwatch, services.now());
        known(cloudwatch.queue_minutes(endpoint, variant, from, now).await)
    });
    let seen = Box::pin(async { tokio::join!(scales(services, &scaled, needs), minutes) });
    let (seen, minutes) = seen.await;
    ThingSeen { minutes, ..seen }
}

async fn component(services: &Services<'_>, name: &str, needs: &ThingNeeds) -> ThingSeen {
    let scaled = Scaled::ComponentCopies {
        component: name.to_owned(),
    };
    let described = async { there(services.looking.sagemaker.copies(name).await) };
    let minutes = maybe(needs.minutes, async |from| {
        let (cloudwatch, now) = (&services.looking.cloudwatch, services.now());
        known(cloudwatch.component_minutes(name, from, now).await)
    });
    let seen = Box::pin(async { tokio::join!(described, scales(services, &scaled, needs), minutes) });
    let (described, seen, minutes) = seen.await;
    ThingSeen {
        component: Some(described),
        minutes,
        ..seen
    }
}

async fn scales(services: &Services<'_>, scaled: &Scaled, needs: &ThingNeeds) -> ThingSeen {
    let autoscaling = &services.looking.autoscaling;
    let scaling = maybe(needs.scaling.then_some(()), async |()| {
        known(autoscaling.scaling(scaled).await)
    });
    let activities = maybe(needs.activities, async |from| {
        known(autoscaling.activities(scaled, from).await)
    });
    let (scaling, activities) = tokio::join!(scaling, activities);
    ThingSeen {
        scaling,
        activities,
        ..ThingSeen::default()
    }
}

/// Those of the variant that sleeps, or, for components, of all.
async fn pools(
    services: &Services<'_>,
    described: &Known<Option<Endpoint>>,
    needs: &Needs,
    variant: Option<&str>,
) -> Known<Vec<String>> {
    let endpoint = described.yes().and_then(Option::as_ref);
    let Some(config) = endpoint.and_then(|endpoint| endpoint.config.as_deref()) else {
        return Known::No("the endpoint's config is not known".to_owned());
    };
    let variant = variant.filter(|_| needs.things.contains_key(&Thing::Variant));
    known(services.looking.sagemaker.instance_pools(config, variant).await)
}

async fn maybe<N, T, F: Future<Output = T>>(needed: Option<N>, ask: impl FnOnce(N) -> F) -> Option<T> {
    match needed {
        Some(needed) => Some(ask(needed).await),
        None => None,
    }
}

fn known<T>(asked: Result<T, CallError>) -> Known<T> {
    match asked {
        Ok(fact) => Known::Yes(fact),
        Err(call) => {
            tracing::warn!(%call, advice = call.advice(), "could not look");
            Known::No(format!("{} {}", sentence(&call.to_string()), call.advice()))
        }
    }
}

/// What is not found is known not to be there.
fn there<T>(asked: Result<T, CallError>) -> Known<Option<T>> {
    match asked {
        Err(call) if call.failure == Failure::NotFound => Known::Yes(None),
        asked => known(asked.map(Some)),
    }
}
