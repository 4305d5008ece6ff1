//! The locks of parking_lot that torc uses, made of loom's.

use std::cell::{OnceCell, UnsafeCell};

use loom::sync::{Mutex as Inner, MutexGuard as Held};

pub use lock_api;

pub type Mutex<T> = lock_api::Mutex<RawMutex, T>;
pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;

/// A lock of loom, which comes into being when it is first taken: it cannot do so in a constant.
pub struct RawMutex {
    lock: OnceCell<Box<Inner<()>>>,
    held: UnsafeCell<Option<Held<'static, ()>>>,
}

// SAFETY: loom runs one thread at a time, and switches only within its own functions.
unsafe impl Send for RawMutex {}
// SAFETY: as above; `held` is touched by the one thread that has the lock.
unsafe impl Sync for RawMutex {}

impl RawMutex {
    fn inner(&self) -> &'static Inner<()> {
        let lock: *const Inner<()> = &**self.lock.get_or_init(|| Box::new(Inner::new(())));
        // SAFETY: boxed, and alive as long as `self`, which outlives whoever has locked it.
        unsafe { &*lock }
    }

    fn keep(&self, guard: Held<'static, ()>) {
        // SAFETY: this thread has the lock.
        unsafe { *self.held.get() = Some(guard) };
    }
}

// SAFETY: loom's lock excludes all others.
unsafe impl lock_api::RawMutex for RawMutex {
    #[allow(clippy::declare_interior_mutable_const)] // as lock_api demands
    const INIT: Self = Self { lock: OnceCell::new(), held: UnsafeCell::new(None) };
    type GuardMarker = lock_api::GuardNoSend;

    fn lock(&self) {
        self.keep(self.inner().lock().expect("no model panics while it holds one"));
    }

    fn try_lock(&self) -> bool {
        self.inner().try_lock().map(|guard| self.keep(guard)).is_ok()
    }

    unsafe fn unlock(&self) {
        // SAFETY: the caller has the lock.
        let guard = unsafe { (*self.held.get()).take() };
        drop(guard);
    }
}
