//! Every call that leaves the process: one service a file, our nouns in and out.
//!
//! There is no policy here. What to do is decided by the pure modules; this subtree does it, bounds it in time and says
//! in [`CallError`]'s classes what went wrong. The rehearsal runs the same code against a simulated AWS, so nothing in
//! it reads the wall clock, blocks a thread or leaves a task running: time comes from [`Base::clock`] and `tokio::time`.

pub mod autoscaling;
pub mod cloudwatch;
pub mod errors;
pub mod fleet_source;
pub mod lambda;
pub mod lease;
pub mod ledger;
pub mod outbox;
pub mod runtime;
pub mod s3;
pub mod sagemaker;
pub mod sns;

#[cfg(test)]
mod testing;

use std::{
    fmt,
    future::Future,
    io::{self, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_config::{
    BehaviorVersion, SdkConfig,
    retry::{RetryConfig, RetryMode},
    timeout::TimeoutConfig,
};
use aws_sdk_s3::{config::retry::RetryPartition, operation::RequestId};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::{SignedDuration, Timestamp};

use crate::failure::{CallError, Failure};

/// What every AWS caller is made from. Cheap to clone: connections and credentials are shared.
#[derive(Clone, Debug)]
pub struct Base {
    /// Credentials, Region, retries, timeouts, HTTP client.
    pub sdk: SdkConfig,
    /// The only source of "now".
    pub clock: Clock,
    /// Where log lines and EMF metrics go.
    pub emit: Emit,
    path_style: bool,
    number: u64,
}

impl Base {
    /// A base on a given SDK configuration. S3 is addressed by path when that configuration names an endpoint URL,
    /// because a local AWS has no host name per bucket.
    pub fn new(sdk: SdkConfig, clock: Clock, emit: Emit) -> Self {
        static BASES: AtomicU64 = AtomicU64::new(0);
        let path_style = sdk.endpoint_url().is_some();
        let number = BASES.fetch_add(1, Ordering::Relaxed);
        Self {
            sdk,
            clock,
            emit,
            path_style,
            number,
        }
    }

    /// The base of a deployed function: the environment's Region and credentials, [`retries`], [`timeouts`], system
    /// clock, standard output. Honours `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`.
    pub async fn from_env() -> Self {
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(retries())
            .timeout_config(timeouts())
            .load()
            .await;
        let local_s3 = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]
            .iter()
            .any(|name| std::env::var_os(name).is_some());
        Self::new(sdk, Clock::system(), Emit::stdout()).with_path_style(local_s3)
    }

    /// Addresses S3 buckets by path (`host/bucket/key`) instead of by host name.
    #[must_use]
    pub fn with_path_style(mut self, path_style: bool) -> Self {
        self.path_style = path_style;
        self
    }

    pub(crate) fn path_style(&self) -> bool {
        self.path_style
    }

    /// The SDKs keep retry quotas and send rates per process. Those of one base are its own, so that two rehearsals in
    /// one process, each with a time of its own, do not slow each other down.
    pub(crate) fn partition(&self, service: &str) -> RetryPartition {
        RetryPartition::new(format!("steward-{}-{service}", self.number))
    }

    /// For services that are called a few times a minute. There the adaptive mode would take one throttled call for a
    /// rate of one call in some seconds, and keep a commit or an alert waiting.
    pub(crate) fn few_calls(&self) -> Option<RetryConfig> {
        self.sdk
            .retry_config()
            .map(|retries| retries.clone().with_retry_mode(RetryMode::Standard))
    }

    pub(crate) fn bound(&self) -> Bound {
        Bound {
            clock: self.clock.clone(),
            deadline: None,
        }
    }
}

/// Adaptive retries, for the many calls of a sweep: a throttled fleet slows its own calls down instead of hammering. Four attempts and at most 5
/// seconds between two of them, since a sweep has about a minute and the next one comes anyway.
pub fn retries() -> RetryConfig {
    RetryConfig::adaptive()
        .with_max_attempts(4)
        .with_initial_backoff(Duration::from_millis(200))
        .with_max_backoff(Duration::from_secs(5))
}

/// An attempt that has not been answered within 10 seconds is repeated; the whole call ends after 30 seconds.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(30))
        .build()
}

/// The only source of "now": the system's clock when deployed, a virtual one in the rehearsal.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::new(Timestamp::now)
    }

    /// Any other clock.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// Where whole lines go: logs and EMF metrics share it, so that they never interleave within a line.
#[derive(Clone)]
pub struct Emit(Arc<Mutex<dyn Write + Send>>);

impl Emit {
    /// Standard output, which is what Lambda sends to CloudWatch Logs.
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }

    /// Any other writer.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// Writes one line and flushes it. `text` must not contain a line break of its own.
    ///
    /// # Errors
    /// What the writer says.
    pub fn line(&self, text: &str) -> io::Result<()> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(text.as_bytes())?;
        writer.write_all(b"\n")?;
        writer.flush()
    }
}

impl fmt::Debug for Emit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Emit")
    }
}

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

    #[test]
    fn a_line_is_written_whole_and_ended() {
        let written = Arc::new(Mutex::new(Vec::new()));
        struct Into(Arc<Mutex<Vec<u8>>>);
        impl Write for Into {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().expect("lock").extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let emit = Emit::new(Into(written.clone()));
        emit.line("{\"a\":1}").expect("written");
        assert_eq!(written.lock().expect("lock").as_slice(), b"{\"a\":1}\n");
    }
}
