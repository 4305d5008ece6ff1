//! Looking ahead: what a request will need is fetched into the processor's cache, step by step.
//!
//! To find an entry is to wait for memory twice, for the bucket that names it and for the entry; to
//! find a field of a large hash is to wait for more things, each of which names the next. Whoever has
//! many requests at hand takes each step for all of them before the next one, so that the waits
//! overlap. A step takes for granted that the one before has brought what it asked for.

use super::collection::{Collection, member_hash, text_hash};
use super::entry::Entry;
use super::gate::Place;
use super::keyspace::{Keyspace, place};
use super::value::Value;

/// What a request will look for.
#[derive(Clone, Copy, Debug)]
pub enum Sought<'a> {
    /// No more than the key's entry.
    Entry,
    /// The collection at the key.
    Collection,
    /// A field of the hash at the key, or a member of the sorted set.
    Field(&'a [u8]),
    /// A member of the set at the key.
    Member(&'a [u8]),
}

/// A request's way to what it will look for.
#[derive(Clone, Copy, Debug)]
pub struct Ahead {
    place: Place,
    hash: u64,
    is_inside: bool,
    /// The hash of a field or member, if one is sought.
    element: Option<u64>,
    /// Where the entry most likely stands.
    position: usize,
}

impl Ahead {
    /// True if both ways are one.
    #[inline]
    pub fn is_like(&self, other: &Self) -> bool {
        self.hash == other.hash && self.element == other.element && self.place == other.place
    }
}

/// All of these need that nothing is held.
impl Keyspace {
    /// Starts fetching what tells where a key stands.
    #[inline]
    pub fn fetch_bucket(&mut self, db: usize, key: &[u8], sought: Sought<'_>) -> Option<Ahead> {
        if self.side.is_untouched(db) {
            return None;
        }
        let hash = self.hasher.hash_one(key);
        let place = place(db, hash);
        self.side.visit(place, |segment| segment.fetch_bucket(hash));
        let (is_inside, element) = match sought {
            Sought::Entry => (false, None),
            Sought::Collection => (true, None),
            Sought::Field(field) => (true, Some(text_hash(field))),
            Sought::Member(member) => (true, Some(member_hash(member))),
        };
        Some(Ahead { place, hash, is_inside, element, position: 0 })
    }

    /// Starts fetching the entry. True if there are more steps to take.
    #[inline]
    pub fn fetch_entry(&mut self, ahead: &mut Ahead) -> bool {
        self.side.visit(ahead.place, |segment| {
            let Some(position) = segment.guess(ahead.hash) else { return false };
            ahead.position = position;
            segment.at(position).inspect(|entry| entry.fetch_ahead());
            ahead.is_inside
        })
    }

    /// Starts fetching what stands at the beginning of a collection, or tells where an element is.
    #[inline]
    pub fn fetch_collection(&mut self, ahead: &Ahead) {
        self.side.visit(ahead.place, |segment| {
            match segment.at(ahead.position).map(Entry::value) {
                None | Some(Value::String(_)) => {}
                Some(Value::Hash(hash)) => hash.fetch_ahead(ahead.element),
                Some(Value::List(list)) => list.fetch_ahead(ahead.element),
                Some(Value::Set(set)) => set.fetch_ahead(ahead.element),
                Some(Value::SortedSet(set)) => set.fetch_ahead(ahead.element),
            }
        });
    }

    /// Starts fetching what is looked at next in the collection. True if there is one more step to take.
    #[inline]
    pub fn fetch_next(&mut self, ahead: &Ahead) -> bool {
        self.side.visit(ahead.place, |segment| match segment.at(ahead.position).map(Entry::value) {
            None | Some(Value::String(_)) => false,
            Some(Value::Hash(hash)) => hash.fetch_next(ahead.element),
            Some(Value::List(list)) => list.fetch_next(ahead.element),
            Some(Value::Set(set)) => set.fetch_next(ahead.element),
            Some(Value::SortedSet(set)) => set.fetch_next(ahead.element),
        })
    }

    /// Starts fetching the element.
    #[inline]
    pub fn fetch_element(&mut self, ahead: &Ahead) {
        let Some(element) = ahead.element else { return };
        self.side.visit(ahead.place, |segment| {
            match segment.at(ahead.position).map(Entry::value) {
                None | Some(Value::String(_)) => {}
                Some(Value::Hash(hash)) => hash.fetch_element(element),
                Some(Value::List(list)) => list.fetch_element(element),
                Some(Value::Set(set)) => set.fetch_element(element),
                Some(Value::SortedSet(set)) => set.fetch_element(element),
            }
        });
    }
}
