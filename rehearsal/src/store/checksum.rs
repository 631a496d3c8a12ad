//! Checksums and ETags as S3 computes, verifies and reports them.

use base64::{Engine, prelude::BASE64_STANDARD};
use s3s::{
    S3Error, S3ErrorCode,
    checksum::ChecksumHasher,
    crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256},
    dto::{Checksum, ChecksumType},
};

use super::Content;

/// The checksums of an object or part, in base64, and whether they cover the whole or its parts' checksums.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) values: Checksum,
    pub(super) composite: bool,
}

impl Sums {
    /// What S3 computes by itself when the client names no algorithm: CRC64NVME. Virtual contents have none.
    pub(super) fn default_for(content: &Content) -> Self {
        Self {
            values: of(content, "CRC64NVME"),
            composite: false,
        }
    }

    /// Verifies what the client claims, and keeps it; without a claim, the checksum of `algorithm` or the default.
    pub(super) fn verified(content: &Content, claimed: Checksum, algorithm: Option<&str>) -> Result<Self, S3Error> {
        let claims = [
            ("CRC32", &claimed.checksum_crc32),
            ("CRC32C", &claimed.checksum_crc32c),
            ("CRC64NVME", &claimed.checksum_crc64nvme),
            ("SHA1", &claimed.checksum_sha1),
            ("SHA256", &claimed.checksum_sha256),
        ];
        let mut any = false;
        for (algorithm, claim) in claims {
            let Some(claim) = claim else { continue };
            any = true;
            let is = value(&of(content, algorithm), algorithm).unwrap_or_default();
            if is != *claim {
                let message = format!("The {algorithm} you specified ({claim}) did not match what we received ({is}).");
                return Err(S3Error::with_message(S3ErrorCode::BadDigest, message));
            }
        }
        let values = if any {
            claimed
        } else {
            of(content, algorithm.unwrap_or("CRC64NVME"))
        };
        Ok(Self {
            values,
            composite: false,
        })
    }

    pub(super) fn kind(&self) -> Option<ChecksumType> {
        let any = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]
            .iter()
            .any(|it| value(&self.values, it).is_some());
        let kind = if self.composite {
            ChecksumType::COMPOSITE
        } else {
            ChecksumType::FULL_OBJECT
        };
        any.then(|| ChecksumType::from_static(kind))
    }
}

/// The checksum of a real content by this algorithm; empty for virtual contents and unknown algorithms.
pub(super) fn of(content: &Content, algorithm: &str) -> Checksum {
    if !content.is_real() {
        return Checksum::default();
    }
    digest(algorithm, &content.bytes())
}

fn digest(algorithm: &str, data: &[u8]) -> Checksum {
    let mut hasher = ChecksumHasher::default();
    match algorithm {
        "CRC32" => hasher.crc32 = Some(Crc32::new()),
        "CRC32C" => hasher.crc32c = Some(Crc32c::new()),
        "CRC64NVME" => hasher.crc64nvme = Some(Crc64Nvme::new()),
        "SHA1" => hasher.sha1 = Some(Sha1::new()),
        "SHA256" => hasher.sha256 = Some(Sha256::new()),
        _ => {}
    }
    hasher.update(data);
    hasher.finalize()
}

/// The value of one algorithm.
pub(super) fn value(sums: &Checksum, algorithm: &str) -> Option<String> {
    match algorithm {
        "CRC32" => sums.checksum_crc32.clone(),
        "CRC32C" => sums.checksum_crc32c.clone(),
        "CRC64NVME" => sums.checksum_crc64nvme.clone(),
        "SHA1" => sums.checksum_sha1.clone(),
        "SHA256" => sums.checksum_sha256.clone(),
        _ => None,
    }
}

/// A composite checksum: that of the parts' checksums, and how many parts there are.
pub(super) fn composite(algorithm: &str, parts: &[&Checksum]) -> Option<Checksum> {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend(BASE64_STANDARD.decode(value(part, algorithm)?).ok()?);
    }
    let count = parts.len();
    let mut sums = digest(algorithm, &joined);
    for value in [
        &mut sums.checksum_crc32,
        &mut sums.checksum_crc32c,
        &mut sums.checksum_crc64nvme,
        &mut sums.checksum_sha1,
        &mut sums.checksum_sha256,
    ]
    .into_iter()
    .flatten()
    {
        value.push_str(&format!("-{count}"));
    }
    Some(sums)
}

/// The ETag of one part: its MD5 in hexadecimal. A virtual content's is that of its description.
pub(super) fn etag(content: &Content) -> String {
    let sum = if content.is_real() {
        Md5::checksum(&content.bytes())
    } else {
        Md5::checksum(format!("{content:?}").as_bytes())
    };
    hex(&sum)
}

/// The ETag of a multipart object: the MD5 of its parts' MD5s, and how many there are.
pub(super) fn multipart_etag(parts: &[&str]) -> String {
    let mut joined = Vec::new();
    for part in parts {
        let pairs = part
            .as_bytes()
            .chunks(2)
            .filter_map(|pair| std::str::from_utf8(pair).ok());
        joined.extend(pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()));
    }
    format!("{}-{}", hex(&Md5::checksum(&joined)), parts.len())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
