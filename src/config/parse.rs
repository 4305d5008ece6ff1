//! Values from text, by the rules of redis.conf and with the errors of Redis 7.0.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::ops::RangeInclusive;

use super::values::{BindAddress, ClientMemory};
use crate::number::parse_i64;

/// Why a text is no value of its directive.
#[derive(Debug, PartialEq, Eq)]
pub enum ValueError {
    NotInteger,
    NotOctal,
    NotMemory,
    NotMemoryOrPercent,
    AbovePercent,
    NotYesOrNo,
    OutOfRange {
        min: i64,
        max: u64,
    },
    /// Like `OutOfRange`, for a number that is written in octal.
    AboveOctal {
        max: u32,
    },
    NotOneOf {
        names: Vec<&'static str>,
    },
    NotAddress {
        text: String,
    },
    NotSavePoints,
    /// Not four words for each class.
    OutputLimitWords,
    OutputLimitClass,
    OutputLimitNumber,
    /// Nothing else is true of this server.
    Only {
        value: &'static str,
    },
    /// It would ask for persistence; only this value does not.
    NothingOnDisk {
        only: &'static str,
    },
    NotText,
    /// What the directives of TLS name is of no use; the log says why.
    Tls,
    /// Each client takes an open file, and the system allows no more than this many.
    TooManyClients {
        most: u64,
    },
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInteger => f.write_str("argument couldn't be parsed into an integer"),
            Self::NotOctal => f.write_str("argument couldn't be parsed as an octal number"),
            Self::NotMemory => f.write_str("argument must be a memory value"),
            Self::NotMemoryOrPercent => f.write_str("argument must be a memory or percent value"),
            Self::AbovePercent => f.write_str("percentage argument must be less or equal to 100"),
            Self::NotYesOrNo => f.write_str("argument must be 'yes' or 'no'"),
            Self::OutOfRange { min, max } => {
                write!(f, "argument must be between {min} and {max} inclusive")
            }
            Self::AboveOctal { max } => {
                write!(f, "argument must be between 0 and {max:o} inclusive")
            }
            Self::NotOneOf { names } => {
                write!(f, "argument(s) must be one of the following: {}", names.join(", "))
            }
            Self::NotAddress { text } => write!(f, "'{text}' is no IP address or host name"),
            Self::NotSavePoints => f.write_str("Invalid save parameters"),
            Self::OutputLimitWords => {
                f.write_str("Wrong number of arguments in buffer limit configuration.")
            }
            Self::OutputLimitClass => {
                f.write_str("Invalid client class specified in buffer limit configuration.")
            }
            Self::OutputLimitNumber => f.write_str(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            ),
            Self::Only { value } => write!(f, "it can only be '{value}'"),
            Self::NothingOnDisk { only } => {
                write!(f, "nothing is kept on disk: it can only be '{only}'")
            }
            Self::NotText => f.write_str("argument must be UTF-8 text"),
            Self::Tls => f.write_str("Unable to update TLS configuration. Check server logs."),
            Self::TooManyClients { most } => write!(
                f,
                "The operating system is not able to handle the specified number of clients, \
                 try with {most}"
            ),
        }
    }
}

impl std::error::Error for ValueError {}

/// A value that is one of a few words.
pub(super) trait Choice: Copy + PartialEq + 'static {
    /// All of them, each with its name in lower case.
    const NAMES: &'static [(&'static str, Self)];
}

/// The value of that name, in any case.
pub(super) fn choice<T: Choice>(text: &str) -> Result<T, ValueError> {
    let found = T::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value).ok_or_else(|| ValueError::NotOneOf {
        names: T::NAMES.iter().map(|(name, _)| *name).collect(),
    })
}

/// The name of a value.
pub(super) fn choice_name<T: Choice>(value: T) -> String {
    let found = T::NAMES.iter().find(|(_, other)| *other == value);
    found.map_or_else(String::new, |(name, _)| (*name).to_owned())
}

/// A decimal number without sign, spaces or leading zeros.
pub(super) fn integer(text: &str, range: RangeInclusive<u64>) -> Result<u64, ValueError> {
    let value = parse_i64(text.as_bytes()).ok_or(ValueError::NotInteger)?;
    // A negative number is an integer, but below every range.
    u64::try_from(value).ok().filter(|value| range.contains(value)).ok_or_else(|| outside(range))
}

