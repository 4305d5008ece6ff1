//! The io_uring backend: multishot accept and receive over provided buffers, one send a connection,
//! and one io_uring_enter a tick.
#![allow(unsafe_code)] // Entries that point at memory, and descriptors out of completions.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use io_uring::types::{CancelBuilder, Fd};
use io_uring::{cqueue, opcode, squeue};

use crate::mailbox::{ConnId, Doorbell};
use crate::output::Output;
use crate::reactor::backend::{
    Backend, Endpoint, Engine, Errno, Event, Receive, RecvEnd, Sending, Wait,
};
use crate::reactor::buf_ring::{BufRing, Filled, GROUP};
use crate::reactor::listener::Listener;
use crate::reactor::slab::Blocks;
use crate::reactor::socket;
use crate::reactor::uring_ring::{Entered, Ring};
use crate::reactor::uring_setup;
use crate::reactor::user_data::{Op, decode, encode};
use crate::service::PeerAddress;
use crate::stats::ReactorStats;

pub use crate::reactor::uring_setup::{Unavailable, UringOptions};

/// Bytes of one send: beyond, progress would be invisible for too long.
const MAX_SEND: usize = 1 << 20;

/// Bytes of one receive into memory; as for sends.
const MAX_RECV: usize = 1 << 20;

/// Bytes up to which a send is attempted: what a socket mostly has room for.
const ATTEMPT: usize = 1 << 16;

/// How long dropping a backend waits for what it has cancelled.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// The doorbell has one name; listeners are named by index.
const DOORBELL: ConnId = ConnId { index: 0, generation: 0 };

/// Moves bytes with io_uring(7). It stays on the thread that made it.
pub struct Uring {
    ring: Ring,
    buffers: ManuallyDrop<BufRing>,
    engine: Engine,
    multishot: bool,
    listeners: Arc<[Listener]>,
    doorbell: Arc<Doorbell>,
    slots: Blocks<Option<Slot>>,
    /// Whether short sends are attempts.
    attempts: bool,
    /// Connections whose attempt to send the next enter will make.
    attempting: Vec<ConnId>,
    /// The last poll has left attempts unsettled.
    unsettled: bool,
    /// Requests whose last completion has not come.
    in_flight: usize,
    stats: Arc<ReactorStats>,
}

struct Slot {
    fd: OwnedFd,
    receiving: bool,
    /// Memory that is received into. The kernel writes behind its bytes until the completion has come.
    filling: Option<Vec<u8>>,
    sending: Option<Departure>,
}

/// An output on its way out. The kernel reads from it until the completion has come.
struct Departure {
    output: Box<Output>,
    /// Bytes that have left.
    sent: usize,
    /// The kernel sends it at once or says so; see [`Uring::settle`].
    is_attempt: bool,
    /// Describes an output of several segments to the kernel.
    message: Option<Box<Message>>,
}

struct Message {
    header: libc::msghdr,
    slices: Vec<libc::iovec>,
}

impl Uring {
    /// A backend that accepts from `listeners` and is woken by `doorbell`. The kernel takes entries
    /// only from the thread that calls this.
    ///
    /// # Errors
    ///
    /// This kernel, its configuration or its limits do not allow a ring.
    pub fn new(
        options: &UringOptions,
        listeners: Arc<[Listener]>,
        doorbell: Arc<Doorbell>,
        stats: Arc<ReactorStats>,
    ) -> Result<Self, Unavailable> {
        let (ring, rung) = uring_setup::build(options)?;
        let other = |error: io::Error| Unavailable::because(Errno::of(&error), None);
        let mut ring = Ring::new(ring);
        let buffers = BufRing::new(options.buffers, options.buffer_size).map_err(other)?;
        buffers.register(ring.submitter()).map_err(other)?;
        let multishot = options.multishot && takes_multishot(&mut ring).map_err(other)?;
        for listener in listeners.iter() {
            socket::set_nonblocking(listener.as_fd(), false).map_err(other)?;
        }
        let mut features = rung.features();
        features.push(if multishot { "multishot recv" } else { "single-shot recv" });
        let kernel = socket::kernel_release();
        let mut uring = Self {
            ring,
            buffers: ManuallyDrop::new(buffers),
            engine: Engine { name: "io_uring", rung: rung.name, kernel, features },
            multishot,
            listeners,
            doorbell,
            slots: Blocks::default(),
            attempts: rung.defers(),
            attempting: Vec::new(),
            unsettled: false,
            in_flight: 0,
            stats,
        };
        uring.watch_doorbell();
        Ok(uring)
    }

