//! The cases, each against a server of its own.

mod auth;
mod bad_input;
mod bitmaps;
mod blocking;
mod client;
mod client_limits;
mod connections;
mod databases;
mod echo;
mod expiry;
mod freeing;
mod handshake;
mod hyperloglogs;
mod inline;
mod keys;
mod large;
mod limits;
mod many;
mod panics;
mod pipelines;
mod protocol;
mod resident;
mod resp3;
mod scans;
mod secrets;
mod shutdown;
mod start;
mod strings;
mod threads;
mod tls;
mod unix;

use crate::common::{Backend, Client, Server, Start, wait_until};

/// The backend that this compilation of the cases is for.
fn backend() -> Backend {
    Backend::of(module_path!())
}

/// The server under test, to be given flags.
fn with() -> Start {
    Start::judged(backend())
}

/// The server under test with default settings, and a connection to it.
fn connected() -> (Server, Client) {
    let server = with().start();
    let client = server.connect();
    (server, client)
}