/// As [`integer`], where a sign is allowed.
pub(super) fn signed(text: &str, range: RangeInclusive<i64>) -> Result<i64, ValueError> {
    let value = parse_i64(text.as_bytes()).ok_or(ValueError::NotInteger)?;
    let (min, max) = (*range.start(), *range.end() as u64);
    if range.contains(&value) { Ok(value) } else { Err(ValueError::OutOfRange { min, max }) }
}

/// Permission bits in octal.
pub(super) fn permissions(text: &str) -> Result<u32, ValueError> {
    const MAX: u32 = 0o777;
    match u32::from_str_radix(text, 8) {
        Ok(bits) if bits <= MAX => Ok(bits),
        Ok(_) => Err(ValueError::AboveOctal { max: MAX }),
        Err(_) => Err(ValueError::NotOctal),
    }
}

/// A number of bytes: `100`, `100b`, `1k` (1000), `1kb` (1024), and so on with m and g.
pub(super) fn memory(text: &str, range: RangeInclusive<u64>) -> Result<u64, ValueError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return Err(ValueError::NotMemory),
    };
    // A unit alone counts as 0, as in Redis; too many digits are out of range, not wrapped.
    let number = match number {
        "" => 0,
        digits => digits.parse().unwrap_or(u64::MAX),
    };
    let bytes = number.saturating_mul(unit);
    if range.contains(&bytes) { Ok(bytes) } else { Err(outside(range)) }
}

/// A number of bytes, or a percentage.
pub(super) fn memory_or_percent(text: &str) -> Result<ClientMemory, ValueError> {
    let percent = text.strip_suffix('%').and_then(|number| parse_i64(number.as_bytes()));
    match percent.map(u64::try_from) {
        Some(Ok(0)) => Ok(ClientMemory::Bytes(0)),
        Some(Ok(percent @ ..=100)) => Ok(ClientMemory::Percent(percent)),
        Some(Ok(_)) => Err(ValueError::AbovePercent),
        _ => match memory(text, 0..=i64::MAX as u64) {
            Err(ValueError::NotMemory) => Err(ValueError::NotMemoryOrPercent),
            bytes => bytes.map(ClientMemory::Bytes),
        },
    }
}

pub(super) fn yes_or_no(text: &str) -> Result<bool, ValueError> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(ValueError::NotYesOrNo),
    }
}

/// The one value that a directive may have.
pub(super) fn only(value: &'static str, text: &str) -> Result<(), ValueError> {
    if text == value { Ok(()) } else { Err(ValueError::Only { value }) }
}

/// Addresses with spaces between them. `*` and `::*` stand for all of IPv4 and IPv6; a `-` in
/// front makes an address optional.
pub(super) fn addresses(text: &str) -> Result<Vec<BindAddress>, ValueError> {
    let several: Result<Vec<_>, _> = text.split_ascii_whitespace().map(address).collect();
    Ok(several?.concat())
}

/// An address, or all addresses that a host name stands for.
fn address(text: &str) -> Result<Vec<BindAddress>, ValueError> {
    let bare = text.strip_prefix('-').unwrap_or(text);
    let ips = match bare {
        "*" => vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)],
        "::*" => vec![IpAddr::V6(Ipv6Addr::UNSPECIFIED)],
        bare => resolve(bare).ok_or_else(|| ValueError::NotAddress { text: bare.to_owned() })?,
    };
    let bind = |ip| BindAddress { ip, optional: bare != text, text: text.to_owned() };
    Ok(ips.into_iter().map(bind).collect())
}

fn resolve(host: &str) -> Option<Vec<IpAddr>> {
    // What looks like an address is one, or is wrong: no name server need be asked.
    let is_number = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match host.parse() {
        Ok(ip) => Some(vec![ip]),
        Err(_) if is_number || host.contains(':') => None,
        Err(_) => Some((host, 0).to_socket_addrs().ok()?.map(|found| found.ip()).collect()),
    }
}

/// Redis' save points, `<seconds> <changes>` any number of times, of which none can be kept yet.
pub(super) fn no_save_points(text: &str) -> Result<(), ValueError> {
    let numbers: Vec<&str> = text.split_ascii_whitespace().collect();
    if numbers.is_empty() {
        return Ok(());
    }
    let are_pairs = numbers.len().is_multiple_of(2);
    if !are_pairs || numbers.iter().any(|number| number.parse::<u32>().is_err()) {
        return Err(ValueError::NotSavePoints);
    }
    Err(ValueError::NothingOnDisk { only: "" })
}

