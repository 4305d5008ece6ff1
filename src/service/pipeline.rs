//! Requests of one connection that are parsed together, before the first of them runs.
//!
//! The keys of all are known then, and their entries can be fetched from memory at the same time
//! instead of one after the other. With more keys than the cache holds that is most of the work.

use crate::resp::limits::ProtocolError;
use crate::resp::{Args, Limits, Parser, Status, Unfinished};

/// Requests that are parsed before the first of them runs.
pub(super) const AHEAD: usize = 16;

/// Whole requests from the front of some input.
#[derive(Default)]
pub(super) struct Pipeline {
    parsers: [Parser; AHEAD],
    /// Where each request ends in the input.
    ends: [usize; AHEAD],
    len: usize,
}

/// What comes behind the requests that were parsed.
pub(super) enum Then {
    /// Perhaps more of them.
    GoOn,
    /// A part of one, or nothing; so many bytes are known to be missing.
    Wait { missing: usize },
    /// Something else.
    Refuse(ProtocolError),
}

impl Pipeline {
    /// Goes on with a request of which a part was parsed before.
    pub(super) fn restore(&mut self, unfinished: Unfinished) {
        self.parsers[0].restore(unfinished);
    }

    /// Parses as many whole requests as there are at the front of `input`, up to a bound.
    #[inline]
    pub(super) fn parse(&mut self, input: &[u8], limits: &Limits) -> Then {
        // Once AUTH has run, other limits hold for what follows.
        let most = if limits.authenticated { AHEAD } else { 1 };
        self.len = 0;
        let mut at = 0;
        while self.len < most {
            match self.parsers[self.len].parse(&input[at..], limits) {
                Ok(Status::Complete { consumed }) => at += consumed,
                Ok(Status::Incomplete { missing }) => return Then::Wait { missing },
                Err(error) => return Then::Refuse(error),
            }
            self.ends[self.len] = at;
            self.len += 1;
        }
        Then::GoOn
    }

    /// The words of the first request, if it is whole, for a look ahead: nothing is kept.
    #[inline]
    pub(super) fn first<'a>(&'a mut self, input: &'a [u8], limits: &Limits) -> Option<Args<'a>> {
        let parser = &mut self.parsers[0];
        match parser.parse(input, limits) {
            Ok(Status::Complete { .. }) => Some(parser.args(input)),
            _ => {
                parser.take_unfinished();
                None
            }
        }
    }

    /// How many requests were parsed.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The words of a request. `input` is the same as for [`Pipeline::parse`].
    #[inline]
    pub(super) fn args<'a>(&'a self, index: usize, input: &'a [u8]) -> Args<'a> {
        self.parsers[index].args(&input[self.end(index)..])
    }

    /// How many bytes the first `requests` requests take.
    #[inline]
    pub(super) fn end(&self, requests: usize) -> usize {
        if requests == 0 { 0 } else { self.ends[requests - 1] }
    }

    /// Takes out the request of which only a part has come.
    pub(super) fn take_unfinished(&mut self) -> Option<Box<Unfinished>> {
        self.parsers[self.len % AHEAD].take_unfinished()
    }
}
