//! What a client may take, set while the server runs.

use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::{backend, connected, wait_until, with};
use crate::common::client::{encode, request};
use crate::common::{Client, Server, Start};

/// A number of a client's line in CLIENT LIST.
fn field(observer: &mut Client, id: i64, name: &str) -> u64 {
    let line = observer.text(&format!("CLIENT LIST ID {id}"));
    let value = line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let value = value.unwrap_or_else(|| panic!("{name} of {id} in {line:?}"));
    value.parse().expect("a number")
}

#[test]
fn directives_read_back_as_in_redis() {
    let (_server, mut client) = connected();
    client.talk(&[
        (
            "CONFIG GET client-output-buffer-limit",
            "*2\r\n$26\r\nclient-output-buffer-limit\r\n$67\r\n\
             normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60\r\n",
        ),
        ("CONFIG SET client-output-buffer-limit \"normal 1mb 500kb 10\"", "+OK\r\n"),
        ("CONFIG SET client-output-buffer-limit \"replica 5 6 7 pubsub 8 9 10\"", "+OK\r\n"),
        (
            "CONFIG GET client-output-buffer-limit",
            "*2\r\n$26\r\nclient-output-buffer-limit\r\n$50\r\n\
             normal 1048576 512000 10 slave 5 6 7 pubsub 8 9 10\r\n",
        ),
        ("CONFIG SET maxmemory-clients 5%", "+OK\r\n"),
        ("CONFIG GET maxmemory-clients", "*2\r\n$17\r\nmaxmemory-clients\r\n$2\r\n5%\r\n"),
        (
            "CONFIG SET client-query-buffer-limit 1",
            "-ERR CONFIG SET failed (possibly related to argument 'client-query-buffer-limit') - \
             argument must be between 1048576 and 9223372036854775807 inclusive\r\n",
        ),
        ("CONFIG SET hash-max-ziplist-entries 7", "+OK\r\n"),
        (
            "CONFIG GET hash-max-listpack-entries",
            "*2\r\n$25\r\nhash-max-listpack-entries\r\n$1\r\n7\r\n",
        ),
    ]);
}

/// A reply need not be whole to be too long.
#[test]
fn a_reply_beyond_the_hard_limit_closes() {
    let (server, mut other) = connected();
    let mut greedy = server.connect();
    for n in 0..64 {
        other.talk(&[(&format!("SET k{n} {}", "v".repeat(10_000)), "+OK\r\n")]);
    }
    let all: Vec<String> = (0..64).map(|n| format!("k{n}")).collect();
    let mget = format!("MGET {}", all.join(" "));
    assert!(greedy.call(&mget).len() > 640_000, "without a limit it is answered");
    other.talk(&[("CONFIG SET client-output-buffer-limit \"normal 500kb 0 0\"", "+OK\r\n")]);
    greedy.send(request(&mget));
    greedy.send(request("SET after 1"));
    greedy.expect_closed();
    other.talk(&[("EXISTS after", ":0\r\n"), ("GET nothing", "$-1\r\n")]);
    other.talk(&[("CONFIG SET client-output-buffer-limit \"normal 0 0 0\"", "+OK\r\n")]);
    assert!(server.connect().call(&mget).len() > 640_000);
}

/// Short enough to be sent without a word from the kernel that it has left.
#[test]
fn a_reply_that_has_left_does_not_count_for_the_hard_limit() {
    let (server, mut other) = connected();
    (0..100).for_each(|_| drop(other.call(&format!("RPUSH l {}", "m".repeat(593)))));
    other.talk(&[("CONFIG SET client-output-buffer-limit \"normal 100000 0 0\"", "+OK\r\n")]);
    let mut client = server.connect();
    for _ in 0..10 {
        assert_eq!(client.call("LRANGE l 0 -1").len(), 6 + 100 * 601);
    }
}

/// The largest replies that a few bytes can ask for: they end at the limit, in memory and in time.
#[test]
fn huge_replies_end_at_the_hard_limit() {
    let (server, mut other) = connected();
    let member = "m".repeat(1000);
    other.call(&format!("SADD s {member}"));
    other.call(&format!("HSET h {member} {member}"));
    other.call(&format!("ZADD z 1 {member}"));
    other.call(&format!("SADD large {}", "m".repeat(100_000)));
    (0..100).for_each(|_| drop(other.call(&format!("RPUSH l {}", "m".repeat(300_000)))));
    other.talk(&[("CONFIG SET client-output-buffer-limit \"normal 8mb 0 0\"", "+OK\r\n")]);
    let before = other.info("used_memory_peak");
    for request in [
        "SRANDMEMBER s -134217728",
        "SRANDMEMBER large -134217728",
        "HRANDFIELD h -134217728 WITHVALUES",
        "ZRANDMEMBER z -134217728 WITHSCORES",
        "LRANGE l 0 -1",
        "SORT l ALPHA",
    ] {
        let mut greedy = server.connect();
        greedy.ask(request);
        greedy.expect_closed();
        other.talk(&[("PING", "+PONG\r\n")]);
    }
    let grown = other.info("used_memory_peak") - before;
    assert!(grown < 32 << 20, "{grown} bytes at the most for six replies");
}

