//! What happens when the system grants no more open files.

use std::time::Instant;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::backend;
use crate::common::client::request;
use crate::common::{Client, PATIENCE, Server, Start};

/// The lowest number that a running server's next file gets.
fn next_file(server: &Server) -> u64 {
    let folder = std::fs::read_dir(format!("/proc/{}/fd", server.id())).expect("it runs");
    let name = |file: std::io::Result<std::fs::DirEntry>| file.ok()?.file_name().into_string().ok();
    let open: Vec<u64> = folder.filter_map(name).filter_map(|name| name.parse().ok()).collect();
    (0..).find(|number| !open.contains(number)).expect("there are more numbers than files")
}

/// How often accepting has paused.
fn pauses(client: &mut Client) -> u64 {
    let info = client.text("INFO reactor");
    let line = info.split("accept_pauses=").nth(1).expect("INFO counts them");
    line.split([',', '\r']).next().and_then(|count| count.parse().ok()).expect("a number")
}

/// Who finds no file for its connection waits, and is served once there is one. Meanwhile the
/// server tries now and then.
#[test]
fn out_of_files_accepting_rests_and_resumes() {
    let start = || Start::torc(backend()).threads(1).flag("bind", "127.0.0.1");
    let roomy = start().start();
    // One like it, with room for one connection. io_uring notes the limit when it starts to accept.
    let server = start().files(next_file(&roomy) + 1).start();
    let begun = Instant::now();
    let mut served = server.connect();
    served.talk(&[("PING", "+PONG\r\n")]);
    let mut waits = server.connect();
    waits.send(request("PING"));
    while pauses(&mut served) < 3 {
        assert!(begun.elapsed() < PATIENCE, "it does not try again");
    }
    let tries = pauses(&mut served);
    let most = begun.elapsed().as_millis() / 100 + 2;
    assert!(u128::from(tries) <= most, "{tries} tries in {:?}", begun.elapsed());
    drop(served);
    waits.expect(b"+PONG\r\n");
}

/// In the words of redis-server, apart from the number.
#[test]
fn more_clients_than_files_are_refused_as_a_limit() {
    let server = Start::torc(backend()).threads(1).flag("maxclients", "500").start();
    let mut client = server.connect();
    let files = Rlimit { current: Some(200), maximum: Some(200) };
    prlimit(Pid::from_raw(server.id() as i32), Resource::Nofile, files).expect("it is lowered");
    let refused = "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - \
                   The operating system is not able to handle the specified number of clients, \
                   try with 166\r\n";
    client.talk(&[
        ("CONFIG SET hz 50 maxclients 20000", refused),
        ("CONFIG GET maxclients", "*2\r\n$10\r\nmaxclients\r\n$3\r\n500\r\n"),
        ("CONFIG GET hz", "*2\r\n$2\r\nhz\r\n$2\r\n10\r\n"),
        ("CONFIG SET maxclients 166", "+OK\r\n"),
        ("CONFIG GET maxclients", "*2\r\n$10\r\nmaxclients\r\n$3\r\n166\r\n"),
    ]);
}
