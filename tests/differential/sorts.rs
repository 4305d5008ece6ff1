//! SORT and SORT_RO.

use super::{Compare, Generator, Random, Step};

pub const COMMANDS: &[Generator] = &[sort, sort, by_texts];

/// Sorted by numbers, or not at all: equal weights leave nothing to chance.
fn sort(random: &mut Random) -> Step {
    const OPTIONS: [&str; 18] = [
        "ASC",
        "DESC",
        "desc",
        "ALPHA",
        "BY *",
        "BY key:*",
        "BY *->1",
        "GET #",
        "GET *",
        "get key:*",
        "GET *->a",
        "GET nothing",
        "LIMIT 0 3",
        "LIMIT 2 -1",
        "LIMIT -3 5",
        "LIMIT 1 0",
        "LIMIT x 0",
        "nothing",
    ];
    let mut options: Vec<&str> = (0..random.below(4)).map(|_| random.one_of(&OPTIONS)).collect();
    if options.iter().any(|option| option.starts_with("BY")) {
        options.retain(|option| *option != "ALPHA");
    }
    let name = random.one_of(&["SORT", "SORT", "SORT_RO"]);
    let step = options.into_iter().fold(Step::new(name).word(random.key()), Step::options);
    if random.chance(40) { step.word("STORE").word(random.key()) } else { step }
}

/// Elements with the same text as weight come in any order. Those without sort come first.
fn by_texts(random: &mut Random) -> Step {
    let by = random.one_of(&["BY * ALPHA", "BY key:* ALPHA DESC", "BY nosort", "BY nosort DESC"]);
    Step::new("SORT_RO").word(random.key()).options(by).compare(Compare::Unordered)
}
