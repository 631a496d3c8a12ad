//! Plays a scenario: the simulated AWS wakes the very handlers that are deployed, on virtual time.
//!
//! One task on one thread drives everything, so nothing but the seed decides what comes first. The driver sleeps until
//! the world, the agenda or a running invocation has something next; tokio's paused clock makes that instant. It judges
//! nothing while it runs: it writes a [`Record`], and the expectations are judged afterwards.

mod agenda;
mod handlers;
mod lambda;
mod narrate;
mod observe;
mod stage;

use std::{io, time::Duration};

use jiff::{SignedDuration, Timestamp};

pub use handlers::handlers;
pub use lambda::{deploy, environment};

use crate::{
    clock::SimClock,
    cloud::Cloud,
    expect::{self, Checked},
    faults::{Fault, FaultPlan},
    record::Record,
    scenario::Scenario,
    timeline::Watch,
    world::{SpecProblem, World},
};

/// How to play, beside what the scenario says.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Instead of the scenario's.
    pub seed: Option<u64>,
    /// Instead of the scenario's duration. Expectations are judged at the end all the same.
    pub until: Option<Duration>,
    /// More faults, before the scenario's.
    pub faults: Vec<Fault>,
}

/// One rehearsal played to its end.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed it was played with.
    pub seed: u64,
    /// What happened.
    pub record: Record,
    /// What was expected, and whether it held.
    pub checks: Vec<Checked>,
}

impl Outcome {
    /// Every expectation held.
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
    }
}

/// Why a scenario could not be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The timeline could not be written.
    #[error("the timeline cannot be written: {0}")]
    Watch(#[source] io::Error),
    /// No runtime.
    #[error("the virtual clock cannot be started: {0}")]
    Runtime(#[source] io::Error),
    /// A scenario that was not checked before.
    #[error("the world is contradictory: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    World(Vec<SpecProblem>),
}

/// Unoptimized, the SDKs' futures need more stack than a thread has by default.
const STACK: usize = 32 << 20;

/// Plays `scenario` to its end, on a thread of its own: neither its stack nor its random generator is the caller's.
///
/// # Errors
/// [`PlayError`]; an expectation that does not hold is none.
pub fn play(scenario: &Scenario, options: &Options, watch: &mut (dyn Watch + Send)) -> Result<Outcome, PlayError> {
    std::thread::scope(|scope| {
        let player = std::thread::Builder::new()
            .name("rehearsal".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .start_paused(true)
                    .build()
                    .map_err(PlayError::Runtime)?;
                runtime.block_on(play_on(scenario, options, watch))
            })
            .map_err(PlayError::Runtime)?;
        player.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

async fn play_on(scenario: &Scenario, options: &Options, watch: &mut dyn Watch) -> Result<Outcome, PlayError> {
    let seed = options.seed.unwrap_or(scenario.seed);
    // The SDKs draw the jitter of their retries from this thread's generator.
    fastrand::seed(seed);
    let world = World::new(&scenario.world, seed, scenario.start()).map_err(PlayError::World)?;
    let faults = options
        .faults
        .iter()
        .cloned()
        .chain(scenario.faults.iter().map(Fault::from));
    let cloud = Cloud::new(world, FaultPlan::new(faults, seed), SimClock::new(scenario.start()));
    let lasts = options.until.unwrap_or(scenario.duration.duration());
    let end = after(scenario.start(), lasts);
    let record = stage::Stage::new(scenario, cloud, seed, end, watch)
        .run()
        .await
        .map_err(PlayError::Watch)?;
    let checks = expect::judge(scenario, &record);
    Ok(Outcome { seed, record, checks })
}

/// `span` after `moment`, or the end of the representable years.
fn after(moment: Timestamp, span: Duration) -> Timestamp {
    SignedDuration::try_from(span)
        .ok()
        .and_then(|span| moment.checked_add(span).ok())
        .unwrap_or(Timestamp::MAX)
}
