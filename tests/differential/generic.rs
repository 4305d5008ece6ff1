//! Commands on keys of any type.

use super::{Compare, Generator, Random, Step};

pub const COMMANDS: &[Generator] = &[
    |random| over_keys("DEL", random),
    |random| over_keys("UNLINK", random),
    |random| over_keys("EXISTS", random),
    |random| over_keys("TOUCH", random),
    |random| Step::new("TYPE").word(random.key()),
    |random| Step::new("PERSIST").word(random.key()),
    |random| expire("EXPIRE", random),
    |random| expire("PEXPIRE", random),
    |random| expire_at("EXPIREAT", 1, random),
    |random| expire_at("EXPIREAT", 1, random),
    |random| expire_at("PEXPIREAT", 1000, random),
    |random| expire_at("PEXPIREAT", 1000, random),
    |random| Step::new("TTL").word(random.key()).compare(Compare::Near(2)),
    |random| Step::new("PTTL").word(random.key()).compare(Compare::Near(2000)),
    |random| Step::new("EXPIRETIME").word(random.key()).compare(Compare::Near(2)),
    |random| Step::new("PEXPIRETIME").word(random.key()).compare(Compare::Near(2000)),
    |random| Step::new("RENAME").word(random.key()).word(random.key()),
    |random| Step::new("RENAMENX").word(random.key()).word(random.key()),
    copy,
    copy,
    object,
    object,
    keys,
    scan,
    |random| Step::new("MOVE").word(random.key()).word(random.database()),
    |_| Step::new("RANDOMKEY").compare(Compare::Member),
];

const PATTERNS: [&str; 18] = [
    "*",
    "?",
    "a*",
    "*1",
    "key:*",
    "key:?",
    "[ab]",
    "[a-c]",
    "[^a-c]",
    "[c-a]",
    "k\\[x\\]\\*",
    "\\a",
    "k[[]x[]]*",
    "[a",
    "*\\",
    "*e*y*",
    "[^]",
    "??*",
];

fn over_keys(name: &str, random: &mut Random) -> Step {
    random.keys().into_iter().fold(Step::new(name), Step::word)
}

fn expire(name: &str, random: &mut Random) -> Step {
    let scale = if name == "EXPIRE" { 1 } else { 1000 };
    conditions(Step::new(name).word(random.key()).word(random.ahead(scale)), random)
}

fn expire_at(name: &str, scale: u64, random: &mut Random) -> Step {
    conditions(Step::new(name).word(random.key()).word(random.at(scale)), random)
}

fn conditions(step: Step, random: &mut Random) -> Step {
    let count = random.one_of(&[0, 0, 1, 1, 2]);
    (0..count).fold(step, |step, _| step.word(random.one_of(&["NX", "XX", "GT", "lt", "GT", "LT"])))
}

fn copy(random: &mut Random) -> Step {
    let mut step = Step::new("COPY").word(random.key()).word(random.key());
    if random.chance(30) {
        step = step.word("DB").word(random.database());
    }
    if random.chance(40) { step.word("REPLACE") } else { step }
}

fn object(random: &mut Random) -> Step {
    let step = |name: &str, random: &mut Random| Step::new("OBJECT").word(name).word(random.key());
    match random.below(10) {
        0 => Step::line("OBJECT HELP").compare(Compare::Kind), // each server has its own words
        1 => step("FREQ", random),
        // Redis has one object for all keys with the same small integer, and the use of one is
        // the use of all.
        2 => step("IDLETIME", random).compare(Compare::Kind),
        3 => step("REFCOUNT", random).compare(Compare::Kind),
        _ => step("ENCODING", random).compare(Compare::Encoding),
    }
}

fn keys(random: &mut Random) -> Step {
    Step::new("KEYS").word(random.one_of(&PATTERNS)).compare(Compare::Unordered)
}

fn scan(random: &mut Random) -> Step {
    let mut step = Step::line("SCAN 0").compare(Compare::Scan);
    if random.chance(40) {
        step = step.word("MATCH").word(random.one_of(&PATTERNS));
    }
    if random.chance(60) {
        step = step.word("COUNT").word(random.one_of(&["1", "3", "10", "1000", "0", "x"]));
    }
    if random.chance(20) {
        step = step.word("TYPE").word(random.one_of(&["string", "STRING", "set", "nothing"]));
    }
    step
}
