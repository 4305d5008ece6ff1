//! The allocator, counted: how many bytes are in use, and whether a piece of code allocates.

// GlobalAlloc is an unsafe trait, and the page size comes from libc.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

mod giving_back;
mod huge_pages;
#[cfg(not(feature = "system-allocator"))]
mod mimalloc;
mod upkeep;
mod watch;

pub use self::giving_back::{give_back_if_asked, is_asked};
#[cfg(not(feature = "system-allocator"))]
pub use self::mimalloc::Mimalloc as Allocator;
pub use self::upkeep::start_upkeep;
#[cfg(feature = "system-allocator")]
pub use std::alloc::System as Allocator;

/// What INFO calls [`Allocator`].
pub const ALLOCATOR: &str = if cfg!(feature = "system-allocator") { "libc" } else { "mimalloc" };

/// Passes everything on to `A` and counts it. For the `#[global_allocator]`.
#[derive(Debug)]
pub struct Counted<A>(pub A);

/// Bytes that the process has allocated and not freed, as asked for: the allocator's own overhead
/// is not in it. 0 if [`Counted`] is not the global allocator.
pub fn used() -> usize {
    let used = COUNTERS.sum();
    // Mostly it is no new peak, and looking is cheaper than writing.
    if used > PEAK.load(Ordering::Relaxed) {
        PEAK.fetch_max(used, Ordering::Relaxed);
    }
    used
}

/// Bytes that this thread has allocated, less those that it has freed. Costs less than [`used`], and
/// tells how that has changed by what this thread did.
#[inline]
pub fn balance() -> isize {
    THREAD.with(|thread| thread.slot.get().unwrap_or(&COUNTERS.shared).get())
}

/// The highest result of [`used`] so far. Housekeeping asks often enough for this to mean something.
pub fn peak() -> usize {
    used();
    PEAK.load(Ordering::Relaxed)
}

/// How many times this thread has allocated or reallocated.
pub fn allocations() -> u64 {
    THREAD.with(|thread| thread.allocations.get())
}

/// Bytes of the process that are in physical memory: the resident field of /proc/self/statm,
/// proc_pid_statm(5). 0 if that cannot be read.
pub fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|field| field.parse().ok()).unwrap_or(0);
    // SAFETY: sysconf reads no memory of ours.
    let page_size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages * page_size.unsigned_abs() as usize
}

/// Bytes that the system could still give to this process: what the machine has available, or less
/// if a control group leaves less. What cannot be read limits nothing.
pub fn available() -> usize {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok());
    let machine = kilobytes.map_or(usize::MAX, |kilobytes: usize| kilobytes << 10);
    group_available().map_or(machine, |group| machine.min(group))
}

/// What the control groups of this process leave.
fn group_available() -> Option<usize> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let root = Path::new("/sys/fs/cgroup");
    groups.lines().filter_map(|line| left_in_group(line, root)).min()
}

/// What a group and those above it leave; `line` is that of /proc/self/cgroup, which cgroups(7) explains
/// with both of its versions.
fn left_in_group(line: &str, root: &Path) -> Option<usize> {
    let (controllers, own) = line.split_once(':')?.1.split_once(":/")?;
    let (root, limit, used) = match controllers {
        "" => (root.to_owned(), "memory.max", "memory.current"),
        "memory" => (root.join("memory"), "memory.limit_in_bytes", "memory.usage_in_bytes"),
        _ => return None,
    };
    let number = |path: PathBuf| -> Option<usize> {
        std::fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    let left = |folder: &Path| {
        Some(number(folder.join(limit))?.saturating_sub(number(folder.join(used))?))
    };
    let folder = root.join(own);
    folder.ancestors().take_while(|folder| folder.starts_with(&root)).filter_map(left).min()
}

/// Gives memory that is free, but kept by the allocator for later, back to the system.
pub fn purge() {
    collect(true);
}

/// Gives back what has been free for a while; all that is free at this thread if it is forced.
fn collect(is_forced: bool) {
    // SAFETY: mi_collect may be called at any time, on any thread.
    unsafe { libmimalloc_sys::mi_collect(is_forced) };
}

static COUNTERS: Counters = Counters::new();
static PEAK: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    // Constant and without a destructor: reading it neither allocates nor ever fails.
    static THREAD: Thread = const { Thread { slot: Cell::new(None), allocations: Cell::new(0) } };
}

