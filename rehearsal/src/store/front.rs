//! The S3 operations the store answers, in the types of `s3s`.

use bytes::Bytes;
use futures::TryStreamExt;
use s3s::{Body, S3, S3ErrorCode, S3Request, S3Response, S3Result, dto::*, s3_error};

use super::{
    Content, Shared, SignedRegion, Sums, listing,
    multipart::{Begun, PartOf},
    shelf::{Bucket, Headers, Object as Held, matches, precondition, quoted, timestamp},
};

/// The largest answer that is written out, in bytes: what a virtual object is read for are its ends, not its whole.
const LARGEST_READ: u64 = 1 << 30;

/// The largest object that one `CopyObject` copies, and the largest part: 5 GiB.
const LARGEST_COPY: u64 = 5 << 30;

pub(super) struct Front(pub(super) Shared);

#[async_trait::async_trait]
impl S3 for Front {
    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let shelves = self.0.lock();
        let buckets = shelves.buckets.iter().map(|(name, bucket)| s3s::dto::Bucket {
            name: Some(name.clone()),
            creation_date: Some(timestamp(bucket.created)),
            bucket_region: Some(bucket.region.clone()),
            ..Default::default()
        });
        let owner = Owner {
            id: Some("simulated".to_owned()),
            ..Default::default()
        };
        let output = ListBucketsOutput {
            buckets: Some(buckets.collect()),
            owner: Some(owner),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let signed = req
            .extensions
            .get::<SignedRegion>()
            .map_or("us-east-1", |region| region.0.as_str());
        let asked = req
            .input
            .create_bucket_configuration
            .and_then(|it| it.location_constraint);
        let region = asked.as_ref().map_or("us-east-1", |region| region.as_str());
        if region != signed && signed != "us-east-1" {
            return Err(s3_error!(
                IllegalLocationConstraintException,
                "The {region} location constraint is incompatible for the region specific endpoint this request was sent to."
            ));
        }
        let now = self.0.now();
        let mut shelves = self.0.lock();
        if shelves.buckets.contains_key(&req.input.bucket) {
            return Err(s3_error!(
                BucketAlreadyOwnedByYou,
                "The bucket {} exists and is yours.",
                req.input.bucket
            ));
        }
        let location = format!("/{}", req.input.bucket);
        shelves
            .buckets
            .insert(req.input.bucket, Bucket::new(region, now, false));
        Ok(S3Response::new(CreateBucketOutput {
            location: Some(location),
        }))
    }

