//! What simulated clients say, and what they must hear.

use std::collections::HashMap;

use fastrand::Rng;

/// One side of a conversation: requests, and the replies that follow from them.
pub(crate) trait Talk {
    /// Appends a request and the reply to it.
    fn request(&mut self, random: &mut Rng, request: &mut Vec<u8>, reply: &mut Vec<u8>);
}

/// Says random bytes to an echo.
pub(crate) struct Shouts;

impl Talk for Shouts {
    fn request(&mut self, random: &mut Rng, request: &mut Vec<u8>, reply: &mut Vec<u8>) {
        let mut words = vec![0; length(random)];
        random.fill(&mut words);
        request.extend(&words);
        reply.extend(&words);
    }
}

/// Counts and reads keys of its own, and remembers them.
pub(crate) struct Keys {
    prefix: usize,
    counts: HashMap<u8, u64>,
}

impl Keys {
    /// Two clients with different prefixes have no keys in common.
    pub(crate) fn new(prefix: usize) -> Self {
        Self { prefix, counts: HashMap::new() }
    }
}

impl Talk for Keys {
    fn request(&mut self, random: &mut Rng, request: &mut Vec<u8>, reply: &mut Vec<u8>) {
        let number = random.u8(0..8);
        let key = format!("{}:{number}", self.prefix).into_bytes();
        match random.u8(0..10) {
            0..=3 => {
                command(request, &[b"INCR", &key]);
                let count = self.counts.entry(number).or_insert(0);
                *count += 1;
                reply.extend(format!(":{count}\r\n").into_bytes());
            }
            4 | 5 => {
                let words = vec![b'e'; length(random)];
                command(request, &[b"ECHO", &words]);
                bulk(reply, &words);
            }
            6 | 7 => {
                command(request, &[b"GET", &key]);
                match self.counts.get(&number) {
                    Some(count) => bulk(reply, count.to_string().as_bytes()),
                    None => reply.extend(b"$-1\r\n"),
                }
            }
            8 => {
                // The inline form, with an empty request before it.
                request.extend(b"\r\nGET ");
                request.extend(&key);
                request.extend(b" too-many\r\n");
                reply.extend(b"-ERR wrong number of arguments for 'get' command\r\n");
            }
            _ => {
                let long = vec![b'x'; length(random)];
                command(request, &[b"NOSUCH", &long]);
                let quoted = String::from_utf8_lossy(&long[..long.len().min(128)]);
                let text = "-ERR unknown command 'NOSUCH', with args beginning with:";
                reply.extend(format!("{text} '{quoted}' \r\n").into_bytes());
            }
        }
    }
}

/// Mostly short, sometimes longer than any buffer.
fn length(random: &mut Rng) -> usize {
    match random.u8(0..20) {
        0 => random.usize(0..30_000),
        1..=5 => random.usize(1..2_000),
        _ => random.usize(1..50),
    }
}

/// Appends a request in the array form.
pub(crate) fn command(request: &mut Vec<u8>, words: &[&[u8]]) {
    request.extend(format!("*{}\r\n", words.len()).into_bytes());
    words.iter().for_each(|word| bulk(request, word));
}

fn bulk(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(format!("${}\r\n", bytes.len()).into_bytes());
    to.extend(bytes);
    to.extend(b"\r\n");
}
