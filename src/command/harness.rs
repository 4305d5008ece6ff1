//! Commands without a server, for tests: words in, raw reply out.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::panics;
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
use crate::store::{Keyspace, Peek};

use super::dispatch::Worker;

/// One client, on a reactor of its own.
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
        Self::several(config, 1).pop().expect("one was asked for")
    }

    /// A server with one reactor, where nothing is ever locked, and one with two, where all must be.
    pub(crate) fn each_way() -> [Self; 2] {
        let [harness, _] = Self::pair();
        [Self::new(), harness]
    }

    /// Two clients of one server, each on a reactor of its own.
    pub(crate) fn pair() -> [Self; 2] {
        let pair = Self::several(Config::default(), 2).try_into();
        pair.unwrap_or_else(|_| panic!("two were asked for"))
    }

    fn several(config: Config, reactors: usize) -> Vec<Self> {
        let doorbell = Arc::new(Doorbell::silent());
        let link = || {
            let mailbox = Arc::new(Mailbox::new(16, doorbell.clone()));
            ReactorLink::new(mailbox, Arc::new(ReactorStats::default()), TABLE.numbers())
        };
        let keyspaces = Keyspace::all(config.databases, reactors);
        let connections = Arc::new(Clients::new(config.maxclients.get() as usize));
        let links = (0..reactors).map(|_| link()).collect();
        let stop = Arc::new(Stop::new(vec![doorbell.clone()]));
        let instance = Arc::new(Instance::new(config, connections, links, stop));
        let open = |(index, keyspace)| Self::open(keyspace, instance.clone(), index);
        keyspaces.into_iter().enumerate().map(open).collect()
    }

    fn open(keyspace: Keyspace, instance: Arc<Instance>, reactor: usize) -> Self {
        let session = Self::connect(&instance, reactor);
        let now = instance.started;
        Self { worker: Worker::new(keyspace, instance, reactor), session, now }
    }

    /// Another client on the same reactor.
    pub(crate) fn another(&self) -> Session {
        Self::connect(&self.worker.instance, self.worker.index)
    }

    fn connect(instance: &Instance, reactor: usize) -> Session {
        let somewhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let peer = Peer {
            id: ConnId { index: instance.clients.count() as u32, generation: 0 },
            reactor,
            fd: 0,
            address: PeerAddress::Tcp { peer: somewhere, local: somewhere },
            connected: instance.started.steady,
        };
        let client = instance.clients.add(peer);
        Session::new(client, instance.config.requirepass.get().is_empty())
    }

    /// Runs a command given as words between spaces; returns the raw reply.
    pub(crate) fn run(&mut self, line: &str) -> String {
        self.run_words(&line.split(' ').collect::<Vec<_>>())
    }

    /// Runs a command given as words of any bytes.
    pub(crate) fn run_words(&mut self, words: &[impl AsRef<[u8]>]) -> String {
        let args: OwnedArgs = words.iter().collect();
        let mut output = Output::new();
        self.dispatch(&args, &mut output);
        let bytes: Vec<u8> = output.segments(0).flatten().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A batch of one request.
    fn dispatch(&mut self, args: &OwnedArgs, output: &mut Output) {
        self.worker.begin(self.now);
        self.worker.keyspace.enter();
        let before = output.mark();
        let (session, args, now) = (&mut self.session, args.as_args(), self.now);
        let found = self.worker.look_up(args);
        let run = || self.worker.dispatch(found, session, args, output, now);
        if let Err(number) = panics::contain(run) {
            self.worker.give_up(number, session, before, output, now);
        }
        self.worker.keyspace.leave();
    }

    /// How often a command allocates when it runs `times` times, once it is warm.
    pub(crate) fn allocations_of(&mut self, line: &str, times: usize) -> u64 {
        let args: OwnedArgs = line.split(' ').collect();
        let mut output = Output::new();
        // A random member may be longer than the one before: that is the output's affair.
        output.copied_mut().reserve(4096);
        self.dispatch(&args, &mut output);
        let before = crate::memory::allocations();
        for _ in 0..times {
            output.clear();
            self.dispatch(&args, &mut output);
        }
        crate::memory::allocations() - before
    }

    /// What OBJECT ENCODING says of a key.
    pub(crate) fn encoding(&mut self, key: &str) -> &'static str {
        self.look(key, |found| found.value().encoding())
    }

    /// When a key expires, in milliseconds since the Unix epoch.
    pub(crate) fn expiry(&mut self, key: &str) -> Option<u64> {
        self.look(key, |found| found.expiry())
    }

    /// Looks at a key that is there.
    pub(crate) fn look<R>(&mut self, key: &str, look: impl FnOnce(Peek<'_>) -> R) -> R {
        let keyspace = &mut self.worker.keyspace;
        keyspace.enter();
        keyspace.hold(self.session.db, [key.as_bytes()].into_iter());
        let outcome = look(keyspace.peek(self.session.db, key.as_bytes()).expect("it is there"));
        keyspace.leave();
        outcome
    }

    /// Gives a key a string value, in the session's database.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        assert_eq!(self.run_words(&["SET", key, value]), "+OK\r\n");
    }

    /// The string value of a key, as GET answers it.
    pub(crate) fn get(&mut self, key: &str) -> Option<String> {
        bulks(&self.run_words(&["GET", key])).pop()
    }

    /// How many keys a database has.
    pub(crate) fn len(&self, db: usize) -> usize {
        self.worker.keyspace.len(db)
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

/// The bulk strings in a reply, in order; they must be without line ends.
pub(crate) fn bulks(reply: &str) -> Vec<String> {
    let mut lines = reply.split("\r\n");
    let mut bulks = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with('$') && line != "$-1" {
            bulks.extend(lines.next().map(str::to_owned));
        }
    }
    bulks
}
