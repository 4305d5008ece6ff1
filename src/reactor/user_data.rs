//! What an SQE carries and its CQE brings back: operation, generation and index in 64 bits.

use crate::mailbox::ConnId;

/// The operation a completion belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// The index is that of the listener.
    Accept = 1,
    Recv = 2,
    Send = 3,
    /// A cancellation, heard of only when it found nothing to cancel.
    Cancel = 4,
    /// The doorbell's eventfd became readable.
    Doorbell = 5,
    /// A send that is done at once or not at all, heard of only in the latter case.
    Attempt = 6,
}

/// Bits of a generation.
const GENERATION_BITS: u32 = 24;

/// `op:8 | generation:24 | index:32`.
pub(super) fn encode(op: Op, id: ConnId) -> u64 {
    debug_assert!(id.generation >> GENERATION_BITS == 0, "a generation has 24 bits");
    (op as u64) << 56 | u64::from(id.generation) << 32 | u64::from(id.index)
}

/// The reverse of [`encode`]; `None` for what it did not make.
pub(super) fn decode(user_data: u64) -> Option<(Op, ConnId)> {
    let op = match user_data >> 56 {
        1 => Op::Accept,
        2 => Op::Recv,
        3 => Op::Send,
        4 => Op::Cancel,
        5 => Op::Doorbell,
        6 => Op::Attempt,
        _ => return None,
    };
    let generation = (user_data >> 32) as u32 & ((1 << GENERATION_BITS) - 1);
    Some((op, ConnId { index: user_data as u32, generation }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_survives_at_its_limits() {
        for op in [Op::Accept, Op::Recv, Op::Send, Op::Cancel, Op::Doorbell, Op::Attempt] {
            for index in [0, 1, u32::MAX] {
                for generation in [0, 1, (1 << 24) - 1] {
                    let id = ConnId { index, generation };
                    assert_eq!(decode(encode(op, id)), Some((op, id)));
                }
            }
        }
    }

    #[test]
    fn foreign_user_data_is_recognised() {
        assert_eq!(decode(0), None);
        assert_eq!(decode(7 << 56), None);
        assert_eq!(decode(u64::MAX), None);
    }
}
