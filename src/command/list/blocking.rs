//! The commands that wait for an element: BLPOP, BRPOP, BLMOVE, BRPOPLPUSH, BLMPOP.

use super::moving::{DESTINATION, KEYS, SOURCE, transfer};
use super::pop::Several;
use super::{LEFT_OR_RIGHT, TAKEN, WRITE, chunk_size, end};
use crate::command::blocking::{TIMEOUT, TIMEOUT_HISTORY, Timeout, Waiting, serve_or_wait};
use crate::command::string::reply_text;
use crate::command::{Argument, Call, Command, Deprecated, Error, Flags, Group, KeySpec};
use crate::store::{Edit, End, List};

const WAITS: Flags = Flags::NOSCRIPT.and(Flags::BLOCKING);

/// What BLPOP and BRPOP have in common.
const POP: Command = Command {
    arity: -3,
    flags: Flags::WRITE.and(WAITS),
    keys: &[KeySpec::all_but_last(TAKEN)],
    group: Group::List,
    since: "2.0.0",
    history: TIMEOUT_HISTORY,
    complexity: "O(N) where N is the number of provided keys.",
    arguments: &[Argument::key().multiple(), TIMEOUT],
    run: pop,
    ..Command::BASE
};

pub(super) static BLPOP: Command = Command {
    name: "blpop",
    summary: "Takes the left element of the first list that has one, or waits for one.",
    waiting: waiting(|call, key| pop_from(call, key, End::Left)),
    ..POP
};

pub(super) static BRPOP: Command = Command {
    name: "brpop",
    summary: "Takes the right element of the first list that has one, or waits for one.",
    waiting: waiting(|call, key| pop_from(call, key, End::Right)),
    ..POP
};

fn pop(call: &mut Call<'_>) -> Result<(), Error> {
    let last = call.args.len() - 1;
    let timeout = Timeout::parse(&call.args[last])?;
    serve_or_wait(call, 1..last, timeout)
}

fn pop_from(call: &mut Call<'_>, key: &[u8], end: End) -> Result<bool, Error> {
    let (size, reply) = (chunk_size(call), &mut call.reply);
    let popped = call.keyspace.write(call.session.db, key, |slot| {
        slot.alter(|list: &mut List| {
            reply.array(2);
            reply.bulk(key);
            list.pop(end, size, |text| reply_text(reply, text));
            Edit::done(())
        })
    })?;
    Ok(popped.is_some())
}

/// What BLMOVE and BRPOPLPUSH have in common.
const MOVE: Command =
    Command { flags: WRITE.and(WAITS), keys: KEYS, group: Group::List, ..Command::BASE };

pub(super) static BLMOVE: Command = Command {
    name: "blmove",
    arity: 6,
    since: "6.2.0",
    summary: "Moves an element from an end of a list to an end of another, or waits for one.",
    arguments: &[
        SOURCE,
        DESTINATION,
        Argument::one_of("wherefrom", LEFT_OR_RIGHT),
        Argument::one_of("whereto", LEFT_OR_RIGHT),
        TIMEOUT,
    ],
    waiting: waiting(|call, _| {
        let (from, to) = ends(call)?;
        transfer(call, from, to)
    }),
    run: |call| {
        ends(call)?; // bad words are refused before a client waits
        let timeout = Timeout::parse(&call.args[5])?;
        serve_or_wait(call, 1..2, timeout)
    },
    ..MOVE
};

fn ends(call: &Call<'_>) -> Result<(End, End), Error> {
    Ok((end(&call.args[3])?, end(&call.args[4])?))
}

pub(super) static BRPOPLPUSH: Command = Command {
    name: "brpoplpush",
    arity: 4,
    since: "2.2.0",
    history: TIMEOUT_HISTORY,
    deprecated: Some(Deprecated {
        since: "6.2.0",
        replaced_by: "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
    }),
    summary: "Moves the last element of a list to the left end of another, or waits for one.",
    arguments: &[SOURCE, DESTINATION, TIMEOUT],
    waiting: waiting(|call, _| transfer(call, End::Right, End::Left)),
    run: |call| {
        let timeout = Timeout::parse(&call.args[3])?;
        serve_or_wait(call, 1..2, timeout)
    },
    ..MOVE
};

pub(super) static BLMPOP: Command = Command {
    name: "blmpop",
    arity: -5,
    flags: Flags::WRITE.and(Flags::BLOCKING),
    keys: &[KeySpec::counted(2, TAKEN)],
    group: Group::List,
    since: "7.0.0",
    complexity: "O(N+M) where N is the number of provided keys and M is the number of elements \
                 returned.",
    summary: "Takes elements from an end of the first list that has any, or waits for them.",
    arguments: &[
        TIMEOUT,
        Argument::integer("numkeys"),
        Argument::key().multiple(),
        Argument::one_of("where", LEFT_OR_RIGHT),
        Argument::integer("count").token("COUNT").optional(),
    ],
    waiting: waiting(|call, key| Several::parse(call.args.rest(2))?.pop_from(call, key)),
    run: |call| {
        let Several { keys, .. } = Several::parse(call.args.rest(2))?;
        let timeout = Timeout::parse(&call.args[1])?;
        serve_or_wait(call, 3..3 + keys, timeout)
    },
    ..Command::BASE
};

const fn waiting(serve: fn(&mut Call<'_>, &[u8]) -> Result<bool, Error>) -> Option<Waiting> {
    Some(Waiting { value_type: "list", serve })
}
