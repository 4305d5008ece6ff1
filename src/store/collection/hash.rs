//! A hash: fields, each with a value.

use super::element::{Element, read, size_at};
use super::packed::Packed;
use super::table::{Table, hash};
use super::{AnyCollection, Collection, Limits};
use crate::store::{Text, Value};

#[derive(Clone, Debug, Default)]
pub struct Hash(Form);

const _: () = assert!(size_of::<Hash>() <= super::SIZE);

/// Fields that expire would be a third form, with deadlines beside the pairs: the other two need not
/// know of them.
#[derive(Clone, Debug)]
enum Form {
    /// Fields and values in turn.
    Packed(Packed),
    Table(Box<Pairs>),
}

/// Elements of a pair in the packed form.
const PAIR: usize = 2;

impl Default for Form {
    fn default() -> Self {
        Self::Packed(Packed::default())
    }
}

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
        match &self.0 {
            Form::Packed(packed) => packed.len() / PAIR,
            Form::Table(pairs) => pairs.table.len(),
        }
    }

    fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Packed(_) => "listpack",
            Form::Table(_) => "hashtable",
        }
    }

    fn heap_size(&self) -> usize {
        match &self.0 {
            Form::Packed(packed) => packed.heap_size(),
            Form::Table(pairs) => pairs.heap_size(),
        }
    }
}

impl Hash {
    #[inline]
    pub fn get(&self, field: &[u8]) -> Option<Text<'_>> {
        match &self.0 {
            Form::Packed(packed) => {
                let offset = packed.find(&Element::new(field), PAIR)?;
                Some(packed.at(packed.after(offset)))
            }
            Form::Table(pairs) => Some(pairs.get(field)?.value()),
        }
    }

    /// Gives a field a value, whether it has one or not. True if the field is new.
    #[inline]
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: Limits) -> bool {
        if let Form::Packed(packed) = &mut self.0 {
            if field.len().max(value.len()) <= limits.value {
                let is_new = set_packed(packed, field, value);
                if is_new && packed.len() / PAIR > limits.entries {
                    self.unpack();
                }
                return is_new;
            }
            self.unpack();
        }
        let Form::Table(pairs) = &mut self.0 else { return false };
        pairs.set(field, value)
    }

    /// Removes a field. False if it was not there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Form::Packed(packed) => match packed.find(&Element::new(field), PAIR) {
                Some(offset) => {
                    packed.remove(offset, PAIR);
                    true
                }
                None => false,
            },
            Form::Table(pairs) => pairs.remove(field),
        }
    }

    /// Visits all fields with their values.
    #[inline]
    pub fn for_each(&self, mut see: impl FnMut(Text<'_>, Text<'_>)) {
        match &self.0 {
            Form::Packed(packed) => {
                let mut elements = packed.iter();
                while let (Some(field), Some(value)) = (elements.next(), elements.next()) {
                    see(field, value);
                }
            }
            Form::Table(pairs) => {
                pairs.table.iter().for_each(|pair| see(Text::Plain(pair.field()), pair.value()));
            }
        }
    }

    /// A field with its value, each as likely as any other, picked with the numbers that `random(n)`
    /// draws from 0..n.
    pub fn pick(&self, mut random: impl FnMut(usize) -> usize) -> Option<(Text<'_>, Text<'_>)> {
        match &self.0 {
            Form::Packed(packed) if packed.is_empty() => None,
            Form::Packed(packed) => {
                let offset = packed.nth(PAIR * random(self.len()));
                Some((packed.at(offset), packed.at(packed.after(offset))))
            }
            Form::Table(pairs) => {
                let pair = pairs.table.pick(random)?;
                Some((Text::Plain(pair.field()), pair.value()))
            }
        }
    }

    /// Visits about `count` fields with their values from `cursor` on; returns where to go on. 0 is
    /// the beginning, and the end. A small hash is visited as a whole.
    pub fn scan(&self, cursor: u64, count: usize, mut see: impl FnMut(Text<'_>, Text<'_>)) -> u64 {
        match &self.0 {
            Form::Packed(_) => {
                self.for_each(see);
                0
            }
            Form::Table(pairs) => pairs.table.scan(cursor, count, |pair| {
                see(Text::Plain(pair.field()), pair.value());
            }),
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
        self.0 = Form::Table(pairs);
    }
}

