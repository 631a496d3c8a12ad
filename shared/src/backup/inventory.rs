//! What S3 tells of objects and unfinished uploads, and the calls that make one object a copy of another.
//!
//! The nouns that deciding a copy and making its calls share. Of two versions of an artifact never one copy is made: each
//! call that reads the source carries its ETag (`x-amz-copy-source-if-match`), and the key of the copy is a function of
//! that ETag, so whatever is found under that key or in an unfinished upload to it is of the same version.

use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// `StorageClass`; absent means `STANDARD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// `LastModified`.
    pub modified: Timestamp,
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
    /// Base64, where S3 keeps one; of the algorithm that the upload was begun with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

/// One object, and where its copy goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Bucket of the source; the key is the object's.
    pub bucket: String,
    /// The very version that is copied.
    pub object: ObjectInfo,
    /// The copy. The key holds a digest of the source's ETag, so it never names two versions.
    pub to: Location,
}

/// How far one copy is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Found {
    /// The object under the copy's key.
    pub copy: Option<ObjectInfo>,
    /// Unfinished uploads to that very key.
    pub uploads: Vec<Upload>,
}

/// One call toward a copy, sent to the destination bucket's Region. Each may be lost, repeated or answered wrongly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CopyCall {
    /// `HeadObject` of the copy, `ListMultipartUploads` of its key and `ListParts` of each: how far it is.
    Find(Arc<Wanted>),
    /// `CopyObject` with `CopySourceIfMatch` of the source's ETag and `IfNoneMatch: *`, `ChecksumAlgorithm: CRC64NVME`,
    /// both directives `COPY`, the source's storage class and the destination's encryption.
    Whole(Arc<Wanted>),
    /// `HeadObject` (`IfMatch`) and `GetObjectTagging` in the source's Region, then `CreateMultipartUpload` with what
    /// they said ([`Carried`]), `ChecksumAlgorithm: CRC64NVME` and `ChecksumType: FULL_OBJECT`.
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
        /// Exactly these parts, by ascending number.
        parts: Arc<[Part]>,
    },
    /// `HeadObject` of the source (`IfMatch`) and of the copy, both with `ChecksumMode: ENABLED`: for what the answer of a
    /// copy did not prove.
    Look(Arc<Wanted>),
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
    /// `Look`: both as they are.
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
