//! Sorted sets: ZADD, ZRANGE and their kind.

mod add;
mod blocking;
mod bounds;
mod combine;
mod pop;
mod random;
mod range;
mod read;
mod remove;

pub(super) use add::{AddOptions, add_members};
use add::{ZADD, ZINCRBY};
use blocking::{BZMPOP, BZPOPMAX, BZPOPMIN};
use combine::{ZDIFF, ZDIFFSTORE, ZINTER, ZINTERCARD, ZINTERSTORE, ZUNION, ZUNIONSTORE};
use pop::{ZMPOP, ZPOPMAX, ZPOPMIN};
use random::{ZRANDMEMBER, ZSCAN};
use range::{ZRANGE, ZRANGEBYLEX, ZRANGEBYSCORE, ZRANGESTORE};
use range::{ZREVRANGE, ZREVRANGEBYLEX, ZREVRANGEBYSCORE};
use read::{ZCARD, ZCOUNT, ZLEXCOUNT, ZMSCORE, ZRANK, ZREVRANK, ZSCORE};
use remove::{ZREM, ZREMRANGEBYLEX, ZREMRANGEBYRANK, ZREMRANGEBYSCORE};

use super::string::reply_text;
use super::{Argument, Call, Command, Error, Flags};
use crate::resp::{Reply, Version};
use crate::store::{Collection, Expiry, Limits, New, SortedSet, Text};

/// The commands of this group, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[
    &BZMPOP,
    &BZPOPMAX,
    &BZPOPMIN,
    &ZADD,
    &ZCARD,
    &ZCOUNT,
    &ZDIFF,
    &ZDIFFSTORE,
    &ZINCRBY,
    &ZINTER,
    &ZINTERCARD,
    &ZINTERSTORE,
    &ZLEXCOUNT,
    &ZMPOP,
    &ZMSCORE,
    &ZPOPMAX,
    &ZPOPMIN,
    &ZRANDMEMBER,
    &ZRANGE,
    &ZRANGEBYLEX,
    &ZRANGEBYSCORE,
    &ZRANGESTORE,
    &ZRANK,
    &ZREM,
    &ZREMRANGEBYLEX,
    &ZREMRANGEBYRANK,
    &ZREMRANGEBYSCORE,
    &ZREVRANGE,
    &ZREVRANGEBYLEX,
    &ZREVRANGEBYSCORE,
    &ZREVRANK,
    &ZSCAN,
    &ZSCORE,
    &ZUNION,
    &ZUNIONSTORE,
];

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE;
const MEMBER: Argument = Argument::string("member");
const WITHSCORES: Argument = Argument::word("withscores", "WITHSCORES");

/// The sorted set at the key, the word after the name.
#[inline]
fn sorted_set<'a>(call: &'a mut Call<'_>) -> Result<Option<&'a SortedSet>, Error> {
    Ok(call.keyspace.read_as(call.session.db, &call.args[1])?)
}

/// How large a sorted set may become before it is more than one piece of memory.
#[inline]
pub(super) fn limits(call: &Call<'_>) -> Limits {
    let config = &call.instance.config;
    Limits {
        entries: config.zset_max_listpack_entries.get() as usize,
        value: config.zset_max_listpack_value.get() as usize,
    }
}

/// Gives a key a sorted set, or removes it if that is empty; replies with how many members there are.
pub(super) fn store(call: &mut Call<'_>, key: &[u8], set: SortedSet) {
    call.reply.integer(set.len() as i64);
    call.keyspace.write(call.session.db, key, |slot| {
        if set.is_empty() {
            slot.remove();
        } else {
            slot.set(New::Collection(set.into_any()), Expiry::Clear);
        }
    });
}

/// Begins an array of members, with their scores if that is asked for. RESP3 has pairs, RESP2 all in
/// one row.
fn begin_members(reply: &mut Reply<'_>, len: usize, with_scores: bool) {
    let in_a_row = with_scores && reply.version() == Version::V2;
    reply.array(if in_a_row { 2 * len } else { len });
}

/// One of the members that [`begin_members`] has announced.
#[inline]
fn reply_member(reply: &mut Reply<'_>, member: Text<'_>, score: f64, with_scores: bool) {
    if with_scores && reply.version() == Version::V3 {
        reply.array(2);
    }
    reply_text(reply, member);
    if with_scores {
        reply.double(score);
    }
}
