//! The sending side of a connection: replies that wait, the send in flight, and how much both may
//! hold.

use std::time::{Duration, Instant};

use crate::config::OutputLimit;
use crate::output::Output;
use crate::reactor::buffers::Outputs;
use crate::reactor::limits::Limits;

/// What one connection has answered and not yet sent. One send is in flight at a time.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// Replies that no send has taken yet.
    waiting: Option<Box<Output>>,
    sending: bool,
    /// Bytes in the send in flight.
    leaving: usize,
    /// How many pieces they lie in.
    leaving_pieces: u32,
    /// Over the high-water mark, and not yet under the low one.
    paused: bool,
    /// Since when the unsent bytes have been over the soft limit.
    soft_since: Option<Instant>,
}

impl Outgoing {
    /// Where the next replies go. The memory is borrowed until all are sent, and ends at the hard
    /// limit: a reply need not be whole to be too long.
    pub(super) fn room(&mut self, outputs: &mut Outputs, limits: &Limits) -> &mut Output {
        let hard = limits.output.hard as usize;
        let limit = if hard == 0 { usize::MAX } else { hard.saturating_sub(self.leaving) };
        let waiting = self.waiting.get_or_insert_with(|| outputs.take());
        waiting.set_limit(limit);
        waiting
    }

    /// Takes out the replies that the next send shall take along; [`Outgoing::sent`] ends it. None if
    /// there are none, if one is in flight, or if a reply was too long and its end is missing.
    pub(super) fn begin_send(&mut self, outputs: &mut Outputs) -> Option<Box<Output>> {
        let is_empty = self.waiting.as_ref()?.is_empty();
        if self.is_cut() || self.sending && !is_empty {
            return None;
        }
        let output = self.waiting.take()?;
        if is_empty {
            // Who was not answered, a part of a request having come, keeps no buffer for that.
            outputs.give_back(output);
            return None;
        }
        self.sending = true;
        self.leaving = output.len();
        self.leaving_pieces = output.pieces() as u32;
        Some(output)
    }

    /// The send has ended.
    pub(super) fn sent(&mut self, output: Box<Output>, outputs: &mut Outputs) {
        self.sending = false;
        self.leaving = 0;
        self.leaving_pieces = 0;
        outputs.give_back(output);
    }

