//! CLIENT: names, lists, kills and the reply mode.

use super::{connected, with};
use crate::common::client::request;
use crate::common::{Client, Server};

#[test]
fn names() {
    let (_server, mut client) = connected();
    let bad = "-ERR Client names cannot contain spaces, newlines or special characters.\r\n";
    client.talk(&[
        ("CLIENT GETNAME", "$-1\r\n"),
        ("CLIENT SETNAME worker-1", "+OK\r\n"),
        ("CLIENT GETNAME", "$8\r\nworker-1\r\n"),
        ("CLIENT SETNAME \"a b\"", bad),
        ("CLIENT GETNAME", "$8\r\nworker-1\r\n"),
        ("CLIENT SETNAME \"\"", "+OK\r\n"),
        ("CLIENT GETNAME", "$-1\r\n"),
    ]);
}

#[test]
fn ids_grow() {
    let (server, mut first) = connected();
    let mut second = server.connect();
    let first = first.integer("CLIENT ID");
    let id = second.integer("CLIENT ID");
    assert!(first < id, "{first} and then {id}");
}

#[test]
fn the_list_shows_everyone() {
    let (server, mut one) = connected();
    let mut two = server.connect();
    one.talk(&[("CLIENT SETNAME one", "+OK\r\n"), ("SELECT 4", "+OK\r\n")]);
    two.call("HELLO 3 SETNAME two");
    let list = lines(&one.text("CLIENT LIST"));
    assert_eq!(list.len(), 2, "{list:?}");
    let of = |name: &str| list.iter().find(|line| field(line, "name") == name).expect(name);
    let (line_one, line_two) = (of("one"), of("two"));
    assert_eq!(field(line_one, "addr"), one.address());
    assert_eq!(field(line_one, "laddr"), format!("127.0.0.1:{}", server.port()));
    assert_eq!(field(line_one, "db"), "4");
    assert_eq!(field(line_one, "cmd"), "client|list");
    assert_eq!(field(line_one, "resp"), "2");
    assert_eq!(field(line_one, "user"), "default");
    assert_eq!(field(line_one, "multi"), "-1");
    assert_eq!(field(line_two, "resp"), "3");
    assert_eq!(field(line_two, "cmd"), "hello");

    let id = field(line_two, "id");
    let list = lines(&one.text(&format!("CLIENT LIST ID {id}")));
    assert_eq!(list.len(), 1);
    assert_eq!(field(&list[0], "name"), "two");
    assert_eq!(lines(&one.text("CLIENT LIST TYPE normal")).len(), 2);
    assert_eq!(lines(&one.text("CLIENT LIST TYPE pubsub")).len(), 0);
    assert_eq!(field(&lines(&one.text("CLIENT INFO"))[0], "name"), "one");
}

#[test]
fn the_list_forgets_who_left() {
    let (server, mut one) = connected();
    let mut two = server.connect();
    two.talk(&[("CLIENT SETNAME two", "+OK\r\n")]);
    drop(two);
    let deadline = std::time::Instant::now() + crate::common::PATIENCE;
    while lines(&one.text("CLIENT LIST")).len() > 1 {
        assert!(std::time::Instant::now() < deadline, "it is still listed");
    }
}

#[test]
fn kills_by_id_and_address() {
    for threads in [1, 2] {
        let server = with().threads(threads).start();
        let mut killer = server.connect();
        for round in 0..4 {
            let mut by_id = victim(&server);
            let id = by_id.integer("CLIENT ID");
            killer.talk(&[(&format!("CLIENT KILL ID {id}"), ":1\r\n")]);
            by_id.expect_closed();

            let mut by_address = victim(&server);
            let address = by_address.address();
            match round % 2 {
                0 => killer.talk(&[(&format!("CLIENT KILL {address}"), "+OK\r\n")]),
                _ => killer.talk(&[(&format!("CLIENT KILL ADDR {address}"), ":1\r\n")]),
            }
            by_address.expect_closed();
        }
        killer.talk(&[
            ("CLIENT KILL ID 999999", ":0\r\n"),
            ("CLIENT KILL 127.0.0.1:1", "-ERR No such client\r\n"),
            ("CLIENT KILL ID x", "-ERR client-id should be greater than 0\r\n"),
        ]);
    }
}

/// Who kills itself hears of it first.
#[test]
fn kills_oneself() {
    let (_server, mut client) = connected();
    let id = client.integer("CLIENT ID");
    client.talk(&[(&format!("CLIENT KILL ID {id}"), ":0\r\n")]);
    client.talk(&[(&format!("CLIENT KILL ID {id} SKIPME no"), ":1\r\n")]);
    client.expect_closed();
}

#[test]
fn replies_can_be_switched_off() {
    let (_server, mut client) = connected();
    let requests = [
        "CLIENT REPLY OFF",
        "SET k 1",
        "INCR k",
        "nothing",
        "CLIENT REPLY ON",
        "GET k",
        "CLIENT REPLY SKIP",
        "GET k",
        "INCR k",
    ];
    client.send(requests.map(request).concat());
    client.expect(b"+OK\r\n$1\r\n2\r\n:3\r\n");
    client.talk(&[("CLIENT REPLY maybe", "-ERR syntax error\r\n")]);
    client.expect_silence();
}

fn victim(server: &Server) -> Client {
    let mut client = server.connect();
    client.talk(&[("PING", "+PONG\r\n")]);
    client
}

fn lines(list: &str) -> Vec<String> {
    list.lines().map(str::to_owned).collect()
}

#[track_caller]
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let found = line.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {line}"))
}
