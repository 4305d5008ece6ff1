//! A hash table whose buckets are cache lines: finding an entry waits for memory once.
//!
//! A bucket holds up to seven entries and a tag of eight bits for each, so that nearly always only
//! the entry that is looked for is visited. The hash picks a bucket by its share of the range of
//! hashes, for any number of buckets: a table grows by a quarter and not by doubling, and is full to
//! at least seven tenths from then on. An entry whose bucket is full stands in the next one that has
//! room; each bucket counts the entries that have passed it, and a search ends where none has.

use std::iter;

use super::prefetch::prefetch;

/// Entries of one bucket: what fits beside the tags into a cache line of 64 bytes.
const SLOTS: usize = 7;
/// Positions of one bucket; the last one is never taken.
const STRIDE: usize = SLOTS + 1;
/// Entries to two buckets, on average, at which the table grows.
const FULL: usize = 13;
/// A counter that has come so far is not trusted any more, and stays.
const MANY: u8 = u8::MAX;

/// A table that grows step by step. Entries keep their position until something is inserted or the
/// table is told to shrink.
pub(super) struct Buckets<T> {
    buckets: Box<[Bucket<T>]>,
    len: usize,
}

#[repr(C, align(64))]
struct Bucket<T> {
    /// 0 where the slot is free.
    tags: [u8; SLOTS],
    /// Entries that would stand here, or before here, had this bucket not been full.
    passed: u8,
    slots: [Option<T>; SLOTS],
}

impl<T> Default for Buckets<T> {
    fn default() -> Self {
        Self { buckets: Box::default(), len: 0 }
    }
}

impl<T> Buckets<T> {
    /// The position of the entry with this hash that `is_it`.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(&T) -> bool) -> Option<usize> {
        for at in self.way(hash) {
            let bucket = &self.buckets[at];
            let is_it = |slot: &usize| bucket.slots[*slot].as_ref().is_some_and(&is_it);
            if let Some(slot) = bucket.candidates(tag(hash)).find(is_it) {
                return Some(at * STRIDE + slot);
            }
            if bucket.passed == 0 {
                break;
            }
        }
        None
    }

    /// Starts fetching the bucket in which an entry with this hash would stand.
    #[inline]
    pub(super) fn fetch_ahead(&self, hash: u64) {
        if !self.buckets.is_empty() {
            // With the next one, in which an entry that found its bucket full most likely stands.
            prefetch(&raw const self.buckets[self.home(hash)], 2 * size_of::<Bucket<T>>());
        }
    }

    /// The position of the entry that most likely has this hash; it is not looked at.
    #[inline]
    pub(super) fn guess(&self, hash: u64) -> Option<usize> {
        for at in self.way(hash) {
            let bucket = &self.buckets[at];
            if let Some(slot) = bucket.candidates(tag(hash)).next() {
                return Some(at * STRIDE + slot);
            }
            if bucket.passed == 0 {
                break;
            }
        }
        None
    }

    #[inline]
    pub(super) fn get(&self, position: usize) -> Option<&T> {
        self.buckets.get(position / STRIDE)?.slots.get(position % STRIDE)?.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, position: usize) -> Option<&mut T> {
        self.buckets.get_mut(position / STRIDE)?.slots.get_mut(position % STRIDE)?.as_mut()
    }

    /// True when the next [`Buckets::insert`] will move entries.
    pub(super) fn is_full(&self) -> bool {
        self.len >= self.buckets.len() * FULL / 2
    }

    /// Inserts an entry that is not there; returns its position. `hash_of` tells the hashes of the
    /// others, should they move; `fetch_ahead` fetches what that looks at.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        entry: T,
        hash_of: impl Fn(&T) -> u64,
        fetch_ahead: impl Fn(&T),
    ) -> usize {
        if self.is_full() {
            self.resize(size_above(self.buckets.len()), hash_of, fetch_ahead);
        }
        self.len += 1;
        self.place(hash, entry)
    }

    /// Takes the entry at `position` out, given its hash. The others stay where they are.
    pub(super) fn remove(&mut self, position: usize, hash: u64) -> Option<T> {
        let (at, slot) = (position / STRIDE, position % STRIDE);
        let bucket = self.buckets.get_mut(at)?;
        let entry = bucket.slots.get_mut(slot)?.take()?;
        bucket.tags[slot] = 0;
        self.len -= 1;
        for passed in self.way(hash).take_while(|&passed| passed != at) {
            let passed = &mut self.buckets[passed].passed;
            *passed -= u8::from(*passed != MANY);
        }
        Some(entry)
    }

    /// Makes the table as small as its entries allow.
    pub(super) fn shrink(&mut self, hash_of: impl Fn(&T) -> u64, fetch_ahead: impl Fn(&T)) {
        let needed = (self.len * 2).div_ceil(FULL);
        self.resize(if needed == 0 { 0 } else { size_above(needed - 1) }, hash_of, fetch_ahead);
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All positions are below this one.
    pub(super) fn positions(&self) -> usize {
        self.buckets.len() * STRIDE
    }

    /// Bytes of memory that the table takes, without what its entries own.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    fn resize(&mut self, buckets: usize, hash_of: impl Fn(&T) -> u64, fetch_ahead: impl Fn(&T)) {
        /// Far enough ahead for memory to answer in time.
        const AHEAD: usize = 2;
        let fresh = iter::repeat_with(Bucket::default).take(buckets).collect();
        let mut old = std::mem::replace(&mut self.buckets, fresh);
        for at in 0..old.len() {
            if let Some(next) = old.get(at + AHEAD) {
                next.slots.iter().flatten().for_each(&fetch_ahead);
            }
            for entry in old[at].slots.iter_mut().filter_map(Option::take) {
                self.place(hash_of(&entry), entry);
            }
        }
    }

    /// Puts an entry into the first bucket on its way that has room. There is one.
    fn place(&mut self, hash: u64, entry: T) -> usize {
        let mut at = self.home(hash);
        loop {
            let bucket = &mut self.buckets[at];
            if let Some(slot) = bucket.candidates(0).next() {
                bucket.tags[slot] = tag(hash);
                bucket.slots[slot] = Some(entry);
                return at * STRIDE + slot;
            }
            bucket.passed = bucket.passed.saturating_add(1);
            at = self.after(at);
        }
    }

    /// The buckets in which an entry with this hash may stand, the likeliest first.
    #[inline]
    fn way(&self, hash: u64) -> impl Iterator<Item = usize> + use<T> {
        let buckets = self.buckets.len();
        let mut next = self.home(hash);
        (0..buckets).map(move |_| {
            let at = next;
            next = if at + 1 == buckets { 0 } else { at + 1 };
            at
        })
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        // The lower half of the hash as a fraction, times the number of buckets.
        (((hash & u64::from(u32::MAX)) * self.buckets.len() as u64) >> 32) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.buckets.len() { 0 } else { at + 1 }
    }
}

