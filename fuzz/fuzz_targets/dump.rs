//! Any payload is restored or refused, in memory in proportion to it; and what was restored is dumped
//! and restored again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use torc_fuzz::memory::Peak;
use torc_fuzz::reply;
use torc_fuzz::server::Server;

#[global_allocator]
static ALLOCATOR: Peak = Peak::new();

fuzz_target!(|body: &[u8]| {
    let mut server = Server::new(0);
    let mut restore = |key: &[u8], payload: &[u8]| {
        let before = ALLOCATOR.start();
        let reply = server.call(&[b"RESTORE", key, b"0", payload]);
        (reply, ALLOCATOR.peak() - before)
    };
    restore(b"unsealed", body);
    let mut payload = body.to_vec();
    torc::rdb::seal(&mut payload);
    let (reply, memory) = restore(b"a", &payload);
    // LZF makes at most 264 bytes of three, and a small element of one byte becomes a large one.
    assert!(memory < 200_000 + 200 * payload.len(), "{memory} bytes for {}", payload.len());
    if reply != b"+OK\r\n" {
        assert!(reply.starts_with(b"-"));
        return server.finish();
    }
    let dump = server.call(&[b"DUMP", b"a"]);
    let dump = reply::text(&dump).expect("it was restored").to_vec();
    assert_eq!(server.call(&[b"RESTORE", b"b", b"0", &dump]), b"+OK\r\n");
    let contents = [&b"a"[..], b"b"].map(|key| content(&mut server, key));
    assert_eq!(contents[0], contents[1]);
    server.finish();
});

/// Type and elements of a key, in an order that does not depend on chance.
fn content(server: &mut Server, key: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let kind = server.call(&[b"TYPE", key]);
    let (words, group): (&[&[u8]], _) = match &kind[..] {
        b"+string\r\n" => (&[b"GET", key], 0),
        b"+list\r\n" => (&[b"LRANGE", key, b"0", b"-1"], 0),
        b"+set\r\n" => (&[b"SMEMBERS", key], 1),
        b"+hash\r\n" => (&[b"HGETALL", key], 2),
        b"+zset\r\n" => (&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"], 0),
        _ => panic!("{}", kind.escape_ascii()),
    };
    let reply = server.call(words);
    let elements = reply::elements(&reply).unwrap_or_else(|| vec![&reply]);
    let mut elements: Vec<Vec<u8>> = match group {
        0 => elements.into_iter().map(<[u8]>::to_vec).collect(),
        group => elements.chunks(group).map(<[_]>::concat).collect(),
    };
    if group > 0 {
        elements.sort();
    }
    (kind, elements)
}
