//! One connection: the bytes on their way in both directions, and what the reactor has in flight.

use std::collections::VecDeque;

use crate::mailbox::ConnId;
use crate::output::Output;
use crate::reactor::backend::Receive;

/// Where the server's end of a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Waits to be accepted.
    Backlog,
    /// A [`Socket`](super::Socket) that has no name yet.
    Socket,
    Open {
        host: usize,
        id: ConnId,
    },
    Closed,
}

/// A send in flight.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) output: Box<Output>,
    /// Bytes of it that have left.
    pub(super) sent: usize,
    /// All of it has left, and nobody is woken to hear of that.
    pub(super) silent: bool,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) end: End,
    /// Bytes the peer has written and the server has not received.
    pub(super) to_server: VecDeque<u8>,
    /// Bytes the server has sent and the peer has not read.
    pub(super) to_peer: VecDeque<u8>,
    /// The peer will write nothing more.
    pub(super) finished: bool,
    /// Reset: by the peer, or by the network.
    pub(super) broken: bool,
    /// The receive in flight,
    pub(super) recv: Option<Receive>,
    /// and whether it was asked to stop.
    pub(super) stopping: bool,
    pub(super) send: Option<Leaving>,
    /// The reactor has said that it wants no more bytes than have come.
    pub(super) deaf: bool,
    /// The reactor has ended both directions.
    pub(super) shut: bool,
    /// The reactor was told that nothing more comes.
    pub(super) eof_told: bool,
    /// The reactor was told that the connection is beyond use.
    pub(super) failure_told: bool,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            end: End::Backlog,
            to_server: VecDeque::new(),
            to_peer: VecDeque::new(),
            finished: false,
            broken: false,
            recv: None,
            stopping: false,
            send: None,
            deaf: false,
            shut: false,
            eof_told: false,
            failure_told: false,
        }
    }

    /// True when the last bytes have come that will be received.
    pub(super) fn is_finished(&self) -> bool {
        self.finished || self.deaf
    }

    /// Breaks the connection: what was on its way is lost.
    pub(super) fn reset(&mut self) {
        self.broken = true;
        self.to_server.clear();
        self.to_peer.clear();
    }

    /// Moves at most `most` bytes of the send in flight to a peer that holds at most `window`.
    /// Returns true if that was the last of them.
    pub(super) fn deliver(&mut self, most: usize, window: usize) -> bool {
        let Some(leaving) = &mut self.send else { return false };
        let mut room = window.saturating_sub(self.to_peer.len()).min(most);
        let before = self.to_peer.len();
        for segment in leaving.output.segments(leaving.sent) {
            let part = &segment[..segment.len().min(room)];
            self.to_peer.extend(part);
            room -= part.len();
        }
        leaving.sent += self.to_peer.len() - before;
        leaving.sent == leaving.output.len()
    }

    /// Bytes of the send in flight that have not left.
    pub(super) fn unsent(&self) -> usize {
        self.send.as_ref().map_or(0, |leaving| leaving.output.len() - leaving.sent)
    }

    /// True when the receive or the send in flight can come to something.
    pub(super) fn stirs(&self, window: usize) -> bool {
        let over = self.broken || self.shut;
        let comes = over || self.is_finished() || self.stopping || !self.to_server.is_empty();
        let is_heard = self.send.as_ref().is_some_and(|leaving| !leaving.silent);
        let leaves = over || self.to_peer.len() < window;
        self.recv.is_some() && comes || is_heard && leaves
    }
}
