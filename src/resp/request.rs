//! Finds requests in a stream of bytes: arrays of bulk strings, and inline commands.
//!
//! The parser copies nothing. It notes where the arguments lie, and where it stopped when a request
//! is not whole yet, so that a request of 100,000 arguments that comes in a thousand pieces is read
//! once. Memory grows with what has arrived, never with what a header announces.

use super::args::{Args, Span};
use super::inline::{self, UnbalancedQuotes};
use super::limits::{Limits, MAX_ARGS, MAX_LINE, ProtocolError};
use crate::number::parse_i64;

/// An unfinished request of fewer arguments is read again from its start when more has come.
const KEPT_SPANS: usize = 32;
/// As `KEPT_SPANS`, for the bytes of an unfinished line.
const KEPT_SCAN: usize = 4096;
/// Room for this many arguments stays reserved between requests.
const ROOMY_SPANS: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// A request ends `consumed` bytes from the front. An empty line or array has no arguments and
    /// gets no reply.
    Complete { consumed: usize },
    /// The request goes on behind the input. At least `missing` more bytes are needed; 0 means that
    /// nobody knows yet how many.
    Incomplete { missing: usize },
}

/// The requests of many connections, one at a time: as long as each call of [`Parser::parse`] finds a
/// whole request, one parser serves them all.
///
/// A connection whose request is unfinished keeps it with [`Parser::take_unfinished`] and brings it
/// back with [`Parser::restore`].
#[derive(Debug, Default)]
pub struct Parser {
    spans: Vec<Span>,
    /// The arguments of an inline command that had quotes.
    unquoted: Vec<u8>,
    progress: Progress,
}

/// How far an unfinished request has been read. All zero between requests.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// The arguments in all, or 0 while the first line is unfinished.
    count: usize,
    /// Where the first line that was not yet understood begins.
    line: usize,
    /// That line does not end before this place.
    scanned: usize,
}

/// A request of which a part has been read.
#[derive(Debug)]
pub struct Unfinished {
    spans: Vec<Span>,
    progress: Progress,
}

impl Parser {
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one request. `input` begins at its first byte, however often it takes.
    #[inline]
    pub fn parse(&mut self, input: &[u8], limits: &Limits) -> Result<Status, ProtocolError> {
        if self.is_fresh() {
            self.clear();
        }
        let result = match input.first() {
            Some(b'*') => self.array(input, limits),
            Some(_) => self.inline(input),
            None => return Ok(Status::Incomplete { missing: 0 }),
        };
        if !matches!(result, Ok(Status::Incomplete { .. })) {
            self.progress = Progress::default();
        }
        result
    }

    /// The arguments of the request that the last call of [`Parser::parse`] completed. `input` is the
    /// same as in that call.
    #[inline]
    pub fn args<'a>(&'a self, input: &'a [u8]) -> Args<'a> {
        let bytes = if self.unquoted.is_empty() { input } else { &self.unquoted };
        Args::new(bytes, &self.spans)
    }

    /// True if the next call of [`Parser::parse`] begins a new request.
    #[inline]
    pub fn is_fresh(&self) -> bool {
        self.progress.line == 0 && self.progress.scanned == 0
    }

    /// Takes out the unfinished request, which leaves the parser fresh for another connection.
    ///
    /// A short one is forgotten instead, since to read it again costs less than to keep it.
    pub fn take_unfinished(&mut self) -> Option<Box<Unfinished>> {
        let progress = std::mem::take(&mut self.progress);
        if self.spans.len() < KEPT_SPANS
            && progress.scanned.saturating_sub(progress.line) < KEPT_SCAN
        {
            return None;
        }
        Some(Box::new(Unfinished { spans: std::mem::take(&mut self.spans), progress }))
    }

    /// Goes on with a request that [`Parser::take_unfinished`] took out.
    pub fn restore(&mut self, unfinished: Unfinished) {
        self.unquoted.clear(); // it may be that of another connection
        self.spans = unfinished.spans;
        self.progress = unfinished.progress;
    }

