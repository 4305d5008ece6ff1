//! A large sorted set: the members once, an index that finds them by their bytes, and their order.

use std::ops::Range;

use super::sequence::{Item, Sequence};
use super::slab::Slab;
use super::sorted_set::Update;
use super::table::{Table, hash};
use crate::store::free;

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
        let place = self.place(self.members.score(id), member);
        self.order.remove(place);
        self.forget(id);
        true
    }

    pub(super) fn remove_range(&mut self, ranks: Range<usize>) {
        for _ in ranks.clone() {
            let Some(item) = self.order.remove(ranks.start) else { return };
            self.forget(item.id);
        }
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
        self.order.visit(ranks, reverse, |item| see(self.members.member(item.id), item.score));
    }

    pub(super) fn scan(&self, cursor: u64, count: usize, mut see: impl FnMut(&[u8], f64)) -> u64 {
        let members = &self.members;
        self.index.scan(cursor, count, |id| see(members.member(*id), members.score(*id)))
    }

    #[inline]
    fn find(&self, hash: u64, member: &[u8]) -> Option<u32> {
        self.index.find(hash, |id| self.members.member(*id) == member).copied()
    }

    /// How many members stand before this one with this score.
    fn place(&self, score: f64, member: &[u8]) -> usize {
        self.order.partition_point(|item| {
            // Most scores differ, and then the member is not looked at.
            item.score < score || (item.score == score && self.members.member(item.id) < member)
        })
    }

    fn add(&mut self, hash_of_it: u64, score: f64, member: &[u8]) {
        let place = self.place(score, member);
        let id = self.members.insert(score, member);
        let members = &self.members;
        self.index.insert(hash_of_it, id, |id| hash(members.member(*id)));
        self.order.insert(place, Item { score, id });
    }

    fn move_to(&mut self, id: u32, before: f64, after: f64, member: &[u8]) {
        if before.to_bits() == after.to_bits() {
            return;
        }
        self.order.remove(self.place(before, member));
        self.members.set_score(id, after);
        self.order.insert(self.place(after, member), Item { score: after, id });
    }

    /// Lets go of a member that the order does not have any more.
    fn forget(&mut self, id: u32) {
        let members = &self.members;
        let rehash = |id: &u32| hash(members.member(*id));
        self.index.remove(rehash(&id), |other| *other == id, rehash);
        self.members.remove(id);
    }
}

impl Drop for Ranking {
    fn drop(&mut self) {
        if self.len() > free::MANY {
            let bytes = self.heap_size();
            let all = (std::mem::take(&mut self.members), std::mem::take(&mut self.order));
            free::later(bytes, all);
        }
    }
}

impl std::fmt::Debug for Ranking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} members", self.len())
    }
}
