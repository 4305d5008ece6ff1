//! Who may touch which segment, and when.
//!
//! Every reactor has a [`Side`]. With one side nothing is ever locked: no other thread can reach the
//! segments. With several, a side takes its place in the gate while it serves a batch of requests,
//! and holds the segments of a request's keys, in order, while that request runs. A request whose
//! keys are not known beforehand takes all places of the gate, and so has the store to itself.
#![allow(unsafe_code)] // hands out segments by proof of a held lock, which the compiler cannot see

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::RawMutex;
use parking_lot::lock_api::RawMutex as _;

use super::expiry::Expiring;
use super::segment::Segment;
use crate::stats::Counter;

/// Segments of one database. Small enough to grow without a pause, many enough to share.
pub(super) const SEGMENTS: usize = 1024;

/// Names a segment: database first, so that holding in order never deadlocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) db: usize,
    pub(super) segment: usize,
}

/// What all sides share.
struct Common {
    databases: Box<[Database]>,
    /// `order[i]` is the database that clients know as number `i`; SWAPDB changes it.
    order: Box<[AtomicUsize]>,
    places: Box<[GatePlace]>,
}

/// Segments come into being when a database is first used.
#[derive(Default)]
struct Database(OnceLock<Box<[Locked; SEGMENTS]>>);

/// On a cache line of its own.
#[repr(align(64))]
struct Locked {
    lock: RawMutex,
    segment: UnsafeCell<Segment>,
}

// SAFETY: `Side` hands out a segment only to the one side that holds its lock, or that has all
// places of the gate, or that is the only side. Segments are Send, and nothing in them changes
// behind a shared reference.
unsafe impl Sync for Locked {}

/// One side's place, on a cache line of its own: taken and left with every batch.
#[repr(align(128))]
struct GatePlace {
    lock: RawMutex,
    counts: Box<[Counts]>,
}

/// Keys that a side added to a database, less those that it removed. The sides' sums are the truth.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) keys: Counter,
    pub(super) expiring: Counter,
    /// Keys of collections whose elements expire.
    pub(super) shedding: Counter,
}

impl Counts {
    /// A key that had `before` what expires now has `after`.
    #[inline]
    pub(super) fn exchange(&self, before: Expiring, after: Expiring) {
        let count = |counter: &Counter, before, after| match (before, after) {
            (false, true) => counter.add(1),
            (true, false) => counter.subtract(1),
            _ => {}
        };
        count(&self.expiring, before.key, after.key);
        count(&self.shedding, before.elements, after.elements);
    }

    /// A key that had `expiring` is there no more.
    pub(super) fn lose(&self, expiring: Expiring) {
        self.keys.subtract(1);
        self.exchange(expiring, Expiring::default());
    }
}

/// What a side holds at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Grip {
    /// There is no other side: everything, always.
    Sole,
    Nothing,
    /// Its place in the gate, and the segments in `held`.
    Batch,
    /// All places of the gate.
    All,
}

/// One reactor's way to the segments. It is not `Clone`: a sole side stays the only one.
pub(super) struct Side {
    common: Arc<Common>,
    index: usize,
    grip: Grip,
    /// Sorted.
    held: Vec<Place>,
}

impl Side {
    /// Makes a store of `databases` databases with `sides` ways to it.
    pub(super) fn all(databases: usize, sides: usize) -> Vec<Self> {
        let place = |_| GatePlace {
            lock: RawMutex::INIT,
            counts: (0..databases).map(|_| Counts::default()).collect(),
        };
        let common = Arc::new(Common {
            databases: (0..databases).map(|_| Database::default()).collect(),
            order: (0..databases).map(AtomicUsize::new).collect(),
            places: (0..sides).map(place).collect(),
        });
        let grip = if sides == 1 { Grip::Sole } else { Grip::Nothing };
        (0..sides)
            .map(|index| Self { common: common.clone(), index, grip, held: Vec::new() })
            .collect()
    }

    pub(super) fn databases(&self) -> usize {
        self.common.databases.len()
    }

    /// True when nothing needs to be locked.
    #[inline]
    pub(super) fn is_sole(&self) -> bool {
        self.grip == Grip::Sole
    }

    /// Takes this side's place in the gate; waits while an exclusive request runs elsewhere.
    pub(super) fn enter(&mut self) {
        if self.grip == Grip::Nothing {
            self.common.places[self.index].lock.lock();
            self.grip = Grip::Batch;
        }
    }

    /// Leaves the gate.
    pub(super) fn leave(&mut self) {
        self.release();
        if self.grip == Grip::Batch {
            // SAFETY: `enter` locked it, and only this side has this place.
            unsafe { self.common.places[self.index].lock.unlock() };
            self.grip = Grip::Nothing;
        }
    }

