//! Which endpoints need not be there although the fleet file names them.

use std::fmt;

use super::Fleet;

/// Why an endpoint that the fleet file names need not be there before it was seen for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unmade {
    /// Its backups go to this Region, so it serves in another one, and is made here by a restore.
    StandsBy,
    /// It is declared under `provision`, and is made by a plan.
    Declared,
}

impl fmt::Display for Unmade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StandsBy => {
                "standing by: its backups go to this Region, so it serves in another one; it is watched once a restore made it here"
            }
            Self::Declared => {
                "declared, not made yet: a plan of the fleet reconciler makes it (`provision`); it is watched once it was seen"
            }
        })
    }
}

impl Fleet {
    /// Why this endpoint need not be there in `region`; `None` when it must be, and when no entry names it. A place for
    /// backups says where an endpoint lives also while `enabled: false` keeps any from being made.
    pub fn unmade(&self, name: &str, region: &str) -> Option<Unmade> {
        if !self.entries.iter().any(|entry| entry.select.exact_name() == Some(name)) {
            return None;
        }
        let layer = self.layer_for(name, None)?;
        if layer.backup.vault().is_some_and(|vault| vault.region == region) {
            return Some(Unmade::StandsBy);
        }
        layer.capacity.makes_endpoint().then_some(Unmade::Declared)
    }
}
