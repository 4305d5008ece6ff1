//! How reactors reach each other: bounded queues with a doorbell.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering, fence};

use parking_lot::Mutex;

/// Names a connection within its reactor. A slot's generation changes each time it is reused, so an
/// old name never means a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnId {
    pub index: u32,
    /// 24 bits are used.
    pub generation: u32,
}

/// What one reactor tells another.
#[derive(Debug)]
pub enum Message {
    /// Serve this connection, accepted from the listener of that index.
    Adopt { fd: OwnedFd, listener: usize },
    /// Close this connection once its replies are sent.
    Close(ConnId),
}
