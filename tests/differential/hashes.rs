//! The hash commands.

use super::{Compare, Generator, Random, Step};

pub const COMMANDS: &[Generator] = &[
    hset,
    hset,
    hset,
    |random| Step::new("HGET").word(random.key()).word(random.member()),
    |random| Step::new("HGET").word(random.key()).word(random.member()),
    hdel,
    |random| Step::new("HLEN").word(random.key()),
    |random| Step::new("HGETALL").word(random.key()).compare(Compare::Unordered),
    |random| Step::new("HKEYS").word(random.key()).compare(Compare::Unordered),
    |random| Step::new("HVALS").word(random.key()).compare(Compare::Unordered),
    hmset,
    hmget,
    |random| {
        let step = Step::new("HSETNX").word(random.key()).word(random.member());
        step.word(random.value())
    },
    |random| Step::new("HEXISTS").word(random.key()).word(random.member()),
    |random| Step::new("HSTRLEN").word(random.key()).word(random.member()),
    hincrby,
    hincrby,
    hincrbyfloat,
    hincrbyfloat,
    hrandfield,
    hrandfield,
    hscan,
    limits,
    about,
];

fn hset(random: &mut Random) -> Step {
    // Now and then so many fields that the encoding changes.
    let fields = if random.chance(3) { 300 + random.below(300) } else { 1 + random.below(4) };
    (0..fields).fold(Step::new("HSET").word(random.key()), |step, _| {
        let field = random.member();
        step.word(field).word(random.value())
    })
}

fn hmset(random: &mut Random) -> Step {
    let step = Step::new("HMSET").word(random.key());
    (0..=random.below(4)).fold(step, |step, _| step.word(random.member()).word(random.value()))
}

fn hmget(random: &mut Random) -> Step {
    let step = Step::new("HMGET").word(random.key());
    (0..=random.below(4)).fold(step, |step, _| step.word(random.member()))
}

fn hincrby(random: &mut Random) -> Step {
    Step::new("HINCRBY").word(random.key()).word(random.member()).word(random.integer())
}

fn hincrbyfloat(random: &mut Random) -> Step {
    Step::new("HINCRBYFLOAT").word(random.key()).word(random.member()).word(random.float())
}

fn hrandfield(random: &mut Random) -> Step {
    let step = Step::new("HRANDFIELD").word(random.key());
    // Beyond the number of fields the answer is all of them, and then the elements are the same.
    match random.below(8) {
        0 => step.compare(Compare::Kind),
        1 => step.word(random.one_of(&["-9223372036854775808", "x", "0", "1.5"])),
        2 => step.word(random.one_of(&["5000", "9223372036854775807"])).compare(Compare::Unordered),
        3 => step.word("5000").word("WITHVALUES").compare(Compare::Length),
        4 => step.options("4611686018427387904 WITHVALUES"),
        5 => {
            step.word(random.one_of(&["1", "-1", "-7"])).word("withvalues").compare(Compare::Length)
        }
        6 => step.word("2").word(random.one_of(&["VALUES", "WITHVALUES"])).compare(Compare::Length),
        _ => {
            let count = random.below(40) as i64 - 20;
            step.word(count.to_string()).compare(Compare::Length)
        }
    }
}

fn hscan(random: &mut Random) -> Step {
    let step = Step::new("HSCAN").word(random.key()).word("0").compare(Compare::Scan);
    let step = match random.chance(50) {
        true => step.word("MATCH").word(random.one_of(&["*", "a*", "*1*", "[ab]", "?", "x*"])),
        false => step,
    };
    match random.below(4) {
        0 => step.word("COUNT").word(random.one_of(&["1", "100", "5000", "0", "-1", "x"])),
        1 => step.word(random.one_of(&["TYPE", "COUNT", "MATCH"])),
        _ => step,
    }
}

/// The limits of the packed form, for the commands that follow.
fn limits(random: &mut Random) -> Step {
    let name = random.one_of(&["hash-max-listpack-entries", "hash-max-listpack-value"]);
    Step::line("CONFIG SET").word(name).word(random.one_of(&["0", "4", "64", "128", "512"]))
}

/// What the commands say of themselves, as far as it is not put in our own words.
fn about(random: &mut Random) -> Step {
    let name = random.one_of(&[
        "hdel",
        "hexists",
        "hget",
        "hgetall",
        "hincrby",
        "hincrbyfloat",
        "hkeys",
        "hlen",
        "hmget",
        "hmset",
        "hrandfield",
        "hscan",
        "hset",
        "hsetnx",
        "hstrlen",
        "hvals",
    ]);
    // Two names, so that one is left when one word is dropped: all commands would be too many.
    Step::line("COMMAND INFO").word(name).word("HGET")
}

fn hdel(random: &mut Random) -> Step {
    let step = Step::new("HDEL").word(random.key());
    (0..=random.below(4)).fold(step, |step, _| step.word(random.member()))
}
