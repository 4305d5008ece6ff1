//! A reactor, its service and a simulated network, moved on step by step by a test.

use std::sync::Arc;
use std::time::{Duration, Instant};

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

/// One reactor under simulation.
pub struct Simulation<S: Service> {
    reactor: Reactor<Simulated, S>,
    network: Arc<Mutex<Network>>,
    doorbell: Arc<Doorbell>,
    mailbox: Arc<Mailbox>,
    stop: Arc<Stop>,
    pub clients: Arc<Clients>,
    pub stats: Arc<ReactorStats>,
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
        let clients = Arc::new(Clients::new(maxclients));
        let links = Links::connect(vec![Doorbell::silent()], &clients).remove(0);
        let doorbell = Arc::clone(&links.doorbell);
        let backend = Simulated::new(seed, faults, Arc::clone(&doorbell));
        Self {
            network: Arc::clone(&backend.network),
            mailbox: Arc::clone(&links.mailbox),
            stop: Arc::clone(&links.stop),
            stats: Arc::clone(&links.stats),
            reactor: Reactor::new(backend, service(&links), options, links),
            doorbell,
            clients,
        }
    }

    /// A new peer connects.
    pub fn connect(&mut self) -> Peer {
        let link = self.network.lock().connect();
        Peer::new(Arc::clone(&self.network), link)
    }

    /// One turn of the reactor. Returns false if it sleeps: only a peer, the doorbell, or time
    /// wakes it.
    pub fn tick(&mut self) -> bool {
        {
            let mut network = self.network.lock();
            if network.asleep && !network.wakes() {
                return false;
            }
        }
        if self.reactor.tick().is_ok() {
            return true;
        }
        let asleep = self.network.lock().asleep;
        assert!(asleep, "a simulated poll fails only where the kernel would sleep");
        self.doorbell.park();
        false
    }

    /// Goes on until the reactor sleeps.
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

    /// Moves the clock to the reactor's alarm, but not beyond `until`.
    fn sleep_until(&self, until: Instant) {
        let mut network = self.network.lock();
        let until = network.alarm.map_or(until, |alarm| alarm.min(until));
        let time = until.saturating_duration_since(network.now.steady);
        network.advance(time);
    }

    pub fn now(&self) -> Now {
        self.network.lock().now
    }

    /// Asks for a connection to be closed, as CLIENT KILL does.
    pub fn kill(&self, id: ConnId) {
        self.mailbox.push_anyway(Message::Close(id));
    }

    /// Asks for an orderly stop.
    pub fn stop(&self) {
        self.stop.ask();
    }

    /// True when the reactor has stopped and its last connection is closed.
    pub fn is_finished(&self) -> bool {
        self.reactor.is_finished()
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
        network.check(self.reactor.is_finished(), "does not stop");
        network.end();
        network.check(self.clients.connected() == 0, "has not counted all clients out");
        network.check(self.stats.connected() == 0, "has not counted all connections out");
    }

    /// Lets the server have at most `count` connections, as RLIMIT_NOFILE does.
    pub fn set_descriptors(&self, count: usize) {
        self.network.lock().descriptors = count;
    }

    /// Times that accepting was started.
    pub fn accept_starts(&self) -> u64 {
        self.network.lock().accept_starts
    }

    /// Changes what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.network.lock().faults = faults;
    }
}
