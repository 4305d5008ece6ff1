//! From payloads to values.

use bytes::{Buf, Bytes, TryGetError};

use super::listpack::{Intset, Listpack};
use super::{length, lzf, object_type};

/// The payload is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl From<TryGetError> for Malformed {
    fn from(_: TryGetError) -> Self {
        Self
    }
}

/// A value, whose elements are read as they are asked for.
pub enum Object {
    String(Item),
    List(Elements),
    Set(Elements),
    /// Each field is followed by its value.
    Hash(Elements),
    /// Each member is followed by its score.
    SortedSet(Elements),
}

/// A string or a part of a collection.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Text(Bytes),
    Integer(i64),
    /// A score.
    Double(f64),
}

impl Item {
    /// The bytes of a text; those of an integer are written into `digits`. A score is no text.
    pub fn text<'a>(&'a self, digits: &'a mut itoa::Buffer) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Integer(number) => Ok(digits.format(*number).as_bytes()),
            Self::Double(_) => Err(Malformed),
        }
    }
}

/// The elements of a collection that are not taken yet.
#[derive(Clone)]
pub struct Elements {
    rest: Bytes,
    layout: Layout,
}

/// How elements follow each other, and how many there are still to come.
#[derive(Clone)]
enum Layout {
    Strings(u64),
    /// Members and scores in turn.
    Scored(u64),
    Listpack(Listpack),
    Intset(Intset),
    /// Nodes after the one that is being read.
    Nodes(u64, Option<Listpack>),
}

/// Containers of a node of a list.
const PLAIN: u64 = 1;
const PACKED: u64 = 2;

/// The object in a payload without its footer. What follows it is ignored, as by Redis.
pub fn read(payload: &[u8]) -> Result<Object, Malformed> {
    let mut rest = Bytes::copy_from_slice(payload);
    Ok(match rest.try_get_u8()? {
        object_type::STRING => Object::String(string(&mut rest)?),
        object_type::LIST => Object::List(Elements::strings(rest, 1)?),
        object_type::SET => Object::Set(Elements::strings(rest, 1)?),
        object_type::HASH => Object::Hash(Elements::strings(rest, 2)?),
        object_type::SORTED_SET => Object::SortedSet(Elements::scored(rest)?),
        object_type::SET_INTSET => Object::Set(Elements::intset(rest)?),
        object_type::HASH_LISTPACK => Object::Hash(Elements::listpack(rest)?),
        object_type::SORTED_SET_LISTPACK => Object::SortedSet(Elements::listpack(rest)?),
        object_type::LIST_QUICKLIST => Object::List(Elements::nodes(rest)?),
        object_type::SET_LISTPACK => Object::Set(Elements::listpack(rest)?),
        _ => return Err(Malformed),
    })
}

impl Elements {
    /// A count, and so many times `each` strings.
    fn strings(mut rest: Bytes, each: u64) -> Result<Self, Malformed> {
        let strings = plain_length(&mut rest)?.checked_mul(each).ok_or(Malformed)?;
        Ok(Self { rest, layout: Layout::Strings(strings) })
    }

    fn scored(rest: Bytes) -> Result<Self, Malformed> {
        let mut pairs = Self::strings(rest, 2)?;
        if let Layout::Strings(parts) = pairs.layout {
            pairs.layout = Layout::Scored(parts);
        }
        Ok(pairs)
    }

    fn listpack(mut rest: Bytes) -> Result<Self, Malformed> {
        let layout = Layout::Listpack(Listpack::new(blob(&mut rest)?)?);
        Ok(Self { rest, layout })
    }

    fn intset(mut rest: Bytes) -> Result<Self, Malformed> {
        let layout = Layout::Intset(Intset::new(blob(&mut rest)?)?);
        Ok(Self { rest, layout })
    }

    fn nodes(mut rest: Bytes) -> Result<Self, Malformed> {
        let nodes = plain_length(&mut rest)?;
        Ok(Self { rest, layout: Layout::Nodes(nodes, None) })
    }

