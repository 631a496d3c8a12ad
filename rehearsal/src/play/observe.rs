//! Reads the world, the ledger and the call log into the [`Record`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};
use steward::endpoint::EndpointStatus;

use super::narrate::Narrator;
use crate::{
    cloud::{Cloud, Outcome},
    record::{Called, Defined, Measure, Record, Series, Shape, Standing, Stored, TargetEnd},
    world::{Call, Happening, HappeningKind, Service},
};

/// What has been read so far.
#[derive(Debug, Default)]
pub(super) struct Observer {
    instances: BTreeMap<(String, String), Vec<(Timestamp, f64)>>,
}

impl Observer {
    /// The endpoints that stand at the start.
    pub(super) fn begin(&mut self, cloud: &Cloud, record: &mut Record) {
        let at = record.start;
        for region in cloud.with_world(|world| world.regions()) {
            for listed in list(cloud, at, &region) {
                let name = listed["EndpointName"].as_str().unwrap_or_default();
                let status = EndpointStatus::parse(listed["EndpointStatus"].as_str().unwrap_or_default());
                let key = format!("{region}/{name}");
                for variant in variants(cloud, at, &region, name) {
                    let instances = variant["CurrentInstanceCount"].as_f64();
                    let name = variant["VariantName"].as_str().unwrap_or_default().to_owned();
                    self.instances
                        .entry((key.clone(), name))
                        .or_default()
                        .extend(instances.map(|instances| (at, instances)));
                }
                let history = record.endpoints.entry(key).or_default();
                history.status.set(at, Some(status));
                history.shape.set(at, shape(cloud, &region, name));
            }
        }
    }

    pub(super) fn happening(&mut self, cloud: &Cloud, happening: &Happening, record: &mut Record) {
        let Happening { at, region, kind } = happening;
        if let HappeningKind::EndpointStatus { endpoint, .. }
        | HappeningKind::Capacity { endpoint, .. }
        | HappeningKind::Deployment { endpoint, .. }
        | HappeningKind::Component { endpoint, .. } = kind
        {
            let history = record.endpoints.entry(format!("{region}/{endpoint}")).or_default();
            history.shape.set(*at, shape(cloud, region, endpoint));
        }
        match kind {
            HappeningKind::EndpointStatus { endpoint, to, .. } => {
                let status = to.as_deref().map(EndpointStatus::parse);
                record
                    .endpoints
                    .entry(format!("{region}/{endpoint}"))
                    .or_default()
                    .status
                    .set(*at, status);
            }
            HappeningKind::Capacity {
                endpoint,
                variant,
                instances,
                ..
            } => {
                let key = (format!("{region}/{endpoint}"), variant.clone());
                let points = self.instances.entry(key).or_default();
                points.extend(instances.map(|instances| (*at, f64::from(instances))));
            }
            _ => {}
        }
    }

    /// What the health ledger says after an invocation.
    pub(super) fn ledger(
        &mut self,
        at: Timestamp,
        region: &str,
        ledger: &[u8],
        record: &mut Record,
        narrator: &mut Narrator,
    ) {
        let document: Value = serde_json::from_slice(ledger).unwrap_or_default();
        for (name, endpoint) in document["document"]["endpoints"].as_object().into_iter().flatten() {
            let Some(state) = endpoint["state"].as_str() else {
                continue;
            };
            let health = &mut record.endpoints.entry(format!("{region}/{name}")).or_default().health;
            let before = health.at(at).cloned();
            if health.set(at, state.to_owned()) {
                narrator.health(at, region, name, before.as_deref(), state);
            }
        }
    }

    /// The calls made since the last time, all of them answered or lost by now.
    pub(super) fn calls(&mut self, cloud: &Cloud, record: &mut Record, narrator: &mut Narrator) {
        for call in cloud.take_calls() {
            let called = Called {
                at: call.at,
                caller: call.caller,
                region: call.region,
                service: call.service,
                operation: call.operation,
                actions: call.actions,
                resource: call.resource,
                copied_from: call.copied_from,
                succeeded: call.outcome == Outcome::Done,
                fault: call.fault,
            };
            narrator.call(&called);
            record.calls.push(called);
        }
    }

    /// What exists at the end; the objects of these buckets only.
    pub(super) fn end(&mut self, cloud: &Cloud, buckets: &BTreeSet<&str>, record: &mut Record) {
        for bucket in cloud.store().buckets() {
            let uploads = cloud.store().uploads(&bucket).into_iter();
            record
                .uploads
                .extend(uploads.map(|(key, _)| format!("s3://{bucket}/{key}")));
        }
        for bucket in buckets {
            let versions = cloud.store().all_versions(bucket).into_iter();
            let stored = versions.map(|(key, look, current)| Stored { key, look, current });
            record.objects.insert((*bucket).to_owned(), stored.collect());
        }
        record.idle_faults = cloud.with_faults(|faults| {
            let idle = faults.hits().into_iter().filter(|(_, hits)| *hits == 0);
            idle.map(|(fault, _)| fault.to_string()).collect()
        });
        for region in cloud.with_world(|world| world.regions()) {
            let (configs, targets) =
                cloud.with_world(|world| (world.configs(&region), world.scalable_targets(&region)));
            let definitions = cloud.with_world(|world| world.definitions(&region)).into_iter();
            record
                .definitions
                .extend(definitions.map(|(kind, name, left_by)| Defined {
                    region: region.clone(),
                    kind,
                    name,
                    left_by,
                }));
            record
                .configs
                .extend(configs.into_iter().map(|name| (region.clone(), name)));
            record.targets.extend(targets.into_iter().map(|target| TargetEnd {
                region: region.clone(),
                resource: target.resource,
                min: target.min,
                max: target.max,
                policies: target.policies,
                scheduled_actions: target.scheduled_actions,
            }));
        }
    }

