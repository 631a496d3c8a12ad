//! What an object holds: bytes, or a length that stands for bytes, so that copies of 100 GB need no memory.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::crc::Crc;

/// After so many bytes a virtual content begins again, so that its checksum is a matter of arithmetic. Prime: two parts
/// whose offsets differ by fewer than 4 GB in whole mebibytes begin at different bytes, and a copy that mixes parts up
/// shows.
const PERIOD: u64 = 4093;

/// The content of an object or part. Two that are equal have equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Real bytes.
    Bytes(Bytes),
    /// Bytes that are computed when read: the part of an endless sequence, chosen by `seed`, that begins at `offset`.
    Virtual {
        /// How many bytes.
        length: u64,
        /// Which sequence.
        seed: u64,
        /// Where in the sequence the content begins.
        offset: u64,
    },
    /// One after another, as a multipart upload leaves them.
    Joined(Vec<Content>),
}

impl Content {
    /// `length` bytes that need no memory; `seed` tells contents of one length apart.
    pub fn of_length(length: u64, seed: u64) -> Self {
        Self::Virtual {
            length,
            seed,
            offset: 0,
        }
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Virtual { length, .. } => *length,
            Self::Joined(parts) => parts.iter().map(Self::len).sum(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every byte of it exists.
    pub fn is_real(&self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::Virtual { .. } => false,
            Self::Joined(parts) => parts.iter().all(Self::is_real),
        }
    }

    /// The contents in one, in as few pieces as they allow: real ones become plain bytes, and consecutive parts of one
    /// sequence the sequence again.
    pub fn joined(parts: Vec<Self>) -> Self {
        let whole = Self::Joined(parts);
        if whole.is_real() {
            return Self::Bytes(whole.bytes());
        }
        let mut pieces = Vec::new();
        whole.pieces(&mut pieces);
        match pieces.pop() {
            Some(only) if pieces.is_empty() => only,
            last => {
                pieces.extend(last);
                Self::Joined(pieces)
            }
        }
    }

    fn pieces(self, pieces: &mut Vec<Self>) {
        match self {
            Self::Joined(parts) => parts.into_iter().for_each(|part| part.pieces(pieces)),
            piece if piece.is_empty() => {}
            Self::Virtual { length, seed, offset } => match pieces.last_mut() {
                Some(Self::Virtual {
                    length: before,
                    seed: same,
                    offset: from,
                }) if *same == seed && *from + *before == offset => *before += length,
                _ => pieces.push(Self::Virtual { length, seed, offset }),
            },
            real => pieces.push(real),
        }
    }

    /// Its CRC, without writing it out.
    pub(super) fn crc(&self, crc: Crc) -> u64 {
        match self {
            Self::Bytes(bytes) => crc.of(bytes),
            Self::Virtual { length, seed, offset } => {
                let block = block(*seed);
                let until = |end: u64| {
                    let rest = (end % PERIOD) as usize;
                    let whole = crc.repeated(crc.of(&block), PERIOD, end / PERIOD);
                    crc.joined(whole, crc.of(&block[..rest]), rest as u64)
                };
                let offset = offset % PERIOD;
                crc.rest(until(offset + length), until(offset), *length)
            }
            Self::Joined(parts) => parts
                .iter()
                .fold(0, |whole, part| crc.joined(whole, part.crc(crc), part.len())),
        }
    }

    /// A part of it; a range past the end is cut there.
    pub fn slice(&self, range: Range<u64>) -> Self {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        match self {
            Self::Bytes(bytes) => {
                let at = |position: u64| usize::try_from(position).unwrap_or(bytes.len());
                Self::Bytes(bytes.slice(at(start)..at(end)))
            }
            Self::Virtual { seed, offset, .. } => Self::Virtual {
                length: end - start,
                seed: *seed,
                offset: offset + start,
            },
            Self::Joined(parts) => {
                let mut within = Vec::new();
                let mut begins = 0;
                for part in parts {
                    let ends = begins + part.len();
                    if ends > start && begins < end {
                        within.push(part.slice(start.saturating_sub(begins)..end.min(ends) - begins));
                    }
                    begins = ends;
                }
                Self::joined(within)
            }
        }
    }

    /// The same length, with another first byte; nothing where there is none.
    pub(super) fn corrupted(&self) -> Self {
        match self.slice(0..1).bytes().first() {
            Some(first) => {
                let other = Self::Bytes(Bytes::copy_from_slice(&[first ^ 1]));
                Self::joined(vec![other, self.slice(1..self.len())])
            }
            None => self.clone(),
        }
    }

    /// All of it, written out.
    pub fn bytes(&self) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Virtual { length, seed, offset } => {
                let block = block(*seed);
                let mut at = (offset % PERIOD) as usize;
                let mut left = usize::try_from(*length).unwrap_or(usize::MAX);
                let mut whole = BytesMut::with_capacity(left);
                while left > 0 {
                    let piece = &block[at..(at + left).min(block.len())];
                    whole.extend_from_slice(piece);
                    left -= piece.len();
                    at = 0;
                }
                whole.freeze()
            }
            Self::Joined(parts) => {
                let mut whole = BytesMut::new();
                for part in parts {
                    whole.extend_from_slice(&part.bytes());
                }
                whole.freeze()
            }
        }
    }
}

