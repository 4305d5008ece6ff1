//! What the tests that start a server share: the server as a child process, a client that sees raw
//! bytes, and the outside programs that some tests need.

#![allow(dead_code)] // each test binary uses its own part

pub mod client;
pub mod program;
pub mod reply;
pub mod server;

pub use client::Client;
pub use server::{Backend, Server, Start};

use std::time::Duration;

/// How long a test waits for anything before it fails.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes as a failure message shows them: escaped, long ones cut.
pub fn escaped(bytes: &[u8]) -> String {
    const SHOWN: usize = 600;
    let cut = &bytes[..bytes.len().min(SHOWN)];
    let rest = if bytes.len() > SHOWN { " ..." } else { "" };
    format!("\"{}\"{rest} ({} bytes)", cut.escape_ascii(), bytes.len())
}
