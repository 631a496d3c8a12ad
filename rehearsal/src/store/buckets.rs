//! Buckets and their listings, as S3 answers for them.

use s3s::{S3Result, dto::*, s3_error};

use super::{
    Shared,
    encoding::spelled,
    listing,
    shelf::{Bucket, quoted, timestamp},
};

impl Shared {
    pub(super) fn list_buckets(&self, _: ListBucketsInput) -> S3Result<ListBucketsOutput> {
        let shelves = self.lock();
        let buckets = shelves.buckets.iter().map(|(name, bucket)| s3s::dto::Bucket {
            name: Some(name.clone()),
            creation_date: Some(timestamp(bucket.created)),
            bucket_region: Some(bucket.region.clone()),
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
        Ok(output)
    }

    pub(super) fn create_bucket(&self, input: CreateBucketInput, signed: Option<&str>) -> S3Result<CreateBucketOutput> {
        let signed = signed.unwrap_or("us-east-1");
        let asked = input.create_bucket_configuration.and_then(|it| it.location_constraint);
        let region = asked.as_ref().map_or("us-east-1", |region| region.as_str());
        if region != signed && signed != "us-east-1" {
            return Err(s3_error!(
                IllegalLocationConstraintException,
                "The {region} location constraint is incompatible for the region specific endpoint this request was sent to."
            ));
        }
        let now = self.now();
        let mut shelves = self.lock();
        if shelves.buckets.contains_key(&input.bucket) {
            return Err(s3_error!(
                BucketAlreadyOwnedByYou,
                "The bucket {} exists and is yours.",
                input.bucket
            ));
        }
        let location = format!("/{}", input.bucket);
        shelves.buckets.insert(input.bucket, Bucket::new(region, now, false));
        Ok(CreateBucketOutput {
            location: Some(location),
        })
    }

    pub(super) fn delete_bucket(&self, input: DeleteBucketInput) -> S3Result<DeleteBucketOutput> {
        let mut shelves = self.lock();
        if !shelves.bucket(&input.bucket)?.objects.is_empty() {
            return Err(s3_error!(BucketNotEmpty, "The bucket {} is not empty.", input.bucket));
        }
        shelves.buckets.remove(&input.bucket);
        Ok(DeleteBucketOutput {})
    }

    pub(super) fn head_bucket(&self, input: HeadBucketInput) -> S3Result<HeadBucketOutput> {
        self.lock().bucket(&input.bucket)?;
        Ok(HeadBucketOutput::default())
    }

    pub(super) fn get_bucket_location(&self, input: GetBucketLocationInput) -> S3Result<GetBucketLocationOutput> {
        let shelves = self.lock();
        let region = shelves.bucket(&input.bucket)?.region.clone();
        let location_constraint = (region != "us-east-1").then(|| BucketLocationConstraint::from(region));
        Ok(GetBucketLocationOutput { location_constraint })
    }

    pub(super) fn get_bucket_versioning(&self, input: GetBucketVersioningInput) -> S3Result<GetBucketVersioningOutput> {
        let status = self.lock().bucket(&input.bucket)?.versioned.map(|on| {
            let status = if on {
                BucketVersioningStatus::ENABLED
            } else {
                BucketVersioningStatus::SUSPENDED
            };
            BucketVersioningStatus::from_static(status)
        });
        Ok(GetBucketVersioningOutput {
            status,
            ..Default::default()
        })
    }

    pub(super) fn put_bucket_versioning(&self, input: PutBucketVersioningInput) -> S3Result<PutBucketVersioningOutput> {
        let status = input.versioning_configuration.status;
        let status = status.ok_or_else(|| s3_error!(MalformedXML, "The configuration has no Status."))?;
        self.lock().bucket_mut(&input.bucket)?.versioned = Some(status.as_str() == BucketVersioningStatus::ENABLED);
        Ok(PutBucketVersioningOutput {})
    }

    pub(super) fn get_bucket_encryption(&self, input: GetBucketEncryptionInput) -> S3Result<GetBucketEncryptionOutput> {
        let key = self.lock().bucket(&input.bucket)?.key.clone();
        let algorithm = if key.is_some() {
            ServerSideEncryption::AWS_KMS
        } else {
            ServerSideEncryption::AES256
        };
        let rule = ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
                kms_master_key_id: key,
                sse_algorithm: ServerSideEncryption::from_static(algorithm),
            }),
            ..Default::default()
        };
        Ok(GetBucketEncryptionOutput {
            server_side_encryption_configuration: Some(ServerSideEncryptionConfiguration { rules: vec![rule] }),
        })
    }

    pub(super) fn put_bucket_encryption(&self, input: PutBucketEncryptionInput) -> S3Result<PutBucketEncryptionOutput> {
        let mut rules = input.server_side_encryption_configuration.rules.into_iter();
        let rule = rules
            .next()
            .and_then(|rule| rule.apply_server_side_encryption_by_default);
        self.lock().bucket_mut(&input.bucket)?.key = rule.and_then(|rule| rule.kms_master_key_id);
        Ok(PutBucketEncryptionOutput {})
    }

    pub(super) fn list_objects_v2(&self, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let shelves = self.lock();
        let bucket = shelves.bucket(&input.bucket)?;
        let most = usize::try_from(input.max_keys.unwrap_or(1000)).unwrap_or(0).min(1000);
        let after = input.continuation_token.as_deref().or(input.start_after.as_deref());
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let live = bucket.objects.keys().filter(|key| bucket.current(key).is_some());
        let page = listing::page(live, prefix, input.delimiter.as_deref(), after, most);
        let count = page.keys.len() + page.prefixes.len();
        let encoding = input.encoding_type.as_ref();
        let contents = contents(bucket, &page.keys, encoding);
        let prefixes = page.prefixes.into_iter().map(|it| spelled(&it, encoding)).collect();
        Ok(ListObjectsV2Output {
            contents: Some(contents),
            common_prefixes: Some(common(prefixes)),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next,
            key_count: i32::try_from(count).ok(),
            max_keys: i32::try_from(most).ok(),
            name: Some(input.bucket),
            prefix: input.prefix.as_deref().map(|it| spelled(it, encoding)),
            delimiter: input.delimiter.as_deref().map(|it| spelled(it, encoding)),
            start_after: input.start_after.as_deref().map(|it| spelled(it, encoding)),
            continuation_token: input.continuation_token,
            encoding_type: input.encoding_type,
            ..Default::default()
        })
    }

    pub(super) fn list_object_versions(&self, input: ListObjectVersionsInput) -> S3Result<ListObjectVersionsOutput> {
        let shelves = self.lock();
        let bucket = shelves.bucket(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let encoding = input.encoding_type.as_ref();
        let (mut versions, mut markers) = (Vec::new(), Vec::new());
        for (key, held) in bucket.objects.iter().filter(|(key, _)| key.starts_with(&prefix)) {
            for (index, version) in held.iter().enumerate().rev() {
                let is_latest = Some(index + 1 == held.len());
                match &version.object {
                    Some(object) => versions.push(ObjectVersion {
                        key: Some(spelled(key, encoding)),
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
                        key: Some(spelled(key, encoding)),
                        version_id: Some(version.id.clone()),
                        is_latest,
                        last_modified: Some(timestamp(version.at)),
                        ..Default::default()
                    }),
                }
            }
        }
        Ok(ListObjectVersionsOutput {
            versions: Some(versions),
            delete_markers: Some(markers),
            is_truncated: Some(false),
            name: Some(input.bucket),
            prefix: input.prefix.as_deref().map(|it| spelled(it, encoding)),
            encoding_type: input.encoding_type,
            ..Default::default()
        })
    }
}

fn contents(bucket: &Bucket, keys: &[String], encoding: Option<&EncodingType>) -> Vec<Object> {
    keys.iter()
        .filter_map(|key| {
            let (_, object) = bucket.current(key)?;
            Some(Object {
                key: Some(spelled(key, encoding)),
                e_tag: Some(quoted(&object.etag)),
                size: i64::try_from(object.content.len()).ok(),
                last_modified: Some(timestamp(object.modified)),
                storage_class: Some(object.headers.storage_class.clone().map_or_else(
                    || ObjectStorageClass::from_static(ObjectStorageClass::STANDARD),
                    ObjectStorageClass::from,
                )),
                checksum_algorithm: object.sums.algorithms(),
                checksum_type: object.sums.kind(),
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
