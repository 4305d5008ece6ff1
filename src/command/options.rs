//! Reading the words of a request: numbers and options.

use super::Error;
use crate::clock::Now;
use crate::number::parse_i64;

/// An integer argument.
#[inline]
pub fn integer(word: &[u8]) -> Result<i64, Error> {
    parse_i64(word).ok_or(Error::NotAnInteger)
}

/// How many of something, 0 or more.
pub fn positive(word: &[u8]) -> Result<usize, Error> {
    let number = parse_i64(word).and_then(|number| usize::try_from(number).ok());
    number.ok_or(Error::NotPositive)
}

/// An integer argument that Redis keeps in a C `int`.
pub fn integer32(word: &[u8]) -> Result<i32, Error> {
    let bounds = Error::NotBetween(i32::MIN.into(), i32::MAX.into());
    i32::try_from(integer(word)?).map_err(|_| bounds)
}

/// The number of one of `databases` databases.
pub fn database(word: &[u8], databases: usize) -> Result<usize, Error> {
    let number = usize::try_from(integer32(word)?).ok();
    number.filter(|number| *number < databases).ok_or(Error::DatabaseOutOfRange)
}

/// Whether the word is this option, in any case. `option` is in upper case.
#[inline]
pub fn is(word: &[u8], option: &str) -> bool {
    word.eq_ignore_ascii_case(option.as_bytes())
}

/// What an option says of a key's expiry. A request takes one such option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime<'a> {
    #[default]
    Unsaid,
    /// KEEPTTL
    Keep,
    /// PERSIST
    Persist,
    /// EX, PX, EXAT or PXAT, and its number: other options' faults are reported before the number's.
    Until(Deadline, &'a [u8]),
}

impl<'a> Lifetime<'a> {
    /// Reads EX, PX, EXAT or PXAT, with the number from the `words` that follow.
    pub fn until(word: &[u8], words: &mut impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        Some(Self::Until(Deadline::option(word)?, words.next()?))
    }

    /// Takes an option. False if it contradicts an earlier one; the same option again replaces it.
    pub fn accept(&mut self, option: Self) -> bool {
        let agrees = match (*self, option) {
            (Self::Unsaid, _) => true,
            (Self::Until(before, _), Self::Until(now, _)) => before == now,
            (before, now) => before == now,
        };
        if agrees {
            *self = option;
        }
        agrees
    }
}

/// How a number names a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    InSeconds,
    InMilliseconds,
    /// Seconds since the Unix epoch.
    AtSeconds,
    /// Milliseconds since the Unix epoch.
    AtMilliseconds,
}

impl Deadline {
    fn option(word: &[u8]) -> Option<Self> {
        let options = [
            ("EX", Self::InSeconds),
            ("PX", Self::InMilliseconds),
            ("EXAT", Self::AtSeconds),
            ("PXAT", Self::AtMilliseconds),
        ];
        options.iter().find(|(name, _)| is(word, name)).map(|(_, deadline)| *deadline)
    }

    /// The moment in milliseconds since the Unix epoch; it may be past. Refused, in the name of
    /// `command`, are numbers below one and moments beyond 63 bits.
    pub fn moment(self, number: &[u8], command: &'static str, now: Now) -> Result<u64, Error> {
        let number = integer(number)?;
        let ms = match self {
            Self::InSeconds | Self::AtSeconds => number.checked_mul(1000),
            Self::InMilliseconds | Self::AtMilliseconds => Some(number),
        };
        let start = match self {
            Self::InSeconds | Self::InMilliseconds => now.unix_ms() as i64,
            Self::AtSeconds | Self::AtMilliseconds => 0,
        };
        let moment = ms.filter(|ms| *ms > 0).and_then(|ms| ms.checked_add(start));
        moment.map(|moment| moment as u64).ok_or(Error::ExpireTime(command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_counted_from_now_or_from_the_epoch() {
        let now = Now { unix_us: 5_000_999, ..Now::read() };
        let moment = |deadline: Deadline, number: &str| {
            deadline.moment(number.as_bytes(), "set", now).map_err(|error| error.to_string())
        };
        assert_eq!(moment(Deadline::InSeconds, "2"), Ok(7_000));
        assert_eq!(moment(Deadline::InMilliseconds, "2"), Ok(5_002));
        assert_eq!(moment(Deadline::AtSeconds, "2"), Ok(2_000));
        assert_eq!(moment(Deadline::AtMilliseconds, "2"), Ok(2));

        let most = i64::MAX.to_string();
        let refused = Err("ERR invalid expire time in 'set' command".to_owned());
        assert_eq!(moment(Deadline::AtMilliseconds, &most), Ok(i64::MAX as u64));
        assert_eq!(moment(Deadline::InMilliseconds, &most), refused);
        assert_eq!(moment(Deadline::AtSeconds, &most), refused);
        for number in ["0", "-1", "-9223372036854775808"] {
            for deadline in [Deadline::InSeconds, Deadline::AtMilliseconds] {
                assert_eq!(moment(deadline, number), refused, "{number}");
            }
        }
        let no_integer = Err("ERR value is not an integer or out of range".to_owned());
        assert_eq!(moment(Deadline::InSeconds, "1.5"), no_integer);
    }

    #[test]
    fn a_request_takes_one_option_of_expiry() {
        let (mut none, mut number) = (std::iter::empty(), std::iter::once(&b"5"[..]));
        assert_eq!(Lifetime::until(b"EX", &mut none), None);
        assert_eq!(Lifetime::until(b"EXX", &mut number), None);
        let ex = Lifetime::until(b"eX", &mut number).expect("an option and its number");
        let px = Lifetime::Until(Deadline::InMilliseconds, b"7");
        let ex_again = Lifetime::Until(Deadline::InSeconds, b"9");
        let options = [Lifetime::Keep, Lifetime::Persist, ex, px];
        for (i, first) in options.into_iter().enumerate() {
            for (j, second) in options.into_iter().enumerate() {
                let mut lifetime = Lifetime::default();
                assert!(lifetime.accept(first));
                assert_eq!(lifetime.accept(second), i == j, "{first:?} and {second:?}");
                assert_eq!(lifetime, first);
            }
        }
        let mut lifetime = ex;
        assert!(lifetime.accept(ex_again));
        assert_eq!(lifetime, ex_again);
    }
}
