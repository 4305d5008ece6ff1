//! Giving up keys for new ones when memory is short.
//!
//! The key that should go is not searched for in all of them: a few are looked at each time, in a
//! segment picked at random, where hashing has put any keys side by side. The best of those that were
//! seen and not taken are remembered for the next time, so that the choice is nearly as good as among
//! many.

use super::access::AccessClock;
use super::entry::Entry;
use super::free;
use super::gate::{Counts, Place, SEGMENTS};
use super::keyspace::{Keyspace, is_due, place};
use super::segment::Segment;
use super::slot::Change;
use crate::stats::Counter;

/// Which keys are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Only keys that expire.
    pub expiring: bool,
    pub order: Order,
    /// How many keys are looked at for each that goes.
    pub samples: usize,
}

/// The key that goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The one not used for the longest time.
    LeastRecent,
    /// The one least used; needs [`Keyspace::set_lfu`].
    LeastFrequent,
    Random,
    /// The one that expires first anyway.
    Soonest,
}

/// Candidates that are remembered.
const REMEMBERED: usize = 16;
/// Positions between the entry that is looked at and the one that is fetched meanwhile.
const AHEAD: usize = 16;
/// Other reactors may take what was found before it is given up here, but hardly that often.
const TRIES: usize = 16;
/// A collection that holds more bytes is freed on another thread.
const LARGE: usize = 64 << 10;

/// What one reactor remembers between two evictions.
#[derive(Default)]
pub(super) struct Evictor {
    /// The one that should go first is the last.
    candidates: Vec<Candidate>,
    /// Which keys they are, and what they were judged by.
    kind: Option<(bool, Order)>,
    random: fastrand::Rng,
}

#[derive(Clone, Copy)]
struct Candidate {
    /// How well it can be spared.
    score: u64,
    db: usize,
    /// Stands for the key: that two keys share all of it hardly ever happens, and would do no harm.
    hash: u64,
}

impl Keyspace {
    /// Removes one key, the one that can best be spared by what is known, or one whose time is over.
    /// False if the policy allows none. Runs between [`Keyspace::enter`] and [`Keyspace::leave`];
    /// nothing may be held.
    pub fn evict(&mut self, policy: Policy) -> bool {
        let kind = Some((policy.expiring, policy.order));
        if std::mem::replace(&mut self.evictor.kind, kind) != kind {
            self.evictor.candidates.clear();
        }
        for _ in 0..TRIES {
            let Some(db) = self.draw_database(policy) else { return false };
            self.look_for_candidates(db, policy);
            while let Some(candidate) = self.evictor.candidates.pop() {
                if self.give_up(candidate, policy.order) {
                    return true;
                }
            }
        }
        false
    }

    /// A database, each as likely as it has keys that may go. None if there is no such key.
    fn draw_database(&mut self, policy: Policy) -> Option<usize> {
        let side = &self.side;
        let eligible = |db| {
            let counted: fn(&Counts) -> &Counter =
                if policy.expiring { |counts| &counts.expiring } else { |counts| &counts.keys };
            if side.is_untouched(db) { 0 } else { side.count(db, counted) }
        };
        let all: usize = (0..side.databases()).map(eligible).sum();
        let mut drawn = self.evictor.random.usize(..all.max(1));
        let mut found = None;
        for db in 0..side.databases() {
            let keys = eligible(db);
            if keys > 0 {
                found = Some(db);
            }
            if drawn < keys {
                break;
            }
            drawn -= keys;
        }
        found
    }

    /// Looks at some keys of a database.
    fn look_for_candidates(&mut self, db: usize, policy: Policy) {
        let wanted = if policy.order == Order::Random { 1 } else { policy.samples };
        let start = self.evictor.random.usize(..SEGMENTS);
        let mut seen = 0;
        for segment in (start..SEGMENTS).chain(0..start) {
            seen += self.look_into(Place { db, segment }, policy, wanted - seen);
            if seen >= wanted {
                break;
            }
        }
    }

    /// Judges up to `wanted` keys of a segment; returns how many there were.
    fn look_into(&mut self, place: Place, policy: Policy, wanted: usize) -> usize {
        let (now_ms, hasher) = (self.now_ms, &self.hasher);
        let (clock, evictor) = (&self.clock, &mut self.evictor);
        self.side.visit(place, |segment| {
            if segment.len() == 0 || (policy.expiring && segment.expiring() == 0) {
                return 0;
            }
            let positions = segment.positions();
            let start = evictor.random.usize(..positions);
            (start..start + AHEAD).for_each(|position| fetch_ahead(segment, position));
            let mut seen = 0;
            for position in (start..positions).chain(0..start) {
                fetch_ahead(segment, position + AHEAD);
                let Some(entry) = segment.at(position) else { continue };
                if policy.expiring && entry.expiry().is_none() {
                    continue;
                }
                let score = score(entry, policy.order, clock, now_ms);
                let hash = hasher.hash_one(entry.key());
                evictor.remember(Candidate { score, db: place.db, hash });
                seen += 1;
                if seen == wanted {
                    break;
                }
            }
            seen
        })
    }

