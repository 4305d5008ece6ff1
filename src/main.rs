//! The program: options in, server up.

use std::io::Write;
use std::process::ExitCode;

use torc::config::{LogLevel, command_line};
use torc::memory::{Counted, Mimalloc};
use torc::server;

#[global_allocator]
static ALLOCATOR: Counted<Mimalloc> = Counted(Mimalloc);

fn main() -> ExitCode {
    let config = match command_line::parse(std::env::args_os().skip(1)) {
        Ok(config) => config,
        Err(exit) => return exit.leave(),
    };
    start_log(config.loglevel.get());
    match server::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("torc: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error, a line a message, with Redis' marks:
/// `2026-11-22T19:00:00.123Z * message`.
fn start_log(level: LogLevel) {
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Trace)
        .format(|line, record| {
            let mark = match record.level() {
                log::Level::Error | log::Level::Warn => '#',
                log::Level::Info => '*',
                log::Level::Debug => '-',
                log::Level::Trace => '.',
            };
            writeln!(line, "{} {mark} {}", line.timestamp_millis(), record.args())
        })
        .init();
    // The logger itself lets all pass: CONFIG SET loglevel moves this one limit.
    log::set_max_level(level.filter());
}
