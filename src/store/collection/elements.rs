//! Elements one behind the other: the count that stands before them, and the ways along them.

use std::hint::black_box;

use super::element::{after, split};
use crate::store::Text;

/// Bytes of a count.
pub(super) const COUNT: usize = size_of::<u32>();

/// The count at the front, or 0 if nothing is there.
#[inline]
pub(super) fn count(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |count| u32::from_le_bytes(*count) as usize)
}

pub(super) fn write_count(count: usize, to: &mut [u8]) {
    to[..COUNT].copy_from_slice(&(count as u32).to_le_bytes());
}

/// Offsets of elements in turn.
///
/// Most elements take as many bytes as those before them. That is guessed: the processor is with the
/// next ones while it still waits for the size of this one.
pub(super) struct Walk<'a, const STEP: usize> {
    bytes: &'a [u8],
    at: usize,
    /// Of the last step.
    size: usize,
}

impl<'a, const STEP: usize> Walk<'a, STEP> {
    /// The offsets of the first of each `STEP` elements, from an offset on.
    #[inline]
    pub(super) fn along(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, at: offset, size: 0 }
    }
}

impl<const STEP: usize> Iterator for Walk<'_, STEP> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let at = self.at;
        if at >= self.bytes.len() {
            return None;
        }
        let next = (0..STEP).fold(at, |at, _| after(self.bytes, at));
        if next - at == self.size {
            // The compiler would see that this is `next`, and have it waited for.
            self.at += black_box(self.size);
        } else {
            (self.at, self.size) = (next, next - at);
        }
        Some(at)
    }
}

/// Elements in turn.
#[derive(Clone, Debug)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// Those that make up some bytes.
    #[inline]
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Text<'a>;

    #[inline]
    fn next(&mut self) -> Option<Text<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (element, rest) = split(self.rest);
        self.rest = rest;
        Some(element)
    }
}
