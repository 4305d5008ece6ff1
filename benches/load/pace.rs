//! A steady pace: so many a second, each due at its own time.
#![allow(dead_code)] // most benches ask as fast as they can

use std::time::{Duration, Instant};

pub struct Pace {
    next: Instant,
    interval: Duration,
}

impl Pace {
    /// So many a second, from now on.
    pub fn of(per_s: u32) -> Self {
        Self { next: Instant::now(), interval: Duration::from_secs(1) / per_s }
    }

    /// What is overdue at `now` is left out.
    pub fn catch_up(&mut self, now: Instant) {
        self.next = self.next.max(now);
    }

    /// When the next one was due, if that is not later than `now`.
    #[inline]
    pub fn next(&mut self, now: Instant) -> Option<Instant> {
        let due = self.next;
        (due <= now).then(|| {
            self.next += self.interval;
            due
        })
    }

    /// How long it is until the next one is due.
    pub fn wait(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }
}
