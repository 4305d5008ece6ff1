//! The allocator underneath.

// GlobalAlloc is an unsafe trait, and mimalloc is written in C.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_void;

use libmimalloc_sys as mimalloc;

/// mimalloc, which is asked for an alignment only where its blocks do not have it anyway: it answers
/// that with a larger block than it needs, which is often of the next size.
#[derive(Debug)]
pub struct Mimalloc;

/// Blocks that are no smaller than this are aligned to it.
const ALIGNED: usize = 16;

impl Mimalloc {
    #[inline]
    fn is_aligned(layout: Layout) -> bool {
        layout.align() <= ALIGNED && layout.align() <= layout.size()
    }
}

// SAFETY: mimalloc's functions are an allocator, whichever of them a block came from. One that is not
// asked for an alignment gives blocks that are aligned to their size, up to `ALIGNED`.
unsafe impl GlobalAlloc for Mimalloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: these may be called with any size, and a power of two.
        unsafe {
            match Self::is_aligned(layout) {
                true => mimalloc::mi_malloc(layout.size()).cast(),
                false => mimalloc::mi_malloc_aligned(layout.size(), layout.align()).cast(),
            }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe {
            match Self::is_aligned(layout) {
                true => mimalloc::mi_zalloc(layout.size()).cast(),
                false => mimalloc::mi_zalloc_aligned(layout.size(), layout.align()).cast(),
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller says that the block is one of these functions'.
        unsafe {
            mimalloc::mi_realloc_aligned(block.cast::<c_void>(), new_size, layout.align()).cast()
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: as in `realloc`.
        unsafe { mimalloc::mi_free(block.cast::<c_void>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As full pages come to their end, when other blocks are looked for.
    #[test]
    fn blocks_are_aligned_and_no_larger_than_they_need_to_be() {
        for (size, align, most) in [
            (8, 8, 8),
            (32, 8, 32),
            (48, 8, 48),
            (96, 8, 96),
            (160, 8, 160),
            (160, 1, 160),
            (8, 16, 32),
            (192, 64, 256),
            (4096, 4096, 8192),
        ] {
            let layout = Layout::from_size_align(size, align).unwrap();
            for _ in 0..10_000 {
                // SAFETY: the size is not 0; the blocks stay, and nobody writes to them.
                let (block, room) = unsafe {
                    let block = Mimalloc.alloc(layout);
                    (block, mimalloc::mi_usable_size(block.cast::<c_void>()))
                };
                assert!(block.addr().is_multiple_of(align) && room <= most, "{layout:?}: {room}");
            }
        }
    }
}
