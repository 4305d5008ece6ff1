//! The unix socket.

use super::with;

#[test]
fn the_same_server() {
    let server = with().unix_socket().start();
    let mut unix = server.connect_unix();
    unix.talk(&[("SET k v", "+OK\r\n"), ("GET k", "$1\r\nv\r\n")]);
    server.connect().talk(&[("GET k", "$1\r\nv\r\n")]);
    let list = unix.text("CLIENT INFO");
    let path = server.unix().display();
    assert!(list.contains(&format!("addr={path}:0 ")), "{list}");
    unix.finish_sending();
    unix.expect_closed();
}

#[test]
fn with_two_reactors() {
    let server = with().unix_socket().threads(2).start();
    for number in 1..=20 {
        let mut client = server.connect_unix();
        client.talk(&[("INCR n", &format!(":{number}\r\n"))]);
    }
}
