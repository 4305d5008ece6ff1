//! Writes replies, in the version of the protocol that the client speaks.

use crate::number::format_f64;
use crate::output::Output;
use bytes::Bytes;

/// Values from this size up leave by reference; below it a copy costs less than the reference.
pub const SHARED_FROM: usize = 16 * 1024;

/// The version of the protocol, chosen with HELLO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    #[default]
    V2,
    V3,
}

impl Version {
    /// 2 or 3.
    #[inline]
    pub fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }
}

/// Appends replies to an output.
///
/// Kinds that RESP2 lacks become what Redis sends to RESP2 clients in their place.
#[derive(Debug)]
pub struct Reply<'a> {
    output: &'a mut Output,
    version: Version,
}

impl<'a> Reply<'a> {
    #[inline]
    pub fn new(output: &'a mut Output, version: Version) -> Self {
        Self { output, version }
    }

    #[inline]
    pub fn version(&self) -> Version {
        self.version
    }

    /// True when the replies have become too long: nothing of them will be sent, nor what is added.
    #[inline]
    pub fn is_cut(&self) -> bool {
        self.output.is_cut()
    }

    /// Where the replies go, for what is made elsewhere.
    #[inline]
    pub fn output(&mut self) -> &mut Output {
        self.output
    }

    #[inline]
    pub fn ok(&mut self) {
        self.output.extend(b"+OK\r\n");
    }

    /// A status. The text has no line ends.
    #[inline]
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error. The text begins with its code, such as `ERR`; line ends in it become spaces.
    #[cold]
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        let Some(out) = self.output.room(text.len() + 3) else { return };
        out.push(b'-');
        out.extend(
            text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }),
        );
        out.extend_from_slice(b"\r\n");
    }

    #[inline]
    pub fn integer(&mut self, number: i64) {
        match usize::try_from(number) {
            Ok(number) => self.header(b':', number),
            Err(_) => self.line(b':', itoa::Buffer::new().format(number).as_bytes()),
        }
    }

    #[inline]
    pub fn bulk(&mut self, value: &[u8]) {
        let Some(out) = self.output.room(LONGEST_HEADER + value.len() + 2) else { return };
        header(out, b'$', value.len());
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }

    /// A bulk string that is large perhaps: then it is not copied.
    #[inline]
    pub fn bulk_shared(&mut self, value: &Bytes) {
        if value.len() < SHARED_FROM {
            return self.bulk(value);
        }
        self.header(b'$', value.len());
        self.output.share(value.clone());
        self.output.extend(b"\r\n");
    }

    /// An integer as a bulk string: a value that happens to be stored as one.
    #[inline]
    pub fn bulk_integer(&mut self, number: i64) {
        self.bulk(itoa::Buffer::new().format(number).as_bytes());
    }

    /// No value. In RESP2 it stands in the place of a bulk string.
    #[inline]
    pub fn null(&mut self) {
        self.output.extend(match self.version {
            Version::V2 => b"$-1\r\n",
            Version::V3 => b"_\r\n",
        });
    }

    /// No value, in the place of an array.
    #[inline]
    pub fn null_array(&mut self) {
        self.output.extend(match self.version {
            Version::V2 => b"*-1\r\n",
            Version::V3 => b"_\r\n",
        });
    }

    /// Begins an array; `len` replies follow.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len);
    }

    /// Begins a map; `pairs` times a key and a value follow.
    #[inline]
    pub fn map(&mut self, pairs: usize) {
        match self.version {
            Version::V2 => self.header(b'*', 2 * pairs),
            Version::V3 => self.header(b'%', pairs),
        }
    }

    /// Begins a set; `len` replies follow.
    #[inline]
    pub fn set(&mut self, len: usize) {
        self.header_for(b'~', len);
    }

    /// Begins a message that no request asked for; `len` replies follow.
    #[inline]
    pub fn push(&mut self, len: usize) {
        self.header_for(b'>', len);
    }

    pub fn double(&mut self, number: f64) {
        let text = format_f64(number);
        match self.version {
            Version::V2 => self.bulk(&text),
            Version::V3 => self.line(b',', &text),
        }
    }

    pub fn boolean(&mut self, value: bool) {
        self.output.extend(match (self.version, value) {
            (Version::V2, false) => b":0\r\n",
            (Version::V2, true) => b":1\r\n",
            (Version::V3, false) => b"#f\r\n",
            (Version::V3, true) => b"#t\r\n",
        });
    }

    /// An integer of any size, in decimal digits.
    pub fn big_number(&mut self, digits: &str) {
        match self.version {
            Version::V2 => self.bulk(digits.as_bytes()),
            Version::V3 => self.line(b'(', digits.as_bytes()),
        }
    }

    /// Text for a human. `format` has three bytes, such as `txt`.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        debug_assert_eq!(format.len(), 3);
        if self.version == Version::V2 {
            return self.bulk(text);
        }
        let Some(out) = self.output.room(LONGEST_HEADER + text.len() + 6) else { return };
        header(out, b'=', text.len() + 4);
        for part in [format.as_bytes(), b":", text, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }

    #[inline]
    fn line(&mut self, sigil: u8, text: &[u8]) {
        let Some(out) = self.output.room(text.len() + 3) else { return };
        out.push(sigil);
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn header(&mut self, sigil: u8, len: usize) {
        let Some(out) = self.output.room(LONGEST_HEADER) else { return };
        header(out, sigil, len);
    }

    /// The header of a collection that RESP2 knows only as an array.
    #[inline]
    fn header_for(&mut self, sigil: u8, len: usize) {
        match self.version {
            Version::V2 => self.header(b'*', len),
            Version::V3 => self.header(sigil, len),
        }
    }
}

