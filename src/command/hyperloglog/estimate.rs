//! From registers to the number of different elements: Otmar Ertl, "New cardinality estimation
//! algorithms for HyperLogLog sketches" (2017), algorithm 6.

use super::sketch::{HASH_BITS, REGISTERS};

/// How many registers have each value.
pub(super) struct Histogram([u64; 64]);

impl Histogram {
    pub(super) fn new(values: &[u8; REGISTERS]) -> Self {
        Self::of_runs(values.iter().map(|value| (*value, 1)))
    }

    pub(super) fn of_runs(runs: impl Iterator<Item = (u8, usize)>) -> Self {
        let mut counts = [0; 64];
        runs.for_each(|(value, len)| counts[usize::from(value) & 63] += len as u64);
        Self(counts)
    }

    /// The number of registers.
    pub(super) fn total(&self) -> usize {
        self.0.iter().sum::<u64>() as usize
    }

    /// How many different elements have most likely been added; a number of 63 bits.
    pub(super) fn estimate(&self) -> u64 {
        /// 1 / (2 ln 2)
        const ALPHA: f64 = 0.721_347_520_444_481_7;
        let registers = REGISTERS as f64;
        let share = |count: u64| count as f64 / registers;
        let (&zeros, &highest) = (&self.0[0], &self.0[HASH_BITS + 1]);
        let mut sum = registers * tau(1.0 - share(highest));
        for count in self.0[1..=HASH_BITS].iter().rev() {
            sum = (sum + *count as f64) * 0.5;
        }
        sum += registers * sigma(share(zeros));
        (ALPHA * registers * registers / sum).round() as i64 as u64
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(counts: &[(u8, usize)]) -> u64 {
        Histogram::of_runs(counts.iter().copied()).estimate()
    }

    #[test]
    fn few_elements_are_counted_exactly() {
        assert_eq!(estimate(&[(0, REGISTERS)]), 0);
        assert_eq!(estimate(&[(1, 1), (0, REGISTERS - 1)]), 1);
        assert_eq!(estimate(&[(1, 5), (2, 3), (7, 2), (0, REGISTERS - 10)]), 10);
    }

    /// The counts of redis-server 7.0.15 for dense HyperLogLogs with these registers.
    #[test]
    fn many_elements_are_counted_as_by_redis() {
        let highest = HASH_BITS as u8 + 1;
        let cases: [(&[(u8, usize)], u64); 4] = [
            (&[(10, REGISTERS)], 12_102_203),
            (&[(highest, REGISTERS - 1), (1, 1)], 387_270_501),
            (&[(40, REGISTERS)], 12_994_641_697_113_596),
            (&[(0, 100), (1, 5_000), (2, 4_000), (3, 7_284)], 42_924),
        ];
        for (counts, expected) in cases {
            assert_eq!(estimate(counts), expected, "{counts:?}");
        }
    }

    #[test]
    fn registers_that_are_all_full_count_as_the_most_there_is() {
        for value in [HASH_BITS as u8 + 1, 63] {
            assert_eq!(estimate(&[(value, REGISTERS)]), i64::MAX as u64, "{value}");
        }
    }
}
