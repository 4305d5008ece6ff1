//! A client on a random network: what it has said, and what it has to hear for that.

use std::collections::VecDeque;

use fastrand::Rng;
use torc::reactor::simulated::Peer;

use crate::talk::Talk;

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Reads what comes until it has all.
    Steady,
    /// Asks everything, and finishes before it is answered.
    Finishing,
    /// Breaks the connection on the way.
    Breaking,
    /// Stops reading on the way, for ever.
    Stalling,
    /// Is closed by CLIENT KILL on the way.
    Doomed,
}

pub(crate) struct Client {
    pub(crate) peer: Peer,
    talk: Box<dyn Talk>,
    pub(crate) manner: Manner,
    random: Rng,
    /// Requests that are still to come.
    requests: usize,
    unwritten: Vec<u8>,
    /// What it must hear, and how much of that it has heard.
    expected: Vec<u8>,
    pub(crate) heard: usize,
    /// Bytes that it has written,
    written: usize,
    /// and for each request where it ends in what is written, and where its reply ends.
    ends: VecDeque<(usize, usize)>,
    /// Too many unsent replies close its connection.
    limited: bool,
}

impl Client {
    pub(crate) fn new(peer: Peer, talk: Box<dyn Talk>, mut random: Rng, limited: bool) -> Self {
        let manner = match random.u8(0..10) {
            _ if talk.is_needed() => Manner::Steady,
            0..=5 => Manner::Steady,
            6 | 7 => Manner::Finishing,
            8 if random.bool() => Manner::Doomed,
            8 => Manner::Breaking,
            _ => Manner::Stalling,
        };
        let requests = random.usize(0..60);
        Self {
            peer,
            talk,
            manner,
            random,
            requests,
            unwritten: Vec::new(),
            expected: Vec::new(),
            heard: 0,
            written: 0,
            ends: VecDeque::new(),
            limited,
        }
    }

    /// Does a little of what is left to do.
    pub(crate) fn act(&mut self) {
        let left = self.left();
        if left > 0 && self.random.u8(0..4) == 0 {
            let burst = self.random.usize(1..=left);
            for _ in 0..burst {
                self.talk.request(&mut self.random, &mut self.unwritten, &mut self.expected);
                self.ends.push_back((self.written + self.unwritten.len(), self.expected.len()));
            }
            self.requests = self.requests.saturating_sub(burst);
        }
        let part = match self.random.u8(0..3) {
            0 => 0,
            1 => self.random.usize(0..=self.unwritten.len()),
            _ => self.unwritten.len(),
        };
        self.peer.write(&self.unwritten[..part]);
        self.unwritten.drain(..part);
        self.written += part;
        // Who waits for others would not be answered any more.
        let done = self.has_said_all() && (!self.talk.waits() || self.is_answered());
        match self.manner {
            Manner::Finishing if done => self.peer.finish(),
            Manner::Breaking if self.random.u8(0..50) == 0 => self.peer.reset(),
            Manner::Stalling if self.heard > 0 => return,
            _ => {}
        }
        if self.peer.is_broken() || self.peer.is_closed() {
            self.talk.ended();
        }
        let most = if self.random.bool() { usize::MAX } else { self.random.usize(0..1000) };
        self.hear(most);
    }

    /// Reads all that has come.
    pub(crate) fn listen(&mut self) {
        self.hear(usize::MAX);
    }

    fn hear(&mut self, most: usize) {
        let bytes = self.peer.read_some(most);
        let expected = &self.expected[self.heard..];
        if !expected.starts_with(&bytes) {
            let same = expected.iter().zip(&bytes).take_while(|(a, b)| a == b).count();
            let told = String::from_utf8_lossy(&bytes[same..bytes.len().min(same + 100)]);
            let owed = String::from_utf8_lossy(&expected[same..expected.len().min(same + 100)]);
            panic!("{:?} hears {told:?} instead of {owed:?}", self.manner);
        }
        self.heard += bytes.len();
    }

    /// True when it has nothing more to say, is owed nothing, and is closed if it wished to be.
    pub(crate) fn is_content(&self) -> bool {
        let closed = self.peer.is_closed();
        if self.peer.is_broken() || closed && (self.manner == Manner::Doomed || self.limited) {
            return true;
        }
        if self.talk.is_forsaken() {
            return true;
        }
        let answered = self.is_answered() || self.manner == Manner::Stalling;
        self.has_said_all() && answered && (closed || self.manner != Manner::Finishing)
    }

    /// How much it must have heard when the server has stopped in an orderly way, by what it has written
    /// until then; None if it may be closed before.
    pub(crate) fn owed(&self) -> Option<usize> {
        let patient = matches!(self.manner, Manner::Steady | Manner::Finishing);
        let certain = patient && !self.limited && !self.talk.waits();
        let whole = self.ends.iter().take_while(|(end, _)| *end <= self.written);
        certain.then(|| whole.last().map_or(0, |(_, reply)| *reply))
    }

    /// Requests that are still to come: its own, and those that others wait for.
    fn left(&self) -> usize {
        self.requests + self.talk.wanted()
    }

    fn has_said_all(&self) -> bool {
        self.left() == 0 && self.unwritten.is_empty()
    }

    fn is_answered(&self) -> bool {
        self.heard == self.expected.len()
    }
}
