//! Restores and drills at work: one that makes something, and beside it a drill that made way for it.
//!
//! A restore waits for no drill: what is still to be undone of one goes on beside it. No drill begins before that is over,
//! so there is never more than one to be undone.

use super::{BackupLedger, Busy};
use crate::backup::restore::{Kind, Past, Restoration};

/// Restores and drills remembered after their end.
const HISTORY: usize = 30;

impl BackupLedger {
    /// What is at work, the one that makes something first.
    pub fn restorations(&self) -> impl Iterator<Item = &Restoration> {
        self.restore.iter().chain(&self.aside).map(AsRef::as_ref)
    }

    /// The one of this number, if it is at work.
    pub fn restoration(&self, number: u64) -> Option<&Restoration> {
        self.restorations().find(|one| one.plan.number == number)
    }

    pub(in crate::backup) fn restoration_mut(&mut self, number: u64) -> Option<&mut Restoration> {
        let both = self.restore.iter_mut().chain(&mut self.aside);
        both.map(AsMut::as_mut).find(|one| one.plan.number == number)
    }

    /// How far the one of this number is, if it is at work.
    pub fn keep(&mut self, state: Restoration) {
        if let Some(kept) = self.restoration_mut(state.plan.number) {
            *kept = state;
        }
    }

    /// The number of a restore or drill that may begin now.
    ///
    /// # Errors
    /// When a restore is at work; of a drill, also when another one is.
    pub fn may_restore(&self, kind: Kind) -> Result<u64, Busy> {
        let makes_way = |one: &Restoration| {
            kind == Kind::Restore && one.plan.kind == Kind::Drill && (self.restore.is_none() || self.aside.is_none())
        };
        match self.restorations().find(|one| !makes_way(one)) {
            Some(restoration) => Err(Busy::Restore(restoration.plan.id())),
            None => Ok(self.serial + 1),
        }
    }

    /// Begins it, with the number that its plan was made with. A drill at work makes way for a restore: it is only torn down
    /// from now on.
    ///
    /// # Errors
    /// When one is at work that does not make way, or a job began since the plan was made.
    pub fn restore(&mut self, restoration: Restoration) -> Result<(), Busy> {
        let next = self.may_restore(restoration.plan.kind)?;
        if restoration.plan.number != next {
            return Err(Busy::Meanwhile(self.serial));
        }
        if let Some(drill) = self.restore.take() {
            let drill = drill.made_way(&restoration.plan.id(), restoration.started);
            self.aside = Some(Box::new(drill));
        }
        self.serial = next;
        self.undrilled = None;
        if restoration.plan.kind == Kind::Drill {
            self.drill_waits = None;
        }
        self.claimed(&restoration);
        self.restore = Some(Box::new(restoration));
        Ok(())
    }

    /// Remembers how a restore or drill ended.
    pub fn ended(&mut self, past: Past) {
        for slot in [&mut self.restore, &mut self.aside] {
            slot.take_if(|one| one.plan.number == past.number);
        }
        self.past.push(past);
        let over = self.past.len().saturating_sub(HISTORY);
        self.past.drain(..over);
    }
}

#[cfg(test)]
mod tests;
