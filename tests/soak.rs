//! A long day in short: all types of values, expiry, eviction and reconnects, with twice as many
//! keys as memory allows. Every reply is compared with what must be there, all counters must add up
//! in the end, and memory must not grow.
//!
//! A few seconds as a test. For longer:
//! `TORC_SOAK_MINUTES=30 cargo test --release --test soak -- --nocapture --test-threads 1`

#![allow(unreachable_pub)] // a test has no outside

mod common;
#[path = "soak/worker.rs"]
mod worker;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Backend, Client, Server, Start, wait_until};
use worker::{Tally, Worker};

const WORKERS: usize = 4;
/// Memory that a key of the workers takes, about.
const BYTES_PER_KEY: usize = 200;

#[test]
fn nothing_is_lost_and_nothing_grows_on_io_uring() {
    soak(Backend::IoUring, &Plan::of_environment());
}

#[test]
fn nothing_is_lost_and_nothing_grows_on_epoll() {
    soak(Backend::Epoll, &Plan::of_environment());
}

struct Plan {
    time: Duration,
    /// `maxmemory`, in bytes.
    limit: usize,
    /// Between two lines of the report.
    pause: Duration,
}

impl Plan {
    fn of_environment() -> Self {
        let Ok(minutes) = std::env::var("TORC_SOAK_MINUTES") else {
            let (time, pause) = (Duration::from_secs(2), Duration::from_millis(200));
            return Self { time, limit: 2 << 20, pause };
        };
        let minutes: u64 = minutes.parse().expect("TORC_SOAK_MINUTES is a number of minutes");
        let pause = Duration::from_secs(60).min(Duration::from_secs(minutes * 60) / 10);
        Self { time: Duration::from_secs(minutes * 60), limit: 64 << 20, pause }
    }

    /// Twice as many as there is memory for.
    fn keys(&self) -> usize {
        2 * self.limit / BYTES_PER_KEY
    }
}

/// Memory comes in pieces: so many bytes more are no growth.
const PIECE: u64 = 4 << 20;

fn soak(backend: Backend, plan: &Plan) {
    let server = Start::torc(backend)
        .threads(2)
        .flag("maxmemory", &plan.limit.to_string())
        .flag("maxmemory-policy", "allkeys-lru")
        .start();
    let keys = plan.keys() / WORKERS;
    let done = AtomicBool::new(false);
    let mut watcher = Watcher { server: &server, client: server.connect(), asked: 0 };
    let before = watcher.look();
    let (tallies, lines) = thread::scope(|scope| {
        let (server, done) = (&server, &done);
        let workers: Vec<_> = (0..WORKERS)
            .map(|number| scope.spawn(move || Worker::new(server, number, keys).work(done)))
            .collect();
        let lines = watch(&mut watcher, plan, || workers.iter().any(|w| w.is_finished()));
        done.store(true, Ordering::Relaxed);
        let tallies: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        (
            tallies.into_iter().map(|tally| tally.expect("no worker fails")).collect::<Vec<_>>(),
            lines,
        )
    });
    let sum = tallies.into_iter().reduce(Tally::plus).expect("there are workers");
    let mut after = watcher.look();
    // A reactor that removes keys just now counts them when it is done.
    wait_until("all that went is counted", || {
        after = watcher.look();
        after.keys + after.gone() + sum.deleted >= sum.created
    });
    println!("{backend:?} end  {after}");
    check_counters(&before, &after, &sum);
    check_memory(&lines, &after, plan.limit as u64);
}

/// Looks at the server until the time is over and each key can have been used some times, or `failed`
/// says that a worker has ended before.
fn watch(watcher: &mut Watcher, plan: &Plan, failed: impl Fn() -> bool) -> Vec<Figures> {
    let enough = 6 * plan.keys() as u64;
    let (start, mut commands, mut lines) = (Instant::now(), 0, Vec::new());
    while (start.elapsed() < plan.time || commands < enough) && !failed() {
        thread::sleep(plan.pause); // between two looks, and not for anything to happen
        let figures = watcher.look();
        println!("{:>6} s  {figures}", start.elapsed().as_secs());
        commands = figures.commands;
        lines.push(figures);
    }
    lines
}

