//! TLS around a service: records in, the inner service's plain bytes between, records out.
//!
//! Connections through one port speak TLS, and all others are handed on as they are.

mod channel;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::RwLock;
use rustls::ServerConfig;

use super::incoming::Incoming;
use super::{Buffers, Next, Peer, PeerAddress, Served, Service};
use crate::clock::Now;
use crate::mailbox::{ConnId, Mailbox, Message};
use crate::output::Output;
use channel::Channel;

/// How long a handshake may take: one that never ends would hold its connection for ever.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// Before a handshake nothing can be said in a way that the client understands.
const UNSAID: &[u8] = b"";

/// Which port speaks TLS, and with whom.
#[derive(Debug)]
pub struct Acceptor {
    port: u16,
    config: RwLock<Arc<ServerConfig>>,
}

impl Acceptor {
    pub fn new(port: u16, config: Arc<ServerConfig>) -> Self {
        Self { port, config: RwLock::new(config) }
    }

    /// Other certificates or rules, for the connections that come from now on.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        *self.config.write() = config;
    }

    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read())
    }
}

/// A service whose connections may be encrypted.
pub struct Tls<S> {
    inner: S,
    /// None: nobody speaks TLS.
    acceptor: Option<Arc<Acceptor>>,
    /// Of the reactor that this service belongs to.
    mailbox: Arc<Mailbox>,
    /// Connections that shake hands, and until when.
    handshakes: BTreeSet<(Instant, ConnId)>,
    /// What the inner service says, before it is encrypted.
    replies: Output,
}

/// What is remembered of one connection.
pub enum Session<S> {
    Plain(S),
    Secure(Box<Secure<S>>),
}

/// What is remembered of a connection that speaks TLS.
pub struct Secure<S> {
    inner: S,
    address: PeerAddress,
    /// None until the first bytes have come: who only connects costs little.
    channel: Option<Channel>,
    /// Its place among the handshakes, while it is there.
    handshake: Option<(Instant, ConnId)>,
    /// Plain bytes that the inner service has not consumed.
    incoming: Incoming,
    /// The inner service wants another turn before more is decrypted.
    owed: bool,
}

impl<S: Service> Tls<S> {
    /// Puts TLS around `inner`, for a reactor that is told of things through `mailbox`.
    pub fn around(inner: S, acceptor: Option<Arc<Acceptor>>, mailbox: Arc<Mailbox>) -> Self {
        Self { inner, acceptor, mailbox, handshakes: BTreeSet::new(), replies: Output::new() }
    }

    /// Whether a client there speaks TLS: that depends on the port that it has come to.
    fn is_secure(&self, address: &PeerAddress) -> bool {
        let port = self.acceptor.as_ref().map(|acceptor| acceptor.port);
        port.is_some() && address.local_port() == port
    }

    fn serve_secure(
        &mut self,
        secure: &mut Secure<S::Session>,
        input: &[u8],
        output: &mut Output,
        now: Now,
    ) -> Served {
        if secure.owed {
            let next = match self.serve_plain(secure, output, now) {
                Next::Read { .. } if !input.is_empty() => Next::Yield,
                next => next,
            };
            return Served { consumed: 0, next };
        }
        let next = match self.decrypt(secure, input, output) {
            Ok(true) => self.serve_plain(secure, output, now),
            Ok(false) => Next::Read { missing: 0 },
            Err(error) => {
                log::debug!("closing the connection of {}: TLS: {error}", secure.address.remote());
                Next::Close
            }
        };
        Served { consumed: input.len(), next }
    }

    /// Takes records in. True when the inner service may find a whole request in what they say.
    fn decrypt(
        &mut self,
        secure: &mut Secure<S::Session>,
        input: &[u8],
        output: &mut Output,
    ) -> Result<bool, rustls::Error> {
        let channel = match (&mut secure.channel, &self.acceptor) {
            (Some(channel), _) => channel,
            (none, Some(acceptor)) => none.insert(Channel::new(acceptor.config())?),
            (None, None) => return Err(rustls::Error::HandshakeNotComplete),
        };
        let before = secure.incoming.len();
        channel.receive(input, output, |plain| secure.incoming.arrived(plain))?;
        if channel.is_open()
            && let Some(handshake) = secure.handshake.take()
        {
            self.handshakes.remove(&handshake);
        }
        let has_come = secure.incoming.len() > before;
        Ok(has_come && secure.incoming.may_be_whole() || channel.has_ended())
    }

    /// Has the inner service serve what was decrypted.
    fn serve_plain(
        &mut self,
        secure: &mut Secure<S::Session>,
        output: &mut Output,
        now: Now,
    ) -> Next {
        self.replies.set_limit(output.left());
        let Secure { inner, incoming, .. } = secure;
        let served = incoming.lend(|bytes, memory| match memory {
            None => self.inner.serve(inner, bytes, &mut self.replies, now),
            Some(memory) => self.inner.serve_shared(inner, memory, &mut self.replies, now),
        });
        let missing = if let Next::Read { missing } = served.next { missing } else { 0 };
        secure.incoming.keep(&[], served.consumed, missing);
        secure.owed = matches!(served.next, Next::Yield | Next::Block);
        let is_sent = self.encrypt(secure, output);
        match served.next {
            Next::Yield if is_sent => Next::Yield,
            _ if !is_sent || secure.channel.as_ref().is_none_or(Channel::has_ended) => Next::Close,
            Next::Read { .. } => Next::Read { missing: 0 }, // records have bytes of their own
            next => next,
        }
    }

