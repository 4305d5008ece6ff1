//! The key-value service: finds requests in the bytes, and has each of them run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::client_memory::ClientMemory;
use super::look_ahead::LookAhead;
use super::pipeline::{AHEAD, Pipeline, Then};
use super::{Buffers, Next, Peer, PeerAddress, Served, Service};
use crate::clock::Now;
use crate::command::dispatch::Worker;
use crate::command::table::Entry;
use crate::command::{blocking, panics};
use crate::instance::Instance;
use crate::output::{Mark, Output};
use crate::resp::limits::ProtocolError;
use crate::resp::{Limits, Reply};
use crate::session::{Blocked, Ran, Replies, Session};
use crate::store::Keyspace;

/// A connection's turn ends when this many bytes of replies are waiting: with the last one they mostly fit
/// into a buffer that is kept.
const TURN_OUTPUT: usize = 64 * 1024;

/// A connection's turn ends when this many bytes of requests were run,
const TURN_INPUT: usize = 64 * 1024;

/// or this many requests in one tick, if others wait for its end: some 15 µs of GETs.
const SHARED_TURN: usize = 128;

/// The longest that one round of active expiry may take.
const SWEEP_TIME: Duration = Duration::from_millis(1);

/// What a client from elsewhere is told in protected mode: the words of Redis 7.0.
const PROTECTED: &[u8] =
    b"-DENIED Redis is running in protected mode because protected mode is enabled and no \
  password is set for the default user. In this mode connections are only accepted \
  from the loopback interface. If you want to connect from external computers to \
  Redis you may adopt one of the following solutions: 1) Just disable protected mode \
  sending the command 'CONFIG SET protected-mode no' from the loopback interface by \
  connecting to Redis from the same host the server is running, however MAKE SURE \
  Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to \
  make this change permanent. 2) Alternatively you can just disable the protected \
  mode by editing the Redis configuration file, and setting the protected mode option \
  to 'no', and then restarting the server. 3) If you started the server manually just \
  for testing, restart it with the '--protected-mode no' option. 4) Setup a an \
  authentication password for the default user. NOTE: You only need to do one of the \
  above things in order for the server to start accepting connections from the \
  outside.\r\n";

/// One reactor's key-value service.
pub struct Kv {
    worker: Worker,
    /// Serves one connection after the other: those whose requests come whole leave nothing in it.
    pipeline: Pipeline,
    look_ahead: LookAhead,
    running: Running,
    /// Counts the ticks that have served connections.
    tick: u64,
    /// Requests after which a turn ends in this one.
    turn: usize,
    /// When the next round of active expiry is due.
    next_sweep: Option<Instant>,
    /// Until when this reactor's blocked clients wait, with their numbers.
    deadlines: BTreeSet<(Instant, u64)>,
    client_memory: ClientMemory,
}

/// The request that runs, should it not come to its end.
#[derive(Clone, Copy, Default)]
struct Running {
    /// Where it ends in the input.
    end: usize,
    /// Where its reply begins.
    reply: Mark,
}

impl Kv {
    /// The service of the instance's reactor number `index`.
    pub fn new(keyspace: Keyspace, instance: Arc<Instance>, index: usize) -> Self {
        Self::with(Worker::new(keyspace, instance, index))
    }

    fn with(worker: Worker) -> Self {
        let (pipeline, look_ahead) = (Pipeline::default(), LookAhead::default());
        let running = Running::default();
        let (next_sweep, deadlines) = (None, BTreeSet::new());
        let client_memory = ClientMemory::default();
        Self {
            worker,
            pipeline,
            look_ahead,
            running,
            tick: 0,
            turn: usize::MAX,
            next_sweep,
            deadlines,
            client_memory,
        }
    }

