//! The string that a HyperLogLog is, byte for byte as Redis has it:
//!
//! ```text
//! magic    4 bytes   HYLL
//! form     1 byte    0 dense, 1 sparse
//! unused   3 bytes
//! count    8 bytes   the last count, lowest byte first; the highest bit says that it is stale
//! registers          see `dense` and `sparse`
//! ```

use super::estimate::Histogram;
use super::sparse::Raised;
use super::{dense, murmur, sparse};
use crate::command::Error;

/// Bits of a hash that choose the register.
const INDEX_BITS: usize = 14;
pub(super) const REGISTERS: usize = 1 << INDEX_BITS;
/// Bits of a hash in which the first one is looked for.
pub(super) const HASH_BITS: usize = 64 - INDEX_BITS;

const MAGIC: &[u8] = b"HYLL";
const FORM: usize = 4;
const COUNT: std::ops::Range<usize> = 8..16;
/// The highest byte of the count.
const FRESHNESS: usize = COUNT.end - 1;
const STALE: u8 = 0x80;
pub(super) const HEADER: usize = COUNT.end;

/// The value of one register, and what it should be at least.
#[derive(Clone, Copy, Debug)]
pub(super) struct Register {
    pub(super) index: usize,
    pub(super) value: u8,
}

impl Register {
    /// What an element does: its hash's first bits choose the register, and the place of the first
    /// one in the others is the value.
    pub(super) fn of(element: &[u8]) -> Self {
        let hash = murmur::hash(element);
        let rest = hash >> INDEX_BITS | 1 << HASH_BITS;
        Self { index: hash as usize % REGISTERS, value: rest.trailing_zeros() as u8 + 1 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Dense,
    Sparse,
}

/// A HyperLogLog where it stands.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) form: Form,
    bytes: &'a [u8],
}

impl<'a> View<'a> {
    /// Refuses what is no HyperLogLog.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let form = match bytes.get(FORM) {
            Some(0) if bytes.len() == HEADER + dense::SIZE => Some(Form::Dense),
            Some(1) if bytes.len() >= HEADER => Some(Form::Sparse),
            _ => None,
        };
        match form {
            Some(form) if bytes.starts_with(MAGIC) => Ok(Self { form, bytes }),
            _ => Err(Error::NotAHyperLogLog),
        }
    }

    /// The registers in their form.
    pub(super) fn registers(self) -> &'a [u8] {
        &self.bytes[HEADER..]
    }

    /// The count of the last time, if nothing has changed since.
    pub(super) fn last_count(self) -> Option<u64> {
        let count = *self.bytes[COUNT].first_chunk().expect("it has eight bytes");
        (self.bytes[FRESHNESS] & STALE == 0).then_some(u64::from_le_bytes(count))
    }

    /// How many different elements have been added, about.
    pub(super) fn count(self) -> Result<u64, Error> {
        let histogram = match self.form {
            Form::Dense => Histogram::new(&dense::values(self.registers())),
            Form::Sparse => {
                let runs = sparse::runs(self.registers());
                Histogram::of_runs(runs.map(|run| (run.value, run.len)))
            }
        };
        if histogram.total() == REGISTERS {
            Ok(histogram.estimate())
        } else {
            Err(Error::CorruptHyperLogLog)
        }
    }

    /// Whether one of these would change something. Only of a dense HyperLogLog.
    pub(super) fn would_rise(self, mut registers: impl Iterator<Item = Register>) -> bool {
        registers.any(|register| dense::is_below(self.registers(), register))
    }
}

/// Gives registers of a dense HyperLogLog these values, unless they have higher ones.
pub(super) fn raise_dense(bytes: &mut [u8], registers: impl Iterator<Item = Register>) {
    for register in registers {
        dense::raise(&mut bytes[HEADER..], register);
    }
    forget_count(bytes);
}

/// Notes that the count must be made anew.
fn forget_count(bytes: &mut [u8]) {
    bytes[FRESHNESS] |= STALE;
}

/// Notes the count for the next time.
pub(super) fn remember_count(bytes: &mut [u8], count: u64) {
    bytes[COUNT].copy_from_slice(&count.to_le_bytes());
}

/// The registers of several HyperLogLogs, each the highest of its values.
pub(super) struct Union([u8; REGISTERS]);

impl Union {
    pub(super) fn new() -> Self {
        Self([0; REGISTERS])
    }

    pub(super) fn add(&mut self, sketch: View<'_>) -> Result<(), Error> {
        if sketch.form == Form::Dense {
            let values = dense::values(sketch.registers());
            for (register, value) in self.0.iter_mut().zip(&values) {
                *register = (*register).max(*value);
            }
            return Ok(());
        }
        let mut rest = &mut self.0[..];
        for run in sparse::runs(sketch.registers()) {
            let (registers, after) =
                rest.split_at_mut_checked(run.len).ok_or(Error::CorruptHyperLogLog)?;
            registers.iter_mut().for_each(|register| *register = run.value.max(*register));
            rest = after;
        }
        if rest.is_empty() { Ok(()) } else { Err(Error::CorruptHyperLogLog) }
    }

    pub(super) fn count(&self) -> u64 {
        Histogram::new(&self.0).estimate()
    }

    /// The registers that are not zero.
    pub(super) fn registers(&self) -> impl Iterator<Item = Register> {
        let registers = self.0.iter().enumerate();
        registers
            .filter(|(_, value)| **value != 0)
            .map(|(index, value)| Register { index, value: *value })
    }
}

/// A HyperLogLog to be changed.
pub(super) struct Sketch(Vec<u8>);

impl Sketch {
    /// One without elements, whose count is known to be 0.
    pub(super) fn new() -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        bytes[FORM] = 1;
        bytes.extend(sparse::empty());
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Gives the register that value, unless it has one as high. Becomes dense where the sparse form
    /// would have more than `limit` bytes. False if nothing changes.
    pub(super) fn raise(&mut self, register: Register, limit: u64) -> Result<bool, Error> {
        if self.form() == Form::Sparse {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            match sparse::raise(&mut self.0, HEADER, register, limit)? {
                Raised::Yes => return Ok(true),
                Raised::No => return Ok(false),
                Raised::NoRoom => self.make_dense()?,
            }
        }
        Ok(dense::raise(&mut self.0[HEADER..], register))
    }

    /// Makes a sparse HyperLogLog dense; one that is dense stays as it is.
    pub(super) fn make_dense(&mut self) -> Result<(), Error> {
        if self.form() == Form::Dense {
            return Ok(());
        }
        let mut union = Union::new();
        union.add(View { form: Form::Sparse, bytes: &self.0 })?;
        let mut registers = vec![0; dense::SIZE];
        for register in union.registers() {
            dense::raise(&mut registers, register);
        }
        self.0.truncate(HEADER);
        self.0.extend(registers);
        self.0[FORM] = 0;
        Ok(())
    }

    pub(super) fn forget_count(&mut self) {
        forget_count(&mut self.0);
    }

    fn form(&self) -> Form {
        if self.0[FORM] == 0 { Form::Dense } else { Form::Sparse }
    }
}

impl From<View<'_>> for Sketch {
    fn from(sketch: View<'_>) -> Self {
        Self(sketch.bytes.to_vec())
    }
}
