//! The AWS services of one invocation, each giving up while there is still time to write down what was learnt.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use steward::{
    aws::{
        Base, Deadlines, Invocation,
        autoscaling::AutoScaling,
        cloudwatch::CloudWatch,
        fleet_source::NoFleet,
        lease::Leases,
        ledger::{Ledger, Memory},
        outbox::Teller,
        s3::S3,
        sagemaker::SageMaker,
        sns::Sns,
    },
    fleet::Fleet,
    health::ledger::{self as health, HealthLedger},
    wake::{self, SCHEMA, SLOTS_SCHEMA, Slots, WakeLedger},
};
use tokio::sync::OnceCell;

use crate::Context;

/// The clients, made once: a warm invocation finds their connections open.
#[derive(Debug)]
pub(crate) struct Clients {
    sagemaker: SageMaker,
    autoscaling: AutoScaling,
    cloudwatch: CloudWatch,
    s3: S3,
    sns: Sns,
}

impl Clients {
    pub(crate) fn new(base: &Base) -> Self {
        Self {
            sagemaker: SageMaker::new(base),
            autoscaling: AutoScaling::new(base),
            cloudwatch: CloudWatch::new(base),
            s3: S3::new(base),
            sns: Sns::new(base),
        }
    }
}

/// The services that look, and those that write.
pub(crate) struct Services<'a> {
    pub(crate) ctx: &'a Context,
    memory: Memory,
    fleet: OnceCell<Result<Arc<Fleet>, NoFleet>>,
    health: OnceCell<Option<HealthLedger>>,
    /// When looking stops.
    looking_until: Timestamp,
    pub(crate) looking: Looking,
    pub(crate) acting: Acting,
    pub(crate) s3: S3,
    pub(crate) teller: Teller,
}

/// The services that look.
pub(crate) struct Looking {
    pub(crate) sagemaker: SageMaker,
    pub(crate) autoscaling: AutoScaling,
    pub(crate) cloudwatch: CloudWatch,
}

/// The services that change something.
pub(crate) struct Acting {
    pub(crate) sagemaker: SageMaker,
    pub(crate) autoscaling: AutoScaling,
    pub(crate) leases: Leases,
}

impl<'a> Services<'a> {
    pub(crate) fn new(ctx: &'a Context, call: &Invocation) -> Self {
        let clients = &ctx.clients;
        let Deadlines { looking, all } = ctx.deployed.deadlines(call);
        let s3 = clients.s3.until(all);
        let writer = ctx.deployed.writer(call);
        let memory = Memory::new(&s3, &ctx.deployed.settings.state, writer.clone());
        Self {
            ctx,
            fleet: OnceCell::new(),
            health: OnceCell::new(),
            looking_until: looking,
            looking: Looking {
                sagemaker: clients.sagemaker.until(looking),
                autoscaling: clients.autoscaling.until(looking),
                cloudwatch: clients.cloudwatch.until(looking),
            },
            acting: Acting {
                sagemaker: clients.sagemaker.until(all),
                autoscaling: clients.autoscaling.until(all),
                leases: Leases::new(&s3, &ctx.deployed.settings.state, writer),
            },
            teller: ctx.deployed.teller(clients.sns.until(all)),
            s3,
            memory,
        }
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.ctx.deployed.now()
    }

    /// There is still time to look.
    pub(crate) fn in_time(&self) -> bool {
        self.now() < self.looking_until
    }

    /// What is remembered of one endpoint; its name has been checked.
    pub(crate) fn ledger(&self, endpoint: &str) -> Ledger<WakeLedger> {
        self.memory.ledger(&wake::object(endpoint), SCHEMA)
    }

    /// The slots of the whole fleet.
    pub(crate) fn slots(&self) -> Ledger<Slots> {
        self.memory.ledger("wake-slots.json", SLOTS_SCHEMA)
    }

    /// What the health checker wrote down, read at most once; only read here. `None` when it cannot be read: then its
    /// probes count as use, and nothing sleeps that should not.
    pub(crate) async fn health(&self) -> Option<&HealthLedger> {
        let load = || async {
            let ledger = self.memory.ledger::<HealthLedger>(health::OBJECT, health::SCHEMA);
            match ledger.load().await {
                Ok(loaded) => Some(loaded.document),
                Err(error) => {
                    tracing::warn!(%error, "nobody knows which requests are Steward's own probes; they count as use");
                    None
                }
            }
        };
        self.health.get_or_init(load).await.as_ref()
    }

    /// The fleet file, read at most once. `Err` says why none is in force.
    pub(crate) async fn fleet(&self) -> Result<Arc<Fleet>, NoFleet> {
        let load = || self.ctx.deployed.fleet_in_force(&self.s3);
        self.fleet.get_or_init(load).await.clone()
    }

    /// The user's labels, for alerts.
    pub(crate) fn labels(fleet: &Fleet) -> BTreeMap<String, String> {
        fleet.fleet_health().labels
    }
}
