//! The sorted set commands.

use super::{Compare, Generator, Random, Step};

pub const COMMANDS: &[Generator] = &[
    zadd,
    zadd,
    zadd,
    zadd_lex,
    zadd_lex,
    zincrby,
    |random| Step::new("ZSCORE").word(random.key()).word(random.member()),
    zmscore,
    |random| Step::new("ZCARD").word(random.key()),
    |random| score_range(Step::new("ZCOUNT").word(random.key()), random),
    |random| lex_range(Step::new("ZLEXCOUNT").word(LEX), random),
    |random| Step::new("ZRANK").word(random.key()).word(random.member()),
    |random| Step::new("ZREVRANK").word(random.key()).word(random.member()),
    zrange,
    zrange,
    zrange_old,
    zrangestore,
    zrem,
    zremrange,
    zpop,
    zmpop,
    combine,
    combine,
    combine_and_store,
    zintercard,
    zrandmember,
    |random| Step::new("ZSCAN").word(random.key()).word("0").compare(Compare::Scan),
];

/// A key of which all members have the same score, but for what other commands do to it: only then
/// is an order of bytes defined.
pub const LEX: &str = "lex";

fn score(random: &mut Random) -> Vec<u8> {
    match random.below(10) {
        0 => random.float(),
        1 => random.one_of(&["inf", "-inf", "+inf", "nan", "1e400", "0x1p3", " 1"]).into(),
        2 => random.integer(),
        _ => random.one_of(&["0", "1", "-1", "2.5", "3", "1e2", "-7.25", "0.1"]).into(),
    }
}

fn zadd(random: &mut Random) -> Step {
    let step = Step::new("ZADD").word(random.key());
    let options = ["", "", "", "NX", "xx", "GT", "LT", "CH", "XX CH", "GT CH", "INCR", "NX INCR"];
    let rare = ["GT INCR", "LT XX CH INCR", "NX XX", "GT LT", "NX GT", "CH INCR"];
    let options = if random.chance(15) { random.one_of(&rare) } else { random.one_of(&options) };
    // Now and then so many members that the encoding changes.
    let most = if options.contains("INCR") { 1 } else { 4 };
    let members = if random.chance(3) { 100 + random.below(60) } else { 1 + random.below(most) };
    (0..members).fold(step.options(options), |step, _| {
        let score = score(random);
        step.word(score).word(random.member())
    })
}

fn zadd_lex(random: &mut Random) -> Step {
    let members = 1 + random.below(4);
    (0..members).fold(Step::new("ZADD").word(LEX), |step, _| step.word("0").word(random.member()))
}

fn zincrby(random: &mut Random) -> Step {
    let score = score(random);
    Step::new("ZINCRBY").word(random.key()).word(score).word(random.member())
}

fn zmscore(random: &mut Random) -> Step {
    let step = Step::new("ZMSCORE").word(random.key());
    (0..=random.below(3)).fold(step, |step, _| step.word(random.member()))
}

fn score_bound(random: &mut Random) -> Vec<u8> {
    let bound = match random.below(4) {
        0 => random.one_of(&["-inf", "+inf", "inf", "", " 1", "x", "nan"]).into(),
        _ => score(random),
    };
    if random.chance(30) { [b"(", &bound[..]].concat() } else { bound }
}

fn score_range(step: Step, random: &mut Random) -> Step {
    let min = score_bound(random);
    step.word(min).word(score_bound(random))
}

fn lex_bound(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0 => random.one_of(&["-", "+", "", "a", "--", "(", "["]).into(),
        1 => b"-".to_vec(),
        2 => b"+".to_vec(),
        n => [if n % 2 == 0 { b"(" } else { b"[" }, &random.member()[..]].concat(),
    }
}

fn lex_range(step: Step, random: &mut Random) -> Step {
    let min = lex_bound(random);
    step.word(min).word(lex_bound(random))
}

fn rank(random: &mut Random) -> String {
    match random.below(10) {
        0 => random.one_of(&["x", "9223372036854775807", "-9223372036854775808"]).into(),
        _ => (random.below(12) as i64 - 6).to_string(),
    }
}

fn rank_range(step: Step, random: &mut Random) -> Step {
    let start = rank(random);
    step.word(start).word(rank(random))
}

fn limit(random: &mut Random) -> String {
    match random.chance(40) {
        true => format!("LIMIT {} {}", rank(random), rank(random)),
        false => String::new(),
    }
}

