//! How torc starts, and how it refuses to.

use super::backend;
use crate::common::server::torc;
use crate::common::{Backend, Start};

/// A server that cannot start says why in one line on standard error and exits with 1; one that
/// was started wrongly, with 2.
#[track_caller]
fn expect_refusal(arguments: &[&str], code: i32, about: &[&str]) {
    let ended = torc(arguments);
    let shown = format!("torc {arguments:?} ended with {} and {:?}", ended.status, ended.stderr);
    assert_eq!(ended.status.code(), Some(code), "{shown}");
    assert_eq!(ended.stderr.trim_end().lines().count(), 1, "{shown}");
    for word in about {
        assert!(ended.stderr.contains(word), "{word} is missing: {shown}");
    }
    assert!(!ended.stderr.contains("panicked"), "{shown}");
}

#[test]
fn wrong_flags_are_named() {
    // The port is the kernel's choice, should a wrong flag be taken after all.
    let expect_refusal = |flags: &[&str], code, about: &[&str]| {
        expect_refusal(&[&["--port", "0"], flags].concat(), code, about);
    };
    expect_refusal(&["--port", "70000"], 2, &["port", "70000"]);
    expect_refusal(&["--port", "x"], 2, &["port", "x"]);
    expect_refusal(&["--threads", "-1"], 2, &["threads"]);
    expect_refusal(&["--backend", "kqueue"], 2, &["backend", "kqueue"]);
    expect_refusal(&["--mode", "http"], 2, &["mode", "http"]);
    expect_refusal(&["--maxclients", "-1"], 2, &["maxclients"]);
    expect_refusal(&["--nothing", "1"], 2, &["nothing"]);
    expect_refusal(&["--port"], 2, &["port"]);
}

#[test]
fn a_port_in_use_is_named() {
    let server = Start::torc(backend()).start();
    let port = server.port().to_string();
    let taken = ["--port", &port, "--backend", backend().name()];
    expect_refusal(&taken, 1, &[&port]);
    server.connect().talk(&[("PING", "+PONG\r\n")]);
}

#[test]
fn the_backend_is_named() {
    let server = Start::torc(backend()).start();
    assert!(server.printed().contains(backend().name()), "{}", server.printed());
    let info = server.connect().text("INFO server");
    assert!(info.contains(backend().name()), "{info}");
}

#[test]
fn auto_finds_a_backend() {
    // The flag that comes last counts, whatever the harness chose.
    let server = Start::torc(backend()).flag("backend", "auto").start();
    server.connect().talk(&[("PING", "+PONG\r\n")]);
    let without = std::env::var_os("TORC_WITHOUT_IO_URING").is_some_and(|set| set == "1");
    let expected = if without { Backend::Epoll } else { Backend::IoUring };
    assert!(server.printed().contains(expected.name()), "{}", server.printed());
}

#[test]
fn help_and_version() {
    let help = torc(&["--help"]);
    assert!(help.status.success());
    for flag in ["--port", "--backend", "--threads", "--mode", "--requirepass"] {
        assert!(help.stdout.contains(flag), "{flag} is missing in {}", help.stdout);
    }
    let version = torc(&["--version"]);
    assert!(version.status.success());
    assert!(version.stdout.contains(env!("CARGO_PKG_VERSION")), "{}", version.stdout);
}
