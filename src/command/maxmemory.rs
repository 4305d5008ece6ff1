//! maxmemory: before a command that may need memory, keys are given up until there is some.

use crate::config::{Config, EvictionPolicy};
use crate::memory;
use crate::resp::Args;
use crate::store::{self, Keyspace, Lfu, Order, Policy};

/// A command that finds memory far above the limit, because that was lowered, gives up no more keys
/// than these, and whatever its own words take. Housekeeping does the rest.
const AT_ONCE: usize = 512;

/// What one reactor knows of the limit. How much all of them use takes a look at what each of them
/// counts, so a reactor does not look again before it has allocated a part of what is left.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// For this limit,
    limit: u64,
    /// there is room until this thread's [`memory::balance`] is above this.
    until: isize,
}

/// Whether a command may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Enough,
    /// Above the limit still, but keys are being given up.
    Working,
    /// Above the limit, and no key may be given up.
    OutOfMemory,
}

impl Room {
    /// False if there is room without a look.
    #[inline]
    pub(super) fn may_be_short(&self, config: &Config) -> bool {
        let limit = config.maxmemory.get();
        limit != 0 && (self.limit != limit || memory::balance() > self.until)
    }

    /// Sees to it that there is room for a request. Nothing may be held.
    #[inline]
    pub(super) fn make(
        &mut self,
        keyspace: &mut Keyspace,
        config: &Config,
        reactors: usize,
        args: Option<Args<'_>>,
    ) -> Outcome {
        if !self.may_be_short(config) {
            return Outcome::Enough;
        }
        let limit = config.maxmemory.get();
        let needed = args.map_or(0, |args| args.iter().map(<[u8]>::len).sum());
        self.limit = limit;
        let outcome = give_up(keyspace, config, limit, needed);
        let left = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(used());
        self.until = match left.min(margin(limit)) {
            0 => isize::MIN,
            // All reactors together may use what one of them saw.
            left => memory::balance() + (left / reactors) as isize,
        };
        outcome
    }
}

/// Gives up keys until memory is some way below the limit, so that it does not have to be done again
/// for the next request.
fn give_up(keyspace: &mut Keyspace, config: &Config, limit: u64, needed: usize) -> Outcome {
    let is_above = |bound: u64| used() as u64 > bound;
    if !is_above(limit) {
        return Outcome::Enough;
    }
    let Some(policy) = policy(config) else { return Outcome::OutOfMemory };
    let goal = limit - margin(limit) as u64;
    let before = memory::balance();
    let mut given_up = 0;
    while is_above(goal) {
        // What a request brings at most, and the buffers that it stands in.
        let freed = before.saturating_sub(memory::balance());
        if given_up >= AT_ONCE && freed > 2 * needed as isize {
            return Outcome::Working;
        }
        if !keyspace.evict(policy) {
            break;
        }
        given_up += 1;
    }
    if is_above(limit) { Outcome::OutOfMemory } else { Outcome::Enough }
}

/// Bytes in use, but for those that are as good as free.
fn used() -> usize {
    memory::used().saturating_sub(store::unfreed())
}

/// How far below the limit keys are given up, and how far all reactors go without a look.
fn margin(limit: u64) -> usize {
    const MOST: u64 = 32 << 10;
    (limit / 256).min(MOST) as usize
}

/// What the store is to do when memory is short; None: nothing.
fn policy(config: &Config) -> Option<Policy> {
    let (expiring, order) = match config.maxmemory_policy.get() {
        EvictionPolicy::Noeviction => return None,
        EvictionPolicy::VolatileLru => (true, Order::LeastRecent),
        EvictionPolicy::VolatileLfu => (true, Order::LeastFrequent),
        EvictionPolicy::VolatileRandom => (true, Order::Random),
        EvictionPolicy::VolatileTtl => (true, Order::Soonest),
        EvictionPolicy::AllkeysLru => (false, Order::LeastRecent),
        EvictionPolicy::AllkeysLfu => (false, Order::LeastFrequent),
        EvictionPolicy::AllkeysRandom => (false, Order::Random),
    };
    Some(Policy { expiring, order, samples: config.maxmemory_samples.get() as usize })
}

