//! One client of the soak: it writes, reads and deletes keys of its own, and knows what each must
//! hold if it is there at all. A key that is not may have been evicted or have expired.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::client::encode;
use crate::common::{Client, Server, escaped};

const PIPELINE: usize = 32;
/// Rounds until a worker goes away and comes back.
const ROUNDS_PER_CONNECTION: usize = 100;

/// What has happened, as the clients saw it.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    pub connections: u64,
    pub answered: u64,
    /// Requests whose replies nobody waited for, all of them reads.
    pub abandoned: u64,
    /// Requests that look a key up.
    pub reads: u64,
    /// Keys that were not there before.
    pub created: u64,
    pub deleted: u64,
}

impl Tally {
    pub fn plus(self, other: Self) -> Self {
        Self {
            connections: self.connections + other.connections,
            answered: self.answered + other.answered,
            abandoned: self.abandoned + other.abandoned,
            reads: self.reads + other.reads,
            created: self.created + other.created,
            deleted: self.deleted + other.deleted,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    String,
    Counter,
    List,
    Hash,
    Set,
    SortedSet,
}

const KINDS: [Kind; 6] =
    [Kind::String, Kind::Counter, Kind::List, Kind::Hash, Kind::Set, Kind::SortedSet];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Write,
    Read,
    Delete,
}

#[derive(Debug)]
struct Request {
    /// Names the key, and tells the kind of its value.
    key: usize,
    action: Action,
    /// What a write makes the value of.
    version: u32,
}

impl Request {
    fn kind(&self) -> Kind {
        KINDS[self.key % KINDS.len()]
    }
}

pub struct Worker<'a> {
    server: &'a Server,
    client: Client,
    number: usize,
    keys: usize,
    random: fastrand::Rng,
    /// The versions that the value of a key was made of: of lists all of them, the last otherwise.
    /// For counters it is how often they were increased.
    values: HashMap<usize, Vec<u32>>,
    tally: Tally,
}

impl<'a> Worker<'a> {
    pub fn new(server: &'a Server, number: usize, keys: usize) -> Self {
        Self {
            server,
            client: server.connect(),
            number,
            keys,
            random: fastrand::Rng::with_seed(number as u64),
            values: HashMap::new(),
            tally: Tally { connections: 1, ..Tally::default() },
        }
    }

    pub fn work(mut self, done: &AtomicBool) -> Tally {
        loop {
            for _ in 0..ROUNDS_PER_CONNECTION {
                self.round();
            }
            if done.load(Ordering::Relaxed) {
                return self.tally;
            }
            self.reconnect();
        }
    }

    fn round(&mut self) {
        let requests: Vec<_> = (0..PIPELINE).map(|_| self.draw()).collect();
        let bytes: Vec<u8> = requests.iter().flat_map(|request| self.encode(request)).collect();
        self.client.send(bytes);
        for request in &requests {
            let reply = self.client.read_reply();
            self.check(request, &reply);
        }
        self.tally.answered += PIPELINE as u64;
    }

    /// Half of the time with requests on the way.
    fn reconnect(&mut self) {
        if self.random.bool() {
            let reads = (0..PIPELINE).map(|_| Request { action: Action::Read, ..self.draw() });
            let reads: Vec<_> = reads.collect();
            let bytes: Vec<u8> = reads.iter().flat_map(|request| self.encode(request)).collect();
            self.client.send(bytes);
            self.tally.abandoned += PIPELINE as u64;
        }
        self.client = self.server.connect();
        self.tally.connections += 1;
    }

    fn draw(&mut self) -> Request {
        let action = match self.random.u8(..10) {
            0 => Action::Delete,
            1..=4 => Action::Read,
            _ => Action::Write,
        };
        Request { key: self.random.usize(..self.keys), action, version: self.random.u32(..) }
    }

    fn name(&self, key: usize) -> String {
        format!("{}:{:?}:{key}", self.number, KINDS[key % KINDS.len()])
    }

    fn encode(&self, request: &Request) -> Vec<u8> {
        let (name, version) = (self.name(request.key), request.version);
        let mut words = match (request.action, request.kind()) {
            (Action::Delete, _) => vec![if version.is_multiple_of(2) { "DEL" } else { "UNLINK" }],
            (Action::Write, Kind::String) => vec!["SET"],
            (Action::Write, Kind::Counter) => vec!["INCR"],
            (Action::Write, Kind::List) => vec!["RPUSH"],
            (Action::Write, Kind::Hash) => vec!["HSET"],
            (Action::Write, Kind::Set) => vec!["SADD"],
            (Action::Write, Kind::SortedSet) => vec!["ZADD"],
            (Action::Read, Kind::String | Kind::Counter) => vec!["GET"],
            (Action::Read, Kind::List) => vec!["LRANGE"],
            (Action::Read, Kind::Hash) => vec!["HGETALL"],
            (Action::Read, Kind::Set) => vec!["SMEMBERS"],
            (Action::Read, Kind::SortedSet) => vec!["ZRANGE"],
        };
        words.push(&name);
        let rest = arguments(request);
        words.extend(rest.iter().map(String::as_str));
        encode(&words)
    }

