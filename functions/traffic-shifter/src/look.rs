//! Looking at what a decision asks for. A call that fails is a fact that is not known, never an error.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
};

use futures::future::join_all;
use steward::{
    analysis::{Analysis, AnalysisPolicy, Probes, Series, judge, judge_alone, judge_deployment, limits_without_blue},
    aws::{autoscaling::Scaled, probes},
    failure::{CallError, Failure},
    health::policy::{HealthPolicy, ProbeKind},
    probe::{Cause, Judgement},
    rollout::look::{Before, HealthSeen, Known, Look, Needs, Search, SmokeSeen, Users, WaysBack, Window},
    text::sentence,
};

use crate::{ledgers, services::Services};

/// Looks at the endpoint, then at everything in `needs` at the same time. `policy` judges the metrics.
pub(crate) async fn look(
    services: &Services<'_>,
    endpoint: &str,
    needs: &Needs,
    policy: Option<&AnalysisPolicy>,
) -> Look {
    let at = services.now();
    let looking = &services.looking;
    let described = there(looking.sagemaker.describe_endpoint(endpoint).await);
    let every_config = needs.every_config(&described);
    let configs = each(&every_config, async |name: &str| {
        let described = looking.sagemaker.describe_endpoint_config(name).await;
        there(described.map(|config| config.seen()))
    });
    let scaling = each(&needs.scaling, async |variant: &str| {
        let scaled = Scaled::VariantInstances {
            endpoint: endpoint.to_owned(),
            variant: variant.to_owned(),
        };
        known(looking.autoscaling.scaling(&scaled).await)
    });
    let models = each(&needs.models, async |name: &str| {
        known(looking.sagemaker.has_model(name).await)
    });
    let alarms = async {
        if needs.alarms.is_empty() {
            return Known::Yes(Vec::new());
        }
        known(looking.cloudwatch.alarms(&needs.alarms).await)
    };
    let analysis = maybe(needs.analysis.as_ref(), async |window| {
        analysed(services, endpoint, window, policy).await
    });
    let smoke = maybe(needs.smoke.as_deref(), async |variant| {
        round(services, endpoint, variant, None).await
    });
    let components = each(&needs.components, async |name: &str| {
        there(looking.sagemaker.describe_inference_component(name).await)
    });
    let of_component = match needs.components.as_slice() {
        [one] => Some(one.as_str()),
        _ => None,
    };
    let watched = maybe(needs.health.then_some(()), async |()| {
        health(services, endpoint, of_component).await
    });
    let alone = maybe(needs.alone.as_ref(), async |(before, policy)| {
        let hour = hour_before(services, endpoint, policy, before).await;
        known(hour.map(|hour| limits_without_blue(policy, &hour)))
    });
    let together = Box::pin(async {
        tokio::join!(
            configs, scaling, models, alarms, analysis, smoke, components, watched, alone
        )
    });
    let (configs, scaling, models, alarms, analysis, smoke, components, health, alone) = together.await;
    let together = maybe(needs.search(&described, &configs), async |search| {
        in_use(services, endpoint, search).await
    });
    let green = maybe(needs.asks_green(health.as_ref()), async |variant| {
        let seen = health.as_ref().and_then(Known::yes).and_then(Option::as_ref);
        round(services, endpoint, variant, seen.map(|seen| &seen.proven)).await
    });
    let (together, green) = Box::pin(async { tokio::join!(together, green) }).await;
    let answers = maybe(needs.asks_metrics(green.as_ref()), async |(window, policy)| {
        analysed(services, endpoint, window, Some(policy)).await
    });
    let answers = Box::pin(answers).await;
    let (needed, users) = together.unzip();
    Look {
        at,
        needed,
        users,
        endpoint: described,
        configs,
        scaling,
        alarms,
        asked: needs.alarms.clone(),
        analysis,
        smoke,
        components,
        models,
        health,
        green,
        answers,
        alone,
    }
}

/// Who may have to go back to any of these configs, and who uses those that are left. The ledgers are asked first: they tell of
/// all endpoints in fewer calls.
async fn in_use(services: &Services<'_>, endpoint: &str, mut search: Search) -> (Known<WaysBack>, Known<Users>) {
    let needed = match ledgers::needed(services, endpoint, &search.configs).await {
        Ok(needed) => needed,
        Err(said) => {
            tracing::warn!(said, "could not look");
            return (Known::No(said.clone()), Known::No(said));
        }
    };
    search.configs.retain(|config| !needed.by.contains_key(config));
    let users = if search.configs.is_empty() {
        Known::Yes(Users::new())
    } else {
        known(services.looking.sagemaker.users_of(&search).await)
    };
    (Known::Yes(needed), users)
}

async fn each<T>(names: &[String], ask: impl AsyncFn(&str) -> Known<T>) -> BTreeMap<String, Known<T>> {
    let asked = names.iter().map(async |name| (name.clone(), ask(name).await));
    join_all(asked).await.into_iter().collect()
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
            Known::No(said(&call))
        }
    }
}

fn said(call: &CallError) -> String {
    format!("{} {}", sentence(&call.to_string()), call.advice())
}

/// What is not found is known not to be there.
fn there<T>(asked: Result<T, CallError>) -> Known<Option<T>> {
    match asked {
        Err(call) if call.failure == Failure::NotFound => Known::Yes(None),
        asked => known(asked.map(Some)),
    }
}

