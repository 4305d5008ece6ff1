//! The fields of a large hash, and when those end that expire.

use std::collections::BTreeSet;

use super::element::{Element, read, size_at};
use super::table::{Table, hash};
use crate::store::prefetch::{FETCHED, prefetch};
use crate::store::{Text, free};

/// Fields, each with a value and perhaps a deadline, in milliseconds since the Unix epoch.
#[derive(Clone, Default)]
pub(super) struct Pairs {
    table: Table<Pair>,
    /// Allocated by the pairs.
    bytes: usize,
    /// None if no field expires.
    deadlines: Option<Box<Deadlines>>,
}

impl Pairs {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn heap_size(&self) -> usize {
        let deadlines = self.deadlines.as_ref().map_or(0, |deadlines| deadlines.heap_size());
        size_of::<Self>() + self.table.heap_size() + self.bytes + deadlines
    }

    #[inline]
    pub(super) fn get(&self, field: &[u8]) -> Option<Text<'_>> {
        Some(self.find(field)?.value())
    }

    /// When a field ends, of one that is there.
    pub(super) fn deadline(&self, field: &[u8]) -> Option<Option<u64>> {
        Some(self.find(field)?.deadline())
    }

    #[inline]
    pub(super) fn fetch_ahead(&self, hash: u64) {
        self.table.fetch_ahead(hash);
    }

    #[inline]
    pub(super) fn fetch_element(&self, hash: u64) {
        self.table.guess(hash).inspect(|pair| pair.fetch_ahead());
    }

    #[inline]
    fn find(&self, field: &[u8]) -> Option<&Pair> {
        let name = Element::text(field);
        self.table.find(hash(field), |pair| name.is_at(&pair.0))
    }

    /// Gives a field a value and a deadline, whether it is there or not. True if it is new.
    pub(super) fn set(&mut self, field: &[u8], value: &[u8], ends: Ends) -> bool {
        let (name, value) = (Element::text(field), Element::new(value));
        let hash = hash(field);
        let Some(pair) = self.table.find_mut(hash, |pair| name.is_at(&pair.0)) else {
            self.add(hash, Pair::new(&name, &value, None));
            if let Ends::At(at) = ends {
                self.set_deadline(field, Some(at));
            }
            return true;
        };
        let before = pair.deadline();
        let after = match ends {
            Ends::Never => None,
            Ends::AsBefore => before,
            Ends::At(at) => Some(at),
        };
        pair.change(&name, &value, after, &mut self.bytes);
        self.note(hash, before, after);
        false
    }

    /// Gives a field another deadline, or none. False if it is not there.
    pub(super) fn set_deadline(&mut self, field: &[u8], deadline: Option<u64>) -> bool {
        let name = Element::text(field);
        let hash = hash(field);
        let Some(pair) = self.table.find_mut(hash, |pair| name.is_at(&pair.0)) else {
            return false;
        };
        let before = pair.deadline();
        pair.set_deadline(deadline, &mut self.bytes);
        self.note(hash, before, deadline);
        true
    }

    /// Adds a field that is not there and never ends.
    pub(super) fn insert(&mut self, field: &[u8], value: &[u8]) {
        self.add(hash(field), Pair::new(&Element::text(field), &Element::new(value), None));
    }

    fn add(&mut self, hash: u64, pair: Pair) {
        self.bytes += pair.0.len();
        self.table.insert(hash, pair, Pair::hash);
    }

    /// Removes a field. False if it was not there.
    pub(super) fn remove(&mut self, field: &[u8]) -> bool {
        let name = Element::text(field);
        let hash = hash(field);
        match self.table.remove(hash, |pair| name.is_at(&pair.0), Pair::hash) {
            Some(pair) => {
                self.bytes -= pair.0.len();
                self.note(hash, pair.deadline(), None);
                true
            }
            None => false,
        }
    }

    /// Before this, no field ends.
    #[inline]
    pub(super) fn soonest(&self) -> Option<u64> {
        self.deadlines.as_ref()?.soonest()
    }

    /// True if every field has ended.
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        let Some(Deadlines(all)) = self.deadlines.as_deref() else { return false };
        // Two fields of one hash and one deadline would be one here: then each is looked at later.
        all.len() == self.len() && all.last().is_some_and(|(at, _)| is_due(*at, now_ms))
    }

    /// Removes fields that have ended, `most` at most. False if none had.
    pub(super) fn shed(&mut self, now_ms: u64, most: usize) -> bool {
        for done in 0..most {
            let first = self.deadlines.as_ref().and_then(|deadlines| deadlines.0.first().copied());
            let Some((at, hash)) = first.filter(|(at, _)| is_due(*at, now_ms)) else {
                return done > 0;
            };
            let is_it = |pair: &Pair| pair.deadline() == Some(at) && pair.hash() == hash;
            if let Some(pair) = self.table.remove(hash, is_it, Pair::hash) {
                self.bytes -= pair.0.len();
            }
            self.note(hash, Some(at), None);
        }
        most > 0
    }

    /// Keeps `deadlines` up to date after a field's deadline has become another one.
    #[inline]
    fn note(&mut self, hash: u64, before: Option<u64>, after: Option<u64>) {
        if before != after {
            self.note_change(hash, before, after);
        }
    }

    #[cold]
    fn note_change(&mut self, hash: u64, before: Option<u64>, after: Option<u64>) {
        let deadlines = self.deadlines.get_or_insert_default();
        if let Some(at) = before {
            // Another field with the same hash may end at the same time.
            let is_other = |pair: &Pair| pair.deadline() == Some(at) && pair.hash() == hash;
            if self.table.find(hash, is_other).is_none() {
                deadlines.0.remove(&(at, hash));
            }
        }
        deadlines.0.extend(after.map(|at| (at, hash)));
        if deadlines.0.is_empty() {
            self.deadlines = None;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Text<'_>, Text<'_>)> {
        self.table.iter().map(Pair::texts)
    }

    /// A field with its value, each as likely as any other; see [`Table::pick`].
    pub(super) fn pick(&self, random: impl FnMut(usize) -> usize) -> Option<(Text<'_>, Text<'_>)> {
        self.table.pick(random).map(Pair::texts)
    }

    /// See [`Table::scan`].
    pub(super) fn scan(
        &self,
        cursor: u64,
        count: usize,
        mut see: impl FnMut(Text<'_>, Text<'_>),
    ) -> u64 {
        self.table.scan(cursor, count, Pair::fetch_ahead, |pair| {
            let (field, value) = pair.texts();
            see(field, value);
        })
    }
}

