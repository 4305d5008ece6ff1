//! The epoll backend: registered once, edge-triggered, receives into one hot arena, sends that do
//! not wait.
#![allow(unsafe_code)] // The three epoll calls.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::mailbox::{ConnId, Doorbell};
use crate::output::Output;
use crate::reactor::backend::{
    Backend, Endpoint, Engine, Errno, Event, Receive, RecvEnd, Sending, Wait,
};
use crate::reactor::listener::Listener;
use crate::reactor::slab::Blocks;
use crate::reactor::socket;
use crate::service::PeerAddress;
use crate::stats::ReactorStats;

/// Events that one epoll_wait may report.
const EVENTS: usize = 1024;

/// Bytes received in one poll. All polls use the same memory from its beginning, so that small
/// requests stay in a small, hot part of it.
const ARENA: usize = 1 << 18;

/// Bytes one recv(2) may take.
const MOST: usize = 1 << 16;

/// With less room than this, who else is readable waits for the next poll.
const LEAST: usize = 1 << 14;

/// After so much time of the processor a connection more is accepted. To accept one and to let it go takes
/// some 10 µs, so those who come and go cost those who are there a tenth of it, about.
const TIME_PER_ACCEPT: Duration = Duration::from_micros(100);

/// Connections accepted from one listener in one poll.
const ACCEPTS: usize = 64;

/// What every connection is watched for. EPOLLOUT joins only after a send found the socket full.
const READABLE: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLET) as u32;

/// Says that the peer's last bytes are at hand, so that no further edge announces what follows them.
const LAST: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;

const WRITABLE: u32 = (libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR) as u32;

/// Indices from here on name listeners and the doorbell, not connections.
const DOORBELL: u32 = u32::MAX;
const FIRST_LISTENER: u32 = u32::MAX - 1024;

/// Moves bytes with epoll(7), recv(2) and send(2).
pub struct Epoll {
    epoll: OwnedFd,
    engine: Engine,
    listeners: Arc<[Listener]>,
    slots: Blocks<Option<Slot>>,
    arena: Vec<u8>,
    /// How much of the arena this poll has filled.
    filled: usize,
    ready: Vec<libc::epoll_event>,
    /// Connections whose bytes are at hand, and are to be received.
    readable: VecDeque<ConnId>,
    /// Listeners with connections that this poll is to accept.
    calling: Vec<usize>,
    /// The time of the processor that this thread had taken when it accepted last.
    accepted: Duration,
    /// Events that came about outside of `poll`.
    pending: Vec<Event<Self>>,
    stats: Arc<ReactorStats>,
}

struct Slot {
    id: ConnId,
    fd: OwnedFd,
    /// What the reactor wants.
    receive: Option<Receive>,
    /// Bytes may be at hand.
    readable: bool,
    /// The peer's last bytes are at hand.
    last: bool,
    /// Stands in `readable`.
    listed: bool,
    /// EPOLLOUT has joined.
    watched_for_room: bool,
    /// The output that did not fit into the socket, and how much of it has left.
    sending: Option<(Box<Output>, usize)>,
}

/// A part of the arena with received bytes, good until the next poll.
#[derive(Debug)]
pub struct Span {
    start: usize,
    end: usize,
}

