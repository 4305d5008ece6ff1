//! One file for each tool.

mod redis_benchmark;
mod redis_cli;
mod terminal;
mod tls;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::common::{Backend, Server, Start, program};

/// How long one run of a tool may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The server under test, to be given flags.
fn with() -> Start {
    Start::judged(Backend::of(module_path!()))
}

/// A server with one reactor and one with two, each when it is asked for, or none where the tool is
/// not installed.
fn servers(tool: &str) -> impl Iterator<Item = Server> {
    let threads: &[usize] = if program::installed(tool) { &[1, 2] } else { &[] };
    threads.iter().map(|threads| with().threads(*threads).unix_socket().start())
}

/// Runs a tool against the server's port.
fn run(tool: &str, server: &Server, arguments: &[&str]) -> program::Ended {
    run_with_input(tool, server, arguments, None)
}

fn run_with_input(
    tool: &str,
    server: &Server,
    arguments: &[&str],
    input: Option<&Path>,
) -> program::Ended {
    let mut command = Command::new(tool);
    command.arg("-p").arg(server.port().to_string()).args(arguments);
    program::run(&mut command, input, LIMIT)
}
