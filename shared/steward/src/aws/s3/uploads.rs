//! What is under way in a bucket: multipart uploads, which a copy goes on with.

use aws_sdk_s3::types::EncodingType;

use super::{
    Location, S3, SERVICE,
    objects::{decoded, length},
};
use crate::{
    aws::{incomplete, timestamp},
    backup::inventory::{Part, Upload},
    failure::CallError,
};

impl S3 {
    /// Every multipart upload under way to keys under a prefix, by key and age, without their parts.
    ///
    /// # Errors
    /// What S3 says; there is no partial list.
    pub async fn uploads(&self, bucket: &str, prefix: &str) -> Result<Vec<Upload>, CallError> {
        let operation = "ListMultipartUploads";
        let missing = |what| incomplete(SERVICE, operation, what);
        let mut found = Vec::new();
        let (mut key_marker, mut id_marker) = (None, None);
        loop {
            let request = self.client.list_multipart_uploads().bucket(bucket).prefix(prefix);
            let request = request
                .encoding_type(EncodingType::Url)
                .set_key_marker(key_marker)
                .set_upload_id_marker(id_marker);
            let page = self.bound.call(SERVICE, operation, request.send()).await?;
            for upload in page.uploads() {
                let key = upload.key().ok_or_else(|| missing("Key"))?;
                found.push(Upload {
                    key: decoded(operation, key, page.encoding_type())?,
                    id: upload.upload_id().ok_or_else(|| missing("UploadId"))?.to_owned(),
                    initiated: upload
                        .initiated()
                        .and_then(timestamp)
                        .ok_or_else(|| missing("Initiated"))?,
                    parts: Vec::new(),
                });
            }
            if !page.is_truncated().unwrap_or(false) {
                return Ok(found);
            }
            let next = page.next_key_marker().ok_or_else(|| missing("NextKeyMarker"))?;
            key_marker = Some(decoded(operation, next, page.encoding_type())?);
            id_marker = page.next_upload_id_marker;
        }
    }

    /// Every part of an upload, by number; `None` when the upload has been completed or aborted.
    ///
    /// # Errors
    /// What S3 says; there is no partial list.
    pub async fn parts(&self, at: &Location, upload: &str) -> Result<Option<Vec<Part>>, CallError> {
        let operation = "ListParts";
        let missing = |what| incomplete(SERVICE, operation, what);
        let mut found = Vec::new();
        let mut marker = None;
        loop {
            let request = self.client.list_parts().bucket(&at.bucket).key(&at.key);
            let request = request.upload_id(upload).set_part_number_marker(marker);
            let page = match self.bound.call(SERVICE, operation, request.send()).await {
                Ok(page) => page,
                Err(error) if error.code.as_deref() == Some("NoSuchUpload") => return Ok(None),
                Err(error) => return Err(error),
            };
            for part in page.parts() {
                found.push(Part {
                    number: part
                        .part_number()
                        .and_then(|number| u32::try_from(number).ok())
                        .ok_or_else(|| missing("PartNumber"))?,
                    size: length(operation, part.size())?,
                    etag: part.e_tag().ok_or_else(|| missing("ETag"))?.to_owned(),
                });
            }
            if !page.is_truncated().unwrap_or(false) {
                return Ok(Some(found));
            }
            marker = Some(
                page.next_part_number_marker
                    .ok_or_else(|| missing("NextPartNumberMarker"))?,
            );
        }
    }
}
