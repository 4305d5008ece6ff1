//! redis-benchmark: it ends with an error as soon as one reply is an error.

use super::{run, servers};
use crate::common::{Server, allow_many_descriptors};

const TOOL: &str = "redis-benchmark";

/// What it runs without `-t`.
const ALL: [&str; 20] = [
    "PING_INLINE",
    "PING_MBULK",
    "SET",
    "GET",
    "INCR",
    "LPUSH",
    "RPUSH",
    "LPOP",
    "RPOP",
    "SADD",
    "HSET",
    "SPOP",
    "ZADD",
    "ZPOPMIN",
    "LPUSH (needed to benchmark LRANGE)",
    "LRANGE_100 (first 100 elements)",
    "LRANGE_300 (first 300 elements)",
    "LRANGE_500 (first 500 elements)",
    "LRANGE_600 (first 600 elements)",
    "MSET (10 keys)",
];

/// Runs it and checks that each test has its line of results.
#[track_caller]
fn expect_results(server: &Server, arguments: &[&str], tests: &[&str]) {
    let ended = run(TOOL, server, &[&["-q"], arguments].concat());
    let printed = format!("{arguments:?}: {}\n{}{}", ended.status, ended.stdout, ended.stderr);
    assert!(ended.status.success(), "{printed}");
    for wrong in ["Error", "ERR", "Could not fetch server CONFIG"] {
        assert!(!printed.contains(wrong), "{printed}");
    }
    for test in tests {
        let figure = ended.stdout.split(['\n', '\r']).find_map(|line| figure(line, test));
        assert!(figure.is_some_and(|figure| figure > 0.0), "no {test}: {printed}");
    }
}

/// The requests per second, if this is the line of results of that test.
fn figure(line: &str, test: &str) -> Option<f64> {
    let result = line.trim_start().strip_prefix(test)?.strip_prefix(": ")?;
    let (figure, _) = result.split_once(" requests per second")?;
    figure.parse().ok()
}

#[test]
fn all_its_tests() {
    for server in servers(TOOL) {
        for arguments in [
            &["-n", "1000"][..],
            &["-n", "1000", "-r", "100000"],
            &["-n", "3200", "-P", "16"],
            &["-n", "1000", "-3"],
            &["-n", "3200", "-r", "100000", "-P", "16", "-3"],
        ] {
            expect_results(&server, arguments, &ALL);
        }
    }
}

/// With threads of its own each of its tests takes a quarter of a second at least.
#[test]
fn all_its_tests_from_two_threads() {
    for server in servers(TOOL) {
        expect_results(&server, &["-n", "1000", "--threads", "2"], &ALL);
    }
}

#[test]
fn its_tests() {
    const TESTS: &[&str] = &["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"];
    for server in servers(TOOL) {
        expect_results(&server, &["-t", "ping,set,get,incr,mset", "-n", "2000"], TESTS);
        let random = ["-t", "set,get,incr,mset", "-n", "2000", "-r", "1000000"];
        expect_results(&server, &random, &TESTS[2..]);
        let large = ["-t", "set,get", "-n", "500", "-d", "100000"];
        expect_results(&server, &large, &["SET", "GET"]);
    }
}

#[test]
fn pipelines_and_connections() {
    allow_many_descriptors();
    for server in servers(TOOL) {
        for pipeline in ["1", "16", "64"] {
            for connections in ["1", "50", "1000"] {
                let arguments = [
                    "-t",
                    "set,get",
                    "-n",
                    "6400",
                    "-P",
                    pipeline,
                    "-c",
                    connections,
                    "-r",
                    "1000",
                ];
                expect_results(&server, &arguments, &["SET", "GET"]);
            }
        }
    }
}

#[test]
fn its_other_flags() {
    for server in servers(TOOL) {
        let socket = server.unix().to_str().expect("UTF-8").to_owned();
        for arguments in [
            &["-3"][..],
            &["--threads", "2"],
            &["-k", "0"],
            &["-s", &socket],
            &["--dbnum", "5"],
            &["-3", "--threads", "2", "-P", "16"],
        ] {
            let arguments = [&["-t", "set,get", "-n", "2000"], arguments].concat();
            expect_results(&server, &arguments, &["SET", "GET"]);
        }
        server.connect().talk(&[("SELECT 5", "+OK\r\n"), ("DBSIZE", ":1\r\n")]);
        let own = ["-n", "1000", "-r", "100", "SET", "k:__rand_int__", "v"];
        expect_results(&server, &own, &["SET k:__rand_int__ v"]);
    }
}
