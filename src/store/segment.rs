//! A small hash table: the unit of locking, growing, scanning and expiry.

use ahash::RandomState;
use bytes::BytesMut;

use super::access::UNUSED;
use super::buckets::Buckets;
use super::entry::Entry;
use super::value::{New, Value};
use super::waiting::Queues;

/// A table of more positions than these gives memory back when it has become sparse,
const ROOMY: usize = 64;
/// with more positions than this for each key. Full tables have two or fewer, so that a table which
/// shrank must lose or gain many keys before it is made anew.
const SPARSE: usize = 16;

#[derive(Default)]
pub(super) struct Segment {
    table: Buckets<Entry>,
    /// Allocated by the entries, without what shared values and collections hold.
    bytes: usize,
    /// How many entries expire, or have elements that do.
    expiring: u32,
    /// Goes up when entries change their places; scan cursors carry it.
    rehashes: u32,
    /// Nothing expires before this, in milliseconds since the epoch.
    soonest: u64,
    /// Who waits for keys, if anybody does.
    pub(super) queues: Option<Box<Queues>>,
}

impl Segment {
    /// Takes all keys out. Who waits for keys goes on waiting.
    pub(super) fn take_keys(&mut self) -> Self {
        let queues = self.queues.take();
        std::mem::replace(self, Self { queues, ..Self::default() })
    }

    /// Where the key stands, for as long as nothing is inserted.
    #[inline]
    pub(super) fn position(&self, hash: u64, key: &[u8]) -> Option<usize> {
        self.table.find(hash, |entry| entry.key() == key)
    }

    /// Where a key with this hash stands.
    pub(super) fn position_of_hash(&self, hasher: &RandomState, hash: u64) -> Option<usize> {
        self.table.find(hash, |entry| hasher.hash_one(entry.key()) == hash)
    }

    /// Starts fetching what tells where a key with this hash stands.
    #[inline]
    pub(super) fn fetch_bucket(&self, hash: u64) {
        self.table.fetch_ahead(hash);
    }

    /// Where the entry most likely stands that has this hash; it is not looked at.
    #[inline]
    pub(super) fn guess(&self, hash: u64) -> Option<usize> {
        self.table.guess(hash)
    }

    #[inline]
    pub(super) fn at(&self, position: usize) -> Option<&Entry> {
        self.table.get(position)
    }

    #[inline]
    pub(super) fn at_mut(&mut self, position: usize) -> Option<&mut Entry> {
        self.table.get_mut(position)
    }

    /// Inserts a key that is not there; returns its position.
    pub(super) fn insert(
        &mut self,
        hasher: &RandomState,
        hash: u64,
        key: &[u8],
        value: New<'_>,
        expiry: Option<u64>,
    ) -> usize {
        self.add(hasher, hash, Entry::new(key, value, expiry))
    }

    /// Inserts an entry whose key is not there; returns its position.
    pub(super) fn add(&mut self, hasher: &RandomState, hash: u64, entry: Entry) -> usize {
        if self.table.is_full() {
            self.rehashes = self.rehashes.wrapping_add(1);
        }
        self.count_in(&entry);
        self.table.insert(hash, entry, |entry| hasher.hash_one(entry.key()), Entry::fetch_ahead)
    }

    /// Gives the entry at `position` another value and expiry, where it stands if it fits there.
    pub(super) fn replace(&mut self, position: usize, value: New<'_>, expiry: Option<u64>) {
        let Some(entry) = self.table.get_mut(position) else { return };
        let value = match entry.overwrite(value, expiry) {
            Ok(()) => {
                if let Some(at) = expiry {
                    self.soonest = self.soonest.min(at);
                }
                return;
            }
            Err(value) => value,
        };
        let fresh = Entry::new(entry.key(), value, expiry);
        self.exchange(position, fresh);
    }

    /// Makes the string at `position` at least `len` bytes long, with zeros at its end, and lets
    /// `change` write into it.
    pub(super) fn edit(&mut self, position: usize, len: usize, change: impl FnOnce(&mut [u8])) {
        let Some(entry) = self.table.get_mut(position) else { return };
        if let Some(text) = entry.text_mut(len) {
            return change(text);
        }
        if let Some(shared) = entry.shared_mut() {
            // Copied only while a reply still holds it; grown by doubling, so that many small
            // additions to a large text do not copy it each time.
            let mut text = BytesMut::from(std::mem::take(shared));
            text.resize(len.max(text.len()), 0);
            change(&mut text);
            *shared = text.freeze();
            return;
        }
        let Value::String(text) = entry.value() else { return };
        let mut text = text.to_vec();
        text.resize(len.max(text.len()), 0);
        change(&mut text);
        let fresh = Entry::new(entry.key(), New::raw_from(&mut text), entry.expiry());
        self.exchange(position, fresh);
    }

    /// Gives the entry at `position` another expiry, or none.
    pub(super) fn set_expiry(&mut self, position: usize, expiry: Option<u64>) {
        let Some(entry) = self.table.get_mut(position) else { return };
        if entry.overwrite_expiry(expiry) {
            self.soonest = self.soonest.min(expiry.unwrap_or(u64::MAX));
            return;
        }
        // What the old entry holds may move to the new one, but it keeps its size and expiry.
        let fresh = entry.relaid(expiry);
        self.exchange(position, fresh);
    }

