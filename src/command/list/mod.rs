//! Lists: LPUSH, LPOP, LRANGE and their kind.

mod blocking;
mod edit;
mod moving;
mod pop;
mod push;
mod read;
mod search;

use std::ops::Range;

use blocking::{BLMOVE, BLMPOP, BLPOP, BRPOP, BRPOPLPUSH};
use edit::{LINSERT, LREM, LSET, LTRIM};
use moving::{LMOVE, RPOPLPUSH};
use pop::{LMPOP, LPOP, RPOP};
use push::{LPUSH, LPUSHX, RPUSH, RPUSHX};
use read::{LINDEX, LLEN, LRANGE};
use search::LPOS;

use super::options::is;
use super::{Argument, Call, Command, Error, Flags};
use crate::store::{ChunkSize, End, List};

/// The commands of this group, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[
    &BLMOVE,
    &BLMPOP,
    &BLPOP,
    &BRPOP,
    &BRPOPLPUSH,
    &LINDEX,
    &LINSERT,
    &LLEN,
    &LMOVE,
    &LMPOP,
    &LPOP,
    &LPOS,
    &LPUSH,
    &LPUSHX,
    &LRANGE,
    &LREM,
    &LSET,
    &LTRIM,
    &RPOP,
    &RPOPLPUSH,
    &RPUSH,
    &RPUSHX,
];

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);
const TAKEN: &[&str] = &["RW", "access", "delete"];
const ELEMENT: Argument = Argument::string("element");
const LEFT_OR_RIGHT: &[Argument] =
    &[Argument::word("left", "LEFT"), Argument::word("right", "RIGHT")];

/// The list at the key, the word after the name.
#[inline]
fn list<'a>(call: &'a mut Call<'_>) -> Result<Option<&'a List>, Error> {
    Ok(call.keyspace.read_as(call.session.db, &call.args[1])?)
}

/// How much a chunk of a list holds.
#[inline]
pub(super) fn chunk_size(call: &Call<'_>) -> ChunkSize {
    ChunkSize::from_directive(call.instance.config.list_max_listpack_size.get() as i64)
}

/// The word LEFT or RIGHT.
fn end(word: &[u8]) -> Result<End, Error> {
    match word {
        left if is(left, "LEFT") => Ok(End::Left),
        right if is(right, "RIGHT") => Ok(End::Right),
        _ => Err(Error::Syntax),
    }
}

/// The number of an element from the beginning; negative indices count from the end.
#[inline]
fn position(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index + len as i64 } else { index };
    usize::try_from(index).ok().filter(|index| *index < len)
}

/// The numbers from one index to another, as far as there are elements.
#[inline]
fn between(start: i64, stop: i64, len: usize) -> Range<usize> {
    let absolute = |index: i64| if index < 0 { index + len as i64 } else { index };
    let start = absolute(start).max(0) as usize;
    let end = absolute(stop).saturating_add(1).clamp(0, len as i64) as usize;
    if start < end { start..end } else { 0..0 }
}
