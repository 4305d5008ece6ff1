//! Few elements in one allocation: the form of small collections.
//!
//! ```text
//! count   4 bytes   how many elements there are
//! each              as `element` writes it
//! ```
//!
//! They are a [`Blob`]. Elements are named by their offset, which holds until something before them
//! changes.

use std::ops::Range;

use super::blob::Blob;
use super::element::{Element, after, read};
use super::elements::{COUNT, Elements, Walk, count, write_count};
use crate::store::Text;

/// A sequence of texts.
#[derive(Clone, Debug, Default)]
#[repr(transparent)]
pub(super) struct Packed(Blob);

impl Packed {
    /// How many elements there are.
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

    /// Starts fetching what follows, once the beginning has come: a search reads on, from one element
    /// to the next, faster than the processor foresees.
    #[inline]
    pub(super) fn fetch_rest(&self) {
        self.0.fetch(0..self.0.len());
    }

    /// Where the next element would be appended.
    pub(super) fn end(&self) -> usize {
        self.0.len().max(COUNT)
    }

    /// The element at an offset.
    #[inline]
    pub(super) fn at(&self, offset: usize) -> Text<'_> {
        read(&self.0[offset..])
    }

    /// The offset behind the element at an offset.
    #[inline]
    pub(super) fn after(&self, offset: usize) -> usize {
        after(&self.0, offset)
    }

    #[inline]
    pub(super) fn iter(&self) -> Elements<'_> {
        self.iter_from(COUNT)
    }

    /// The elements from an offset on.
    #[inline]
    pub(super) fn iter_from(&self, offset: usize) -> Elements<'_> {
        Elements::of(self.0.get(offset..).unwrap_or_default())
    }

    /// The offsets of the first of each `STEP` elements, from an offset on.
    #[inline]
    pub(super) fn walk<const STEP: usize>(&self, offset: usize) -> Walk<'_, STEP> {
        Walk::along(&self.0, offset)
    }

    /// The offset of an element that is looked for among the first of each `STEP` elements.
    #[inline]
    pub(super) fn find<const STEP: usize>(&self, element: &Element<'_>) -> Option<usize> {
        let bytes: &[u8] = &self.0;
        self.walk::<STEP>(COUNT).find(|at| element.is_at(&bytes[*at..]))
    }

    /// The offset of the element number `index`, or the end.
    pub(super) fn nth(&self, index: usize) -> usize {
        self.walk::<1>(COUNT).nth(index).unwrap_or_else(|| self.end())
    }

    /// Puts elements in before the offset.
    pub(super) fn insert(&mut self, offset: usize, elements: &[Element<'_>]) {
        self.splice(offset..offset, 0, elements);
    }

    /// Appends elements.
    pub(super) fn push(&mut self, elements: &[Element<'_>]) {
        self.insert(self.end(), elements);
    }

    /// Takes `count` elements out, from the offset on.
    pub(super) fn remove(&mut self, offset: usize, count: usize) {
        let end = (0..count).fold(offset, |offset, _| self.after(offset));
        self.splice(offset..end, count, &[]);
    }

    /// Puts another element in the place of the one at the offset.
    pub(super) fn replace(&mut self, offset: usize, element: &Element<'_>) {
        self.splice(offset..self.after(offset), 1, std::slice::from_ref(element));
    }

    /// Moves the `count` elements at an offset to another one, which is before them or behind, and
    /// returns their offset there. What is between moves the other way.
    pub(super) fn relocate(&mut self, offset: usize, count: usize, to: usize) -> usize {
        let end = (0..count).fold(offset, |offset, _| self.after(offset));
        if to < offset {
            self.0[to..end].rotate_right(end - offset);
            to
        } else if to > end {
            self.0[offset..to].rotate_left(end - offset);
            to - (end - offset)
        } else {
            offset
        }
    }

    /// Puts elements in the place of the `removed` ones that take these bytes.
    fn splice(&mut self, old: Range<usize>, removed: usize, elements: &[Element<'_>]) {
        let count = self.len() - removed + elements.len();
        if count == 0 {
            *self = Self::default();
            return;
        }
        let size: usize = elements.iter().map(Element::size).sum();
        match self.is_empty() {
            true => self.0.splice(0, 0, COUNT + size),
            false => self.0.splice(old.start, old.len(), size),
        }
        write_count(count, &mut self.0);
        let mut at = old.start;
        for element in elements {
            element.write(&mut self.0[at..]);
            at += element.size();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(packed: &Packed) -> Vec<Vec<u8>> {
        packed.iter().map(|text| text.to_vec()).collect()
    }

    fn packed(texts: &[&str]) -> Packed {
        let mut packed = Packed::default();
        texts.iter().for_each(|text| packed.push(&[Element::new(text.as_bytes())]));
        packed
    }

    #[test]
    fn few_elements_take_no_more_than_they_need() {
        let mut packed = packed(&["field", "value", "100"]);
        assert_eq!(packed.0.len(), COUNT + 6 + 6 + 2);
        packed.remove(packed.nth(0), 3);
        assert_eq!((packed.heap_size(), packed.len()), (0, 0));
        assert_eq!(packed.iter().count(), 0);
    }

    #[test]
    fn what_is_looked_for_may_be_every_second_element() {
        let packed = packed(&["a", "b", "b", "7", "7", "a"]);
        let element = |text: &'static str| Element::new(text.as_bytes());
        assert_eq!(packed.find::<1>(&element("b")), Some(packed.nth(1)));
        assert_eq!(packed.find::<2>(&element("b")), Some(packed.nth(2)));
        assert_eq!(packed.find::<2>(&element("7")), Some(packed.nth(4)));
        assert_eq!(packed.find::<1>(&element("c")), None);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(usize, Vec<String>),
        Remove(usize, usize),
        Replace(usize, String),
        Relocate(usize, usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let text = || "([0-9]{1,12}|[a-z]{0,5}|x{240,260})";
        prop_oneof![
            (any::<usize>(), prop::collection::vec(text(), 1..4))
                .prop_map(|(at, texts)| Step::Insert(at, texts)),
            (any::<usize>(), 0usize..4).prop_map(|(at, count)| Step::Remove(at, count)),
            (any::<usize>(), text()).prop_map(|(at, text)| Step::Replace(at, text)),
            (any::<usize>(), 0usize..4, any::<usize>())
                .prop_map(|(at, count, to)| Step::Relocate(at, count, to)),
        ]
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_vector_of_texts(steps in prop::collection::vec(step(), 0..40)) {
            let (mut packed, mut model) = (Packed::default(), Vec::<Vec<u8>>::new());
            for step in steps {
                match step {
                    Step::Insert(at, texts) => {
                        let at = at % (model.len() + 1);
                        let elements: Vec<Element<'_>> =
                            texts.iter().map(|text| Element::new(text.as_bytes())).collect();
                        packed.insert(packed.nth(at), &elements);
                        model.splice(at..at, texts.into_iter().map(String::into_bytes));
                    }
                    Step::Remove(at, count) => {
                        let at = at % (model.len() + 1);
                        let count = count.min(model.len() - at);
                        packed.remove(packed.nth(at), count);
                        model.drain(at..at + count);
                    }
                    Step::Replace(at, text) if !model.is_empty() => {
                        let at = at % model.len();
                        packed.replace(packed.nth(at), &Element::new(text.as_bytes()));
                        model[at] = text.into_bytes();
                    }
                    Step::Replace(..) => {}
                    Step::Relocate(at, count, to) => {
                        let at = at % (model.len() + 1);
                        let count = count.min(model.len() - at);
                        let to = to % (model.len() + 1);
                        let offset = packed.relocate(packed.nth(at), count, packed.nth(to));
                        let moved: Vec<_> = model.drain(at..at + count).collect();
                        let to = if to < at { to } else { to.saturating_sub(count).max(at) };
                        prop_assert_eq!(offset, packed.nth(to));
                        model.splice(to..to, moved);
                    }
                }
                prop_assert_eq!(packed.len(), model.len());
                prop_assert_eq!(&texts(&packed), &model);
            }
        }
    }
}
