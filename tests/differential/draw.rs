//! Draws of keys, values, numbers and times.

/// The source of all chance in one run.
#[derive(Debug)]
pub struct Random(fastrand::Rng);

/// Few keys, so that commands meet: plain ones, one that is empty, one with any bytes, a long one.
const KEYS: [&[u8]; 12] = [
    b"a",
    b"b",
    b"c",
    b"d",
    b"e",
    b"f",
    b"key:1",
    b"key:2",
    b"k[x]*",
    b"",
    b"\x00\r\n\xff",
    b"a-key-whose-name-is-longer-than-most-and-is-kept-elsewhere-if-short-ones-are-kept-in-place",
];

const INTEGERS: [&str; 16] = [
    "0",
    "1",
    "-1",
    "10",
    "99",
    "100",
    "-100",
    "9999",
    "10000",
    "2147483648",
    "-2147483649",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775806",
    "4611686018427387904",
    "-4611686018427387905",
];

const FLOATS: [&str; 22] = [
    "0",
    "1.5",
    "-1.5",
    "0.1",
    "0.2",
    "3.0",
    "1e3",
    "1E-5",
    "1e17",
    "1e18",
    "123456789.123456789",
    "-0.0000001",
    "1e300",
    "-1e300",
    "1e-300",
    "5.0e-324",
    "3.14159265358979323846",
    "-0",
    "+1",
    ".5",
    "5.",
    "0x1p3",
];

/// What is no number, or none that a command accepts. Nothing here is a time close ahead, which
/// would make replies depend on when a command arrives.
const GARBAGE: [&[u8]; 22] = [
    b"",
    b"x",
    b"-1",
    b"0",
    b"1.5",
    b"+5",
    b" 5",
    b"5 ",
    b"05",
    b"0x10",
    b"1e3",
    b"nan",
    b"inf",
    b"-inf",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"99999999999999999999999999",
    b"NX",
    b"EX",
    b"a b",
    b"\xff\x00",
    b"--",
];

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A number from 0 to `end - 1`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u8) -> bool {
        self.0.u8(..100) < percent
    }

    pub fn one<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        *self.one(choices)
    }

    pub fn key(&mut self) -> Vec<u8> {
        self.one_of(&KEYS).to_vec()
    }

    /// From one to four keys, maybe the same one twice.
    pub fn keys(&mut self) -> Vec<Vec<u8>> {
        (0..=self.below(4)).map(|_| self.key()).collect()
    }

    /// Integers, floats, texts, any bytes, nothing, and long ones of each encoding.
    pub fn value(&mut self) -> Vec<u8> {
        match self.below(12) {
            0..4 => self.integer(),
            4 | 5 => self.float(),
            6 => Vec::new(),
            7 => self.bytes(44), // the longest that Redis embeds in the object
            8 => self.bytes(45),
            9 if self.chance(20) => {
                let length = self.0.usize(10_000..40_000);
                self.bytes(length)
            }
            _ => {
                let length = self.0.usize(1..200);
                self.bytes(length)
            }
        }
    }

    /// A field or member of a collection: from few, so that commands meet, or from many.
    pub fn member(&mut self) -> Vec<u8> {
        match self.below(8) {
            0..4 => self.one_of(&["a", "b", "c", "1", "2", "-5", "100000", ""]).into(),
            4..7 => self.0.u32(..1000).to_string().into(),
            _ => self.value(),
        }
    }

    /// Mostly readable bytes, sometimes any.
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        match self.chance(70) {
            true => (0..length).map(|_| self.0.u8(b'!'..=b'~')).collect(),
            false => (0..length).map(|_| self.0.u8(..)).collect(),
        }
    }

    /// A text over a small alphabet, so that two of them have much in common.
    pub fn text(&mut self) -> Vec<u8> {
        (0..self.below(40)).map(|_| self.0.u8(b'a'..=b'd')).collect()
    }

    pub fn integer(&mut self) -> Vec<u8> {
        match self.chance(50) {
            true => self.one_of(&INTEGERS).into(),
            false => self.0.i64(-20_000..20_000).to_string().into(),
        }
    }

    pub fn float(&mut self) -> Vec<u8> {
        match self.below(3) {
            0 => self.one_of(&FLOATS).into(),
            1 => format!("{}.{}", self.0.i32(-1000..1000), self.0.u32(..)).into(),
            _ => format!("{:e}", self.0.f64() * 10f64.powi(self.0.i32(-20..20))).into(),
        }
    }

    /// A place in a value, from either end, sometimes far outside.
    pub fn index(&mut self) -> Vec<u8> {
        match self.chance(5) {
            true => self.integer(),
            false => self.0.i32(-60..60).to_string().into(),
        }
    }

    pub fn garbage(&mut self) -> Vec<u8> {
        self.one_of(&GARBAGE).to_vec()
    }

    pub fn database(&mut self) -> String {
        self.one_of(&["0", "0", "1", "2", "15", "16", "-1"]).into()
    }

    /// A time from now in seconds, or in milliseconds with `scale` 1,000: later than the run's end,
    /// or past, or out of range. Hardly any two draws are the same, so that no comparison of two
    /// such times depends on the moment at which a command arrives.
    pub fn ahead(&mut self, scale: u64) -> String {
        match self.below(20) {
            0 => self.one_of(&["0", "-1", "-1000"]).into(),
            1 => self.one_of(&["9223372036854775807", "-9223372036854775808", "x"]).into(),
            2 => self.one_of(&["9223372036854775", "9223372036854776"]).into(),
            _ => (self.0.u64(10_000..1_000_000_000) * scale + self.0.u64(..scale)).to_string(),
        }
    }

    /// A point in time in seconds, or in milliseconds with `scale` 1,000, from a few far ahead.
    pub fn at(&mut self, scale: u64) -> String {
        match self.below(20) {
            0 => self.one_of(&["0", "-1", "1", "1000000000"]).into(),
            1 => self.one_of(&["9223372036854775807", "-9223372036854775808", "x"]).into(),
            2 => self.one_of(&["9223372036854775", "9223372036854776"]).into(),
            _ => (self.0.u64(90_000_000_000..90_000_000_005) * scale).to_string(),
        }
    }
}
