//! Listpacks and intsets: small collections in one string.

use bytes::{Buf, Bytes};

use super::read::{Item, Malformed};

/// The elements of a listpack that are not taken yet.
#[derive(Clone)]
pub(super) struct Listpack(Bytes);

impl Listpack {
    const END: u8 = 0xff;

    /// Refuses what is not as long as it says. Its count is not needed.
    pub(super) fn new(mut bytes: Bytes) -> Result<Self, Malformed> {
        let len = bytes.len() as u64;
        let said = bytes.try_get_u32_le()?;
        bytes.try_get_u16_le()?;
        let ends = bytes.last() == Some(&Self::END);
        (u64::from(said) == len && ends).then_some(Self(bytes)).ok_or(Malformed)
    }

    /// The next element; None at the end.
    pub(super) fn take(&mut self) -> Result<Option<Item>, Malformed> {
        let before = self.0.len();
        let first = self.0.try_get_u8()?;
        if first == Self::END {
            return if self.0.is_empty() { Ok(None) } else { Err(Malformed) };
        }
        let item = self.item(first)?;
        let backward = backward_len(before - self.0.len());
        super::read::split(&mut self.0, backward as u64)?;
        Ok(Some(item))
    }

    /// The element whose encoding begins with this byte.
    fn item(&mut self, first: u8) -> Result<Item, Malformed> {
        let rest = &mut self.0;
        let len = match first {
            0..0x80 => return Ok(Item::Integer(first.into())),
            0x80..0xc0 => u32::from(first & 0x3f),
            0xc0..0xe0 => {
                let number = i64::from(first & 0x1f) << 8 | i64::from(rest.try_get_u8()?);
                return Ok(Item::Integer(if number < 1 << 12 {
                    number
                } else {
                    number - (1 << 13)
                }));
            }
            0xe0..0xf0 => u32::from(first & 0x0f) << 8 | u32::from(rest.try_get_u8()?),
            0xf0 => rest.try_get_u32_le()?,
            0xf1..=0xf4 => {
                let bytes = [2, 3, 4, 8][usize::from(first - 0xf1)];
                return Ok(Item::Integer(rest.try_get_int_le(bytes)?));
            }
            _ => return Err(Malformed),
        };
        super::read::split(rest, len.into()).map(Item::Text)
    }
}

/// Bytes of the length that follows an element of `len` bytes, by which it is found from behind.
fn backward_len(len: usize) -> usize {
    match len {
        0..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// The numbers of an intset that are not taken yet.
#[derive(Clone)]
pub(super) struct Intset {
    numbers: Bytes,
    width: usize,
}

impl Intset {
    pub(super) fn new(mut bytes: Bytes) -> Result<Self, Malformed> {
        let (width, len) = (bytes.try_get_u32_le()?, bytes.try_get_u32_le()?);
        let fits = u64::from(width) * u64::from(len) == bytes.len() as u64;
        let fits = fits && [2, 4, 8].contains(&width);
        fits.then_some(Self { numbers: bytes, width: width as usize }).ok_or(Malformed)
    }

    pub(super) fn take(&mut self) -> Result<Option<Item>, Malformed> {
        if self.numbers.is_empty() {
            return Ok(None);
        }
        Ok(Some(Item::Integer(self.numbers.try_get_int_le(self.width)?)))
    }
}
