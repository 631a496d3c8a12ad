//! Buckets, objects, versions and uploads: the state of the store, without any protocol.

use std::collections::BTreeMap;

use jiff::Timestamp;
use s3s::{
    S3Error, S3ErrorCode, S3Result,
    dto::{ETag, ETagCondition, Metadata},
    s3_error,
};

use super::{Content, Sums, checksum, keys::Keys};

#[derive(Debug)]
pub(super) struct Shelves {
    pub(super) account: String,
    pub(super) buckets: BTreeMap<String, Bucket>,
    pub(super) keys: Keys,
    pub(super) ids: fastrand::Rng,
}

impl Shelves {
    /// A version or upload id.
    pub(super) fn next_id(&mut self) -> String {
        (0..32).map(|_| self.ids.alphanumeric()).collect()
    }

    pub(super) fn bucket(&self, name: &str) -> S3Result<&Bucket> {
        self.buckets.get(name).ok_or_else(|| no_bucket(name))
    }

    pub(super) fn bucket_mut(&mut self, name: &str) -> S3Result<&mut Bucket> {
        self.buckets.get_mut(name).ok_or_else(|| no_bucket(name))
    }
}

fn no_bucket(name: &str) -> S3Error {
    s3_error!(NoSuchBucket, "The specified bucket does not exist: {name}")
}

#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) region: String,
    pub(super) created: Timestamp,
    /// `None`: never versioned.
    pub(super) versioned: Option<bool>,
    /// The key that encrypts what is written without naming one.
    pub(super) key: Option<String>,
    /// Every version of every key, the newest last.
    pub(super) objects: BTreeMap<String, Vec<Version>>,
    pub(super) uploads: BTreeMap<String, Upload>,
}

#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) at: Timestamp,
    /// `None` is a delete marker.
    pub(super) object: Option<Object>,
}

#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) content: Content,
    pub(super) etag: String,
    pub(super) sums: Sums,
    pub(super) modified: Timestamp,
    pub(super) headers: Headers,
    /// The parts it was uploaded in, by number; empty for one that was written at once.
    pub(super) parts: Vec<(i32, PartOfObject)>,
}

/// What is left of a part in a finished object.
#[derive(Clone, Debug)]
pub(super) struct PartOfObject {
    pub(super) size: u64,
    pub(super) sums: Sums,
}

/// What a client says about an object beside its content.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Headers {
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) metadata: Option<Metadata>,
    pub(super) tagging: Option<String>,
    pub(super) storage_class: Option<String>,
    pub(super) encryption: Option<String>,
    pub(super) key_id: Option<String>,
}

impl Headers {
    /// The tags, in the order they were given.
    pub(super) fn tags(&self) -> S3Result<Vec<(String, String)>> {
        let tags = self.tagging.as_deref().unwrap_or_default();
        serde_urlencoded::from_str(tags)
            .map_err(|problem| s3_error!(InvalidTag, "The tags are not a query string: {problem}"))
    }

    /// What is archived is not read.
    pub(super) fn readable(&self) -> S3Result<()> {
        match self.storage_class.as_deref() {
            Some("GLACIER" | "DEEP_ARCHIVE") => Err(s3_error!(
                InvalidObjectState,
                "The operation is not valid for the object's storage class"
            )),
            _ => Ok(()),
        }
    }

    /// `STANDARD` is not told, as S3 does not tell it.
    pub(super) fn class(&self) -> Option<String> {
        self.storage_class.clone().filter(|class| class != "STANDARD")
    }
}

#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) initiated: Timestamp,
    pub(super) headers: Headers,
    pub(super) algorithm: Option<String>,
    pub(super) composite: bool,
    pub(super) parts: BTreeMap<i32, Part>,
}

#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) content: Content,
    pub(super) etag: String,
    pub(super) sums: Sums,
    pub(super) modified: Timestamp,
}

impl Object {
    pub(super) fn new(content: Content, sums: Sums, modified: Timestamp) -> Self {
        let etag = checksum::etag(&content);
        Self {
            content,
            etag,
            sums,
            modified,
            headers: Headers::default(),
            parts: Vec::new(),
        }
    }
}

impl Object {
    /// Of what is encrypted with a KMS key, the ETag is not the MD5 of the bytes, and no copy shares it.
    pub(super) fn conceal(&mut self, version: &str) {
        if self
            .headers
            .encryption
            .as_deref()
            .is_some_and(|by| by.starts_with("aws:kms"))
            && self.parts.is_empty()
        {
            self.etag = checksum::etag(&Content::Bytes(format!("{} {version}", self.etag).into()));
        }
    }

