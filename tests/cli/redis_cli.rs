//! redis-cli's modes, except those that need a terminal.

use std::io::Write;
use std::process::Command;

use super::{LIMIT, run, run_with_input, servers, with};
use crate::common::{Server, program};

const TOOL: &str = "redis-cli";

/// Runs redis-cli and compares what it prints.
#[track_caller]
fn expect(server: &Server, arguments: &[&str], printed: &str) {
    let ended = run(TOOL, server, arguments);
    assert_eq!(ended.stdout, printed, "{arguments:?}: {}", ended.stderr);
    assert!(ended.status.success(), "{arguments:?}: {}", ended.status);
    assert_eq!(ended.stderr, "", "{arguments:?}");
}

/// Runs redis-cli, which must succeed, and returns what it prints.
#[track_caller]
fn output(server: &Server, arguments: &[&str]) -> String {
    let ended = run(TOOL, server, arguments);
    assert!(ended.status.success(), "{arguments:?}: {} {}", ended.status, ended.stderr);
    assert!(!ended.stdout.contains("ERR"), "{arguments:?}: {}", ended.stdout);
    ended.stdout
}

#[test]
fn one_command() {
    for server in servers(TOOL) {
        expect(&server, &["SET", "k", "a value"], "OK\n");
        expect(&server, &["GET", "k"], "a value\n");
        expect(&server, &["--no-raw", "GET", "k"], "\"a value\"\n");
        expect(&server, &["--no-raw", "GET", "none"], "(nil)\n");
        expect(&server, &["--no-raw", "STRLEN", "k"], "(integer) 7\n");
        expect(&server, &["-r", "3", "-i", "0.01", "INCR", "n"], "1\n2\n3\n");
        expect(&server, &["-d", ",", "MGET", "k", "n"], "a value,3\n");
        expect(&server, &["--quoted-input", "SET", "\"\\x00\"", "zero"], "OK\n");
        expect(&server, &["--quoted-input", "--no-raw", "ECHO", "\"\\x00\""], "\"\\x00\"\n");
        let failed = run(TOOL, &server, &["-e", "INCR", "k"]);
        assert_eq!(failed.status.code(), Some(1));
        assert_eq!(failed.stderr, "ERR value is not an integer or out of range\n");
    }
}

#[test]
fn output_formats() {
    for server in servers(TOOL) {
        expect(&server, &["MSET", "a", "1", "b", "two"], "OK\n");
        expect(&server, &["--csv", "MGET", "a", "b", "none"], "\"1\",\"two\",NULL\n");
        expect(&server, &["-3", "--no-raw", "GET", "none"], "(nil)\n");
        let map = "1# \"databases\" => \"16\"\n";
        expect(&server, &["-3", "--no-raw", "CONFIG", "GET", "databases"], map);
        expect(&server, &["--json", "MGET", "a", "b", "none"], "[\"1\",\"two\",null]\n");
        expect(&server, &["--json", "CONFIG", "GET", "databases"], "{\"databases\":\"16\"}\n");
        let info = output(&server, &["-3", "INFO", "server"]);
        assert!(info.starts_with("# Server\r\n"), "{info}");
    }
}

#[test]
fn databases_and_sockets() {
    for server in servers(TOOL) {
        let socket = server.unix().to_str().expect("UTF-8").to_owned();
        let uri = format!("redis://127.0.0.1:{}/3", server.port());
        expect(&server, &["-n", "3", "SET", "k", "three"], "OK\n");
        expect(&server, &["EXISTS", "k"], "0\n");
        expect(&server, &["-u", &uri, "GET", "k"], "three\n");
        expect(&server, &["-s", &socket, "-n", "3", "GET", "k"], "three\n");
    }
}

#[test]
fn passwords() {
    if !program::installed(TOOL) {
        return;
    }
    let server = with().flag("requirepass", "secret").start();
    let uri = format!("redis://default:secret@127.0.0.1:{}/2", server.port());
    expect(&server, &["GET", "k"], "NOAUTH Authentication required.\n\n");
    expect(&server, &["--no-auth-warning", "-a", "secret", "PING"], "PONG\n");
    expect(&server, &["--no-auth-warning", "-3", "-a", "secret", "PING"], "PONG\n");
    let named = ["--no-auth-warning", "--user", "default", "--pass", "secret", "PING"];
    expect(&server, &named, "PONG\n");
    expect(&server, &["--no-auth-warning", "-u", &uri, "PING"], "PONG\n");
    let wrong = run(TOOL, &server, &["--no-auth-warning", "-a", "wrong", "PING"]);
    assert!(wrong.stderr.starts_with("AUTH failed: WRONGPASS"), "{}", wrong.stderr);
}

#[test]
fn commands_and_values_from_standard_input() {
    for server in servers(TOOL) {
        let path = server.folder().join("input");
        std::fs::write(&path, "first\nsecond \"x\"").expect("the folder is writable");
        let ended = run_with_input(TOOL, &server, &["-x", "SET", "k"], Some(&path));
        assert_eq!(ended.stdout, "OK\n");
        expect(&server, &["GET", "k"], "first\nsecond \"x\"\n");
        let ended = run_with_input(TOOL, &server, &["-X", "tag", "SET", "tag", "v"], Some(&path));
        assert_eq!(ended.stdout, "OK\n");
        expect(&server, &["STRLEN", "first\nsecond \"x\""], "1\n");
        std::fs::write(&path, "SET a 1\nINCR a\nGET a\n").expect("the folder is writable");
        let ended = run_with_input(TOOL, &server, &[], Some(&path));
        assert_eq!(ended.stdout, "OK\n2\n2\n");
    }
}

