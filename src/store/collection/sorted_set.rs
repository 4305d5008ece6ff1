//! A sorted set: members, each with a score, in the order of scores; members of the same score are in
//! the order of their bytes.

use std::ops::{Bound, Range};

use super::element::Element;
use super::form::{Form, Look, Touch};
use super::packed::Packed;
use super::ranking::Ranking;
use super::{AnyCollection, Collection, Limits};
use crate::store::{Text, Value};

/// Small, it is its members and scores in turn, in order.
#[derive(Clone, Debug, Default)]
pub struct SortedSet(Form<Packed, Ranking>);

/// Elements of a member with its score in the packed form.
const PAIR: usize = 2;
/// Members of the packed form whose places are noted to go back over them.
const NOTED: usize = 64;

/// What [`SortedSet::update`] found and left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update {
    /// None if the member was not there.
    pub before: Option<f64>,
    /// None if it is not there now.
    pub after: Option<f64>,
}

/// Which members a range takes in, by one of the two things that they are ordered by.
#[derive(Clone, Copy, Debug)]
pub enum Bounds<'a> {
    Score(Bound<f64>, Bound<f64>),
    /// For sets in which all scores are the same.
    Lex(Bound<&'a [u8]>, Bound<&'a [u8]>),
    Nothing,
}

impl Collection for SortedSet {
    fn of(value: Value<'_>) -> Option<&Self> {
        match value {
            Value::SortedSet(set) => Some(set),
            _ => None,
        }
    }

    fn into_any(self) -> AnyCollection {
        AnyCollection::SortedSet(self)
    }

    #[inline]
    fn len(&self) -> usize {
        match self.0.look() {
            Look::Small(packed) => packed.len() / PAIR,
            Look::Large(ranking) => ranking.len(),
        }
    }

    fn encoding(&self) -> &'static str {
        match self.0.look() {
            Look::Small(_) => "listpack",
            Look::Large(_) => "skiplist", // Redis' word for large sorted sets
        }
    }

    fn heap_size(&self) -> usize {
        match self.0.look() {
            Look::Small(packed) => packed.heap_size(),
            Look::Large(ranking) => size_of::<Ranking>() + ranking.heap_size(),
        }
    }

    #[inline]
    fn fetch_ahead(&self, member: Option<u64>) {
        match (self.0.look(), member) {
            (Look::Small(packed), _) => packed.fetch_ahead(),
            (Look::Large(ranking), Some(member)) => ranking.fetch_ahead(member),
            (Look::Large(_), None) => {}
        }
    }

    #[inline]
    fn fetch_next(&self, member: Option<u64>) -> bool {
        match (self.0.look(), member) {
            (Look::Small(packed), _) => packed.fetch_rest(),
            (Look::Large(ranking), Some(member)) => return ranking.fetch_place(member),
            (Look::Large(_), None) => {}
        }
        false
    }

    #[inline]
    fn fetch_element(&self, member: u64) {
        if let Look::Large(ranking) = self.0.look() {
            ranking.fetch_element(member);
        }
    }
}