    /// Removes a key, unless it is gone or was used since it was judged.
    fn give_up(&mut self, candidate: Candidate, order: Order) -> bool {
        let Candidate { score: judged, db, hash } = candidate;
        let (now_ms, hasher, clock) = (self.now_ms, &self.hasher, &self.clock);
        let removed = self.side.visit_with_counts(place(db, hash), |segment, counts| {
            let position = segment.position_of_hash(hasher, hash)?;
            let entry = segment.at(position)?;
            if score(entry, order, clock, now_ms) < judged {
                return None;
            }
            let entry = segment.remove(position, hash)?;
            segment.shrink_if_sparse(hasher);
            counts.lose(entry.expiring());
            Some(entry)
        });
        let Some(entry) = removed else { return false };
        let is_due = is_due(&entry, now_ms);
        let held = entry.value().heap_size();
        if entry.has_collection() && held > LARGE {
            free::later(held, [entry]);
        }
        self.changed(if is_due { Change::Expired } else { Change::Evicted });
        true
    }
}

impl Evictor {
    /// Keeps a candidate if it is better than one of those that are kept.
    fn remember(&mut self, candidate: Candidate) {
        let is_it = |other: &Candidate| (other.db, other.hash) == (candidate.db, candidate.hash);
        self.candidates.retain(|other| !is_it(other));
        let at = self.candidates.partition_point(|other| other.score <= candidate.score);
        if self.candidates.len() < REMEMBERED {
            self.candidates.insert(at, candidate);
        } else if at > 0 {
            self.candidates[..at].rotate_left(1);
            self.candidates[at - 1] = candidate;
        }
    }
}

/// How well an entry can be spared.
fn score(entry: &Entry, order: Order, clock: &AccessClock, now_ms: u64) -> u64 {
    if is_due(entry, now_ms) {
        return u64::MAX;
    }
    match order {
        Order::LeastRecent => clock.idle_ticks(entry.access()).into(),
        Order::LeastFrequent => (u8::MAX - clock.frequency(entry.access())).into(),
        Order::Random => 0,
        Order::Soonest => entry.expiry().map_or(0, |at| u64::MAX - at),
    }
}