    #[inline]
    fn clear(&mut self) {
        self.spans.clear();
        self.unquoted.clear();
        if self.spans.capacity() > ROOMY_SPANS || self.unquoted.capacity() > MAX_LINE {
            self.release();
        }
    }

    /// Gives back memory that only a rare request needs.
    #[cold]
    fn release(&mut self) {
        self.spans.shrink_to(ROOMY_SPANS);
        self.unquoted.shrink_to(MAX_LINE);
    }

    #[inline]
    fn array(&mut self, input: &[u8], limits: &Limits) -> Result<Status, ProtocolError> {
        if self.progress.count == 0 {
            let header = match short_header(input, b'*') {
                Some(header) => header,
                None => match self.count_line(input)? {
                    Some(header) => header,
                    None => return Ok(Status::Incomplete { missing: 0 }),
                },
            };
            if header.number == 0 {
                return Ok(Status::Complete { consumed: header.end });
            }
            if header.number > limits.most_args() {
                return Err(ProtocolError::UnauthenticatedCount);
            }
            self.progress = Progress { count: header.number, line: header.end, scanned: 0 };
        }
        self.bulk_strings(input, limits)
    }

    /// Reads the bulk strings that the array still lacks. Each is noted when its last byte is there;
    /// until then its header is read again with every call.
    #[inline]
    fn bulk_strings(&mut self, input: &[u8], limits: &Limits) -> Result<Status, ProtocolError> {
        let longest = limits.longest_bulk();
        let Progress { count, mut line, .. } = self.progress;
        while self.spans.len() < count {
            let header = match short_header(&input[line..], b'$') {
                Some(header) => Header { end: line + header.end, ..header },
                None => {
                    self.progress.line = line;
                    match self.length_line(input)? {
                        Some(header) => header,
                        None => return Ok(Status::Incomplete { missing: 0 }),
                    }
                }
            };
            if header.number > longest {
                return Err(limits.refusal(header.number));
            }
            let span = Span { start: header.end, end: header.end + header.number };
            let next = span.end + 2;
            if next > input.len() {
                self.progress.line = line;
                return Ok(Status::Incomplete { missing: next - input.len() });
            }
            self.spans.push(span);
            line = next;
        }
        Ok(Status::Complete { consumed: line })
    }

    /// The first line of an array, in any form.
    #[cold]
    fn count_line(&mut self, input: &[u8]) -> Result<Option<Header>, ProtocolError> {
        let Some(end) = self.header_end(input, ProtocolError::TooBigCountLine)? else {
            return Ok(None);
        };
        match parse_i64(&input[1..end]) {
            Some(count) if count <= MAX_ARGS as i64 => {
                Ok(Some(Header { number: count.max(0) as usize, end: end + 2 }))
            }
            _ => Err(ProtocolError::InvalidCount),
        }
    }

    /// The first line of a bulk string, in any form.
    fn length_line(&mut self, input: &[u8]) -> Result<Option<Header>, ProtocolError> {
        let Some(end) = self.header_end(input, ProtocolError::TooBigLengthLine)? else {
            return Ok(None);
        };
        let line = &input[self.progress.line..end];
        let digits = match line.split_first() {
            Some((b'$', digits)) => digits,
            // An empty line begins with its own end.
            first => {
                return Err(ProtocolError::ExpectedBulk {
                    got: first.map_or(b'\r', |(got, _)| *got),
                });
            }
        };
        match parse_i64(digits).map(usize::try_from) {
            Some(Ok(number)) => Ok(Some(Header { number, end: end + 2 })),
            _ => Err(ProtocolError::InvalidBulkLength),
        }
    }

    /// Where the carriage return of the present line is. The byte behind it must have arrived, too,
    /// but Redis takes it for a line feed without a look, and so does this parser.
    fn header_end(
        &mut self,
        input: &[u8],
        too_long: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let end = self.line_end(input, b'\r', too_long)?;
        Ok(end.filter(|end| end + 1 < input.len()))
    }

