//! The fields of a small hash in one allocation: each with its value, and behind them what finds them.
//!
//! ```text
//! count   4 bytes   how many fields there are
//! pairs             each field and its value, as `element` writes them
//! marks   4 bytes   where each eighth pair begins       } if there is more than a search
//! tags    1 byte    of the hash of each field           } reads as fast without them
//! ```
//!
//! A search compares the tags, which lie close together, and reads the few fields that may be the one.

use super::blob::Blob;
use super::bucket::tag;
use super::element::{Element, after, read};
use super::elements::{COUNT, Elements, Walk, count, write_count};
use super::table::hash;
use crate::store::Text;

const MARK: usize = size_of::<u32>();

/// Elements of a pair.
const PAIR: usize = 2;
/// Pairs to a mark.
const GROUP: usize = 8;

/// There are marks and tags if the pairs take more bytes than this, and so if all takes more.
const INDEXED: usize = 256;

/// Bytes at most, whatever the directives allow: the same as in Redis. A mark could name four times as many.
const MOST: usize = 1 << 30;

/// Fields, each with a value, in the order in which they came.
#[derive(Clone, Debug, Default)]
#[repr(transparent)]
pub(super) struct Fields(Blob);

/// A field that is looked for.
struct Name<'a> {
    element: Element<'a>,
    /// Of no meaning while there are no tags.
    tag: u8,
}

/// Where a pair is.
#[derive(Clone, Copy)]
struct Place {
    index: usize,
    offset: usize,
}

impl Fields {
    /// How many fields there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        count(&self.0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes allocated.
    pub(super) fn heap_size(&self) -> usize {
        self.0.heap_size()
    }

    /// Starts fetching the beginning, which tells how much there is, into the processor's cache.
    #[inline]
    pub(super) fn fetch_ahead(&self) {
        self.0.fetch_ahead();
    }

    /// Starts fetching what follows, once the beginning has come.
    #[inline]
    pub(super) fn fetch_rest(&self) {
        self.0.fetch(0..self.0.len());
    }

    /// Starts fetching what finds a field, once the beginning has come. New ones go in there, too.
    /// False if these are the fields themselves.
    #[inline]
    pub(super) fn fetch_index(&self) -> bool {
        let is_indexed = self.is_indexed();
        match is_indexed {
            true => self.0.fetch(self.pairs_end()..self.0.len()),
            false => self.fetch_rest(),
        }
        is_indexed
    }

    /// Starts fetching the first field with the tag of this hash, and those on the way to it, once the index
    /// has come. Where it is, is guessed from its group, whose fields are taken to be of one size.
    #[inline]
    pub(super) fn fetch_field(&self, hash: u64) {
        if !self.is_indexed() {
            return; // any more
        }
        let Some(index) = memchr::memchr(tag(hash), &self.0[self.tags()..]) else { return };
        let (group, count) = (index / GROUP, self.len());
        let (start, behind) = (self.mark(group), (group + 1) * GROUP);
        let end = if behind < count { self.mark(group + 1) } else { self.pairs_end() };
        let pairs = count.min(behind) - group * GROUP;
        let way = (end - start) * (index % GROUP + 1) / pairs;
        self.0.fetch(start..start + way);
    }

