//! Two reactors: any connection reaches any key.

use super::with;

#[test]
fn every_connection_sees_every_key() {
    let server = with().threads(2).start();
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for number in 0..400 {
        let (writer, reader) = (number % 8, (number / 8 + 1) % 8);
        clients[writer].talk(&[(&format!("SET key:{number} {number}"), "+OK\r\n")]);
        let length = number.to_string().len();
        let expected = format!("${length}\r\n{number}\r\n");
        clients[reader].talk(&[(&format!("GET key:{number}"), &expected)]);
    }
    clients[3].talk(&[("DBSIZE", ":400\r\n"), ("FLUSHALL", "+OK\r\n")]);
    clients[4].talk(&[("DBSIZE", ":0\r\n")]);
}

/// Increments of one key from many connections: none is lost, and each gets its own answer.
#[test]
fn no_increment_is_lost() {
    const EACH: usize = 5000;
    let server = with().threads(2).start();
    let counting: Vec<_> = (0..6)
        .map(|_| {
            let mut client = server.connect();
            std::thread::spawn(move || {
                client.send(crate::common::client::request("INCR n").repeat(EACH));
                (0..EACH).map(|_| client.read_reply()).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut answers: Vec<_> =
        counting.into_iter().flat_map(|thread| thread.join().expect("it is answered")).collect();
    server.connect().talk(&[("GET n", "$5\r\n30000\r\n")]);
    answers.sort();
    answers.dedup();
    assert_eq!(answers.len(), 6 * EACH, "each answer is given once");
}

/// MSET is one step: nobody sees half of it.
#[test]
fn mset_is_seen_whole() {
    let server = with().threads(2).start();
    let (mut writer, mut reader) = (server.connect(), server.connect());
    writer.talk(&[("MSET a 0 b 0 c 0 d 0", "+OK\r\n")]);
    let writing = std::thread::spawn(move || {
        for number in 1..=3000 {
            let line = format!("MSET a {number} b {number} c {number} d {number}");
            writer.talk(&[(&line, "+OK\r\n")]);
        }
    });
    while !writing.is_finished() {
        let reply = reader.call("MGET d b a c");
        let values = crate::common::reply::elements(&reply).expect("an array");
        assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "{}", reply.escape_ascii());
    }
    writing.join().expect("the writer is answered");
}
