//! Numbers in text, by the rules of Redis 7.0: what it accepts, what it refuses and what it prints.

mod binary;
mod decimal;
pub mod long_double;

use binary::Binary;
use decimal::Decimal;
use std::ops::Deref;

/// An integer in its one canonical form: no plus sign, no leading zero, no space, no `-0`.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => match parse_u64(digits)? {
            0 => None,
            magnitude => 0i64.checked_sub_unsigned(magnitude),
        },
        digits => i64::try_from(parse_u64(digits)?).ok(),
    }
}

/// As [`parse_i64`], without a sign.
#[inline]
pub fn parse_u64(digits: &[u8]) -> Option<u64> {
    match digits {
        [b'0'] => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    // Nineteen digits always fit, so only the twentieth is watched for overflow.
    let (safe, rest) = digits.split_at(digits.len().min(19));
    let mut number = 0;
    for &byte in safe {
        number = number * 10 + digit(byte)?;
    }
    for &byte in rest {
        number = number.checked_mul(10)?.checked_add(digit(byte)?)?;
    }
    Some(number)
}

#[inline]
fn digit(byte: u8) -> Option<u64> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(u64::from(digit))
}

/// A floating point number as a score or an increment: decimal, hexadecimal (`0x1.8p3`) or infinite.
///
/// Refused are NaN, white space, and what is so large or so small that it would become infinity or
/// zero.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let value = strtod(text)?;
    let overflown = value.is_infinite() && text.iter().any(u8::is_ascii_digit);
    let vanished = value == 0.0 && has_nonzero_digit(text);
    (!overflown && !vanished).then_some(value)
}

/// A bound of a range of scores, without its `(`. More is accepted than by [`parse_f64`], as Redis
/// reads it as a C string: leading white space, whatever follows a zero byte, nothing at all (zero),
/// and numbers that become infinity or zero.
pub fn parse_bound(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    let start = text[..end].iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'));
    match start {
        Some(start) => strtod(&text[start..end]),
        None => (end == 0).then_some(0.0),
    }
}

/// A weight that SORT sorts by: as [`parse_bound`], but numbers that are out of range are refused.
pub fn parse_weight(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'));
    match start {
        // C's library takes what has lost digits by its smallness for out of range as well.
        Some(start) => parse_f64(&text[start..]).filter(|weight| !weight.is_subnormal()),
        None => text.is_empty().then_some(0.0),
    }
}

/// The number that `text` is from end to end; infinity or zero if it is out of range; never NaN.
fn strtod(text: &[u8]) -> Option<f64> {
    if let Some(whole) = parse_short_digits(text) {
        return Some(whole as f64);
    }
    if let Some((negative, digits)) = split_hex(text) {
        let value = Binary::parse_hex(digits)?.to_f64();
        return Some(if negative { -value } else { value });
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!value.is_nan()).then_some(value)
}

/// The number that a few digits are: most scores are that, and those are doubles without rounding.
#[inline]
fn parse_short_digits(text: &[u8]) -> Option<u64> {
    const MOST: usize = 15;
    if text.is_empty() || text.len() > MOST {
        return None;
    }
    text.iter().try_fold(0, |number, byte| Some(number * 10 + digit(*byte)?))
}

/// Splits `[+-]0x<digits>`. True means negative.
pub(super) fn split_hex(text: &[u8]) -> Option<(bool, &[u8])> {
    let (negative, magnitude) = split_sign(text);
    match magnitude {
        [b'0', b'x' | b'X', digits @ ..] => Some((negative, digits)),
        _ => None,
    }
}

pub(super) fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', magnitude @ ..] => (true, magnitude),
        [b'+', magnitude @ ..] => (false, magnitude),
        magnitude => (false, magnitude),
    }
}

fn has_nonzero_digit(text: &[u8]) -> bool {
    let (exponent, digits): (&[u8], _) = match split_hex(text) {
        Some((_, digits)) => (b"pP", digits),
        None => (b"eE", text),
    };
    let mut mantissa = digits.iter().take_while(|byte| !exponent.contains(byte));
    mantissa.any(|byte| !matches!(byte, b'0' | b'.' | b'+' | b'-'))
}

