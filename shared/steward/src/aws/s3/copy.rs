//! The calls of a copy into another Region, each made once: repeating, continuing and judging is decided elsewhere
//! ([`crate::backup::copy`]).
//!
//! Requests that copy go to the destination's Region; what is asked of the source goes to the source's.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart, MetadataDirective, ServerSideEncryption,
    StorageClass,
};

use super::{
    Location, S3, SERVICE,
    objects::{MADE_OF, checksum, not_sent},
    spelling::{copy_source, tagging},
};
use crate::{
    aws::{Base, incomplete},
    backup::inventory::{Algorithm, Carried, CopyAnswer, CopyCall, Found, ObjectInfo, Part, Upload, Wanted},
    failure::{CallError, Failure},
};

/// One part, or one object of some hundred megabytes, is copied within this time or not at all.
const SLOWEST: Duration = Duration::from_secs(300);

/// Bytes of user metadata that S3 takes, names and values together.
const METADATA: usize = 2048;

/// An upload is looked at so often after it was aborted: parts that were in flight may come after the abort.
const ABORTS: usize = 5;

/// Copies objects from one Region to another.
#[derive(Clone, Debug)]
pub struct Copier {
    source: S3,
    destination: S3,
    key: Option<Arc<str>>,
}

/// Why a call did not copy.
enum Miss {
    /// For a reason that a copy expects.
    Answer(CopyAnswer),
    Error(CallError),
}

impl From<CallError> for Miss {
    fn from(error: CallError) -> Self {
        Self::Error(error)
    }
}

impl Copier {
    /// Copies out of the Region of `source` into that of `destination`. What is written there is encrypted with the KMS
    /// key `key` (ARN, id or alias in the destination's Region), or as the bucket says.
    pub fn new(source: &Base, destination: &Base, key: Option<&str>) -> Self {
        Self {
            source: S3::for_copies(source),
            destination: S3::for_copies(destination),
            key: key.map(Arc::from),
        }
    }

    /// The same, giving up at `deadline`.
    #[must_use]
    pub fn until(&self, deadline: jiff::Timestamp) -> Self {
        Self {
            source: self.source.until(deadline),
            destination: self.destination.until(deadline),
            key: self.key.clone(),
        }
    }

    /// S3 in the source's Region.
    pub fn source(&self) -> &S3 {
        &self.source
    }

    /// S3 in the destination's Region.
    pub fn destination(&self) -> &S3 {
        &self.destination
    }

    /// Makes one call, or the few that belong together, once.
    pub async fn perform(&self, call: &CopyCall) -> CopyAnswer {
        let done = match call {
            CopyCall::Find(wanted) => self.find(wanted).await,
            CopyCall::Whole(wanted) => self.whole(wanted).await,
            CopyCall::Begin(wanted) => self.begin(wanted).await,
            CopyCall::Part {
                wanted,
                upload,
                number,
                range,
            } => self.part(wanted, upload, *number, range).await,
            CopyCall::Complete { wanted, upload, parts } => self.complete(wanted, upload, parts).await,
            CopyCall::Look(wanted) => self.look(wanted, &wanted.to).await,
            CopyCall::Weigh { wanted, at } => self.look(wanted, at).await,
            CopyCall::Discard { wanted, etag } => self.discard(&wanted.to, etag).await,
            CopyCall::Abort { to, upload } => self.abort(to, upload).await,
        };
        match done {
            Ok(answer) | Err(Miss::Answer(answer)) => answer,
            Err(Miss::Error(error)) => CopyAnswer::Failed(error),
        }
    }

    async fn find(&self, wanted: &Wanted) -> Result<CopyAnswer, Miss> {
        let copy = self
            .destination
            .info(&wanted.to, None, None)
            .await?
            .map(|(info, _)| info);
        let mut uploads = Vec::new();
        for upload in self.destination.uploads(&wanted.to.bucket, &wanted.to.key).await? {
            if upload.key != wanted.to.key {
                continue;
            }
            // One that ended meanwhile is none.
            if let Some(parts) = self.destination.parts(&wanted.to, &upload.id).await? {
                uploads.push(Upload { parts, ..upload });
            }
        }
        Ok(CopyAnswer::Found(Found {
            copy,
            uploads,
            earlier: Vec::new(),
        }))
    }