impl Epoll {
    /// A backend that accepts from `listeners` and is woken by `doorbell`.
    ///
    /// # Errors
    ///
    /// EMFILE and its kind.
    pub fn new(
        listeners: Arc<[Listener]>,
        doorbell: &Doorbell,
        stats: Arc<ReactorStats>,
    ) -> io::Result<Self> {
        // SAFETY: takes no pointers; the result is a fresh descriptor that nobody else owns.
        let epoll = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        for listener in listeners.iter() {
            socket::set_nonblocking(listener.as_fd(), true)?;
        }
        let engine = Engine {
            name: "epoll",
            rung: "",
            kernel: socket::kernel_release(),
            features: vec!["edge-triggered"],
        };
        let epoll = Self {
            epoll,
            engine,
            listeners,
            slots: Blocks::default(),
            arena: vec![0; ARENA],
            filled: 0,
            ready: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS],
            readable: VecDeque::new(),
            calling: Vec::new(),
            accepted: Duration::ZERO,
            pending: Vec::new(),
            stats,
        };
        if let Some(bell) = doorbell.bell() {
            let name = ConnId { index: DOORBELL, generation: 0 };
            watch(&epoll.epoll, libc::EPOLL_CTL_ADD, bell, READABLE, name)?;
        }
        Ok(epoll)
    }

    /// Waits for edges. An interrupted wait reports none.
    fn wait(&mut self, wait: Wait) -> io::Result<usize> {
        let timeout = match wait {
            Wait::No => 0,
            Wait::For(time) => milliseconds(time),
            Wait::Forever => -1,
        };
        self.stats.waits.add(1);
        // SAFETY: the kernel writes at most as many events as the vector holds.
        let count = unsafe {
            let (start, len) = (self.ready.as_mut_ptr(), self.ready.len() as i32);
            libc::epoll_wait(self.epoll.as_raw_fd(), start, len, timeout)
        };
        if count >= 0 {
            return Ok(count as usize);
        }
        let error = io::Error::last_os_error();
        if error.kind() == io::ErrorKind::Interrupted { Ok(0) } else { Err(error) }
    }

    /// Accepts from all who call: few while polls are short, for who comes while others are accepted waits.
    fn accept_all(&mut self, events: &mut Vec<Event<Self>>) {
        if self.calling.is_empty() {
            return;
        }
        let now = time_taken();
        let busy = now.saturating_sub(self.accepted);
        self.accepted = now;
        let more = busy.as_nanos() / TIME_PER_ACCEPT.as_nanos();
        let most = ACCEPTS.min(1 + more as usize);
        while let Some(listener) = self.calling.pop() {
            self.accept(listener, most, events);
        }
    }

    fn accept(&mut self, listener: usize, most: usize, events: &mut Vec<Event<Self>>) {
        for _ in 0..most {
            self.stats.operations.add(1);
            match socket::accept(self.listeners[listener].as_fd()) {
                Ok(fd) => events.push(Event::Accepted(fd)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.pause_accept(listener);
                    let error = Some(Errno::of(&error));
                    return events.push(Event::AcceptEnded { listener, error });
                }
            }
        }
    }

    fn pause_accept(&self, listener: usize) {
        let fd = self.listeners[listener].as_fd();
        let id = ConnId { index: 0, generation: 0 };
        // Fails when accepting had not been started, which is what is wanted.
        let _ = watch(&self.epoll, libc::EPOLL_CTL_DEL, fd, 0, id);
    }

    /// Turns the edges of one connection into events.
    fn report(&mut self, id: ConnId, edges: u32, events: &mut Vec<Event<Self>>) {
        let Some(slot) = live(&mut self.slots, id) else { return };
        if edges & (libc::EPOLLIN as u32 | LAST) != 0 {
            slot.readable = true;
            slot.last |= edges & LAST != 0;
            if slot.receive.is_some() && !slot.listed {
                slot.listed = true;
                self.readable.push_back(id);
            }
        }
        if edges & WRITABLE == 0 {
            return;
        }
        if let Some((output, sent)) = slot.sending.take()
            && let Sending::Done { output, result } = self.send_rest(id, output, sent)
        {
            events.push(Event::Sent { id, output, result });
        }
    }

    /// Receives from all that are readable, as long as there is room.
    fn receive_all(&mut self, events: &mut Vec<Event<Self>>) {
        // Who has more than one receive takes comes again in the next poll, behind the others.
        for _ in 0..self.readable.len() {
            if ARENA - self.filled < LEAST {
                return;
            }
            let Some(id) = self.readable.pop_front() else { return };
            events.extend(self.receive_from(id));
        }
    }

    fn receive_from(&mut self, id: ConnId) -> Option<Event<Self>> {
        let slot = live(&mut self.slots, id)?;
        slot.listed = false;
        let mut receive = slot.receive.take()?;
        let (fd, start) = (slot.fd.as_fd(), self.filled);
        let room = match &receive {
            Receive::Stream => MOST.min(ARENA - start),
            Receive::Once(most) => (*most).min(ARENA - start),
            Receive::Into(memory) => memory.capacity() - memory.len(),
        };
        self.stats.operations.add(1);
        let received = match &mut receive {
            Receive::Into(memory) => socket::recv_behind(fd, memory),
            _ => socket::recv(fd, &mut self.arena[start..start + room]),
        };
        let received = match received {
            Ok(0) => Err(RecvEnd::Eof),
            Ok(count) => {
                // A short read empties the socket: an edge announces what comes next. Only the end
                // of the stream may have been announced already.
                slot.readable = count == room || slot.last;
                Ok(count)
            }
            Err(error) => match error.kind() {
                kind @ (io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                    slot.readable = kind == io::ErrorKind::Interrupted;
                    self.start_recv(id, receive);
                    return None;
                }
                _ => Err(RecvEnd::Failed(Errno::of(&error))),
            },
        };
        Some(match (receive, received) {
            (Receive::Into(memory), end) => Event::Filled { id, memory, end: end.err() },
            (_, Err(end)) => Event::RecvEnded { id, end },
            (receive, Ok(count)) => {
                self.filled += count;
                let more = matches!(receive, Receive::Stream);
                if more {
                    self.start_recv(id, receive);
                }
                Event::Received { id, arrival: Span { start, end: start + count }, more }
            }
        })
    }

    /// Sends until all has left or the socket is full.
    fn send_rest(&mut self, id: ConnId, output: Box<Output>, mut sent: usize) -> Sending {
        let Some(slot) = live(&mut self.slots, id) else {
            return Sending::Done { output, result: Err(Errno(libc::EBADF)) };
        };
        while sent < output.len() {
            self.stats.operations.add(1);
            match socket::send_output(slot.fd.as_fd(), &output, sent) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // From its first full socket on, a connection is watched for room as well.
                    if !slot.watched_for_room {
                        let events = READABLE | libc::EPOLLOUT as u32;
                        let watched =
                            watch(&self.epoll, libc::EPOLL_CTL_MOD, slot.fd.as_fd(), events, id);
                        if let Err(error) = watched {
                            return Sending::Done { output, result: Err(Errno::of(&error)) };
                        }
                        slot.watched_for_room = true;
                    }
                    slot.sending = Some((output, sent));
                    return Sending::InFlight;
                }
                Err(error) => return Sending::Done { output, result: Err(Errno::of(&error)) },
            }
        }
        Sending::Done { output, result: Ok(()) }
    }
}