/// A double as Redis prints it: C's `%.17g`, so `0.1` is `0.10000000000000001`; `inf`, `-inf`, `nan`.
pub fn format_f64(value: f64) -> F64Text {
    let mut text = F64Text { bytes: [0; F64Text::LONGEST], len: 0 };
    if value.is_nan() {
        text.push(b"nan");
    } else if value.is_infinite() {
        text.push(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if value.abs() < EXACT_INTEGERS && value as i64 as f64 == value && value != 0.0 {
        text.push(itoa::Buffer::new().format(value as i64).as_bytes());
    } else {
        text.push_17_digits(value);
    }
    text
}

/// Below this every integer is a double, and has fewer than 17 digits.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// The digits of a double, on the stack.
#[derive(Clone, Copy, Debug)]
pub struct F64Text {
    bytes: [u8; Self::LONGEST],
    len: usize,
}

impl F64Text {
    /// `-1.2345678901234567e-308` has 24 bytes, and no number more.
    const LONGEST: usize = 24;

    fn push(&mut self, text: &[u8]) {
        self.bytes[self.len..self.len + text.len()].copy_from_slice(text);
        self.len += text.len();
    }

    /// The rule of `%g`: 17 digits without trailing zeros, and an exponent only below -4 or from 17 up.
    fn push_17_digits(&mut self, value: f64) {
        let Decimal { digits, exponent } = Decimal::of(value.abs());
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(digits).as_bytes();
        let significant = digits.iter().rposition(|&byte| byte != b'0');
        let digits = &digits[..significant.map_or(1, |last| last + 1)];
        if value.is_sign_negative() {
            self.push(b"-");
        }
        match exponent {
            -4..=-1 => {
                self.push(&b"0.000"[..(1 - exponent) as usize]);
                self.push(digits);
            }
            0..=16 => {
                let whole = exponent as usize + 1;
                let (integer, fraction) = digits.split_at(whole.min(digits.len()));
                self.push(integer);
                self.push(&b"0000000000000000"[..whole - integer.len()]);
                if !fraction.is_empty() {
                    self.push(b".");
                    self.push(fraction);
                }
            }
            _ => self.push_exponent(digits, exponent),
        }
    }

    fn push_exponent(&mut self, digits: &[u8], exponent: i32) {
        self.push(&digits[..1]);
        if digits.len() > 1 {
            self.push(b".");
            self.push(&digits[1..]);
        }
        self.push(if exponent < 0 { b"e-" } else { b"e+" });
        let magnitude = exponent.unsigned_abs();
        if magnitude < 10 {
            self.push(b"0");
        }
        self.push(itoa::Buffer::new().format(magnitude).as_bytes());
    }
}

impl Deref for F64Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn printed(value: f64) -> String {
        String::from_utf8(format_f64(value).to_vec()).expect("ASCII")
    }

    #[test]
    fn integers_have_one_form() {
        for (text, number) in [
            ("0", 0),
            ("-1", -1),
            ("1234567890123456789", 1_234_567_890_123_456_789),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), Some(number));
        }
        for refused in [
            "",
            "-",
            "+",
            "+1",
            " 1",
            "1 ",
            "01",
            "-01",
            "-0",
            "00",
            "1.0",
            "1e3",
            "0x1",
            "1\0",
            "--1",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999999",
            "1234567890123456789x",
        ] {
            assert_eq!(parse_i64(refused.as_bytes()), None, "{refused:?}");
        }
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
        assert_eq!(parse_u64(b"184467440737095516150"), None);
        assert_eq!(parse_u64(b"-1"), None);
    }

    /// What `ZADD` of redis-server 7.0.15 makes of each text.
    #[test]
    fn doubles_are_read_as_redis_reads_them() {
        let cases = [
            ("1", 1.0),
            ("+1", 1.0),
            ("1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e5", 1e5),
            ("1E-2", 0.01),
            ("inf", f64::INFINITY),
            ("+inf", f64::INFINITY),
            ("-INFINITY", f64::NEG_INFINITY),
            ("0x10", 16.0),
            ("0x1p3", 8.0),
            ("-0x1.8p-2", -0.375),
            ("0X.8P0", 0.5),
            ("0e999", 0.0),
            ("0x0p99999", 0.0),
            ("0.0", 0.0),
            ("007", 7.0),
            ("3e-324", 5e-324),
            ("1e-310", 1e-310),
            ("0x1p-1074", 5e-324),
            ("0x1.8p-1075", 5e-324),
        ];
        for (text, value) in cases {
            assert_eq!(parse_f64(text.as_bytes()), Some(value), "{text}");
        }
        assert!(parse_f64(b"-0").is_some_and(|zero| zero == 0.0 && zero.is_sign_negative()));
        for refused in [
            "",
            " 1",
            "1 ",
            "\t5",
            "1\0",
            "\x005",
            ".",
            "1e",
            "1e+",
            "e5",
            "1_0",
            "--1",
            "+-1",
            "1d",
            "infi",
            "nan",
            "NaN",
            "-nan",
            "nan(1)",
            "0x",
            "0x.",
            "0x1p",
            "0xg",
            "0x-1",
            "1e400",
            "-1e400",
            "1e-400",
            "1e-324",
            "0x1p5000",
            "0x1p-5000",
            "0x1p-1075",
        ] {
            assert_eq!(parse_f64(refused.as_bytes()), None, "{refused:?}");
        }
    }

    /// What `ZCOUNT` of redis-server 7.0.15 makes of each text.
    #[test]
    fn bounds_are_c_strings() {
        for (text, value) in [
            ("", 0.0),
            ("\0", 0.0),
            (" 1", 1.0),
            ("\x0b1", 1.0),
            ("1\0zz", 1.0),
            ("1e400", f64::INFINITY),
            ("1e-400", 0.0),
            ("-inf", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse_bound(text.as_bytes()), Some(value), "{text:?}");
        }
        for refused in [" ", "   ", " \0", "+", "-", "1 ", "nan", "0x"] {
            assert_eq!(parse_bound(refused.as_bytes()), None, "{refused:?}");
        }
    }

    /// Recorded from redis-server 7.0.15.
    #[test]
    fn doubles_are_printed_as_redis_prints_them() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.0, "-1"),
            (3.5, "3.5"),
            (0.375, "0.375"),
            (0.1, "0.10000000000000001"),
            (-0.0001, "-0.0001"),
            (1e-5, "1.0000000000000001e-05"),
            (100_000.0, "100000"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (123_456_789_012_345_678.0, "1.2345678901234568e+17"),
            (5e-324, "4.9406564584124654e-324"),
            (1e-310, "9.9999999999999694e-311"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (f64::MAX, "1.7976931348623157e+308"),
            (-f64::MIN_POSITIVE, "-2.2250738585072014e-308"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (2_251_799_813_685_248.5, "2251799813685248.5"),
        ];
        for (value, text) in cases {
            assert_eq!(printed(value), text);
        }
    }

    proptest! {
        #[test]
        fn every_integer_comes_back(number in any::<i64>()) {
            prop_assert_eq!(parse_i64(number.to_string().as_bytes()), Some(number));
        }

        #[test]
        fn every_double_comes_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            let text = format_f64(value);
            prop_assert_eq!(parse_f64(&text).map(f64::to_bits), Some(bits));
        }

        #[test]
        fn any_bytes_are_read_or_refused(text in "[-+0-9a-fxpE. \0]{0,12}") {
            let text = text.as_bytes();
            prop_assert!(parse_f64(text).is_none_or(|value| !value.is_nan()));
            prop_assert!(parse_f64(text).is_none() || parse_bound(text) == parse_f64(text));
            prop_assert!(parse_i64(text).is_none_or(|n| n.to_string().as_bytes() == text));
        }
    }
}
