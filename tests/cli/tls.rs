//! The tools over TLS, with a certificate of their own.

use std::process::Command;

use super::{LIMIT, with};
use crate::common::{Certificates, Server, program};

/// Runs a tool that shows the client's certificate.
#[track_caller]
fn output(tool: &str, server: &Server, certificates: &Certificates, words: &[&str]) -> String {
    let path = |name| certificates.path(name);
    let mut command = Command::new(tool);
    command.args(["-p", &server.port().to_string(), "--tls", "--cacert", &path("ca.crt")]);
    command.args(["--cert", &path("client.crt"), "--key", &path("client.key")]).args(words);
    let ended = program::run(&mut command, None, LIMIT);
    let shown = format!("{tool} {words:?}: {} {}{}", ended.status, ended.stdout, ended.stderr);
    assert!(ended.status.success() && !shown.contains("rror"), "{shown}");
    ended.stdout
}

/// A server with one reactor and one with two, each when it is asked for.
fn servers(tool: &str, certificates: &Certificates) -> impl Iterator<Item = Server> {
    let threads: &[usize] = if program::installed(tool) { &[1, 2] } else { &[] };
    threads.iter().map(|threads| with().threads(*threads).tls(certificates).start())
}

#[test]
fn redis_cli() {
    let certificates = Certificates::new();
    for server in servers("redis-cli", &certificates) {
        let output = |words: &[&str]| output("redis-cli", &server, &certificates, words);
        assert_eq!(output(&["SET", "k", "a value"]), "OK\n");
        assert_eq!(output(&["-3", "GET", "k"]), "a value\n");
        let list = output(&["CLIENT", "LIST"]);
        assert!(list.contains(&format!(" laddr=127.0.0.1:{} ", server.port())), "{list}");
        assert_eq!(output(&["-r", "3", "INCR", "n"]), "1\n2\n3\n");
        assert!(output(&["--bigkeys", "-i", "0"]).contains("Biggest string found"));
    }
}

#[test]
fn redis_benchmark() {
    let certificates = Certificates::new();
    for server in servers("redis-benchmark", &certificates) {
        for (words, tests) in [
            // A handshake of both ends takes long without optimisation: few connections.
            (&["-n", "500", "-c", "10", "-t", "ping,set,get,lpush,mset"][..], 6),
            (&["-n", "3200", "-c", "10", "-P", "16", "-r", "1000", "-t", "set,get"], 2),
            (&["-n", "100", "-c", "5", "-d", "100000", "-t", "set,get"], 2),
        ] {
            let words = [&["-q"], words].concat();
            let printed = output("redis-benchmark", &server, &certificates, &words);
            assert_eq!(printed.matches(" requests per second").count(), tests, "{printed}");
        }
    }
}
