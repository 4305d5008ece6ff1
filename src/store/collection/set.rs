//! A set: members, each once.

use super::element::Element;
use super::form::{self, Form};
use super::integers::Integers;
use super::packed::Packed;
use super::set_members::Members;
use super::{AnyCollection, Collection, Limits};
use crate::store::{Text, Value};

/// Its members are texts in the form that [`Text::new`] gives them. The smallest are integers only.
#[derive(Clone, Debug, Default)]
pub struct Set(Form<Integers, Mixed>);

/// Members of any kind.
#[derive(Clone, Debug)]
enum Mixed {
    Packed(Packed),
    Table(Box<Members>),
}

/// How large a set may become before it changes its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetLimits {
    /// Members of a set of integers.
    pub integers: usize,
    /// Of the packed form.
    pub packed: Limits,
}

impl Collection for Set {
    fn of(value: Value<'_>) -> Option<&Self> {
        match value {
            Value::Set(set) => Some(set),
            _ => None,
        }
    }

    fn into_any(self) -> AnyCollection {
        AnyCollection::Set(self)
    }

    #[inline]
    fn len(&self) -> usize {
        match self.look() {
            Look::Integers(integers) => integers.len(),
            Look::Packed(packed) => packed.len(),
            Look::Table(members) => members.len(),
        }
    }

    fn encoding(&self) -> &'static str {
        match self.look() {
            Look::Integers(_) => "intset",
            Look::Packed(_) => "listpack",
            Look::Table(_) => "hashtable",
        }
    }

    fn heap_size(&self) -> usize {
        match self.look() {
            Look::Integers(integers) => integers.heap_size(),
            Look::Packed(packed) => size_of::<Mixed>() + packed.heap_size(),
            Look::Table(members) => size_of::<Mixed>() + members.heap_size(),
        }
    }

    #[inline]
    fn fetch_ahead(&self, member: Option<u64>) {
        match (self.look(), member) {
            (Look::Integers(integers), _) => integers.fetch_ahead(),
            (Look::Packed(packed), _) => packed.fetch_ahead(),
            (Look::Table(members), Some(member)) => members.fetch_ahead(member),
            (Look::Table(_), None) => {}
        }
    }

    #[inline]
    fn fetch_next(&self, member: Option<u64>) -> bool {
        match (self.look(), member) {
            (Look::Packed(packed), _) => packed.fetch_rest(),
            (Look::Table(members), Some(member)) => return members.fetch_place(member),
            (Look::Integers(_), _) | (Look::Table(_), None) => {}
        }
        false
    }

    #[inline]
    fn fetch_element(&self, member: u64) {
        if let Look::Table(members) = self.look() {
            members.fetch_element(member);
        }
    }
}

impl Set {
    #[inline]
    pub fn contains(&self, member: Text<'_>) -> bool {
        match (self.look(), member) {
            (Look::Integers(integers), Text::Integer(number)) => integers.contains(number),
            (Look::Integers(_), _) => false,
            (Look::Packed(packed), _) => packed.find::<1>(&Element::from(member)).is_some(),
            (Look::Table(members), _) => members.contains(member),
        }
    }

    /// False if the member is there already.
    #[inline]
    pub fn add(&mut self, member: Text<'_>, limits: SetLimits) -> bool {
        match (self.touch(), member) {
            (Touch::Integers(integers), Text::Integer(number)) => {
                let is_new = integers.insert(number);
                if is_new && integers.len() > limits.integers {
                    self.unpack();
                }
                is_new
            }
            (Touch::Integers(_), _) => self.add_text(member, limits),
            (Touch::Packed(packed), _) => {
                let element = Element::from(member);
                if packed.find::<1>(&element).is_some() {
                    return false;
                }
                if packed.len() < limits.packed.entries && member.len() <= limits.packed.value {
                    packed.push(&[element]);
                    return true;
                }
                self.unpack();
                self.add(member, limits)
            }
            (Touch::Table(members), _) => members.add(member),
        }
    }

    /// False if the member is not there.
    pub fn remove(&mut self, member: Text<'_>) -> bool {
        match (self.touch(), member) {
            (Touch::Integers(integers), Text::Integer(number)) => integers.remove(number),
            (Touch::Integers(_), _) => false,
            (Touch::Packed(packed), _) => {
                let found = packed.find::<1>(&Element::from(member));
                if let Some(offset) = found {
                    packed.remove(offset, 1);
                }
                found.is_some()
            }
            (Touch::Table(members), _) => members.remove(member),
        }
    }

