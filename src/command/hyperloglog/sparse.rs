//! The sparse form: runs of registers with the same value, for as long as most are zero.
//!
//! ```text
//! 00llllll            1 to 64 zeros
//! 01llllll llllllll   1 to 16384 zeros
//! 1vvvvvll            1 to 4 times the value 1 to 32
//! ```
//!
//! Lengths and values are stored less one. Runs are split and joined exactly as Redis does it, so
//! that the same elements make the same bytes.

use std::fmt;

use super::sketch::{REGISTERS, Register};
use crate::command::Error;

/// Registers with higher values need the dense form.
const MOST: u8 = 32;
const LONGEST_ZEROS: usize = 64;
const LONGEST_VALUES: usize = 4;
/// As many runs are looked at, from the one before a change, for neighbours that can be joined.
const LOOKED_AT: usize = 5;

/// Registers with the same value, in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) value: u8,
    pub(super) len: usize,
    /// In bytes.
    size: usize,
}

impl Run {
    /// The run whose bytes begin at `at`; none at the end. A zero follows the last byte, so that a run
    /// which is cut off has too many registers.
    fn read(runs: &[u8], at: usize) -> Option<Self> {
        let first = *runs.get(at)?;
        let len = usize::from(first & 0x3f);
        Some(match first >> 6 {
            0 => Self { value: 0, len: len + 1, size: 1 },
            1 => Self {
                value: 0,
                len: (len << 8 | usize::from(*runs.get(at + 1).unwrap_or(&0))) + 1,
                size: 2,
            },
            _ => Self { value: (first >> 2 & 0x1f) + 1, len: usize::from(first & 3) + 1, size: 1 },
        })
    }

    /// The bytes of so many registers with that value; nothing if there are none.
    fn bytes(value: u8, len: usize) -> impl Iterator<Item = u8> {
        let last = len.wrapping_sub(1);
        let bytes = match (value, len) {
            (_, 0) => [None, None],
            (0, ..=LONGEST_ZEROS) => [Some(last as u8), None],
            (0, _) => [Some(0x40 | (last >> 8) as u8), Some(last as u8)],
            _ => [Some(0x80 | (value - 1) << 2 | last as u8), None],
        };
        bytes.into_iter().flatten()
    }
}

/// As `PFDEBUG DECODE` shows it.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, len, size } = self;
        match (value, size) {
            (0, 1) => write!(f, "z:{len}"),
            (0, _) => write!(f, "Z:{len}"),
            _ => write!(f, "v:{value},{len}"),
        }
    }
}

/// All registers at zero.
pub(super) fn empty() -> impl Iterator<Item = u8> {
    Run::bytes(0, REGISTERS)
}

/// The runs, in order.
pub(super) fn runs(runs: &[u8]) -> impl Iterator<Item = Run> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let run = Run::read(runs, at)?;
        at += run.size;
        Some(run)
    })
}

/// What became of a register that was to rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    Yes,
    /// Its value is as high already.
    No,
    /// Not in this form: the value is too high, or the runs would become too long.
    NoRoom,
}

/// Gives the register that value, unless it has one as high. The runs begin at `start` of `bytes`,
/// which may not become longer than `limit`.
pub(super) fn raise(
    bytes: &mut Vec<u8>,
    start: usize,
    register: Register,
    limit: usize,
) -> Result<Raised, Error> {
    let Register { index, value } = register;
    if value > MOST {
        return Ok(Raised::NoRoom);
    }
    let (mut at, mut before, mut first) = (start, start, 0);
    let run = loop {
        let run = Run::read(bytes, at).ok_or(Error::CorruptHyperLogLog)?;
        if index < first + run.len {
            break run;
        }
        (before, at, first) = (at, at + run.size, first + run.len);
    };
    if run.value >= value {
        return Ok(Raised::No);
    }
    if at + run.size > bytes.len() {
        return Err(Error::CorruptHyperLogLog);
    }
    let (left, right) = (index - first, first + run.len - 1 - index);
    let mut split = [0; 5];
    let parts = [(run.value, left), (value, 1), (run.value, right)];
    let parts = parts.into_iter().flat_map(|(value, len)| Run::bytes(value, len));
    let size = split.iter_mut().zip(parts).map(|(to, byte)| *to = byte).count();
    if size > run.size && bytes.len() + size - run.size > limit {
        return Ok(Raised::NoRoom);
    }
    bytes.splice(at..at + run.size, split[..size].iter().copied());
    join(bytes, before);
    Ok(Raised::Yes)
}

