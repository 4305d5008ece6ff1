//! TLS: who may come in, that everything works as without it, and how it ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustix::process::Signal;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ClientConfig, ClientConnection, ProtocolVersion};

use super::freeing::await_memory;
use super::{backend, wait_until, with};
use crate::common::client::encode;
use crate::common::server::{free_port, torc};
use crate::common::{Certificates, Client, PATIENCE, Server, Start, allow_many_descriptors};

const TLS_FAILED: &str = "-ERR CONFIG SET failed (possibly related to argument 'tls-cert-file') - \
     Unable to update TLS configuration. Check server logs.\r\n";

/// A server that wants certificates, and one of its clients.
fn connected() -> (Server, Certificates, Client) {
    let certificates = Certificates::new();
    let server = with().tls(&certificates).start();
    let client = server.connect_tls(&certificates.friend());
    (server, certificates, client)
}

#[test]
fn everything_works_as_without_it() {
    let (server, certificates, mut client) = connected();
    client.talk(&[
        ("PING", "+PONG\r\n"),
        ("SET k 7", "+OK\r\n"),
        ("CONFIG GET tls-auth-clients", "*2\r\n$16\r\ntls-auth-clients\r\n$3\r\nyes\r\n"),
    ]);
    let address = client.address();
    let info = client.text("CLIENT INFO");
    assert!(
        info.contains(&format!(" addr={address} laddr=127.0.0.1:{} ", server.port())),
        "{info}"
    );
    let info = client.text("INFO server");
    assert!(info.contains(&format!("tcp_port:{}\r\n", server.port())), "{info}");
    for version in [&TLS12, &TLS13] {
        let mut client = server.connect_tls(&certificates.speaking(&[version]));
        client.talk(&[("INCR k", if *version == TLS12 { ":8\r\n" } else { ":9\r\n" })]);
        assert_eq!(client.channel().protocol_version(), Some(version.version));
    }
}

/// Requests and replies that take many records, and records that hold many of them.
#[test]
fn large_values_and_long_pipelines() {
    let (_server, _, mut client) = connected();
    for size in [16 * 1024 - 1, 16 * 1024, 1 << 20, 5_000_001] {
        let value: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        client.send(encode(&[b"SET", &b"k"[..], &value]));
        client.expect("+OK\r\n");
        client.ask("GET k");
        client.expect([format!("${size}\r\n").as_bytes(), &value, b"\r\n"].concat());
    }
    let requests = 50_000;
    client.send(encode(&["INCR", "n"]).repeat(requests));
    let expected: String = (1..=requests).map(|n| format!(":{n}\r\n")).collect();
    client.expect(expected);
    client.talk(&[("SETRANGE v 19999 x", ":20000\r\n")]);
    client.send(encode(&["GET", "v"]).repeat(300)); // more than a turn may answer at once
    for _ in 0..300 {
        assert_eq!(client.read_reply().len(), 20_000 + "$20000\r\n\r\n".len());
    }
}

#[test]
fn a_client_that_waits_is_answered_and_goes_on() {
    let (server, certificates, mut client) = connected();
    let mut waiting = server.connect_tls(&certificates.friend());
    waiting.send([encode(&["BLPOP", "q", "0"]), encode(&["PING"])].concat());
    while !client.text("INFO clients").contains("blocked_clients:1") {}
    client.talk(&[("RPUSH q one", ":1\r\n")]);
    waiting.expect("*2\r\n$1\r\nq\r\n$3\r\none\r\n+PONG\r\n");
    waiting.talk(&[("ECHO on", "$2\r\non\r\n")]);
}

