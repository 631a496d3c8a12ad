//! What a minute's metrics say of something that may sleep.

use jiff::Timestamp;

/// One minute of a thing's metrics in `AWS/SageMaker`. Counts are of the whole minute; a metric without a datapoint is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Minute {
    /// When it began.
    pub at: Timestamp,
    /// Metrics of it are known to have been published, so that 0 means none. Asynchronous: `ApproximateBacklogSize` has a
    /// datapoint. Component: `CPUUtilizationNormalized` of `/aws/sagemaker/InferenceComponents` has one.
    pub pulse: bool,
    /// Asynchronous: `HasBacklogWithoutCapacity` has a datapoint, so that a backlog without `refused` is being worked off.
    pub told: bool,
    /// Requests that found no capacity. Asynchronous: 1 when the maximum of `HasBacklogWithoutCapacity` is. Component: the
    /// sum of `NoCapacityInvocationFailures`.
    pub refused: f64,
    /// Asynchronous: the maximum of `ApproximateBacklogSize`.
    pub backlog: f64,
    /// Requests that succeeded. Asynchronous: the samples of `TotalProcessingTime` less the sum of `InvocationFailures`.
    /// Component: the sum of `Invocations` less those of `Invocation4XXErrors` and `Invocation5XXErrors`.
    pub served: f64,
    /// Requests that failed and did find capacity.
    pub failed: f64,
    /// Requests at work: the maximum of `ConcurrentRequestsPerCopy`.
    pub running: f64,
}

impl Minute {
    /// A minute of which nothing is known but that it was.
    pub const fn at(at: Timestamp) -> Self {
        Self {
            at,
            pulse: false,
            told: false,
            refused: 0.0,
            backlog: 0.0,
            served: 0.0,
            failed: 0.0,
            running: 0.0,
        }
    }
}

/// Minutes are compared by their numbers: something that was at some second is in the minute that began before.
pub fn number(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}
