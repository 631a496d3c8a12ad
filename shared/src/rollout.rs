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
//!    operator's `skip` and `promote` may stand in for a bake or for missing data, never for shown harm.
//! 2. Once [`Back`] is set, no call raises green's weight.
//! 3. The weights never sum to zero, and no call takes instances from blue before the last bake has passed.
//! 4. The config in force and the last good one are never deleted; a scaled variant is deregistered before it is removed.
//! 5. [`Ended::Completed`] is said only of an endpoint that was read back as wished.
//! 6. In a fair world every rollout ends.
//! 7. One alert for each change that people act on.

mod cause;
mod decision;
pub mod effect;
mod ledger;
pub mod look;
mod phase;
mod plan;
pub mod policy;
pub mod request;
pub mod strategy;
mod why;

pub use self::{
    cause::Cause,
    decision::{AlarmNews, Answer, Command, Decision, Facts, News},
    ledger::{Back, Ended, Line, Passed, Past, Pause, Rollout, RolloutLedger, SCHEMA, Said, Update},
    phase::{Phase, Rounds},
    plan::{Blue, Green, Plan},
    why::{To, Transition, Why},
};

// SIGNATURES (bodies follow within the hour)
// pub fn preflight(request: &Request, endpoint: Option<&Endpoint>) -> Needs            // ask twice: without, then with the endpoint
// pub fn plan(now, request: &Request, look: &Look, ledger: &RolloutLedger, lease: Option<&Lease>) -> Result<Plan, Problems>
//        Problems(Vec<Problem{what, todo}>), Display; impl Display for Plan = the table
// pub fn again(ledger: &RolloutLedger, id: &str, by, reason) -> Result<Request, Answer>   // retry: the request of the last rolled back one
// pub fn needs(now: Timestamp, ledger: &RolloutLedger) -> Needs
// pub fn decide(facts: &Facts<'_>, ledger: &RolloutLedger, news: &News) -> Decision
// pub fn wake(ledger: &RolloutLedger) -> Option<Timestamp>  // None: idle, skip until a command; Some(t): look from t on (MIN = each tick)
// pub fn names_alarm(ledger, name) -> bool
// pub fn status(facts, ledger, look: Option<&Look>) -> String; pub fn history(ledger) -> String
// Start: Command::Start(Box::new(plan)) through decide; the same request id twice answers yes without a second one.
// The same effect answered Later or Accepted in News.acted is not handed out again in that decision (no hammering in one invocation).
