//! Iterating over the keys of a database, in one go or with a cursor.
//!
//! A cursor names a segment and a position in it. When a segment's entries change their places
//! between two calls, the cursor's count of rehashes tells, and the segment is scanned again: keys
//! may come twice, but one that is there all the time comes at least once. A segment rehashes when it
//! has grown or shrunk by much, so that a scan in small steps comes to its end, too.

use super::gate::{Place, SEGMENTS};
use super::keyspace::Keyspace;
use super::value::Value;

/// Positions that are looked at before others may have the segment.
const STEP: usize = 64;

/// Where a scan stands; 0 is the beginning, and the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub u64);

impl Cursor {
    pub const START: Self = Self(0);

    fn new(segment: usize, position: usize, rehashes: u32) -> Self {
        let rehashes = if position == 0 { 0 } else { u64::from(rehashes as u16) };
        Self((position as u64) << 32 | rehashes << 16 | segment as u64)
    }

    fn segment(self) -> usize {
        self.0 as u16 as usize
    }

    fn rehashes(self) -> u16 {
        (self.0 >> 16) as u16
    }

    fn position(self) -> usize {
        (self.0 >> 32) as usize
    }
}

impl Keyspace {
    /// Visits about `count` keys of a database from `cursor` on; returns where to go on.
    pub fn scan(
        &mut self,
        db: usize,
        cursor: Cursor,
        count: usize,
        mut see: impl FnMut(&[u8], Value<'_>),
    ) -> Cursor {
        let (mut segment, mut position) = (cursor.segment(), cursor.position());
        let mut rehashes = cursor.rehashes();
        let now_ms = self.now_ms;
        let mut left = count;
        while left > 0 && segment < SEGMENTS && !self.side.is_untouched(db) {
            let next = self.side.visit(Place { db, segment }, |table| {
                if position > 0 && table.rehashes() as u16 != rehashes {
                    position = 0;
                }
                rehashes = table.rehashes() as u16;
                if table.len() == 0 {
                    return None;
                }
                // Where about so many keys stand as are left.
                let wanted = left.min(STEP) * table.positions() / table.len();
                let end = table.positions().min(position + wanted.clamp(1, STEP));
                let seen = table.look_through(position, end, now_ms, &mut see);
                // A position costs work though it be empty.
                let empty = end.saturating_sub(position) / 10;
                left = left.saturating_sub(seen.max(empty));
                (end < table.positions()).then_some(end)
            });
            position = next.unwrap_or(0);
            segment += usize::from(next.is_none());
        }
        if segment >= SEGMENTS || self.side.is_untouched(db) {
            return Cursor::START;
        }
        Cursor::new(segment, position, u32::from(rehashes))
    }

    /// Visits every key of a database. In between, other reactors may change keys.
    pub fn for_each(&mut self, db: usize, mut see: impl FnMut(&[u8], Value<'_>)) {
        if self.side.is_untouched(db) {
            return;
        }
        let now_ms = self.now_ms;
        for segment in 0..SEGMENTS {
            self.side.visit(Place { db, segment }, |table| {
                table.look_through(0, table.positions(), now_ms, &mut see)
            });
        }
    }

    /// A key of a database, each about as likely as any other, picked with the numbers that
    /// `random(n)` draws from 0..n.
    pub fn random_key(
        &mut self,
        db: usize,
        mut random: impl FnMut(usize) -> usize,
    ) -> Option<Vec<u8>> {
        const TRIES: usize = 128;
        /// With fewer keys most segments are empty, and keys that share one come too seldom.
        const FEW: usize = 64;
        if self.len(db) == 0 {
            return None;
        }
        let tries = if self.len(db) < FEW { 0 } else { TRIES };
        for _ in 0..tries {
            let segment = random(SEGMENTS);
            if let Some(key) = self.random_key_of(Place { db, segment }, &mut random) {
                return Some(key);
            }
        }
        // So few keys that guessing would not find one fairly: list them, and pick.
        let mut keys = Vec::new();
        self.for_each(db, |key, _| keys.push(key.to_vec()));
        (!keys.is_empty()).then(|| keys.swap_remove(random(keys.len())))
    }

    fn random_key_of(
        &mut self,
        place: Place,
        random: &mut impl FnMut(usize) -> usize,
    ) -> Option<Vec<u8>> {
        const GUESSES: usize = 8;
        let now_ms = self.now_ms;
        self.side.visit(place, |table| {
            if table.len() == 0 {
                return None;
            }
            // Buckets at random first: going on from one favours keys that follow empty buckets.
            let guesses: [usize; GUESSES] = std::array::from_fn(|_| random(table.positions()));
            let start = guesses[0];
            let order = guesses.into_iter().chain(start..table.positions()).chain(0..start);
            let entries = order.filter_map(|position| table.at(position));
            let mut live = entries.filter(|entry| !super::keyspace::is_due(entry, now_ms));
            live.next().map(|entry| entry.key().to_vec())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::{Expiry, New};
    use super::*;

    fn keyspace() -> Keyspace {
        Keyspace::all(1, 1).pop().expect("one handle was asked for")
    }

    fn set(keyspace: &mut Keyspace, key: String) {
        keyspace.write(0, key.as_bytes(), |slot| slot.set(New::Integer(1), Expiry::Clear));
    }

    #[test]
    fn a_small_database_is_scanned_in_one_call() {
        let mut keyspace = keyspace();
        for i in 0..5 {
            set(&mut keyspace, format!("key{i}"));
        }
        let mut seen = 0;
        assert_eq!(keyspace.scan(0, Cursor::START, 10, |_, _| seen += 1), Cursor::START);
        assert_eq!(seen, 5);
    }

    #[test]
    fn a_call_looks_at_about_as_many_keys_as_it_is_told() {
        let mut keyspace = keyspace();
        for i in 0..100_000 {
            set(&mut keyspace, format!("key{i}"));
        }
        for count in [1, 10, 100, 1000, 10_000] {
            let (mut cursor, mut all, mut calls) = (Cursor::START, 0, 0);
            loop {
                let mut visited = 0;
                cursor = keyspace.scan(0, cursor, count, |_, _| visited += 1);
                (all, calls) = (all + visited, calls + 1);
                // How full a bucket is depends on the hashes; a step takes 64 positions at most.
                assert!(visited <= count + count.min(STEP) + 8, "{visited} for {count}");
                if cursor == Cursor::START {
                    break;
                }
            }
            let most = 100_000 / count * 5 / 4 + 1;
            assert!(calls <= most, "{calls} calls of {count}");
            assert_eq!(all, 100_000);
        }
    }

    #[test]
    fn keys_that_stay_are_seen_though_others_come_and_go() {
        let mut keyspace = keyspace();
        for i in 0..100_000 {
            set(&mut keyspace, format!("stay{i}"));
        }
        let (mut seen, mut cursor, mut calls) = (HashSet::new(), Cursor::START, 0u64);
        loop {
            let mut visited = 0;
            cursor = keyspace.scan(0, cursor, 500, |key, _| {
                seen.insert(key.to_vec());
                visited += 1;
            });
            assert!(visited <= 500 + STEP / 2, "COUNT bounds a call");
            if cursor == Cursor::START {
                break;
            }
            calls += 1;
            for i in 0..400 {
                set(&mut keyspace, format!("come{calls}-{i}"));
                let gone = format!("come{}-{i}", calls - 1);
                keyspace.write(0, gone.as_bytes(), |slot| slot.remove());
            }
        }
        let stayed = seen.iter().filter(|key| key.starts_with(b"stay")).count();
        assert_eq!(stayed, 100_000);
    }

    #[test]
    fn a_cursor_from_nowhere_ends_the_scan() {
        let mut keyspace = keyspace();
        set(&mut keyspace, "key".into());
        for cursor in [u64::MAX, 1 << 15, u64::from(u16::MAX)] {
            assert_eq!(keyspace.scan(0, Cursor(cursor), 10, |_, _| {}), Cursor::START);
        }
    }
}