/// How the store is to count uses of keys.
pub(super) fn lfu(config: &Config) -> Option<Lfu> {
    config.maxmemory_policy.get().is_lfu().then(|| Lfu {
        log_factor: config.lfu_log_factor.get(),
        decay_time: config.lfu_decay_time.get(),
    })
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};

    const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

    /// Other tests allocate in this process, so the limit is either far or passed.
    #[test]
    fn without_a_key_to_give_up_writes_are_refused_and_reads_are_served() {
        for mut harness in Harness::each_way() {
            harness.set("k", "5");
            harness.run("CONFIG SET maxmemory 1");
            for policy in ["noeviction", "volatile-lru", "volatile-ttl"] {
                harness.run(&format!("CONFIG SET maxmemory-policy {policy}"));
                for request in ["SET k v", "INCR k", "APPEND k v", "HSET h f v", "COPY k j"] {
                    assert_eq!(harness.run(request), OOM, "{request}");
                }
                assert_eq!(harness.get("k"), Some("5".to_owned()));
                assert_eq!(harness.run("EXISTS k h j"), ":1\r\n");
            }
            assert!(harness.run("INFO errorstats").contains("errorstat_OOM:count=15\r\n"));
            let stats = harness.run("INFO commandstats");
            let incr = stats.lines().find(|line| line.starts_with("cmdstat_incr:"));
            assert!(incr.is_some_and(|line| line.contains("rejected_calls=3")), "{incr:?}");
            assert_eq!(harness.run("DEL k"), ":1\r\n", "what needs no memory is allowed");
            harness.run("CONFIG SET maxmemory 0");
            harness.set("k", "v");
        }
    }

    #[test]
    fn all_keys_go_for_one_that_has_no_room_even_so() {
        for mut harness in Harness::each_way() {
            for i in 0..100 {
                harness.set(&format!("key{i}"), "v");
            }
            harness.run("CONFIG SET maxmemory-policy allkeys-random maxmemory 1");
            assert_eq!(harness.run("SET k v"), OOM);
            assert_eq!((harness.len(0), harness.run("GET key1")), (0, "$-1\r\n".to_owned()));
            harness.run("CONFIG SET maxmemory 0");
        }
    }

    #[test]
    fn info_tells_limit_and_policy() {
        let mut harness = Harness::new();
        let info = harness.run("INFO memory");
        assert!(info.contains("\r\nmaxmemory:0\r\nmaxmemory_human:0B\r\n"), "{info}");
        assert!(info.contains("\r\nmaxmemory_policy:noeviction\r\n"), "{info}");
        harness.run("CONFIG SET maxmemory 5gb maxmemory-policy volatile-lfu");
        let info = harness.run("INFO memory");
        let limit = "\r\nmaxmemory:5368709120\r\nmaxmemory_human:5.00G\r\n";
        assert!(info.contains(limit), "{info}");
        assert!(info.contains("\r\nmaxmemory_policy:volatile-lfu\r\n"), "{info}");
        assert!(info.contains("\r\nmem_not_counted_for_evict:"), "{info}");
    }

    #[test]
    fn a_limit_that_is_far_changes_nothing() {
        for mut harness in Harness::each_way() {
            harness.run("CONFIG SET maxmemory 1000gb maxmemory-policy allkeys-lru");
            (0..1000).for_each(|i| harness.set(&format!("key{i}"), "v"));
            assert_eq!(harness.len(0), 1000);
            assert_eq!(harness.allocations_of("SET key1 w", 100), 0);
        }
    }

    #[test]
    fn a_policy_holds_for_the_next_command() {
        let mut harness = Harness::new();
        harness.set("k", "v");
        assert!(harness.run("OBJECT FREQ k").starts_with("-ERR An LFU maxmemory policy is not"));
        harness.run("CONFIG SET maxmemory-policy allkeys-lfu lfu-log-factor 0");
        harness.set("new", "v");
        assert_eq!(harness.run("OBJECT FREQ new"), ":5\r\n");
        assert_eq!(bulks(&harness.run("GET new")), ["v"]);
        harness.set("new", "another one, with more bytes");
        assert_eq!(harness.run("OBJECT FREQ new"), ":7\r\n");
        assert!(harness.run("OBJECT IDLETIME new").starts_with("-ERR An LFU maxmemory policy is"));
        harness.wait_ms(3 * 60_000);
        assert_eq!(harness.run("OBJECT FREQ new"), ":4\r\n", "one a minute is lost");
    }
}
