//! What S3 tells of objects and unfinished uploads, and the calls that make one object a copy of another.
//!
//! The nouns that deciding a copy and making its calls share. Of two versions of an artifact never one copy is made: each
//! call that reads the source carries its ETag (`x-amz-copy-source-if-match`), and the key of the copy is a function of
//! that ETag, so whatever is found under that key or in an unfinished upload to it is of the same version.

use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{copy::Proof, names::digest};
use crate::{failure::CallError, location::Location};

/// One object of a bucket, as a listing and, where it was asked for, a `HeadObject` tell it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectInfo {
    /// Its whole key, decoded.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// `ETag`, quotes included, as `x-amz-copy-source-if-match` wants it.
    pub etag: String,
    /// `VersionId`; absent in a listing and in buckets without versioning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Absent in a listing, and for objects that S3 keeps none of, or of an algorithm that [`Algorithm`] does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
    /// By what S3 keeps a checksum over the full object, which listings tell without its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_object: Option<Algorithm>,
    /// The [`Wanted::version`] that it is a copy of, as Steward wrote it into the metadata; absent in a listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_of: Option<String>,
    /// `StorageClass`; absent means `STANDARD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// It is archived, as far as the answer tells: a listing says nothing of the tiers of `INTELLIGENT_TIERING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<Archived>,
    /// `LastModified`.
    pub modified: Timestamp,
}

/// An object of which S3 does not read the bytes as it does of others. `GLACIER_IR` is none: it is read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Archived {
    /// Nobody can read it.
    Unreadable,
    /// `RestoreObject` made a copy that can be read until it expires.
    Restored,
}

impl Archived {
    /// By `StorageClass`, whether there is an `ArchiveStatus` (a tier of `INTELLIGENT_TIERING`), and whether there is a
    /// restored copy.
    pub fn of(class: Option<&str>, tier: bool, restored: bool) -> Option<Self> {
        let archived = tier || matches!(class, Some("GLACIER" | "DEEP_ARCHIVE"));
        archived.then_some(match restored {
            true => Self::Restored,
            false => Self::Unreadable,
        })
    }
}

/// How S3 keeps an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    /// The ARN of the KMS key that encrypts it; `None` where a key of S3's own does.
    pub key: Option<String>,
    /// `StorageClass`; absent means `STANDARD`.
    pub class: Option<String>,
    /// It is archived.
    pub archived: Option<Archived>,
}

/// A checksum that S3 keeps with an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checksum {
    /// By what.
    pub algorithm: Algorithm,
    /// `ChecksumType` is `FULL_OBJECT`: over all bytes, however they were uploaded. Otherwise `COMPOSITE`, a checksum of
    /// the parts' checksums, which a copy in other parts does not share.
    pub full_object: bool,
    /// Base64, for `COMPOSITE` followed by `-` and the number of parts.
    pub value: String,
}

/// S3's checksum algorithms of which full-object or composite values are met in practice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// `CRC64NVME`: S3's default since December 2024, always over the full object.
    Crc64Nvme,
    /// `CRC32`.
    Crc32,
    /// `CRC32C`.
    Crc32c,
    /// `SHA1`, of multipart uploads only composite.
    Sha1,
    /// `SHA256`, of multipart uploads only composite.
    Sha256,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crc64Nvme => "CRC64NVME",
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        })
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm, self.value)
    }
}

/// What a copy carries over besides the bytes. `CopyObject` does it by itself (`MetadataDirective` and `TaggingDirective`
/// are `COPY`); a multipart copy has to be told at its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Carried {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// User metadata, without the `x-amz-meta-` in front.
    pub metadata: BTreeMap<String, String>,
    /// Object tags.
    pub tags: BTreeMap<String, String>,
    /// `StorageClass`; absent means `STANDARD`.
    pub storage_class: Option<String>,
}

