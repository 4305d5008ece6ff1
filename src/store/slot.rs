//! The place of one key: what a command changes.

use ahash::RandomState;

use super::collection::{Collection, WrongType};
use super::entry::Entry;
use super::expiry::Expiring;
use super::gate::Counts;
use super::segment::Segment;
use super::value::{New, Owned, Value};

/// What became of a key. Whatever must know of changes learns it in [`super::Keyspace`]'s one
/// place where all of them pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has a new value, or is new.
    Set,
    Removed,
    /// Only its expiry changed.
    Expiry,
    /// Its time was over.
    Expired,
    /// It was given up because memory was short.
    Evicted,
}

/// What a new value does to the expiry of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    Keep,
    Clear,
    /// Milliseconds since the Unix epoch.
    At(u64),
}

/// What a change of a collection has brought, and whether there was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit<R> {
    outcome: R,
    changed: bool,
}

impl<R> Edit<R> {
    /// The collection is not what it was.
    pub fn done(outcome: R) -> Self {
        Self { outcome, changed: true }
    }

    /// All is as it was before.
    pub fn none(outcome: R) -> Self {
        Self { outcome, changed: false }
    }

    pub fn done_if(changed: bool, outcome: R) -> Self {
        Self { outcome, changed }
    }
}

/// The place of one key, taken or empty.
///
/// A panic that interrupts a change leaves the value as it was, or as it was to be; one that interrupts
/// an edit of the value removes the key, since nobody knows what the value is then.
pub struct Slot<'a> {
    pub(super) segment: &'a mut Segment,
    pub(super) counts: &'a Counts,
    pub(super) hasher: &'a RandomState,
    pub(super) key: &'a [u8],
    pub(super) hash: u64,
    pub(super) position: Option<usize>,
    pub(super) change: Option<Change>,
    /// The value is being edited.
    pub(super) half_done: bool,
}