    /// Runs the whole requests at the front of `input`, which lies in `memory` if that is shared.
    #[inline]
    fn requests(
        &mut self,
        session: &mut Session,
        input: &[u8],
        memory: Option<&Bytes>,
        output: &mut Output,
        now: Now,
    ) -> Served {
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            let limits = self.limits(session);
            let then = self.pipeline.parse(rest, &limits);
            let commands = self.look_up(session, rest);
            let requests = self.pipeline.len();
            for (index, found) in commands.iter().enumerate().take(requests) {
                let args = self.pipeline.args(index, rest).within(memory);
                let done = consumed + self.pipeline.end(index + 1);
                session.ran.requests += 1;
                if !args.is_empty() {
                    self.running = Running { end: done, reply: output.mark() };
                    self.worker.dispatch(*found, session, args, output, now);
                }
                if let Some(next) = end_of_turn(session, output, done) {
                    self.pipeline.take_unfinished(); // it comes again
                    return Served { consumed: done, next };
                }
            }
            consumed += self.pipeline.end(requests);
            match then {
                Then::GoOn if session.ran.requests >= self.turn && consumed < input.len() => {
                    return Served { consumed, next: Next::Yield };
                }
                Then::GoOn => {}
                Then::Wait { missing } => {
                    session.unfinished = self.pipeline.take_unfinished();
                    return Served { consumed, next: Next::Read { missing } };
                }
                Then::Refuse(error) => {
                    self.refuse(session, &error, output);
                    return Served { consumed, next: Next::Close };
                }
            }
        }
    }

    /// Finds the commands of the requests that were parsed, and fetches what these will look at.
    #[inline]
    fn look_up(&mut self, session: &Session, input: &[u8]) -> [Option<Entry>; AHEAD] {
        let mut commands = [None; AHEAD];
        let requests = self.pipeline.len();
        for (index, found) in commands.iter_mut().enumerate().take(requests) {
            let args = self.pipeline.args(index, input);
            *found = self.worker.look_up(args);
            // Of a single one, the reactor has told before.
            if requests > 1 {
                self.look_ahead.add(&mut self.worker.keyspace, session.db, *found, args);
            }
        }
        self.look_ahead.complete(&mut self.worker.keyspace);
        commands
    }

    #[inline]
    fn limits(&self, session: &Session) -> Limits {
        let max_bulk_len = self.worker.instance.config.proto_max_bulk_len.get();
        Limits { authenticated: session.authenticated, max_bulk_len }
    }

    /// Says what is wrong with the bytes of a client. Where its next request would begin is unknown.
    #[cold]
    fn refuse(&self, session: &Session, error: &ProtocolError, output: &mut Output) {
        let message = [b"ERR ", &*error.text()].concat();
        self.worker.stats().count_error(&message);
        if session.replies == Replies::On {
            Reply::new(output, session.version).error(&message);
        }
    }

    #[inline]
    fn serve_input(
        &mut self,
        session: &mut Session,
        input: &[u8],
        memory: Option<&Bytes>,
        output: &mut Output,
        now: Now,
    ) -> Served {
        if session.client.is_condemned() {
            return Served { consumed: input.len(), next: Next::Close };
        }
        if session.ran.tick != self.tick {
            session.ran = Ran { tick: self.tick, requests: 0 };
        } else if session.ran.requests >= self.turn {
            return Served { consumed: 0, next: Next::Yield }; // it has come in several pieces
        }
        if let Some(unfinished) = session.unfinished.take() {
            self.pipeline.restore(*unfinished);
        }
        self.worker.begin(now);
        self.worker.keyspace.set_touch(!session.client.no_touch.load(Ordering::Relaxed));
        let requests = || self.requests(session, input, memory, output, now);
        let served = match panics::contain(requests) {
            Ok(served) => served,
            Err(number) => self.give_up(number, session, output, now),
        };
        if session.blocked.is_some() {
            self.deadlines.extend(deadline(session));
            self.client_memory.grew(); // its request waits in the store
        }
        self.publish(session, now);
        served
    }

    /// Answers the request of which the command has panicked; those behind it have another turn.
    #[cold]
    fn give_up(
        &mut self,
        number: u16,
        session: &mut Session,
        output: &mut Output,
        now: Now,
    ) -> Served {
        let Running { end, reply } = self.running;
        self.worker.give_up(number, session, reply, output, now);
        self.pipeline.take_unfinished(); // it comes again
        Served { consumed: end, next: if session.closing { Next::Close } else { Next::Yield } }
    }

    /// Publishes what the batch has counted, for INFO and CLIENT LIST on any reactor.
    fn publish(&mut self, session: &Session, now: Now) {
        session.note(now.steady);
        self.publish_tally();
        let instance = &self.worker.instance;
        let link = &instance.reactors[self.worker.index];
        link.rates.look_in(instance.uptime_ms(now), || link.flow());
    }

    /// Removes keys whose time is over, `hz` times a second while there are keys that expire.
    fn sweep(&mut self, now: Now) -> Option<Duration> {
        if let Some(due) = self.next_sweep.filter(|&due| now.steady < due) {
            return Some(due - now.steady);
        }
        self.next_sweep = None;
        let Worker { keyspace, instance, .. } = &mut self.worker;
        let wanted = instance.active_expiry.load(Ordering::Relaxed);
        if !wanted || !(0..keyspace.databases()).any(|db| keyspace.ages(db)) {
            return None;
        }
        let period = Duration::from_secs(1) / instance.config.hz.get().max(1) as u32;
        keyspace.set_now(now);
        keyspace.enter();
        let begun = Instant::now();
        keyspace.sweep(|| begun.elapsed() < SWEEP_TIME);
        keyspace.leave();
        self.next_sweep = Some(now.steady + period);
        self.publish_tally();
        Some(period)
    }

    fn publish_tally(&mut self) {
        let tally = self.worker.keyspace.take_tally();
        let stats = self.worker.stats();
        stats.hits.add(tally.hits);
        stats.misses.add(tally.misses);
        stats.expired.add(tally.expired);
        stats.evicted.add(tally.evicted);
        stats.changes.add(tally.changes);
    }
}