impl SortedSet {
    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self.0.look() {
            Look::Small(packed) => {
                let offset = packed.find::<PAIR>(&Element::new(member))?;
                Some(score(packed.at(packed.after(offset))))
            }
            Look::Large(ranking) => ranking.score(member),
        }
    }

    /// How many members stand before this one, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        Some((self.partition_point(|other, text| is_before(other, text, score, member)), score))
    }

    /// Gives a member the score that `decide` makes of the one it has, if it has one; None leaves
    /// all as it is.
    #[inline]
    pub fn update(
        &mut self,
        member: &[u8],
        limits: Limits,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Update {
        if let Touch::Small(packed) = self.0.touch() {
            let element = Element::new(member);
            let offset = packed.find::<PAIR>(&element);
            let before = offset.map(|offset| score(packed.at(packed.after(offset))));
            let Some(after) = decide(before) else { return Update { before, after: before } };
            if let (Some(offset), Some(before)) = (offset, before) {
                move_packed(packed, offset, before, after, member);
            } else if packed.len() / PAIR < limits.entries && member.len() <= limits.value {
                insert_packed(packed, after, member);
            } else {
                self.unpack(after, member);
            }
            return Update { before, after: Some(after) };
        }
        match self.0.touch() {
            Touch::Large(ranking) => ranking.update(member, decide),
            Touch::Small(_) => Update { before: None, after: None },
        }
    }

    /// Removes a member. False if it was not there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self.0.touch() {
            Touch::Small(packed) => match packed.find::<PAIR>(&Element::new(member)) {
                Some(offset) => {
                    packed.remove(offset, PAIR);
                    true
                }
                None => false,
            },
            Touch::Large(ranking) => ranking.remove(member),
        }
    }

    /// Removes the members of these ranks, which must be there.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        if ranks.is_empty() {
            return;
        }
        if ranks.len() == self.len() {
            *self = Self::default(); // many members are freed elsewhere
            return;
        }
        match self.0.touch() {
            Touch::Small(packed) => {
                packed.remove(packed.nth(PAIR * ranks.start), PAIR * ranks.len())
            }
            Touch::Large(ranking) => ranking.remove_range(ranks),
        }
    }

    /// The ranks of the members within the bounds.
    pub fn range(&self, bounds: Bounds<'_>) -> Range<usize> {
        let (start, end) = match bounds {
            Bounds::Score(min, max) => (
                self.partition_point(|score, _| is_below(score, min)),
                self.partition_point(|score, _| !is_above(score, max)),
            ),
            Bounds::Lex(min, max) => (
                self.partition_point(|_, member| is_below(member, min)),
                self.partition_point(|_, member| !is_above(member, max)),
            ),
            Bounds::Nothing => (0, 0),
        };
        start..end.max(start)
    }

    /// Visits the members of these ranks with their scores, in order or against it.
    #[inline]
    pub fn visit<'a>(
        &'a self,
        ranks: Range<usize>,
        reverse: bool,
        mut see: impl FnMut(Text<'a>, f64),
    ) {
        let packed = match self.0.look() {
            Look::Small(packed) => packed,
            Look::Large(ranking) => {
                return ranking
                    .visit(ranks, reverse, |member, score| see(Text::Plain(member), score));
            }
        };
        if !reverse {
            let mut elements = packed.iter_from(packed.nth(PAIR * ranks.start));
            for _ in ranks {
                let (Some(member), Some(at)) = (elements.next(), elements.next()) else { return };
                see(member, score(at));
            }
            return;
        }
        // Elements are found forwards only: the offsets of some at a time are noted on the way.
        let mut end = ranks.end.min(packed.len() / PAIR);
        while ranks.start < end {
            let start = ranks.start.max(end.saturating_sub(NOTED));
            let mut offsets = [0; NOTED];
            let mut offset = packed.nth(PAIR * start);
            for noted in &mut offsets[..end - start] {
                *noted = offset;
                offset = packed.after(packed.after(offset));
            }
            for offset in offsets[..end - start].iter().rev() {
                see(packed.at(*offset), score(packed.at(packed.after(*offset))));
            }
            end = start;
        }
    }

    /// Visits all members with their scores, in order.
    pub fn for_each<'a>(&'a self, see: impl FnMut(Text<'a>, f64)) {
        self.visit(0..self.len(), false, see);
    }

    /// The score that a small set keeps as an integer, as this one.
    pub fn kept_whole(&self, score: f64) -> Option<i64> {
        matches!(self.0.look(), Look::Small(_)).then(|| whole(score)).flatten()
    }

    /// Visits about `count` members with their scores from `cursor` on; returns where to go on. 0 is
    /// the beginning, and the end. A small set is visited as a whole.
    pub fn scan(&self, cursor: u64, count: usize, mut see: impl FnMut(Text<'_>, f64)) -> u64 {
        match self.0.look() {
            Look::Small(_) => {
                self.for_each(see);
                0
            }
            Look::Large(ranking) => {
                ranking.scan(cursor, count, |member, score| see(Text::Plain(member), score))
            }
        }
    }

    /// How many members stand before a place: those for which `before` is true, which come first.
    fn partition_point(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        match self.0.look() {
            Look::Small(packed) => packed_point(packed, before).0,
            Look::Large(ranking) => ranking.partition_point(before),
        }
    }

    /// Gives up the packed form, for good, and adds a member that is not there.
    #[cold]
    fn unpack(&mut self, score: f64, member: &[u8]) {
        let mut ranking = Box::<Ranking>::default();
        let mut digits = itoa::Buffer::new();
        self.for_each(|member, score| ranking.insert(score, member.bytes(&mut digits)));
        ranking.insert(score, member);
        self.0 = Form::large(ranking);
    }
}

