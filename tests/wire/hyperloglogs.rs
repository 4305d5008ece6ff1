//! The HyperLogLog commands; the differential test compares their strings with redis-server's.

use super::connected;

#[test]
fn elements_are_counted_once() {
    let (_server, mut client) = connected();
    client.talk(&[
        ("PFADD k a b c", ":1\r\n"),
        ("PFADD k a b c", ":0\r\n"),
        ("PFCOUNT k", ":3\r\n"),
        ("STRLEN k", ":27\r\n"),
        ("PFADD other c d", ":1\r\n"),
        ("PFCOUNT k other missing", ":4\r\n"),
        ("PFMERGE both k other", "+OK\r\n"),
        ("PFCOUNT both", ":4\r\n"),
        ("PFDEBUG DECODE k", "$44\r\nZ:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603\r\n"),
        ("PFDEBUG TODENSE k", ":1\r\n"),
        ("STRLEN k", ":12304\r\n"),
        ("PFCOUNT k", ":3\r\n"),
        ("SET text v", "+OK\r\n"),
        ("PFADD text a", "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n"),
        ("PFSELFTEST", "+OK\r\n"),
    ]);
}
