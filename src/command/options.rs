//! Reading the words of a request: numbers and option names.

use super::Error;
use crate::number::parse_i64;

/// An integer argument.
#[inline]
pub fn integer(word: &[u8]) -> Result<i64, Error> {
    parse_i64(word).ok_or(Error::NotAnInteger)
}

/// An integer argument that Redis keeps in a C `int`.
pub fn integer32(word: &[u8]) -> Result<i32, Error> {
    let bounds = Error::NotBetween(i32::MIN.into(), i32::MAX.into());
    i32::try_from(integer(word)?).map_err(|_| bounds)
}

/// The number of one of `databases` databases.
pub fn database(word: &[u8], databases: usize) -> Result<usize, Error> {
    let number = usize::try_from(integer32(word)?).ok();
    number.filter(|number| *number < databases).ok_or(Error::DatabaseOutOfRange)
}

/// Whether the word is this option, in any case. `option` is in upper case.
#[inline]
pub fn is(word: &[u8], option: &str) -> bool {
    word.eq_ignore_ascii_case(option.as_bytes())
}
