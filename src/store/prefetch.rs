//! Asks the processor for memory before it is needed, without waiting for it.
#![allow(unsafe_code)] // the one instruction that asks

const CACHE_LINE: usize = 64;

/// Bytes to fetch of what may be long: to read on is what the processor foresees by itself.
pub(super) const FETCHED: usize = 4 * CACHE_LINE;

/// Starts fetching the first `bytes` bytes at a place into the cache, with all the lines they touch.
#[inline]
pub(super) fn prefetch<T>(place: *const T, bytes: usize) {
    let mut offset = 0;
    while offset < bytes {
        ask(place.cast(), offset);
        offset += CACHE_LINE;
    }
    // The last byte may lie on a line of its own.
    if bytes > 0 {
        ask(place.cast(), bytes - 1);
    }
}

#[inline]
fn ask(place: *const i8, offset: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint, and may name any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.wrapping_add(offset)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (place, offset);
}
