//! One Region's whole state, and what every part of it shares: the time, the dice, what is due and what has happened.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{
    EndpointView, GreenView, Happening, HappeningKind, Published, S3Put, VariantView,
    alarms::Alarm,
    apis::Api,
    behaviour::Behaviour,
    contents::Contents,
    dashboards::Dashboard,
    functions::Function,
    incident::{Condition, Shortage},
    metrics::Metrics,
    registry::Artifacts,
    sagemaker::{
        Component, Config, Endpoint, Model,
        lifecycle::{Armed, Step},
    },
    scaling::Scaling,
    sns::Topic,
    spec::{IncidentSpec, KeySpec, Timing},
    traffic::Demand,
};

/// What belongs to the world rather than to one Region.
#[derive(Debug)]
pub(crate) struct Ctx {
    pub(crate) now: Timestamp,
    pub(crate) start: Timestamp,
    pub(crate) seed: u64,
    pub(crate) account: String,
    pub(crate) timing: Timing,
    /// For answers to single calls.
    pub(crate) rng: fastrand::Rng,
    /// For identifiers, apart from `rng` so that an id more does not change an answer.
    pub(crate) ids: fastrand::Rng,
    pub(crate) queue: BTreeMap<(Timestamp, u64), Due>,
    pub(crate) sequence: u64,
    pub(crate) incidents: Vec<IncidentSpec>,
    pub(crate) happenings: Vec<Happening>,
    pub(crate) published: Vec<Published>,
    pub(crate) s3_puts: Vec<S3Put>,
    /// IAM's roles, by name.
    pub(crate) roles: BTreeSet<String>,
    /// CloudWatch's dashboards, by name: they are one for all Regions.
    pub(crate) dashboards: BTreeMap<String, Dashboard>,
    /// Images are listed: what SageMaker is given must exist.
    pub(crate) strict: bool,
    pub(crate) artifacts: Option<Artifacts>,
}

/// Something that will happen in a Region.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) region: String,
    pub(crate) what: What,
}

/// What will happen.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A step of an endpoint's change; stale when the endpoint is on another change by then.
    Endpoint { endpoint: String, change: u64, step: Step },
    /// An incident begins.
    Incident(usize),
    /// An incident ends.
    IncidentEnds(usize),
    /// An inference component reaches its copies, or is gone.
    Component(String),
    /// A step of a component's update; stale when the component is on another step by then.
    ComponentUpdate { component: String, step: u64 },
    /// Waiting asynchronous requests may be done.
    Async(String),
    /// An instance that was lost with its Availability Zone is replaced in another: endpoint and variant.
    Replaced(String, String),
}

impl Ctx {
    /// A number no other thing in this world has.
    pub(crate) fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// The beginning of the minute that ends now, or is under way.
    pub(crate) fn minute_ending(&self) -> Timestamp {
        let second = self.now.as_second() - 1;
        Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or(self.now)
    }

    /// Puts something on the schedule; what is due at once still happens after the present step.
    pub(crate) fn schedule(&mut self, at: Timestamp, region: &str, what: What) {
        let key = (at, self.next());
        self.queue.insert(
            key,
            Due {
                region: region.to_owned(),
                what,
            },
        );
    }

    /// A random UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.ids.u64(..), self.ids.u64(..));
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 48) & 0x3fff,
            low & 0xffff_ffff_ffff
        )
    }

    /// Records a happening now.
    pub(crate) fn tell(&mut self, region: &str, kind: HappeningKind) {
        self.happenings.push(Happening {
            at: self.now,
            region: region.to_owned(),
            kind,
        });
    }

    /// Puts an event on the default bus.
    pub(crate) fn event(&mut self, region: &str, source: &str, detail_type: &str, resources: &[String], detail: Value) {
        let event = json!({
            "version": "0",
            "id": self.uuid(),
            "detail-type": detail_type,
            "source": source,
            "account": self.account,
            "time": self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": region,
            "resources": resources,
            "detail": detail,
        });
        self.tell(region, HappeningKind::Event { event });
    }

    /// Dice of its own for something with a name, so that what others do does not change its fall.
    pub(crate) fn dice(&self, name: &str) -> fastrand::Rng {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ self.seed;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        fastrand::Rng::with_seed(hash)
    }
}

