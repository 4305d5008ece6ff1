//! The reactor on a simulated network: scenarios one by one, and random runs from seeds.
//!
//! `TORC_SEEDS=n` plays n random runs of each kind, `TORC_SEED=s` plays the one of that seed.

mod load;
mod random;
mod scenarios;
mod talk;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use torc::command::table::TABLE;
use torc::config::Config;
use torc::instance::{Instance, ReactorLink};
use torc::reactor::Links;
use torc::reactor::simulated::Socket;
use torc::service::echo::Echo;
use torc::service::kv::Kv;
use torc::store::Keyspace;

/// The echo service, which needs nothing.
fn echo(_: &Links<Socket>) -> Echo {
    Echo
}

/// A key-value service that reaches the one reactor of a simulation.
fn kv(links: &Links<Socket>) -> Kv {
    let config = Config::default();
    let keyspace = Keyspace::all(config.databases, 1).remove(0);
    let mailbox = Arc::clone(&links.mailbox);
    let stats = Arc::clone(&links.stats);
    let instance = Instance {
        config,
        clients: Default::default(),
        connections: Arc::clone(&links.clients),
        reactors: vec![ReactorLink::new(mailbox, stats, TABLE.numbers())],
        stop: Arc::clone(&links.stop),
        active_expiry: AtomicBool::new(true),
        started: torc::clock::Now::read(),
        run_id: "0".repeat(40),
        memory_at_start: 0,
        engine: "simulated".to_owned(),
        port: 0,
    };
    Kv::new(keyspace, Arc::new(instance), 0)
}
