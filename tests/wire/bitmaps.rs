//! The bitmap commands; the differential test compares many more cases with redis-server.

use super::connected;

#[test]
fn single_bits_and_many() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("SETBIT k 7 1", ":0\r\n"),
        ("SETBIT k 7 1", ":1\r\n"),
        ("SETBIT k 4294967296 1", "-ERR bit offset is not an integer or out of range\r\n"),
        ("SETBIT k 7 2", "-ERR bit is not an integer or out of range\r\n"),
        ("GET k", "$1\r\n\u{1}\r\n"),
        ("OBJECT ENCODING k", "$3\r\nraw\r\n"),
        ("GETBIT k 7", ":1\r\n"),
        ("GETBIT k 4294967295", ":0\r\n"),
        ("SET k foobar", "+OK\r\n"),
        ("BITCOUNT k", ":26\r\n"),
        ("BITCOUNT k 5 30 BIT", ":17\r\n"),
        ("BITPOS k 1 2", ":17\r\n"),
        ("BITPOS k 0 0 -1 BIT", ":0\r\n"),
        ("SET other abcdef", "+OK\r\n"),
        ("BITOP AND both k other", ":6\r\n"),
        ("GET both", "$6\r\n`bc`ab\r\n"),
        ("BITOP NOT both missing", ":0\r\n"),
        ("EXISTS both", ":0\r\n"),
    ]);
}

#[test]
fn fields_that_have_no_room_are_null_in_each_version() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("BITFIELD k INCRBY i5 100 1 GET u4 0", "*2\r\n:1\r\n:0\r\n"),
        ("BITFIELD k SET u8 #0 255 OVERFLOW FAIL INCRBY u8 #0 1", "*2\r\n:0\r\n$-1\r\n"),
        ("BITFIELD_RO k GET u8 0 GET i8 0", "*2\r\n:255\r\n:-1\r\n"),
        ("BITFIELD_RO k SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand\r\n"),
    ]);
    client.call("HELLO 3");
    client.talk(&[("BITFIELD k OVERFLOW FAIL INCRBY u8 #0 1", "*1\r\n_\r\n")]);
}