/// Pipelines `requests` that are answered with about a hundred thousand bytes each, and reads
/// nothing.
fn stall(server: &Server, requests: usize) -> (Client, i64) {
    let mut client = server.connect();
    client.talk(&[(&format!("SET long {}", "v".repeat(100_000)), "+OK\r\n")]);
    let id = client.integer("CLIENT ID");
    client.send(request("GET long").repeat(requests));
    (client, id)
}

/// More than the sockets between take, so that much of it stays in the server.
const MANY: usize = 200;

#[test]
fn who_does_not_read_is_closed_when_the_soft_limit_has_lasted() {
    let (server, mut other) = connected();
    let (_stalled, id) = stall(&server, MANY);
    wait_until("replies wait", || field(&mut other, id, "omem") > 100_000);
    let begun = Instant::now();
    other.talk(&[("CONFIG SET client-output-buffer-limit \"normal 0 100kb 1\"", "+OK\r\n")]);
    wait_until("it is closed", || other.text(&format!("CLIENT LIST ID {id}")).is_empty());
    assert!(begun.elapsed() >= Duration::from_secs(1), "after {:?}", begun.elapsed());
}

/// What a client lets the server keep is shown while it is kept, and no longer.
#[test]
fn the_list_shows_what_waits() {
    let (server, mut other) = connected();
    let (mut stalled, id) = stall(&server, MANY);
    wait_until("replies wait", || field(&mut other, id, "omem") > 100_000);
    // What waits changes from one look to the next, as long as the sockets take some of it.
    wait_until("the looks add up", || {
        let mut look = |name| field(&mut other, id, name);
        let (before, total, pieces, after) =
            (look("omem"), look("tot-mem"), look("oll"), look("omem"));
        let all = other.info("mem_clients_normal");
        let is_still = before == after && after == field(&mut other, id, "omem");
        is_still && after > 100_000 && pieces >= 1 && total > after && all > after
    });
    (0..MANY).for_each(|_| assert_eq!(stalled.read_reply().len(), 100_011));
    wait_until("all is read", || field(&mut other, id, "omem") == 0);
    assert_eq!(field(&mut other, id, "oll"), 0);
    assert_eq!(field(&mut other, id, "qbuf"), 0);

    stalled.send(b"*2\r\n$4\r\nECHO\r\n$50000\r\n");
    stalled.send([b'x'; 30_000]);
    wait_until("a part has come", || field(&mut other, id, "qbuf") == 30_022);
    assert!(field(&mut other, id, "tot-mem") > 30_022);
    stalled.send([b'x'; 20_000]);
    stalled.send(b"\r\n");
    assert_eq!(stalled.read_reply().len(), 50_010);
    wait_until("it was executed", || field(&mut other, id, "qbuf") == 0);
}

#[test]
fn a_request_beyond_the_query_limit_closes() {
    let (server, mut other) = connected();
    other.talk(&[("CONFIG SET client-query-buffer-limit 1mb", "+OK\r\n")]);
    let mut client = server.connect();
    let fits = encode(&["SET", "k", &"v".repeat(1_000_000)]);
    client.send(&fits);
    client.expect(b"+OK\r\n");
    client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2000000\r\n");
    client.send_until_closed(&[b'w'; 2_000_000]);
    client.expect_closed();
    other.talk(&[("STRLEN k", ":1000000\r\n")]);
}

