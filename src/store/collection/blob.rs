//! Bytes in one allocation, behind a pointer that does not tell how many they are.
//!
//! ```text
//! length  1 byte   or nine: 255 announces that the length is in the eight bytes that follow
//! bytes
//! ```
//!
//! An empty blob allocates nothing, a short one what it needs, and a longer one as much as the allocator
//! rounds that up to.
#![allow(unsafe_code)] // a pointer to bytes that tell their number cannot be written without

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::store::prefetch::prefetch;

/// Owns its bytes; as small as a pointer.
#[repr(transparent)]
pub(super) struct Blob(NonNull<u8>);

// SAFETY: a Blob owns its allocation alone, and bytes are Send.
unsafe impl Send for Blob {}

/// The lowest bit of the pointer is always zero: see [`super::form`].
pub(super) const ALIGN: usize = 2;

/// What all empty blobs point to. Nobody writes there, as there are no bytes to write to.
static NOTHING: u16 = 0;

const _: () = assert!(align_of::<u16>() >= ALIGN);

/// In the place of a length that does not fit into the first byte.
const LONG: u8 = u8::MAX;
const LONG_HEAD: usize = 1 + size_of::<u64>();

/// Bytes of a blob that are fetched before its length is known.
const SHORT: usize = 128;

/// Bytes that stand before so many.
#[inline]
fn head(len: usize) -> usize {
    if len < LONG as usize { 1 } else { LONG_HEAD }
}

fn layout(len: usize) -> Layout {
    Layout::from_size_align(room(head(len) + len), ALIGN).expect("collections are bounded by isize")
}

/// Bytes allocated for so many: of more than a few, as many as the allocator would give anyway. Within these
/// a blob grows without asking it.
#[inline]
fn room(size: usize) -> usize {
    const FEW: usize = 256;
    match size {
        ..=FEW => size,
        _ => size.next_multiple_of(size.next_power_of_two() / 8),
    }
}

impl Blob {
    /// Bytes allocated.
    pub(super) fn heap_size(&self) -> usize {
        match self.len() {
            0 => 0,
            len => room(head(len) + len),
        }
    }

    /// Starts fetching the head, and all of a short blob, into the processor's cache.
    #[inline]
    pub(super) fn fetch_ahead(&self) {
        // How many bytes there are is not known before the first of them has come.
        prefetch(self.0.as_ptr(), SHORT);
    }

    /// Starts fetching what else there is from an offset on, once the head has come.
    #[inline]
    pub(super) fn fetch(&self, from: usize) {
        /// What is longer is not wanted as a whole.
        const MOST: usize = 2048;
        let (start, len) = self.bounds();
        let from = from.max(SHORT - head(len));
        prefetch(start.wrapping_add(from), len.saturating_sub(from).min(MOST));
    }

    /// Makes the `old` bytes at an offset `new` ones and moves what follows. The new ones are to be
    /// written: what they are at first says nothing.
    pub(super) fn splice(&mut self, at: usize, old: usize, new: usize) {
        let len = self.len();
        assert!(at <= len && old <= len - at, "there are no such bytes");
        let size = len - old + new;
        if size == 0 {
            *self = Self::default();
            return;
        }
        if size > len {
            self.reallocate(len, size);
        }
        let (from, to) = (head(len), head(size));
        let base = self.0.as_ptr();
        // SAFETY: the allocation has room for the longer of both, and all places are within what is
        // old or new of it. What moves away from the beginning moves after what stands behind it.
        unsafe {
            let behind = base.add(from + at + old);
            if to > from {
                behind.copy_to(base.add(to + at + new), len - at - old);
            }
            if to != from {
                base.add(from).copy_to(base.add(to), at);
            }
            if to < from || (to == from && new != old) {
                behind.copy_to(base.add(to + at + new), len - at - old);
            }
            base.add(to + at).write_bytes(0, new);
            self.write_len(size);
        }
        if size < len {
            self.reallocate(len, size);
        }
    }

