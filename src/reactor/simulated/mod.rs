//! A backend without a kernel: a network, its faults and its clock, all of them driven by a seed.
//!
//! It keeps watch over the reactor as well. What [`Backend`] demands of its caller is checked at
//! every call, and a violation panics with the seed, which plays the same run again.

mod faults;
mod host;
mod link;
mod network;
mod peer;
mod simulation;

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::Now;
use crate::mailbox::{ConnId, Doorbell};
use crate::output::Output;
use crate::peer::PeerAddress;
use crate::reactor::backend::{Backend, Endpoint, Engine, Event, Receive, Sending, Wait};
use network::Network;

pub use faults::Faults;
pub use network::PORT;
pub use peer::Peer;
pub use simulation::Simulation;

/// Moves bytes between queues in memory, for one of the reactors of a network.
pub struct Simulated {
    network: Arc<Mutex<Network>>,
    /// The reactor's number in the network.
    host: usize,
    engine: Engine,
}

/// A connection that was accepted and has no name yet.
pub struct Socket {
    network: Arc<Mutex<Network>>,
    /// None once the network has taken it back.
    link: Option<usize>,
}

/// What a receive has brought. It occupies a buffer until it is looked at.
#[derive(Debug)]
pub struct Arrival {
    bytes: Vec<u8>,
}

impl Simulated {
    /// The backends of a network, one for each doorbell beside which a reactor sleeps. The first has
    /// the one listener.
    fn all(seed: u64, faults: Faults, doorbells: Vec<Arc<Doorbell>>) -> Vec<Self> {
        let hosts = 0..doorbells.len();
        let network = Arc::new(Mutex::new(Network::new(seed, faults, doorbells)));
        let backend = |host| Self {
            network: Arc::clone(&network),
            host,
            engine: Engine {
                name: "simulated",
                rung: "",
                kernel: "0".to_owned(),
                features: Vec::new(),
            },
        };
        hosts.map(backend).collect()
    }
}

impl Simulated {
    fn socket(&self, link: usize) -> Socket {
        Socket { network: Arc::clone(&self.network), link: Some(link) }
    }
}

impl Socket {
    fn take(mut self) -> usize {
        self.link.take().expect("only this function takes it, and the socket with it")
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(link) = self.link {
            self.network.lock().hang_up(link);
        }
    }
}

impl Backend for Simulated {
    type Socket = Socket;
    type Arrival = Arrival;

    fn engine(&self) -> &Engine {
        &self.engine
    }

    fn now(&self) -> Now {
        self.network.lock().now
    }

