//! Any stream of requests, in pieces and pipelines, has one reply a request; a model knows many of them.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target};
use torc::command::table::TABLE;
use torc::number::parse_i64;
use torc::resp::limits::Limits;
use torc::resp::request::{Parser, Status};
use torc_fuzz::dictionary;
use torc_fuzz::model::{self, Model};
use torc_fuzz::server::Server;

// The first byte chooses what goes wrong on the way, and how many requests come at once.
fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((&choice, stream)) = input.split_first() else { return Corpus::Reject };
    let (requests, rest) = split(stream);
    let mut server = Server::new((choice >> 3).into());
    let mut model = Model::default();
    for batch in requests.chunks(usize::from(choice % 8) + 1) {
        let bytes: Vec<u8> = batch.iter().flat_map(|request| request.bytes.to_vec()).collect();
        let replies = server.ask(&bytes, batch.len());
        for (request, reply) in batch.iter().zip(&replies) {
            model.check(&request.words, reply);
        }
        // Whoever waits or is closed has fewer replies than requests.
        if server.is_closed() || replies.len() < batch.len() {
            let last = &batch[..(replies.len() + 1).min(batch.len())];
            assert!(last.iter().any(Request::may_be_last), "no reply to {:?}", last.last());
            server.finish();
            return Corpus::Keep;
        }
    }
    end(server, rest);
    Corpus::Keep
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed.is_multiple_of(3) || size < 2 {
        return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    }
    let mutated = dictionary::mutate(&data[1..size], seed);
    let length = mutated.len().min(max_size - 1);
    data[1..=length].copy_from_slice(&mutated[..length]);
    length + 1
});

#[derive(Debug)]
struct Request<'a> {
    bytes: &'a [u8],
    words: Vec<Vec<u8>>,
}

impl Request<'_> {
    fn name(&self) -> String {
        model::find(&self.words).map_or(String::new(), |entry| TABLE.name(entry.number))
    }

    /// What would end the run, has no reply, or may rightly take too long.
    fn is_left_out(&self) -> bool {
        let is_huge = |word: &Vec<u8>| parse_i64(word).is_some_and(|n| n.unsigned_abs() > 100_000);
        match &*self.name() {
            "client|reply" | "shutdown" | "pfselftest" => true,
            // Who asks for a million random members gets them.
            name if name.ends_with("randfield") || name.ends_with("randmember") => {
                self.words.iter().any(is_huge)
            }
            _ => false,
        }
    }

    /// It may close the connection or wait for ever.
    fn may_be_last(&self) -> bool {
        let is_http = |word: &[u8]| {
            ["post", "host:"].iter().any(|http| word.eq_ignore_ascii_case(http.as_bytes()))
        };
        let closes = ["quit", "client|kill", "config|set"].contains(&&*self.name());
        let waits = model::find(&self.words).is_some_and(|entry| entry.command.waiting.is_some());
        is_http(&self.words[0]) || closes || waits
    }
}

/// The requests of a stream, and what follows the last whole one.
fn split(stream: &[u8]) -> (Vec<Request<'_>>, &[u8]) {
    let (mut parser, mut requests, mut rest) = (Parser::new(), Vec::new(), stream);
    while let Ok(Status::Complete { consumed }) = parser.parse(rest, &limits()) {
        let words: Vec<Vec<u8>> = parser.args(rest).iter().map(<[u8]>::to_vec).collect();
        let request = Request { bytes: &rest[..consumed], words };
        if !request.words.is_empty() && !request.is_left_out() {
            requests.push(request);
        }
        rest = &rest[consumed..];
    }
    (requests, rest)
}

fn limits() -> Limits {
    Limits { authenticated: true, max_bulk_len: 1 << 20 }
}

/// What is no request is answered with an error and ends the connection; a part of one is not.
fn end(mut server: Server, rest: &[u8]) {
    let refused = Parser::new().parse(rest, &limits()).is_err();
    let replies = server.ask(rest, usize::from(refused));
    assert_eq!(replies.len(), usize::from(refused));
    assert!(replies.iter().all(|reply| reply.starts_with(b"-ERR Protocol error")));
    assert_eq!(server.is_closed(), refused);
    assert_eq!(server.rest(), b"");
    server.finish();
}
