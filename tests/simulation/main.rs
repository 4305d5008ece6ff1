//! The reactor on a simulated network: scenarios one by one, and random runs from seeds.
//!
//! `TORC_SEEDS=n` plays n random runs of each kind that nobody has played before, `TORC_SEED=s` plays the
//! one of that seed.

mod client;
mod load;
mod random;
mod scenarios;
mod talk;
mod tls;

use std::slice;
use std::sync::Arc;

use torc::command::table::TABLE;
use torc::config::Config;
use torc::instance::{Instance, ReactorLink};
use torc::reactor::Links;
use torc::reactor::simulated::Socket;
use torc::service::echo::Echo;
use torc::service::kv::Kv;
use torc::store::Keyspace;

/// The echo service of each reactor, which needs nothing.
fn echoes(links: &[Links<Socket>]) -> Vec<Echo> {
    links.iter().map(|_| Echo).collect()
}

fn echo(links: &Links<Socket>) -> Echo {
    echoes(slice::from_ref(links)).remove(0)
}

/// The key-value services of the reactors of one simulation, over one store.
fn kvs(links: &[Links<Socket>]) -> Vec<Kv> {
    let config = Config::default();
    let keyspaces = Keyspace::all(config.databases, links.len()).into_iter();
    let link = |links: &Links<Socket>| {
        let (mailbox, stats) = (Arc::clone(&links.mailbox), Arc::clone(&links.stats));
        ReactorLink::new(mailbox, stats, TABLE.numbers())
    };
    let (connections, stop) = (Arc::clone(&links[0].clients), Arc::clone(&links[0].stop));
    let instance = Instance::new(config, connections, links.iter().map(link).collect(), stop);
    let instance = Arc::new(instance);
    let kv = |(index, keyspace)| Kv::new(keyspace, Arc::clone(&instance), index);
    keyspaces.enumerate().map(kv).collect()
}

fn kv(links: &Links<Socket>) -> Kv {
    kvs(slice::from_ref(links)).remove(0)
}
