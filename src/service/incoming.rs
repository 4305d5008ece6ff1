//! What stands before a service: bytes that have arrived and were not executed yet.

use bytes::Bytes;

use super::Served;
use super::tail::Tail;

/// A tail of so many bytes is lent to the service with its memory: it may hold a large value.
const SHARED_FROM: usize = 16 * 1024;

/// Bytes for which memory is reserved as soon as they are announced by who has kept such a promise with
/// his last request: a value of 1 MiB, and what stands around it.
const TRUSTED: usize = (1 << 20) + 4096;

/// What one connection has sent and the service has not consumed.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    tail: Tail,
    /// Bytes that the service waits for before it can do anything.
    missing: usize,
    /// Bytes in the memory of the tail, while a receive has that.
    lent: usize,
    /// The present request has a large argument or, between requests, the last one had.
    large: bool,
    /// The last request did have one.
    proven: bool,
}

impl Incoming {
    /// Adds what has arrived.
    pub(crate) fn arrived(&mut self, bytes: &[u8]) {
        self.tail.append(bytes, self.missing, self.trusted());
        self.missing = self.missing.saturating_sub(bytes.len());
    }

    /// Adds what the service has left over of what it was shown. It waits for so many bytes more, if
    /// that is known.
    pub(crate) fn keep(&mut self, rest: &[u8], consumed: usize, missing: usize) {
        if consumed > 0 {
            self.proven = consumed >= SHARED_FROM;
        }
        self.tail.append(rest, rest.len() + missing, self.trusted());
        self.missing = missing;
        if missing >= LITTLE && self.len() + missing >= SHARED_FROM {
            self.large = true;
        } else if consumed > 0 {
            self.large &= consumed >= SHARED_FROM;
        }
    }

    fn trusted(&self) -> usize {
        if self.proven { TRUSTED } else { 0 }
    }

    /// What to receive next. A large argument is received where it stays: where it begins and ends is
    /// known when its header has been seen, and so no more than that is received first.
    pub(crate) fn next_receive(&mut self) -> Receive {
        if !self.large {
            return Receive::Stream;
        }
        if self.missing < LITTLE {
            return Receive::Once(LITTLE);
        }
        self.lent = self.tail.bytes().len();
        Receive::Into(self.tail.lend(self.missing, self.trusted()))
    }

    /// Takes back what [`Incoming::next_receive`] has handed out. Returns how many bytes have come.
    pub(crate) fn take_back(&mut self, memory: Vec<u8>) -> usize {
        let count = memory.len() - std::mem::take(&mut self.lent);
        self.missing = self.missing.saturating_sub(count);
        self.tail = memory.into();
        count
    }

    /// True when the service may find a whole request in what has arrived.
    pub(crate) fn may_be_whole(&self) -> bool {
        self.missing == 0
    }

    /// True when a [`Receive::Stream`] is not what suits.
    pub(crate) fn is_large(&self) -> bool {
        self.large
    }

    /// Shows `serve` all bytes, with the memory that they lie in if they are many, and forgets those
    /// that it has consumed.
    pub(crate) fn lend(&mut self, serve: impl FnOnce(&[u8], Option<&Bytes>) -> Served) -> Served {
        if self.len() < SHARED_FROM {
            let served = serve(self.tail.bytes(), None);
            self.tail.consume(served.consumed);
            return served;
        }
        let bytes = std::mem::take(&mut self.tail).into_shared();
        let served = serve(&bytes, Some(&bytes));
        self.tail = Tail::of_rest(bytes, served.consumed);
        served
    }

    /// Memory behind the bytes that is reserved for more.
    pub(crate) fn room(&self) -> usize {
        self.tail.capacity().saturating_sub(self.tail.bytes().len())
    }

    pub(crate) fn len(&self) -> usize {
        self.tail.bytes().len() + self.lent
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.lent == 0
    }
}

/// What a receive shall bring.
#[derive(Debug)]
pub enum Receive {
    /// Whatever comes, again and again.
    Stream,
    /// What comes next, once, and no more bytes than so many.
    Once(usize),
    /// What comes next, once, into the room behind the bytes in this memory. There is some.
    /// It comes back with what has come.
    Into(Vec<u8>),
}

