//! The floor: what a core can do at best. A bare io_uring loop that counts the requests that arrive,
//! an asterisk each, and answers +OK to each. It neither parses nor stores: a yardstick, no server.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use crate::load::ring::{Event, Ring};

/// What this program is started with to be the floor.
pub const WORD: &str = "floor";

/// Serves for ever if the command line asks for the floor.
pub fn run_if_asked() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    if let [word, port] = &words[..]
        && word == WORD
        && let Ok(port) = port.parse()
    {
        let Err(error) = serve(port);
        panic!("the floor gave way: {error}");
    }
}

const REPLY: &[u8] = b"+OK\r\n";

/// More than any batch of requests, and so than what a connection is owed at a time.
const MOST: usize = 100_000;

fn serve(port: u16) -> io::Result<std::convert::Infallible> {
    let replies: &'static [u8] = REPLY.repeat(MOST).leak();
    let mut ring = Ring::new(256, 8192)?;
    ring.listen(TcpListener::bind((Ipv4Addr::LOCALHOST, port))?)?;
    let (mut accepted, mut owed, mut touched) = (Vec::new(), Vec::<usize>::new(), Vec::new());
    loop {
        ring.wait(Duration::from_secs(1), |event| {
            match event {
                Event::Accepted(stream) => accepted.push(stream),
                Event::Received { socket, bytes } => {
                    let requests = bytes.iter().filter(|byte| **byte == b'*').count();
                    if owed[socket] == 0 && requests > 0 {
                        touched.push(socket);
                    }
                    owed[socket] += requests;
                }
                // Numbers of sockets are not used again, and the process does not live long.
                Event::Sent { .. } | Event::Ended { .. } => {}
            }
            Ok(())
        })?;
        for stream in accepted.drain(..) {
            ring.add(stream)?;
            owed.push(0);
        }
        for socket in touched.drain(..) {
            let length = std::mem::take(&mut owed[socket]) * REPLY.len();
            ring.send_static(socket, &replies[..length])?;
        }
    }
}
