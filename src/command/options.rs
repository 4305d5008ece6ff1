//! Reading the words of a request: numbers and option names.

use super::Error;
use crate::number::parse_i64;

/// An integer argument.
#[inline]
pub fn integer(word: &[u8]) -> Result<i64, Error> {
    parse_i64(word).ok_or(Error::NotAnInteger)
}

/// Whether the word is this option, in any case. `option` is in upper case.
#[inline]
pub fn is(word: &[u8], option: &str) -> bool {
    word.eq_ignore_ascii_case(option.as_bytes())
}