/// Until when a client waits, with its number.
#[inline]
fn deadline(session: &Session) -> Option<(Instant, u64)> {
    let Blocked { until } = session.blocked?;
    Some((until?, session.client.id))
}

/// Whether a connection's turn ends after a request, of which `consumed` bytes were run.
#[inline]
fn end_of_turn(session: &Session, output: &Output, consumed: usize) -> Option<Next> {
    // What follows a reply that was too long could not be answered.
    if session.closing || output.is_cut() {
        return Some(Next::Close);
    }
    if session.blocked.is_some() {
        return Some(Next::Block);
    }
    (output.len() >= TURN_OUTPUT || consumed >= TURN_INPUT).then_some(Next::Yield)
}

impl Service for Kv {
    type Session = Session;

    fn open(&mut self, peer: Peer) -> Session {
        self.client_memory.grew();
        let instance = &self.worker.instance;
        let client = instance.clients.add(peer);
        Session::new(client, instance.config.requirepass.get().is_empty())
    }

    #[inline]
    fn serve(
        &mut self,
        session: &mut Session,
        input: &[u8],
        output: &mut Output,
        now: Now,
    ) -> Served {
        self.serve_input(session, input, None, output, now)
    }

    fn serve_shared(
        &mut self,
        session: &mut Session,
        input: &Bytes,
        output: &mut Output,
        now: Now,
    ) -> Served {
        self.serve_input(session, input, Some(input), output, now)
    }

    #[inline]
    fn foresee(&mut self, session: &Session, input: &[u8]) {
        if session.unfinished.is_some() {
            return;
        }
        let limits = self.limits(session);
        if let Some(args) = self.pipeline.first(input, &limits) {
            let found = self.worker.look_up(args);
            self.look_ahead.add(&mut self.worker.keyspace, session.db, found, args);
        }
    }

    fn answered(&mut self, session: &mut Session, answer: Output, output: &mut Output) {
        self.forget_deadline(session);
        self.worker.answered(session, answer, output);
    }

    fn note(&mut self, session: &Session, buffers: Buffers) {
        session.client.note_buffers(buffers);
        self.client_memory.grew();
    }

    /// Who waits and sends nothing more takes nothing: its answer would not be sent.
    fn finish(&mut self, session: &mut Session, _output: &mut Output) {
        self.stop_waiting(session);
    }

    fn close(&mut self, mut session: Session) {
        self.stop_waiting(&mut session);
        self.worker.instance.clients.remove(session.client.id);
    }

