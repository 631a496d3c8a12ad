//! What every AWS caller is made from: the SDK's configuration, the only clock, the only way out for lines.

use std::{
    fmt,
    io::{self, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_config::{
    BehaviorVersion, Region, SdkConfig,
    retry::{RetryConfig, RetryMode},
    timeout::TimeoutConfig,
};
use aws_sdk_s3::config::retry::RetryPartition;
use jiff::Timestamp;

use super::Bound;

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

    /// The same in another Region, with retry quotas and send rates of its own: what one Region throttles does not slow
    /// calls to another down.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let sdk = self.sdk.clone().into_builder();
        let sdk = sdk.region(Region::new(region.to_owned())).build();
        Self::new(sdk, self.clock.clone(), self.emit.clone()).with_path_style(self.path_style)
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
        Bound::new(self.clock.clone())
    }
}

/// Adaptive retries, for the many calls of a sweep: a throttled fleet slows its own calls down instead of hammering.
/// Four attempts and at most 5 seconds between two of them, since a sweep has about a minute and the next one comes
/// anyway.
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

#[cfg(test)]
mod tests {
    use super::*;

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
