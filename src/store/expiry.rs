//! Removing keys and elements whose time is over, when somebody asks for them and when nobody does.
//!
//! Each segment knows a bound before which nothing in it expires, so that a pass looks only into
//! segments where something may be due, however many keys there are.

use super::collection::{Collection, Hash};
use super::entry::Entry;
use super::gate::{Counts, Place, SEGMENTS};
use super::keyspace::{Keyspace, is_due};
use super::segment::Segment;
use super::slot::Change;

/// Positions that are looked at before the caller is asked whether there is time for more.
const STEP: usize = 256;

/// Elements of one collection that a visit of its key removes at most.
pub(super) const SHED: usize = 256;

/// Where the sweep stands. It goes round all databases for ever.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sweep {
    db: usize,
    segment: usize,
    position: usize,
    rehashes: u32,
}

/// What became of a key when what had expired of it was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aged {
    /// Nothing had expired.
    Whole,
    /// It has lost elements, and may have more to lose.
    Shed,
    Gone,
}

impl Aged {
    pub(super) fn change(self) -> Option<Change> {
        match self {
            Self::Whole => None,
            Self::Shed => Some(Change::Set),
            Self::Gone => Some(Change::Expired),
        }
    }
}

/// Removes the key at `position` if its time is over, or else what has expired of its collection,
/// `most` elements at most.
pub(super) fn age(
    segment: &mut Segment,
    counts: &Counts,
    position: usize,
    hash: u64,
    now_ms: u64,
    most: usize,
) -> Aged {
    let Some(entry) = segment.at_mut(position) else { return Aged::Gone };
    let before = entry.expiring();
    let mut gone = is_due(entry, now_ms);
    if !gone {
        let Some(collection) = entry.collection_mut::<Hash>() else { return Aged::Whole };
        if !collection.shed(now_ms, most) {
            return Aged::Whole;
        }
        gone = collection.is_empty();
        let soonest = collection.soonest();
        segment.note_elements(position, soonest);
    }
    if gone {
        segment.discard(position, hash);
        counts.lose(before);
        return Aged::Gone;
    }
    counts.exchange(before, segment.at(position).map_or(before, Entry::expiring));
    Aged::Shed
}

/// What of an entry expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expiring {
    pub(super) key: bool,
    /// Elements of its collection.
    pub(super) elements: bool,
}

impl Expiring {
    pub(super) fn any(self) -> bool {
        self.key || self.elements
    }
}

impl Keyspace {
    /// Removes keys and elements whose time is over, for as long as `may_go_on` allows. Returns false
    /// when it was stopped before the round was complete. Runs between [`Keyspace::enter`] and
    /// [`Keyspace::leave`].
    ///
    /// Every reactor that is awake sweeps all segments: the others may sleep for long.
    pub fn sweep(&mut self, mut may_go_on: impl FnMut() -> bool) -> bool {
        let round = self.databases() * SEGMENTS;
        let mut segments = 0;
        while segments < round {
            if !self.ages(self.sweep.db) {
                // Nothing expires in the whole database.
                segments += SEGMENTS - self.sweep.segment;
                self.next_database();
            } else if self.sweep_step() {
                segments += 1;
            } else if !may_go_on() {
                return false;
            }
        }
        true
    }

