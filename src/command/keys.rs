//! Where a command's keys stand among its words.

use super::options::is;
use crate::number::parse_u64;
use crate::resp::Args;

/// One rule that finds keys, as COMMAND INFO describes it.
pub struct KeySpec {
    /// What the command does with them: the words of Redis' key specifications.
    pub flags: &'static [&'static str],
    /// Why the flags are what they are, where Redis says it; else empty.
    pub notes: &'static str,
    /// The word at which the search begins.
    pub begin: usize,
    pub find: Find,
}

/// How the keys follow from where the search begins.
pub enum Find {
    /// `last` counts from `begin`; negative, from the last word (-1). Every `step`th word is a key.
    Range { last: i32, step: usize },
    /// The word at `begin` says how many of the words behind it are keys.
    Counted,
    /// The key stands behind this word, which is looked for from `begin` on.
    Behind(&'static str),
    /// Clients are told that it cannot be told; the place of the key, if there is one.
    Unknown(fn(Args<'_>) -> Option<usize>),
}

impl KeySpec {
    pub const READ: &'static [&'static str] = &["RO", "access"];

    /// One key, the first word after the name.
    pub const fn one(flags: &'static [&'static str]) -> Self {
        Self::at(1, flags)
    }

    /// One key, the `begin`th word.
    pub const fn at(begin: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, notes: "", begin, find: Find::Range { last: 0, step: 1 } }
    }

    /// All words after the name.
    pub const fn all(flags: &'static [&'static str]) -> Self {
        Self { flags, notes: "", begin: 1, find: Find::Range { last: -1, step: 1 } }
    }

    /// All words after the name but the last one.
    pub const fn all_but_last(flags: &'static [&'static str]) -> Self {
        Self { flags, notes: "", begin: 1, find: Find::Range { last: -2, step: 1 } }
    }

    /// Every second word after the name: keys with their values.
    pub const fn pairs(flags: &'static [&'static str]) -> Self {
        Self { flags, notes: "", begin: 1, find: Find::Range { last: -1, step: 2 } }
    }

    /// The first words after the name, up to the `last`th.
    pub const fn first(last: usize, flags: &'static [&'static str]) -> Self {
        let find = Find::Range { last: last as i32 - 1, step: 1 };
        Self { flags, notes: "", begin: 1, find }
    }

    /// As many keys as the `begin`th word says, behind that word.
    pub const fn counted(begin: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, notes: "", begin, find: Find::Counted }
    }

    /// A key behind a word that is looked for from the `begin`th word on.
    pub const fn after(word: &'static str, begin: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, notes: "", begin, find: Find::Behind(word) }
    }

    /// A key at the place that `find` tells.
    pub const fn unknown(
        find: fn(Args<'_>) -> Option<usize>,
        flags: &'static [&'static str],
    ) -> Self {
        Self { flags, notes: "", begin: 0, find: Find::Unknown(find) }
    }

    pub const fn notes(mut self, notes: &'static str) -> Self {
        self.notes = notes;
        self
    }

    /// The places of the keys in a request; none in one that names too many.
    #[inline]
    pub fn places(&self, args: Args<'_>) -> impl Iterator<Item = usize> + use<> {
        let (begin, words) = (self.begin, args.len());
        let (places, step) = match self.find {
            Find::Range { last: last @ 0.., step } => (begin..begin + last as usize + 1, step),
            Find::Range { last, step } => {
                (begin..(words as i64 + i64::from(last) + 1).max(0) as usize, step)
            }
            Find::Counted => {
                let count = args.get(begin).and_then(parse_u64).map_or(0, |count| count as usize);
                let count = if count < words.saturating_sub(begin) { count } else { 0 };
                (begin + 1..begin + 1 + count, 1)
            }
            Find::Behind(word) => {
                let found =
                    (begin..words).find(|at| args.get(*at).is_some_and(|arg| is(arg, word)));
                found.map_or((0..0, 1), |at| (at + 1..at + 2, 1))
            }
            Find::Unknown(find) => find(args).map_or((0..0, 1), |place| (place..place + 1, 1)),
        };
        (places.start..places.end.min(words)).step_by(step)
    }
}

/// The keys that the rules find in a request.
#[inline]
pub fn keys<'a>(specs: &'static [KeySpec], args: Args<'a>) -> impl Iterator<Item = &'a [u8]> {
    let places = specs.iter().flat_map(move |spec| spec.places(args));
    places.filter_map(move |place| args.get(place))
}
