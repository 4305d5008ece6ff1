//! The sending side of a connection: replies that wait, the send in flight, and how much both may
//! hold.

use crate::output::Output;
use crate::reactor::buffers::Outputs;
use crate::reactor::limits::Limits;

/// What one connection has answered and not yet sent. One send is in flight at a time.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// Replies that no send has taken yet.
    waiting: Output,
    sending: bool,
    /// Bytes in the send in flight.
    leaving: usize,
    /// Over the high-water mark, and not yet under the low one.
    paused: bool,
}

impl Outgoing {
    /// Where the next replies go. The memory is borrowed until all are sent.
    pub(super) fn room(&mut self, outputs: &mut Outputs) -> &mut Output {
        if self.waiting.capacity() == 0 && self.waiting.is_empty() {
            self.waiting = outputs.take();
        }
        &mut self.waiting
    }

    /// Takes out the replies that the next send shall take along; [`Outgoing::sent`] ends it. None if
    /// there are none, or if one is in flight.
    pub(super) fn begin_send(&mut self, outputs: &mut Outputs) -> Option<Output> {
        if self.waiting.is_empty() {
            // Who was not answered, a part of a request having come, keeps no buffer for that.
            if self.waiting.capacity() > 0 {
                outputs.give_back(std::mem::take(&mut self.waiting));
            }
            return None;
        }
        if self.sending {
            return None;
        }
        self.sending = true;
        self.leaving = self.waiting.len();
        Some(std::mem::take(&mut self.waiting))
    }

    /// The send has ended.
    pub(super) fn sent(&mut self, output: Output, outputs: &mut Outputs) {
        self.sending = false;
        self.leaving = 0;
        outputs.give_back(output);
    }

    /// Bytes that wait or are in flight.
    pub(super) fn unsent(&self) -> usize {
        self.waiting.len() + self.leaving
    }

    /// Compares the unsent bytes with the water marks.
    pub(super) fn check_water(&mut self, limits: &Limits) {
        let unsent = self.unsent();
        if unsent > limits.high_water {
            self.paused = true;
        } else if unsent <= limits.low_water {
            self.paused = false;
        }
    }

    /// True while too much is unsent for anything to be read or executed.
    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// True while there is room for replies. [`Outgoing::is_paused`] follows once a tick, and short
    /// requests may have long replies.
    pub(super) fn has_room(&self, limits: &Limits) -> bool {
        !self.paused && self.unsent() <= limits.high_water
    }

    pub(super) fn exceeds_hard_limit(&self, limits: &Limits) -> bool {
        limits.hard_limit != 0 && self.unsent() > limits.hard_limit
    }

    pub(super) fn is_sending(&self) -> bool {
        self.sending
    }

    /// True when everything has left.
    pub(super) fn is_done(&self) -> bool {
        !self.sending && self.waiting.is_empty()
    }

    /// Drops what waits; what is in flight comes back by itself.
    pub(super) fn abandon(&mut self) {
        self.waiting = Output::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { high_water: 100, low_water: 10, hard_limit: 150, bytes_per_tick: 50 };

    #[test]
    fn who_is_not_answered_keeps_no_buffer() {
        let mut outputs = Outputs::new(4, 1024);
        let mut outgoing = Outgoing::default();
        outgoing.room(&mut outputs).extend(b"reply");
        let output = outgoing.begin_send(&mut outputs).unwrap();
        outgoing.sent(output, &mut outputs);
        let borrowed = outgoing.room(&mut outputs).capacity();
        assert!(borrowed > 0, "should there be an answer");
        assert_eq!(outgoing.begin_send(&mut outputs), None);
        assert_eq!(outgoing.waiting.capacity(), 0);
        assert_eq!(outputs.take().capacity(), borrowed, "the next one gets it");
    }

    #[test]
    fn one_send_is_in_flight_and_the_next_takes_all_that_came_meanwhile() {
        let mut outputs = Outputs::new(4, 1024);
        let mut outgoing = Outgoing::default();
        outgoing.room(&mut outputs).extend(b"one");
        let first = outgoing.begin_send(&mut outputs).unwrap();
        outgoing.room(&mut outputs).extend(b"two");
        assert_eq!(outgoing.begin_send(&mut outputs), None);
        outgoing.room(&mut outputs).extend(b"three");
        assert_eq!((outgoing.unsent(), outgoing.is_sending()), (11, true));
        outgoing.sent(first, &mut outputs);
        assert!(!outgoing.is_sending() && !outgoing.is_done());
        let second = outgoing.begin_send(&mut outputs).unwrap();
        assert!(second.segments(0).eq([b"twothree"]));
        outgoing.sent(second, &mut outputs);
        assert!(outgoing.is_done());
    }

    #[test]
    fn water_marks_and_the_hard_limit_count_what_is_in_flight() {
        let mut outputs = Outputs::new(4, 1024);
        let mut outgoing = Outgoing::default();
        outgoing.room(&mut outputs).extend(&[b'x'; 100]);
        let output = outgoing.begin_send(&mut outputs).unwrap();
        assert!(outgoing.has_room(&LIMITS));
        outgoing.room(&mut outputs).extend(&[b'x'; 11]);
        assert!(!outgoing.has_room(&LIMITS) && !outgoing.is_paused());
        outgoing.check_water(&LIMITS);
        assert!(outgoing.is_paused());
        outgoing.sent(output, &mut outputs);
        outgoing.check_water(&LIMITS);
        assert!(outgoing.is_paused(), "not yet under the low-water mark");
        assert!(!outgoing.exceeds_hard_limit(&LIMITS));
        outgoing.room(&mut outputs).extend(&[b'x'; 140]);
        assert!(outgoing.exceeds_hard_limit(&LIMITS));
        assert!(!outgoing.exceeds_hard_limit(&Limits { hard_limit: 0, ..LIMITS }), "no limit");
        outgoing.abandon();
        outgoing.check_water(&LIMITS);
        assert!(!outgoing.is_paused() && outgoing.is_done());
    }
}
