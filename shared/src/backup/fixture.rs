//! Nouns for tests, short to write.

use jiff::Timestamp;

use super::inventory::ObjectInfo;

/// A moment: so many seconds after the epoch of the tests.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

/// An object as a listing tells it.
pub(super) fn object(key: &str, size: u64, etag: &str) -> ObjectInfo {
    ObjectInfo {
        key: key.into(),
        size,
        etag: etag.into(),
        version: None,
        checksum: None,
        storage_class: None,
        modified: at(0),
    }
}
