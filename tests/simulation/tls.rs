//! TLS on a simulated network: all that is said arrives, wherever records are cut, and handshakes
//! end.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use torc::reactor::simulated::{Faults, PORT, Peer, Simulation, Socket};
use torc::reactor::{Links, Options};
use torc::service::Service;
use torc::service::echo::Echo;
use torc::service::tls::{Acceptor, HANDSHAKE_TIME, Tls};

use crate::random::each_seed;
use crate::talk::{Keys, Talk};
use crate::{echo, kv};

/// Turns after which every run must have come to its end.
const MOST_TURNS: usize = 300_000;

/// What both ends know of each other.
struct Trust {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Trust {
    fn new() -> Self {
        // Signatures of this kind are of one length, so that a seed plays the same run again.
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = certificate.self_signed(&key).unwrap();
        let provider = Arc::new(ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { server: Arc::new(server), client: Arc::new(client) }
    }

    fn around<S: Service>(&self, service: S, links: &Links<Socket>) -> Tls<S> {
        let acceptor = Arc::new(Acceptor::new(PORT, Arc::clone(&self.server)));
        Tls::around(service, Some(acceptor), Arc::clone(&links.mailbox))
    }

    fn echo(&self, faults: Faults) -> Simulation<Tls<Echo>> {
        let service = |links: &Links<Socket>| self.around(echo(links), links);
        Simulation::new(1, faults, Options::default(), usize::MAX, service)
    }
}

/// The other end of a TLS connection.
struct Client {
    peer: Peer,
    tls: ClientConnection,
    heard: Vec<u8>,
    finished: bool,
    /// The server has said that it ends.
    ended: bool,
}

impl Client {
    fn new(peer: Peer, trust: &Trust) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&trust.client), name).unwrap();
        tls.set_buffer_limit(None); // all is said at once, though no hands be shaken yet
        Self { peer, tls, heard: Vec::new(), finished: false, ended: false }
    }

    fn say(&mut self, bytes: &[u8]) {
        self.tls.writer().write_all(bytes).unwrap();
    }

    /// Says that it says nothing more, once it has shaken hands.
    fn finish(&mut self) {
        if !self.finished && !self.tls.is_handshaking() {
            self.finished = true;
            self.tls.send_close_notify();
            self.exchange(usize::MAX);
            self.peer.finish();
        }
    }

    /// Sends what there is to send, and takes in at most so many bytes.
    fn exchange(&mut self, most: usize) {
        let mut records = self.peer.read_some(most);
        while !records.is_empty() {
            let read = self.tls.read_tls(&mut &records[..]).unwrap();
            records.drain(..read);
            let state = self.tls.process_new_packets().expect("the server speaks TLS");
            self.ended |= state.peer_has_closed();
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            self.tls.reader().read_exact(&mut plain).unwrap();
            self.heard.extend(plain);
        }
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records).unwrap();
        }
        self.peer.write(&records);
    }
}

#[test]
fn every_request_is_answered_in_order() {
    let trust = Trust::new();
    each_seed("tls::every_request_is_answered_in_order", |seed| play(seed, &trust));
}

/// One run: clients come, talk and finish, on a network that does everything but break.
fn play(seed: u64, trust: &Trust) {
    let mut random = Rng::with_seed(seed ^ 0x715);
    let faults = Faults { reset: 0.0, failed_open: 0.0, ..Faults::random(&mut random) };
    let service = |links: &Links<Socket>| trust.around(kv(links), links);
    let mut simulation = Simulation::new(seed, faults, Options::default(), usize::MAX, service);
    let mut clients: Vec<_> = (0..random.usize(1..6))
        .map(|index| {
            let client = Client::new(simulation.connect(), trust);
            (client, Keys::new(index), random.usize(0..40), Vec::new())
        })
        .collect();
    for turn in 0.. {
        assert!(turn < MOST_TURNS, "it never ends");
        for (client, talk, requests, expected) in &mut clients {
            if *requests > 0 && random.bool() {
                let mut request = Vec::new();
                for _ in 0..random.usize(1..=*requests) {
                    talk.request(&mut random, &mut request, expected);
                    *requests -= 1;
                }
                client.say(&request);
            }
            if *requests == 0 {
                client.finish();
            }
            let most = if random.bool() { usize::MAX } else { random.usize(0..1000) };
            client.exchange(most);
            assert!(expected.starts_with(&client.heard), "something else was heard");
        }
        let is_content = |(client, _, requests, expected): &(Client, _, usize, Vec<u8>)| {
            *requests == 0 && client.heard == *expected && client.ended
        };
        if !simulation.tick() {
            if clients.iter().all(is_content) {
                break;
            }
            simulation.pass(Duration::from_millis(1));
        }
    }
    simulation.finish();
    assert!(clients.iter().all(|(client, ..)| client.peer.is_closed()));
}

#[test]
fn a_handshake_that_never_ends_is_closed() {
    let trust = Trust::new();
    let mut simulation = trust.echo(Faults::NONE);
    let [silent, slow, done] = std::array::from_fn(|_| simulation.connect());
    let (mut slow, mut done) = (Client::new(slow, &trust), Client::new(done, &trust));
    done.say(b"hello");
    let mut hello = Vec::new();
    slow.tls.write_tls(&mut hello).unwrap();
    let steps = HANDSHAKE_TIME.as_millis() / 100;
    for byte in &hello[..steps as usize] {
        assert!(!silent.is_closed() && !slow.peer.is_closed(), "their time is not over");
        slow.peer.write(&[*byte]);
        done.exchange(usize::MAX);
        simulation.pass(Duration::from_millis(100));
    }
    simulation.pass(Duration::from_millis(100));
    assert!(silent.is_closed() && slow.peer.is_closed());
    done.exchange(usize::MAX);
    assert_eq!((done.heard.as_slice(), done.peer.is_closed()), (&b"hello"[..], false));
    simulation.pass(10 * HANDSHAKE_TIME);
    assert!(!done.peer.is_closed());
    simulation.finish();
    done.exchange(usize::MAX);
    assert!(done.ended, "it was told of the end");
}

#[test]
fn whoever_is_no_client_is_told_and_closed() {
    let trust = Trust::new();
    let mut simulation = trust.echo(Faults::NONE);
    let mut client = Client::new(simulation.connect(), &trust);
    client.say(b"before");
    while client.heard.len() < 6 {
        client.exchange(usize::MAX);
        simulation.settle();
    }
    client.peer.write(&[0x17, 3, 3, 0, 20]); // a record that nobody has encrypted
    client.peer.write(&[0; 20]);
    simulation.settle();
    assert!(client.peer.is_closed());
    let records = client.peer.read();
    client.tls.read_tls(&mut &records[..]).unwrap();
    let told = client.tls.process_new_packets().unwrap_err().to_string();
    assert!(told.contains("BadRecordMac"), "{told}");
    simulation.finish();
}
