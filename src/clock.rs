//! Time, read once a tick and passed down as a parameter: what runs in one tick shares one `Now`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time of a tick.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Microseconds since the Unix epoch; may jump when the clock is set.
    pub unix_us: u64,
    /// Never goes back; for timeouts and idle times.
    pub steady: Instant,
}

impl Now {
    /// Reads both clocks.
    pub fn read() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { unix_us: since_epoch.as_micros() as u64, steady: Instant::now() }
    }

    /// Milliseconds since the Unix epoch: the unit of key expiry.
    pub fn unix_ms(self) -> u64 {
        self.unix_us / 1000
    }

    /// Seconds since the Unix epoch.
    pub fn unix_s(self) -> u64 {
        self.unix_us / 1_000_000
    }
}
