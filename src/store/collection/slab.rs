//! The members of a large sorted set, each with its score, found by a number of four bytes: the index
//! and the order of the set refer to them by it, so that a member's bytes are stored once.
//!
//! Slab stand in pages. One that goes leaves its slot to a later one, and a page without members
//! gives its memory back.

use std::mem::size_of;

use crate::store::prefetch::prefetch;

/// Slots of a page.
const PAGE: usize = 256;

#[derive(Clone, Default)]
pub(super) struct Slab {
    pages: Vec<Page>,
    /// Pages that have a slot free; the last one is filled first.
    roomy: Vec<u32>,
    /// Bytes of all members.
    bytes: usize,
}

#[derive(Clone, Default)]
struct Page {
    slots: Vec<Slot>,
    /// The first free slot; each tells the next one.
    free: Option<u8>,
    taken: u16,
}

#[derive(Clone)]
enum Slot {
    Taken { score: f64, member: Box<[u8]> },
    Free(Option<u8>),
}

const _: () = assert!(size_of::<Slot>() == 24);

impl Slab {
    /// Bytes allocated. Pages are looked at, members are not.
    pub(super) fn heap_size(&self) -> usize {
        let slots: usize = self.pages.iter().map(|page| page.slots.capacity()).sum();
        self.pages.capacity() * size_of::<Page>()
            + self.roomy.capacity() * size_of::<u32>()
            + slots * size_of::<Slot>()
            + self.bytes
    }

    /// Starts fetching a member's score, which tells where its bytes are.
    #[inline]
    pub(super) fn fetch_ahead(&self, id: u32) {
        self.slot(id).inspect(|slot| prefetch(*slot, size_of::<Slot>()));
    }

    #[inline]
    pub(super) fn member(&self, id: u32) -> &[u8] {
        match self.slot(id) {
            Some(Slot::Taken { member, .. }) => member,
            _ => &[],
        }
    }

    #[inline]
    pub(super) fn score(&self, id: u32) -> f64 {
        match self.slot(id) {
            Some(Slot::Taken { score, .. }) => *score,
            _ => 0.0,
        }
    }

    #[inline]
    pub(super) fn set_score(&mut self, id: u32, to: f64) {
        let (page, at) = place(id);
        if let Some(Slot::Taken { score, .. }) = self.pages[page].slots.get_mut(at) {
            *score = to;
        }
    }

    /// Adds a member; returns its number.
    pub(super) fn insert(&mut self, score: f64, member: &[u8]) -> u32 {
        let index = *self.roomy.last().unwrap_or(&(self.pages.len() as u32));
        if index as usize == self.pages.len() {
            // Four billion members take more memory than machines have.
            assert!(self.pages.len() <= u32::MAX as usize / PAGE, "too many members");
            self.pages.push(Page::default());
            self.roomy.push(index);
        }
        let page = &mut self.pages[index as usize];
        let at = page.insert(Slot::Taken { score, member: member.into() });
        if page.taken as usize == PAGE {
            self.roomy.pop();
        }
        self.bytes += member.len();
        index * PAGE as u32 + at as u32
    }

    pub(super) fn remove(&mut self, id: u32) {
        let (index, at) = place(id);
        self.bytes -= self.member(id).len();
        let page = &mut self.pages[index];
        if page.taken as usize == PAGE {
            self.roomy.push(index as u32);
        }
        page.remove(at);
    }

    #[inline]
    fn slot(&self, id: u32) -> Option<&Slot> {
        let (page, at) = place(id);
        self.pages.get(page)?.slots.get(at)
    }
}

/// The page of a number, and the slot within.
#[inline]
fn place(id: u32) -> (usize, usize) {
    (id as usize / PAGE, id as usize % PAGE)
}

impl Page {
    /// Fills a free slot, of which there must be one.
    fn insert(&mut self, slot: Slot) -> usize {
        self.taken += 1;
        let Some(at) = self.free else {
            self.slots.push(slot);
            return self.slots.len() - 1;
        };
        let at = at as usize;
        if let Slot::Free(next) = std::mem::replace(&mut self.slots[at], slot) {
            self.free = next;
        }
        at
    }

    fn remove(&mut self, at: usize) {
        self.taken -= 1;
        if self.taken == 0 {
            *self = Self::default();
            return;
        }
        self.slots[at] = Slot::Free(self.free);
        self.free = Some(at as u8);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_behaves_as_a_map(
            steps in prop::collection::vec((any::<u32>(), "[a-z]{0,20}", 0u8..5), 0..1500),
        ) {
            let (mut members, mut model) = (Slab::default(), HashMap::new());
            for (pick, member, step) in steps {
                let ids: Vec<u32> = model.keys().copied().collect();
                match (step, ids.get(pick as usize % ids.len().max(1))) {
                    (0 | 1, Some(id)) => {
                        members.remove(*id);
                        model.remove(id);
                    }
                    (2, Some(id)) => {
                        members.set_score(*id, f64::from(pick));
                        model.entry(*id).and_modify(|(score, _)| *score = f64::from(pick));
                    }
                    _ => {
                        let id = members.insert(0.5, member.as_bytes());
                        prop_assert_eq!(model.insert(id, (0.5, member)), None);
                    }
                }
            }
            let copy = members.clone();
            for (id, (score, member)) in &model {
                prop_assert_eq!(members.score(*id), *score);
                prop_assert_eq!(copy.member(*id), member.as_bytes());
            }
        }
    }

    #[test]
    fn memory_is_given_back_and_slots_are_used_again() {
        let mut members = Slab::default();
        let ids: Vec<u32> = (0..10_000).map(|_| members.insert(0.0, b"member")).collect();
        let full = members.heap_size();
        ids[..9000].iter().for_each(|id| members.remove(*id));
        assert!(members.heap_size() < full / 5, "{} of {full}", members.heap_size());
        (0..9000).for_each(|_| assert!(members.insert(0.0, b"member") < 10_240));
        assert!(members.heap_size() < full + 1000, "{} of {full}", members.heap_size());
    }
}
