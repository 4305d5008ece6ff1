//! Bytes and connections: one single-threaded loop per core. It knows no protocol.

pub mod backend;
mod buf_ring;
mod buffers;
mod connection;
pub mod epoll;
mod limits;
mod links;
pub mod listener;
mod outgoing;
mod sharing;
pub mod simulated;
mod slab;
pub mod socket;
pub mod uring;
mod uring_ring;
mod uring_setup;
mod user_data;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::Now;
use crate::config::Number;
use crate::mailbox::{ConnId, Message};
use crate::memory;
use crate::output::Output;
use crate::service::{Peer, Service};
use backend::{Backend, Errno, Event, RecvEnd, Wait};
use buffers::Outputs;
use connection::{Connection, NextRecv, Recv, Turn};
use sharing::Sharing;
use slab::Slab;

pub use limits::{Limits, LiveLimits};
pub use links::Links;

/// How long accepting rests after an error that would come again at once, EMFILE above all.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Messages handled in one tick; the rest waits for the next.
const MESSAGES_PER_TICK: usize = 256;

/// How often connections are looked at that do nothing.
const PATROL: Duration = Duration::from_secs(1);

/// What can be chosen about a reactor.
#[derive(Clone, Debug)]
pub struct Options {
    /// This reactor's place among all of them.
    pub index: usize,
    /// Microseconds to look for work without sleeping after the last event. It may change.
    pub busy_poll: Arc<Number>,
    /// Seconds of silence after which a connection is closed; 0: never. It may change.
    pub timeout: Arc<Number>,
    /// How much a connection may take,
    pub limits: Limits,
    /// and where some of that may change.
    pub live_limits: Option<LiveLimits>,
    /// Bytes that spare output buffers may take,
    pub spare_output_bytes: usize,
    /// and the largest of them.
    pub spare_output_capacity: usize,
    /// Seconds that an orderly stop may take to answer what was received. It may change.
    pub shutdown_timeout: Arc<Number>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            index: 0,
            busy_poll: Arc::default(),
            timeout: Arc::default(),
            limits: Limits::default(),
            live_limits: None,
            spare_output_bytes: 16 << 20,
            spare_output_capacity: 1 << 17,
            shutdown_timeout: Arc::new(Number::new(10)),
        }
    }
}

/// A loop over the connections of one thread: `poll -> serve -> send -> close`.
pub struct Reactor<B: Backend, S: Service> {
    backend: B,
    service: S,
    options: Options,
    links: Links<B::Socket>,
    connections: Slab<Connection<S::Session>>,
    events: Vec<Event<B>>,
    /// Connections that something happened to in this tick.
    touched: Vec<ConnId>,
    /// Connections with requests at hand that their last turn left over.
    run_list: Vec<ConnId>,
    outputs: Outputs,
    now: Now,
    tick: u64,
    /// When something happened last.
    active: Instant,
    sharing: Sharing,
    /// Listeners that rest, and until when.
    pauses: Vec<(usize, Instant)>,
    /// When connections that do nothing were looked at last.
    patrolled: Instant,
    /// The reactor that serves the next connection.
    next_peer: usize,
    /// When a stop gives up on what is unsent. None: no stop was asked for.
    stop_at: Option<Instant>,
}

impl<B: Backend, S: Service> Reactor<B, S> {
    /// A reactor that accepts from the backend's listeners, if it has any.
    pub fn new(mut backend: B, service: S, options: Options, links: Links<B::Socket>) -> Self {
        (0..backend.listeners()).for_each(|listener| backend.start_accept(listener));
        let now = backend.now();
        Self {
            outputs: Outputs::new(options.spare_output_bytes, options.spare_output_capacity),
            backend,
            service,
            options,
            links,
            connections: Slab::new(),
            events: Vec::new(),
            touched: Vec::new(),
            run_list: Vec::new(),
            now,
            tick: 0,
            active: now.steady,
            sharing: Sharing::default(),
            pauses: Vec::new(),
            patrolled: now.steady,
            next_peer: 0,
            stop_at: None,
        }
    }

    /// Runs until all reactors are asked to stop, and then until all that was received is answered, or
    /// [`Options::shutdown_timeout`] has passed.
    ///
    /// # Errors
    ///
    /// The backend became unusable.
    pub fn run(&mut self) -> io::Result<()> {
        while !self.is_finished() {
            self.tick()?;
        }
        Ok(())
    }

