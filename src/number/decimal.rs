//! The first 17 decimal digits of a double, correctly rounded.

use std::io::Write;

/// Digits that tell every double from every other one.
const DIGITS: u32 = 17;

/// `d.dddddddddddddddd` times ten to the exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    /// Without the point: 17 digits, or 0.
    pub(super) digits: u64,
    pub(super) exponent: i32,
}

impl Decimal {
    /// Of a value that is positive or zero, and finite.
    pub(super) fn of(value: f64) -> Self {
        Self::of_medium(value).unwrap_or_else(|| Self::of_any(value))
    }

    /// Of values from a hundred-thousandth to where all doubles are integers, which scores hardly ever leave:
    /// there, the digits are one product of 128 bits.
    #[inline]
    fn of_medium(value: f64) -> Option<Self> {
        const FROM: f64 = 1e-5;
        const TO: f64 = (1u64 << 53) as f64;
        if !(FROM..TO).contains(&value) {
            return None;
        }
        // Such a value is `mantissa / 2^shift`, and `2^power` is the highest bit of it.
        let (bits, power) = (value.to_bits(), (value.to_bits() >> 52) as i32 - 1023);
        let (mantissa, shift) = (bits & ((1 << 52) - 1) | 1 << 52, 52 - power);
        // 1233 / 4096 is about the logarithm of 2: this is at most one too many or too few. With too
        // small an exponent there are more digits, so the first one that fits is right.
        let estimate = (power * 1233) >> 12;
        (estimate - 1..=estimate + 1).find_map(|exponent| {
            let scale = 10u128.pow((DIGITS as i32 - 1 - exponent).try_into().ok()?);
            let product = u128::from(mantissa).checked_mul(scale)?;
            let (digits, rest) = (product >> shift, product & ((1 << shift) - 1));
            let half = 1 << shift >> 1;
            let up = rest > half || (rest == half && shift > 0 && digits & 1 == 1);
            let digits = (digits + u128::from(up)) as u64;
            let fits = (10u64.pow(DIGITS - 1)..10u64.pow(DIGITS)).contains(&digits);
            fits.then_some(Self { digits, exponent })
        })
    }

    fn of_any(value: f64) -> Self {
        const LONGEST: usize = "d.dddddddddddddddde-324".len();
        let mut scientific = [0u8; LONGEST];
        let mut rest = &mut scientific[..];
        write!(rest, "{value:.16e}").expect("there is room for the longest one");
        let length = LONGEST - rest.len();
        let text = std::str::from_utf8(&scientific[..length]).expect("the format is ASCII");
        let (digits, exponent) = text.split_once('e').expect("the format has one");
        let exponent = exponent.parse().expect("the format ends with an integer");
        let number = |number: u64, digit: u8| number * 10 + u64::from(digit - b'0');
        let digits = digits.bytes().filter(u8::is_ascii_digit).fold(0, number);
        Self { digits, exponent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assert_same(value: f64) {
        assert_eq!(Decimal::of(value), Decimal::of_any(value), "{value:e}");
    }

    #[test]
    fn digits_are_right_where_their_number_changes() {
        for exponent in -7..17 {
            let power = 10f64.powi(exponent);
            [power.next_down(), power, power.next_up()].into_iter().for_each(assert_same);
        }
        for exponent in -25..60 {
            let power = 2f64.powi(exponent);
            [power.next_down(), power, power.next_up()].into_iter().for_each(assert_same);
        }
        // Exactly between two numbers of 17 digits: the even one is taken.
        for half in [0.5, 1.5, 2.5, 3.5].map(|half| half + 2f64.powi(50) * 4.0 / 4.0) {
            assert_same(half / 1024.0);
        }
        assert_eq!(Decimal::of(0.0).digits, 0);
        assert_eq!(Decimal::of_medium(12.34), Some(Decimal::of_any(12.34)));
    }

    proptest! {
        #[test]
        fn both_ways_agree(mantissa in any::<u64>(), power in 1000u64..1080) {
            assert_same(f64::from_bits(power << 52 | mantissa >> 12));
        }

        #[test]
        fn both_ways_agree_on_short_numbers(number in any::<u32>(), places in 0i32..12) {
            assert_same(f64::from(number) / 10f64.powi(places));
            assert_same(f64::from(number) / 2f64.powi(places));
        }
    }
}
