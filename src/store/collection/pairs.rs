//! The fields of a large hash, and when those end that expire.

use super::deadlines::Deadlines;
use super::element::Element;
use super::pair::Pair;
use super::sequence::Item;
use super::table::{Table, hash};
use crate::store::Text;

/// Fields, each with a value and perhaps a deadline, in milliseconds since the Unix epoch.
///
/// However many fields end at once, [`Pairs::shed`] removes some at a time. The others that have ended
/// are hidden meanwhile: to whoever looks, and to whoever changes something, they are not there.
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
        self.table.len() - self.deadlines.as_ref().map_or(0, |deadlines| deadlines.hidden)
    }

    pub(super) fn heap_size(&self) -> usize {
        let deadlines = self.deadlines.as_ref().map_or(0, |deadlines| deadlines.heap_size());
        size_of::<Self>() + self.table.heap_size() + self.bytes + deadlines
    }

    #[inline]
    pub(super) fn get(&self, field: &[u8]) -> Option<Text<'_>> {
        Some(self.find(field)?.value())
    }

    /// As [`Pairs::get`], unless it has ended by now.
    pub(super) fn get_at(&self, field: &[u8], now_ms: u64) -> Option<Text<'_>> {
        let pair = self.find(field)?;
        (!pair.ends_before(now_ms)).then(|| pair.value())
    }

    /// When a field ends, of one that is there.
    pub(super) fn deadline(&self, field: &[u8]) -> Option<Option<u64>> {
        Some(self.find(field)?.deadline())
    }

    #[inline]
    pub(super) fn fetch_ahead(&self, hash: u64) {
        self.table.fetch_ahead(hash);
    }

    /// See [`Table::fetch_place`].
    #[inline]
    pub(super) fn fetch_place(&self, hash: u64) -> bool {
        self.table.fetch_place(hash)
    }

    #[inline]
    pub(super) fn fetch_element(&self, hash: u64) {
        self.table.guess(hash).inspect(|pair| pair.fetch_ahead());
    }

    #[inline]
    fn find(&self, field: &[u8]) -> Option<&Pair> {
        let name = Element::text(field);
        let pair = self.table.find(hash(field), |pair| pair.is_named(&name))?;
        (!pair.ends_before(self.horizon())).then_some(pair)
    }

    /// Fields that end before this are hidden; 0 if none is.
    #[inline]
    fn horizon(&self) -> u64 {
        self.deadlines.as_ref().map_or(0, |deadlines| deadlines.horizon)
    }

    /// Gives a field a value and a deadline, whether it is there or not. True if it is new.
    pub(super) fn set(&mut self, field: &[u8], value: &[u8], ends: Ends) -> bool {
        let (name, value) = (Element::text(field), Element::new(value));
        let hash = hash(field);
        let horizon = self.horizon();
        if horizon > 0 {
            self.take(hash, |pair| pair.ends_before(horizon) && pair.is_named(&name));
        }
        let Some(pair) = self.table.find_mut(hash, |pair| pair.is_named(&name)) else {
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
        let (hash, horizon) = (hash(field), self.horizon());
        let pair = self.table.find_mut(hash, |pair| pair.is_named(&name));
        let Some(pair) = pair.filter(|pair| !pair.ends_before(horizon)) else { return false };
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
        self.bytes += pair.heap_size();
        self.table.insert(hash, pair, Pair::hash);
    }

    /// Removes a field. False if it was not there.
    pub(super) fn remove(&mut self, field: &[u8]) -> bool {
        let (name, horizon) = (Element::text(field), self.horizon());
        let gone = self.take(hash(field), |pair| pair.is_named(&name));
        gone.is_some_and(|pair| !pair.ends_before(horizon))
    }

    /// Takes out the field with this hash that `is` says it is.
    fn take(&mut self, hash: u64, is: impl FnMut(&Pair) -> bool) -> Option<Pair> {
        let pair = self.extract(hash, is)?;
        self.note(hash, pair.deadline(), None);
        Some(pair)
    }

    /// As [`Pairs::take`], of one that the deadlines know no more.
    fn extract(&mut self, hash: u64, is: impl FnMut(&Pair) -> bool) -> Option<Pair> {
        let pair = self.table.remove(hash, is, Pair::hash)?;
        self.bytes -= pair.heap_size();
        Some(pair)
    }

    /// Before this, no field ends.
    #[inline]
    pub(super) fn soonest(&self) -> Option<u64> {
        self.deadlines.as_ref()?.soonest()
    }

    /// True if every field has ended.
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        let Some(deadlines) = self.deadlines.as_deref() else { return false };
        let all = deadlines.order.len();
        all == self.table.len() && deadlines.due(now_ms) == all
    }

    /// Removes fields that have ended, `most` at most, and hides the others. False if none had.
    pub(super) fn shed(&mut self, now_ms: u64, most: usize) -> bool {
        let Some(deadlines) = &mut self.deadlines else { return false };
        let due = deadlines.due(now_ms);
        let gone = deadlines.take_first(due.min(most));
        deadlines.hidden = due - gone.len();
        deadlines.horizon = if deadlines.hidden > 0 { now_ms } else { 0 };
        if deadlines.order.len() == 0 {
            self.deadlines = None;
        }
        for Item { score: at, id: hash } in &gone {
            let is_it = |pair: &Pair| pair.deadline() == Some(*at) && pair.hash() == *hash;
            self.extract(*hash, is_it);
        }
        !gone.is_empty()
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
            deadlines.remove(at, hash);
        }
        if let Some(at) = after {
            deadlines.insert(at, hash);
        }
        if deadlines.order.len() == 0 {
            self.deadlines = None;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Text<'_>, Text<'_>)> {
        let horizon = self.horizon();
        self.table.iter().filter(move |pair| !pair.ends_before(horizon)).map(Pair::texts)
    }

    /// True if most fields are hidden: then it takes long to draw one that is not.
    pub(super) fn is_mostly_hidden(&self) -> bool {
        self.table.len() > 2 * self.len()
    }

    /// A field with its value, each as likely as any other; see [`Table::pick`].
    pub(super) fn pick(
        &self,
        mut random: impl FnMut(usize) -> usize,
    ) -> Option<(Text<'_>, Text<'_>)> {
        /// Going through all takes as long as very many of these.
        const DRAWS: usize = 64;
        if self.len() == 0 {
            return None;
        }
        let horizon = self.horizon();
        for _ in 0..DRAWS {
            let pair = self.table.pick(&mut random)?;
            if !pair.ends_before(horizon) {
                return Some(pair.texts());
            }
        }
        self.iter().nth(random(self.len()))
    }

    /// See [`Table::scan`].
    pub(super) fn scan(
        &self,
        cursor: u64,
        count: usize,
        mut see: impl FnMut(Text<'_>, Text<'_>),
    ) -> u64 {
        let horizon = self.horizon();
        self.table.scan(cursor, count, Pair::fetch_ahead, |pair| {
            if !pair.ends_before(horizon) {
                let (field, value) = pair.texts();
                see(field, value);
            }
        })
    }
}

