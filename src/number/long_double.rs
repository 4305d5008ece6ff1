//! The arithmetic of INCRBYFLOAT: as Redis on x86, in the 80-bit `long double` with its mantissa of 64
//! bits, so that `0.1 + 0.2` is `0.3`.

use super::binary::{Binary, parse_power};
use super::{split_hex, split_sign};
use dashu_int::UBig;
use dashu_int::ops::{BitTest, DivRem};
use std::fmt;

/// A number of the x87 extended format, or infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Magnitude {
    Finite(Binary),
    Infinite,
}

/// Bits of the mantissa.
const PRECISION: u32 = 64;
/// The smallest number is 2 to this power.
const MIN_EXPONENT: i64 = -16445;
/// All numbers are below 2 to this power.
const EXPONENT_LIMIT: i64 = 16384;
/// Redis refuses texts from this length up.
const TEXT_LIMIT: usize = 5 * 1024;

impl LongDouble {
    /// The number nearest to a decimal or hexadecimal text, or `inf`.
    ///
    /// Refused are NaN, white space, and what is so large or so small that it would become infinity
    /// or zero.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() >= TEXT_LIMIT {
            return None;
        }
        if let Some((negative, digits)) = split_hex(text) {
            return Self::nearest(negative, Binary::parse_hex(digits)?);
        }
        let (negative, digits) = split_sign(text);
        if digits.eq_ignore_ascii_case(b"inf") || digits.eq_ignore_ascii_case(b"infinity") {
            return Some(Self { negative, magnitude: Magnitude::Infinite });
        }
        Self::nearest(negative, parse_decimal(digits)?)
    }

    pub fn is_finite(self) -> bool {
        self.magnitude != Magnitude::Infinite
    }

    /// The sum, rounded once; none if it is infinite or no number.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (Magnitude::Finite(a), Magnitude::Finite(b)) = (self.magnitude, other.magnitude) else {
            return None;
        };
        match (a.mantissa, b.mantissa) {
            (0, _) => return Some(other),
            (_, 0) => return Some(self),
            _ => {}
        }
        let (a, b) = (normalized(a), normalized(b));
        if (a.exponent, a.mantissa) < (b.exponent, b.mantissa) {
            return other.checked_add(self);
        }
        let (aligned, inexact) = shifted_right(b.mantissa, a.exponent - b.exponent);
        // The part of `b` that was shifted out lies between 0 and 1: a set lowest bit stands for it.
        let mantissa = if self.negative == other.negative {
            (a.mantissa + aligned) | u128::from(inexact)
        } else if inexact {
            (a.mantissa - aligned - 1) | 1
        } else {
            a.mantissa - aligned
        };
        let negative = self.negative && mantissa != 0;
        Self::nearest(negative, Binary { mantissa, exponent: a.exponent })
    }

    /// Rounds; none if the result is out of range.
    fn nearest(negative: bool, exact: Binary) -> Option<Self> {
        let value = exact.round(PRECISION, MIN_EXPONENT);
        let bits = i64::from(u128::BITS - value.mantissa.leading_zeros());
        let vanished = value.mantissa == 0 && exact.mantissa != 0;
        let overflown = value.mantissa != 0 && value.exponent.saturating_add(bits) > EXPONENT_LIMIT;
        let magnitude = Magnitude::Finite(value);
        (!vanished && !overflown).then_some(Self { negative, magnitude })
    }
}

impl From<i64> for LongDouble {
    fn from(number: i64) -> Self {
        let mantissa = u128::from(number.unsigned_abs());
        let magnitude = Magnitude::Finite(Binary { mantissa, exponent: 0 });
        Self { negative: number < 0, magnitude }
    }
}

