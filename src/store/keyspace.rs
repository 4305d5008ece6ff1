//! One reactor's way to the keys.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use ahash::RandomState;

use super::access::{AccessClock, Lfu, Use};
use super::collection::{Collection, WrongType};
use super::entry::Entry;
use super::eviction::Evictor;
use super::expiry::{Aged, SHED, Sweep, age};
use super::free;
use super::gate::{Place, SEGMENTS, Side};
use super::segment::Segment;
use super::slot::{Change, Slot};
use super::value::{New, Owned, Value};
use crate::clock::Now;

/// A reactor's handle on the store.
pub struct Keyspace {
    pub(super) side: Side,
    pub(super) hasher: RandomState,
    pub(super) now_ms: u64,
    pub(super) clock: AccessClock,
    /// CLIENT NO-TOUCH: reads leave the access times as they are.
    touch: bool,
    tally: Tally,
    pub(super) sweep: Sweep,
    /// Waits that have begun, on all handles.
    pub(super) arrivals: Arc<AtomicU64>,
    /// Keys that have got a value and that somebody waits for, with their databases.
    pub(super) ready: VecDeque<(usize, Box<[u8]>)>,
    pub(super) evictor: Evictor,
}

/// What happened since the last [`Keyspace::take_tally`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Reads of keys that were there.
    pub hits: u64,
    pub misses: u64,
    /// Keys whose time was over.
    pub expired: u64,
    /// Keys given up because memory was short.
    pub evicted: u64,
    /// All changes of keys.
    pub changes: u64,
}

impl Keyspace {
    /// Makes a store of `databases` databases, with one handle for each of `reactors` reactors.
    /// Handles are all there is to a store: a single one never locks, since nobody shares with it.
    pub fn all(databases: usize, reactors: usize) -> Vec<Self> {
        // Keyed at random, once: chosen keys cannot be made to collide.
        let hasher = RandomState::new();
        let arrivals = Arc::<AtomicU64>::default();
        let open = |side| Self {
            side,
            hasher: hasher.clone(),
            now_ms: 0,
            clock: AccessClock::new(),
            touch: true,
            tally: Tally::default(),
            sweep: Sweep::default(),
            arrivals: Arc::clone(&arrivals),
            ready: VecDeque::new(),
            evictor: Evictor::default(),
        };
        Side::all(databases, reactors).into_iter().map(open).collect()
    }

    /// Tells the time; keys expire against it.
    #[inline]
    pub fn set_now(&mut self, now: Now) {
        self.now_ms = now.unix_ms();
        self.clock.set_now(now);
    }

    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// How uses of keys are counted; None, as at first, keeps the time of the last one instead.
    #[inline]
    pub fn set_lfu(&mut self, lfu: Option<Lfu>) {
        self.clock.set_lfu(lfu);
    }

    /// Whether reads count as accesses; they do by default.
    #[inline]
    pub fn set_touch(&mut self, touch: bool) {
        self.touch = touch;
    }

    /// A batch of requests begins; see [`Keyspace::leave`].
    pub fn enter(&mut self) {
        self.side.enter();
    }

    /// The batch is over: exclusive requests elsewhere may run.
    pub fn leave(&mut self) {
        self.side.leave();
    }

