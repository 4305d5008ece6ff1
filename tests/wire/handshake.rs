//! What client libraries send when they connect, in their own pipelines.

use super::{connected, with};
use crate::common::client::request;
use crate::common::{Client, escaped, reply};

/// Reads a HELLO reply and checks it: seven fields in the order that clients know.
#[track_caller]
fn expect_hello(client: &mut Client, protocol: i64) {
    let hello = client.read_reply();
    assert_eq!(hello[..3], if protocol == 3 { *b"%7\r" } else { *b"*14" }, "{}", escaped(&hello));
    let fields = reply::elements(&hello).expect("a map");
    let names = ["server", "version", "proto", "id", "mode", "role", "modules"];
    for (index, name) in names.iter().enumerate() {
        assert_eq!(reply::text(fields[2 * index]), Some(name.as_bytes()), "{}", escaped(&hello));
    }
    assert_eq!(reply::integer(fields[5]), Some(protocol));
    assert!(reply::integer(fields[7]).expect("an id") > 0);
    assert_eq!(reply::text(fields[9]), Some(&b"standalone"[..]));
    assert_eq!(reply::text(fields[11]), Some(&b"master"[..]));
    assert_eq!(fields[13], b"*0\r\n");
    let version = String::from_utf8_lossy(reply::text(fields[3]).expect("a text")).into_owned();
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    assert!(major.is_some_and(|major| major >= 7), "clients expect 7 or more, not {version}");
}

#[test]
fn hello_chooses_the_protocol() {
    let (_server, mut client) = connected();
    client.ask("HELLO");
    expect_hello(&mut client, 2);
    client.ask("HELLO 3");
    expect_hello(&mut client, 3);
    client.talk(&[("GET none", "_\r\n")]);
    client.ask("HELLO");
    expect_hello(&mut client, 3);
    client.ask("HELLO 2 SETNAME someone");
    expect_hello(&mut client, 2);
    client.talk(&[("CLIENT GETNAME", "$7\r\nsomeone\r\n"), ("GET none", "$-1\r\n")]);
}

#[test]
fn hello_refuses() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("HELLO 4", "-NOPROTO unsupported protocol version\r\n"),
        ("HELLO 1", "-NOPROTO unsupported protocol version\r\n"),
        ("HELLO x", "-ERR Protocol version is not an integer or out of range\r\n"),
        ("HELLO 3 nothing", "-ERR Syntax error in HELLO option 'nothing'\r\n"),
        ("HELLO 3 AUTH default", "-ERR Syntax error in HELLO option 'AUTH'\r\n"),
        (
            "HELLO 3 AUTH nobody x",
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
        ),
        (
            "HELLO 3 SETNAME \"a b\"",
            "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
        ),
        ("GET none", "$-1\r\n"),
    ]);
}

#[test]
fn hello_authenticates() {
    let server = with().flag("requirepass", "secret").start();
    let mut client = server.connect();
    client.talk(&[
        (
            "HELLO 3",
            "-NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO AUTH <user> <pass> option can be used to authenticate the client and select \
             the RESP protocol version at the same time\r\n",
        ),
        (
            "HELLO 3 AUTH default wrong",
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
        ),
        ("GET k", "-NOAUTH Authentication required.\r\n"),
    ]);
    client.ask("HELLO 3 AUTH default secret SETNAME me");
    expect_hello(&mut client, 3);
    client.talk(&[("GET k", "_\r\n"), ("CLIENT GETNAME", "$2\r\nme\r\n")]);
}

/// redis-py 8 sends HELLO 3 with the password in it and reads each reply before it goes on.
#[test]
fn redis_py_8() {
    let server = with().flag("requirepass", "secret").start();
    let mut client = server.connect();
    client.ask("HELLO 3 AUTH default secret");
    expect_hello(&mut client, 3);
    expect_one_reply(&mut client, "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip");
    client.talk(&[("CLIENT SETNAME worker", "+OK\r\n")]);
    expect_one_reply(&mut client, "CLIENT SETINFO LIB-NAME redis-py");
    expect_one_reply(&mut client, "CLIENT SETINFO LIB-VER 8.0.0");
    client.talk(&[("SELECT 3", "+OK\r\n"), ("PING", "+PONG\r\n")]);
}

/// go-redis 9 pipelines what follows HELLO.
#[test]
fn go_redis_9() {
    let (_server, mut client) = connected();
    client.ask("HELLO 3 SETNAME go");
    expect_hello(&mut client, 3);
    client.send(["SELECT 2", "CLIENT SETNAME go"].map(request).concat());
    client.expect(b"+OK\r\n+OK\r\n");
    client.ask("CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type none");
    client.read_reply();
    client.ask("CLIENT SETINFO LIB-NAME go-redis(,go1.24)");
    client.ask("CLIENT SETINFO LIB-VER 9.17.0");
    client.read_reply();
    client.read_reply();
    client.talk(&[("SET k v", "+OK\r\n"), ("GET k", "$1\r\nv\r\n")]);
}

/// StackExchange.Redis sends everything at once; each request gets exactly one reply.
#[test]
fn stackexchange_redis() {
    let (_server, mut client) = connected();
    let requests = [
        "HELLO 3",
        "CLIENT SETNAME host",
        "CLIENT SETINFO lib-name SE.Redis",
        "CLIENT SETINFO lib-ver 2.9.11",
        "CLIENT ID",
        "CONFIG GET timeout",
        "CONFIG GET replica-read-only",
        "CONFIG GET databases",
        "SENTINEL MASTERS",
        "INFO replication",
        "INFO server",
        "CLUSTER NODES",
        "GET __Booksleeve_TieBreak",
        "ECHO tracer",
    ];
    client.send(requests.map(request).concat());
    expect_hello(&mut client, 3);
    for request in &requests[1..requests.len() - 2] {
        let reply = client.read_reply();
        assert!(!reply.is_empty(), "{request}");
    }
    client.expect(b"_\r\n$6\r\ntracer\r\n");
    client.expect_silence();
}

/// Older clients stay with RESP2: ioredis 5 looks for `loading:0` in INFO, line by line.
#[test]
fn ioredis_5() {
    let (_server, mut client) = connected();
    let info = client.text("INFO");
    for line in ["loading:0", "role:master", "redis_mode:standalone"] {
        assert!(info.split("\r\n").any(|found| found == line), "{line} is missing in {info}");
    }
    assert!(info.split("\r\n").all(|line| !line.contains('\n')), "lines end in CRLF");
}

/// Whatever the answer is, it is one.
#[track_caller]
fn expect_one_reply(client: &mut Client, line: &str) {
    client.call(line);
    client.expect_silence();
}
