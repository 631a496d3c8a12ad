//! The AWS services of one invocation, each giving up while there is still time to write down what was learnt.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use steward::{
    aws::{
        Base, Deadlines, Invocation,
        autoscaling::AutoScaling,
        cloudwatch::CloudWatch,
        lease::Leases,
        ledger::{Ledger, Memory},
        outbox::Teller,
        runtime::Runtime,
        s3::S3,
        sagemaker::SageMaker,
        sns::Sns,
    },
    failure::CallError,
    fleet::Fleet,
    health::ledger::{self as health, HealthLedger},
    rollout::{RolloutLedger, SCHEMA, object},
    settings::StateStore,
};
use tokio::sync::OnceCell;

use crate::Context;

/// No call is begun later than this after the invocation began, however long Lambda would let it run: a rollback waits two
/// minutes for late calls of invocations that it overtook (`steward::rollout`).
const LONGEST: SignedDuration = SignedDuration::from_secs(100);

/// The clients, made once: a warm invocation finds their connections open.
#[derive(Debug)]
pub(crate) struct Clients {
    sagemaker: SageMaker,
    runtime: Runtime,
    autoscaling: AutoScaling,
    cloudwatch: CloudWatch,
    s3: S3,
    sns: Sns,
}

impl Clients {
    pub(crate) fn new(base: &Base) -> Self {
        Self {
            sagemaker: SageMaker::new(base),
            runtime: Runtime::new(base),
            autoscaling: AutoScaling::new(base),
            cloudwatch: CloudWatch::new(base),
            s3: S3::new(base),
            sns: Sns::new(base),
        }
    }
}

/// The services that look, and those that write.
pub(crate) struct Services<'a> {
    ctx: &'a Context,
    memory: Memory,
    fleet: OnceCell<Result<Arc<Fleet>, String>>,
    /// When looking stops.
    pub(crate) looking_until: Timestamp,
    pub(crate) looking: Looking,
    pub(crate) acting: Acting,
    pub(crate) s3: S3,
    pub(crate) teller: Teller,
}

/// The services that look.
pub(crate) struct Looking {
    pub(crate) sagemaker: SageMaker,
    pub(crate) runtime: Runtime,
    pub(crate) autoscaling: AutoScaling,
    pub(crate) cloudwatch: CloudWatch,
}

/// The services that change something.
pub(crate) struct Acting {
    pub(crate) sagemaker: SageMaker,
    pub(crate) autoscaling: AutoScaling,
    pub(crate) cloudwatch: CloudWatch,
    pub(crate) leases: Leases,
}

impl<'a> Services<'a> {
    pub(crate) fn new(ctx: &'a Context, call: &Invocation) -> Self {
        let clients = &ctx.clients;
        let Deadlines { looking, all } = ctx.deployed.deadlines(call);
        let latest = ctx.deployed.now().saturating_add(LONGEST).unwrap_or(Timestamp::MAX);
        let (looking_until, until) = (looking.min(latest), all.min(latest));
        let s3 = clients.s3.until(until);
        let writer = ctx.deployed.writer(call);
        let memory = Memory::new(&s3, &ctx.deployed.settings.state, writer.clone());
        Self {
            ctx,
            fleet: OnceCell::new(),
            looking_until,
            looking: Looking {
                sagemaker: clients.sagemaker.until(looking_until),
                runtime: clients.runtime.until(looking_until),
                autoscaling: clients.autoscaling.until(looking_until),
                cloudwatch: clients.cloudwatch.until(looking_until),
            },
            acting: Acting {
                sagemaker: clients.sagemaker.until(until),
                autoscaling: clients.autoscaling.until(until),
                cloudwatch: clients.cloudwatch.until(until),
                leases: Leases::new(&s3, &ctx.deployed.settings.state, writer),
            },
            teller: ctx.deployed.teller(clients.sns.until(until)),
            s3,
            memory,
        }
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.ctx.deployed.now()
    }

    /// Where what Steward remembers is kept.
    pub(crate) fn state(&self) -> &StateStore {
        &self.ctx.deployed.settings.state
    }

    /// There is still time to look.
    pub(crate) fn in_time(&self) -> bool {
        self.now() < self.looking_until
    }

    /// The rollouts of one endpoint; its name has been checked.
    pub(crate) fn ledger(&self, endpoint: &str) -> Ledger<RolloutLedger> {
        self.memory.ledger(&object(endpoint), SCHEMA)
    }

    /// What the health checker wrote down; only read here.
    pub(crate) fn health(&self) -> Ledger<HealthLedger> {
        self.memory.ledger(health::OBJECT, health::SCHEMA)
    }

    /// The fleet file, read at most once. `Err` says why none is in force.
    pub(crate) async fn fleet(&self) -> Result<Arc<Fleet>, String> {
        let load = async || {
            let fleet = self.ctx.deployed.fleet_in_force(&self.s3).await;
            fleet.map_err(|none| none.to_string())
        };
        self.fleet.get_or_init(load).await.clone()
    }

    /// The tags of an endpoint, where the fleet file selects by them.
    pub(crate) async fn tags(
        &self,
        fleet: &Fleet,
        endpoint: &str,
    ) -> Result<Option<BTreeMap<String, String>>, CallError> {
        if !fleet.selects_by_tags_of(endpoint) {
            return Ok(None);
        }
        let sagemaker = &self.looking.sagemaker;
        let described = sagemaker.describe_endpoint(endpoint).await?;
        sagemaker.list_tags(&described.arn).await.map(Some)
    }
}
