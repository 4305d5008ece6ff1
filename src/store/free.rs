//! Frees what is large on a thread of its own: a reactor hands it over and goes on at once.
//!
//! How many bytes wait for that is known, so that memory which is as good as free counts as free.
//!
//! What has more than [`MANY`] parts hands its insides to [`later`] when it is dropped, so it does
//! not matter who drops it and why: DEL, a new value, expiry or FLUSHALL.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Fewer allocations than these are freed faster than another thread is told of them.
pub(super) const MANY: usize = 4096;

/// A reactor may share the thread's core, and a client may: when it has freed for so long, it rests.
/// Only to offer the core (`yield_now`) is not enough, as kernels let it go on for milliseconds.
const SLICE: Duration = Duration::from_micros(100);
/// Timers make more of it.
const REST: Duration = Duration::from_micros(1);

type Garbage = Box<dyn FnOnce() + Send>;

/// Drops the parts of `garbage`, which holds about so many bytes, soon and on another thread.
pub(super) fn later(bytes: usize, garbage: impl IntoIterator + Send + 'static) {
    /// None if the system gives no thread.
    static QUEUE: LazyLock<Option<Sender<Garbage>>> = LazyLock::new(start);
    // What is inside of garbage is dropped with it: that thread need not tell itself.
    if thread::current().name() == Some(NAME) {
        return drop_parts(garbage);
    }
    // Without a thread it is dropped here: slower, not wrong.
    if let Some(queue) = &*QUEUE {
        let unfreed = Unfreed::new(bytes);
        let _ = queue.send(Box::new(move || {
            drop_parts(garbage);
            drop(unfreed);
        }));
    }
}

fn drop_parts(garbage: impl IntoIterator) {
    let mut begun = Instant::now();
    for part in garbage {
        drop(part);
        if begun.elapsed() > SLICE {
            thread::sleep(REST);
            begun = Instant::now();
        }
    }
}

/// About how many bytes are in use only because they are not freed yet.
pub fn unfreed() -> usize {
    UNFREED.load(Ordering::Relaxed)
}

static UNFREED: AtomicUsize = AtomicUsize::new(0);

/// Bytes that are counted in [`unfreed`] for as long as this lives.
struct Unfreed(usize);

impl Unfreed {
    fn new(bytes: usize) -> Self {
        UNFREED.fetch_add(bytes, Ordering::Relaxed);
        Self(bytes)
    }
}

impl Drop for Unfreed {
    fn drop(&mut self) {
        UNFREED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// Of the thread.
const NAME: &str = "free";

fn start() -> Option<Sender<Garbage>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name(NAME.into()).spawn(move || run(&receiver)).ok()?;
    Some(sender)
}

fn run(queue: &Receiver<Garbage>) {
    leave_the_core();
    queue.iter().for_each(|garbage| garbage());
}

/// The reactor that came first may be pinned to a core, and this thread must not share it when
/// another one is free.
fn leave_the_core() {
    let mut all = CpuSet::new();
    for core in 0..CpuSet::count() {
        // Those that do not exist do no harm: the kernel leaves them out.
        let _ = all.set(core);
    }
    let _ = sched_setaffinity(Pid::from_raw(0), &all);
}
