//! Both real backends on real sockets, through the same tests.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;

use super::backend::{Backend, Receive};
use super::epoll::Epoll;
use super::listener::{Address, Listener};
use super::uring::{Uring, UringOptions};
use super::*;
use crate::mailbox::Doorbell;
use crate::output::Output;
use crate::service::{Next, PeerAddress, Served};
use crate::stats::Clients;

/// Long enough for a loaded machine; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

trait Kind: 'static {
    type Backend: Backend<Socket = OwnedFd>;
    fn start(listeners: Arc<[Listener]>, links: &Links<OwnedFd>) -> Self::Backend;
}

fn uring(options: &UringOptions, listeners: Arc<[Listener]>, links: &Links<OwnedFd>) -> Uring {
    Uring::new(options, listeners, Arc::clone(&links.doorbell), Arc::clone(&links.stats)).unwrap()
}

struct OnUring;

impl Kind for OnUring {
    type Backend = Uring;
    fn start(listeners: Arc<[Listener]>, links: &Links<OwnedFd>) -> Uring {
        uring(&UringOptions::default(), listeners, links)
    }
}

/// As the oldest kernel would have it.
struct OnOldUring;

impl Kind for OnOldUring {
    type Backend = Uring;
    fn start(listeners: Arc<[Listener]>, links: &Links<OwnedFd>) -> Uring {
        let options = UringOptions { first_rung: 3, multishot: false, ..UringOptions::default() };
        uring(&options, listeners, links)
    }
}

/// With a single receive buffer, smaller than most messages.
struct OnStarvingUring;

impl Kind for OnStarvingUring {
    type Backend = Uring;
    fn start(listeners: Arc<[Listener]>, links: &Links<OwnedFd>) -> Uring {
        let options = UringOptions { buffers: 1, buffer_size: 512, ..UringOptions::default() };
        uring(&options, listeners, links)
    }
}

struct OnEpoll;

impl Kind for OnEpoll {
    type Backend = Epoll;
    fn start(listeners: Arc<[Listener]>, links: &Links<OwnedFd>) -> Epoll {
        Epoll::new(listeners, &links.doorbell, Arc::clone(&links.stats)).unwrap()
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Opened {
        reactor: usize,
        id: ConnId,
    },
    Closed,
    /// A service waits for its gate to open.
    Waiting,
}

/// Echoes, tells of what happens, and can be held up.
struct Probe {
    told: Sender<Told>,
    gate: Arc<Mutex<Receiver<()>>>,
}

impl Service for Probe {
    type Session = ();

    fn open(&mut self, peer: Peer) {
        let _ = self.told.send(Told::Opened { reactor: peer.reactor, id: peer.id });
    }

    fn serve(&mut self, _: &mut (), input: &[u8], output: &mut Output, _: Now) -> Served {
        match input {
            b"wait" => {
                let _ = self.told.send(Told::Waiting);
                self.gate.lock().unwrap().recv().unwrap();
                output.extend(b"done");
            }
            b"values" => {
                for n in 0..200u8 {
                    output.extend(&[n]);
                    output.share(Bytes::from(vec![n; 20_000]));
                }
            }
            _ => output.extend(input),
        }
        Served { consumed: input.len(), next: Next::Read { missing: 0 } }
    }

    fn close(&mut self, (): ()) {
        let _ = self.told.send(Told::Closed);
    }

    fn refusal(&self, _address: &PeerAddress) -> &'static [u8] {
        b"full"
    }
}

