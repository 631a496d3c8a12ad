//! Every call that leaves the process: one service a file, our nouns in and out.
//!
//! There is no policy here. What to do is decided by the pure modules; this subtree does it, bounds it in time and says
//! in [`CallError`]'s classes what went wrong. The rehearsal runs the same code against a simulated AWS, so nothing in
//! it reads the wall clock, blocks a thread or leaves a task running: time comes from [`Base::clock`] and `tokio::time`.

pub mod apigateway;
pub mod autoscaling;
mod base;
pub mod capacity;
pub mod cloudwatch;
mod deployed;
pub mod ecr;
pub mod errors;
pub mod fleet_source;
pub mod iam;
pub mod kms;
pub mod lambda;
pub mod lease;
pub mod ledger;
pub mod outbox;
pub mod probes;
pub mod runtime;
pub mod s3;
pub mod sagemaker;
pub mod sns;

#[cfg(test)]
mod testing;

use std::{future::Future, time::Duration};

use aws_sdk_s3::operation::RequestId;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::{SignedDuration, Timestamp};

use crate::failure::{CallError, Failure};

pub use base::{Base, Clock, Emit, retries, timeouts};
pub use deployed::{Deadlines, Deployed};

/// One invocation of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Lambda's request id; the same again when Lambda retries an asynchronous invocation.
    pub request_id: String,
    /// When Lambda ends the invocation.
    pub deadline: Timestamp,
}

impl Invocation {
    /// What is left before Lambda ends the invocation; zero when nothing is.
    pub fn remaining(&self, now: Timestamp) -> Duration {
        remaining(self.deadline, now)
    }

    /// The moment that leaves `margin` of the invocation unused: give it to a service's `until`.
    pub fn leaving(&self, margin: Duration) -> Timestamp {
        let margin = SignedDuration::try_from(margin).unwrap_or(SignedDuration::MAX);
        self.deadline.checked_sub(margin).unwrap_or(Timestamp::MIN)
    }

    /// Runs `work`, but gives it up when only `margin` of the invocation is left.
    ///
    /// # Errors
    /// What `work` says, or [`Failure::TimedOut`] naming `what`.
    pub async fn within<T>(
        &self,
        clock: &Clock,
        margin: Duration,
        what: &'static str,
        work: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let bound = Bound {
            clock: clock.clone(),
            deadline: Some(self.leaving(margin)),
        };
        bound.limit("lambda", what, work).await?
    }
}

fn remaining(deadline: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(deadline.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// The time limit every call runs under, and the way its error becomes ours.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    clock: Clock,
    deadline: Option<Timestamp>,
}

impl Bound {
    /// Bounded by nothing yet.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, deadline: None }
    }

    pub(crate) fn until(&self, deadline: Timestamp) -> Self {
        Self {
            clock: self.clock.clone(),
            deadline: Some(deadline),
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What is left, `None` without a deadline.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| remaining(deadline, self.clock.now()))
    }

    /// Runs one SDK call under the deadline and classifies its error.
    pub(crate) async fn call<T, E>(
        &self,
        service: &'static str,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + RequestId + std::error::Error + Send + Sync + 'static,
    {
        self.limit(service, operation, call)
            .await?
            .map_err(|error| errors::classify(service, operation, &error))
    }

    /// Runs any work under the deadline; the work does not begin when no time is left.
    pub(crate) async fn limit<T>(
        &self,
        service: &'static str,
        operation: &'static str,
        work: impl Future<Output = T>,
    ) -> Result<T, CallError> {
        let Some(left) = self.remaining() else {
            return Ok(work.await);
        };
        if left.is_zero() {
            return Err(out_of_time(
                service,
                operation,
                "not started: the invocation has no time left for it",
            ));
        }
        tokio::time::timeout(left, work).await.map_err(|_| {
            out_of_time(
                service,
                operation,
                "given up: the invocation's time ran out before the answer came",
            )
        })
    }
}

fn out_of_time(service: &'static str, operation: &'static str, message: &str) -> CallError {
    CallError {
        service,
        operation,
        failure: Failure::TimedOut,
        code: None,
        message: message.to_owned(),
        request_id: None,
    }
}

/// An SDK time as ours; fractions below a nanosecond do not exist in either.
pub(crate) fn timestamp(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

/// Our time as the SDK's.
pub(crate) fn sdk_time(time: Timestamp) -> aws_smithy_types::DateTime {
    let (seconds, nanoseconds) = (time.as_second(), time.subsec_nanosecond());
    match u32::try_from(nanoseconds) {
        Ok(nanoseconds) => aws_smithy_types::DateTime::from_secs_and_nanos(seconds, nanoseconds),
        // Before 1970 the fraction is negative.
        Err(_) => {
            aws_smithy_types::DateTime::from_secs_and_nanos(seconds - 1, (nanoseconds + 1_000_000_000).unsigned_abs())
        }
    }
}

/// A fault in what AWS answered: a promised field is missing.
pub(crate) fn incomplete(service: &'static str, operation: &'static str, what: &str) -> CallError {
    CallError {
        service,
        operation,
        failure: Failure::Unknown,
        code: None,
        message: format!("the answer has no {what}, which the API promises"),
        request_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn remaining_is_zero_after_the_deadline() {
        let call = Invocation {
            request_id: "r".into(),
            deadline: at("2026-01-01T00:01:00Z"),
        };
        assert_eq!(call.remaining(at("2026-01-01T00:00:30Z")), Duration::from_secs(30));
        assert_eq!(call.remaining(at("2026-01-01T00:01:30Z")), Duration::ZERO);
        assert_eq!(call.leaving(Duration::from_secs(5)), at("2026-01-01T00:00:55Z"));
    }

    #[test]
    fn times_survive_the_way_through_the_sdk() {
        for text in [
            "2026-01-01T00:00:00.123456789Z",
            "1969-12-31T23:59:59.25Z",
            "1970-01-01T00:00:00Z",
        ] {
            assert_eq!(timestamp(&sdk_time(at(text))), Some(at(text)));
        }
    }

    #[tokio::test]
    async fn work_past_the_deadline_is_given_up_and_work_after_it_never_begins() {
        let start = at("2026-01-01T00:00:00Z");
        let call = Invocation {
            request_id: "r".into(),
            deadline: at("2026-01-01T00:00:01.05Z"),
        };
        let clock = Clock::new(move || start);
        let hung = call
            .within(
                &clock,
                Duration::from_secs(1),
                "sweep",
                std::future::pending::<Result<(), _>>(),
            )
            .await;
        let error = hung.expect_err("out of time");
        assert_eq!((error.failure, error.operation), (Failure::TimedOut, "sweep"));
        let late = Clock::new(move || at("2026-01-01T00:00:01Z"));
        let mut begun = false;
        let work = async {
            begun = true;
            Ok(())
        };
        let refused = call
            .within(&late, Duration::from_secs(1), "sweep", work)
            .await
            .expect_err("no time");
        assert!(refused.message.starts_with("not started"), "{refused}");
        assert!(!begun);
    }
}
