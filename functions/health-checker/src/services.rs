//! The AWS services of one invocation, each giving up while there is still time to write down what was learnt.

use jiff::Timestamp;
use steward::{
    aws::{
        Base, Deadlines, Invocation,
        autoscaling::AutoScaling,
        lease::Leases,
        ledger::{Ledger, Memory},
        outbox::Teller,
        runtime::Runtime,
        s3::S3,
        sagemaker::SageMaker,
        sns::Sns,
    },
    health::ledger::{HealthLedger, OBJECT, SCHEMA},
};

use crate::Context;

/// The clients, made once: a warm invocation finds their connections open.
#[derive(Debug)]
pub(crate) struct Clients {
    sagemaker: SageMaker,
    runtime: Runtime,
    autoscaling: AutoScaling,
    s3: S3,
    sns: Sns,
}

impl Clients {
    pub(crate) fn new(base: &Base) -> Self {
        Self {
            sagemaker: SageMaker::new(base),
            runtime: Runtime::new(base),
            autoscaling: AutoScaling::new(base),
            s3: S3::new(base),
            sns: Sns::new(base),
        }
    }
}

/// The services that look, and those that write.
pub(crate) struct Services {
    /// When looking stops.
    pub(crate) looking_until: Timestamp,
    pub(crate) sagemaker: SageMaker,
    pub(crate) runtime: Runtime,
    pub(crate) autoscaling: AutoScaling,
    /// For the objects of asynchronous probes.
    pub(crate) objects: S3,
    pub(crate) acting: Acting,
    pub(crate) ledger: Ledger<HealthLedger>,
    pub(crate) s3: S3,
    pub(crate) teller: Teller,
}

/// The services that change something.
pub(crate) struct Acting {
    pub(crate) sagemaker: SageMaker,
    pub(crate) autoscaling: AutoScaling,
    pub(crate) leases: Leases,
}

impl Services {
    pub(crate) fn has_time_for_probes(&self) -> bool {
        self.runtime.time_left().is_none_or(|left| !left.is_zero())
    }

    pub(crate) fn new(ctx: &Context, call: &Invocation) -> Self {
        let clients = &ctx.clients;
        let Deadlines {
            looking: looking_until,
            all: until,
        } = ctx.deployed.deadlines(call);
        let s3 = clients.s3.until(until);
        let writer = ctx.deployed.writer(call);
        let state = &ctx.deployed.settings.state;
        Self {
            looking_until,
            sagemaker: clients.sagemaker.until(looking_until),
            runtime: clients.runtime.until(looking_until),
            autoscaling: clients.autoscaling.until(looking_until),
            objects: clients.s3.until(looking_until),
            acting: Acting {
                sagemaker: clients.sagemaker.until(until),
                autoscaling: clients.autoscaling.until(until),
                leases: Leases::new(&s3, state, writer.clone()),
            },
            ledger: Memory::new(&s3, state, writer).ledger(OBJECT, SCHEMA),
            teller: ctx.deployed.teller(clients.sns.until(until)),
            s3,
        }
    }
}
