//! Framing: what is ignored, what is refused, and what a refusal says before it closes.

use super::connected;
use crate::common::escaped;

/// Requests that break the protocol, and the error that closes the connection.
const BROKEN: &[(&[u8], &str)] = &[
    (b"*x\r\n", "invalid multibulk length"),
    (b"*1x\r\n", "invalid multibulk length"),
    (b"* 1\r\n", "invalid multibulk length"),
    (b"*+1\r\n", "invalid multibulk length"),
    (b"*01\r\n", "invalid multibulk length"),
    (b"*2147483648\r\n", "invalid multibulk length"),
    (b"*99999999999999999999\r\n", "invalid multibulk length"),
    (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
    (b"*1\r\n:4\r\n", "expected '$', got ':'"),
    (b"*2\r\n$3\r\nGET\r\n*1\r\n", "expected '$', got '*'"),
    (b"*1\r\n$x\r\n", "invalid bulk length"),
    (b"*1\r\n$\r\n", "invalid bulk length"),
    (b"*1\r\n$-1\r\n", "invalid bulk length"),
    (b"*1\r\n$4x\r\nPING\r\n", "invalid bulk length"),
    (b"*1\r\n$536870913\r\n", "invalid bulk length"),
    (b"*1\r\n$99999999999999999999\r\n", "invalid bulk length"),
    (b"SET k \"open\r\n", "unbalanced quotes in request"),
    (b"SET k 'open\r\n", "unbalanced quotes in request"),
    (b"SET k \"closed\"early\r\n", "unbalanced quotes in request"),
];

#[test]
fn a_broken_request_is_answered_and_closes() {
    let (server, _client) = connected();
    for (request, why) in BROKEN {
        let mut client = server.connect();
        // What was asked before it is answered, what comes behind it is not.
        client.send(b"PING\r\n");
        client.send(request);
        client.send(b"PING\r\n");
        let expected = format!("+PONG\r\n-ERR Protocol error: {why}\r\n");
        eprintln!("case {}", escaped(request));
        client.expect(expected);
        client.expect_closed();
    }
}

/// A line without an end is refused when it is longer than 64 KiB.
#[test]
fn a_line_without_end_is_refused() {
    let (server, _client) = connected();
    for (start, why) in [
        (&b""[..], "too big inline request"),
        (b"*", "too big mbulk count string"),
        (b"*1\r\n$", "too big bulk count string"),
    ] {
        let mut client = server.connect();
        client.send([start, &[b'1'; 64 * 1024 + 2]].concat());
        client.expect(format!("-ERR Protocol error: {why}\r\n"));
        client.expect_closed();
    }
}

#[test]
fn empty_requests_are_ignored() {
    let (_server, mut client) = connected();
    client.send(b"\r\n\n  \r\n*0\r\n*-1\r\n*-10\r\n\r\n*0\r\nPING\r\n");
    client.expect(b"+PONG\r\n");
    client.expect_silence();
}

#[test]
fn an_argument_holds_any_bytes() {
    let (_server, mut client) = connected();
    let bytes: Vec<u8> = (0..=255).collect();
    client.send([b"*2\r\n$4\r\nECHO\r\n$256\r\n", &bytes[..], b"\r\n"].concat());
    client.expect([b"$256\r\n", &bytes[..], b"\r\n"].concat());
    client.send(b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n");
    client.expect(b"$0\r\n\r\n");
}

#[test]
fn unknown_commands_are_named() {
    let (_server, mut client) = connected();
    let long = "x".repeat(200);
    client.talk(&[
        ("foo", "-ERR unknown command 'foo', with args beginning with: \r\n"),
        ("Foo a \"b c\"", "-ERR unknown command 'Foo', with args beginning with: 'a' 'b c' \r\n"),
        ("\"\"", "-ERR unknown command '', with args beginning with: \r\n"),
        ("a\r\nb c\nd", "-ERR unknown command 'a', with args beginning with: 'b' 'c' 'd' \r\n"),
    ]);
    let cut = "x".repeat(128);
    let expected = format!("-ERR unknown command '{cut}', with args beginning with: \r\n");
    client.talk(&[(&long, &expected)]);
    let expected = format!("-ERR unknown command 'foo', with args beginning with: '{cut}' \r\n");
    client.talk(&[(&format!("foo {long} b"), &expected)]);
    // Line ends would break the reply, so they become spaces.
    client.send(b"*2\r\n$5\r\nf\r\no\n\r\n$3\r\na\rb\r\n");
    client.expect(b"-ERR unknown command 'f  o ', with args beginning with: 'a b' \r\n");
    client.talk(&[
        ("CLIENT nothing", "-ERR unknown subcommand 'nothing'. Try CLIENT HELP.\r\n"),
        ("CONFIG nothing", "-ERR unknown subcommand 'nothing'. Try CONFIG HELP.\r\n"),
        ("OBJECT nothing k", "-ERR unknown subcommand 'nothing'. Try OBJECT HELP.\r\n"),
    ]);
}

#[test]
fn the_number_of_arguments_is_checked() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("GET", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("gEt a b", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("SET k", "-ERR wrong number of arguments for 'set' command\r\n"),
        ("MSET k", "-ERR wrong number of arguments for 'mset' command\r\n"),
        ("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command\r\n"),
        ("PING a b", "-ERR wrong number of arguments for 'ping' command\r\n"),
        ("CONFIG", "-ERR wrong number of arguments for 'config' command\r\n"),
        ("CONFIG get", "-ERR wrong number of arguments for 'config|get' command\r\n"),
        ("CLIENT setname", "-ERR wrong number of arguments for 'client|setname' command\r\n"),
    ]);
}

/// A browser that is made to send a request here must not have its body run.
#[test]
fn http_is_hung_up_on() {
    let (server, _client) = connected();
    for request in [&b"POST / HTTP/1.1\r\nSET k v\r\n"[..], b"Host: localhost\r\nSET k v\r\n"] {
        let mut client = server.connect();
        client.send(request);
        client.expect_closed();
    }
    server.connect().talk(&[("EXISTS k", ":0\r\n")]);
}

/// A header may lie about what follows; memory is taken as bytes arrive.
#[test]
fn a_lying_header_costs_nothing() {
    let (server, _client) = connected();
    let mut liars: Vec<_> = (0..50).map(|_| server.connect()).collect();
    for (index, liar) in liars.iter_mut().enumerate() {
        let headers: [&[u8]; 2] = [b"*2147483647\r\n$3\r\nSET\r\n", b"*2\r\n$536870912\r\n"];
        liar.send(headers[index % 2]);
    }
    server.connect().talk(&[("PING", "+PONG\r\n")]);
    let resident = resident_kib(&server);
    assert!(resident < 512 * 1024, "{resident} KiB are resident");
}

fn resident_kib(server: &crate::common::Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("/proc");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux shows it");
    line.split_ascii_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}
