//! Values that have elements.
//!
//! A collection stands inside its entry, mostly as a [`form`] of eight bytes: small ones are
//! [`packed`] in one more allocation, large ones have a real structure. A new type is a file here that
//! implements [`Collection`], a variant of [`AnyCollection`] and [`Value`], and a kind in `entry.rs`;
//! the compiler names the places that are then left.

mod blob;
mod bucket;
mod chunk;
mod chunks;
mod deadlines;
mod element;
mod elements;
mod fields;
mod form;
mod hash;
mod integers;
mod list;
mod packed;
mod pair;
mod pairs;
mod ranking;
mod sequence;
mod set;
mod set_members;
mod slab;
mod sorted_set;
mod table;

pub use chunk::{ChunkSize, End};
pub use hash::Hash;
pub use list::List;
pub use pairs::Ends;
pub use set::{Set, SetLimits};
pub use sorted_set::{Bounds, SortedSet, Update};

use element::Element;
use set_members::member_hash;
use table::hash as text_hash;

use super::entry::InEntry;
use super::value::Value;

/// By what an element is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// In a large collection.
    hash: u64,
    /// Among the fields of a small hash.
    tag: u8,
}

impl Trace {
    /// That of a field of a hash, or of a member of a sorted set.
    #[inline]
    pub fn of_field(field: &[u8]) -> Self {
        Self { hash: text_hash(field), tag: Element::new(field).tag() }
    }

    /// That of a member of a set.
    #[inline]
    pub fn of_member(member: &[u8]) -> Self {
        Self { hash: member_hash(member), tag: 0 }
    }
}

/// One type of collection.
pub trait Collection: InEntry + Clone + Default + Send + 'static {
    /// The collection that a value is, if it is of this type.
    fn of(value: Value<'_>) -> Option<&Self>;

    fn into_any(self) -> AnyCollection;

    /// How many elements there are; of a hash, fields.
    fn len(&self) -> usize;

    /// A key whose collection has become empty is removed.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name that OBJECT ENCODING answers.
    fn encoding(&self) -> &'static str;

    /// Bytes allocated, those inside the entry not included; told without looking at each element.
    fn heap_size(&self) -> usize;

    /// Starts fetching what is looked at first, on the way to an element if one is sought.
    fn fetch_ahead(&self, element: Option<Trace>);

    /// When that has come, starts fetching what is looked at next. True if an element is behind that, to
    /// be fetched by [`Collection::fetch_element`].
    fn fetch_next(&self, element: Option<Trace>) -> bool;

    /// When that has come, starts fetching the element.
    fn fetch_element(&self, _element: Trace) {}

    /// Before this no element ends by itself, in milliseconds since the Unix epoch; None if none does.
    #[inline]
    fn soonest(&self) -> Option<u64> {
        None
    }
}

/// A collection on its way into the store.
#[derive(Clone, Debug)]
pub enum AnyCollection {
    Hash(Hash),
    List(List),
    Set(Set),
    SortedSet(SortedSet),
}

/// How large a collection may become before its packed form is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Elements; of a hash, fields.
    pub entries: usize,
    /// Bytes of an element.
    pub value: usize,
}

/// The key holds a value of another type than the one that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;
