//! What an operator wants of what sleeps.

use std::time::Duration;

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What.
    pub order: Order,
    /// One component; absent: everything of the endpoint that sleeps.
    pub component: Option<String>,
    /// The same id twice is obeyed once.
    pub id: Option<String>,
    /// Who.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// The orders there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Wake it, or keep it awake.
    Wake {
        /// Instances or copies; absent: what the work asks for.
        instances: Option<u32>,
        /// Awake for so long at least; absent: the policy's cooldown.
        lasts: Option<Duration>,
    },
    /// Put it to sleep.
    Sleep {
        /// Also when there is work, or nobody knows whether there is.
        force: bool,
    },
}
