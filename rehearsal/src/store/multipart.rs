//! Multipart uploads: begun, filled with parts that are sent or copied, and joined into one object or given up.

use s3s::{S3Result, dto::*, s3_error};

use super::{
    Content, Shared, Sums,
    checksum::{self, ALGORITHMS, composite, multipart_etag},
    objects::{encryption, read},
    shelf::{Headers, Object, Part as Held, PartOfObject, Upload, quoted},
};

/// S3's smallest part, except for the last one: 5 MiB.
const SMALLEST_PART: u64 = 5 << 20;

struct Begun {
    algorithm: Option<ChecksumAlgorithm>,
    kind: Option<ChecksumType>,
}

impl Shared {
    pub(super) fn create_multipart_upload(
        &self,
        input: CreateMultipartUploadInput,
    ) -> S3Result<CreateMultipartUploadOutput> {
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
        let (id, upload) = self.begin(&input.bucket, &input.key, headers, &begun)?;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            checksum_type: begun.algorithm.as_ref().map(|_| checksum::kind(upload.composite)),
            checksum_algorithm: begun.algorithm,
            server_side_encryption: Some(encryption(upload.headers.encryption)),
            ssekms_key_id: upload.headers.key_id,
            ..Default::default()
        })
    }

    pub(super) async fn upload_part(&self, mut input: UploadPartInput) -> S3Result<UploadPartOutput> {
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
        let part = self.add_part(&at, content, claimed)?;
        Ok(UploadPartOutput {
            e_tag: Some(quoted(&part.etag)),
            checksum_crc32: part.sums.values.checksum_crc32,
            checksum_crc32c: part.sums.values.checksum_crc32c,
            checksum_crc64nvme: part.sums.values.checksum_crc64nvme,
            checksum_sha1: part.sums.values.checksum_sha1,
            checksum_sha256: part.sums.values.checksum_sha256,
            ..Default::default()
        })
    }

    fn begin(&self, bucket: &str, key: &str, headers: Headers, begun: &Begun) -> S3Result<(String, Upload)> {
        let now = self.now();
        let mut shelves = self.lock();
        let id = shelves.next_id();
        let algorithm = begun.algorithm.as_ref().map(|it| it.as_str().to_owned());
        let composite = match (&begun.kind, algorithm.as_deref()) {
            (Some(kind), _) => kind.as_str() == ChecksumType::COMPOSITE,
            (None, None | Some("CRC64NVME")) => false,
            (None, Some(_)) => true,
        };
        let impossible = match algorithm.as_deref() {
            Some("CRC64NVME") | None => composite,
            Some("SHA1" | "SHA256") => !composite,
            Some(_) => false,
        };
        if impossible {
            let (kind, algorithm) = (checksum::kind(composite), algorithm.unwrap_or_default());
            let kind = kind.as_str();
            return Err(s3_error!(
                InvalidRequest,
                "The {kind} checksum type cannot be used with the {algorithm} checksum algorithm."
            ));
        }
        let headers = shelves.keys.encrypt(shelves.bucket(bucket)?, headers)?;
        headers.tags()?;
        let upload = Upload {
            key: key.to_owned(),
            initiated: now,
            headers,
            algorithm,
            composite,
            parts: Default::default(),
        };
        shelves.bucket_mut(bucket)?.uploads.insert(id.clone(), upload.clone());
        Ok((id, upload))
    }

    pub(super) fn add_part(&self, at: &PartOf<'_>, content: Content, claimed: Checksum) -> S3Result<Held> {
        if !(1..=10_000).contains(&at.number) {
            let message = "Part number must be an integer between 1 and 10000, inclusive";
            return Err(s3_error!(InvalidArgument, "{message}"));
        }
        let modified = self.now();
        let mut shelves = self.lock();
        let upload = upload_of(&mut shelves.bucket_mut(at.bucket)?.uploads, at.upload, at.key)?;
        let sums = Sums::verified(&content, claimed, upload.algorithm.as_deref())?;
        let part = Held {
            etag: checksum::etag(&content),
            content,
            sums,
            modified,
        };
        upload.parts.insert(at.number, part.clone());
        Ok(part)
    }

    pub(super) fn complete(&self, input: CompleteMultipartUploadInput) -> S3Result<CompleteMultipartUploadOutput> {
        let now = self.now();
        let mut shelves = self.lock();
        let version = shelves.next_id();
        let bucket = shelves.bucket_mut(&input.bucket)?;
        let upload = upload_of(&mut bucket.uploads, &input.upload_id, &input.key)?.clone();
        bucket.allow_write(&input.key, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let wanted = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default();
        let parts = chosen(&upload, &wanted)?;
        let object = joined(&upload, &parts, now)?;
        let claimed = Checksum {
            checksum_crc32: input.checksum_crc32,
            checksum_crc32c: input.checksum_crc32c,
            checksum_crc64nvme: input.checksum_crc64nvme,
            checksum_sha1: input.checksum_sha1,
            checksum_sha256: input.checksum_sha256,
            ..Default::default()
        };
        if let Some(kind) = input.checksum_type
            && kind != checksum::kind(upload.composite)
        {
            let (asked, begun) = (kind.as_str(), checksum::kind(upload.composite));
            let begun = begun.as_str();
            return Err(s3_error!(
                InvalidRequest,
                "The upload was created with the {begun} checksum type, and is completed with {asked}."
            ));
        }
        agree(&claimed, &object.sums.values, "The object")?;
        if let Some(size) = input.mpu_object_size
            && u64::try_from(size) != Ok(object.content.len())
        {
            let is = object.content.len();
            return Err(s3_error!(
                InvalidRequest,
                "The object would have {is} bytes, and not the {size} specified."
            ));
        }
        let (etag, sums) = (object.etag.clone(), object.sums.clone());
        bucket.uploads.remove(&input.upload_id);
        let id = bucket.put(&input.key, object, version);
        Ok(CompleteMultipartUploadOutput {
            location: Some(format!(
                "https://{}.s3.{}.amazonaws.com/{}",
                input.bucket, bucket.region, input.key
            )),
            version_id: bucket.reported(&id),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(quoted(&etag)),
            checksum_type: sums.kind(),
            checksum_crc32: sums.values.checksum_crc32,
            checksum_crc32c: sums.values.checksum_crc32c,
            checksum_crc64nvme: sums.values.checksum_crc64nvme,
            checksum_sha1: sums.values.checksum_sha1,
            checksum_sha256: sums.values.checksum_sha256,
            server_side_encryption: Some(encryption(upload.headers.encryption)),
            ssekms_key_id: upload.headers.key_id,
            ..Default::default()
        })
    }

    pub(super) fn abort(&self, input: AbortMultipartUploadInput) -> S3Result<AbortMultipartUploadOutput> {
        let mut shelves = self.lock();
        let uploads = &mut shelves.bucket_mut(&input.bucket)?.uploads;
        upload_of(uploads, &input.upload_id, &input.key)?;
        uploads.remove(&input.upload_id);
        Ok(AbortMultipartUploadOutput::default())
    }
}

