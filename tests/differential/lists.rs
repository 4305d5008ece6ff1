//! The list commands.

use super::{Generator, Random, Step};

pub const COMMANDS: &[Generator] = &[
    push,
    push,
    push,
    push,
    pop,
    pop,
    |random| Step::new("LLEN").word(random.key()),
    |random| range("LRANGE", random),
    |random| range("LRANGE", random),
    |random| Step::new("LRANGE").word(random.key()).options("0 -1"),
    |random| Step::new("LINDEX").word(random.key()).word(random.index()),
    |random| Step::new("LSET").word(random.key()).word(random.index()).word(element(random)),
    |random| Step::new("LSET").word(random.key()).word(random.index()).word(element(random)),
    linsert,
    linsert,
    |random| Step::new("LREM").word(random.key()).word(count(random)).word(element(random)),
    |random| range("LTRIM", random),
    lpos,
    lpos,
    lmove,
    lmove,
    |random| Step::new("RPOPLPUSH").word(random.key()).word(random.key()),
    lmpop,
    lmpop,
    chunk_size,
];

/// From few, so that equal ones meet; now and then one that needs a chunk for itself.
fn element(random: &mut Random) -> Vec<u8> {
    match random.below(30) {
        0 => vec![b'l'; random.one_of(&[255, 4000, 8170, 16_383, 16_384])],
        _ => random.member(),
    }
}

fn push(random: &mut Random) -> Step {
    let name = random.one_of(&["LPUSH", "RPUSH", "RPUSH", "LPUSHX", "RPUSHX"]);
    // Now and then so many elements that the encoding changes.
    let elements = if random.chance(4) { 300 + random.below(1500) } else { 1 + random.below(6) };
    (0..elements).fold(Step::new(name).word(random.key()), |step, _| step.word(element(random)))
}

fn pop(random: &mut Random) -> Step {
    let step = Step::new(random.one_of(&["LPOP", "RPOP"])).word(random.key());
    match random.below(3) {
        0 => step.word(random.one_of(&["0", "1", "3", "40", "500", "-1", "9223372036854775807"])),
        _ => step,
    }
}

fn range(name: &str, random: &mut Random) -> Step {
    let step = Step::new(name).word(random.key());
    match (name, random.chance(70)) {
        // What is trimmed to a range drawn from all is mostly gone.
        ("LTRIM", true) => {
            step.options(random.one_of(&["0 -2", "1 -1", "2 -3", "0 500", "-200 -1"]))
        }
        _ => step.word(random.index()).word(random.index()),
    }
}

fn count(random: &mut Random) -> Vec<u8> {
    random.one_of(&["0", "1", "-1", "2", "-2", "5", "-100", "9223372036854775807"]).into()
}

fn linsert(random: &mut Random) -> Step {
    let step = Step::new("LINSERT").word(random.key());
    let step = step.word(random.one_of(&["BEFORE", "AFTER", "before", "after"]));
    step.word(random.member()).word(element(random))
}

fn lpos(random: &mut Random) -> Step {
    let mut step = Step::new("LPOS").word(random.key()).word(random.member());
    for _ in 0..random.below(4) {
        let name = random.one_of(&["RANK", "COUNT", "MAXLEN", "rank"]);
        step = step.word(name).word(random.one_of(&["0", "1", "2", "-1", "-2", "3", "100"]));
    }
    step
}

fn lmove(random: &mut Random) -> Step {
    let step = Step::new("LMOVE").word(random.key()).word(random.key());
    (0..2).fold(step, |step, _| step.word(random.one_of(&["LEFT", "RIGHT", "left", "right"])))
}

fn lmpop(random: &mut Random) -> Step {
    let keys = random.keys();
    let step = Step::new("LMPOP").word(keys.len().to_string());
    let step = keys.into_iter().fold(step, Step::word).word(random.one_of(&["LEFT", "right"]));
    match random.chance(40) {
        true => step.word("COUNT").word(random.one_of(&["1", "2", "10", "1000", "0", "-1"])),
        false => step,
    }
}

/// So small, now and then, that short lists have several chunks.
fn chunk_size(random: &mut Random) -> Step {
    let size = random.one_of(&["-1", "-2", "-5", "-9", "0", "1", "3", "50", "99999999999"]);
    Step::line("CONFIG SET list-max-listpack-size").word(size)
}