    #[inline]
    pub(super) fn get(&self, field: &[u8]) -> Option<Text<'_>> {
        let place = self.find(&self.name(field))?;
        Some(read(&self.0[after(&self.0, place.offset)..]))
    }

    pub(super) fn contains(&self, field: &[u8]) -> bool {
        self.find(&self.name(field)).is_some()
    }

    /// Gives a field a value, whether it has one or not. True if the field is new.
    #[inline]
    pub(super) fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        let (field, value) = (self.name(field), Element::new(value));
        let place = self.find(&field);
        match place {
            Some(place) => self.replace(place, &value),
            None => self.push(&field, &value),
        }
        place.is_none()
    }

    /// True if so many bytes of a field and its value may be added.
    #[inline]
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.0.len() + bytes <= MOST
    }

    /// Removes a field. False if it was not there.
    pub(super) fn remove(&mut self, field: &[u8]) -> bool {
        let place = self.find(&self.name(field));
        place.inspect(|place| self.remove_at(*place)).is_some()
    }

    /// Fields with their values.
    #[inline]
    pub(super) fn iter(&self) -> Pairs<'_> {
        Pairs(Elements::of(self.0.get(COUNT..self.pairs_end()).unwrap_or_default()))
    }

    /// The field number `index`, with its value.
    pub(super) fn nth(&self, index: usize) -> Option<(Text<'_>, Text<'_>)> {
        if index >= self.len() {
            return None;
        }
        let pair = &self.0[self.offset(index)..self.pairs_end()];
        Pairs(Elements::of(pair)).next()
    }

    #[inline]
    fn name<'a>(&self, field: &'a [u8]) -> Name<'a> {
        let tag = if self.is_indexed() { tag(hash(field)) } else { 0 };
        Name { element: Element::new(field), tag }
    }

    #[inline]
    fn find(&self, field: &Name<'_>) -> Option<Place> {
        let bytes: &[u8] = &self.0;
        if !self.is_indexed() {
            let mut pairs = Walk::<PAIR>::along(bytes, COUNT).enumerate();
            let (index, offset) =
                pairs.find(|(_, offset)| field.element.is_at(&bytes[*offset..]))?;
            return Some(Place { index, offset });
        }
        let mut last = Place { index: 0, offset: COUNT };
        let mut alike = memchr::memchr_iter(field.tag, &bytes[self.tags()..]);
        alike.find_map(|index| {
            // Many may have the tag: none is passed twice on the way to them.
            let is_near = index / GROUP == last.index / GROUP;
            let offset = match is_near {
                true => self.behind(last.offset, index - last.index),
                false => self.offset(index),
            };
            last = Place { index, offset };
            field.element.is_at(&bytes[offset..]).then_some(last)
        })
    }

    /// Where the pair number `index` begins.
    #[inline]
    fn offset(&self, index: usize) -> usize {
        let (start, steps) = match self.is_indexed() {
            true => (self.mark(index / GROUP), index % GROUP),
            false => (COUNT, index),
        };
        self.behind(start, steps)
    }

    /// What lies so many pairs behind the one at an offset.
    #[inline]
    fn behind(&self, offset: usize, pairs: usize) -> usize {
        (0..pairs).fold(offset, |offset, _| self.pair_end(offset))
    }

    #[inline]
    fn pair_end(&self, offset: usize) -> usize {
        after(&self.0, after(&self.0, offset))
    }

    #[inline]
    fn is_indexed(&self) -> bool {
        self.0.len() > INDEXED
    }

    /// Where the pairs end. If there are marks, these follow,
    #[inline]
    fn pairs_end(&self) -> usize {
        if self.is_indexed() { self.0.len() - index_size(self.len()) } else { self.0.len() }
    }

    /// and then the tags.
    #[inline]
    fn tags(&self) -> usize {
        self.0.len() - self.len()
    }

    #[inline]
    fn mark(&self, group: usize) -> usize {
        let at = self.pairs_end() + MARK * group;
        let mark = self.0[at..].first_chunk().copied().unwrap_or_default();
        u32::from_le_bytes(mark) as usize
    }

    fn set_mark(&mut self, group: usize, offset: usize) {
        let at = self.pairs_end() + MARK * group;
        self.0[at..at + MARK].copy_from_slice(&(offset as u32).to_le_bytes());
    }

    /// Appends a field that is not there.
    fn push(&mut self, Name { element: field, tag }: &Name<'_>, value: &Element<'_>) {
        let (count, len) = (self.len(), self.0.len());
        let (pair, size) = (self.pairs_end().max(COUNT), field.size() + value.size());
        let was_indexed = self.is_indexed();
        let index = index_size(count);
        let is_indexed = pair + size > INDEXED;
        let grown = if is_indexed { index_size(count + 1) } else { 0 };
        self.0.splice(len, 0, pair + size + grown - len);
        write_count(count + 1, &mut self.0);
        if was_indexed {
            let bytes: &mut [u8] = &mut self.0;
            let (tags, end) = (pair + index - count, bytes.len());
            bytes.copy_within(tags..tags + count, end - 1 - count);
            bytes.copy_within(pair..tags, pair + size);
            bytes[end - 1] = *tag;
            if count.is_multiple_of(GROUP) {
                self.set_mark(count / GROUP, pair);
            }
        }
        field.write(&mut self.0[pair..]);
        value.write(&mut self.0[pair + field.size()..]);
        if is_indexed && !was_indexed {
            self.index();
        }
    }

    /// Puts another value in the place of one.
    fn replace(&mut self, Place { index, offset }: Place, value: &Element<'_>) {
        let (count, end, was_indexed) = (self.len(), self.pairs_end(), self.is_indexed());
        let at = after(&self.0, offset);
        let (old, new) = (after(&self.0, at) - at, value.size());
        let is_indexed = end - old + new > INDEXED;
        if was_indexed && !is_indexed {
            self.0.splice(end, index_size(count), 0);
        }
        if old != new {
            self.0.splice(at, old, new);
        }
        value.write(&mut self.0[at..]);
        if is_indexed && !was_indexed {
            self.0.splice(end - old + new, 0, index_size(count));
            self.index();
        } else if is_indexed && old != new {
            for group in index / GROUP + 1..count.div_ceil(GROUP) {
                self.set_mark(group, self.mark(group) - old + new);
            }
        }
    }

    fn remove_at(&mut self, Place { index, offset }: Place) {
        let count = self.len() - 1;
        if count == 0 {
            *self = Self::default();
            return;
        }
        let (pairs_end, size) = (self.pairs_end(), self.pair_end(offset) - offset);
        if self.is_indexed() && pairs_end - size <= INDEXED {
            self.0.splice(pairs_end, index_size(count + 1), 0);
        } else if self.is_indexed() {
            let groups = count.div_ceil(GROUP);
            for group in index / GROUP + 1..groups {
                self.set_mark(group, self.pair_end(self.mark(group)) - size);
            }
            let tag = self.tags() + index;
            self.0.splice(tag, 1, 0);
            if count.is_multiple_of(GROUP) {
                self.0.splice(pairs_end + MARK * groups, MARK, 0);
            }
        }
        self.0.splice(offset, size, 0);
        write_count(count, &mut self.0);
    }

    /// Writes all marks and tags.
    #[cold]
    fn index(&mut self) {
        let (tags, mut offset, mut digits) = (self.tags(), COUNT, itoa::Buffer::new());
        for index in 0..self.len() {
            if index.is_multiple_of(GROUP) {
                self.set_mark(index / GROUP, offset);
            }
            let tag = tag(hash(read(&self.0[offset..]).bytes(&mut digits)));
            self.0[tags + index] = tag;
            offset = self.pair_end(offset);
        }
    }
}

