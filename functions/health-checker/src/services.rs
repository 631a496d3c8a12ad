//! The AWS services of one invocation, each giving up while there is still time to write down what was learnt.

use std::time::Duration;

use jiff::Timestamp;
use shared::{
    aws::{
        Base, Invocation,
        autoscaling::AutoScaling,
        lease::Leases,
        ledger::Ledger,
        outbox::Teller,
        runtime::Runtime,
        s3::{Location, S3},
        sagemaker::SageMaker,
        sns::Sns,
    },
    health::ledger::{HealthLedger, SCHEMA},
};

use crate::Context;

/// Looking at endpoints stops this long before the end, for commit, recovery and alerts; a third of what is left when
/// the function's timeout is short.
const AFTER_LOOKING: Duration = Duration::from_secs(15);

/// Everything stops this long before the end, so that the answer and the metrics still leave.
const AFTER_ALL: Duration = Duration::from_secs(1);

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
    pub(crate) fn new(ctx: &Context, call: &Invocation) -> Self {
        let clients = &ctx.clients;
        let left = call.remaining(ctx.base.clock.now());
        let looking_until = call.leaving(AFTER_LOOKING.min(left / 3));
        let until = call.leaving(AFTER_ALL.min(left / 10));
        let s3 = clients.s3.until(until);
        let writer = format!("{}/{}", ctx.settings.function, call.request_id);
        let state = &ctx.settings.state;
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
            ledger: Ledger::new(
                &s3,
                Location::new(&state.bucket, state.key("health.json")),
                SCHEMA,
                writer,
            ),
            teller: Teller {
                sns: clients.sns.until(until),
                topic_arn: ctx.settings.topic_arn.clone(),
                links: ctx.links.clone(),
            },
            s3,
        }
    }
}
