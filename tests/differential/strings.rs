//! The string commands.

use super::{Generator, Random, Step};

pub const COMMANDS: &[Generator] = &[
    set,
    set,
    set,
    set_with_options,
    set_with_options,
    set_with_options,
    get,
    get,
    get,
    |random| Step::new("GETDEL").word(random.key()),
    |random| Step::new("STRLEN").word(random.key()),
    |random| Step::new("INCR").word(random.key()),
    |random| Step::new("DECR").word(random.key()),
    |random| Step::new("INCRBY").word(random.key()).word(random.integer()),
    |random| Step::new("DECRBY").word(random.key()).word(random.integer()),
    |random| Step::new("INCRBYFLOAT").word(random.key()).word(random.float()),
    |random| Step::new("INCRBYFLOAT").word(random.key()).word(random.float()),
    |random| Step::new("GETSET").word(random.key()).word(random.value()),
    |random| Step::new("SETNX").word(random.key()).word(random.value()),
    |random| Step::new("APPEND").word(random.key()).word(random.value()),
    |random| Step::new("SETEX").word(random.key()).word(random.ahead(1)).word(random.value()),
    |random| Step::new("PSETEX").word(random.key()).word(random.ahead(1000)).word(random.value()),
    getrange,
    getrange,
    setrange,
    setrange,
    getex,
    getex,
    mget,
    mset,
    mset,
    text,
    text,
    lcs,
    lcs,
];

/// The keys that LCS compares. They are short, because it takes time and memory in proportion to
/// the product of both lengths.
const TEXTS: [&str; 3] = ["text:1", "text:2", "text:3"];

fn set(random: &mut Random) -> Step {
    Step::new("SET").word(random.key()).word(random.value())
}

fn get(random: &mut Random) -> Step {
    Step::new("GET").word(random.key())
}

/// Options in any number and order, so that some exclude each other.
fn set_with_options(random: &mut Random) -> Step {
    let mut step = set(random);
    for _ in 0..=random.below(3) {
        step = match random.below(8) {
            0 => step.word("NX"),
            1 => step.word("XX"),
            2 | 3 => step.word("GET"),
            4 => step.word("keepttl"),
            _ => expiry(step, random),
        };
    }
    step
}

fn expiry(step: Step, random: &mut Random) -> Step {
    match random.below(4) {
        0 => step.word("EX").word(random.ahead(1)),
        1 => step.word("px").word(random.ahead(1000)),
        2 => step.word("EXAT").word(random.at(1)),
        _ => step.word("PXAT").word(random.at(1000)),
    }
}

fn getex(random: &mut Random) -> Step {
    let step = Step::new("GETEX").word(random.key());
    match random.below(8) {
        0 | 1 => step,
        2 | 3 => step.word("PERSIST"),
        4 => {
            let step = expiry(step, random);
            step.word(random.one_of(&["PERSIST", "NX", "EX"]))
        }
        _ => expiry(step, random),
    }
}

fn getrange(random: &mut Random) -> Step {
    let name = random.one_of(&["GETRANGE", "GETRANGE", "SUBSTR"]);
    Step::new(name).word(random.key()).word(random.index()).word(random.index())
}

fn setrange(random: &mut Random) -> Step {
    let offset = match random.below(10) {
        0 => random.one_of(&["-1", "536870911", "536870912", "9223372036854775807"]).into(),
        1 => random.below(20_000).to_string().into_bytes(),
        _ => random.below(60).to_string().into_bytes(),
    };
    let value = random.value();
    // A gap of half a gigabyte is filled with zeros; one byte more than allowed is refused at once.
    let value = if offset == b"536870911" { b"xy".to_vec() } else { value };
    Step::new("SETRANGE").word(random.key()).word(offset).word(value)
}

fn mget(random: &mut Random) -> Step {
    random.keys().into_iter().fold(Step::new("MGET"), Step::word)
}

fn mset(random: &mut Random) -> Step {
    let step = Step::new(random.one_of(&["MSET", "MSETNX"]));
    random.keys().into_iter().fold(step, |step, key| step.word(key).word(random.value()))
}

fn text(random: &mut Random) -> Step {
    let name = random.one_of(&["SET", "SET", "GETSET"]);
    Step::new(name).word(random.one_of(&TEXTS)).word(random.text())
}

fn lcs(random: &mut Random) -> Step {
    let mut step = Step::new("LCS").word(random.one_of(&TEXTS)).word(random.one_of(&TEXTS));
    for _ in 0..random.below(4) {
        step = match random.below(5) {
            0 => step.word("LEN"),
            1 | 2 => step.word("idx"),
            3 => step.word("WITHMATCHLEN"),
            _ => step.word("MINMATCHLEN").word(random.one_of(&["0", "1", "2", "3", "-1", "100"])),
        };
    }
    step
}