    /// One turn of the loop: at most one wait, and everything that came of it.
    ///
    /// # Errors
    ///
    /// The backend became unusable.
    pub fn tick(&mut self) -> io::Result<()> {
        self.poll()?;
        self.serve();
        self.send();
        self.close();
        Ok(())
    }

    /// True when it was stopped and its last connection is closed.
    pub fn is_finished(&self) -> bool {
        let is_empty = self.connections.len() == 0 && self.links.arrivals.is_empty();
        self.stop_at.is_some() && is_empty
    }

    /// The backend: a simulation is steered through it.
    pub fn backend_mut(&mut self) -> &mut B {
        &mut self.backend
    }

    /// Hands the kernel what the last tick started, and waits for what happens next.
    fn poll(&mut self) -> io::Result<()> {
        let mut wait = self.wait();
        if wait != Wait::No {
            self.links.doorbell.park();
            if self.is_called() {
                wait = Wait::No;
            }
        }
        let polled = self.backend.poll(wait, &mut self.events);
        self.links.doorbell.unpark();
        polled?;
        self.now = self.backend.now();
        self.tick += 1;
        self.links.stats.ticks.add(1);
        if let Some(live) = &self.options.live_limits {
            self.options.limits.follow(live);
        }
        if !self.events.is_empty() {
            self.active = self.now.steady;
        }
        Ok(())
    }

    /// Executes what has arrived.
    fn serve(&mut self) {
        // New turns are listed after serving: who yields now goes on in the next tick.
        let mut due = std::mem::take(&mut self.run_list);
        let mut events = std::mem::take(&mut self.events);
        let asking = events.iter().filter_map(Event::asks).chain(due.iter().copied());
        self.sharing.note(asking, self.now.steady);
        self.service.enter(self.sharing.is_on(self.now.steady));
        self.keep_time();
        self.read_mail();
        self.look_ahead(&events);
        events.drain(..).for_each(|event| self.handle(event));
        self.events = events;
        due.drain(..).for_each(|id| self.go_on(id));
        self.run_list = due;
        self.service.leave();
    }

    /// Shows the service what it is about to serve, so that what that needs comes from memory at the
    /// same time and not one after the other.
    fn look_ahead(&mut self, events: &[Event<B>]) {
        // One alone is served at once: there is nothing to wait for meanwhile.
        if events.len() < 2 {
            return;
        }
        for event in events {
            let Event::Received { id, arrival, .. } = event else { continue };
            if let Some(connection) = self.connections.get_mut(*id)
                && connection.is_between_requests()
            {
                self.service.foresee(&connection.session, self.backend.peek(arrival));
            }
        }
    }

    /// Starts one send for each connection that has something to say, and starts or stops receiving
    /// as its limits ask.
    fn send(&mut self) {
        let is_shared = self.sharing.is_on(self.now.steady);
        let limits = &self.options.limits;
        let mut turn = Turn::new(self.now, self.tick, limits, &mut self.outputs);
        for &id in &self.touched {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            connection.check_eof(&mut self.service, &mut turn);
            let bytes = connection.start_send(&mut turn, |output, is_awaited| {
                self.backend.send(id, output, is_awaited)
            });
            if bytes > 0 {
                self.links.stats.sends.add(1);
                self.links.stats.bytes_out.add(bytes as u64);
            }
            let held = self.service.held(&connection.session);
            if let Some(excess) = connection.check(limits, self.now.steady, held) {
                excess.report(&self.links.stats);
                connection.abandon();
            }
            if let Some(buffers) = connection.note(held) {
                self.service.note(&connection.session, buffers);
            }
            match connection.next_recv(limits, is_shared) {
                NextRecv::Start(receive) => self.backend.start_recv(id, receive),
                NextRecv::Stop => self.backend.stop_recv(id),
                NextRecv::Leave => {}
            }
            if connection.is_runnable() && !connection.listed {
                connection.listed = true;
                self.run_list.push(id);
            }
        }
    }

    /// Closes the connections that have come to their end: both directions are shut down, what is
    /// in flight comes back, and only then the slot is freed.
    fn close(&mut self) {
        for id in self.touched.drain(..) {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            connection.touched = false;
            if !connection.is_ending() {
                continue;
            }
            if !connection.is_idle() {
                if connection.shut() {
                    self.backend.shutdown(id);
                }
                continue;
            }
            self.backend.close(id);
            if let Some(connection) = self.connections.remove(id) {
                self.service.close(connection.session);
            }
            self.links.clients.leave();
            self.links.stats.closed.add(1);
        }
    }

