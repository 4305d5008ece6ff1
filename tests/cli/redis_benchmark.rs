//! redis-benchmark: it ends with an error as soon as one reply is an error.

use super::{run, servers};
use crate::common::{Server, allow_many_descriptors};

const TOOL: &str = "redis-benchmark";

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
        let done = format!("{test}: ");
        let has = |line: &str| line.contains(&done) && line.contains("requests per second");
        assert!(ended.stdout.split(['\n', '\r']).any(has), "no {test}: {printed}");
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