    async fn delete_bucket(&self, req: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        let mut shelves = self.0.lock();
        if !shelves.bucket(&req.input.bucket)?.objects.is_empty() {
            return Err(s3_error!(
                BucketNotEmpty,
                "The bucket {} is not empty.",
                req.input.bucket
            ));
        }
        shelves.buckets.remove(&req.input.bucket);
        Ok(S3Response::new(DeleteBucketOutput {}))
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.0.lock().bucket(&req.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        let shelves = self.0.lock();
        let region = shelves.bucket(&req.input.bucket)?.region.clone();
        let location_constraint = (region != "us-east-1").then(|| BucketLocationConstraint::from(region));
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
    }

    async fn get_bucket_versioning(
        &self,
        req: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        let status = self.0.lock().bucket(&req.input.bucket)?.versioned.map(|on| {
            let status = if on {
                BucketVersioningStatus::ENABLED
            } else {
                BucketVersioningStatus::SUSPENDED
            };
            BucketVersioningStatus::from_static(status)
        });
        Ok(S3Response::new(GetBucketVersioningOutput {
            status,
            ..Default::default()
        }))
    }

    async fn put_bucket_versioning(
        &self,
        req: S3Request<PutBucketVersioningInput>,
    ) -> S3Result<S3Response<PutBucketVersioningOutput>> {
        let status = req.input.versioning_configuration.status;
        let status = status.ok_or_else(|| s3_error!(MalformedXML, "The configuration has no Status."))?;
        self.0.lock().bucket_mut(&req.input.bucket)?.versioned =
            Some(status.as_str() == BucketVersioningStatus::ENABLED);
        Ok(S3Response::new(PutBucketVersioningOutput {}))
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let mut input = req.input;
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
        let now = self.0.now();
        let mut shelves = self.0.lock();
        let version = shelves.next_id();
        let bucket = shelves.bucket_mut(&input.bucket)?;
        bucket.allow_write(&input.key, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let mut object = Held::new(content, sums.clone(), now);
        object.headers = Headers {
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
        let etag = object.etag.clone();
        let id = bucket.put(&input.key, object, version);
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(quoted(&etag)),
            version_id: bucket.reported(&id),
            checksum_type: sums.kind(),
            checksum_crc32: sums.values.checksum_crc32,
            checksum_crc32c: sums.values.checksum_crc32c,
            checksum_crc64nvme: sums.values.checksum_crc64nvme,
            checksum_sha1: sums.values.checksum_sha1,
            checksum_sha256: sums.values.checksum_sha256,
            server_side_encryption: Some(ServerSideEncryption::from_static(ServerSideEncryption::AES256)),
            ..Default::default()
        }))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let shelves = self.0.lock();
        let bucket = shelves.bucket(&input.bucket)?;
        let (id, object) = bucket.find(&input.key, input.version_id.as_deref())?;
        allow_read(object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
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
        let output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(content.len()).ok(),
            body: Some(StreamingBlob::from(Body::from(content.bytes()))),
            e_tag: Some(quoted(&object.etag)),
            last_modified: Some(timestamp(object.modified)),
            version_id: bucket.reported(id),
            tag_count: headers
                .tagging
                .as_ref()
                .and_then(|tags| i32::try_from(tags.split('&').count()).ok()),
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
            metadata: headers.metadata,
            storage_class: headers.storage_class.map(StorageClass::from),
            server_side_encryption: Some(encryption(headers.encryption)),
            ssekms_key_id: headers.key_id,
            checksum_type: sums.kind(),
            checksum_crc32: sums.values.checksum_crc32,
            checksum_crc32c: sums.values.checksum_crc32c,
            checksum_crc64nvme: sums.values.checksum_crc64nvme,
            checksum_sha1: sums.values.checksum_sha1,
            checksum_sha256: sums.values.checksum_sha256,
            content_range: content_range.clone(),
            ..Default::default()
        };
        let mut response = S3Response::new(output);
        response.status = content_range.map(|_| http::StatusCode::PARTIAL_CONTENT);
        Ok(response)
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let shelves = self.0.lock();
        let bucket = shelves.bucket(&input.bucket)?;
        let (id, object) = bucket.find(&input.key, input.version_id.as_deref())?;
        allow_read(object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let (content, content_range) = ranged(&object.content, input.range.as_ref())?;
        let sums = input
            .checksum_mode
            .is_some()
            .then(|| object.sums.clone())
            .unwrap_or_default();
        let headers = object.headers.clone();
        Ok(S3Response::new(HeadObjectOutput {
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
            metadata: headers.metadata,
            storage_class: headers.storage_class.map(StorageClass::from),
            server_side_encryption: Some(encryption(headers.encryption)),
            ssekms_key_id: headers.key_id,
            checksum_type: sums.kind(),
            checksum_crc32: sums.values.checksum_crc32,
            checksum_crc32c: sums.values.checksum_crc32c,
            checksum_crc64nvme: sums.values.checksum_crc64nvme,
            checksum_sha1: sums.values.checksum_sha1,
            checksum_sha256: sums.values.checksum_sha256,
            ..Default::default()
        }))
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = req.input;
        let now = self.0.now();
        let conditions = (
            input.copy_source_if_match.as_ref(),
            input.copy_source_if_none_match.as_ref(),
        );
        let (source_version, mut object) = self.source(&input.copy_source, conditions)?;
        if object.content.len() > LARGEST_COPY {
            let problem =
                "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120";
            return Err(s3_error!(InvalidRequest, "{problem}"));
        }
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
        // A copy is one part, whatever the source was uploaded as.
        let algorithm = input.checksum_algorithm.as_ref().map(|it| it.as_str());
        let sums = Sums::verified(&object.content, Checksum::default(), algorithm)?;
        let headers = std::mem::take(&mut object.headers);
        let copy = Held {
            headers,
            ..Held::new(object.content, sums, now)
        };
        let mut shelves = self.0.lock();
        let version = shelves.next_id();
        let bucket = shelves.bucket_mut(&input.bucket)?;
        let (if_match, if_none_match) = (header(&req.headers, "if-match"), header(&req.headers, "if-none-match"));
        bucket.allow_write(&input.key, if_match.as_ref(), if_none_match.as_ref())?;
        let result = CopyObjectResult {
            e_tag: Some(quoted(&copy.etag)),
            last_modified: Some(timestamp(now)),
            checksum_type: copy.sums.kind(),
            checksum_crc32: copy.sums.values.checksum_crc32.clone(),
            checksum_crc32c: copy.sums.values.checksum_crc32c.clone(),
            checksum_crc64nvme: copy.sums.values.checksum_crc64nvme.clone(),
            checksum_sha1: copy.sums.values.checksum_sha1.clone(),
            checksum_sha256: copy.sums.values.checksum_sha256.clone(),
            ..Default::default()
        };
        let id = bucket.put(&input.key, copy, version);
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            copy_source_version_id: source_version,
            version_id: bucket.reported(&id),
            ..Default::default()
        }))
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        let now = self.0.now();
        let mut shelves = self.0.lock();
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
        let mut response = S3Response::new(output);
        response.status = Some(http::StatusCode::NO_CONTENT);
        Ok(response)
    }

    async fn delete_objects(&self, req: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let input = req.input;
        let now = self.0.now();
        let mut shelves = self.0.lock();
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
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted,
            ..Default::default()
        }))
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let shelves = self.0.lock();
        let bucket = shelves.bucket(&input.bucket)?;
        let most = usize::try_from(input.max_keys.unwrap_or(1000)).unwrap_or(0).min(1000);
        let after = input.continuation_token.as_deref().or(input.start_after.as_deref());
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let live = bucket.objects.keys().filter(|key| bucket.current(key).is_some());
        let page = listing::page(live, prefix, input.delimiter.as_deref(), after, most);
        let count = page.keys.len() + page.prefixes.len();
        let contents = contents(bucket, &page.keys);
        Ok(S3Response::new(ListObjectsV2Output {
            contents: Some(contents),
            common_prefixes: Some(common(page.prefixes)),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next,
            key_count: i32::try_from(count).ok(),
            max_keys: i32::try_from(most).ok(),
            name: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            start_after: input.start_after,
            continuation_token: input.continuation_token,
            ..Default::default()
        }))
    }

    async fn list_object_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let input = req.input;
        let shelves = self.0.lock();
        let bucket = shelves.bucket(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let (mut versions, mut markers) = (Vec::new(), Vec::new());
        for (key, held) in bucket.objects.iter().filter(|(key, _)| key.starts_with(&prefix)) {
            for (index, version) in held.iter().enumerate().rev() {
                let is_latest = Some(index + 1 == held.len());
                match &version.object {
                    Some(object) => versions.push(ObjectVersion {
                        key: Some(key.clone()),
                        version_id: Some(version.id.clone()),
                        is_latest,
                        e_tag: Some(quoted(&object.etag)),
                        size: i64::try_from(object.content.len()).ok(),
                        last_modified: Some(timestamp(version.at)),
                        storage_class: Some(ObjectVersionStorageClass::from_static(
                            ObjectVersionStorageClass::STANDARD,
                        )),
                        ..Default::default()
                    }),
                    None => markers.push(DeleteMarkerEntry {
                        key: Some(key.clone()),
                        version_id: Some(version.id.clone()),
                        is_latest,
                        last_modified: Some(timestamp(version.at)),
                        ..Default::default()
                    }),
                }
            }
        }
        Ok(S3Response::new(ListObjectVersionsOutput {
            versions: Some(versions),
            delete_markers: Some(markers),
            is_truncated: Some(false),
            name: Some(input.bucket),
            prefix: input.prefix,
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
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
        let begun = Begun {
            algorithm: input.checksum_algorithm,
            kind: input.checksum_type,
        };
        let (id, upload) = self.0.begin(&input.bucket, &input.key, headers, &begun)?;
        let kind = if upload.composite {
            ChecksumType::COMPOSITE
        } else {
            ChecksumType::FULL_OBJECT
        };
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            checksum_type: begun.algorithm.as_ref().map(|_| ChecksumType::from_static(kind)),
            checksum_algorithm: begun.algorithm,
            ..Default::default()
        }))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let mut input = req.input;
        let content = read(input.body.take()).await?;
        let claimed = Checksum {
            checksum_crc32: input.checksum_crc32.take(),
            checksum_crc32c: input.checksum_crc32c.take(),
            checksum_crc64nvme: input.checksum_crc64nvme.take(),
            checksum_sha1: input.checksum_sha1.take(),
            checksum_sha256: input.checksum_sha256.take(),
            ..Default::default()
        };
        let at = PartOf {
            bucket: &input.bucket,
            key: &input.key,
            upload: &input.upload_id,
            number: input.part_number,
        };
        let part = self.0.add_part(&at, content, claimed)?;
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(quoted(&part.etag)),
            checksum_crc32: part.sums.values.checksum_crc32,
            checksum_crc32c: part.sums.values.checksum_crc32c,
            checksum_crc64nvme: part.sums.values.checksum_crc64nvme,
            checksum_sha1: part.sums.values.checksum_sha1,
            checksum_sha256: part.sums.values.checksum_sha256,
            ..Default::default()
        }))
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = req.input;
        let conditions = (
            input.copy_source_if_match.as_ref(),
            input.copy_source_if_none_match.as_ref(),
        );
        let (source_version, object) = self.source(&input.copy_source, conditions)?;
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
        let at = PartOf {
            bucket: &input.bucket,
            key: &input.key,
            upload: &input.upload_id,
            number: input.part_number,
        };
        let part = self.0.add_part(&at, content, Checksum::default())?;
        let result = CopyPartResult {
            e_tag: Some(quoted(&part.etag)),
            last_modified: Some(timestamp(part.modified)),
            checksum_crc32: part.sums.values.checksum_crc32,
            checksum_crc32c: part.sums.values.checksum_crc32c,
            checksum_crc64nvme: part.sums.values.checksum_crc64nvme,
            checksum_sha1: part.sums.values.checksum_sha1,
            checksum_sha256: part.sums.values.checksum_sha256,
        };
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(result),
            copy_source_version_id: source_version,
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.0.complete(req.input).map(S3Response::new)
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.0.abort(&req.input.bucket, &req.input.key, &req.input.upload_id)?;
        let mut response = S3Response::new(AbortMultipartUploadOutput::default());
        response.status = Some(http::StatusCode::NO_CONTENT);
        Ok(response)
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        self.0.parts(req.input).map(S3Response::new)
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        self.0.uploads(req.input).map(S3Response::new)
    }

    async fn get_object_tagging(
        &self,
        req: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        let shelves = self.0.lock();
        let bucket = shelves.bucket(&req.input.bucket)?;
        let (id, object) = bucket.find(&req.input.key, req.input.version_id.as_deref())?;
        let tags = object.headers.tagging.as_deref().unwrap_or_default();
        let tags: Vec<(String, String)> = serde_urlencoded::from_str(tags)
            .map_err(|problem| s3_error!(InvalidTag, "The tags of the object are not a query string: {problem}"))?;
        let tag_set = tags
            .into_iter()
            .map(|(key, value)| Tag {
                key: Some(key),
                value: Some(value),
            })
            .collect();
        Ok(S3Response::new(GetObjectTaggingOutput {
            tag_set,
            version_id: bucket.reported(id),
        }))
    }
}

