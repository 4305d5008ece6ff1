//! One connection: its [receiving side](Incoming), its [sending side](Outgoing), when what has
//! arrived is executed, and how far its end has come.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::clock::Now;
use crate::output::Output;
use crate::reactor::backend::{Receive, RecvEnd, SHARE, Sending};
use crate::reactor::buffers::Outputs;
use crate::reactor::limits::{Excess, Limits};
use crate::reactor::outgoing::Outgoing;
use crate::service::incoming::Incoming;
use crate::service::{Buffers, Next, Served, Service};

/// Unsent replies up to this size are not worth a note: they are about to leave.
const SMALL_OUTPUT: usize = 16 * 1024;

/// What the connections served in one tick share.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) now: Now,
    /// Changes from tick to tick.
    pub(super) tick: u64,
    pub(super) limits: &'a Limits,
    pub(super) outputs: &'a mut Outputs,
}

impl<'a> Turn<'a> {
    pub(super) fn new(now: Now, tick: u64, limits: &'a Limits, outputs: &'a mut Outputs) -> Self {
        Self { now, tick, limits, outputs }
    }
}

/// The receive of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recv {
    Idle,
    /// Brings bytes again and again.
    Streaming,
    /// Brings bytes once.
    Single,
    /// Asked to stop, and not yet heard of.
    Stopping,
}

/// What is to be done about the receive.
#[derive(Debug)]
pub(super) enum NextRecv {
    Start(Receive),
    Stop,
    /// It goes on, or waits.
    Leave,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nothing more is read or executed; what was answered still leaves.
    Draining,
    /// Nothing more leaves either.
    Closing,
}

#[derive(Debug)]
pub(super) struct Connection<Session> {
    pub(super) session: Session,
    phase: Phase,
    pub(super) recv: Recv,
    /// The peer will send nothing more.
    eof: bool,
    /// Both directions were ended; what is in flight is on its way back.
    shut: bool,
    /// What has arrived may hold whole requests that have not been executed.
    owed: bool,
    /// Nothing is executed before an answer has come from elsewhere.
    blocked: bool,
    /// Waits on the reactor's run list.
    pub(super) listed: bool,
    /// Stands on the reactor's list of connections that this tick has touched.
    pub(super) touched: bool,
    /// When something came or went last.
    pub(super) active: Instant,
    incoming: Incoming,
    outgoing: Outgoing,
    /// A turn of its has ended early, and no receive since has brought less than it could.
    hurries: bool,
    /// Bytes of requests executed in the tick of that number: all that may be, once its turn has ended.
    executed: (u64, usize),
    /// The service was told that there is something in the buffers.
    noted: bool,
}

impl<Session> Connection<Session> {
    pub(super) fn new(session: Session, now: Instant) -> Self {
        Self {
            session,
            phase: Phase::Open,
            recv: Recv::Idle,
            eof: false,
            shut: false,
            owed: false,
            blocked: false,
            listed: false,
            touched: false,
            active: now,
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
            hurries: false,
            executed: (0, 0),
            noted: false,
        }
    }

