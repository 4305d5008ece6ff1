//! One TLS connection without its socket: records in, plain bytes out, and the other way round.

use std::sync::Arc;

use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use rustls::{Error, ServerConfig};

use crate::output::Output;

/// The server's end of a TLS connection.
pub(super) struct Channel {
    rustls: UnbufferedServerConnection,
    /// Records that have not come whole, in the memory in which they are decrypted.
    incoming: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not yet agreed upon keys.
    Handshake,
    Open,
    /// The peer has said that it sends nothing more.
    Ended,
    /// Of use to nobody: rustls must not be asked for anything.
    Failed,
}

impl Channel {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        let rustls = UnbufferedServerConnection::new(config)?;
        Ok(Self { rustls, incoming: Vec::new(), state: State::Handshake })
    }

    /// True once the handshake is done: plain bytes may be sent.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open | State::Ended)
    }

    /// True when the peer sends nothing more.
    pub(super) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Takes records in. `plain` is shown what the peer says; `answer` takes what TLS itself has to
    /// say: its part of a handshake, or the alert that tells the peer of an error.
    ///
    /// # Errors
    ///
    /// These are no records, they were tampered with, or the peer is not one to talk to. The
    /// connection must be closed once `answer` is sent.
    pub(super) fn receive(
        &mut self,
        records: &[u8],
        answer: &mut Vec<u8>,
        plain: impl FnMut(&[u8]),
    ) -> Result<(), Error> {
        self.incoming.extend_from_slice(records);
        let received = self.process(answer, plain);
        if received.is_err() {
            self.state = State::Failed;
            self.incoming = Vec::new();
        }
        received
    }

    fn process(&mut self, answer: &mut Vec<u8>, mut plain: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut done = 0;
        loop {
            let UnbufferedStatus { mut discard, state } =
                self.rustls.process_tls_records(&mut self.incoming[done..]);
            let mut is_more = true;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        plain(record.payload);
                        discard += record.discard;
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut message)) => {
                    append(answer, |room| message.encode(room))?;
                }
                // What was encoded is on its way as soon as it stands in `answer`.
                Ok(ConnectionState::TransmitTlsData(sent)) => sent.done(),
                Ok(ConnectionState::PeerClosed) => self.state = State::Ended,
                Ok(ConnectionState::WriteTraffic(_)) => {
                    if self.state == State::Handshake {
                        self.state = State::Open;
                    }
                    is_more = false;
                }
                Ok(_) => is_more = false,
                Err(error) => {
                    self.take_alert(done + discard, answer);
                    return Err(error);
                }
            }
            done += discard;
            if !is_more {
                break;
            }
        }
        self.incoming.drain(..done);
        if self.incoming.is_empty() {
            self.incoming = Vec::new(); // who has nothing under way holds no memory for it
        }
        Ok(())
    }

    /// After an error: what the peer is to be told of it, if there is anything.
    fn take_alert(&mut self, done: usize, answer: &mut Vec<u8>) {
        let status = self.rustls.process_tls_records(&mut self.incoming[done..]);
        if let Ok(ConnectionState::EncodeTlsData(mut alert)) = status.state {
            // The connection ends in any case, and that says enough.
            let _ = append(answer, |room| alert.encode(room));
        }
    }

    /// Encrypts `plain` into `records`.
    ///
    /// # Errors
    ///
    /// The channel is not open, or its keys have been used as often as they may be: the connection
    /// must be closed.
    pub(super) fn send(&mut self, plain: &Output, records: &mut Vec<u8>) -> Result<(), Error> {
        if !self.is_open() {
            return Err(Error::HandshakeNotComplete);
        }
        let state = self.rustls.process_tls_records(&mut self.incoming).state?;
        let ConnectionState::WriteTraffic(mut traffic) = state else {
            return Err(Error::HandshakeNotComplete);
        };
        plain.segments(0).try_for_each(|bytes| append(records, |room| traffic.encrypt(bytes, room)))
    }

    /// Says that nothing more will be sent, if the channel is open.
    pub(super) fn finish(&mut self, records: &mut Vec<u8>) {
        if !self.is_open() {
            return;
        }
        let state = self.rustls.process_tls_records(&mut self.incoming).state;
        if let Ok(ConnectionState::WriteTraffic(mut traffic)) = state {
            // If that fails, the end of the connection says the same.
            let _ = append(records, |room| traffic.queue_close_notify(room));
        }
    }
}

/// Has `write` write behind the end of `bytes`, with as much room as it asks for.
fn append<E: Into<Refusal>>(
    bytes: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> Result<(), Error> {
    let end = bytes.len();
    let needed = match write(&mut []).map_err(Into::into) {
        Ok(_) => return Ok(()),
        Err(Refusal::Room(needed)) => needed,
        Err(Refusal::Other(error)) => return Err(error),
    };
    bytes.resize(end + needed, 0);
    match write(&mut bytes[end..]).map_err(Into::into) {
        Ok(written) => bytes.truncate(end + written),
        Err(_) => return Err(Error::EncryptError),
    }
    Ok(())
}

/// Why rustls has not written.
enum Refusal {
    /// It needs so many bytes.
    Room(usize),
    Other(Error),
}

impl From<EncodeError> for Refusal {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Self::Room(required_size)
            }
            EncodeError::AlreadyEncoded => Self::Other(Error::EncryptError),
        }
    }
}

impl From<EncryptError> for Refusal {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Self::Room(required_size)
            }
            EncryptError::EncryptExhausted => Self::Other(Error::EncryptError),
        }
    }
}
