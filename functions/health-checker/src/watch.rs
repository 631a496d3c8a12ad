//! Which endpoints there are to watch: what the fleet file selects of what SageMaker lists and of what the ledger knows.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use steward::{
    aws::sagemaker::SageMaker,
    endpoint::Listed,
    failure::{CallError, Failure},
    fleet::Fleet,
    health::{
        ledger::HealthLedger,
        observation::{Trouble, TroubleKind, Watch},
    },
};

use crate::{Context, services::Services};

/// Tags seldom change, and `ListTags` is a call for each endpoint: they are asked again after this.
const TAGS_LAST: Duration = Duration::from_secs(600);

type Tags = BTreeMap<String, String>;

/// Tags by ARN, kept between warm invocations.
#[derive(Debug, Default)]
pub(crate) struct TagCache(Mutex<BTreeMap<String, (Timestamp, Tags)>>);

impl TagCache {
    fn get(&self, arn: &str, now: Timestamp) -> Option<Tags> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, tags) = cache.get(arn)?;
        let age = Duration::try_from(now.duration_since(*at)).ok()?;
        (age < TAGS_LAST).then(|| tags.clone())
    }

    /// Forgets what is too old to be of use, such as the tags of endpoints that are gone.
    fn tidy(&self, now: Timestamp) {
        let fresh = |at: &Timestamp| Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < TAGS_LAST);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, (at, _)| fresh(at));
    }

    fn put(&self, arn: &str, now: Timestamp, tags: &Tags) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(arn.to_owned(), (now, tags.clone()));
    }
}

/// What there is to watch.
pub(crate) struct Selected {
    pub(crate) watch: Watch,
    /// Tags by endpoint, where the fleet file selects by them and they could be read.
    pub(crate) tags: BTreeMap<String, Tags>,
    pub(crate) troubles: Vec<Trouble>,
}

/// A failed call of the monitor's own.
pub(crate) fn trouble(call: &CallError) -> Trouble {
    Trouble {
        kind: TroubleKind::from(call.failure),
        what: call.iam_action(),
        endpoint: None,
        detail: format!("{call}. {}", call.advice()),
    }
}

/// The whole fleet. When SageMaker cannot be asked for its list, what is known of before is watched on.
pub(crate) async fn whole_fleet(ctx: &Context, services: &Services, fleet: &Fleet, ledger: &HealthLedger) -> Selected {
    let mut selected = from_ledger(ctx, fleet, ledger);
    selected.watch.complete = true;
    ctx.tags.tidy(ctx.deployed.now());
    if !fleet.selects_by_pattern() {
        return selected;
    }
    let listed = match services.sagemaker.list_endpoints().await {
        Ok(listed) => listed,
        Err(call) => {
            tracing::warn!(%call, "no list of endpoints; watching those known from before");
            selected.troubles.push(trouble(&call));
            selected.watch.complete = false;
            return selected;
        }
    };
    let now = ctx.deployed.now();
    let concurrency = usize::try_from(fleet.fleet_health().concurrency.max(1)).unwrap_or(64);
    let tagged = listed
        .iter()
        .filter(|endpoint| fleet.selects_by_tags_of(&endpoint.name));
    let reading = stream::iter(tagged.map(|endpoint| read_tags(ctx, &services.sagemaker, endpoint, now)));
    let read: Vec<(String, Result<Tags, CallError>)> = reading.buffer_unordered(concurrency).collect().await;
    for (name, tags) in read {
        match tags {
            Ok(tags) => {
                selected.tags.insert(name, tags);
            }
            Err(call) => {
                // Without its tags nobody can say that an endpoint is no longer selected.
                selected.watch.complete &= !ledger.endpoints.contains_key(&name);
                selected.troubles.push(unread(&call, &name));
            }
        }
    }
    for endpoint in &listed {
        let known = || {
            ledger
                .endpoints
                .get(&endpoint.name)
                .and_then(|record| record.tags.clone())
        };
        let tags = selected.tags.get(&endpoint.name).cloned().or_else(known);
        match fleet
            .health_for(&endpoint.name, tags.as_ref())
            .filter(|policy| policy.enabled)
        {
            Some(policy) => {
                selected.watch.policies.insert(endpoint.name.clone(), Arc::new(policy));
            }
            None if half_made(ledger, &endpoint.name) => {}
            None => {
                selected.watch.policies.remove(&endpoint.name);
            }
        }
    }
    selected
}

