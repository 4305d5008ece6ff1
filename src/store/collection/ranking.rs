//! A large sorted set: the members once, an index that finds them by their bytes, and their order.

use std::mem::take;
use std::ops::Range;

use super::sequence::{Item, Sequence};
use super::slab::Slab;
use super::sorted_set::Update;
use super::table::{Table, hash};
use crate::store::free;

/// How many members are fetched that may be taken out next.
const AHEAD: usize = 3;

#[derive(Clone, Default)]
pub(super) struct Ranking {
    members: Slab,
    index: Table<u32>,
    order: Sequence,
}

impl Ranking {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Bytes allocated beyond itself.
    pub(super) fn heap_size(&self) -> usize {
        self.members.heap_size() + self.index.heap_size() + self.order.heap_size()
    }

    #[inline]
    pub(super) fn fetch_ahead(&self, hash: u64) {
        self.index.fetch_ahead(hash);
    }

    /// See [`Table::fetch_place`].
    #[inline]
    pub(super) fn fetch_place(&self, hash: u64) -> bool {
        self.index.fetch_place(hash)
    }

    #[inline]
    pub(super) fn fetch_element(&self, hash: u64) {
        self.index.guess(hash).inspect(|id| self.members.fetch_ahead(**id));
    }

    #[inline]
    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        Some(self.members.score(self.find(hash(member), member)?))
    }

    /// See [`super::SortedSet::update`].
    pub(super) fn update(
        &mut self,
        member: &[u8],
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Update {
        let hash = hash(member);
        let id = self.find(hash, member);
        let before = id.map(|id| self.members.score(id));
        let Some(after) = decide(before) else { return Update { before, after: before } };
        match (id, before) {
            (Some(id), Some(before)) => self.move_to(id, before, after, member),
            _ => self.add(hash, after, member),
        }
        Update { before, after: Some(after) }
    }

    /// Adds a member that is not there.
    pub(super) fn insert(&mut self, score: f64, member: &[u8]) {
        self.add(hash(member), score, member);
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> bool {
        let Some(id) = self.find(hash(member), member) else { return false };
        let target = Target { score: self.members.score(id), member };
        self.order.remove(|item| item.id == id || !target.is_before(item, &self.members));
        forget(&mut self.members, &mut self.index, &[id]);
        true
    }

    pub(super) fn remove_range(&mut self, ranks: Range<usize>) {
        let (start, at_end) = (ranks.start, ranks.end == self.len());
        let Self { members, index, order } = self;
        order.remove_range(ranks, |ids| forget(members, index, ids));
        if at_end {
            self.fetch_next(start.saturating_sub(AHEAD)..start, true);
        } else if start == 0 {
            self.fetch_next(0..AHEAD.min(self.len()), false);
        }
    }

    /// Who takes members from an end goes on there: what that will read is fetched already, each kind
    /// of memory a step before the one that is found by it.
    fn fetch_next(&self, ranks: Range<usize>, backwards: bool) {
        let mut ahead = 0;
        self.order.visit(ranks, backwards, |_, ids| {
            let fetch = |id: &u32| {
                let hash = || hash(self.members.member(*id));
                match ahead {
                    0 => self.index.fetch_items(hash()),
                    1 => self.index.fetch_ahead(hash()),
                    _ => self.members.fetch_ahead(*id),
                }
                ahead += 1;
            };
            if backwards { ids.iter().rev().for_each(fetch) } else { ids.iter().for_each(fetch) }
        });
    }

    #[inline]
    pub(super) fn partition_point(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        self.order.partition_point(|item| before(item.score, self.members.member(item.id)))
    }

    #[inline]
    pub(super) fn visit<'a>(
        &'a self,
        ranks: Range<usize>,
        reverse: bool,
        mut see: impl FnMut(&'a [u8], f64),
    ) {
        self.order.visit(ranks, reverse, |scores, ids| {
            ids.iter().for_each(|id| self.members.fetch_ahead(*id));
            let mut see = |(score, id): (&f64, &u32)| see(self.members.member(*id), *score);
            let items = scores.iter().zip(ids);
            if reverse { items.rev().for_each(&mut see) } else { items.for_each(&mut see) }
        });
    }

    pub(super) fn scan(&self, cursor: u64, count: usize, mut see: impl FnMut(&[u8], f64)) -> u64 {
        let members = &self.members;
        let fetch = |id: &u32| members.fetch_ahead(*id);
        self.index.scan(cursor, count, fetch, |id| see(members.member(*id), members.score(*id)))
    }

    #[inline]
    fn find(&self, hash: u64, member: &[u8]) -> Option<u32> {
        self.index.find(hash, |id| self.members.member(*id) == member).copied()
    }

    fn add(&mut self, hash_of_it: u64, score: f64, member: &[u8]) {
        let id = self.members.insert(score, member);
        let (members, target) = (&self.members, Target { score, member });
        self.index.insert(hash_of_it, id, |id| hash(members.member(*id)));
        self.order.insert(Item { score, id }, |item| target.is_behind(item, members));
    }

    fn move_to(&mut self, id: u32, before: f64, after: f64, member: &[u8]) {
        if before.to_bits() == after.to_bits() {
            return;
        }
        self.members.set_score(id, after);
        let (members, order) = (&self.members, &mut self.order);
        let (from, to) = (Target { score: before, member }, Target { score: after, member });
        let is_behind_new = |item| to.is_behind(item, members);
        let through_old = |item: Item| item.id == id || !from.is_before(item, members);
        order.fetch(is_behind_new);
        if !order.rescore(after, through_old, is_behind_new) {
            order.remove(through_old);
            order.insert(Item { score: after, id }, is_behind_new);
        }
    }
}

/// Lets go of members that the order does not have any more. Waits for the memory of many of them
/// overlap.
fn forget(members: &mut Slab, index: &mut Table<u32>, ids: &[u32]) {
    const TOGETHER: usize = 32;
    for ids in ids.chunks(TOGETHER) {
        ids.iter().for_each(|id| members.fetch_ahead(*id));
        let mut hashes = [0; TOGETHER];
        for (id, hash_of_it) in ids.iter().zip(&mut hashes) {
            *hash_of_it = hash(members.member(*id));
            index.fetch_ahead(*hash_of_it);
        }
        hashes[..ids.len()].iter().for_each(|hash| index.fetch_items(*hash));
        for (id, hash_of_it) in ids.iter().zip(hashes) {
            index.remove(hash_of_it, |other| other == id, |id| hash(members.member(*id)));
            members.remove(*id);
        }
    }
}

/// A place in the order.
#[derive(Clone, Copy)]
struct Target<'a> {
    score: f64,
    member: &'a [u8],
}

impl Target<'_> {
    /// Most scores differ, and then the other member is not looked at.
    #[inline]
    fn is_behind(&self, item: Item, members: &Slab) -> bool {
        item.score < self.score
            || (item.score == self.score && members.member(item.id) < self.member)
    }

    #[inline]
    fn is_before(&self, item: Item, members: &Slab) -> bool {
        item.score > self.score
            || (item.score == self.score && members.member(item.id) > self.member)
    }
}

impl Drop for Ranking {
    fn drop(&mut self) {
        if self.len() > free::MANY {
            // The index does the same by itself.
            let (members, order) = (take(&mut self.members), take(&mut self.order));
            free::later(members.heap_size(), members.into_parts());
            free::later(order.about_size(), order.into_parts());
        }
    }
}

impl std::fmt::Debug for Ranking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} members", self.len())
    }
}
