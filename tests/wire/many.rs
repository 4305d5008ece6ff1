//! A thousand connections at once.

use super::{connected, with};
use crate::common::allow_many_descriptors;
use crate::common::client::request;

const CONNECTIONS: usize = 1000;

#[test]
fn a_thousand_connections() {
    allow_many_descriptors();
    for threads in [1, 2] {
        let server = with().threads(threads).start();
        let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| server.connect()).collect();
        for round in 0..3 {
            for (index, client) in clients.iter_mut().enumerate() {
                client.send(request(&format!("SET key:{index} {round}:{index}")));
                client.send(request(&format!("GET key:{}", index / 2)));
            }
            for (index, client) in clients.iter_mut().enumerate() {
                client.expect(b"+OK\r\n");
                let value = client.read_reply();
                let expected = format!("{round}:{}\r\n", index / 2);
                // A smaller index may not have been served yet: it holds the round before then.
                let before = format!("{}:{}\r\n", round - 1, index / 2);
                let value = String::from_utf8_lossy(&value).into_owned();
                assert!(
                    [&expected, &before].iter().any(|end| value.ends_with(*end)) || round == 0,
                    "connection {index} read {value:?} in round {round}"
                );
            }
        }
        clients[0].talk(&[("DBSIZE", ":1000\r\n")]);
    }
}

/// Once they have been served, too. It must be well below a kilobyte, for what the allocator and the
/// system add to it makes up the rest.
#[test]
fn an_idle_connection_takes_little() {
    allow_many_descriptors();
    let (server, mut client) = connected();
    let before = client.info("used_memory");
    let mut idle: Vec<_> = (0..CONNECTIONS).map(|_| server.connect()).collect();
    for client in &mut idle {
        client.talk(&[("SET key value", "+OK\r\n")]);
    }
    let each = (client.info("used_memory") - before) / CONNECTIONS as u64;
    assert!(each > 0 && each < 768, "{each} bytes");
}
