//! A thousand connections at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::with;
use crate::common::client::request;

const CONNECTIONS: usize = 1000;

#[test]
fn a_thousand_connections() {
    allow_descriptors();
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

/// Many systems allow a process 1,024 descriptors unless it asks for more.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(4096, |maximum| maximum.min(4096));
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).expect("up to the maximum is allowed");
    }
}
