//! One connection of the generator: the batch it has sent, and how much of the replies has come.

use std::io;
use std::time::Instant;

use super::workload::{Number, Workload, number};

/// A connection sends its next batch when all replies to the last one are there.
pub(super) struct Connection {
    /// What is sent next, or was sent last; `None` while the ring has it.
    buffer: Option<Vec<u8>>,
    /// The numbers that the last batch was about, in the order of their replies.
    asked: Vec<Number>,
    /// Whole replies to it that are here, and bytes of the next one.
    answered: usize,
    partly: usize,
    /// When the last batch was sent, or was due.
    pub(super) sent_at: Instant,
}

impl Connection {
    pub(super) fn new(now: Instant) -> Self {
        let buffer = Some(Vec::new());
        Self { buffer, asked: Vec::new(), answered: 0, partly: 0, sent_at: now }
    }

    /// Whether the next batch may be sent.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.answered == self.asked.len() && self.buffer.is_some()
    }

    /// Writes a batch, for the ring to send. Empty if there are no numbers. Its latency counts from
    /// `due`.
    #[inline]
    pub(super) fn batch(
        &mut self,
        workload: &Workload,
        numbers: impl Iterator<Item = u64>,
        due: Instant,
    ) -> Vec<u8> {
        let mut buffer = self.buffer.take().expect("the connection is idle");
        let before = self.asked.len();
        self.asked.clear();
        self.asked.extend(numbers.map(number));
        (self.answered, self.partly, self.sent_at) = (0, 0, due);
        let request = &workload.request;
        if self.asked.len() == before && buffer.len() == before * request.len() {
            // The last batch had the same shape: large values need not be written again.
            for (number, bytes) in self.asked.iter().zip(buffer.chunks_exact_mut(request.len())) {
                request.stamp(number, bytes);
            }
        } else {
            buffer.clear();
            self.asked.iter().for_each(|number| request.append(number, &mut buffer));
        }
        buffer
    }

    /// Takes back the buffer of a batch that was sent.
    #[inline]
    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        self.buffer = Some(buffer);
    }

    /// Compares what has come with what must come, and returns how many replies it completes.
    #[inline]
    pub(super) fn receive(&mut self, workload: &Workload, mut bytes: &[u8]) -> io::Result<usize> {
        let (reply, before) = (&workload.reply, self.answered);
        while !bytes.is_empty() {
            let Some(number) = self.asked.get(self.answered) else {
                return Err(wrong("more than was asked for", bytes));
            };
            let (piece, rest) = bytes.split_at(bytes.len().min(reply.len() - self.partly));
            if !reply.matches(self.partly, piece, number) {
                let mut expected = Vec::new();
                reply.append(number, &mut expected);
                let expected = shown(&expected[self.partly..]);
                return Err(wrong(&format!("instead of {expected}"), bytes));
            }
            self.partly += piece.len();
            if self.partly == reply.len() {
                (self.answered, self.partly) = (self.answered + 1, 0);
            }
            bytes = rest;
        }
        Ok(self.answered - before)
    }
}

fn wrong(why: &str, bytes: &[u8]) -> io::Error {
    let message = format!("the server sent {}, {why}", shown(bytes));
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn shown(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes[..bytes.len().min(100)].escape_ascii())
}