/// A multipart upload that was neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Upload {
    /// The key it would become.
    pub key: String,
    /// `UploadId`.
    pub id: String,
    /// When it was begun.
    pub initiated: Timestamp,
    /// All its parts, by ascending number.
    pub parts: Vec<Part>,
}

/// One part of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Part {
    /// `PartNumber`: 1..=10,000.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    /// `ETag`, quotes included.
    pub etag: String,
}

/// One object, and where its copy goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Bucket of the source; the key is the object's.
    pub bucket: String,
    /// The very version that is copied.
    pub object: ObjectInfo,
    /// The copy.
    pub to: Location,
    /// The key of the copy names this version and no other. Otherwise what is found there may be of an earlier version: a
    /// copy has to be proven, and an upload is not gone on with.
    pub pinned: bool,
    /// It is a copy within the destination's Region of a copy made before, not of the source.
    pub taken: Option<Taken>,
}

/// A copy that was made before, and that another one is made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Taken {
    /// The version of the source that it is a copy of.
    pub version: String,
    /// How that is known.
    pub proof: Proof,
}

impl Wanted {
    /// Names the source's version: 32 hexadecimal digits over bucket, key and ETag.
    pub fn version(&self) -> String {
        match &self.taken {
            Some(taken) => taken.version.clone(),
            None => version(&self.bucket, &self.object),
        }
    }

    /// The same copy, made from one that was made before, which lies in the bucket of the copy. Key and ETag pin that one:
    /// to name its `VersionId`, too, would take permissions on the versions of a bucket that this writes to.
    #[must_use]
    pub fn taken_from(&self, earlier: ObjectInfo, proof: Proof) -> Self {
        Self {
            bucket: self.to.bucket.clone(),
            object: ObjectInfo {
                version: None,
                ..earlier
            },
            taken: Some(Taken {
                version: self.version(),
                proof,
            }),
            ..self.clone()
        }
    }
}

/// The digest that names one version of an object.
pub fn version(bucket: &str, object: &ObjectInfo) -> String {
    digest(format!("{bucket}\n{}\n{}", object.key, object.etag))[..32].to_owned()
}

impl ObjectInfo {
    /// By what there is a checksum over the full object, as far as is known.
    pub fn full_object(&self) -> Option<Algorithm> {
        let checksum = self.checksum.as_ref().filter(|checksum| checksum.full_object);
        checksum.map(|checksum| checksum.algorithm).or(self.full_object)
    }
}

impl Algorithm {
    /// What a copy of such an object is made with, so that both can be compared: the source's own algorithm, if S3 computes
    /// it over the full object of such a copy. Of a multipart upload it computes SHA sums over parts alone.
    pub fn of_copy(source: &ObjectInfo, in_parts: bool) -> Self {
        match source.full_object() {
            Some(Self::Sha1 | Self::Sha256) if in_parts => Self::Crc64Nvme,
            Some(algorithm) => algorithm,
            None => Self::Crc64Nvme,
        }
    }
}

/// How far one copy is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Found {
    /// The object under the copy's key.
    pub copy: Option<ObjectInfo>,
    /// Unfinished uploads to that very key.
    pub uploads: Vec<Upload>,
    /// Copies in the same bucket that were made for other sets, and that may be of this version. Only a listing finds them.
    pub earlier: Vec<ObjectInfo>,
}

