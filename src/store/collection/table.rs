//! The hash table inside large collections: linear hashing (Litwin, 1980) over small buckets.
//!
//! A table has any number of buckets, and the lowest bits of a hash choose one. When there are too
//! many items for them, one bucket is split in two, the next one in turn; when there are too few, the
//! last bucket goes back into the one it came from. So no change does more work than two buckets
//! take, however large the table is. Buckets stand in pages that are never moved once they are full.
//!
//! With `2^n` to `2^(n+1)` buckets, the lowest n bits of a hash choose the bucket, or n+1 where it
//! has been split already. Read from the lowest bit upwards, the bits of all hashes form a line, and
//! each bucket is a stretch of it: splitting and merging cut the line elsewhere, but never change its
//! order. A scan goes along that line, and so sees every item that is there from its start to its
//! end, whatever happens to the buckets meanwhile, and never begins anew.

use std::mem::size_of;
use std::sync::LazyLock;

use ahash::RandomState;

use super::bucket::{Bucket, tag};
use crate::store::free;
use crate::store::prefetch::prefetch;

/// Items for each bucket on average, at most.
const FULL: usize = 10;
/// And at least, before buckets are merged.
const SPARSE: usize = 5;
/// Buckets of a page: 12 KiB.
const PAGE: usize = 256;

/// The hash of what an item is found by: keyed at random, so that chosen keys cannot collide.
#[inline]
pub(in crate::store) fn hash(bytes: &[u8]) -> u64 {
    static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    HASHER.hash_one(bytes)
}

/// A set of items. Each call that needs an item's hash again takes a function for it, `rehash`.
pub(super) struct Table<T: Send + 'static> {
    /// All but the last have `PAGE` buckets.
    pages: Vec<Vec<Bucket<T>>>,
    buckets: usize,
    len: usize,
    /// No bucket has ever had more items.
    longest: usize,
    /// For how many items the buckets have allocated memory.
    room: usize,
}

impl<T: Send + 'static> Default for Table<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), buckets: 0, len: 0, longest: 0, room: 0 }
    }
}

