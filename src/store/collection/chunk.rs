//! Elements in one allocation that is open at both ends: a small list, or a part of a large one.
//!
//! ```text
//! start   4 bytes   where the elements begin
//! end     4 bytes   where they end
//! count   4 bytes   how many there are
//! room
//! each              as `element` writes it, then how many bytes that took
//! room
//! ```
//!
//! The sizes behind the elements lead from the end to the beginning. Room grows by a quarter and what
//! the allocator's sizes leave, so that few pushes move the elements; a chunk that takes no more of
//! them is trimmed. An empty chunk allocates nothing.

use std::ops::Range;

use super::element::{Element, read, size_at, split};
use crate::store::Text;
use crate::store::prefetch::prefetch;

const WORD: usize = size_of::<u32>();
const HEADER: usize = 3 * WORD;
/// Bytes on either side of an end that are fetched ahead.
const NEAR: usize = 64;
/// A size from here on takes three bytes: two for itself, then this one.
const WIDE: u8 = 255;

/// How much one chunk of a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSize {
    pub elements: usize,
    pub bytes: usize,
}

impl ChunkSize {
    /// Bytes of chunks that are bounded by their number of elements.
    const SAFE: usize = 8 * 1024;

    /// From the value of list-max-listpack-size: a number of elements, or one of five sizes from -1,
    /// 4 KiB, to -5, 64 KiB.
    #[inline]
    pub fn from_directive(value: i64) -> Self {
        match usize::try_from(value) {
            Ok(elements) => {
                Self { elements: elements.clamp(1, i16::MAX as usize), bytes: Self::SAFE }
            }
            Err(_) => Self { elements: usize::MAX, bytes: 2048 << value.unsigned_abs().min(5) },
        }
    }

    /// What is left after so much has been taken from a large list is a small list again.
    pub(super) fn half(self) -> Self {
        Self { elements: self.elements / 2, bytes: self.bytes / 2 }
    }
}

/// One of the two ends of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Left,
    Right,
}

/// A run of elements. They are named by their offsets, which hold until something changes.
#[derive(Clone, Default)]
pub(super) struct Chunk(Box<[u8]>);

#[derive(Clone, Copy)]
struct Bounds {
    start: usize,
    end: usize,
    len: usize,
}