    /// The next element; None at the end.
    pub fn take(&mut self) -> Result<Option<Item>, Malformed> {
        match &mut self.layout {
            Layout::Strings(0) | Layout::Scored(0) => Ok(None),
            Layout::Strings(left) => {
                *left -= 1;
                string(&mut self.rest).map(Some)
            }
            Layout::Scored(left) => {
                *left -= 1;
                // Of pairs, an odd number is left after a member.
                match left.is_multiple_of(2) {
                    false => string(&mut self.rest).map(Some),
                    true => Ok(Some(Item::Double(self.rest.try_get_f64_le()?))),
                }
            }
            Layout::Listpack(listpack) => listpack.take(),
            Layout::Intset(intset) => intset.take(),
            Layout::Nodes(left, node) => next_of_nodes(&mut self.rest, left, node),
        }
    }

    /// The element that must follow another.
    pub fn partner(&mut self) -> Result<Item, Malformed> {
        self.take()?.ok_or(Malformed)
    }
}

fn next_of_nodes(
    rest: &mut Bytes,
    left: &mut u64,
    node: &mut Option<Listpack>,
) -> Result<Option<Item>, Malformed> {
    loop {
        if let Some(listpack) = node
            && let Some(item) = listpack.take()?
        {
            return Ok(Some(item));
        }
        if *left == 0 {
            return Ok(None);
        }
        *left -= 1;
        match plain_length(rest)? {
            PLAIN => {
                *node = None;
                return string(rest).map(Some);
            }
            PACKED => *node = Some(Listpack::new(blob(rest)?)?),
            _ => return Err(Malformed),
        }
    }
}

/// A length, or the number of an encoding that stands in its place.
enum Length {
    Plain(u64),
    Encoded(u8),
}

fn any_length(rest: &mut Bytes) -> Result<Length, Malformed> {
    let first = rest.try_get_u8()?;
    let low = first & 0x3f;
    Ok(match (first >> 6, first) {
        (length::BITS_6, _) => Length::Plain(low.into()),
        (length::BITS_14, _) => Length::Plain(u64::from(low) << 8 | u64::from(rest.try_get_u8()?)),
        (length::ENCODED, _) => Length::Encoded(low),
        (_, length::BITS_32) => Length::Plain(rest.try_get_u32()?.into()),
        (_, length::BITS_64) => Length::Plain(rest.try_get_u64()?),
        _ => return Err(Malformed),
    })
}

fn plain_length(rest: &mut Bytes) -> Result<u64, Malformed> {
    match any_length(rest)? {
        Length::Plain(length) => Ok(length),
        Length::Encoded(_) => Err(Malformed),
    }
}

fn string(rest: &mut Bytes) -> Result<Item, Malformed> {
    Ok(match any_length(rest)? {
        Length::Plain(length) => Item::Text(split(rest, length)?),
        Length::Encoded(length::INT8) => Item::Integer(rest.try_get_i8()?.into()),
        Length::Encoded(length::INT16) => Item::Integer(rest.try_get_i16_le()?.into()),
        Length::Encoded(length::INT32) => Item::Integer(rest.try_get_i32_le()?.into()),
        Length::Encoded(length::LZF) => {
            let (packed, plain) = (plain_length(rest)?, plain_length(rest)?);
            let packed = split(rest, packed)?;
            Item::Text(lzf::decompress(&packed, plain).ok_or(Malformed)?.into())
        }
        Length::Encoded(_) => return Err(Malformed),
    })
}

/// A string that is a small collection.
fn blob(rest: &mut Bytes) -> Result<Bytes, Malformed> {
    match string(rest)? {
        Item::Text(text) => Ok(text),
        _ => Err(Malformed),
    }
}

