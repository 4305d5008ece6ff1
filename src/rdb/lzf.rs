//! LZF, with which Redis compresses long strings.

/// Below this a byte begins so many literal bytes and one, above it a copy of earlier ones.
const LITERALS: u8 = 32;
/// A copy of this length or more has another byte of length.
const LONG: usize = 7;
/// The shortest copy, less one.
const SHORTEST: usize = 2;

/// The `len` bytes that `packed` was made of; None if it was not. The memory for them is taken as
/// they come, three bytes give 264 at most.
pub(super) fn decompress(mut packed: &[u8], len: u64) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    while let Some((&control, rest)) = packed.split_first() {
        packed = rest;
        if control < LITERALS {
            let (literals, rest) = packed.split_at_checked(usize::from(control) + 1)?;
            plain.extend_from_slice(literals);
            packed = rest;
        } else {
            let mut copied = usize::from(control >> 5);
            if copied == LONG {
                copied += usize::from(take(&mut packed)?);
            }
            let back = usize::from(control & 0x1f) << 8 | usize::from(take(&mut packed)?);
            let start = plain.len().checked_sub(back + 1)?;
            // A copy may run into itself: then it repeats what it has copied.
            for at in start..start + copied + SHORTEST {
                plain.push(plain[at]);
            }
        }
    }
    (plain.len() as u64 == len).then_some(plain)
}

fn take(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_copies_are_put_together() {
        assert_eq!(decompress(b"\x02abc", 3).as_deref(), Some(&b"abc"[..]));
        assert_eq!(decompress(b"\x02abc\x20\x02", 6).as_deref(), Some(&b"abcabc"[..]));
        assert_eq!(decompress(b"\x00a\xe0\x01\x00", 11), Some(vec![b'a'; 11]));
        assert_eq!(decompress(b"", 0), Some(Vec::new()));
    }

    #[test]
    fn what_is_cut_short_or_reaches_too_far_back_is_refused() {
        for packed in
            [&b"\x02ab"[..], b"\x20\x00", b"\x00a\x20\x01", b"\x00a\x20", b"\x00a\xe0\x01"]
        {
            assert_eq!((0..20).find_map(|len| decompress(packed, len)), None, "{packed:?}");
        }
        for len in [0, 2, 4, u64::MAX] {
            assert_eq!(decompress(b"\x02abc", len), None, "{len}");
        }
    }
}