/// Whether one member with its score comes before another.
#[inline]
pub(super) fn is_before(score: f64, member: &[u8], other_score: f64, other: &[u8]) -> bool {
    score < other_score || (score == other_score && is_less(member, other))
}

/// Whether a text comes before another. Most differ in their first words, sooner than a call that
/// compares them has begun.
#[inline]
fn is_less(mut text: &[u8], mut other: &[u8]) -> bool {
    while let (Some((word, rest)), Some((other_word, other_rest))) =
        (text.split_first_chunk(), other.split_first_chunk())
    {
        if word != other_word {
            return u64::from_be_bytes(*word) < u64::from_be_bytes(*other_word);
        }
        (text, other) = (rest, other_rest);
    }
    text < other
}

#[inline]
fn is_below<T: PartialOrd>(at: T, min: Bound<T>) -> bool {
    match min {
        Bound::Included(min) => at < min,
        Bound::Excluded(min) => at <= min,
        Bound::Unbounded => false,
    }
}

#[inline]
fn is_above<T: PartialOrd>(at: T, max: Bound<T>) -> bool {
    match max {
        Bound::Included(max) => at > max,
        Bound::Excluded(max) => at >= max,
        Bound::Unbounded => false,
    }
}

/// Adds a member that is not there.
fn insert_packed(packed: &mut Packed, score: f64, member: &[u8]) {
    let (_, offset) =
        packed_point(packed, |other_score, other| is_before(other_score, other, score, member));
    let bytes = score.to_le_bytes();
    packed.insert(offset, &[Element::new(member), packed_score(score, &bytes)]);
}

/// Gives the member at an offset another score, and the place that it has with it.
fn move_packed(packed: &mut Packed, offset: usize, from: f64, to: f64, member: &[u8]) {
    // The place is behind the old one if the score grows, and otherwise before.
    let begin = if from < to { offset } else { packed.nth(0) };
    let is_before = |score, other: &[u8]| is_before(score, other, to, member);
    let (_, place) = packed_point_from(packed, begin, is_before);
    let offset = packed.relocate(offset, PAIR, place);
    packed.replace(packed.after(offset), &packed_score(to, &to.to_le_bytes()));
}

/// A score in the packed form: whole ones as integers, -0 as 0 then, others as the bytes of the double.
fn packed_score(score: f64, bytes: &[u8; 8]) -> Element<'_> {
    whole(score).map_or_else(|| Element::text(bytes), Element::integer)
}

/// A score as the integer that it is, unless it is too large for that.
fn whole(score: f64) -> Option<i64> {
    const MOST: f64 = (i64::MAX / 2) as f64;
    let whole = score as i64;
    (score.abs() <= MOST && whole as f64 == score).then_some(whole)
}

/// Reads what [`insert_packed`] wrote.
fn score(element: Text<'_>) -> f64 {
    match element {
        Text::Integer(whole) => whole as f64,
        Text::Plain(bytes) => bytes.first_chunk().map_or(0.0, |bytes| f64::from_le_bytes(*bytes)),
        Text::Raw(_) | Text::Shared(_) => 0.0, // are no elements
    }
}

/// How many members stand before a place, and its offset.
fn packed_point(packed: &Packed, before: impl Fn(f64, &[u8]) -> bool) -> (usize, usize) {
    packed_point_from(packed, packed.nth(0), before)
}

