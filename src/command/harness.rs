//! Commands without a server, for tests: words in, raw reply out.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::table::TABLE;
use crate::clock::Now;
use crate::config::Config;
use crate::instance::{Instance, ReactorLink};
use crate::mailbox::{ConnId, Doorbell, Mailbox, Stop};
use crate::output::Output;
use crate::peer::{Peer, PeerAddress};
use crate::resp::{OwnedArgs, Version};
use crate::session::Session;
use crate::stats::{Clients, ReactorStats};
use crate::store::Keyspace;

use super::dispatch::Worker;

/// One client of a server with one reactor.
pub(crate) struct Harness {
    pub(crate) worker: Worker,
    pub(crate) session: Session,
    pub(crate) now: Now,
}

impl Harness {
    pub(crate) fn new() -> Self {
        Self::with_config(Config::default())
    }

    /// A client that has still to give this password.
    pub(crate) fn with_password(password: &str) -> Self {
        let config = Config::default();
        let pair = (&b"requirepass"[..], password.as_bytes());
        config.set_many([pair]).expect("any text is a password");
        Self::with_config(config)
    }

    pub(crate) fn with_config(config: Config) -> Self {
        let doorbell = Arc::new(Doorbell::silent());
        let mailbox = Arc::new(Mailbox::new(16, doorbell.clone()));
        let link = ReactorLink::new(mailbox, Arc::new(ReactorStats::default()), TABLE.numbers());
        let now = Now::read();
        let keyspace = Keyspace::all(config.databases, 1).pop().expect("one was asked for");
        let instance = Arc::new(Instance {
            connections: Arc::new(Clients::new(config.maxclients.get() as usize)),
            config,
            clients: Default::default(),
            reactors: vec![link],
            stop: Arc::new(Stop::new(vec![doorbell])),
            active_expiry: AtomicBool::new(true),
            started: now,
            run_id: "0".repeat(40),
            engine: "none".to_owned(),
            port: 0,
        });
        let somewhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let peer = Peer {
            id: ConnId { index: 0, generation: 0 },
            reactor: 0,
            fd: 0,
            address: PeerAddress::Tcp { peer: somewhere, local: somewhere },
        };
        let client = instance.clients.add(peer, now.steady);
        let session = Session::new(client, instance.config.requirepass.get().is_empty());
        Self { worker: Worker::new(keyspace, instance, 0), session, now }
    }

    /// Runs a command given as words between spaces; returns the raw reply.
    pub(crate) fn run(&mut self, line: &str) -> String {
        self.run_words(&line.split(' ').collect::<Vec<_>>())
    }

    /// Runs a command given as words of any bytes.
    pub(crate) fn run_words(&mut self, words: &[impl AsRef<[u8]>]) -> String {
        let args: OwnedArgs = words.iter().collect();
        let mut output = Output::new();
        self.worker.keyspace.set_now(self.now);
        self.worker.dispatch(&mut self.session, args.as_args(), &mut output, self.now);
        let bytes: Vec<u8> = output.segments(0).flatten().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Lets time pass.
    pub(crate) fn wait_ms(&mut self, ms: u64) {
        self.now.unix_us += ms * 1000;
        self.now.steady += std::time::Duration::from_millis(ms);
    }

    pub(crate) fn speak(&mut self, version: Version) {
        self.session.version = version;
    }
}
