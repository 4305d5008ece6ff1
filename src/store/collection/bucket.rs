//! A bucket of a table: a few items in no order, each with a tag.

use crate::store::prefetch::prefetch;

/// Items of a bucket that are told apart before they are looked at; few buckets have more.
const TAGS: usize = 24;

#[derive(Clone)]
pub(super) struct Bucket<T> {
    /// Of each of the first items, the highest bits of its hash.
    tags: [u8; TAGS],
    pub(super) items: Vec<T>,
}

impl<T> Default for Bucket<T> {
    fn default() -> Self {
        Self { tags: [0; TAGS], items: Vec::new() }
    }
}

impl<T> Bucket<T> {
    /// Slots that are allocated together.
    pub(super) const STEP: usize = if size_of::<T>() < 32 { 32 / size_of::<T>() } else { 1 };

    /// Where the item with a tag is that `is` says it is.
    #[inline]
    pub(super) fn position(&self, tag: u8, mut is: impl FnMut(&T) -> bool) -> Option<usize> {
        let mut alike = 0u32;
        for (at, other) in self.tags.iter().enumerate() {
            alike |= u32::from(*other == tag) << at;
        }
        alike &= (1 << self.items.len().min(TAGS)) - 1;
        while alike != 0 {
            let at = alike.trailing_zeros() as usize;
            if is(&self.items[at]) {
                return Some(at);
            }
            alike &= alike - 1;
        }
        (TAGS..self.items.len()).find(|at| is(&self.items[*at]))
    }

    /// Starts fetching the place of the first item with a tag. False if there is none.
    #[inline]
    pub(super) fn fetch_place(&self, tag: u8) -> bool {
        let item = self.position(tag, |_| true).and_then(|position| self.items.get(position));
        item.inspect(|item| prefetch(*item, size_of::<T>())).is_some()
    }

    #[inline]
    pub(super) fn push(&mut self, tag: u8, item: T) {
        let len = self.items.len();
        if len == self.items.capacity() {
            self.items.reserve_exact(Self::STEP);
        }
        if let Some(place) = self.tags.get_mut(len) {
            *place = tag;
        }
        self.items.push(item);
    }

    /// Takes an item out; the last one takes its place.
    pub(super) fn take(&mut self, position: usize, rehash: impl Fn(&T) -> u64) -> T {
        let last = self.items.len() - 1;
        let item = self.items.swap_remove(position);
        if let Some(tag) =
            self.items.get(position).map(|moved| tag_of(&self.tags, last, moved, rehash))
            && let Some(place) = self.tags.get_mut(position)
        {
            *place = tag;
        }
        item
    }

    /// All items, each with its tag.
    pub(super) fn into_tagged(self, rehash: impl Fn(&T) -> u64) -> impl Iterator<Item = (u8, T)> {
        let Self { tags, items } = self;
        items
            .into_iter()
            .enumerate()
            .map(move |(position, item)| (tag_of(&tags, position, &item, &rehash), item))
    }

    /// Gives back memory for items that have gone.
    pub(super) fn shrink(&mut self) {
        if self.items.capacity() - self.items.len() >= 2 * Self::STEP {
            self.items.shrink_to(self.items.len().next_multiple_of(Self::STEP));
        }
    }
}

/// The tag of the item that stands or stood at a position, without a look at it if possible.
#[inline]
fn tag_of<T>(tags: &[u8; TAGS], position: usize, item: &T, rehash: impl Fn(&T) -> u64) -> u8 {
    tags.get(position).copied().unwrap_or_else(|| tag(rehash(item)))
}

/// Bits of a hash that tell most items of a bucket apart, whose lowest bits are the same.
#[inline]
pub(super) fn tag(hash: u64) -> u8 {
    (hash >> 56) as u8
}