/// More bytes than the beginning of a request mostly has.
const LITTLE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Next;

    fn consume(consumed: usize) -> Served {
        Served { consumed, next: Next::Yield }
    }

    #[test]
    fn a_request_is_whole_when_what_it_misses_has_come() {
        let mut incoming = Incoming::default();
        incoming.keep(b"12", 0, 12);
        let mut arrived = |bytes| {
            incoming.arrived(bytes);
            (incoming.may_be_whole(), incoming.len())
        };
        assert_eq!(arrived(b"34567890123"), (false, 13), "one byte is still missing");
        assert_eq!(arrived(b"\n"), (true, 14));
        assert_eq!(arrived(b"more"), (true, 18), "nothing is known to be missing any more");
    }

    #[test]
    fn a_large_request_is_received_where_it_stays() {
        let mut incoming = Incoming::default();
        assert!(matches!(incoming.next_receive(), Receive::Stream), "none is large yet");
        incoming.keep(&[], SHARED_FROM, 0);
        incoming.keep(b"12345", 0, SHARED_FROM);
        let Receive::Into(mut memory) = incoming.next_receive() else { panic!("it is announced") };
        let place = memory.as_ptr();
        assert_eq!((&memory[..], memory.capacity()), (&b"12345"[..], 5 + SHARED_FROM));
        assert_eq!((incoming.len(), incoming.is_empty()), (5, false), "lent, not gone");
        memory.extend(b"6789");
        assert_eq!((incoming.take_back(memory), incoming.len()), (4, 9));
        assert!(!incoming.may_be_whole());
        let Receive::Into(mut memory) = incoming.next_receive() else { panic!("it goes on") };
        memory.resize(SHARED_FROM, 0);
        assert_eq!(incoming.take_back(memory), SHARED_FROM - 9);
        assert!(
            matches!(incoming.next_receive(), Receive::Once(LITTLE)),
            "a few bytes are missing"
        );
        incoming.arrived(b"67890");
        assert!(incoming.may_be_whole());
        let served = incoming.lend(|bytes, memory| {
            assert_eq!((bytes.len(), bytes.as_ptr()), (5 + SHARED_FROM, place), "never moved");
            assert!(memory.is_some());
            consume(bytes.len())
        });
        incoming.keep(&[], served.consumed, 0);
        assert!(
            matches!(incoming.next_receive(), Receive::Once(LITTLE)),
            "the next may be large, too"
        );
        incoming.keep(&[], 10, 0);
        assert!(matches!(incoming.next_receive(), Receive::Stream), "it was not");
    }

    #[test]
    fn who_has_proven_nothing_gets_room_for_little() {
        let mut incoming = Incoming::default();
        incoming.keep(b"12345", 0, SHARED_FROM);
        let Receive::Into(memory) = incoming.next_receive() else { panic!("it is announced") };
        assert_eq!(memory.capacity(), 4 * 5);
    }

    #[test]
    fn many_small_arguments_are_no_large_one() {
        let mut incoming = Incoming::default();
        incoming.keep(&[1; 2 * SHARED_FROM], 0, 20);
        assert!(matches!(incoming.next_receive(), Receive::Stream));
    }

    #[test]
    fn many_bytes_are_lent_with_their_memory() {
        let mut incoming = Incoming::default();
        incoming.keep(&[1; SHARED_FROM - 1], 0, 0);
        incoming.lend(|bytes, memory| {
            assert_eq!((bytes.len(), memory), (SHARED_FROM - 1, None));
            consume(1)
        });
        incoming.keep(&[2; 2], 0, 0);
        incoming.lend(|bytes, memory| {
            assert_eq!(memory.map(|memory| &memory[..]), Some(bytes));
            consume(SHARED_FROM - 2)
        });
        incoming.lend(|bytes, _| {
            assert_eq!(bytes, [2; 2]);
            consume(2)
        });
        assert!(incoming.is_empty());
    }
}
