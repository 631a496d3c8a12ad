//! Blue/green rollouts: what to do next, so that a bad model is taken back and a good one arrives.
//!
//! Everything here is a function of the ledger, the time and one look at AWS. A decision hands out at most one call, and
//! only one that the ledger it comes with names as wished; whether a call took effect is seen by looking again, never
//! remembered. So a call may be lost, repeated or answered wrongly, and the function may die anywhere.
//!
//! The order of things: [`preflight`] and [`plan()`] before a start; then, for each wake-up, [`needs`], a look, [`decide()`],
//! commit, act, and again while there is something to do.
//!
//! Invariants, held under every order of ticks, alarms, commands, crashes and failures:
//!
//! 1. Green's weight grows only after every gate of the present step passed on that step's data; missing data holds. An
//!    operator's `skip` may stand in for a bake or for missing data, and `promote full` for all that are left, never for shown
//!    harm. A gate for people is passed only on a word given while it was open, or on `promote full`.
//! 2. Once [`Back`] is set, no call raises green's weight.
//! 3. The weights never sum to zero, and no call takes instances from blue before the last bake has passed. Whoever gets all
//!    of the traffic has, as far as there are any, the instances and the range that who serves has by then, not those of an
//!    earlier hour.
//! 4. The config in force, the last good one and one that another endpoint uses, or may have to go back to, are never deleted; a scaled variant is deregistered before it is removed.
//! 5. [`Ended::Completed`] is said only of an endpoint that was read back as wished.
//! 6. In a fair world every rollout ends.
//! 7. One alert for each change that people act on.
//! 8. After the last bake only harm or a person takes green back, never what AWS does not clean up, nor missing data.
//! 9. What serves alone is scaled as it was whenever SageMaker takes changes.

mod at_hand;
mod back;
mod cause;
mod checks;
mod commands;
mod decide;
mod decision;
mod deploy;
mod doubt;
pub mod effect;
mod end;
mod forward;
mod ledger;
pub mod look;
mod names;
mod native;
mod needs;
mod phase;
mod plan;
mod preflight;
mod status;
mod table;
mod tell;
mod tidy;
pub mod triggers;
mod undone;
mod why;

pub use shared::rollout::{is_abort_alarm, limits, policy, request, strategy};

pub use self::{
    at_hand::{Meant, meant, would_count},
    cause::Cause,
    commands::{again, begun_before},
    decide::decide,
    decision::{AlarmNews, Answer, Command, Decision, Facts, News},
    doubt::{Asked, Doubt},
    ledger::{
        Back, Ended, Line, Obeyed, Onward, Passed, Past, Pause, Rollout, RolloutLedger, SCHEMA, Said, Sizes, Update,
    },
    names::{FOLDER, is_valid, lease_owner, object},
    needs::{needs, needs_told, of_here, wake},
    phase::{Phase, Rounds},
    plan::{Blue, Green, Plan},
    preflight::{Problem, Problems, plan, preflight},
    status::{history, status},
    tidy::needed,
    why::{To, Transition, Why},
};

#[cfg(test)]
mod fake;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
