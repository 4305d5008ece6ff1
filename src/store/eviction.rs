//! Giving up keys for new ones when memory is short.
//!
//! The key that should go is not searched for in all of them: a few are looked at each time, in a
//! segment picked at random, where hashing has put any keys side by side. The best of those that were
//! seen and not taken are remembered for the next time, so that the choice is nearly as good as among
//! many.

use super::access::AccessClock;
use super::entry::Entry;
use super::free;
use super::gate::{Place, SEGMENTS};
use super::keyspace::{Keyspace, is_due, place};
use super::segment::Segment;
use super::slot::Change;

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
/// A collection that holds more bytes is freed on another thread.
const LARGE: usize = 64 << 10;

/// What one reactor remembers between two evictions.
#[derive(Default)]
pub(super) struct Evictor {
    /// The one that should go first is the last.
    candidates: Vec<Candidate>,
    /// The policy that they were judged by.
    policy: Option<Policy>,
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
        if self.evictor.policy.replace(policy) != Some(policy) {
            self.evictor.candidates.clear();
        }
        loop {
            let found = self.look_for_candidates(policy);
            while let Some(candidate) = self.evictor.candidates.pop() {
                if self.give_up(candidate, policy.order) {
                    return true;
                }
            }
            if !found {
                return false;
            }
        }
    }

    /// Looks at some keys of a database. False if there is none that may go.
    fn look_for_candidates(&mut self, policy: Policy) -> bool {
        let Some(db) = self.draw_database(policy) else { return false };
        let wanted = if policy.order == Order::Random { 1 } else { policy.samples };
        let start = self.evictor.random.usize(..SEGMENTS);
        let mut seen = 0;
        for segment in (start..SEGMENTS).chain(0..start) {
            seen += self.look_into(Place { db, segment }, policy, wanted - seen);
            if seen >= wanted {
                break;
            }
        }
        seen > 0
    }

    /// A database, each as likely as it has keys that may go.
    fn draw_database(&mut self, policy: Policy) -> Option<usize> {
        let side = &self.side;
        let eligible = |db| {
            let (keys, expiring) = if side.is_untouched(db) { (0, 0) } else { side.counts(db) };
            if policy.expiring { expiring } else { keys }
        };
        let all: usize = (0..side.databases()).map(eligible).sum();
        if all == 0 {
            return None;
        }
        let mut drawn = self.evictor.random.usize(..all);
        (0..side.databases()).find(|&db| {
            let keys = eligible(db);
            let found = drawn < keys;
            drawn = drawn.saturating_sub(keys);
            found
        })
    }

    /// Judges up to `wanted` keys of a segment; returns how many there were.
    fn look_into(&mut self, place: Place, policy: Policy, wanted: usize) -> usize {
        let (now_ms, hasher) = (self.now_ms, &self.hasher);
        let (clock, evictor) = (&self.clock, &mut self.evictor);
        self.side.visit(place, |segment, _| {
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
        let removed = self.side.visit(place(db, hash), |segment, counts| {
            let position = segment.position_of_hash(hasher, hash)?;
            let entry = segment.at(position)?;
            if score(entry, order, clock, now_ms) < judged {
                return None;
            }
            let entry = segment.remove(position, hash)?;
            segment.shrink_if_sparse(hasher);
            counts.keys.subtract(1);
            counts.expiring.subtract(u64::from(entry.expiry().is_some()));
            Some(entry)
        });
        let Some(entry) = removed else { return false };
        let is_due = is_due(&entry, now_ms);
        let held = entry.value().heap_size();
        if entry.has_collection() && held > LARGE {
            free::later(held, entry);
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
