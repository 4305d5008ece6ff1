//! One key with its value in one allocation.
//!
//! ```text
//! header  8 bytes   kind and flags | key length | value length | last access
//! expiry  8 bytes   only when the key expires
//! long    8 bytes   only when the key has 255 bytes or more: its length
//! word    8 or more only when the value is not inline text: an integer, a handle, or a collection
//! key     its bytes
//! text    the value's bytes, when it is text below SHARED_FROM
//! ```
//!
//! A 16-byte key with an 8-byte value takes 32 bytes.
#![allow(unsafe_code)] // a header with trailing bytes of any length cannot be written without

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::{align_of, size_of};
use std::ptr::NonNull;

use bytes::Bytes;

use super::access::UNUSED;
use super::collection::{AnyCollection, Collection, Hash, List, Set, SortedSet};
use super::expiry::Expiring;
use super::prefetch::prefetch;
use super::value::{New, SHARED_FROM, Text, Value};

/// Owns the allocation; as small as a pointer.
pub(super) struct Entry(NonNull<Header>);

// SAFETY: an Entry owns its allocation alone, and what it holds (bytes, integers, `Bytes`,
// collections) is Send.
unsafe impl Send for Entry {}

#[repr(C)]
struct Header {
    /// A `KIND_*` number, together with the `HAS_*` bits.
    tag: u8,
    /// 255: the length is in the `long` word.
    key_len: u8,
    /// Of inline text; below `SHARED_FROM`.
    text_len: u16,
    /// Written and read by [`super::access`].
    access: u32,
}

const KIND: u8 = 0b0000_1111;
const KIND_INTEGER: u8 = 0;
/// Text as it was set.
const KIND_TEXT: u8 = 1;
/// Text that was changed in place; Redis calls such a string "raw" whatever its length.
const KIND_RAW: u8 = 2;
const KIND_SHARED: u8 = 3;
/// From here on, types of collections.
const KIND_HASH: u8 = 4;
const KIND_LIST: u8 = 5;
const KIND_SET: u8 = 6;
const KIND_SORTED_SET: u8 = 7;
const HAS_EXPIRY: u8 = 0b1000_0000;
const HAS_LONG_KEY: u8 = 0b0100_0000;
/// Elements of the collection expire. It stays when the collection has moved out, as the expiry does.
const SHEDS: u8 = 0b0010_0000;

const LONG_KEY: usize = 255;
/// Bytes of an entry that are fetched ahead: the header, a key and a small value.
const FETCHED: usize = 128;
const ALIGN: usize = align_of::<u64>();

/// What may stand in the word of an entry: the types of collections. Only this file implements it,
/// as reading the word relies on its kinds.
pub trait InEntry: Sized {
    const KIND: u8;
}

impl InEntry for Hash {
    const KIND: u8 = KIND_HASH;
}

impl InEntry for List {
    const KIND: u8 = KIND_LIST;
}

impl InEntry for Set {
    const KIND: u8 = KIND_SET;
}

impl InEntry for SortedSet {
    const KIND: u8 = KIND_SORTED_SET;
}

/// Where the parts of an entry stand, in bytes from its beginning.
struct Plan {
    word: usize,
    key: usize,
    size: usize,
}

impl Plan {
    #[inline]
    fn new(tag: u8, key_len: usize, text_len: usize) -> Self {
        let expiry = if tag & HAS_EXPIRY != 0 { 8 } else { 0 };
        let long = if tag & HAS_LONG_KEY != 0 { 8 } else { 0 };
        let word = size_of::<Header>() + expiry + long;
        let key = word
            + match tag & KIND {
                KIND_INTEGER => size_of::<i64>(),
                KIND_SHARED => size_of::<Bytes>(),
                KIND_HASH => size_of::<Hash>(),
                KIND_LIST => size_of::<List>(),
                KIND_SET => size_of::<Set>(),
                KIND_SORTED_SET => size_of::<SortedSet>(),
                _ => 0,
            };
        // Whole words: a text that grows by a few bytes still fits where it is.
        let size = (key + key_len + text_len).next_multiple_of(ALIGN);
        Self { word, key, size }
    }

