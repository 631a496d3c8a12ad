//! What lies in a bucket: the inventory that copies are planned from.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, Delete, EncodingType, ObjectIdentifier, OptionalObjectAttributes,
    RestoreStatus, Tag, Tagging,
};

use super::{Location, S3, SERVICE, spelling::form_decoded};
use crate::{
    aws::{errors, incomplete, timestamp},
    backup::inventory::{Algorithm, Archived, Carried, Checksum, ObjectInfo, Storage},
    failure::{CallError, Failure},
};

/// The name in a copy's user metadata that says of which version of which object it is a copy.
pub(super) const MADE_OF: &str = "steward-copy-of";

/// The checksum in an answer of S3: all that have one name it alike.
macro_rules! checksum {
    ($answer:expr) => {{
        use $crate::backup::inventory::Algorithm;
        let answer = $answer;
        let known = [
            (Algorithm::Crc64Nvme, answer.checksum_crc64_nvme()),
            (Algorithm::Crc32, answer.checksum_crc32()),
            (Algorithm::Crc32c, answer.checksum_crc32_c()),
            (Algorithm::Sha1, answer.checksum_sha1()),
            (Algorithm::Sha256, answer.checksum_sha256()),
        ];
        $crate::aws::s3::objects::first(known, answer.checksum_type())
    }};
}
pub(super) use checksum;

/// The first checksum of those that are there. Where S3 does not tell the type, a number of parts behind the value does.
pub(super) fn first<const N: usize>(
    known: [(Algorithm, Option<&str>); N],
    kind: Option<&ChecksumType>,
) -> Option<Checksum> {
    let (algorithm, value) = known
        .into_iter()
        .find_map(|(algorithm, value)| Some((algorithm, value?)))?;
    Some(Checksum {
        algorithm,
        full_object: kind.map_or(!value.contains('-'), |kind| *kind == ChecksumType::FullObject),
        value: value.to_owned(),
    })
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The objects, by key; without versions and checksums, which no listing tells.
    pub objects: Vec<ObjectInfo>,
    /// What the next page is asked with; `None` on the last one.
    pub next: Option<String>,
}

/// An object that `DeleteObjects` did not delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its key.
    pub key: String,
    /// S3's code.
    pub code: String,
    /// S3's message.
    pub message: String,
}

/// Keys that one `DeleteObjects` takes at most.
pub const DELETED_AT_ONCE: usize = 1000;

impl S3 {
    /// One page, of at most 1,000 objects, of what lies under a prefix.
    ///
    /// # Errors
    /// What S3 says.
    pub async fn page(&self, bucket: &str, prefix: &str, token: Option<String>) -> Result<Page, CallError> {
        let operation = "ListObjectsV2";
        let missing = |what| incomplete(SERVICE, operation, what);
        let request = self.client.list_objects_v2().bucket(bucket).prefix(prefix);
        let request = request.encoding_type(EncodingType::Url).set_continuation_token(token);
        let request = request.optional_object_attributes(OptionalObjectAttributes::RestoreStatus);
        let page = self.bound.call(SERVICE, operation, request.send()).await?;
        let mut objects = Vec::with_capacity(page.contents().len());
        for object in page.contents() {
            let key = object.key().ok_or_else(|| missing("Key"))?;
            let storage_class = class(object.storage_class().map(|class| class.as_str()));
            let restored = object.restore_status().is_some_and(is_restored);
            objects.push(ObjectInfo {
                key: decoded(operation, key, page.encoding_type())?,
                size: length(operation, object.size())?,
                etag: object.e_tag().ok_or_else(|| missing("ETag"))?.to_owned(),
                version: None,
                checksum: None,
                full_object: object
                    .checksum_type()
                    .filter(|kind| **kind == ChecksumType::FullObject)
                    .and_then(|_| object.checksum_algorithm().iter().find_map(known)),
                made_of: None,
                archived: Archived::of(storage_class.as_deref(), false, restored),
                storage_class,
                modified: object
                    .last_modified()
                    .and_then(timestamp)
                    .ok_or_else(|| missing("LastModified"))?,
            });
        }
        Ok(Page {
            objects,
            next: page.next_continuation_token,
        })
    }