impl<T> Default for Bucket<T> {
    fn default() -> Self {
        Self { tags: [0; SLOTS], passed: 0, slots: [const { None }; SLOTS] }
    }
}

impl<T> Bucket<T> {
    /// The slots with this tag, and now and then one that only looks so.
    #[inline]
    fn candidates(&self, tag: u8) -> impl Iterator<Item = usize> + use<T> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGH: u64 = 0x0080_8080_8080_8080; // not of `passed`, the highest byte
        let [a, b, c, d, e, f, g] = self.tags;
        let tags = u64::from_le_bytes([a, b, c, d, e, f, g, self.passed]);
        // The classic test for zero bytes: a byte above a zero one may be taken for one, too.
        let unlike = tags ^ (u64::from(tag) * ONES);
        let mut alike = unlike.wrapping_sub(ONES) & !unlike & HIGH;
        iter::from_fn(move || {
            let slot = alike.trailing_zeros() as usize / 8;
            let found = alike != 0;
            alike &= alike.wrapping_sub(1);
            found.then_some(slot)
        })
    }
}

/// The next number of buckets that a table may have: four sizes to each power of two, which are
/// those that the allocator has, too, less the bucket that it adds to align the others.
fn size_above(buckets: usize) -> usize {
    let block = buckets + 1;
    let step = 1 << (block.max(4).ilog2() - 2);
    (block / step + 1) * step - 1
}

