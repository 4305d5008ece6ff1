//! The nodes of a [`Sequence`](super::Sequence).

use std::mem::size_of;
use std::ops::Range;

use super::leaf::Leaf;
use super::{Item, Part, partition_point};

/// Children of an inner node, which takes 1000 bytes in a sorted set.
const INNER: usize = 31;

#[derive(Clone)]
pub(super) enum Node<S, I, const LEAF: usize> {
    Leaf(Box<Leaf<S, I, LEAF>>),
    Inner(Box<Inner<S, I, LEAF>>),
}

/// Each child's node, the first item below it and how many there are below it. They stand in arrays of
/// their own, so that a walk down reads little besides what it looks for.
#[derive(Clone)]
pub(super) struct Inner<S, I, const LEAF: usize> {
    len: u8,
    scores: [S; INNER],
    ids: [I; INNER],
    pub(super) counts: [u32; INNER],
    pub(super) children: [Option<Node<S, I, LEAF>>; INNER],
}

impl<S: Part, I: Part, const LEAF: usize> Node<S, I, LEAF> {
    /// How many items or children it has itself.
    fn width(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.len(),
            Self::Inner(inner) => inner.len(),
        }
    }

    /// How many items or children it can have.
    fn capacity(&self) -> usize {
        match self {
            Self::Leaf(_) => LEAF,
            Self::Inner(_) => INNER,
        }
    }

    /// How many items are below.
    pub(super) fn count(&self) -> u32 {
        match self {
            Self::Leaf(leaf) => leaf.len() as u32,
            Self::Inner(inner) => inner.counts[..inner.len()].iter().sum(),
        }
    }

    /// The first item below.
    pub(super) fn first(&self) -> Item<S, I> {
        match self {
            Self::Leaf(leaf) => leaf.item(0),
            Self::Inner(inner) => inner.first(0),
        }
    }

    /// Leaves are not looked at.
    pub(super) fn heap_size(&self) -> usize {
        match self {
            Self::Leaf(_) => size_of::<Leaf<S, I, LEAF>>(),
            Self::Inner(inner) => {
                let children = inner.children.iter().flatten();
                size_of::<Inner<S, I, LEAF>>() + children.map(Self::heap_size).sum::<usize>()
            }
        }
    }

    /// Puts an item in; returns a new right neighbour if there was no room.
    pub(super) fn insert(
        &mut self,
        item: Item<S, I>,
        before: &impl Fn(Item<S, I>) -> bool,
        is_last: bool,
    ) -> Option<Self> {
        match self {
            Self::Leaf(leaf) => {
                leaf.fetch();
                let at = leaf.partition_point(before);
                let right = leaf.insert(at, item, is_last && at == leaf.len())?;
                Some(Self::Leaf(Box::new(right)))
            }
            Self::Inner(inner) => Some(Self::Inner(Box::new(inner.insert(item, before, is_last)?))),
        }
    }

    pub(super) fn remove(&mut self, through: &impl Fn(Item<S, I>) -> bool) -> Option<Item<S, I>> {
        match self {
            Self::Leaf(leaf) => {
                leaf.fetch();
                let at = leaf.partition_point(through).checked_sub(1)?;
                let item = leaf.item(at);
                leaf.remove(at..at + 1);
                Some(item)
            }
            Self::Inner(inner) => inner.remove(through),
        }
    }

    pub(super) fn remove_range(&mut self, places: Range<usize>, see: &mut impl FnMut(&[I])) {
        match self {
            Self::Leaf(leaf) => {
                see(leaf.run(places.clone()).1);
                leaf.remove(places);
            }
            Self::Inner(inner) => inner.remove_range(places, see),
        }
    }

    /// What is below, in parts that are about equally large.
    pub(super) fn into_parts(self) -> Vec<Self> {
        match self {
            Self::Leaf(_) => vec![self],
            Self::Inner(inner) => inner.children.into_iter().flatten().collect(),
        }
    }

    /// Takes over what its right neighbour has, which is as deep as it is itself.
    fn absorb(&mut self, right: Self) {
        match (self, right) {
            (Self::Leaf(left), Self::Leaf(right)) => left.append(&right),
            (Self::Inner(left), Self::Inner(mut right)) => {
                right.children.iter_mut().filter_map(Option::take).for_each(|child| {
                    left.put(left.len(), child);
                });
            }
            _ => debug_assert!(false, "neighbours are equally deep"),
        }
    }

    pub(super) fn visit<'a>(
        &'a self,
        places: Range<usize>,
        reverse: bool,
        see: &mut impl FnMut(&'a [S], &'a [I]),
    ) {
        match self {
            Self::Leaf(leaf) => {
                let (scores, ids) = leaf.run(places);
                see(scores, ids);
            }
            Self::Inner(inner) => inner.visit(places, reverse, see),
        }
    }
}

impl<S: Part, I: Part, const LEAF: usize> Default for Inner<S, I, LEAF> {
    fn default() -> Self {
        Self {
            len: 0,
            scores: [S::default(); INNER],
            ids: [I::default(); INNER],
            counts: [0; INNER],
            children: [const { None }; INNER],
        }
    }
}