impl Backend for Epoll {
    type Socket = OwnedFd;
    type Arrival = Span;

    fn engine(&self) -> &Engine {
        &self.engine
    }

    fn listeners(&self) -> usize {
        self.listeners.len()
    }

    fn poll(&mut self, wait: Wait, events: &mut Vec<Event<Self>>) -> io::Result<()> {
        events.append(&mut self.pending);
        self.filled = 0;
        let is_idle = events.is_empty() && self.readable.is_empty();
        let count = self.wait(if is_idle { wait } else { Wait::No })?;
        self.stats.completions.add(count as u64);
        for n in 0..count {
            let libc::epoll_event { events: edges, u64: name } = self.ready[n];
            let id = unpack(name);
            match id.index {
                DOORBELL => events.push(Event::Woken),
                FIRST_LISTENER.. => self.calling.push((id.index - FIRST_LISTENER) as usize),
                _ => self.report(id, edges, events),
            }
        }
        self.receive_all(events);
        self.accept_all(events);
        Ok(())
    }

    fn start_accept(&mut self, listener: usize) {
        let id = ConnId { index: FIRST_LISTENER + listener as u32, generation: 0 };
        let fd = self.listeners[listener].as_fd();
        let events = libc::EPOLLIN as u32;
        if let Err(error) = watch(&self.epoll, libc::EPOLL_CTL_ADD, fd, events, id) {
            let error = Some(Errno::of(&error));
            self.pending.push(Event::AcceptEnded { listener, error });
        }
    }

    fn stop_accept(&mut self, listener: usize) -> Vec<OwnedFd> {
        self.pause_accept(listener);
        socket::stop_listening(self.listeners[listener].as_fd())
    }

    fn refuse(&mut self, socket: OwnedFd, word: impl FnOnce(&PeerAddress) -> &'static [u8]) {
        socket::refuse(socket, word);
    }

    fn open(&mut self, id: ConnId, fd: OwnedFd) -> io::Result<Endpoint> {
        let address = socket::peer_of(&fd)?;
        watch(&self.epoll, libc::EPOLL_CTL_ADD, fd.as_fd(), READABLE, id)?;
        let endpoint = Endpoint { fd: fd.as_raw_fd(), address };
        let slot = Slot {
            id,
            fd,
            receive: None,
            readable: false,
            last: false,
            listed: false,
            watched_for_room: false,
            sending: None,
        };
        *self.slots.reach(id.index) = Some(slot);
        Ok(endpoint)
    }

    fn start_recv(&mut self, id: ConnId, receive: Receive) {
        let Some(slot) = live(&mut self.slots, id) else { return };
        slot.receive = Some(receive);
        if slot.readable && !slot.listed {
            slot.listed = true;
            self.readable.push_back(id);
        }
    }

