//! Several databases in one server.

use super::{connected, with};

#[test]
fn each_connection_selects_its_own() {
    let (server, mut one) = connected();
    let mut two = server.connect();
    one.talk(&[("SELECT 1", "+OK\r\n"), ("SET k one", "+OK\r\n")]);
    two.talk(&[
        ("GET k", "$-1\r\n"),
        ("SET k zero", "+OK\r\n"),
        ("SELECT 1", "+OK\r\n"),
        ("GET k", "$3\r\none\r\n"),
        ("SELECT 15", "+OK\r\n"),
        ("SELECT 16", "-ERR DB index is out of range\r\n"),
        ("SELECT -1", "-ERR DB index is out of range\r\n"),
        ("SELECT x", "-ERR value is not an integer or out of range\r\n"),
        ("DBSIZE", ":0\r\n"),
    ]);
}

#[test]
fn move_swap_and_flush() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("MSET a 0 b 0", "+OK\r\n"),
        ("MOVE a 0", "-ERR source and destination objects are the same\r\n"),
        ("MOVE a 1", ":1\r\n"),
        ("MOVE a 1", ":0\r\n"),
        ("MOVE b 99", "-ERR DB index is out of range\r\n"),
        ("SWAPDB 0 1", "+OK\r\n"),
        ("EXISTS a b", ":1\r\n"),
        ("GET a", "$1\r\n0\r\n"),
        ("SWAPDB 0 99", "-ERR DB index is out of range\r\n"),
        ("SWAPDB x 1", "-ERR invalid first DB index\r\n"),
        ("SWAPDB 0 x", "-ERR invalid second DB index\r\n"),
        ("FLUSHDB", "+OK\r\n"),
        ("DBSIZE", ":0\r\n"),
        ("SELECT 1", "+OK\r\n"),
        ("GET b", "$1\r\n0\r\n"),
        ("FLUSHALL ASYNC", "+OK\r\n"),
        ("DBSIZE", ":0\r\n"),
        ("FLUSHALL now", "-ERR syntax error\r\n"),
    ]);
}

#[test]
fn their_number_is_a_directive() {
    let server = with().flag("databases", "2").start();
    server.connect().talk(&[
        ("SELECT 1", "+OK\r\n"),
        ("SELECT 2", "-ERR DB index is out of range\r\n"),
        ("CONFIG GET databases", "*2\r\n$9\r\ndatabases\r\n$1\r\n2\r\n"),
    ]);
}