    /// Queues a request.
    ///
    /// # Safety
    ///
    /// What the entry points at stays where it is until its last completion has come.
    #[inline]
    unsafe fn start(&mut self, op: Op, id: ConnId, entry: squeue::Entry) {
        self.in_flight += 1;
        // SAFETY: the caller's promise.
        unsafe { self.ring.push(entry.user_data(encode(op, id))) };
    }

    fn cancel(&mut self, op: Op, id: ConnId) {
        let entry = opcode::AsyncCancel::new(encode(op, id)).build();
        let entry = entry.user_data(encode(Op::Cancel, id)).flags(squeue::Flags::SKIP_SUCCESS);
        // SAFETY: the entry points at nothing.
        unsafe { self.ring.push(entry) };
    }

    fn watch_doorbell(&mut self) {
        let Some(bell) = self.doorbell.bell() else { return };
        let fd = Fd(bell.as_raw_fd());
        let entry = opcode::PollAdd::new(fd, libc::POLLIN as u32).multi(true).build();
        // SAFETY: the entry points at nothing.
        unsafe { self.start(Op::Doorbell, DOORBELL, entry) };
    }

    fn slot(&mut self, id: ConnId) -> Option<&mut Slot> {
        self.slots.get_mut(id.index)?.as_mut()
    }

    /// Queues the next piece of what a connection is sending.
    fn go_on_sending(&mut self, id: ConnId) {
        let Some(Slot { fd, sending: Some(departure), .. }) = self.slot(id) else { return };
        let entry = departure.entry(Fd(fd.as_raw_fd()), 0);
        // SAFETY: the output's buffers and the message stay in the slot until the completion has
        // come.
        unsafe { self.start(Op::Send, id, entry) };
    }

    /// Tries to send a short output. Nearly always the socket has room for it, and then the kernel
    /// has nothing to tell: no completion has to be written, read and understood. Nor does it wake
    /// a reactor that sleeps.
    fn attempt(&mut self, id: ConnId) {
        let Some(Slot { fd, sending: Some(departure), .. }) = self.slot(id) else { return };
        let entry = departure.entry(Fd(fd.as_raw_fd()), libc::MSG_DONTWAIT);
        let entry = entry.flags(squeue::Flags::SKIP_SUCCESS).user_data(encode(Op::Attempt, id));
        // SAFETY: the output's buffer stays in the slot until the attempt is settled.
        unsafe { self.ring.push(entry) };
        self.attempting.push(id);
    }

    /// Reports the attempts of which no completion has told that they failed: they were successful.
    /// The kernel must have `seen` them all, and all that it says of them must have been read.
    fn settle(&mut self, seen: bool, events: &mut Vec<Event<Self>>) {
        self.unsettled = !self.attempting.is_empty() && (!seen || self.ring.has_overflowed());
        if self.attempting.is_empty() || self.unsettled {
            return;
        }
        let mut attempting = std::mem::take(&mut self.attempting);
        for id in attempting.drain(..) {
            if let Some(slot) = self.slot(id)
                && let Some(departure) = slot.sending.take_if(|departure| departure.is_attempt)
            {
                events.push(Event::Sent { id, output: departure.output, result: Ok(()) });
            }
        }
        self.attempting = attempting;
    }

    fn count(&self, entered: Entered) {
        self.stats.waits.add(entered.calls);
        self.stats.operations.add(entered.submitted);
    }

