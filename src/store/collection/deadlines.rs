//! When fields of a large hash end.

use super::sequence::{Item, Sequence};
use crate::store::free;

/// Most hashes have few deadlines: one leaf of 248 bytes.
const LEAF: usize = 15;

/// The deadlines in order, each with the hash of its field.
#[derive(Clone, Default)]
pub(super) struct Deadlines {
    pub(super) order: Sequence<u64, u64, LEAF>,
    /// Fields that end before this are hidden.
    pub(super) horizon: u64,
    /// How many are.
    pub(super) hidden: usize,
}

impl Deadlines {
    pub(super) fn heap_size(&self) -> usize {
        size_of::<Self>() + self.order.heap_size()
    }

    #[inline]
    pub(super) fn soonest(&self) -> Option<u64> {
        self.order.first().map(|first| first.score)
    }

    /// How many have passed.
    #[inline]
    pub(super) fn due(&self, now_ms: u64) -> usize {
        if !self.soonest().is_some_and(|at| is_due(at, now_ms)) {
            return 0;
        }
        self.order.partition_point(|item| is_due(item.score, now_ms))
    }

    pub(super) fn insert(&mut self, at: u64, hash: u64) {
        self.order.insert(Item { score: at, id: hash }, |item| (item.score, item.id) < (at, hash));
        self.hidden += usize::from(at < self.horizon);
    }

    pub(super) fn remove(&mut self, at: u64, hash: u64) {
        self.order.remove(|item| (item.score, item.id) <= (at, hash));
        self.hidden -= usize::from(at < self.horizon);
    }

    pub(super) fn take_first(&mut self, count: usize) -> Vec<Item<u64, u64>> {
        let mut first = Vec::with_capacity(count);
        self.order.visit(0..count, false, |ats, hashes| {
            first.extend(ats.iter().zip(hashes).map(|(at, hash)| Item { score: *at, id: *hash }));
        });
        self.order.remove_range(0..count, |_| ());
        first
    }
}

impl Drop for Deadlines {
    fn drop(&mut self) {
        if self.order.len() > free::MANY {
            free::later(self.order.about_size(), std::mem::take(&mut self.order).into_parts());
        }
    }
}

/// A field may still be read in the millisecond in which it ends, as a key may.
#[inline]
fn is_due(deadline: u64, now_ms: u64) -> bool {
    now_ms > deadline
}
