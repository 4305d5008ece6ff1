//! A hash: fields, each with a value, and perhaps with a time at which it ends.

use std::collections::HashSet;

use super::fields::Fields;
use super::form::{Form, Look, Touch};
use super::pairs::{Ends, Pairs};
use super::{AnyCollection, Collection, Limits};
use crate::store::{Text, Value};

/// Only the table knows of deadlines: a hash in which a field expires becomes one.
#[derive(Clone, Debug, Default)]
pub struct Hash(Form<Fields, Pairs>);

impl Collection for Hash {
    fn of(value: Value<'_>) -> Option<&Self> {
        match value {
            Value::Hash(hash) => Some(hash),
            _ => None,
        }
    }

    fn into_any(self) -> AnyCollection {
        AnyCollection::Hash(self)
    }

    #[inline]
    fn len(&self) -> usize {
        match self.0.look() {
            Look::Small(fields) => fields.len(),
            Look::Large(pairs) => pairs.len(),
        }
    }

    fn encoding(&self) -> &'static str {
        match self.0.look() {
            Look::Small(_) => "listpack",
            Look::Large(_) => "hashtable",
        }
    }

    fn heap_size(&self) -> usize {
        match self.0.look() {
            Look::Small(fields) => fields.heap_size(),
            Look::Large(pairs) => pairs.heap_size(),
        }
    }

    #[inline]
    fn fetch_ahead(&self, field: Option<u64>) {
        match (self.0.look(), field) {
            (Look::Small(fields), _) => fields.fetch_ahead(),
            (Look::Large(pairs), Some(field)) => pairs.fetch_ahead(field),
            (Look::Large(_), None) => {}
        }
    }

    #[inline]
    fn fetch_next(&self, field: Option<u64>) -> bool {
        match (self.0.look(), field) {
            (Look::Small(fields), Some(_)) => return fields.fetch_index(),
            (Look::Small(fields), None) => fields.fetch_rest(),
            (Look::Large(pairs), Some(field)) => return pairs.fetch_place(field),
            (Look::Large(_), None) => {}
        }
        false
    }

    #[inline]
    fn fetch_element(&self, field: u64) {
        match self.0.look() {
            Look::Small(fields) => fields.fetch_field(field),
            Look::Large(pairs) => pairs.fetch_element(field),
        }
    }

    #[inline]
    fn soonest(&self) -> Option<u64> {
        match self.0.look() {
            Look::Small(_) => None,
            Look::Large(pairs) => pairs.soonest(),
        }
    }
}

