//! Memory that a load has taken is the machine's again once the load is over.

use super::{backend, wait_until};
use crate::common::client::encode;
use crate::common::{Client, Server, Start, allow_many_descriptors};

const MIB: u64 = 1 << 20;

/// What allocator and reactors may keep for the next load: far less than each of these takes.
const KEPT: u64 = 32 * MIB;

/// Many connections, each in the middle of a request.
#[test]
fn what_connections_took_is_given_back() {
    check(100 * MIB, |server| {
        let part = [b"*2\r\n$4\r\nECHO\r\n$65000\r\n", &vec![b'v'; 64_000][..]].concat();
        let open = |_| {
            let mut client = server.connect();
            client.send(&part);
            client
        };
        (0..2000).map(open).collect()
    });
}

/// Replies of ten megabytes that nobody reads.
#[test]
fn what_large_replies_took_is_given_back() {
    check(100 * MIB, |server| {
        let mut client = server.connect();
        let element = "v".repeat(1000);
        let words = ["RPUSH", "list"].into_iter().chain([element.as_str(); 1000]);
        let push = encode(&words.collect::<Vec<_>>());
        for _ in 0..10 {
            client.send(&push);
            client.read_reply();
        }
        let ask = |_| {
            let mut client = server.connect();
            client.ask("LRANGE list 0 -1");
            client
        };
        (0..20).map(ask).collect()
    });
}

/// Requests of many words, all but the end of them; when they end, a database of many keys.
#[test]
fn what_long_requests_took_is_given_back() {
    check(100 * MIB, |server| {
        let words = (0..100_000).flat_map(|n| [format!("key:{n}"), format!("value:{n}")]);
        let request = encode(&["MSET".to_owned()].into_iter().chain(words).collect::<Vec<_>>());
        let (most, end) = request.split_at(request.len() - 1);
        let open = |_| {
            let mut client = server.connect();
            client.send(most);
            client
        };
        let mut clients: Vec<_> = (0..20).map(open).collect();
        clients[0].send(end);
        clients[0].expect("+OK\r\n");
        clients
    });
}

/// Many replies of a size that buffers are kept for, all at the same time.
#[test]
fn what_many_replies_took_is_given_back() {
    check(0, |server| {
        let mut clients: Vec<_> = (0..2000).map(|_| server.connect()).collect();
        clients[0].talk(&[(&format!("SET k {}", "v".repeat(10_000)), "+OK\r\n")]);
        for _ in 0..3 {
            clients.iter_mut().for_each(|client| client.ask("MGET k k k k k k"));
            clients.iter_mut().for_each(|client| assert!(client.read_reply().len() > 60_000));
        }
        clients
    });
}

/// A load takes so much memory at least while its clients are connected, and next to nothing when they
/// and the keys are gone, however often it comes.
fn check(taken: u64, load: impl Fn(&Server) -> Vec<Client>) {
    allow_many_descriptors();
    let server = Start::torc(backend()).threads(2).start();
    let mut observer = server.connect();
    let before = observer.info("used_memory_rss");
    for round in ["first", "second"] {
        let clients = load(&server);
        let mut resident = || observer.info("used_memory_rss");
        wait_until(&format!("the {round} load takes memory"), || resident() >= before + taken);
        drop(clients);
        observer.talk(&[("FLUSHALL", "+OK\r\n")]);
        let mut resident = || observer.info("used_memory_rss");
        wait_until(&format!("the {round} load gives it back"), || resident() <= before + KEPT);
    }
}
