//! What all reactors of one server share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::client::{Client, ClientList};
use crate::clock::Now;
use crate::config::Config;
use crate::mailbox::{Mailbox, Message, Stop};
use crate::output::Output;
use crate::stats::{Clients, CommandStats, Flow, Rates, ReactorStats};

/// One server: its configuration, its clients, and what each of its reactors lets others see.
pub struct Instance {
    pub config: Config,
    pub clients: ClientList,
    /// Connections now, and how many there may be.
    pub connections: Arc<Clients>,
    /// One for each reactor, in order.
    pub reactors: Vec<ReactorLink>,
    pub stop: Arc<Stop>,
    /// DEBUG SET-ACTIVE-EXPIRE: whether keys are removed that nobody asks for.
    pub active_expiry: AtomicBool,
    pub started: Now,
    /// Forty hexadecimal digits, new at each start.
    pub run_id: String,
    /// Bytes that were in use before there was any client or key.
    pub memory_at_start: usize,
    /// The backend and what the kernel granted it; for INFO.
    pub engine: String,
    /// The TCP port, also when a free one was picked; 0 if there is none.
    pub port: u16,
}

/// How others reach one reactor, and what it counts.
pub struct ReactorLink {
    pub mailbox: Arc<Mailbox<Message>>,
    pub stats: Arc<ReactorStats>,
    pub commands: CommandStats,
    pub rates: Rates,
}

impl Instance {
    /// A server that starts now, of reactors that can be reached so; backend, port and memory are blank.
    pub fn new(
        config: Config,
        connections: Arc<Clients>,
        reactors: Vec<ReactorLink>,
        stop: Arc<Stop>,
    ) -> Self {
        Self {
            config,
            clients: ClientList::default(),
            connections,
            reactors,
            stop,
            active_expiry: AtomicBool::new(true),
            started: Now::read(),
            run_id: run_id(),
            memory_at_start: 0,
            engine: String::new(),
            port: 0,
        }
    }

    /// Milliseconds since the start.
    pub fn uptime_ms(&self, now: Now) -> u64 {
        now.steady.saturating_duration_since(self.started.steady).as_millis() as u64
    }

    /// Has a client's own reactor close its connection. False if that was decided already.
    pub fn disconnect(&self, client: &Client) -> bool {
        if !client.condemn() {
            return false;
        }
        let link = &self.reactors[client.peer.reactor];
        // An idle client would never notice that the message found no room. It is sent once.
        link.mailbox.push_anyway(Message::Close(client.peer.id));
        true
    }

    /// Closes the clients that take the most memory, until those that are left take no more than
    /// `limit` together. Clients that may not be evicted count, and stay. Returns how many it closed.
    pub fn evict_clients(&self, limit: u64) -> u64 {
        // Two reactors that do this at once would each close somebody for the same bytes.
        let Some(_alone) = self.clients.evicting() else { return 0 };
        let sized = |client: Arc<Client>| (client.memory() as u64, client);
        let mut clients: Vec<_> = self.clients.list().into_iter().map(sized).collect();
        let mut total: u64 = clients.iter().map(|(size, _)| size).sum();
        if total <= limit {
            return 0;
        }
        clients.retain(|(_, client)| !client.no_evict.load(Ordering::Relaxed));
        clients.sort_unstable_by_key(|(size, _)| std::cmp::Reverse(*size));
        let mut evicted = 0;
        for (size, client) in clients {
            if total <= limit {
                return evicted;
            }
            if self.disconnect(&client) {
                let address = client.peer.address.remote();
                log::info!("evicting client {} at {address}: it takes {size} bytes", client.id);
                total -= size;
                evicted += 1;
            }
        }
        log::warn!("all clients that may be evicted are, and the others are over the limit");
        evicted
    }

    /// Has a client's own reactor send the answer that the client has waited for.
    pub fn answer(&self, client: &Client, answer: Output) {
        let link = &self.reactors[client.peer.reactor];
        link.mailbox.push_anyway(Message::Answer(client.peer.id, answer));
    }
}

impl ReactorLink {
    pub fn new(mailbox: Arc<Mailbox<Message>>, stats: Arc<ReactorStats>, commands: usize) -> Self {
        Self { mailbox, stats, commands: CommandStats::new(commands), rates: Rates::default() }
    }

    /// What has passed through this reactor.
    pub fn flow(&self) -> Flow {
        Flow {
            commands: self.commands.processed.get(),
            bytes_in: self.stats.bytes_in.get(),
            bytes_out: self.stats.bytes_out.get(),
        }
    }
}

/// The version of Redis that clients may take this server for.
pub const REDIS_VERSION: &str = "7.2.4";

/// A new run id: forty random hexadecimal digits.
fn run_id() -> String {
    (0..40).map(|_| char::from_digit(fastrand::u32(0..16), 16).expect("below 16")).collect()
}
