//! Random commands, drawn from a seed: which there are, and how their replies are compared.
//!
//! Each group of commands is a file with a list of generators. A group is added as a file and a
//! line in [`GROUPS`].

mod bitmaps;
mod blocking;
mod connection;
mod draw;
mod generic;
mod geo;
mod hashes;
mod hyperloglogs;
mod lists;
mod server;
mod sets;
mod sorted_sets;
mod sorts;
mod strings;

pub use draw::Random;

use crate::common::reply;

/// A request, word by word.
pub type Words = Vec<Vec<u8>>;

/// Draws one command of one kind.
pub type Generator = fn(&mut Random) -> Step;

/// The groups, each with the weight that its commands have together.
const GROUPS: &[(usize, &[Generator])] = &[
    (10, strings::COMMANDS),
    (5, bitmaps::COMMANDS),
    (3, hyperloglogs::COMMANDS),
    (8, generic::COMMANDS),
    (6, hashes::COMMANDS),
    (8, lists::COMMANDS),
    (2, blocking::COMMANDS),
    (8, sets::COMMANDS),
    (2, sorts::COMMANDS),
    (10, sorted_sets::COMMANDS),
    (6, geo::COMMANDS),
    (1, connection::COMMANDS),
    (1, server::COMMANDS),
];

/// Commands to which later versions of Redis than 7.0 have added options, and say so.
pub const GROWN: [&str; 3] = ["HSCAN", "ZRANK", "ZREVRANK"];

/// A request and how its replies are compared.
#[derive(Clone, Debug)]
pub struct Step {
    pub words: Words,
    pub compare: Compare,
}

#[derive(Clone, Copy, Debug)]
pub enum Compare {
    /// The same bytes.
    Bytes,
    /// The same elements in any order.
    Unordered,
    /// Integers that differ by no more than this, for what depends on the time.
    Near(i64),
    /// The same kind of reply, for what is a server's own affair.
    Kind,
    /// As many elements, for what is drawn by chance.
    Length,
    /// The same bytes, to a request that must not be spoilt: it could wait for ever.
    Wait,
    /// The same bytes, if not at once then soon: servers remove expired keys in their own time.
    Soon,
    /// One existing key, or none where there is none.
    Member,
    /// Members of the set that is named by the first word, as many as the other server picks; a
    /// command that removes them does so on both servers.
    Picks,
    /// The name of an encoding. Redis 7.0 has no listpacks for sets and lists, as later versions do.
    Encoding,
    /// The first call of an iteration that sees the same elements.
    Scan,
}

impl Compare {
    /// Whether a reply may stand for the expected one. Errors and nils are always compared whole.
    pub fn same(self, expected: &[u8], reply: &[u8]) -> bool {
        if expected == reply {
            return true;
        }
        match self {
            Self::Bytes
            | Self::Wait
            | Self::Soon
            | Self::Member
            | Self::Picks
            | Self::Encoding
            | Self::Scan => false,
            Self::Unordered => {
                let sorted = |reply| {
                    let mut elements = reply::elements(reply)?;
                    elements.sort();
                    Some(elements)
                };
                sorted(expected).is_some_and(|elements| Some(elements) == sorted(reply))
            }
            Self::Near(tolerance) => match (reply::integer(expected), reply::integer(reply)) {
                (Some(a @ 0..), Some(b @ 0..)) => a.abs_diff(b) <= tolerance.unsigned_abs(),
                _ => false,
            },
            Self::Length => {
                let length = |reply| reply::elements(reply).map(|elements| elements.len());
                length(expected).is_some_and(|elements| Some(elements) == length(reply))
            }
            Self::Kind => {
                let is_value = |reply: &[u8]| reply[0] != b'-' && !reply.starts_with(b"$-1");
                expected[0] == reply[0] && is_value(expected) && is_value(reply)
            }
        }
    }
}

impl Step {
    /// A command to be given its words.
    pub fn new(name: &str) -> Self {
        Self { words: vec![name.into()], compare: Compare::Bytes }
    }

    /// A command and its words, as one line.
    pub fn line(line: &str) -> Self {
        let words = line.split_ascii_whitespace().map(|word| word.into()).collect();
        Self { words, compare: Compare::Bytes }
    }

    pub fn word(mut self, word: impl AsRef<[u8]>) -> Self {
        self.words.push(word.as_ref().to_vec());
        self
    }

    /// Adds the words of a line of options, which may be empty.
    pub fn options(mut self, line: &str) -> Self {
        self.words.extend(line.split_ascii_whitespace().map(|word| word.as_bytes().to_vec()));
        self
    }

    pub fn compare(mut self, compare: Compare) -> Self {
        self.compare = compare;
        self
    }
}

/// The next command: mostly well-formed, sometimes with a word too many, too few or spoilt.
pub fn step(random: &mut Random) -> Step {
    let total = GROUPS.iter().map(|(weight, _)| weight).sum();
    let mut at = random.below(total);
    let group = GROUPS.iter().find(|(weight, _)| {
        let found = at < *weight;
        at = at.wrapping_sub(*weight);
        found
    });
    let (_, commands) = group.expect("the draw is below the total");
    let mut step = random.one_of(commands)(random);
    // What CONFIG SET does to a server lasts: that is not left to chance.
    let is_setting = step.words.starts_with(&[b"CONFIG".into(), b"SET".into()]);
    // Nor is what one server picks, or what it does not take yet.
    let is_own = step.words[0] == b"ZRANDMEMBER"
        || step.words.starts_with(&[b"ZADD".into(), sorted_sets::LEX.into()])
        || GROWN.iter().any(|name| name.as_bytes() == step.words[0]);
    if is_setting
        || is_own
        || matches!(step.compare, Compare::Member | Compare::Picks | Compare::Scan | Compare::Wait)
    {
        return step;
    }
    if random.chance(8) {
        spoil(&mut step.words, random);
    }
    if random.chance(20) {
        step.words[0].make_ascii_lowercase();
    }
    step
}

/// Puts in, takes out or replaces a word behind the first.
pub fn spoil(words: &mut Words, random: &mut Random) {
    let at = 1 + random.below(words.len());
    match random.below(3) {
        0 => words.insert(at, random.garbage()),
        1 if at < words.len() => drop(words.remove(at)),
        _ if at < words.len() => words[at] = random.garbage(),
        _ => words.push(random.garbage()),
    }
}

/// A request as a failure message shows it: escaped, long words cut.
pub fn shown(words: &Words) -> String {
    let shown = words.iter().map(|word| match word.len() {
        0..=60 => format!("\"{}\"", word.escape_ascii()),
        length => format!("\"{}...\" ({length} bytes)", word[..60].escape_ascii()),
    });
    shown.collect::<Vec<_>>().join(" ")
}
