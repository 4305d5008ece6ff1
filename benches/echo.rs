//! The experiment that torc continues: an echo server over io_uring beside one over epoll.
//!
//! `cargo bench --bench echo` measures and draws; `-- --help` lists the options.

#![allow(unreachable_pub)] // a bench has no outside

mod experiment;
mod load;

use std::error::Error;

use experiment::Experiment;
use experiment::comparison::{Figure, Row};
use experiment::options::Options;
use experiment::picture::lines::{Lines, draw};
use experiment::report::Report;
use experiment::server::Contender;

fn main() -> Result<(), Box<dyn Error>> {
    let about = "Echo over epoll and over io_uring, at growing numbers of connections";
    let options = Options::read("echo", about, "1,10,50,100,300,500,1000,2000");
    let contenders = ["epoll", "io_uring"].map(|backend| Contender::torc(backend, backend, "echo"));
    let rows = options.connections.iter().map(|connections| Row::echo(*connections)).collect();
    let mut experiment = Experiment::begin("echo", options, &contenders)?;
    experiment.compare(rows, &contenders)?;
    pictures(&experiment.finish()?)
}

fn pictures(report: &Report) -> Result<(), Box<dyn Error>> {
    let picture = |suffix: &str, title, unit, figure: Figure| {
        draw(
            &report.file(suffix),
            &report.caption.short,
            &Lines { title, unit, comparisons: &report.comparisons, figure },
        )
    };
    picture("-requests.svg", "Echo: requests a second", "requests/s", |s| Some(s.requests_per_s))?;
    picture("-system-calls.svg", "Echo: system calls per request", "system calls/request", |s| {
        s.calls
    })?;
    picture("-cpu.svg", "Echo: server's CPU time per request", "µs/request", |s| s.cpu_us)
}
