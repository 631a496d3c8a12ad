//! Which endpoints may sleep: what the fleet file selects of what SageMaker lists.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use steward::{
    failure::{CallError, Failure},
    fleet::Fleet,
    wake::WakePolicy,
};

use crate::services::Services;

/// Tags seldom change, and `ListTags` is a call for each endpoint: they are asked again after this.
const TAGS_LAST: Duration = Duration::from_secs(600);

/// Tags read at the same time.
const AT_ONCE: usize = 16;

type Tags = BTreeMap<String, String>;

/// Tags by ARN, kept between warm invocations.
#[derive(Debug, Default)]
pub(crate) struct TagCache(Mutex<BTreeMap<String, (Timestamp, Tags)>>);

impl TagCache {
    fn get(&self, arn: &str, now: Timestamp) -> Option<Tags> {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.retain(|_, (at, _)| Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < TAGS_LAST));
        cache.get(arn).map(|(_, tags)| tags.clone())
    }

    fn put(&self, arn: &str, now: Timestamp, tags: &Tags) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.insert(arn.to_owned(), (now, tags.clone()));
    }
}

/// What there is to wake.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    /// By endpoint.
    pub(crate) policies: BTreeMap<String, WakePolicy>,
    /// Why some endpoint may be missing.
    pub(crate) trouble: Option<String>,
}

/// Every endpoint that may sleep. What cannot be listed or whose tags cannot be read is missing, and that is said.
pub(crate) async fn all(services: &Services<'_>, fleet: &Fleet) -> Selected {
    let mut selected = Selected::default();
    for name in fleet.named() {
        if let Some(policy) = fleet.wake_for(name, None) {
            selected.policies.insert(name.to_owned(), policy);
        }
    }
    if !fleet.selects_by_pattern() {
        return selected;
    }
    let listed = match services.looking.sagemaker.list_endpoints().await {
        Ok(listed) => listed,
        Err(call) => {
            tracing::warn!(%call, "no list of endpoints; those that are named are looked at");
            selected.trouble = Some(format!("{call}. {}", call.advice()));
            return selected;
        }
    };
    let reading = listed.into_iter().map(async |endpoint| {
        let tags = match fleet.selects_by_tags_of(&endpoint.name) {
            true => tags(services, &endpoint.arn).await.map(Some),
            false => Ok(None),
        };
        (endpoint.name, tags)
    });
    let read: Vec<(String, Result<Option<Tags>, CallError>)> =
        stream::iter(reading).buffer_unordered(AT_ONCE).collect().await;
    for (name, tags) in read {
        match tags {
            Ok(tags) => match fleet.wake_for(&name, tags.as_ref()) {
                Some(policy) => drop(selected.policies.insert(name, policy)),
                None => drop(selected.policies.remove(&name)),
            },
            Err(call) => {
                tracing::warn!(endpoint = name, %call, "no tags, so nobody knows whether it may sleep");
                selected.trouble = Some(format!("{call}. {}", call.advice()));
            }
        }
    }
    selected
}

/// How one endpoint is woken; `None` when it is not. An endpoint that is gone is selected by its name alone.
///
/// # Errors
/// When tags decide and cannot be read.
pub(crate) async fn one(
    services: &Services<'_>,
    fleet: &Fleet,
    endpoint: &str,
) -> Result<Option<WakePolicy>, CallError> {
    if !fleet.selects_by_tags_of(endpoint) {
        return Ok(fleet.wake_for(endpoint, None));
    }
    let arn = match services.looking.sagemaker.describe_endpoint(endpoint).await {
        Ok(described) => described.arn,
        Err(call) if call.failure == Failure::NotFound => return Ok(fleet.wake_for(endpoint, None)),
        Err(call) => return Err(call),
    };
    let tags = tags(services, &arn).await?;
    Ok(fleet.wake_for(endpoint, Some(&tags)))
}

/// The endpoint of an inference component: the fleet file says it, or SageMaker. `None` when there is no such component.
///
/// # Errors
/// When SageMaker cannot be asked.
pub(crate) async fn endpoint_of(
    services: &Services<'_>,
    fleet: &Fleet,
    component: &str,
) -> Result<Option<String>, CallError> {
    let names = |policy: WakePolicy| policy.components.iter().any(|name| name == component);
    let mut named = fleet.named().into_iter();
    if let Some(endpoint) = named.find(|endpoint| fleet.wake_for(endpoint, None).is_some_and(names)) {
        return Ok(Some(endpoint.to_owned()));
    }
    match services.looking.sagemaker.copies(component).await {
        Ok(described) => Ok(Some(described.endpoint)),
        Err(call) if call.failure == Failure::NotFound => Ok(None),
        Err(call) => Err(call),
    }
}

async fn tags(services: &Services<'_>, arn: &str) -> Result<Tags, CallError> {
    let (cache, now) = (&services.ctx.tags, services.now());
    if let Some(tags) = cache.get(arn, now) {
        return Ok(tags);
    }
    let tags = services.looking.sagemaker.list_tags(arn).await?;
    cache.put(arn, now, &tags);
    Ok(tags)
}