    /// All members, in no order.
    pub fn iter(&self) -> impl Iterator<Item = Text<'_>> {
        let (integers, packed, members) = match self.look() {
            Look::Integers(integers) => (Some(integers), None, None),
            Look::Packed(packed) => (None, Some(packed), None),
            Look::Table(members) => (None, None, Some(members)),
        };
        let integers = integers.into_iter().flat_map(Integers::iter).map(Text::Integer);
        let packed = packed.into_iter().flat_map(Packed::iter);
        let members = members.into_iter().flat_map(Members::iter);
        integers.chain(packed).chain(members)
    }

    /// A member, each as likely as any other, picked with the numbers that `random(n)` draws from
    /// 0..n.
    pub fn pick(&self, mut random: impl FnMut(usize) -> usize) -> Option<Text<'_>> {
        if self.is_empty() {
            return None;
        }
        match self.look() {
            Look::Integers(integers) => Some(Text::Integer(integers.at(random(integers.len())))),
            Look::Packed(packed) => Some(packed.at(packed.nth(random(packed.len())))),
            Look::Table(members) => members.pick(random),
        }
    }

    /// Removes a member, picked as [`Set::pick`] does, once `see` has seen it. False if there is none.
    pub fn pop(
        &mut self,
        mut random: impl FnMut(usize) -> usize,
        see: impl FnOnce(Text<'_>),
    ) -> bool {
        if self.is_empty() {
            return false;
        }
        match self.touch() {
            Touch::Integers(integers) => {
                let index = random(integers.len());
                see(Text::Integer(integers.at(index)));
                integers.remove_at(index);
            }
            Touch::Packed(packed) => {
                let offset = packed.nth(random(packed.len()));
                see(packed.at(offset));
                packed.remove(offset, 1);
            }
            Touch::Table(members) => members.pop(random, see),
        }
        true
    }

    /// Removes `count` different members, or all if there are no more, once `see` has seen them; any
    /// choice is as likely as any other. Where more go than stay, those that stay are picked.
    pub fn pop_several(
        &mut self,
        count: usize,
        mut random: impl FnMut(usize) -> usize,
        mut see: impl FnMut(Text<'_>),
    ) {
        let kept = self.len().saturating_sub(count);
        if kept == 0 {
            self.iter().for_each(see);
            *self = Self::default();
            return;
        }
        if kept < count
            && let Touch::Table(members) = self.touch()
        {
            return members.pop_all_but(kept, random, see);
        }
        for _ in 0..count {
            self.pop(&mut random, &mut see);
        }
    }

    /// Visits `count` different members, or all if there are no more; any choice is as likely as any
    /// other. The work grows with `count`, not with the size of a table.
    pub fn sample(
        &self,
        count: usize,
        mut random: impl FnMut(usize) -> usize,
        mut see: impl FnMut(Text<'_>),
    ) {
        /// With fewer members for each that is wanted, picks would meet the same ones too often.
        const PLENTY: usize = 3;
        if let Look::Table(members) = self.look()
            && members.len() / PLENTY > count
        {
            return members.sample(count, random, see);
        }
        let mut left = self.len();
        let mut wanted = count.min(left);
        for member in self.iter() {
            if wanted == 0 {
                return;
            }
            if random(left) < wanted {
                see(member);
                wanted -= 1;
            }
            left -= 1;
        }
    }

    /// Visits about `count` members from `cursor` on; returns where to go on. 0 is the beginning,
    /// and the end. A small set is visited as a whole.
    pub fn scan(&self, cursor: u64, count: usize, see: impl FnMut(Text<'_>)) -> u64 {
        if let Look::Table(members) = self.look() {
            return members.scan(cursor, count, see);
        }
        self.iter().for_each(see);
        0
    }

    /// Adds a text to what were integers only.
    #[cold]
    fn add_text(&mut self, member: Text<'_>, limits: SetLimits) -> bool {
        // Of numbers in order, the first or the last has the most digits.
        let ends = [self.iter().next(), self.iter().last(), Some(member)];
        let longest = ends.iter().flatten().map(Text::len).max().unwrap_or(0);
        if self.len() >= limits.packed.entries || longest > limits.packed.value {
            self.unpack();
            return self.add(member, limits);
        }
        let elements: Vec<_> = self.iter().chain([member]).map(Element::from).collect();
        let mut packed = Packed::default();
        packed.push(&elements);
        self.0 = Form::large(Box::new(Mixed::Packed(packed)));
        true
    }

    /// Makes it a table, for good.
    #[cold]
    fn unpack(&mut self) {
        let mut members = Box::<Members>::default();
        self.iter().for_each(|member| members.insert(member));
        self.0 = Form::large(Box::new(Mixed::Table(members)));
    }

    #[inline]
    fn look(&self) -> Look<'_> {
        match self.0.look() {
            form::Look::Small(integers) => Look::Integers(integers),
            form::Look::Large(Mixed::Packed(packed)) => Look::Packed(packed),
            form::Look::Large(Mixed::Table(members)) => Look::Table(members),
        }
    }

    #[inline]
    fn touch(&mut self) -> Touch<'_> {
        match self.0.touch() {
            form::Touch::Small(integers) => Touch::Integers(integers),
            form::Touch::Large(Mixed::Packed(packed)) => Touch::Packed(packed),
            form::Touch::Large(Mixed::Table(members)) => Touch::Table(members),
        }
    }
}

/// The forms, to look at.
enum Look<'a> {
    Integers(&'a Integers),
    Packed(&'a Packed),
    Table(&'a Members),
}

/// The forms, to change.
enum Touch<'a> {
    Integers(&'a mut Integers),
    Packed(&'a mut Packed),
    Table(&'a mut Members),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const LIMITS: SetLimits = SetLimits { integers: 12, packed: Limits { entries: 8, value: 20 } };

    fn texts(set: &Set) -> BTreeSet<Vec<u8>> {
        let mut texts = BTreeSet::new();
        for member in set.iter() {
            assert!(texts.insert(member.to_vec()), "{member:?} comes twice");
        }
        texts
    }

    fn add(set: &mut Set, member: &str) -> bool {
        set.add(Text::new(member.as_bytes()), LIMITS)
    }

    fn set<'a>(members: impl IntoIterator<Item = &'a str>) -> Set {
        let mut set = Set::default();
        members.into_iter().for_each(|member| assert!(add(&mut set, member)));
        set
    }

    fn numbers(count: usize) -> Vec<String> {
        (0..count).map(|number| number.to_string()).collect()
    }

    #[test]
    fn each_form_is_given_up_beyond_its_limits() {
        let twelve = numbers(LIMITS.integers);
        let integers = set(twelve.iter().map(String::as_str));
        assert_eq!(integers.encoding(), "intset");
        let eight = set(twelve[..7].iter().map(String::as_str).chain(["x"]));
        assert_eq!(eight.encoding(), "listpack");
        for (before, member, after) in [
            (&integers, "3", "intset"),
            (&integers, "12", "hashtable"),
            (&integers, "x", "hashtable"), // too many to be packed
            (&set(twelve[..7].iter().map(String::as_str)), "x", "listpack"),
            (&set(twelve[..8].iter().map(String::as_str)), "x", "hashtable"),
            (&set([]), "x", "listpack"),
            (&set([]), "a text that is longer than 20 bytes", "hashtable"),
            (&set(["1"]), "12345678901234567890", "listpack"), // too large for an integer
            (&set(["x"]), "123456789012345678901", "hashtable"),
            (&eight, "3", "listpack"),
            (&eight, "7", "hashtable"),
        ] {
            let mut changed = before.clone();
            let mut expected = texts(before);
            let is_new = expected.insert(member.into());
            assert_eq!(add(&mut changed, member), is_new);
            assert_eq!(changed.encoding(), after, "{before:?} and {member}");
            assert_eq!(texts(&changed), expected);
        }
    }

    #[test]
    fn long_integers_are_not_packed_if_their_texts_are_too_long() {
        let limits = SetLimits { packed: Limits { value: 3, ..LIMITS.packed }, ..LIMITS };
        for (number, encoding) in [(-999, "hashtable"), (-99, "listpack"), (1000, "hashtable")] {
            let mut set = Set::default();
            for member in [Text::Integer(number), Text::Integer(0), Text::Plain(b"x")] {
                assert!(set.add(member, limits));
            }
            assert_eq!(set.encoding(), encoding, "{number}");
        }
    }

    /// Sets of each form, with their members.
    fn each_form() -> [(Set, BTreeSet<Vec<u8>>); 5] {
        let hundred = numbers(100);
        let mixed = hundred.iter().map(String::as_str).chain(["x", "y", ""]);
        let forms = [set([]), set(["1", "2", "300000"]), set(["1", "x", ""]), set(mixed), {
            let mut large = Set::default();
            numbers(5000).iter().for_each(|number| assert!(add(&mut large, number)));
            large
        }];
        forms.map(|set| {
            let members = texts(&set);
            (set, members)
        })
    }

    #[test]
    fn all_members_are_scanned_and_any_may_be_picked_in_each_form() {
        let mut random = fastrand::Rng::with_seed(1);
        for (set, members) in each_form() {
            let (mut cursor, mut scanned) = (0, BTreeSet::new());
            loop {
                let mut seen = 0;
                cursor = set.scan(cursor, 10, |member| {
                    scanned.insert(member.to_vec());
                    seen += 1;
                });
                assert!(set.encoding() != "hashtable" || seen < 50, "{seen}");
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(scanned, members);
            let picked: BTreeSet<_> = (0..20 * members.len())
                .map(|_| set.pick(|n| random.usize(0..n)).expect("it is not empty").to_vec())
                .collect();
            assert_eq!(picked, members);
            assert_eq!(set.pick(|n| random.usize(0..n)).is_some(), !members.is_empty());
        }
    }

    #[test]
    fn any_number_is_popped_and_any_may_stay() {
        let mut random = fastrand::Rng::with_seed(3);
        for (set, members) in each_form() {
            for count in [0, 1, members.len() / 3, members.len() * 9 / 10, members.len(), 9999] {
                let (mut rest, mut popped) = (set.clone(), BTreeSet::new());
                rest.pop_several(
                    count,
                    |n| random.usize(0..n),
                    |member| {
                        assert!(popped.insert(member.to_vec()), "{member:?} comes twice");
                    },
                );
                assert_eq!(popped.len(), count.min(members.len()));
                let stayed = texts(&rest);
                assert!(popped.is_disjoint(&stayed) && rest.len() == stayed.len());
                assert_eq!(&popped | &stayed, members);
            }
        }
        let twenty = numbers(20);
        let twenty = set(twenty.iter().map(String::as_str));
        let mut stayed = BTreeSet::new();
        for _ in 0..1000 {
            let mut rest = twenty.clone();
            rest.pop_several(19, |n| random.usize(0..n), |_| ());
            stayed.extend(texts(&rest));
        }
        assert_eq!(stayed, texts(&twenty), "any may be the last one");
    }

    #[test]
    fn what_is_popped_is_gone() {
        let mut random = fastrand::Rng::with_seed(2);
        for (mut set, mut members) in each_form() {
            loop {
                let mut popped = None;
                let is_one =
                    set.pop(|n| random.usize(0..n), |member| popped = Some(member.to_vec()));
                assert_eq!(is_one, !members.is_empty());
                let Some(popped) = popped else { break };
                assert!(members.remove(&popped));
                assert!(!set.contains(Text::new(&popped)));
                assert_eq!(set.len(), members.len());
            }
        }
    }

    #[test]
    fn a_sample_has_no_member_twice_and_each_as_often_as_any_other() {
        let mut random = fastrand::Rng::with_seed(3);
        for (set, members) in each_form() {
            for count in [0, 1, 2, 20, 90, 3000, usize::MAX] {
                let mut sample = BTreeSet::new();
                let wanted = count.min(members.len());
                set.sample(
                    count,
                    |n| random.usize(0..n),
                    |member| {
                        assert!(sample.insert(member.to_vec()));
                    },
                );
                assert_eq!(sample.len(), wanted);
                assert!(sample.is_subset(&members));
            }
        }
        for (set, count) in each_form().into_iter().map(|(set, _)| set).zip([0, 2, 2, 10, 0]) {
            let mut times = std::collections::BTreeMap::<_, usize>::new();
            for _ in 0..100 * set.len().min(200) {
                set.sample(
                    count,
                    |n| random.usize(0..n),
                    |member| {
                        *times.entry(member.to_vec()).or_default() += 1;
                    },
                );
            }
            let fair = 100 * count;
            let spread = 6 * fair.isqrt(); // six standard deviations
            for (member, times) in &times {
                assert!(times.abs_diff(fair) <= spread, "{member:?}: {times} of {fair}");
            }
            assert_eq!(times.len(), if count == 0 { 0 } else { set.len() });
        }
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_set_of_texts(
            steps in prop::collection::vec(
                (prop_oneof![
                    4 => "-?[0-9]{1,2}",
                    1 => "-?[0-9]{1,20}",
                    2 => "[a-d]{0,2}",
                    1 => "[a-z]{0,22}",
                ], 0..3),
                0..200,
            )
        ) {
            let (mut set, mut model) = (Set::default(), BTreeSet::new());
            for (member, step) in steps {
                let text = Text::new(member.as_bytes());
                match step {
                    0 => prop_assert_eq!(set.remove(text), model.remove(member.as_bytes())),
                    _ => prop_assert_eq!(
                        set.add(text, LIMITS),
                        model.insert(member.clone().into_bytes())
                    ),
                }
                prop_assert_eq!(set.contains(text), model.contains(member.as_bytes()));
                prop_assert_eq!(set.len(), model.len());
            }
            prop_assert_eq!(texts(&set), model);
        }
    }
}
