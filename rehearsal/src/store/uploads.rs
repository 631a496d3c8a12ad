//! What multipart uploads are under way, and which parts they have, page by page.

use s3s::{S3Result, dto::*, s3_error};

use super::{
    Shared,
    checksum::kind,
    encoding::spelled,
    multipart::upload_of,
    shelf::{Upload, quoted, timestamp},
};

impl Shared {
    pub(super) fn parts(&self, input: ListPartsInput) -> S3Result<ListPartsOutput> {
        let mut shelves = self.lock();
        let upload = upload_of(
            &mut shelves.bucket_mut(&input.bucket)?.uploads,
            &input.upload_id,
            &input.key,
        )?;
        let after: i32 = input
            .part_number_marker
            .as_ref()
            .and_then(|it| it.to_string().parse().ok())
            .unwrap_or(0);
        let most = usize::try_from(input.max_parts.unwrap_or(1000)).unwrap_or(0).min(1000);
        let mut left = upload.parts.range(after.saturating_add(1)..).peekable();
        let parts: Parts = left
            .by_ref()
            .take(most)
            .map(|(number, part)| Part {
                part_number: Some(*number),
                size: i64::try_from(part.content.len()).ok(),
                e_tag: Some(quoted(&part.etag)),
                last_modified: Some(timestamp(part.modified)),
                checksum_crc32: part.sums.values.checksum_crc32.clone(),
                checksum_crc32c: part.sums.values.checksum_crc32c.clone(),
                checksum_crc64nvme: part.sums.values.checksum_crc64nvme.clone(),
                checksum_sha1: part.sums.values.checksum_sha1.clone(),
                checksum_sha256: part.sums.values.checksum_sha256.clone(),
            })
            .collect();
        let more = left.peek().is_some();
        Ok(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(more),
            max_parts: i32::try_from(most).ok(),
            next_part_number_marker: parts.last().and_then(|part| part.part_number).filter(|_| more),
            part_number_marker: input.part_number_marker,
            parts: Some(parts),
            storage_class: Some(class(upload)),
            checksum_algorithm: upload.algorithm.clone().map(ChecksumAlgorithm::from),
            checksum_type: upload.algorithm.as_ref().map(|_| kind(upload.composite)),
            ..Default::default()
        })
    }

    /// By key, and uploads of one key by when they began, as S3 lists them.
    pub(super) fn uploads(&self, input: ListMultipartUploadsInput) -> S3Result<ListMultipartUploadsOutput> {
        if input.delimiter.is_some() {
            return Err(s3_error!(
                NotImplemented,
                "The rehearsal lists multipart uploads by prefix, not by delimiter."
            ));
        }
        let shelves = self.lock();
        let prefix = input.prefix.clone().unwrap_or_default();
        let most = usize::try_from(input.max_uploads.unwrap_or(1000))
            .unwrap_or(0)
            .min(1000);
        let mut all: Vec<(&String, &Upload)> = shelves.bucket(&input.bucket)?.uploads.iter().collect();
        all.retain(|(_, upload)| upload.key.starts_with(&prefix));
        all.sort_by_key(|(id, upload)| (&upload.key, upload.initiated, *id));
        let begin = match (&input.key_marker, &input.upload_id_marker) {
            (None, _) => 0,
            (Some(key), None) => all.partition_point(|(_, upload)| upload.key <= *key),
            (Some(key), Some(id)) => {
                let marked = all.iter().position(|(is, upload)| *is == id && upload.key == *key);
                // The marked upload may have ended meanwhile; what comes after its key comes after it.
                marked.map_or_else(|| all.partition_point(|(_, upload)| upload.key < *key), |at| at + 1)
            }
        };
        let page = &all[begin..(begin + most).min(all.len())];
        let last = page.last().filter(|_| begin + page.len() < all.len());
        let encoding = input.encoding_type.as_ref();
        let uploads = page.iter().map(|(id, upload)| MultipartUpload {
            key: Some(spelled(&upload.key, encoding)),
            upload_id: Some((*id).clone()),
            initiated: Some(timestamp(upload.initiated)),
            storage_class: Some(class(upload)),
            checksum_algorithm: upload.algorithm.clone().map(ChecksumAlgorithm::from),
            checksum_type: upload.algorithm.as_ref().map(|_| kind(upload.composite)),
            ..Default::default()
        });
        Ok(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            is_truncated: Some(last.is_some()),
            max_uploads: i32::try_from(most).ok(),
            next_key_marker: last.map(|(_, upload)| spelled(&upload.key, encoding)),
            next_upload_id_marker: last.map(|(id, _)| (*id).clone()),
            uploads: Some(uploads.collect()),
            prefix: input.prefix.as_deref().map(|it| spelled(it, encoding)),
            key_marker: input.key_marker.as_deref().map(|it| spelled(it, encoding)),
            upload_id_marker: input.upload_id_marker,
            encoding_type: input.encoding_type,
            ..Default::default()
        })
    }
}

fn class(upload: &Upload) -> StorageClass {
    let class = upload.headers.storage_class.clone();
    class.map_or_else(|| StorageClass::from_static(StorageClass::STANDARD), StorageClass::from)
}
