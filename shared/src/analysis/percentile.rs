//! Percentiles of latency.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A latency percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Percentile {
    /// The median.
    P50,
    /// Nine of ten requests are faster.
    P90,
    /// 19 of 20 requests are faster.
    P95,
    /// 99 of 100 requests are faster.
    P99,
}

impl Percentile {
    /// From the median up.
    pub const ALL: [Self; 4] = [Self::P50, Self::P90, Self::P95, Self::P99];

    /// So many requests in a minute let five be expected beyond the percentile. With fewer, the percentile of a sample is
    /// little more than its maximum, and which of two variants has the higher one says more about their traffic.
    pub const fn enough_requests(self) -> u64 {
        match self {
            Self::P50 => 10,
            Self::P90 => 50,
            Self::P95 => 100,
            Self::P99 => 500,
        }
    }
}

impl fmt::Display for Percentile {
    /// As CloudWatch writes the statistic: `p99`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
        })
    }
}
