//! The network between reactors and their peers: what was started, what comes of it, and when.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::host::{Accept, Host};
use super::link::{End, Leaving, Link};
use super::{Arrival, Faults, Simulated};
use crate::clock::Now;
use crate::mailbox::{ConnId, Doorbell};
use crate::output::Output;
use crate::peer::PeerAddress;
use crate::reactor::backend::{Endpoint, Errno, Event, Receive, RecvEnd, Sending, Wait};

type Events = Vec<Event<Simulated>>;

/// The server's port.
pub const PORT: u16 = 1;

/// When simulated time begins, in microseconds since the Unix epoch.
const BEGINNING: u64 = 1_000_000_000_000_000;

/// The longest that one look at all connections takes.
const STEP: Duration = Duration::from_micros(50);

/// Buffers that one receive fills in one poll: io_uring, too, lets others go first after so many.
const ARRIVALS: usize = 32;

pub(super) struct Network {
    seed: u64,
    random: Rng,
    pub(super) faults: Faults,
    pub(super) now: Now,
    /// The reactors, of which the first one accepts.
    pub(super) hosts: Vec<Host>,
    pub(super) links: Vec<Link>,
    is_listening: bool,
    backlog: VecDeque<usize>,
    /// Connections that the server can have at a time, as RLIMIT_NOFILE limits them.
    pub(super) descriptors: usize,
    /// Sockets and open connections.
    descriptors_used: usize,
}

impl Network {
    /// A network of as many reactors as there are doorbells.
    pub(super) fn new(seed: u64, faults: Faults, doorbells: Vec<Arc<Doorbell>>) -> Self {
        assert!(faults.late_completion < 1.0, "what is always late never comes");
        Self {
            seed,
            random: Rng::with_seed(seed),
            faults,
            now: Now { unix_us: BEGINNING, steady: Instant::now() },
            hosts: doorbells.into_iter().map(Host::new).collect(),
            links: Vec::new(),
            is_listening: true,
            backlog: VecDeque::new(),
            descriptors: usize::MAX,
            descriptors_used: 0,
        }
    }

    /// A peer connects. Returns the number of its link.
    pub(super) fn connect(&mut self) -> usize {
        self.links.push(Link::new());
        self.backlog.push_back(self.links.len() - 1);
        if !self.is_listening {
            self.refuse_backlog();
        }
        self.links.len() - 1
    }

