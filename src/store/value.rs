//! Values as the store gives them out, takes them in, and hands them over whole.

use bytes::Bytes;

use super::collection::{AnyCollection, Collection, Hash, List, Set, SortedSet};
use super::entry::Entry;
use crate::number::parse_i64;

/// Texts of this length and above are reference-counted: replies send them without a copy.
pub const SHARED_FROM: usize = 16 * 1024;

/// Redis calls a string of up to this length "embstr", a longer one "raw".
const EMBSTR_MAX: usize = 44;

/// A value, where it stands.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    String(Text<'a>),
    Hash(&'a Hash),
    List(&'a List),
    Set(&'a Set),
    SortedSet(&'a SortedSet),
}

impl Value<'_> {
    /// The name that TYPE answers.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Hash(_) => "hash",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::SortedSet(_) => "zset",
        }
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::String(Text::Integer(_)) => "int",
            Self::String(Text::Plain(text)) if text.len() <= EMBSTR_MAX => "embstr",
            Self::String(_) => "raw",
            Self::Hash(hash) => hash.encoding(),
            Self::List(list) => list.encoding(),
            Self::Set(set) => set.encoding(),
            Self::SortedSet(set) => set.encoding(),
        }
    }

    /// Bytes that the value has allocated outside of its entry.
    pub fn heap_size(&self) -> usize {
        match self {
            Self::String(Text::Shared(bytes)) => bytes.len(),
            Self::String(_) => 0,
            Self::Hash(hash) => hash.heap_size(),
            Self::List(list) => list.heap_size(),
            Self::Set(set) => set.heap_size(),
            Self::SortedSet(set) => set.heap_size(),
        }
    }
}

/// A string value, where it stands.
#[derive(Clone, Copy, Debug)]
pub enum Text<'a> {
    /// Text that is a number in its shortest form is kept as the number.
    Integer(i64),
    Plain(&'a [u8]),
    /// Changed in place since it was set.
    Raw(&'a [u8]),
    Shared(&'a Bytes),
}

impl<'a> Text<'a> {
    /// The form in which elements of collections are kept: texts that are integers as numbers.
    #[inline]
    pub fn new(text: &'a [u8]) -> Self {
        // The longest integer has 20 characters, and most texts do not begin like one.
        let may_be_integer = text.len() <= 20
            && text.first().is_some_and(|first| first.is_ascii_digit() || *first == b'-');
        let number = if may_be_integer { parse_i64(text) } else { None };
        number.map_or(Self::Plain(text), Self::Integer)
    }

    /// The bytes; those of an integer are written into `digits`.
    #[inline]
    pub fn bytes<'b>(&self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            Self::Integer(n) => digits.format(n).as_bytes(),
            Self::Plain(text) | Self::Raw(text) => text,
            Self::Shared(bytes) => bytes,
        }
    }

    pub fn len(&self) -> usize {
        self.bytes(&mut itoa::Buffer::new()).len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// The number that this text is, if it is one in its shortest form.
    #[inline]
    pub fn integer(&self) -> Option<i64> {
        match *self {
            Self::Integer(n) => Some(n),
            Self::Plain(text) | Self::Raw(text) => parse_i64(text),
            Self::Shared(_) => None,
        }
    }
}

/// A value about to be stored, in the form it will be stored in.
#[derive(Clone, Debug)]
pub enum New<'a> {
    Integer(i64),
    /// Shorter than [`SHARED_FROM`].
    Text(&'a [u8]),
    /// As `Text`, but the outcome of a change in place.
    Raw(&'a [u8]),
    Shared(Bytes),
    Collection(AnyCollection),
}

impl<'a> New<'a> {
    /// The form for text that a client sets: integers as numbers, long texts shared.
    #[inline]
    pub fn string(text: &'a [u8]) -> Self {
        match Text::new(text) {
            Text::Integer(number) => Self::Integer(number),
            _ => Self::text(text),
        }
    }

    /// The form for text that stays text, even when it could be an integer.
    #[inline]
    pub fn text(text: &'a [u8]) -> Self {
        if text.len() < SHARED_FROM { Self::Text(text) } else { Self::shared(text) }
    }

    /// The form for text that was put together in place.
    pub fn raw(text: &'a [u8]) -> Self {
        if text.len() < SHARED_FROM { Self::Raw(text) } else { Self::shared(text) }
    }

    /// As [`New::raw`], for text that is not needed any more: a long one is not copied.
    pub fn raw_from(text: &'a mut Vec<u8>) -> Self {
        match text.len() < SHARED_FROM {
            true => Self::Raw(text),
            false => Self::Shared(std::mem::take(text).into()),
        }
    }

    fn shared(text: &[u8]) -> Self {
        Self::Shared(Bytes::copy_from_slice(text))
    }
}

impl<'a> From<Value<'a>> for New<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::String(Text::Integer(n)) => Self::Integer(n),
            Value::String(Text::Plain(text)) => Self::Text(text),
            Value::String(Text::Raw(text)) => Self::Raw(text),
            Value::String(Text::Shared(bytes)) => Self::Shared(bytes.clone()),
            Value::Hash(hash) => Self::Collection(hash.clone().into_any()),
            Value::List(list) => Self::Collection(list.clone().into_any()),
            Value::Set(set) => Self::Collection(set.clone().into_any()),
            Value::SortedSet(set) => Self::Collection(set.clone().into_any()),
        }
    }
}

/// A value with its expiry, taken out of the store to be put back under another key or in another
/// database: see [`super::Slot::take`] and [`super::Slot::put`].
pub struct Owned(pub(super) Entry);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_takes_the_form_that_redis_names() {
        let encoding = |text: &[u8]| match New::string(text) {
            New::Integer(_) => "int",
            New::Text(_) | New::Raw(_) => "text",
            New::Shared(_) => "shared",
            New::Collection(_) => "collection",
        };
        for text in ["0", "-1", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(encoding(text.as_bytes()), "int", "{text}");
        }
        for text in ["", "-", "01", "+1", " 1", "1 ", "1.0", "9223372036854775808", "x"] {
            assert_eq!(encoding(text.as_bytes()), "text", "{text}");
        }
        assert_eq!(encoding(&vec![b'x'; SHARED_FROM - 1]), "text");
        assert_eq!(encoding(&vec![b'x'; SHARED_FROM]), "shared");
    }
}
