//! Clients that wait for keys: served in order of arrival, from any reactor to any reactor.

use std::time::{Duration, Instant};

use super::with;
use crate::common::client::request;
use crate::common::{Client, PATIENCE, Server, reply};

/// A server with one reactor, and one with two.
fn each() -> impl Iterator<Item = Server> {
    [1, 2].into_iter().map(|threads| with().threads(threads).start())
}

/// Connects a client that blocks with this request; `before` others do already.
fn blocked(server: &Server, before: usize, line: &str) -> Client {
    let mut client = server.connect();
    client.ask(line);
    await_blocked(&mut server.connect(), before + 1);
    client
}

/// Waits until so many clients are blocked.
fn await_blocked(client: &mut Client, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    let wanted = format!("\r\nblocked_clients:{count}\r\n");
    while !client.text("INFO clients").contains(&wanted) {
        assert!(Instant::now() < deadline, "not {count} are blocked");
    }
}

#[test]
fn the_first_to_come_is_the_first_to_be_served() {
    for server in each() {
        let mut waiting: Vec<_> = (0..6).map(|n| blocked(&server, n, "BLPOP k 0")).collect();
        let mut pusher = server.connect();
        pusher.talk(&[
            ("RPUSH k 0", ":1\r\n"),
            ("RPUSH k 1 2 3", ":3\r\n"),
            ("LLEN k", ":0\r\n"),
            ("RPUSH k 4", ":1\r\n"),
            ("RPUSH k 5 6", ":2\r\n"),
            ("LRANGE k 0 -1", "*1\r\n$1\r\n6\r\n"),
        ]);
        for (number, client) in waiting.iter_mut().enumerate() {
            client.expect(format!("*2\r\n$1\r\nk\r\n$1\r\n{number}\r\n"));
            client.talk(&[("PING", "+PONG\r\n")]);
        }
        await_blocked(&mut pusher, 0);
    }
}

#[test]
fn one_of_many_keys_is_enough() {
    for server in each() {
        let mut pusher = server.connect();
        let mut client = blocked(&server, 0, "BRPOP a b c d 0");
        pusher.talk(&[("RPUSH c 1 2", ":2\r\n")]);
        client.expect("*2\r\n$1\r\nc\r\n$1\r\n2\r\n");
        // It does not wait for the others any more.
        pusher.talk(&[("RPUSH a 1", ":1\r\n"), ("LLEN a", ":1\r\n"), ("LLEN c", ":1\r\n")]);
        client.talk(&[("BLPOP x a 0", "*2\r\n$1\r\na\r\n$1\r\n1\r\n")]);
    }
}

#[test]
fn a_moved_element_serves_who_waits_for_its_new_place() {
    for server in each() {
        let mut last = blocked(&server, 0, "BLPOP c 0");
        let mut second = blocked(&server, 1, "BRPOPLPUSH b c 0");
        let mut first = blocked(&server, 2, "BLMOVE a b LEFT RIGHT 0");
        server.connect().talk(&[("RPUSH a x", ":1\r\n"), ("EXISTS a b c", ":0\r\n")]);
        first.expect("$1\r\nx\r\n");
        second.expect("$1\r\nx\r\n");
        last.expect("*2\r\n$1\r\nc\r\n$1\r\nx\r\n");
    }
}

#[test]
fn sorted_sets_are_waited_for_as_lists_are() {
    for server in each() {
        let mut other = server.connect();
        let mut list = blocked(&server, 0, "BLPOP z 0");
        let mut min = blocked(&server, 1, "BZPOPMIN y z 0");
        let mut max = server.connect();
        max.call("HELLO 3");
        max.ask("BZPOPMAX z 0");
        await_blocked(&mut other, 3);
        let mut many = blocked(&server, 3, "BZMPOP 0 2 y z MIN COUNT 2");
        other.talk(&[
            ("ZADD z 1 a 2.5 b 3 c 4 d 5 e", ":5\r\n"),
            ("ZRANGE z 0 -1", "*1\r\n$1\r\nd\r\n"),
            ("DEL z", ":1\r\n"),
            ("RPUSH z x", ":1\r\n"),
        ]);
        min.expect("*3\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\n1\r\n");
        max.expect("*3\r\n$1\r\nz\r\n$1\r\ne\r\n,5\r\n");
        many.expect(
            "*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\nb\r\n$3\r\n2.5\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n",
        );
        list.expect("*2\r\n$1\r\nz\r\n$1\r\nx\r\n");
    }
}