    fn refuses(&self, address: &PeerAddress) -> Option<&'static [u8]> {
        let config = &self.worker.instance.config;
        let is_open = !config.protected_mode.get() || !config.requirepass.get().is_empty();
        (!is_open && !address.is_local()).then_some(PROTECTED)
    }

    fn refusal(&self, _address: &PeerAddress) -> &'static [u8] {
        b"-ERR max number of clients reached\r\n"
    }

    fn enter(&mut self, is_shared: bool) {
        self.tick += 1;
        self.turn = if is_shared { SHARED_TURN } else { usize::MAX };
        self.worker.keyspace.enter();
    }

    fn leave(&mut self) {
        self.worker.keyspace.leave();
    }

    fn housekeep(&mut self, now: Now) -> Option<Duration> {
        let wait = self.end_waits(now);
        let Worker { instance, .. } = &self.worker;
        let evicted = &self.worker.stats().evicted_clients;
        let look = self.client_memory.keep(instance, now.steady, evicted);
        if self.worker.keep_room(now) {
            self.publish_tally();
            return Some(Duration::ZERO);
        }
        [wait, look, self.sweep(now)].into_iter().flatten().min()
    }
}

impl Kv {
    /// Answers clients that have waited long enough. Returns when the next one will have.
    fn end_waits(&mut self, now: Now) -> Option<Duration> {
        while let Some((until, client)) = self.deadlines.first().copied() {
            if now.steady < until {
                return Some(until - now.steady);
            }
            self.deadlines.pop_first();
            let Worker { keyspace, instance, .. } = &mut self.worker;
            let Some(client) = instance.clients.find(client) else { continue };
            keyspace.enter();
            blocking::unblock(keyspace, instance, &client, |reply| reply.null_array());
            keyspace.leave();
        }
        None
    }

    fn stop_waiting(&mut self, session: &mut Session) {
        if session.blocked.is_none() {
            return;
        }
        self.forget_deadline(session);
        session.blocked = None;
        self.worker.keyspace.enter();
        blocking::stop_waiting(&mut self.worker.keyspace, &session.client);
        self.worker.keyspace.leave();
    }