    /// Settles that a request touches these keys of one database. Ends with [`Keyspace::release`].
    #[inline]
    pub fn hold<'k>(&mut self, db: usize, keys: impl Iterator<Item = &'k [u8]>) {
        if self.side.is_sole() {
            return;
        }
        let hasher = &self.hasher;
        self.side.hold(keys.map(|key| place(db, hasher.hash_one(key))));
    }

    /// Settles that a request may touch any key. Ends with [`Keyspace::release`].
    pub fn exclude(&mut self) {
        self.side.exclude();
    }

    /// A request is done.
    #[inline]
    pub fn release(&mut self) {
        self.side.release();
    }

    /// The value of a key that is there and not expired. Counts a hit or a miss.
    #[inline]
    pub fn read(&mut self, db: usize, key: &[u8]) -> Option<Value<'_>> {
        let (place, position) = self.look_up(db, key)?;
        let segment = self.side.segment(place);
        let entry = segment.at_mut(position)?;
        if self.touch {
            self.clock.touch(entry);
        }
        Some(entry.value())
    }

    /// As [`Keyspace::read`], of a key that holds a collection of one type.
    #[inline]
    pub fn read_as<T: Collection>(
        &mut self,
        db: usize,
        key: &[u8],
    ) -> Result<Option<&T>, WrongType> {
        let Some(value) = self.read(db, key) else { return Ok(None) };
        T::of(value).map(Some).ok_or(WrongType)
    }

    /// As [`Keyspace::read`], of several keys, whose values are seen at the same time.
    pub fn read_all<'k>(
        &mut self,
        db: usize,
        keys: impl Iterator<Item = &'k [u8]> + Clone,
    ) -> Vec<Option<Value<'_>>> {
        for key in keys.clone() {
            self.read(db, key);
        }
        keys.map(|key| self.view(db, key)).collect()
    }

    /// The value of a key, of which any number may be seen at the same time; no trace of it is left.
    pub fn view(&self, db: usize, key: &[u8]) -> Option<Value<'_>> {
        let hash = self.hasher.hash_one(key);
        let segment = self.side.look(place(db, hash));
        let entry = segment.at(segment.position(hash, key)?)?;
        (!is_due(entry, self.now_ms)).then(|| entry.value())
    }

    /// As [`Keyspace::read`], but what only asks about a key is no access to it.
    #[inline]
    pub fn inspect(&mut self, db: usize, key: &[u8]) -> Option<Peek<'_>> {
        let (place, position) = self.look_up(db, key)?;
        self.peek_at(place, position)
    }

    /// As [`Keyspace::read`], leaving no trace in counters or access times.
    pub fn peek(&mut self, db: usize, key: &[u8]) -> Option<Peek<'_>> {
        let (place, position) = self.find(db, key)?;
        self.peek_at(place, position)
    }

    #[inline]
    fn peek_at(&mut self, place: Place, position: usize) -> Option<Peek<'_>> {
        let segment = self.side.segment(place);
        Some(Peek { entry: segment.at(position)?, segment, clock: &self.clock })
    }

    /// Changes a key: the one way to write. `change` sees the key's slot, taken or empty.
    #[inline]
    pub fn write<R>(
        &mut self,
        db: usize,
        key: &[u8],
        change: impl FnOnce(&mut Slot<'_>) -> R,
    ) -> R {
        let hash = self.hasher.hash_one(key);
        let place = place(db, hash);
        let position = self.live(place, hash, key);
        let (segment, counts) = self.side.segment_and_counts(place);
        let hasher = &self.hasher;
        let half_done = false;
        let slot = Slot { segment, counts, hasher, key, hash, position, change: None, half_done };
        let (clock, ready, tally) = (&mut self.clock, &mut self.ready, &mut self.tally);
        let mut write = Write { slot, db, clock, ready, tally };
        change(&mut write.slot)
    }

    /// Notes a use that a key had elsewhere.
    pub fn set_use(&mut self, db: usize, key: &[u8], last_use: Use) {
        let Some((place, position)) = self.find(db, key) else { return };
        if let Some(entry) = self.side.segment(place).at_mut(position) {
            self.clock.set_use(entry, last_use);
        }
    }

    /// How many keys a database has.
    pub fn len(&self, db: usize) -> usize {
        self.side.count(db, |counts| &counts.keys)
    }

    /// How many keys of a database have an expiry.
    pub fn expiring(&self, db: usize) -> usize {
        self.side.count(db, |counts| &counts.expiring)
    }

    /// True if a key of a database expires, or an element of a collection.
    pub fn ages(&self, db: usize) -> bool {
        self.expiring(db) > 0 || self.side.count(db, |counts| &counts.shedding) > 0
    }

    /// True when no database has a key.
    pub fn is_empty(&self) -> bool {
        (0..self.databases()).all(|db| self.len(db) == 0)
    }

    pub fn databases(&self) -> usize {
        self.side.databases()
    }

    /// Exchanges two databases for all clients. Needs [`Keyspace::exclude`].
    pub fn swap(&mut self, one: usize, other: usize) {
        self.side.swap(one, other);
        self.exchange_queues(one, other);
        // Sweeps that are in the middle of a segment go on in the other database.
        for db in [one, other] {
            if self.side.is_untouched(db) {
                continue;
            }
            for segment in 0..SEGMENTS {
                self.side.visit(Place { db, segment }, |segment| segment.distrust_soonest());
            }
        }
        self.changed(Change::Set);
    }

    /// Removes all keys of a database; returns how many. Needs [`Keyspace::exclude`].
    ///
    /// `in_background` frees the memory on another thread.
    pub fn flush(&mut self, db: usize, in_background: bool) -> usize {
        let removed = self.len(db);
        let segments = self.side.take_all(db);
        self.tally.changes += removed as u64;
        if in_background && removed > 0 {
            let memory = |segment: &Segment| segment.table_memory() + segment.entry_memory();
            free::later(segments.iter().map(memory).sum(), segments);
        }
        removed
    }

    /// The memory that a database takes. Nothing may be held.
    pub fn memory(&mut self, db: usize) -> Memory {
        let mut sum = Memory::default();
        if self.side.is_untouched(db) {
            return sum;
        }
        for segment in 0..SEGMENTS {
            self.side.visit(Place { db, segment }, |segment| {
                sum.tables += segment.table_memory();
                sum.entries += segment.entry_memory();
            });
        }
        sum
    }

    /// Hands over the counts since the last call.
    #[inline]
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// As [`Keyspace::find`], and counts a hit or a miss.
    #[inline]
    fn look_up(&mut self, db: usize, key: &[u8]) -> Option<(Place, usize)> {
        let found = self.find(db, key);
        self.tally.hits += u64::from(found.is_some());
        self.tally.misses += u64::from(found.is_none());
        found
    }

    /// Where a key stands that is there and not expired.
    #[inline]
    fn find(&mut self, db: usize, key: &[u8]) -> Option<(Place, usize)> {
        let hash = self.hasher.hash_one(key);
        let place = place(db, hash);
        Some((place, self.live(place, hash, key)?))
    }

    /// The position of a key. It is removed first if its time is over; so are the elements of its
    /// collection whose time is, and those that are too many for one visit are hidden.
    #[inline]
    fn live(&mut self, place: Place, hash: u64, key: &[u8]) -> Option<usize> {
        let now_ms = self.now_ms;
        let segment = self.side.segment(place);
        let position = segment.position(hash, key)?;
        let entry = segment.at(position)?;
        if !is_due(entry, now_ms) && !entry.sheds() {
            return Some(position);
        }
        self.age(place, position, hash)
    }

    #[cold]
    fn age(&mut self, place: Place, position: usize, hash: u64) -> Option<usize> {
        let (segment, counts) = self.side.segment_and_counts(place);
        let aged = age(segment, counts, position, hash, self.now_ms, SHED);
        if aged == Aged::Gone {
            segment.shrink_if_sparse(&self.hasher);
        }
        if let Some(change) = aged.change() {
            self.changed(change);
        }
        (aged != Aged::Gone).then_some(position)
    }

    #[inline]
    pub(super) fn changed(&mut self, change: Change) {
        self.tally.count(change);
    }
}

