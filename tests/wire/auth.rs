//! A password, and what is allowed before it.

use super::{backend, connected, with};
use crate::common::client::encode;
use crate::common::{Start, reply};

const NOAUTH: &str = "-NOAUTH Authentication required.\r\n";
const WRONGPASS: &str = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

#[test]
fn nothing_goes_without_the_password() {
    let server = with().flag("requirepass", "secret").start();
    let mut client = server.connect();
    client.talk(&[
        ("GET k", NOAUTH),
        ("PING", NOAUTH),
        ("CLIENT LIST", NOAUTH),
        ("GET", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("nothing", "-ERR unknown command 'nothing', with args beginning with: \r\n"),
        ("AUTH wrong", WRONGPASS),
        ("AUTH default wrong", WRONGPASS),
        ("AUTH nobody secret", WRONGPASS),
        ("AUTH a b c", "-ERR syntax error\r\n"),
        ("GET k", NOAUTH),
        ("AUTH secret", "+OK\r\n"),
        ("GET k", "$-1\r\n"),
        ("RESET", "+RESET\r\n"),
        ("GET k", NOAUTH),
        ("AUTH default secret", "+OK\r\n"),
        ("GET k", "$-1\r\n"),
    ]);
    let mut leaving = server.connect();
    leaving.talk(&[("QUIT", "+OK\r\n")]);
    leaving.expect_closed();
}

#[test]
fn a_password_where_none_is_set() {
    let (_server, mut client) = connected();
    client.talk(&[
        (
            "AUTH secret",
            "-ERR AUTH <password> called without any password configured for the default user. \
             Are you sure your configuration is correct?\r\n",
        ),
        ("AUTH default anything", "+OK\r\n"),
        ("AUTH nobody secret", WRONGPASS),
    ]);
}

/// Who has not authenticated may not fill the server's memory.
#[test]
fn requests_are_small_before_it() {
    let server = with().flag("requirepass", "secret").start();
    let mut client = server.connect();
    client.send(encode(&["MGET"; 11]));
    client.expect(b"-ERR Protocol error: unauthenticated multibulk length\r\n");
    client.expect_closed();

    let mut client = server.connect();
    client.send(encode(&["ECHO", &"x".repeat(16 * 1024 + 1)]));
    client.expect(b"-ERR Protocol error: unauthenticated bulk length\r\n");
    client.expect_closed();
}

#[test]
fn config_set_changes_it() {
    let (server, mut client) = connected();
    client.talk(&[("CONFIG SET requirepass new", "+OK\r\n"), ("PING", "+PONG\r\n")]);
    server.connect().talk(&[("PING", NOAUTH), ("AUTH new", "+OK\r\n"), ("PING", "+PONG\r\n")]);
    client.talk(&[("CONFIG SET requirepass \"\"", "+OK\r\n")]);
    server.connect().talk(&[("PING", "+PONG\r\n")]);
}

/// Each command with as many words as it must have; of a container, its subcommands.
#[test]
fn of_all_commands_only_four_go_without_it() {
    // Of torc only: redis-server says of some others first that they are not allowed at all.
    let server = Start::torc(backend()).flag("requirepass", "secret").start();
    let mut client = server.connect();
    client.talk(&[("AUTH secret", "+OK\r\n")]);
    let all = client.call("COMMAND");
    let mut lines = Vec::new();
    for command in reply::elements(&all).expect("an array") {
        let parts = reply::elements(command).expect("an array");
        let subcommands = reply::elements(parts[9]).expect("an array");
        let one_or_more = if subcommands.is_empty() { vec![command] } else { subcommands };
        lines.extend(one_or_more.into_iter().map(shortest));
    }
    assert!(lines.len() > 200, "{}", lines.len());
    let goes = |line: &&String| {
        let mut client = server.connect();
        client.call(line) != NOAUTH.as_bytes()
    };
    let mut going: Vec<_> = lines.iter().filter(goes).map(String::as_str).collect();
    going.sort_unstable();
    assert_eq!(going, ["auth x", "hello", "quit", "reset"]);
    client.talk(&[("PING", "+PONG\r\n")]);
}

/// A request with as few words as the command takes.
fn shortest(command: &[u8]) -> String {
    let parts = reply::elements(command).expect("an array");
    let name = reply::text(parts[0]).expect("a name");
    let name = String::from_utf8_lossy(name).replace('|', " ");
    let words = reply::integer(parts[1]).expect("a number").unsigned_abs() as usize;
    let missing = words.saturating_sub(name.split(' ').count());
    name + &" x".repeat(missing)
}
