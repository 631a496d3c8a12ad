//! What is declared of rollouts and ordered by people. How they are run is the crate `rollout`.

pub mod limits;
pub mod policy;
pub mod request;
pub mod strategy;

const ABORT: &str = "steward-abort-";

/// The alarm by which Steward stops SageMaker's own engines.
pub fn abort_alarm(endpoint: &str, serial: u64) -> String {
    format!("{ABORT}{endpoint}-{serial}")
}

/// An alarm of this name belongs to a rollout.
pub fn is_abort_alarm(name: &str) -> bool {
    name.starts_with(ABORT)
}
