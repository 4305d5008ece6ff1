//! The set commands.

use super::{Compare, Generator, Random, Step};

pub const COMMANDS: &[Generator] = &[
    sadd,
    sadd,
    sadd,
    sadd,
    |random| over_members("SREM", random),
    |random| over_members("SMISMEMBER", random),
    |random| Step::new("SISMEMBER").word(random.key()).word(member(random)),
    |random| Step::new("SCARD").word(random.key()),
    |random| Step::new("SMEMBERS").word(random.key()).compare(Compare::Unordered),
    |random| Step::new("SMOVE").word(random.key()).word(random.key()).word(member(random)),
    |random| picks("SPOP", random),
    |random| picks("SRANDMEMBER", random),
    combine,
    combine,
    combine_and_store,
    combine_and_store,
    sintercard,
    sscan,
];

/// Of one kind in one request, so that there are sets of each encoding.
fn sadd(random: &mut Random) -> Step {
    // Now and then so many members that the encoding changes.
    let members = if random.chance(5) { 100 + random.below(500) } else { 1 + random.below(4) };
    let member = if random.chance(60) { Random::integer } else { member };
    (0..members).fold(Step::new("SADD").word(random.key()), |step, _| step.word(member(random)))
}

fn over_members(name: &str, random: &mut Random) -> Step {
    let step = Step::new(name).word(random.key());
    (0..=random.below(4)).fold(step, |step, _| step.word(member(random)))
}

fn member(random: &mut Random) -> Vec<u8> {
    if random.chance(30) { random.integer() } else { random.member() }
}

fn picks(name: &str, random: &mut Random) -> Step {
    const COUNTS: [&str; 13] = [
        "0",
        "1",
        "2",
        "5",
        "100",
        "600",
        "-1",
        "-3",
        "-700",
        "x",
        "",
        "1 1",
        "-9223372036854775808",
    ];
    let step = Step::new(name).word(random.key()).compare(Compare::Picks);
    if random.chance(50) { step.options(random.one_of(&COUNTS)) } else { step }
}

fn combine(random: &mut Random) -> Step {
    let name = random.one_of(&["SINTER", "SUNION", "SDIFF"]);
    let step = Step::new(name).compare(Compare::Unordered);
    random.keys().into_iter().fold(step, Step::word)
}

fn combine_and_store(random: &mut Random) -> Step {
    let name = random.one_of(&["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]);
    let step = Step::new(name).word(random.key());
    random.keys().into_iter().fold(step, Step::word)
}

fn sintercard(random: &mut Random) -> Step {
    let keys = random.keys();
    let step = Step::new("SINTERCARD").word(keys.len().to_string());
    let step = keys.into_iter().fold(step, Step::word);
    step.options(random.one_of(&["", "", "LIMIT 0", "limit 2", "LIMIT 100", "LIMIT -1", "LIMIT"]))
}

fn sscan(random: &mut Random) -> Step {
    let mut step = Step::new("SSCAN").word(random.key()).word("0").compare(Compare::Scan);
    if random.chance(40) {
        step = step.word("MATCH").word(random.one_of(&["*", "*1*", "[a-c]", "", "-*"]));
    }
    if random.chance(60) {
        step = step.word("COUNT").word(random.one_of(&["1", "10", "1000", "0", "x"]));
    }
    if random.chance(5) { step.options("TYPE set") } else { step }
}
