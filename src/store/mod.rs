//! Keys and values: databases of small hash tables that all reactors share.
//!
//! A [`Keyspace`] is one reactor's way in. Requests read with [`Keyspace::read`] and change with
//! [`Keyspace::write`]; before, [`Keyspace::hold`] or [`Keyspace::exclude`] settles what a request
//! may touch. The store knows no protocol and no clock: time is told with [`Keyspace::set_now`].

mod access;
mod ahead;
mod buckets;
mod collection;
mod entry;
mod eviction;
mod expiry;
mod free;
mod gate;
mod keyspace;
mod prefetch;
mod scan;
mod segment;
mod slot;
mod value;
mod waiting;

pub use access::{Lfu, Use};
pub use ahead::{Ahead, Sought};
pub use collection::{
    AnyCollection, Bounds, ChunkSize, Collection, End, Ends, Hash, Limits, List, Set, SetLimits,
    SortedSet, Update, WrongType,
};
pub use eviction::{Order, Policy};
pub use free::unfreed;
pub use keyspace::{Keyspace, Memory, Peek, Tally};
pub use scan::Cursor;
pub use slot::{Change, Edit, Expiry, Slot};
pub use value::{New, Owned, SHARED_FROM, Text, Value};
pub use waiting::Ticket;
