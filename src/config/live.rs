//! Values that may change while the server runs.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

/// A number that hot paths may read: reading costs a plain load.
#[derive(Default, Debug)]
pub struct Number(AtomicU64);

impl Number {
    pub fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// A value of another kind. Reading takes a lock and clones: not for every request.
#[derive(Default, Debug)]
pub struct Live<T>(RwLock<T>);

impl<T: Clone> Live<T> {
    pub fn get(&self) -> T {
        self.0.read().clone()
    }

    pub(super) fn set(&self, value: T) {
        *self.0.write() = value;
    }
}
