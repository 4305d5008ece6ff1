//! Counting and finding bits, many at a time.

use std::array::from_fn;
use std::ops::Range;

/// How many bits are set among those at `bits`, which must lie within the bytes.
pub(super) fn count(bytes: &[u8], bits: Range<usize>) -> u64 {
    let Some(part) = Part::new(bytes, bits) else { return 0 };
    u64::from(part.first.count_ones() + part.last.count_ones()) + count_whole(part.between)
}

/// The place of the first bit among those at `bits` that is as asked for.
pub(super) fn find(bytes: &[u8], bits: Range<usize>, set: bool) -> Option<usize> {
    let start = bits.start / 8;
    let part = Part::new(bytes, bits.clone())?;
    // What is looked for is a one from here on.
    let flip = if set { 0 } else { 0xff };
    let place = |byte: usize, ones: u8| byte * 8 + ones.leading_zeros() as usize;
    let first = (part.first ^ flip) & part.first_mask;
    if first != 0 {
        return Some(place(start, first));
    }
    if let Some(at) = find_other(part.between, flip) {
        return Some(place(start + 1 + at, part.between[at] ^ flip));
    }
    let last = (part.last ^ flip) & part.last_mask;
    (last != 0).then(|| place((bits.end - 1) / 8, last))
}

/// A row of bits: whole bytes, and at either end some bits of one, the others cleared.
struct Part<'a> {
    first: u8,
    first_mask: u8,
    between: &'a [u8],
    last: u8,
    last_mask: u8,
}

impl<'a> Part<'a> {
    /// None if there are no bits. If all are in one byte, they are its first.
    fn new(bytes: &'a [u8], bits: Range<usize>) -> Option<Self> {
        let end = bits.end.checked_sub(1).filter(|end| *end >= bits.start)?;
        let (from_start, to_end) = (0xff >> (bits.start % 8), !(0x7f >> (end % 8)));
        let (start, end) = (bits.start / 8, end / 8);
        if start == end {
            let mask = from_start & to_end;
            let first = bytes[start] & mask;
            return Some(Self { first, first_mask: mask, between: &[], last: 0, last_mask: 0 });
        }
        Some(Self {
            first: bytes[start] & from_start,
            first_mask: from_start,
            between: &bytes[start + 1..end],
            last: bytes[end] & to_end,
            last_mask: to_end,
        })
    }
}

/// The place of the first byte that is not `same`, which is 0 or 255.
fn find_other(bytes: &[u8], same: u8) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    let alike = words.iter().position(|word| *word != [same; 8]).unwrap_or(words.len()) * 8;
    bytes[alike..].iter().position(|byte| *byte != same).map(|at| alike + at)
}

/// Several words that are added up at once, side by side.
type Lanes = [u64; 4];

/// The Harley-Seal method: bits are added up as in a column sum, and only every sixteenth sum is
/// counted. Memory is slower than that.
fn count_whole(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<{ 16 * size_of::<Lanes>() }>();
    let [mut ones, mut twos, mut fours, mut eights] = [Lanes::default(); 4];
    let mut sixteens = 0;
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        let lanes = |at: usize| from_fn(|lane| u64::from_ne_bytes(words[4 * at + lane]));
        let two: [Lanes; 8] = from_fn(|at| add(&mut ones, lanes(2 * at), lanes(2 * at + 1)));
        let four: [Lanes; 4] = from_fn(|at| add(&mut twos, two[2 * at], two[2 * at + 1]));
        let eight: [Lanes; 2] = from_fn(|at| add(&mut fours, four[2 * at], four[2 * at + 1]));
        sixteens += population(add(&mut eights, eight[0], eight[1]));
    }
    let (words, bytes) = rest.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_ne_bytes(*word).count_ones());
    let left = words.chain(bytes.iter().map(|byte| byte.count_ones())).map(u64::from).sum::<u64>();
    16 * sixteens
        + 8 * population(eights)
        + 4 * population(fours)
        + 2 * population(twos)
        + population(ones)
        + left
}

/// Adds `a` and `b` to the sum, bit by bit; returns what is carried to the next higher sum.
#[inline(always)] // else the sums go through memory
fn add(sum: &mut Lanes, a: Lanes, b: Lanes) -> Lanes {
    let before = *sum;
    *sum = from_fn(|lane| before[lane] ^ a[lane] ^ b[lane]);
    from_fn(|lane| (before[lane] & a[lane]) | ((before[lane] ^ a[lane]) & b[lane]))
}

fn population(lanes: Lanes) -> u64 {
    lanes.iter().map(|word| u64::from(word.count_ones())).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bit(bytes: &[u8], at: usize) -> bool {
        bytes[at / 8] & (0x80 >> (at % 8)) != 0
    }

    /// Bytes that are often all the same, and a row of bits in them.
    fn bytes_and_bits() -> impl Strategy<Value = (Vec<u8>, Range<usize>)> {
        let byte = prop_oneof![8 => Just(0), 8 => Just(255), 1 => any::<u8>()];
        let bytes = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..2_000),
            prop::collection::vec(byte, 0..100),
            (0..1_500usize, any::<bool>()).prop_map(|(len, set)| vec![u8::from(set) * 255; len]),
        ];
        bytes.prop_flat_map(|bytes| {
            let bits = bytes.len() * 8;
            (Just(bytes), 0..=bits, 0..=bits).prop_map(|(bytes, start, end)| (bytes, start..end))
        })
    }

    proptest! {
        #[test]
        fn bits_are_counted_and_found_as_one_by_one((bytes, bits) in bytes_and_bits()) {
            let ones = bits.clone().filter(|at| bit(&bytes, *at)).count();
            prop_assert_eq!(count(&bytes, bits.clone()), ones as u64);
            for set in [true, false] {
                let found = bits.clone().find(|at| bit(&bytes, *at) == set);
                prop_assert_eq!(find(&bytes, bits.clone(), set), found);
            }
        }
    }

    #[test]
    fn every_pair_of_ends_is_right() {
        let bytes = [0b1010_0110, 0b0001_1000, 0xff, 0x00];
        for start in 0..=32 {
            for end in start..=32 {
                let ones = (start..end).filter(|at| bit(&bytes, *at)).count();
                assert_eq!(count(&bytes, start..end), ones as u64, "{start}..{end}");
            }
        }
    }
}