fn fetch_ahead(segment: &Segment, position: usize) {
    if let Some(entry) = segment.at(position) {
        entry.fetch_ahead();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::{Expiry, Lfu, New};
    use super::*;
    use crate::clock::Now;

    const DATABASES: usize = 3;

    fn policy(expiring: bool, order: Order) -> Policy {
        Policy { expiring, order, samples: 5 }
    }

    fn keyspace() -> Keyspace {
        Keyspace::all(DATABASES, 1).pop().expect("one handle was asked for")
    }

    fn set(keyspace: &mut Keyspace, db: usize, n: u32, expiry: Expiry) {
        keyspace.write(db, &n.to_le_bytes(), |slot| slot.set(New::Integer(0), expiry));
    }

    fn at(keyspace: &mut Keyspace, unix_ms: u64) {
        keyspace.set_now(Now { unix_us: unix_ms * 1000, steady: Instant::now() });
    }

    /// How many of these keys are there.
    fn left(keyspace: &mut Keyspace, keys: std::ops::Range<u32>) -> usize {
        keys.filter(|n| keyspace.peek(0, &n.to_le_bytes()).is_some()).count()
    }

    #[test]
    fn keys_that_were_used_stay() {
        for order in [Order::LeastRecent, Order::LeastFrequent] {
            let mut keyspace = keyspace();
            if order == Order::LeastFrequent {
                keyspace.set_lfu(Some(Lfu { log_factor: 0, decay_time: 0 }));
            }
            at(&mut keyspace, 1_000_000);
            (0..10_000).for_each(|n| set(&mut keyspace, 0, n, Expiry::Clear));
            at(&mut keyspace, 1_000_010);
            (0..2_000_u32).for_each(|n| assert!(keyspace.read(0, &n.to_le_bytes()).is_some()));
            (0..5_000).for_each(|_| assert!(keyspace.evict(policy(false, order))));
            assert_eq!(keyspace.len(0), 5_000);
            let used = left(&mut keyspace, 0..2_000);
            assert!(used > 1_990, "{order:?}: {used} of 2000 that were used again are left");
            assert_eq!(keyspace.take_tally().evicted, 5_000);
        }
    }

    #[test]
    fn what_expires_first_goes_first() {
        let mut keyspace = keyspace();
        (0..10_000).for_each(|n| set(&mut keyspace, 0, n, Expiry::At(1000 + u64::from(n))));
        (0..5_000).for_each(|_| assert!(keyspace.evict(policy(true, Order::Soonest))));
        let (first, last) = (left(&mut keyspace, 0..3_000), left(&mut keyspace, 7_000..10_000));
        assert!(first < 500 && last > 2_800, "{first} of the first and {last} of the last");
        assert_eq!(keyspace.expiring(0), 5_000);
    }

    #[test]
    fn every_key_that_may_go_is_found_and_no_other() {
        for order in [Order::LeastRecent, Order::LeastFrequent, Order::Random, Order::Soonest] {
            let mut keyspace = keyspace();
            for db in 0..DATABASES {
                (0..1_000).for_each(|n| set(&mut keyspace, db, n, Expiry::Clear));
            }
            set(&mut keyspace, 1, 5, Expiry::At(9999));
            (2_000..2_010).for_each(|n| set(&mut keyspace, 2, n, Expiry::At(9999)));
            let mut gone = 0;
            while keyspace.evict(policy(true, order)) {
                gone += 1;
            }
            assert_eq!(gone, 11, "{order:?}");
            while keyspace.evict(policy(false, order)) {
                gone += 1;
            }
            assert_eq!((gone, keyspace.is_empty()), (DATABASES * 1_000 + 10, true), "{order:?}");
        }
    }

    #[test]
    fn a_key_whose_time_is_over_goes_before_others() {
        let mut keyspace = keyspace();
        (0..20).for_each(|n| set(&mut keyspace, 0, n, Expiry::Clear));
        (20..30).for_each(|n| set(&mut keyspace, 0, n, Expiry::At(500)));
        at(&mut keyspace, 1000);
        let all = Policy { samples: 30, ..policy(false, Order::LeastRecent) };
        (0..10).for_each(|_| assert!(keyspace.evict(all)));
        let tally = keyspace.take_tally();
        assert_eq!((tally.expired, tally.evicted, keyspace.len(0)), (10, 0, 20));
    }

    #[test]
    fn a_candidate_that_was_used_meanwhile_stays() {
        let mut keyspace = keyspace();
        at(&mut keyspace, 1_000_000);
        (0..10).for_each(|n| set(&mut keyspace, 0, n, Expiry::Clear));
        at(&mut keyspace, 2_000_000);
        let all = Policy { samples: 10, ..policy(false, Order::LeastRecent) };
        assert!(keyspace.evict(all));
        assert_eq!(keyspace.evictor.candidates.len(), 9, "the others are remembered");
        let kept = (0..10).find(|n| left(&mut keyspace, *n..n + 1) == 1).expect("nine are there");
        assert!(keyspace.read(0, &kept.to_le_bytes()).is_some());
        (0..8).for_each(|_| assert!(keyspace.evict(Policy { samples: 1, ..all })));
        assert_eq!((keyspace.len(0), left(&mut keyspace, kept..kept + 1)), (1, 1));
    }

    #[test]
    fn several_reactors_give_up_keys_at_once() {
        const REACTORS: usize = 3;
        const EACH: u32 = 20_000;
        let mut all = Keyspace::all(DATABASES, REACTORS);
        std::thread::scope(|scope| {
            for (index, keyspace) in all.iter_mut().enumerate() {
                scope.spawn(move || {
                    let deadline = Instant::now() + Duration::from_secs(60);
                    for n in 0..EACH {
                        let (db, key) = (n as usize % DATABASES, n.wrapping_mul(7919) % 5_000);
                        let expiry = if n % 2 == 0 { Expiry::At(9999) } else { Expiry::Clear };
                        keyspace.enter();
                        keyspace.hold(db, [&key.to_le_bytes()[..]].into_iter());
                        set(keyspace, db, key, expiry);
                        keyspace.release();
                        if n % 3 > 0 {
                            keyspace.evict(policy(n % 2 == 0, Order::LeastRecent));
                        }
                        keyspace.leave();
                        assert!(Instant::now() < deadline, "reactor {index} gets nowhere");
                    }
                });
            }
        });
        let keyspace = &mut all[0];
        keyspace.enter();
        for db in 0..DATABASES {
            let (mut keys, expiring) = (0, keyspace.expiring(db));
            keyspace.for_each(db, |_, _| keys += 1);
            assert_eq!(keys, keyspace.len(db));
            assert!(expiring <= keys);
        }
        while keyspace.evict(policy(false, Order::Random)) {}
        assert!(keyspace.is_empty());
        assert!((0..DATABASES).all(|db| keyspace.expiring(db) == 0));
    }
}