    #[cold]
    fn inline(&mut self, input: &[u8]) -> Result<Status, ProtocolError> {
        let Some(end) = self.line_end(input, b'\n', ProtocolError::TooBigInline)? else {
            return Ok(Status::Incomplete { missing: 0 });
        };
        match inline::split(&input[..end], &mut self.spans, &mut self.unquoted) {
            Ok(()) => Ok(Status::Complete { consumed: end + 1 }),
            Err(UnbalancedQuotes) => Err(ProtocolError::UnbalancedQuotes),
        }
    }

    /// Where the present line has its `mark`. A zero byte hides what follows, as it does in Redis:
    /// such a line never ends, until it is too long.
    fn line_end(
        &mut self,
        input: &[u8],
        mark: u8,
        too_long: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let Progress { line, scanned, .. } = self.progress;
        let from = line.max(scanned);
        let to = input.len().min(line + MAX_LINE + 1);
        let found = memchr::memchr2(mark, 0, &input[from..to]).map(|n| from + n);
        self.progress.scanned = found.unwrap_or(to);
        match found.filter(|&place| input[place] == mark) {
            None if input.len() - line > MAX_LINE => Err(too_long),
            end => Ok(end),
        }
    }
}

/// A header line: `*<number>\r\n` or `$<number>\r\n`.
#[derive(Clone, Copy)]
struct Header {
    number: usize,
    /// Where the next line begins.
    end: usize,
}

