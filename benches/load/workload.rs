//! What the generator asks for, and which bytes it must get back.

use std::ops::Range;

/// What one request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Echo,
    Get,
    Set,
}

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Get => "GET",
            Self::Set => "SET",
        }
    }
}

/// How a server wants to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Redis' protocol; or no protocol at all, for [`Operation::Echo`].
    Redis,
    /// memcached's text protocol.
    Memcached,
    /// Redis' requests, all of them answered with +OK.
    Floor,
}

/// The number of a key, or of an echoed message, as twelve digits.
pub type Number = [u8; 12];

/// Requests of one shape, each about another number, and the replies they must get.
#[derive(Clone, Debug)]
pub struct Workload {
    pub request: Template,
    pub reply: Template,
}

impl Workload {
    pub fn new(protocol: Protocol, operation: Operation, value: usize) -> Self {
        let length = value.to_string();
        let bulk = |template: Template| {
            template.text("$").text(&length).text("\r\n").value(value).text("\r\n")
        };
        let request = |words| Template::default().text(words).key();
        let set = "*3\r\n$3\r\nSET\r\n$16\r\n";
        let get = "*2\r\n$3\r\nGET\r\n$16\r\n";
        let (request, reply) = match (protocol, operation) {
            (_, Operation::Echo) => {
                let message = Template::default().value(value);
                (message.clone(), message)
            }
            (Protocol::Redis | Protocol::Floor, Operation::Set) => {
                (bulk(request(set).text("\r\n")), Template::default().text("+OK\r\n"))
            }
            (Protocol::Redis, Operation::Get) => {
                (request(get).text("\r\n"), bulk(Template::default()))
            }
            (Protocol::Floor, Operation::Get) => {
                (request(get).text("\r\n"), Template::default().text("+OK\r\n"))
            }
            (Protocol::Memcached, Operation::Set) => {
                let request = request("set ").text(" 0 0 ").text(&length).text("\r\n");
                (request.value(value).text("\r\n"), Template::default().text("STORED\r\n"))
            }
            (Protocol::Memcached, Operation::Get) => {
                let reply = Template::default().text("VALUE ").key().text(" 0 ").text(&length);
                let reply = reply.text("\r\n").value(value).text("\r\nEND\r\n");
                (request("get ").text("\r\n"), reply)
            }
        };
        Self { request, reply }
    }
}

/// Bytes with places for a number.
#[derive(Clone, Debug, Default)]
pub struct Template {
    bytes: Vec<u8>,
    /// A place that is shorter than the number takes its last digits.
    places: Vec<Range<usize>>,
}

impl Template {
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    fn text(mut self, text: &str) -> Self {
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    /// Sixteen bytes that name the key of a number.
    fn key(self) -> Self {
        let mut key = self.text("key:");
        key.number(size_of::<Number>());
        key
    }

    /// A value that belongs to the number. It begins with a letter, so that no server can keep it as
    /// an integer, and has no two neighbours alike, so that shifted bytes are seen.
    fn value(mut self, length: usize) -> Self {
        let end = self.bytes.len() + length;
        if length > 0 {
            self.bytes.push(b'v');
            self.number((length - 1).min(size_of::<Number>()));
        }
        let letters = (b'a'..=b'z').cycle().take(end - self.bytes.len());
        self.bytes.extend(letters);
        self
    }

    fn number(&mut self, digits: usize) {
        let start = self.bytes.len();
        self.bytes.extend(std::iter::repeat_n(b'0', digits));
        self.places.push(start..start + digits);
    }

    /// Appends the bytes for a number.
    #[inline]
    pub fn append(&self, number: &Number, to: &mut Vec<u8>) {
        let start = to.len();
        to.extend_from_slice(&self.bytes);
        self.stamp(number, &mut to[start..]);
    }

    /// Makes the bytes for some other number those for `number`.
    #[inline]
    pub fn stamp(&self, number: &Number, bytes: &mut [u8]) {
        for place in &self.places {
            bytes[place.clone()].copy_from_slice(&number[number.len() - place.len()..]);
        }
    }

    /// Whether `piece` is what stands at `offset` of the bytes for a number.
    #[inline]
    pub fn matches(&self, offset: usize, piece: &[u8], number: &Number) -> bool {
        let end = offset + piece.len();
        let sent = |from: usize, until: usize| &piece[from - offset..until - offset];
        let mut from = offset;
        for place in &self.places {
            let (start, stop) = (place.start.clamp(from, end), place.end.clamp(from, end));
            // The piece may begin or end within the digits.
            let first = number.len() - place.len() + start.saturating_sub(place.start);
            let digits = &number[first.min(number.len())..][..stop - start];
            if sent(from, start) != &self.bytes[from..start] || sent(start, stop) != digits {
                return false;
            }
            from = stop;
        }
        sent(from, end) == &self.bytes[from..end]
    }
}

/// A number's digits.
#[inline]
pub fn number(mut n: u64) -> Number {
    let mut digits = [b'0'; size_of::<Number>()];
    for digit in digits.iter_mut().rev() {
        if n == 0 {
            break;
        }
        *digit = b'0' + (n % 10) as u8;
        n /= 10;
    }
    digits
}
