//! What collections say of their memory, against the allocator, in a process that does nothing
//! else. One test: a second one would be counted too.

use std::fmt::Debug;

use torc::memory::{self, Counted};
use torc::store::{
    ChunkSize, Collection, End, Ends, Hash, Limits, List, Set, SetLimits, SortedSet, Text,
};

#[global_allocator]
static ALLOCATOR: Counted<std::alloc::System> = Counted(std::alloc::System);

const LIMITS: Limits = Limits { entries: 128, value: 64 };
const SET_LIMITS: SetLimits = SetLimits { integers: 512, packed: LIMITS };

#[test]
fn what_is_told_is_what_was_allocated() {
    // The first table allocates the keys of its hash function, for all that follow.
    Hash::default().set(b"field", b"value", Ends::At(1), LIMITS);
    for (len, expire) in
        [1, 10, 128, 129, 1000, 100_000].map(|len| [(len, false), (len, true)]).concat()
    {
        assert_told((len, expire), || {
            let mut hash = Hash::default();
            for i in 0..len {
                let mut set = |field: usize, value: &str, ends| {
                    hash.set(format!("field{field}").as_bytes(), value.as_bytes(), ends, LIMITS);
                };
                set(i, &"v".repeat(i % 50), Ends::Never);
                set(i / 2, "another", Ends::Never);
                if expire && i % 4 > 0 {
                    set(i, "ends", Ends::At(i as u64 * 7919 % 1000));
                }
                if i % 3 == 1 {
                    hash.remove(format!("field{}", i / 3).as_bytes());
                }
            }
            hash
        });
        assert_told(len, || {
            let mut set = SortedSet::default();
            let score = |i: usize| (i * 7919 % 1000) as f64 / 8.0;
            for i in 0..len {
                set.update(format!("member{i}").as_bytes(), LIMITS, |_| Some(score(i)));
                set.update(format!("member{}", i / 2).as_bytes(), LIMITS, |_| Some(score(i)));
                if i % 3 == 1 {
                    set.remove(format!("member{}", i / 3).as_bytes());
                }
            }
            set
        });
        for kind in ["", "x"] {
            assert_told((len, kind), || {
                let mut set = Set::default();
                for i in 0..len {
                    let member = format!("{kind}{}", i * i);
                    set.add(Text::new(member.as_bytes()), SET_LIMITS);
                    if i % 3 == 1 {
                        let member = format!("{kind}{}", i / 3);
                        set.remove(Text::new(member.as_bytes()));
                    }
                }
                set
            });
        }
    }
    lists_tell_theirs();
    sorted_sets_tell_theirs();
}

/// Lists that were pushed to at both ends, and changed in between.
fn lists_tell_theirs() {
    let size = ChunkSize::from_directive(-2);
    for len in [1, 10, 500, 2000, 100_000] {
        assert_told(len, || {
            let mut list = List::default();
            for i in 0..len {
                let end = if i % 3 == 0 { End::Left } else { End::Right };
                list.push(end, "v".repeat(i % 50).as_bytes(), size);
                list.set(i / 2, b"another", size);
                if i % 10 == 0 {
                    list.insert(i / 3, &[b'l'; 300], size);
                }
                if i % 5 == 1 {
                    list.pop(End::Left, size, |_| ());
                }
            }
            list
        });
    }
}

fn sorted_sets_tell_theirs() {
    for len in [1, 10, 128, 129, 1000, 100_000] {
        assert_told(len, || {
            let mut set = SortedSet::default();
            let score = |i: usize| (i * 7919 % 1000) as f64 / 8.0;
            for i in 0..len {
                set.update(format!("member{i}").as_bytes(), LIMITS, |_| Some(score(i)));
                set.update(format!("member{}", i / 2).as_bytes(), LIMITS, |_| Some(score(i)));
                if i % 3 == 1 {
                    set.remove(format!("member{}", i / 3).as_bytes());
                }
            }
            set
        });
    }
}

/// A collection must tell its memory to a tenth, and a copy of it as well.
fn assert_told<T: Collection + Debug>(what: impl Debug, make: impl FnOnce() -> T) {
    // Of this thread alone: the test harness has one of its own.
    let before = memory::balance();
    let collection = make();
    let grown = (memory::balance() - before) as usize;
    let near = |told: usize, grown: usize| told.abs_diff(grown) * 10 <= grown;
    let told = collection.heap_size();
    assert!(near(told, grown), "{what:?}: {told} of {grown}");
    let copy = collection.clone();
    let grown = (memory::balance() - before) as usize - grown;
    let told = copy.heap_size();
    assert!(near(told, grown), "copy of {what:?}: {told} of {grown}");
    // What is large is freed on another thread, which must not be counted with the next one.
    std::mem::forget((collection, copy));
}
