//! From the artifacts that a definition names to the objects that have to be copied, and from what came of that to the
//! recovery point.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    artifact::{Artifact, Vault, below, folder},
    copy::{Outcome, Proof, progress::Tally},
    definition::Definition,
    inventory::{ObjectInfo, Wanted},
    manifest::RecoveryPoint,
    references::{Form, Reference},
    rewrite::{self, RefusedAll, Rules},
};
use crate::{location::Location, text::printable};

/// Where the copies of one artifact go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Bucket of the source.
    pub bucket: String,
    /// What the keys of its objects begin with, and the keys of the copies have [`Destination::root`] for.
    pub base: String,
    /// Below it are the copies.
    pub root: Location,
    /// What the documents name instead of the source.
    pub at: Location,
    /// Every key below the root stands for one version of its source: see [`Wanted::pinned`].
    pub pinned: bool,
}

impl Destination {
    /// Of one object.
    ///
    /// # Errors
    /// When the copy's key would be too long.
    pub fn of_object(vault: &Vault, bucket: &str, object: &ObjectInfo) -> Result<Self, String> {
        let root = vault.object_root(bucket, &object.key, &object.etag);
        let base = folder(&object.key).to_owned();
        Ok(Self {
            at: below(&root, &base, &object.key)?,
            bucket: bucket.to_owned(),
            base,
            root,
            pinned: true,
        })
    }

    /// Of everything below a prefix (`of`, ending with `/`), of which this is the digest of the listing.
    pub fn of_set(vault: &Vault, of: &Location, digest: &str) -> Self {
        let root = vault.set_root(of, digest);
        Self {
            bucket: of.bucket.clone(),
            base: of.key.clone(),
            at: root.clone(),
            root,
            pinned: true,
        }
    }

    /// The same set, collected below a root that stays where it is while the source changes.
    #[must_use]
    pub fn collected_below(self, root: Location) -> Self {
        Self {
            at: root.clone(),
            root,
            pinned: false,
            ..self
        }
    }

    /// Of what a manifest file lists (`of` is the file), of which this is the digest of the listing: each object under its
    /// bucket and key, so that paths relative to a prefix stay as they are, and beside them the file for the copies.
    ///
    /// # Errors
    /// When the file's key would be too long.
    pub fn of_manifest(vault: &Vault, of: &Location, digest: &str) -> Result<Self, String> {
        let root = vault.set_root(of, digest);
        let file = &of.key[folder(&of.key).len()..];
        Ok(Self {
            at: below(&root, "", &format!("manifest/{file}"))?,
            bucket: of.bucket.clone(),
            base: String::new(),
            root,
            pinned: true,
        })
    }

    /// One object that the manifest file lists.
    ///
    /// # Errors
    /// When the copy's key would be too long.
    pub fn listed(&self, bucket: &str, object: ObjectInfo) -> Result<Wanted, String> {
        Ok(Wanted {
            to: below(&self.root, "", &format!("listed/{bucket}/{}", object.key))?,
            bucket: bucket.to_owned(),
            object,
            pinned: self.pinned,
            taken: None,
        })
    }

    /// Where what an S3 URI of the manifest file names was copied to: for
    /// [`ManifestFile::moved`](super::references::ManifestFile::moved).
    pub fn listed_uri(&self, uri: &str) -> String {
        format!("{}listed/{}", self.root, uri.trim_start_matches("s3://"))
    }

    /// One object of it.
    ///
    /// # Errors
    /// When the copy's key would be too long.
    pub fn wanted(&self, object: ObjectInfo) -> Result<Wanted, String> {
        Ok(Wanted {
            bucket: self.bucket.clone(),
            to: below(&self.root, &self.base, &object.key)?,
            object,
            pinned: self.pinned,
            taken: None,
        })
    }
}

/// How the objects of one artifact came out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tallied {
    /// The weakest proof so far.
    proof: Option<Proof>,
    /// Objects of which only the size was compared.
    by_size: u64,
    /// The first few that did not come out, in words.
    missing: Vec<String>,
    /// How many did not.
    failed: u64,
    /// Another invocation may do better.
    later: bool,
    /// The listing has to be taken again.
    changed: bool,
}

/// Objects that did not come out and are named one by one.
const NAMED: usize = 5;

