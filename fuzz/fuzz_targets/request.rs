//! A stream of requests reads the same whole and in pieces: cut once at each place, and at many.
#![no_main]

use libfuzzer_sys::fuzz_target;
use torc::resp::limits::{Limits, ProtocolError};
use torc::resp::request::{Parser, Status};

type Requests = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// Longer streams are cut at some places only.
const CUT_EVERYWHERE: usize = 200;

// The first byte chooses the client, and where long streams are cut.
fuzz_target!(|input: &[u8]| {
    let Some((&choice, stream)) = input.split_first() else { return };
    let limits = Limits { authenticated: choice % 2 == 1, max_bulk_len: 1 << 20 };
    let whole = read(stream, [], &limits);
    assert_eq!(read(stream, 0..stream.len(), &limits), whole, "byte by byte");
    let mut random = fastrand::Rng::with_seed(choice.into());
    if stream.len() <= CUT_EVERYWHERE {
        for cut in 1..stream.len() {
            assert_eq!(read(stream, [cut], &limits), whole, "cut at {cut}");
        }
    }
    let mut cuts: Vec<usize> = (0..10).map(|_| random.usize(..=stream.len())).collect();
    cuts.sort_unstable();
    assert_eq!(read(stream, cuts.iter().copied(), &limits), whole, "cut at {cuts:?}");
});

/// The requests of a stream that arrives in parts, and the error that ends it.
fn read(stream: &[u8], cuts: impl IntoIterator<Item = usize>, limits: &Limits) -> Requests {
    let mut parser = Parser::new();
    let (mut requests, mut consumed) = (Vec::new(), 0);
    for cut in cuts.into_iter().chain([stream.len()]) {
        loop {
            let input = &stream[consumed..cut.max(consumed)];
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
