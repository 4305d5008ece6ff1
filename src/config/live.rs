//! Values that may change while the server runs.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::parse::Choice;

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

/// Yes or no.
#[derive(Default, Debug)]
pub struct Switch(AtomicBool);

impl Switch {
    #[inline]
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, value: bool) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// A value out of a few; hot paths may read it, too.
#[derive(Debug)]
pub struct Chosen<T> {
    /// Its place among all of them.
    index: AtomicUsize,
    of: PhantomData<T>,
}

impl<T> Default for Chosen<T> {
    fn default() -> Self {
        Self { index: AtomicUsize::new(0), of: PhantomData }
    }
}

#[expect(private_bounds, reason = "which types have choices is up to the directives")]
impl<T: Choice> Chosen<T> {
    #[inline]
    pub fn get(&self) -> T {
        T::NAMES[self.index.load(Ordering::Relaxed)].1
    }

    /// As the operator writes it.
    pub fn name(&self) -> &'static str {
        T::NAMES[self.index.load(Ordering::Relaxed)].0
    }

    pub(super) fn set(&self, value: T) {
        let index = T::NAMES.iter().position(|(_, other)| *other == value);
        self.index.store(index.expect("every value has a name"), Ordering::Relaxed);
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