/// One period of a sequence: SplitMix64.
fn block(seed: u64) -> Vec<u8> {
    (0..PERIOD)
        .map(|position| {
            let mut word = seed.wrapping_add((position / 8).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (word ^ (word >> 31)).to_le_bytes()[(position % 8) as usize]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_slice_of_a_virtual_content_is_that_slice_of_its_bytes(
            length in 0_u64..200, seed: u64, from in 0_u64..250, to in 0_u64..250,
        ) {
            let content = Content::Virtual { length, seed, offset: 3 };
            let whole = content.bytes();
            let (from, to) = (from.min(to), from.max(to));
            let expected = whole.slice((from.min(length) as usize)..(to.min(length) as usize));
            prop_assert_eq!(content.slice(from..to).bytes(), expected);
        }

        #[test]
        fn joining_slices_gives_back_the_whole(length in 1_u64..200, cut in 0_u64..200, seed: u64) {
            let content = Content::Virtual { length, seed, offset: 0 };
            let joined = Content::joined(vec![content.slice(0..cut), content.slice(cut..length)]);
            prop_assert_eq!(joined.len(), length);
            prop_assert_eq!(joined.bytes(), content.bytes());
            prop_assert_eq!(joined, content);
        }

        #[test]
        fn the_checksum_of_what_is_not_written_out_is_that_of_its_bytes(
            length in 0_u64..20_000, offset in 0_u64..20_000, other in 0_u64..5000, seed: u64,
        ) {
            let content = Content::Virtual { length, seed, offset };
            let tail = Content::Virtual { length: other, seed: seed ^ 1, offset: 0 };
            let whole = Content::joined(vec![content.clone(), tail, Content::Bytes(Bytes::from_static(b"end"))]);
            for name in ["CRC32", "CRC32C", "CRC64NVME"] {
                let crc = Crc::named(name).expect("a CRC");
                prop_assert_eq!(content.crc(crc), crc.of(&content.bytes()));
                prop_assert_eq!(whole.crc(crc), crc.of(&whole.bytes()));
            }
        }
    }

    #[test]
    fn what_is_corrupted_has_the_same_length_and_another_checksum() {
        let crc = Crc::named("CRC64NVME").expect("a CRC");
        for content in [
            Content::of_length(1 << 30, 1),
            Content::Bytes(Bytes::from_static(b"model")),
        ] {
            let other = content.corrupted();
            assert_eq!(other.len(), content.len());
            assert_ne!(other.crc(crc), content.crc(crc));
            assert_eq!(other.slice(1..other.len()), content.slice(1..content.len()));
        }
        assert!(Content::of_length(0, 1).corrupted().is_empty());
    }

    #[test]
    fn a_terabyte_costs_nothing_until_it_is_read() {
        let content = Content::Virtual {
            length: 1 << 40,
            seed: 1,
            offset: 0,
        };
        let tail = content.slice((1 << 40) - 4..1 << 40);
        assert_eq!((content.len(), tail.bytes().len()), (1 << 40, 4));
    }
}
