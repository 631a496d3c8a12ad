//! Objects written, read and deleted, with conditions, ranges and versions.

use bytes::Bytes;
use futures::TryStreamExt;
use s3s::{Body, S3ErrorCode, S3Result, dto::*, s3_error};

use super::{
    Content, Shared, Sums,
    shelf::{Headers, Object as Held, matches, precondition, quoted, timestamp},
};

/// The largest answer that is written out, in bytes: what a virtual object is read for are its ends, not its whole.
const LARGEST_READ: u64 = 1 << 30;

impl Shared {
    pub(super) async fn put_object(&self, mut input: PutObjectInput) -> S3Result<PutObjectOutput> {
        let content = read(input.body.take()).await?;
        let claimed = Checksum {
            checksum_crc32: input.checksum_crc32.take(),
            checksum_crc32c: input.checksum_crc32c.take(),
            checksum_crc64nvme: input.checksum_crc64nvme.take(),
            checksum_sha1: input.checksum_sha1.take(),
            checksum_sha256: input.checksum_sha256.take(),
            ..Default::default()
        };
        let sums = Sums::verified(
            &content,
            claimed,
            input.checksum_algorithm.as_ref().map(|it| it.as_str()),
        )?;
        let now = self.now();
        let mut shelves = self.lock();
        let version = shelves.next_id();
        let headers = Headers {
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding,
            content_language: input.content_language,
            content_type: input.content_type,
            metadata: input.metadata,
            tagging: input.tagging,
            storage_class: input.storage_class.map(|it| it.as_str().to_owned()),
            encryption: input.server_side_encryption.map(|it| it.as_str().to_owned()),
            key_id: input.ssekms_key_id,
        };
        headers.tags()?;
        let headers = shelves.keys.encrypt(shelves.bucket(&input.bucket)?, headers)?;
        let bucket = shelves.bucket_mut(&input.bucket)?;
        bucket.allow_write(&input.key, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let (encrypted, key_id) = (headers.encryption.clone(), headers.key_id.clone());
        let mut object = Held {
            headers,
            ..Held::new(content, sums.clone(), now)
        };
        object.conceal(&version);
        let etag = object.etag.clone();
        let id = bucket.put(&input.key, object, version);
        Ok(PutObjectOutput {
            e_tag: Some(quoted(&etag)),
            version_id: bucket.reported(&id),
            checksum_type: sums.kind(),
            checksum_crc32: sums.values.checksum_crc32,
            checksum_crc32c: sums.values.checksum_crc32c,
            checksum_crc64nvme: sums.values.checksum_crc64nvme,
            checksum_sha1: sums.values.checksum_sha1,
            checksum_sha256: sums.values.checksum_sha256,
            server_side_encryption: Some(encryption(encrypted)),
            ssekms_key_id: key_id,
            ..Default::default()
        })
    }

    pub(super) fn get_object(&self, input: GetObjectInput) -> S3Result<GetObjectOutput> {
        let shelves = self.lock();
        let bucket = shelves.bucket(&input.bucket)?;
        let (id, object) = bucket.find(&input.key, input.version_id.as_deref())?;
        allow_read(object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        object.headers.readable()?;
        shelves.keys.decrypt(bucket, &object.headers)?;
        let whole = object.content.len();
        let (content, content_range) = ranged(&object.content, input.range.as_ref())?;
        if content.len() > LARGEST_READ {
            let length = content.len();
            return Err(s3_error!(
                NotImplemented,
                "The rehearsal does not write out {length} bytes: read virtual objects in ranges of up to 1 GiB."
            ));
        }
        let sums = (content.len() == whole && input.checksum_mode.is_some()).then(|| object.sums.clone());
        let sums = sums.unwrap_or_default();
        let headers = object.headers.clone();
        let class = headers.class();
        let output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(content.len()).ok(),
            body: Some(StreamingBlob::from(Body::from(content.bytes()))),
            e_tag: Some(quoted(&object.etag)),
            last_modified: Some(timestamp(object.modified)),
            version_id: bucket.reported(id),
            tag_count: i32::try_from(headers.tags()?.len()).ok().filter(|count| *count > 0),
            cache_control: input.response_cache_control.or(headers.cache_control),
            content_disposition: input.response_content_disposition.or(headers.content_disposition),
            content_encoding: input.response_content_encoding.or(headers.content_encoding),
            content_language: input.response_content_language.or(headers.content_language),
            content_type: Some(
                input
                    .response_content_type
                    .or(headers.content_type)
                    .unwrap_or_else(binary),
            ),
            storage_class: class.map(StorageClass::from),
            metadata: headers.metadata,
            server_side_encryption: Some(encryption(headers.encryption)),
            ssekms_key_id: headers.key_id,
            checksum_type: sums.kind(),
            checksum_crc32: sums.values.checksum_crc32,
            checksum_crc32c: sums.values.checksum_crc32c,
            checksum_crc64nvme: sums.values.checksum_crc64nvme,
            checksum_sha1: sums.values.checksum_sha1,
            checksum_sha256: sums.values.checksum_sha256,
            content_range,
            ..Default::default()
        };
        Ok(output)
    }

    pub(super) fn head_object(&self, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
        let shelves = self.lock();
        let bucket = shelves.bucket(&input.bucket)?;
        let (id, object) = bucket.find(&input.key, input.version_id.as_deref())?;
        allow_read(object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        shelves.keys.decrypt(bucket, &object.headers)?;
        let (content, content_range) = ranged(&object.content, input.range.as_ref())?;
        let sums = if input.checksum_mode.is_some() {
            object.sums.clone()
        } else {
            Sums::default()
        };
        let headers = object.headers.clone();
        let class = headers.class();
        Ok(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(content.len()).ok(),
            content_range,
            e_tag: Some(quoted(&object.etag)),
            last_modified: Some(timestamp(object.modified)),
            version_id: bucket.reported(id),
            cache_control: headers.cache_control,
            content_disposition: headers.content_disposition,
            content_encoding: headers.content_encoding,
            content_language: headers.content_language,
            content_type: Some(headers.content_type.unwrap_or_else(binary)),
            storage_class: class.map(StorageClass::from),
            metadata: headers.metadata,
            server_side_encryption: Some(encryption(headers.encryption)),
            ssekms_key_id: headers.key_id,
            checksum_type: sums.kind(),
            checksum_crc32: sums.values.checksum_crc32,
            checksum_crc32c: sums.values.checksum_crc32c,
            checksum_crc64nvme: sums.values.checksum_crc64nvme,
            checksum_sha1: sums.values.checksum_sha1,
            checksum_sha256: sums.values.checksum_sha256,
            ..Default::default()
        })
    }

    pub(super) fn delete_object(&self, input: DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
        let now = self.now();
        let mut shelves = self.lock();
        let fresh = shelves.next_id();
        let bucket = shelves.bucket_mut(&input.bucket)?;
        bucket.allow_write(&input.key, input.if_match.as_ref(), None)?;
        let deleted = bucket.delete(&input.key, input.version_id.as_deref(), fresh, now);
        let output = match deleted.and_then(|(id, marker)| Some((bucket.reported(&id)?, marker))) {
            Some((id, marker)) => DeleteObjectOutput {
                version_id: Some(id),
                delete_marker: marker.then_some(true),
                ..Default::default()
            },
            None => DeleteObjectOutput::default(),
        };
        Ok(output)
    }

    pub(super) fn delete_objects(&self, input: DeleteObjectsInput) -> S3Result<DeleteObjectsOutput> {
        if input.delete.objects.len() > 1000 {
            return Err(s3_error!(MalformedXML, "A request deletes at most 1000 objects."));
        }
        let now = self.now();
        let mut shelves = self.lock();
        let mut deleted = Vec::new();
        for object in input.delete.objects {
            let fresh = shelves.next_id();
            let bucket = shelves.bucket_mut(&input.bucket)?;
            let gone = bucket.delete(&object.key, object.version_id.as_deref(), fresh, now);
            let marker = gone.filter(|(_, marker)| *marker && bucket.versioned.is_some());
            deleted.push(DeletedObject {
                key: Some(object.key),
                version_id: object.version_id,
                delete_marker: marker.as_ref().map(|_| true),
                delete_marker_version_id: marker.map(|(id, _)| id),
            });
        }
        let quiet = input.delete.quiet.unwrap_or(false);
        let deleted = (!quiet).then_some(deleted);
        Ok(DeleteObjectsOutput {
            deleted,
            ..Default::default()
        })
    }
}

pub(super) async fn read(body: Option<StreamingBlob>) -> S3Result<Content> {
    let Some(body) = body else {
        return Ok(Content::Bytes(Bytes::new()));
    };
    let chunks: Vec<Bytes> = body
        .try_collect()
        .await
        .map_err(|problem| s3_error!(IncompleteBody, "The body broke off: {problem}"))?;
    Ok(Content::joined(chunks.into_iter().map(Content::Bytes).collect()))
}

fn allow_read(object: &Held, if_match: Option<&ETagCondition>, if_none_match: Option<&ETagCondition>) -> S3Result<()> {
    if if_match.is_some_and(|wanted| !matches(wanted, &object.etag)) {
        return Err(precondition("If-Match"));
    }
    if if_none_match.is_some_and(|unwanted| matches(unwanted, &object.etag)) {
        return Err(s3s::S3Error::with_message(S3ErrorCode::NotModified, "Not Modified"));
    }
    Ok(())
}

/// The part of a content that a range names, and its `Content-Range`.
pub(super) fn ranged(content: &Content, range: Option<&Range>) -> S3Result<(Content, Option<String>)> {
    let Some(range) = range else {
        return Ok((content.clone(), None));
    };
    let whole = content.len();
    let bounds = range.check(whole).map_err(|_| {
        s3_error!(
            InvalidRange,
            "The requested range is not satisfiable in an object of {whole} bytes."
        )
    })?;
    let described = format!("bytes {}-{}/{whole}", bounds.start, bounds.end.saturating_sub(1));
    Ok((content.slice(bounds), Some(described)))
}

pub(super) fn encryption(asked: Option<String>) -> ServerSideEncryption {
    asked.map_or_else(
        || ServerSideEncryption::from_static(ServerSideEncryption::AES256),
        ServerSideEncryption::from,
    )
}

fn binary() -> ContentType {
    "binary/octet-stream".to_owned()
}
