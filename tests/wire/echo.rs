//! `--mode echo`: what comes in goes out.

use super::backend;
use crate::common::{Server, Start};

fn echo(threads: usize) -> Server {
    Start::torc(backend()).flag("mode", "echo").threads(threads).start()
}

#[test]
fn any_bytes_of_any_size() {
    let server = echo(1);
    let mut client = server.connect();
    let mut random = fastrand::Rng::with_seed(3);
    for size in [1, 2, 3, 100, 1000, 4095, 4096, 4097, 16_384, 65_536, 1_000_000] {
        let bytes: Vec<u8> = (0..size).map(|_| random.u8(..)).collect();
        client.send(&bytes);
        client.expect(&bytes);
    }
    // What looks like a request is no request here.
    client.send(b"*1\r\n$4\r\nQUIT\r\n\r\n*x");
    client.expect(b"*1\r\n$4\r\nQUIT\r\n\r\n*x");
}

#[test]
fn more_than_the_sockets_hold() {
    let server = echo(1);
    let mut client = server.connect();
    let mut random = fastrand::Rng::with_seed(4);
    let bytes: Vec<u8> = (0..20_000_000).map(|_| random.u8(..)).collect();
    let sent = bytes.clone();
    let mut writer = client.split();
    let writing = std::thread::spawn(move || {
        writer.send(&sent);
        writer.finish_sending();
    });
    client.expect(&bytes);
    client.expect_closed();
    writing.join().expect("the server reads all");
}

#[test]
fn many_connections_on_two_reactors() {
    let server = echo(2);
    let mut clients: Vec<_> = (0..50).map(|_| server.connect()).collect();
    for round in 0..20 {
        for (index, client) in clients.iter_mut().enumerate() {
            client.send(format!("connection {index} round {round}"));
        }
        for (index, client) in clients.iter_mut().enumerate() {
            client.expect(format!("connection {index} round {round}"));
        }
    }
}