impl<T: Send + 'static> Table<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that the table has allocated, without what its items hold.
    pub(super) fn heap_size(&self) -> usize {
        let full = self.pages.len().saturating_sub(1) * PAGE;
        let buckets = full + self.pages.last().map_or(0, Vec::capacity);
        self.pages.capacity() * size_of::<Vec<Bucket<T>>>()
            + buckets * size_of::<Bucket<T>>()
            + self.room * size_of::<T>()
    }

    /// The item with this hash that `is` says it is.
    #[inline]
    pub(super) fn find(&self, hash: u64, is: impl FnMut(&T) -> bool) -> Option<&T> {
        let bucket = self.bucket(self.address(hash))?;
        bucket.items.get(bucket.position(tag(hash), is)?)
    }

    /// Starts fetching what tells where an item with this hash stands.
    #[inline]
    pub(super) fn fetch_ahead(&self, hash: u64) {
        self.bucket(self.address(hash)).inspect(|bucket| prefetch(*bucket, size_of_val(*bucket)));
    }

    /// When that has come, starts fetching the place of the item. False if there is none.
    #[inline]
    pub(super) fn fetch_place(&self, hash: u64) -> bool {
        self.bucket(self.address(hash)).is_some_and(|bucket| bucket.fetch_place(tag(hash)))
    }

    /// The item that most likely has this hash.
    #[inline]
    pub(super) fn guess(&self, hash: u64) -> Option<&T> {
        self.find(hash, |_| true)
    }

    /// Starts fetching the items of the bucket for a hash, which has come meanwhile.
    #[inline]
    pub(super) fn fetch_items(&self, hash: u64) {
        if let Some(bucket) = self.bucket(self.address(hash)) {
            prefetch(bucket.items.as_ptr(), bucket.items.len() * size_of::<T>());
        }
    }

    /// As [`Table::find`]. The item must not become another one.
    #[inline]
    pub(super) fn find_mut(&mut self, hash: u64, is: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let bucket = self.bucket_mut(self.address(hash))?;
        let position = bucket.position(tag(hash), is)?;
        bucket.items.get_mut(position)
    }

    /// Puts in an item that is not there.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, item: T, rehash: impl Fn(&T) -> u64) {
        if self.len >= self.buckets * FULL {
            self.split(rehash);
        }
        self.len += 1;
        self.put(self.address(hash), tag(hash), item);
    }

    /// Takes out the item with this hash that `is` says it is.
    pub(super) fn remove(
        &mut self,
        hash: u64,
        is: impl FnMut(&T) -> bool,
        rehash: impl Fn(&T) -> u64,
    ) -> Option<T> {
        let index = self.address(hash);
        let position = self.bucket(index)?.position(tag(hash), is)?;
        self.take(index, position, rehash)
    }

    /// Takes out an item that is picked as [`Table::pick`] does.
    pub(super) fn pop(
        &mut self,
        random: impl FnMut(usize) -> usize,
        rehash: impl Fn(&T) -> u64,
    ) -> Option<T> {
        let (index, position) = self.any(random)?;
        self.take(index, position, rehash)
    }

    /// Takes out the item at a position of a bucket.
    fn take(&mut self, index: usize, position: usize, rehash: impl Fn(&T) -> u64) -> Option<T> {
        let bucket = self.bucket_mut(index)?;
        let before = bucket.items.capacity();
        let item = bucket.take(position, &rehash);
        bucket.shrink();
        let after = bucket.items.capacity();
        self.room = self.room + after - before;
        self.len -= 1;
        if self.len < self.buckets * SPARSE {
            self.merge(rehash);
        }
        Some(item)
    }

    /// All items, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten().flat_map(|bucket| &bucket.items)
    }

    /// An item, each as likely as any other, picked with the numbers that `random(n)` draws from
    /// 0..n.
    pub(super) fn pick(&self, random: impl FnMut(usize) -> usize) -> Option<&T> {
        let (index, position) = self.any(random)?;
        self.bucket(index)?.items.get(position)
    }

    /// The bucket of some item, and its position there.
    fn any(&self, mut random: impl FnMut(usize) -> usize) -> Option<(usize, usize)> {
        if self.is_empty() {
            return None;
        }
        // A place in a bucket of the longest kind. Most buckets have an item at one in a few places.
        loop {
            let (index, position) = (random(self.buckets), random(self.longest));
            if position < self.bucket(index)?.items.len() {
                return Some((index, position));
            }
        }
    }

    /// Visits about `count` items from `cursor` on; returns where to go on. 0 is the beginning, and
    /// the end. `fetch` starts fetching what `see` will look at, for a bucket's items all at once.
    pub(super) fn scan(
        &self,
        cursor: u64,
        count: usize,
        fetch: impl Fn(&T),
        mut see: impl FnMut(&T),
    ) -> u64 {
        let (mut cursor, mut work) = (cursor, 0);
        loop {
            let index = self.address(cursor);
            let items = self.bucket(index).map_or(&[][..], |bucket| &bucket.items);
            items.iter().for_each(&fetch);
            // A bucket costs work though it be empty.
            work += items.len().max(1);
            cursor = behind(cursor, self.mask(index));
            if work < count {
                self.fetch_ahead(cursor);
            }
            items.iter().for_each(&mut see);
            if cursor == 0 || work >= count {
                return cursor;
            }
        }
    }

    /// The number of the bucket for a hash.
    #[inline]
    fn address(&self, hash: u64) -> usize {
        let wide = self.wide();
        let index = hash as usize & wide;
        if index < self.buckets { index } else { index & (wide >> 1) }
    }

    /// The bits of a hash that tell buckets apart which have been split in this round.
    #[inline]
    fn wide(&self) -> usize {
        self.buckets.next_power_of_two() - 1
    }

    /// The bits of a hash by which the items of a bucket came to it.
    fn mask(&self, index: usize) -> usize {
        let (wide, narrow) = (self.wide(), self.wide() >> 1);
        let twin = (index & narrow) + narrow + 1;
        if twin < self.buckets { wide } else { narrow }
    }

    #[inline]
    fn bucket(&self, index: usize) -> Option<&Bucket<T>> {
        self.pages.get(index / PAGE)?.get(index % PAGE)
    }

    #[inline]
    fn bucket_mut(&mut self, index: usize) -> Option<&mut Bucket<T>> {
        self.pages.get_mut(index / PAGE)?.get_mut(index % PAGE)
    }

    #[inline]
    fn put(&mut self, index: usize, tag: u8, item: T) {
        let Some(bucket) = self.bucket_mut(index) else { return };
        let before = bucket.items.capacity();
        bucket.push(tag, item);
        let (len, after) = (bucket.items.len(), bucket.items.capacity());
        self.room += after - before;
        self.longest = self.longest.max(len);
    }

    /// Adds a bucket, with the items that it takes over from the one whose turn it is.
    fn split(&mut self, rehash: impl Fn(&T) -> u64) {
        let new = self.buckets;
        if new.is_multiple_of(PAGE) {
            // The first page grows with a small table; a large one has another as a whole.
            self.pages.push(Vec::with_capacity(if new == 0 { 0 } else { PAGE }));
        }
        let Some(page) = self.pages.last_mut() else { return };
        page.push(Bucket::default());
        self.buckets += 1;
        let wide = self.wide();
        let old = new & (wide >> 1);
        if old == new {
            return; // the first one
        }
        let Some(bucket) = self.bucket_mut(old) else { return };
        let room = bucket.items.capacity();
        let items = std::mem::take(&mut bucket.items);
        self.room -= room;
        for item in items {
            let hash = rehash(&item);
            self.put(hash as usize & wide, tag(hash), item);
        }
    }

    /// Gives the items of the last bucket back to the one they came from.
    fn merge(&mut self, rehash: impl Fn(&T) -> u64) {
        if self.buckets <= 1 {
            return;
        }
        let narrow = self.wide() >> 1;
        self.buckets -= 1;
        let to = self.buckets & narrow;
        let Some(page) = self.pages.last_mut() else { return };
        let Some(bucket) = page.pop() else { return };
        if page.is_empty() {
            self.pages.pop();
        }
        self.room -= bucket.items.capacity();
        for (tag, item) in bucket.into_tagged(rehash) {
            self.put(to, tag, item);
        }
    }
}

