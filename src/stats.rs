//! Counters: each has one writer, and anyone may read them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

/// A count that one thread writes and others read.
///
/// With one writer a plain load and store suffice: no locked instruction on the hot path.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the owning thread may call this, or counts get lost.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Takes `n` off; the sum over several counters may pass through zero, so it wraps.
    #[inline]
    pub fn subtract(&self, n: u64) {
        self.add(n.wrapping_neg());
    }

    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Back to zero, as CONFIG RESETSTAT asks. A count added at the same moment may survive.
    pub fn reset(&self) {
        self.set(0);
    }

    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// What one reactor has done since it began.
#[derive(Debug, Default)]
pub struct ReactorStats {
    /// Turns of the loop.
    pub ticks: Counter,
    /// Times the kernel was entered to submit or to wait: io_uring_enter, or epoll_wait.
    pub waits: Counter,
    /// Operations handed to the kernel: SQEs, or system calls on sockets.
    pub operations: Counter,
    /// Events that came back: CQEs, or epoll events.
    pub completions: Counter,
    /// Times the doorbell woke this reactor.
    pub wakes: Counter,
    /// Receives that found all buffers taken.
    pub starved: Counter,
    /// Polls that found the completion queue had overflowed into the kernel's memory.
    pub overflows: Counter,
    /// Receives and sends that completed, and the bytes they moved.
    pub recvs: Counter,
    pub sends: Counter,
    pub bytes_in: Counter,
    pub bytes_out: Counter,
    /// Connections served, connections turned away, and connections closed.
    pub accepted: Counter,
    pub refused: Counter,
    pub closed: Counter,
    /// Times accepting paused because an error would have come again at once.
    pub accept_pauses: Counter,
    /// Connections closed because too much was unsent, or because a request was too long.
    pub output_limit_closes: Counter,
    pub query_limit_closes: Counter,
}

impl ReactorStats {
    /// Connections being served now.
    pub fn connected(&self) -> u64 {
        self.accepted.get().saturating_sub(self.closed.get())
    }

    /// Back to zero, as CONFIG RESETSTAT asks. Connections that came and went stay counted: how
    /// many there are now follows from them.
    pub fn reset(&self) {
        let work = [&self.ticks, &self.waits, &self.operations, &self.completions, &self.wakes];
        let trouble = [&self.starved, &self.overflows, &self.accept_pauses, &self.refused];
        let moved = [&self.recvs, &self.sends, &self.bytes_in, &self.bytes_out];
        for counter in work.into_iter().chain(trouble).chain(moved) {
            counter.reset();
        }
        self.output_limit_closes.reset();
        self.query_limit_closes.reset();
    }
}

/// What has passed through one reactor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    pub commands: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
}

/// How much passes in a second, by windows of at least that long.
///
/// The reactor looks in after each batch and closes a window that is old enough. When nothing
/// passes nobody looks in, and then whoever reads measures the open window: no timer is needed.
#[derive(Debug, Default)]
pub struct Rates {
    opened_ms: Counter,
    /// What had passed when the window was opened.
    opened: FlowCounter,
    /// The rates of the last window that was closed.
    closed: FlowCounter,
}

impl Rates {
    const WINDOW_MS: u64 = 1000;

    /// Closes the window if it is old enough. Only the owning thread may call this.
    #[inline]
    pub fn look_in(&self, now_ms: u64, flow: impl FnOnce() -> Flow) {
        if now_ms.saturating_sub(self.opened_ms.get()) >= Self::WINDOW_MS {
            self.close(now_ms, flow());
        }
    }

    fn close(&self, now_ms: u64, flow: Flow) {
        self.closed.set(self.per_second(now_ms, flow));
        self.opened.set(flow);
        self.opened_ms.set(now_ms);
    }

    /// What passes in a second; `flow` is what has passed until now.
    pub fn per_second(&self, now_ms: u64, flow: Flow) -> Flow {
        let elapsed = now_ms.saturating_sub(self.opened_ms.get());
        if elapsed < Self::WINDOW_MS {
            return self.closed.get();
        }
        let before = self.opened.get();
        // Counters may have been set back since.
        let rate = |now: u64, then: u64| now.saturating_sub(then).saturating_mul(1000) / elapsed;
        Flow {
            commands: rate(flow.commands, before.commands),
            bytes_in: rate(flow.bytes_in, before.bytes_in),
            bytes_out: rate(flow.bytes_out, before.bytes_out),
        }
    }
}

#[derive(Debug, Default)]
struct FlowCounter {
    commands: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
}

impl FlowCounter {
    fn get(&self) -> Flow {
        let Self { commands, bytes_in, bytes_out } = self;
        Flow { commands: commands.get(), bytes_in: bytes_in.get(), bytes_out: bytes_out.get() }
    }

    fn set(&self, flow: Flow) {
        self.commands.set(flow.commands);
        self.bytes_in.set(flow.bytes_in);
        self.bytes_out.set(flow.bytes_out);
    }
}

/// The number of connected clients in the whole server, and its limit.
#[derive(Debug)]
pub struct Clients {
    connected: AtomicUsize,
    limit: AtomicUsize,
}

