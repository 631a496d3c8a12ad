//! What a restored endpoint holds: the copies that its models name.
//!
//! SageMaker reads them whenever it starts an instance, for as long as the endpoint is there. So where recovery points are
//! kept, a *claim* says that an endpoint was restored from one, before its first model is made. A pruning, in whatever
//! Region, keeps the point and its copies until the claim is gone; the function in the Region of the backups deletes it when
//! the endpoint is gone.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    artifact::Vault,
    manifest::{PointId, RecoveryPoint},
};
use crate::{location::Location, text::printable};

/// Kind and version of the document.
pub const SCHEMA: &str = "claim/1";

/// The largest document that is read, bytes.
pub const LIMIT: u64 = 1 << 20;

/// What was restored is looked at so often: whether it is still there, and could be deployed again. No function that may be
/// about to write a claim or make an endpoint lives that long.
pub const LOOKED_AT: Duration = Duration::from_secs(3600);

/// One endpoint that was restored, or is being.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The endpoint that was backed up.
    pub endpoint: String,
    /// Its Region.
    pub from: String,
    /// From what it was restored.
    pub point: PointId,
    /// Where.
    pub region: String,
    /// The restored endpoint.
    pub restored: String,
    /// The number of the restore.
    pub number: u64,
    /// When it was decided.
    pub since: Timestamp,
    /// The prefixes of the copies that it uses, as keys.
    pub roots: Vec<String>,
}

/// A claim, and where it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// With the recovery points.
    pub vault: Vault,
    /// What it says.
    pub claim: Claim,
}

/// One that the ledger remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which.
    pub hold: Hold,
    /// When it was last looked whether the endpoint is there.
    pub looked: Timestamp,
    /// Since when it is looked for in vain. Ledgers of earlier builds do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_since: Option<Timestamp>,
}

impl Held {
    /// Nobody will need the copies, unless somebody holds the endpoint's lease: it was not there at two looks at least, so
    /// long apart. A repair deletes an endpoint and creates it again from the same config, and it is not there meanwhile.
    pub fn is_gone_for_good(&self, now: Timestamp) -> bool {
        self.gone_since
            .is_some_and(|since| since.checked_add(LOOKED_AT).unwrap_or(Timestamp::MAX) <= now)
    }
}

/// The document.
#[derive(Serialize, Deserialize)]
struct Written<T> {
    schema: String,
    claim: T,
}

impl Claim {
    /// The claim of a restore, of which the restored endpoint's name is given; `None` where no copies are used.
    pub fn of(
        (id, point): (&PointId, &RecoveryPoint),
        (restored, number): (&str, u64),
        since: Timestamp,
    ) -> Option<Self> {
        let mut roots: Vec<String> = point.artifacts.iter().map(|one| one.root.key.clone()).collect();
        roots.sort();
        roots.dedup();
        (!roots.is_empty()).then(|| Self {
            endpoint: point.endpoint.clone(),
            from: point.from.clone(),
            point: id.clone(),
            region: point.to.clone(),
            restored: restored.to_owned(),
            number,
            since,
            roots,
        })
    }

    /// The document. The same claim gives the same bytes.
    pub fn write(&self) -> String {
        let written = Written {
            schema: SCHEMA.to_owned(),
            claim: self,
        };
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// Reads a document.
    ///
    /// # Errors
    /// Why nobody knows what it holds.
    pub fn read(document: &str) -> Result<Self, String> {
        let written: Written<serde_json::Value> =
            serde_json::from_str(document).map_err(|error| format!("it is no claim: {error}"))?;
        match written.schema.as_str() {
            SCHEMA => serde_json::from_value(written.claim).map_err(|error| format!("it is no claim: {error}")),
            other => Err(format!(
                "it has the form {}, and this build knows {SCHEMA}",
                printable(other, 60)
            )),
        }
    }

    /// It holds this point.
    pub fn holds(&self, endpoint: &str, point: &PointId) -> bool {
        self.endpoint == endpoint && self.point == *point
    }
}

impl Hold {
    /// Where the document is.
    pub fn at(&self) -> Location {
        let Claim {
            endpoint,
            from,
            restored,
            number,
            ..
        } = &self.claim;
        let mut at = self.vault.claims();
        at.key.push_str(&format!("{endpoint}.{from}/{restored}-{number}.json"));
        at
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            restored,
            region,
            number,
            ..
        } = self;
        write!(f, "{restored} in {region}, made by restore-{number}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::fixture::{at, point, vault};

    fn claim() -> Claim {
        let point = point(0);
        let (id, _) = point.write();
        Claim::of((&id, &point), ("fraud-eu", 7), at(60)).unwrap()
    }

    #[test]
    fn a_claim_that_was_written_is_read_again() {
        let claim = claim();
        assert!(!claim.roots.is_empty());
        assert_eq!(Claim::read(&claim.write()), Ok(claim.clone()));
        assert_eq!(claim.to_string(), "fraud-eu in eu-west-1, made by restore-7");
        let hold = Hold { vault: vault(), claim };
        assert_eq!(hold.at().key, "steward/claims/fraud.us-east-1/fraud-eu-7.json");
    }

    #[test]
    fn what_nobody_can_read_says_why() {
        let newer = claim().write().replace("claim/1", "claim/2");
        assert_eq!(
            Claim::read(&newer).unwrap_err(),
            "it has the form claim/2, and this build knows claim/1"
        );
        for wrong in ["", "{}", "{\"schema\": \"claim/1\", \"claim\": {}}"] {
            assert!(Claim::read(wrong).unwrap_err().starts_with("it is no claim"), "{wrong}");
        }
    }

    #[test]
    fn a_point_without_copies_needs_none() {
        let mut point = point(0);
        point.artifacts.clear();
        let (id, _) = point.write();
        assert_eq!(Claim::of((&id, &point), ("fraud", 1), at(0)), None);
    }
}
