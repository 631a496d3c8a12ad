//! Checksums and ETags as S3 computes, verifies and reports them.

use base64::{Engine, prelude::BASE64_STANDARD};
use s3s::{
    S3Error, S3ErrorCode,
    checksum::ChecksumHasher,
    crypto::{Checksum as _, Md5, Sha1, Sha256},
    dto::{Checksum, ChecksumAlgorithm, ChecksumType},
    s3_error,
};

use super::{Content, GivenChecksum, crc::Crc};

/// The algorithms, the one that S3 takes by itself first.
pub(super) const ALGORITHMS: [&str; 5] = ["CRC64NVME", "CRC32", "CRC32C", "SHA1", "SHA256"];

/// The longest virtual content, in bytes, that is written out for a checksum which cannot be had by arithmetic.
const LARGEST_DIGEST: u64 = 64 << 20;

/// The checksums of an object or part, in base64, and whether they cover the whole or its parts' checksums.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) values: Checksum,
    pub(super) composite: bool,
}

impl Sums {
    /// What S3 computes by itself when the client names no algorithm: CRC64NVME of the whole.
    pub(super) fn default_for(content: &Content) -> Self {
        let values = Checksum {
            checksum_crc64nvme: Crc::named("CRC64NVME").map(|crc| crc.text(content.crc(crc))),
            ..Checksum::default()
        };
        Self {
            values,
            composite: false,
        }
    }

    /// What an upload left that was made so.
    pub(super) fn given(content: &Content, given: GivenChecksum, part_size: Option<u64>) -> Self {
        let crc32 = |content: &Content| Checksum {
            checksum_crc32: Crc::named("CRC32").map(|crc| crc.text(content.crc(crc))),
            ..Checksum::default()
        };
        match given {
            GivenChecksum::Crc64Nvme => Self::default_for(content),
            GivenChecksum::Crc32 => Self {
                values: crc32(content),
                composite: false,
            },
            GivenChecksum::OfParts => {
                let size = part_size.unwrap_or(content.len()).max(1);
                let parts: Vec<Checksum> = (0..content.len().div_ceil(size))
                    .map(|index| crc32(&content.slice(index * size..(index + 1) * size)))
                    .collect();
                let parts: Vec<&Checksum> = parts.iter().collect();
                Self {
                    values: composite("CRC32", &parts).unwrap_or_default(),
                    composite: true,
                }
            }
            GivenChecksum::Absent => Self::default(),
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
            let is = value(&of(content, algorithm)?, algorithm).unwrap_or_default();
            if is != *claim {
                let message = format!("The {algorithm} you specified ({claim}) did not match what we received ({is}).");
                return Err(S3Error::with_message(S3ErrorCode::BadDigest, message));
            }
        }
        let values = if any {
            claimed
        } else {
            of(content, algorithm.unwrap_or(ALGORITHMS[0]))?
        };
        Ok(Self {
            values,
            composite: false,
        })
    }

    /// The algorithm; `None` when there is no checksum.
    pub(super) fn algorithm(&self) -> Option<&'static str> {
        ALGORITHMS.into_iter().find(|it| value(&self.values, it).is_some())
    }

    pub(super) fn kind(&self) -> Option<ChecksumType> {
        self.algorithm().map(|_| kind(self.composite))
    }

    /// The algorithms as a listing names them.
    pub(super) fn algorithms(&self) -> Option<Vec<ChecksumAlgorithm>> {
        self.algorithm().map(|it| vec![ChecksumAlgorithm::from_static(it)])
    }
}

pub(super) fn kind(composite: bool) -> ChecksumType {
    ChecksumType::from_static(if composite {
        ChecksumType::COMPOSITE
    } else {
        ChecksumType::FULL_OBJECT
    })
}

/// The checksum of a content by this algorithm; empty for unknown algorithms.
pub(super) fn of(content: &Content, algorithm: &str) -> Result<Checksum, S3Error> {
    if let Some(crc) = Crc::named(algorithm) {
        let mut sums = Checksum::default();
        if let Some(value) = value_mut(&mut sums, algorithm) {
            *value = Some(crc.text(content.crc(crc)));
        }
        return Ok(sums);
    }
    if !content.is_real() && content.len() > LARGEST_DIGEST {
        let length = content.len();
        return Err(s3_error!(
            NotImplemented,
            "The rehearsal does not compute {algorithm} over {length} virtual bytes; a CRC of any length it does."
        ));
    }
    Ok(digest(algorithm, &content.bytes()))
}

fn digest(algorithm: &str, data: &[u8]) -> Checksum {
    let mut hasher = ChecksumHasher::default();
    match algorithm {
        "SHA1" => hasher.sha1 = Some(Sha1::new()),
        "SHA256" => hasher.sha256 = Some(Sha256::new()),
        _ => {
            let mut sums = Checksum::default();
            if let (Some(crc), Some(value)) = (Crc::named(algorithm), value_mut(&mut sums, algorithm)) {
                *value = Some(crc.text(crc.of(data)));
            }
            return sums;
        }
    }
    hasher.update(data);
    hasher.finalize()
}

fn value_mut<'a>(sums: &'a mut Checksum, algorithm: &str) -> Option<&'a mut Option<String>> {
    Some(match algorithm {
        "CRC32" => &mut sums.checksum_crc32,
        "CRC32C" => &mut sums.checksum_crc32c,
        "CRC64NVME" => &mut sums.checksum_crc64nvme,
        "SHA1" => &mut sums.checksum_sha1,
        "SHA256" => &mut sums.checksum_sha256,
        _ => return None,
    })
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
    if let Some(value) = value_mut(&mut sums, algorithm).and_then(Option::as_mut) {
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
