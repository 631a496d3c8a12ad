//! In which parts a large object is copied: a function of its size alone.
//!
//! An unfinished upload says nothing of how it was cut but the numbers and sizes of its parts. Because the layout depends
//! on nothing else than the size, and the key of a copy on the source's ETag, a part found under a number is of exactly
//! the bytes that this number stands for, whoever copied it. So the sizes here must not become settings, and a build that
//! changes them must also change where artifacts are put.

use std::ops::Range;

use crate::backup::inventory::Part;

const MIB: u64 = 1 << 20;

/// Parts of one upload at most, by S3's limits.
pub const PARTS: u64 = 10_000;

/// The least that a part other than the last may have, bytes.
pub const LEAST_PART: u64 = 5 * MIB;

/// The most that a part may have, bytes.
pub const LARGEST_PART: u64 = 5 << 30;

/// The largest object that can be copied, bytes: S3's own limit (50 TB, 48.8 TiB).
pub const LARGEST_OBJECT: u64 = PARTS * LARGEST_PART;

/// Up to here one `CopyObject` does it. S3 takes 5 GB, but one call copies at the speed of one stream, and an invocation
/// that ends in its middle has copied nothing.
pub const WHOLE: u64 = 256 * MIB;

/// Parts have this size until 10,000 of them do not suffice. Larger ones make an answer slower and a resumption dearer,
/// smaller ones cost more calls.
const PART: u64 = 64 * MIB;

/// How an object larger than [`WHOLE`] is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    size: u64,
    part: u64,
}

impl Layout {
    /// The layout of an object of `size` bytes; `None` where S3 could hold no such object, or one call copies it.
    pub fn of(size: u64) -> Option<Self> {
        let least = size.div_ceil(PARTS).next_multiple_of(MIB);
        (size > WHOLE && size <= LARGEST_OBJECT).then(|| Self {
            size,
            part: least.max(PART),
        })
    }

    /// Number of parts.
    pub fn count(&self) -> u32 {
        u32::try_from(self.size.div_ceil(self.part)).unwrap_or(u32::MAX)
    }

    /// The bytes of part `number` (from 1), the end exclusive.
    pub fn range(&self, number: u32) -> Range<u64> {
        let begin = (u64::from(number).saturating_sub(1) * self.part).min(self.size);
        begin..(begin + self.part).min(self.size)
    }

    /// The part is one of this layout, whole.
    pub fn has(&self, part: &Part) -> bool {
        let range = self.range(part.number);
        (1..=self.count()).contains(&part.number) && part.size == range.end - range.start
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_one_call_copies_and_what_no_object_can_be_has_no_parts() {
        assert_eq!(Layout::of(0), None);
        assert_eq!(Layout::of(WHOLE), None);
        assert_eq!(Layout::of(LARGEST_OBJECT + 1), None);
    }

    #[test]
    fn parts_grow_only_when_ten_thousand_of_them_do_not_suffice() {
        let shown = |size| Layout::of(size).map(|layout| (layout.part / MIB, layout.count()));
        assert_eq!(shown(100_000_000_000), Some((64, 1491)));
        assert_eq!(shown(10_000 * PART), Some((64, 10_000)));
        assert_eq!(shown(10_000 * PART + 1), Some((65, 9847)));
        assert_eq!(shown(5_000_000_000_000), Some((477, 9997)));
        assert_eq!(shown(LARGEST_OBJECT), Some((5120, 10_000)));
    }

    proptest! {
        #[test]
        fn every_byte_is_in_exactly_one_part_and_s3_takes_each(size in WHOLE + 1..=LARGEST_OBJECT) {
            let layout = Layout::of(size).unwrap();
            prop_assert!(u64::from(layout.count()) <= PARTS);
            let mut next = 0;
            for number in 1..=layout.count() {
                let range = layout.range(number);
                prop_assert_eq!(range.start, next);
                let length = range.end - range.start;
                prop_assert!(length > 0 && length <= LARGEST_PART);
                prop_assert!(length >= LEAST_PART || number == layout.count());
                next = range.end;
            }
            prop_assert_eq!(next, size);
        }
    }
}