    fn forget_deadline(&mut self, session: &Session) {
        if let Some(deadline) = deadline(session) {
            self.deadlines.remove(&deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::harness::Harness;
    use crate::mailbox::Message;
    use crate::memory;

    /// Serves one client what it sends in turn; returns the replies, and what it wants at last.
    fn serve(session: impl FnOnce(&mut Session), inputs: &[&[u8]]) -> (String, Served) {
        let mut harness = Harness::new();
        session(&mut harness.session);
        let mut kv = Kv::with(harness.worker);
        let mut output = Output::new();
        let mut last = Served { consumed: 0, next: Next::Close };
        for input in inputs {
            kv.enter(false);
            last = kv.serve(&mut harness.session, input, &mut output, harness.now);
            kv.leave();
        }
        let bytes: Vec<u8> = output.segments(0).flatten().copied().collect();
        (String::from_utf8(bytes).expect("the tests ask for text"), last)
    }

    /// The whole way from bytes to bytes, alone and as a pipeline that is fetched ahead.
    #[test]
    fn warm_requests_allocate_nothing_from_bytes_to_bytes() {
        let mut harness = Harness::new();
        harness.run("SET k 12345678901234567890123 EX 100");
        let mut kv = Kv::with(harness.worker);
        let mut output = Output::new();
        let get = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
        let set =
            "*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$23\r\n32109876543210987654321\r\n$7\r\nKEEPTTL\r\n";
        let others = ["PING\r\n", "*1\r\n$4\r\nPING\r\n", "EXISTS k\r\n", "TTL k\r\n"];
        let all = [&[get, set], &others[..]].concat();
        for input in [all.clone(), vec![&all.concat().repeat(10)]].concat() {
            let mut round = || {
                output.clear();
                kv.enter(false);
                kv.foresee(&harness.session, input.as_bytes());
                kv.serve(&mut harness.session, input.as_bytes(), &mut output, harness.now);
                kv.leave();
            };
            (0..70).for_each(|_| round()); // warms buffers, and times a call now and then
            let before = memory::allocations();
            (0..70).for_each(|_| round());
            assert_eq!(memory::allocations() - before, 0, "{input:?}");
            assert!(!output.is_empty());
        }
    }

    #[test]
    fn nothing_runs_after_the_end_of_a_session() {
        let requests = b"PING\r\nCLIENT KILL TYPE normal SKIPME no\r\nPING\r\n";
        let (replies, last) = serve(|_| (), &[requests]);
        assert_eq!((replies.as_str(), last.next), ("+PONG\r\n:1\r\n", Next::Close));
        let (replies, last) = serve(|_| (), &[b"QUIT\r\nPING\r\n"]);
        assert_eq!((replies.as_str(), last.next), ("+OK\r\n", Next::Close));
    }

    #[test]
    fn nothing_runs_for_a_client_that_another_one_killed() {
        let (replies, last) = serve(|session| assert!(session.client.condemn()), &[b"PING\r\n"]);
        assert_eq!(replies, "");
        assert_eq!(last, Served { consumed: 6, next: Next::Close });
    }

    /// Two clients wait, one of them for a second.
    #[test]
    fn a_wait_ends_when_its_time_is_over_or_its_client_leaves() {
        let harness = Harness::new();
        let (mut leaving, mut session) = (harness.another(), harness.session);
        let mut kv = Kv::with(harness.worker);
        let instance = Arc::clone(&kv.worker.instance);
        let mut output = Output::new();
        for (session, request) in
            [(&mut session, b"BLPOP k 1\r\nPING\r\n"), (&mut leaving, b"BLPOP k 2\r\nPING\r\n")]
        {
            let served = kv.serve(session, request, &mut output, harness.now);
            assert_eq!(served, Served { consumed: 11, next: Next::Block });
            assert!(session.client.is_blocked());
        }
        assert!(output.is_empty());
        let second = Duration::from_secs(1);
        assert_eq!(kv.housekeep(harness.now), Some(second));
        let client = Arc::clone(&leaving.client);
        kv.close(leaving);
        assert!(!client.is_blocked());
        let now = Now { steady: harness.now.steady + second, ..harness.now };
        assert_eq!(kv.housekeep(now), None, "the other one's time does not matter any more");
        let mailbox = &instance.reactors[0].mailbox;
        let Some(Message::Answer(id, answer)) = mailbox.pop() else { panic!("its time is over") };
        assert_eq!(id, session.client.peer.id);
        assert!(mailbox.is_empty() && !session.client.is_blocked());
        kv.answered(&mut session, answer, &mut output);
        assert!(output.segments(0).eq([b"*-1\r\n"]));
        assert_eq!(session.blocked, None);
        kv.close(session);
    }

    #[cfg(debug_assertions)] // DEBUG PANIC
    #[test]
    fn requests_behind_a_panic_are_run() {
        let mut config = crate::config::Config::default();
        let directive = crate::config::Directive::find("enable-debug-command").unwrap();
        config.start(directive, "yes").unwrap();
        let mut harness = Harness::with_config(config);
        let mut kv = Kv::with(harness.worker);
        let mut output = Output::new();
        let requests = b"RPUSH k v\r\nDEBUG PANIC k\r\nDBSIZE\r\n*1\r\n$4\r\nPI";
        let mut serve =
            |from| kv.serve(&mut harness.session, &requests[from..], &mut output, harness.now);
        assert_eq!(serve(0), Served { consumed: 26, next: Next::Yield });
        assert_eq!(serve(26), Served { consumed: 8, next: Next::Read { missing: 4 } });
        let bytes: Vec<u8> = output.segments(0).flatten().copied().collect();
        let internal = "-ERR internal error, the command was given up: see the server's log\r\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), format!(":1\r\n{internal}:0\r\n"));
    }

    #[test]
    fn protocol_errors_are_replies() {
        let (replies, last) = serve(|_| (), &[b"PING\r\n*x\r\n"]);
        assert_eq!(replies, "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n");
        assert_eq!(last.next, Next::Close);
        let (replies, last) = serve(|_| (), &[b"CLIENT REPLY OFF\r\n", b"*x\r\n"]);
        assert_eq!((replies.as_str(), last.next), ("", Next::Close));
    }
}
