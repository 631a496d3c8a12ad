//! Waking what sleeps: from the first request without capacity to the first success, and back to sleep.
//!
//! An asynchronous endpoint's instances and the copies of an inference component may be none. Alarms tell that requests
//! find no capacity, once; the sweep finds what they did not tell; schedules and people need neither. A wake raises the
//! minimum of the scalable target, so that Application Auto Scaling works for it and not against it, follows the capacity
//! until a request succeeds, and gives the minimum back when the work has drained.
//!
//! Everything here is a function of the ledger, the time and one look at AWS. A decision hands out at most one call, which
//! may be lost, repeated or answered wrongly; what came of it is seen by looking again. For each wake-up: [`needs`], a look,
//! [`decide()`], commit, act, and again while there is something to do.
//!
//! Invariants, held under every order of ticks, alarms, commands, crashes and failures:
//!
//! 1. The minimum that there was is in the ledger before it is raised, and in force again when the wake has ended, unless
//!    somebody else set another one meanwhile: then that one is.
//! 2. Nothing is put to sleep, and no minimum given back, on missing data or before the cooldown is over.
//! 3. No more wakes of the fleet than it allows are between their first call and service.
//! 4. In a fair world every wake ends.
//! 5. One alert for each change that people act on.

mod asleep;
mod begin;
mod decide;
mod decision;
mod effect;
mod ledger;
mod look;
mod minutes;
mod needs;
mod prewarm;
mod slots;
mod status;
mod step;
mod tell;
mod thing;
mod trouble;
mod why;

use shared::wake::policy;
pub use shared::wake::{Own, Prewarm, WakePolicy, others};

pub use self::{
    decide::decide,
    decision::{AlarmNews, Answer, Command, Decision, Facts, News, Order, To, Transition},
    effect::{Acted, Effect, Outcome, Target},
    ledger::{Calls, Cause, Ended, Left, Line, Past, Phase, Remembered, SCHEMA, Sleep, Wake, WakeLedger},
    look::{Activity, CopiesSeen, Known, Look, Minute, Needs, ThingNeeds, ThingSeen},
    needs::{Asks, asks, due, needs},
    slots::{Full, SCHEMA as SLOTS_SCHEMA, Slot, Slots, Waiting},
    status::status,
    thing::{NoThing, Thing},
    trouble::Kind as Trouble,
    why::Why,
};

#[cfg(test)]
mod fake;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

/// Where the ledgers of wakes lie among what Steward remembers: one for each endpoint.
pub const FOLDER: &str = "wake/";

/// The name of an endpoint's ledger among what Steward remembers.
pub fn object(endpoint: &str) -> String {
    format!("{FOLDER}{endpoint}.json")
}

/// Whose lease it is when an endpoint is woken or put to sleep.
pub fn lease_owner(endpoint: &str) -> String {
    format!("scale-from-zero/{endpoint}")
}
