//! In the place of torc's store: its gate, and of all else as little as the gate needs.

#[allow(dead_code)] // a model uses a part of it
#[path = "../../../src/store/gate.rs"]
mod gate;
pub mod models;

mod expiry {
    #[derive(Clone, Copy, Default)]
    pub struct Expiring {
        pub key: bool,
        pub elements: bool,
    }
}

/// In the place of a table of keys: a number, of which loom notices any unordered use.
mod segment {
    use std::cell::OnceCell;

    #[derive(Default)]
    pub struct Segment(OnceCell<loom::cell::UnsafeCell<u32>>);

    impl Segment {
        pub fn increment(&mut self) -> u32 {
            let cell = self.0.get_or_init(|| loom::cell::UnsafeCell::new(0));
            // SAFETY: the borrow is exclusive; whether that is so is what loom checks.
            cell.with_mut(|number| unsafe {
                *number += 1;
                *number
            })
        }

        pub fn take_keys(&mut self) -> Self {
            std::mem::take(self)
        }
    }
}
