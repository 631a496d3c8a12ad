//! What is asked of a green variant. How it is judged is the crate `rollout`.

mod percentile;
pub mod policy;

pub use percentile::Percentile;
pub use policy::{
    Against, Alpha, AnalysisPolicy, BadMinutes, ErrorCheck, ErrorKind, LatencyCheck, LatencyLimit, OutOfRange, Ratio,
    ShareLimit, SlowCheck,
};
