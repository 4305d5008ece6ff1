//! Ranges as clients write them: `(1 +inf`, `[a -`, `0 -1`.

use std::ops::{Bound, Range};

use crate::command::Error;
use crate::number::parse_bound;
use crate::store::Bounds;

/// A range of scores; `(` excludes a bound.
pub(super) fn by_score<'a>(min: &[u8], max: &[u8]) -> Result<Bounds<'a>, Error> {
    let bound = |word: &[u8]| match word {
        [b'(', score @ ..] => parse_bound(score).map(Bound::Excluded),
        score => parse_bound(score).map(Bound::Included),
    };
    match (bound(min), bound(max)) {
        (Some(min), Some(max)) => Ok(Bounds::Score(min, max)),
        _ => Err(Error::text("min or max is not a float")),
    }
}

/// A range of members that have the same score: `[a` with a, `(a` without, `-` and `+` are the ends.
pub(super) fn by_lex<'a>(min: &'a [u8], max: &'a [u8]) -> Result<Bounds<'a>, Error> {
    match (Lex::read(min), Lex::read(max)) {
        (Some(Lex::End), Some(_)) | (Some(_), Some(Lex::Beginning)) => Ok(Bounds::Nothing),
        (Some(min), Some(max)) => Ok(Bounds::Lex(min.bound(), max.bound())),
        _ => Err(Error::text("min or max not valid string range item")),
    }
}

/// The ranks from `start` to `stop`, which count from the end if they are negative, of `len`.
pub(super) fn by_rank(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from_the_end = |rank: i64| if rank < 0 { (rank + len).max(-1) } else { rank };
    let start = from_the_end(start).max(0);
    let end = (from_the_end(stop).min(len - 1) + 1).max(start);
    if start < len { start as usize..end as usize } else { 0..0 }
}

#[derive(Clone, Copy)]
enum Lex<'a> {
    Beginning,
    End,
    At(Bound<&'a [u8]>),
}

impl<'a> Lex<'a> {
    fn read(word: &'a [u8]) -> Option<Self> {
        match word {
            // Redis ends these two as C ends strings.
            [b'-'] | [b'-', 0, ..] => Some(Self::Beginning),
            [b'+'] | [b'+', 0, ..] => Some(Self::End),
            [b'[', member @ ..] => Some(Self::At(Bound::Included(member))),
            [b'(', member @ ..] => Some(Self::At(Bound::Excluded(member))),
            _ => None,
        }
    }

    fn bound(self) -> Bound<&'a [u8]> {
        match self {
            Self::At(bound) => bound,
            Self::Beginning | Self::End => Bound::Unbounded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_count_from_either_end_and_stay_within() {
        for (start, stop, ranks) in [
            (0, -1, 0..5),
            (1, 2, 1..3),
            (-2, -1, 3..5),
            (-100, 100, 0..5),
            (3, 1, 3..3),
            (5, 9, 0..0),
            (0, -6, 0..0),
            (i64::MIN, i64::MAX, 0..5),
        ] {
            let found = by_rank(start, stop, 5);
            assert_eq!((found.len(), found.start), (ranks.len(), ranks.start), "{start} {stop}");
        }
        assert!(by_rank(0, -1, 0).is_empty());
    }
}
