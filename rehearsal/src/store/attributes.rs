//! What is known of an object beside its content: `GetObjectAttributes`, and its tags.

use s3s::{S3Result, dto::*, s3_error};

use super::{
    Shared,
    shelf::{Bucket, Object as Held, quoted, timestamp},
};

impl Shared {
    pub(super) fn get_object_attributes(&self, input: GetObjectAttributesInput) -> S3Result<GetObjectAttributesOutput> {
        let shelves = self.lock();
        let bucket = shelves.bucket(&input.bucket)?;
        let (id, object) = bucket.find(&input.key, input.version_id.as_deref())?;
        // S3 takes the names as one list in a header, which some clients write with commas and others repeat.
        let asked = |wanted: &str| {
            let mut names = input.object_attributes.iter().flat_map(|it| it.as_str().split(','));
            names.any(|name| name.trim() == wanted)
        };
        let checksum = Checksum {
            checksum_type: object.sums.kind(),
            ..object.sums.values.clone()
        };
        let class = object.headers.storage_class.clone();
        let class = class.map_or_else(|| StorageClass::from_static(StorageClass::STANDARD), StorageClass::from);
        Ok(GetObjectAttributesOutput {
            e_tag: asked("ETag").then(|| quoted(&object.etag)),
            checksum: (asked("Checksum") && object.sums.algorithm().is_some()).then_some(checksum),
            object_parts: (asked("ObjectParts") && !object.parts.is_empty()).then(|| parts(object, &input)),
            object_size: asked("ObjectSize")
                .then(|| i64::try_from(object.content.len()).ok())
                .flatten(),
            storage_class: asked("StorageClass").then_some(class),
            last_modified: Some(timestamp(object.modified)),
            version_id: bucket.reported(id),
            ..Default::default()
        })
    }

    pub(super) fn get_object_tagging(&self, input: GetObjectTaggingInput) -> S3Result<GetObjectTaggingOutput> {
        let shelves = self.lock();
        let bucket = shelves.bucket(&input.bucket)?;
        let (id, object) = bucket.find(&input.key, input.version_id.as_deref())?;
        let tag = |(key, value)| Tag {
            key: Some(key),
            value: Some(value),
        };
        Ok(GetObjectTaggingOutput {
            tag_set: object.headers.tags()?.into_iter().map(tag).collect(),
            version_id: bucket.reported(id),
        })
    }

    pub(super) fn put_object_tagging(&self, input: PutObjectTaggingInput) -> S3Result<PutObjectTaggingOutput> {
        let tags = input.tagging.tag_set.into_iter();
        let tags: Vec<_> = tags
            .map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()))
            .collect();
        if tags.len() > 10 {
            return Err(s3_error!(InvalidTag, "Object tags cannot be greater than 10"));
        }
        let tagging = serde_urlencoded::to_string(&tags)
            .map_err(|problem| s3_error!(InvalidTag, "The tags cannot be kept: {problem}"))?;
        let version_id = self.tag(&input.bucket, &input.key, input.version_id.as_deref(), Some(tagging))?;
        Ok(PutObjectTaggingOutput { version_id })
    }

    pub(super) fn delete_object_tagging(&self, input: DeleteObjectTaggingInput) -> S3Result<DeleteObjectTaggingOutput> {
        let version_id = self.tag(&input.bucket, &input.key, input.version_id.as_deref(), None)?;
        Ok(DeleteObjectTaggingOutput { version_id })
    }

    fn tag(&self, bucket: &str, key: &str, version: Option<&str>, tagging: Option<String>) -> S3Result<Option<String>> {
        let mut shelves = self.lock();
        let bucket = shelves.bucket_mut(bucket)?;
        let id = bucket.find(key, version)?.0.to_owned();
        let versions = bucket.objects.get_mut(key).into_iter().flatten();
        let tagged = versions
            .filter(|version| version.id == id)
            .find_map(|version| version.object.as_mut());
        if let Some(object) = tagged {
            object.headers.tagging = tagging.filter(|tags| !tags.is_empty());
        }
        Ok(Bucket::reported(bucket, &id))
    }
}

/// The parts. S3 tells their sizes and checksums only where the whole's checksum is made of theirs.
fn parts(object: &Held, input: &GetObjectAttributesInput) -> GetObjectAttributesParts {
    let after = input.part_number_marker.as_ref();
    let after: i32 = after.and_then(|it| it.to_string().parse().ok()).unwrap_or(0);
    let most = usize::try_from(input.max_parts.unwrap_or(1000)).unwrap_or(0).min(1000);
    let mut left = object.parts.iter().filter(|(number, _)| *number > after).peekable();
    let page: Vec<ObjectPart> = left
        .by_ref()
        .take(most)
        .map(|(number, part)| ObjectPart {
            part_number: Some(*number),
            size: i64::try_from(part.size).ok(),
            checksum_crc32: part.sums.values.checksum_crc32.clone(),
            checksum_crc32c: part.sums.values.checksum_crc32c.clone(),
            checksum_crc64nvme: part.sums.values.checksum_crc64nvme.clone(),
            checksum_sha1: part.sums.values.checksum_sha1.clone(),
            checksum_sha256: part.sums.values.checksum_sha256.clone(),
        })
        .collect();
    let told = object.sums.composite;
    GetObjectAttributesParts {
        total_parts_count: i32::try_from(object.parts.len()).ok(),
        is_truncated: told.then(|| left.peek().is_some()),
        max_parts: told.then(|| i32::try_from(most).ok()).flatten(),
        next_part_number_marker: page.last().and_then(|part| part.part_number).filter(|_| told),
        part_number_marker: input.part_number_marker.filter(|_| told),
        parts: told.then_some(page),
    }
}