async fn analysed(
    services: &Services<'_>,
    endpoint: &str,
    window: &Window,
    policy: Option<&AnalysisPolicy>,
) -> Known<Analysis> {
    let Some(policy) = policy else {
        return Known::No("the rollout has no analysis".to_owned());
    };
    let Window {
        from,
        to,
        blue,
        before,
        green,
        whole,
        share: _,
        rounds: _,
    } = window;
    let [of_green, of_blue] = match own_health(services, endpoint).await {
        Ok(health) => window.probes(health.as_ref()),
        Err(_) => [Probes::Unknown; 2],
    };
    let cloudwatch = &services.looking.cloudwatch;
    let hour_before = async || match before {
        Some(before) => hour_before(services, endpoint, policy, before).await,
        None => Ok(Series::default()),
    };
    let judged = async {
        Ok(match (blue, whole) {
            (Some(blue), Some(whole)) => {
                let fleets = [blue, green, whole];
                let [blue, green, whole] = cloudwatch.fleets(endpoint, fleets, policy, *from, *to).await?;
                let before = hour_before().await?;
                let blue = blue.or_rest(&whole, &green).with_probes(of_blue);
                judge_deployment(policy, &before, &blue, &green.with_probes(of_green))
            }
            (Some(blue), None) => {
                let [blue, green] = cloudwatch.fleets(endpoint, [blue, green], policy, *from, *to).await?;
                judge(policy, &blue.with_probes(of_blue), &green.with_probes(of_green))
            }
            (None, _) => {
                let [green] = cloudwatch.fleets(endpoint, [green], policy, *from, *to).await?;
                judge_alone(policy, &hour_before().await?, &green.with_probes(of_green))
            }
        })
    };
    let judged: Result<Analysis, CallError> = judged.await;
    known(judged)
}

/// What blue did before it lost its traffic.
async fn hour_before(
    services: &Services<'_>,
    endpoint: &str,
    policy: &AnalysisPolicy,
    Before { from, to, blue }: &Before,
) -> Result<Series, CallError> {
    let cloudwatch = &services.looking.cloudwatch;
    let [before] = cloudwatch.fleets(endpoint, [blue], policy, *from, *to).await?;
    Ok(before)
}

/// What the health checker wrote down of the endpoint. Of a rollout of one inference component, what only the probes of
/// others say is left out.
async fn health(services: &Services<'_>, endpoint: &str, component: Option<&str>) -> Known<Option<HealthSeen>> {
    let loaded = match services.health().load().await {
        Ok(loaded) => loaded,
        Err(error) => {
            tracing::warn!(%error, "could not look");
            return Known::No(error.to_string());
        }
    };
    let Some(record) = loaded.document.endpoints.get(endpoint) else {
        return Known::Yes(None);
    };
    let elsewhere = match component {
        Some(component) => probes_of_others(services, endpoint, component).await,
        None => BTreeSet::new(),
    };
    Known::Yes(Some(record.seen(&elsewhere)))
}

/// What the fleet file asks of the endpoint's health; `None` when no entry means it. `Err` says why it is not known.
async fn own_health(services: &Services<'_>, endpoint: &str) -> Result<Option<HealthPolicy>, String> {
    let fleet = services.fleet().await?;
    match services.tags(&fleet, endpoint).await {
        Ok(tags) => Ok(fleet.health_for(endpoint, tags.as_ref())),
        Err(call) => {
            tracing::warn!(%call, advice = call.advice(), "the endpoint's probes are not known");
            Err(said(&call))
        }
    }
}

/// The endpoint's probes of other inference components; none that are known when the fleet file cannot be read.
async fn probes_of_others(services: &Services<'_>, endpoint: &str, component: &str) -> BTreeSet<String> {
    let policy = own_health(services, endpoint).await.unwrap_or_default();
    let probes = policy.map(|policy| policy.probes).unwrap_or_default();
    let others = probes.iter().filter_map(|probe| match &probe.kind {
        ProbeKind::InferenceComponent(name) if name != component => Some(probe.name.clone()),
        _ => None,
    });
    others.collect()
}

/// One round of the endpoint's own probes, sent to one variant. That a probe was throttled, never reached SageMaker, or
/// found no time says nothing of the variant: the round is not known then, unless another probe failed. A payload that was
/// accepted before (`proven`, by the probe's name) and is refused now is a failure, as it is to the health checker.
async fn round(
    services: &Services<'_>,
    endpoint: &str,
    variant: &str,
    proven: Option<&BTreeSet<String>>,
) -> Known<SmokeSeen> {
    let policy = match own_health(services, endpoint).await {
        Ok(policy) => policy,
        Err(said) => return Known::No(said),
    };
    let configured = policy.map(|policy| policy.probes).unwrap_or_default();
    let results = probes::of_variant(&services.looking.runtime, endpoint, variant, &configured).await;
    if results.is_empty() {
        return Known::No(format!(
            "the fleet file has no probe for {endpoint} that one variant could answer"
        ));
    }
    let said = results.iter().map(|result| {
        let verdict = &result.verdict;
        format!("{}: {}", result.probe, verdict.reason)
    });
    let said: Vec<String> = said.collect();
    let judged = |wanted: Judgement| results.iter().any(|result| result.verdict.judgement == wanted);
    let refused = results.iter().any(|result| {
        let refused = result.verdict.cause == Some(Cause::PayloadRefused);
        refused && proven.is_some_and(|proven| proven.contains(&result.probe))
    });
    let failed = judged(Judgement::Failed) || judged(Judgement::Degraded) || refused;
    if !failed && judged(Judgement::Inconclusive) {
        return Known::No(said.join("; "));
    }
    Known::Yes(SmokeSeen { passed: !failed, said })
}