/// A running server, stopped when dropped.
struct Server {
    address: Address,
    links: Vec<Links<OwnedFd>>,
    told: Receiver<Told>,
    gate: Sender<()>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Server {
    fn start<K: Kind>(reactors: usize, clients: usize, options: Options) -> Self {
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), 1024).unwrap();
        Self::listen::<K>(listener, reactors, clients, options)
    }

    fn listen<K: Kind>(
        listener: Listener,
        reactors: usize,
        clients: usize,
        options: Options,
    ) -> Self {
        let address = listener.address().clone();
        let doorbells = (0..reactors).map(|_| Doorbell::new(socket::eventfd().unwrap())).collect();
        let links = Links::connect(doorbells, &Arc::new(Clients::new(clients)));
        let (tell, told) = channel();
        let (gate, gated) = channel();
        let gated = Arc::new(Mutex::new(gated));
        let mut listeners = vec![listener];
        let start = |(index, links): (usize, &Links<OwnedFd>)| {
            let listeners: Arc<[Listener]> = std::mem::take(&mut listeners).into();
            let links = links.clone();
            let options = Options { index, ..options.clone() };
            let service = Probe { told: tell.clone(), gate: Arc::clone(&gated) };
            std::thread::spawn(move || {
                let backend = K::start(listeners, &links);
                Reactor::new(backend, service, options, links).run()
            })
        };
        let threads = links.iter().enumerate().map(start).collect();
        Self { address, links, told, gate, threads }
    }

    fn address(&self) -> SocketAddr {
        match &self.address {
            Address::Tcp(address) => *address,
            Address::Unix(_) => panic!("this is a unix socket"),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Waits for the next thing the services tell.
    fn hears(&self) -> Told {
        self.told.recv_timeout(PATIENCE).unwrap()
    }

    fn sum(&self, counter: fn(&crate::stats::ReactorStats) -> u64) -> u64 {
        self.links.iter().map(|links| counter(&links.stats)).sum()
    }

    fn stop(mut self) {
        self.links[0].stop.ask();
        for thread in self.threads.drain(..) {
            thread.join().unwrap().unwrap();
        }
        assert_eq!(self.links[0].clients.connected(), 0);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.links[0].stop.ask();
    }
}

fn one<K: Kind>() -> Server {
    Server::start::<K>(1, 1000, Options::default())
}

/// `len` bytes that tell where they stand.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n / 251 + n) as u8).collect()
}