    async fn whole(&self, wanted: &Wanted) -> Result<CopyAnswer, Miss> {
        let operation = "CopyObject";
        let object = &wanted.object;
        let request = self
            .destination
            .client
            .copy_object()
            .bucket(&wanted.to.bucket)
            .key(&wanted.to.key)
            .copy_source(copy_source(
                &wanted.bucket,
                &wanted.object.key,
                wanted.object.version.as_deref(),
            ))
            .copy_source_if_match(&object.etag)
            .if_none_match("*")
            .checksum_algorithm(named(Algorithm::of_copy(object, false)))
            .set_storage_class(object.storage_class.as_deref().map(StorageClass::from));
        let request = if wanted.taken.is_none() && object.full_object().is_none() {
            // Nothing else will say of which version it is a copy.
            let (_, carried) = self.unchanged(wanted).await?;
            request
                .metadata_directive(MetadataDirective::Replace)
                .set_metadata(Some(marked(carried.metadata, wanted).into_iter().collect()))
                .set_content_type(carried.content_type)
                .set_content_encoding(carried.content_encoding)
                .set_content_language(carried.content_language)
                .set_content_disposition(carried.content_disposition)
                .set_cache_control(carried.cache_control)
        } else {
            request
        };
        let request = match &self.key {
            Some(key) => request
                .server_side_encryption(ServerSideEncryption::AwsKms)
                .ssekms_key_id(&**key),
            None => request,
        };
        let copied = match self.destination.bound.call(SERVICE, operation, request.send()).await {
            Ok(copied) => copied,
            // S3 does not say which of the two conditions did not hold.
            Err(error) if is_precondition(&error) => {
                return Ok(match self.destination.head(&wanted.to).await? {
                    Some(_) => CopyAnswer::AlreadyThere,
                    None => CopyAnswer::SourceChanged,
                });
            }
            Err(error) if error.failure == Failure::Conflict => return Ok(CopyAnswer::AlreadyThere),
            Err(error) => return Err(source_missing(error)),
        };
        let result = copied
            .copy_object_result()
            .ok_or_else(|| incomplete(SERVICE, operation, "CopyObjectResult"))?;
        Ok(CopyAnswer::Copied {
            etag: result
                .e_tag()
                .ok_or_else(|| incomplete(SERVICE, operation, "ETag"))?
                .to_owned(),
            checksum: checksum!(result),
        })
    }

    async fn begin(&self, wanted: &Wanted) -> Result<CopyAnswer, Miss> {
        let operation = "CreateMultipartUpload";
        let (source, carried) = self.carried(wanted).await?;
        let request = self
            .destination
            .client
            .create_multipart_upload()
            .bucket(&wanted.to.bucket)
            .key(&wanted.to.key)
            .checksum_algorithm(named(Algorithm::of_copy(&source, true)))
            .checksum_type(ChecksumType::FullObject)
            .set_content_type(carried.content_type)
            .set_content_encoding(carried.content_encoding)
            .set_content_language(carried.content_language)
            .set_content_disposition(carried.content_disposition)
            .set_cache_control(carried.cache_control)
            .set_metadata(Some(marked(carried.metadata, wanted).into_iter().collect()))
            .set_tagging((!carried.tags.is_empty()).then(|| tagging(&carried.tags)))
            .set_storage_class(carried.storage_class.as_deref().map(StorageClass::from));
        let request = match &self.key {
            Some(key) => request
                .server_side_encryption(ServerSideEncryption::AwsKms)
                .ssekms_key_id(&**key),
            None => request,
        };
        let begun = self.destination.bound.call(SERVICE, operation, request.send()).await?;
        let id = begun
            .upload_id
            .ok_or_else(|| incomplete(SERVICE, operation, "UploadId"))?;
        Ok(CopyAnswer::Begun(id))
    }

    /// What a multipart copy has to be told of the source, as long as it is the one that is wanted.
    async fn carried(&self, wanted: &Wanted) -> Result<(ObjectInfo, Carried), Miss> {
        let at = Location::new(&wanted.bucket, &wanted.object.key);
        let version = wanted.object.version.as_deref();
        let (source, carried) = self.unchanged(wanted).await?;
        let tags = match self.reading(wanted).tags(&at, version).await {
            Ok(tags) => tags,
            Err(error) => return Err(source_missing(error)),
        };
        Ok((source, Carried { tags, ..carried }))
    }