fn outside(range: RangeInclusive<u64>) -> ValueError {
    ValueError::OutOfRange { min: *range.start() as i64, max: *range.end() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogLevel;

    #[test]
    fn integers_are_strict() {
        assert_eq!(integer("0", 0..=5), Ok(0));
        assert_eq!(integer("5", 0..=5), Ok(5));
        for text in ["", " 1", "1 ", "+1", "01", "-0", "1k", "9223372036854775808"] {
            assert_eq!(integer(text, 0..=5), Err(ValueError::NotInteger), "{text}");
        }
        for text in ["-1", "6", "9223372036854775807"] {
            let outside = ValueError::OutOfRange { min: 0, max: 5 };
            assert_eq!(integer(text, 0..=5), Err(outside), "{text}");
        }
    }

    #[test]
    fn memory_takes_the_units_of_redis_conf() {
        let sizes = [
            ("7", 7),
            ("7b", 7),
            ("2k", 2000),
            ("2KB", 2048),
            ("5m", 5_000_000),
            ("5mB", 5 << 20),
            ("1g", 1_000_000_000),
            ("1gb", 1 << 30),
            ("", 0),
            ("k", 0),
        ];
        for (text, bytes) in sizes {
            assert_eq!(memory(text, 0..=u64::MAX), Ok(bytes), "{text}");
        }
        for text in ["-1", "1.5mb", " 1k", "1 k", "1mbb", "1t", "ü"] {
            assert_eq!(memory(text, 0..=9), Err(ValueError::NotMemory), "{text}");
        }
        for text in ["10", "1k", "99999999999999999999", "99999999999999999gb"] {
            assert_eq!(memory(text, 0..=9), Err(outside(0..=9)), "{text}");
        }
    }

    #[test]
    fn memory_may_be_a_percentage() {
        let read = |text| memory_or_percent(text).map_err(|error| error.to_string());
        assert_eq!(read("5%"), Ok(ClientMemory::Percent(5)));
        assert_eq!(read("100%"), Ok(ClientMemory::Percent(100)));
        for (text, bytes) in [("0%", 0), ("0", 0), ("", 0), ("1mb", 1 << 20)] {
            assert_eq!(read(text), Ok(ClientMemory::Bytes(bytes)), "{text}");
        }
        for text in ["-1%", "-1", "%", "05%", "5x%", "5 %", "x"] {
            let error = "argument must be a memory or percent value";
            assert_eq!(read(text).unwrap_err(), error, "{text}");
        }
        assert_eq!(read("101%").unwrap_err(), "percentage argument must be less or equal to 100");
    }

    #[test]
    fn permissions_are_octal() {
        assert_eq!(permissions("0755"), Ok(0o755));
        assert_eq!(permissions("999"), Err(ValueError::NotOctal));
        let too_many = permissions("1777").unwrap_err();
        assert_eq!(too_many.to_string(), "argument must be between 0 and 777 inclusive");
    }

    #[test]
    fn choices_ignore_case_and_list_themselves() {
        assert_eq!(choice("VERBOSE"), Ok(LogLevel::Verbose));
        let error = choice::<LogLevel>("").unwrap_err();
        assert!(error.to_string().ends_with(": debug, verbose, notice, warning, nothing"));
    }

    #[test]
    fn addresses_may_be_several_and_optional() {
        let read = addresses(" 127.0.0.1 -::1  * -::*").unwrap();
        let read: Vec<_> =
            read.iter().map(|address| (address.ip.to_string(), address.optional)).collect();
        let expected = [("127.0.0.1", false), ("::1", true), ("0.0.0.0", false), ("::", true)];
        assert_eq!(read, expected.map(|(ip, optional)| (ip.to_owned(), optional)));
        assert_eq!(addresses(""), Ok(vec![]));
        let error = addresses("127.0.0.1 -256.1.1.1").unwrap_err();
        assert_eq!(error.to_string(), "'256.1.1.1' is no IP address or host name");
        let named = addresses("-localhost").unwrap();
        assert!(named.iter().all(|address| address.ip.is_loopback() && address.optional));
        assert!(!named.is_empty());
    }

    #[test]
    fn only_an_empty_list_of_save_points_is_taken() {
        assert_eq!(no_save_points(""), Ok(()));
        assert_eq!(no_save_points("60 1 5"), Err(ValueError::NotSavePoints));
        assert_eq!(no_save_points("60 1"), Err(ValueError::NothingOnDisk { only: "" }));
    }
}