#[test]
fn clients_show_the_certificates_that_are_asked_for() {
    let (ours, other) = (Certificates::new(), Certificates::new());
    let (friend, stranger, impostor) = (ours.friend(), ours.stranger(), ours.impostor(&other));
    for (rule, stranger_may) in [("yes", false), ("optional", true), ("no", true)] {
        let server = with().tls(&ours).flag("tls-auth-clients", rule).start();
        server.connect_tls(&friend).talk(&[("PING", "+PONG\r\n")]);
        if stranger_may {
            server.connect_tls(&stranger).talk(&[("PING", "+PONG\r\n")]);
        } else {
            let why = server.connect_tls(&stranger).refused();
            assert!(why.contains("ertificate"), "{rule}: {why}");
        }
        if rule == "no" {
            server.connect_tls(&impostor).talk(&[("PING", "+PONG\r\n")]);
        } else {
            let why = server.connect_tls(&impostor).refused();
            assert!(why.contains("alert"), "{rule}: {why}");
        }
        server.connect_tls(&friend).talk(&[("PING", "+PONG\r\n")]);
    }
}

#[test]
fn authorities_may_lie_in_a_folder() {
    let (ours, other) = (Certificates::new(), Certificates::new());
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(ours.path("ca.crt"), folder.path().join("ours.pem")).unwrap();
    std::fs::copy(other.path("ca.crt"), folder.path().join("other.pem")).unwrap();
    std::fs::write(folder.path().join("README"), "no certificate").unwrap();
    let server = Start::torc(backend())
        .tls(&ours)
        .flag("tls-ca-cert-file", "")
        .flag("tls-ca-cert-dir", folder.path().to_str().unwrap())
        .start();
    server.connect_tls(&ours.friend()).talk(&[("PING", "+PONG\r\n")]);
    server.connect_tls(&ours.impostor(&other)).talk(&[("PING", "+PONG\r\n")]);
    server.connect_tls(&ours.impostor(&Certificates::new())).refused();
}

#[test]
fn versions_and_ciphers_are_those_that_were_chosen() {
    let certificates = Certificates::new();
    let server = with()
        .tls(&certificates)
        .flag("tls-protocols", "TLSv1.2")
        .flag("tls-ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305")
        .start();
    let agreed = |config: &Arc<ClientConfig>| {
        let mut client = server.connect_tls(config);
        client.talk(&[("PING", "+PONG\r\n")]);
        let suite = client.channel().negotiated_cipher_suite().unwrap().suite();
        (client.channel().protocol_version().unwrap(), suite)
    };
    assert_eq!(
        agreed(&certificates.friend()),
        (ProtocolVersion::TLSv1_2, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)
    );
    let why = server.connect_tls(&certificates.speaking(&[&TLS13])).refused();
    assert!(why.contains("ProtocolVersion"), "{why}");
    let server = with()
        .tls(&certificates)
        .flag("tls-protocols", "TLSv1.3")
        .flag("tls-ciphersuites", "TLS_AES_128_GCM_SHA256")
        .start();
    let mut client = server.connect_tls(&certificates.friend());
    client.talk(&[("PING", "+PONG\r\n")]);
    let suite = client.channel().negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, CipherSuite::TLS13_AES_128_GCM_SHA256);
    server.connect_tls(&certificates.speaking(&[&TLS12])).refused();
}

/// What is no TLS is closed; the plain port beside needs none.
#[test]
fn whatever_else_comes_is_closed_alone() {
    let certificates = Certificates::new();
    let plain = free_port();
    let server = with().tls(&certificates).flag("port", &plain.to_string()).start();
    let mut friend = server.connect_tls(&certificates.friend());
    friend.talk(&[("PING", "+PONG\r\n")]);
    Client::tcp(plain).talk(&[("PING", "+PONG\r\n")]);
    let junk: &[&[u8]] = &[
        b"PING\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", // a hello of one byte
        b"\x16\x03\x01\xff\xff",                     // a record that is too long
        b"\x15\x03\x03\x00\x02\x02\x28",             // an alert before any word
        b"\x17\x03\x03\x00\x20\x00",                 // data before any key
    ];
    for bytes in junk {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer); // a reset ends it as well
        let is_alert = answer.starts_with(b"\x15\x03") && answer.len() == 7;
        assert!(answer.is_empty() || is_alert, "{} got {answer:?}", bytes.escape_ascii());
    }
    friend.talk(&[("ECHO here", "$4\r\nhere\r\n")]);
    let printed = server.printed();
    assert!(!printed.contains("TLS:"), "not worth a word at the usual level: {printed}");
}

