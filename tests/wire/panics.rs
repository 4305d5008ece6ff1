//! A command that panics. In builds with debug assertions, as tests have them, `DEBUG PANIC key` does so
//! while it edits the list at a key.

use super::backend;
use crate::common::client::request;
use crate::common::{Server, Start};

const INTERNAL: &str = "-ERR internal error, the command was given up: see the server's log\r\n";

fn start(threads: usize) -> Server {
    let start = Start::torc(backend()).threads(threads).flag("enable-debug-command", "yes");
    start.may_panic().start()
}

#[test]
fn answers_its_client_and_the_server_goes_on() {
    for threads in [1, 3] {
        let server = start(threads);
        let mut client = server.connect();
        if !cfg!(debug_assertions) {
            let text = "-ERR unknown subcommand or wrong number of arguments for 'PANIC'.";
            return client.talk(&[("DEBUG PANIC k", &format!("{text} Try DEBUG HELP.\r\n"))]);
        }
        let mut others: Vec<_> = (0..5).map(|_| server.connect()).collect();
        others[0].ask("BLPOP queue 0");
        for round in 0..20 {
            // All in one write: what stands around it is answered as if nothing had happened.
            let lines = ["RPUSH k a b", "SET s v", "DEBUG PANIC k", "LLEN k", "GET s", "PING"];
            client.send(lines.map(request).concat());
            client.expect(format!(":2\r\n+OK\r\n{INTERNAL}:0\r\n$1\r\nv\r\n+PONG\r\n"));
            for other in &mut others[1..] {
                other.talk(&[("SET k v", "+OK\r\n"), ("DEL k", ":1\r\n")]);
                // Panics in any reactor, with the store to itself.
                other.talk(&[("RPUSH k v", ":1\r\n"), ("DEBUG PANIC k", INTERNAL)]);
                other.talk(&[
                    ("RPUSH k v", ":1\r\n"),
                    ("CLIENT REPLY SKIP", ""),
                    ("DEBUG PANIC k", ""),
                    ("PING", "+PONG\r\n"),
                ]);
            }
            assert_eq!(client.integer("DBSIZE"), 1, "in round {round}");
        }
        client.talk(&[("RPUSH queue v", ":1\r\n")]);
        others[0].expect("*2\r\n$5\r\nqueue\r\n$1\r\nv\r\n");
        let line = server.prints("panicked at");
        let place = "command 'debug' panicked at src/command/debug.rs:";
        assert!(line.contains(place) && line.ends_with("its client is told so"), "{line}");
        let stats = client.text("INFO commandstats");
        let debug = stats.lines().find(|line| line.starts_with("cmdstat_debug:")).expect("it ran");
        assert!(debug.contains("calls=180,") && debug.contains("failed_calls=180"), "{debug}");
    }
}