/// Which part of which upload.
pub(super) struct PartOf<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) upload: &'a str,
    pub(super) number: i32,
}

pub(super) fn upload_of<'a>(
    uploads: &'a mut std::collections::BTreeMap<String, Upload>,
    id: &str,
    key: &str,
) -> S3Result<&'a mut Upload> {
    uploads.get_mut(id).filter(|upload| upload.key == key).ok_or_else(|| {
        s3_error!(
            NoSuchUpload,
            "The specified upload does not exist: it may have been aborted or completed."
        )
    })
}

/// The parts that the client lists, checked as S3 checks them.
fn chosen<'a>(upload: &'a Upload, wanted: &[CompletedPart]) -> S3Result<Vec<(i32, &'a Held)>> {
    if wanted.is_empty() {
        return Err(s3_error!(MalformedXML, "The list of parts must not be empty."));
    }
    let numbers: Vec<i32> = wanted.iter().map(|part| part.part_number.unwrap_or_default()).collect();
    if let Some(pair) = numbers.windows(2).find(|pair| pair[1] <= pair[0]) {
        return Err(s3_error!(
            InvalidPartOrder,
            "The list of parts was not in ascending order: {pair:?}."
        ));
    }
    let mut parts = Vec::with_capacity(wanted.len());
    for (index, (completed, number)) in wanted.iter().zip(&numbers).enumerate() {
        let etag = completed.e_tag.as_ref().map(ETag::value);
        let part = upload
            .parts
            .get(number)
            .filter(|part| etag.is_none_or(|etag| etag == part.etag));
        let part = part.ok_or_else(|| {
            s3_error!(
                InvalidPart,
                "Part {number} was not uploaded, or its ETag is not the one specified."
            )
        })?;
        let claimed = Checksum {
            checksum_crc32: completed.checksum_crc32.clone(),
            checksum_crc32c: completed.checksum_crc32c.clone(),
            checksum_crc64nvme: completed.checksum_crc64nvme.clone(),
            checksum_sha1: completed.checksum_sha1.clone(),
            checksum_sha256: completed.checksum_sha256.clone(),
            ..Default::default()
        };
        let algorithm = upload.algorithm.as_deref().filter(|_| upload.composite);
        if let Some(algorithm) = algorithm
            && checksum::value(&claimed, algorithm).is_none()
        {
            return Err(s3_error!(
                InvalidRequest,
                "The upload was created using a {algorithm} checksum. The complete request must include the checksum \
                 for each part. It was missing for part {number} in the request."
            ));
        }
        agree(&claimed, &part.sums.values, "A part")?;
        if index + 1 < wanted.len() && part.content.len() < SMALLEST_PART {
            let is = part.content.len();
            return Err(s3_error!(
                EntityTooSmall,
                "Part {number} has {is} bytes; every part but the last needs 5 MiB."
            ));
        }
        parts.push((*number, part));
    }
    Ok(parts)
}

