//! What simulated clients say, and what they must hear.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use fastrand::Rng;

/// One side of a conversation: requests, and the replies that follow from them.
pub(crate) trait Talk {
    /// Appends a request and the reply to it.
    fn request(&mut self, random: &mut Rng, request: &mut Vec<u8>, reply: &mut Vec<u8>);

    /// True if replies may come only after others have said something.
    fn waits(&self) -> bool {
        false
    }

    /// True if they will not say it any more.
    fn is_forsaken(&self) -> bool {
        false
    }

    /// True if others count on this client.
    fn is_needed(&self) -> bool {
        false
    }

    /// Requests that they wait for.
    fn wanted(&self) -> usize {
        0
    }

    /// The connection is gone.
    fn ended(&mut self) {}
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
        match random.u8(0..12) {
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
            9 => {
                // Of several keys, which are held together.
                let other = format!("{}:{}", self.prefix, random.u8(8..16)).into_bytes();
                command(request, &[b"EXISTS", &other, &key, b"nosuch", &key]);
                reply.extend(if self.counts.contains_key(&number) { b":2\r\n" } else { b":0\r\n" });
            }
            10 => {
                // With the whole store held.
                command(request, &[b"KEYS", b"nosuch*"]);
                reply.extend(b"*0\r\n");
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

/// What some clients wait for and another one brings.
#[derive(Default)]
pub(crate) struct Demand {
    /// Requests that bring it, each with its reply; to be sent in this order.
    requests: VecDeque<(Vec<u8>, &'static [u8])>,
    /// The one who brings it has gone.
    forsaken: bool,
}

/// Waits for elements of a list and of a sorted set of its own, and among them for what never comes.
pub(crate) struct Waits {
    prefix: usize,
    elements: u64,
    demand: Rc<RefCell<Demand>>,
}

impl Waits {
    pub(crate) fn new(prefix: usize, demand: &Rc<RefCell<Demand>>) -> Self {
        Self { prefix, elements: 0, demand: Rc::clone(demand) }
    }

    /// Asks for the next element of the list or the sorted set to be brought; what it will be.
    fn order(&mut self, key: &[u8], is_list: bool) -> Vec<u8> {
        self.elements += 1;
        let element = self.elements.to_string().into_bytes();
        let mut request = Vec::new();
        if is_list {
            // The length of the list depends on who is faster.
            command(&mut request, &[b"CLIENT", b"REPLY", b"SKIP"]);
            command(&mut request, &[b"RPUSH", key, &element]);
        } else {
            command(&mut request, &[b"ZADD", key, &element, &element]);
        }
        let reply: &[u8] = if is_list { b"" } else { b":1\r\n" };
        self.demand.borrow_mut().requests.push_back((request, reply));
        element
    }
}

impl Talk for Waits {
    fn request(&mut self, random: &mut Rng, request: &mut Vec<u8>, reply: &mut Vec<u8>) {
        let [list, set, never] =
            ["list", "set", "never"].map(|name| format!("{name}:{}", self.prefix).into_bytes());
        match random.u8(0..6) {
            0 => {
                let element = self.order(&list, true);
                command(request, &[b"BLPOP", &never, &list, b"0"]);
                array(reply, &[&list, &element]);
            }
            1 => {
                let element = self.order(&list, true);
                command(request, &[b"BLMOVE", &list, b"moved", b"LEFT", b"RIGHT", b"0"]);
                bulk(reply, &element);
            }
            2 => {
                let element = self.order(&set, false);
                command(request, &[b"BZPOPMIN", &set, &never, b"0"]);
                array(reply, &[&set, &element, &element]);
            }
            3 => {
                command(request, &[b"BLPOP", &never, b"0.002"]);
                reply.extend(b"*-1\r\n");
            }
            _ => {
                command(request, &[b"ECHO", &never]);
                bulk(reply, &never);
            }
        }
    }

    fn waits(&self) -> bool {
        true
    }

    fn is_forsaken(&self) -> bool {
        self.demand.borrow().forsaken
    }
}

/// Brings what others wait for.
pub(crate) struct Brings(pub(crate) Rc<RefCell<Demand>>);

impl Talk for Brings {
    fn request(&mut self, _: &mut Rng, request: &mut Vec<u8>, reply: &mut Vec<u8>) {
        let wanted = self.0.borrow_mut().requests.pop_front();
        let (asks, answer) = wanted.unwrap_or_else(|| (b"PING\r\n".to_vec(), b"+PONG\r\n"));
        request.extend(asks);
        reply.extend(answer);
    }

    fn is_needed(&self) -> bool {
        true
    }

    fn wanted(&self) -> usize {
        self.0.borrow().requests.len()
    }

    fn ended(&mut self) {
        self.0.borrow_mut().forsaken = true;
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

fn array(to: &mut Vec<u8>, words: &[&[u8]]) {
    command(to, words);
}

fn bulk(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(format!("${}\r\n", bytes.len()).into_bytes());
    to.extend(bytes);
    to.extend(b"\r\n");
}
