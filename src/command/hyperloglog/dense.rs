//! The dense form: all registers, six bits each, the lowest bits of the first byte first.

use super::sketch::{REGISTERS, Register};

const BITS: usize = 6;
const MASK: u16 = (1 << BITS) - 1;

/// Bytes of all registers.
pub(super) const SIZE: usize = REGISTERS * BITS / 8;

/// The values of all registers, in order.
pub(super) fn values(registers: &[u8]) -> [u8; REGISTERS] {
    let mut values = [0; REGISTERS];
    let (fours, _) = values.as_chunks_mut::<4>();
    let (groups, _) = registers.as_chunks::<3>();
    for (four, [a, b, c]) in fours.iter_mut().zip(groups) {
        let group = u32::from_le_bytes([*a, *b, *c, 0]);
        *four = [0, 6, 12, 18].map(|shift| (group >> shift) as u8 & MASK as u8);
    }
    values
}

/// Whether the register has a lower value.
pub(super) fn is_below(registers: &[u8], register: Register) -> bool {
    let (at, shift) = place(register.index);
    (window(registers, at) >> shift & MASK) < u16::from(register.value)
}

/// Gives the register that value, unless it has one as high. False if nothing changes.
pub(super) fn raise(registers: &mut [u8], register: Register) -> bool {
    let below = is_below(registers, register);
    if below {
        let (at, shift) = place(register.index);
        let before = window(registers, at) & !(MASK << shift);
        let after = before | u16::from(register.value) << shift;
        let bytes = registers[at..].iter_mut();
        bytes.zip(after.to_le_bytes()).for_each(|(byte, new)| *byte = new);
    }
    below
}

/// The byte in which a register begins, and how many bits of it come before.
fn place(index: usize) -> (usize, usize) {
    (index * BITS / 8, index * BITS % 8)
}

/// Two bytes; the last register ends with the last byte, and zeros follow.
fn window(registers: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([registers[at], registers.get(at + 1).copied().unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_rise_and_do_not_touch_each_other() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut registers = vec![0; SIZE];
        let mut model = vec![0; REGISTERS];
        for _ in 0..100_000 {
            let register = Register { index: random.usize(..REGISTERS), value: random.u8(..64) };
            let below = model[register.index] < register.value;
            assert_eq!(is_below(&registers, register), below);
            assert_eq!(raise(&mut registers, register), below);
            model[register.index] = register.value.max(model[register.index]);
        }
        assert_eq!(&values(&registers)[..], model);
    }
}