/// Bytes of the marks and tags of so many pairs.
#[inline]
fn index_size(count: usize) -> usize {
    MARK * count.div_ceil(GROUP) + count
}

/// Fields with their values.
#[derive(Clone, Debug)]
pub(super) struct Pairs<'a>(Elements<'a>);

impl<'a> Iterator for Pairs<'a> {
    type Item = (Text<'a>, Text<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next()?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Model = Vec<(Vec<u8>, Vec<u8>)>;

    fn contents(fields: &Fields) -> Model {
        fields.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect()
    }

    #[test]
    fn few_fields_take_no_more_than_they_need() {
        let mut fields = Fields::default();
        fields.set(b"field", b"value");
        assert_eq!(fields.0.len(), COUNT + 6 + 6);
        fields.remove(b"field");
        assert_eq!((fields.heap_size(), fields.len()), (0, 0));
    }

    #[test]
    fn there_is_room_for_a_gigabyte() {
        let fields = Fields::default();
        assert!(fields.has_room(MOST) && !fields.has_room(MOST + 1));
    }

    /// Another reactor may change them between two steps: each takes them as they are.
    #[test]
    fn what_has_any_tag_is_fetched_whatever_fields_there_are() {
        let fetch = |fields: &Fields| {
            assert_eq!(fields.fetch_index(), fields.0.len() > INDEXED);
            (0..=u8::MAX).for_each(|tag| fields.fetch_field(u64::from(tag) << 56));
        };
        for size in [0, 40, 300] {
            let mut fields = Fields::default();
            fetch(&fields);
            for i in 0..5 * GROUP {
                fields.set(i.to_string().as_bytes(), &vec![b'v'; size * (i % 3)]);
                fetch(&fields);
            }
            for i in 0..5 * GROUP {
                fields.remove(i.to_string().as_bytes());
                fetch(&fields);
            }
        }
    }

    #[test]
    fn many_fields_take_a_byte_and_a_half_each_to_find_them() {
        let mut fields = Fields::default();
        (0..80).for_each(|i| assert!(fields.set(format!("f{i:03}").as_bytes(), b"a value")));
        assert_eq!(fields.0.len(), COUNT + 80 * (5 + 8) + 80 + 10 * MARK);
        (1..80).for_each(|i| assert!(fields.remove(format!("f{i:03}").as_bytes())));
        assert_eq!(fields.0.len(), COUNT + 5 + 8, "there is nothing to be found");
    }

    proptest! {
        #[test]
        fn they_behave_as_a_vector_of_pairs(
            steps in prop::collection::vec(
                ("[a-d]{0,3}|[0-9]{1,2}|[ab]{12}|[0-9]{8}[ab]{3}12345678", "[a-z]{0,40}|-?[0-9]{1,19}|x{240,260}", 0..4), 0..200)
        ) {
            let (mut fields, mut model) = (Fields::default(), Model::new());
            for (field, value, step) in steps {
                let (field, value) = (field.into_bytes(), value.into_bytes());
                let index = model.iter().position(|(other, _)| *other == field);
                if step == 0 {
                    prop_assert_eq!(fields.remove(&field), index.is_some());
                    index.map(|index| model.remove(index));
                } else {
                    prop_assert_eq!(fields.set(&field, &value), index.is_none());
                    match index {
                        Some(index) => model[index].1 = value,
                        None => model.push((field.clone(), value)),
                    }
                }
                prop_assert_eq!(&contents(&fields), &model);
                for (index, (field, value)) in model.iter().enumerate() {
                    let got = fields.get(field).map(|text| text.to_vec());
                    prop_assert_eq!(got.as_ref(), Some(value));
                    let nth = fields.nth(index).map(|(field, value)| (field.to_vec(), value.to_vec()));
                    prop_assert_eq!(nth.as_ref(), Some(&model[index]));
                }
                prop_assert!(fields.nth(model.len()).is_none());
                prop_assert_eq!(fields.contains(&field), step != 0);
                prop_assert_eq!(fields.len(), model.len());
            }
        }
    }
}