/// Reads the header at the front of `input` if it is whole, well-formed and below 1000. Nearly all
/// are, so nothing else is done for speed: a header is compared as one number.
#[inline(always)]
fn short_header(input: &[u8], sigil: u8) -> Option<Header> {
    const END: u64 = u16::from_le_bytes(*b"\r\n") as u64;
    let sigil = u64::from(sigil);
    let digit = |bytes: u64, place: u32| (bytes >> (8 * place)) as u8 ^ b'0';
    let bytes = u64::from(u32::from_le_bytes(*input.first_chunk()?));
    if bytes & 0xffff_00ff == sigil | END << 16 {
        let one = digit(bytes, 1);
        return (one <= 9).then_some(Header { number: usize::from(one), end: 4 });
    }
    // What a longer one announces does not fit into eight bytes with it; one at the end of the input is left
    // to those who read any form.
    let bytes = u64::from_le_bytes(*input.first_chunk()?);
    let (ten, one) = (digit(bytes, 1), digit(bytes, 2));
    if !matches!(ten, 1..=9) || one > 9 {
        return None;
    }
    let number = 10 * usize::from(ten) + usize::from(one);
    if bytes & 0xff_ff00_00ff == sigil | END << 24 {
        return Some(Header { number, end: 5 });
    }
    let last = digit(bytes, 3);
    let is_header = last <= 9 && bytes & 0xffff_0000_00ff == sigil | END << 32;
    is_header.then_some(Header { number: 10 * number + usize::from(last), end: 6 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits { authenticated: true, max_bulk_len: 512 << 20 };
    const STRANGER: Limits = Limits { authenticated: false, ..LIMITS };

    type Request = Vec<Vec<u8>>;

    fn encode(args: &[impl AsRef<[u8]>]) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            let arg = arg.as_ref();
            bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            bytes.extend_from_slice(arg);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    fn args_of(parser: &Parser, input: &[u8]) -> Request {
        parser.args(input).iter().map(<[u8]>::to_vec).collect()
    }

    /// Feeds `stream` in pieces that end at `cuts`, as a connection would. `suspend` takes the
    /// unfinished request out and back in between the pieces.
    fn feed(
        stream: &[u8],
        cuts: impl IntoIterator<Item = usize>,
        limits: &Limits,
        suspend: bool,
    ) -> (Vec<Request>, Option<ProtocolError>) {
        let mut parser = Parser::new();
        let (mut requests, mut consumed) = (Vec::new(), 0);
        for cut in cuts {
            loop {
                let input = &stream[consumed..cut];
                match parser.parse(input, limits) {
                    Ok(Status::Complete { consumed: n }) => {
                        requests.push(args_of(&parser, input));
                        consumed += n;
                        assert!(parser.is_fresh());
                    }
                    Ok(Status::Incomplete { missing }) => {
                        assert!(cut + missing <= stream.len() || missing > 2);
                        break;
                    }
                    Err(error) => return (requests, Some(error)),
                }
            }
            if suspend {
                let unfinished = parser.take_unfinished();
                assert!(parser.is_fresh());
                assert_eq!(
                    parser.parse(&encode(&["PING"]), limits),
                    Ok(Status::Complete { consumed: 14 })
                );
                if let Some(unfinished) = unfinished {
                    parser.restore(*unfinished);
                }
            }
        }
        (requests, None)
    }

    fn whole(stream: &[u8], limits: &Limits) -> (Vec<Request>, Option<ProtocolError>) {
        feed(stream, [stream.len()], limits, false)
    }

    fn error(stream: &[u8], limits: &Limits) -> Option<String> {
        whole(stream, limits).1.map(|error| error.to_string())
    }

    /// Requests in every form, with the arguments they have.
    fn samples() -> Vec<(Vec<u8>, Request)> {
        let long = vec![b'x'; 1234];
        let many: Request = (0..100).map(|n: i32| n.to_string().into_bytes()).collect();
        let words = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Request>();
        vec![
            (encode(&["PING"]), words(&[b"PING"])),
            (
                encode(&["SET", "key", "value of 16 bytes"]),
                words(&[b"SET", b"key", b"value of 16 bytes"]),
            ),
            (
                encode(&["", "\r\n", "*1\r\n$4\r\nPING\r\n"]),
                words(&[b"", b"\r\n", b"*1\r\n$4\r\nPING\r\n"]),
            ),
            (encode(&[b"GET", &long[..], &long[..123]]), words(&[b"GET", &long, &long[..123]])),
            (encode(&many), many),
            (b"*0\r\n".to_vec(), words(&[])),
            (b"*-1\r\n".to_vec(), words(&[])),
            (b"*-9223372036854775808\r\n".to_vec(), words(&[])),
            (b"*2\rx$3\rxGET--$1\rxk--".to_vec(), words(&[b"GET", b"k"])),
            (b"\r\n".to_vec(), words(&[])),
            (b"\n".to_vec(), words(&[])),
            (b"  \t \r\n".to_vec(), words(&[])),
            (b"PING\r\n".to_vec(), words(&[b"PING"])),
            (b" SET  key \"a\\x00\\\"b\"\n".to_vec(), words(&[b"SET", b"key", b"a\0\"b"])),
            (b"GET ''\r\n".to_vec(), words(&[b"GET", b""])),
        ]
    }

    #[test]
    fn requests_split_at_every_byte_read_the_same() {
        for (bytes, args) in samples() {
            for pieces in [vec![bytes.len()], (0..=bytes.len()).collect()] {
                for suspend in [false, true] {
                    let (requests, error) = feed(&bytes, pieces.iter().copied(), &LIMITS, suspend);
                    assert_eq!((requests, error), (vec![args.clone()], None));
                }
            }
            for cut in 0..bytes.len() {
                let (requests, _) = feed(&bytes, [cut, bytes.len()], &LIMITS, true);
                assert_eq!(requests, std::slice::from_ref(&args), "cut at {cut}");
            }
        }
    }

    #[test]
    fn pipelines_keep_their_order() {
        let (stream, expected): (Vec<Vec<u8>>, Vec<Request>) = samples().into_iter().unzip();
        let stream = stream.concat();
        assert_eq!(whole(&stream, &LIMITS), (expected.clone(), None));
        assert_eq!(feed(&stream, 0..=stream.len(), &LIMITS, true), (expected, None));
    }

    /// Recorded from redis-server 7.0.15.
    #[test]
    fn errors_are_in_the_words_of_redis() {
        let digits = "1".repeat(MAX_LINE);
        let word = "a".repeat(MAX_LINE + 1);
        let cases: &[(&[u8], &str)] = &[
            (word.as_bytes(), "too big inline request"),
            (b"ECHO \"abc\r\n", "unbalanced quotes in request"),
            (&[b"*", digits.as_bytes()].concat(), "too big mbulk count string"),
            (b"*x\r\n", "invalid multibulk length"),
            (b"*\r\n", "invalid multibulk length"),
            (b"*-0\r\n", "invalid multibulk length"),
            (b"*+1\r\n", "invalid multibulk length"),
            (b"*01\r\n", "invalid multibulk length"),
            (b"* 1\r\n", "invalid multibulk length"),
            (b"*1\n$4\r\nPING\r\n", "invalid multibulk length"),
            (b"*2147483648\r\n", "invalid multibulk length"),
            (b"*99999999999999999999999\r\n", "invalid multibulk length"),
            (&[b"*1\r\n$", digits.as_bytes()].concat(), "too big bulk count string"),
            (b"*1\r\nx\r\n", "expected '$', got 'x'"),
            (b"*1\r\n:1\r\n", "expected '$', got ':'"),
            (b"*1\r\n\r\n", "expected '$', got '\\r'"),
            (b"*1\r\n\xff\r\n", "expected '$', got '\\xff'"),
            (b"*1\r\n$x\r\n", "invalid bulk length"),
            (b"*1\r\n$\r\n", "invalid bulk length"),
            (b"*1\r\n$-1\r\n", "invalid bulk length"),
            (b"*1\r\n$04\r\nPING\r\n", "invalid bulk length"),
            (b"*1\r\n$4\nPING\r\n", "invalid bulk length"),
            (b"*1\r\n$536870913\r\n", "invalid bulk length"),
            (b"*1\r\n$9223372036854775807\r\n", "invalid bulk length"),
        ];
        for (stream, text) in cases {
            let expected = Some(format!("Protocol error: {text}").replace('\'', "\\'"));
            assert_eq!(error(stream, &LIMITS), expected);
            let (requests, error) = feed(stream, 0..=stream.len(), &LIMITS, false);
            assert_eq!((requests, error.map(|error| error.to_string())), (vec![], expected));
        }
        assert_eq!(
            *ProtocolError::ExpectedBulk { got: b'\xff' }.text(),
            *b"Protocol error: expected '$', got '\xff'"
        );
    }

    #[test]
    fn strangers_may_send_only_short_requests() {
        let ten = encode(&["0123456789"; 10]);
        assert_eq!(error(&ten, &STRANGER), None);
        let text = "Protocol error: unauthenticated multibulk length";
        assert_eq!(error(b"*11\r\n", &STRANGER).as_deref(), Some(text));
        assert_eq!(error(b"*100000\r\n", &STRANGER).as_deref(), Some(text));
        assert_eq!(error(b"*11\r\n", &LIMITS), None);

        assert_eq!(error(b"*1\r\n$16384\r\n", &STRANGER), None);
        let text = "Protocol error: unauthenticated bulk length";
        assert_eq!(error(b"*1\r\n$16385\r\n", &STRANGER).as_deref(), Some(text));
        let text = "Protocol error: invalid bulk length";
        assert_eq!(error(b"*1\r\n$536870913\r\n", &STRANGER).as_deref(), Some(text));
    }

    #[test]
    fn a_request_goes_on_in_a_parser_that_has_removed_quotes() {
        let words = vec!["word"; KEPT_SPANS + 1];
        let request = encode(&words);
        let (first, rest) = (&request[..request.len() - 3], &request[..]);
        let mut parser = Parser::new();
        assert!(matches!(parser.parse(first, &LIMITS), Ok(Status::Incomplete { .. })));
        let unfinished = parser.take_unfinished().expect("many words are kept");
        parser.parse(b"ECHO \"a b\"\r\n", &LIMITS).unwrap();
        parser.restore(*unfinished);
        parser.parse(rest, &LIMITS).unwrap();
        assert_eq!(args_of(&parser, rest), words.iter().map(|w| w.as_bytes()).collect::<Vec<_>>());
    }

    /// Redis looks for the line's end as in a C string, so it waits, too, until the line is too long.
    #[test]
    fn a_zero_byte_hides_the_end_of_its_line() {
        for start in [&b"PI\0NG\r\n"[..], b"*1\0\r\n", b"*1\r\n\0\r\n"] {
            assert_eq!(whole(start, &LIMITS), (vec![], None));
            let mut stream = start.to_vec();
            stream.resize(2 * MAX_LINE, b'\n');
            assert!(whole(&stream, &LIMITS).1.is_some());
        }
    }

    #[test]
    fn missing_bytes_are_announced() {
        let missing = |input: &[u8]| match Parser::new().parse(input, &LIMITS) {
            Ok(Status::Incomplete { missing }) => missing,
            other => panic!("{other:?}"),
        };
        assert_eq!(missing(b""), 0);
        assert_eq!(missing(b"*1\r\n$10"), 0);
        assert_eq!(missing(b"*1\r\n$10\r\n"), 12);
        assert_eq!(missing(b"*1\r\n$10\r\n0123456789"), 2);
        assert_eq!(missing(b"*1\r\n$536870912\r\nabc"), 536_870_911);
    }

    #[test]
    fn a_header_that_lies_reserves_nothing() {
        let mut parser = Parser::new();
        let stream = b"*2147483647\r\n$3\r\nSET\r\n$536870912\r\nabc";
        let status = parser.parse(stream, &LIMITS);
        assert_eq!(status, Ok(Status::Incomplete { missing: 536_870_911 }));
        assert!(parser.spans.capacity() <= 4);
    }

    #[test]
    fn memory_of_rare_requests_is_given_back() {
        let mut parser = Parser::new();
        let huge = encode(&vec!["x"; 100_000]);
        assert_eq!(parser.parse(&huge, &LIMITS), Ok(Status::Complete { consumed: huge.len() }));
        assert!(parser.spans.capacity() >= 100_000);
        let ping = encode(&["PING"]);
        assert_eq!(parser.parse(&ping, &LIMITS), Ok(Status::Complete { consumed: 14 }));
        assert!(parser.spans.capacity() <= ROOMY_SPANS);
    }

    /// The work of a long request must not be done again with every piece: 300,000 pieces of one
    /// argument each would take minutes.
    #[test]
    fn only_long_requests_are_kept() {
        let mut parser = Parser::new();
        let three = encode(&["SET", "key", "value"]);
        assert!(matches!(parser.parse(&three[..20], &LIMITS), Ok(Status::Incomplete { .. })));
        assert!(parser.take_unfinished().is_none());

        let many = encode(&["value"; 300_000]);
        let (requests, error) =
            feed(&many, (0..many.len()).step_by(11).chain([many.len()]), &LIMITS, true);
        assert_eq!((requests.len(), error), (1, None));
    }

    fn request() -> impl Strategy<Value = Request> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6)
    }

    /// Bytes that are nearly requests.
    fn noise() -> impl Strategy<Value = Vec<u8>> {
        let token = prop::sample::select(vec![
            "*", "$", "\r\n", "\n", "0", "1", "2", "3", "12", "-", "PING", "a", "\"", "'", "\\",
            " ", "\0",
        ]);
        prop::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn random_requests_come_back(
            requests in prop::collection::vec(request(), 1..5),
            cut in any::<prop::sample::Index>(),
        ) {
            let stream: Vec<u8> = requests.iter().flat_map(|request| encode(request)).collect();
            let cut = cut.index(stream.len());
            prop_assert_eq!(feed(&stream, [cut, stream.len()], &LIMITS, true), (requests, None));
        }

        #[test]
        fn noise_reads_the_same_in_pieces(stream in noise()) {
            let expected = whole(&stream, &LIMITS);
            prop_assert_eq!(&feed(&stream, 0..=stream.len(), &LIMITS, false), &expected);
            prop_assert_eq!(&feed(&stream, 0..=stream.len(), &LIMITS, true), &expected);
        }
    }
}
