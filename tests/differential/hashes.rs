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
];

fn hset(random: &mut Random) -> Step {
    // Now and then so many fields that the encoding changes.
    let fields = if random.chance(3) { 300 + random.below(300) } else { 1 + random.below(4) };
    (0..fields).fold(Step::new("HSET").word(random.key()), |step, _| {
        let field = random.member();
        step.word(field).word(random.value())
    })
}

fn hdel(random: &mut Random) -> Step {
    let step = Step::new("HDEL").word(random.key());
    (0..=random.below(4)).fold(step, |step, _| step.word(random.member()))
}