#[test]
fn stat() {
    for server in servers(TOOL) {
        output(&server, &["MSET", "a", "1", "b", "2", "c", "3"]);
        let mut command = Command::new(TOOL);
        let port = server.port().to_string();
        command.args(["-p", &port, "--stat", "-i", "0.1"]);
        let lines = program::first_lines(&mut command, 4, LIMIT);
        assert!(lines[1].starts_with("keys       mem      clients"), "{lines:?}");
        for line in &lines[2..] {
            let words: Vec<_> = line.split_ascii_whitespace().collect();
            assert_eq!(words[0], "3", "keys: {line}");
            assert!(words[1].ends_with(['K', 'M']), "memory: {line}");
            assert_eq!(words[2], "1", "clients: {line}");
            assert_eq!(words[3], "0", "blocked clients: {line}");
            assert!(words[4].parse::<u32>().is_ok_and(|requests| requests > 0), "{line}");
        }
    }
}

#[test]
fn latency() {
    for server in servers(TOOL) {
        let line = output(&server, &["--latency", "--csv", "-i", "0.3"]);
        let numbers: Vec<f64> = line.trim().split(',').filter_map(|n| n.parse().ok()).collect();
        assert_eq!(numbers.len(), 4, "{line}");
        assert!(numbers[3] >= 3.0, "samples: {line}");
        let mut history = Command::new(TOOL);
        let port = server.port().to_string();
        history.args(["-p", &port, "--raw", "--latency-history", "-i", "0.1"]);
        let lines = program::first_lines(&mut history, 2, LIMIT);
        assert!(lines.iter().all(|line| line.split(' ').count() == 4), "{lines:?}");
    }
}

#[test]
fn intrinsic_latency() {
    if !program::installed(TOOL) {
        return;
    }
    let server = with().start();
    let printed = output(&server, &["--intrinsic-latency", "1"]);
    assert!(printed.contains("total runs"), "{printed}");
}

/// A million SETs in the protocol itself, as the guide to mass insertion has it.
#[test]
fn mass_insertion() {
    const COUNT: usize = 1_000_000;
    for server in servers(TOOL) {
        let path = server.folder().join("commands");
        let file = std::fs::File::create(&path).expect("the folder is writable");
        let mut file = std::io::BufWriter::new(file);
        for number in 0..COUNT {
            let key = format!("key:{number}");
            write!(file, "*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$5\r\nvalue\r\n", key.len())
                .expect("the disk has room");
        }
        file.into_inner().expect("the disk has room");
        let ended = run_with_input(TOOL, &server, &["--pipe"], Some(&path));
        assert!(ended.status.success(), "{}", ended.stderr);
        let expected = format!("errors: 0, replies: {COUNT}\n");
        assert!(ended.stdout.ends_with(&expected), "{}", ended.stdout);
        expect(&server, &["DBSIZE"], &format!("{COUNT}\n"));
    }
}

#[test]
fn key_space() {
    for server in servers(TOOL) {
        let mut client = server.connect();
        for number in 0..300 {
            client.talk(&[(&format!("SET key:{number} {number}"), "+OK\r\n")]);
        }
        let large = "x".repeat(5000);
        client.talk(&[(&format!("SET large {large}"), "+OK\r\n")]);
        let scan = output(&server, &["--scan", "--pattern", "key:1*"]);
        assert_eq!(scan.lines().count(), 111, "{scan}");
        assert!(scan.lines().all(|key| key.starts_with("key:1")), "{scan}");
        let scan = output(&server, &["--scan"]);
        assert_eq!(scan.lines().count(), 301);
        let keys = output(&server, &["--bigkeys"]);
        assert!(keys.contains("Sampled 301 keys in the keyspace!"), "{keys}");
        assert!(keys.contains("Biggest string found '\"large\"' has 5000 bytes"), "{keys}");
        let keys = output(&server, &["--memkeys"]);
        assert!(keys.contains("Sampled 301 keys in the keyspace!"), "{keys}");
        assert!(keys.contains("Biggest string found '\"large\"' has "), "{keys}");
    }
}

#[test]
fn keys_used_often() {
    for server in servers(TOOL) {
        let mut client = server.connect();
        client.talk(&[
            ("CONFIG SET maxmemory-policy allkeys-lfu lfu-log-factor 0", "+OK\r\n"),
            ("SET cold v", "+OK\r\n"),
            ("SET hot v", "+OK\r\n"),
        ]);
        (0..20).for_each(|_| client.talk(&[("GET hot", "$1\r\nv\r\n")]));
        let keys = output(&server, &["--hotkeys"]);
        assert!(keys.contains("Sampled 2 keys in the keyspace!"), "{keys}");
        assert!(keys.contains("hot key found with counter: 25\tkeyname: \"hot\""), "{keys}");
        assert!(keys.contains("hot key found with counter: 5\tkeyname: \"cold\""), "{keys}");
    }
}

#[test]
fn a_cache_under_test() {
    for server in servers(TOOL) {
        let mut client = server.connect();
        client.talk(&[("CONFIG SET maxmemory 10mb maxmemory-policy allkeys-lru", "+OK\r\n")]);
        // It writes lines, but into a pipe only once they fill a block.
        let mut command = Command::new("stdbuf");
        let port = server.port().to_string();
        command.args(["-oL", TOOL, "-p", &port, "--lru-test", "10000000"]);
        let lines = program::first_lines(&mut command, 2, LIMIT);
        assert!(lines.iter().all(|line| line.contains("Gets/sec | Hits: ")), "{lines:?}");
    }
}
