//! A server on a simulated network, and one client of it.

use std::sync::Arc;
use std::time::Duration;

use torc::command::table::TABLE;
use torc::config::Config;
use torc::instance::{Instance, ReactorLink};
use torc::reactor::simulated::{Faults, Peer, Simulation, Socket};
use torc::reactor::{Links, Options};
use torc::service::kv::Kv;
use torc::store::Keyspace;

use crate::reply;

/// Milliseconds after which a client waits that has no reply yet.
const MOMENT: u32 = 20;

pub struct Server {
    simulation: Simulation<Kv>,
    peer: Peer,
    arrived: Vec<u8>,
}

impl Server {
    /// What goes wrong on the way follows from `seed`: bytes come in pieces, and late.
    pub fn new(seed: u64) -> Self {
        let mut faults = Faults::random(&mut fastrand::Rng::with_seed(seed));
        // Connections last, and time does not pass in vain.
        (faults.reset, faults.failed_accept, faults.failed_open) = (0.0, 0.0, 0.0);
        faults.window = faults.window.max(4096);
        let mut simulation = Simulation::new(seed, faults, Options::default(), 10, kv);
        let peer = simulation.connect();
        Self { simulation, peer, arrived: Vec::new() }
    }

    /// Sends bytes, of which each of `count` requests is to be answered with one reply. Fewer come
    /// if the connection is closed, or if one of them waits.
    pub fn ask(&mut self, bytes: &[u8], count: usize) -> Vec<Vec<u8>> {
        self.peer.write(bytes);
        let (mut replies, mut waited) = (Vec::new(), 0);
        while waited < MOMENT {
            self.simulation.settle();
            let arrived = self.peer.read();
            self.arrived.extend(&arrived);
            while let Some(length) = first_reply(&self.arrived) {
                replies.push(self.arrived.drain(..length).collect());
            }
            if replies.len() >= count || self.is_closed() {
                break;
            }
            if arrived.is_empty() {
                self.simulation.pass(Duration::from_millis(1));
                waited += 1;
            }
        }
        assert!(replies.len() <= count, "{count} requests, but {} replies", replies.len());
        replies
    }

    /// One request, which has a reply.
    pub fn call(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let mut replies = self.ask(&crate::request(words), 1);
        replies.pop().expect("it does not wait, nor does it close the connection")
    }

    pub fn is_closed(&self) -> bool {
        self.peer.is_closed()
    }

    /// Bytes that belong to no reply, after the connection was closed.
    pub fn rest(&self) -> &[u8] {
        &self.arrived
    }

    /// Stops, and sees to it that everything is given back.
    pub fn finish(mut self) {
        self.simulation.finish();
    }
}

fn first_reply(bytes: &[u8]) -> Option<usize> {
    (!bytes.is_empty()).then(|| reply::length(bytes)).flatten()
}

/// The key-value service. Its store has a second side, which nobody uses: so what a request touches
/// must be held.
fn kv(links: &Links<Socket>) -> Kv {
    let config = Config::default();
    config.set_many([(&b"proto-max-bulk-len"[..], &b"1mb"[..])]).expect("it may be changed");
    let keyspace = Keyspace::all(config.databases, 2).remove(0);
    let (mailbox, stats) = (Arc::clone(&links.mailbox), Arc::clone(&links.stats));
    let reactors = vec![ReactorLink::new(mailbox, stats, TABLE.numbers())];
    let (connections, stop) = (Arc::clone(&links.clients), Arc::clone(&links.stop));
    let instance = Instance::new(config, connections, reactors, stop);
    Kv::new(keyspace, Arc::new(instance), 0)
}
