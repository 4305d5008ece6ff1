//! Bytes in one allocation, behind a pointer that does not tell how many they are.
//!
//! ```text
//! length  1 byte   or nine: 255 announces that the length is in the eight bytes that follow
//! bytes
//! ```
//!
//! An empty blob allocates nothing, another one what it needs, rounded up as the allocator does.
#![allow(unsafe_code)] // a pointer to bytes that tell their number cannot be written without

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut, Range};
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

/// Bytes allocated for so many: as many as the allocator would give anyway, or, of half a megabyte and more,
/// up to a quarter more. Within these a blob grows where it is.
#[inline]
fn room(size: usize) -> usize {
    match size {
        ..=8 => 8,
        9..=128 => size.next_multiple_of(16),
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

    /// Starts fetching some of the bytes, once the head has come, unless that has brought them.
    #[inline]
    pub(super) fn fetch(&self, bytes: Range<usize>) {
        /// What is longer is not wanted as a whole.
        const MOST: usize = 2048;
        let (base, len) = self.bounds();
        let start = bytes.start.max(SHORT - head(len));
        prefetch(base.wrapping_add(start), bytes.end.saturating_sub(start).min(MOST));
    }

    /// Makes the `old` bytes at an offset `new` ones and moves what follows. The new ones are to be
    /// written: what they are at first says nothing.
    pub(super) fn splice(&mut self, at: usize, old: usize, new: usize) {
        let len = self.len();
        assert!(at <= len && old <= len - at, "there are no such bytes");
        let size = len - old + new;
        if size == 0 {
            *self = Self::default();
        } else if len == 0 || layout(size) != layout(len) {
            self.splice_into_another(at, old, new);
        } else {
            self.splice_in_place(at, old, new);
        }
    }

    /// The allocation suits both numbers of bytes, and so does the head: a longer one takes another
    /// allocation.
    fn splice_in_place(&mut self, at: usize, old: usize, new: usize) {
        let (start, len) = self.bounds();
        let size = len - old + new;
        debug_assert_eq!(head(len), head(size));
        // SAFETY: the allocation has room for the longer of both behind a head of this length, and all
        // places are within what is old or new of it.
        unsafe {
            let place = start.add(at);
            if new != old {
                place.add(old).copy_to(place.add(new), len - at - old);
            }
            place.write_bytes(0, new);
            self.write_len(size);
        }
    }

    /// Each byte is copied once. The allocator's `realloc` would first look how large the block is, and wait
    /// for that to come from memory.
    fn splice_into_another(&mut self, at: usize, old: usize, new: usize) {
        let (start, len) = self.bounds();
        let size = len - old + new;
        let wanted = layout(size);
        // SAFETY: the size is not 0, as a head is in it.
        let base = unsafe { alloc(wanted) };
        let Some(base) = NonNull::new(base) else { handle_alloc_error(wanted) };
        let mut other = Self(base);
        // SAFETY: the other allocation is large enough for its head and so many bytes; those before and
        // behind the spliced ones are some of the old.
        unsafe {
            other.write_len(size);
            let to = base.as_ptr().add(head(size));
            start.copy_to_nonoverlapping(to, at);
            to.add(at).write_bytes(0, new);
            let behind = start.add(at + old);
            behind.copy_to_nonoverlapping(to.add(at + new), len - at - old);
        }
        std::mem::swap(self, &mut other);
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
    fn it_takes_as_much_as_the_allocator_gives() {
        let mut blob = Blob::default();
        assert_eq!((size_of::<Blob>(), blob.heap_size()), (size_of::<usize>(), 0));
        for (len, size) in [
            (1, 8),
            (7, 8),
            (8, 16),
            (31, 32),
            (32, 48),
            (254, 256),
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

    #[cfg(not(feature = "system-allocator"))]
    #[test]
    fn it_rounds_as_the_allocator_does() {
        for size in 1..100_000 {
            // SAFETY: it reads a table of the allocator's.
            assert_eq!(room(size), unsafe { libmimalloc_sys::mi_good_size(size) });
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