impl Clients {
    /// Nobody is connected; at most `limit` may be.
    pub fn new(limit: usize) -> Self {
        Self { connected: AtomicUsize::new(0), limit: AtomicUsize::new(limit) }
    }

    /// Counts one more in, unless the limit is reached. Each `true` is owed a [`Clients::leave`].
    pub fn enter(&self) -> bool {
        let limit = self.limit();
        let more = |connected| (connected < limit).then_some(connected + 1);
        self.connected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Counts one out.
    pub fn leave(&self) {
        self.connected.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn connected(&self) -> usize {
        self.connected.load(Ordering::Relaxed)
    }

    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Holds for those who come from now on.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }
}

/// What one reactor's commands have done.
#[derive(Debug)]
pub struct CommandStats {
    /// By the number of the command in the command table.
    pub calls: Box<[CallStats]>,
    /// Requests that were run or refused.
    pub processed: Counter,
    pub hits: Counter,
    pub misses: Counter,
    pub expired: Counter,
    pub evicted: Counter,
    pub evicted_clients: Counter,
    /// Changes of keys.
    pub changes: Counter,
    /// Error replies.
    pub errors: Counter,
    /// Error replies by their first word. Errors are rare enough for a lock.
    pub by_code: Mutex<BTreeMap<String, u64>>,
}

/// What one command has done on one reactor.
#[derive(Debug, Default)]
pub struct CallStats {
    pub calls: Counter,
    /// How many of the calls were timed: of fast commands only some, which stand for the others.
    pub timed: Counter,
    /// Time spent in the calls that were timed.
    pub nanoseconds: Counter,
    /// Refused before they ran: wrong arity, not authenticated.
    pub rejected: Counter,
    /// Ended with an error.
    pub failed: Counter,
}

impl CallStats {
    /// Nanoseconds spent in all calls, by those that were timed.
    pub fn time(&self) -> u64 {
        let timed = self.timed.get().max(1);
        (u128::from(self.nanoseconds.get()) * u128::from(self.calls.get()) / u128::from(timed))
            as u64
    }
}

impl CommandStats {
    /// For commands with numbers below `commands`.
    pub fn new(commands: usize) -> Self {
        Self {
            calls: (0..commands).map(|_| CallStats::default()).collect(),
            processed: Counter::default(),
            hits: Counter::default(),
            misses: Counter::default(),
            expired: Counter::default(),
            evicted: Counter::default(),
            evicted_clients: Counter::default(),
            changes: Counter::default(),
            errors: Counter::default(),
            by_code: Mutex::default(),
        }
    }

    /// Counts an error reply; its text begins with the code.
    pub fn count_error(&self, text: &[u8]) {
        self.errors.add(1);
        let code = text.split(|byte| *byte == b' ').next().unwrap_or_default();
        let code = String::from_utf8_lossy(code);
        let mut by_code = self.by_code.lock();
        match by_code.get_mut(&*code) {
            Some(count) => *count += 1,
            None => {
                by_code.insert(code.into_owned(), 1);
            }
        }
    }

    /// Back to zero, as CONFIG RESETSTAT asks.
    pub fn reset(&self) {
        for call in &self.calls {
            for counter in [&call.calls, &call.timed, &call.nanoseconds] {
                counter.reset();
            }
            call.rejected.reset();
            call.failed.reset();
        }
        let keys = [&self.hits, &self.misses, &self.expired, &self.evicted, &self.evicted_clients];
        for counter in keys.into_iter().chain([&self.processed, &self.errors]) {
            counter.reset();
        }
        self.by_code.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_counted_in_and_out() {
        let clients = Clients::new(2);
        assert!(clients.enter() && clients.enter());
        assert!(!clients.enter(), "the third is one too many");
        clients.leave();
        assert!(clients.enter());
        clients.set_limit(1);
        assert!(!clients.enter());
        assert_eq!(clients.connected(), 2);
    }

    #[test]
    fn connected_is_what_came_and_did_not_go() {
        let stats = ReactorStats::default();
        stats.accepted.add(3);
        stats.closed.add(1);
        assert_eq!(stats.connected(), 2);
        stats.closed.reset();
        assert_eq!(stats.closed.get(), 0);
    }

    #[test]
    fn rates_are_those_of_the_last_second_that_was_busy() {
        let rates = Rates::default();
        let flow = |commands| Flow { commands, bytes_in: 10 * commands, bytes_out: 0 };
        rates.look_in(500, || panic!("the window is too young"));
        rates.look_in(2000, || flow(4000));
        assert_eq!(rates.per_second(2000, flow(4000)), flow(2000));
        assert_eq!(rates.per_second(2999, flow(9999)), flow(2000), "until the next is closed");
        assert_eq!(rates.per_second(6000, flow(4000)), flow(0), "nobody looked in for long");
        assert_eq!(rates.per_second(6000, flow(8000)), flow(1000));
        assert_eq!(rates.per_second(6000, flow(0)), flow(0), "after CONFIG RESETSTAT");
    }

    #[test]
    fn calls_that_were_timed_stand_for_the_others() {
        let stats = CallStats::default();
        assert_eq!(stats.time(), 0);
        stats.calls.add(100);
        stats.timed.add(2);
        stats.nanoseconds.add(50);
        assert_eq!(stats.time(), 2500);
    }
}