    /// Notes that elements of the collection at `position` expire, `soonest` first, or that none does.
    pub(super) fn note_elements(&mut self, position: usize, soonest: Option<u64>) {
        let Some(entry) = self.table.get_mut(position) else { return };
        self.expiring -= u32::from(entry.expiring().any());
        entry.set_sheds(soonest.is_some());
        let expires = entry.expiring().any();
        if let Some(at) = soonest {
            self.bound(at);
        }
        self.expiring += u32::from(expires);
    }

    /// Puts another entry of the same key in the place of the one at `position`.
    /// The record of the key's uses stays, unless the new entry brings its own.
    pub(super) fn exchange(&mut self, position: usize, mut fresh: Entry) {
        self.count_in(&fresh);
        let Some(entry) = self.table.get_mut(position) else { return };
        if fresh.access() == UNUSED {
            fresh.set_access(entry.access());
        }
        let old = std::mem::replace(entry, fresh);
        self.count_out(&old);
    }

    /// Takes the entry at `position` out, given its hash.
    pub(super) fn remove(&mut self, position: usize, hash: u64) -> Option<Entry> {
        let entry = self.table.remove(position, hash)?;
        self.count_out(&entry);
        Some(entry)
    }

    /// Drops the entry at `position`, given its hash. The others stay where they are.
    pub(super) fn discard(&mut self, position: usize, hash: u64) {
        if let Some(entry) = self.table.remove(position, hash) {
            self.count_out(&entry);
        }
    }

    /// Gives memory back if few keys are left of many. Entries change their places then.
    #[inline]
    pub(super) fn shrink_if_sparse(&mut self, hasher: &RandomState) {
        let positions = self.table.positions();
        if positions > ROOMY && self.table.len() < positions / SPARSE {
            self.shrink(hasher);
        }
    }

    #[cold]
    fn shrink(&mut self, hasher: &RandomState) {
        self.rehashes = self.rehashes.wrapping_add(1);
        self.table.shrink(|entry| hasher.hash_one(entry.key()), Entry::fetch_ahead);
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// All positions are below this one.
    pub(super) fn positions(&self) -> usize {
        self.table.positions()
    }

    pub(super) fn expiring(&self) -> u32 {
        self.expiring
    }

    pub(super) fn rehashes(&self) -> u32 {
        self.rehashes
    }

    pub(super) fn soonest(&self) -> u64 {
        self.soonest
    }

    /// Forgets the bound, for a pass over all entries that finds it anew.
    pub(super) fn forget_soonest(&mut self) {
        self.soonest = u64::MAX;
    }

    /// The bound may be too late: some pass that looked for it will not come to its end.
    pub(super) fn distrust_soonest(&mut self) {
        self.soonest = 0;
    }

    pub(super) fn remember_expiry(&mut self, at: u64) {
        self.soonest = self.soonest.min(at);
    }

    /// Bytes of memory of the table itself.
    pub(super) fn table_memory(&self) -> usize {
        self.table.memory()
    }

    /// Bytes of memory of the entries, without what shared values and collections hold.
    pub(super) fn entry_memory(&self) -> usize {
        self.bytes
    }

    fn count_in(&mut self, entry: &Entry) {
        self.bytes += entry.size();
        if let Some(at) =
            Some(entry).filter(|entry| entry.expiring().any()).and_then(Entry::soonest)
        {
            self.bound(at);
            self.expiring += 1;
        }
    }

    /// Lowers the bound for something that will expire and is not counted yet.
    fn bound(&mut self, at: u64) {
        // A segment in which nothing expires has no bound yet.
        self.soonest = if self.expiring == 0 { at } else { self.soonest.min(at) };
    }

    fn count_out(&mut self, entry: &Entry) {
        self.bytes -= entry.size();
        self.expiring -= u32::from(entry.expiring().any());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cursor, Expiry, Keyspace};
    use super::*;

    #[test]
    fn a_table_that_has_become_sparse_gives_memory_back() {
        const KEYS: u32 = 200_000;
        const KEPT: u32 = 100;
        type Remove = fn(&mut Keyspace, &[u8]);
        let ways: [Remove; 3] = [
            |keyspace, key| assert!(keyspace.write(0, key, |slot| slot.remove())),
            |keyspace, key| assert!(keyspace.write(0, key, |slot| slot.take()).is_some()),
            |keyspace, key| {
                keyspace.write(0, key, |slot| slot.set_expiry(Some(0)));
                assert!(keyspace.read(0, key).is_none());
            },
        ];
        for remove in ways {
            let mut keyspace = Keyspace::all(1, 1).pop().expect("one handle was asked for");
            keyspace.now_ms = 1;
            for i in 0..KEYS {
                keyspace.write(0, &i.to_le_bytes(), |s| s.set(New::Integer(0), Expiry::Clear));
            }
            let before = keyspace.memory(0).tables;
            (KEPT..KEYS).for_each(|i| remove(&mut keyspace, &i.to_le_bytes()));
            let after = keyspace.memory(0).tables;
            assert!(after * 4 < before, "{after} of {before} bytes");
            let mut seen = 0;
            assert_eq!(keyspace.scan(0, Cursor::START, 1 << 20, |_, _| seen += 1), Cursor::START);
            assert_eq!(seen, KEPT);
            assert!((0..KEPT).all(|i| keyspace.read(0, &i.to_le_bytes()).is_some()));
        }
    }
}
