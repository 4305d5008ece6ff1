//! Sets: SADD, SINTER and their kind.

mod combine;
mod member;
mod random;
mod scan;

use combine::{SDIFF, SDIFFSTORE, SINTER, SINTERCARD, SINTERSTORE, SUNION, SUNIONSTORE};
use member::{SADD, SCARD, SISMEMBER, SMEMBERS, SMISMEMBER, SMOVE, SREM};
pub(super) use random::pick_count;
use random::{SPOP, SRANDMEMBER};
use scan::SSCAN;

use super::{Argument, Call, Command, Error, Flags};
use crate::store::{Limits, Set, SetLimits};

/// The commands of this group, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[
    &SADD,
    &SCARD,
    &SDIFF,
    &SDIFFSTORE,
    &SINTER,
    &SINTERCARD,
    &SINTERSTORE,
    &SISMEMBER,
    &SMEMBERS,
    &SMISMEMBER,
    &SMOVE,
    &SPOP,
    &SRANDMEMBER,
    &SREM,
    &SSCAN,
    &SUNION,
    &SUNIONSTORE,
];

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);
const MEMBER: Argument = Argument::string("member");

/// The set at the key, the word after the name.
#[inline]
fn set<'a>(call: &'a mut Call<'_>) -> Result<Option<&'a Set>, Error> {
    Ok(call.keyspace.read_as(call.session.db, &call.args[1])?)
}

/// How large a set may become in each of its forms.
#[inline]
fn limits(call: &Call<'_>) -> SetLimits {
    let config = &call.instance.config;
    SetLimits {
        integers: config.set_max_intset_entries.get() as usize,
        packed: Limits {
            entries: config.set_max_listpack_entries.get() as usize,
            value: config.set_max_listpack_value.get() as usize,
        },
    }
}
