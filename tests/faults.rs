//! What a machine can do to a server: it forbids io_uring, or has no memory.

mod common;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use common::client::encode;
use common::{Backend, Start, program, server};
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
        assert!(client.text("INFO server").contains("epoll on Linux"), "{printed}");
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
    if !rustix::process::geteuid().is_root() {
        // Written to the stream itself: the test harness would keep what `eprintln!` writes.
        let _ = writeln!(std::io::stderr(), "skipped: only root can become an ordinary user");
        return;
    }
    if !program::installed("setpriv") {
        return;
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
    command.args(["sh", "-c", "ulimit -l 0 && exec \"$0\" --port 0 --backend auto"]).arg(&torc);
    let lines = program::first_lines(&mut command, 3, Duration::from_secs(10));
    let engine = lines.iter().any(|line| line.contains("io_uring") || line.contains("epoll"));
    let listens = lines.iter().any(|line| line.starts_with("listening on 127.0.0.1:"));
    assert!(engine && listens, "{lines:?}");
}

/// `maxmemory` is what keeps a server within a limit: it refuses what does not fit, and goes on.
#[test]
fn a_server_that_knows_its_limit_stays_below_it() {
    for backend in [Backend::IoUring, Backend::Epoll] {
        let start = Start::torc(backend).threads(1).flag("maxmemory", "64mb");
        let server = start.memory_kib(2 << 20).start();
        let mut client = server.connect();
        let value = vec![b'v'; 1 << 20];
        let refused = (0..).find(|number: &u32| {
            client.send(encode(&[b"SET", number.to_string().as_bytes(), &value]));
            client.read_reply().starts_with(b"-OOM command not allowed")
        });
        assert!((50..64).contains(&refused.expect("there are many numbers")), "{refused:?}");
        client.talk(&[("DEL 0 1", ":2\r\n"), ("SET k v", "+OK\r\n"), ("GET k", "$1\r\nv\r\n")]);
    }
}

/// Without it the allocator finds that there is no memory. Nothing can be answered then; what can be had
/// is an end that says why.
#[test]
fn a_server_without_memory_says_so_at_its_end() {
    for backend in [Backend::IoUring, Backend::Epoll] {
        let start = Start::torc(backend).threads(1).memory_kib(2 << 20).may_panic();
        let mut server = start.start();
        let mut client = server.connect();
        let value = vec![b'v'; 64 << 20];
        for number in 0..64 {
            client.try_send(&encode(&[b"SET", number.to_string().as_bytes(), &value]));
            if client.next_reply().is_none() {
                break;
            }
        }
        let status = server.ended();
        assert_eq!(status.signal(), Some(libc::SIGABRT), "{status}");
        server.prints("memory allocation of ");
    }
}