impl std::fmt::Debug for Pairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} pairs", self.table.len())
    }
}

/// What a new value does to the deadline of its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    Never,
    /// When it would have ended anyway.
    AsBefore,
    /// Milliseconds since the Unix epoch.
    At(u64),
}

/// A field may still be read in the millisecond in which it ends, as a key may.
#[inline]
pub(super) fn is_due(deadline: u64, now_ms: u64) -> bool {
    now_ms > deadline
}

/// The deadlines in order, each with the hash of its field.
#[derive(Clone, Default)]
struct Deadlines(BTreeSet<(u64, u64)>);

impl Deadlines {
    /// About what a B-tree takes for each that it holds: nodes are between half full and full.
    const EACH: usize = 28;
    /// So many take as much as one.
    const NODE: usize = 7;

    fn heap_size(&self) -> usize {
        size_of::<Self>() + self.0.len().max(Self::NODE) * Self::EACH
    }

    #[inline]
    fn soonest(&self) -> Option<u64> {
        self.0.first().map(|(at, _)| *at)
    }
}

impl Drop for Deadlines {
    fn drop(&mut self) {
        if self.0.len() > free::MANY {
            free::later(self.heap_size(), std::mem::take(&mut self.0));
        }
    }
}

/// A field, which is always text, its value, and eight bytes of deadline if it has one, in one
/// allocation.
#[derive(Clone)]
struct Pair(Box<[u8]>);

const DEADLINE: usize = size_of::<u64>();

impl Pair {
    fn new(field: &Element<'_>, value: &Element<'_>, deadline: Option<u64>) -> Self {
        let mut bytes = vec![0; Self::size(field, value, deadline)].into_boxed_slice();
        field.write(&mut bytes);
        let mut pair = Self(bytes);
        pair.write(field.size(), value, deadline);
        pair
    }

    fn size(field: &Element<'_>, value: &Element<'_>, deadline: Option<u64>) -> usize {
        field.size() + value.size() + deadline.map_or(0, |_| DEADLINE)
    }

    /// Writes what comes after the field, which takes `name` bytes.
    fn write(&mut self, name: usize, value: &Element<'_>, deadline: Option<u64>) {
        value.write(&mut self.0[name..]);
        if let Some(at) = deadline {
            self.0[name + value.size()..].copy_from_slice(&at.to_le_bytes());
        }
    }

    /// Puts another value and deadline behind the same field; corrects the sum of all `bytes`.
    fn change(
        &mut self,
        field: &Element<'_>,
        value: &Element<'_>,
        deadline: Option<u64>,
        bytes: &mut usize,
    ) {
        let size = Self::size(field, value, deadline);
        if self.0.len() == size {
            self.write(field.size(), value, deadline);
        } else {
            *bytes = *bytes + size - self.0.len();
            *self = Self::new(field, value, deadline);
        }
    }