    /// Compares a reply with what is known of the key, and learns from it.
    fn check(&mut self, request: &Request, reply: &[u8]) {
        let before = self.values.get(&request.key);
        let expected = expected(request, before.map(Vec::as_slice));
        let (was_there, is_right) = match before {
            Some(_) if reply == expected.as_bytes() => (true, true),
            _ => (false, reply == self::expected(request, None).as_bytes()),
        };
        let name = self.name(request.key);
        assert!(is_right, "{name} {request:?}: {}, not {expected:?}", escaped(reply));
        if !was_there {
            self.values.remove(&request.key);
        }
        match request.action {
            Action::Write => {
                self.tally.created += u64::from(!was_there);
                // SET with GET looks the key up.
                self.tally.reads += u64::from(request.kind() == Kind::String);
                let versions = self.values.entry(request.key).or_default();
                match request.kind() {
                    Kind::List => versions.push(request.version),
                    Kind::Counter => *versions = vec![versions.first().map_or(1, |n| n + 1)],
                    _ => *versions = vec![request.version],
                }
            }
            Action::Read => self.tally.reads += 1,
            Action::Delete => {
                self.tally.deleted += u64::from(was_there);
                self.values.remove(&request.key);
            }
        }
    }
}

/// What follows the key.
fn arguments(request: &Request) -> Vec<String> {
    let version = request.version;
    match (request.action, request.kind()) {
        (Action::Write, Kind::String) => {
            let mut rest = vec![string(version), "GET".to_owned()];
            if version.is_multiple_of(4) {
                rest.extend(["PX".to_owned(), (1 + version % 3000).to_string()]);
            }
            rest
        }
        (Action::Write, Kind::List) => vec![version.to_string()],
        (Action::Write, Kind::Hash) => fields(version),
        (Action::Write, Kind::Set) => integers(request.key),
        (Action::Write, Kind::SortedSet) => {
            scores(version).into_iter().flat_map(|(member, score)| [score, member]).collect()
        }
        (Action::Read, Kind::List) => vec!["0".to_owned(), "-1".to_owned()],
        (Action::Read, Kind::SortedSet) => {
            vec!["0".to_owned(), "-1".to_owned(), "WITHSCORES".to_owned()]
        }
        _ => Vec::new(),
    }
}

/// The reply for a key whose value was made of `versions`, or that is not there.
fn expected(request: &Request, versions: Option<&[u32]>) -> String {
    let integer = |n: usize| format!(":{n}\r\n");
    let last = versions.and_then(|versions| versions.last()).copied();
    match (request.action, request.kind()) {
        (Action::Delete, _) => integer(usize::from(versions.is_some())),
        (Action::Write, Kind::Counter) => integer(last.unwrap_or(0) as usize + 1),
        (Action::Write, Kind::List) => integer(versions.map_or(0, <[u32]>::len) + 1),
        (Action::Write, Kind::Hash | Kind::Set | Kind::SortedSet) => {
            integer(if versions.is_some() { 0 } else { FIELDS })
        }
        (_, Kind::String) => bulk(last.map(string)),
        (_, Kind::Counter) => bulk(last.map(|count| count.to_string())),
        (_, Kind::List) => array(versions.unwrap_or(&[]).iter().map(u32::to_string)),
        (_, Kind::Hash) => array(last.map(fields).unwrap_or_default()),
        (_, Kind::Set) => array(last.map(|_| integers(request.key)).unwrap_or_default()),
        (_, Kind::SortedSet) => {
            let scores = last.map(scores).unwrap_or_default();
            array(scores.into_iter().flat_map(|(member, score)| [member, score]))
        }
    }
}

/// Elements of a hash, a set or a sorted set.
const FIELDS: usize = 5;

fn string(version: u32) -> String {
    format!("{version}:").repeat(1 + version as usize % 80)
}

fn fields(version: u32) -> Vec<String> {
    (0..FIELDS).flat_map(|i| [format!("field{i}"), format!("{version}{i}")]).collect()
}

/// In the order in which a set of integers keeps them.
fn integers(key: usize) -> Vec<String> {
    (0..FIELDS).map(|i| (key * 10 + i).to_string()).collect()
}

fn scores(version: u32) -> Vec<(String, String)> {
    let score = |i: usize| (u64::from(version) + i as u64).to_string();
    (0..FIELDS).map(|i| (format!("member{i}"), score(i))).collect()
}

fn bulk(text: Option<String>) -> String {
    text.map_or_else(|| "$-1\r\n".to_owned(), |text| format!("${}\r\n{text}\r\n", text.len()))
}

fn array(elements: impl IntoIterator<Item = String>) -> String {
    let elements: Vec<_> = elements.into_iter().collect();
    let head = format!("*{}\r\n", elements.len());
    elements.into_iter().fold(head, |reply, element| reply + &bulk(Some(element)))
}
