//! What must hold in every state.

use std::fmt;

/// The invariants of the module `rollout`, and five that stand behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Rule {
    /// Invariant 1.
    Gates,
    /// Invariant 2.
    NeverUpAgain,
    /// Invariant 3.
    Capacity,
    /// Invariant 4.
    Safekeeping,
    /// Invariant 5.
    Truth,
    /// Invariant 6.
    Ends,
    /// Invariant 7.
    Told,
    /// The invocation that sees harm decides to go back.
    Harm,
    /// Nothing new, nothing done: what was decided is not decided again, and an invocation comes to its end.
    Rest,
    /// No call of a rollout that is over, however late, changes the endpoint.
    Over,
    /// Whoever serves alone is scaled whenever nobody is at work on the endpoint.
    Scaled,
    /// Green that passed everything is taken back for harm or by a person, not because AWS does not clean up.
    Kept,
}

impl Rule {
    /// All of them.
    pub(crate) const ALL: [Self; 12] = [
        Self::Gates,
        Self::NeverUpAgain,
        Self::Capacity,
        Self::Safekeeping,
        Self::Truth,
        Self::Ends,
        Self::Told,
        Self::Harm,
        Self::Rest,
        Self::Over,
        Self::Scaled,
        Self::Kept,
    ];

    /// The name of the property.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gates => "1 green grows only past its gates",
            Self::NeverUpAgain => "2 green never grows after going back is decided",
            Self::Capacity => "3 weights never sum to zero and blue is never starved",
            Self::Safekeeping => "4 what serves or served well is never deleted, what is scaled never removed",
            Self::Truth => "5 an end is said only of what was read back",
            Self::Ends => "6 in a fair world every rollout ends",
            Self::Told => "7 one alert for each change",
            Self::Harm => "8 harm takes green back at once",
            Self::Rest => "9 nothing new, nothing done",
            Self::Over => "10 a rollout that is over changes nothing",
            Self::Scaled => "11 what serves alone is scaled whenever nobody is at work",
            Self::Kept => "12 green that passed everything goes only for harm or a person",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