    /// Encrypts what the inner service has said. False if that cannot be, and never will.
    fn encrypt(&mut self, secure: &mut Secure<S::Session>, output: &mut Output) -> bool {
        if self.replies.is_cut() {
            output.cut();
        }
        let sent = secure.channel.as_mut().map(|channel| channel.send(&self.replies, output));
        self.replies.clear();
        matches!(sent, Some(Ok(())))
    }

    /// Closes connections whose handshakes take too long. Returns when the next one will.
    fn end_handshakes(&mut self, now: Now) -> Option<Duration> {
        while let Some(&(until, id)) = self.handshakes.first() {
            if now.steady < until {
                return Some(until - now.steady);
            }
            self.handshakes.pop_first();
            log::debug!("closing a connection whose TLS handshake takes too long");
            self.mailbox.push_anyway(Message::Close(id));
        }
        None
    }
}

impl<S: Service> Service for Tls<S> {
    type Session = Session<S::Session>;

    fn open(&mut self, peer: Peer) -> Self::Session {
        if !self.is_secure(&peer.address) {
            return Session::Plain(self.inner.open(peer));
        }
        let handshake = (peer.connected + HANDSHAKE_TIME, peer.id);
        self.handshakes.insert(handshake);
        Session::Secure(Box::new(Secure {
            address: peer.address.clone(),
            inner: self.inner.open(peer),
            channel: None,
            handshake: Some(handshake),
            incoming: Incoming::default(),
            owed: false,
        }))
    }

    #[inline]
    fn serve(
        &mut self,
        session: &mut Self::Session,
        input: &[u8],
        output: &mut Output,
        now: Now,
    ) -> Served {
        match session {
            Session::Plain(session) => self.inner.serve(session, input, output, now),
            Session::Secure(secure) => self.serve_secure(secure, input, output, now),
        }
    }

    fn serve_shared(
        &mut self,
        session: &mut Self::Session,
        input: &Bytes,
        output: &mut Output,
        now: Now,
    ) -> Served {
        match session {
            Session::Plain(session) => self.inner.serve_shared(session, input, output, now),
            Session::Secure(secure) => self.serve_secure(secure, input, output, now),
        }
    }

    #[inline]
    fn foresee(&mut self, session: &Self::Session, input: &[u8]) {
        // Of what is encrypted nothing can be foreseen.
        if let Session::Plain(session) = session {
            self.inner.foresee(session, input);
        }
    }

    fn answered(&mut self, session: &mut Self::Session, answer: Output, output: &mut Output) {
        match session {
            Session::Plain(session) => self.inner.answered(session, answer, output),
            Session::Secure(secure) => {
                self.replies.set_limit(output.left());
                self.inner.answered(&mut secure.inner, answer, &mut self.replies);
                self.encrypt(secure, output);
            }
        }
    }

    fn note(&mut self, session: &Self::Session, buffers: Buffers) {
        match session {
            Session::Plain(session) => self.inner.note(session, buffers),
            Session::Secure(secure) => self.inner.note(&secure.inner, buffers),
        }
    }

    fn held(&self, session: &Self::Session) -> usize {
        match session {
            Session::Plain(session) => self.inner.held(session),
            Session::Secure(secure) => secure.incoming.len() + self.inner.held(&secure.inner),
        }
    }

    fn finish(&mut self, session: &mut Self::Session, output: &mut Output) {
        match session {
            Session::Plain(session) => self.inner.finish(session, output),
            Session::Secure(secure) => {
                self.inner.finish(&mut secure.inner, &mut self.replies);
                self.encrypt(secure, output);
                if let Some(channel) = &mut secure.channel {
                    channel.finish(output);
                }
            }
        }
    }

    fn close(&mut self, session: Self::Session) {
        match session {
            Session::Plain(session) => self.inner.close(session),
            Session::Secure(secure) => {
                if let Some(handshake) = secure.handshake {
                    self.handshakes.remove(&handshake);
                }
                self.inner.close(secure.inner);
            }
        }
    }

    fn refuses(&self, address: &PeerAddress) -> Option<&'static [u8]> {
        let word = self.inner.refuses(address)?;
        Some(if self.is_secure(address) { UNSAID } else { word })
    }

    fn refusal(&self, address: &PeerAddress) -> &'static [u8] {
        if self.is_secure(address) { UNSAID } else { self.inner.refusal(address) }
    }

    fn enter(&mut self, is_shared: bool) {
        self.inner.enter(is_shared);
    }

    fn leave(&mut self) {
        self.inner.leave();
    }

    fn housekeep(&mut self, now: Now) -> Option<Duration> {
        let wait = self.end_handshakes(now);
        wait.into_iter().chain(self.inner.housekeep(now)).min()
    }
}
