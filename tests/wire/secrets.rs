//! A password shows up nowhere but where it is asked for.

use super::backend;
use crate::common::client::encode;
use crate::common::{Client, Start, reply};

const CANARY: &str = "canary-5e1f";

/// Everything that a client may do with a password, and whatever may go wrong with it, for which it
/// is answered with an error that does not repeat it. The password is right afterwards.
const USES: &[&str] = &[
    "AUTH canary-5e1f-wrong",
    "AUTH default canary-5e1f-wrong",
    "AUTH canary-5e1f canary-5e1f",
    "AUTH default canary-5e1f canary-5e1f",
    "HELLO 3 AUTH default canary-5e1f-wrong",
    "HELLO 9 AUTH default canary-5e1f",
    "HELLO x AUTH default canary-5e1f",
    "HELLO 2 AUTH canary-5e1f",
    "HELLO 2 SETNAME \"a b\" AUTH default canary-5e1f",
    "CONFIG SET requirepass canary-5e1f hz",
    "CONFIG SET requirepass canary-5e1f hz many",
    "CONFIG SET requirepass canary-5e1f requirepass canary-5e1f",
    "CONFIG SET databases canary-5e1f",
    "CONFIG SET hz canary-5e1f",
    "CONFIG SET maxmemory-policy canary-5e1f",
    "CONFIG RESETSTAT canary-5e1f",
    "SET k canary-5e1f canary-5e1f",
    "GET k canary-5e1f",
    "SETEX k canary-5e1f v",
];

/// Where one client may see what others do.
const PLACES: &[&str] = &[
    "INFO everything",
    "INFO commandstats errorstats",
    "CLIENT LIST",
    "CLIENT INFO",
    "COMMAND INFO auth",
    "COMMAND GETKEYS AUTH x",
    "SLOWLOG GET 100",
    "LATENCY LATEST",
    "MEMORY STATS",
    "MEMORY DOCTOR",
    "KEYS *",
];

#[test]
fn a_password_is_repeated_nowhere() {
    // Of torc only: redis-server logs, at this level, what a protocol error was found in.
    let server =
        Start::torc(backend()).flag("requirepass", CANARY).flag("loglevel", "debug").start();
    let mut client = server.connect();
    client.send(encode(&["AUTH", CANARY]));
    client.expect("+OK\r\n");
    client.talk(&[("HELLO 2 AUTH default canary-5e1f", "")]);
    client.read_reply();
    client.call("CLIENT SETNAME me");
    for line in USES {
        let reply = String::from_utf8(client.call(line)).expect("errors are text");
        assert!(reply.starts_with('-') && !reply.contains(CANARY), "{line}: {reply}");
        server.connect().call(line); // and before a password was given
    }
    client.talk(&[("CONFIG SET requirepass canary-5e1f-2", "+OK\r\n")]);
    client.talk(&[("CONFIG SET requirepass canary-5e1f", "+OK\r\n")]);
    // These are answered with what the client has sent, which only that client sees.
    client.call("AUHT canary-5e1f");
    client.call("canary-5e1f");
    client.call("CONFIG canary-5e1f");
    broken(&mut server.connect());
    for place in PLACES {
        let reply = client.call(place);
        let reply = String::from_utf8_lossy(&reply);
        assert!(!reply.contains(CANARY), "{place}: {reply}");
    }
    let printed = server.printed();
    assert!(!printed.contains(CANARY), "{printed}");
    // As in Redis, who may ask for it gets it.
    let asked = client.call("CONFIG GET requirepass");
    assert_eq!(
        reply::elements(&asked).and_then(|pair| reply::text(pair[1])),
        Some(CANARY.as_bytes())
    );
}

/// A request that ends in nonsense.
fn broken(client: &mut Client) {
    client.send("*2\r\n$4\r\nAUTH\r\n$x-canary-5e1f\r\n");
    client.expect("-ERR Protocol error: invalid bulk length\r\n");
    client.expect_closed();
}

/// A web page must not be able to talk to the server through a browser: neither before a password
/// nor after, and without one.
#[test]
fn a_browser_is_hung_up_on() {
    for password in ["", CANARY] {
        let server = Start::torc(backend()).flag("requirepass", password).start();
        let auth = if password.is_empty() { "" } else { "AUTH canary-5e1f\r\n" };
        for (before, hello) in [
            ("", "POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET k v\r\n"),
            ("", "host: localhost\r\nSET k v\r\n"),
            (auth, "Post /x HTTP/1.1\r\nSET k v\r\n"),
            ("", "*3\r\n$4\r\npost\r\n$1\r\nk\r\n$1\r\nv\r\nSET k v\r\n"),
        ] {
            let mut client = server.connect();
            client.send(format!("{before}{hello}"));
            client.expect(if before.is_empty() { "" } else { "+OK\r\n" });
            client.expect_closed();
        }
        let mut client = server.connect();
        client.send(auth);
        client.expect(if auth.is_empty() { "" } else { "+OK\r\n" });
        client.talk(&[("GET k", "$-1\r\n")]);
        let printed = server.printed().to_lowercase();
        assert!(printed.contains("http") || printed.contains("cross"), "{printed}");
    }
}
