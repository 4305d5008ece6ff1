//! Clients that ask too much, beside clients that do not: what the others notice, and what memory it
//! takes while it lasts and afterwards.
//!
//! `cargo bench --bench reliability` runs all cases on both backends and prints a table;
//! `-- io_uring idle` only those with all of these words in their name. `--test` only sees that it works.

#![allow(unreachable_pub)] // a bench has no outside

mod experiment;
mod load;

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use experiment::place::{Place, allow_files};
use experiment::process::resident;
use experiment::server::{Contender, Server};
use load::workload::{Operation, Protocol};
use load::{Generator, Load};

/// Something that goes on beside the ordinary load until `stop` is set; returns what it has counted.
type Trouble = fn(SocketAddr, &AtomicBool) -> io::Result<u64>;

struct Case {
    name: &'static str,
    /// Connections of the ordinary load, which GETs.
    connections: usize,
    trouble: Trouble,
    /// What the trouble counts.
    counts: &'static str,
}

const CASES: &[Case] = &[
    Case { name: "9,000 idle", connections: 1000, trouble: idle, counts: "connections" },
    Case { name: "comes and goes", connections: 50, trouble: come_and_go, counts: "connections" },
    Case { name: "never reads", connections: 50, trouble: never_read, counts: "bytes taken" },
    Case { name: "pipelines a million", connections: 50, trouble: pipeline, counts: "requests" },
];

/// How long a part of a case lasts.
const TIME: Duration = Duration::from_secs(4);

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let time = if words.iter().any(|word| word == "--test") { TIME / 400 } else { TIME };
    let words: Vec<_> = words.iter().filter(|word| !word.starts_with("--")).collect();
    allow_files(11_000)?;
    let place = Place::take(0, 1)?;
    println!(
        "| backend | beside 50 or 1000 clients | p99 alone | p99 then | ratio | MiB before, then, after | |"
    );
    println!("|---|---|---|---|---|---|---|");
    for backend in ["io_uring", "epoll"] {
        for case in CASES {
            let name = format!("{backend} {}", case.name);
            if words.iter().all(|word| name.contains(word.as_str())) {
                let server = Contender::torc(backend, backend, "kv").start(&place)?;
                println!("{}", row(&server, backend, case, time)?);
            }
        }
    }
    Ok(())
}

/// Measures the ordinary load alone and beside the trouble.
fn row(server: &Server, backend: &str, case: &Case, time: Duration) -> io::Result<String> {
    let load = Load {
        operation: Operation::Get,
        connections: case.connections,
        pipeline: 1,
        value: 64,
        keys: 10_000,
    };
    load::fill(server.address, Protocol::Redis, load.keys, load.value)?;
    let mut generator = Generator::connect(server.address, Protocol::Redis, &load)?;
    let p99 = |generator: &mut Generator| -> io::Result<f64> {
        Ok(generator.run(time)?.latency.value_at_quantile(0.99) as f64 / 1000.0)
    };
    p99(&mut generator)?; // warms up
    let alone = p99(&mut generator)?;
    let before = mebibytes(server);
    let stop = AtomicBool::new(false);
    let (beside, during, count) = thread::scope(|scope| -> io::Result<_> {
        let trouble = scope.spawn(|| (case.trouble)(server.address, &stop));
        let beside = p99(&mut generator);
        let during = mebibytes(server);
        stop.store(true, Ordering::Relaxed);
        let count = trouble.join().expect("no trouble panics")?;
        Ok((beside?, during, count))
    })?;
    generator.run(time)?; // the server sees them go
    let after = mebibytes(server);
    Ok(format!(
        "| {backend} | {} | {alone:.0} \u{b5}s | {beside:.0} \u{b5}s | {:.2} | {before:.1}, \
         {during:.1}, {after:.1} | {count} {} in {:.1} s |",
        case.name,
        beside / alone,
        case.counts,
        time.as_secs_f64(),
    ))
}

fn mebibytes(server: &Server) -> f64 {
    resident(server.id()).unwrap_or_default() as f64 / f64::from(1 << 20)
}

fn idle(server: SocketAddr, stop: &AtomicBool) -> io::Result<u64> {
    let connections: io::Result<Vec<_>> = (0..9000).map(|_| TcpStream::connect(server)).collect();
    let connections = connections?;
    await_stop(stop);
    Ok(connections.len() as u64)
}

fn come_and_go(server: SocketAddr, stop: &AtomicBool) -> io::Result<u64> {
    let mut connections = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(server)?;
        stream.write_all(b"PING\r\n")?;
        stream.read_exact(&mut [0; 7])?;
        connections += 1;
    }
    Ok(connections)
}

/// Asks for what it does not take until the server takes no more.
fn never_read(server: SocketAddr, stop: &AtomicBool) -> io::Result<u64> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(format!("SET long {}\r\n", "v".repeat(60_000)).as_bytes())?;
    stream.set_write_timeout(Some(Duration::from_millis(100)))?;
    let requests = b"GET long\r\n".repeat(10_000);
    let mut taken = 0;
    while !stop.load(Ordering::Relaxed) {
        match stream.write(&requests) {
            Ok(bytes) => taken += bytes as u64,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}

/// Sends a million requests in one go, again and again, and reads the replies.
fn pipeline(server: SocketAddr, stop: &AtomicBool) -> io::Result<u64> {
    const REQUESTS: usize = 1_000_000;
    let stream = TcpStream::connect(server)?;
    let requests = b"*2\r\n$4\r\nINCR\r\n$6\r\ngreedy\r\n".repeat(REQUESTS);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = &stream;
            while !stop.load(Ordering::Relaxed) && stream.write_all(&requests).is_ok() {}
            stream.shutdown(Shutdown::Write)
        });
        let mut replies = 0;
        let mut buffer = vec![0; 1 << 18];
        loop {
            let bytes = (&stream).read(&mut buffer)?;
            if bytes == 0 {
                return Ok(replies);
            }
            replies += buffer[..bytes].iter().filter(|byte| **byte == b'\n').count() as u64;
        }
    })
}

fn await_stop(stop: &AtomicBool) {
    let begun = Instant::now();
    while !stop.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(10));
    }
}