    fn stop_recv(&mut self, id: ConnId) {
        let Some(slot) = live(&mut self.slots, id) else { return };
        let end = RecvEnd::Stopped;
        self.pending.extend(slot.receive.take().map(|receive| match receive {
            Receive::Into(memory) => Event::Filled { id, memory, end: Some(end) },
            Receive::Stream | Receive::Once(_) => Event::RecvEnded { id, end },
        }));
    }

    fn peek<'a>(&'a self, arrival: &'a Span) -> &'a [u8] {
        &self.arena[arrival.start..arrival.end]
    }

    #[inline]
    fn receive<R>(&mut self, arrival: Span, look: impl FnOnce(&[u8]) -> R) -> R {
        look(&self.arena[arrival.start..arrival.end])
    }

    fn send(&mut self, id: ConnId, output: Box<Output>, _: bool) -> Sending {
        self.send_rest(id, output, 0)
    }

    fn finish_recv(&mut self, id: ConnId) {
        if let Some(slot) = live(&mut self.slots, id) {
            socket::finish_recv(slot.fd.as_fd());
        }
    }

    fn shutdown(&mut self, id: ConnId) {
        self.stop_recv(id);
        let Some(slot) = live(&mut self.slots, id) else { return };
        socket::shutdown(slot.fd.as_fd());
        if let Some((output, _)) = slot.sending.take() {
            let result = Err(Errno(libc::ECANCELED));
            self.pending.push(Event::Sent { id, output, result });
        }
    }

    fn close(&mut self, id: ConnId) {
        // Closing the only descriptor ends the registration as well.
        if let Some(slot) = self.slots.get_mut(id.index) {
            slot.take_if(|slot| slot.id == id);
        }
    }
}

#[inline]
fn live(slots: &mut Blocks<Option<Slot>>, id: ConnId) -> Option<&mut Slot> {
    slots.get_mut(id.index)?.as_mut().filter(|slot| slot.id == id)
}

fn watch(epoll: &OwnedFd, how: i32, fd: BorrowedFd<'_>, events: u32, id: ConnId) -> io::Result<()> {
    let name = u64::from(id.generation) << 32 | u64::from(id.index);
    let mut event = libc::epoll_event { events, u64: name };
    // SAFETY: the kernel copies the event during the call.
    let done = unsafe { libc::epoll_ctl(epoll.as_raw_fd(), how, fd.as_raw_fd(), &raw mut event) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The name that `watch` gave to an event.
fn unpack(name: u64) -> ConnId {
    ConnId { index: name as u32, generation: (name >> 32) as u32 }
}

/// The time of the processor that this thread has taken. Sleep is none of it.
fn time_taken() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Rounds up: a wait that ends early would be followed by one of no length.
fn milliseconds(time: Duration) -> i32 {
    i32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use super::*;
    use crate::reactor::listener::Address;

    /// To accept all that come at once would hold up who is there already, and to accept one a poll would
    /// hold up those who come while polls are long.
    #[test]
    fn who_is_there_is_served_before_others_are_accepted_as_time_allows() {
        let listen = || Listener::tcp(SocketAddr::from(([127, 0, 0, 1], 0)), 16).unwrap();
        let (listener, doorbell) = (listen(), Doorbell::new(socket::eventfd().unwrap()));
        let Address::Tcp(address) = *listener.address() else { panic!("this is TCP") };
        let mut epoll = Epoll::new(Arc::new([listener]), &doorbell, Arc::default()).unwrap();
        let door = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(door.local_addr().unwrap()).unwrap();
        let id = ConnId { index: 0, generation: 0 };
        epoll.open(id, door.accept().unwrap().0.into()).unwrap();
        epoll.start_recv(id, Receive::Stream);
        epoll.start_accept(0);
        let _coming: Vec<_> = (0..6).map(|_| TcpStream::connect(address).unwrap()).collect();
        let mut accepted_of = |busy: Duration| {
            peer.write_all(b"request").unwrap();
            while time_taken() < busy {}
            epoll.accepted = time_taken() - busy;
            let mut events = Vec::new();
            epoll.poll(Wait::Forever, &mut events).unwrap();
            assert!(matches!(events[0], Event::Received { .. }));
            assert!(events[1..].iter().all(|event| matches!(event, Event::Accepted(_))));
            events.len() - 1
        };
        let few = accepted_of(Duration::ZERO);
        assert!((1..6).contains(&few), "{few}");
        assert_eq!(few + accepted_of(10 * TIME_PER_ACCEPT), 6);
        let mut events = Vec::new();
        epoll.poll(Wait::No, &mut events).unwrap();
        assert!(events.is_empty());
    }
}
