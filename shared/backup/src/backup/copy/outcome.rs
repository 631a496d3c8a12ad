//! How the copying of one object ended.

use std::fmt;

use super::{layout, proof::Proof};
use crate::failure::CallError;

/// How a transfer ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The copy was there.
    Present(Proof),
    /// The copy was made, and compared.
    Copied(Proof),
    /// The copy was made within the destination's Region, from one that was made before, and compared.
    Taken(Proof),
    /// The source is another by now, or gone: the inventory has to be taken again.
    SourceChanged,
    /// It cannot be copied as it is.
    Refused(Refusal),
    /// Each copy came out different; the last difference.
    Damaged(String),
    /// A call was refused, and would be again.
    Failed(CallError),
    /// A call kept failing in a way that passes. What was copied so far stays, to be continued.
    Later(String),
}

impl Outcome {
    /// The copy is there, and is what was copied.
    pub fn proof(&self) -> Option<Proof> {
        match self {
            Self::Present(proof) | Self::Copied(proof) | Self::Taken(proof) => Some(*proof),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(_) => f.write_str("was there"),
            Self::Copied(_) => f.write_str("copied"),
            Self::Taken(_) => f.write_str("copied from an earlier copy"),
            Self::SourceChanged => f.write_str("the source changed while it was copied"),
            Self::Refused(why) => write!(f, "cannot be copied: {why}"),
            Self::Damaged(why) => write!(f, "every copy of it came out different: {why}"),
            Self::Failed(error) => write!(f, "{error}"),
            Self::Later(why) => write!(f, "to be continued: {why}"),
        }
    }
}

/// Why an object cannot be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Its storage class has to be restored before it can be read.
    Archived,
    /// No object can be so large.
    TooLarge,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archived => f.write_str(
                "it is archived (GLACIER or DEEP_ARCHIVE); restore it for good by copying it over itself as STANDARD",
            ),
            Self::TooLarge => write!(
                f,
                "it is larger than {} bytes, the most S3 holds",
                layout::LARGEST_OBJECT
            ),
        }
    }
}