impl Tallied {
    /// One more object.
    pub fn add(&mut self, wanted: &Wanted, outcome: &Outcome) {
        match outcome.proof() {
            Some(proof) => {
                self.proof = Some(self.proof.map_or(proof, |weakest| weakest.min(proof)));
                self.by_size += u64::from(proof == Proof::Size);
            }
            None => {
                self.failed += 1;
                self.later |= matches!(outcome, Outcome::Later(_));
                self.changed |= matches!(outcome, Outcome::SourceChanged);
                if self.missing.len() < NAMED {
                    let key = printable(&wanted.object.key, 300);
                    self.missing.push(format!("s3://{}/{key}: {outcome}", wanted.bucket));
                }
            }
        }
    }

    /// The source changed meanwhile: its inventory has to be taken again.
    pub fn source_changed(&self) -> bool {
        self.changed
    }

    /// Something failed in a way that passes: the backup is to be continued, not given up.
    pub fn to_be_continued(&self) -> bool {
        self.later
    }

    /// What did not come out, one line each.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.missing.clone();
        if self.failed > problems.len() as u64 {
            problems.push(format!("and {} more objects", self.failed - problems.len() as u64));
        }
        problems
    }

    /// The artifact, if all of it is there: `digest` and `tally` are of the listing below the root after the copies.
    ///
    /// # Errors
    /// What is missing, one line each.
    pub fn artifact(
        &self,
        (uri, form): &(String, Form),
        destination: &Destination,
        expected: Tally,
        (digest, tally): (String, Tally),
    ) -> Result<Artifact, Vec<String>> {
        let mut problems = self.problems();
        if problems.is_empty() && tally != expected {
            problems.push(format!("{uri} has {expected}, and its copy has {tally}"));
        }
        match problems.is_empty() {
            false => Err(problems),
            true => Ok(Artifact {
                uri: uri.clone(),
                form: *form,
                at: destination.at.clone(),
                root: destination.root.clone(),
                tally,
                digest,
                proof: self.proof.unwrap_or(Proof::Size),
                by_size: self.by_size,
                source: None,
            }),
        }
    }
}

/// What is known of a backup besides its definition and its artifacts.
#[derive(Clone, Debug, PartialEq)]
pub struct Circumstances {
    /// When it began to look.
    pub began: Timestamp,
    /// When everything was there.
    pub completed: Timestamp,
    /// The version of Steward.
    pub writer: String,
}

/// The recovery point of a backup whose artifacts are all there.
///
/// # Errors
/// Everything that cannot be rewritten for the other Region.
pub fn point(
    source: &Definition,
    rules: &Rules,
    artifacts: Vec<Artifact>,
    circumstances: Circumstances,
) -> Result<RecoveryPoint, RefusedAll> {
    let copied = artifacts.iter().map(|artifact| {
        let key = (artifact.uri.clone(), artifact.form);
        (key, artifact.at.to_string())
    });
    let rules = Rules {
        copied: copied.collect(),
        ..rules.clone()
    };
    Ok(RecoveryPoint {
        endpoint: source.endpoint.clone(),
        account: rules.account.clone(),
        from: rules.from.clone(),
        to: rules.to.clone(),
        began: circumstances.began,
        completed: circumstances.completed,
        writer: circumstances.writer,
        restored: rewrite::rewrite(source, &rules)?,
        source: source.clone(),
        artifacts,
    })
}

/// What cannot be rewritten whatever is copied: told before the first byte is, so that nobody waits for 100 GB to learn of
/// a missing line in the fleet file.
///
/// # Errors
/// Everything of it.
pub fn preflight(source: &Definition, rules: &Rules) -> Result<BTreeMap<(String, Form), Vec<Reference>>, RefusedAll> {
    let to_copy = rewrite::to_copy(source, rules);
    let placeholder = |(uri, form): &(String, Form)| {
        (
            (uri.clone(), *form),
            format!("s3://{}", uri.trim_start_matches("s3://")),
        )
    };
    let all = Rules {
        copied: to_copy.keys().map(placeholder).collect(),
        ..rules.clone()
    };
    rewrite::rewrite(source, &all)?;
    Ok(to_copy)
}

#[cfg(test)]
mod tests;