    /// True when a reply was too long.
    fn is_cut(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.is_cut())
    }

    /// Bytes that wait or are in flight.
    pub(super) fn unsent(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.len()) + self.leaving
    }

    /// How many pieces the unsent bytes lie in.
    pub(super) fn pieces(&self) -> usize {
        let waiting = self.waiting.as_ref().map_or(0, |waiting| waiting.pieces());
        waiting + self.leaving_pieces as usize
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

    /// True when too much is unsent: as much as the hard limit, or as the soft one for too long.
    pub(super) fn is_excessive(&mut self, limit: &OutputLimit, now: Instant) -> bool {
        let unsent = self.unsent() as u64;
        if limit.soft == 0 || unsent < limit.soft {
            self.soft_since = None;
        } else {
            let since = *self.soft_since.get_or_insert(now);
            if now.saturating_duration_since(since) > Duration::from_secs(limit.soft_seconds) {
                return true;
            }
        }
        limit.hard > 0 && unsent >= limit.hard || self.is_cut()
    }

    pub(super) fn is_sending(&self) -> bool {
        self.sending
    }

    /// True when everything has left.
    pub(super) fn is_done(&self) -> bool {
        self.unsent() == 0 && !self.sending
    }

    /// Drops what waits; what is in flight comes back by itself.
    pub(super) fn abandon(&mut self) {
        self.waiting = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { high_water: 100, low_water: 10, ..Limits::default() }
    }

    #[test]
    fn who_is_not_answered_keeps_no_buffer() {
        let mut outputs = Outputs::new(4096, 1024);
        let mut outgoing = Outgoing::default();
        outgoing.room(&mut outputs, &limits()).extend(b"reply");
        let output = outgoing.begin_send(&mut outputs).unwrap();
        outgoing.sent(output, &mut outputs);
        let borrowed = outgoing.room(&mut outputs, &limits()).capacity();
        assert!(borrowed > 0, "should there be an answer");
        assert_eq!(outgoing.begin_send(&mut outputs), None);
        assert_eq!(outgoing.waiting, None);
        assert_eq!(outputs.take().capacity(), borrowed, "the next one gets it");
    }

    #[test]
    fn one_send_is_in_flight_and_the_next_takes_all_that_came_meanwhile() {
        let mut outputs = Outputs::new(4096, 1024);
        let mut outgoing = Outgoing::default();
        outgoing.room(&mut outputs, &limits()).extend(b"one");
        let first = outgoing.begin_send(&mut outputs).unwrap();
        outgoing.room(&mut outputs, &limits()).extend(b"two");
        assert_eq!(outgoing.begin_send(&mut outputs), None);
        outgoing.room(&mut outputs, &limits()).extend(b"three");
        assert_eq!((outgoing.unsent(), outgoing.is_sending()), (11, true));
        outgoing.sent(first, &mut outputs);
        assert!(!outgoing.is_sending() && !outgoing.is_done());
        let second = outgoing.begin_send(&mut outputs).unwrap();
        assert!(second.segments(0).eq([b"twothree"]));
        outgoing.sent(second, &mut outputs);
        assert!(outgoing.is_done());
    }

    #[test]
    fn water_marks_count_what_is_in_flight() {
        let mut outputs = Outputs::new(4096, 1024);
        let mut outgoing = Outgoing::default();
        outgoing.room(&mut outputs, &limits()).extend(&[b'x'; 100]);
        let output = outgoing.begin_send(&mut outputs).unwrap();
        assert!(outgoing.has_room(&limits()));
        outgoing.room(&mut outputs, &limits()).extend(&[b'x'; 11]);
        assert!(!outgoing.has_room(&limits()) && !outgoing.is_paused());
        outgoing.check_water(&limits());
        assert!(outgoing.is_paused());
        outgoing.sent(output, &mut outputs);
        outgoing.check_water(&limits());
        assert!(outgoing.is_paused(), "not yet under the low-water mark");
        outgoing.abandon();
        outgoing.check_water(&limits());
        assert!(!outgoing.is_paused() && outgoing.is_done());
    }
    #[test]
    fn limits_count_what_is_in_flight() {
        let mut outputs = Outputs::new(4096, 1024);
        let mut outgoing = Outgoing::default();
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let limit = |hard, soft| OutputLimit { hard, soft, soft_seconds: 10 };
        outgoing.room(&mut outputs, &limits()).extend(&[b'x'; 50]);
        let output = outgoing.begin_send(&mut outputs).unwrap();
        outgoing.room(&mut outputs, &limits()).extend(&[b'x'; 50]);
        assert!(!outgoing.is_excessive(&limit(0, 0), begun), "no limit");
        assert!(!outgoing.is_excessive(&limit(101, 101), begun));
        assert!(outgoing.is_excessive(&limit(100, 0), begun));
        assert!(!outgoing.is_excessive(&limit(0, 100), after(0)));
        assert!(!outgoing.is_excessive(&limit(0, 100), after(10)));
        assert!(outgoing.is_excessive(&limit(0, 100), after(11)));
        outgoing.sent(output, &mut outputs);
        assert!(!outgoing.is_excessive(&limit(100, 100), after(12)), "it has gone below");
        outgoing.room(&mut outputs, &limits()).extend(&[b'x'; 50]);
        assert!(!outgoing.is_excessive(&limit(0, 100), after(30)), "the time begins anew");
        assert!(outgoing.is_excessive(&limit(0, 100), after(41)));
    }

    #[test]
    fn a_reply_ends_where_the_hard_limit_is() {
        let mut outputs = Outputs::new(4096, 1024);
        let mut outgoing = Outgoing::default();
        let mut limits = limits();
        outgoing.room(&mut outputs, &limits).extend(&[b'x'; 50]);
        let output = outgoing.begin_send(&mut outputs).unwrap();
        limits.output.hard = 10_000;
        let room = outgoing.room(&mut outputs, &limits);
        (0..1000).for_each(|_| room.extend(&[b'x'; 1000]));
        assert!(room.capacity() <= 10_000 - 50, "{}", room.capacity());
        assert!(outgoing.is_excessive(&limits.output, Instant::now()));
        outgoing.sent(output, &mut outputs);
        assert_eq!(outgoing.begin_send(&mut outputs), None, "a part of a reply is none");
        outgoing.abandon();
        outgoing.room(&mut outputs, &limits).extend(&[b'x'; 10_001]);
        outgoing.room(&mut outputs, &limits);
        assert_eq!(outgoing.begin_send(&mut outputs), None);
        assert!(outgoing.is_excessive(&limits.output, Instant::now()), "nothing is of it, too");
    }
}
