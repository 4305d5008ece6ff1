//! A list: texts in the order in which they were put in.

use std::ops::Range;

use super::chunk::{Chunk, ChunkSize, End};
use super::chunks::{Chunks, Found, Given};
use super::{AnyCollection, Collection};
use crate::store::{Text, Value};

#[derive(Clone, Debug, Default)]
pub struct List(Form);

#[derive(Clone, Debug)]
enum Form {
    /// All in one chunk.
    Small(Chunk),
    Large(Box<Chunks>),
}

impl Default for Form {
    fn default() -> Self {
        Self::Small(Chunk::default())
    }
}

impl Collection for List {
    fn of(value: Value<'_>) -> Option<&Self> {
        match value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    fn into_any(self) -> AnyCollection {
        AnyCollection::List(self)
    }

    #[inline]
    fn len(&self) -> usize {
        match &self.0 {
            Form::Small(chunk) => chunk.len(),
            Form::Large(chunks) => chunks.len(),
        }
    }

    fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Small(_) => "listpack",
            Form::Large(_) => "quicklist",
        }
    }

    fn heap_size(&self) -> usize {
        match &self.0 {
            Form::Small(chunk) => chunk.heap_size(),
            Form::Large(chunks) => chunks.heap_size(),
        }
    }

    /// Both ends: most commands are about one of them.
    #[inline]
    fn fetch_ahead(&self, _: Option<u64>) {
        match &self.0 {
            Form::Small(chunk) => chunk.fetch_ahead(),
            Form::Large(chunks) => chunks.ends().for_each(Chunk::fetch_ahead),
        }
    }

    #[inline]
    fn fetch_next(&self, _: Option<u64>) -> bool {
        match &self.0 {
            Form::Small(chunk) => chunk.fetch_ends(),
            Form::Large(chunks) => chunks.ends().for_each(Chunk::fetch_ends),
        }
        false
    }

    /// Elements of lists are in chunks.
    fn fetch_element(&self, _: u64) {}
}

impl List {
    /// Adds an element at one end.
    #[inline]
    pub fn push(&mut self, end: End, text: &[u8], size: ChunkSize) {
        let given = Given::new(text);
        if let Form::Small(chunk) = &mut self.0 {
            if given.is_small() && chunk.admits(&given.element, size) {
                return chunk.push(end, &given.element);
            }
            self.unpack();
        }
        if let Form::Large(chunks) = &mut self.0 {
            chunks.push(end, &given, size);
        }
    }

