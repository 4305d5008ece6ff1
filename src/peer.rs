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

#[derive(Clone, Debug)]
pub enum PeerAddress {
    Tcp { peer: SocketAddr, local: SocketAddr },
    Unix { path: Arc<PathBuf> },
}

impl PeerAddress {
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
