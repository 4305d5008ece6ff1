//! What stands before a service: bytes that have arrived and were not executed yet.

use bytes::Bytes;

use super::Served;
use super::tail::Tail;

/// A tail of so many bytes is lent to the service with its memory: it may hold a large value.
const SHARED_FROM: usize = 16 * 1024;

/// What one connection has sent and the service has not consumed.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    tail: Tail,
    /// Bytes that the service waits for before it can do anything.
    missing: usize,
}

impl Incoming {
    /// Adds what has arrived. True when the service may find a whole request in all of it.
    pub(crate) fn arrived(&mut self, bytes: &[u8]) -> bool {
        self.tail.append(bytes, self.missing);
        self.missing = self.missing.saturating_sub(bytes.len());
        self.missing == 0
    }

    /// Adds what the service has left over, which waits for so many bytes more if that is known.
    pub(crate) fn keep(&mut self, rest: &[u8], missing: usize) {
        self.tail.append(rest, 0);
        self.missing = missing;
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

    pub(crate) fn len(&self) -> usize {
        self.tail.bytes().len()
    }

    /// Memory behind the bytes that is reserved for more.
    pub(crate) fn room(&self) -> usize {
        self.tail.capacity() - self.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tail.is_empty()
    }
}

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
        incoming.keep(b"12", 12);
        assert!(!incoming.arrived(b"34567890123"), "one byte is still missing");
        assert!(incoming.arrived(b"\n"));
        assert!(incoming.arrived(b"more"), "nothing is known to be missing any more");
        assert_eq!(incoming.len(), 18);
    }

    #[test]
    fn many_bytes_are_lent_with_their_memory() {
        let mut incoming = Incoming::default();
        incoming.keep(&[1; SHARED_FROM - 1], 0);
        incoming.lend(|bytes, memory| {
            assert_eq!((bytes.len(), memory), (SHARED_FROM - 1, None));
            consume(1)
        });
        incoming.keep(&[2; 2], 0);
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
