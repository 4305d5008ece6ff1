//! Reactors, their services and a simulated network, moved on step by step by a test.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use parking_lot::Mutex;

use super::network::Network;
use super::{Faults, Peer, Simulated, Socket};
use crate::clock::Now;
use crate::mailbox::{ConnId, Doorbell, Mailbox, Message, Stop};
use crate::reactor::{Links, Options, Reactor};
use crate::service::Service;
use crate::stats::{Clients, ReactorStats};

/// Ticks within which everything that is under way must have come to rest.
const MOST_TICKS: usize = 1_000_000;

/// How far the clock moves at once while a reactor that was stopped sleeps.
const LONGEST_STOP: Duration = Duration::from_secs(1);

/// Reactors under simulation.
pub struct Simulation<S: Service> {
    reactors: Vec<Member<S>>,
    network: Arc<Mutex<Network>>,
    stop: Arc<Stop>,
    /// Decides whose turn it is.
    random: Rng,
    pub clients: Arc<Clients>,
    /// What the first reactor has done.
    pub stats: Arc<ReactorStats>,
}

/// One of them, and how others reach it.
struct Member<S: Service> {
    reactor: Reactor<Simulated, S>,
    doorbell: Arc<Doorbell>,
    mailbox: Arc<Mailbox>,
    stats: Arc<ReactorStats>,
}

impl<S: Service> Simulation<S> {
    /// A reactor that waits for its first connection. At most `maxclients` are served.
    pub fn new(
        seed: u64,
        faults: Faults,
        options: Options,
        maxclients: usize,
        service: impl FnOnce(&Links<Socket>) -> S,
    ) -> Self {
        let services = |links: &[Links<Socket>]| vec![service(&links[0])];
        Self::several(seed, faults, &options, maxclients, 1, services)
    }

    /// As [`Simulation::new`], of so many reactors.
    pub fn several(
        seed: u64,
        faults: Faults,
        options: &Options,
        maxclients: usize,
        reactors: usize,
        services: impl FnOnce(&[Links<Socket>]) -> Vec<S>,
    ) -> Self {
        let clients = Arc::new(Clients::new(maxclients));
        let doorbells = (0..reactors).map(|_| Doorbell::silent()).collect();
        let links = Links::connect(doorbells, &clients);
        let services = services(&links);
        let doorbells = links.iter().map(|links| Arc::clone(&links.doorbell)).collect();
        let backends = Simulated::all(seed, faults, doorbells);
        let network = Arc::clone(&backends[0].network);
        let (stop, stats) = (Arc::clone(&links[0].stop), Arc::clone(&links[0].stats));
        let parts = links.into_iter().zip(backends).zip(services).enumerate();
        let member = |(index, ((links, backend), service)): (usize, ((Links<_>, _), _))| Member {
            doorbell: Arc::clone(&links.doorbell),
            mailbox: Arc::clone(&links.mailbox),
            stats: Arc::clone(&links.stats),
            reactor: Reactor::new(backend, service, Options { index, ..options.clone() }, links),
        };
        let reactors = parts.map(member).collect();
        Self { reactors, network, stop, random: Rng::with_seed(!seed), clients, stats }
    }

    /// A new peer connects.
    pub fn connect(&mut self) -> Peer {
        let link = self.network.lock().connect();
        Peer::new(Arc::clone(&self.network), link)
    }

    /// One turn of a reactor that is awake. Returns false if all sleep: only a peer, the doorbell,
    /// or time wakes them.
    pub fn tick(&mut self) -> bool {
        while let Some(at) = self.whose_turn() {
            let Member { reactor, doorbell, .. } = &mut self.reactors[at];
            if reactor.tick().is_ok() {
                return true;
            }
            let asleep = self.network.lock().hosts[at].asleep;
            assert!(asleep, "a simulated poll fails only where the kernel would sleep");
            doorbell.park();
        }
        false
    }

    /// One of the reactors that are awake and have not finished.
    fn whose_turn(&mut self) -> Option<usize> {
        let count = self.reactors.len();
        let first = if count > 1 { self.random.usize(..count) } else { 0 };
        let mut network = self.network.lock();
        (first..count).chain(0..first).find(|&at| {
            let asleep = network.hosts[at].asleep && !network.wakes(at);
            !asleep && !self.reactors[at].reactor.is_finished()
        })
    }

    /// Goes on until all reactors sleep.
    pub fn settle(&mut self) {
        for _ in 0..MOST_TICKS {
            if !self.tick() {
                return;
            }
        }
        self.network.lock().check(false, "does not come to rest");
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now().steady + time;
        while self.now().steady < until {
            if !self.tick() {
                self.sleep_until(until);
            }
        }
    }

    /// Moves the clock to the first alarm, but not beyond `until`.
    fn sleep_until(&self, until: Instant) {
        let mut network = self.network.lock();
        let alarms = network.hosts.iter().filter_map(|host| host.alarm);
        let until = alarms.chain([until]).min().unwrap_or(until);
        let time = until.saturating_duration_since(network.now.steady);
        network.advance(time);
    }

    pub fn now(&self) -> Now {
        self.network.lock().now
    }

    /// Asks for a connection to be closed, as CLIENT KILL does.
    pub fn kill(&self, (reactor, id): (usize, ConnId)) {
        self.reactors[reactor].mailbox.push_anyway(Message::Close(id));
    }

    /// Asks for an orderly stop.
    pub fn stop(&self) {
        self.stop.ask();
    }

    /// True when all reactors have stopped and their last connections are closed.
    pub fn is_finished(&self) -> bool {
        self.reactors.iter().all(|member| member.reactor.is_finished())
    }

    /// Stops, and panics unless everything is closed and given back within the deadline.
    pub fn finish(&mut self) {
        self.stop();
        for _ in 0..MOST_TICKS {
            if self.is_finished() {
                break;
            }
            if !self.tick() {
                self.sleep_until(self.now().steady + LONGEST_STOP);
            }
        }
        let mut network = self.network.lock();
        network.check(self.is_finished(), "does not stop");
        network.end();
        network.check(self.clients.connected() == 0, "has not counted all clients out");
        let connected: u64 = self.reactors.iter().map(|member| member.stats.connected()).sum();
        network.check(connected == 0, "has not counted all connections out");
    }

    /// Lets the server have at most `count` connections, as RLIMIT_NOFILE does.
    pub fn set_descriptors(&self, count: usize) {
        self.network.lock().descriptors = count;
    }

    /// Times that accepting was started.
    pub fn accept_starts(&self) -> u64 {
        self.network.lock().hosts[0].accept_starts
    }

    /// What each reactor has counted.
    pub fn counters(&self) -> Vec<String> {
        self.reactors.iter().map(|member| format!("{:?}", member.stats)).collect()
    }

    /// Changes what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.network.lock().faults = faults;
    }
}
