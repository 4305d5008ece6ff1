//! Numbers in text, read as Redis reads them.

/// Reads a decimal integer in its shortest form: no sign but `-`, no leading zeros, no spaces.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 19 {
        return None;
    }
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let mut magnitude = 0u64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit - b'0'); // 19 digits fit
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_form_is_an_integer() {
        for n in [0, 1, -1, 10, i64::MAX, i64::MIN] {
            assert_eq!(parse_i64(n.to_string().as_bytes()), Some(n));
        }
        for text in ["", "-", "-0", "00", "01", "+1", " 1", "1 ", "9223372036854775808", "0x1"] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
        }
    }
}
