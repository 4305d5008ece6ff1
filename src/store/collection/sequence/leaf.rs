//! A leaf of a [`Sequence`](super::Sequence): some items, one after the other.

use std::ops::Range;

use super::{Item, Part, partition_point};
use crate::store::prefetch::prefetch;

/// Scores and numbers stand in an array each: a search reads scores alone where they differ.
#[derive(Clone)]
pub(super) struct Leaf<S, I, const LEAF: usize> {
    len: u8,
    scores: [S; LEAF],
    ids: [I; LEAF],
}

impl<S: Part, I: Part, const LEAF: usize> Default for Leaf<S, I, LEAF> {
    fn default() -> Self {
        Self { len: 0, scores: [S::default(); LEAF], ids: [I::default(); LEAF] }
    }
}

impl<S: Part, I: Part, const LEAF: usize> Leaf<S, I, LEAF> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(super) fn item(&self, at: usize) -> Item<S, I> {
        Item { score: self.scores[at], id: self.ids[at] }
    }

    /// Starts fetching all of it into the processor's cache, as a search does line by line.
    #[inline]
    pub(super) fn fetch(&self) {
        prefetch(&raw const *self, size_of::<Self>());
    }

    #[inline]
    pub(super) fn partition_point(&self, before: impl Fn(Item<S, I>) -> bool) -> usize {
        partition_point(self.len(), |at| before(self.item(at)))
    }

    /// Puts an item in; returns a new right neighbour if there was no room. What grows at its end
    /// only has full leaves.
    pub(super) fn insert(&mut self, at: usize, item: Item<S, I>, is_last: bool) -> Option<Self> {
        if self.len() < LEAF {
            self.put(at, item);
            return None;
        }
        let mut right = self.split_off(if is_last { LEAF } else { LEAF / 2 });
        match at.checked_sub(self.len()) {
            Some(at) if at > 0 || is_last => right.put(at, item),
            _ => self.put(at, item),
        }
        Some(right)
    }

    fn put(&mut self, at: usize, item: Item<S, I>) {
        let len = self.len();
        self.scores.copy_within(at..len, at + 1);
        self.ids.copy_within(at..len, at + 1);
        (self.scores[at], self.ids[at]) = (item.score, item.id);
        self.len += 1;
    }

    fn split_off(&mut self, at: usize) -> Self {
        let (mut right, len) = (Self::default(), self.len());
        right.scores[..len - at].copy_from_slice(&self.scores[at..len]);
        right.ids[..len - at].copy_from_slice(&self.ids[at..len]);
        right.len = (len - at) as u8;
        self.len = at as u8;
        right
    }

    /// Takes over the items of its right neighbour, for which there must be room.
    pub(super) fn append(&mut self, right: &Self) {
        let (len, more) = (self.len(), right.len());
        self.scores[len..len + more].copy_from_slice(&right.scores[..more]);
        self.ids[len..len + more].copy_from_slice(&right.ids[..more]);
        self.len += right.len;
    }

    /// Takes out the items at these places.
    pub(super) fn remove(&mut self, places: Range<usize>) {
        let len = self.len();
        self.scores.copy_within(places.end..len, places.start);
        self.ids.copy_within(places.end..len, places.start);
        self.len -= places.len() as u8;
    }

    /// Gives an item another score, with which it must stand where it does.
    pub(super) fn set_score(&mut self, at: usize, score: S) {
        self.scores[at] = score;
    }

    /// The scores and the numbers at these places.
    pub(super) fn run(&self, places: Range<usize>) -> (&[S], &[I]) {
        (&self.scores[places.clone()], &self.ids[places])
    }
}
