//! Slots for connections, named by index and generation.

use crate::mailbox::ConnId;

/// A generation has 24 bits: it shares a word with the index and the operation.
const LAST_GENERATION: u32 = (1 << 24) - 1;

/// Values in numbered slots. A freed slot is reused under a new generation, so a name that
/// outlived its value finds nothing.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Slot<T>>,
    /// Free slots; the one freed last is reused first, while it is warm.
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// The name that the next [`Slab::insert`] will give.
    pub(super) fn next_id(&self) -> ConnId {
        match self.free.last() {
            Some(&index) => ConnId { index, generation: self.slots[index as usize].generation },
            None => ConnId { index: self.slots.len() as u32, generation: 0 },
        }
    }

    /// Stores a value under [`Slab::next_id`].
    pub(super) fn insert(&mut self, value: T) {
        match self.free.pop() {
            Some(index) => self.slots[index as usize].value = Some(value),
            None => self.slots.push(Slot { generation: 0, value: Some(value) }),
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: ConnId) -> Option<&mut T> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        slot.value.as_mut()
    }

    /// Takes a value out; its name is void from now on.
    pub(super) fn remove(&mut self, id: ConnId) -> Option<T> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = if id.generation == LAST_GENERATION { 0 } else { id.generation + 1 };
        self.free.push(id.index);
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The names of all values.
    pub(super) fn ids(&self) -> impl Iterator<Item = ConnId> {
        let taken = self.slots.iter().enumerate().filter(|(_, slot)| slot.value.is_some());
        taken.map(|(index, slot)| ConnId { index: index as u32, generation: slot.generation })
    }
}

/// Puts a value into a numbered slot, which need not be there yet.
pub(super) fn put<T>(slots: &mut Vec<Option<T>>, index: u32, value: T) {
    let index = index as usize;
    if slots.len() <= index {
        slots.resize_with(index + 1, || None);
    }
    slots[index] = Some(value);
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
        slab.slots[id.index as usize].generation = LAST_GENERATION;
        slab.remove(ConnId { generation: LAST_GENERATION, ..id });
        assert_eq!(slab.next_id(), ConnId { index: id.index, generation: 0 });
    }

    #[test]
    fn a_slot_may_lie_behind_empty_ones() {
        let mut slots = Vec::new();
        super::put(&mut slots, 2, 'c');
        super::put(&mut slots, 0, 'a');
        assert_eq!(slots, [Some('a'), None, Some('c')]);
    }
}
