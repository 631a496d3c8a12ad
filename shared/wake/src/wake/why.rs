//! Why a decision is what it is, also when it is to do nothing.

use std::fmt;

use jiff::Timestamp;

use crate::text::lasting;

/// The reason at the end of one decision about one thing.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// Nothing is in service, and nothing asks for it.
    Asleep,
    /// So many are in service, and Steward has nothing to do with it.
    Awake(u32),
    /// It was not looked at; [`super::needs`] says what to look at.
    NotLooked,
    /// It could not be looked at, or something of it that is needed to go on.
    Unknown(String),
    /// It can never sleep, or is not there.
    Never(String),
    /// A call is handed out.
    Acting(String),
    /// A call did not take effect now; again at the next wake-up.
    Later {
        /// Which.
        call: String,
        /// What came.
        said: String,
    },
    /// A call was accepted, and what it does is not seen yet.
    NotSeenYet(String),
    /// SageMaker takes no change now.
    Busy,
    /// Capacity was asked for and is not there yet.
    Coming {
        /// In service.
        current: u32,
        /// Wanted by SageMaker.
        desired: u32,
        /// Seconds since it was asked for.
        waited: i64,
    },
    /// It stays awake until then, whatever happens.
    Keeping(Timestamp),
    /// It works.
    Working,
    /// Its work is over, and that has to be so for a while.
    Draining,
    /// Nobody knows whether there is work: of so many minutes there is no data.
    NoData(String),
    /// A call may still take effect until then; the minimum is looked at once more.
    Lingering(Timestamp),
    /// A wake failed; it is tried again then.
    Pausing(Timestamp),
    /// Without work; put to sleep when that has lasted.
    Idle,
    /// To be put to sleep, and there was work in the minute that began then.
    StillUsed(Timestamp),
    /// To be put to sleep, and a health probe is at work.
    Probed,
    /// A wake ended in this decision, or it fell asleep.
    Ended(String),
    /// It waits its turn: another thing of the endpoint is acted upon first.
    Next,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asleep => f.write_str("asleep; nothing asks for it"),
            Self::Awake(count) => write!(f, "awake with {count}"),
            Self::NotLooked => f.write_str("it was not looked at"),
            Self::Unknown(said) | Self::Never(said) | Self::Ended(said) => f.write_str(said),
            Self::Acting(call) => write!(f, "the next call: {call}"),
            Self::Later { call, said } => write!(f, "{call} did not take effect ({said}); again at the next wake-up"),
            Self::NotSeenYet(call) => write!(f, "{call} was accepted, and is not seen yet"),
            Self::Busy => f.write_str("SageMaker takes no change until the one at work is done"),
            Self::Coming {
                current,
                desired,
                waited,
            } => write!(
                f,
                "{current} in service, {desired} asked for, {} after the decision",
                lasting(*waited)
            ),
            Self::Keeping(until) => write!(f, "kept awake until {until:.0}"),
            Self::Working => f.write_str("at work; the minimum is restored when the work has drained"),
            Self::Draining => f.write_str("the work is over; the minimum is restored when that has lasted"),
            Self::NoData(said) => write!(f, "nobody knows whether there is work: {said}; it stays awake"),
            Self::Lingering(until) => write!(f, "a call may take effect until {until:.0}; then it is over"),
            Self::Pausing(until) => write!(f, "the last wake failed; tried again at {until:.0}"),
            Self::Idle => f.write_str("without work; put to sleep when that has lasted"),
            Self::StillUsed(at) => write!(f, "there was work at {at:.0}; put to sleep when it has drained"),
            Self::Probed => f.write_str("a health probe is awaited; put to sleep when it is answered"),
            Self::Next => f.write_str("another thing of the endpoint comes first"),
        }
    }
}