fn read(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn echo(stream: &mut TcpStream, text: &[u8]) {
    stream.write_all(text).unwrap();
    assert_eq!(read(stream, text.len()), text);
}

/// Writes from another thread, so that the caller can read meanwhile.
fn write_aside(stream: &TcpStream, bytes: Vec<u8>) -> JoinHandle<io::Result<()>> {
    let mut stream = stream.try_clone().unwrap();
    std::thread::spawn(move || stream.write_all(&bytes))
}

fn small<K: Kind>() {
    let server = one::<K>();
    let mut client = server.connect();
    (0..100).for_each(|n| echo(&mut client, format!("hello {n}").as_bytes()));
    assert_eq!(server.sum(|stats| stats.accepted.get()), 1);
    drop(client);
    assert!(matches!(server.hears(), Told::Opened { .. }));
    assert_eq!(server.hears(), Told::Closed);
    server.stop();
}

fn ten_megabytes<K: Kind>() {
    let server = one::<K>();
    let mut client = server.connect();
    let bytes = pattern(10_000_000);
    let writer = write_aside(&client, bytes.clone());
    assert!(read(&mut client, bytes.len()) == bytes);
    writer.join().unwrap().unwrap();
    server.stop();
}

fn split_writes<K: Kind>() {
    let server = one::<K>();
    let mut client = server.connect();
    client.set_nodelay(true).unwrap();
    let bytes = pattern(1000);
    bytes.iter().for_each(|byte| client.write_all(&[*byte]).unwrap());
    assert_eq!(read(&mut client, bytes.len()), bytes);
    server.stop();
}

fn half_close<K: Kind>() {
    let server = one::<K>();
    let mut client = server.connect();
    let bytes = pattern(3_000_000);
    let mut writer = client.try_clone().unwrap();
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert!(got == bytes);
    writer.join().unwrap();
    assert_eq!(server.sum(|stats| stats.bytes_out.get()), 3_000_000);
    server.stop();
}

fn many_connections<K: Kind>() {
    let server = one::<K>();
    let mut clients: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for round in 0..3 {
        let text = |n: usize| format!("{round} {n}").into_bytes();
        let mut each = clients.iter_mut().enumerate();
        each.by_ref().for_each(|(n, client)| client.write_all(&text(n)).unwrap());
        for (n, client) in clients.iter_mut().enumerate() {
            assert_eq!(read(client, text(n).len()), text(n));
        }
    }
    assert_eq!(server.links[0].clients.connected(), 200);
    server.stop();
}

/// Without a reactor: what the backend makes of such a receive.
fn a_receive_brings_no_more_than_it_may<K: Kind>() {
    let doorbell = Doorbell::new(socket::eventfd().unwrap());
    let [links] = &Links::connect(vec![doorbell], &Arc::new(Clients::new(1)))[..] else { panic!() };
    let mut backend = K::start(Arc::new([]), links);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let id = ConnId { index: 0, generation: 0 };
    backend.open(id, listener.accept().unwrap().0.into()).unwrap();
    peer.write_all(&pattern(3000)).unwrap();
    let mut events = Vec::new();
    for _ in 0..3 {
        backend.start_recv(id, Receive::Once(1000));
        while events.is_empty() {
            backend.poll(Wait::For(PATIENCE), &mut events).unwrap();
        }
        let Some(Event::Received { arrival, more, .. }) = events.pop() else { panic!() };
        assert_eq!((backend.receive(arrival, <[u8]>::len), more), (1000, false));
    }
    backend.close(id);
}

fn a_slow_reader_holds_up_nobody<K: Kind>() {
    const MUCH: usize = 40_000_000;
    let mut options = Options::default();
    options.limits.high_water = 100_000;
    options.limits.low_water = 10_000;
    let server = Server::start::<K>(1, 10, options);
    let mut slow = server.connect();
    let writer = write_aside(&slow, pattern(MUCH));
    let mut quick = server.connect();
    (0..2000).for_each(|_| echo(&mut quick, b"quick"));
    // Much is in the sockets' buffers; what the server itself holds is bounded.
    let held = server.sum(|stats| {
        let out = stats.bytes_out.get();
        stats.bytes_in.get() - out
    });
    assert!(held < 2_000_000, "the server holds {held} bytes");
    assert!(read(&mut slow, MUCH) == pattern(MUCH), "once read from, it gets all its replies");
    writer.join().unwrap().unwrap();
    server.stop();
}

fn too_slow_a_reader_is_closed<K: Kind>() {
    let mut options = Options::default();
    options.limits.output.hard = 100_000;
    options.limits.bytes_per_tick = 1 << 20;
    let server = Server::start::<K>(1, 10, options);
    let client = server.connect();
    let written = write_aside(&client, vec![0; 100_000_000]).join().unwrap();
    let error = written.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    assert!(matches!(server.hears(), Told::Opened { .. }));
    assert_eq!(server.hears(), Told::Closed);
    assert_eq!(server.sum(|stats| stats.output_limit_closes.get()), 1);
    server.stop();
}

fn a_reset_frees_the_connection<K: Kind>() {
    let server = one::<K>();
    let mut client = server.connect();
    client.write_all(b"hello").unwrap();
    // Closing with bytes unread resets the connection.
    assert_eq!(client.peek(&mut [0]).unwrap(), 1);
    drop(client);
    assert!(matches!(server.hears(), Told::Opened { .. }));
    assert_eq!(server.hears(), Told::Closed);
    echo(&mut server.connect(), b"still here");
    server.stop();
}

fn one_too_many_is_refused<K: Kind>() {
    let server = Server::start::<K>(1, 2, Options::default());
    let (mut first, mut second) = (server.connect(), server.connect());
    echo(&mut first, b"first");
    echo(&mut second, b"second");
    let mut third = server.connect();
    let mut said = Vec::new();
    third.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"full");
    drop(first);
    while server.hears() != Told::Closed {}
    echo(&mut server.connect(), b"there is room again");
    echo(&mut second, b"and the others never noticed");
    assert_eq!(server.sum(|stats| stats.refused.get()), 1);
    server.stop();
}

