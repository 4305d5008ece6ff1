//! The commands that wait, for a moment only: each request is answered before the next one.

use super::{Compare, Generator, Random, Step};

pub const COMMANDS: &[Generator] = &[
    |random| pop(&["BLPOP", "BRPOP"], random),
    |random| pop(&["BZPOPMIN", "BZPOPMAX"], random),
    |random| pop_many("BLMPOP", &["LEFT", "RIGHT", "MIN"], random),
    |random| pop_many("BZMPOP", &["MIN", "MAX", "LEFT"], random),
    |random| {
        let step = Step::new("BLMOVE").word(random.key()).word(random.key());
        let ends = ["LEFT", "RIGHT", "right", "MIN"];
        let step = step.word(random.one_of(&ends)).word(random.one_of(&ends[..3]));
        step.word(timeout(random)).compare(Compare::Wait)
    },
    |random| {
        let step = Step::new("BRPOPLPUSH").word(random.key()).word(random.key());
        step.word(timeout(random)).compare(Compare::Wait)
    },
];

fn pop(names: &[&str], random: &mut Random) -> Step {
    let step = Step::new(random.one_of(names));
    let step = random.keys().into_iter().fold(step, Step::word);
    step.word(timeout(random)).compare(Compare::Wait)
}

fn pop_many(name: &str, ends: &[&str], random: &mut Random) -> Step {
    let keys = random.keys();
    let count = random.one_of(&["0", "x", "-1", "9"]).to_owned();
    let count = if random.chance(90) { keys.len().to_string() } else { count };
    let step = keys.into_iter().fold(Step::new(name).word(timeout(random)).word(count), Step::word);
    let count = random.one_of(&["", "", "COUNT 1", "COUNT 3", "COUNT 0", "COUNT", "COUNT x"]);
    step.word(random.one_of(ends)).options(count).compare(Compare::Wait)
}

fn timeout(random: &mut Random) -> &'static str {
    if random.chance(90) {
        return "0.001";
    }
    random.one_of(&["0.0001", "-1", "x", "", "inf", "nan", "1e300", " 1"])
}
