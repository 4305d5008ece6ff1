//! Keys that end.

use super::connected;

#[test]
fn setting_and_reading() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("TTL k", ":-2\r\n"),
        ("PTTL k", ":-2\r\n"),
        ("EXPIRETIME k", ":-2\r\n"),
        ("EXPIRE k 10", ":0\r\n"),
        ("SET k v", "+OK\r\n"),
        ("TTL k", ":-1\r\n"),
        ("EXPIREAT k 9999999999", ":1\r\n"),
        ("PEXPIRETIME k", ":9999999999000\r\n"),
        ("PEXPIREAT k 9999999999999", ":1\r\n"),
        ("EXPIRETIME k", ":10000000000\r\n"),
        ("PERSIST k", ":1\r\n"),
        ("PERSIST k", ":0\r\n"),
        ("EXPIRE k 0x10", "-ERR value is not an integer or out of range\r\n"),
        ("EXPIRE k 9223372036854775807", "-ERR invalid expire time in 'expire' command\r\n"),
        ("EXPIRE k -1", ":1\r\n"),
        ("EXISTS k", ":0\r\n"),
    ]);
}

#[test]
fn relative_times_count_down() {
    let (_server, mut client) = connected();
    client.talk(&[("SET k v EX 1000", "+OK\r\n")]);
    let left = client.integer("PTTL k");
    assert!((990_000..=1_000_000).contains(&left), "{left} ms are left");
    client.talk(&[("TTL k", ":1000\r\n"), ("PEXPIRE k 2000000", ":1\r\n"), ("TTL k", ":2000\r\n")]);
    client.call_until("TTL k", ":1999\r\n");
}

#[test]
fn conditions() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("SET k v", "+OK\r\n"),
        ("EXPIREAT k 5000000000 XX", ":0\r\n"),
        ("EXPIREAT k 5000000000 GT", ":0\r\n"),
        ("EXPIREAT k 5000000000 LT", ":1\r\n"),
        ("EXPIREAT k 5000000000 NX", ":0\r\n"),
        ("EXPIREAT k 5000000001 LT", ":0\r\n"),
        ("EXPIREAT k 5000000001 gt xx", ":1\r\n"),
        (
            "EXPIREAT k 1 NX GT",
            "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n",
        ),
        ("EXPIREAT k 1 GT LT", "-ERR GT and LT options at the same time are not compatible\r\n"),
        ("EXPIREAT k 1 soon", "-ERR Unsupported option soon\r\n"),
        ("EXPIRETIME k", ":5000000001\r\n"),
    ]);
}

/// Whoever looks at a key after its time does not find it.
#[test]
fn a_key_ends_for_its_readers() {
    let (_server, mut client) = connected();
    client.talk(&[("SET k v PX 20", "+OK\r\n"), ("SET kept v", "+OK\r\n")]);
    client.call_until("GET k", "$-1\r\n");
    client.talk(&[
        ("EXISTS k", ":0\r\n"),
        ("TTL k", ":-2\r\n"),
        ("SET k v PX 20", "+OK\r\n"),
        ("SET k again", "+OK\r\n"),
        ("TTL k", ":-1\r\n"),
    ]);
}

/// Keys that nobody asks for are removed as well.
#[test]
fn a_key_ends_by_itself() {
    let (_server, mut client) = connected();
    for number in 0..500 {
        client.talk(&[(&format!("SET k{number} v PX 30"), "+OK\r\n")]);
    }
    client.talk(&[("SET kept v", "+OK\r\n")]);
    client.call_until("DBSIZE", ":1\r\n");
    client.talk(&[("GET kept", "$1\r\nv\r\n")]);
}