    /// Turns a completion into an event.
    fn complete(&mut self, cqe: &cqueue::Entry, events: &mut Vec<Event<Self>>) {
        let Some((op, id)) = decode(cqe.user_data()) else { return };
        let (result, more) = (cqe.result(), cqueue::more(cqe.flags()));
        if !matches!(op, Op::Cancel | Op::Attempt) && !more {
            self.in_flight -= 1;
        }
        match op {
            Op::Cancel => {}
            Op::Attempt => self.attempted(id, result, events),
            Op::Recv => self.received(id, cqe, more, events),
            Op::Send => self.sent(id, result, events),
            Op::Accept => {
                if result >= 0 {
                    // SAFETY: a fresh descriptor, which this completion alone names.
                    events.push(Event::Accepted(unsafe { OwnedFd::from_raw_fd(result) }));
                }
                if !more {
                    let error = (result < 0).then_some(Errno(-result));
                    let listener = id.index as usize;
                    events.push(Event::AcceptEnded { listener, error });
                }
            }
            Op::Doorbell => {
                events.push(Event::Woken);
                if !more {
                    self.watch_doorbell();
                }
            }
        }
    }

    #[inline]
    fn received(
        &mut self,
        id: ConnId,
        cqe: &cqueue::Entry,
        more: bool,
        events: &mut Vec<Event<Self>>,
    ) {
        if !more && let Some(slot) = self.slot(id) {
            slot.receiving = false;
            if let Some(memory) = slot.filling.take() {
                return events.push(filled(id, memory, cqe.result()));
            }
        }
        // A buffer has been taken only if bytes were received, whatever the flags say.
        let end = match (cqe.result(), cqueue::buffer_select(cqe.flags())) {
            (1.., Some(buffer)) => {
                let arrival = Filled { buffer, len: cqe.result() as u32 };
                return events.push(Event::Received { id, arrival, more });
            }
            (1.., None) => RecvEnd::Failed(Errno(libc::EIO)),
            (result, _) => recv_end(result),
        };
        if !more {
            events.push(Event::RecvEnded { id, end });
        }
    }

    /// The socket had no room for all of an attempt: what is left waits for it.
    #[cold]
    fn attempted(&mut self, id: ConnId, result: i32, events: &mut Vec<Event<Self>>) {
        let Some(Slot { sending: Some(departure), .. }) = self.slot(id) else { return };
        departure.is_attempt = false;
        if result == -libc::EAGAIN {
            self.go_on_sending(id);
        } else {
            self.sent(id, result, events);
        }
    }

    #[inline]
    fn sent(&mut self, id: ConnId, result: i32, events: &mut Vec<Event<Self>>) {
        let Some(slot) = self.slot(id) else { return };
        let Some(departure) = slot.sending.as_mut() else { return };
        let result = match result {
            1.. => {
                departure.sent += result as usize;
                if departure.sent < departure.output.len() {
                    return self.go_on_sending(id);
                }
                Ok(())
            }
            0 => Err(Errno(libc::EPIPE)),
            error => Err(Errno(-error)),
        };
        if let Some(Departure { output, .. }) = slot.sending.take() {
            events.push(Event::Sent { id, output, result });
        }
    }
}

impl Departure {
    fn entry(&mut self, fd: Fd, flags: i32) -> squeue::Entry {
        // With MSG_WAITALL the kernel itself goes on after a partial send.
        let flags = flags | libc::MSG_WAITALL | libc::MSG_NOSIGNAL;
        if self.output.is_contiguous() {
            let rest = &self.output.copied_mut()[self.sent..];
            let len = rest.len().min(MAX_SEND) as u32;
            return opcode::Send::new(fd, rest.as_ptr(), len).flags(flags).build();
        }
        let message = self.message.get_or_insert_with(Message::new);
        message.describe(&self.output, self.sent);
        opcode::SendMsg::new(fd, &raw const message.header).flags(flags as u32).build()
    }
}

impl Message {
    fn new() -> Box<Self> {
        // SAFETY: all zeroes is a valid, empty header.
        Box::new(Self { header: unsafe { std::mem::zeroed() }, slices: Vec::new() })
    }

    fn describe(&mut self, output: &Output, skip: usize) {
        self.slices.clear();
        let slices = output.segments(skip).take(socket::MAX_SLICES);
        self.slices.extend(slices.map(|bytes| libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        }));
        self.header.msg_iov = self.slices.as_mut_ptr();
        self.header.msg_iovlen = self.slices.len();
    }
}

