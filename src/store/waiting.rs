//! Clients that wait for keys, in order of arrival.
//!
//! A wait stands in the queue of each of its keys, in the segment where the key would be, and
//! nothing else says that it goes on: whoever takes it out of its queues, with their segments held,
//! has ended it, and nobody else can. So a client is served, timed out or sent away exactly once.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;

use super::gate::{Place, SEGMENTS};
use super::keyspace::{Keyspace, place};

/// One wait of one client. The smaller one came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    arrival: u64,
    /// The number that the client was given.
    pub client: u64,
}

/// The queues of one segment: of keys that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Queues(HashMap<Box<[u8]>, BTreeSet<Ticket>>);

impl Queues {
    #[cold]
    pub(super) fn has(&self, key: &[u8]) -> bool {
        self.0.contains_key(key)
    }
}

/// The segments of the keys must be held for all of these.
impl Keyspace {
    /// Lets a client wait for keys.
    pub fn queue_up<'k>(
        &mut self,
        db: usize,
        keys: impl Iterator<Item = &'k [u8]>,
        client: u64,
    ) -> Ticket {
        let ticket = Ticket { arrival: self.arrivals.fetch_add(1, Ordering::Relaxed), client };
        for key in keys {
            let queues = self.queues(db, key).get_or_insert_default();
            queues.0.entry(key.into()).or_default().insert(ticket);
        }
        ticket
    }

    /// Ends a wait, of which these are the keys. False if it was over already.
    pub fn leave_queues<'k>(
        &mut self,
        db: usize,
        keys: impl Iterator<Item = &'k [u8]>,
        ticket: Ticket,
    ) -> bool {
        let mut was_waiting = false;
        for key in keys {
            let place = self.queues(db, key);
            let Some(queues) = place else { continue };
            let Some(queue) = queues.0.get_mut(key) else { continue };
            was_waiting |= queue.remove(&ticket);
            if queue.is_empty() {
                queues.0.remove(key);
            }
            if queues.0.is_empty() {
                *place = None;
            }
        }
        was_waiting
    }

    /// Whether a wait for this key and others goes on.
    pub fn is_waiting(&mut self, db: usize, key: &[u8], ticket: Ticket) -> bool {
        let queue = self.queues(db, key).as_ref().and_then(|queues| queues.0.get(key));
        queue.is_some_and(|queue| queue.contains(&ticket))
    }

    /// Who has waited longest for the key, of those that came after `last`.
    pub fn next_waiting(&mut self, db: usize, key: &[u8], last: Option<Ticket>) -> Option<Ticket> {
        let queue = self.queues(db, key).as_ref()?.0.get(key)?;
        match last {
            None => queue.first().copied(),
            Some(last) => queue.range(last..).find(|ticket| **ticket != last).copied(),
        }
    }

    fn queues(&mut self, db: usize, key: &[u8]) -> &mut Option<Box<Queues>> {
        let place = place(db, self.hasher.hash_one(key));
        &mut self.side.segment(place).queues
    }
}

impl Keyspace {
    /// True if keys that somebody waits for have got a value since [`Keyspace::take_ready`].
    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Hands over such a key and its database, the oldest first.
    pub fn take_ready(&mut self) -> Option<(usize, Box<[u8]>)> {
        self.ready.pop_front()
    }

    /// Clients wait for keys of a database by its number: they stay when the database behind the
    /// number becomes another one, where their keys may be. The store must be excluded.
    pub(super) fn exchange_queues(&mut self, one: usize, other: usize) {
        for segment in 0..SEGMENTS {
            let places = [one, other].map(|db| Place { db, segment });
            let queues = places.map(|place| self.take_queues(place));
            for (place, queues) in places.into_iter().rev().zip(queues) {
                let Some(queues) = queues else { continue };
                self.ready.extend(queues.0.keys().map(|key| (place.db, key.clone())));
                self.side.segment(place).queues = Some(queues);
            }
        }
    }

    fn take_queues(&mut self, place: Place) -> Option<Box<Queues>> {
        if self.side.is_untouched(place.db) {
            return None;
        }
        self.side.segment(place).queues.take()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Expiry, New};
    use super::*;

    fn keyspace() -> Keyspace {
        Keyspace::all(2, 1).pop().expect("one handle was asked for")
    }

