//! Where backups are kept, and what lies where in it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::location::Location;

/// Digits of a digest in a key: 128 bits.
pub const DIGITS: usize = 32;

/// Where backups are kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Vault {
    /// The Region of the bucket, where endpoints are restored.
    pub region: String,
    /// Its name.
    pub bucket: String,
    /// What every key begins with: empty, or ending with `/`.
    pub prefix: String,
    /// The KMS key of the copies (id, ARN or alias); absent: what the bucket does by itself.
    pub key: Option<String>,
}

impl Vault {
    /// Below it are all copies.
    pub fn artifacts(&self) -> Location {
        self.at("artifacts/")
    }

    /// Below it are the recovery points of one endpoint of the Region `from`; without it, those that earlier builds wrote,
    /// of whatever Region.
    pub fn points(&self, endpoint: &str, from: Option<&str>) -> Location {
        self.at(&match from {
            Some(from) => format!("points/{endpoint}.{from}/"),
            None => format!("points/{endpoint}/"),
        })
    }

    /// What the keys of an endpoint's recovery points begin with, those of earlier builds apart, whatever the Region.
    pub fn points_of_every_region(&self, endpoint: &str) -> Location {
        self.at(&format!("points/{endpoint}."))
    }

    /// Below it are the recovery points of every endpoint.
    pub fn all_points(&self) -> Location {
        self.at("points/")
    }

    /// Below it is what restored endpoints hold.
    pub fn claims(&self) -> Location {
        self.at("claims/")
    }

    /// It is the same place, whatever key what is written there now gets.
    pub fn is_place_of(&self, other: &Self) -> bool {
        (&self.region, &self.bucket, &self.prefix) == (&other.region, &other.bucket, &other.prefix)
    }

    /// Below it is the copy of one object, under the object's own file name.
    pub fn object_root(&self, bucket: &str, key: &str, etag: &str) -> Location {
        self.root("objects", format!("{bucket}\n{key}\n{etag}"))
    }

    /// A set by the digest of its listing and the key that its copies get: under another key it is another set.
    pub fn listing(&self, of_source: &str) -> String {
        match &self.key {
            None => of_source.to_owned(),
            Some(key) => digest(format!("{of_source}\n\nkey {key}")),
        }
    }

    /// Below it are the copies of a set of objects, of which this is the digest in the old Region.
    pub fn set_root(&self, of: &Location, digest_of_source: &str) -> Location {
        self.root("sets", format!("{of}\n{digest_of_source}"))
    }

    /// Of what is the same under the same key: what another key encrypts is another copy, and lies elsewhere.
    fn root(&self, kind: &str, mut what: String) -> Location {
        if let Some(key) = &self.key {
            what.push_str(&format!("\n\nkey {key}"));
        }
        self.at(&format!("artifacts/{kind}/{}/", &digest(what)[..DIGITS]))
    }

    /// Below it are the copies of a set that goes on changing, by its `owner` (Region, endpoint and when it was begun, so
    /// nobody else ever writes there).
    pub fn changing_root(&self, of: &Location, owner: &str) -> Location {
        self.root("sets", format!("{of}\nchanging\n{owner}"))
    }

    fn at(&self, rest: &str) -> Location {
        Location::new(&self.bucket, format!("{}{rest}", self.prefix))
    }
}

/// SHA-256 in lower-case hexadecimal digits.
pub fn digest(of: impl AsRef<[u8]>) -> String {
    Sha256::digest(of).iter().map(|byte| format!("{byte:02x}")).collect()
}