fn set_packed(packed: &mut Packed, field: &[u8], value: &[u8]) -> bool {
    let (field, value) = (Element::new(field), Element::new(value));
    match packed.find(&field, PAIR) {
        Some(offset) => {
            packed.replace(packed.after(offset), &value);
            false
        }
        None => {
            packed.push(&[field, value]);
            true
        }
    }
}

/// The pairs of a large hash.
#[derive(Clone, Default)]
struct Pairs {
    table: Table<Pair>,
    /// Allocated by the pairs.
    bytes: usize,
}

/// A field, which is always text, and its value, in one allocation.
#[derive(Clone)]
struct Pair(Box<[u8]>);

impl Pair {
    fn new(field: &Element<'_>, value: &Element<'_>) -> Self {
        let mut bytes = vec![0; field.size() + value.size()].into_boxed_slice();
        field.write(&mut bytes);
        value.write(&mut bytes[field.size()..]);
        Self(bytes)
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

    #[inline]
    fn hash(&self) -> u64 {
        hash(self.field())
    }
}

impl Pairs {
    fn heap_size(&self) -> usize {
        size_of::<Self>() + self.table.heap_size() + self.bytes
    }

    #[inline]
    fn get(&self, field: &[u8]) -> Option<&Pair> {
        let element = Element::text(field);
        self.table.find(hash(field), |pair| element.is_at(&pair.0))
    }

    fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        let (name, value) = (Element::text(field), Element::new(value));
        let hash = hash(field);
        let Some(pair) = self.table.find_mut(hash, |pair| name.is_at(&pair.0)) else {
            self.add(hash, Pair::new(&name, &value));
            return true;
        };
        let size = name.size() + value.size();
        if pair.0.len() == size {
            value.write(&mut pair.0[name.size()..]);
        } else {
            self.bytes = self.bytes + size - pair.0.len();
            *pair = Pair::new(&name, &value);
        }
        false
    }

    /// Adds a field that is not there.
    fn insert(&mut self, field: &[u8], value: &[u8]) {
        self.add(hash(field), Pair::new(&Element::text(field), &Element::new(value)));
    }

    fn add(&mut self, hash: u64, pair: Pair) {
        self.bytes += pair.0.len();
        self.table.insert(hash, pair, Pair::hash);
    }

    fn remove(&mut self, field: &[u8]) -> bool {
        let name = Element::text(field);
        match self.table.remove(hash(field), |pair| name.is_at(&pair.0), Pair::hash) {
            Some(pair) => {
                self.bytes -= pair.0.len();
                true
            }
            None => false,
        }
    }
}

impl std::fmt::Debug for Pairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} pairs", self.table.len())
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

    #[test]
    fn the_packed_form_is_given_up_beyond_either_limit() {
        let mut hash = Hash::default();
        for i in 0..LIMITS.entries {
            assert!(hash.set(i.to_string().as_bytes(), b"v", LIMITS));
        }
        assert!(!hash.set(b"0", &[b'v'; 20], LIMITS));
        assert_eq!(hash.encoding(), "listpack");
        assert!(hash.clone().set(b"another", b"v", LIMITS));
        for (field, value) in
            [(&b"another"[..], &b"v"[..]), (b"0", &[b'v'; 21]), (&[b'f'; 21], b"v")]
        {
            let mut larger = hash.clone();
            larger.set(field, value, LIMITS);
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
            (0u8..fields).for_each(|i| assert!(hash.set(&[i], &[i, i], LIMITS)));
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
                        let is_new = hash.set(&field, &value, LIMITS);
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