/// What the client claims of a checksum is what was computed.
fn agree(claimed: &Checksum, is: &Checksum, what: &str) -> S3Result<()> {
    for algorithm in ALGORITHMS {
        let (claim, is) = (checksum::value(claimed, algorithm), checksum::value(is, algorithm));
        if let (Some(claim), Some(is)) = (claim, is)
            && claim != is
        {
            return Err(s3_error!(
                BadDigest,
                "The {algorithm} you specified ({claim}) did not match the calculated one ({is}). {what} is not what you \
                 believe it is."
            ));
        }
    }
    Ok(())
}

fn joined(upload: &Upload, parts: &[(i32, &Held)], now: jiff::Timestamp) -> S3Result<Object> {
    let content = Content::joined(parts.iter().map(|(_, part)| part.content.clone()).collect());
    let algorithm = upload.algorithm.as_deref().unwrap_or(ALGORITHMS[0]);
    let sums = if upload.composite {
        let values: Vec<&Checksum> = parts.iter().map(|(_, part)| &part.sums.values).collect();
        let values = composite(algorithm, &values).unwrap_or_default();
        Sums {
            values,
            composite: true,
        }
    } else {
        Sums {
            values: checksum::of(&content, algorithm)?,
            composite: false,
        }
    };
    let etags: Vec<&str> = parts.iter().map(|(_, part)| part.etag.as_str()).collect();
    let kept = |(number, part): &(i32, &Held)| {
        let part = PartOfObject {
            size: part.content.len(),
            sums: part.sums.clone(),
        };
        (*number, part)
    };
    Ok(Object {
        etag: multipart_etag(&etags),
        content,
        sums,
        modified: now,
        headers: upload.headers.clone(),
        parts: parts.iter().map(kept).collect(),
    })
}
