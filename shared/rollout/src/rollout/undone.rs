//! How a variant is scaled but for what a rollout does for its own sake: what a copy of the endpoint gets, for which no
//! rollout would ever end.

use jiff::Timestamp;

use super::ledger::Rollout;
use crate::scaling::Scaling;

impl Rollout {
    /// A variant of the endpoint that was seen scaled so at `now`. What Steward suspended is not, and what it deregistered for
    /// its time, or is only halfway through registering again, is there. `None`: it is not scaled.
    pub fn scaled(&self, variant: &str, seen: Option<&Scaling>, now: Timestamp) -> Option<Scaling> {
        let kept = self.kept(variant);
        // Green's suspension is that of blue with the scale-in that Steward suspended, from its first registration on.
        let unsuspended = kept.or(self.scaling.as_ref().filter(|_| variant == self.plan.green.variant));
        match seen {
            Some(seen) if self.back.is_some() && kept.is_some_and(|kept| seen.lacks(&kept.still_to_come(now))) => {
                kept.cloned()
            }
            Some(seen) => Some(Scaling {
                suspended: unsuspended.map_or(seen.suspended, |known| known.suspended),
                max: self.own_max(variant, seen),
                ..seen.clone()
            }),
            None => match self.unregistered {
                Some(since) => kept.map(|kept| kept.caught_up(since, now)),
                None => kept.cloned(),
            },
        }
    }

    /// Its maximum without room for headroom: what stands for blue's, and for what blue had at the start.
    fn own_max(&self, variant: &str, seen: &Scaling) -> u32 {
        let raised = self.raised > 0 && seen.max == self.raised && variant == self.plan.green.variant;
        match self.scaling.as_ref().filter(|_| raised) {
            Some(blue) => {
                let most = blue.max.max(self.plan.blue.instances.unwrap_or(0));
                seen.max.min(self.plan.in_greens(most)).max(seen.min)
            }
            None => seen.max,
        }
    }

    /// What it gets back, or keeps.
    fn kept(&self, variant: &str) -> Option<&Scaling> {
        match variant {
            blue if blue == self.plan.blue.variant => self.scaling.as_ref(),
            green if green == self.plan.green.variant => self.green_scaling.as_ref(),
            _ => None,
        }
    }
}