struct Thread {
    slot: Cell<Option<&'static Slot>>,
    allocations: Cell<u64>,
}

impl Thread {
    #[inline]
    fn add(&self, bytes: isize) {
        match self.slot.get() {
            Some(slot) => slot.add_as_owner(bytes),
            None => self.add_without_slot(bytes),
        }
    }

    /// Without a slot: the first time, or always once they are all taken.
    #[cold]
    fn add_without_slot(&self, bytes: isize) {
        self.slot.set(COUNTERS.take());
        match self.slot.get() {
            Some(slot) => slot.add_as_owner(bytes),
            None => COUNTERS.shared.add(bytes),
        }
    }
}

/// Bytes in use, in parts. A thread that owns a slot counts there with a plain load and store; what
/// it frees may come from elsewhere, so only the sum means something.
struct Counters {
    /// Not given back when a thread ends: what it counted stays true.
    owned: [Slot; Self::OWNED],
    taken: AtomicUsize,
    /// For the threads that come when all slots are taken.
    shared: Slot,
}

impl Counters {
    const OWNED: usize = 64;

    const fn new() -> Self {
        Self {
            owned: [const { Slot::new() }; Self::OWNED],
            taken: AtomicUsize::new(0),
            shared: Slot::new(),
        }
    }

    /// A slot for the calling thread alone, if one is left.
    fn take(&self) -> Option<&Slot> {
        // Looking first keeps the count from wrapping, however often it is asked.
        if self.taken.load(Ordering::Relaxed) >= Self::OWNED {
            return None;
        }
        self.owned.get(self.taken.fetch_add(1, Ordering::Relaxed))
    }

    fn sum(&self) -> usize {
        // Those that nobody took are not worth looking at: each is a cache line.
        let taken = self.taken.load(Ordering::Relaxed).min(Self::OWNED);
        let owned: isize = self.owned[..taken].iter().map(Slot::get).sum();
        // The parts are not read at one moment, so a block that changes hands can be missed.
        (owned + self.shared.get()).max(0).unsigned_abs()
    }
}

/// A pair of cache lines, because the prefetcher fetches pairs.
#[repr(align(128))]
struct Slot(AtomicIsize);

impl Slot {
    const fn new() -> Self {
        Self(AtomicIsize::new(0))
    }

    fn get(&self) -> isize {
        self.0.load(Ordering::Relaxed)
    }

    /// Only the thread that owns the slot may call this; another one's count would be lost.
    #[inline]
    fn add_as_owner(&self, bytes: isize) {
        self.0.store(self.get() + bytes, Ordering::Relaxed);
    }

