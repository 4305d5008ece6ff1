//! The seam between the reactor and the kernel: operations are started here, and what became of
//! them comes back as events.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::clock::Now;
use crate::mailbox::ConnId;
use crate::output::Output;
use crate::service::PeerAddress;

pub use crate::service::incoming::Receive;

/// Bytes received at a time from who has sent more than a turn executes, while others wait. A receive
/// buffer holds as many: if less comes, that was all there was.
pub const SHARE: usize = 8 * 1024;

/// A way to move bytes: io_uring, epoll, or a simulation.
///
/// The reactor keeps at most one receive and one send in flight per connection, and closes a
/// connection only when neither is. A backend may rely on both.
pub trait Backend {
    /// A connected socket that has no name yet. It closes when dropped.
    type Socket: Send + 'static;

    /// Bytes that have arrived and were not yet looked at. Not `Copy`: [`Backend::receive`] takes
    /// it, so the buffer behind it goes back exactly once.
    type Arrival;

    /// What this backend is, for INFO and the start line.
    fn engine(&self) -> &Engine;

    /// The time. A simulation has its own.
    fn now(&self) -> Now {
        Now::read()
    }

    /// How many listeners it has; they are named by index.
    fn listeners(&self) -> usize;

    /// Submits everything that was started, waits as told, and appends what has happened.
    ///
    /// # Errors
    ///
    /// Only what leaves the backend unusable. An interrupted wait is no error.
    fn poll(&mut self, wait: Wait, events: &mut Vec<Event<Self>>) -> io::Result<()>;

    /// Accepts connections until [`Event::AcceptEnded`].
    fn start_accept(&mut self, listener: usize);

    /// Stops accepting for good: who comes from now on is refused. Returns those who had come already;
    /// [`Event::Accepted`] may come once more.
    fn stop_accept(&mut self, listener: usize) -> Vec<Self::Socket>;

    /// Closes a connection that is not wanted, after what `word` has for its address, as far as that
    /// can be said without waiting.
    fn refuse(&mut self, socket: Self::Socket, word: impl FnOnce(&PeerAddress) -> &'static [u8]);

    /// Takes a connection in under the name `id`.
    ///
    /// # Errors
    ///
    /// The socket is of no use: its other end has already gone, say. It is closed.
    fn open(&mut self, id: ConnId, socket: Self::Socket) -> io::Result<Endpoint>;

    /// Receives until an event says that it ended.
    fn start_recv(&mut self, id: ConnId, receive: Receive);

    /// Asks the receive in flight to end. Bytes that arrived before are still delivered.
    fn stop_recv(&mut self, id: ConnId);

    /// Lets the receive end once it has brought what has arrived until now.
    fn finish_recv(&mut self, id: ConnId);

    /// What has arrived, in place, before it is received.
    fn peek<'a>(&'a self, arrival: &'a Self::Arrival) -> &'a [u8];

    /// Shows `look` what has arrived, in place, and takes the buffer back.
    fn receive<R>(&mut self, arrival: Self::Arrival, look: impl FnOnce(&[u8]) -> R) -> R;

    /// Sends all of `output`, which is not empty.
    ///
    /// If the connection waits for [`Event::Sent`] before it goes on, that wakes the reactor;
    /// otherwise it may come when the next poll returns for another reason.
    fn send(&mut self, id: ConnId, output: Box<Output>, is_awaited: bool) -> Sending;

    /// Ends both directions at once: what is in flight comes back soon, most likely as an error.
    fn shutdown(&mut self, id: ConnId);

    /// Closes the connection and forgets its name.
    fn close(&mut self, id: ConnId);
}

/// How long [`Backend::poll`] may wait for the first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    No,
    For(Duration),
    Forever,
}

/// What has happened.
pub enum Event<B: Backend + ?Sized> {
    /// A connection came.
    Accepted(B::Socket),
    /// No more connections come from this listener until it is started again.
    AcceptEnded { listener: usize, error: Option<Errno> },
    /// Bytes have come. The receive goes on if there is `more`, and has ended otherwise.
    Received { id: ConnId, arrival: B::Arrival, more: bool },
    /// The receive into `memory` has ended: with bytes that stand in it now, or why without.
    Filled { id: ConnId, memory: Vec<u8>, end: Option<RecvEnd> },
    /// The receive has ended.
    RecvEnded { id: ConnId, end: RecvEnd },
    /// The send has ended. All bytes have left, or the connection is beyond use.
    Sent { id: ConnId, output: Box<Output>, result: Result<(), Errno> },
    /// The doorbell rang.
    Woken,
}

impl<B: Backend + ?Sized> Event<B> {
    /// The connection that is to be served because of it.
    #[inline]
    pub fn asks(&self) -> Option<ConnId> {
        match self {
            Self::Received { id, .. } | Self::Filled { id, .. } => Some(*id),
            _ => None,
        }
    }
}

/// Why a receive has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvEnd {
    /// The peer will send nothing more.
    Eof,
    /// It was asked to stop.
    Stopped,
    /// All receive buffers were taken. Started again, it finds those that went back since.
    Starved,
    Failed(Errno),
}

/// What became of [`Backend::send`].
#[derive(Debug)]
pub enum Sending {
    /// [`Event::Sent`] will tell.
    InFlight,
    /// It is done, with the same meaning as [`Event::Sent`].
    Done { output: Box<Output>, result: Result<(), Errno> },
}

/// Who is at the other end of a socket.
#[derive(Debug)]
pub struct Endpoint {
    /// The file descriptor's number, for display only.
    pub fd: i32,
    pub address: PeerAddress,
}

/// An error number of the kernel; see errno(3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// The error number in `error`; EIO if it came from elsewhere.
    pub fn of(error: &io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Errno {}

/// What a backend is made of: for INFO, and for the line printed at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// "io_uring" or "epoll".
    pub name: &'static str,
    /// The rung of the set-up ladder that the kernel accepted; empty where there is no ladder.
    pub rung: &'static str,
    /// The kernel's release, as uname(2) tells it.
    pub kernel: String,
    /// What is in use, in the kernel's words.
    pub features: Vec<&'static str>,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if !self.rung.is_empty() {
            write!(f, " {}", self.rung)?;
        }
        write!(f, " on Linux {}", self.kernel)?;
        if !self.features.is_empty() {
            write!(f, " ({})", self.features.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_describes_itself_in_one_line() {
        let mut engine = Engine {
            name: "io_uring",
            rung: "L0",
            kernel: "6.18.0".to_owned(),
            features: vec!["DEFER_TASKRUN", "multishot recv"],
        };
        assert_eq!(
            engine.to_string(),
            "io_uring L0 on Linux 6.18.0 (DEFER_TASKRUN, multishot recv)"
        );
        engine.rung = "";
        engine.features.clear();
        assert_eq!(engine.to_string(), "io_uring on Linux 6.18.0");
    }
}