    /// Sweeps a part of a segment. Returns true when the segment is done.
    fn sweep_step(&mut self) -> bool {
        let Sweep { db, segment, position, rehashes } = self.sweep;
        let (now_ms, hasher) = (self.now_ms, &self.hasher);
        let mut changes = Vec::new();
        let next = self.side.visit_with_counts(Place { db, segment }, |table, counts| {
            if table.expiring() == 0 || (position == 0 && table.soonest() >= now_ms) {
                return None;
            }
            let moved = position > 0 && table.rehashes() != rehashes;
            let from = if moved { 0 } else { position };
            if from == 0 {
                table.forget_soonest();
            }
            let end = table.positions().min(from + STEP);
            for position in from..end {
                let Some(entry) = table.at(position) else { continue };
                if !entry.expiring().any() {
                    continue;
                }
                if is_due(entry, now_ms) || entry.sheds() {
                    let hash = hasher.hash_one(entry.key());
                    changes.extend(age(table, counts, position, hash, now_ms, SHED).change());
                }
                let Some(at) = table.at(position).and_then(Entry::soonest) else { continue };
                table.remember_expiry(at);
                if at < now_ms {
                    return Some((position, table.rehashes())); // there are more elements to remove
                }
            }
            if end < table.positions() {
                return Some((end, table.rehashes()));
            }
            table.shrink_if_sparse(hasher);
            None
        });
        changes.into_iter().for_each(|change| self.changed(change));
        match next {
            Some((position, rehashes)) => {
                self.sweep.position = position;
                self.sweep.rehashes = rehashes;
            }
            None if segment + 1 == SEGMENTS => self.next_database(),
            None => self.sweep = Sweep { db, segment: segment + 1, ..Sweep::default() },
        }
        next.is_none()
    }

    fn next_database(&mut self) {
        self.sweep = Sweep { db: (self.sweep.db + 1) % self.databases(), ..Sweep::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Expiry, New};
    use super::*;

    fn fill(keyspace: &mut Keyspace, db: usize, expiry: impl Fn(u64) -> Expiry) {
        keyspace.enter();
        keyspace.exclude();
        for i in 0..20_000u64 {
            let key = i.to_string();
            keyspace.write(db, key.as_bytes(), |slot| slot.set(New::Integer(0), expiry(i)));
        }
        keyspace.leave();
    }

    fn always() -> impl FnMut() -> bool {
        || true
    }

    #[test]
    fn one_round_removes_all_that_is_due_and_nothing_else() {
        for reactors in [1, 2, 3] {
            let mut all = Keyspace::all(3, reactors);
            fill(&mut all[0], 0, |i| if i % 2 == 0 { Expiry::At(1000 + i) } else { Expiry::Clear });
            fill(&mut all[0], 2, |i| Expiry::At(1000 + i));
            for (turn, now_ms) in [900, 11_000, 50_000].into_iter().enumerate() {
                let keyspace = &mut all[turn % reactors];
                keyspace.now_ms = now_ms;
                keyspace.enter();
                assert!(keyspace.sweep(always()));
                keyspace.leave();
                let gone = (now_ms.saturating_sub(1000)).min(20_000) as usize;
                assert_eq!(all[0].len(0), 20_000 - gone.div_ceil(2), "at {now_ms}");
                assert_eq!(all[0].expiring(0), 10_000 - gone.div_ceil(2));
                assert_eq!(all[0].len(2), 20_000 - gone);
            }
            let expired: u64 = all.iter_mut().map(|one| one.take_tally().expired).sum();
            assert_eq!(expired, 30_000);
        }
    }

    #[test]
    fn a_sweep_that_is_stopped_goes_on_where_it_was() {
        let mut keyspace = Keyspace::all(1, 1).pop().expect("one handle was asked for");
        fill(&mut keyspace, 0, Expiry::At);
        // Few keys, all hashed alike, would do as well: what matters is that each call is cut short.
        keyspace.now_ms = 30_000;
        let mut calls = 0;
        while !keyspace.sweep(|| false) {
            calls += 1;
            assert!(calls < 10_000, "it gets nowhere");
        }
        assert_eq!((keyspace.len(0), keyspace.expiring(0)), (0, 0));
    }

    #[test]
    fn databases_that_are_swapped_under_a_sweep_are_swept_whole() {
        let mut keyspace = Keyspace::all(2, 1).pop().expect("one handle was asked for");
        // More than one step for each segment.
        for i in 0..400_000u32 {
            let key = i.to_le_bytes();
            keyspace.write(0, &key, |slot| slot.set(New::Integer(0), Expiry::At(1000)));
        }
        keyspace.now_ms = 2000;
        while keyspace.sweep.position == 0 {
            assert!(!keyspace.sweep(|| false), "a segment has several steps");
        }
        keyspace.swap(0, 1);
        for _ in 0..2 {
            keyspace.sweep(always());
        }
        assert_eq!((keyspace.len(0), keyspace.len(1)), (0, 0));
    }
}