    /// How long the next poll may wait.
    fn wait(&mut self) -> Wait {
        let wish = self.service.housekeep(self.now);
        memory::give_back_if_asked();
        let since_active = self.now.steady.saturating_duration_since(self.active);
        let busy_poll = Duration::from_micros(self.options.busy_poll.get());
        if !self.run_list.is_empty() || since_active < busy_poll {
            return Wait::No;
        }
        let patrol = self.is_patrolled().then(|| self.patrolled + PATROL);
        let pauses = self.pauses.iter().map(|(_, until)| *until);
        let alarms = pauses.chain(self.stop_at).chain(patrol);
        let alarms = alarms.map(|at| at.saturating_duration_since(self.now.steady));
        match alarms.chain(wish).min() {
            None => Wait::Forever,
            Some(Duration::ZERO) => Wait::No,
            Some(time) => Wait::For(time),
        }
    }

    /// True when someone outside wants something of this reactor.
    fn is_called(&self) -> bool {
        let stop = self.stop_at.is_none() && self.links.stop.is_asked();
        let has_mail = !self.links.mailbox.is_empty() || !self.links.arrivals.is_empty();
        stop || has_mail || memory::is_asked()
    }

    /// Does what its time has come for.
    fn keep_time(&mut self) {
        let now = self.now.steady;
        let backend = &mut self.backend;
        self.pauses.retain(|(listener, until)| {
            let rests = now < *until;
            if !rests {
                backend.start_accept(*listener);
            }
            rests
        });
        match self.stop_at {
            None if self.links.stop.is_asked() => self.begin_stop(),
            Some(at) if now >= at => self.abandon_all(),
            _ => {}
        }
        if self.is_patrolled() && now - self.patrolled >= PATROL {
            self.patrolled = now;
            self.patrol();
        }
    }

    /// True while connections may have to be closed for something that they do not do.
    fn is_patrolled(&self) -> bool {
        let soft = self.options.limits.output.soft > 0;
        (soft || self.options.timeout.get() > 0) && self.connections.len() > 0
    }

    /// No new connections; those that are there close when what they have sent by now is answered.
    fn begin_stop(&mut self) {
        let seconds = self.options.shutdown_timeout.get();
        self.stop_at = Some(self.now.steady + Duration::from_secs(seconds));
        self.pauses.clear();
        for listener in 0..self.backend.listeners() {
            for socket in self.backend.stop_accept(listener) {
                self.accepted(socket);
            }
        }
        self.connections.ids().for_each(|id| self.backend.finish_recv(id));
    }

    fn abandon_all(&mut self) {
        let ids: Vec<_> = self.connections.ids().collect();
        ids.into_iter().for_each(|id| self.with(id, Connection::abandon));
    }

    /// Closes the connections on which nothing has come or gone for `timeout`, and looks at those that
    /// have not been reading for a while.
    fn patrol(&mut self) {
        let (now, timeout) = (self.now.steady, self.options.timeout.get());
        let ids: Vec<_> = self.connections.ids().collect();
        for id in ids {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            if timeout > 0 && connection.is_silent(now, Duration::from_secs(timeout)) {
                self.with(id, Connection::abandon);
            } else if connection.is_unsent() {
                self.touch(id);
            }
        }
    }

    fn read_mail(&mut self) {
        for _ in 0..MESSAGES_PER_TICK {
            let Some(message) = self.links.mailbox.pop() else { break };
            match message {
                Message::Close(id) => self.with(id, Connection::abandon),
                Message::Answer(id, answer) => self.answered(id, answer),
            }
        }
        while let Some(socket) = self.links.arrivals.pop() {
            self.adopt(socket);
        }
    }

