//! What the tests that start a server share: the server as a child process, a client that sees raw
//! bytes, and the outside programs that some tests need.

#![allow(dead_code, unused_imports)] // each test binary uses its own part

pub mod certificates;
pub mod client;
pub mod program;
pub mod reply;
pub mod server;

pub use certificates::Certificates;
pub use client::Client;
pub use server::{Backend, Server, Start};

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long a test waits for anything before it fails; longer where a sanitizer slows down all.
pub const PATIENCE: Duration =
    Duration::from_secs(if cfg!(feature = "system-allocator") { 60 } else { 10 });

/// The number that an environment variable holds, if it is set.
pub fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, and not {text:?}")))
}

/// Looks again and again until it is so.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Bytes as a failure message shows them: escaped, long ones cut.
pub fn escaped(bytes: &[u8]) -> String {
    const SHOWN: usize = 600;
    let cut = &bytes[..bytes.len().min(SHOWN)];
    let rest = if bytes.len() > SHOWN { " ..." } else { "" };
    format!("\"{}\"{rest} ({} bytes)", cut.escape_ascii(), bytes.len())
}

/// Two byte strings as a failure message shows them: from just before where they part.
pub fn difference(expected: &[u8], arrived: &[u8]) -> String {
    const BEFORE: usize = 100;
    let common = expected.iter().zip(arrived).take_while(|(a, b)| a == b).count();
    let start = if common > 2 * BEFORE { common - BEFORE } else { 0 };
    let place = if start > 0 { format!("from byte {start} on, ") } else { String::new() };
    let (expected, arrived) = (escaped(&expected[start..]), escaped(&arrived[start..]));
    format!("{place}expected: {expected}\n{place} arrived: {arrived}")
}

/// Lets this process and those it starts open thousands of connections: many systems allow 1,024
/// descriptors unless a process asks for more.
pub fn allow_many_descriptors() {
    const ENOUGH: u64 = 8192;
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).expect("up to the maximum is allowed");
    }
}