#[test]
fn several_elements_go_to_one_client_that_asks_for_them() {
    for server in each() {
        let mut first = blocked(&server, 0, "BLMPOP 0 2 k l RIGHT COUNT 2");
        let mut second = blocked(&server, 1, "BLMPOP 0 1 l LEFT COUNT 9");
        server.connect().talk(&[("RPUSH l 1 2 3 4", ":4\r\n"), ("EXISTS l", ":0\r\n")]);
        first.expect("*2\r\n$1\r\nl\r\n*2\r\n$1\r\n4\r\n$1\r\n3\r\n");
        second.expect("*2\r\n$1\r\nl\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    }
}

#[test]
fn a_wait_has_an_end() {
    for server in each() {
        for (line, version, null) in [
            ("BLPOP k 0.1", 2, "*-1\r\n"),
            ("BLMOVE k l LEFT LEFT 0.1", 2, "*-1\r\n"),
            ("BRPOPLPUSH k l 0.1", 3, "_\r\n"),
            ("BRPOP k l 0.1", 3, "_\r\n"),
            ("BLMPOP 0.1 2 k l LEFT", 2, "*-1\r\n"),
            ("BZPOPMIN k l 0.1", 2, "*-1\r\n"),
            ("BZMPOP 0.1 2 k l MAX", 3, "_\r\n"),
        ] {
            let mut client = server.connect();
            client.call(&format!("HELLO {version}"));
            let begun = Instant::now();
            client.talk(&[(line, null)]);
            let time = begun.elapsed();
            assert!(time >= Duration::from_millis(100), "{line}: {time:?}");
            client.talk(&[("RPUSH k 1", ":1\r\n"), ("DEL k", ":1\r\n")]);
        }
        // Who waits longer is still there.
        let mut long = blocked(&server, 0, "BLPOP k 100");
        server.connect().talk(&[("BLPOP k 0.01", "*-1\r\n"), ("RPUSH k 1", ":1\r\n")]);
        long.expect("*2\r\n$1\r\nk\r\n$1\r\n1\r\n");
    }
}

#[test]
fn another_client_can_end_a_wait() {
    for server in each() {
        let mut client = server.connect();
        let id = client.integer("CLIENT ID");
        let mut admin = server.connect();
        admin.talk(&[(&format!("CLIENT UNBLOCK {id}"), ":0\r\n")]);
        for (reason, answer) in [
            ("", "*-1\r\n"),
            ("timeout", "*-1\r\n"),
            ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"),
        ] {
            client.ask("BLPOP k l 0");
            await_blocked(&mut admin, 1);
            let line = admin.text(&format!("CLIENT LIST ID {id}"));
            assert!(line.contains(" flags=b ") && line.contains(" cmd=blpop "), "{line}");
            admin.talk(&[(&format!("CLIENT UNBLOCK {id} {reason}"), ":1\r\n")]);
            client.expect(answer);
            client.talk(&[("PING", "+PONG\r\n")]);
        }
        admin.talk(&[
            (&format!("CLIENT UNBLOCK {id}"), ":0\r\n"),
            ("CLIENT UNBLOCK 999", ":0\r\n"),
            ("RPUSH l 1", ":1\r\n"),
            ("LLEN l", ":1\r\n"),
        ]);
    }
}

#[test]
fn who_leaves_takes_nothing_with_it() {
    for server in each() {
        let mut admin = server.connect();
        let leaves = blocked(&server, 0, "BLPOP k 0");
        let mut ends = blocked(&server, 1, "BLPOP k 10");
        let mut killed = server.connect();
        let id = killed.integer("CLIENT ID");
        killed.ask("BLPOP k 0");
        await_blocked(&mut admin, 3);
        let mut stays = blocked(&server, 3, "BLPOP k 0");
        drop(leaves);
        ends.finish_sending();
        admin.talk(&[(&format!("CLIENT KILL ID {id}"), ":1\r\n")]);
        killed.expect_closed();
        ends.expect_closed();
        await_blocked(&mut admin, 1);
        admin.talk(&[("RPUSH k 1", ":1\r\n"), ("EXISTS k", ":0\r\n")]);
        stays.expect("*2\r\n$1\r\nk\r\n$1\r\n1\r\n");
    }
}

#[test]
fn requests_behind_a_waiting_one_follow_its_answer() {
    for server in each() {
        let mut client = server.connect();
        let requests = ["INCR n", "BLPOP k 0", "INCR n", "BLPOP k 0", "GET n"];
        client.send(requests.map(request).concat());
        client.expect(":1\r\n");
        let mut pusher = server.connect();
        await_blocked(&mut pusher, 1);
        client.ask("ECHO late");
        pusher.talk(&[("GET n", "$1\r\n1\r\n"), ("RPUSH k a", ":1\r\n")]);
        client.expect("*2\r\n$1\r\nk\r\n$1\r\na\r\n:2\r\n");
        pusher.talk(&[("RPUSH k b", ":1\r\n")]);
        client.expect("*2\r\n$1\r\nk\r\n$1\r\nb\r\n$1\r\n2\r\n$4\r\nlate\r\n");
    }
}

#[test]
fn replies_that_are_not_wanted_are_not_sent() {
    for server in each() {
        let mut pusher = server.connect();
        let mut client = server.connect();
        client.send(["CLIENT REPLY SKIP", "BLPOP k 0", "PING"].map(request).concat());
        await_blocked(&mut pusher, 1);
        pusher.talk(&[("RPUSH k 1", ":1\r\n")]);
        client.expect("+PONG\r\n");
        client.send(
            ["CLIENT REPLY OFF", "BLPOP k 0", "CLIENT REPLY ON", "PING"].map(request).concat(),
        );
        await_blocked(&mut pusher, 1);
        pusher.talk(&[("RPUSH k 1", ":1\r\n")]);
        client.expect("+OK\r\n+PONG\r\n");
    }
}

#[test]
fn a_value_of_another_type_does_not_disturb() {
    for server in each() {
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
        let mut other = server.connect();
        let mut client = blocked(&server, 0, "BLPOP k l 0");
        let mut mover = blocked(&server, 1, "BLMOVE m k LEFT LEFT 0");
        other.talk(&[
            ("SET k v", "+OK\r\n"),
            ("BLPOP x k 0", wrong),
            ("RPUSH m 1 2", ":2\r\n"),
            ("LLEN m", ":2\r\n"),
            ("HSET l f v", ":1\r\n"),
            ("DEL l", ":1\r\n"),
            ("RPUSH l 1", ":1\r\n"),
        ]);
        mover.expect(wrong);
        client.expect("*2\r\n$1\r\nl\r\n$1\r\n1\r\n");
    }
}

/// Whatever gives a key a list serves who waits for it.
#[test]
fn lists_may_come_from_anywhere() {
    for server in each() {
        let mut other = server.connect();
        other.talk(&[("SELECT 1", "+OK\r\n"), ("RPUSH k 5", ":1\r\n"), ("SELECT 0", "+OK\r\n")]);
        for (line, done, element) in [
            ("RENAME l k", "+OK\r\n", 1),
            ("COPY l k", ":1\r\n", 1),
            ("LMOVE l k LEFT LEFT", "$1\r\n1\r\n", 1),
            ("SWAPDB 0 1", "+OK\r\n", 5),
        ] {
            other.talk(&[("RPUSH l 1", ":1\r\n")]);
            let mut client = blocked(&server, 0, "BLPOP k 0");
            other.talk(&[(line, done)]);
            client.expect(format!("*2\r\n$1\r\nk\r\n$1\r\n{element}\r\n"));
            other.talk(&[("FLUSHDB", "+OK\r\n")]);
        }
        // A flush takes no waiting client with it.
        let mut client = blocked(&server, 0, "BLPOP k 0");
        other.talk(&[("FLUSHALL", "+OK\r\n"), ("LPUSH k 1", ":1\r\n")]);
        client.expect("*2\r\n$1\r\nk\r\n$1\r\n1\r\n");
    }
}

#[test]
fn a_stop_does_not_wait_for_who_waits() {
    for mut server in each() {
        let mut client = blocked(&server, 0, "BLPOP k 0");
        server.signal(rustix::process::Signal::TERM);
        client.expect_closed();
        assert!(server.ended().success());
    }
}

/// Many push and many wait, some of them only for a moment: each element arrives once.
#[test]
fn each_element_is_delivered_once() {
    const PUSHERS: usize = 4;
    const EACH: usize = 2000;
    let server = with().threads(2).start();
    let lists = ["l1", "l2", "l3"];
    let receiving: Vec<_> = (0..8)
        .map(|number| {
            let mut client = server.connect();
            std::thread::spawn(move || receive(&mut client, number))
        })
        .collect();
    let pushing: Vec<_> = (0..PUSHERS)
        .map(|pusher| {
            let mut client = server.connect();
            std::thread::spawn(move || {
                for number in (0..EACH).step_by(2) {
                    let list = lists[(pusher + number) % lists.len()];
                    let first = pusher * EACH + number;
                    client.call(&format!("RPUSH {list} {first} {}", first + 1));
                }
            })
        })
        .collect();
    pushing.into_iter().for_each(|thread| thread.join().expect("it is answered"));
    let mut client = server.connect();
    for list in lists {
        client.call_until(&format!("EXISTS {list}"), ":0\r\n");
    }
    for _ in &receiving {
        client.call("RPUSH l1 end");
    }
    let mut received: Vec<usize> =
        receiving.into_iter().flat_map(|thread| thread.join().expect("it is answered")).collect();
    received.sort_unstable();
    assert!(received.iter().copied().eq(0..PUSHERS * EACH), "{} elements", received.len());
}

/// Takes elements until the one that is the end.
fn receive(client: &mut Client, number: usize) -> Vec<usize> {
    let timeout = ["0", "0.001", "5", "0.02"][number % 4];
    let mut received = Vec::new();
    loop {
        let answer = client.call(&format!("BLPOP l2 l1 l3 {timeout}"));
        // None if the time was over.
        let Some(element) = reply::elements(&answer).and_then(|parts| parts.into_iter().nth(1))
        else {
            continue;
        };
        let text = reply::text(element).expect("a bulk string").to_vec();
        match String::from_utf8(text).expect("what was pushed").parse() {
            Ok(number) => received.push(number),
            Err(_) => return received,
        }
    }
}
