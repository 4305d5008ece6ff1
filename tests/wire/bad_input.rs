//! What clients may get wrong, each with what redis-server 7.0.15 says to it, and whether it closes.

use super::{backend, connected, wait_until, with};
use crate::common::client::{encode, request};
use crate::common::{Server, Start, escaped, program};

/// What becomes of a connection after the reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoesOn,
    Closes,
}

use Then::{Closes, GoesOn};

/// Framing and limits: bytes as they are sent.
const FRAMES: &[(&[u8], &str, Then)] = &[
    (b"\r\n", "", GoesOn),
    (b"\n", "", GoesOn),
    (b" \t \r\n", "", GoesOn),
    (b"*0\r\n", "", GoesOn),
    (b"*-1\r\n", "", GoesOn),
    (b"*-2147483648\r\n", "", GoesOn),
    (b"*\r\n", "-ERR Protocol error: invalid multibulk length\r\n", Closes),
    (b"*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n", Closes),
    (b"*2147483648\r\n", "-ERR Protocol error: invalid multibulk length\r\n", Closes),
    (b"*1\r\n+PING\r\n", "-ERR Protocol error: expected '$', got '+'\r\n", Closes),
    (b"*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n", Closes),
    (b"*1\r\n$x\r\n", "-ERR Protocol error: invalid bulk length\r\n", Closes),
    (b"*1\r\n$536870913\r\n", "-ERR Protocol error: invalid bulk length\r\n", Closes),
    (b"GET \"k\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n", Closes),
    (b"POST / HTTP/1.1\r\n", "", Closes),
    (b"Host: localhost\r\n", "", Closes),
];

