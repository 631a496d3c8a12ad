//! What the fleet file asks for an endpoint that may sleep, with every default filled in.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::thing::Thing;
use crate::cron::Cron;

/// How an endpoint is woken and put to sleep.
#[derive(Clone, Debug, PartialEq)]
pub struct WakePolicy {
    /// The variant whose instances sleep; absent: the first that has instances.
    pub variant: Option<String>,
    /// The inference components that sleep. Where there are any, the variant is left alone.
    pub components: Vec<String>,
    /// Instances or copies to begin with, at least.
    pub instances: u32,
    /// And at most.
    pub max_instances: u32,
    /// Waiting requests for each instance; absent: 5 for an asynchronous endpoint. A component's refused requests are not
    /// counted, unless this is given: whoever is refused tries again and would count many times.
    pub per_instance: Option<u32>,
    /// What is in service stays so long at least, and nothing is put to sleep earlier: a slow start is not killed.
    pub cooldown: Duration,
    /// From the decision to wake to the first success; later it has failed. For each instance pool that there is once.
    pub deadline: Duration,
    /// Without any work for so long it is put to sleep; absent: only by its scaling policies or the command `sleep`.
    pub idle_after: Option<Duration>,
    /// When it is woken before anybody asks.
    pub prewarm: Vec<Prewarm>,
}

/// When it is awake by schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Prewarm {
    /// What it is for; unique within the endpoint.
    pub name: String,
    /// When it begins.
    pub cron: Cron,
    /// Whose wall clock.
    pub zone: TimeZone,
    /// How long it lasts.
    pub lasts: Duration,
    /// Instances or copies.
    pub instances: u32,
}

/// Whether anybody uses it is judged over so long at least.
const LEAST: Duration = Duration::from_secs(30 * 60);

/// And looked at so much longer, because metrics come late and looks are minutes apart.
const MORE: Duration = Duration::from_secs(15 * 60);

impl WakePolicy {
    /// Whatever happened so long ago says nothing of whether anybody uses it.
    pub fn judged_over(&self) -> Duration {
        self.idle_after.unwrap_or_default().max(LEAST).saturating_add(MORE)
    }

    /// What sleeps.
    pub fn things(&self) -> Vec<Thing> {
        match self.components.as_slice() {
            [] => vec![Thing::Variant],
            names => names.iter().cloned().map(Thing::Component).collect(),
        }
    }
}

impl Prewarm {
    /// The occurrence that is open at `now`: when it began, and when it ends.
    pub fn open_at(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let began = self.cron.latest(now, &self.zone, self.lasts)?;
        let ends = began.checked_add(self.lasts).unwrap_or(Timestamp::MAX);
        (now < ends).then_some((began, ends))
    }
}