    /// Gives a connection the answer that it waits for; its next turn is for what it sent meanwhile.
    fn answered(&mut self, id: ConnId, answer: Output) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let mut turn = Turn::new(self.now, self.tick, &self.options.limits, &mut self.outputs);
        connection.answered(answer, &mut self.service, &mut turn);
        self.touch(id);
    }

    fn handle(&mut self, event: Event<B>) {
        match event {
            Event::Accepted(socket) => self.accepted(socket),
            Event::AcceptEnded { listener, error } => self.accept_ended(listener, error),
            Event::Received { id, arrival, more } => self.received(id, arrival, more),
            Event::Filled { id, memory, end } => self.filled(id, memory, end),
            Event::RecvEnded { id, end } => self.recv_ended(id, end),
            Event::Sent { id, output, result } => {
                let Some(connection) = self.connections.get_mut(id) else { return };
                connection.active = self.now.steady;
                connection.sent(output, result.is_ok(), &mut self.outputs);
                self.touch(id);
            }
            Event::Woken => self.links.stats.wakes.add(1),
        }
    }

    /// Deals a new connection to the reactors in turn.
    fn accepted(&mut self, socket: B::Socket) {
        if !self.links.clients.enter() {
            self.links.stats.refused.add(1);
            return self.backend.refuse(socket, |address| self.service.refusal(address));
        }
        if self.stop_at.is_some() {
            return self.adopt(socket); // the others may have ended
        }
        let peer = self.next_peer;
        self.next_peer = (peer + 1) % self.links.peers.len().max(1);
        if peer == self.options.index {
            return self.adopt(socket);
        }
        // A reactor that cannot keep up with its arrivals gets no more; this one serves them.
        if let Err(socket) = self.links.peers[peer].push(socket) {
            self.adopt(socket);
        }
    }

    /// Takes a connection in. It was counted among the clients before.
    fn adopt(&mut self, socket: B::Socket) {
        let id = self.connections.next_id();
        let Ok(endpoint) = self.backend.open(id, socket) else {
            return self.links.clients.leave();
        };
        let refusal = self.service.refuses(&endpoint.address);
        let session = self.service.open(Peer {
            id,
            reactor: self.options.index,
            fd: endpoint.fd,
            address: endpoint.address,
            connected: self.now.steady,
        });
        let mut connection = Connection::new(session, self.now.steady);
        if let Some(word) = refusal {
            let mut turn = Turn::new(self.now, self.tick, &self.options.limits, &mut self.outputs);
            connection.turn_away(word, &mut self.service, &mut turn);
            self.links.stats.refused.add(1);
        }
        self.connections.insert(connection);
        if self.stop_at.is_some() {
            self.backend.finish_recv(id);
        }
        self.links.stats.accepted.add(1);
        self.touch(id);
    }

    fn accept_ended(&mut self, listener: usize, error: Option<Errno>) {
        if self.stop_at.is_some() {
            return;
        }
        match error {
            // The connection to be accepted went away, or the kernel ended the request as it may.
            None | Some(Errno(libc::ECONNABORTED | libc::EINTR | libc::EAGAIN)) => {
                self.backend.start_accept(listener);
            }
            Some(_) => {
                self.links.stats.accept_pauses.add(1);
                self.pauses.push((listener, self.now.steady + ACCEPT_PAUSE));
            }
        }
    }

    fn received(&mut self, id: ConnId, arrival: B::Arrival, more: bool) {
        let Some(connection) = self.connections.get_mut(id) else {
            return self.backend.receive(arrival, |_| ());
        };
        if !more {
            connection.recv = Recv::Idle;
        }
        let mut turn = Turn::new(self.now, self.tick, &self.options.limits, &mut self.outputs);
        let service = &mut self.service;
        let stats = &self.links.stats;
        self.backend.receive(arrival, |bytes| {
            stats.recvs.add(1);
            stats.bytes_in.add(bytes.len() as u64);
            connection.arrived(bytes, service, &mut turn);
        });
        self.touch(id);
    }

    fn filled(&mut self, id: ConnId, memory: Vec<u8>, end: Option<RecvEnd>) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let mut turn = Turn::new(self.now, self.tick, &self.options.limits, &mut self.outputs);
        let count = connection.filled(memory, end, &mut self.service, &mut turn);
        self.links.stats.recvs.add(1);
        self.links.stats.bytes_in.add(count as u64);
        self.touch(id);
    }

    fn recv_ended(&mut self, id: ConnId, end: RecvEnd) {
        if end == RecvEnd::Starved {
            self.links.stats.starved.add(1);
        }
        self.with(id, |connection| connection.recv_ended(end));
    }

    /// Gives a connection the turn it waits for.
    fn go_on(&mut self, id: ConnId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.listed = false;
        let mut turn = Turn::new(self.now, self.tick, &self.options.limits, &mut self.outputs);
        connection.run(&mut self.service, &mut turn);
        self.touch(id);
    }

    fn with(&mut self, id: ConnId, f: impl FnOnce(&mut Connection<S::Session>)) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        f(connection);
        self.touch(id);
    }

    /// Notes that a connection needs a look when all are served.
    fn touch(&mut self, id: ConnId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if !connection.touched {
            connection.touched = true;
            self.touched.push(id);
        }
    }
}