/// What became of a receive into memory.
fn filled(id: ConnId, mut memory: Vec<u8>, result: i32) -> Event<Uring> {
    if result <= 0 {
        return Event::Filled { id, memory, end: Some(recv_end(result)) };
    }
    let len = memory.len() + result as usize;
    assert!(len <= memory.capacity(), "the kernel writes where it was allowed to");
    // SAFETY: the kernel has written so many bytes behind those that were there.
    unsafe { memory.set_len(len) };
    Event::Filled { id, memory, end: None }
}

/// Why a receive has ended without bytes.
fn recv_end(result: i32) -> RecvEnd {
    match -result {
        0 => RecvEnd::Eof,
        libc::ENOBUFS => RecvEnd::Starved,
        libc::ECANCELED | libc::EINTR | libc::EAGAIN => RecvEnd::Stopped,
        errno => RecvEnd::Failed(Errno(errno)),
    }
}

/// Tries a multishot receive (6.0) on a stream that has already ended. On older kernels each
/// receive is armed by itself.
fn takes_multishot(ring: &mut Ring) -> io::Result<bool> {
    let (stream, _) = UnixStream::pair()?;
    let entry = opcode::RecvMulti::new(Fd(stream.as_raw_fd()), GROUP).build();
    // SAFETY: the entry points at nothing; the buffers it may pick from are registered.
    unsafe { ring.push(entry) };
    loop {
        ring.enter(Wait::Forever)?;
        if let Some(cqe) = ring.next() {
            return Ok(cqe.result() == 0);
        }
    }
}

impl Backend for Uring {
    type Socket = OwnedFd;
    type Arrival = Filled;

    fn engine(&self) -> &Engine {
        &self.engine
    }

    fn listeners(&self) -> usize {
        self.listeners.len()
    }

    fn poll(&mut self, wait: Wait, events: &mut Vec<Event<Self>>) -> io::Result<()> {
        self.buffers.publish();
        // A connection whose last send is not settled says nothing more: nobody may sleep over that.
        let wait = if self.unsettled { Wait::No } else { wait };
        // Since Linux 6.13 an enter runs about 20 pieces of deferred work and leaves the rest to
        // the next one. Entering again at once, for larger batches, made no difference.
        let entered = self.ring.enter(wait)?;
        self.count(entered);
        // What completions queue from here on has nothing to do with the attempts.
        let seen = !self.ring.has_queued();
        if self.ring.has_overflowed() {
            self.stats.overflows.add(1);
        }
        self.stats.completions.add(self.ring.at_hand() as u64);
        while let Some(cqe) = self.ring.next() {
            self.complete(&cqe, events);
        }
        self.settle(seen, events);
        Ok(())
    }

    fn start_accept(&mut self, listener: usize) {
        let fd = Fd(self.listeners[listener].as_fd().as_raw_fd());
        let entry = opcode::AcceptMulti::new(fd).flags(libc::SOCK_CLOEXEC).build();
        let id = ConnId { index: listener as u32, generation: 0 };
        // SAFETY: the entry points at nothing.
        unsafe { self.start(Op::Accept, id, entry) };
    }

    fn stop_accept(&mut self, listener: usize) -> Vec<OwnedFd> {
        self.cancel(Op::Accept, ConnId { index: listener as u32, generation: 0 });
        socket::stop_listening(self.listeners[listener].as_fd())
    }

    fn refuse(&mut self, socket: OwnedFd, word: impl FnOnce(&PeerAddress) -> &'static [u8]) {
        socket::refuse(socket, word);
    }

    fn open(&mut self, id: ConnId, fd: OwnedFd) -> io::Result<Endpoint> {
        let endpoint = Endpoint { fd: fd.as_raw_fd(), address: socket::peer_of(&fd)? };
        let slot = Slot { fd, receiving: false, filling: None, sending: None };
        *self.slots.reach(id.index) = Some(slot);
        Ok(endpoint)
    }

