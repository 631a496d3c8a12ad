//! Objects as scenarios put them and as expectations compare them.

use std::collections::BTreeMap;

use super::{Content, checksum, shelf::Object};

/// What is put beside a content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// `Content-Type`; `application/octet-stream` unless given.
    pub content_type: Option<String>,
    /// User metadata, without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// `STANDARD` unless given.
    pub storage_class: Option<String>,
    /// Uploaded in parts of so many bytes; at once unless given.
    pub part_size: Option<u64>,
    /// What S3 keeps to compare it by.
    pub checksum: GivenChecksum,
}

/// The checksum that an object was uploaded with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GivenChecksum {
    /// CRC64NVME over the full object: S3's own, where the client names none.
    #[default]
    Crc64Nvme,
    /// CRC32 over the full object, as boto3 sends it of what it uploads at once.
    Crc32,
    /// CRC32 over the checksums of the parts, as boto3 sends it of what it uploads in parts.
    OfParts,
    /// None, as of objects from before S3 computed one by itself.
    Absent,
}

/// What an object is to its readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The content.
    pub content: Content,
    /// ETag, without quotes.
    pub etag: String,
    /// Algorithm and value in base64.
    pub checksum: Option<(String, String)>,
    /// The checksum is made of the parts' checksums, instead of the whole.
    pub composite: bool,
    /// How many parts it was uploaded in; 0 when at once.
    pub parts: usize,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// User metadata, without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// `None` for `STANDARD`.
    pub storage_class: Option<String>,
    /// The KMS key that encrypts it, by ARN.
    pub key: Option<String>,
}

impl Object {
    /// What it is to its readers.
    pub(super) fn look(&self) -> Look {
        Look {
            content: self.content.clone(),
            etag: self.etag.clone(),
            checksum: self.sums.algorithm().map(|algorithm| {
                let value = checksum::value(&self.sums.values, algorithm).unwrap_or_default();
                (algorithm.to_owned(), value)
            }),
            composite: self.sums.composite,
            parts: self.parts.len(),
            content_type: self.headers.content_type.clone(),
            metadata: self.headers.metadata.clone().unwrap_or_default().into_iter().collect(),
            tags: self.headers.tags().unwrap_or_default().into_iter().collect(),
            storage_class: self.headers.class(),
            key: self.headers.key_id.clone(),
        }
    }
}