    /// Takes in what has arrived, and executes it if nothing stands before it.
    pub(super) fn arrived<S>(&mut self, bytes: &[u8], service: &mut S, turn: &mut Turn<'_>)
    where
        S: Service<Session = Session>,
    {
        self.active = turn.now.steady;
        if self.phase != Phase::Open {
            return;
        }
        self.hurries &= bytes.len() >= SHARE;
        if self.incoming.is_empty() && !self.owed && self.may_execute(turn) {
            let served = self.serve(bytes.len(), turn, |session, output, now| {
                service.serve(session, bytes, output, now)
            });
            let rest = bytes.get(served.consumed..).unwrap_or_default();
            return self.keep(rest, served, service, turn);
        }
        self.incoming.arrived(bytes);
        self.go_on(service, turn);
    }

    /// Takes back the memory of a receive into it, with what has arrived, and executes that.
    /// Returns how many bytes have come.
    pub(super) fn filled<S>(
        &mut self,
        memory: Vec<u8>,
        end: Option<RecvEnd>,
        service: &mut S,
        turn: &mut Turn<'_>,
    ) -> usize
    where
        S: Service<Session = Session>,
    {
        self.recv = Recv::Idle;
        if self.phase != Phase::Open {
            return 0;
        }
        let count = self.incoming.take_back(memory);
        match end {
            None => {
                self.active = turn.now.steady;
                self.go_on(service, turn);
            }
            Some(end) => self.recv_ended(end),
        }
        count
    }

    /// Executes what has arrived behind other bytes, if nothing stands before it.
    fn go_on<S>(&mut self, service: &mut S, turn: &mut Turn<'_>)
    where
        S: Service<Session = Session>,
    {
        if !self.incoming.may_be_whole() {
            return;
        }
        self.owed = !self.blocked;
        if !self.listed && self.may_execute(turn) {
            self.run(service, turn);
        }
    }

    /// True when what arrives next begins with a new request.
    pub(super) fn is_between_requests(&self) -> bool {
        self.incoming.is_empty()
    }

    /// Executes what has arrived before.
    pub(super) fn run<S>(&mut self, service: &mut S, turn: &mut Turn<'_>)
    where
        S: Service<Session = Session>,
    {
        if !self.is_runnable() {
            return;
        }
        let mut incoming = std::mem::take(&mut self.incoming);
        let served = incoming.lend(|bytes, memory| {
            self.serve(bytes.len(), turn, |session, output, now| match memory {
                None => service.serve(session, bytes, output, now),
                Some(memory) => service.serve_shared(session, memory, output, now),
            })
        });
        self.incoming = incoming;
        self.keep(&[], served, service, turn);
    }

    /// Has `len` bytes served.
    fn serve(
        &mut self,
        len: usize,
        turn: &mut Turn<'_>,
        serve: impl FnOnce(&mut Session, &mut Output, Now) -> Served,
    ) -> Served {
        let room = self.outgoing.room(turn.outputs, turn.limits);
        let served = serve(&mut self.session, room, turn.now);
        debug_assert!(served.consumed <= len, "a service consumes what it was given");
        let before = if self.executed.0 == turn.tick { self.executed.1 } else { 0 };
        self.executed = (turn.tick, before + served.consumed);
        served
    }

    /// Takes in the answer that the connection is blocked by. One that ends meanwhile hears nothing.
    pub(super) fn answered<S>(&mut self, answer: Output, service: &mut S, turn: &mut Turn<'_>)
    where
        S: Service<Session = Session>,
    {
        if self.phase != Phase::Open {
            return;
        }
        let room = self.outgoing.room(turn.outputs, turn.limits);
        service.answered(&mut self.session, answer, room);
        self.active = turn.now.steady;
        self.blocked = false;
        self.owed = true; // what has come meanwhile, and what the service had left over
    }

    /// Keeps what the service left over, and what it wants next.
    fn keep<S>(&mut self, rest: &[u8], served: Served, service: &mut S, turn: &mut Turn<'_>)
    where
        S: Service<Session = Session>,
    {
        let Served { consumed, next } = served;
        let missing = if let Next::Read { missing } = next { missing } else { 0 };
        self.incoming.keep(rest, consumed, missing);
        self.owed = false;
        match next {
            Next::Read { .. } => {}
            Next::Yield => {
                self.owed = true;
                self.hurries = true;
                self.executed.1 = turn.limits.bytes_per_tick;
            }
            Next::Block => self.blocked = true,
            Next::Close => self.drain(service, turn),
        }
    }

    fn may_execute(&self, turn: &Turn<'_>) -> bool {
        let (tick, bytes) = self.executed;
        let spent = tick == turn.tick && bytes >= turn.limits.bytes_per_tick;
        !self.blocked && !spent && self.outgoing.has_room(turn.limits)
    }

    /// True when requests are at hand that may be executed now.
    pub(super) fn is_runnable(&self) -> bool {
        self.owed && !self.outgoing.is_paused() && self.phase == Phase::Open
    }

    /// The receive has ended.
    pub(super) fn recv_ended(&mut self, end: RecvEnd) {
        self.recv = Recv::Idle;
        match end {
            RecvEnd::Eof => self.eof = true,
            RecvEnd::Stopped | RecvEnd::Starved => {}
            RecvEnd::Failed(_) => self.abandon(),
        }
    }

    /// Starts to send what was answered, if nothing is being sent. `send` starts it, and is told
    /// whether the connection waits for its end; a send that is done at once is accounted for at
    /// once. Returns the bytes handed over.
    pub(super) fn start_send(
        &mut self,
        turn: &mut Turn<'_>,
        send: impl FnOnce(Box<Output>, bool) -> Sending,
    ) -> usize {
        if self.phase == Phase::Closing {
            return 0;
        }
        let Some(output) = self.outgoing.begin_send(turn.outputs) else { return 0 };
        let bytes = output.len();
        // When the last replies have left the connection closes, and one that is paused goes on. The
        // hard limit must not count what has left when the next request comes.
        let is_last = self.eof || self.phase == Phase::Draining;
        let limits = turn.limits;
        let is_awaited = is_last || bytes > limits.low_water || limits.output.hard > 0;
        match send(output, is_awaited) {
            Sending::InFlight => {}
            Sending::Done { output, result } => self.sent(output, result.is_ok(), turn.outputs),
        }
        bytes
    }

    /// The send has ended; if it failed the connection is beyond use.
    pub(super) fn sent(&mut self, output: Box<Output>, whole: bool, outputs: &mut Outputs) {
        self.outgoing.sent(output, outputs);
        if !whole {
            self.abandon();
        }
    }

    /// Compares what is held for the peer with the limits. Says which is passed by a connection that
    /// is not closing already.
    ///
    /// `held` bytes of what has come lie with the service.
    pub(super) fn check(&mut self, limits: &Limits, now: Instant, held: usize) -> Option<Excess> {
        self.outgoing.check_water(limits);
        if self.phase == Phase::Closing {
            None
        } else if self.outgoing.is_excessive(&limits.output, now) {
            Some(Excess::Output)
        } else {
            (self.incoming.len() + held > limits.query).then_some(Excess::Query)
        }
    }

    /// What is in the buffers, if the service should know: there is more than a small reply, or there
    /// was when it was told last.
    ///
    /// `held` bytes of what has come lie with the service.
    pub(super) fn note(&mut self, held: usize) -> Option<Buffers> {
        let is_light =
            held == 0 && self.incoming.is_empty() && self.outgoing.unsent() <= SMALL_OUTPUT;
        if is_light && !self.noted {
            return None;
        }
        self.noted = !is_light;
        Some(if is_light { Buffers::default() } else { self.buffers(held) })
    }

    fn buffers(&self, held: usize) -> Buffers {
        Buffers {
            query: self.incoming.len() + held,
            query_room: self.incoming.room(),
            output: self.outgoing.unsent(),
            output_pieces: self.outgoing.pieces(),
        }
    }

    /// True when bytes should be received: not while too much is unsent, and not while more than a
    /// tick's worth waits to be executed. A blocked connection may send more, for only who is read
    /// from is seen to leave.
    fn wants_bytes(&self, limits: &Limits) -> bool {
        let at_hand = self.incoming.len();
        let backlog = self.owed && at_hand >= limits.bytes_per_tick
            || self.blocked && at_hand >= limits.high_water;
        self.phase == Phase::Open && !self.eof && !self.outgoing.is_paused() && !backlog
    }

    /// When the peer has sent its last and all that could be executed is, the connection drains.
    pub(super) fn check_eof<S>(&mut self, service: &mut S, turn: &mut Turn<'_>)
    where
        S: Service<Session = Session>,
    {
        if self.eof && !self.owed {
            self.drain(service, turn);
        }
    }

    /// Starts, stops or leaves the receive, as what should be received demands. Who hurries gets no
    /// new stream if the tick `is_shared`: it would bring all that has come, which takes its time.
    pub(super) fn next_recv(&mut self, limits: &Limits, is_shared: bool) -> NextRecv {
        let wants_bytes = self.wants_bytes(limits);
        match self.recv {
            Recv::Idle if wants_bytes => {
                let receive = match self.incoming.next_receive() {
                    Receive::Stream if is_shared && self.hurries => Receive::Once(SHARE),
                    receive => receive,
                };
                let streams = matches!(receive, Receive::Stream);
                self.recv = if streams { Recv::Streaming } else { Recv::Single };
                NextRecv::Start(receive)
            }
            Recv::Streaming if !wants_bytes || self.incoming.is_large() => self.stop_recv(),
            Recv::Single if !wants_bytes => self.stop_recv(),
            _ => NextRecv::Leave,
        }
    }

    fn stop_recv(&mut self) -> NextRecv {
        self.recv = Recv::Stopping;
        NextRecv::Stop
    }

    /// Says a last word to a peer that is not wanted.
    pub(super) fn turn_away<S>(&mut self, word: &[u8], service: &mut S, turn: &mut Turn<'_>)
    where
        S: Service<Session = Session>,
    {
        self.outgoing.room(turn.outputs, turn.limits).extend(word);
        self.drain(service, turn);
    }

    /// No more requests: what was answered leaves, then the connection closes.
    pub(super) fn drain<S>(&mut self, service: &mut S, turn: &mut Turn<'_>)
    where
        S: Service<Session = Session>,
    {
        if self.phase == Phase::Open {
            self.phase = Phase::Draining;
            self.incoming = Incoming::default();
            self.owed = false;
            let room = self.outgoing.room(turn.outputs, turn.limits);
            service.finish(&mut self.session, room);
        }
    }

    /// Nothing more leaves.
    pub(super) fn abandon(&mut self) {
        self.phase = Phase::Closing;
        self.incoming = Incoming::default();
        self.owed = false;
        self.outgoing.abandon();
    }

    /// Looks whether the connection has come to its end: when it drains and all is sent, it closes.
    /// Returns true from then on.
    pub(super) fn is_ending(&mut self) -> bool {
        if self.phase == Phase::Draining && self.outgoing.is_done() {
            self.phase = Phase::Closing;
        }
        self.phase == Phase::Closing
    }

    /// True the first time: the backend ends both directions once.
    pub(super) fn shut(&mut self) -> bool {
        !std::mem::replace(&mut self.shut, true)
    }

    /// True when nothing has come or gone for longer than `timeout`. A send may take long and still
    /// move, so it is not silence, and who is blocked waits for others.
    pub(super) fn is_silent(&self, now: Instant, timeout: Duration) -> bool {
        !self.outgoing.is_sending()
            && !self.blocked
            && now.saturating_duration_since(self.active) > timeout
    }

    /// True when replies wait for the peer to read.
    pub(super) fn is_unsent(&self) -> bool {
        self.outgoing.unsent() > 0
    }

    /// True when nothing is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.recv == Recv::Idle && !self.outgoing.is_sending()
    }
}
