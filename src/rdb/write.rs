//! From values to payloads. Collections are written element by element, which all versions of Redis
//! read; packed forms are theirs to choose.

use super::{length, object_type, seal};

/// A payload that is being written.
pub struct Writer(Vec<u8>);

impl Writer {
    /// To be followed by one string or integer.
    pub fn string() -> Self {
        Self(vec![object_type::STRING])
    }

    /// To be followed by so many elements.
    pub fn list(len: usize) -> Self {
        Self::collection(object_type::LIST, len)
    }

    /// To be followed by so many members.
    pub fn set(len: usize) -> Self {
        Self::collection(object_type::SET, len)
    }

    /// To be followed by so many fields, each with its value.
    pub fn hash(len: usize) -> Self {
        Self::collection(object_type::HASH, len)
    }

    /// To be followed by so many members, each with its score.
    pub fn sorted_set(len: usize) -> Self {
        Self::collection(object_type::SORTED_SET, len)
    }

    fn collection(object_type: u8, len: usize) -> Self {
        let mut writer = Self(vec![object_type]);
        writer.length(len as u64);
        writer
    }

    pub fn text(&mut self, text: &[u8]) {
        self.length(text.len() as u64);
        self.0.extend_from_slice(text);
    }

    /// A text that is an integer, in as few bytes as it needs.
    pub fn integer(&mut self, number: i64) {
        let encoded = |encoding| length::ENCODED << 6 | encoding;
        if let Ok(number) = i8::try_from(number) {
            self.0.push(encoded(length::INT8));
            self.0.extend(number.to_le_bytes());
        } else if let Ok(number) = i16::try_from(number) {
            self.0.push(encoded(length::INT16));
            self.0.extend(number.to_le_bytes());
        } else if let Ok(number) = i32::try_from(number) {
            self.0.push(encoded(length::INT32));
            self.0.extend(number.to_le_bytes());
        } else {
            self.text(itoa::Buffer::new().format(number).as_bytes());
        }
    }

    pub fn score(&mut self, score: f64) {
        self.0.extend(score.to_le_bytes());
    }

    fn length(&mut self, length: u64) {
        match length {
            0..0x40 => self.0.push(length as u8),
            0x40..0x4000 => {
                let bits = u16::from(length::BITS_14) << 14 | length as u16;
                self.0.extend(bits.to_be_bytes());
            }
            0x4000..0x1_0000_0000 => {
                self.0.push(length::BITS_32);
                self.0.extend((length as u32).to_be_bytes());
            }
            _ => {
                self.0.push(length::BITS_64);
                self.0.extend(length.to_be_bytes());
            }
        }
    }

    /// The whole payload.
    pub fn finish(mut self) -> Vec<u8> {
        seal(&mut self.0);
        self.0
    }
}