impl std::fmt::Debug for Pairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} pairs", self.len())
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
        assert_eq!(pairs.len(), all.len());
        let hidden = pairs.table.len() - all.len();
        let noted = pairs.deadlines.as_ref().map_or(0, |noted| noted.order.len());
        assert_eq!(noted, deadlines.len() + hidden);
        if hidden == 0 {
            assert_eq!(pairs.soonest(), deadlines.into_iter().min());
        }
        assert_eq!(pairs.bytes, pairs.table.iter().map(|pair| pair.heap_size()).sum::<usize>());
        all
    }

    proptest! {
        #[test]
        fn they_behave_as_a_map_of_values_with_deadlines(
            steps in prop::collection::vec(
                ("[a-d]{0,2}", "[a-z]{0,12}|[0-9]{1,12}", prop::option::of(0u64..50), 0..6), 0..200)
        ) {
            let (mut pairs, mut model, mut now) = (Pairs::default(), Model::new(), 0);
            for (field, value, at, step) in steps {
                let (field, value) = (field.into_bytes(), value.into_bytes());
                let at = at.map(|at| now + at);
                match step {
                    0 => {
                        prop_assert_eq!(pairs.remove(&field), model.remove(&field).is_some());
                    }
                    1 => {
                        now = now.max(at.unwrap_or(0) / 2);
                        let before = pairs.table.len();
                        let over = before > 0
                            && model.values().all(|(_, at)| at.is_some_and(|at| at < now));
                        prop_assert_eq!(pairs.is_over(now), over);
                        pairs.shed(now, 2);
                        prop_assert!(before - pairs.table.len() <= 2);
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
    fn however_many_end_at_once_some_go_at_a_time_and_the_others_are_not_seen() {
        const SLICE: usize = 100;
        let mut pairs = Pairs::default();
        pairs.set(b"stays", b"value", Ends::Never);
        for i in 0..10_000u32 {
            pairs.set(&i.to_le_bytes(), b"value", Ends::At(7));
        }
        let mut random = fastrand::Rng::with_seed(1);
        while pairs.table.len() > 1 {
            let before = pairs.table.len();
            assert!(pairs.shed(8, SLICE) && !pairs.is_over(8));
            assert_eq!(pairs.table.len(), before.saturating_sub(SLICE).max(1));
            assert_eq!(pairs.len(), 1);
            assert_eq!(contents(&pairs).len(), 1);
            let (field, _) = pairs.pick(|n| random.usize(0..n)).expect("one is there");
            assert_eq!(field.to_vec(), b"stays");
            let mut seen = 0;
            pairs.scan(0, usize::MAX, |_, _| seen += 1);
            assert_eq!(seen, 1);
        }
        assert!(!pairs.shed(8, SLICE) && pairs.deadlines.is_none());
    }

    #[test]
    fn fields_without_deadline_take_no_memory_for_it() {
        let mut pairs = Pairs::default();
        pairs.set(b"field", b"value", Ends::Never);
        let before = (pairs.bytes, pairs.heap_size());
        assert!(pairs.set_deadline(b"field", Some(7)));
        assert_eq!(pairs.bytes, before.0 + size_of::<u64>());
        assert!(pairs.set_deadline(b"field", None));
        assert_eq!((pairs.bytes, pairs.heap_size()), before);
    }
}
