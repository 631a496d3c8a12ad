//! CRCs of content that is never written out: what S3 would report for an object of 100 GB, within microseconds.
//!
//! A CRC is linear over GF(2). That of two contents one after the other follows from theirs and from the length of the
//! second, so parts combine into the whole, and that of a block repeated n times follows from log2(n) doublings.

use base64::{Engine, prelude::BASE64_STANDARD};
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme};

/// One of S3's CRCs: reflected, and with all ones before the first and after the last bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crc {
    name: &'static str,
    width: u32,
    /// The reflected polynomial.
    polynomial: u64,
}

impl Crc {
    const ALL: [Self; 3] = [
        Self {
            name: "CRC32",
            width: 32,
            polynomial: 0xedb8_8320,
        },
        Self {
            name: "CRC32C",
            width: 32,
            polynomial: 0x82f6_3b78,
        },
        Self {
            name: "CRC64NVME",
            width: 64,
            polynomial: 0x9a6c_9329_ac4b_c9b5,
        },
    ];

    /// By S3's name of it; `None` for what is no CRC.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|crc| crc.name == name)
    }

    /// That of real bytes.
    pub(super) fn of(self, data: &[u8]) -> u64 {
        match self.name {
            "CRC32" => u64::from(u32::from_be_bytes(Crc32::checksum(data))),
            "CRC32C" => u64::from(u32::from_be_bytes(Crc32c::checksum(data))),
            _ => u64::from_be_bytes(Crc64Nvme::checksum(data)),
        }
    }

    /// That of `first` followed by `second`, which has `length` bytes.
    pub(super) fn joined(self, first: u64, second: u64, length: u64) -> u64 {
        self.times(self.shift(length), first) ^ second
    }

    /// That of what follows `first`, when `whole` is that of both and what follows has `length` bytes.
    pub(super) fn rest(self, whole: u64, first: u64, length: u64) -> u64 {
        self.joined(first, whole, length)
    }

    /// That of a block of `length` bytes, `count` times.
    pub(super) fn repeated(self, block: u64, length: u64, mut count: u64) -> u64 {
        let (mut done, mut run, mut shift) = (0, block, self.shift(length));
        while count > 0 {
            if count & 1 == 1 {
                done = self.times(shift, done) ^ run;
            }
            run ^= self.times(shift, run);
            shift = self.times(shift, shift);
            count >>= 1;
        }
        done
    }

    /// As S3 writes it: base64 of the bytes, the most significant first.
    pub(super) fn text(self, value: u64) -> String {
        let bytes = value.to_be_bytes();
        BASE64_STANDARD.encode(&bytes[bytes.len() - self.width as usize / 8..])
    }

    /// What a CRC is multiplied with when so many bytes follow: x to the power of 8 `bytes`.
    fn shift(self, mut bytes: u64) -> u64 {
        let (mut power, mut square) = (self.one(), self.one() >> 8);
        while bytes > 0 {
            if bytes & 1 == 1 {
                power = self.times(power, square);
            }
            square = self.times(square, square);
            bytes >>= 1;
        }
        power
    }

    /// The polynomial 1, reflected.
    fn one(self) -> u64 {
        1 << (self.width - 1)
    }

    /// The product of two polynomials modulo the CRC's.
    fn times(self, a: u64, mut b: u64) -> u64 {
        let mut product = 0;
        let mut bit = self.one();
        while bit > 0 {
            if a & bit != 0 {
                product ^= b;
            }
            let carry = b & 1;
            b >>= 1;
            if carry == 1 {
                b ^= self.polynomial;
            }
            bit >>= 1;
        }
        product
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_is_the_one_of_that_name() {
        let check = |name: &str| Crc::named(name).map(|crc| crc.text(crc.of(b"123456789")));
        assert_eq!(check("CRC32").as_deref(), Some("y/Q5Jg=="));
        assert_eq!(check("CRC32C").as_deref(), Some("4waSgw=="));
        assert_eq!(check("CRC64NVME").as_deref(), Some("rosUhgp5mIg="));
        assert_eq!(check("SHA256"), None);
    }

    proptest! {
        #[test]
        fn two_in_a_row_and_many_in_a_row_are_those_of_the_bytes(
            first in prop::collection::vec(any::<u8>(), 0..40),
            second in prop::collection::vec(any::<u8>(), 0..40),
            count in 0_u64..30,
        ) {
            for crc in Crc::ALL {
                let whole = crc.of(&[&first[..], &second[..]].concat());
                let length = second.len() as u64;
                prop_assert_eq!(crc.joined(crc.of(&first), crc.of(&second), length), whole);
                prop_assert_eq!(crc.rest(whole, crc.of(&first), length), crc.of(&second));
                let many = first.repeat(count as usize);
                prop_assert_eq!(crc.repeated(crc.of(&first), first.len() as u64, count), crc.of(&many));
            }
        }
    }
}