/// Of all clients the one that takes the most goes first, unless it asked to stay.
#[test]
fn the_largest_clients_are_evicted() {
    let (server, mut other) = connected();
    let (mut kept, kept_id) = stall(&server, 0);
    kept.talk(&[("CLIENT NO-EVICT on", "+OK\r\n")]);
    let requests: [(usize, usize); 3] = [(0, 4_000_000), (1, 2_000_000), (2, 400_000)];
    let mut clients: Vec<_> = requests.iter().map(|_| server.connect()).collect();
    let ids: Vec<i64> = clients.iter_mut().map(|client| client.integer("CLIENT ID")).collect();
    let mut hold = |client: &mut Client, id: i64, bytes: usize| {
        client.send(format!("*2\r\n$4\r\nECHO\r\n${}\r\n", 10 * bytes));
        client.send(vec![b'x'; bytes]);
        wait_until("it has come", || field(&mut other, id, "qbuf") as usize > bytes);
    };
    hold(&mut kept, kept_id, 5_000_000);
    for (index, bytes) in requests {
        hold(&mut clients[index], ids[index], bytes);
    }
    let taken = other.info("mem_clients_normal");
    let [largest, middle] = [ids[0], ids[1]].map(|id| field(&mut other, id, "tot-mem"));
    let limit = taken - largest - middle / 2;
    other.talk(&[(&format!("CONFIG SET maxmemory-clients {limit}"), "+OK\r\n")]);
    clients[0].expect_closed();
    clients[1].expect_closed();
    assert!(other.info("mem_clients_normal") <= limit);
    assert_eq!(other.info("evicted_clients"), 2);
    assert!(field(&mut other, ids[2], "qbuf") > 400_000, "the smallest stays");
    assert!(field(&mut other, kept_id, "qbuf") > 5_000_000, "and who asked to");

    // Whoever grows beyond it while it is in force goes as well.
    let limit = limit + 10_000_000;
    other.talk(&[(&format!("CONFIG SET maxmemory-clients {limit}"), "+OK\r\n")]);
    let mut late = server.connect();
    late.send(format!("*2\r\n$4\r\nECHO\r\n${}\r\n", 100_000_000));
    late.send_until_closed(&vec![b'x'; 50_000_000]);
    late.expect_closed();
    assert!(field(&mut other, ids[2], "qbuf") > 400_000);
}

/// An address of this machine that is not a loopback address. No packet is sent to find it.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a port is free");
    socket.connect("198.51.100.1:9").expect("the machine has a route to elsewhere");
    socket.local_addr().expect("it is bound").ip()
}

/// A server that listens at two addresses: a client at the loopback address, and the other one.
fn open_server(start: Start) -> (Server, Client, SocketAddr) {
    let outside = own_address();
    let server = start.flag("bind", &format!("127.0.0.1 {outside}")).start();
    let client = server.connect();
    let outside = SocketAddr::new(outside, server.port());
    (server, client, outside)
}

fn from(outside: SocketAddr) -> Client {
    Client::of(TcpStream::connect(outside).expect("the server accepts"))
}

#[test]
fn strangers_need_a_password_or_an_open_door() {
    let (_server, mut local, outside) = open_server(with());
    let mut stranger = from(outside);
    let word = stranger.read_reply();
    let start = b"-DENIED Redis is running in protected mode because protected mode is enabled and";
    assert!(word.starts_with(start), "{}", crate::common::escaped(&word));
    stranger.expect_closed();
    assert_eq!(local.info("rejected_connections"), 1);
    local.talk(&[("CONFIG SET requirepass secret", "+OK\r\n")]);
    from(outside).talk(&[("AUTH secret", "+OK\r\n"), ("PING", "+PONG\r\n")]);
    local.talk(&[("CONFIG SET requirepass \"\"", "+OK\r\n")]);
    from(outside).read_reply();
    local.talk(&[("CONFIG SET protected-mode no", "+OK\r\n")]);
    from(outside).talk(&[("PING", "+PONG\r\n")]);
}

#[test]
fn the_word_to_strangers_is_that_of_redis() {
    if !crate::common::program::installed("redis-server") {
        return;
    }
    let denied = |start| {
        let (_server, _client, outside) = open_server(start);
        from(outside).read_reply()
    };
    assert_eq!(denied(Start::torc(backend())), denied(Start::redis()));
}

/// One byte of a request at a time, from thousands of clients: each costs little.
#[test]
fn who_sends_slowly_costs_little() {
    const CLIENTS: usize = 2000;
    crate::common::allow_many_descriptors();
    let server = Start::torc(backend()).threads(1).start();
    let mut observer = server.connect();
    let before = observer.info("used_memory");
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| server.connect()).collect();
    let part = b"*3\r\n$3\r\nSET\r\n$5\r\nslow";
    for byte in part {
        clients.iter_mut().for_each(|client| client.send([*byte]));
    }
    let sent = (CLIENTS * part.len()) as u64;
    wait_until("all have been heard", || observer.info("total_net_input_bytes") >= sent);
    let each = (observer.info("used_memory") - before) / CLIENTS as u64;
    assert!(each < 2048, "{each} bytes each");
    for client in &mut clients {
        client.send(b"y\r\n$1\r\n1\r\n");
        client.expect(b"+OK\r\n");
    }
    observer.talk(&[("GET slowy", "$1\r\n1\r\n")]);
}