    fn set_deadline(&mut self, deadline: Option<u64>, bytes: &mut usize) {
        let end = self.end();
        *bytes -= self.0.len();
        let mut all = std::mem::take(&mut self.0).into_vec();
        all.truncate(end);
        if let Some(at) = deadline {
            all.reserve_exact(DEADLINE);
            all.extend(at.to_le_bytes());
        }
        self.0 = all.into_boxed_slice();
        *bytes += self.0.len();
    }

    #[inline]
    fn fetch_ahead(&self) {
        prefetch(self.0.as_ptr(), self.0.len().min(FETCHED));
    }

    #[inline]
    fn field(&self) -> &[u8] {
        match read(&self.0) {
            Text::Plain(field) => field,
            _ => &[],
        }
    }

    #[inline]
    fn value(&self) -> Text<'_> {
        read(&self.0[size_at(&self.0)..])
    }

    fn texts(&self) -> (Text<'_>, Text<'_>) {
        (Text::Plain(self.field()), self.value())
    }

    #[inline]
    fn deadline(&self) -> Option<u64> {
        self.0[self.end()..].first_chunk().map(|at| u64::from_le_bytes(*at))
    }

    /// Where the value ends.
    #[inline]
    fn end(&self) -> usize {
        let value = size_at(&self.0);
        value + size_at(&self.0[value..])
    }

    #[inline]
    fn hash(&self) -> u64 {
        hash(self.field())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

    /// What the pairs are, with their books checked.
    fn contents(pairs: &Pairs) -> Model {
        let deadline = |field: &[u8]| pairs.deadline(field).expect("it is there");
        let all = pairs.iter().map(|(field, value)| {
            let field = field.to_vec();
            let deadline = deadline(&field);
            (field, (value.to_vec(), deadline))
        });
        let all: Model = all.collect();
        let deadlines: Vec<u64> = all.values().filter_map(|(_, deadline)| *deadline).collect();
        let noted = pairs.deadlines.as_ref().map_or(0, |noted| noted.0.len());
        assert_eq!(noted, deadlines.len());
        assert_eq!(pairs.soonest(), deadlines.into_iter().min());
        assert_eq!(pairs.bytes, pairs.table.iter().map(|pair| pair.0.len()).sum::<usize>());
        all
    }

    proptest! {
        #[test]
        fn they_behave_as_a_map_of_values_with_deadlines(
            steps in prop::collection::vec(
                ("[a-d]{0,2}", "[a-z]{0,12}|[0-9]{1,12}", prop::option::of(0u64..50), 0..6), 0..200)
        ) {
            let (mut pairs, mut model) = (Pairs::default(), Model::new());
            for (field, value, at, step) in steps {
                let (field, value) = (field.into_bytes(), value.into_bytes());
                match step {
                    0 => {
                        prop_assert_eq!(pairs.remove(&field), model.remove(&field).is_some());
                    }
                    1 => {
                        let now = at.unwrap_or(0);
                        let over = !model.is_empty()
                            && model.values().all(|(_, at)| at.is_some_and(|at| at < now));
                        prop_assert_eq!(pairs.is_over(now), over);
                        while pairs.shed(now, 2) {}
                        model.retain(|_, (_, at)| at.is_none_or(|at| at >= now));
                    }
                    2 => {
                        let entry = model.get_mut(&field).map(|entry| entry.1 = at);
                        prop_assert_eq!(pairs.set_deadline(&field, at), entry.is_some());
                    }
                    _ => {
                        let ends = match (step, at) {
                            (3, _) => Ends::AsBefore,
                            (_, Some(at)) => Ends::At(at),
                            (_, None) => Ends::Never,
                        };
                        let before = model.get(&field).and_then(|(_, at)| *at);
                        let at = if step == 3 { before } else { at };
                        let is_new = model.insert(field.clone(), (value.clone(), at)).is_none();
                        prop_assert_eq!(pairs.set(&field, &value, ends), is_new);
                    }
                }
                prop_assert_eq!(&contents(&pairs), &model);
            }
            prop_assert_eq!(&contents(&pairs.clone()), &model);
        }
    }

    #[test]
    fn fields_without_deadline_take_no_memory_for_it() {
        let mut pairs = Pairs::default();
        pairs.set(b"field", b"value", Ends::Never);
        let before = (pairs.bytes, pairs.heap_size());
        assert!(pairs.set_deadline(b"field", Some(7)));
        assert_eq!(pairs.bytes, before.0 + DEADLINE);
        assert!(pairs.set_deadline(b"field", None));
        assert_eq!((pairs.bytes, pairs.heap_size()), before);
    }
}
