//! The words `FIELDS numfields field [field ...]` that end the newer requests.

use super::FIELD;
use crate::command::options::{integer, is};
use crate::command::{Argument, Error};
use crate::resp::Args;

const NUMBER: Argument = Argument::integer("numfields");
pub(super) const FIELDS: Argument =
    Argument::block("fields", &[NUMBER, FIELD.multiple()]).token("FIELDS");
pub(super) const FIELDS_AND_VALUES: Argument = Argument::block(
    "fields",
    &[NUMBER, Argument::block("data", &[FIELD, super::VALUE]).multiple()],
)
.token("FIELDS");

/// Splits the words of a request from `start` on into its options and its fields, each of which takes
/// `width` words.
pub(super) fn split(
    words: Args<'_>,
    start: usize,
    width: usize,
) -> Result<(Args<'_>, Args<'_>), Error> {
    let words = words.rest(start);
    let place = words.iter().position(|word| is(word, "FIELDS")).ok_or(Error::Syntax)?;
    let fields = words.rest(place + 2);
    let number = integer(words.get(place + 1).ok_or(Error::Syntax)?)?;
    let fits = |number: usize| number > 0 && number.checked_mul(width) == Some(fields.len());
    if !usize::try_from(number).is_ok_and(fits) {
        return Err(Error::text(
            "numfields should be greater than 0 and match the provided number of fields",
        ));
    }
    Ok((words.first(place), fields))
}