    fn start_recv(&mut self, id: ConnId, receive: Receive) {
        let multishot = self.multishot;
        let Some(slot) = self.slot(id) else { return };
        slot.receiving = true;
        let fd = Fd(slot.fd.as_raw_fd());
        // Into a buffer that the kernel picks, and no more than so many bytes; 0: what it holds.
        let once = |most| {
            let entry = opcode::Recv::new(fd, std::ptr::null_mut(), most).buf_group(GROUP).build();
            entry.flags(squeue::Flags::BUFFER_SELECT)
        };
        let entry = match receive {
            Receive::Stream if multishot => opcode::RecvMulti::new(fd, GROUP).build(),
            Receive::Stream => once(0),
            Receive::Once(most) => once(most as u32),
            Receive::Into(memory) => {
                let room = slot.filling.insert(memory).spare_capacity_mut();
                let len = room.len().min(MAX_RECV) as u32;
                opcode::Recv::new(fd, room.as_mut_ptr().cast(), len).build()
            }
        };
        // SAFETY: the buffers that the kernel picks from are registered. Memory to be filled stays in
        // the slot until the completion has come.
        unsafe { self.start(Op::Recv, id, entry) };
    }

    fn stop_recv(&mut self, id: ConnId) {
        self.cancel(Op::Recv, id);
    }

    #[inline]
    fn peek<'a>(&'a self, arrival: &'a Filled) -> &'a [u8] {
        self.buffers.bytes(arrival)
    }

    #[inline]
    fn receive<R>(&mut self, arrival: Filled, look: impl FnOnce(&[u8]) -> R) -> R {
        let result = look(self.buffers.bytes(&arrival));
        self.buffers.give_back(arrival);
        result
    }

    fn send(&mut self, id: ConnId, output: Box<Output>, is_awaited: bool) -> Sending {
        let may_attempt = self.attempts && !is_awaited;
        let Some(slot) = self.slot(id) else {
            return Sending::Done { output, result: Err(Errno(libc::EBADF)) };
        };
        let is_attempt = may_attempt && output.is_contiguous() && output.len() <= ATTEMPT;
        slot.sending = Some(Departure { output, sent: 0, is_attempt, message: None });
        if is_attempt {
            self.attempt(id);
        } else {
            self.go_on_sending(id);
        }
        Sending::InFlight
    }

    fn finish_recv(&mut self, id: ConnId) {
        if let Some(slot) = self.slot(id) {
            socket::finish_recv(slot.fd.as_fd());
        }
    }

    fn shutdown(&mut self, id: ConnId) {
        let Some(slot) = self.slot(id) else { return };
        socket::shutdown(slot.fd.as_fd());
        let (receiving, sending) = (slot.receiving, slot.sending.is_some());
        if receiving {
            self.cancel(Op::Recv, id);
        }
        if sending {
            self.cancel(Op::Send, id);
        }
    }

    fn close(&mut self, id: ConnId) {
        if let Some(slot) = self.slots.get_mut(id.index) {
            *slot = None;
        }
    }
}

impl Drop for Uring {
    /// Cancels everything and waits for it, so that the kernel is done with our memory before it is
    /// freed. Should that fail, the memory is left to the kernel.
    fn drop(&mut self) {
        let entry = opcode::AsyncCancel2::new(CancelBuilder::any()).build();
        let entry = entry.user_data(encode(Op::Cancel, DOORBELL));
        // SAFETY: the entry points at nothing.
        unsafe { self.ring.push(entry) };
        let deadline = Instant::now() + LAST_WAIT;
        while self.in_flight > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.ring.enter(Wait::For(left)).is_err() {
                break;
            }
            while let Some(cqe) = self.ring.next() {
                let Some((op, _)) = decode(cqe.user_data()) else { continue };
                if !matches!(op, Op::Cancel | Op::Attempt) && !cqueue::more(cqe.flags()) {
                    self.in_flight -= 1;
                }
                if op == Op::Accept && cqe.result() >= 0 {
                    // SAFETY: a fresh descriptor, which this completion alone names.
                    drop(unsafe { OwnedFd::from_raw_fd(cqe.result()) });
                }
            }
        }
        if self.in_flight > 0 {
            for slot in self.slots.iter_mut().filter_map(Option::take) {
                std::mem::forget((slot.sending, slot.filling));
            }
            return;
        }
        // Fails only if the ring is beyond use, and then its end unregisters the buffers.
        let _ = self.ring.submitter().unregister_buf_ring(GROUP);
        // SAFETY: dropped here and nowhere else; the kernel no longer knows the buffers.
        unsafe { ManuallyDrop::drop(&mut self.buffers) };
    }
}
