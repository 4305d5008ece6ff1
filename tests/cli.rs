//! Debian's redis-cli and redis-benchmark as users run them, on both backends, with one reactor and
//! with two. Where they are not installed each test says that it is skipped.

#![allow(clippy::duplicate_mod)] // once per backend, on purpose
#![allow(unreachable_pub)] // a test has no outside

mod common;

#[path = "cli/mod.rs"]
mod epoll;
#[path = "cli/mod.rs"]
mod io_uring;