    /// Gives the bytes another allocation, or changes the one that they have, unless that suits.
    fn reallocate(&mut self, len: usize, size: usize) {
        let new = layout(size);
        if len > 0 && new == layout(len) {
            return;
        }
        // SAFETY: neither size is 0, as a head is in it; what is not empty was allocated with the
        // layout for its length.
        let base = unsafe {
            match len {
                0 => alloc(new),
                _ => realloc(self.0.as_ptr(), layout(len), new.size()),
            }
        };
        let Some(base) = NonNull::new(base) else { handle_alloc_error(new) };
        self.0 = base;
    }

    /// # Safety
    /// The allocation is large enough for so many.
    unsafe fn write_len(&mut self, len: usize) {
        let base = self.0.as_ptr();
        // SAFETY: the caller says so.
        unsafe {
            match head(len) {
                1 => base.write(len as u8),
                _ => {
                    base.write(LONG);
                    base.add(1).cast::<u64>().write_unaligned(len as u64);
                }
            }
        }
    }

    /// Where the bytes begin, and how many there are.
    #[inline]
    fn bounds(&self) -> (*mut u8, usize) {
        let base = self.0.as_ptr();
        // SAFETY: the first byte is always there, and tells whether eight more are, before the bytes.
        unsafe {
            match base.read() {
                LONG => (base.add(LONG_HEAD), base.add(1).cast::<u64>().read_unaligned() as usize),
                len => (base.add(1), len as usize),
            }
        }
    }
}

impl Deref for Blob {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let (start, len) = self.bounds();
        // SAFETY: so many bytes stand there, all of them written by `splice` or through `deref_mut`.
        unsafe { std::slice::from_raw_parts(start, len) }
    }
}

impl DerefMut for Blob {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        let (start, len) = self.bounds();
        // SAFETY: as in `deref`, and `&mut self` is the only way to them; an empty slice has no bytes.
        unsafe { std::slice::from_raw_parts_mut(start, len) }
    }
}

impl Default for Blob {
    #[inline]
    fn default() -> Self {
        Self(NonNull::from(&NOTHING).cast())
    }
}

impl Clone for Blob {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.splice(0, 0, self.len());
        copy.copy_from_slice(self);
        copy
    }
}

impl Drop for Blob {
    #[inline]
    fn drop(&mut self) {
        let len = self.len();
        if len > 0 {
            // SAFETY: what is not empty was allocated with this layout.
            unsafe { dealloc(self.0.as_ptr(), layout(len)) };
        }
    }
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_takes_a_byte_more_than_it_holds_and_what_the_allocator_adds_if_it_is_long() {
        let mut blob = Blob::default();
        assert_eq!((size_of::<Blob>(), blob.heap_size()), (size_of::<usize>(), 0));
        for (len, size) in [
            (1, 2),
            (31, 32),
            (254, 255),
            (255, 320),
            (375, 384),
            (376, 448),
            (70_000, 81_920),
            (0, 0),
        ] {
            blob.splice(0, blob.len(), len);
            assert_eq!((blob.len(), blob.heap_size()), (len, size));
            assert!(blob.0.as_ptr().addr().is_multiple_of(ALIGN));
        }
    }

    #[test]
    #[should_panic(expected = "no such bytes")]
    fn bytes_that_are_not_there_are_not_touched() {
        Blob::default().splice(0, 1, 1);
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_vector(
            steps in prop::collection::vec((any::<usize>(), any::<usize>(), 0usize..300), 0..60)
        ) {
            let (mut blob, mut model) = (Blob::default(), Vec::new());
            for (number, (at, old, new)) in steps.into_iter().enumerate() {
                let at = at % (model.len() + 1);
                let old = old % (model.len() - at + 1);
                let bytes: Vec<u8> = (0..new).map(|i| (number + i) as u8).collect();
                blob.splice(at, old, new);
                blob[at..at + new].copy_from_slice(&bytes);
                model.splice(at..at + old, bytes);
                prop_assert_eq!(&*blob, &model[..]);
                prop_assert_eq!(&*blob.clone(), &model[..]);
            }
        }
    }
}