fn a_stop_sends_what_was_answered<K: Kind>() {
    let server = one::<K>();
    let mut busy: Vec<_> = (0..20).map(|_| server.connect()).collect();
    busy.iter_mut().for_each(|client| echo(client, b"ready"));
    let mut held = server.connect();
    held.write_all(b"wait").unwrap();
    while server.hears() != Told::Waiting {}
    // The stop is asked for while the reactor is at work: what it answers must still arrive.
    server.links[0].stop.ask();
    server.gate.send(()).unwrap();
    server.stop();
    let mut said = Vec::new();
    held.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"done");
    busy.iter_mut().for_each(|client| assert_eq!(client.read(&mut [0]).unwrap(), 0));
}

fn a_stop_does_not_wait_for_a_slow_reader<K: Kind>() {
    let options = Options { shutdown_timeout: Arc::new(Number::new(0)), ..Options::default() };
    let server = Server::start::<K>(1, 10, options);
    let slow = server.connect();
    let writer = write_aside(&slow, vec![0; 100_000_000]);
    let mut quick = server.connect();
    (0..100).for_each(|_| echo(&mut quick, b"quick"));
    server.stop();
    assert!(writer.join().unwrap().is_err());
}

fn a_stop_wakes_sleepers<K: Kind>() {
    let server = Server::start::<K>(2, 10, Options::default());
    server.stop();
}

fn reactors_share_the_connections<K: Kind>() {
    let server = Server::start::<K>(2, 100, Options::default());
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| echo(client, b"hello"));
    let opened = (0..20).map(|_| match server.hears() {
        Told::Opened { reactor, .. } => reactor,
        told => panic!("{told:?}"),
    });
    assert_eq!(opened.filter(|reactor| *reactor == 0).count(), 10);
    assert_eq!(server.links[1].stats.connected(), 10);
    server.stop();
}

fn a_message_closes_a_connection<K: Kind>() {
    let server = one::<K>();
    let mut client = server.connect();
    let Told::Opened { id, .. } = server.hears() else { panic!("nothing else can have happened") };
    echo(&mut client, b"hello");
    let stale = ConnId { generation: id.generation + 1, ..id };
    server.links[0].mailbox.push(Message::Close(stale)).unwrap();
    echo(&mut client, b"an old name is not mine");
    server.links[0].mailbox.push(Message::Close(id)).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    assert_eq!(server.hears(), Told::Closed);
    server.stop();
}

fn large_values_leave_by_reference<K: Kind>() {
    let server = one::<K>();
    let mut client = server.connect();
    let expected: Vec<u8> = (0..200u8).flat_map(|n| vec![n; 20_001]).collect();
    for _ in 0..3 {
        client.write_all(b"values").unwrap();
        assert!(read(&mut client, expected.len()) == expected);
    }
    server.stop();
}

fn busy_polling_serves_and_stops<K: Kind>() {
    let busy_poll = Arc::new(Number::new(3_600_000_000));
    let options = Options { busy_poll: Arc::clone(&busy_poll), ..Options::default() };
    let server = Server::start::<K>(1, 10, options);
    let mut client = server.connect();
    (0..100).for_each(|_| echo(&mut client, b"hello"));
    assert!(!server.links[0].doorbell.is_parked());
    // It notices without being woken that it may sleep.
    busy_poll.set(0);
    let deadline = Instant::now() + PATIENCE;
    while !server.links[0].doorbell.is_parked() {
        assert!(Instant::now() < deadline, "it still does not sleep");
        std::thread::yield_now();
    }
    assert_eq!(server.sum(|stats| stats.wakes.get()), 0);
    server.stop();
}

fn unix_sockets<K: Kind>() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = Listener::unix(Path::new(&path), None, 16).unwrap();
    let server = Server::listen::<K>(listener, 1, 10, Options::default());
    let mut client = UnixStream::connect(&path).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let bytes = pattern(100_000);
    let mut writer = client.try_clone().unwrap();
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || writer.write_all(&sent));
    let mut got = vec![0; bytes.len()];
    client.read_exact(&mut got).unwrap();
    assert!(got == bytes);
    writer.join().unwrap().unwrap();
    server.stop();
    assert!(!path.exists());
}