    /// See [`Backend::poll`](crate::reactor::backend::Backend::poll), of the reactor with that number.
    /// Accepted links are returned apart.
    pub(super) fn poll(
        &mut self,
        at: usize,
        wait: Wait,
        events: &mut Events,
        accepted: &mut Vec<usize>,
    ) -> io::Result<()> {
        self.check(self.hosts[at].arrivals_out == 0, "polls before it has looked at what arrived");
        let parked = wait == Wait::No || self.hosts[at].doorbell.is_parked();
        self.check(parked, "sleeps without having said so at its doorbell");
        self.hosts[at].asleep = false;
        let until = match wait {
            Wait::No => Some(self.now.steady),
            Wait::For(time) => Some(self.now.steady + time),
            Wait::Forever => None,
        };
        // The reactor has not heard of the time that it slept: an alarm stays where it was set.
        let until = until.into_iter().chain(self.hosts[at].alarm.take()).min();
        if self.chance(self.faults.interrupted_poll) {
            self.advance(STEP);
            self.tell_of_silent_sends(at, events);
            return Ok(());
        }
        loop {
            let step = STEP.mul_f64(self.random.f64());
            self.advance(step);
            self.complete(at, events, accepted);
            let late = until.is_some_and(|until| self.now.steady >= until);
            if late || !events.is_empty() || !accepted.is_empty() {
                self.tell_of_silent_sends(at, events);
                return Ok(());
            }
            if !self.stirs(at) {
                self.hosts[at].asleep = true;
                self.hosts[at].alarm = until;
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
    }

    /// True when a sleeping reactor wakes.
    pub(super) fn wakes(&mut self, at: usize) -> bool {
        self.hosts[at].woken |= !self.hosts[at].doorbell.is_parked();
        self.stirs(at) || self.hosts[at].alarm.is_some_and(|alarm| self.now.steady >= alarm)
    }

    /// True when an event will come without anyone acting.
    fn stirs(&self, at: usize) -> bool {
        let accepts = match self.hosts[at].accept {
            Accept::Idle => false,
            Accept::Armed => !self.backlog.is_empty(),
            Accept::Stopping => true,
        };
        let window = self.faults.window;
        accepts
            || self.hosts[at].woken
            || self.hosts[at].open.iter().any(|&link| self.links[link].stirs(window))
    }

    pub(super) fn advance(&mut self, time: Duration) {
        self.now.steady += time;
        self.now.unix_us += time.as_micros() as u64;
    }

    /// The server is gone. Panics unless it has let go of everything.
    pub(super) fn end(&mut self) {
        self.refuse_backlog();
        for host in &self.hosts {
            self.check(host.open.is_empty(), "left connections open");
            self.check(host.arrivals_out == 0, "kept receive buffers");
        }
        self.check(self.descriptors_used == 0, "kept sockets");
    }

    /// Panics with the seed unless `holds`.
    #[track_caller]
    pub(super) fn check(&self, holds: bool, violation: &str) {
        assert!(holds, "seed {}: the reactor {violation}", self.seed);
    }

    fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.random.f64() < probability
    }
}

/// Each client has a port of its own.
fn address_of(link: usize) -> PeerAddress {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    PeerAddress::Tcp { peer: address(link as u16), local: address(PORT) }
}

/// What the reactor starts.
impl Network {
    pub(super) fn start_accept(&mut self, at: usize, listener: usize) {
        self.check(listener == 0, "accepts from a listener that is not there");
        self.check(self.hosts[at].accept != Accept::Armed, "accepts twice");
        self.hosts[at].accept = Accept::Armed;
        self.hosts[at].accept_starts += 1;
    }

    pub(super) fn stop_accept(&mut self, at: usize, listener: usize) -> Vec<usize> {
        self.check(listener == 0, "stops a listener that is not there");
        if self.hosts[at].accept == Accept::Armed {
            self.hosts[at].accept = Accept::Stopping;
        }
        self.is_listening = false;
        let free = self.descriptors.saturating_sub(self.descriptors_used);
        let waiting: Vec<_> = self.backlog.drain(..free.min(self.backlog.len())).collect();
        waiting.iter().for_each(|&link| self.links[link].end = End::Socket);
        self.descriptors_used += waiting.len();
        self.refuse_backlog();
        waiting
    }

    /// Who waited to be accepted hears that nobody listens.
    fn refuse_backlog(&mut self) {
        for link in self.backlog.drain(..) {
            self.links[link].reset();
            self.links[link].end = End::Closed;
        }
    }

    pub(super) fn refuse(&mut self, link: usize, word: impl FnOnce(&PeerAddress) -> &'static [u8]) {
        let reply = word(&address_of(link));
        let room = self.faults.window.min(reply.len());
        self.links[link].to_peer.extend(&reply[..room]);
        self.hang_up(link);
    }

    /// Closes a socket that has no name.
    pub(super) fn hang_up(&mut self, link: usize) {
        self.links[link].end = End::Closed;
        self.descriptors_used -= 1;
    }

    pub(super) fn open(&mut self, at: usize, id: ConnId, link: usize) -> io::Result<Endpoint> {
        self.check(!self.hosts[at].names.contains_key(&id), "gives one name to two connections");
        self.check(!self.hosts[at].used.contains(&id), "uses a name again");
        if self.links[link].broken || self.chance(self.faults.failed_open) {
            self.links[link].reset();
            self.hang_up(link);
            return Err(io::ErrorKind::NotConnected.into());
        }
        self.hosts[at].names.insert(id, link);
        self.hosts[at].open.push(link);
        self.links[link].end = End::Open { host: at, id };
        Ok(Endpoint { fd: link as i32, address: address_of(link) })
    }

