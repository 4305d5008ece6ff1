//! Inline requests: a line of words, as typed into a terminal.

use super::connected;

#[test]
fn words_and_quotes() {
    let (_server, mut client) = connected();
    let cases: &[(&[u8], &[u8])] = &[
        (b"PING\r\n", b"+PONG\r\n"),
        (b"ping\n", b"+PONG\r\n"),
        (b"  PING  \t \r\n", b"+PONG\r\n"),
        (b"ECHO word\r\n", b"$4\r\nword\r\n"),
        (b"ECHO \"two words\"\r\n", b"$9\r\ntwo words\r\n"),
        (b"ECHO 'two words'\r\n", b"$9\r\ntwo words\r\n"),
        (b"ECHO \"\"\r\n", b"$0\r\n\r\n"),
        (b"ECHO ''\r\n", b"$0\r\n\r\n"),
        (
            b"ECHO \"a\\x41\\xff\\n\\r\\t\\a\\b\\\\\\\"\"\r\n",
            b"$10\r\naA\xff\n\r\t\x07\x08\\\"\r\n",
        ),
        (b"ECHO \"\\xZZ\"\r\n", b"$3\r\nxZZ\r\n"),
        (b"ECHO 'a\\'b\\n'\r\n", b"$5\r\na'b\\n\r\n"),
        (b"\"ECHO\" \"quoted name\"\r\n", b"$11\r\nquoted name\r\n"),
        (b"ECHO a\"b c\"\r\n", b"$4\r\nab c\r\n"),
        (b"ECHO a\\x41\r\n", b"$5\r\na\\x41\r\n"),
        (b"ECHO \xff\xfe\r\n", b"$2\r\n\xff\xfe\r\n"),
        (b"ECHO *1\r\n", b"$2\r\n*1\r\n"),
    ];
    for (request, expected) in cases {
        client.send(request);
        client.expect(expected);
    }
}

#[test]
fn mixes_with_arrays() {
    let (_server, mut client) = connected();
    client
        .send(b"SET k inline\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nGET k\n*1\r\n$4\r\nPING\r\nPING\r\n");
    client.expect(b"+OK\r\n$6\r\ninline\r\n$6\r\ninline\r\n+PONG\r\n+PONG\r\n");
}

/// The end of an inline request is a line feed; a carriage return before it is no part of it.
#[test]
fn lines_may_end_in_a_line_feed_alone() {
    let (_server, mut client) = connected();
    client.send(b"SET k v\nGET k\n\n\nSTRLEN k\r\n");
    client.expect(b"+OK\r\n$1\r\nv\r\n:1\r\n");
}

/// redis-cli --pipe sends an empty line before its last ECHO.
#[test]
fn the_end_of_a_mass_insertion() {
    let (_server, mut client) = connected();
    client.send(b"SET k v\r\n\r\n*2\r\n$4\r\nECHO\r\n$20\r\n");
    client.send(b"\x00\r\n\xff4567890123456789\r\n");
    client.expect(b"+OK\r\n$20\r\n\x00\r\n\xff4567890123456789\r\n");
}

#[test]
fn just_under_the_limit() {
    let (_server, mut client) = connected();
    let word = "x".repeat(60 * 1024);
    client.send(format!("ECHO {word}\r\n"));
    client.expect(format!("${}\r\n{word}\r\n", word.len()));
}
