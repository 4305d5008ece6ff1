//! Clients that ask too much, beside clients that do not: what the others notice, and what memory it
//! takes while it lasts and afterwards.
//!
//! `cargo bench --bench reliability` measures; `-- --help` lists the options.

#![allow(unreachable_pub)] // a bench has no outside

mod experiment;
mod load;
mod trouble;

use std::error::Error;
use std::fs;
use std::io;
use std::thread;
use std::time::Duration;

use experiment::comparison::Spread;
use experiment::machine::Caption;
use experiment::options::Options;
use experiment::place::{Place, allow_files, give_way};
use experiment::process::resident;
use experiment::server::{Contender, Server};
use experiment::table::{Columns, Table};
use load::workload::{Operation, Protocol};
use load::{Generator, Load};
use trouble::{CASES, Case, Course};

/// The ordinary clients are watched alone, and memory is looked at afterwards, for no longer than this.
const CALM: Duration = Duration::from_secs(4);

const COLUMNS: &Columns<'static> = &[
    ("beside", 34),
    ("server", 8),
    ("p99 alone, µs", 13),
    ("p99 then, µs", 12),
    ("times", 6),
    ("MiB before", 10),
    ("then", 6),
    ("after", 6),
    ("it did in that time", 24),
];

fn main() -> Result<(), Box<dyn Error>> {
    let about = "What ordinary clients notice of those that ask too much, and what memory it takes";
    let options = Options::read("reliability", about, "50");
    allow_files(11_000)?;
    let place = Place::take(options.server_cpu, options.load_cpu)?;
    let engines = ["io_uring", "epoll"].map(|backend| Contender::torc(backend, backend, "kv"));
    let engines = engines.into_iter().chain(redis()).collect::<Vec<_>>();
    let caption = Caption::of("reliability", &options, &place, &engines);
    fs::create_dir_all(&options.out)?;
    let text = caption.list();
    println!("{text}");
    let mut table = Table::new(2);
    table.heading(COLUMNS);
    for case in CASES {
        for engine in &engines {
            let name = format!("{} {}", engine.name, case.name);
            if options.wants(&name) {
                let rounds = (0..options.rounds).map(|_| {
                    let server = engine.start(&place)?;
                    Round::of(&server, case, options.time)
                });
                let rounds: Vec<Round> = rounds.collect::<io::Result<_>>()?;
                table.line(&row(case, &engine.name, &rounds), COLUMNS);
            }
        }
    }
    table.save(&options.out, "reliability", &text)?;
    Ok(())
}

/// For comparison, if it is installed.
fn redis() -> Option<Contender> {
    let (peers, _) = Contender::peers();
    let mut redis = peers.into_iter().find(|peer| peer.name == "redis")?;
    redis.arguments += " --maxclients 11000";
    Some(redis)
}

/// What one round has shown. Times are in microseconds, memory is in MiB.
struct Round {
    p99_alone: f64,
    p99_then: f64,
    before: f64,
    during: f64,
    after: f64,
    /// What the trouble has counted.
    counted: f64,
}

impl Round {
    /// Watches the ordinary clients alone, beside the trouble, and when it is over.
    fn of(server: &Server, case: &Case, time: Duration) -> io::Result<Self> {
        let calm = time.min(CALM);
        let mut clients = ordinary_clients(server, case)?;
        p99(&mut clients, calm / 2)?; // warms up
        let p99_alone = p99(&mut clients, calm)?;
        let before = mebibytes(server);
        let course = Course::default();
        let (p99_then, during, counted) = thread::scope(|scope| -> io::Result<_> {
            let trouble = scope.spawn(|| {
                give_way()?;
                (case.run)(server.address, &course)
            });
            let p99_then = (|| {
                while !course.is_under_way() && !trouble.is_finished() {
                    p99(&mut clients, calm / 10)?;
                }
                p99(&mut clients, time)
            })();
            let during = mebibytes(server);
            course.end();
            let count = trouble.join().map_err(|_| io::Error::other("the trouble panicked"))??;
            Ok((p99_then?, during, count as f64))
        })?;
        p99(&mut clients, calm)?;
        let after = mebibytes(server);
        Ok(Self { p99_alone, p99_then, before, during, after, counted })
    }
}

/// Clients that each ask GET, wait for the value, and ask again when it is their turn.
fn ordinary_clients(server: &Server, case: &Case) -> io::Result<Generator> {
    let (operation, connections) = (Operation::Get, case.clients);
    let load = Load { operation, connections, pipeline: 1, value: 64, keys: 10_000 };
    load::fill(server.address, Protocol::Redis, load.keys, load.value)?;
    let mut generator = Generator::connect(server.address, Protocol::Redis, &load)?;
    generator.keep_pace(case.clients as u32 * case.requests)?;
    Ok(generator)
}

fn p99(clients: &mut Generator, time: Duration) -> io::Result<f64> {
    Ok(clients.run(time)?.latency.value_at_quantile(0.99) as f64 / 1e3)
}

fn mebibytes(server: &Server) -> f64 {
    resident(server.id()).unwrap_or_default() as f64 / f64::from(1 << 20)
}

/// The medians of the rounds.
fn row(case: &Case, backend: &str, rounds: &[Round]) -> [String; 9] {
    let median = |figure: fn(&Round) -> f64, digits: usize| {
        Spread::median_text(rounds.iter().map(figure), digits)
    };
    [
        case.name.to_owned(),
        backend.to_owned(),
        median(|round| round.p99_alone, 0),
        median(|round| round.p99_then, 0),
        median(|round| round.p99_then / round.p99_alone, 2),
        median(|round| round.before, 1),
        median(|round| round.during, 1),
        median(|round| round.after, 1),
        format!("{} {}", median(|round| round.counted, 0), case.counts),
    ]
}