    fn queue_up(keyspace: &mut Keyspace, keys: &[&str], client: u64) -> Ticket {
        keyspace.queue_up(0, keys.iter().map(|key| key.as_bytes()), client)
    }

    fn leave(keyspace: &mut Keyspace, keys: &[&str], ticket: Ticket) -> bool {
        keyspace.leave_queues(0, keys.iter().map(|key| key.as_bytes()), ticket)
    }

    fn queue(keyspace: &mut Keyspace, db: usize, key: &str) -> Vec<u64> {
        let mut last = None;
        let mut next = || {
            last = keyspace.next_waiting(db, key.as_bytes(), last);
            last
        };
        std::iter::from_fn(|| next().map(|ticket| ticket.client)).collect()
    }

    fn set(keyspace: &mut Keyspace, key: &str) {
        keyspace.write(0, key.as_bytes(), |slot| slot.set(New::Integer(1), Expiry::Clear));
    }

    fn ready(keyspace: &mut Keyspace) -> Vec<(usize, String)> {
        let name = |key: Box<[u8]>| String::from_utf8(key.into()).expect("keys are text here");
        std::iter::from_fn(|| keyspace.take_ready().map(|(db, key)| (db, name(key)))).collect()
    }

    #[test]
    fn a_queue_is_in_order_of_arrival() {
        let mut keyspace = keyspace();
        let tickets: Vec<_> =
            [7, 3, 9].iter().map(|client| queue_up(&mut keyspace, &["a", "b"], *client)).collect();
        assert_eq!(queue(&mut keyspace, 0, "a"), [7, 3, 9]);
        assert!(leave(&mut keyspace, &["a", "b"], tickets[0]));
        queue_up(&mut keyspace, &["b"], 7);
        assert_eq!(queue(&mut keyspace, 0, "a"), [3, 9]);
        assert_eq!(queue(&mut keyspace, 0, "b"), [3, 9, 7], "who comes again is last");
        assert!(!keyspace.is_waiting(0, b"a", tickets[0]), "the new wait is another one");
        assert!(keyspace.is_waiting(0, b"a", tickets[1]));
    }

    #[test]
    fn a_wait_ends_once_and_leaves_nothing_behind() {
        let mut keyspace = keyspace();
        let keys = ["a", "b", "a"];
        let ticket = queue_up(&mut keyspace, &keys, 1);
        assert_eq!(queue(&mut keyspace, 0, "a"), [1], "a key named twice is one key");
        assert!(leave(&mut keyspace, &keys, ticket));
        assert!(!leave(&mut keyspace, &keys, ticket));
        for key in keys {
            assert!(keyspace.queues(0, key.as_bytes()).is_none());
        }
    }

    #[test]
    fn a_key_is_ready_when_it_gets_a_value_and_somebody_waits() {
        let mut keyspace = keyspace();
        set(&mut keyspace, "b");
        let ticket = queue_up(&mut keyspace, &["a", "b"], 1);
        assert!(!keyspace.has_ready());
        for key in ["b", "c", "a"] {
            set(&mut keyspace, key);
        }
        keyspace.write(0, b"a", |slot| slot.set_expiry(Some(5)));
        keyspace.write(0, b"b", |slot| slot.remove());
        assert_eq!(ready(&mut keyspace), [(0, "b".to_owned()), (0, "a".to_owned())]);
        leave(&mut keyspace, &["a", "b"], ticket);
        set(&mut keyspace, "a");
        assert!(!keyspace.has_ready());
    }

    #[test]
    fn queues_outlive_a_flush_and_stay_with_their_database() {
        let mut keyspace = keyspace();
        set(&mut keyspace, "b");
        queue_up(&mut keyspace, &["a"], 1);
        keyspace.flush(0, false);
        assert_eq!(queue(&mut keyspace, 0, "a"), [1]);
        // The other database was never touched.
        keyspace.swap(0, 1);
        assert_eq!(queue(&mut keyspace, 0, "a"), [1]);
        assert!(queue(&mut keyspace, 1, "a").is_empty());
        assert_eq!(ready(&mut keyspace), [(0, "a".to_owned())]);
        keyspace.swap(0, 0);
        assert_eq!(queue(&mut keyspace, 0, "a"), [1]);
    }
}
