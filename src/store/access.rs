//! When a key was last used, or how often: 32 bits in each entry, read as the policy asks.
//!
//! The upper 24 bits are Redis' own: seconds, or under an LFU policy sixteen bits of minutes and
//! eight of a counter that grows with the logarithm of the uses and shrinks with time. The lower
//! eight are fractions of a second, so that keys used within the same one are told apart as well.

use crate::clock::Now;

use super::entry::Entry;

/// How uses are counted under an LFU policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lfu {
    /// The higher, the more uses it takes to count one up.
    pub log_factor: u64,
    /// Minutes without use after which the counter goes down by one; 0: never.
    pub decay_time: u64,
}

/// A use that a key had elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The last one.
    SecondsAgo(u64),
    /// On the scale of an LFU policy.
    Frequency(u8),
}

/// An entry that was just made: nobody has used it.
pub(super) const UNUSED: u32 = 0;

/// Ticks of the clock in a second.
const TICKS: u64 = 1 << 8;
/// Another reactor's clock may be ahead of this one's, by far less than an hour.
const AHEAD: u32 = 3600 * TICKS as u32;
/// The counter of a new key, which must not be the first one to go.
const NEW: u8 = 5;

/// Writes accesses into entries, and reads them.
pub(super) struct AccessClock {
    /// Ticks since the epoch; they wrap after 194 days, as Redis' seconds in 24 bits.
    now: u32,
    /// Since the epoch.
    minutes: u16,
    /// None: the time of the last use is kept.
    lfu: Option<Lfu>,
    random: fastrand::Rng,
}

impl AccessClock {
    pub(super) fn new() -> Self {
        Self { now: 0, minutes: 0, lfu: None, random: fastrand::Rng::new() }
    }

    #[inline]
    pub(super) fn set_now(&mut self, now: Now) {
        self.now = (now.unix_us * TICKS / 1_000_000) as u32;
        self.minutes = (now.unix_s() / 60) as u16;
    }

    #[inline]
    pub(super) fn set_lfu(&mut self, lfu: Option<Lfu>) {
        self.lfu = lfu;
    }

    /// Notes that an entry is used now.
    #[inline]
    pub(super) fn touch(&mut self, entry: &mut Entry) {
        match self.lfu {
            None => entry.set_access(self.now),
            Some(lfu) => self.count(lfu, entry),
        }
    }

    fn count(&mut self, lfu: Lfu, entry: &mut Entry) {
        let counter = match entry.access() {
            UNUSED => NEW,
            access => {
                let counter = self.decayed(lfu, access);
                let odds = u64::from(counter.saturating_sub(NEW)).saturating_mul(lfu.log_factor);
                let counts = odds == 0 || self.random.u64(0..=odds) == 0;
                counter.saturating_add(u8::from(counts))
            }
        };
        self.set_frequency(entry, counter);
    }

    /// Gives an entry a use of its past, if it is of the kind that is kept.
    pub(super) fn set_use(&self, entry: &mut Entry, last_use: Use) {
        match (last_use, self.lfu) {
            (Use::SecondsAgo(seconds), None) => {
                let ticks = seconds.saturating_mul(TICKS).min((u32::MAX - AHEAD).into());
                entry.set_access(self.now.wrapping_sub(ticks as u32));
            }
            (Use::Frequency(frequency), Some(_)) => self.set_frequency(entry, frequency),
            _ => {}
        }
    }

    fn set_frequency(&self, entry: &mut Entry, frequency: u8) {
        entry.set_access(u32::from(self.minutes) << 16 | u32::from(frequency) << 8);
    }

    /// Ticks since the last use.
    pub(super) fn idle_ticks(&self, access: u32) -> u32 {
        let idle = self.now.wrapping_sub(access);
        if idle > u32::MAX - AHEAD { 0 } else { idle }
    }

    /// Seconds since the last use.
    pub(super) fn idle_s(&self, access: u32) -> u32 {
        self.idle_ticks(access) / TICKS as u32
    }

    /// How often a key is used, on a scale of logarithms.
    pub(super) fn frequency(&self, access: u32) -> u8 {
        match self.lfu {
            Some(lfu) => self.decayed(lfu, access),
            None => (access >> 8) as u8,
        }
    }

    /// The counter, less what it has lost since it was written.
    fn decayed(&self, lfu: Lfu, access: u32) -> u8 {
        let (minutes, counter) = ((access >> 16) as u16, (access >> 8) as u8);
        let elapsed = u64::from(self.minutes.wrapping_sub(minutes));
        let lost = elapsed.checked_div(lfu.decay_time).unwrap_or(0);
        counter.saturating_sub(lost.min(u64::from(u8::MAX)) as u8)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::value::New;
    use super::*;

    fn at(clock: &mut AccessClock, unix_ms: u64) {
        clock.set_now(Now { unix_us: unix_ms * 1000, steady: Instant::now() });
    }

    fn entry() -> Entry {
        Entry::new(b"key", New::Integer(0), None)
    }

    #[test]
    fn idle_time_is_finer_than_seconds_and_survives_clocks_that_differ() {
        let (mut clock, mut entry) = (AccessClock::new(), entry());
        at(&mut clock, 1_000_000);
        clock.touch(&mut entry);
        at(&mut clock, 1_000_004);
        assert!((1..=2).contains(&clock.idle_ticks(entry.access())));
        at(&mut clock, 1_007_500);
        assert_eq!(clock.idle_s(entry.access()), 7);
        at(&mut clock, 999_000);
        assert_eq!(clock.idle_s(entry.access()), 0, "used in the future");
        at(&mut clock, 1_000_000 + 100 * 24 * 3600 * 1000);
        assert_eq!(clock.idle_s(entry.access()), 100 * 24 * 3600);
    }

    #[test]
    fn a_counter_grows_with_the_logarithm_of_the_uses_and_shrinks_with_time() {
        let (mut clock, mut entry) = (AccessClock::new(), entry());
        clock.random = fastrand::Rng::with_seed(7);
        clock.set_lfu(Some(Lfu { log_factor: 10, decay_time: 1 }));
        at(&mut clock, 600_000);
        clock.touch(&mut entry);
        assert_eq!(clock.frequency(entry.access()), NEW);
        (0..100).for_each(|_| clock.touch(&mut entry));
        let hundred = clock.frequency(entry.access());
        (0..100_000).for_each(|_| clock.touch(&mut entry));
        let many = clock.frequency(entry.access());
        // redis.conf tells 10 after a hundred uses and 142 after a hundred thousand.
        assert!((8..=13).contains(&hundred) && (125..=160).contains(&many), "{hundred}, {many}");
        at(&mut clock, 600_000 + 7 * 60_000);
        assert_eq!(clock.frequency(entry.access()), many - 7);
        clock.set_lfu(Some(Lfu { log_factor: 10, decay_time: 0 }));
        assert_eq!(clock.frequency(entry.access()), many);
    }

    #[test]
    fn without_a_factor_every_use_counts_up_to_the_end_of_the_scale() {
        let (mut clock, mut entry) = (AccessClock::new(), entry());
        clock.set_lfu(Some(Lfu { log_factor: 0, decay_time: 1 }));
        (0..3).for_each(|_| clock.touch(&mut entry));
        assert_eq!(clock.frequency(entry.access()), NEW + 2);
        (0..1000).for_each(|_| clock.touch(&mut entry));
        assert_eq!(clock.frequency(entry.access()), u8::MAX);
    }
}
