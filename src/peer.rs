//! Who is at the other end of a connection.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

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
}

#[derive(Clone, Debug)]
pub enum PeerAddress {
    Tcp { peer: SocketAddr, local: SocketAddr },
    Unix { path: Arc<PathBuf> },
}