/// One call toward a copy, sent to the destination bucket's Region. Each may be lost, repeated or answered wrongly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CopyCall {
    /// `HeadObject` of the copy, `ListMultipartUploads` of its key and `ListParts` of each: how far it is.
    Find(Arc<Wanted>),
    /// `CopyObject` with `CopySourceIfMatch` of the source's ETag and `IfNoneMatch: *`, the `ChecksumAlgorithm` of
    /// [`Algorithm::of_copy`], both directives `COPY`, the source's storage class and the destination's encryption. Where
    /// no checksum over the full object is known, a `HeadObject` before it and `MetadataDirective: REPLACE`: the metadata
    /// says then of which version the copy is.
    Whole(Arc<Wanted>),
    /// `HeadObject` (`IfMatch`) and `GetObjectTagging` in the source's Region, then `CreateMultipartUpload` with what
    /// they said ([`Carried`]), the `ChecksumAlgorithm` of [`Algorithm::of_copy`] and `ChecksumType: FULL_OBJECT`. The
    /// metadata says also of which version the copy is.
    Begin(Arc<Wanted>),
    /// `UploadPartCopy` with `CopySourceIfMatch`.
    Part {
        /// What is copied.
        wanted: Arc<Wanted>,
        /// `UploadId`.
        upload: Arc<str>,
        /// `PartNumber`.
        number: u32,
        /// Bytes of the source, the end exclusive (`CopySourceRange` counts it in).
        range: Range<u64>,
    },
    /// `CompleteMultipartUpload` with `IfNoneMatch: *` and `MpuObjectSize`.
    Complete {
        /// What is copied.
        wanted: Arc<Wanted>,
        /// `UploadId`.
        upload: Arc<str>,
        /// Exactly these parts, by number.
        parts: Arc<BTreeMap<u32, Part>>,
    },
    /// `HeadObject` of the source (`IfMatch`) and of the copy, both with `ChecksumMode: ENABLED`: for what the answer of a
    /// copy did not prove.
    Look(Arc<Wanted>),
    /// The same of a copy that was made before, somewhere else: whether it is of this version.
    Weigh {
        /// What is wanted.
        wanted: Arc<Wanted>,
        /// The copy made before.
        at: Location,
    },
    /// `DeleteObject` of a copy that is not what was copied, only in this version (`IfMatch`).
    Discard {
        /// What is copied.
        wanted: Arc<Wanted>,
        /// ETag of the bad copy.
        etag: String,
    },
    /// `AbortMultipartUpload`, then `ListParts` until it is empty or the upload is gone: parts in flight survive an abort.
    Abort {
        /// Where the upload goes.
        to: Location,
        /// `UploadId`.
        upload: Arc<str>,
    },
}

impl CopyCall {
    /// It reads a copy that was made before, and not the source.
    pub fn is_taken(&self) -> bool {
        match self {
            Self::Find(wanted)
            | Self::Whole(wanted)
            | Self::Begin(wanted)
            | Self::Look(wanted)
            | Self::Part { wanted, .. }
            | Self::Complete { wanted, .. }
            | Self::Weigh { wanted, .. }
            | Self::Discard { wanted, .. } => wanted.taken.is_some(),
            Self::Abort { .. } => false,
        }
    }
}

/// What came of a [`CopyCall`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyAnswer {
    /// `Find`: what there is.
    Found(Found),
    /// `Whole` and `Complete`: what the answer says of the copy.
    Copied {
        /// Its ETag, quotes included.
        etag: String,
        /// Its checksum.
        checksum: Option<Checksum>,
    },
    /// `Begin`: the upload's id.
    Begun(String),
    /// `Part` was copied.
    Part(Part),
    /// `Look` and `Weigh`: both as they are.
    Seen {
        /// The source's checksum, of the very version that is wanted; a source that is another by now is
        /// [`CopyAnswer::SourceChanged`].
        source: Option<Checksum>,
        /// The copy; absent when there is none.
        copy: Option<ObjectInfo>,
    },
    /// `Abort` and `Discard`: it is gone, also when it already was.
    Gone,
    /// The source is not this version any more (412 of a source condition), or is not there at all (404 of the source).
    SourceChanged,
    /// There is an object under the copy's key already (412 of `IfNoneMatch`, or 409 while another writes it).
    AlreadyThere,
    /// The upload does not exist any more (404 `NoSuchUpload`), or S3 does not know a part of it (`InvalidPart`).
    UploadGone,
    /// Anything else. It may have taken effect where [`crate::failure::Failure::may_have_taken_effect`] says so.
    Failed(CallError),
}
