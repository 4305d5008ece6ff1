//! The words of the command table, and a mutation that deals in words instead of bytes.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use torc::command::table::TABLE;
use torc::command::{Argument, Kind};

/// Names of commands and subcommands, the words that introduce arguments, and a few values of each
/// kind.
static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    const VALUES: &str = "a b c d a b c d 0 1 2 -1 3 10 100 -100 9223372036854775807 \
        -9223372036854775808 1.5 1e300 0.001 inf -inf nan (1 [a - + * # *->a k* u8 i63 string list \
        hash set zset";
    let mut words: Vec<&str> = VALUES.split_ascii_whitespace().collect();
    let mut tokens = BTreeSet::new();
    for entry in TABLE.commands() {
        let all = [entry].into_iter().chain(TABLE.subcommands(entry));
        for command in all.map(|entry| entry.command) {
            tokens.insert(command.name);
            collect(command.arguments, &mut tokens);
        }
    }
    words.extend(tokens);
    words
});

fn collect(arguments: &[Argument], tokens: &mut BTreeSet<&'static str>) {
    for argument in arguments {
        tokens.extend(Some(argument.token).filter(|token| !token.is_empty()));
        if let Kind::OneOf(parts) | Kind::Block(parts) = argument.kind {
            collect(parts, tokens);
        }
    }
}

/// Puts in, replaces, takes out or repeats a word or a line of inline requests.
pub fn mutate(stream: &[u8], seed: u32) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed.into());
    let mut lines: Vec<Vec<&[u8]>> = stream
        .split(|byte| *byte == b'\n')
        .map(|line| line.split(|b| *b == b' ').collect())
        .collect();
    let line = random.usize(..lines.len());
    let at = random.usize(..lines[line].len());
    let word = WORDS[random.usize(..WORDS.len())].as_bytes();
    let value = WORDS[random.usize(..40)].as_bytes();
    match random.u8(..10) {
        0 | 1 => lines[line][at] = word,
        2 | 3 => lines[line][at] = value,
        4 => lines[line].insert(at, word),
        5 => lines[line].push(value),
        6 => drop(lines[line].remove(at)),
        7 => lines.insert(line, vec![word, value]),
        8 => drop(lines.remove(line)),
        _ => {
            let again = lines[random.usize(..lines.len())].clone();
            lines.insert(line, again);
        }
    }
    let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.join(&b' ')).collect();
    lines.join(&b'\n')
}