    /// An object with version and checksum, and what a copy of it carries over but for the tags; `None` when it is not
    /// there. A missing bucket cannot be told from a missing key here. With `etag`, only if it still has that one, and
    /// with `version` that version of it.
    ///
    /// # Errors
    /// [`Failure::Conflict`] when it has another ETag.
    pub async fn info(
        &self,
        at: &Location,
        etag: Option<&str>,
        version: Option<&str>,
    ) -> Result<Option<(ObjectInfo, Carried)>, CallError> {
        let operation = "HeadObject";
        let missing = |what| incomplete(SERVICE, operation, what);
        let request = self.client.head_object().bucket(&at.bucket).key(&at.key);
        let request = request
            .checksum_mode(ChecksumMode::Enabled)
            .set_if_match(etag.map(str::to_owned))
            .set_version_id(version.map(str::to_owned));
        let head = match self.bound.call(SERVICE, operation, request.send()).await {
            Ok(head) => head,
            Err(error) if error.failure == Failure::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let storage_class = class(head.storage_class().map(|class| class.as_str()));
        let info = ObjectInfo {
            key: at.key.clone(),
            size: length(operation, head.content_length())?,
            etag: head.e_tag().ok_or_else(|| missing("ETag"))?.to_owned(),
            // Of a bucket that never kept versions S3 says nothing, of objects from before it did `null`.
            version: head
                .version_id()
                .filter(|version| *version != "null")
                .map(str::to_owned),
            checksum: checksum!(&head),
            full_object: None,
            made_of: head.metadata().and_then(|metadata| metadata.get(MADE_OF)).cloned(),
            archived: Archived::of(
                storage_class.as_deref(),
                head.archive_status().is_some(),
                restored(head.restore()),
            ),
            storage_class: storage_class.clone(),
            modified: head
                .last_modified()
                .and_then(timestamp)
                .ok_or_else(|| missing("LastModified"))?,
        };
        let carried = Carried {
            content_type: head.content_type,
            content_encoding: head.content_encoding,
            content_language: head.content_language,
            content_disposition: head.content_disposition,
            cache_control: head.cache_control,
            metadata: head.metadata.unwrap_or_default().into_iter().collect(),
            tags: BTreeMap::new(),
            storage_class,
        };
        Ok(Some((info, carried)))
    }

    /// How an object is kept; `None` when there is no such object. Its checksum is not asked for, so this takes no
    /// permission on its key.
    ///
    /// # Errors
    /// What S3 says.
    pub async fn storage(&self, at: &Location) -> Result<Option<Storage>, CallError> {
        let request = self.client.head_object().bucket(&at.bucket).key(&at.key);
        match self.bound.call(SERVICE, "HeadObject", request.send()).await {
            Ok(head) => {
                let class = class(head.storage_class().map(|class| class.as_str()));
                let tier = head.archive_status().is_some();
                Ok(Some(Storage {
                    archived: Archived::of(class.as_deref(), tier, restored(head.restore())),
                    key: head.ssekms_key_id,
                    class,
                }))
            }
            Err(error) if error.failure == Failure::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The tags of an object, of that version if one is named.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when it is not there.
    pub async fn tags(&self, at: &Location, version: Option<&str>) -> Result<BTreeMap<String, String>, CallError> {
        let request = self.client.get_object_tagging().bucket(&at.bucket).key(&at.key);
        let request = request.set_version_id(version.map(str::to_owned));
        let tagged = self.bound.call(SERVICE, "GetObjectTagging", request.send()).await?;
        Ok(tagged.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    /// Replaces the tags of an object.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when it is not there.
    pub async fn set_tags(&self, at: &Location, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
        let operation = "PutObjectTagging";
        let unsent = |problem: String| not_sent(operation, at, &problem);
        let mut tagging = Tagging::builder().set_tag_set(Some(Vec::new()));
        for (key, value) in tags {
            let tag = Tag::builder().key(key).value(value).build();
            tagging = tagging.tag_set(tag.map_err(|problem| unsent(problem.to_string()))?);
        }
        let tagging = tagging.build().map_err(|problem| unsent(problem.to_string()))?;
        let request = self.client.put_object_tagging().bucket(&at.bucket).key(&at.key);
        let request = request.tagging(tagging);
        self.bound.call(SERVICE, operation, request.send()).await.map(drop)
    }

    /// Deletes at most [`DELETED_AT_ONCE`] objects in one call, and answers those that S3 kept. One that is not there is
    /// as good as deleted.
    ///
    /// # Errors
    /// [`Failure::Invalid`], without a call, for more keys; otherwise what S3 says of the call as a whole.
    pub async fn delete_batch(&self, bucket: &str, keys: &[String]) -> Result<Vec<Kept>, CallError> {
        let operation = "DeleteObjects";
        let here = Location::new(bucket, "");
        let unsent = |problem: String| not_sent(operation, &here, &problem);
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        if keys.len() > DELETED_AT_ONCE {
            let count = keys.len();
            return Err(unsent(format!(
                "{count} keys; one call deletes at most {DELETED_AT_ONCE}"
            )));
        }
        let mut delete = Delete::builder().quiet(true);
        for key in keys {
            let object = ObjectIdentifier::builder().key(key).build();
            delete = delete.objects(object.map_err(|problem| unsent(problem.to_string()))?);
        }
        let delete = delete.build().map_err(|problem| unsent(problem.to_string()))?;
        let request = self.client.delete_objects().bucket(bucket).delete(delete);
        let answer = self.bound.call(SERVICE, operation, request.send()).await?;
        let kept = answer.errors.unwrap_or_default().into_iter().map(|error| Kept {
            key: error.key.unwrap_or_default(),
            code: error.code.unwrap_or_default(),
            message: error.message.unwrap_or_default(),
        });
        Ok(kept.filter(|kept| kept.code != "NoSuchKey").collect())
    }

    /// The Region of a bucket, wherever it is; `None` when there is no such bucket.
    ///
    /// # Errors
    /// [`Failure::Denied`] also for a bucket of somebody else.
    pub async fn bucket_region(&self, bucket: &str) -> Result<Option<String>, CallError> {
        let operation = "HeadBucket";
        let send = self.client.head_bucket().bucket(bucket).send();
        match self.bound.limit(SERVICE, operation, send).await? {
            Ok(head) => head
                .bucket_region
                .map(Some)
                .ok_or_else(|| incomplete(SERVICE, operation, "x-amz-bucket-region")),
            Err(error) => {
                let elsewhere = error
                    .raw_response()
                    .filter(|response| response.status().as_u16() == 301);
                if let Some(region) = elsewhere.and_then(|response| response.headers().get("x-amz-bucket-region")) {
                    return Ok(Some(region.to_owned()));
                }
                let error = errors::classify(SERVICE, operation, &error);
                match error.failure {
                    Failure::NotFound => Ok(None),
                    _ => Err(error),
                }
            }
        }
    }
}

pub(super) fn not_sent(operation: &'static str, at: &Location, problem: &str) -> CallError {
    CallError {
        service: SERVICE,
        operation,
        failure: Failure::Invalid,
        code: None,
        message: format!("not sent for {at}: {problem}"),
        request_id: None,
    }
}

pub(super) fn length(operation: &'static str, size: Option<i64>) -> Result<u64, CallError> {
    size.and_then(|size| u64::try_from(size).ok())
        .ok_or_else(|| incomplete(SERVICE, operation, "size"))
}

fn known(algorithm: &ChecksumAlgorithm) -> Option<Algorithm> {
    Some(match algorithm {
        ChecksumAlgorithm::Crc64Nvme => Algorithm::Crc64Nvme,
        ChecksumAlgorithm::Crc32 => Algorithm::Crc32,
        ChecksumAlgorithm::Crc32C => Algorithm::Crc32c,
        ChecksumAlgorithm::Sha1 => Algorithm::Sha1,
        ChecksumAlgorithm::Sha256 => Algorithm::Sha256,
        _ => return None,
    })
}

/// `STANDARD` is what no storage class means.
fn class(class: Option<&str>) -> Option<String> {
    class.filter(|class| *class != "STANDARD").map(str::to_owned)
}

/// `x-amz-restore` of a `HeadObject` says that a restored copy is there.
fn restored(header: Option<&str>) -> bool {
    header.is_some_and(|header| header.contains("ongoing-request=\"false\""))
}

/// The same in a listing.
fn is_restored(status: &RestoreStatus) -> bool {
    status.restore_expiry_date().is_some() && !status.is_restore_in_progress().unwrap_or(false)
}

/// A key out of a listing, in which keys are spelled as in a form when S3 says so.
pub(super) fn decoded(
    operation: &'static str,
    key: &str,
    encoding: Option<&EncodingType>,
) -> Result<String, CallError> {
    if encoding != Some(&EncodingType::Url) {
        return Ok(key.to_owned());
    }
    form_decoded(key).ok_or_else(|| incomplete(SERVICE, operation, &format!("key that can be read: {key:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_that_is_not_encoded_is_taken_as_it_is() {
        assert_eq!(decoded("ListObjectsV2", "a+b%", None).as_deref(), Ok("a+b%"));
        let wrong = decoded("ListObjectsV2", "a%", Some(&EncodingType::Url));
        assert_eq!(wrong.map_err(|error| error.failure), Err(Failure::Unknown));
    }

    #[test]
    fn what_is_archived_is_known_by_class_tier_and_restored_copy() {
        let restored = |header| super::restored(Some(header));
        let done = r#"ongoing-request="false", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT""#;
        assert!(restored(done) && !restored(r#"ongoing-request="true""#) && !super::restored(None));
        for (class, tier, thawed, archived) in [
            (None, false, false, None),
            (Some("GLACIER_IR"), false, false, None),
            (Some("INTELLIGENT_TIERING"), false, false, None),
            (Some("INTELLIGENT_TIERING"), true, false, Some(Archived::Unreadable)),
            (Some("GLACIER"), false, false, Some(Archived::Unreadable)),
            (Some("DEEP_ARCHIVE"), false, true, Some(Archived::Restored)),
        ] {
            assert_eq!(Archived::of(class, tier, thawed), archived, "{class:?}");
        }
    }

    #[test]
    fn a_checksum_without_a_type_is_composite_when_it_counts_parts() {
        let sum = |value, kind: Option<&ChecksumType>| {
            first([(Algorithm::Crc32, None), (Algorithm::Sha1, Some(value))], kind).map(|sum| sum.full_object)
        };
        assert_eq!(sum("abc=", None), Some(true));
        assert_eq!(sum("abc=-3", None), Some(false));
        assert_eq!(sum("abc=", Some(&ChecksumType::Composite)), Some(false));
        assert_eq!(first([(Algorithm::Crc32, None)], None), None);
    }
}