impl<S: Part, I: Part, const LEAF: usize> Inner<S, I, LEAF> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(super) fn first(&self, at: usize) -> Item<S, I> {
        Item { score: self.scores[at], id: self.ids[at] }
    }

    #[inline]
    fn set_first(&mut self, at: usize, item: Item<S, I>) {
        (self.scores[at], self.ids[at]) = (item.score, item.id);
    }

    /// The last child that begins with one of the first items, for which `before` is true: they may
    /// end where it ends. The first child if there is none.
    #[inline]
    pub(super) fn child_before(&self, before: &impl Fn(Item<S, I>) -> bool) -> usize {
        partition_point(self.len(), |at| before(self.first(at))).max(1) - 1
    }

    /// Adds a child, for which there must be room.
    pub(super) fn put(&mut self, at: usize, child: Node<S, I, LEAF>) {
        let len = self.len();
        self.scores.copy_within(at..len, at + 1);
        self.ids.copy_within(at..len, at + 1);
        self.counts.copy_within(at..len, at + 1);
        self.children[at..=len].rotate_right(1);
        self.set_first(at, child.first());
        self.counts[at] = child.count();
        self.children[at] = Some(child);
        self.len += 1;
    }

    fn take(&mut self, at: usize) -> Option<Node<S, I, LEAF>> {
        let len = self.len();
        self.scores.copy_within(at + 1..len, at);
        self.ids.copy_within(at + 1..len, at);
        self.counts.copy_within(at + 1..len, at);
        self.children[at..len].rotate_left(1);
        self.len -= 1;
        self.children[len - 1].take()
    }

    pub(super) fn insert(
        &mut self,
        item: Item<S, I>,
        before: &impl Fn(Item<S, I>) -> bool,
        is_last: bool,
    ) -> Option<Self> {
        let at = self.child_before(before);
        let is_last = is_last && at + 1 == self.len();
        if at == 0 && !before(self.first(0)) {
            self.set_first(0, item);
        }
        self.counts[at] += 1;
        let new = self.children[at].as_mut()?.insert(item, before, is_last)?;
        self.counts[at] -= new.count();
        if self.len() < INNER {
            self.put(at + 1, new);
            return None;
        }
        let mut right = Self::default();
        for from in if is_last { INNER } else { INNER / 2 }..INNER {
            right.put(right.len(), self.children[from].take()?);
        }
        self.len -= right.len;
        match (at + 1).checked_sub(self.len()) {
            Some(at) if at > 0 || is_last => right.put(at, new),
            _ => self.put(at + 1, new),
        }
        Some(right)
    }

    pub(super) fn remove(&mut self, through: &impl Fn(Item<S, I>) -> bool) -> Option<Item<S, I>> {
        let at = self.child_before(through);
        let child = self.children[at].as_mut()?;
        let item = child.remove(through)?;
        self.counts[at] -= 1;
        if self.counts[at] == 0 {
            self.take(at);
            return Some(item);
        }
        let is_sparse = child.width() <= child.capacity() / 2;
        if self.ids[at] == item.id {
            let first = child.first();
            self.set_first(at, first);
        }
        if is_sparse {
            self.merge(at + 1);
            self.merge(at);
        }
        Some(item)
    }

    pub(super) fn remove_range(&mut self, places: Range<usize>, see: &mut impl FnMut(&[I])) {
        let (first, mut start) = self.find(places.start);
        let (mut at, mut left) = (first, places.len());
        while left > 0
            && at < self.len()
            && let Some(child) = &mut self.children[at]
        {
            let count = self.counts[at] as usize;
            let here = left.min(count - start);
            if here == count {
                child.visit(0..count, false, &mut |_, ids| see(ids));
                self.take(at);
            } else {
                child.remove_range(start..start + here, see);
                let first = child.first();
                self.set_first(at, first);
                self.counts[at] -= here as u32;
                at += 1;
            }
            (left, start) = (left - here, 0);
        }
        // Two children may have lost a part, and their neighbours may have room for what is left.
        (first..first + 3).rev().for_each(|at| self.merge(at));
    }

    /// The child that a place is in, and the place within it.
    fn find(&self, place: usize) -> (usize, usize) {
        let (mut at, mut within) = (0, place);
        while at < self.len() && within >= self.counts[at] as usize {
            within -= self.counts[at] as usize;
            at += 1;
        }
        (at, within)
    }

    /// Merges a child into its left neighbour, if that leaves room for more.
    fn merge(&mut self, at: usize) {
        let Some(neighbours) = self.children.get(at.saturating_sub(1)..=at) else { return };
        let [Some(left), Some(right)] = neighbours else { return };
        if left.width() + right.width() > left.capacity() / 4 * 3 {
            return;
        }
        let Some(right) = self.take(at) else { return };
        self.counts[at - 1] += right.count();
        if let Some(left) = &mut self.children[at - 1] {
            left.absorb(right);
        }
    }

    pub(super) fn visit<'a>(
        &'a self,
        places: Range<usize>,
        reverse: bool,
        see: &mut impl FnMut(&'a [S], &'a [I]),
    ) {
        let mut visit = |at: usize, begin: usize| {
            let (count, Some(child)) = (self.counts[at] as usize, &self.children[at]) else {
                return;
            };
            let end = places.end.min(begin + count);
            if places.start < end && begin < end {
                child.visit(places.start.saturating_sub(begin)..end - begin, reverse, see);
            }
        };
        if reverse {
            let mut begin: usize = self.counts[..self.len()].iter().sum::<u32>() as usize;
            for at in (0..self.len()).rev() {
                begin -= self.counts[at] as usize;
                visit(at, begin);
            }
        } else {
            let mut begin = 0;
            for at in 0..self.len() {
                visit(at, begin);
                begin += self.counts[at] as usize;
            }
        }
    }
}
