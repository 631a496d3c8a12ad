//! Objects and parts copied from wherever the source is: all Regions share these shelves.

use http::HeaderMap;
use s3s::{S3Result, dto::*, s3_error};

use super::{
    Copied, Shared, Sums,
    multipart::PartOf,
    objects::{encryption, ranged},
    shelf::{Headers, Object as Held, matches, precondition, quoted, timestamp},
};

/// The largest object that one `CopyObject` copies, and the largest part: 5 GiB.
const LARGEST_COPY: u64 = 5 << 30;

/// Only of larger objects is a range copied: 5 MiB.
const SMALLEST_RANGED: u64 = 5 << 20;

/// The conditions of a copy on its destination, which `s3s` does not read for this operation.
#[derive(Debug, Default)]
pub(super) struct WriteIf {
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
}

impl WriteIf {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let read = |name: &str| ETagCondition::parse_http_header(headers.get(name)?.as_bytes()).ok();
        Self {
            if_match: read("if-match"),
            if_none_match: read("if-none-match"),
        }
    }
}

impl Shared {
    pub(super) fn copy_object(
        &self,
        input: CopyObjectInput,
        conditions: &WriteIf,
        meter: &Copied,
        corrupted: bool,
    ) -> S3Result<CopyObjectOutput> {
        let now = self.now();
        let guards = SourceIf {
            matches: input.copy_source_if_match.as_ref(),
            none_matches: input.copy_source_if_none_match.as_ref(),
            modified_since: input.copy_source_if_modified_since.as_ref(),
            unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
        };
        let (source_version, mut object) = self.source(&input.copy_source, &guards)?;
        if object.content.len() > LARGEST_COPY {
            let problem =
                "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120";
            return Err(s3_error!(InvalidRequest, "{problem}"));
        }
        let before = object.headers.clone();
        let replaced = input
            .metadata_directive
            .is_some_and(|it| it.as_str() == MetadataDirective::REPLACE);
        if replaced {
            object.headers = Headers {
                cache_control: input.cache_control,
                content_disposition: input.content_disposition,
                content_encoding: input.content_encoding,
                content_language: input.content_language,
                content_type: input.content_type,
                metadata: input.metadata,
                ..object.headers
            };
        }
        if input
            .tagging_directive
            .is_some_and(|it| it.as_str() == TaggingDirective::REPLACE)
        {
            object.headers.tagging = input.tagging;
        }
        object.headers.storage_class = input.storage_class.map(|it| it.as_str().to_owned());
        object.headers.encryption = input.server_side_encryption.map(|it| it.as_str().to_owned());
        object.headers.key_id = input.ssekms_key_id;
        object.headers.tags()?;
        let itself = matches!(
            &input.copy_source,
            CopySource::Bucket { bucket, key, version_id: None } if **bucket == *input.bucket && **key == *input.key
        );
        if itself && !replaced && object.headers.class() == before.class() && object.headers.encryption.is_none() {
            return Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing the \
                 object's metadata, storage class, website redirect location or encryption attributes."
            ));
        }
        if corrupted {
            object.content = object.content.corrupted();
        }
        // A copy is one part, whatever the source was uploaded as, and keeps the algorithm unless another is named.
        let named = input.checksum_algorithm.as_ref().map(|it| it.as_str());
        let algorithm = named.or_else(|| object.sums.algorithm());
        let sums = Sums::verified(&object.content, Checksum::default(), algorithm)?;
        let mut shelves = self.lock();
        let version = shelves.next_id();
        let headers = shelves.keys.encrypt(shelves.bucket(&input.bucket)?, object.headers)?;
        let mut copy = Held {
            headers,
            ..Held::new(object.content, sums, now)
        };
        copy.conceal(&version);
        let bucket = shelves.bucket_mut(&input.bucket)?;
        bucket.allow_write(
            &input.key,
            conditions.if_match.as_ref(),
            conditions.if_none_match.as_ref(),
        )?;
        let result = CopyObjectResult {
            e_tag: Some(quoted(&copy.etag)),
            last_modified: Some(timestamp(now)),
            checksum_type: copy.sums.kind(),
            checksum_crc32: copy.sums.values.checksum_crc32.clone(),
            checksum_crc32c: copy.sums.values.checksum_crc32c.clone(),
            checksum_crc64nvme: copy.sums.values.checksum_crc64nvme.clone(),
            checksum_sha1: copy.sums.values.checksum_sha1.clone(),
            checksum_sha256: copy.sums.values.checksum_sha256.clone(),
        };
        meter.add(copy.content.len());
        let (encrypted, key) = (copy.headers.encryption.clone(), copy.headers.key_id.clone());
        let id = bucket.put(&input.key, copy, version);
        Ok(CopyObjectOutput {
            copy_object_result: Some(result),
            server_side_encryption: Some(encryption(encrypted)),
            ssekms_key_id: key,
            copy_source_version_id: source_version,
            version_id: bucket.reported(&id),
            ..Default::default()
        })
    }

    pub(super) fn upload_part_copy(
        &self,
        input: UploadPartCopyInput,
        meter: &Copied,
        corrupted: bool,
    ) -> S3Result<UploadPartCopyOutput> {
        let guards = SourceIf {
            matches: input.copy_source_if_match.as_ref(),
            none_matches: input.copy_source_if_none_match.as_ref(),
            modified_since: input.copy_source_if_modified_since.as_ref(),
            unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
        };
        let (source_version, object) = self.source(&input.copy_source, &guards)?;
        if input.copy_source_range.is_some() && object.content.len() <= SMALLEST_RANGED {
            return Err(s3_error!(
                InvalidRequest,
                "The specified copy source is not supported as a byte-range copy source"
            ));
        }
        let range = input.copy_source_range.as_deref().map(Range::parse).transpose();
        let range =
            range.map_err(|_| s3_error!(InvalidArgument, "The x-amz-copy-source-range is not bytes=first-last."))?;
        if let Some(Range::Int { last: Some(last), .. }) = range
            && last >= object.content.len()
        {
            let length = object.content.len();
            return Err(s3_error!(
                InvalidArgument,
                "Range specified is not valid for source object of size: {length}"
            ));
        }
        let (content, _) = ranged(&object.content, range.as_ref())?;
        if content.len() > LARGEST_COPY {
            return Err(s3_error!(
                InvalidRequest,
                "A part has at most 5368709120 bytes; this range is longer."
            ));
        }
        meter.add(content.len());
        let content = match corrupted {
            true => content.corrupted(),
            false => content,
        };
        let at = PartOf {
            bucket: &input.bucket,
            key: &input.key,
            upload: &input.upload_id,
            number: input.part_number,
        };
        let part = self.add_part(&at, content, Checksum::default())?;
        let result = CopyPartResult {
            e_tag: Some(quoted(&part.etag)),
            last_modified: Some(timestamp(part.modified)),
            checksum_crc32: part.sums.values.checksum_crc32,
            checksum_crc32c: part.sums.values.checksum_crc32c,
            checksum_crc64nvme: part.sums.values.checksum_crc64nvme,
            checksum_sha1: part.sums.values.checksum_sha1,
            checksum_sha256: part.sums.values.checksum_sha256,
        };
        Ok(UploadPartCopyOutput {
            copy_part_result: Some(result),
            copy_source_version_id: source_version,
            ..Default::default()
        })
    }

    /// The object to copy from, in whatever Region, and its version as far as versions are reported.
    fn source(&self, source: &CopySource, guards: &SourceIf<'_>) -> S3Result<(Option<String>, Held)> {
        let CopySource::Bucket {
            bucket,
            key,
            version_id,
        } = source
        else {
            return Err(s3_error!(
                NotImplemented,
                "The rehearsal copies from buckets, not from access points."
            ));
        };
        let shelves = self.lock();
        let bucket = shelves.bucket(bucket)?;
        let (id, object) = bucket.find(key, version_id.as_deref())?;
        guards.allow(object)?;
        object.headers.readable()?;
        shelves.keys.decrypt(bucket, &object.headers)?;
        Ok((bucket.reported(id), object.clone()))
    }
}