/// The cursor behind the bucket that a cursor is in: the next one on the line of hashes, whose
/// digits begin with the lowest bit.
fn behind(cursor: u64, mask: usize) -> u64 {
    (cursor | !(mask as u64)).reverse_bits().wrapping_add(1).reverse_bits()
}

impl<T: Clone + Send + 'static> Clone for Table<T> {
    fn clone(&self) -> Self {
        let pages: Vec<Vec<Bucket<T>>> = self
            .pages
            .iter()
            .map(|page| {
                let mut copy = Vec::with_capacity(page.capacity());
                copy.extend(page.iter().cloned());
                copy
            })
            .collect();
        let room = pages.iter().flatten().map(|bucket| bucket.items.capacity()).sum();
        Self { pages, room, ..*self }
    }
}

impl<T: Send + 'static> Drop for Table<T> {
    fn drop(&mut self) {
        if self.len > free::MANY {
            free::later(self.heap_size(), std::mem::take(&mut self.pages));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::HashSet;
    use std::sync::mpsc::{self, Sender};
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    type Numbers = Table<u64>;

    /// As [`hash`], without chance: the finalizer of MurmurHash3.
    fn mix(number: &u64) -> u64 {
        let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        mixed ^ (mixed >> 33)
    }

    fn add(table: &mut Numbers, number: u64) {
        table.insert(mix(&number), number, mix);
    }

    fn remove(table: &mut Numbers, number: u64) -> Option<u64> {
        table.remove(mix(&number), |other| *other == number, mix)
    }

    fn has(table: &Numbers, number: u64) -> bool {
        table.find(mix(&number), |other| *other == number).is_some()
    }

    fn room(table: &Numbers) -> usize {
        table.pages.iter().flatten().map(|bucket| bucket.items.capacity()).sum()
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_set(steps in prop::collection::vec((0u64..400, 0u8..3), 0..2000)) {
            let (mut table, mut model) = (Numbers::default(), HashSet::new());
            for (number, step) in steps {
                match step {
                    0 => {
                        prop_assert_eq!(remove(&mut table, number).is_some(), model.remove(&number));
                    }
                    _ => if model.insert(number) {
                        add(&mut table, number);
                    },
                }
                prop_assert_eq!(table.len(), model.len());
                prop_assert_eq!(has(&table, number), model.contains(&number));
            }
            prop_assert_eq!(room(&table), table.room);
            let items: HashSet<u64> = table.iter().copied().collect();
            prop_assert_eq!(items.len(), table.len());
            prop_assert_eq!(&items, &model);
            let copy = table.clone();
            prop_assert!(model.iter().all(|number| has(&copy, *number)));
        }

        /// Whatever is there from the beginning to the end is seen, although others come and go.
        #[test]
        fn a_scan_sees_all_that_stay(
            stay in 1u64..500,
            counts in prop::collection::vec(1usize..50, 1..8),
            waves in prop::collection::vec(0u64..2000, 1..30),
        ) {
            let mut table = Numbers::default();
            (0..stay).for_each(|number| add(&mut table, number));
            let mut others = 0;
            let mut seen = HashSet::new();
            let (mut cursor, mut turn) = (0, 0);
            loop {
                cursor = table.scan(cursor, counts[turn % counts.len()], |_| (), |number| {
                    seen.insert(*number);
                });
                if cursor == 0 {
                    break;
                }
                // Grow or shrink to another size; after some turns, let it come to its end.
                let wanted = if turn < 200 { waves[turn % waves.len()] } else { others };
                (others..wanted).for_each(|number| add(&mut table, 1000 + number));
                for number in wanted..others {
                    prop_assert!(remove(&mut table, 1000 + number).is_some());
                }
                others = wanted;
                turn += 1;
            }
            prop_assert!((0..stay).all(|number| seen.contains(&number)));
        }
    }

    #[test]
    fn a_scan_of_a_table_at_rest_sees_each_item_once_in_small_portions() {
        let mut table = Numbers::default();
        (0..10_000).for_each(|number| add(&mut table, number));
        let (mut cursor, mut seen) = (0, Vec::new());
        loop {
            let before = seen.len();
            cursor = table.scan(cursor, 10, |_| (), |number| seen.push(*number));
            assert!(seen.len() - before <= 10 + table.longest);
            if cursor == 0 {
                break;
            }
        }
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..10_000));
        for garbage in [u64::MAX, 1 << 63, 12_345_678_901_234_567] {
            table.scan(garbage, 10, |_| (), |_| ()); // any client may send any cursor
        }
    }

    #[test]
    fn a_table_that_grows_while_it_is_scanned_comes_to_an_end() {
        let mut table = Numbers::default();
        (0..1000).for_each(|number| add(&mut table, number));
        let (mut cursor, mut calls, mut next) = (0, 0, 1000);
        loop {
            cursor = table.scan(cursor, 10, |_| (), |_| ());
            calls += 1;
            if cursor == 0 {
                break;
            }
            (next..next + 5).for_each(|number| add(&mut table, number));
            next += 5;
        }
        assert!(calls < 1000, "{calls}");
    }

    /// What stops others is counted, not timed: how often a single change hashes an item anew.
    #[test]
    fn no_change_of_a_large_table_moves_many_items() {
        const ITEMS: u64 = 500_000;
        let mut table = Numbers::default();
        let (work, mut most) = (Cell::new(0), 0);
        let counted = |number: &u64| {
            work.set(work.get() + 1);
            mix(number)
        };
        for number in 0..ITEMS {
            table.insert(mix(&number), number, counted);
            most = most.max(work.take());
        }
        assert!(table.longest < 7 * FULL, "{}", table.longest);
        for number in 0..ITEMS {
            table.remove(mix(&number), |other| *other == number, counted);
            most = most.max(work.take());
        }
        assert!(most < 100, "{most}");
        assert_eq!(table.buckets, 1);
        assert!(table.room <= Bucket::<u64>::STEP);
    }

    #[test]
    fn little_memory_is_spent_besides_the_items() {
        let mut table = Numbers::default();
        for number in 0..100_000 {
            add(&mut table, number);
            let overhead = table.heap_size() - table.len() * size_of::<u64>();
            assert!(number < 5000 || overhead < 12 * table.len(), "{number}: {overhead}");
        }
    }

    #[test]
    fn each_item_is_picked_as_often_as_any_other() {
        const PICKS: usize = 100;
        let mut random = fastrand::Rng::with_seed(1);
        let mut table = Numbers::default();
        assert!(table.pick(|n| random.usize(0..n)).is_none());
        (0..1000).for_each(|number| add(&mut table, number));
        let mut picked = [0; 1000];
        for _ in 0..PICKS * picked.len() {
            picked[*table.pick(|n| random.usize(0..n)).expect("it is not empty") as usize] += 1;
        }
        // Six standard deviations, which are the square root of the mean.
        assert!(picked.iter().all(|times| (PICKS - 60..PICKS + 60).contains(times)), "{picked:?}");
    }

    /// Tells on which thread it is dropped.
    struct Tells(Sender<Option<String>>);

    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.0.send(thread::current().name().map(str::to_owned));
        }
    }

    #[test]
    fn a_large_table_is_dropped_elsewhere_and_a_small_one_here() {
        for (len, elsewhere) in [(100, false), (free::MANY + 1, true)] {
            let (sender, dropped) = mpsc::channel();
            let mut table = Table::default();
            for number in 0..len as u64 {
                table.insert(mix(&number), (number, Tells(sender.clone())), |(n, _)| mix(n));
            }
            drop((sender, table));
            let threads: Vec<_> = dropped.iter().collect();
            assert_eq!(threads.len(), len);
            assert!(threads.iter().all(|name| (name.as_deref() == Some("free")) == elsewhere));
        }
    }
}
