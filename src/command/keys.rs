//! Where a command's keys stand among its words.

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

    pub const fn notes(mut self, notes: &'static str) -> Self {
        self.notes = notes;
        self
    }

    /// The places of the keys in a request of `words` words.
    #[inline]
    pub fn places(&self, words: usize) -> impl Iterator<Item = usize> + use<> {
        let Find::Range { last, step } = self.find;
        let end = match last {
            0.. => self.begin + last as usize + 1,
            _ => (words as i64 + i64::from(last) + 1).max(0) as usize,
        };
        (self.begin..end.min(words)).step_by(step)
    }
}

/// The keys that the rules find in a request.
#[inline]
pub fn keys<'a>(specs: &'static [KeySpec], args: Args<'a>) -> impl Iterator<Item = &'a [u8]> {
    let places = specs.iter().flat_map(move |spec| spec.places(args.len()));
    places.filter_map(move |place| args.get(place))
}
