//! Where the copy of an artifact is put, and the digest by which a set of objects is known.
//!
//! The key of a copy is a function of what is copied (bucket, key, ETag) and of the KMS key that encrypts it, so the next backup finds it and copies nothing,
//! two versions never meet under one key, and points share what is the same.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    copy::{Proof, progress::Tally},
    inventory::ObjectInfo,
    references::Form,
};
use crate::location::Location;
use shared::backup::DIGITS;
pub use shared::backup::Vault;

/// Bytes of the longest key that S3 takes.
const LONGEST_KEY: usize = 1024;

/// An artifact that was copied, as a recovery point names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// The S3 URI as the documents write it.
    pub uri: String,
    /// What it stands for.
    pub form: Form,
    /// The copy: an object, a prefix that ends with `/`, or the manifest file for the copies.
    pub at: Location,
    /// Everything that was copied for it lies below this prefix.
    pub root: Location,
    /// What that is.
    pub tally: Tally,
    /// The listing below `root`: see [`Listing`].
    pub digest: String,
    /// The weakest proof among its objects.
    pub proof: Proof,
    /// Objects of which nothing but the size could be compared. Points of earlier builds do not say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub by_size: u64,
    /// The digest of the source's listing, where the place of the copy is not a function of it: of a set that changed while
    /// it was copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Artifact {
    /// Objects of which nothing but the size could be compared: one at least, where a point of an earlier build does not
    /// say how many.
    pub fn by_size(&self) -> u64 {
        match self.proof {
            Proof::Size => self.by_size.max(1),
            _ => self.by_size,
        }
    }
}

/// The copy of `key` below `root`, where it is called by what follows `base` in its own key.
///
/// # Errors
/// When that is longer than S3 takes.
pub fn below(root: &Location, base: &str, key: &str) -> Result<Location, String> {
    let rest = key.strip_prefix(base).unwrap_or(key);
    let copy = format!("{}{rest}", root.key);
    match copy.len() <= LONGEST_KEY {
        true => Ok(Location::new(&root.bucket, copy)),
        false => Err(format!(
            "its copy would have a key of {} bytes, and S3 takes {LONGEST_KEY}: choose a shorter `prefix` for backups",
            copy.len()
        )),
    }
}

/// The prefix of a key up to its file name.
pub fn folder(key: &str) -> &str {
    &key[..key.rfind('/').map_or(0, |at| at + 1)]
}

/// The root of the artifact that a key below [`Vault::artifacts`] belongs to.
pub fn root_of<'a>(vault: &Vault, key: &'a str) -> Option<&'a str> {
    let below = vault.artifacts().key.len();
    let rest = key.strip_prefix(vault.artifacts().key.as_str())?;
    let (kind, rest_of_kind) = rest.split_once('/')?;
    let (digest, _) = rest_of_kind.split_once('/')?;
    let right = matches!(kind, "objects" | "sets") && digest.len() == DIGITS;
    right.then(|| &key[..below + kind.len() + digest.len() + 2])
}

/// The digest of a listing, taken page by page: constant memory for any number of objects.
///
/// Over relative key, size and ETag of every object, in the order of listings. An object's ETag never changes, so the same
/// digest means that nothing was added, removed or overwritten.
#[derive(Clone, Debug)]
pub struct Listing {
    base: String,
    sha: Sha256,
    tally: Tally,
}

impl Listing {
    /// Of what is below `base`.
    pub fn below(base: &Location) -> Self {
        Self {
            base: base.key.clone(),
            sha: Sha256::new(),
            tally: Tally::default(),
        }
    }

    /// The next object, in the order of the listing.
    pub fn add(&mut self, object: &ObjectInfo) {
        let relative = object.key.strip_prefix(&self.base).unwrap_or(&object.key);
        for text in [relative, &object.etag] {
            self.sha.update((text.len() as u64).to_be_bytes());
            self.sha.update(text);
        }
        self.sha.update(object.size.to_be_bytes());
        self.tally.add(object.size);
    }

