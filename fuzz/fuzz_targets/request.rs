//! A stream of requests reads the same whole and in pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use torc::resp::limits::{Limits, ProtocolError};
use torc::resp::request::{Parser, Status};

type Requests = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

// The first two bytes choose the client and the size of the pieces.
fuzz_target!(|input: (bool, u8, &[u8])| {
    let (authenticated, piece, stream) = input;
    let limits = Limits { authenticated, max_bulk_len: 1 << 20 };
    let whole = read(stream, stream.len().max(1), &limits);
    assert_eq!(whole, read(stream, usize::from(piece) + 1, &limits));
});

fn read(stream: &[u8], piece: usize, limits: &Limits) -> Requests {
    let mut parser = Parser::new();
    let (mut requests, mut consumed) = (Vec::new(), 0);
    for cut in (0..stream.len()).step_by(piece).chain([stream.len()]) {
        loop {
            let input = &stream[consumed..cut];
            match parser.parse(input, limits) {
                Ok(Status::Complete { consumed: n }) => {
                    requests.push(parser.args(input).iter().map(<[u8]>::to_vec).collect());
                    consumed += n;
                }
                Ok(Status::Incomplete { .. }) => break,
                Err(error) => return (requests, Some(error)),
            }
        }
        if let Some(unfinished) = parser.take_unfinished() {
            parser.restore(*unfinished);
        }
    }
    (requests, None)
}
