//! An allocator that knows how much was in use at most.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub struct Peak {
    used: AtomicUsize,
    peak: AtomicUsize,
}

impl Peak {
    pub const fn new() -> Self {
        Self { used: AtomicUsize::new(0), peak: AtomicUsize::new(0) }
    }

    /// Begins to look for a new peak. Returns the bytes in use now.
    pub fn start(&self) -> usize {
        let used = self.used.load(Relaxed);
        self.peak.store(used, Relaxed);
        used
    }

    /// The most bytes that were in use since then.
    pub fn peak(&self) -> usize {
        self.peak.load(Relaxed)
    }
}

impl Default for Peak {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: the system's allocator does the work. (realloc is made of these two.)
unsafe impl GlobalAlloc for Peak {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = self.used.fetch_add(layout.size(), Relaxed) + layout.size();
        self.peak.fetch_max(used, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        self.used.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}
