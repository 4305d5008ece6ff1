//! Counters.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that one thread changes and any thread reads: no locked instruction is needed.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub fn add(&self, n: u64) {
        self.set(self.read().wrapping_add(n));
    }

    #[inline]
    pub fn subtract(&self, n: u64) {
        self.set(self.read().wrapping_sub(n));
    }

    #[inline]
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    #[inline]
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