    pub(super) fn start_recv(&mut self, at: usize, id: ConnId, receive: Receive) {
        self.hosts[at].used.insert(id);
        let has_room = match &receive {
            Receive::Into(memory) => memory.len() < memory.capacity(),
            Receive::Stream | Receive::Once(_) => true,
        };
        self.check(has_room, "receives into memory without room");
        let link = self.link(at, id, "receives");
        let (link_shut, idle) = (link.shut, link.recv.is_none());
        let over = link.eof_told || link.failure_told;
        (link.recv, link.stopping) = (Some(receive), false);
        self.check(idle, "has two receives in flight");
        self.check(!link_shut, "receives after it has shut down");
        self.check(!over, "receives from a peer that was said to send nothing more");
    }

    pub(super) fn stop_recv(&mut self, at: usize, id: ConnId) {
        let link = self.link(at, id, "stops to receive");
        let armed = link.recv.is_some() && !link.stopping;
        link.stopping = true;
        self.check(armed, "stops a receive that is not in flight");
    }

    pub(super) fn send(
        &mut self,
        at: usize,
        id: ConnId,
        output: Box<Output>,
        is_awaited: bool,
    ) -> Sending {
        self.hosts[at].used.insert(id);
        let link = self.link(at, id, "sends");
        let (idle, shut, failed) = (link.send.is_none(), link.shut, link.failure_told);
        self.check(idle, "has two sends in flight");
        self.check(!shut, "sends after it has shut down");
        self.check(!failed, "sends to a connection that was said to have failed");
        self.check(!output.is_empty(), "sends nothing");
        let immediate = self.chance(self.faults.immediate_send);
        let silent = !is_awaited && self.chance(self.faults.silent_send);
        let window = self.faults.window;
        let link = self.link(at, id, "sends");
        let has_room = !link.broken && output.len() <= window.saturating_sub(link.to_peer.len());
        let silent = silent && has_room;
        link.send = Some(Leaving { output, sent: 0, silent });
        if silent {
            link.deliver(usize::MAX, window);
            return Sending::InFlight;
        }
        if !immediate {
            return Sending::InFlight;
        }
        let done = !link.broken && link.deliver(usize::MAX, window);
        if !done && !link.broken {
            return Sending::InFlight;
        }
        link.failure_told |= !done;
        let result = if done { Ok(()) } else { Err(Errno(libc::EPIPE)) };
        match link.send.take() {
            Some(Leaving { output, .. }) => Sending::Done { output, result },
            None => Sending::InFlight,
        }
    }

    pub(super) fn finish_recv(&mut self, at: usize, id: ConnId) {
        self.link(at, id, "finishes to receive").deaf = true;
    }

    pub(super) fn shutdown(&mut self, at: usize, id: ConnId) {
        let link = self.link(at, id, "shuts down");
        link.shut = true;
        // What is started and not yet submitted fails then, and that is told.
        if let Some(leaving) = &mut link.send {
            leaving.silent = false;
        }
    }

    pub(super) fn close(&mut self, at: usize, id: ConnId) {
        let link = self.link(at, id, "closes");
        let idle = link.recv.is_none() && link.send.is_none();
        link.end = End::Closed;
        self.check(idle, "closes while something is in flight");
        self.hosts[at].forget(id);
        self.descriptors_used -= 1;
    }