    /// The element at one end.
    #[inline]
    pub fn outermost(&self, end: End) -> Option<Text<'_>> {
        match &self.0 {
            Form::Small(chunk) => Some(chunk.at(chunk.outermost(end)?)),
            Form::Large(chunks) => chunks.outermost(end),
        }
    }

    /// Shows the element at one end, and takes it out. None if the list is empty.
    #[inline]
    pub fn pop<R>(
        &mut self,
        end: End,
        size: ChunkSize,
        see: impl FnOnce(Text<'_>) -> R,
    ) -> Option<R> {
        let seen = see(self.outermost(end)?);
        match &mut self.0 {
            Form::Small(chunk) => chunk.pop(end),
            Form::Large(chunks) => {
                chunks.pop(end);
                self.settle(size);
            }
        }
        Some(seen)
    }

    pub fn get(&self, index: usize) -> Option<Text<'_>> {
        match &self.0 {
            Form::Small(chunk) if index >= chunk.len() => None,
            Form::Small(chunk) => Some(chunk.at(chunk.nth(index))),
            Form::Large(chunks) => chunks.get(index),
        }
    }

    /// Visits the elements with these numbers, as far as there are.
    #[inline]
    pub fn for_each<'a>(&'a self, numbers: Range<usize>, mut see: impl FnMut(Text<'a>)) {
        let end = numbers.end.min(self.len());
        let Some(count @ 1..) = end.checked_sub(numbers.start) else { return };
        match &self.0 {
            Form::Small(chunk) => chunk.for_each(numbers.start, count, &mut see),
            Form::Large(chunks) => chunks.for_each(numbers.start, count, &mut see),
        }
    }

    /// Shows the numbers of the elements that equal this one, beginning with the one nearest to
    /// `from`, until `see` returns false. Not more than `most` elements are looked at.
    pub fn search(&self, text: &[u8], from: End, most: usize, see: impl FnMut(usize) -> bool) {
        let sought = Given::new(text);
        let is_sought = |(_, found): &(usize, Found<'_>)| found.is(&sought);
        let elements = self.iter();
        match from {
            End::Left => {
                let found = elements.take(most).enumerate().filter(is_sought);
                found.map(|(number, _)| number).all(see);
            }
            End::Right => {
                let found = elements.rev().take(most).enumerate().filter(is_sought);
                found.map(|(number, _)| self.len() - 1 - number).all(see);
            }
        }
    }

    /// Puts another element in the place of the one with this number. False if there is none.
    pub fn set(&mut self, index: usize, text: &[u8], size: ChunkSize) -> bool {
        if index >= self.len() {
            return false;
        }
        let given = Given::new(text);
        if let Form::Small(chunk) = &mut self.0 {
            let offset = chunk.nth(index);
            if given.is_small() && chunk.admits_at(offset, &given.element, size) {
                chunk.replace(offset, &given.element);
                return true;
            }
            self.unpack();
        }
        if let Form::Large(chunks) = &mut self.0 {
            chunks.set(index, &given, size);
            self.settle(size);
        }
        true
    }

    /// Puts an element in before the one with this number, or at the end.
    pub fn insert(&mut self, index: usize, text: &[u8], size: ChunkSize) {
        let given = Given::new(text);
        if let Form::Small(chunk) = &mut self.0 {
            if given.is_small() && chunk.admits(&given.element, size) {
                return chunk.insert(chunk.nth(index), &given.element);
            }
            self.unpack();
        }
        if let Form::Large(chunks) = &mut self.0 {
            chunks.insert(index, &given, size);
        }
    }

    /// Takes out the elements that equal this one, at most `most`, beginning with the one nearest to
    /// `from`. Returns how many.
    pub fn remove_equal(&mut self, text: &[u8], from: End, most: usize, size: ChunkSize) -> usize {
        let sought = Given::new(text);
        match &mut self.0 {
            Form::Small(chunk) => chunk.remove_equal(&sought.element, from, most),
            Form::Large(chunks) => {
                let removed = chunks.remove_equal(&sought, from, most, size);
                self.settle(size);
                removed
            }
        }
    }

    /// Takes out all elements but those with these numbers, which are there.
    pub fn keep(&mut self, numbers: Range<usize>, size: ChunkSize) {
        match &mut self.0 {
            Form::Small(chunk) => chunk.keep(numbers),
            Form::Large(chunks) => {
                chunks.keep(numbers);
                self.settle(size);
            }
        }
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = Found<'_>> {
        let (small, large) = match &self.0 {
            Form::Small(chunk) => (Some(chunk), None),
            Form::Large(chunks) => (None, Some(chunks)),
        };
        let small = small.into_iter().flat_map(|chunk| chunk.iter().map(Found::Written));
        small.chain(large.into_iter().flat_map(|chunks| chunks.iter()))
    }

    /// Gives up the small form.
    #[cold]
    fn unpack(&mut self) {
        if let Form::Small(chunk) = &mut self.0 {
            self.0 = Form::Large(Box::new(Chunks::new(std::mem::take(chunk))));
        }
    }

    /// Goes back to the small form when not much is left.
    #[inline]
    fn settle(&mut self, size: ChunkSize) {
        if let Form::Large(chunks) = &mut self.0
            && let Some(chunk) = chunks.take_only(size.half())
        {
            self.0 = Form::Small(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::store::SHARED_FROM;

    type Model = VecDeque<Vec<u8>>;

    fn texts(list: &List) -> Model {
        let mut texts = Model::new();
        list.for_each(0..usize::MAX, |text| texts.push_back(text.to_vec()));
        texts
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(End, Vec<Vec<u8>>),
        Pop(End, usize),
        Set(usize, Vec<u8>),
        Insert(usize, Vec<u8>),
        RemoveEqual(Vec<u8>, End, usize),
        Keep(usize, usize),
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            8 => "[a-c]|-?[0-9]{1,19}|[a-z]{0,9}".prop_map(String::into_bytes),
            2 => (250usize..260).prop_map(|len| vec![b'm'; len]),
            1 => prop_oneof![Just(5000), Just(SHARED_FROM - 1), Just(SHARED_FROM)]
                .prop_map(|len| vec![b'l'; len]),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        let end = || prop_oneof![Just(End::Left), Just(End::Right)];
        prop_oneof![
            4 => (end(), prop::collection::vec(text(), 1..30)).prop_map(|(end, texts)| Step::Push(end, texts)),
            2 => (end(), 1usize..40).prop_map(|(end, count)| Step::Pop(end, count)),
            2 => (any::<usize>(), text()).prop_map(|(at, text)| Step::Set(at, text)),
            3 => (any::<usize>(), text()).prop_map(|(at, text)| Step::Insert(at, text)),
            2 => (text(), end(), 0usize..4).prop_map(|(text, end, most)| Step::RemoveEqual(text, end, most)),
            1 => (any::<usize>(), any::<usize>()).prop_map(|(start, end)| Step::Keep(start, end)),
        ]
    }

    fn push(model: &mut Model, end: End, text: Vec<u8>) {
        match end {
            End::Left => model.push_front(text),
            End::Right => model.push_back(text),
        }
    }

    fn pop(model: &mut Model, end: End) -> Option<Vec<u8>> {
        match end {
            End::Left => model.pop_front(),
            End::Right => model.pop_back(),
        }
    }

    /// The numbers of the elements that equal this one, from one end on.
    fn equal(model: &Model, text: &[u8], from: End) -> Vec<usize> {
        let numbers = (0..model.len()).filter(|number| model[*number] == text);
        match from {
            End::Left => numbers.collect(),
            End::Right => numbers.rev().collect(),
        }
    }

    fn run(list: &mut List, model: &mut Model, step: Step, size: ChunkSize) {
        match step {
            Step::Push(end, texts) => {
                for text in texts {
                    list.push(end, &text, size);
                    push(model, end, text);
                }
            }
            Step::Pop(end, count) => {
                for _ in 0..count {
                    let popped = list.pop(end, size, |text| text.to_vec());
                    assert_eq!(popped, pop(model, end));
                }
            }
            Step::Set(at, text) => {
                let at = at % (model.len() + 1);
                assert_eq!(list.set(at, &text, size), at < model.len());
                if let Some(old) = model.get_mut(at) {
                    *old = text;
                }
            }
            Step::Insert(at, text) => {
                let at = at % (model.len() + 1);
                list.insert(at, &text, size);
                model.insert(at, text);
            }
            Step::RemoveEqual(text, from, most) => {
                let most = if most == 0 { usize::MAX } else { most };
                let mut gone = equal(model, &text, from);
                gone.truncate(most);
                assert_eq!(list.remove_equal(&text, from, most, size), gone.len());
                gone.sort_unstable();
                gone.into_iter().rev().for_each(|number| drop(model.remove(number)));
            }
            Step::Keep(start, end) => {
                let end = end % (model.len() + 1);
                let start = start % (end + 1);
                list.keep(start..end, size);
                model.truncate(end);
                model.drain(..start);
            }
        }
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_sequence(
            steps in prop::collection::vec(step(), 0..40),
            directive in prop_oneof![Just(-5i64), Just(-2), Just(-1), Just(1), Just(3), Just(100)],
        ) {
            let size = ChunkSize::from_directive(directive);
            let (mut list, mut model) = (List::default(), Model::new());
            for step in steps {
                run(&mut list, &mut model, step, size);
                prop_assert_eq!(list.len(), model.len());
                prop_assert_eq!(&texts(&list), &model);
                for at in [0, model.len() / 3, model.len() / 2, model.len().saturating_sub(1)] {
                    prop_assert_eq!(list.get(at).map(|text| text.to_vec()), model.get(at).cloned());
                    let mut rest = Model::new();
                    list.for_each(at..at + 7, |text| rest.push_back(text.to_vec()));
                    prop_assert!(rest.iter().eq(model.iter().skip(at).take(7)));
                }
                for from in [End::Left, End::Right] {
                    let mut found = Vec::new();
                    list.search(b"a", from, usize::MAX, |number| {
                        found.push(number);
                        true
                    });
                    prop_assert_eq!(found, equal(&model, b"a", from));
                }
                list.check(size);
            }
            prop_assert_eq!(texts(&list.clone()), model);
        }
    }

    impl List {
        /// What must hold whatever has happened.
        fn check(&self, size: ChunkSize) {
            match &self.0 {
                Form::Small(chunk) => assert!(chunk.fits_with(&Chunk::default(), size)),
                Form::Large(chunks) => chunks.check(),
            }
        }
    }

    const SIZE: ChunkSize = ChunkSize { elements: usize::MAX, bytes: 8192 };

    #[test]
    fn the_small_form_comes_back_when_half_of_it_is_left() {
        let mut list = List::default();
        while list.encoding() == "listpack" {
            list.push(End::Right, b"12345678901234567890123456789012", SIZE);
        }
        let len = list.len();
        while list.encoding() == "quicklist" {
            list.pop(End::Right, SIZE, |_| ());
        }
        assert_eq!(list.len(), len / 2);
    }

    #[test]
    fn the_directive_names_elements_or_sizes() {
        for (directive, elements, bytes) in [
            (-1, usize::MAX, 4096),
            (-2, usize::MAX, 8192),
            (-5, usize::MAX, 65_536),
            (-6, usize::MAX, 65_536),
            (0, 1, 8192),
            (128, 128, 8192),
            (1 << 20, 32_767, 8192),
        ] {
            assert_eq!(ChunkSize::from_directive(directive), ChunkSize { elements, bytes });
        }
    }

    /// A queue and a growing list copy few bytes: there is room where it is needed.
    #[test]
    fn nothing_is_shifted_or_allocated_for_most_pushes_and_pops() {
        let mut list = List::default();
        let allocations = |work: &mut dyn FnMut()| {
            let before = crate::memory::allocations();
            work();
            crate::memory::allocations() - before
        };
        let grown = allocations(&mut || {
            (0..100_000).for_each(|_| list.push(End::Left, b"some text", SIZE));
        });
        assert!(grown < 5000, "{grown}");
        for len in [10_000, 300, 5] {
            list.keep(0..len, SIZE);
            let turned = allocations(&mut || {
                for _ in 0..10_000 {
                    list.push(End::Left, b"some text", SIZE);
                    list.pop(End::Right, SIZE, |_| ());
                }
            });
            assert!(turned < 1000, "{turned} with {len} elements");
        }
    }
}