    /// Where what is copied lies.
    fn reading(&self, wanted: &Wanted) -> &S3 {
        match wanted.taken {
            None => &self.source,
            Some(_) => &self.destination,
        }
    }

    /// What is copied, if it is the one that is wanted.
    async fn unchanged(&self, wanted: &Wanted) -> Result<(ObjectInfo, Carried), Miss> {
        let at = Location::new(&wanted.bucket, &wanted.object.key);
        let object = &wanted.object;
        match self
            .reading(wanted)
            .info(&at, Some(&object.etag), object.version.as_deref())
            .await
        {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(Miss::Answer(CopyAnswer::SourceChanged)),
            Err(error) if error.failure == Failure::Conflict => Err(Miss::Answer(CopyAnswer::SourceChanged)),
            Err(error) => Err(error.into()),
        }
    }

    async fn part(
        &self,
        wanted: &Wanted,
        upload: &str,
        number: u32,
        range: &std::ops::Range<u64>,
    ) -> Result<CopyAnswer, Miss> {
        let operation = "UploadPartCopy";
        let unsent = |problem: &str| not_sent(operation, &wanted.to, problem);
        if range.is_empty() {
            return Err(unsent(&format!("part {number} has no bytes")).into());
        }
        let part_number = i32::try_from(number).map_err(|_| unsent(&format!("{number} is no part number")))?;
        let request = self
            .destination
            .client
            .upload_part_copy()
            .bucket(&wanted.to.bucket)
            .key(&wanted.to.key)
            .upload_id(upload)
            .part_number(part_number)
            .copy_source(copy_source(
                &wanted.bucket,
                &wanted.object.key,
                wanted.object.version.as_deref(),
            ))
            .copy_source_if_match(&wanted.object.etag)
            .copy_source_range(format!("bytes={}-{}", range.start, range.end - 1));
        let copied = match self.destination.bound.call(SERVICE, operation, request.send()).await {
            Ok(copied) => copied,
            Err(error) if error.failure == Failure::Conflict => return Ok(CopyAnswer::SourceChanged),
            Err(error) if upload_gone(&error) => return Ok(CopyAnswer::UploadGone),
            Err(error) => return Err(source_missing(error)),
        };
        let result = copied
            .copy_part_result()
            .ok_or_else(|| incomplete(SERVICE, operation, "CopyPartResult"))?;
        Ok(CopyAnswer::Part(Part {
            number,
            size: range.end - range.start,
            etag: result
                .e_tag()
                .ok_or_else(|| incomplete(SERVICE, operation, "ETag"))?
                .to_owned(),
        }))
    }

    async fn complete(&self, wanted: &Wanted, upload: &str, parts: &BTreeMap<u32, Part>) -> Result<CopyAnswer, Miss> {
        let operation = "CompleteMultipartUpload";
        let unsent = |problem: &str| not_sent(operation, &wanted.to, problem);
        let size = i64::try_from(wanted.object.size).map_err(|_| unsent("no object can be so large"))?;
        let mut listed = Vec::with_capacity(parts.len());
        for (number, part) in parts {
            let number = i32::try_from(*number).map_err(|_| unsent("a part's number is out of range"))?;
            listed.push(CompletedPart::builder().part_number(number).e_tag(&part.etag).build());
        }
        let listed = CompletedMultipartUpload::builder().set_parts(Some(listed));
        let request = self
            .destination
            .client
            .complete_multipart_upload()
            .bucket(&wanted.to.bucket)
            .key(&wanted.to.key)
            .upload_id(upload)
            .multipart_upload(listed.build())
            .mpu_object_size(size)
            .if_none_match("*");
        let done = match self.destination.bound.call(SERVICE, operation, request.send()).await {
            Ok(done) => done,
            Err(error) if error.failure == Failure::Conflict => return Ok(CopyAnswer::AlreadyThere),
            Err(error) if upload_gone(&error) || error.code.as_deref() == Some("InvalidPart") => {
                return Ok(CopyAnswer::UploadGone);
            }
            Err(error) => return Err(error.into()),
        };
        Ok(CopyAnswer::Copied {
            etag: done
                .e_tag()
                .ok_or_else(|| incomplete(SERVICE, operation, "ETag"))?
                .to_owned(),
            checksum: checksum!(&done),
        })
    }