    /// Locks segments, in order. Holding more while some are held is not allowed: it could deadlock.
    pub(super) fn hold(&mut self, places: impl Iterator<Item = Place>) {
        if self.grip != Grip::Batch {
            return;
        }
        assert!(self.held.is_empty(), "segments are held once a request");
        self.held.extend(places);
        // One key is the usual case.
        if self.held.len() > 1 {
            self.held.sort_unstable();
            self.held.dedup();
        }
        self.held.iter().for_each(|&place| self.locked(place).lock.lock());
    }

    /// Takes all places of the gate: no other side is inside then. Ends with [`Side::release`].
    pub(super) fn exclude(&mut self) {
        if self.grip != Grip::Batch {
            return;
        }
        self.release();
        // SAFETY: a side with the grip `Batch` has its own place locked.
        unsafe { self.common.places[self.index].lock.unlock() };
        for place in &self.common.places {
            place.lock.lock();
        }
        self.grip = Grip::All;
    }

    /// Lets go of everything but the own place in the gate.
    #[inline]
    pub(super) fn release(&mut self) {
        match self.grip {
            Grip::Sole | Grip::Nothing => {}
            Grip::Batch => {
                for &place in &self.held {
                    // SAFETY: `hold` locked every segment that is in `held`.
                    unsafe { self.locked(place).lock.unlock() };
                }
                self.held.clear();
            }
            Grip::All => {
                for (index, place) in self.common.places.iter().enumerate() {
                    if index != self.index {
                        // SAFETY: `exclude` locked all places.
                        unsafe { place.lock.unlock() };
                    }
                }
                self.grip = Grip::Batch;
            }
        }
    }

    /// A segment that this side may touch.
    ///
    /// # Panics
    /// When the segment is neither held nor the store excluded: the command's key table is wrong.
    #[inline]
    pub(super) fn segment(&mut self, place: Place) -> &mut Segment {
        self.assert_held(place);
        // SAFETY: no other side may touch this segment now: there is none, or its lock is held
        // here, or all others are shut out.
        unsafe { self.reach(place) }
    }

    /// As [`Side::segment`], with the side's counts for its database.
    #[inline]
    pub(super) fn segment_and_counts(&mut self, place: Place) -> (&mut Segment, &Counts) {
        self.assert_held(place);
        let counts = self.counts(place.db);
        // SAFETY: as in `segment`.
        (unsafe { self.reach(place) }, counts)
    }

    /// As [`Side::segment`], to look at several at the same time.
    #[inline]
    pub(super) fn look(&self, place: Place) -> &Segment {
        self.assert_held(place);
        let locked = self.locked(place);
        // SAFETY: no other side may touch this segment now, as in `segment`; this side cannot change
        // one for as long as `&self` is borrowed.
        unsafe { &*locked.segment.get() }
    }

    #[inline]
    fn assert_held(&self, place: Place) {
        if self.grip != Grip::Sole {
            let allowed = self.grip == Grip::All || self.held.binary_search(&place).is_ok();
            assert!(allowed, "a request touches {place:?}, which it does not hold");
        }
    }

    /// A segment.
    ///
    /// # Safety
    /// No other side may touch this segment for as long as it is borrowed, and this side asks for one
    /// segment at a time, which `&mut self` of its callers sees to.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the cell is what tells them apart")]
    unsafe fn reach(&self, place: Place) -> &mut Segment {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.locked(place).segment.get() }
    }

    #[inline]
    fn counts(&self, db: usize) -> &Counts {
        &self.common.places[self.index].counts[self.database(db)]
    }

    /// As [`Side::visit`], with the side's counts for the database.
    pub(super) fn visit_with_counts<R>(
        &mut self,
        place: Place,
        look: impl FnOnce(&mut Segment, &Counts) -> R,
    ) -> R {
        let common = Arc::clone(&self.common);
        let counts = &common.places[self.index].counts[self.database(place.db)];
        self.visit(place, |segment| look(segment, counts))
    }

    /// Visits one segment, locking it for the visit if needed. Nothing may be held.
    #[inline]
    pub(super) fn visit<R>(&mut self, place: Place, look: impl FnOnce(&mut Segment) -> R) -> R {
        if self.grip != Grip::Batch {
            return look(self.segment(place));
        }
        assert!(self.held.is_empty(), "a visitor holds nothing: two locks need an order");
        let locked = self.locked(place);
        locked.lock.lock();
        let _visit = Visit(&locked.lock);
        // SAFETY: its lock is held until the visit is over.
        look(unsafe { self.reach(place) })
    }

    /// How many keys a database has, and how many of them expire.
    pub(super) fn count(&self, db: usize, of: fn(&Counts) -> &Counter) -> usize {
        let database = self.database(db);
        let all = self.common.places.iter().map(|place| of(&place.counts[database]).get());
        // The parts are not read at one moment, so a key that comes and goes can be missed.
        (all.fold(0u64, u64::wrapping_add) as i64).max(0) as usize
    }

    /// True when a database was never written or read.
    pub(super) fn is_untouched(&self, db: usize) -> bool {
        self.common.databases[self.database(db)].0.get().is_none()
    }

    /// Exchanges two databases. The store must be excluded.
    pub(super) fn swap(&mut self, one: usize, other: usize) {
        self.assert_excluded();
        let order = &self.common.order;
        let database = order[one].swap(order[other].load(Ordering::Relaxed), Ordering::Relaxed);
        order[other].store(database, Ordering::Relaxed);
    }

    /// Takes everything out of a database. The store must be excluded.
    pub(super) fn take_all(&mut self, db: usize) -> Vec<Segment> {
        self.assert_excluded();
        if self.is_untouched(db) {
            return Vec::new();
        }
        let database = self.database(db);
        for place in &self.common.places {
            place.counts[database].keys.reset();
            place.counts[database].expiring.reset();
            place.counts[database].shedding.reset();
        }
        let take = |segment| self.segment(Place { db, segment }).take_keys();
        (0..SEGMENTS).map(take).collect()
    }

    fn assert_excluded(&self) {
        assert!(matches!(self.grip, Grip::Sole | Grip::All), "the whole store must be held");
    }

    #[inline]
    fn database(&self, db: usize) -> usize {
        self.common.order[db].load(Ordering::Relaxed)
    }

    #[inline]
    fn locked(&self, place: Place) -> &Locked {
        self.common.databases[self.database(place.db)].segment(place.segment)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A lock that is held for a visit, and no longer: not even if the visitor panics.
struct Visit<'a>(&'a RawMutex);

