//! Making an endpoint from a recovery point, and unmaking it after a drill.
//!
//! Everything here is a function of the ledger, the time and one look at SageMaker. A decision hands out at most one call,
//! and only one for a thing that the ledger it comes with names; whether it took effect is seen by looking again. So a call
//! may be lost, repeated or answered wrongly, and the function may die anywhere.
//!
//! Invariants, held under every order of ticks, crashes, commands and failures:
//!
//! 1. Nothing is created that the ledger does not name before.
//! 2. A drill deletes only what the ledger names and what carries the mark of this very drill; a restore deletes nothing.
//! 3. Restored is said only of an endpoint that was read back in service, and whose probes passed if it has any.
//! 4. A drill that ended has left nothing behind: also not what a late call makes after its end was in sight.
//! 5. No input of an asynchronous probe is put that the ledger does not name before, and none stays when it has ended,
//!    unless S3 refuses to remove it: then it is named.
//! 6. In a fair world every restore and every drill ends.
//! 7. A restore makes nothing before the copies that it uses are claimed, or that was tried.

mod called;
mod cover;
mod decide;
mod later;
mod look;
mod mark;
mod plan;
mod probing;
mod ranges;
mod record;
mod scale;
mod size;
mod step;
mod table;
mod teardown;
mod things;

pub use self::{
    cover::Cover,
    decide::{Decision, Effect, World, decide},
    later::Later,
    look::{Acted, Existing, Look, Outcome, ProbeRound, Seen},
    mark::{mark, origin},
    plan::{Ask, PlanError, Proposal, candidates, owners, plan},
    probing::{Wanted, probe_round, probes, wanted},
    ranges::Ranges,
    record::{Ended, Figures, Intent, Kind, Line, Past, Phase, Plan, Restoration, Thing, ThingKind},
    table::table,
};

#[cfg(test)]
mod fake;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
