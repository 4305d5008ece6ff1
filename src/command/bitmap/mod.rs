//! Bitmaps: strings seen as rows of bits, of which the first is the highest of the first byte.

mod field;
mod number;
mod operation;
mod range;
mod single;
mod words;

use field::{BITFIELD, BITFIELD_RO};
use operation::BITOP;
use range::{BITCOUNT, BITPOS};
use single::{GETBIT, SETBIT};

use super::{Call, Command, Error, Flags};
use crate::number::parse_i64;

/// The commands of this group, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] =
    &[&BITCOUNT, &BITFIELD, &BITFIELD_RO, &BITOP, &BITPOS, &GETBIT, &SETBIT];

const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);

/// The place of a bit, counted in steps of `step` bits; it must be in a string of allowed length.
fn bit_offset(call: &Call<'_>, word: &[u8], step: usize) -> Result<usize, Error> {
    let limit = call.instance.config.proto_max_bulk_len.get();
    let steps = parse_i64(word).and_then(|steps| usize::try_from(steps).ok());
    let offset = steps.and_then(|steps| steps.checked_mul(step));
    offset.filter(|offset| ((offset / 8) as u64) < limit).ok_or(Error::BitOffset)
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    #[test]
    fn warm_requests_allocate_nothing() {
        let mut harness = Harness::new();
        harness.run("SETBIT k 800 1");
        harness.run("SETBIT long 800000 1");
        for line in [
            "SETBIT k 7 1",
            "SETBIT long 7 1",
            "GETBIT k 7",
            "GETBIT long 7",
            "BITCOUNT long 1 -1",
            "BITPOS long 0 5 700000 BIT",
        ] {
            assert_eq!(harness.allocations_of(line, 10), 0, "{line}");
        }
    }
}