    #[track_caller]
    fn link(&mut self, at: usize, id: ConnId, what: &str) -> &mut Link {
        let Some(&link) = self.hosts[at].names.get(&id) else {
            panic!("seed {}: the reactor {what} on {id:?}, which is not open", self.seed);
        };
        &mut self.links[link]
    }
}

/// What comes of it.
impl Network {
    /// Looks at everything in flight once, in random order.
    fn complete(&mut self, at: usize, events: &mut Events, accepted: &mut Vec<usize>) {
        if std::mem::take(&mut self.hosts[at].woken) {
            events.push(Event::Woken);
        }
        if !self.chance(self.faults.late_completion) {
            self.complete_accept(at, events, accepted);
        }
        if !self.hosts[at].closed_last.is_empty() && self.chance(self.faults.stale_event) {
            self.stale_event(at, events);
        }
        let mut order = self.hosts[at].open.clone();
        self.random.shuffle(&mut order);
        for link in order {
            if self.chance(self.faults.late_completion) {
                continue;
            }
            if self.chance(self.faults.reset) {
                self.links[link].reset();
            }
            if self.random.bool() {
                self.complete_send(link, events);
                self.complete_recv(at, link, events);
            } else {
                self.complete_recv(at, link, events);
                self.complete_send(link, events);
            }
        }
    }

    fn complete_accept(&mut self, at: usize, events: &mut Events, accepted: &mut Vec<usize>) {
        while self.hosts[at].accept != Accept::Idle && !self.backlog.is_empty() {
            if self.hosts[at].accept == Accept::Stopping && self.random.bool() {
                break;
            }
            if self.descriptors_used >= self.descriptors {
                return self.end_accept(at, Some(libc::EMFILE), events);
            }
            if self.chance(self.faults.failed_accept) {
                let errors =
                    [None, Some(libc::EMFILE), Some(libc::ENFILE), Some(libc::ECONNABORTED)];
                let error = errors[self.random.usize(..errors.len())];
                return self.end_accept(at, error, events);
            }
            let Some(link) = self.backlog.pop_front() else { return };
            self.links[link].end = End::Socket;
            self.descriptors_used += 1;
            accepted.push(link);
        }
        if self.hosts[at].accept == Accept::Stopping {
            let error = self.random.bool().then_some(libc::ECANCELED);
            self.end_accept(at, error, events);
        }
    }

    fn end_accept(&mut self, at: usize, error: Option<i32>, events: &mut Events) {
        self.hosts[at].accept = Accept::Idle;
        events.push(Event::AcceptEnded { listener: 0, error: error.map(Errno) });
    }

    /// Something comes for a name that is no longer in use.
    fn stale_event(&mut self, at: usize, events: &mut Events) {
        let closed = &self.hosts[at].closed_last;
        let id = closed[self.random.usize(..closed.len())];
        let more = self.random.bool();
        events.push(match self.random.u8(0..5) {
            0 => self.arrival(at, id, b"stale".to_vec(), more),
            4 => Event::Filled { id, memory: b"stale".to_vec(), end: None },
            1 => Event::RecvEnded { id, end: RecvEnd::Eof },
            2 => Event::RecvEnded { id, end: RecvEnd::Failed(Errno(libc::ECONNRESET)) },
            _ => Event::Sent { id, output: Box::default(), result: Err(Errno(libc::EPIPE)) },
        });
    }

    fn arrival(&mut self, at: usize, id: ConnId, bytes: Vec<u8>, more: bool) -> Event<Simulated> {
        self.hosts[at].arrivals_out += 1;
        Event::Received { id, arrival: Arrival { bytes }, more }
    }

    fn complete_send(&mut self, index: usize, events: &mut Events) {
        if self.links[index].send.as_ref().is_none_or(|leaving| leaving.silent) {
            return;
        }
        let unsent = self.links[index].unsent();
        let partial = self.chance(self.faults.partial_send);
        let most = if partial { self.random.usize(0..=unsent) } else { unsent };
        let lost = self.links[index].shut && self.random.bool();
        let window = self.faults.window;
        let link = &mut self.links[index];
        let done = !link.broken && !lost && link.deliver(most, window);
        if !done && !link.broken && !link.shut {
            return;
        }
        let (End::Open { id, .. }, Some(Leaving { output, .. })) = (link.end, link.send.take())
        else {
            return;
        };
        link.failure_told |= !done;
        let result = if done { Ok(()) } else { Err(Errno(libc::EPIPE)) };
        events.push(Event::Sent { id, output, result });
    }