fn half_made(ledger: &HealthLedger, name: &str) -> bool {
    let record = ledger.endpoints.get(name);
    record.is_some_and(|record| record.recovery.is_half_made())
}

/// The role may be narrowed on purpose.
fn unread(call: &CallError, name: &str) -> Trouble {
    let mut trouble = trouble(call);
    if call.failure == Failure::Denied {
        trouble.detail.push_str(&format!(
            " Or give the groups of the fleet file that select by tags `names` which leave {name} out."
        ));
    }
    trouble
}

async fn read_tags(
    ctx: &Context,
    sagemaker: &SageMaker,
    endpoint: &Listed,
    now: Timestamp,
) -> (String, Result<Tags, CallError>) {
    if let Some(tags) = ctx.tags.get(&endpoint.arn, now) {
        return (endpoint.name.clone(), Ok(tags));
    }
    let tags = sagemaker.list_tags(&endpoint.arn).await;
    if let Ok(tags) = &tags {
        ctx.tags.put(&endpoint.arn, now, tags);
    }
    (endpoint.name.clone(), tags)
}

/// What is named in the fleet file or known to the ledger, without asking SageMaker.
pub(crate) fn from_ledger(ctx: &Context, fleet: &Fleet, ledger: &HealthLedger) -> Selected {
    let named: BTreeSet<String> = fleet.named().into_iter().map(str::to_owned).collect();
    let names: BTreeSet<&String> = named.iter().chain(ledger.endpoints.keys()).collect();
    let policies = names
        .into_iter()
        .filter_map(|name| {
            let tags = ledger.endpoints.get(name).and_then(|record| record.tags.as_ref());
            let declared = fleet.health_for(name, tags).filter(|policy| policy.enabled);
            let policy = declared.or_else(|| half_made(ledger, name).then(Fleet::health_let_go))?;
            Some((name.clone(), Arc::new(policy)))
        })
        .collect();
    let there = |name: &String| ledger.endpoints.get(name).is_some_and(|record| !record.gone);
    let region = ctx.deployed.settings.region.as_str();
    let unmade = named
        .iter()
        .filter(|name| !there(name))
        .filter_map(|name| Some((name.clone(), fleet.unmade(name, region)?)))
        .collect();
    Selected {
        watch: Watch {
            policies,
            named,
            unmade,
            complete: false,
        },
        tags: BTreeMap::new(),
        troubles: Vec::new(),
    }
}

/// One endpoint that an event or an alarm names: its policy by name or, where tags decide, by its tags.
pub(crate) async fn add(ctx: &Context, services: &Services, fleet: &Fleet, selected: &mut Selected, name: &str) {
    if selected.watch.policies.contains_key(name) {
        return;
    }
    let mut tags = None;
    if fleet.selects_by_tags_of(name) {
        let read = async {
            let endpoint = services.sagemaker.describe_endpoint(name).await?;
            services.sagemaker.list_tags(&endpoint.arn).await
        };
        match read.await {
            Ok(read) => {
                selected.tags.insert(name.to_owned(), read.clone());
                tags = Some(read);
            }
            // An endpoint that is gone has no tags; whether it was watched is known from the ledger.
            Err(call) if call.failure == Failure::NotFound => {}
            Err(call) => selected.troubles.push(unread(&call, name)),
        }
    }
    tracing::debug!(
        endpoint = name,
        region = ctx.deployed.settings.region,
        "asked for by name"
    );
    if let Some(policy) = fleet.health_for(name, tags.as_ref()).filter(|policy| policy.enabled) {
        selected.watch.policies.insert(name.to_owned(), Arc::new(policy));
    }
}
