//! A load generator that saturates a server from one core: io_uring, multishot receives, batched
//! sends, a closed loop. It compares every byte of every reply.

mod connection;
pub mod pace;
pub mod ring;
pub mod workload;

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use nix::sys::prctl::set_timerslack;

use connection::Connection;
use pace::Pace;
use ring::{Event, Ring};
use workload::{Operation, Protocol, Workload};

/// A load: so many connections, each with so many requests on the way.
#[derive(Clone, Debug)]
pub struct Load {
    pub operation: Operation,
    pub connections: usize,
    pub pipeline: usize,
    /// Bytes of a value, or of an echoed message.
    pub value: usize,
    /// Requests are about keys drawn from this many.
    pub keys: u64,
}

/// What has been answered in some time.
pub struct Answered {
    pub requests: u64,
    pub time: Duration,
    /// Nanoseconds from the sending of a batch to each of its replies.
    pub latency: Histogram<u64>,
}

impl Answered {
    fn nothing() -> Self {
        let latency = Histogram::new_with_bounds(100, 60_000_000_000, 3).expect("valid bounds");
        Self { requests: 0, time: Duration::ZERO, latency }
    }
}

/// Connections to a server under load.
pub struct Generator {
    ring: Ring,
    connections: Vec<Connection>,
    workload: Workload,
    pipeline: usize,
    numbers: Numbers,
    /// Connections that may send, who has not for the longest time first.
    idle: VecDeque<usize>,
    /// When batches are due; `None`: always.
    pace: Option<Pace>,
    heard_at: Instant,
    asked: u64,
}

/// Which keys are asked for next.
enum Numbers {
    Drawn { from: u64, random: fastrand::Rng },
    Each(Range<u64>),
}

impl Iterator for Numbers {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        match self {
            Self::Drawn { from, random } => Some(random.u64(..*from)),
            Self::Each(numbers) => numbers.next(),
        }
    }
}

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the clock is looked at when nothing happens.
const NAP: Duration = Duration::from_millis(20);

impl Generator {
    /// Connects to a server; the load begins with the first call of [`Generator::run`].
    pub fn connect(address: SocketAddr, protocol: Protocol, load: &Load) -> io::Result<Self> {
        // The same keys in the same order for each server.
        let random = fastrand::Rng::with_seed(1);
        Self::new(address, protocol, load, Numbers::Drawn { from: load.keys, random })
    }

    fn new(
        address: SocketAddr,
        protocol: Protocol,
        load: &Load,
        numbers: Numbers,
    ) -> io::Result<Self> {
        let workload = Workload::new(protocol, load.operation, load.value);
        let batch = workload.reply.len() * load.pipeline;
        let size = batch.next_power_of_two().clamp(1 << 10, 1 << 16) as u32;
        let count = (2 * load.connections).next_power_of_two().clamp(256, 2048) as u16;
        let mut ring = Ring::new(count, size)?;
        let now = Instant::now();
        let mut connections = Vec::with_capacity(load.connections);
        for _ in 0..load.connections {
            ring.add(TcpStream::connect(address)?)?;
            connections.push(Connection::new(now));
        }
        let idle = (0..connections.len()).collect();
        Ok(Self {
            ring,
            connections,
            workload,
            pipeline: load.pipeline,
            numbers,
            idle,
            pace: None,
            heard_at: now,
            asked: 0,
        })
    }

    /// Sends no more than so many batches a second from now on, and counts the latency of each from
    /// when it is due: who is held up by a slow reply is not forgotten.
    #[allow(dead_code)] // most benches ask as fast as they can
    pub fn keep_pace(&mut self, batches_per_s: u32) -> io::Result<()> {
        set_timerslack(1)?; // this thread wakes when it wants to, not 50 µs later
        self.pace = Some(Pace::of(batches_per_s));
        Ok(())
    }

    /// Loads the server for some time, and longer if nothing was answered until then. The loop
    /// stays closed: requests that are still on the way are answered in the next run.
    pub fn run(&mut self, time: Duration) -> io::Result<Answered> {
        let mut answered = Answered::nothing();
        let start = Instant::now();
        if let Some(pace) = &mut self.pace {
            pace.catch_up(start);
        }
        while start.elapsed() < time || answered.requests == 0 {
            self.send()?;
            self.hear(&mut answered)?;
        }
        answered.time = start.elapsed();
        Ok(answered)
    }

    /// Waits for all replies, and returns how many requests there were since [`Generator::connect`].
    pub fn finish(mut self) -> io::Result<u64> {
        self.numbers = Numbers::Each(0..0);
        self.drain()?;
        Ok(self.asked)
    }

    /// Goes on until the numbers have run out and all is answered.
    fn drain(&mut self) -> io::Result<()> {
        let mut answered = Answered::nothing();
        loop {
            self.send()?;
            if self.idle.len() == self.connections.len() {
                return Ok(());
            }
            self.hear(&mut answered)?;
        }
    }

    /// Waits, and takes what has come.
    fn hear(&mut self, answered: &mut Answered) -> io::Result<()> {
        let Self { ring, connections, workload, idle, pace, .. } = self;
        let due = pace.as_ref().filter(|_| !idle.is_empty()).map(Pace::wait);
        let mut now = None;
        ring.wait(due.map_or(NAP, |due| due.min(NAP)), |event| {
            let now = *now.get_or_insert_with(Instant::now);
            let socket = match event {
                Event::Received { socket, bytes } => {
                    let connection = &mut connections[socket];
                    let replies = connection.receive(workload, bytes)? as u64;
                    let waited = now.duration_since(connection.sent_at).as_nanos() as u64;
                    answered.latency.saturating_record_n(waited, replies);
                    answered.requests += replies;
                    socket
                }
                Event::Sent { socket, buffer } => {
                    connections[socket].give_back(buffer);
                    socket
                }
                Event::Ended { error: Some(error) } => return Err(error),
                Event::Ended { error: None } => return Err(closed()),
                Event::Accepted(_) => return Ok(()),
            };
            if connections[socket].is_idle() {
                idle.push_back(socket);
            }
            Ok(())
        })?;
        match now {
            Some(now) => self.heard_at = now,
            None if self.heard_at.elapsed() > PATIENCE => return Err(silent()),
            None => {}
        }
        Ok(())
    }

    /// Sends the next batch on each connection that is idle, as long as there are numbers.
    fn send(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while let Some(socket) = self.idle.pop_front() {
            let due = match &mut self.pace {
                None => Some(now),
                Some(pace) => pace.next(now),
            };
            let Some(due) = due else {
                self.idle.push_front(socket);
                break;
            };
            let numbers = self.numbers.by_ref().take(self.pipeline);
            let connection = &mut self.connections[socket];
            let batch = connection.batch(&self.workload, numbers, due);
            if batch.is_empty() {
                connection.give_back(batch);
                self.idle.push_front(socket);
                break;
            }
            self.asked += (batch.len() / self.workload.request.len()) as u64;
            self.ring.send(socket, batch)?;
        }
        Ok(())
    }
}

/// Writes each of the keys once.
pub fn fill(address: SocketAddr, protocol: Protocol, keys: u64, value: usize) -> io::Result<()> {
    let pipeline = ((64 << 10) / (value + 64)).clamp(1, 256);
    let load = Load { operation: Operation::Set, connections: 4, pipeline, value, keys };
    let each = Numbers::Each(0..keys);
    Generator::new(address, protocol, &load, each)?.drain()
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed a connection")
}

fn silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the server does not answer")
}