    /// Makes it an object that was uploaded in parts of `size` bytes.
    pub(super) fn in_parts(&mut self, size: u64) {
        let whole = self.content.len();
        let contents = (0..whole.div_ceil(size)).map(|index| self.content.slice(index * size..(index + 1) * size));
        let (mut etags, mut parts) = (Vec::new(), Vec::new());
        for (number, content) in (1..).zip(contents) {
            etags.push(checksum::etag(&content));
            let part = PartOfObject {
                size: content.len(),
                sums: Sums::default_for(&content),
            };
            parts.push((number, part));
        }
        let etags: Vec<&str> = etags.iter().map(String::as_str).collect();
        self.etag = checksum::multipart_etag(&etags);
        self.parts = parts;
    }
}

impl Bucket {
    pub(super) fn new(region: &str, created: Timestamp, versioned: bool) -> Self {
        Self {
            region: region.to_owned(),
            created,
            versioned: versioned.then_some(true),
            key: None,
            objects: BTreeMap::new(),
            uploads: BTreeMap::new(),
        }
    }

    /// The id to report for a version: none in a bucket that was never versioned.
    pub(super) fn reported(&self, id: &str) -> Option<String> {
        self.versioned.is_some().then(|| id.to_owned())
    }

    pub(super) fn current(&self, key: &str) -> Option<(&str, &Object)> {
        let newest = self.objects.get(key)?.last()?;
        Some((&newest.id, newest.object.as_ref()?))
    }

    /// The version asked for, or the current one.
    pub(super) fn find(&self, key: &str, version: Option<&str>) -> S3Result<(&str, &Object)> {
        let Some(wanted) = version else {
            return self
                .current(key)
                .ok_or_else(|| s3_error!(NoSuchKey, "The specified key does not exist: {key}"));
        };
        let versions = self.objects.get(key).map(Vec::as_slice).unwrap_or_default();
        let found = versions.iter().find(|version| version.id == wanted);
        let found = found.ok_or_else(|| s3_error!(NoSuchVersion, "The specified version does not exist: {wanted}"))?;
        let object = found
            .object
            .as_ref()
            .ok_or_else(|| s3_error!(MethodNotAllowed, "The specified version is a delete marker: {wanted}"))?;
        Ok((&found.id, object))
    }

    /// Adds a version, which replaces the one before where versioning is off. Answers its id.
    pub(super) fn put(&mut self, key: &str, object: Object, id: String) -> String {
        let at = object.modified;
        self.push(
            key,
            Version {
                id,
                at,
                object: Some(object),
            },
        )
    }

    fn push(&mut self, key: &str, mut version: Version) -> String {
        let versions = self.objects.entry(key.to_owned()).or_default();
        if self.versioned != Some(true) {
            "null".clone_into(&mut version.id);
            versions.retain(|other| other.id != "null");
        }
        let id = version.id.clone();
        versions.push(version);
        id
    }

    /// Deletes a version, or the current one: by a delete marker where versioning is or was on. Answers the id concerned
    /// and whether it is (or was) a delete marker; `None` when there was nothing to delete.
    pub(super) fn delete(
        &mut self,
        key: &str,
        version: Option<&str>,
        fresh_id: String,
        now: Timestamp,
    ) -> Option<(String, bool)> {
        if let Some(wanted) = version {
            let versions = self.objects.get_mut(key)?;
            let at = versions.iter().position(|version| version.id == wanted)?;
            let gone = versions.remove(at);
            if versions.is_empty() {
                self.objects.remove(key);
            }
            return Some((gone.id, gone.object.is_none()));
        }
        if self.versioned.is_none() {
            return self.objects.remove(key).map(|_| ("null".to_owned(), false));
        }
        let id = self.push(
            key,
            Version {
                id: fresh_id,
                at: now,
                object: None,
            },
        );
        Some((id, true))
    }

    /// Checks the conditions of a conditional write against the current version.
    pub(super) fn allow_write(
        &self,
        key: &str,
        if_match: Option<&ETagCondition>,
        if_none_match: Option<&ETagCondition>,
    ) -> S3Result<()> {
        let current = self.current(key).map(|(_, object)| object.etag.as_str());
        if let Some(wanted) = if_match {
            let Some(current) = current else {
                return Err(s3_error!(NoSuchKey, "The specified key does not exist: {key}"));
            };
            if !matches(wanted, current) {
                return Err(precondition("If-Match"));
            }
        }
        if let (Some(unwanted), Some(current)) = (if_none_match, current)
            && matches(unwanted, current)
        {
            return Err(precondition("If-None-Match"));
        }
        Ok(())
    }
}

pub(super) fn matches(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag,
    }
}

pub(super) fn precondition(condition: &str) -> S3Error {
    let message = format!("At least one of the pre-conditions you specified did not hold: {condition}");
    S3Error::with_message(S3ErrorCode::PreconditionFailed, message)
}

pub(super) fn quoted(etag: &str) -> ETag {
    ETag::Strong(etag.to_owned())
}

pub(super) fn timestamp(at: Timestamp) -> s3s::dto::Timestamp {
    s3s::dto::Timestamp::from(std::time::SystemTime::from(at))
}
