//! A queue of bytes that holds memory only while there are any.

use bytes::{Buf, Bytes, BytesMut};

/// Bytes that were received and not yet consumed: the beginning of a request, mostly.
///
/// Appending and consuming are linear in the bytes that pass through, however small the pieces.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: BytesMut,
}

impl Tail {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of memory that it has, without those that were consumed.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// The bytes with the memory they lie in; see [`Tail::of_rest`].
    pub(super) fn into_shared(self) -> Bytes {
        self.bytes.freeze()
    }

    /// The tail that is left of `bytes` when so many at the front have been consumed. They stay where
    /// they are unless somebody else has kept a part of them.
    pub(super) fn of_rest(mut bytes: Bytes, consumed: usize) -> Self {
        bytes.advance(consumed.min(bytes.len()));
        if bytes.is_empty() { Self::default() } else { Self { bytes: bytes.into() } }
    }

    /// Hands out the memory with room for some of the `missing` bytes that are said to follow, of which
    /// so many are `trusted` to; [`Tail::from`] brings it back.
    pub(super) fn lend(&mut self, missing: usize, trusted: usize) -> Vec<u8> {
        self.reserve(1, missing, trusted);
        std::mem::take(&mut self.bytes).into()
    }

    /// Adds bytes at the end. `missing` bytes are said to follow, these included, and so many are
    /// `trusted` to.
    pub(super) fn append(&mut self, bytes: &[u8], missing: usize, trusted: usize) {
        if bytes.is_empty() {
            return;
        }
        self.reserve(bytes.len(), missing, trusted);
        self.bytes.extend_from_slice(bytes);
    }

    /// Makes room for `least` bytes, or for all that are said to follow; since that may be a lie, for
    /// no more than is `trusted`, or three times what has arrived.
    fn reserve(&mut self, least: usize, missing: usize, trusted: usize) {
        let len = self.bytes.len();
        let room = self.bytes.capacity() - len;
        if room < least && missing > least {
            let more = missing.min(trusted.max(least + 3 * (len + least)));
            // Exactly so many: `BytesMut::reserve` doubles.
            let mut larger = BytesMut::with_capacity(len + more);
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
    }

    /// Forgets bytes at the front. When none are left, the memory goes back.
    pub(super) fn consume(&mut self, count: usize) {
        self.bytes.advance(count.min(self.bytes.len()));
        if self.is_empty() {
            *self = Self::default();
        }
    }
}

impl From<Vec<u8>> for Tail {
    fn from(bytes: Vec<u8>) -> Self {
        // The way from a vector to `BytesMut` that keeps the memory.
        Self { bytes: Bytes::from(bytes).into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_a_queue_of_bytes() {
        let mut tail = Tail::default();
        tail.append(b"hello ", 0, 0);
        tail.append(b"world", 0, 0);
        tail.consume(3);
        assert_eq!(tail.bytes(), b"lo world");
        tail.append(b"!", 0, 0);
        tail.consume(7);
        assert_eq!(tail.bytes(), b"d!");
        tail.append(b"?", 0, 0);
        assert_eq!(tail.bytes(), b"d!?");
        tail.consume(3);
        assert!(tail.is_empty());
        assert_eq!(tail.bytes.capacity(), 0, "an empty tail holds no memory");
    }

    #[test]
    fn a_lying_header_reserves_no_more_than_is_trusted_or_four_times_what_came() {
        for trusted in [0, 5000] {
            let mut tail = Tail::default();
            for n in 1..100 {
                tail.append(&[0; 100], usize::MAX, trusted);
                let most = trusted.max(4 * n * 100);
                assert!(tail.bytes.capacity() <= most, "after {n} pieces");
            }
        }
    }

    #[test]
    fn an_honest_header_reserves_just_enough() {
        let mut tail = Tail::default();
        let whole = 10_000;
        for n in 0..100 {
            tail.append(&[1; 100], whole - 100 * n, 0);
        }
        assert_eq!(tail.bytes.capacity(), whole);
    }

    #[test]
    fn a_consumed_front_does_not_pile_up() {
        let mut tail = Tail::default();
        for _ in 0..10_000 {
            tail.append(&[2; 100], 0, 0);
            let all = tail.bytes().len();
            tail.consume(all - 1);
        }
        assert!(tail.bytes.capacity() < 1024, "{}", tail.bytes.capacity());
    }

    /// A pipeline is executed turn by turn: none of them moves all that waits behind it.
    #[test]
    fn what_is_left_of_a_shared_tail_stays_where_it_lies() {
        let mut tail = Tail::default();
        tail.append(&[3; 1000], 0, 0);
        let place = tail.bytes().as_ptr();
        for consumed in 1..=9 {
            tail = Tail::of_rest(tail.into_shared(), 100);
            assert_eq!(tail.bytes().as_ptr(), place.wrapping_add(100 * consumed));
        }
        tail.append(&[4; 100], 0, 0);
        assert_eq!(tail.bytes(), [[3; 100], [4; 100]].concat());
    }

    #[test]
    fn memory_comes_back_with_the_room_in_it() {
        let mut tail = Tail::default();
        tail.append(b"12", 10_000, 0);
        let mut memory = tail.lend(9998, 10_000);
        let (place, capacity) = (memory.as_ptr(), memory.capacity());
        memory.extend(b"34");
        let tail = Tail::from(memory);
        assert_eq!((tail.bytes(), tail.bytes().as_ptr()), (&b"1234"[..], place));
        assert_eq!(tail.capacity(), capacity);
    }

    #[test]
    fn a_shared_tail_goes_on_where_it_lies_unless_a_part_was_kept() {
        let mut tail = Tail::default();
        tail.append(b"one two three", 0, 0);
        tail.consume(4);
        let place = tail.bytes().as_ptr();
        let shared = tail.into_shared();
        assert_eq!((&shared[..], shared.as_ptr()), (&b"two three"[..], place));
        let kept = shared.slice(..3);
        let mut tail = Tail::of_rest(shared, 4);
        tail.append(b"!", 0, 0);
        assert_eq!((&kept[..], tail.bytes()), (&b"two"[..], &b"three!"[..]));
        assert!(Tail::of_rest(tail.into_shared(), 6).is_empty());
    }
}
