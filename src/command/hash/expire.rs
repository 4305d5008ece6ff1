//! When fields end: HEXPIRE, HTTL and their kind.

use super::fields::{FIELDS, split};
use super::{READ_FAST, WRITE_FAST};
use crate::command::expire::{CONDITION, Conditions, MILLISECOND, SECOND, rounded};
use crate::command::options::Deadline;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::resp::Args;
use crate::store::{Edit, Hash};

const COMPLEXITY: &str = "O(N) where N is the number of specified fields";

/// What commands that set deadlines have in common.
const SETS: Command = Command {
    arity: -6,
    flags: WRITE_FAST,
    keys: &[KeySpec::one(&["RW", "update"])],
    group: Group::Hash,
    since: "7.4.0",
    complexity: COMPLEXITY,
    ..Command::BASE
};

pub(super) static HEXPIRE: Command = Command {
    name: "hexpire",
    summary: "Lets fields of a hash end in so many seconds.",
    arguments: &[Argument::key(), Argument::integer("seconds"), CONDITION, FIELDS],
    run: |call| set_deadlines(call, Deadline::InSeconds),
    ..SETS
};

pub(super) static HEXPIREAT: Command = Command {
    name: "hexpireat",
    summary: "Lets fields of a hash end at a time, given in seconds since the Unix epoch.",
    arguments: &[
        Argument::key(),
        Argument::new("unix-time-seconds", Kind::UnixTime),
        CONDITION,
        FIELDS,
    ],
    run: |call| set_deadlines(call, Deadline::AtSeconds),
    ..SETS
};

pub(super) static HPEXPIRE: Command = Command {
    name: "hpexpire",
    summary: "Lets fields of a hash end in so many milliseconds.",
    arguments: &[Argument::key(), Argument::integer("milliseconds"), CONDITION, FIELDS],
    run: |call| set_deadlines(call, Deadline::InMilliseconds),
    ..SETS
};

pub(super) static HPEXPIREAT: Command = Command {
    name: "hpexpireat",
    summary: "Lets fields of a hash end at a time, given in milliseconds since the Unix epoch.",
    arguments: &[
        Argument::key(),
        Argument::new("unix-time-milliseconds", Kind::UnixTime),
        CONDITION,
        FIELDS,
    ],
    run: |call| set_deadlines(call, Deadline::AtMilliseconds),
    ..SETS
};

const NO_FIELD: i64 = -2;
const NO_DEADLINE: i64 = -1;
const UNMET: i64 = 0;
const DONE: i64 = 1;
const REMOVED: i64 = 2;

/// Gives fields the deadline that the request says, and answers with a code for each. A deadline that
/// is past removes the field at once.
fn set_deadlines(call: &mut Call<'_>, deadline: Deadline) -> Result<(), Error> {
    let (options, fields) = split(call.args, 3, 1)?;
    if options.len() > 1 {
        return Err(Error::Syntax);
    }
    let conditions = Conditions::parse(options)?;
    let at = deadline.moment_from(0, &call.args[2], call.command.name, call.now)?;
    let now = call.now.unix_ms();
    each(call, fields, |hash, field| match hash.deadline(field) {
        None => NO_FIELD,
        Some(present) if !conditions.allow(present, at as i64) => UNMET,
        Some(_) if at <= now => {
            hash.remove(field);
            REMOVED
        }
        Some(_) => {
            hash.set_deadline(field, Some(at));
            DONE
        }
    })
}

pub(super) static HPERSIST: Command = Command {
    name: "hpersist",
    arity: -5,
    flags: Flags::WRITE.and(Flags::FAST),
    summary: "Takes the expiry of fields away, so that they do not end.",
    arguments: &[Argument::key(), FIELDS],
    run: hpersist,
    ..SETS
};

fn hpersist(call: &mut Call<'_>) -> Result<(), Error> {
    let fields = only_fields(call)?;
    each(call, fields, |hash, field| match hash.deadline(field) {
        None => NO_FIELD,
        Some(None) => NO_DEADLINE,
        Some(Some(_)) => {
            hash.set_deadline(field, None);
            DONE
        }
    })
}

/// The fields of a request that has no options.
pub(super) fn only_fields<'a>(call: &Call<'a>) -> Result<Args<'a>, Error> {
    let (options, fields) = split(call.args, 2, 1)?;
    if options.is_empty() { Ok(fields) } else { Err(Error::Syntax) }
}

/// Answers with the code that `change` gives for each field; from 1 on it stands for a change.
fn each(
    call: &mut Call<'_>,
    fields: Args<'_>,
    mut change: impl FnMut(&mut Hash, &[u8]) -> i64,
) -> Result<(), Error> {
    let reply = &mut call.reply;
    let found = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|hash: &mut Hash| {
            reply.array(fields.len());
            let codes = fields.iter().map(|field| change(hash, field));
            let changes = codes.filter(|code| {
                reply.integer(*code);
                *code >= DONE
            });
            Edit::done_if(changes.count() > 0, ())
        })
    })?;
    if found.is_none() {
        reply.array(fields.len());
        fields.iter().for_each(|_| reply.integer(NO_FIELD));
    }
    Ok(())
}

/// What commands that tell deadlines have in common.
const TELLS: Command = Command {
    arity: -5,
    flags: READ_FAST,
    keys: &[KeySpec::one(KeySpec::READ)],
    arguments: &[Argument::key(), FIELDS],
    ..SETS
};

pub(super) static HTTL: Command = Command {
    name: "httl",
    summary: "Returns how many seconds fields have left: -1 if one does not end, -2 without it.",
    tips: &["nondeterministic_output"],
    run: |call| reply_deadlines(call, call.now.unix_ms(), SECOND),
    ..TELLS
};

pub(super) static HPTTL: Command = Command {
    name: "hpttl",
    summary: "Returns how many milliseconds fields have left, as HTTL does seconds.",
    tips: &["nondeterministic_output"],
    run: |call| reply_deadlines(call, call.now.unix_ms(), MILLISECOND),
    ..TELLS
};

pub(super) static HEXPIRETIME: Command = Command {
    name: "hexpiretime",
    summary: "Returns when fields end, in seconds since the Unix epoch; -1 and -2 as HTTL.",
    run: |call| reply_deadlines(call, 0, SECOND),
    ..TELLS
};

pub(super) static HPEXPIRETIME: Command = Command {
    name: "hpexpiretime",
    summary: "Returns when fields end, in milliseconds since the Unix epoch; -1 and -2 as HTTL.",
    run: |call| reply_deadlines(call, 0, MILLISECOND),
    ..TELLS
};

/// Replies with the time from `start` to each field's deadline, rounded to whole `unit`s.
fn reply_deadlines(call: &mut Call<'_>, start: u64, unit: i64) -> Result<(), Error> {
    let fields = only_fields(call)?;
    let hash: Option<&Hash> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    call.reply.array(fields.len());
    for field in fields.iter() {
        call.reply.integer(match hash.and_then(|hash| hash.deadline(field)) {
            None => NO_FIELD,
            Some(None) => NO_DEADLINE,
            Some(Some(at)) => rounded(at.saturating_sub(start), unit),
        });
    }
    Ok(())
}
