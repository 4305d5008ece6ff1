//! The other end of a simulated connection: a test holds it and plays the client.

use std::sync::Arc;

use parking_lot::Mutex;

use super::link::End;
use super::network::Network;
use crate::mailbox::ConnId;

/// A client's end of a connection. It stays open when dropped.
pub struct Peer {
    network: Arc<Mutex<Network>>,
    link: usize,
}

impl Peer {
    pub(super) fn new(network: Arc<Mutex<Network>>, link: usize) -> Self {
        Self { network, link }
    }

    /// Writes `bytes`. They are lost if the connection is broken, closed or finished.
    pub fn write(&self, bytes: &[u8]) {
        let mut network = self.network.lock();
        let link = &mut network.links[self.link];
        if !link.broken && !link.finished && link.end != End::Closed {
            link.to_server.extend(bytes);
        }
    }

    /// Reads everything that has come.
    pub fn read(&self) -> Vec<u8> {
        self.read_some(usize::MAX)
    }

    /// Reads at most `most` bytes.
    pub fn read_some(&self, most: usize) -> Vec<u8> {
        let to_peer = &mut self.network.lock().links[self.link].to_peer;
        let count = to_peer.len().min(most);
        to_peer.drain(..count).collect()
    }

    /// Says that nothing more will be written.
    pub fn finish(&self) {
        self.network.lock().links[self.link].finished = true;
    }

    /// Breaks the connection.
    pub fn reset(&self) {
        self.network.lock().links[self.link].reset();
    }

    /// True when the connection was broken, by either end or between.
    pub fn is_broken(&self) -> bool {
        self.network.lock().links[self.link].broken
    }

    /// True when the server has closed its end. What it sent before can still be read.
    pub fn is_closed(&self) -> bool {
        self.network.lock().links[self.link].end == End::Closed
    }

    /// Bytes written that the server has not received.
    pub fn unreceived(&self) -> usize {
        self.network.lock().links[self.link].to_server.len()
    }

    /// The name under which a reactor serves this connection, while it does.
    pub fn id(&self) -> Option<ConnId> {
        self.server().map(|(_, id)| id)
    }

    /// The number of that reactor, and the name.
    pub fn server(&self) -> Option<(usize, ConnId)> {
        match self.network.lock().links[self.link].end {
            End::Open { host, id } => Some((host, id)),
            _ => None,
        }
    }
}