macro_rules! on_all_engines {
    ($($test:ident)*) => {
        mod on_uring { $(#[test] fn $test() { super::$test::<super::OnUring>(); })* }
        mod on_old_uring { $(#[test] fn $test() { super::$test::<super::OnOldUring>(); })* }
        mod on_epoll { $(#[test] fn $test() { super::$test::<super::OnEpoll>(); })* }
    };
}

on_all_engines! {
    small ten_megabytes split_writes half_close many_connections
    a_receive_brings_no_more_than_it_may
    a_slow_reader_holds_up_nobody too_slow_a_reader_is_closed a_reset_frees_the_connection
    one_too_many_is_refused a_stop_sends_what_was_answered a_stop_does_not_wait_for_a_slow_reader
    a_stop_wakes_sleepers reactors_share_the_connections a_message_closes_a_connection
    large_values_leave_by_reference busy_polling_serves_and_stops unix_sockets
}

#[test]
fn starved_connections_are_all_served() {
    let server = one::<OnStarvingUring>();
    let mut clients: Vec<_> = (0..30).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| echo(client, b"ready"));
    let mut held = server.connect();
    held.write_all(b"wait").unwrap();
    while server.hears() != Told::Waiting {}
    // All write while the reactor is held up: they are ready at once, and there is one buffer.
    let text = pattern(5000);
    clients.iter_mut().for_each(|client| client.write_all(&text).unwrap());
    server.gate.send(()).unwrap();
    clients.iter_mut().for_each(|client| assert!(read(client, text.len()) == text));
    assert!(server.sum(|stats| stats.starved.get()) > 0);
    server.stop();
}

#[test]
fn dropping_a_ring_in_use_ends_its_connections() {
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), 16).unwrap();
    let Address::Tcp(address) = *listener.address() else { panic!("this is TCP") };
    let doorbells = vec![Doorbell::new(socket::eventfd().unwrap())];
    let links = Links::connect(doorbells, &Arc::new(Clients::new(10))).remove(0);
    let backend = OnUring::start(Arc::new([listener]), &links);
    let service = Probe { told: channel().0, gate: Arc::new(Mutex::new(channel().1)) };
    let mut reactor = Reactor::new(backend, service, Options::default(), links);
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"values").unwrap();
    // Ticks until a reply is in flight that the client does not read.
    while reactor.links.stats.sends.get() == 0 {
        reactor.tick().unwrap();
    }
    drop(reactor);
    // A reset is as good an end as any.
    let _ = client.read_to_end(&mut Vec::new());
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

/// A connection sends nothing more until its last send is settled, so no poll may end without that:
/// not even one in which a long output of another connection goes on.
#[test]
fn each_poll_settles_the_attempts_to_send_that_it_makes() {
    let doorbell = Doorbell::new(socket::eventfd().unwrap());
    let [links] = &Links::connect(vec![doorbell], &Arc::new(Clients::new(2)))[..] else { panic!() };
    let mut uring = uring(&UringOptions::default(), Arc::new([]), links);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut open = |index| {
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let id = ConnId { index, generation: 0 };
        uring.open(id, listener.accept().unwrap().0.into()).unwrap();
        (id, peer)
    };
    let ((long, mut reader), (short, _reader)) = (open(0), open(1));
    let output = |len| {
        let mut output = Box::new(Output::new());
        output.extend(&pattern(len));
        output
    };
    const LONG: usize = 64 << 20; // many sends, each of which queues the next
    uring.send(long, output(LONG), false);
    let reading = std::thread::spawn(move || read(&mut reader, LONG).len());
    let (mut events, mut is_over) = (Vec::new(), false);
    while !is_over {
        uring.send(short, output(1), false);
        uring.poll(Wait::For(PATIENCE), &mut events).unwrap();
        let sent: Vec<_> = events
            .drain(..)
            .filter_map(|event| match event {
                Event::Sent { id, .. } => Some(id),
                _ => None,
            })
            .collect();
        assert!(sent.contains(&short));
        is_over = sent.contains(&long);
    }
    assert_eq!(reading.join().unwrap(), LONG);
}