/// The conditions of a copy on its source.
struct SourceIf<'a> {
    matches: Option<&'a ETagCondition>,
    none_matches: Option<&'a ETagCondition>,
    modified_since: Option<&'a Timestamp>,
    unmodified_since: Option<&'a Timestamp>,
}

impl SourceIf<'_> {
    /// A matching ETag outweighs the time, as S3 documents it.
    fn allow(&self, object: &Held) -> S3Result<()> {
        // Dates in headers have whole seconds.
        let modified = timestamp(whole_seconds(object.modified));
        match self.matches {
            Some(wanted) if !matches(wanted, &object.etag) => return Err(precondition("x-amz-copy-source-If-Match")),
            Some(_) => {}
            None if self.unmodified_since.is_some_and(|limit| modified > *limit) => {
                return Err(precondition("x-amz-copy-source-If-Unmodified-Since"));
            }
            None => {}
        }
        if self
            .none_matches
            .is_some_and(|unwanted| matches(unwanted, &object.etag))
        {
            return Err(precondition("x-amz-copy-source-If-None-Match"));
        }
        if self.modified_since.is_some_and(|limit| modified <= *limit) {
            return Err(precondition("x-amz-copy-source-If-Modified-Since"));
        }
        Ok(())
    }
}

fn whole_seconds(at: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(at.as_second()).unwrap_or(at)
}
