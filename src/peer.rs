//! Who is at the other end of a connection.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::mailbox::ConnId;

/// A connection, seen from the server.
#[derive(Clone, Debug)]
pub struct Peer {
    pub id: ConnId,
    /// Index of the reactor that owns the connection.
    pub reactor: usize,
    /// For display only.
    pub fd: i32,
    pub address: PeerAddress,
    pub connected: Instant,
}

/// What a connection's bytes take on their way in and out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Bytes that have arrived and were not executed yet,
    pub query: usize,
    /// and the memory behind them that is reserved for more.
    pub query_room: usize,
    /// Bytes of replies that have not left yet,
    pub output: usize,
    /// and how many pieces they lie in.
    pub output_pieces: usize,
}

impl Buffers {
    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        self.query + self.query_room + self.output
    }
}

#[derive(Clone, Debug)]
pub enum PeerAddress {
    Tcp { peer: SocketAddr, local: SocketAddr },
    Unix { path: Arc<PathBuf> },
}

impl PeerAddress {
    /// True if the peer is on this machine, and connects in a way that shows it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp { peer, .. } => peer.ip().to_canonical().is_loopback(),
            Self::Unix { .. } => true,
        }
    }

    /// The client's end as CLIENT LIST shows it: `ip:port`, or `path:0` of a Unix socket.
    pub fn remote(&self) -> String {
        match self {
            Self::Tcp { peer, .. } => peer.to_string(),
            Self::Unix { path } => format!("{}:0", path.display()),
        }
    }

    /// The server's end, likewise.
    pub fn local(&self) -> String {
        match self {
            Self::Tcp { local, .. } => local.to_string(),
            Self::Unix { .. } => self.remote(),
        }
    }

    /// The server's port, if the connection came through one.
    pub fn local_port(&self) -> Option<u16> {
        match self {
            Self::Tcp { local, .. } => Some(local.port()),
            Self::Unix { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_unix_sockets_are_local() {
        for (address, local) in [
            ("127.0.0.1:1", true),
            ("127.8.8.8:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("192.0.2.1:1", false),
            ("[2001:db8::1]:1", false),
        ] {
            let peer: SocketAddr = address.parse().unwrap();
            assert_eq!(PeerAddress::Tcp { peer, local: peer }.is_local(), local, "{address}");
        }
        assert!(PeerAddress::Unix { path: Arc::default() }.is_local());
    }
}