/// Takes so many bytes off the front.
pub(super) fn split(rest: &mut Bytes, length: u64) -> Result<Bytes, Malformed> {
    let length = usize::try_from(length).ok().filter(|length| *length <= rest.len());
    Ok(rest.split_to(length.ok_or(Malformed)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All parts of an object, or that it is malformed.
    fn parts(payload: &[u8]) -> Result<Vec<Item>, Malformed> {
        let mut elements = match read(payload)? {
            Object::String(item) => return Ok(vec![item]),
            Object::List(elements)
            | Object::Set(elements)
            | Object::Hash(elements)
            | Object::SortedSet(elements) => elements,
        };
        let mut parts = Vec::new();
        while let Some(item) = elements.take()? {
            parts.push(item);
        }
        Ok(parts)
    }

    fn text(text: &str) -> Item {
        Item::Text(Bytes::copy_from_slice(text.as_bytes()))
    }

    /// As redis-server 7.0.15 writes them, but for the last.
    const OBJECTS: [&[u8]; 10] = [
        b"\x00\xc0\x01",
        b"\x00\xc3\x09\x2c\x01aa\xe0\x1f\x00\x01aa",
        b"\x12\x01\x02!!\x00\x00\x00\x06\x00\x81a\x02\x01\x01\xdf\xfb\x02\xc1,\x02\xf2p\x11\x01\
          \x04\xf4\x00\xf2\x05*\x01\x00\x00\x00\x09\xff",
        b"\x10\x12\x12\x00\x00\x00\x04\x00\x81f\x02\x81v\x02\x81n\x02\x01\x01\xff",
        b"\x04\x02\xc0\x05\xc0\x06\xc0\x03\xc0\x04",
        b"\x0b\x14\x04\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00p\x11\x01\x00",
        b"\x02\x02\x01a\x01b",
        b"\x11\x1c\x1c\x00\x00\x00\x06\x00\x81a\x02\x01\x01\x81b\x02\x832.5\x04\x81c\x02\x83inf\
          \x04\xff",
        b"\x05\x01\x01b\x00\x00\x00\x00\x00\x00\x04@",
        b"\x12\x02\x01\x01a\x02\x07\x07\x00\x00\x00\x00\x00\xff",
    ];

    #[test]
    fn every_encoding_is_read() {
        let integers = |numbers: &[i64]| numbers.iter().map(|n| Item::Integer(*n)).collect();
        let pairs = |parts: [Item; 6]| parts.to_vec();
        let expected: [Vec<Item>; 10] = [
            integers(&[1]),
            vec![text(&"a".repeat(44))],
            [vec![text("a")], integers(&[1, -5, 300, 70_000, 5_000_000_000])].concat(),
            vec![text("f"), text("v"), text("n"), Item::Integer(1)],
            integers(&[5, 6, 3, 4]),
            integers(&[1, 2, 70_000]),
            vec![text("a"), text("b")],
            pairs([text("a"), Item::Integer(1), text("b"), text("2.5"), text("c"), text("inf")]),
            vec![text("b"), Item::Double(2.5)],
            vec![text("a")],
        ];
        for (payload, expected) in OBJECTS.iter().zip(expected) {
            assert_eq!(parts(payload), Ok(expected), "{payload:?}");
            for end in 0..payload.len() {
                assert_eq!(parts(&payload[..end]), Err(Malformed), "{payload:?} to {end}");
            }
        }
    }

    #[test]
    fn claims_of_huge_lengths_are_refused() {
        for object_type in 0..=u8::MAX {
            let claim = [&[object_type, length::BITS_64][..], &[0xff; 8]].concat();
            assert_eq!(parts(&claim), Err(Malformed), "{object_type}");
        }
    }

    proptest! {
        /// A copy of LZF makes at most 264 bytes of three, and an element is nowhere for nothing.
        #[test]
        fn no_bytes_give_more_than_they_can(
            object in 0..OBJECTS.len(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            tail in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut payload = OBJECTS[object].to_vec();
            for (at, byte) in changes {
                let at = at.index(payload.len());
                payload[at] = byte;
            }
            payload.extend(tail);
            if let Ok(parts) = parts(&payload) {
                let bytes: usize = parts.iter().map(|part| match part {
                    Item::Text(text) => 1 + text.len(),
                    _ => 1,
                }).sum();
                prop_assert!(bytes <= 89 * payload.len(), "{bytes} of {payload:?}");
            }
        }
    }
}
