//! Few integers in one allocation, in ascending order: the form of small sets of integers.
//!
//! ```text
//! width   1 byte   from 1 to 8
//! each    so many bytes, little-endian
//! ```
//!
//! All are as wide as the widest one has ever been. They are a [`Blob`].

use super::blob::Blob;

/// A set of integers.
#[derive(Clone, Debug, Default)]
#[repr(transparent)]
pub(super) struct Integers(Blob);

/// Where the first integer stands.
const BEGIN: usize = size_of::<u8>();

impl Integers {
    #[inline]
    pub(super) fn len(&self) -> usize {
        match self.width() {
            0 => 0,
            width => (self.0.len() - BEGIN) / width,
        }
    }

    /// Bytes allocated.
    pub(super) fn heap_size(&self) -> usize {
        self.0.heap_size()
    }

    /// Starts fetching the first ones into the processor's cache.
    #[inline]
    pub(super) fn fetch_ahead(&self) {
        self.0.fetch_ahead();
    }

    /// The integer number `index` in ascending order.
    #[inline]
    pub(super) fn at(&self, index: usize) -> i64 {
        let start = self.offset(index);
        read(&self.0[start..start + self.width()])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = i64> {
        self.0.get(BEGIN..).unwrap_or_default().chunks_exact(self.width().max(1)).map(read)
    }

    #[inline]
    pub(super) fn contains(&self, number: i64) -> bool {
        self.search(number).is_ok()
    }

    /// False if the number is there already.
    pub(super) fn insert(&mut self, number: i64) -> bool {
        let Err(index) = self.search(number) else { return false };
        let width = width_of(number).max(self.width());
        if width > self.width() {
            self.widen(width);
        }
        let start = self.offset(index);
        self.0.splice(start, 0, width);
        self.0[start..start + width].copy_from_slice(&number.to_le_bytes()[..width]);
        true
    }

    /// False if the number is not there.
    pub(super) fn remove(&mut self, number: i64) -> bool {
        let found = self.search(number);
        if let Ok(index) = found {
            self.remove_at(index);
        }
        found.is_ok()
    }

    /// Removes the integer number `index`.
    pub(super) fn remove_at(&mut self, index: usize) {
        if self.len() == 1 {
            *self = Self::default();
            return;
        }
        self.0.splice(self.offset(index), self.width(), 0);
    }

    /// Where a number stands, or would stand.
    #[inline]
    fn search(&self, number: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.at(middle) {
                found if found < number => low = middle + 1,
                found if found > number => high = middle,
                _ => return Ok(middle),
            }
        }
        Err(low)
    }

    /// Writes all of them anew with more bytes each.
    fn widen(&mut self, width: usize) {
        let mut wider = Blob::default();
        wider.splice(0, 0, BEGIN + self.len() * width);
        wider[0] = width as u8;
        for (number, place) in self.iter().zip(wider[BEGIN..].chunks_exact_mut(width)) {
            place.copy_from_slice(&number.to_le_bytes()[..width]);
        }
        self.0 = wider;
    }

    /// 0 if there are none.
    #[inline]
    fn width(&self) -> usize {
        self.0.first().map_or(0, |width| usize::from(*width))
    }

    #[inline]
    fn offset(&self, index: usize) -> usize {
        BEGIN + index * self.width()
    }
}

/// Bytes that a number needs, with its sign.
fn width_of(number: i64) -> usize {
    let bits = 65 - (number ^ (number >> 63)).leading_zeros() as usize;
    bits.div_ceil(8)
}

#[inline]
fn read(bytes: &[u8]) -> i64 {
    let mut number = [0; 8];
    number[8 - bytes.len()..].copy_from_slice(bytes);
    // The sign comes down with the shift.
    i64::from_le_bytes(number) >> (64 - 8 * bytes.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_take_no_more_bytes_than_the_widest_needs() {
        let mut integers = Integers::default();
        for (number, bytes) in [
            (0, BEGIN + 1),
            (127, BEGIN + 2),
            (-128, BEGIN + 3),
            (128, BEGIN + 4 * 2),
            (-32_768, BEGIN + 5 * 2),
            (-32_769, BEGIN + 6 * 3),
            (i64::from(i32::MAX), BEGIN + 7 * 4),
            (i64::from(i32::MAX) + 1, BEGIN + 8 * 5),
            (i64::MIN, BEGIN + 9 * 8),
        ] {
            assert!(integers.insert(number));
            assert_eq!(integers.0.len(), bytes, "{number}");
        }
        let all: Vec<i64> = integers.iter().collect();
        for number in all {
            assert!(integers.remove(number));
        }
        assert_eq!((integers.len(), integers.heap_size()), (0, 0));
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_sorted_set(
            steps in prop::collection::vec((any::<i64>(), 0u32..64, any::<bool>()), 0..300)
        ) {
            let (mut integers, mut model) = (Integers::default(), BTreeSet::new());
            for (number, shift, add) in steps {
                let number = number >> shift;
                if add {
                    prop_assert_eq!(integers.insert(number), model.insert(number));
                } else {
                    prop_assert_eq!(integers.remove(number), model.remove(&number));
                }
                prop_assert_eq!(integers.contains(number), add);
                prop_assert_eq!(integers.len(), model.len());
            }
            prop_assert!(integers.iter().eq(model.iter().copied()));
            prop_assert!((0..model.len()).map(|index| integers.at(index)).eq(model));
        }
    }
}