/// A change of one key. What has become of it is noted at its end, even if that is a panic.
struct Write<'a> {
    slot: Slot<'a>,
    db: usize,
    clock: &'a mut AccessClock,
    ready: &'a mut VecDeque<(usize, Box<[u8]>)>,
    tally: &'a mut Tally,
}

impl Drop for Write<'_> {
    #[inline]
    fn drop(&mut self) {
        let slot = &mut self.slot;
        slot.settle();
        let Some(change) = slot.change else { return };
        if let Some(entry) = slot.position.and_then(|position| slot.segment.at_mut(position)) {
            self.clock.touch(entry);
        }
        let queues = slot.segment.queues.as_ref();
        if change == Change::Set && queues.is_some_and(|queues| queues.has(slot.key)) {
            self.ready.push_back((self.db, slot.key.into()));
        }
        self.tally.count(change);
    }
}

impl Tally {
    /// Every change of a key passes here; a flush counts all of its own at once.
    #[inline]
    fn count(&mut self, change: Change) {
        self.changes += 1;
        self.expired += u64::from(change == Change::Expired);
        self.evicted += u64::from(change == Change::Evicted);
    }
}

/// A key seen without touching it.
pub struct Peek<'a> {
    entry: &'a Entry,
    segment: &'a Segment,
    clock: &'a AccessClock,
}

impl<'a> Peek<'a> {
    pub fn value(&self) -> Value<'a> {
        self.entry.value()
    }

    /// Milliseconds since the Unix epoch.
    pub fn expiry(&self) -> Option<u64> {
        self.entry.expiry()
    }

    /// A copy of the value, with its expiry.
    pub fn to_owned(&self) -> Owned {
        let value = New::from(self.value());
        Owned(Entry::new(self.entry.key(), value, self.entry.expiry()))
    }

    /// Seconds since the last access; means nothing while accesses are counted instead.
    pub fn idle_s(&self) -> u32 {
        self.clock.idle_s(self.entry.access())
    }

    /// How often the key is used, on a scale of logarithms; needs [`Keyspace::set_lfu`].
    pub fn frequency(&self) -> u8 {
        self.clock.frequency(self.entry.access())
    }

    /// Bytes of memory that this key takes: entry, what the value holds, and its share of the table.
    pub fn memory(&self) -> usize {
        let table = self.segment.table_memory() / self.segment.len().max(1);
        self.entry.size() + self.value().heap_size() + table
    }
}

/// Bytes of memory that a database takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The hash tables.
    pub tables: usize,
    /// The keys with their values, without large shared ones and collections' elements.
    pub entries: usize,
}

/// True if nothing is left of a key. It may still be read in the millisecond in which it expires, as
/// in Redis.
#[inline]
pub(super) fn is_due(entry: &Entry, now_ms: u64) -> bool {
    entry.expiry().is_some_and(|at| now_ms > at) || entry.sheds() && entry.is_over(now_ms)
}

/// The segment for a hash. Its table uses the lower half and the highest eight bits; these are between.
#[inline]
pub(super) fn place(db: usize, hash: u64) -> Place {
    Place { db, segment: (hash >> 40) as usize % SEGMENTS }
}

impl Segment {
    /// Calls `see` for the live entries at `from..to`.
    pub(super) fn look_through(
        &self,
        from: usize,
        to: usize,
        now_ms: u64,
        see: &mut impl FnMut(&[u8], Value<'_>),
    ) -> usize {
        /// Positions whose entries are fetched before the first one is looked at.
        const TOGETHER: usize = 64;
        let mut seen = 0;
        for from in (from..to).step_by(TOGETHER) {
            let to = to.min(from + TOGETHER);
            let entries = || (from..to).filter_map(|position| self.at(position));
            entries().for_each(Entry::fetch_ahead);
            let live = entries().filter(|entry| !is_due(entry, now_ms));
            seen += live.map(|entry| see(entry.key(), entry.value())).count();
        }
        seen
    }
}