/// As Redis stores it: up to 17 digits behind the point, no zeros at the end, never an exponent.
impl fmt::Display for LongDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SCALE: u128 = 10u128.pow(17);

        let sign = if self.negative { "-" } else { "" };
        let value = match self.magnitude {
            Magnitude::Finite(value) => value,
            Magnitude::Infinite => return write!(f, "{sign}inf"),
        };
        if value.exponent >= 0 && value.mantissa != 0 {
            return write!(f, "{sign}{}", UBig::from(value.mantissa) << value.exponent as usize);
        }
        // A mantissa of 64 bits and a scale of 57: nothing is lost before the rounding.
        let scaled = Binary { mantissa: value.mantissa * SCALE, ..value };
        let scaled = scaled.round(u128::BITS, 0).mantissa;
        if scaled == 0 {
            return f.write_str("0");
        }
        write!(f, "{sign}{}", scaled / SCALE)?;
        match scaled % SCALE {
            0 => Ok(()),
            fraction => write!(f, ".{}", format!("{fraction:017}").trim_end_matches('0')),
        }
    }
}

/// Moves the highest bit to place 126: room for a carry above, and 62 bits or more below those that
/// rounding will keep. The mantissa is not 0.
fn normalized(value: Binary) -> Binary {
    let shift = value.mantissa.leading_zeros() - 1;
    Binary { mantissa: value.mantissa << shift, exponent: value.exponent - i64::from(shift) }
}

/// The second is true if a bit that was set is lost.
fn shifted_right(mantissa: u128, places: i64) -> (u128, bool) {
    if places >= i64::from(u128::BITS) {
        return (0, mantissa != 0);
    }
    (mantissa >> places, mantissa.trailing_zeros() < places as u32)
}

/// Reads digits with perhaps a point, then perhaps `e` and an exponent of ten.
fn parse_decimal(text: &[u8]) -> Option<Binary> {
    let split = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, power) = match split {
        Some(place) => (&text[..place], parse_power(&text[place + 1..])?),
        None => (text, 0),
    };
    let point = mantissa.iter().position(|&byte| byte == b'.').unwrap_or(mantissa.len());
    let (whole, fraction) = (&mantissa[..point], mantissa.get(point + 1..).unwrap_or_default());
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let leading_zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    let digits = &digits[leading_zeros..];
    if digits.is_empty() {
        return Some(Binary { mantissa: 0, exponent: 0 });
    }
    let power = power - fraction.len() as i64;
    // 10^4933 is too large and 10^-4952 too small in any case; the powers of ten end there.
    let magnitude = power + digits.len() as i64;
    if !(-5000..5000).contains(&magnitude) {
        return None;
    }
    let digits = std::str::from_utf8(digits).expect("they are ASCII digits");
    Some(scaled(UBig::from_str_radix(digits, 10).expect("they are ASCII digits"), power))
}