impl Hash {
    #[inline]
    pub fn get(&self, field: &[u8]) -> Option<Text<'_>> {
        match self.0.look() {
            Look::Small(fields) => fields.get(field),
            Look::Large(pairs) => pairs.get(field),
        }
    }

    /// As [`Hash::get`], where nobody has shed what has ended by now.
    pub fn get_at(&self, field: &[u8], now_ms: u64) -> Option<Text<'_>> {
        match self.0.look() {
            Look::Small(_) => self.get(field),
            Look::Large(pairs) => pairs.get_at(field, now_ms),
        }
    }

    /// Gives a field a value, whether it has one or not. True if the field is new.
    #[inline]
    pub fn set(&mut self, field: &[u8], value: &[u8], ends: Ends, limits: Limits) -> bool {
        if let Touch::Small(fields) = self.0.touch() {
            let is_short = field.len().max(value.len()) <= limits.value;
            let fits = is_short && fields.has_room(field.len() + value.len());
            if fits && !matches!(ends, Ends::At(_)) {
                let is_new = fields.set(field, value);
                if is_new && fields.len() > limits.entries {
                    self.unpack();
                }
                return is_new;
            }
            self.unpack();
        }
        let Touch::Large(pairs) = self.0.touch() else { return false };
        pairs.set(field, value, ends)
    }

    /// Removes a field. False if it was not there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match self.0.touch() {
            Touch::Small(fields) => fields.remove(field),
            Touch::Large(pairs) => pairs.remove(field),
        }
    }

    /// When a field ends, in milliseconds since the Unix epoch, of one that is there.
    pub fn deadline(&self, field: &[u8]) -> Option<Option<u64>> {
        match self.0.look() {
            Look::Small(_) => self.get(field).map(|_| None),
            Look::Large(pairs) => pairs.deadline(field),
        }
    }

    /// Gives a field another deadline, or none. False if it is not there.
    pub fn set_deadline(&mut self, field: &[u8], deadline: Option<u64>) -> bool {
        if let Look::Small(fields) = self.0.look() {
            let is_there = fields.contains(field);
            if deadline.is_none() || !is_there {
                return is_there;
            }
            self.unpack();
        }
        let Touch::Large(pairs) = self.0.touch() else { return false };
        pairs.set_deadline(field, deadline)
    }

    /// True if every field has ended.
    pub(in crate::store) fn is_over(&self, now_ms: u64) -> bool {
        match self.0.look() {
            Look::Small(_) => false,
            Look::Large(pairs) => pairs.is_over(now_ms),
        }
    }

    /// Removes fields that have ended, `most` at most, and hides the others. False if none had.
    pub(in crate::store) fn shed(&mut self, now_ms: u64, most: usize) -> bool {
        match self.0.touch() {
            Touch::Small(_) => false,
            Touch::Large(pairs) => pairs.shed(now_ms, most),
        }
    }

    /// Visits all fields with their values.
    #[inline]
    pub fn for_each(&self, mut see: impl FnMut(Text<'_>, Text<'_>)) {
        match self.0.look() {
            Look::Small(fields) => fields.iter().for_each(|(field, value)| see(field, value)),
            Look::Large(pairs) => pairs.iter().for_each(|(field, value)| see(field, value)),
        }
    }

    /// A field with its value, each as likely as any other, picked with the numbers that `random(n)`
    /// draws from 0..n.
    pub fn pick(&self, mut random: impl FnMut(usize) -> usize) -> Option<(Text<'_>, Text<'_>)> {
        match self.0.look() {
            Look::Small(fields) if fields.is_empty() => None,
            Look::Small(fields) => fields.nth(random(fields.len())),
            Look::Large(pairs) => pairs.pick(random),
        }
    }

    /// Visits `times` fields with their values, as [`Hash::pick`] picks them, until `see` answers false.
    pub fn pick_each(
        &self,
        times: usize,
        mut random: impl FnMut(usize) -> usize,
        mut see: impl FnMut(Text<'_>, Text<'_>) -> bool,
    ) {
        let shown: Vec<_> = match self.0.look() {
            Look::Large(pairs) if pairs.is_mostly_hidden() => pairs.iter().collect(),
            _ => Vec::new(),
        };
        for _ in 0..times {
            let picked = match shown.is_empty() {
                true => self.pick(&mut random),
                false => Some(shown[random(shown.len())]),
            };
            if !picked.is_some_and(|(field, value)| see(field, value)) {
                return;
            }
        }
    }

    /// Visits `count` different fields with their values, or all if there are no more; each choice is
    /// as likely as any other.
    pub fn sample(
        &self,
        count: usize,
        mut random: impl FnMut(usize) -> usize,
        mut see: impl FnMut(Text<'_>, Text<'_>),
    ) {
        /// With fewer fields to each wanted one, going through all is faster than picking.
        const SPARSE: usize = 3;
        let len = self.len();
        let mut wanted = count.min(len);
        let is_easy = matches!(self.0.look(), Look::Large(pairs) if !pairs.is_mostly_hidden());
        if is_easy && wanted < len / SPARSE {
            let mut seen = HashSet::with_capacity(wanted);
            while let Some((field, value)) = self.pick(&mut random).filter(|_| wanted > 0) {
                // In a table every field is text of its own, and its address tells it from others.
                if let Text::Plain(name) = field
                    && seen.insert(name.as_ptr())
                {
                    see(field, value);
                    wanted -= 1;
                }
            }
            return;
        }
        let mut left = len;
        self.for_each(|field, value| {
            if wanted > 0 && (wanted == left || random(left) < wanted) {
                see(field, value);
                wanted -= 1;
            }
            left -= 1;
        });
    }

    /// Visits about `count` fields with their values from `cursor` on; returns where to go on. 0 is
    /// the beginning, and the end. A small hash is visited as a whole.
    pub fn scan(&self, cursor: u64, count: usize, see: impl FnMut(Text<'_>, Text<'_>)) -> u64 {
        match self.0.look() {
            Look::Small(_) => {
                self.for_each(see);
                0
            }
            Look::Large(pairs) => pairs.scan(cursor, count, see),
        }
    }

    /// Gives up the packed form, for good.
    #[cold]
    fn unpack(&mut self) {
        let mut pairs = Box::<Pairs>::default();
        let mut digits = (itoa::Buffer::new(), itoa::Buffer::new());
        self.for_each(|field, value| {
            pairs.insert(field.bytes(&mut digits.0), value.bytes(&mut digits.1));
        });
        self.0 = Form::large(pairs);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { entries: 8, value: 20 };

    fn pairs(hash: &Hash) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut pairs = BTreeMap::new();
        hash.for_each(|field, value| {
            assert_eq!(pairs.insert(field.to_vec(), value.to_vec()), None);
        });
        pairs
    }

    /// To draw again until a field is met would take `HIDDEN` draws for each of them. How many one
    /// look into a table takes depends on how its key, another for each table, spreads the fields.
    #[test]
    fn fields_are_picked_with_few_draws_however_many_are_hidden() {
        const HIDDEN: usize = 10_000;
        let mut hash = Hash::default();
        for i in 0..HIDDEN {
            hash.set(format!("due{i}").as_bytes(), b"v", Ends::At(1), LIMITS);
        }
        hash.set(b"stays", b"v", Ends::Never, LIMITS);
        assert!(hash.shed(1000, 1), "all but one of those that are due stay, hidden");
        assert_eq!(hash.len(), 1);
        let mut rng = fastrand::Rng::with_seed(7);
        let mut draws = 0;
        let mut random = |n| {
            draws += 1;
            rng.usize(0..n)
        };
        let mut picked = 0;
        hash.pick_each(1000, &mut random, |field, _| {
            picked += usize::from(field.to_vec() == b"stays");
            true
        });
        hash.sample(1, &mut random, |field, _| picked += usize::from(field.to_vec() == b"stays"));
        assert_eq!(
            hash.pick(&mut random).map(|(field, _)| field.to_vec()),
            Some(b"stays".to_vec())
        );
        assert_eq!(picked, 1001);
        assert!(draws < HIDDEN, "{draws} draws");
    }

    #[test]
    fn the_packed_form_is_given_up_beyond_either_limit() {
        let mut hash = Hash::default();
        for i in 0..LIMITS.entries {
            assert!(hash.set(i.to_string().as_bytes(), b"v", Ends::Never, LIMITS));
        }
        assert!(!hash.set(b"0", &[b'v'; 20], Ends::Never, LIMITS));
        assert_eq!(hash.encoding(), "listpack");
        assert!(hash.clone().set(b"another", b"v", Ends::Never, LIMITS));
        for (field, value) in
            [(&b"another"[..], &b"v"[..]), (b"0", &[b'v'; 21]), (&[b'f'; 21], b"v")]
        {
            let mut larger = hash.clone();
            larger.set(field, value, Ends::Never, LIMITS);
            assert_eq!(larger.encoding(), "hashtable");
            let mut expected = pairs(&hash);
            expected.insert(field.to_vec(), value.to_vec());
            assert_eq!(pairs(&larger), expected);
        }
    }

    #[test]
    fn all_fields_are_scanned_and_any_may_be_picked_in_either_form() {
        let mut random = fastrand::Rng::with_seed(1);
        for fields in [0, 3, 100] {
            let mut hash = Hash::default();
            (0u8..fields).for_each(|i| assert!(hash.set(&[i], &[i, i], Ends::Never, LIMITS)));
            let (mut cursor, mut scanned) = (0, BTreeMap::new());
            loop {
                cursor = hash.scan(cursor, 10, |field, value| {
                    scanned.insert(field.to_vec(), value.to_vec());
                });
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(scanned, pairs(&hash));
            let mut picked = BTreeMap::new();
            for _ in 0..20 * usize::from(fields) {
                let (field, value) = hash.pick(|n| random.usize(0..n)).expect("it is not empty");
                picked.insert(field.to_vec(), value.to_vec());
            }
            assert_eq!(picked, scanned);
            assert_eq!(hash.pick(|n| random.usize(0..n)).is_some(), fields > 0);
        }
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_map(
            steps in prop::collection::vec(("[a-d]{0,2}|[0-9]{1,2}", "[a-z]{0,22}|-?[0-9]{1,19}", 0..3), 0..200)
        ) {
            let (mut hash, mut model) = (Hash::default(), BTreeMap::new());
            for (field, value, step) in steps {
                let (field, value) = (field.into_bytes(), value.into_bytes());
                match step {
                    0 => {
                        prop_assert_eq!(hash.remove(&field), model.remove(&field).is_some());
                    }
                    _ => {
                        let is_new = hash.set(&field, &value, Ends::Never, LIMITS);
                        prop_assert_eq!(is_new, model.insert(field.clone(), value).is_none());
                    }
                }
                prop_assert_eq!(hash.get(&field).map(|text| text.to_vec()), model.get(&field).cloned());
                prop_assert_eq!(hash.len(), model.len());
            }
            prop_assert_eq!(pairs(&hash), model);
        }
    }
}