    fn add(&self, bytes: isize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[inline]
fn allocated(bytes: isize) {
    THREAD.with(|thread| {
        thread.allocations.set(thread.allocations.get() + 1);
        thread.add(bytes);
    });
}

#[inline]
fn freed(bytes: isize) {
    THREAD.with(|thread| thread.add(-bytes));
}

// SAFETY: memory comes from `A` alone and goes back to it with the layout it came with. Counting
// does not allocate and does not panic. Sizes fit in isize: `Layout` guarantees it.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counted<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `A` asks for.
        let block = unsafe { self.0.alloc(layout) };
        if !block.is_null() {
            allocated(layout.size() as isize);
        }
        block
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let block = unsafe { self.0.alloc_zeroed(layout) };
        if !block.is_null() {
            allocated(layout.size() as isize);
        }
        block
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as in `alloc`; `block` came from `A`.
        let moved = unsafe { self.0.realloc(block, layout, new_size) };
        if !moved.is_null() {
            allocated(new_size as isize - layout.size() as isize);
        }
        moved
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `realloc`.
        unsafe { self.0.dealloc(block, layout) };
        freed(layout.size() as isize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    /// Counts in all unit tests, so that any of them can ask [`allocations`].
    #[global_allocator]
    static COUNTED: Counted<Allocator> = Counted(Allocator);

    #[test]
    fn a_thread_counts_what_it_allocates_itself() {
        let before = allocations();
        let mut block = black_box(Vec::<u8>::with_capacity(10));
        block.reserve_exact(1000);
        drop(block);
        assert_eq!(allocations(), before + 2);
        drop(black_box(Vec::<u8>::new()));
        assert_eq!(allocations(), before + 2);
        let other = std::thread::spawn(|| {
            let before = allocations();
            drop(black_box(vec![0u8; 10]));
            allocations() - before
        });
        assert_eq!(other.join().unwrap(), 1);
    }

    #[test]
    fn owners_and_latecomers_add_up() {
        let counters = Counters::new();
        std::thread::scope(|scope| {
            for _ in 0..Counters::OWNED + 6 {
                scope.spawn(|| {
                    let slot = counters.take();
                    for _ in 0..1000 {
                        match slot {
                            Some(slot) => slot.add_as_owner(3),
                            None => counters.shared.add(3),
                        }
                    }
                });
            }
        });
        assert!(counters.take().is_none());
        assert_eq!(counters.shared.get(), 6 * 3000);
        assert_eq!(counters.sum(), (Counters::OWNED + 6) * 3000);
    }

    #[test]
    fn what_one_thread_frees_of_another_is_subtracted() {
        let counters = Counters::new();
        let (one, two) = (counters.take().unwrap(), counters.take().unwrap());
        one.add_as_owner(100);
        two.add_as_owner(-60);
        assert_eq!(counters.sum(), 40);
        two.add_as_owner(-60);
        assert_eq!(counters.sum(), 0, "never below 0");
    }

    #[test]
    fn no_more_is_available_than_the_machine_has() {
        let available = available();
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
        let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
        let total: usize = total.split_ascii_whitespace().next().unwrap().parse().unwrap();
        assert!((1 << 20..total << 10).contains(&available), "{available}");
    }

    #[test]
    fn a_control_group_leaves_what_those_above_it_leave() {
        let root = tempfile::tempdir().unwrap();
        let group = |folder: &str, limit: [&str; 2], used: [&str; 2]| {
            let folder = root.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            for [name, text] in [limit, used] {
                std::fs::write(folder.join(name), text).unwrap();
            }
        };
        let left = |line| left_in_group(line, root.path());
        assert_eq!(left("0::/"), None, "no group, no limit");
        group("a", ["memory.max", "1000\n"], ["memory.current", "300\n"]);
        group("a/b", ["memory.max", "max\n"], ["memory.current", "100\n"]);
        group("a/c", ["memory.max", "50\n"], ["memory.current", "60\n"]);
        assert_eq!(["0::/a", "0::/a/b", "0::/a/c"].map(left), [Some(700), Some(700), Some(0)]);
        let names = ["memory.limit_in_bytes", "memory.usage_in_bytes"];
        group("memory/d", [names[0], "20\n"], [names[1], "5\n"]);
        assert_eq!(["4:memory:/d", "3:pids:/d", "0::/d"].map(left), [Some(15), None, None]);
    }

    #[test]
    fn resident_memory_grows_with_what_is_touched() {
        const SIZE: usize = 256 << 20;
        let before = resident();
        let block = black_box(vec![1u8; SIZE]);
        let after = resident();
        assert!(before > 0 && after > before + SIZE / 2, "{before} -> {after}");
        drop(block);
    }
}
