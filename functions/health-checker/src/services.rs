//! The AWS services of one invocation, each giving up while there is still time to write down what was learnt.

use std::time::Duration;

use jiff::Timestamp;
use shared::{
    aws::{
        Invocation,
        autoscaling::AutoScaling,
        lease::Leases,
        ledger::Ledger,
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
    pub(crate) sns: Sns,
}

/// The services that change something.
pub(crate) struct Acting {
    pub(crate) sagemaker: SageMaker,
    pub(crate) autoscaling: AutoScaling,
    pub(crate) leases: Leases,
}

impl Services {
    pub(crate) fn new(ctx: &Context, call: &Invocation) -> Self {
        let base = &ctx.base;
        let left = call.remaining(base.clock.now());
        let looking_until = call.leaving(AFTER_LOOKING.min(left / 3));
        let until = call.leaving(AFTER_ALL.min(left / 10));
        let s3 = S3::new(base).until(until);
        let sagemaker = SageMaker::new(base);
        let autoscaling = AutoScaling::new(base);
        let writer = format!("{}/{}", ctx.settings.function, call.request_id);
        let state = &ctx.settings.state;
        Self {
            looking_until,
            sagemaker: sagemaker.until(looking_until),
            runtime: Runtime::new(base).until(looking_until),
            autoscaling: autoscaling.until(looking_until),
            objects: S3::new(base).until(looking_until),
            acting: Acting {
                sagemaker: sagemaker.until(until),
                autoscaling: autoscaling.until(until),
                leases: Leases::new(&s3, state, writer.clone()),
            },
            ledger: Ledger::new(
                &s3,
                Location::new(&state.bucket, state.key("health.json")),
                SCHEMA,
                writer,
            ),
            sns: Sns::new(base).until(until),
            s3,
        }
    }
}