    fn tell_of_silent_sends(&mut self, at: usize, events: &mut Events) {
        for &index in &self.hosts[at].open {
            let link = &mut self.links[index];
            if let End::Open { id, .. } = link.end
                && let Some(Leaving { output, .. }) = link.send.take_if(|leaving| leaving.silent)
            {
                events.push(Event::Sent { id, output, result: Ok(()) });
            }
        }
    }

    /// Brings bytes until there are none, it is enough for one poll, or the receive ends.
    fn complete_recv(&mut self, at: usize, index: usize, events: &mut Events) {
        let End::Open { id, .. } = self.links[index].end else { return };
        for _ in 0..ARRIVALS {
            if self.links[index].recv.is_none() {
                return;
            }
            if let Some(end) = self.recv_end(at, index) {
                return self.end_recv(index, id, end, events);
            }
            if self.links[index].to_server.is_empty() {
                return;
            }
            self.bring(at, index, id, events);
            if self.chance(self.faults.reset) {
                self.links[index].reset();
            }
            if self.chance(self.faults.late_completion) {
                return;
            }
        }
    }

    fn end_recv(&mut self, index: usize, id: ConnId, end: RecvEnd, events: &mut Events) {
        let link = &mut self.links[index];
        link.eof_told |= end == RecvEnd::Eof;
        link.failure_told |= matches!(end, RecvEnd::Failed(_));
        events.push(match link.recv.take() {
            Some(Receive::Into(memory)) => Event::Filled { id, memory, end: Some(end) },
            _ => Event::RecvEnded { id, end },
        });
    }

    /// Why a receive in flight ends now. None: it goes on, or brings bytes.
    fn recv_end(&mut self, at: usize, index: usize) -> Option<RecvEnd> {
        let no_buffer = self.hosts[at].arrivals_out >= self.faults.buffers;
        let takes_buffer = !matches!(self.links[index].recv, Some(Receive::Into(_)));
        let starved = takes_buffer && (no_buffer || self.chance(self.faults.starved_receive));
        let bytes_first = self.chance(self.faults.bytes_after_stop);
        let hears_stop = self.random.bool();
        let link = &self.links[index];
        let brings = !link.to_server.is_empty() && !starved;
        if link.broken {
            return Some(RecvEnd::Failed(Errno(libc::ECONNRESET)));
        }
        let stopping = link.stopping;
        if (link.shut || stopping) && !(brings && bytes_first) {
            let stopped = stopping && (hears_stop || !link.shut);
            return Some(if stopped { RecvEnd::Stopped } else { RecvEnd::Eof });
        }
        if !link.to_server.is_empty() {
            return starved.then_some(RecvEnd::Starved);
        }
        link.is_finished().then_some(RecvEnd::Eof)
    }

    fn bring(&mut self, at: usize, index: usize, id: ConnId, events: &mut Events) {
        let most = match &self.links[index].recv {
            Some(Receive::Into(memory)) => memory.capacity() - memory.len(),
            Some(Receive::Once(most)) => self.faults.buffer_len.min(*most),
            _ => self.faults.buffer_len,
        };
        let whole = self.links[index].to_server.len().min(most);
        let short = self.chance(self.faults.short_receive);
        let len = if short { self.random.usize(1..=whole) } else { whole };
        let ends = self.chance(self.faults.early_receive_end);
        let link = &mut self.links[index];
        let bytes = link.to_server.drain(..len);
        match link.recv.take() {
            Some(Receive::Into(mut memory)) => {
                memory.extend(bytes);
                events.push(Event::Filled { id, memory, end: None });
            }
            receive => {
                let more = !ends && matches!(receive, Some(Receive::Stream));
                let bytes = bytes.collect();
                link.recv = receive.filter(|_| more);
                events.push(self.arrival(at, id, bytes, more));
            }
        }
    }
}
