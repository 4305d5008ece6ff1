//! What SCAN and its kind guarantee: an element that is there from the beginning to the end of an
//! iteration comes at least once, whatever comes and goes between the calls.

use std::collections::HashSet;

use super::with;
use crate::common::client::encode;
use crate::common::{Client, escaped, reply};

/// Elements that are there all the time.
const STAYING: usize = 2000;
/// So many more than COUNT come at most: a call ends with a whole bucket.
const BEYOND: usize = 100;
/// Arguments of one request.
const BATCH: usize = 1000;

/// Something that can be iterated over.
struct Iterated {
    /// What stands before the cursor.
    scan: &'static str,
    add: &'static str,
    remove: &'static str,
    /// An element as `add` takes it.
    added: fn(String, usize) -> Vec<String>,
    /// An element as `scan` lists it.
    listed: fn(String, usize) -> Vec<String>,
    /// Elements that come and go, at most.
    peak: usize,
}

fn alone(name: String, _: usize) -> Vec<String> {
    vec![name]
}

fn with_number(name: String, number: usize) -> Vec<String> {
    vec![name, number.to_string()]
}

#[test]
fn keys() {
    // So many that the tables of which a database consists are seen in more than one step.
    let peak = 100_000;
    let (add, remove) = ("MSET", "DEL");
    check(&Iterated { scan: "SCAN", add, remove, added: with_number, listed: alone, peak });
}

#[test]
fn fields() {
    let (scan, add, remove) = ("HSCAN k", "HSET k", "HDEL k");
    check(&Iterated { scan, add, remove, added: with_number, listed: with_number, peak: 20_000 });
}

#[test]
fn members() {
    let (scan, add, remove) = ("SSCAN k", "SADD k", "SREM k");
    check(&Iterated { scan, add, remove, added: alone, listed: alone, peak: 20_000 });
}

#[test]
fn members_with_scores() {
    let (scan, add, remove) = ("ZSCAN k", "ZADD k", "ZREM k");
    let added = |name, number: usize| vec![number.to_string(), name];
    check(&Iterated { scan, add, remove, added, listed: with_number, peak: 20_000 });
}

/// Iterates, with a COUNT drawn for each call, while another client lets the number of the other
/// elements jump up and down between the calls.
#[track_caller]
fn check(iterated: &Iterated) {
    let server = with().threads(2).start();
    let (mut client, mut other) = (server.connect(), server.connect());
    iterated.bring(&mut other, "stays", 0..STAYING);
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..2 {
        let mut missing: HashSet<_> = (0..STAYING)
            .map(|number| (iterated.listed)(format!("stays:{number}"), number))
            .collect();
        let (mut cursor, mut others, mut calls) = ("0".to_owned(), 0, 0);
        loop {
            let count = random.usize(1..=(STAYING + others) / 10);
            let elements = iterated.scan(&mut client, &mut cursor, count);
            assert!(elements.len() <= count + BEYOND, "{} for COUNT {count}", elements.len());
            for element in &elements {
                missing.remove(element);
            }
            calls += 1;
            assert!(calls < 200, "the iteration does not end");
            if cursor == "0" {
                break;
            }
            let wanted = random.usize(..=iterated.peak);
            iterated.bring(&mut other, "comes", others..wanted);
            iterated.take(&mut other, "comes", wanted..others);
            others = wanted;
        }
        assert!(missing.is_empty(), "after {calls} calls, never listed: {missing:?}");
        assert!(calls > 10, "only {calls} calls: nothing has come and gone meanwhile");
        iterated.take(&mut other, "comes", 0..others);
    }
}

impl Iterated {
    fn bring(&self, client: &mut Client, kind: &str, numbers: std::ops::Range<usize>) {
        let element = |number| (self.added)(format!("{kind}:{number}"), number);
        self.change(client, self.add, numbers.map(element));
    }

    fn take(&self, client: &mut Client, kind: &str, numbers: std::ops::Range<usize>) {
        self.change(client, self.remove, numbers.map(|number| vec![format!("{kind}:{number}")]));
    }

    fn change(
        &self,
        client: &mut Client,
        command: &str,
        elements: impl Iterator<Item = Vec<String>>,
    ) {
        let elements: Vec<_> = elements.collect();
        for batch in elements.chunks(BATCH) {
            let command = command.split(' ').map(str::to_owned);
            client.send(encode(&command.chain(batch.concat()).collect::<Vec<_>>()));
            let reply = client.read_reply();
            assert_ne!(reply[0], b'-', "{}", escaped(&reply));
        }
    }

    /// One call: what it lists, with the cursor moved on.
    fn scan(&self, client: &mut Client, cursor: &mut String, count: usize) -> Vec<Vec<String>> {
        let reply = client.call(&format!("{} {cursor} COUNT {count}", self.scan));
        let parts = reply::elements(&reply).expect("a cursor and elements");
        *cursor = text(parts[0]);
        let words = reply::elements(parts[1]).expect("an array");
        let width = (self.listed)(String::new(), 0).len();
        words.chunks(width).map(|element| element.iter().map(|word| text(word)).collect()).collect()
    }
}

fn text(reply: &[u8]) -> String {
    String::from_utf8_lossy(reply::text(reply).expect("a string")).into_owned()
}
