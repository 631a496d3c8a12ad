//! SageMaker's own engines: started, watched, stopped by an alarm, and believed only when read back.

use super::{checks::World, decide::Next, ledger::Rollout, why::Why};

pub(super) fn step(_world: &World<'_>, _rollout: &mut Rollout) -> Next {
    Next::Stay(Why::Idle)
}
