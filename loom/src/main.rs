//! Runs torc's mailbox and gate in the orders of their steps in which no thread is stopped more than
//! twice, and with every outcome of their atomics that the memory model allows. `cargo run --release` in this folder.
//!
//! The files are those of torc, unchanged: what they take for std and parking_lot are loom's.

// Found before the real one wherever a path begins with `std`.
extern crate std_over_loom as std;

#[allow(dead_code)] // a model uses a part of it
#[path = "../../src/mailbox.rs"]
mod mailbox;
mod mailbox_models;
mod store;

/// In the place of what messages carry.
mod output {
    #[derive(Debug, PartialEq, Eq)]
    pub struct Output;
}

/// In the place of the counters, which each have one writer.
mod stats {
    #[derive(Default)]
    pub struct Counter(std::cell::Cell<u64>);

    // SAFETY: loom runs one thread at a time.
    unsafe impl Sync for Counter {}

    impl Counter {
        pub fn add(&self, number: u64) {
            self.0.set(self.0.get().wrapping_add(number));
        }

        pub fn subtract(&self, number: u64) {
            self.0.set(self.0.get().wrapping_sub(number));
        }

        pub fn get(&self) -> u64 {
            self.0.get()
        }

        pub fn reset(&self) {
            self.0.set(0);
        }
    }
}

fn main() {
    mailbox_models::run();
    store::models::run();
}

/// How often a thread is stopped that could go on.
const PREEMPTIONS: usize = 2;

/// Runs a model in all orders, and tells how many there were.
fn check(name: &str, model: impl Fn() + Send + Sync + 'static) {
    use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
    let orders = &*Box::leak(Box::new(AtomicU64::new(0)));
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 10_000;
    // More would take hours, and few bugs need more.
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.check(move || {
        orders.fetch_add(1, Relaxed);
        model();
    });
    println!("{name}: {} orders", orders.load(Relaxed));
}