/// `digits * 10^power`, to 69 bits or more.
fn scaled(digits: UBig, power: i64) -> Binary {
    const BITS: i64 = 70;

    let ten = UBig::from(10u8).pow(power.unsigned_abs() as usize);
    let (mut numerator, mut denominator) =
        if power < 0 { (digits, ten) } else { (digits * ten, UBig::ONE) };
    let shift = BITS - numerator.bit_len() as i64 + denominator.bit_len() as i64;
    if shift > 0 {
        numerator <<= shift as usize;
    } else {
        denominator <<= -shift as usize;
    }
    let (quotient, remainder) = numerator.div_rem(denominator);
    let quotient = u128::try_from(quotient).expect("70 bits, or one more or less");
    Binary { mantissa: quotient | u128::from(!remainder.is_zero()), exponent: -shift }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> LongDouble {
        LongDouble::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a number"))
    }

    fn sum(a: &str, b: &str) -> Option<String> {
        number(a).checked_add(number(b)).map(|sum| sum.to_string())
    }

    /// Recorded from `INCRBYFLOAT` of redis-server 7.0.15 on x86-64.
    #[test]
    fn sums_are_those_of_redis() {
        let cases = [
            ("0.1", "0.2", "0.3"),
            ("10.5", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("3", "-3", "0"),
            ("-0", "-0", "0"),
            ("1", "-1e-17", "0.99999999999999999"),
            ("0", "5e-18", "0"),
            ("0", "5.1e-18", "0.00000000000000001"),
            ("0", "1.5e-17", "0.00000000000000002"),
            ("0", "-4e-18", "0"),
            ("18446744073709551615", "1", "18446744073709551616"),
            ("18446744073709551616", "1", "18446744073709551616"),
            ("18446744073709551617", "2", "18446744073709551618"),
            ("1e19", "0.5", "10000000000000000000"),
            ("9223372036854775808.5", "0", "9223372036854775808"),
            ("9223372036854775809.5", "0", "9223372036854775810"),
            ("1e22", "-1", "10000000000000000000000"),
            ("123456789.123456789", "0.000000001", "123456789.12345678999554366"),
            ("0x1.8p1", "0x.1", "3.0625"),
            ("1e-4950", "1e-4950", "0"),
            ("1", "1e-4950", "1"),
            ("-1e300", "1e300", "0"),
            ("3.14159265358979323846", "2.71828182845904523536", "5.85987448204883847"),
            ("0x1p63", "-0x1p-64", "9223372036854775808"),
            ("0x1p63", "-0x1.8p-1", "9223372036854775807"),
            ("1e25", "1e-10", "10000000000000000000000000"),
            ("-12.5", "0.25", "-12.25"),
        ];
        for (a, b, expected) in cases {
            assert_eq!(sum(a, b).as_deref(), Some(expected), "{a} + {b}");
            assert_eq!(sum(b, a).as_deref(), Some(expected), "{b} + {a}");
        }
    }

    #[test]
    fn the_largest_number_has_4933_digits() {
        let largest = "0xf.fffffffffffffffp16380";
        let digits = sum(largest, "1").expect("one is nothing to it");
        assert_eq!((digits.len(), &digits[..20]), (4933, "11897314953572317650"));
        assert_eq!(sum(largest, largest), None);
        assert_eq!(sum(largest, &format!("-{digits}")).as_deref(), Some("0"));
    }

    #[test]
    fn infinity_is_a_number_but_no_sum() {
        for text in ["inf", "+INF", "-Infinity"] {
            assert!(!number(text).is_finite());
            assert_eq!(sum(text, "1"), None);
            assert_eq!(sum("-inf", text), None);
        }
        assert!(number("1e4932").is_finite());
    }

    #[test]
    fn what_redis_refuses() {
        for text in [
            "",
            " 1",
            "1 ",
            "1\0",
            ".",
            "-",
            "1e",
            "1e+",
            "e5",
            "1_0",
            "--1",
            "+-1",
            "1..2",
            "infi",
            "nan",
            "-nan",
            "0x",
            "0x.",
            "0x1p",
            "1e4933",
            "-1.1897314953572317651e4932",
            "1e5000",
            "1e-5000",
            "1e-4951",
            "0x1p16384",
            "0x1p-16446",
            "1e99999999999999999999",
            "1e-99999999999999999999",
        ] {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
        assert!(LongDouble::parse(&b"1".repeat(TEXT_LIMIT)).is_none());
        let many_zeros = [b"0.".to_vec(), b"0".repeat(5000), b"1e5001".to_vec()].concat();
        assert_eq!(LongDouble::parse(&many_zeros), Some(number("1")));
        assert_eq!(number("0e99999999999999999999").to_string(), "0");
    }

    proptest! {
        #[test]
        fn integers_add_exactly(a in any::<i64>(), b in any::<i64>()) {
            // 64 bits of mantissa hold every sum of two 63-bit magnitudes.
            let expected = (i128::from(a) + i128::from(b)).to_string();
            prop_assert_eq!(sum(&a.to_string(), &b.to_string()), Some(expected.clone()));
            let added = LongDouble::from(a).checked_add(LongDouble::from(b));
            prop_assert_eq!(added.map(|sum| sum.to_string()), Some(expected));
        }

        #[test]
        fn text_comes_back(digits in "-?[0-9](\\.[0-9]{0,8}[1-9])?") {
            prop_assume!(digits != "-0");
            prop_assert_eq!(number(&digits).to_string(), digits);
        }
    }
}