impl Chunk {
    /// How many elements there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.bounds().len
    }

    /// Bytes allocated.
    #[inline]
    pub(super) fn heap_size(&self) -> usize {
        self.0.len()
    }

    /// Starts fetching what tells where the elements are.
    #[inline]
    pub(super) fn fetch_ahead(&self) {
        prefetch(self.0.as_ptr(), HEADER);
    }

    /// Starts fetching both ends, when that has come.
    #[inline]
    pub(super) fn fetch_ends(&self) {
        let Bounds { start, end, .. } = self.bounds();
        for end in [start, end] {
            let near = end.saturating_sub(NEAR)..self.0.len().min(end + NEAR);
            self.0.get(near).inspect(|bytes| prefetch(bytes.as_ptr(), bytes.len()));
        }
    }

    /// True if one more element does not make it too large.
    #[inline]
    pub(super) fn admits(&self, element: &Element<'_>, size: ChunkSize) -> bool {
        let Bounds { start, end, len } = self.bounds();
        len < size.elements && HEADER + (end - start) + room_for(element) <= size.bytes
    }

    /// True if another element in the place of the one at the offset does not make it too large.
    pub(super) fn admits_at(&self, offset: usize, element: &Element<'_>, size: ChunkSize) -> bool {
        let others = self.elements().len() - (self.after(offset) - offset);
        HEADER + others + room_for(element) <= size.bytes
    }

    /// True if it is within a size, with the elements of another one.
    pub(super) fn fits_with(&self, other: &Self, size: ChunkSize) -> bool {
        let bytes = HEADER + self.elements().len() + other.elements().len();
        self.len() + other.len() <= size.elements && bytes <= size.bytes
    }

    /// The element at an offset.
    #[inline]
    pub(super) fn at(&self, offset: usize) -> Text<'_> {
        read(&self.0[offset..])
    }

    /// The offset of the first or the last element, if there is one.
    #[inline]
    pub(super) fn outermost(&self, end: End) -> Option<usize> {
        let Bounds { start, end: behind, len } = self.bounds();
        match end {
            _ if len == 0 => None,
            End::Left => Some(start),
            End::Right => Some(self.before(behind)),
        }
    }

    /// The offset of the element number `index`, or the end. It is looked for from the nearer end.
    pub(super) fn nth(&self, index: usize) -> usize {
        let Bounds { start, end, len } = self.bounds();
        if index <= len / 2 {
            return (0..index).fold(start, |offset, _| self.after(offset));
        }
        (index..len).fold(end, |offset, _| self.before(offset))
    }

    /// All elements, from either end.
    #[inline]
    pub(super) fn iter(&self) -> Elements<'_> {
        Elements(self.elements())
    }

    /// Visits `count` elements, which are there, from the number `start` on.
    #[inline]
    pub(super) fn for_each<'a>(
        &'a self,
        start: usize,
        count: usize,
        see: &mut impl FnMut(Text<'a>),
    ) {
        let mut rest = &self.0[self.nth(start)..];
        for _ in 0..count {
            let (element, behind) = split(rest);
            let size = rest.len() - behind.len();
            see(element);
            rest = &behind[mark_width(size)..];
        }
    }

    #[inline]
    pub(super) fn push(&mut self, end: End, element: &Element<'_>) {
        let size = room_for(element);
        if self.room(end) < size {
            self.make_room(end, size);
        }
        let Bounds { start, end: behind, len } = self.bounds();
        let at = match end {
            End::Left => start - size,
            End::Right => behind,
        };
        write(element, &mut self.0[at..at + size]);
        match end {
            End::Left => self.set_start(at),
            End::Right => self.set_end(at + size),
        }
        self.set_len(len + 1);
    }

    /// Takes out the first or the last element, if there is one.
    #[inline]
    pub(super) fn pop(&mut self, end: End) {
        let Bounds { start, end: behind, len } = self.bounds();
        if len <= 1 {
            *self = Self::default();
            return;
        }
        match end {
            End::Left => self.set_start(self.after(start)),
            End::Right => self.set_end(self.before(behind)),
        }
        self.set_len(len - 1);
        self.shrink();
    }

    /// Puts an element in before the offset.
    #[inline]
    pub(super) fn insert(&mut self, offset: usize, element: &Element<'_>) {
        self.splice(offset..offset, 0, Some(element));
    }

    /// Puts another element in the place of the one at the offset.
    pub(super) fn replace(&mut self, offset: usize, element: &Element<'_>) {
        self.splice(offset..self.after(offset), 1, Some(element));
    }

    /// Takes out the element at an offset.
    #[inline]
    pub(super) fn remove(&mut self, offset: usize) {
        self.splice(offset..self.after(offset), 1, None);
    }

    /// Takes out all elements but those with these numbers.
    pub(super) fn keep(&mut self, kept: Range<usize>) {
        let Bounds { end, len, .. } = self.bounds();
        self.splice(self.nth(kept.end)..end, len - kept.end, None);
        if kept.start > 0 && self.len() > 0 {
            self.splice(self.bounds().start..self.nth(kept.start), kept.start, None);
        }
    }

    /// Takes out the elements that equal this one, at most `most`, beginning with the one nearest to
    /// `from`. Returns how many.
    pub(super) fn remove_equal(&mut self, element: &Element<'_>, from: End, most: usize) -> usize {
        // One pass from the left; of more than are wanted from the right, the first ones stay.
        let mut stay = 0;
        if from == End::Right && most < self.len() {
            let equal = self.iter().filter(|written| element.is_at(written)).count();
            stay = equal.saturating_sub(most);
        }
        let Bounds { start, end, .. } = self.bounds();
        let (mut read, mut written, mut removed) = (start, start, 0);
        while read < end && removed < most {
            let next = self.after(read);
            let is_equal = element.is_at(&self.0[read..]);
            if is_equal && stay == 0 {
                removed += 1;
            } else {
                stay -= usize::from(is_equal);
                self.0.copy_within(read..next, written);
                written += next - read;
            }
            read = next;
        }
        self.splice(written..read, removed, None);
        removed
    }

    /// Takes out the elements from the number `index` on.
    pub(super) fn split_off(&mut self, index: usize) -> Self {
        let (len, offset) = (self.len(), self.nth(index));
        let mut tail = Self::default();
        tail.extend(&self.0[offset..self.bounds().end], len - index);
        self.keep(0..index);
        tail
    }

    /// Appends the elements of another chunk.
    pub(super) fn append(&mut self, other: &Self) {
        self.extend(other.elements(), other.len());
    }

    /// Appends elements as they stand in another chunk.
    fn extend(&mut self, elements: &[u8], count: usize) {
        if count == 0 {
            return;
        }
        let end = self.bounds().end;
        let at = self.open(end..end, elements.len());
        self.0[at..at + elements.len()].copy_from_slice(elements);
        self.set_len(self.len() + count);
    }

    #[inline]
    fn elements(&self) -> &[u8] {
        let Bounds { start, end, .. } = self.bounds();
        self.0.get(start..end).unwrap_or_default()
    }

    /// The offset behind the element at an offset.
    #[inline]
    fn after(&self, offset: usize) -> usize {
        let size = size_at(&self.0[offset..]);
        offset + size + mark_width(size)
    }

    /// The offset of the element before an offset.
    #[inline]
    fn before(&self, offset: usize) -> usize {
        offset - room_before(&self.0[..offset])
    }

    /// Puts an element in the place of the `removed` ones that take these bytes, or none.
    #[inline]
    fn splice(&mut self, old: Range<usize>, removed: usize, new: Option<&Element<'_>>) {
        let len = self.len() + usize::from(new.is_some()) - removed;
        if len == 0 {
            *self = Self::default();
            return;
        }
        let size = new.map_or(0, room_for);
        let shrinks = size < old.len();
        let at = self.open(old, size);
        if let Some(element) = new {
            write(element, &mut self.0[at..at + size]);
        }
        self.set_len(len);
        if shrinks {
            self.shrink();
        }
    }

    /// Makes the bytes `old` `new` bytes wide, where the elements on the shorter side of them give
    /// way. Returns where they begin then.
    #[inline]
    fn open(&mut self, mut old: Range<usize>, new: usize) -> usize {
        let Bounds { start, end, .. } = self.bounds();
        let side = if old.start - start < end - old.end { End::Left } else { End::Right };
        let more = new.saturating_sub(old.len());
        if self.room(side) < more {
            let moved = self.make_room(side, more);
            old = old.start - start + moved..old.end - start + moved;
        }
        let Bounds { start, end, .. } = self.bounds();
        match side {
            End::Left => {
                let at = old.end - new;
                self.0.copy_within(start..old.start, start + old.len() - new);
                self.set_start(start + old.len() - new);
                at
            }
            End::Right => {
                self.0.copy_within(old.end..end, old.start + new);
                self.set_end(end + new - old.len());
                old.start
            }
        }
    }

    /// Bytes that are free on one side.
    #[inline]
    fn room(&self, side: End) -> usize {
        let Bounds { start, end, .. } = self.bounds();
        match side {
            End::Left => start - HEADER,
            // An empty chunk ends behind the header that it does not have.
            End::Right => self.0.len().saturating_sub(end),
        }
    }

    /// Makes room for `more` bytes on one side. Returns where the elements begin then.
    #[cold]
    fn make_room(&mut self, side: End, more: usize) -> usize {
        let Bounds { start, end, len } = self.bounds();
        let used = end - start;
        let other = self.room(if side == End::Left { End::Right } else { End::Left });
        // A queue wanders through its chunk: where it has left room behind, some is needed ahead,
        // else each push would move all. What only grows needs no more than it asks for.
        let spare = other.min(used / 8);
        let wanted = HEADER + used + more + spare;
        let capacity = match self.0.len() {
            len if wanted <= len => len,
            _ => size_class(HEADER + used + more + used / 4),
        };
        let free = capacity - HEADER - used - more;
        let behind = if other > 0 { free / 2 } else { 0 };
        let start = match side {
            End::Left => capacity - behind - used,
            End::Right => HEADER + behind,
        };
        self.relocate(capacity, start);
        self.set_len(len);
        start
    }

    /// Gives room back when there is more of it than elements.
    #[inline]
    fn shrink(&mut self) {
        let Bounds { start, end, .. } = self.bounds();
        let used = HEADER + end - start;
        if self.0.len() >= 2 * used && self.0.len() >= 2 * size_class(used) {
            self.trim();
        }
    }

    /// Gives back the room for more elements.
    pub(super) fn trim(&mut self) {
        let Bounds { start, end, len } = self.bounds();
        let capacity = size_class(HEADER + end - start);
        if capacity < self.0.len() {
            self.relocate(capacity, HEADER);
            self.set_len(len);
        }
    }

    /// Moves the elements to another place, which may be in another allocation.
    fn relocate(&mut self, capacity: usize, to: usize) {
        let Bounds { start, end, .. } = self.bounds();
        let used = end - start;
        if capacity == self.0.len() {
            self.0.copy_within(start..end, to);
        } else {
            // Each byte is written once.
            let mut bytes = Vec::with_capacity(capacity);
            bytes.resize(to, 0);
            bytes.extend_from_slice(self.elements());
            bytes.resize(capacity, 0);
            self.0 = bytes.into_boxed_slice();
        }
        self.set_start(to);
        self.set_end(to + used);
    }

    #[inline]
    fn bounds(&self) -> Bounds {
        let Some(header) = self.0.first_chunk::<HEADER>() else {
            return Bounds { start: HEADER, end: HEADER, len: 0 };
        };
        let word = |at: usize| {
            let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
            u32::from_le_bytes(bytes) as usize
        };
        Bounds { start: word(0), end: word(WORD), len: word(2 * WORD) }
    }

    #[inline]
    fn set_start(&mut self, start: usize) {
        self.set_word(0, start);
    }

    #[inline]
    fn set_end(&mut self, end: usize) {
        self.set_word(1, end);
    }

    #[inline]
    fn set_len(&mut self, len: usize) {
        self.set_word(2, len);
    }

    #[inline]
    fn set_word(&mut self, number: usize, value: usize) {
        let at = number * WORD;
        self.0[at..at + WORD].copy_from_slice(&(value as u32).to_le_bytes());
    }
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(read)).finish()
    }
}