/// From the highest bits of the hash; those between choose the segment.
#[inline]
fn tag(hash: u64) -> u8 {
    ((hash >> 56) as u8).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ahash::RandomState;
    use std::collections::BTreeMap;

    type Table = Buckets<Box<u64>>;

    fn insert(table: &mut Table, hasher: &RandomState, n: u64) -> usize {
        table.insert(hasher.hash_one(n), Box::new(n), |n| hasher.hash_one(**n), |_| ())
    }

    fn position(table: &Table, hasher: &RandomState, n: u64) -> Option<usize> {
        table.find(hasher.hash_one(n), |entry| **entry == n)
    }

    #[test]
    fn a_bucket_is_a_cache_line() {
        assert_eq!((size_of::<Bucket<Box<u64>>>(), align_of::<Bucket<Box<u64>>>()), (64, 64));
    }

    #[test]
    fn it_holds_what_a_map_holds() {
        let hasher = RandomState::with_seed(7);
        let (mut table, mut model) = (Table::default(), BTreeMap::new());
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..200_000u64 {
            // Waves of more insertions and of more removals.
            let n = random.u64(0..5_000);
            let grows = round / 20_000 % 2 == 0;
            if random.u8(0..10) < if grows { 7 } else { 2 } {
                if position(&table, &hasher, n).is_none() {
                    insert(&mut table, &hasher, n);
                    model.insert(n, ());
                }
            } else if let Some(at) = position(&table, &hasher, n) {
                assert_eq!(table.remove(at, hasher.hash_one(n)), Some(Box::new(n)));
                model.remove(&n);
            } else {
                assert!(!model.contains_key(&n));
            }
            if random.u16(..) == 0 {
                table.shrink(|n| hasher.hash_one(**n), |_| ());
            }
            assert_eq!(table.len(), model.len());
        }
        for n in 0..5_000 {
            let found = position(&table, &hasher, n).and_then(|at| table.get(at));
            assert_eq!(found.is_some(), model.contains_key(&n), "{n}");
        }
        let all = (0..table.positions()).filter_map(|at| table.get(at));
        assert!(
            all.map(|n| **n).collect::<std::collections::BTreeSet<_>>().iter().eq(model.keys())
        );
    }

    #[test]
    fn counters_of_passers_by_go_back_to_zero() {
        let hasher = RandomState::with_seed(1);
        let mut table = Table::default();
        for n in 0..10_000 {
            insert(&mut table, &hasher, n);
        }
        assert!(table.buckets.iter().any(|bucket| bucket.passed > 0), "some do overflow");
        for n in 0..10_000 {
            let at = position(&table, &hasher, n).expect("it is there");
            table.remove(at, hasher.hash_one(n));
        }
        assert_eq!((table.len(), table.positions() > 0), (0, true));
        assert!(table.buckets.iter().all(|bucket| bucket.passed == 0 && bucket.tags == [0; SLOTS]));
    }

    #[test]
    fn sizes_are_those_of_the_allocator() {
        let sizes: Vec<_> =
            iter::successors(Some(0), |&size| Some(size_above(size))).take(16).collect();
        assert_eq!(sizes, [0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 15, 19, 23, 27, 31]);
        assert_eq!((size_above(1278), size_above(1279)), (1279, 1535));
    }

    #[test]
    fn equal_hashes_are_kept_apart_however_many() {
        let mut table = Table::default();
        for n in 0..1000 {
            table.insert(42, Box::new(n), |_| 42, |_| ());
        }
        for n in (0..1000).rev() {
            let at = table.find(42, |entry| **entry == n).expect("it is there");
            assert_eq!(table.remove(at, 42), Some(Box::new(n)));
        }
        assert!(table.find(42, |_| true).is_none());
    }

    #[test]
    fn it_takes_less_than_13_bytes_an_entry_once_it_has_grown() {
        let hasher = RandomState::with_seed(3);
        let mut table = Table::default();
        for n in 0..20_000 {
            insert(&mut table, &hasher, n);
            let worst = if n < 200 { 64 } else { 13 };
            assert!(table.memory() <= worst * (n as usize + 1), "{} for {n}", table.memory());
        }
        (0..20_000).filter(|n| n % 10 > 0).for_each(|n| {
            let at = position(&table, &hasher, n).expect("it is there");
            table.remove(at, hasher.hash_one(n));
        });
        table.shrink(|n| hasher.hash_one(**n), |_| ());
        assert!(table.memory() <= 12 * 2_000, "{}", table.memory());
        assert!((0..20_000).step_by(10).all(|n| position(&table, &hasher, n).is_some()));
    }
}
