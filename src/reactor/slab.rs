//! Slots for connections, named by index and generation.

use crate::mailbox::ConnId;

/// A generation has 24 bits: it shares a word with the index and the operation.
const LAST_GENERATION: u32 = (1 << 24) - 1;

/// Values in numbered slots. A freed slot is reused under a new generation, so a name that
/// outlived its value finds nothing.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Blocks<Slot<T>>,
    /// Slots that have been in use; none behind them has.
    used: u32,
    /// Free slots; the one freed last is reused first, while it is warm.
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { generation: 0, value: None }
    }
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self { slots: Blocks::default(), used: 0, free: Vec::new() }
    }

    /// The name that the next [`Slab::insert`] will give.
    pub(super) fn next_id(&self) -> ConnId {
        let index = self.free.last().copied().unwrap_or(self.used);
        ConnId { index, generation: self.slots.get(index).map_or(0, |slot| slot.generation) }
    }

    /// Stores a value under [`Slab::next_id`].
    pub(super) fn insert(&mut self, value: T) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        });
        self.slots.reach(index).value = Some(value);
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: ConnId) -> Option<&mut T> {
        let slot = self.slots.get_mut(id.index)?;
        if slot.generation != id.generation {
            return None;
        }
        slot.value.as_mut()
    }

    /// Takes a value out; its name is void from now on.
    pub(super) fn remove(&mut self, id: ConnId) -> Option<T> {
        let slot = self.slots.get_mut(id.index)?;
        if slot.generation != id.generation {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = if id.generation == LAST_GENERATION { 0 } else { id.generation + 1 };
        self.free.push(id.index);
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.used as usize - self.free.len()
    }

    /// The names of all values.
    pub(super) fn ids(&self) -> impl Iterator<Item = ConnId> {
        let taken = self.slots.iter().enumerate().filter(|(_, slot)| slot.value.is_some());
        taken.map(|(index, slot)| ConnId { index: index as u32, generation: slot.generation })
    }
}

/// Slots in one block.
const BLOCK: usize = 64;

/// Numbered slots that come in blocks: more of them move none, and there are never many that nobody
/// has asked for. Idle connections are little else than their slots.
#[derive(Debug)]
pub(super) struct Blocks<T> {
    blocks: Vec<Box<[T; BLOCK]>>,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self { blocks: Vec::new() }
    }
}

impl<T> Blocks<T> {
    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        let index = index as usize;
        Some(&self.blocks.get(index / BLOCK)?[index % BLOCK])
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        let index = index as usize;
        Some(&mut self.blocks.get_mut(index / BLOCK)?[index % BLOCK])
    }

    /// All slots, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flat_map(|block| block.iter())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.blocks.iter_mut().flat_map(|block| block.iter_mut())
    }
}

impl<T: Default> Blocks<T> {
    /// A slot that need not be there yet.
    pub(super) fn reach(&mut self, index: u32) -> &mut T {
        let index = index as usize;
        while self.blocks.len() <= index / BLOCK {
            self.blocks.push(Box::new(std::array::from_fn(|_| T::default())));
        }
        &mut self.blocks[index / BLOCK][index % BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(slab: &mut Slab<char>, value: char) -> ConnId {
        let id = slab.next_id();
        slab.insert(value);
        id
    }

    #[test]
    fn an_old_name_never_means_a_new_value() {
        let mut slab = Slab::new();
        let (a, b) = (add(&mut slab, 'a'), add(&mut slab, 'b'));
        assert_eq!(slab.remove(a), Some('a'));
        let c = add(&mut slab, 'c');
        assert_eq!(c.index, a.index, "the slot is reused");
        assert_ne!(c, a);
        assert_eq!(slab.get_mut(a), None);
        assert_eq!(slab.remove(a), None);
        assert_eq!(slab.get_mut(b), Some(&mut 'b'));
        assert_eq!(slab.get_mut(c), Some(&mut 'c'));
        assert_eq!(slab.len(), 2);
        assert_eq!(slab.ids().collect::<Vec<_>>(), [c, b]);
    }

    #[test]
    fn generations_wrap_within_their_bits() {
        let mut slab = Slab::new();
        let id = add(&mut slab, 'a');
        slab.slots.get_mut(id.index).unwrap().generation = LAST_GENERATION;
        slab.remove(ConnId { generation: LAST_GENERATION, ..id });
        assert_eq!(slab.next_id(), ConnId { index: id.index, generation: 0 });
    }

    #[test]
    fn slots_stay_where_they_are() {
        let mut slots = Blocks::default();
        let last = 3 * BLOCK as u32 - 1;
        let second: *const char = slots.reach(1);
        *slots.reach(1) = 'b';
        *slots.reach(last) = 'z';
        assert_eq!(slots.get(1).map(|slot| (&raw const *slot, *slot)), Some((second, 'b')));
        assert_eq!(
            [0, last, last + 1].map(|n| slots.get(n).copied()),
            [Some('\0'), Some('z'), None]
        );
        assert_eq!(slots.get_mut(last), Some(&mut 'z'));
        assert_eq!(slots.get_mut(last + 1), None);
        assert_eq!((slots.iter().count(), slots.iter().last()), (3 * BLOCK, Some(&'z')));
        slots.iter_mut().for_each(|slot| *slot = 'y');
        assert!(slots.iter().all(|slot| *slot == 'y'));
    }
}