/// As [`packed_point`], of the members from an offset on.
fn packed_point_from(
    packed: &Packed,
    begin: usize,
    before: impl Fn(f64, &[u8]) -> bool,
) -> (usize, usize) {
    let mut digits = itoa::Buffer::new();
    let mut rank = 0;
    for offset in packed.walk::<PAIR>(begin) {
        let mut pair = packed.iter_from(offset);
        let (Some(member), Some(at)) = (pair.next(), pair.next()) else { break };
        if !before(score(at), member.bytes(&mut digits)) {
            return (rank, offset);
        }
        rank += 1;
    }
    (rank, packed.end())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { entries: 8, value: 20 };

    type Pairs = Vec<(Vec<u8>, f64)>;

    fn set(set: &mut SortedSet, member: &str, score: f64) -> Update {
        set.update(member.as_bytes(), LIMITS, |_| Some(score))
    }

    fn members(set: &SortedSet, ranks: Range<usize>, reverse: bool) -> Pairs {
        let mut members = Vec::new();
        set.visit(ranks, reverse, |member, score| members.push((member.to_vec(), score)));
        members
    }

    fn sorted(model: &BTreeMap<Vec<u8>, f64>) -> Pairs {
        let mut pairs: Pairs = model.iter().map(|(m, score)| (m.clone(), *score)).collect();
        pairs.sort_by(|(a, x), (b, y)| x.total_cmp(y).then(a.cmp(b)));
        pairs
    }

    #[test]
    fn the_packed_form_is_given_up_beyond_either_limit() {
        let mut small = SortedSet::default();
        for i in 0..LIMITS.entries {
            set(&mut small, &i.to_string(), i as f64);
        }
        set(&mut small, "3", -1.0);
        assert_eq!(small.encoding(), "listpack");
        let mut larger = small.clone();
        set(&mut larger, "another", 0.5);
        assert_eq!((larger.encoding(), larger.len()), ("skiplist", 9));
        let mut longer = SortedSet::default();
        set(&mut longer, &"x".repeat(20), 1.0);
        assert_eq!(longer.encoding(), "listpack");
        set(&mut longer, &"x".repeat(21), 1.0);
        assert_eq!(longer.encoding(), "skiplist");
    }

    #[test]
    fn scores_come_back_to_the_bit() {
        let scores = [0.0, 1.0, -1.5, 0.1, 1e300, -5e-324, f64::INFINITY, -f64::INFINITY]
            .into_iter()
            .chain([9_223_372_036_854_775_807.0, -9_223_372_036_854_775_808.0, 1e19]);
        for score in scores {
            for limit in [0, 8] {
                let mut set = SortedSet::default();
                let limits = Limits { entries: limit, value: 20 };
                set.update(b"member", limits, |_| Some(score));
                assert_eq!(set.score(b"member").map(f64::to_bits), Some(score.to_bits()));
            }
        }
    }

    #[test]
    fn all_members_are_scanned_in_either_form() {
        for len in [0, 3, 1000] {
            let mut set_of = SortedSet::default();
            (0..len).for_each(|i| assert_eq!(set(&mut set_of, &i.to_string(), 0.5).before, None));
            let (mut cursor, mut scanned) = (0, BTreeMap::new());
            loop {
                cursor = set_of.scan(cursor, 10, |member, score| {
                    scanned.insert(member.to_vec(), score);
                });
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(sorted(&scanned), members(&set_of, 0..len, false));
            assert_eq!(scanned.len(), len);
        }
    }

    fn bound(random: &mut fastrand::Rng) -> Bound<f64> {
        let score = f64::from(random.i32(-4..4)) / 2.0;
        *random
            .choice(&[Bound::Included(score), Bound::Excluded(score), Bound::Unbounded])
            .expect("one")
    }

    /// Whether a range of scores takes one in.
    fn takes(min: Bound<f64>, max: Bound<f64>, score: f64) -> bool {
        (match min {
            Bound::Included(min) => score >= min,
            Bound::Excluded(min) => score > min,
            Bound::Unbounded => true,
        }) && (match max {
            Bound::Included(max) => score <= max,
            Bound::Excluded(max) => score < max,
            Bound::Unbounded => true,
        })
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_sorted_vector(
            steps in prop::collection::vec(("[a-d]{0,2}|[0-9]{1,2}", -4i32..4, 0u8..8), 0..300),
            seed in any::<u64>(),
            entries in prop_oneof![Just(0usize), Just(8), Just(1000)],
        ) {
            let limits = Limits { entries, value: 20 };
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut set, mut model) = (SortedSet::default(), BTreeMap::new());
            for (member, half, step) in steps {
                let (member, score) = (member.into_bytes(), f64::from(half) / 2.0);
                match step {
                    0 => prop_assert_eq!(set.remove(&member), model.remove(&member).is_some()),
                    1 => {
                        let update = set.update(&member, limits, |_| None);
                        let before = model.get(&member).copied();
                        prop_assert_eq!(update, Update { before, after: before });
                    }
                    2 => {
                        let (start, len) = (random.usize(0..=set.len()), random.usize(0..3));
                        let ranks = start..set.len().min(start + len);
                        let gone = &sorted(&model)[ranks.clone()];
                        gone.iter().for_each(|(member, _)| assert!(model.remove(member).is_some()));
                        set.remove_range(ranks);
                    }
                    _ => {
                        let update = set.update(&member, limits, |_| Some(score));
                        let before = model.insert(member.clone(), score);
                        prop_assert_eq!(update, Update { before, after: Some(score) });
                    }
                }
                let all = sorted(&model);
                prop_assert_eq!(set.len(), all.len());
                let rank = all.iter().position(|(other, _)| *other == member);
                prop_assert_eq!(set.rank(&member), rank.map(|rank| (rank, all[rank].1)));
                let (min, max) = (bound(&mut random), bound(&mut random));
                let range = set.range(Bounds::Score(min, max));
                let taken: Pairs =
                    all.iter().filter(|(_, score)| takes(min, max, *score)).cloned().collect();
                prop_assert_eq!(&members(&set, range.clone(), false), &taken);
                let backwards: Pairs = taken.into_iter().rev().collect();
                prop_assert_eq!(members(&set, range, true), backwards);
            }
            let all = sorted(&model);
            prop_assert_eq!(&members(&set, 0..all.len(), false), &all);
            prop_assert_eq!(members(&set.clone(), 0..all.len(), false), all);
        }

        #[test]
        fn texts_are_compared_as_slices_are(
            start in prop::collection::vec(any::<u8>(), 0..20),
            ends in prop::array::uniform2(prop::collection::vec(any::<u8>(), 0..20)),
        ) {
            let [one, other] = ends.map(|end| [&start[..], &end].concat());
            prop_assert_eq!(is_less(&one, &other), one < other);
            prop_assert!(!is_less(&one, &one));
        }

        #[test]
        fn members_of_one_score_are_found_by_their_bytes(
            names in prop::collection::btree_set("[a-c]{0,3}|[0-9]{1,3}", 0..40),
            (min, max) in ("[a-c]{0,3}", "[a-c]{0,3}"),
            entries in prop_oneof![Just(0usize), Just(1000)],
        ) {
            let limits = Limits { entries, value: 20 };
            let mut set = SortedSet::default();
            for name in &names {
                set.update(name.as_bytes(), limits, |_| Some(1.0));
            }
            let (min, max) = (min.as_bytes(), max.as_bytes());
            let count = |from, to| set.range(Bounds::Lex(from, to)).len();
            let within = |is: fn(&[u8], &[u8], &[u8]) -> bool| {
                names.iter().filter(|name| is(name.as_bytes(), min, max)).count()
            };
            use Bound::{Excluded, Included, Unbounded};
            prop_assert_eq!(
                count(Included(min), Excluded(max)),
                within(|name, min, max| min <= name && name < max)
            );
            prop_assert_eq!(
                count(Excluded(min), Included(max)),
                within(|name, min, max| min < name && name <= max)
            );
            prop_assert_eq!(count(Unbounded, Included(max)), within(|name, _, max| name <= max));
            prop_assert_eq!(count(Included(min), Unbounded), within(|name, min, _| min <= name));
        }
    }
}