    fn listeners(&self) -> usize {
        usize::from(self.host == 0)
    }

    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] where the kernel would sleep until a peer acts, the doorbell
    /// rings, or time has passed: a simulation returns instead, so that they can.
    fn poll(&mut self, wait: Wait, events: &mut Vec<Event<Self>>) -> io::Result<()> {
        let mut accepted = Vec::new();
        let polled = self.network.lock().poll(self.host, wait, events, &mut accepted);
        events.extend(accepted.into_iter().map(|link| Event::Accepted(self.socket(link))));
        polled
    }

    fn start_accept(&mut self, listener: usize) {
        self.network.lock().start_accept(self.host, listener);
    }

    fn stop_accept(&mut self, listener: usize) -> Vec<Socket> {
        let waiting = self.network.lock().stop_accept(self.host, listener);
        waiting.into_iter().map(|link| self.socket(link)).collect()
    }

    fn refuse(&mut self, socket: Socket, word: impl FnOnce(&PeerAddress) -> &'static [u8]) {
        self.network.lock().refuse(socket.take(), word);
    }

    fn open(&mut self, id: ConnId, socket: Socket) -> io::Result<Endpoint> {
        self.network.lock().open(self.host, id, socket.take())
    }

    fn start_recv(&mut self, id: ConnId, receive: Receive) {
        self.network.lock().start_recv(self.host, id, receive);
    }

    fn stop_recv(&mut self, id: ConnId) {
        self.network.lock().stop_recv(self.host, id);
    }

    fn peek<'a>(&'a self, arrival: &'a Arrival) -> &'a [u8] {
        &arrival.bytes
    }

    fn receive<R>(&mut self, arrival: Arrival, look: impl FnOnce(&[u8]) -> R) -> R {
        self.network.lock().hosts[self.host].arrivals_out -= 1;
        look(&arrival.bytes)
    }

    fn send(&mut self, id: ConnId, output: Box<Output>, is_awaited: bool) -> Sending {
        self.network.lock().send(self.host, id, output, is_awaited)
    }

    fn finish_recv(&mut self, id: ConnId) {
        self.network.lock().finish_recv(self.host, id);
    }

    fn shutdown(&mut self, id: ConnId) {
        self.network.lock().shutdown(self.host, id);
    }

    fn close(&mut self, id: ConnId) {
        self.network.lock().close(self.host, id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ConnId = ConnId { index: 0, generation: 0 };

    /// A backend with one connection, named `ID`.
    fn connected() -> (Simulated, Peer) {
        let doorbells = vec![Arc::new(Doorbell::silent())];
        let mut backend = Simulated::all(7, Faults::NONE, doorbells).remove(0);
        let link = backend.network.lock().connect();
        backend.start_accept(0);
        let mut events = Vec::new();
        backend.poll(Wait::No, &mut events).unwrap();
        let Some(Event::Accepted(socket)) = events.pop() else { panic!("nobody came") };
        backend.open(ID, socket).unwrap();
        let peer = Peer::new(Arc::clone(&backend.network), link);
        (backend, peer)
    }

    fn output(bytes: &[u8]) -> Box<Output> {
        let mut output = Box::new(Output::new());
        output.extend(bytes);
        output
    }

    #[test]
    #[should_panic(expected = "seed 7: the reactor has two receives in flight")]
    fn two_receives_are_noticed() {
        let (mut backend, _) = connected();
        backend.start_recv(ID, Receive::Stream);
        backend.start_recv(ID, Receive::Stream);
    }

    #[test]
    #[should_panic(expected = "has two sends in flight")]
    fn two_sends_are_noticed() {
        let (mut backend, _) = connected();
        backend.send(ID, output(b"one"), false);
        backend.send(ID, output(b"two"), false);
    }

    #[test]
    #[should_panic(expected = "sends nothing")]
    fn an_empty_send_is_noticed() {
        let (mut backend, _) = connected();
        backend.send(ID, Box::default(), false);
    }

    #[test]
    #[should_panic(expected = "closes while something is in flight")]
    fn an_early_close_is_noticed() {
        let (mut backend, _) = connected();
        backend.start_recv(ID, Receive::Stream);
        backend.close(ID);
    }

    #[test]
    #[should_panic(expected = "receives on ConnId { index: 0, generation: 0 }, which is not open")]
    fn what_is_started_on_a_closed_connection_is_noticed() {
        let (mut backend, _) = connected();
        backend.close(ID);
        backend.start_recv(ID, Receive::Stream);
    }

    #[test]
    #[should_panic(expected = "polls before it has looked at what arrived")]
    fn a_lost_arrival_is_noticed() {
        let (mut backend, peer) = connected();
        backend.start_recv(ID, Receive::Stream);
        peer.write(b"lost");
        backend.poll(Wait::No, &mut Vec::new()).unwrap();
        let _ = backend.poll(Wait::No, &mut Vec::new());
    }

    #[test]
    #[should_panic(expected = "sleeps without having said so at its doorbell")]
    fn a_sleep_that_nobody_can_end_is_noticed() {
        let (mut backend, _) = connected();
        let _ = backend.poll(Wait::Forever, &mut Vec::new());
    }

    #[test]
    fn a_sleep_ends_when_a_peer_acts() {
        let (mut backend, peer) = connected();
        backend.network.lock().hosts[0].doorbell.park();
        backend.start_recv(ID, Receive::Stream);
        let mut events = Vec::new();
        let error = backend.poll(Wait::Forever, &mut events).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        peer.write(b"hello");
        backend.poll(Wait::Forever, &mut events).unwrap();
        let Some(Event::Received { id: ID, arrival, more: true }) = events.pop() else {
            panic!("nothing came")
        };
        assert_eq!(backend.peek(&arrival), b"hello");
        backend.receive(arrival, |bytes| assert_eq!(bytes, b"hello"));
    }
}