/// Commands, arity, numbers and syntax: words of one line, and an error after which it goes on.
const REQUESTS: &[(&str, &str)] = &[
    ("nosuch a b", "ERR unknown command 'nosuch', with args beginning with: 'a' 'b' "),
    ("CLIENT nosuch", "ERR unknown subcommand 'nosuch'. Try CLIENT HELP."),
    ("GET", "ERR wrong number of arguments for 'get' command"),
    ("CONFIG GET", "ERR wrong number of arguments for 'config|get' command"),
    ("LPUSH text v", "WRONGTYPE Operation against a key holding the wrong kind of value"),
    ("INCR text", "ERR value is not an integer or out of range"),
    ("INCRBY n 9223372036854775808", "ERR value is not an integer or out of range"),
    ("INCRBY top 1", "ERR increment or decrement would overflow"),
    ("DECRBY n -9223372036854775808", "ERR decrement would overflow"),
    ("INCRBYFLOAT n x", "ERR value is not a valid float"),
    ("INCRBYFLOAT n +inf", "ERR increment would produce NaN or Infinity"),
    ("HINCRBY hash f 1", "ERR hash value is not an integer"),
    ("HINCRBYFLOAT hash f 1", "ERR hash value is not a float"),
    ("SETRANGE k -1 x", "ERR offset is out of range"),
    ("SETRANGE k 536870912 x", "ERR string exceeds maximum allowed size (proto-max-bulk-len)"),
    ("SETBIT k -1 1", "ERR bit offset is not an integer or out of range"),
    ("LSET list 9 x", "ERR index out of range"),
    ("LSET nothing 0 x", "ERR no such key"),
    ("RENAME nothing k", "ERR no such key"),
    ("LPOP list -1", "ERR value is out of range, must be positive"),
    ("SCAN x", "ERR invalid cursor"),
    ("SELECT 16", "ERR DB index is out of range"),
    ("SELECT x", "ERR value is not an integer or out of range"),
    ("SET k v EX 0", "ERR invalid expire time in 'set' command"),
    ("SET k v EX x", "ERR value is not an integer or out of range"),
    ("SET k v NX XX", "ERR syntax error"),
    ("EXPIRE k 9223372036854775807", "ERR invalid expire time in 'expire' command"),
    ("BLPOP k x", "ERR timeout is not a float or out of range"),
    ("BLPOP k -1", "ERR timeout is negative"),
    ("ZADD z x m", "ERR value is not a valid float"),
    ("RESTORE k 0 x", "ERR DUMP payload version or checksum are wrong"),
    ("RESTORE text 0 x", "BUSYKEY Target key name already exists."),
    (
        "OBJECT FREQ text",
        "ERR An LFU maxmemory policy is not selected, access frequency not \
      tracked. Please note that when switching between policies at runtime LRU and LFU data will \
      take some time to adjust.",
    ),
    ("CONFIG SET nosuch 1", "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
    (
        "CONFIG SET maxclients x",
        "ERR CONFIG SET failed (possibly related to argument \
      'maxclients') - argument couldn't be parsed into an integer",
    ),
    (
        "AUTH secret",
        "ERR AUTH <password> called without any password configured for the default \
      user. Are you sure your configuration is correct?",
    ),
    ("AUTH nobody secret", "WRONGPASS invalid username-password pair or user is disabled."),
    ("HELLO 4", "NOPROTO unsupported protocol version"),
    ("HELLO x", "ERR Protocol version is not an integer or out of range"),
    ("CLIENT KILL nowhere", "ERR No such client"),
    ("CLIENT KILL ID x", "ERR client-id should be greater than 0"),
    ("CLIENT LIST TYPE x", "ERR Unknown client type 'x'"),
    ("CLIENT REPLY x", "ERR syntax error"),
];

/// The same with a password that was not given.
const STRANGERS: &[(&str, &str)] = &[
    ("GET k", "NOAUTH Authentication required."),
    ("AUTH wrong", "WRONGPASS invalid username-password pair or user is disabled."),
    (
        "HELLO 3",
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
      HELLO AUTH <user> <pass> option can be used to authenticate the client and select \
      the RESP protocol version at the same time",
    ),
];

/// Sends, and compares what comes back and what becomes of the connection.
#[track_caller]
fn check(server: &Server, sent: &[u8], reply: &str, then: Then) {
    eprintln!("case {}", escaped(sent));
    let mut client = server.connect();
    client.send(sent);
    client.expect(reply);
    match then {
        Closes => client.expect_closed(),
        GoesOn => client.expect_silence(),
    }
}

fn is_told_what_is_wrong(start: impl Fn() -> Start) {
    let server = start().start();
    let mut client = server.connect();
    for request in
        ["SET text words", "SET top 9223372036854775807", "HSET hash f v", "RPUSH list a"]
    {
        client.call(request);
    }
    for (sent, reply, then) in FRAMES {
        check(&server, sent, reply, *then);
    }
    for start in [&b""[..], b"*", b"*1\r\n$"] {
        let why = match start {
            b"" => "inline request",
            b"*" => "mbulk count string",
            _ => "bulk count string",
        };
        let endless = [start, &[b'1'; 64 * 1024 + 2]].concat();
        check(&server, &endless, &format!("-ERR Protocol error: too big {why}\r\n"), Closes);
    }
    for (line, error) in REQUESTS {
        check(&server, &request(line), &format!("-{error}\r\n"), GoesOn);
    }
    let server = start().flag("requirepass", "secret").start();
    for (line, error) in STRANGERS {
        let mut client = server.connect();
        client.talk(&[(line, &format!("-{error}\r\n")), ("AUTH secret", "+OK\r\n")]);
    }
    let most = encode(&["MGET"; 11]);
    check(&server, &most, "-ERR Protocol error: unauthenticated multibulk length\r\n", Closes);
    let long = b"*2\r\n$4\r\nECHO\r\n$16385\r\n";
    check(&server, long, "-ERR Protocol error: unauthenticated bulk length\r\n", Closes);
}

#[test]
fn who_is_wrong_is_told_so() {
    is_told_what_is_wrong(with);
}

/// The tables above are right.
#[test]
fn redis_says_the_same() {
    if program::installed("redis-server") {
        is_told_what_is_wrong(Start::redis);
    }
}

/// A command of a million words, which come as they do.
#[test]
fn a_million_arguments() {
    const PAIRS: usize = 500_000;
    let (_server, mut client) = connected();
    let mut sender = client.split();
    let words = (0..PAIRS).flat_map(|n| [format!("k{n}"), n.to_string()]);
    let mset = encode(&std::iter::once("MSET".to_owned()).chain(words).collect::<Vec<_>>());
    let sending =
        std::thread::spawn(move || mset.chunks(100_000).for_each(|part| sender.send(part)));
    client.expect(b"+OK\r\n");
    sending.join().expect("all of it was taken");
    client.talk(&[("DBSIZE", &format!(":{PAIRS}\r\n")), ("GET k499999", "$6\r\n499999\r\n")]);
}

/// Headers that announce much, with nothing behind them: who has not sent a large value before is not
/// trusted to do so.
#[test]
fn a_header_takes_no_memory() {
    const LIARS: usize = 500;
    let server = Start::torc(backend()).threads(1).start();
    let mut observer = server.connect();
    let before = observer.info("used_memory_rss");
    let mut liars: Vec<_> = (0..LIARS).map(|_| server.connect()).collect();
    let headers: [&[u8]; 2] =
        [b"*2147483647\r\n$3\r\nSET\r\n", b"*2\r\n$4\r\nECHO\r\n$536870912\r\n"];
    let mut sent = 0;
    for (liar, header) in liars.iter_mut().zip(headers.iter().cycle()) {
        liar.send(header);
        sent += header.len() as u64;
    }
    wait_until("all are heard", || observer.info("total_net_input_bytes") >= sent);
    let each = observer.info("used_memory_rss").saturating_sub(before) / LIARS as u64;
    assert!(each < 16 << 10, "{each} bytes are resident for a header");
}
