//! The string commands; the differential test compares many more cases with redis-server.

use super::connected;

const NIL: &str = "$-1\r\n";
const OK: &str = "+OK\r\n";
const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";

#[test]
fn set_and_get() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("GET k", NIL),
        ("SET k v", OK),
        ("GET k", "$1\r\nv\r\n"),
        ("SET k \"\"", OK),
        ("GET k", "$0\r\n\r\n"),
        ("SET \"\" empty", OK),
        ("GET \"\"", "$5\r\nempty\r\n"),
        ("set k 007", OK),
        ("get k", "$3\r\n007\r\n"),
    ]);
}

#[test]
fn set_options() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("SET k 1 XX", NIL),
        ("SET k 1 NX", OK),
        ("SET k 2 nx", NIL),
        ("SET k 2 xx", OK),
        ("SET k 3 GET", "$1\r\n2\r\n"),
        ("SET new 1 GET", NIL),
        ("SET k 4 NX GET", "$1\r\n3\r\n"),
        ("GET k", "$1\r\n3\r\n"),
        ("SET k 5 EX 100 KEEPTTL", SYNTAX),
        ("SET k 5 EX 100 PX 100", SYNTAX),
        ("SET k 5 NX XX", SYNTAX),
        ("SET k 5 EX", SYNTAX),
        ("SET k 5 EX 0", "-ERR invalid expire time in 'set' command\r\n"),
        ("SET k 5 PX -1", "-ERR invalid expire time in 'set' command\r\n"),
        ("SET k 5 EX 9223372036854775807", "-ERR invalid expire time in 'set' command\r\n"),
        ("SET k 5 EX ten", NOT_AN_INTEGER),
        ("SET k 5 EXAT 9999999999", OK),
        ("EXPIRETIME k", ":9999999999\r\n"),
        ("SET k 6 KEEPTTL", OK),
        ("EXPIRETIME k", ":9999999999\r\n"),
        ("SET k 7", OK),
        ("TTL k", ":-1\r\n"),
    ]);
}

#[test]
fn counters() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("INCR n", ":1\r\n"),
        ("INCRBY n 41", ":42\r\n"),
        ("DECR n", ":41\r\n"),
        ("DECRBY n 50", ":-9\r\n"),
        ("SET n 9223372036854775807", OK),
        ("INCR n", "-ERR increment or decrement would overflow\r\n"),
        ("DECRBY n -9223372036854775808", "-ERR decrement would overflow\r\n"),
        ("SET n \" 1\"", OK),
        ("INCR n", NOT_AN_INTEGER),
        ("SET n 1", OK),
        ("INCRBYFLOAT n 0.1", "$3\r\n1.1\r\n"),
        ("INCRBYFLOAT n -1.1", "$1\r\n0\r\n"),
        ("INCRBYFLOAT n 3e3", "$4\r\n3000\r\n"),
        ("INCRBYFLOAT n x", "-ERR value is not a valid float\r\n"),
        ("INCRBYFLOAT n inf", "-ERR increment would produce NaN or Infinity\r\n"),
    ]);
}

#[test]
fn parts_of_a_value() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("APPEND k Hello", ":5\r\n"),
        ("APPEND k \" World\"", ":11\r\n"),
        ("STRLEN k", ":11\r\n"),
        ("GETRANGE k 0 4", "$5\r\nHello\r\n"),
        ("GETRANGE k -5 -1", "$5\r\nWorld\r\n"),
        ("GETRANGE k 5 2", "$0\r\n\r\n"),
        ("SUBSTR k 0 -1", "$11\r\nHello World\r\n"),
        ("SETRANGE k 6 Redis", ":11\r\n"),
        ("GET k", "$11\r\nHello Redis\r\n"),
        ("SETRANGE pad 3 x", ":4\r\n"),
        ("GET pad", "$4\r\n\0\0\0x\r\n"),
        ("SETRANGE none 3 \"\"", ":0\r\n"),
        ("EXISTS none", ":0\r\n"),
        ("SETRANGE k -1 x", "-ERR offset is out of range\r\n"),
        (
            "SETRANGE k 536870912 x",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
        ),
    ]);
}

#[test]
fn many_at_once() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("MSET a 1 b 2 a 3", OK),
        ("MGET a b c", "*3\r\n$1\r\n3\r\n$1\r\n2\r\n$-1\r\n"),
        ("MSETNX c 1 a 1", ":0\r\n"),
        ("EXISTS c", ":0\r\n"),
        ("MSETNX c 1 d 1", ":1\r\n"),
        ("SETNX a 9", ":0\r\n"),
        ("GETSET a 9", "$1\r\n3\r\n"),
        ("GETDEL a", "$1\r\n9\r\n"),
        ("GETDEL a", NIL),
    ]);
}

#[test]
fn getex_moves_the_expiry() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("SET k v", OK),
        ("GETEX k EXAT 9999999999", "$1\r\nv\r\n"),
        ("EXPIRETIME k", ":9999999999\r\n"),
        ("GETEX k", "$1\r\nv\r\n"),
        ("EXPIRETIME k", ":9999999999\r\n"),
        ("GETEX k PERSIST", "$1\r\nv\r\n"),
        ("EXPIRETIME k", ":-1\r\n"),
        ("GETEX k PERSIST EX 1", SYNTAX),
        ("GETEX k EX 0", "-ERR invalid expire time in 'getex' command\r\n"),
        ("GETEX none EX 10", NIL),
    ]);
}

#[test]
fn longest_common_subsequence() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("MSET a ohmytext b mynewtext", OK),
        ("LCS a b", "$6\r\nmytext\r\n"),
        ("LCS a b LEN", ":6\r\n"),
        (
            "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
            "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n\
             $3\r\nlen\r\n:6\r\n",
        ),
        (
            "LCS a b LEN IDX",
            "-ERR If you want both the length and indexes, please just use IDX.\r\n",
        ),
    ]);
}

#[test]
fn encodings() {
    let (_server, mut client) = connected();
    let (short, long) = ("x".repeat(44), "x".repeat(45));
    client.talk(&[
        ("SET k 12345", OK),
        ("OBJECT ENCODING k", "$3\r\nint\r\n"),
        (&format!("SET k {short}"), OK),
        ("OBJECT ENCODING k", "$6\r\nembstr\r\n"),
        (&format!("SET k {long}"), OK),
        ("OBJECT ENCODING k", "$3\r\nraw\r\n"),
        ("SET k 1", OK),
        ("APPEND k 2", ":2\r\n"),
        ("OBJECT ENCODING k", "$3\r\nraw\r\n"),
        ("OBJECT ENCODING none", NIL),
    ]);
}