    fn layout(&self) -> Layout {
        Layout::from_size_align(self.size, ALIGN).expect("keys and texts are bounded by isize")
    }
}

impl Entry {
    pub(super) fn new(key: &[u8], value: New<'_>, expiry: Option<u64>) -> Self {
        let (kind, text) = match &value {
            New::Text(text) => (KIND_TEXT, *text),
            New::Raw(text) => (KIND_RAW, *text),
            New::Integer(_) => (KIND_INTEGER, &b""[..]),
            New::Shared(_) => (KIND_SHARED, &b""[..]),
            New::Collection(AnyCollection::Hash(_)) => (KIND_HASH, &b""[..]),
            New::Collection(AnyCollection::List(_)) => (KIND_LIST, &b""[..]),
            New::Collection(AnyCollection::Set(_)) => (KIND_SET, &b""[..]),
            New::Collection(AnyCollection::SortedSet(_)) => (KIND_SORTED_SET, &b""[..]),
        };
        // The header could not hold the length, and parts would be looked for beyond the entry.
        assert!(text.len() < SHARED_FROM, "longer texts are shared");
        let mut tag = kind;
        if expiry.is_some() {
            tag |= HAS_EXPIRY;
        }
        if key.len() >= LONG_KEY {
            tag |= HAS_LONG_KEY;
        }
        if matches!(&value, New::Collection(AnyCollection::Hash(hash)) if hash.soonest().is_some())
        {
            tag |= SHEDS;
        }
        let plan = Plan::new(tag, key.len(), text.len());
        let layout = plan.layout();
        // SAFETY: the layout has at least the header's size, so it is not empty.
        let base = unsafe { alloc(layout) };
        let Some(header) = NonNull::new(base.cast::<Header>()) else { handle_alloc_error(layout) };
        let key_len = key.len().min(LONG_KEY) as u8;
        // SAFETY: `plan` placed all parts inside the `layout.size()` bytes just allocated, words at
        // multiples of eight; the sources are other memory.
        unsafe {
            header.write(Header { tag, key_len, text_len: text.len() as u16, access: UNUSED });
            if let Some(at) = expiry {
                base.add(size_of::<Header>()).cast::<u64>().write(at);
            }
            if tag & HAS_LONG_KEY != 0 {
                base.add(plan.word - 8).cast::<u64>().write(key.len() as u64);
            }
            match value {
                New::Integer(n) => base.add(plan.word).cast::<i64>().write(n),
                New::Shared(bytes) => base.add(plan.word).cast::<Bytes>().write(bytes),
                New::Collection(AnyCollection::Hash(hash)) => {
                    base.add(plan.word).cast::<Hash>().write(hash);
                }
                New::Collection(AnyCollection::List(list)) => {
                    base.add(plan.word).cast::<List>().write(list);
                }
                New::Collection(AnyCollection::Set(set)) => {
                    base.add(plan.word).cast::<Set>().write(set);
                }
                New::Collection(AnyCollection::SortedSet(set)) => {
                    base.add(plan.word).cast::<SortedSet>().write(set);
                }
                New::Text(_) | New::Raw(_) => {}
            }
            base.add(plan.key).copy_from_nonoverlapping(key.as_ptr(), key.len());
            let end = base.add(plan.key + key.len());
            end.copy_from_nonoverlapping(text.as_ptr(), text.len());
        }
        Self(header)
    }