impl Drop for Visit<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `visit` locked it.
        unsafe { self.0.unlock() };
    }
}

impl Database {
    #[inline]
    fn segment(&self, index: usize) -> &Locked {
        match self.0.get() {
            Some(segments) => &segments[index % SEGMENTS],
            None => self.create(index),
        }
    }

    #[cold]
    fn create(&self, index: usize) -> &Locked {
        let segments = self.0.get_or_init(|| {
            let fresh = || Locked { lock: RawMutex::INIT, segment: UnsafeCell::default() };
            let segments: Box<[Locked]> = (0..SEGMENTS).map(|_| fresh()).collect();
            segments.try_into().ok().expect("so many were collected")
        });
        &segments[index % SEGMENTS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place = Place { db: 0, segment: 7 };

    #[test]
    #[should_panic(expected = "does not hold")]
    fn a_segment_that_is_not_held_is_refused() {
        let mut sides = Side::all(1, 2);
        sides[0].enter();
        sides[0].segment(HERE);
    }

    #[test]
    fn a_count_is_never_below_zero() {
        let sides = Side::all(1, 2);
        // What a reader sees that reads the side which added the key before it did.
        sides[0].common.places[1].counts[0].keys.subtract(1);
        assert_eq!(sides[0].count(0, |counts| &counts.keys), 0);
        sides[0].common.places[0].counts[0].keys.add(3);
        assert_eq!(sides[0].count(0, |counts| &counts.keys), 2);
    }

    #[test]
    fn an_exclusive_side_waits_for_the_others_and_keeps_them_out() {
        let mut sides = Side::all(1, 2);
        let mut other = sides.pop().expect("two sides");
        let mut one = sides.pop().expect("two sides");
        let order = parking_lot::Mutex::new(Vec::new());
        other.enter();
        std::thread::scope(|scope| {
            let (order, (ready, told)) = (&order, std::sync::mpsc::channel());
            scope.spawn(move || {
                one.enter();
                ready.send(()).expect("the test waits for it");
                one.exclude();
                order.lock().push("exclusive");
                one.leave();
            });
            told.recv().expect("the thread reports");
            order.lock().push("batch");
            other.leave();
        });
        assert_eq!(*order.lock(), ["batch", "exclusive"]);
    }

    #[test]
    fn many_sides_hold_many_segments_without_losing_a_key_or_deadlocking() {
        let hasher = ahash::RandomState::new();
        std::thread::scope(|scope| {
            for (n, mut side) in Side::all(2, 4).into_iter().enumerate() {
                let hasher = hasher.clone();
                scope.spawn(move || {
                    for round in 0..1000usize {
                        side.enter();
                        if round % 100 == n {
                            side.exclude();
                        } else {
                            let of = |i| Place { db: i % 2, segment: (round * 7 + i * n) % 16 };
                            side.hold((0..4).map(of));
                        }
                        side.release();
                        side.visit(HERE, |segment| {
                            let key = (round * 4 + n).to_le_bytes();
                            let value = super::super::value::New::Integer(0);
                            segment.insert(&hasher, hasher.hash_one(&key[..]), &key, value, None);
                        });
                        side.leave();
                    }
                    side.enter();
                    side.exclude();
                    let len = side.segment(HERE).len();
                    assert!((1000..=4000).contains(&len));
                });
            }
        });
    }
}
