//! Clients that ask too much.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;

use crate::load::pace::Pace;

/// How far it has come.
#[derive(Debug, Default)]
pub struct Course {
    is_under_way: AtomicBool,
    is_over: AtomicBool,
}

impl Course {
    /// Whether all that it takes is there, so that clients may be watched.
    pub fn is_under_way(&self) -> bool {
        self.is_under_way.load(Ordering::Relaxed)
    }

    /// Tells it to stop.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    fn begin(&self) {
        self.is_under_way.store(true, Ordering::Relaxed);
    }

    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }
}

/// Something that goes on beside ordinary clients.
pub struct Case {
    pub name: &'static str,
    /// How many ordinary clients there are,
    pub clients: usize,
    /// and how many requests each of them sends a second: so few that neither they nor the server are
    /// busy all the time.
    pub requests: u32,
    /// Goes on until it is told to stop, and returns what it has counted:
    pub run: fn(SocketAddr, &Course) -> io::Result<u64>,
    pub counts: &'static str,
}

pub const CASES: &[Case] = &[
    Case {
        name: "1,000 clients: 9,000 idle ones",
        clients: 1000,
        requests: 20,
        run: idle,
        counts: "connections",
    },
    Case {
        name: "50 clients: who come and go",
        clients: 50,
        requests: 100,
        run: come_and_go,
        counts: "connections",
    },
    Case {
        name: "50 clients: one who never reads",
        clients: 50,
        requests: 100,
        run: never_read,
        counts: "bytes sent",
    },
    Case {
        name: "50 clients: a pipeline of a million",
        clients: 50,
        requests: 100,
        run: pipeline,
        counts: "requests",
    },
];

fn idle(server: SocketAddr, course: &Course) -> io::Result<u64> {
    const IDLE: usize = 9000;
    let mut connections = Vec::with_capacity(IDLE);
    while course.goes_on() && connections.len() < IDLE {
        connections.push(TcpStream::connect(server)?);
    }
    course.begin();
    while course.goes_on() {
        thread::sleep(Duration::from_millis(10));
    }
    Ok(connections.len() as u64)
}

/// Connects, asks PING and closes, 20,000 times a second if the server keeps up. It closes by a reset:
/// otherwise the ports of all that have gone would be taken for a minute.
fn come_and_go(server: SocketAddr, course: &Course) -> io::Result<u64> {
    const PER_S: u32 = 20_000;
    const THREADS: u32 = 2;
    course.begin();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| come_and_go_at(PER_S / THREADS, server, course)))
            .collect();
        let counts = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| io::Error::other("a thread panicked"))?);
        counts.sum()
    })
}

fn come_and_go_at(per_s: u32, server: SocketAddr, course: &Course) -> io::Result<u64> {
    /// As many of a thread's are there at a time: few, for a tick that accepts many at once is long.
    const TOGETHER: usize = 4;
    let (mut pace, mut connections) = (Pace::of(per_s), 0);
    let mut here = Vec::with_capacity(TOGETHER);
    while course.goes_on() {
        while here.len() < TOGETHER && pace.next(Instant::now()).is_some() {
            let mut stream = TcpStream::connect(server)?;
            set_socket_linger(&stream, Some(Duration::ZERO))?;
            stream.write_all(b"PING\r\n")?;
            here.push(stream);
        }
        for mut stream in here.drain(..) {
            stream.read_exact(&mut [0; 7])?;
            connections += 1;
        }
        thread::sleep(pace.wait());
    }
    Ok(connections)
}

/// Asks for what it does not take until the server takes no more.
fn never_read(server: SocketAddr, course: &Course) -> io::Result<u64> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(format!("SET long {}\r\n", "v".repeat(60_000)).as_bytes())?;
    stream.set_write_timeout(Some(Duration::from_millis(100)))?;
    let requests = b"GET long\r\n".repeat(10_000);
    course.begin();
    let mut taken = 0;
    while course.goes_on() {
        match stream.write(&requests) {
            Ok(bytes) => taken += bytes as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}

/// Sends a million requests without waiting, again and again, and reads the replies: in pieces as
/// redis-cli --pipe has them. A call that takes them all would hold its core for a millisecond, and
/// those who are watched may need that.
fn pipeline(server: SocketAddr, course: &Course) -> io::Result<u64> {
    const REQUESTS: usize = 1_000_000;
    const PIECE: usize = 1 << 14;
    let stream = TcpStream::connect(server)?;
    let requests = b"*2\r\n$4\r\nINCR\r\n$6\r\ngreedy\r\n".repeat(REQUESTS);
    course.begin();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = &stream;
            let mut send_all =
                || requests.chunks(PIECE).try_for_each(|piece| stream.write_all(piece));
            while course.goes_on() && send_all().is_ok() {}
            stream.shutdown(Shutdown::Write)
        });
        let mut replies = 0;
        let mut buffer = vec![0; PIECE];
        loop {
            let bytes = (&stream).read(&mut buffer)?;
            if bytes == 0 {
                return Ok(replies);
            }
            replies += memchr::memchr_iter(b'\n', &buffer[..bytes]).count() as u64;
        }
    })
}