    /// Starts fetching the beginning of the entry, mostly all of it, into the processor's cache.
    #[inline]
    pub(super) fn fetch_ahead(&self) {
        prefetch(self.0.as_ptr(), FETCHED);
    }

    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        let (plan, key_len) = self.plan();
        // SAFETY: `new` wrote `key_len` bytes there.
        unsafe { std::slice::from_raw_parts(self.at(plan.key), key_len) }
    }

    #[inline]
    pub(super) fn value(&self) -> Value<'_> {
        let (plan, key_len) = self.plan();
        let header = self.header();
        // SAFETY: `new` wrote what the kind says at the place the plan says.
        unsafe {
            match header.tag & KIND {
                KIND_INTEGER => Value::String(Text::Integer(*self.at(plan.word).cast::<i64>())),
                KIND_SHARED => Value::String(Text::Shared(&*self.at(plan.word).cast::<Bytes>())),
                KIND_HASH => Value::Hash(&*self.at(plan.word).cast::<Hash>()),
                KIND_LIST => Value::List(&*self.at(plan.word).cast::<List>()),
                KIND_SET => Value::Set(&*self.at(plan.word).cast::<Set>()),
                KIND_SORTED_SET => Value::SortedSet(&*self.at(plan.word).cast::<SortedSet>()),
                kind => {
                    let text = self.at(plan.key + key_len);
                    let text = std::slice::from_raw_parts(text, header.text_len as usize);
                    Value::String(if kind == KIND_RAW {
                        Text::Raw(text)
                    } else {
                        Text::Plain(text)
                    })
                }
            }
        }
    }

    /// Milliseconds since the Unix epoch.
    #[inline]
    pub(super) fn expiry(&self) -> Option<u64> {
        if self.header().tag & HAS_EXPIRY == 0 {
            return None;
        }
        // SAFETY: the flag says that `new` wrote it there.
        Some(unsafe { *self.at(size_of::<Header>()).cast::<u64>() })
    }

    #[inline]
    pub(super) fn expiring(&self) -> Expiring {
        Expiring { key: self.header().tag & HAS_EXPIRY != 0, elements: self.sheds() }
    }

    /// True if elements of the collection expire.
    #[inline]
    pub(super) fn sheds(&self) -> bool {
        self.header().tag & SHEDS != 0
    }

    /// Notes whether elements of the collection expire.
    pub(super) fn set_sheds(&mut self, sheds: bool) {
        // SAFETY: `&mut self` is the only access to the header.
        let header = unsafe { self.0.as_mut() };
        header.tag = if sheds { header.tag | SHEDS } else { header.tag & !SHEDS };
    }

    /// Before this, neither the key nor an element expires.
    pub(super) fn soonest(&self) -> Option<u64> {
        let elements = match self.value() {
            Value::Hash(hash) => hash.soonest(),
            Value::String(_) | Value::List(_) | Value::Set(_) | Value::SortedSet(_) => None,
        };
        self.expiry().into_iter().chain(elements).min()
    }

    /// True if all that there was of the collection has expired.
    #[cold]
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        match self.value() {
            Value::Hash(hash) => hash.is_over(now_ms),
            Value::String(_) | Value::List(_) | Value::Set(_) | Value::SortedSet(_) => false,
        }
    }

    #[inline]
    pub(super) fn set_access(&mut self, access: u32) {
        // SAFETY: `&mut self` is the only access to the header.
        unsafe { self.0.as_mut().access = access };
    }

    #[inline]
    pub(super) fn access(&self) -> u32 {
        self.header().access
    }

    pub(super) fn has_collection(&self) -> bool {
        self.header().tag & KIND >= KIND_HASH
    }

    /// Bytes allocated, without what a shared value or a collection holds.
    pub(super) fn size(&self) -> usize {
        self.plan().0.size
    }

    /// Writes the expiry over the old one where it stands; false if it does not fit there.
    pub(super) fn overwrite_expiry(&mut self, expiry: Option<u64>) -> bool {
        let fits = (self.header().tag & HAS_EXPIRY != 0) == expiry.is_some();
        if fits {
            self.put_expiry(expiry);
        }
        fits
    }

    /// Writes the value over the old one where it stands; gives it back if it does not fit there.
    #[inline]
    pub(super) fn overwrite<'v>(
        &mut self,
        value: New<'v>,
        expiry: Option<u64>,
    ) -> Result<(), New<'v>> {
        let header = self.header();
        let (plan, key_len) = self.plan();
        let kind = header.tag & KIND;
        let had_expiry = header.tag & HAS_EXPIRY != 0;
        if had_expiry != expiry.is_some() {
            return Err(value);
        }
        let (new_kind, text) = match value {
            New::Text(text) => (KIND_TEXT, text),
            New::Raw(text) => (KIND_RAW, text),
            New::Integer(n) if kind == KIND_INTEGER => {
                // SAFETY: the kind says that an i64 stands there.
                unsafe { *self.at_mut(plan.word).cast::<i64>() = n };
                self.put_expiry(expiry);
                return Ok(());
            }
            New::Shared(bytes) if kind == KIND_SHARED => {
                // SAFETY: the kind says that a `Bytes` stands there; the old one is let go.
                unsafe { *self.at_mut(plan.word).cast::<Bytes>() = bytes };
                self.put_expiry(expiry);
                return Ok(());
            }
            other => return Err(other),
        };
        let fits = matches!(kind, KIND_TEXT | KIND_RAW)
            && Plan::new(header.tag, key_len, text.len()).size == plan.size;
        if !fits {
            return Err(value);
        }
        // SAFETY: the new text ends within the same allocation size; `text` cannot point into
        // this entry, which is borrowed mutably.
        unsafe {
            let to = self.at_mut(plan.key + key_len);
            to.copy_from_nonoverlapping(text.as_ptr(), text.len());
            let header = self.0.as_mut();
            header.text_len = text.len() as u16;
            header.tag = (header.tag & !KIND) | new_kind;
        }
        self.put_expiry(expiry);
        Ok(())
    }

    /// The text where it stands, made at least `len` bytes long with zeros at its end; it counts as
    /// changed from now on. None if it has no room for that, or the value is no inline text.
    pub(super) fn text_mut(&mut self, len: usize) -> Option<&mut [u8]> {
        let header = self.header();
        let (plan, key_len) = self.plan();
        let old = header.text_len as usize;
        let len = len.max(old);
        let fits = matches!(header.tag & KIND, KIND_TEXT | KIND_RAW)
            && len < SHARED_FROM
            && Plan::new(header.tag, key_len, len).size == plan.size;
        if !fits {
            return None;
        }
        // SAFETY: the longer text ends within the same allocation size; what was behind the old
        // one is written before it is seen.
        unsafe {
            let header = self.0.as_mut();
            header.text_len = len as u16;
            header.tag = (header.tag & !KIND) | KIND_RAW;
            let text = self.at_mut(plan.key + key_len);
            text.add(old).write_bytes(0, len - old);
            Some(std::slice::from_raw_parts_mut(text, len))
        }
    }

    /// The handle of a shared text.
    pub(super) fn shared_mut(&mut self) -> Option<&mut Bytes> {
        if self.header().tag & KIND != KIND_SHARED {
            return None;
        }
        let (plan, _) = self.plan();
        // SAFETY: the kind says that a `Bytes` stands there; `&mut self` is the only way to it.
        Some(unsafe { &mut *self.at_mut(plan.word).cast::<Bytes>() })
    }

    /// The collection, if it is of this type.
    #[inline]
    pub(super) fn collection_mut<T: InEntry>(&mut self) -> Option<&mut T> {
        if self.header().tag & KIND != T::KIND {
            return None;
        }
        let (plan, _) = self.plan();
        // SAFETY: the kind says that a `T` stands there; `&mut self` is the only way to it.
        Some(unsafe { &mut *self.at_mut(plan.word).cast::<T>() })
    }

    /// The same value with another expiry.
    pub(super) fn relaid(&mut self, expiry: Option<u64>) -> Self {
        let collection = self.take_collection();
        let value = collection.map_or_else(|| New::from(self.value()), New::Collection);
        Self::new(self.key(), value, expiry)
    }

    /// The same value under another key.
    pub(super) fn renamed(mut self, key: &[u8]) -> Self {
        let collection = self.take_collection();
        let value = collection.map_or_else(|| New::from(self.value()), New::Collection);
        let mut renamed = Self::new(key, value, self.expiry());
        renamed.set_access(self.access());
        renamed
    }

    /// Moves the collection out; an empty one stays.
    fn take_collection(&mut self) -> Option<AnyCollection> {
        match self.header().tag & KIND {
            KIND_HASH => self.collection_mut().map(std::mem::take).map(AnyCollection::Hash),
            KIND_LIST => self.collection_mut().map(std::mem::take).map(AnyCollection::List),
            KIND_SET => self.collection_mut().map(std::mem::take).map(AnyCollection::Set),
            KIND_SORTED_SET => {
                self.collection_mut().map(std::mem::take).map(AnyCollection::SortedSet)
            }
            _ => None,
        }
    }

    /// Writes the expiry of an entry that has room for one.
    fn put_expiry(&mut self, expiry: Option<u64>) {
        if let Some(at) = expiry {
            debug_assert!(self.header().tag & HAS_EXPIRY != 0);
            // SAFETY: callers checked that the entry was laid out with an expiry.
            unsafe { *self.at_mut(size_of::<Header>()).cast::<u64>() = at };
        }
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: the pointer is valid for as long as the entry lives.
        unsafe { self.0.as_ref() }
    }

    /// The entry's plan and the length of its key.
    #[inline]
    fn plan(&self) -> (Plan, usize) {
        let header = self.header();
        let key_len = if header.tag & HAS_LONG_KEY == 0 {
            header.key_len as usize
        } else {
            let expiry = if header.tag & HAS_EXPIRY != 0 { 8 } else { 0 };
            // SAFETY: the flag says that `new` wrote the length there.
            unsafe { *self.at(size_of::<Header>() + expiry).cast::<u64>() as usize }
        };
        (Plan::new(header.tag, key_len, header.text_len as usize), key_len)
    }

    #[inline]
    fn at(&self, offset: usize) -> *const u8 {
        // SAFETY: callers pass offsets of a plan, which lie within the allocation.
        unsafe { self.0.as_ptr().cast::<u8>().add(offset) }
    }

    #[inline]
    fn at_mut(&mut self, offset: usize) -> *mut u8 {
        // SAFETY: as in `at`.
        unsafe { self.0.as_ptr().cast::<u8>().add(offset) }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let (plan, _) = self.plan();
        // SAFETY: nothing refers to the entry any more; the kind says what stands in the word; the
        // layout is the one it was made with, since overwriting keeps the size.
        unsafe {
            match self.header().tag & KIND {
                KIND_SHARED => self.at_mut(plan.word).cast::<Bytes>().drop_in_place(),
                KIND_HASH => self.at_mut(plan.word).cast::<Hash>().drop_in_place(),
                KIND_LIST => self.at_mut(plan.word).cast::<List>().drop_in_place(),
                KIND_SET => self.at_mut(plan.word).cast::<Set>().drop_in_place(),
                KIND_SORTED_SET => self.at_mut(plan.word).cast::<SortedSet>().drop_in_place(),
                _ => {}
            }
            dealloc(self.0.as_ptr().cast(), plan.layout());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Ends, Limits};
    use super::*;

    fn text(entry: &Entry) -> Vec<u8> {
        match entry.value() {
            Value::String(text) => text.to_vec(),
            other => panic!("{other:?} is no text"),
        }
    }

    #[test]
    fn a_small_entry_takes_32_bytes() {
        assert_eq!(Entry::new(b"key:000000000001", New::Text(b"12345678"), None).size(), 32);
        assert_eq!(Entry::new(b"key:000000000001", New::Integer(12345678), None).size(), 32);
    }

    #[test]
    fn a_collection_takes_little_of_its_entry() {
        let entry = |value| Entry::new(b"key:000000000001", New::Collection(value), None).size();
        assert_eq!(entry(AnyCollection::Hash(Hash::default())), 32);
        assert_eq!(entry(AnyCollection::Set(Set::default())), 32);
        assert_eq!(entry(AnyCollection::SortedSet(SortedSet::default())), 32);
        assert_eq!(entry(AnyCollection::List(List::default())), 40);
    }

    #[test]
    fn every_part_is_read_back() {
        for key_len in [0, 1, 16, 254, 255, 256, 70_000] {
            let key: Vec<u8> = (0..key_len).map(|i| i as u8).collect();
            for expiry in [None, Some(1), Some(u64::MAX)] {
                for len in [0, 1, 7, 8, 44, SHARED_FROM - 1] {
                    let value = vec![b'v'; len];
                    let entry = Entry::new(&key, New::Text(&value), expiry);
                    assert_eq!((entry.key(), entry.expiry()), (&key[..], expiry));
                    assert_eq!(text(&entry), value);
                }
                let entry = Entry::new(&key, New::Integer(-42), expiry);
                assert_eq!((entry.key(), entry.expiry()), (&key[..], expiry));
                assert_eq!(text(&entry), b"-42");
                let big = Bytes::from(vec![b'b'; SHARED_FROM]);
                let entry = Entry::new(&key, New::Shared(big.clone()), expiry);
                assert_eq!((entry.key(), entry.expiry()), (&key[..], expiry));
                assert_eq!(text(&entry), big);
            }
        }
    }

    #[test]
    fn a_text_is_overwritten_only_where_it_fits() {
        let mut entry = Entry::new(b"key", New::Text(b"12345"), None);
        assert!(entry.overwrite(New::Text(b"abcd"), None).is_ok());
        assert_eq!((entry.key(), text(&entry)), (&b"key"[..], b"abcd".to_vec()));
        assert!(entry.overwrite(New::Text(b"123456"), None).is_err(), "one word more");
        assert!(entry.overwrite(New::Integer(1), None).is_err(), "another kind");
        assert!(entry.overwrite(New::Text(b"abcd"), Some(5)).is_err(), "no room for an expiry");
        assert_eq!(text(&entry), b"abcd");
        let mut entry = Entry::new(b"key", New::Integer(1), Some(7));
        assert!(entry.overwrite(New::Integer(-9), Some(8)).is_ok());
        assert_eq!((text(&entry), entry.expiry()), (b"-9".to_vec(), Some(8)));
    }

    #[test]
    fn a_text_grows_only_where_it_fits() {
        let mut entry = Entry::new(b"key", New::Text(b"12345678"), Some(7));
        assert!(entry.overwrite(New::Text(b"123456"), Some(7)).is_ok());
        assert_eq!(entry.text_mut(8).expect("it fits"), b"123456\0\0", "no trace of the old text");
        entry.text_mut(0).expect("it has room for what it has")[7] = b'x';
        assert_eq!((text(&entry), entry.expiry()), (b"123456\0x".to_vec(), Some(7)));
        assert_eq!(entry.value().encoding(), "raw");
        let room = entry.size() - 8;
        assert_eq!(entry.text_mut(room), None);
        assert_eq!(Entry::new(b"key", New::Integer(1), None).text_mut(1), None);
        let long = vec![b'x'; SHARED_FROM - 1];
        let mut entry = Entry::new(b"", New::Text(&long), None);
        assert_eq!(entry.text_mut(SHARED_FROM), None, "room for it, but such a text is shared");
    }

    #[test]
    fn a_shared_value_is_let_go_with_its_entry_or_when_another_comes() {
        let (one, other) = (Bytes::from(vec![0; SHARED_FROM]), Bytes::from(vec![1; SHARED_FROM]));
        let mut entry = Entry::new(b"key", New::Shared(one.clone()), None);
        assert!(!one.is_unique());
        assert!(entry.overwrite(New::Shared(other.clone()), None).is_ok());
        assert!(one.is_unique());
        assert_eq!(entry.shared_mut().expect("it is shared"), &other);
        assert!(!other.is_unique());
        drop(entry);
        assert!(other.is_unique());
    }

    #[test]
    fn a_collection_moves_to_another_entry_and_is_not_copied() {
        let place = |entry: &Entry| match entry.value() {
            Value::Hash(hash) => match hash.get(b"field") {
                Some(Text::Plain(value)) => value.as_ptr(),
                other => panic!("{other:?} is no text"),
            },
            other => panic!("{other:?} is no hash"),
        };
        for limit in [0, 64] {
            let mut hash = Hash::default();
            let limits = Limits { entries: limit, value: 64 };
            hash.set(b"field", b"value", Ends::Never, limits);
            let mut entry = Entry::new(b"key", New::Collection(AnyCollection::Hash(hash)), None);
            let before = place(&entry);
            let moved = entry.relaid(Some(7)).renamed(&[b'k'; 300]);
            drop(entry);
            assert_eq!((moved.key(), moved.expiry()), (&[b'k'; 300][..], Some(7)));
            assert_eq!(place(&moved), before);
        }
    }
}