/// The range of ZRANGE and ZRANGESTORE, with the name of its key before it.
fn range(step: Step, random: &mut Random) -> Step {
    let (step, by) = match random.below(5) {
        0 | 1 => (rank_range(step.word(random.key()), random), ""),
        2 | 3 => (score_range(step.word(random.key()), random), "BYSCORE"),
        _ => (lex_range(step.word(LEX), random), "BYLEX"),
    };
    let reverse = random.one_of(&["", "REV"]);
    let step = step.options(by).options(reverse);
    // A limit without need of one is a mistake.
    if by.is_empty() && !random.chance(5) { step } else { step.options(&limit(random)) }
}

fn zrange(random: &mut Random) -> Step {
    let scores = random.one_of(&["", "WITHSCORES"]);
    range(Step::new("ZRANGE"), random).options(scores)
}

fn zrangestore(random: &mut Random) -> Step {
    range(Step::new("ZRANGESTORE").word(random.key()), random)
}

fn zrange_old(random: &mut Random) -> Step {
    let scores = random.one_of(&["", "withscores"]);
    let limit = limit(random);
    match random.below(5) {
        0 => rank_range(Step::new("ZREVRANGE").word(random.key()), random).options(scores),
        1 => score_range(Step::new("ZRANGEBYSCORE").word(random.key()), random)
            .options(scores)
            .options(&limit),
        2 => score_range(Step::new("ZREVRANGEBYSCORE").word(random.key()), random)
            .options(&limit)
            .options(scores),
        3 => lex_range(Step::new("ZRANGEBYLEX").word(LEX), random).options(&limit),
        _ => lex_range(Step::new("ZREVRANGEBYLEX").word(LEX), random).options(&limit),
    }
}

fn zrem(random: &mut Random) -> Step {
    let step = Step::new("ZREM").word(random.key());
    (0..=random.below(4)).fold(step, |step, _| step.word(random.member()))
}

fn zremrange(random: &mut Random) -> Step {
    match random.below(3) {
        0 => rank_range(Step::new("ZREMRANGEBYRANK").word(random.key()), random),
        1 => score_range(Step::new("ZREMRANGEBYSCORE").word(random.key()), random),
        _ => lex_range(Step::new("ZREMRANGEBYLEX").word(LEX), random),
    }
}

fn zpop(random: &mut Random) -> Step {
    let step = Step::new(random.one_of(&["ZPOPMIN", "ZPOPMAX"])).word(random.key());
    if random.chance(50) { step.word(rank(random)) } else { step }
}

fn zmpop(random: &mut Random) -> Step {
    let keys = random.keys();
    let step = Step::new("ZMPOP").word(keys.len().to_string());
    let end = random.one_of(&["MIN", "MAX", "min"]);
    let step = keys.into_iter().fold(step, Step::word).word(end);
    if random.chance(50) { step.word("COUNT").word(rank(random)) } else { step }
}

/// How many keys, and the keys.
fn sources(step: Step, random: &mut Random) -> (Step, usize) {
    let keys = random.keys();
    let (step, count) = (step.word(keys.len().to_string()), keys.len());
    (keys.into_iter().fold(step, Step::word), count)
}

/// WEIGHTS and AGGREGATE, or nothing.
fn weighed(step: Step, count: usize, random: &mut Random) -> Step {
    let mut step = step;
    if random.chance(40) {
        step = (0..count).fold(step.word("WEIGHTS"), |step, _| {
            step.word(random.one_of(&["1", "2", "0", "-1", "0.5", "inf", "0.1"]))
        });
    }
    step.options(random.one_of(&["", "", "AGGREGATE MIN", "aggregate max", "AGGREGATE SUM"]))
}

fn combine(random: &mut Random) -> Step {
    let name = random.one_of(&["ZUNION", "ZINTER", "ZDIFF"]);
    let (step, count) = sources(Step::new(name), random);
    let step = if name == "ZDIFF" { step } else { weighed(step, count, random) };
    step.options(random.one_of(&["", "WITHSCORES"]))
}

fn combine_and_store(random: &mut Random) -> Step {
    let name = random.one_of(&["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"]);
    let (step, count) = sources(Step::new(name).word(random.key()), random);
    if name == "ZDIFFSTORE" { step } else { weighed(step, count, random) }
}

fn zintercard(random: &mut Random) -> Step {
    let (step, _) = sources(Step::new("ZINTERCARD"), random);
    step.options(random.one_of(&["", "LIMIT 0", "LIMIT 1", "LIMIT 2", "LIMIT -1", "LIMIT x"]))
}

/// All members: which ones come of fewer is left to each server.
fn zrandmember(random: &mut Random) -> Step {
    let step = Step::new("ZRANDMEMBER").word(random.key());
    step.word("100000").options(random.one_of(&["", "WITHSCORES"])).compare(Compare::Unordered)
}
