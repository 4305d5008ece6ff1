//! The HyperLogLog commands, and the strings behind them to the byte.

use super::{Generator, Random, Step};

pub const COMMANDS: &[Generator] = &[
    pfadd,
    pfadd,
    pfadd,
    pfadd,
    pfadd_many,
    pfadd_many,
    pfcount,
    pfcount,
    pfmerge,
    pfdebug,
    |random| Step::new("GET").word(key(random)),
    |random| Step::new("GET").word(key(random)),
    |random| Step::new("COPY").word(key(random)).word(key(random)).word("REPLACE"),
    begin_anew,
    limit_sparse,
];

const KEYS: [&str; 5] = ["hll:1", "hll:2", "hll:3", "hll:4", "hll:5"];

/// Mostly a HyperLogLog or nothing, sometimes another string.
fn key(random: &mut Random) -> Vec<u8> {
    match random.chance(95) {
        true => random.one_of(&KEYS).into(),
        false => random.key(),
    }
}

fn keys(random: &mut Random) -> Vec<Vec<u8>> {
    (0..=random.below(4)).map(|_| key(random)).collect()
}

fn pfadd(random: &mut Random) -> Step {
    let step = Step::new("PFADD").word(key(random));
    (0..random.below(5)).fold(step, |step, _| step.word(random.value()))
}

/// Enough to become dense after some time.
fn pfadd_many(random: &mut Random) -> Step {
    let step = Step::new("PFADD").word(key(random));
    let count = random.one_of(&[20, 50, 200, 500]);
    (0..count).fold(step, |step, _| step.word(random.below(20_000).to_string()))
}

fn pfcount(random: &mut Random) -> Step {
    keys(random).into_iter().fold(Step::new("PFCOUNT"), Step::word)
}

fn pfmerge(random: &mut Random) -> Step {
    keys(random).into_iter().fold(Step::new("PFMERGE"), Step::word)
}

fn pfdebug(random: &mut Random) -> Step {
    let names = ["ENCODING", "encoding", "DECODE", "DECODE", "GETREG", "TODENSE", "nothing"];
    Step::new("PFDEBUG").word(random.one_of(&names)).word(key(random))
}

/// Removes a HyperLogLog, or makes another string of it.
fn begin_anew(random: &mut Random) -> Step {
    let key = random.one_of(&KEYS);
    match random.below(8) {
        0 => Step::new("SETRANGE").word(key).options("0 X"),
        1 => Step::new("SETRANGE").word(key).options("4 X"),
        _ => Step::new("DEL").word(key),
    }
}

fn limit_sparse(random: &mut Random) -> Step {
    let limit = random.one_of(&["3000", "3000", "0", "20", "100", "1kb", "16000", "1gb", "-1"]);
    Step::line("CONFIG SET hll-sparse-max-bytes").word(limit)
}
