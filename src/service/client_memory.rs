//! `maxmemory-clients`: closes the clients that take the most memory when all take too much.

use std::time::{Duration, Instant};

use crate::instance::Instance;
use crate::stats::Counter;

/// To add up what all clients take is work: it rests for so long in between.
const REST: Duration = Duration::from_millis(10);

/// What one reactor remembers of the last time it looked.
#[derive(Debug, Default)]
pub(super) struct ClientMemory {
    limit: Option<u64>,
    /// Clients may take more than when it looked last.
    grown: bool,
    rests_until: Option<Instant>,
}

impl ClientMemory {
    /// A client of this reactor takes more memory, perhaps.
    #[inline]
    pub(super) fn grew(&mut self) {
        self.grown = true;
    }

    /// Closes clients, of any reactor, if all take more than they may; counts them in `evicted`.
    /// Returns how long until it has to look again.
    pub(super) fn keep(
        &mut self,
        instance: &Instance,
        now: Instant,
        evicted: &Counter,
    ) -> Option<Duration> {
        let limit = instance.config.client_memory();
        if limit != self.limit {
            *self = Self { limit, grown: true, rests_until: None };
        }
        let limit = limit.filter(|_| self.grown)?;
        if let Some(until) = self.rests_until.filter(|&until| now < until) {
            return Some(until - now);
        }
        (self.grown, self.rests_until) = (false, Some(now + REST));
        evicted.add(instance.evict_clients(limit));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::harness::Harness;
    use crate::peer::Buffers;

    #[test]
    fn it_looks_when_clients_grow_and_when_the_limit_changes() {
        let harness = Harness::new();
        let other = harness.another();
        let instance = &harness.worker.instance;
        let evicted = Counter::default();
        let mut memory = ClientMemory::default();
        let begun = Instant::now();
        let after = |ms| begun + Duration::from_millis(ms);
        other.client.note_buffers(Buffers { query: 300_000, ..Buffers::default() });
        memory.grew();
        assert_eq!(memory.keep(instance, after(0), &evicted), None);
        assert_eq!(evicted.get(), 0, "there is no limit");
        let set = |value: &[u8]| instance.config.set_many([(&b"maxmemory-clients"[..], value)]);
        set(b"1mb").unwrap();
        assert_eq!(memory.keep(instance, after(0), &evicted), None);
        memory.grew();
        let rest = memory.keep(instance, after(4), &evicted);
        assert_eq!(rest, Some(Duration::from_millis(6)), "it has just looked");
        set(b"200kb").unwrap();
        assert_eq!(memory.keep(instance, after(5), &evicted), None);
        assert_eq!((evicted.get(), other.client.is_condemned()), (1, true));
        assert!(!harness.session.client.is_condemned(), "the smaller one stays");
    }
}
