//! Commands of several reactors at once: nothing is lost, nothing is seen half done, nobody waits for
//! ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::thread;

use parking_lot::Mutex;

use super::harness::{Harness, bulks};
use crate::mailbox::Message;

const DATABASES: usize = 3;

/// Runs `work` for each client of a pair, on a thread of its own; hands the clients back.
fn at_once(pair: [Harness; 2], work: impl Fn(usize, &mut Harness) + Sync) -> [Harness; 2] {
    let start = Barrier::new(pair.len());
    thread::scope(|scope| {
        let mut n = 0;
        let running = pair.map(|mut harness| {
            let (start, work, me) = (&start, &work, n);
            n += 1;
            scope.spawn(move || {
                start.wait();
                work(me, &mut harness);
                harness
            })
        });
        running.map(|thread| thread.join().expect("no command panics"))
    })
}

/// All keys of the session's database, by SCAN.
fn scan(harness: &mut Harness) -> BTreeSet<String> {
    let (mut keys, mut cursor) = (BTreeSet::new(), "0".to_owned());
    loop {
        let mut words = bulks(&harness.run(&format!("SCAN {cursor} COUNT 50"))).into_iter();
        cursor = words.next().expect("a cursor");
        keys.extend(words);
        if cursor == "0" {
            return keys;
        }
    }
}

#[test]
fn what_one_reactor_does_another_sees() {
    let [mut one, mut other] = Harness::pair();
    for i in 0..100 {
        one.set(&format!("from{i}"), &i.to_string());
        assert_eq!(other.run(&format!("RENAME from{i} to{i}")), "+OK\r\n");
        assert_eq!(one.get(&format!("to{i}")), Some(i.to_string()));
    }
    assert_eq!(other.run("COPY to5 copy DB 1"), ":1\r\n");
    assert_eq!(one.run("SWAPDB 0 1"), "+OK\r\n");
    assert_eq!(other.run("DBSIZE"), ":1\r\n");
    assert_eq!(one.run("MOVE copy 2"), ":1\r\n");
    assert_eq!(other.run("DBSIZE"), ":0\r\n");
    assert_eq!(other.run("FLUSHALL"), "+OK\r\n");
    assert!(one.worker.keyspace.is_empty());
}

/// Two reactors rename the same keys back and forth. KEYS sees every key under one name, always.
#[test]
fn renamed_keys_are_never_missing_and_never_double() {
    const KEYS: usize = 30;
    let mut pair = Harness::pair();
    for i in 0..KEYS {
        pair[0].set(&format!("key{i}"), &i.to_string());
    }
    let mut pair = at_once(pair, |_, harness| {
        let mut random = fastrand::Rng::new();
        for round in 0..3000 {
            let (from, to) = (random.usize(..2 * KEYS), random.usize(..2 * KEYS));
            harness.run(&format!("RENAMENX key{from} key{to}"));
            if round % 50 == 0 {
                let keys = bulks(&harness.run("KEYS *"));
                assert_eq!(keys.len(), KEYS);
                assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), KEYS);
            }
        }
    });
    let keys = bulks(&pair[0].run("KEYS *"));
    let values: BTreeSet<_> = keys.iter().map(|key| pair[1].get(key)).collect();
    assert_eq!(values, (0..KEYS).map(|i| Some(i.to_string())).collect());
}

/// Any request of the keyspace, picked by chance among few keys and databases.
fn request(random: &mut fastrand::Rng) -> String {
    let (key, other) = (random.usize(..40), random.usize(..40));
    let (db, other_db) = (random.usize(..DATABASES), random.usize(..DATABASES));
    match random.usize(..100) {
        0..25 => format!("INCR key{key}"),
        25..35 => format!("RENAME key{key} key{other}"),
        35..40 => format!("RENAMENX key{key} key{other}"),
        40..45 => format!("COPY key{key} key{other} REPLACE"),
        45..50 => format!("COPY key{key} key{other} DB {db}"),
        50..55 => format!("MOVE key{key} {db}"),
        55..65 => format!("DEL key{key} key{other} key{db}"),
        65..70 => format!("EXPIRE key{key} 1000"),
        70..73 => format!("PERSIST key{key}"),
        73..76 => format!("EXPIRE key{key} -1"),
        76..80 => format!("EXISTS key{key} key{other}"),
        80..84 => format!("SCAN 0 COUNT {}", other * 30 + 1),
        84..88 => "RANDOMKEY".to_owned(),
        88..90 => "KEYS key1*".to_owned(),
        90..93 => format!("TTL key{key}"),
        93..95 => "DBSIZE".to_owned(),
        95..96 => "MEMORY STATS".to_owned(),
        96..98 => format!("SWAPDB {db} {other_db}"),
        98 => "FLUSHDB".to_owned(),
        _ => ["FLUSHALL", "FLUSHALL ASYNC"][db % 2].to_owned(),
    }
}