impl Slot<'_> {
    #[inline]
    pub fn value(&self) -> Option<Value<'_>> {
        Some(self.segment.at(self.position?)?.value())
    }

    /// Milliseconds since the Unix epoch.
    #[inline]
    pub fn expiry(&self) -> Option<u64> {
        self.segment.at(self.position?)?.expiry()
    }

    pub fn is_vacant(&self) -> bool {
        self.position.is_none()
    }

    /// Gives the key a value, whether it has one or not.
    #[inline]
    pub fn set(&mut self, value: New<'_>, expiry: Expiry) {
        let before = self.expiring();
        let expiry = match expiry {
            Expiry::Keep => self.expiry(),
            Expiry::Clear => None,
            Expiry::At(at) => Some(at),
        };
        match self.position {
            Some(position) => self.segment.replace(position, value, expiry),
            None => {
                let at = self.segment.insert(self.hasher, self.hash, self.key, value, expiry);
                self.position = Some(at);
                self.counts.keys.add(1);
            }
        }
        self.counts.exchange(before, self.expiring());
        self.change = Some(Change::Set);
    }

    /// Makes the string at least `len` bytes long, with zeros at its end, and lets `change` write
    /// into it, in place where possible. A missing key begins as an empty string. The outcome counts
    /// as changed in place, see [`New::Raw`].
    pub fn edit(&mut self, len: usize, change: impl FnOnce(&mut [u8])) {
        match self.position {
            Some(position) => {
                self.half_done = true;
                self.segment.edit(position, len, change);
                self.half_done = false;
            }
            None => {
                let mut text = vec![0; len];
                change(&mut text);
                self.set(New::raw_from(&mut text), Expiry::Clear);
            }
        }
        self.change = Some(Change::Set);
    }

    /// Lets `edit` change the collection at a key that is there; without a key, nothing happens and
    /// None is returned. If the collection becomes empty, the key is removed.
    #[inline]
    pub fn alter<T: Collection, R>(
        &mut self,
        edit: impl FnOnce(&mut T) -> Edit<R>,
    ) -> Result<Option<R>, WrongType> {
        match self.position {
            Some(position) => self.alter_at(position, edit).map(Some),
            None => Ok(None),
        }
    }

    /// As [`Slot::alter`], but without a key `edit` sees a collection that is new and empty. If it
    /// stays empty, there will be no key.
    #[inline]
    pub fn alter_or_new<T: Collection, R>(
        &mut self,
        edit: impl FnOnce(&mut T) -> Edit<R>,
    ) -> Result<R, WrongType> {
        if let Some(position) = self.position {
            return self.alter_at(position, edit);
        }
        let mut fresh = T::default();
        let Edit { outcome, .. } = edit(&mut fresh);
        if !fresh.is_empty() {
            self.set(New::Collection(fresh.into_any()), Expiry::Clear);
        }
        Ok(outcome)
    }

    /// Gives the key this collection, which does not expire; an empty one leaves no key.
    pub fn replace(&mut self, collection: impl Collection) {
        if collection.is_empty() {
            self.remove();
        } else {
            self.set(New::Collection(collection.into_any()), Expiry::Clear);
        }
    }

    #[inline]
    fn alter_at<T: Collection, R>(
        &mut self,
        position: usize,
        edit: impl FnOnce(&mut T) -> Edit<R>,
    ) -> Result<R, WrongType> {
        let entry = self.segment.at_mut(position);
        let collection = entry.and_then(Entry::collection_mut::<T>).ok_or(WrongType)?;
        self.half_done = true;
        let Edit { outcome, changed } = edit(collection);
        self.half_done = false;
        if changed && collection.is_empty() {
            self.remove();
        } else if changed {
            let soonest = collection.soonest();
            if soonest.is_some() || self.expiring().elements {
                self.note_elements(position, soonest);
            }
            self.change = Some(Change::Set);
        }
        Ok(outcome)
    }

    #[cold]
    fn note_elements(&mut self, position: usize, soonest: Option<u64>) {
        let before = self.expiring();
        self.segment.note_elements(position, soonest);
        self.counts.exchange(before, self.expiring());
    }

    /// Sets or clears the expiry of a key that is there; of one that is not, nothing.
    pub fn set_expiry(&mut self, expiry: Option<u64>) {
        let Some(position) = self.position else { return };
        let before = self.expiring();
        self.segment.set_expiry(position, expiry);
        self.counts.exchange(before, self.expiring());
        self.change = Some(Change::Expiry);
    }

    /// Removes the key. False if it was not there.
    pub fn remove(&mut self) -> bool {
        let expiring = self.expiring();
        let Some(position) = self.position.take() else { return false };
        self.segment.discard(position, self.hash);
        self.segment.shrink_if_sparse(self.hasher);
        self.counts.lose(expiring);
        self.change = Some(Change::Removed);
        true
    }

    /// Removes the key and hands over its value and expiry.
    pub fn take(&mut self) -> Option<Owned> {
        let entry = self.segment.remove(self.position.take()?, self.hash)?;
        self.segment.shrink_if_sparse(self.hasher);
        self.counts.lose(entry.expiring());
        self.change = Some(Change::Removed);
        Some(Owned(entry))
    }

    /// Removes the key if a panic has left its value half changed.
    #[inline]
    pub(super) fn settle(&mut self) {
        if self.half_done {
            self.give_up();
        }
    }

    #[cold]
    fn give_up(&mut self) {
        let Some(position) = self.position.take() else { return };
        let Some(entry) = self.segment.remove(position, self.hash) else { return };
        self.counts.lose(entry.expiring());
        self.change = Some(Change::Removed);
        // What is broken is not even fit to be freed: that could panic again.
        std::mem::forget(entry);
    }

    /// Gives the key a value that was taken elsewhere, with its expiry.
    pub fn put(&mut self, value: Owned) {
        let entry = value.0.renamed(self.key);
        self.counts.exchange(self.expiring(), entry.expiring());
        match self.position {
            Some(position) => self.segment.exchange(position, entry),
            None => {
                self.position = Some(self.segment.add(self.hasher, self.hash, entry));
                self.counts.keys.add(1);
            }
        }
        self.change = Some(Change::Set);
    }

    #[inline]
    fn expiring(&self) -> Expiring {
        let entry = self.position.and_then(|position| self.segment.at(position));
        entry.map_or_else(Expiring::default, Entry::expiring)
    }
}
