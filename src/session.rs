//! What the server knows of one client, on the reactor that serves it.

use std::sync::Arc;

use crate::client::Client;
use crate::resp::{Unfinished, Version};

/// One connection's state between its requests.
pub struct Session {
    /// The entry in the list of all clients.
    pub client: Arc<Client>,
    /// The selected database.
    pub db: usize,
    pub version: Version,
    pub authenticated: bool,
    pub replies: Replies,
    /// Close the connection once the replies so far are sent.
    pub closing: bool,
    /// A long request of which a part has come.
    pub unfinished: Option<Box<Unfinished>>,
    /// The number of the last command in the command table.
    pub last_command: u16,
}

/// CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replies {
    On,
    Off,
    /// CLIENT REPLY SKIP was just run: the next request gets no reply.
    SkipNext,
}

impl Session {
    pub fn new(client: Arc<Client>, authenticated: bool) -> Self {
        Self {
            client,
            db: 0,
            version: Version::V2,
            authenticated,
            replies: Replies::On,
            closing: false,
            unfinished: None,
            last_command: 0,
        }
    }
}
