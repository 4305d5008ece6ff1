//! What a reactor does for its connections: bytes in, bytes out, time as a parameter.

mod client_memory;
pub mod echo;
pub(crate) mod incoming;
pub mod kv;
mod look_ahead;
mod pipeline;
mod tail;
pub mod tls;

use std::time::Duration;

use bytes::Bytes;

use crate::clock::Now;
use crate::output::Output;

pub use crate::peer::{Buffers, Peer, PeerAddress};

/// A protocol. It knows no sockets: a reactor hands it what arrived and sends what it answers.
pub trait Service {
    /// What the service remembers of one connection.
    type Session;

    /// A connection was accepted.
    fn open(&mut self, peer: Peer) -> Self::Session;

    /// Takes what it can from the front of `input` and appends the replies to `output`.
    ///
    /// `input` is everything that has arrived and was not yet consumed. Bytes that are left over
    /// come again, at the front, together with those that follow.
    fn serve(
        &mut self,
        session: &mut Self::Session,
        input: &[u8],
        output: &mut Output,
        now: Now,
    ) -> Served;

    /// As [`Service::serve`], for bytes that arrived in many pieces and so lie in memory of their own:
    /// a service may keep a part of them without copying it.
    fn serve_shared(
        &mut self,
        session: &mut Self::Session,
        input: &Bytes,
        output: &mut Output,
        now: Now,
    ) -> Served {
        self.serve(session, input, output, now)
    }

    /// This input is served later in this tick, together with that of other connections: what it
    /// will need may be fetched into the processor's cache. Nothing else may come of it.
    fn foresee(&mut self, _session: &Self::Session, _input: &[u8]) {}

    /// Here is the answer to a session that said [`Next::Block`]. It goes behind what is in `output`.
    fn answered(&mut self, _session: &mut Self::Session, answer: Output, output: &mut Output) {
        output.append(answer);
    }

    /// So much is in a connection's buffers now. Short replies that are about to leave are none of
    /// it, and as long as there is nothing else nobody calls this.
    fn note(&mut self, _session: &Self::Session, _buffers: Buffers) {}

    /// Bytes that the session keeps of requests that are not whole.
    fn held(&self, _session: &Self::Session) -> usize {
        0
    }

    /// Nothing more of what this session's connection sends is served. The connection closes when
    /// all of `output` is sent.
    fn finish(&mut self, _session: &mut Self::Session, _output: &mut Output) {}

    /// The connection is gone.
    fn close(&mut self, session: Self::Session);

    /// What a connection from there is told before it is closed, if it is not wanted.
    fn refuses(&self, _address: &PeerAddress) -> Option<&'static [u8]> {
        None
    }

    /// What a connection from there is told that comes when `maxclients` are connected.
    fn refusal(&self, _address: &PeerAddress) -> &'static [u8] {
        b""
    }

    /// A tick is about to serve its connections; [`Service::leave`] follows when all are served. If
    /// it `is_shared`, others wait while one of them has its turn.
    fn enter(&mut self, _is_shared: bool) {}

    /// The tick has served its connections.
    fn leave(&mut self) {}

    /// Housekeeping, bounded in time, once a tick, outside of `enter` and `leave`. Returns how long
    /// it may sleep, if it has a wish.
    fn housekeep(&mut self, _now: Now) -> Option<Duration> {
        None
    }
}

/// The answer of [`Service::serve`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// How many bytes of the input are done with.
    pub consumed: usize,
    pub next: Next,
}

/// What a connection wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// More bytes. The number, if not 0, is how many are known to be missing.
    Read { missing: usize },
    /// Its turn was long enough, and it needs another one: even if nothing remains in the input.
    Yield,
    /// Nothing before its answer has come, see [`Service::answered`]. What it sends meanwhile waits.
    Block,
    /// Send what was answered, then close.
    Close,
}
