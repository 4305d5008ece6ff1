//! The commands that wait for a member: BZPOPMIN, BZPOPMAX, BZMPOP.

use super::WRITE;
use super::pop::{End, ManyPop, POPPED, pop};
use crate::command::blocking::{TIMEOUT, TIMEOUT_HISTORY, Timeout, Waiting, serve_or_wait};
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec};

/// What BZPOPMIN and BZPOPMAX have in common.
const POP: Command = Command {
    arity: -3,
    flags: WRITE.and(Flags::NOSCRIPT).and(Flags::BLOCKING).and(Flags::FAST),
    keys: &[KeySpec::all_but_last(POPPED)],
    group: Group::SortedSet,
    since: "5.0.0",
    history: TIMEOUT_HISTORY,
    complexity: "O(log(N)) with N being the number of elements in the sorted set.",
    arguments: &[Argument::key().multiple(), TIMEOUT],
    run: |call| {
        let last = call.args.len() - 1;
        let timeout = Timeout::parse(&call.args[last])?;
        serve_or_wait(call, 1..last, timeout)
    },
    ..Command::BASE
};

pub(super) static BZPOPMIN: Command = Command {
    name: "bzpopmin",
    summary: "Takes the member with the lowest score from the first sorted set that has one, or \
              waits for one.",
    waiting: waiting(|call, key| pop_from(call, key, End::Min)),
    ..POP
};

pub(super) static BZPOPMAX: Command = Command {
    name: "bzpopmax",
    summary: "Takes the member with the highest score from the first sorted set that has one, or \
              waits for one.",
    waiting: waiting(|call, key| pop_from(call, key, End::Max)),
    ..POP
};

fn pop_from(call: &mut Call<'_>, key: &[u8], end: End) -> Result<bool, Error> {
    let reply = &mut call.reply;
    pop(call.keyspace, call.session.db, key, end, 1, |popped| {
        reply.array(3);
        reply.bulk(key);
        popped.reply_members(reply, false);
    })
}

pub(super) static BZMPOP: Command = Command {
    name: "bzmpop",
    arity: -5,
    flags: WRITE.and(Flags::BLOCKING),
    keys: &[KeySpec::counted(2, POPPED)],
    group: Group::SortedSet,
    since: "7.0.0",
    complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of \
                 elements in the sorted set, and M being the number of elements popped.",
    summary: "Takes members with the lowest or highest scores of the first sorted set of several \
              that has any, or waits for them.",
    arguments: &[
        TIMEOUT,
        Argument::integer("numkeys"),
        Argument::key().multiple(),
        Argument::one_of("where", &[Argument::word("min", "MIN"), Argument::word("max", "MAX")]),
        Argument::integer("count").token("COUNT").optional(),
    ],
    waiting: waiting(|call, key| ManyPop::parse(call.args.rest(2))?.pop_from(call, key)),
    run: |call| {
        let ManyPop { keys, .. } = ManyPop::parse(call.args.rest(2))?;
        let timeout = Timeout::parse(&call.args[1])?;
        serve_or_wait(call, 3..3 + keys.len(), timeout)
    },
    ..Command::BASE
};

const fn waiting(serve: fn(&mut Call<'_>, &[u8]) -> Result<bool, Error>) -> Option<Waiting> {
    Some(Waiting { value_type: "zset", serve })
}
