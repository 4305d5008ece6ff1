//! What a machine can do to a server: it forbids io_uring, or has no memory.

#![allow(unreachable_pub)] // a test has no outside

mod common;
#[path = "faults/control_group.rs"]
mod control_group;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use common::client::encode;
use common::{Backend, Client, Start, escaped, program, server};
use control_group::ControlGroup;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

/// Runs `work` on a thread for which, and for the children of which, io_uring_setup(2) fails: as in a
/// container, or on another kernel.
fn without_io_uring<R: Send>(errno: i32, work: impl FnOnce() -> R + Send) -> R {
    let rules = BTreeMap::from([(libc::SYS_io_uring_setup, Vec::new())]);
    let (others, it) = (SeccompAction::Allow, SeccompAction::Errno(errno as u32));
    let here = std::env::consts::ARCH.try_into().expect("torc is tested where seccomp is");
    let filter = SeccompFilter::new(rules, others, it, here).expect("the filter is sound");
    let filter: BpfProgram = filter.try_into().expect("the filter is short");
    let filtered = || {
        apply_filter(&filter).expect("anybody may forbid things to himself");
        work()
    };
    thread::scope(|scope| scope.spawn(filtered).join()).expect("it says what fails")
}

/// What the kernel may answer, and what the user is told then.
const REFUSALS: &[(i32, &str)] = &[
    (libc::EPERM, "io_uring is blocked, most likely by the container's seccomp profile"),
    (libc::ENOSYS, "the kernel is too old or built without it, or seccomp blocks it"),
    (libc::EACCES, "io_uring is denied by a security module"),
    (libc::ENOMEM, "not enough memory for a ring: raise the limit on locked memory"),
    (libc::EINVAL, "the kernel's io_uring is too old"),
];

#[test]
fn without_io_uring_auto_falls_back_and_says_why() {
    for &(errno, why) in REFUSALS {
        let start = Start::torc(Backend::Epoll).flag("backend", "auto").threads(2);
        let server = without_io_uring(errno, || start.start());
        let line = server.prints(why);
        assert!(line.ends_with("; falling back to epoll"), "{line}");
        let printed = server.printed();
        assert_eq!(printed.matches("falling back").count(), 1, "{printed}");
        let mut client = server.connect();
        client.talk(&[("SET k v", "+OK\r\n"), ("GET k", "$1\r\nv\r\n")]);
        assert!(client.text("INFO server").contains("epoll"), "{printed}");
    }
}

#[test]
fn who_asks_for_io_uring_does_not_get_something_else() {
    for &(errno, why) in REFUSALS {
        let asked = ["--port", "0", "--backend", "io_uring"];
        let ended = without_io_uring(errno, || server::torc(&asked));
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
}

/// An ordinary user who may lock no memory: newer kernels do not ask for it, older ones refuse the ring
/// or its buffers. Either way there is a server.
#[test]
fn an_ordinary_user_without_locked_memory_is_served() {
    let Some(lines) = started_by_ordinary_user("ulimit -l 0", 3) else { return };
    let engine = lines.iter().any(|line| line.contains("io_uring") || line.contains("epoll"));
    let listens = lines.iter().any(|line| line.starts_with("listening on 127.0.0.1:"));
    assert!(engine && listens, "{lines:?}");
}

/// The first lines of a torc that an ordinary user starts, after `first` was done in a shell. None where
/// that cannot be, which is said on the terminal.
fn started_by_ordinary_user(first: &str, lines: usize) -> Option<Vec<String>> {
    if !rustix::process::geteuid().is_root() {
        // Written to the stream itself: the test harness would keep what `eprintln!` writes.
        let _ = writeln!(std::io::stderr(), "skipped: only root can become an ordinary user");
        return None;
    }
    if !program::installed("setpriv") {
        return None;
    }
    // Where that user may read it.
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let torc = folder.path().join("torc");
    std::fs::copy(env!("CARGO_BIN_EXE_torc"), &torc).expect("it can be copied");
    let mut open = Command::new("chmod");
    let opened = open.arg("-R").arg("a+rX").arg(folder.path()).status().expect("chmod is there");
    assert!(opened.success());
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]);
    command.args(["sh", "-c", &format!("{first} && exec \"$0\" --port 0 --backend auto")]);
    Some(program::first_lines(command.arg(&torc), lines, Duration::from_secs(10)))
}

/// `kernel.io_uring_disabled`, which is again what it was once this is dropped.
struct Sysctl(String);

impl Sysctl {
    const PATH: &str = "/proc/sys/kernel/io_uring_disabled";

    fn set(value: u8) -> Self {
        let before = std::fs::read_to_string(Self::PATH).expect("Linux 6.6 has it");
        std::fs::write(Self::PATH, value.to_string()).expect("root may set it");
        Self(before)
    }
}

impl Drop for Sysctl {
    fn drop(&mut self) {
        std::fs::write(Self::PATH, &self.0).expect("it may be set again");
    }
}

