//! Whether a copy is what was copied, and how that is known.

use serde::{Deserialize, Serialize};

use crate::backup::inventory::{Checksum, ObjectInfo, Wanted};

/// How it is known that a copy holds the source's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Nothing but the size: the source has no full-object checksum that the copy has too. S3 itself copied it, and it
    /// checks what it copies.
    Size,
    /// Both ETags are MD5 sums of the bytes, and equal.
    Md5,
    /// Both have a checksum over the full object of the same algorithm, and equal.
    Checksum,
}

/// What comparing came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same bytes.
    Same(Proof),
    /// Other bytes: what differs.
    Different(String),
    /// Nothing contradicts, and nothing proves it.
    Open,
}

/// Compares a source with what the answer of the call that copied it says of the copy.
///
/// ETags that differ prove nothing: an object that was uploaded in parts, or is encrypted with a KMS key, has one that no
/// copy shares. A composite checksum likewise.
pub fn compare(source: &ObjectInfo, etag: &str, checksum: Option<&Checksum>) -> Verdict {
    if let (Some(of_source), Some(of_copy)) = (&source.checksum, checksum)
        && of_source.full_object
        && of_copy.full_object
        && of_source.algorithm == of_copy.algorithm
    {
        return match of_source.value == of_copy.value {
            true => Verdict::Same(Proof::Checksum),
            false => Verdict::Different(format!("the source has {of_source}, the copy {of_copy}")),
        };
    }
    match source.etag == etag && is_md5(etag) {
        true => Verdict::Same(Proof::Md5),
        false => Verdict::Open,
    }
}

/// How it is known that this is a copy of the very version that is wanted; `None` where it is of another one, or nobody
/// knows. `source` is as a `HeadObject` tells it.
pub fn identify(wanted: &Wanted, source: &ObjectInfo, copy: &ObjectInfo) -> Option<Proof> {
    match compare_found(source, copy) {
        Verdict::Same(proof) => Some(proof),
        Verdict::Different(_) => None,
        Verdict::Open => (copy.made_of.as_ref() == Some(&wanted.version())).then_some(Proof::Size),
    }
}

/// Compares a source with its copy as it is found.
pub fn compare_found(source: &ObjectInfo, copy: &ObjectInfo) -> Verdict {
    if source.size != copy.size {
        return Verdict::Different(format!("the source has {} bytes, the copy {}", source.size, copy.size));
    }
    compare(source, &copy.etag, copy.checksum.as_ref())
}

/// An ETag that can be an MD5 sum: 32 hexadecimal digits and no number of parts.
fn is_md5(etag: &str) -> bool {
    let etag = etag.trim_matches('"');
    etag.len() == 32 && etag.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{fixture::object, inventory::Algorithm};

    const MD5: &str = "\"9e107d9d372bb6826bd81d3542a419d6\"";

    fn crc(value: &str, full_object: bool) -> Checksum {
        Checksum {
            algorithm: Algorithm::Crc64Nvme,
            full_object,
            value: value.into(),
        }
    }

    #[test]
    fn equal_checksums_of_the_full_object_prove_it_and_unequal_ones_disprove_it() {
        let source = ObjectInfo {
            checksum: Some(crc("AAA=", true)),
            ..object("model.tar.gz", 10, MD5)
        };
        let same = compare(&source, "\"other\"", Some(&crc("AAA=", true)));
        assert_eq!(same, Verdict::Same(Proof::Checksum));
        let other = compare(&source, MD5, Some(&crc("BBB=", true)));
        assert_eq!(
            other,
            Verdict::Different("the source has CRC64NVME AAA=, the copy CRC64NVME BBB=".into())
        );
    }

    #[test]
    fn a_checksum_of_checksums_proves_nothing() {
        let source = ObjectInfo {
            checksum: Some(crc("AAA=-3", false)),
            ..object("model.tar.gz", 10, "\"x-3\"")
        };
        assert_eq!(compare(&source, "\"y\"", Some(&crc("BBB=", true))), Verdict::Open);
    }

    #[test]
    fn an_equal_etag_proves_it_only_if_it_can_be_an_md5_sum() {
        assert_eq!(compare(&object("a", 1, MD5), MD5, None), Verdict::Same(Proof::Md5));
        let parts = "\"9e107d9d372bb6826bd81d3542a419d6-2\"";
        assert_eq!(compare(&object("a", 1, parts), parts, None), Verdict::Open);
        assert_eq!(compare(&object("a", 1, MD5), "\"else\"", None), Verdict::Open);
    }

    #[test]
    fn another_size_is_another_object_whatever_else_agrees() {
        let verdict = compare_found(&object("a", 2, MD5), &object("a", 1, MD5));
        assert_eq!(verdict, Verdict::Different("the source has 2 bytes, the copy 1".into()));
    }
}