/// A client beyond `maxclients` is told so where it understands it; through TLS it only sees the end.
#[test]
fn one_too_many_is_closed_without_a_word() {
    let certificates = Certificates::new();
    let plain = free_port();
    let server = with().tls(&certificates).flag("port", &plain.to_string());
    let server = server.flag("maxclients", "1").start();
    let mut first = Client::tcp(plain);
    first.talk(&[("PING", "+PONG\r\n")]);
    server.connect().expect_closed();
    let mut told = Client::tcp(plain);
    told.expect("-ERR max number of clients reached\r\n");
    told.expect_closed();
}

/// Who connects and says nothing, half a hello, or nothing after its hello, takes little until it goes.
#[test]
fn slow_handshakes_cost_little() {
    const CLIENTS: usize = 300;
    allow_many_descriptors();
    let certificates = Certificates::new();
    let plain = free_port();
    let server = Start::torc(backend()).threads(1).tls(&certificates);
    let server = server.flag("port", &plain.to_string()).start();
    let mut observer = Client::tcp(plain);
    let name = "localhost".try_into().unwrap();
    let mut hello = Vec::new();
    let mut client = ClientConnection::new(certificates.friend(), name).unwrap();
    client.write_tls(&mut hello).unwrap();
    for (said, most) in [(&hello[..0], 3072), (&hello[..100], 5120), (&hello[..], 6144)] {
        let before = observer.info("used_memory");
        let say = |_| {
            let mut client = server.connect();
            client.send(said);
            if said == hello {
                client.expect(b"\x16\x03\x03"); // the server says its own
            }
            client
        };
        let clients: Vec<_> = (0..CLIENTS).map(say).collect();
        wait_until("all have come", || observer.info("connected_clients") > CLIENTS as u64);
        let each = observer.info("used_memory").saturating_sub(before) as usize / CLIENTS;
        assert!(each < most, "{each} bytes after {} of a hello", said.len());
        drop(clients);
        await_memory(&mut observer, before, "slow handshakes");
    }
}

/// A peer that says that it ends is told the same, after all that it has asked for.
#[test]
fn both_sides_say_that_they_end() {
    let certificates = Certificates::new();
    let mut server = Start::torc(backend()).tls(&certificates).start();
    let mut client = server.connect_tls(&certificates.friend());
    client.talk(&[("QUIT", "+OK\r\n")]);
    client.expect_closed();
    let mut client = server.connect_tls(&certificates.friend());
    client.send(encode(&["PING"]).repeat(100));
    client.finish_sending();
    client.expect("+PONG\r\n".repeat(100));
    client.expect_closed();
    let mut client = server.connect_tls(&certificates.friend());
    client.talk(&[("PING", "+PONG\r\n")]);
    server.signal(Signal::TERM);
    client.expect_closed();
    assert!(server.ended().success());
}

/// CONFIG SET reads the files again: for new connections, and only if they are sound.
#[test]
fn certificates_change_while_it_runs() {
    let (server, ours, mut client) = connected();
    client.talk(&[("PING", "+PONG\r\n")]);
    assert_eq!(client.certificate(), *ours.server());
    let other = Certificates::new();
    let set = |file: &str, key: &str| {
        encode(&["CONFIG", "SET", "tls-cert-file", file, "tls-key-file", key])
    };
    for (file, key) in [
        (other.path("server.crt"), other.path("nothing.key")),
        (other.path("server.crt"), ours.path("server.key")),
        (other.path("server.key"), other.path("server.key")),
    ] {
        client.send(set(&file, &key));
        client.expect(TLS_FAILED);
        let mut next = server.connect_tls(&ours.friend());
        next.talk(&[("PING", "+PONG\r\n")]);
        assert_eq!(next.certificate(), *ours.server());
    }
    client.send(set(&other.path("server.crt"), &other.path("server.key")));
    client.expect("+OK\r\n");
    let mut next = server.connect_tls(&other.impostor(&ours));
    next.talk(&[("PING", "+PONG\r\n"), ("CONFIG SET tls-auth-clients no", "+OK\r\n")]);
    assert_eq!(next.certificate(), *other.server());
    client.talk(&[("ECHO on", "$2\r\non\r\n")]);
    // The same name again: what is in the file counts.
    std::fs::copy(ours.path("server.crt"), other.path("server.crt")).unwrap();
    std::fs::copy(ours.path("server.key"), other.path("server.key")).unwrap();
    client.send(set(&other.path("server.crt"), &other.path("server.key")));
    client.expect("+OK\r\n");
    let mut next = server.connect_tls(&ours.stranger());
    next.talk(&[("PING", "+PONG\r\n")]);
    assert_eq!(next.certificate(), *ours.server());
}

