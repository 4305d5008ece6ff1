//! The bitmap commands, on the keys of the string commands.

use super::{Generator, Random, Step};

pub const COMMANDS: &[Generator] = &[
    setbit,
    setbit,
    setbit,
    getbit,
    bitcount,
    bitcount,
    bitpos,
    bitpos,
    bitop,
    bitop,
    bitfield,
    bitfield,
    bitfield,
    bitfield_ro,
];

/// Not too far: whatever lies before the bit is filled with zeros.
fn offset(random: &mut Random) -> Vec<u8> {
    let offset = match random.chance(4) {
        true => random.below(200_000),
        false => random.below(500),
    };
    offset.to_string().into()
}

/// Anywhere: only for reading.
fn offset_to_read(random: &mut Random) -> Vec<u8> {
    match random.chance(5) {
        true => random.one_of(&["4294967295", "4294967296", "-1", "9223372036854775807"]).into(),
        false => offset(random),
    }
}

fn setbit(random: &mut Random) -> Step {
    let bit = random.one_of(&["0", "1", "1", "1", "1", "2"]);
    Step::new("SETBIT").word(random.key()).word(offset(random)).word(bit)
}

fn getbit(random: &mut Random) -> Step {
    Step::new("GETBIT").word(random.key()).word(offset_to_read(random))
}

fn bitcount(random: &mut Random) -> Step {
    let step = Step::new("BITCOUNT").word(random.key());
    match random.chance(25) {
        true => step,
        false => unit(step.word(index(random)).word(index(random)), random),
    }
}

fn bitpos(random: &mut Random) -> Step {
    let bit = random.one_of(&["0", "0", "1", "1", "2"]);
    let step = Step::new("BITPOS").word(random.key()).word(bit);
    match random.below(4) {
        0 => step,
        1 => step.word(index(random)),
        _ => unit(step.word(index(random)).word(index(random)), random),
    }
}

/// An end of a range, in bytes or in bits.
fn index(random: &mut Random) -> Vec<u8> {
    match random.chance(50) {
        true => random.index(),
        false => (random.below(1000) as i32 - 500).to_string().into(),
    }
}

fn unit(step: Step, random: &mut Random) -> Step {
    step.options(random.one_of(&["", "", "BYTE", "BIT", "bit", "BIT", "BITS"]))
}

fn bitop(random: &mut Random) -> Step {
    let name = random.one_of(&["AND", "or", "XOR", "NOT", "NOT", "NAND"]);
    let sources =
        if name == "NOT" && random.chance(80) { vec![random.key()] } else { random.keys() };
    sources.into_iter().fold(Step::new("BITOP").word(name).word(random.key()), Step::word)
}

fn bitfield(random: &mut Random) -> Step {
    let mut step = Step::new("BITFIELD").word(random.key());
    for _ in 0..random.below(5) {
        step = match random.below(8) {
            0 | 1 => field(step.word("GET"), random, offset_to_read),
            2 | 3 => step.word("OVERFLOW").word(random.one_of(&["WRAP", "SAT", "fail", "FAIL"])),
            4 | 5 => field(step.word("SET"), random, offset).word(number(random)),
            6 if random.chance(5) => step.word("MUL"),
            _ => field(step.word("INCRBY"), random, offset).word(random.integer()),
        };
    }
    step
}

fn bitfield_ro(random: &mut Random) -> Step {
    let mut step = Step::new("BITFIELD_RO").word(random.key());
    for _ in 0..random.below(4) {
        let name = if random.chance(90) { "get" } else { "SET" };
        step = field(step.word(name), random, offset_to_read);
    }
    step
}

fn field(step: Step, random: &mut Random, offset: fn(&mut Random) -> Vec<u8>) -> Step {
    let encodings = ["u1", "i1", "u2", "i5", "u8", "i8", "u13", "i32", "u63", "i64", "u64", "i0"];
    let step = step.word(random.one_of(&encodings));
    match random.chance(30) {
        true => step.word(format!("#{}", random.below(20))),
        false => step.word(offset(random)),
    }
}

/// A number to SET. Redis takes some that are close to the smallest of 64 bits for large ones when
/// it saturates.
fn number(random: &mut Random) -> Vec<u8> {
    let number = random.integer();
    if number == b"-9223372036854775808" { b"-4611686018427387904".to_vec() } else { number }
}
