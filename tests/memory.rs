//! Bytes in use, counted in a process that does nothing else. One test: a second one would be
//! counted too.

use std::hint::black_box;
use std::thread;

use torc::memory::{self, Counted};

#[global_allocator]
static ALLOCATOR: Counted<std::alloc::System> = Counted(std::alloc::System);

const MIB: usize = 1 << 20;
/// What threads and the test harness allocate besides.
const NOISE: usize = 64 << 10;

#[test]
fn used_follows_all_threads_and_the_balance_its_own() {
    let before = memory::used();
    let grown = |expected: usize| {
        let grown = memory::used().saturating_sub(before);
        assert!(grown.abs_diff(expected) < NOISE, "{grown} instead of {expected}");
    };

    let mut mine = black_box(vec![0u8; 4 * MIB]);
    grown(4 * MIB);
    let theirs = thread::spawn(|| black_box(vec![1u8; 2 * MIB])).join().unwrap();
    grown(6 * MIB);
    mine.reserve_exact(8 * MIB);
    grown(14 * MIB);
    drop(theirs);
    grown(12 * MIB);
    drop(mine);
    grown(0);
    // The balance is this thread's own: what others do is not in it.
    let balance = memory::balance();
    let block = black_box(vec![0u8; MIB]);
    thread::spawn(|| drop(black_box(vec![1u8; 2 * MIB]))).join().unwrap();
    let grown = memory::balance() - balance;
    assert!(grown.unsigned_abs().abs_diff(MIB) < NOISE, "{grown}");
    drop(block);
    assert!(memory::peak() >= before + 14 * MIB - NOISE);
}
