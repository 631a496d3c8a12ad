//! What is Steward's own to delete: what nobody declares any more, and what an endpoint left behind that was restored here.

use super::{Plan, Situation};
use crate::capacity::thing::Key;

/// Settings of what belongs to somebody else are changed, and never deleted; endpoints are not Steward's to delete.
pub(super) fn deletable(key: &Key) -> bool {
    match key {
        Key::Target(_) | Key::Policy(..) | Key::Alarm(_) | Key::Action(..) | Key::Dashboard(_) => true,
        Key::Endpoint(_) | Key::Reserved(_) | Key::Warm(..) | Key::Throttle(..) => false,
    }
}

impl Situation<'_> {
    /// The endpoint for which Steward made it, where a restore had made that here and it was deleted since: SageMaker takes no
    /// alarm along.
    pub(super) fn left_behind(&self, key: &Key) -> Option<&String> {
        let endpoint = self.desired.standing_by.get(key)?;
        let own = self.world.get(key).is_some() && self.world.is_own(key, self.prefix);
        (own && deletable(key)).then_some(endpoint)
    }

    /// What is there before its endpoint is, and is not known to be Steward's.
    pub(super) fn waits(self, key: &Key) -> Option<String> {
        let endpoint = self.desired.standing_by.get(key)?;
        Some(format!(
            "the endpoint {endpoint} stands by and is not there; nobody here knows that Steward made it, so it stays, and you \
             delete it when it is not to wait for the next restore"
        ))
    }
}

impl Plan {
    /// Why something of Steward's own is deleted, or would be.
    pub(super) fn why_deleted(&self, key: &Key) -> String {
        match self.made_for(key) {
            Some(endpoint) => format!("Steward's own, made for {endpoint}, which was restored here and is gone"),
            None => "Steward's own, and no longer declared".to_owned(),
        }
    }

    /// The endpoint that something left behind was made for.
    pub(super) fn made_for(&self, key: &Key) -> Option<&String> {
        let mut behind = self.behind.iter();
        behind.find_map(|(left, endpoint)| (left == key).then_some(endpoint))
    }
}
