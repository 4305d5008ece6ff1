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
pub(super) use set_members::member_hash;
pub use sorted_set::{Bounds, SortedSet, Update};
pub(super) use table::hash as text_hash;

use super::entry::InEntry;
use super::value::Value;

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

    /// Starts fetching what is looked at first: the beginning of a small collection, the ends of a large
    /// list, the bucket of a table. `element` is the hash of the one that is sought, if there is one.
    ///
    /// With several reactors the key may be changed between this and the steps that follow, each of which
    /// takes the collection as it finds it.
    fn fetch_ahead(&self, element: Option<u64>);

    /// When that has come, starts fetching what it tells: the rest of a small collection, or of a hash what
    /// finds its fields, or the place of the element in a table. True if the element itself is one step more.
    fn fetch_next(&self, element: Option<u64>) -> bool;

    /// When that has come, starts fetching the element.
    fn fetch_element(&self, element: u64);

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