    async fn look(&self, wanted: &Wanted, at: &Location) -> Result<CopyAnswer, Miss> {
        let (source, _) = self.unchanged(wanted).await?;
        let copy = self.destination.info(at, None, None).await?;
        Ok(CopyAnswer::Seen {
            source: source.checksum,
            copy: copy.map(|(info, _)| info),
        })
    }

    async fn discard(&self, at: &Location, etag: &str) -> Result<CopyAnswer, Miss> {
        let request = self.destination.client.delete_object();
        let request = request.bucket(&at.bucket).key(&at.key).if_match(etag);
        match self
            .destination
            .bound
            .call(SERVICE, "DeleteObject", request.send())
            .await
        {
            Ok(_) => Ok(CopyAnswer::Gone),
            Err(error) if matches!(error.failure, Failure::NotFound | Failure::Conflict) => Ok(CopyAnswer::Gone),
            Err(error) => Err(error.into()),
        }
    }

    async fn abort(&self, at: &Location, upload: &str) -> Result<CopyAnswer, Miss> {
        let operation = "AbortMultipartUpload";
        for _ in 0..ABORTS {
            let request = self.destination.client.abort_multipart_upload();
            let request = request.bucket(&at.bucket).key(&at.key).upload_id(upload);
            match self.destination.bound.call(SERVICE, operation, request.send()).await {
                Ok(_) => {}
                Err(error) if upload_gone(&error) => return Ok(CopyAnswer::Gone),
                Err(error) => return Err(error.into()),
            }
            if self
                .destination
                .parts(at, upload)
                .await?
                .is_none_or(|parts| parts.is_empty())
            {
                return Ok(CopyAnswer::Gone);
            }
        }
        Err(CallError {
            service: SERVICE,
            operation,
            failure: Failure::Busy,
            code: None,
            message: format!("the upload {upload} to {at} still has parts after {ABORTS} aborts"),
            request_id: None,
        }
        .into())
    }
}

impl S3 {
    /// A client for copies: no call is repeated here, because whoever makes it decides what a failure means and how fast
    /// to go on, and each may take as long as a large part needs.
    pub fn for_copies(base: &Base) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(SLOWEST)
            .operation_timeout(SLOWEST)
            .build();
        Self::with(base, Some(RetryConfig::disabled()), Some(timeouts))
    }
}

fn named(algorithm: Algorithm) -> ChecksumAlgorithm {
    match algorithm {
        Algorithm::Crc64Nvme => ChecksumAlgorithm::Crc64Nvme,
        Algorithm::Crc32 => ChecksumAlgorithm::Crc32,
        Algorithm::Crc32c => ChecksumAlgorithm::Crc32C,
        Algorithm::Sha1 => ChecksumAlgorithm::Sha1,
        Algorithm::Sha256 => ChecksumAlgorithm::Sha256,
    }
}

/// The metadata of a copy, which says of which version it is. Metadata that fills what S3 takes has no room for that: such
/// a copy is only known where its bytes can be compared.
fn marked(mut metadata: BTreeMap<String, String>, wanted: &Wanted) -> BTreeMap<String, String> {
    let version = wanted.version();
    let size = |(name, value): (&String, &String)| name.len() + value.len();
    let others = metadata
        .iter()
        .filter(|(name, _)| *name != MADE_OF)
        .map(size)
        .sum::<usize>();
    if others + MADE_OF.len() + version.len() <= METADATA {
        metadata.insert(MADE_OF.to_owned(), version);
    } else {
        metadata.remove(MADE_OF);
    }
    metadata
}

fn is_precondition(error: &CallError) -> bool {
    error.failure == Failure::Conflict && error.code.as_deref() != Some("ConditionalRequestConflict")
}

fn upload_gone(error: &CallError) -> bool {
    error.code.as_deref() == Some("NoSuchUpload")
}

/// The object to copy is not there any more, or something else is wrong.
fn source_missing(error: CallError) -> Miss {
    match error.code.as_deref() {
        Some("NoSuchKey" | "NoSuchVersion") => Miss::Answer(CopyAnswer::SourceChanged),
        _ => Miss::Error(error),
    }
}