impl Front {
    /// The object to copy from, in whatever Region, and its version as far as versions are reported.
    fn source(
        &self,
        source: &CopySource,
        (if_match, if_none_match): (Option<&ETagCondition>, Option<&ETagCondition>),
    ) -> S3Result<(Option<String>, Held)> {
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
        let shelves = self.0.lock();
        let bucket = shelves.bucket(bucket)?;
        let (id, object) = bucket.find(key, version_id.as_deref())?;
        if if_match.is_some_and(|wanted| !matches(wanted, &object.etag)) {
            return Err(precondition("x-amz-copy-source-If-Match"));
        }
        if if_none_match.is_some_and(|unwanted| matches(unwanted, &object.etag)) {
            return Err(precondition("x-amz-copy-source-If-None-Match"));
        }
        Ok((bucket.reported(id), object.clone()))
    }
}

async fn read(body: Option<StreamingBlob>) -> S3Result<Content> {
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
fn ranged(content: &Content, range: Option<&Range>) -> S3Result<(Content, Option<String>)> {
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

fn contents(bucket: &Bucket, keys: &[String]) -> Vec<Object> {
    keys.iter()
        .filter_map(|key| {
            let (_, object) = bucket.current(key)?;
            Some(Object {
                key: Some(key.clone()),
                e_tag: Some(quoted(&object.etag)),
                size: i64::try_from(object.content.len()).ok(),
                last_modified: Some(timestamp(object.modified)),
                storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
                ..Default::default()
            })
        })
        .collect()
}

fn common(prefixes: Vec<String>) -> Vec<CommonPrefix> {
    prefixes
        .into_iter()
        .map(|prefix| CommonPrefix { prefix: Some(prefix) })
        .collect()
}

fn header(headers: &http::HeaderMap, name: &str) -> Option<ETagCondition> {
    ETagCondition::parse_http_header(headers.get(name)?.as_bytes()).ok()
}

fn encryption(asked: Option<String>) -> ServerSideEncryption {
    asked.map_or_else(
        || ServerSideEncryption::from_static(ServerSideEncryption::AES256),
        ServerSideEncryption::from,
    )
}

fn binary() -> ContentType {
    "binary/octet-stream".to_owned()
}