    /// The lines of the report's charts, as CloudWatch has them.
    pub(super) fn series(&mut self, cloud: &Cloud, record: &mut Record) {
        let keys: Vec<(String, String)> = self.instances.keys().cloned().collect();
        for (endpoint, variant) in keys {
            let Some((region, name)) = endpoint.split_once('/') else {
                continue;
            };
            let of_variant = json!([
                {"Name": "EndpointName", "Value": name},
                {"Name": "VariantName", "Value": &variant},
            ]);
            let of_endpoint = json!([{"Name": "EndpointName", "Value": name}]);
            let points = |metric: &str, statistic: &str| {
                statistics(cloud, record, region, &of_variant, (metric, statistic)).unwrap_or_default()
            };
            let waiting = ("ApproximateBacklogSize", "Maximum");
            let waiting = statistics(cloud, record, region, &of_endpoint, waiting).unwrap_or_default();
            let mut errors: BTreeMap<Timestamp, f64> = BTreeMap::new();
            for (at, value) in points("Invocation5XXErrors", "Sum")
                .into_iter()
                .chain(points("Invocation4XXErrors", "Sum"))
            {
                *errors.entry(at).or_default() += value;
            }
            let latency = points("ModelLatency", "Average")
                .into_iter()
                .map(|(at, us)| (at, us / 1000.0))
                .collect();
            let instances = self
                .instances
                .get(&(endpoint.clone(), variant.clone()))
                .cloned()
                .unwrap_or_default();
            let measured = [
                (Measure::Traffic, points("Invocations", "Sum")),
                (Measure::Errors, errors.into_iter().collect()),
                (Measure::Latency, latency),
                (Measure::Instances, instances),
                (Measure::Waiting, waiting),
                (Measure::WorkedOff, points("InvocationsProcessed", "Sum")),
            ];
            for (measure, points) in measured {
                if !points.is_empty() {
                    let (endpoint, variant) = (endpoint.clone(), variant.clone());
                    record.series.push(Series {
                        endpoint,
                        variant,
                        measure,
                        points,
                    });
                }
            }
        }
    }
}

/// What serves an endpoint now.
fn shape(cloud: &Cloud, region: &str, endpoint: &str) -> Option<Shape> {
    let view = cloud.with_world(|world| world.endpoint(region, endpoint))?;
    let variants = view.variants.into_iter().map(|variant| {
        let standing = Standing {
            weight: variant.weight,
            instances: variant.instances,
            model: variant.model,
            instance_type: variant.instance_type,
        };
        (variant.name, standing)
    });
    Some(Shape {
        config: view.config,
        variants: variants.collect(),
        components: view.components,
        new_fleet: view.green.map_or(0.0, |green| green.share),
    })
}

fn ask(cloud: &Cloud, now: Timestamp, region: &str, service: Service, operation: &str, input: Value) -> Option<Value> {
    let call = Call {
        region,
        caller: "rehearsal",
        service,
        operation,
        input,
    };
    cloud
        .with_world(|world| world.call(now, call))
        .ok()
        .map(|reply| reply.output)
}

fn list(cloud: &Cloud, now: Timestamp, region: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let mut input = json!({"MaxResults": 100});
        if let Some(token) = &token {
            input["NextToken"] = token.clone().into();
        }
        let Some(page) = ask(cloud, now, region, Service::SageMaker, "ListEndpoints", input) else {
            return all;
        };
        all.extend(page["Endpoints"].as_array().cloned().unwrap_or_default());
        token = page["NextToken"].as_str().map(str::to_owned);
        if token.is_none() {
            return all;
        }
    }
}

fn variants(cloud: &Cloud, now: Timestamp, region: &str, endpoint: &str) -> Vec<Value> {
    let input = json!({"EndpointName": endpoint});
    let described = ask(cloud, now, region, Service::SageMaker, "DescribeEndpoint", input);
    described
        .and_then(|described| described["ProductionVariants"].as_array().cloned())
        .unwrap_or_default()
}

/// One metric of SageMaker's per minute over the whole run; `None` when there is none.
fn statistics(
    cloud: &Cloud,
    record: &Record,
    region: &str,
    dimensions: &Value,
    (metric, statistic): (&str, &str),
) -> Option<Vec<(Timestamp, f64)>> {
    let seconds = record.end.duration_since(record.start).as_secs();
    // A statistics request answers at most 1,440 datapoints.
    let period = ((seconds / 1_440) / 60 + 1) * 60;
    let input = json!({
        "Namespace": "AWS/SageMaker",
        "MetricName": metric,
        "Dimensions": dimensions,
        "StartTime": record.start.as_second(),
        "EndTime": record.end.as_second(),
        "Period": period,
        "Statistics": [statistic],
    });
    let answer = ask(
        cloud,
        record.end,
        region,
        Service::CloudWatch,
        "GetMetricStatistics",
        input,
    )?;
    let mut points: Vec<(Timestamp, f64)> = answer["Datapoints"]
        .as_array()?
        .iter()
        .filter_map(|point| {
            let second = point["Timestamp"].as_f64()?;
            Some((Timestamp::from_second(second as i64).ok()?, point[statistic].as_f64()?))
        })
        .collect();
    points.sort_by_key(|(at, _)| *at);
    Some(points)
}