fn check_counters(before: &Figures, after: &Figures, sum: &Tally) {
    assert_eq!(after.errors, 0, "no request was answered with an error");
    assert_eq!(after.connections - before.connections, sum.connections);
    let (fewest, most) = (sum.answered, sum.answered + sum.abandoned);
    let commands = after.commands;
    assert!((fewest..=most).contains(&commands), "{commands} of {fewest} to {most} commands");
    let reads = after.hits + after.misses;
    let most = sum.reads + sum.abandoned;
    assert!((sum.reads..=most).contains(&reads), "{reads} reads of {} to {most}", sum.reads);
    assert!(after.evicted > 0 && after.expired > 0, "keys were evicted and expired");
    let gone = after.gone() + sum.deleted;
    assert_eq!(after.keys + gone, sum.created, "keys there are and those that went");
}

/// The first third fills the server and lets the allocator find its sizes.
fn check_memory(lines: &[Figures], after: &Figures, limit: u64) {
    let highest = lines.iter().map(|line| line.used).max().expect("it was looked at");
    assert!(highest <= limit + limit / 50, "{highest} of {limit} bytes were in use");
    let resident = |lines: &[Figures]| lines.iter().map(|line| line.resident).max().unwrap_or(0);
    let (start, rest) = lines.split_at(lines.len().div_ceil(3));
    let (early, late) = (resident(start), resident(rest).max(after.resident));
    assert!(
        late <= early + early / 10 + PIECE,
        "resident memory grew from {early} to {late} bytes"
    );
}

/// What the server says of itself, and the kernel of it.
struct Figures {
    /// Those of others than the watcher.
    commands: u64,
    connections: u64,
    errors: u64,
    hits: u64,
    misses: u64,
    evicted: u64,
    expired: u64,
    keys: u64,
    used: u64,
    resident: u64,
}

struct Watcher<'a> {
    server: &'a Server,
    client: Client,
    /// Requests of its own.
    asked: u64,
}

impl Watcher<'_> {
    /// Looks until no key has expired meanwhile, so that the figures belong together once all
    /// clients are silent.
    fn look(&mut self) -> Figures {
        for _ in 0..10 {
            let (figures, again) = (self.read(), self.read());
            if figures.expired == again.expired {
                return figures;
            }
        }
        self.read()
    }

    fn read(&mut self) -> Figures {
        let text = self.client.text("INFO");
        let keys = self.client.integer("DBSIZE") as u64;
        self.asked += 2;
        let number = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{name}: {text}"))
        };
        let process = procfs::process::Process::new(self.server.id() as i32).expect("it runs");
        let pages = process.statm().expect("a process has memory").resident;
        Figures {
            commands: number("total_commands_processed") - (self.asked - 2),
            connections: number("total_connections_received"),
            errors: number("total_error_replies"),
            hits: number("keyspace_hits"),
            misses: number("keyspace_misses"),
            evicted: number("evicted_keys"),
            expired: number("expired_keys"),
            keys,
            used: number("used_memory"),
            resident: pages * procfs::page_size(),
        }
    }
}

impl Figures {
    /// Keys that went by themselves.
    fn gone(&self) -> u64 {
        self.evicted + self.expired
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { commands, connections, keys, evicted, expired, errors, .. } = self;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(
            f,
            "commands {commands}  connections {connections}  keys {keys}  evicted {evicted}"
        )?;
        write!(f, "  expired {expired}  errors {errors}")?;
        write!(f, "  used {:.1} MiB  resident {:.1} MiB", mib(self.used), mib(self.resident))
    }
}
