//! What goes over the wire, byte by byte, on both backends.
//!
//! The files below `wire/` are compiled twice, so that `io_uring::strings::...` and
//! `epoll::strings::...` are tests of their own. With `TORC_TEST_REDIS=1` the same cases run against
//! redis-server, which shows whether the tests are right; what only torc does runs against torc.

#![allow(clippy::duplicate_mod)] // once per backend, on purpose
#![allow(unreachable_pub)] // a test has no outside

mod common;

#[path = "wire/mod.rs"]
mod epoll;
#[path = "wire/mod.rs"]
mod io_uring;

use common::{Backend, Start};

/// Where the kernel or a sandbox forbids io_uring, half of the tests cannot run. This one fails
/// then, so that nobody takes the other half for the whole, unless `TORC_WITHOUT_IO_URING=1`
/// says that it is known: `TORC_WITHOUT_IO_URING=1 cargo test -- --skip io_uring::`.
#[test]
fn io_uring_is_available() {
    if std::env::var_os("TORC_WITHOUT_IO_URING").is_none() {
        Start::torc(Backend::IoUring).start().connect().talk(&[("PING", "+PONG\r\n")]);
    }
}