/// Without what it needs, the server does not start, and says what that is.
#[test]
fn it_starts_only_with_all_that_it_needs() {
    let (ours, other) = (Certificates::new(), Certificates::new());
    let text = ours.path("text");
    std::fs::write(&text, "no certificate").unwrap();
    let encrypted = [
        ("ENCRYPTED PRIVATE KEY", "MII="),
        ("EC PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123\n\nMII="),
    ];
    let encrypted = encrypted.map(|(label, text)| {
        let path = ours.path(&format!("{label}.key"));
        let pem = format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
        std::fs::write(&path, pem).unwrap();
        path
    });
    let (port, nothing) = (free_port().to_string(), ours.path("nothing"));
    let (crt, key, ca) = (ours.path("server.crt"), ours.path("server.key"), ours.path("ca.crt"));
    let whole = |flag: &str, value: &str| {
        let mut flags = vec!["--backend", backend().name(), "--port", "0", "--tls-port", &port];
        flags.extend(["--tls-cert-file", &crt, "--tls-key-file", &key, "--tls-ca-cert-file", &ca]);
        flags.extend([flag, value]); // the last one counts
        torc(&flags)
    };
    let cases = [
        ("--tls-cert-file", "", "TLS needs tls-cert-file"),
        ("--tls-key-file", "", "TLS needs tls-key-file"),
        ("--tls-cert-file", &nothing, "tls-cert-file '{}': No such file"),
        ("--tls-key-file", &nothing, "tls-key-file '{}': No such file"),
        ("--tls-ca-cert-file", &nothing, "tls-ca-cert-file '{}': No such file"),
        ("--tls-ca-cert-dir", &nothing, "tls-ca-cert-dir '{}': No such file"),
        ("--tls-cert-file", &text, "tls-cert-file '{}': nothing of that kind is in it"),
        ("--tls-key-file", &text, "tls-key-file '{}': nothing of that kind is in it"),
        ("--tls-key-file", &encrypted[0], "tls-key-file '{}': the key is encrypted"),
        ("--tls-key-file", &encrypted[1], "tls-key-file '{}': the key is encrypted"),
        ("--tls-cert-file", &other.path("server.crt"), "do not belong together"),
        ("--tls-ca-cert-file", "", "set tls-ca-cert-file or tls-ca-cert-dir"),
        ("--tls-protocols", "TLSv1.1 TLSv1.2", "'TLSv1.1': there is only TLSv1.2, TLSv1.3"),
        ("--tls-ciphers", "DEFAULT:!MEDIUM", "tls-ciphers 'DEFAULT': there is only ECDHE-"),
        ("--tls-ciphersuites", "TLS_AES_128_CCM_SHA256", "there is only TLS_AES_256_GCM_SHA384"),
    ];
    for (flag, value, expected) in cases {
        let ended = whole(flag, value);
        let shown = format!("{flag} '{value}': {} {}", ended.status, ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{shown}");
        assert!(ended.stderr.contains(&expected.replace("{}", value)), "{shown}");
        assert_eq!(ended.stderr.lines().count(), 1, "{shown}");
    }
}

#[test]
fn echo_is_encrypted_as_well() {
    let certificates = Certificates::new();
    let server = Start::torc(backend()).tls(&certificates).flag("mode", "echo").start();
    let mut client = server.connect_tls(&certificates.friend());
    for bytes in [vec![b'x'; 1], vec![b'y'; 100_000]] {
        client.send(&bytes);
        client.expect(&bytes);
    }
}
