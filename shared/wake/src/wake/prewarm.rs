//! What is woken before anybody asks: which schedule is to be begun, and what one asks of a wake that is at work already.

use jiff::Timestamp;

use super::{
    ledger::{Ended, Phase, Remembered, Wake},
    policy::{Prewarm, WakePolicy},
};

/// A schedule whose time is open and for which nothing was done yet, or in vain.
pub(super) struct Opening<'a> {
    pub(super) prewarm: &'a Prewarm,
    pub(super) began: Timestamp,
    pub(super) until: Timestamp,
}

impl Opening<'_> {
    /// A wake failed that was to stay for it.
    pub(super) fn again(&self, remembered: &Remembered) -> bool {
        remembered.missed.get(&self.prewarm.name) == Some(&self.began)
    }
}

/// The next one. After a failure within its time it waits for the pause; a failure from before does not delay it.
pub(super) fn opening<'a>(policy: &'a WakePolicy, remembered: &Remembered, now: Timestamp) -> Option<Opening<'a>> {
    let pauses = remembered.not_before.is_some_and(|until| now < until);
    openings(policy, remembered, now).find(|opening| !(pauses && opening.again(remembered)))
}

/// All of them, also those that wait for the pause.
pub(super) fn openings<'a>(
    policy: &'a WakePolicy,
    remembered: &Remembered,
    now: Timestamp,
) -> impl Iterator<Item = Opening<'a>> {
    policy.prewarm.iter().filter_map(move |prewarm| {
        let (began, until) = prewarm.open_at(now)?;
        let begun = remembered.prewarmed.get(&prewarm.name);
        let opening = Opening { prewarm, began, until };
        begun.is_none_or(|last| *last < began).then_some(opening)
    })
}

/// The wake at work does what a schedule asks for that opens meanwhile, also when it is giving its minimum back. One that
/// failed or was stopped is over first.
pub(super) fn join(now: Timestamp, policy: &WakePolicy, remembered: &mut Remembered) {
    let joins = |wake: &&mut Wake| wake.phase != Phase::Restoring || wake.verdict == Some(Ended::Done);
    while let Some(Opening { prewarm, began, until }) = opening(policy, remembered, now) {
        let Some(wake) = remembered.wake.as_mut().filter(joins) else {
            return;
        };
        if wake.phase == Phase::Restoring {
            wake.wanted_again(now);
        }
        wake.join(prewarm.instances, Some(until));
        wake.note(
            now,
            format!(
                "kept by schedule {} until {until:.0}, with {} at least",
                prewarm.name, prewarm.instances
            ),
        );
        remembered.prewarmed.insert(prewarm.name.clone(), began);
    }
}