/// Joins neighbours with the same value, from the run at `at` on.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..LOOKED_AT {
        let Some(run) = Run::read(bytes, at) else { return };
        let next = Run::read(bytes, at + run.size).filter(|next| next.value == run.value);
        let len = next.map_or(0, |next| run.len + next.len);
        if run.value != 0 && (1..=LONGEST_VALUES).contains(&len) {
            bytes.remove(at);
            Run::bytes(run.value, len).for_each(|byte| bytes[at] = byte);
        } else {
            at += run.size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(registers: &[(usize, u8)]) -> String {
        let mut bytes: Vec<u8> = empty().collect();
        for (index, value) in registers {
            let register = Register { index: *index, value: *value };
            assert_eq!(raise(&mut bytes, 0, register, 3000), Ok(Raised::Yes));
        }
        runs(&bytes).map(|run| run.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn runs_are_split_and_joined() {
        assert_eq!(after(&[]), "Z:16384");
        assert_eq!(after(&[(0, 1)]), "v:1,1 Z:16383");
        assert_eq!(after(&[(16_383, 1)]), "Z:16383 v:1,1");
        assert_eq!(after(&[(100, 3)]), "Z:100 v:3,1 Z:16283");
        assert_eq!(after(&[(1, 2), (0, 2)]), "v:2,2 Z:16382");
        assert_eq!(after(&[(0, 2), (1, 2), (2, 2), (3, 2)]), "v:2,4 Z:16380");
        assert_eq!(after(&[(0, 2), (1, 2), (2, 2), (3, 2), (4, 2)]), "v:2,4 v:2,1 Z:16379");
        assert_eq!(after(&[(0, 2), (1, 2), (2, 2), (1, 5)]), "v:2,1 v:5,1 v:2,1 Z:16381");
        assert_eq!(after(&[(0, 1), (1, 1), (0, 2), (1, 2)]), "v:2,2 Z:16382");
    }

    #[test]
    fn what_has_no_room_changes_nothing() {
        let mut bytes: Vec<u8> = empty().collect();
        let before = bytes.clone();
        let mut raise = |value, limit| raise(&mut bytes, 0, Register { index: 9, value }, limit);
        assert_eq!(raise(33, 3000), Ok(Raised::NoRoom));
        assert_eq!(raise(1, 3), Ok(Raised::NoRoom));
        assert_eq!(raise(0, 3), Ok(Raised::No));
        assert_eq!(raise(1, 4), Ok(Raised::Yes));
        assert_eq!(raise(2, 0), Ok(Raised::Yes), "no byte more");
        assert_eq!(raise(2, 0), Ok(Raised::No));
        assert_ne!(bytes, before);
    }

    #[test]
    fn registers_rise_as_in_a_model() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20 {
            let mut bytes: Vec<u8> = empty().collect();
            let mut model = vec![0; REGISTERS];
            let (near, most) = (random.usize(1..200), random.u8(1..=MOST));
            for _ in 0..1_000 {
                let index =
                    if random.bool() { random.usize(..near) } else { random.usize(..REGISTERS) };
                let register = Register { index, value: random.u8(1..=most) };
                let expected = if model[index] < register.value { Raised::Yes } else { Raised::No };
                assert_eq!(raise(&mut bytes, 0, register, usize::MAX), Ok(expected));
                model[index] = register.value.max(model[index]);
            }
            assert!(runs(&bytes).flat_map(|run| vec![run.value; run.len]).eq(model));
        }
    }

    #[test]
    fn runs_that_end_too_early_are_corrupt() {
        for bytes in [&[][..], &[0x00], &[0x7f]] {
            let register = Register { index: 5, value: 1 };
            assert_eq!(
                raise(&mut bytes.to_vec(), 0, register, 3000),
                Err(Error::CorruptHyperLogLog),
                "{bytes:?}"
            );
        }
    }
}
