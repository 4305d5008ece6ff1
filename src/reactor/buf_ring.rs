//! Receive buffers that the kernel picks from when bytes arrive, so idle connections hold none.
#![allow(unsafe_code)] // Memory shared with the kernel.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

/// The group id of the only ring of buffers.
pub(super) const GROUP: u16 = 0;

/// The kernel takes rings up to this many buffers.
const MAX_COUNT: u16 = 1 << 15;

const PAGE: usize = 4096;

/// A ring of provided buffers; see io_uring_register_buf_ring(3).
///
/// One mapping holds the ring's entries first and the buffers behind them.
pub(super) struct BufRing {
    map: NonNull<u8>,
    map_len: usize,
    /// Where the buffers begin in the mapping.
    buffers: usize,
    count: u16,
    size: u32,
    /// Entries handed to the kernel so far, published or not.
    tail: u16,
}

/// A filled buffer, taken out of the ring. It goes back through [`BufRing::give_back`].
#[derive(Debug)]
pub struct Filled {
    pub(super) buffer: u16,
    pub(super) len: u32,
}

impl BufRing {
    /// Maps `count` buffers, rounded up to a power of two, of `size` bytes each.
    pub(super) fn new(count: u16, size: u32) -> io::Result<Self> {
        let count = count.clamp(1, MAX_COUNT).next_power_of_two();
        let buffers = (usize::from(count) * size_of::<BufRingEntry>()).next_multiple_of(PAGE);
        let map_len = buffers + usize::from(count) * size as usize;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_ANONYMOUS | libc::MAP_PRIVATE;
        // SAFETY: a fresh anonymous mapping, page-aligned as the kernel wants it.
        let map = unsafe { libc::mmap(ptr::null_mut(), map_len, access, kind, -1, 0) };
        if map == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let map = NonNull::new(map.cast()).expect("mmap returns no null without MAP_FIXED");
        let mut ring = Self { map, map_len, buffers, count, size, tail: 0 };
        (0..count).for_each(|buffer| ring.offer(buffer));
        ring.publish();
        Ok(ring)
    }

    /// Lets the kernel pick from this ring.
    pub(super) fn register(&self, submitter: &Submitter<'_>) -> io::Result<()> {
        // SAFETY: the mapping lives until `drop`, and `Uring` unregisters before that, or leaks it.
        unsafe {
            submitter.register_buf_ring_with_flags(self.map.as_ptr() as u64, self.count, GROUP, 0)
        }
    }

    /// What the kernel put into a buffer.
    #[inline]
    pub(super) fn bytes(&self, filled: &Filled) -> &[u8] {
        let len = filled.len.min(self.size) as usize;
        // SAFETY: a filled buffer is out of the ring, so the kernel leaves it alone until it is
        // given back, which takes `&mut self` and so ends this borrow. The mapping starts zeroed.
        unsafe { std::slice::from_raw_parts(self.start(filled.buffer), len) }
    }

    /// Puts a buffer back. The kernel sees it after [`BufRing::publish`].
    #[inline]
    pub(super) fn give_back(&mut self, filled: Filled) {
        self.offer(filled.buffer);
    }

    /// Shows the kernel all buffers that were put back.
    #[inline]
    pub(super) fn publish(&mut self) {
        // SAFETY: the ring's tail lies in its first entry, a u16 that only this side writes. The
        // release orders the entries before it.
        unsafe {
            let tail = BufRingEntry::tail(self.entries()).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }

    #[inline]
    fn offer(&mut self, buffer: u16) {
        let place = usize::from(self.tail & (self.count - 1));
        let start = self.start(buffer) as u64;
        // SAFETY: the place is within the ring, and the kernel does not read beyond the published
        // tail. The fields are set one by one, since the first entry holds the tail as well.
        unsafe {
            let entry = &mut *self.entries().add(place);
            entry.set_addr(start);
            entry.set_len(self.size);
            entry.set_bid(buffer);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    fn entries(&self) -> *mut BufRingEntry {
        self.map.as_ptr().cast()
    }

    #[inline]
    fn start(&self, buffer: u16) -> *const u8 {
        assert!(buffer < self.count, "the kernel names only buffers it was given");
        // SAFETY: within the mapping, as the line above makes sure.
        unsafe { self.map.as_ptr().add(self.buffers + usize::from(buffer) * self.size as usize) }
    }
}

impl Drop for BufRing {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `new`, and no borrow of it outlives `self`.
        unsafe { libc::munmap(self.map.as_ptr().cast(), self.map_len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_name_their_buffers_and_the_tail_follows() {
        let mut ring = BufRing::new(3, 100).unwrap();
        assert_eq!(ring.count, 4, "rounded up");
        // SAFETY: reads the test's own ring, which no kernel knows.
        let entry = |ring: &BufRing, n: usize| unsafe {
            let entry = &*ring.entries().add(n);
            (entry.addr() - ring.map.as_ptr() as u64, entry.len(), entry.bid())
        };
        assert_eq!(entry(&ring, 0), (4096, 100, 0));
        assert_eq!(entry(&ring, 3), (4096 + 300, 100, 3));
        ring.give_back(Filled { buffer: 2, len: 7 });
        assert_eq!(entry(&ring, 0), (4096 + 200, 100, 2), "the ring wraps");
        // SAFETY: as above.
        let tail = |ring: &BufRing| unsafe { *BufRingEntry::tail(ring.entries()) };
        assert_eq!(tail(&ring), 4, "not yet shown");
        ring.publish();
        assert_eq!(tail(&ring), 5);
    }

    #[test]
    fn a_filled_buffer_shows_what_was_put_there() {
        let ring = BufRing::new(2, 64).unwrap();
        // SAFETY: plays the kernel, within the bounds of buffer 1.
        unsafe { ptr::copy_nonoverlapping(b"hello".as_ptr(), ring.start(1).cast_mut(), 5) };
        assert_eq!(ring.bytes(&Filled { buffer: 1, len: 5 }), b"hello");
    }
}