#[test]
fn anything_at_once_leaves_the_counters_right() {
    let mut pair = at_once(Harness::pair(), |_, harness| {
        let mut random = fastrand::Rng::new();
        for _ in 0..20_000 {
            harness.session.db = random.usize(..DATABASES);
            let request = request(&mut random);
            let reply = harness.run(&request);
            let refused = reply.starts_with('-')
                && reply != "-ERR no such key\r\n"
                && reply != "-ERR source and destination objects are the same\r\n";
            assert!(!refused, "{request}: {reply}");
        }
    });
    for db in 0..DATABASES {
        for harness in &mut pair {
            harness.session.db = db;
            let keys = scan(harness);
            assert_eq!(harness.run("DBSIZE"), format!(":{}\r\n", keys.len()));
            assert_eq!(bulks(&harness.run("KEYS *")).len(), keys.len());
            let expiring =
                keys.iter().filter(|key| harness.run(&format!("TTL {key}")) != ":-1\r\n");
            assert_eq!(expiring.count(), harness.worker.keyspace.expiring(db));
        }
    }
}

/// One reactor blocks its client and soon ends that, while the other one pushes: each wait has one
/// answer, and each element is in an answer or still in its list.
#[test]
fn a_wait_ends_once_and_no_element_is_lost() {
    const ROUNDS: usize = 10_000;
    let received = Mutex::new(BTreeMap::<String, Vec<usize>>::new());
    let take = |reply: &str| {
        let mut words = bulks(reply).into_iter();
        let (Some(key), Some(element)) = (words.next(), words.next()) else { return };
        let number = element.parse().expect("what was pushed");
        received.lock().entry(key).or_default().push(number);
    };
    let mut pair = at_once(Harness::pair(), |me, harness| {
        let id = harness.session.client.id;
        for round in 0..ROUNDS {
            if me == 1 {
                harness.run(&format!("RPUSH k{} {round}", round % 2));
                continue;
            }
            let reply = harness.run("BLPOP k1 k0 0");
            if harness.session.blocked.take().is_none() {
                take(&reply);
                continue;
            }
            (0..round % 20).for_each(|_| thread::yield_now());
            let ended = harness.run(&format!("CLIENT UNBLOCK {id}")) == ":1\r\n";
            let answer = next_answer(harness).expect("it is over");
            assert_eq!(answer == "*-1\r\n", ended, "{answer}");
            assert_eq!(next_answer(harness), None);
            take(&answer);
        }
    });
    let mut all = Vec::new();
    for (key, numbers) in received.into_inner() {
        assert!(numbers.is_sorted(), "{key} is a queue");
        all.extend(numbers);
    }
    for key in ["k0", "k1"] {
        let left = bulks(&pair[0].run(&format!("LRANGE {key} 0 -1")));
        all.extend(left.iter().map(|text| text.parse::<usize>().expect("what was pushed")));
    }
    all.sort_unstable();
    assert!(all.iter().copied().eq(0..ROUNDS), "{} elements", all.len());
}

/// The next answer that was sent to this client's reactor.
fn next_answer(harness: &Harness) -> Option<String> {
    let message = harness.worker.instance.reactors[harness.worker.index].mailbox.pop()?;
    let Message::Answer(_, answer) = message else { panic!("nobody is killed here") };
    let bytes = answer.segments(0).flatten().copied().collect();
    Some(String::from_utf8(bytes).expect("text"))
}