/// One Region.
#[derive(Debug, Default)]
pub(crate) struct Region {
    pub(crate) name: String,
    pub(crate) dark: bool,
    /// How containers behave, by model name.
    pub(crate) behaviours: BTreeMap<String, Behaviour>,
    /// How containers behave in which the same runs, also those of other Regions.
    pub(crate) originals: BTreeMap<Contents, Behaviour>,
    /// What the scenario says of one variant beyond its model, by endpoint, variant and model.
    pub(crate) overlays: BTreeMap<(String, String, String), Behaviour>,
    /// Clients' requests, by endpoint name; they keep coming when the endpoint is gone.
    pub(crate) demand: BTreeMap<String, Demand>,
    /// What is wrong at present.
    pub(crate) conditions: Vec<Condition>,
    /// Instances that are not to be had at present.
    pub(crate) shortages: Vec<Shortage>,
    /// How an endpoint's next changes end.
    pub(crate) armed: BTreeMap<String, Vec<Armed>>,
    pub(crate) models: BTreeMap<String, Model>,
    pub(crate) configs: BTreeMap<String, Config>,
    pub(crate) endpoints: BTreeMap<String, Endpoint>,
    pub(crate) components: BTreeMap<String, Component>,
    pub(crate) metrics: Metrics,
    pub(crate) alarms: BTreeMap<String, Alarm>,
    pub(crate) topics: BTreeMap<String, Topic>,
    /// Images by whole URI, with their digests.
    pub(crate) images: BTreeMap<String, String>,
    /// KMS keys by name.
    pub(crate) keys: BTreeMap<String, KeySpec>,
    pub(crate) scaling: Scaling,
    /// Lambda's functions, by name.
    pub(crate) functions: BTreeMap<String, Function>,
    /// Lambda invocations that the account may run at once in this Region.
    pub(crate) concurrency: u32,
    /// API Gateway's REST APIs, by id.
    pub(crate) apis: BTreeMap<String, Api>,
    /// Deduplication ids of FIFO topics within their five minutes.
    pub(crate) recent: VecDeque<(Timestamp, String, String)>,
}

impl Region {
    /// `arn:aws:SERVICE:REGION:ACCOUNT:REST`.
    pub(crate) fn arn(&self, ctx: &Ctx, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.name, ctx.account)
    }

    /// How an endpoint stands.
    pub(crate) fn view(&self, ctx: &Ctx, name: &str) -> Option<EndpointView> {
        let endpoint = self.endpoints.get(name)?;
        let variants = endpoint
            .variants
            .iter()
            .map(|variant| {
                let behaviour = self.behaviour_of(name, variant, false);
                VariantView {
                    name: variant.name.clone(),
                    model: variant.model.clone(),
                    weight: variant.current_weight,
                    instances: variant.current_instances,
                    instance_type: variant.instance_type.clone(),
                    errors: 1.0 - (1.0 - behaviour.error_share()) * (1.0 - behaviour.timeout_share()),
                    latency: behaviour.median(),
                }
            })
            .collect();
        Some(EndpointView {
            status: endpoint.status.as_str().to_owned(),
            config: endpoint.config.clone(),
            failure_reason: endpoint.failure.clone(),
            demand: self.demand_now(ctx, name),
            tags: endpoint.tags.clone(),
            variants,
            green: endpoint.green.as_ref().map(|green| GreenView {
                config: green.config.clone(),
                share: green.share,
            }),
        })
    }

    /// Carries out what is due.
    pub(crate) fn happen(&mut self, ctx: &mut Ctx, what: What) {
        match what {
            What::Endpoint { endpoint, change, step } => self.endpoint_step(ctx, &endpoint, change, step),
            What::Incident(index) => self.incident_begins(ctx, index),
            What::IncidentEnds(index) => self.incident_ends(ctx, index),
            What::Component(name) => self.component_settles(ctx, &name),
            What::ComponentUpdate { component, step } => self.component_update_step(ctx, &component, step),
            What::Async(endpoint) => self.async_step(ctx, &endpoint),
            What::Replaced(endpoint, variant) => self.replaced(ctx, &endpoint, &variant),
        }
    }

    /// The end of a minute: traffic becomes metrics, metrics move alarms, and both move capacity.
    pub(crate) fn minute(&mut self, ctx: &mut Ctx) {
        let names: Vec<String> = self.endpoints.keys().cloned().collect();
        for name in &names {
            self.settle(ctx, name);
            self.publish_minute(ctx, name);
        }
        self.publish_components(ctx);
        self.metrics.arrive(ctx.now);
        self.evaluate_alarms(ctx);
        self.follow_targets(ctx);
        self.metrics.forget_before(ctx.now - Duration::from_secs(15 * 86_400));
    }
}