/// A sigil, the twenty digits of 2^64 - 1, a line end.
const LONGEST_HEADER: usize = 23;

/// Appends `<sigil><number>\r\n`. Short numbers are written with one store.
#[inline]
fn header(out: &mut Vec<u8>, sigil: u8, number: usize) {
    let digit = |number: usize| b'0' + (number % 10) as u8;
    match number {
        0..=9 => out.extend_from_slice(&[sigil, digit(number), b'\r', b'\n']),
        10..=99 => out.extend_from_slice(&[sigil, digit(number / 10), digit(number), b'\r', b'\n']),
        _ => {
            out.push(sigil);
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `write` sends in RESP2 and in RESP3.
    fn both(write: impl Fn(&mut Reply<'_>)) -> [String; 2] {
        [Version::V2, Version::V3].map(|version| {
            let mut output = Output::new();
            write(&mut Reply::new(&mut output, version));
            let bytes: Vec<u8> = output.segments(0).flatten().copied().collect();
            String::from_utf8(bytes).expect("the tests send text")
        })
    }

    /// The replies of redis-server 7.0.15, many of them from `DEBUG PROTOCOL`.
    #[test]
    fn kinds_in_both_versions() {
        type Write = fn(&mut Reply<'_>);
        let cases: &[(Write, &str, &str)] = &[
            (|r| r.ok(), "+OK\r\n", "+OK\r\n"),
            (|r| r.simple("PONG"), "+PONG\r\n", "+PONG\r\n"),
            (|r| r.null(), "$-1\r\n", "_\r\n"),
            (|r| r.null_array(), "*-1\r\n", "_\r\n"),
            (|r| r.array(3), "*3\r\n", "*3\r\n"),
            (|r| r.map(6), "*12\r\n", "%6\r\n"),
            (|r| r.set(100), "*100\r\n", "~100\r\n"),
            (|r| r.push(2), "*2\r\n", ">2\r\n"),
            (|r| r.double(0.1), "$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n"),
            (|r| r.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n"),
            (|r| r.boolean(true), ":1\r\n", "#t\r\n"),
            (|r| r.boolean(false), ":0\r\n", "#f\r\n"),
            (
                |r| r.big_number("1234567999999999999999999999999999999"),
                "$37\r\n1234567999999999999999999999999999999\r\n",
                "(1234567999999999999999999999999999999\r\n",
            ),
            (
                |r| r.verbatim("txt", b"This is a verbatim\nstring"),
                "$25\r\nThis is a verbatim\nstring\r\n",
                "=29\r\ntxt:This is a verbatim\nstring\r\n",
            ),
        ];
        for (write, resp2, resp3) in cases {
            assert_eq!(both(write), [*resp2, *resp3]);
        }
    }

    #[test]
    fn integers_and_lengths_of_every_size() {
        for number in [i64::MIN, -10, -9, -1, 0, 1, 9, 10, 99, 100, 1000, i64::MAX] {
            assert_eq!(both(|r| r.integer(number))[0], format!(":{number}\r\n"));
            let digits = number.to_string();
            let expected = format!("${}\r\n{digits}\r\n", digits.len());
            assert_eq!(both(|r| r.bulk_integer(number))[0], expected);
        }
        for len in [0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 16_383, 16_384, 100_000] {
            let value = "v".repeat(len);
            let expected = format!("${len}\r\n{value}\r\n");
            assert_eq!(both(|r| r.bulk(value.as_bytes()))[0], expected);
            let shared = Bytes::from(value);
            assert_eq!(both(|r| r.bulk_shared(&shared))[1], expected);
        }
        assert_eq!(both(|r| r.array(usize::MAX))[0], format!("*{}\r\n", usize::MAX));
    }

    #[test]
    fn errors_stay_on_one_line() {
        assert_eq!(both(|r| r.error("ERR a\r\nb\nc"))[1], "-ERR a  b c\r\n");
    }

    #[test]
    fn only_large_values_leave_by_reference() {
        for (len, copied) in [(SHARED_FROM - 1, true), (SHARED_FROM, false)] {
            let mut output = Output::new();
            Reply::new(&mut output, Version::V2).bulk_shared(&Bytes::from(vec![b'v'; len]));
            assert_eq!(output.is_contiguous(), copied, "{len} bytes");
        }
    }
}
