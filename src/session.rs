//! What the server knows of one client, on the reactor that serves it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::client::{Client, NO_COMMAND};
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
    /// A request waits for its keys, and those behind it wait for its answer.
    pub blocked: Option<Blocked>,
    /// Close the connection once the replies so far are sent.
    pub closing: bool,
    /// A long request of which a part has come.
    pub unfinished: Option<Box<Unfinished>>,
    /// The number of the last command in the command table, or [`NO_COMMAND`].
    pub last_command: u16,
    /// What it has had of its turn.
    pub ran: Ran,
}

/// How many requests have run in the tick of that number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ran {
    pub tick: u64,
    pub requests: usize,
}

/// How long a request waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// None: for ever.
    pub until: Option<Instant>,
}

/// CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replies {
    On,
    Off,
    /// CLIENT REPLY SKIP is running: it gets no reply, nor does the request after it.
    SkipNext,
    /// That request is the next one, or is running.
    Skip,
}

impl Session {
    pub fn new(client: Arc<Client>, authenticated: bool) -> Self {
        Self {
            client,
            db: 0,
            version: Version::V2,
            authenticated,
            replies: Replies::On,
            blocked: None,
            closing: false,
            unfinished: None,
            last_command: NO_COMMAND,
            ran: Ran::default(),
        }
    }

    /// Publishes what others may know: once a batch, and before the client looks at itself.
    #[inline]
    pub fn note(&self, now: Instant) {
        self.client.note(now, self.last_command, self.db, self.version.number());
    }

    /// RESET: as if the client had just connected. It keeps its id and the name of its library.
    pub fn reset(&mut self, authenticated: bool) {
        self.db = 0;
        self.version = Version::V2;
        self.authenticated = authenticated;
        // A skip stays in force: the reply that it skips is that of RESET.
        if self.replies == Replies::Off {
            self.replies = Replies::On;
        }
        self.client.no_evict.store(false, Ordering::Relaxed);
        self.client.no_touch.store(false, Ordering::Relaxed);
        self.client.rename(|names| names.name.clear());
    }
}