/// Elements as they are written, from either end.
#[derive(Clone)]
pub(super) struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let size = size_at(self.0);
        let (element, rest) = self.0.split_at(size);
        self.0 = &rest[mark_width(size)..];
        Some(element)
    }
}

impl DoubleEndedIterator for Elements<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let (rest, element) = self.0.split_at(self.0.len() - room_before(self.0));
        self.0 = rest;
        Some(&element[..size_at(element)])
    }
}

/// Bytes that an element takes with the size behind it.
#[inline]
fn room_for(element: &Element<'_>) -> usize {
    element.size() + mark_width(element.size())
}

/// Bytes that the last element takes with the size behind it.
#[inline]
fn room_before(bytes: &[u8]) -> usize {
    match bytes {
        [.., low, high, WIDE] => u16::from_le_bytes([*low, *high]) as usize + 3,
        [.., size] => *size as usize + 1,
        [] => 0,
    }
}

/// Bytes of the size that stands behind an element.
#[inline]
fn mark_width(size: usize) -> usize {
    if size < WIDE as usize { 1 } else { 3 }
}

#[inline]
fn write(element: &Element<'_>, to: &mut [u8]) {
    let size = element.size();
    element.write(to);
    match &mut to[size..] {
        [mark] => *mark = size as u8,
        mark => {
            let [low, high] = (size as u16).to_le_bytes();
            mark.copy_from_slice(&[low, high, WIDE]);
        }
    }
}

/// The size that the allocator gives to what asks for this one: four to each power of two, and no
/// closer than 16 bytes.
#[inline]
fn size_class(bytes: usize) -> usize {
    let step = (bytes.next_power_of_two() / 8).max(16);
    (bytes + step - 1) & !(step - 1)
}