#[test]
#[ignore = "forbids io_uring to the whole machine while it runs; needs root and Linux 6.6"]
fn io_uring_forbidden_by_sysctl() {
    let one = Sysctl::set(1);
    Start::torc(Backend::IoUring).start().connect().talk(&[("PING", "+PONG\r\n")]);
    let lines = started_by_ordinary_user("exec 2>&1", 2).expect("root, and setpriv").join("\n");
    assert!(lines.contains("disabled for this user: kernel.io_uring_disabled is 1"), "{lines}");
    assert!(lines.contains("; falling back to epoll\n"), "{lines}");
    drop(one);
    let _two = Sysctl::set(2);
    let server = Start::torc(Backend::Epoll).flag("backend", "auto").start();
    server.connect().talk(&[("PING", "+PONG\r\n")]);
    let line = server.prints("io_uring is disabled: kernel.io_uring_disabled is 2");
    assert!(line.ends_with("; falling back to epoll"), "{line}");
    let ended = server::torc(&["--port", "0", "--backend", "io_uring"]);
    assert_eq!((ended.status.code(), ended.stderr.lines().count()), (Some(1), 1));
    assert!(ended.stderr.contains("kernel.io_uring_disabled is 2"), "{}", ended.stderr);
}

/// `maxmemory` is what keeps a server within a limit: it refuses what does not fit, and goes on.
#[test]
fn maxmemory_keeps_a_server_below_its_limit() {
    for backend in [Backend::IoUring, Backend::Epoll] {
        let start = Start::torc(backend).threads(1).flag("maxmemory", "64mb");
        refuses_what_does_not_fit(start.memory_kib(2 << 20));
    }
}

fn refuses_what_does_not_fit(start: Start) {
    let server = start.start();
    let mut client = server.connect();
    let refused = fill(&mut client, 1 << 20).expect("it lives on");
    assert!(refused.starts_with(b"-OOM command not allowed"), "{}", escaped(&refused));
    let keys = client.integer("DBSIZE");
    assert!((50..64).contains(&keys), "{keys} keys of a megabyte");
    client.talk(&[("DEL 0 1", ":2\r\n"), ("SET k v", "+OK\r\n"), ("GET k", "$1\r\nv\r\n")]);
}

/// Sets keys with values of that size until one is not taken: returns what is said to that, or None if
/// the connection ends.
fn fill(client: &mut Client, size: usize) -> Option<Vec<u8>> {
    let value = vec![b'v'; size];
    (0..u32::MAX).find_map(|number| {
        client.try_send(&encode(&[b"SET", number.to_string().as_bytes(), &value]));
        Some(client.next_reply()).filter(|reply| reply.as_deref() != Some(b"+OK\r\n"))
    })?
}

/// Without it the allocator finds that there is no memory. Nothing can be answered then; what can be had
/// is an end that says why.
#[test]
fn a_server_without_memory_says_so_at_its_end() {
    for backend in [Backend::IoUring, Backend::Epoll] {
        let start = Start::torc(backend).threads(1).memory_kib(2 << 20).may_panic();
        let mut server = start.start();
        assert_eq!(fill(&mut server.connect(), 64 << 20), None, "it ends");
        let status = server.ended();
        assert_eq!(status.signal(), Some(libc::SIGABRT), "{status}");
        server.prints("memory allocation of ");
    }
}

/// A container's limit is of another kind: whoever goes beyond is killed.
#[test]
fn a_control_group_takes_maxmemory_to_live_in() {
    for backend in [Backend::IoUring, Backend::Epoll] {
        let Some(group) = ControlGroup::of(128 << 20) else { return };
        let start = Start::torc(backend).threads(1).in_group(group.folder());
        refuses_what_does_not_fit(start.flag("maxmemory", "64mb"));
        let start = Start::torc(backend).threads(1).in_group(group.folder());
        let mut server = start.may_panic().start();
        assert_eq!(fill(&mut server.connect(), 1 << 20), None, "it ends");
        let status = server.ended();
        assert_eq!(status.signal(), Some(libc::SIGKILL), "{status}");
    }
}

/// A reply without a limit takes half at most of what its group has left. Its client is closed, and
/// nobody else.
#[test]
fn a_reply_that_memory_has_no_room_for_is_given_up() {
    for backend in [Backend::IoUring, Backend::Epoll] {
        let Some(group) = ControlGroup::of(256 << 20) else { return };
        let server = Start::torc(backend).threads(1).in_group(group.folder()).start();
        let (mut client, mut other) = (server.connect(), server.connect());
        let member = "m".repeat(1000);
        client.talk(&[(&format!("SADD s {member}"), ":1\r\n")]);
        let reply = |count: usize| format!("$1000\r\n{member}\r\n").repeat(count);
        client.ask("SRANDMEMBER s -30000");
        client.expect(format!("*30000\r\n{}", reply(30_000)));
        client.ask("SRANDMEMBER s -134217728");
        client.expect_closed();
        server.prints("bytes of memory is given up: too little is left");
        other.talk(&[("SRANDMEMBER s -1", &format!("*1\r\n{}", reply(1)))]);
    }
}
