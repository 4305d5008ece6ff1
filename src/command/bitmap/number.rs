//! Integers of any width, anywhere in a row of bits.

use crate::command::options::is;
use crate::number::parse_u64;

/// How an integer is written, such as `i16` or `u8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encoding {
    signed: bool,
    /// From 1 to 64; to 63 without a sign.
    pub(super) bits: usize,
}

/// What becomes of a number that has no room in its field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Overflow {
    /// Its lowest bits are kept.
    #[default]
    Wrap,
    /// The nearest number that has room is taken.
    Sat,
    /// Nothing is written.
    Fail,
}

impl Overflow {
    pub(super) fn parse(word: &[u8]) -> Option<Self> {
        let names = [("WRAP", Self::Wrap), ("SAT", Self::Sat), ("FAIL", Self::Fail)];
        names.iter().find(|(name, _)| is(word, name)).map(|(_, overflow)| *overflow)
    }
}

impl Encoding {
    pub(super) fn parse(word: &[u8]) -> Option<Self> {
        let (signed, most, digits) = match word {
            [b'i', digits @ ..] => (true, 64, digits),
            [b'u', digits @ ..] => (false, 63, digits),
            _ => return None,
        };
        let bits = parse_u64(digits).filter(|bits| (1..=most).contains(bits))?;
        Some(Self { signed, bits: bits as usize })
    }

    /// The number whose first bit is at `offset`; beyond the bytes there are zeros.
    pub(super) fn read(self, bytes: &[u8], offset: usize) -> i64 {
        self.lowest(window(bytes, offset / 8) >> self.behind(offset))
    }

    /// Writes a number that fits over the bits from `offset` on, which must lie within the bytes.
    pub(super) fn write(self, bytes: &mut [u8], offset: usize, number: i64) {
        let (start, behind) = (offset / 8, self.behind(offset));
        let mask = (1 << self.bits) - 1;
        let before = window(bytes, start);
        let after = (before & !(mask << behind)) | ((number as u128 & mask) << behind);
        let to = bytes[start..].iter_mut();
        to.zip(after.to_be_bytes()).for_each(|(byte, new)| *byte = new);
    }

    /// The number to write for one that a client sets. Without a sign, a negative one is what it
    /// is in 64 bits: more than there is room for.
    pub(super) fn fit(self, number: i64, overflow: Overflow) -> Option<i64> {
        let number = if self.signed { number.into() } else { (number as u64).into() };
        self.fit_wide(number, overflow)
    }

    /// The number to write for the sum of one that was there and an increment.
    pub(super) fn sum(self, number: i64, increment: i64, overflow: Overflow) -> Option<i64> {
        self.fit_wide(i128::from(number) + i128::from(increment), overflow)
    }

    fn fit_wide(self, number: i128, overflow: Overflow) -> Option<i64> {
        let magnitudes = 1 << (self.bits - usize::from(self.signed));
        let least = if self.signed { -magnitudes } else { 0 };
        let nearest = number.clamp(least, magnitudes - 1);
        match overflow {
            _ if nearest == number => Some(number as i64),
            Overflow::Wrap => Some(self.lowest(number as u128)),
            Overflow::Sat => Some(nearest as i64),
            Overflow::Fail => None,
        }
    }

    /// The number in the lowest bits.
    fn lowest(self, bits: u128) -> i64 {
        let above = 128 - self.bits;
        match self.signed {
            true => ((bits << above) as i128 >> above) as i64,
            false => (bits << above >> above) as i64,
        }
    }

    /// How many bits of its window lie behind a number.
    fn behind(self, offset: usize) -> usize {
        128 - offset % 8 - self.bits
    }
}

/// Sixteen bytes from `start` on, with zeros beyond the end: they have a number at any of their
/// first eight bits.
fn window(bytes: &[u8], start: usize) -> u128 {
    let mut window = [0; 16];
    let there = bytes.get(start..).unwrap_or_default();
    window.iter_mut().zip(there).for_each(|(to, byte)| *to = *byte);
    u128::from_be_bytes(window)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(word: &str) -> Encoding {
        Encoding::parse(word.as_bytes()).expect("an encoding")
    }

    #[test]
    fn encodings_have_up_to_64_bits() {
        for (word, signed, bits) in [("i1", true, 1), ("i64", true, 64), ("u63", false, 63)] {
            assert_eq!(encoding(word), Encoding { signed, bits });
        }
        for word in ["", "i", "u0", "i0", "u64", "i65", "U8", "u08", "u+8", "8", "u8 ", "x8"] {
            assert_eq!(Encoding::parse(word.as_bytes()), None, "{word}");
        }
    }

    #[test]
    fn what_has_no_room_is_dealt_with_as_asked() {
        use Overflow::*;
        let (most, least) = (i64::MAX, i64::MIN);
        for (word, number, wrapped, nearest) in [
            ("u2", 4, 0, 3),
            ("u2", -1, 3, 3),
            ("u63", -1, most, most),
            ("u63", least, 0, most),
            ("i1", 1, -1, 0),
            ("i1", -2, 0, -1),
            ("i8", 200, -56, 127),
            ("i8", -129, 127, -128),
            ("i8", least, 0, -128),
        ] {
            assert_eq!(encoding(word).fit(number, Wrap), Some(wrapped), "{word} {number}");
            assert_eq!(encoding(word).fit(number, Sat), Some(nearest), "{word} {number}");
            assert_eq!(encoding(word).fit(number, Fail), None, "{word} {number}");
        }
        for (word, number, increment, wrapped, nearest) in [
            ("u2", 3, 1, 0, 3),
            ("u2", 0, -1, 3, 0),
            ("i64", most, 1, least, most),
            ("i64", least, -1, most, least),
            ("i64", least, least, 0, least),
            ("u63", most, most, most - 1, most),
        ] {
            assert_eq!(encoding(word).sum(number, increment, Wrap), Some(wrapped), "{word}");
            assert_eq!(encoding(word).sum(number, increment, Sat), Some(nearest), "{word}");
            assert_eq!(encoding(word).sum(number, increment, Fail), None, "{word}");
        }
        for (word, number) in [("i64", least), ("i64", most), ("u63", most), ("u1", 1), ("i1", -1)]
        {
            assert_eq!(encoding(word).fit(number, Fail), Some(number), "{word}");
        }
    }

    #[test]
    fn numbers_end_with_the_last_byte() {
        let mut bytes = [0; 9];
        encoding("i64").write(&mut bytes, 8, -2);
        assert_eq!(bytes, [0, 255, 255, 255, 255, 255, 255, 255, 254]);
        assert_eq!(encoding("i64").read(&bytes, 8), -2);
        assert_eq!(encoding("i8").read(&bytes, 68), -32, "beyond it there are zeros");
        assert_eq!(encoding("u63").read(&bytes, 1_000_000), 0);
    }
}
