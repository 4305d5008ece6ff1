//! Binary floating point by hand: what both the double and the long double need.

/// `mantissa * 2^exponent`. If it stands for a number of more digits, its lowest bit is set, so that it
/// still rounds as that number would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Binary {
    pub(super) mantissa: u128,
    pub(super) exponent: i64,
}

impl Binary {
    /// Reads what follows `0x`: hexadecimal digits with perhaps a point, then perhaps `p` and a
    /// decimal exponent of two.
    pub(super) fn parse_hex(text: &[u8]) -> Option<Self> {
        let split = text.iter().position(|byte| matches!(byte, b'p' | b'P'));
        let (digits, power) = match split {
            Some(place) => (&text[..place], parse_power(&text[place + 1..])?),
            None => (text, 0),
        };
        let mut value = Self { mantissa: 0, exponent: 0 };
        let (mut point, mut any) = (false, false);
        for &byte in digits {
            if byte == b'.' && !point {
                point = true;
                continue;
            }
            let digit = char::from(byte).to_digit(16)?;
            any = true;
            if value.mantissa >> 120 == 0 {
                value.mantissa = (value.mantissa << 4) | u128::from(digit);
                value.exponent -= if point { 4 } else { 0 };
            } else {
                value.mantissa |= u128::from(digit != 0);
                value.exponent += if point { 0 } else { 4 };
            }
        }
        value.exponent = value.exponent.saturating_add(power);
        any.then_some(value)
    }

    /// Rounds to at most `precision` bits, of which none is worth less than `2^min_exponent`; half goes
    /// to even.
    pub(super) fn round(self, precision: u32, min_exponent: i64) -> Self {
        let bits = 128 - self.mantissa.leading_zeros();
        let surplus = i64::from(bits) - i64::from(precision);
        let drop = surplus.max(min_exponent.saturating_sub(self.exponent));
        if drop <= 0 {
            return self;
        }
        let exponent = self.exponent.saturating_add(drop);
        if drop > i64::from(bits) {
            return Self { mantissa: 0, exponent };
        }
        let drop = drop as u32;
        let kept = self.mantissa.checked_shr(drop).unwrap_or(0);
        let half = 1 << (drop - 1);
        let dropped = self.mantissa & (half | (half - 1));
        let up = dropped > half || (dropped == half && kept & 1 == 1);
        Self { mantissa: kept + u128::from(up), exponent }
    }

    /// The nearest double; infinity or zero if it is out of range.
    pub(super) fn to_f64(self) -> f64 {
        let Self { mantissa, exponent } = self.round(53, -1074);
        if mantissa == 0 {
            return 0.0;
        }
        // In three steps, as a single power of two could be out of range where the product is not.
        // Each is exact: a product that is subnormal has no bits to lose after rounding above.
        let exponent = exponent.clamp(-1200, 1200) as i32;
        let step = exponent / 3;
        let power = 2f64.powi(step);
        mantissa as f64 * power * power * 2f64.powi(exponent - 2 * step)
    }
}

/// A decimal exponent; what is out of range is very large.
pub(super) fn parse_power(text: &[u8]) -> Option<i64> {
    let (negative, digits) = super::split_sign(text);
    if digits.is_empty() {
        return None;
    }
    let mut power = 0i64;
    for &byte in digits {
        let digit = char::from(byte).to_digit(10)?;
        power = (power * 10 + i64::from(digit)).min(1 << 40);
    }
    Some(if negative { -power } else { power })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_half_to_even() {
        let round = |mantissa, precision| {
            let rounded = Binary { mantissa, exponent: 0 }.round(precision, -1000);
            (rounded.mantissa, rounded.exponent)
        };
        assert_eq!(round(0b1010, 4), (0b1010, 0));
        assert_eq!(round(0b1010, 2), (0b10, 2));
        assert_eq!(round(0b1110, 2), (0b100, 2));
        assert_eq!(round(0b1011, 2), (0b11, 2));
        assert_eq!(round(u128::MAX, 64), (1 << 64, 64));
        assert_eq!(
            Binary { mantissa: 3, exponent: -4 }.round(64, -3),
            Binary { mantissa: 2, exponent: -3 }
        );
        assert_eq!(Binary { mantissa: u128::MAX, exponent: 0 }.round(64, 128).mantissa, 1);
        assert_eq!(Binary { mantissa: u128::MAX, exponent: 0 }.round(64, 129).mantissa, 0);
    }

    #[test]
    fn hexadecimal_doubles_are_exact() {
        let parse = |text: &str| Binary::parse_hex(text.as_bytes()).map(Binary::to_f64);
        assert_eq!(parse("10"), Some(16.0));
        assert_eq!(parse("1.8p-2"), Some(0.375));
        assert_eq!(parse(".8P+1"), Some(1.0));
        assert_eq!(parse("1."), Some(1.0));
        assert_eq!(parse("1.fffffffffffffp1023"), Some(f64::MAX));
        assert_eq!(parse("1p-1074"), Some(f64::from_bits(1)));
        assert_eq!(parse("1.8p-1075"), Some(f64::from_bits(1)));
        assert_eq!(parse("1p-1075"), Some(0.0));
        assert_eq!(parse("1p1024"), Some(f64::INFINITY));
        assert_eq!(parse("1p99999999999999999999"), Some(f64::INFINITY));
        assert_eq!(parse("1p-99999999999999999999"), Some(0.0));
        // One bit far behind the point decides between half and more than half.
        assert_eq!(parse("1.00000000000008"), Some(1.0));
        assert_eq!(
            parse("1.00000000000008000000000000000000000000000001"),
            Some(1.0 + f64::EPSILON)
        );
        for refused in ["", ".", "1p", "1p+", "1..", "g", "1pp1", "p1", "1p1.0"] {
            assert_eq!(parse(refused), None, "{refused}");
        }
    }
}