    /// The digest, and what was listed.
    pub fn done(self) -> (String, Tally) {
        let digest = self.sha.finalize();
        (digest.iter().map(|byte| format!("{byte:02x}")).collect(), self.tally)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backup::fixture::{object, vault};

    #[test]
    fn copies_are_put_like_this() {
        let vault = vault();
        let one = object("fraud/v1/model.tar.gz", 10, "\"abc\"");
        let root = vault.object_root("models", &one.key, &one.etag);
        assert_eq!(
            below(&root, folder(&one.key), &one.key).unwrap().to_string(),
            "s3://dr/steward/artifacts/objects/812eab1b6257215012c094533743fd0c/model.tar.gz"
        );
        let set = vault.set_root(&Location::new("models", "llm/"), "digest");
        let copy = below(&set, "llm/", "llm/sub/ü +%.bin").unwrap();
        assert_eq!(copy.key, format!("{}sub/ü +%.bin", set.key));
        assert_eq!(root_of(&vault, &copy.key), Some(set.key.as_str()));
    }

    #[test]
    fn another_version_has_another_place() {
        let root = |etag| vault().object_root("models", "a", etag);
        assert_ne!(root("\"1\""), root("\"2\""));
        assert_eq!(root("\"1\""), root("\"1\""));
    }

    #[test]
    fn what_another_key_encrypts_is_another_copy() {
        let encrypted = |key: Option<&str>| Vault {
            key: key.map(str::to_owned),
            ..vault()
        };
        let [none, old, new] = [None, Some("alias/old"), Some("alias/new")].map(encrypted);
        let one = object("fraud/model.tar.gz", 10, "\"abc\"");
        let llm = Location::new("models", "llm/");
        let roots = |vault: &Vault| {
            [
                vault.object_root("models", &one.key, &one.etag),
                vault.set_root(&llm, "digest"),
            ]
        };
        let all: std::collections::BTreeSet<Location> = [&none, &old, &new].into_iter().flat_map(roots).collect();
        assert_eq!(all.len(), 6);
        assert!(
            all.iter()
                .all(|root| root_of(&new, &format!("{}x", root.key)) == Some(root.key.as_str()))
        );
        assert!(none.is_place_of(&new));
    }

    #[test]
    fn a_key_that_s3_would_not_take_is_refused() {
        let root = Location::new("dr", "x".repeat(100));
        let refused = below(&root, "", &"y".repeat(1000)).unwrap_err();
        assert!(refused.contains("1100 bytes"), "{refused}");
    }

    #[test]
    fn what_is_no_artifact_has_no_root() {
        let vault = vault();
        for key in [
            "steward/points/a/b.json",
            "steward/artifacts/objects/short/x",
            "steward/artifacts/x",
            "else",
        ] {
            assert_eq!(root_of(&vault, key), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn a_listing_has_one_digest_wherever_it_lies_and_any_change_another(
            objects in proptest::collection::vec(("[a-c/]{1,3}", 0..9_u64, "[0-9]{1,2}"), 1..8),
            changed in 0..8_usize,
        ) {
            let digest = |base: &str, objects: &[(String, u64, String)]| {
                let mut listing = Listing::below(&Location::new("b", base));
                objects.iter().for_each(|(key, size, etag)| listing.add(&object(&format!("{base}{key}"), *size, etag)));
                listing.done()
            };
            let one = digest("here/", &objects);
            prop_assert_eq!(&one, &digest("quite/else/where/", &objects));
            let mut other = objects.clone();
            let at = changed % objects.len();
            other[at].1 += 1;
            prop_assert_ne!(&one, &digest("here/", &other));
            other = objects.clone();
            other[at].0.push('d');
            prop_assert_ne!(&one, &digest("here/", &other));
            other.remove(at);
            prop_assert_ne!(&one, &digest("here/", &other));
        }
    }
}
