//! Strings: GET, SET and their kind.

mod counter;
mod get;
mod lcs;
mod range;
mod set;

use counter::{DECR, DECRBY, INCR, INCRBY, INCRBYFLOAT};
use get::{GET, GETDEL, GETEX, MGET, STRLEN};
use lcs::LCS;
use range::{APPEND, GETRANGE, SETRANGE, SUBSTR};
use set::{GETSET, MSET, MSETNX, PSETEX, SET, SETEX, SETNX};

use super::{Call, Command, Error, Flags};
use crate::resp::Reply;
use crate::store::{Text, Value};

/// The commands of this group, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[
    &APPEND,
    &DECR,
    &DECRBY,
    &GET,
    &GETDEL,
    &GETEX,
    &GETRANGE,
    &GETSET,
    &INCR,
    &INCRBY,
    &INCRBYFLOAT,
    &LCS,
    &MGET,
    &MSET,
    &MSETNX,
    &PSETEX,
    &SET,
    &SETEX,
    &SETNX,
    &SETRANGE,
    &STRLEN,
    &SUBSTR,
];

/// What clients of clusters do with a request whose keys several nodes have.
const MULTI_SHARD: &str = "request_policy:multi_shard";

const READ_FAST: Flags = Flags::READONLY.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);
const WRITE_FAST: Flags = WRITE.and(Flags::FAST);

/// The string that a value is; a value of another type is an error.
#[inline]
pub(super) fn string(value: Option<Value<'_>>) -> Result<Option<Text<'_>>, Error> {
    match value {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::WrongType),
        None => Ok(None),
    }
}

/// Answers with the string at the key, the word after the name, or with null. False if it is null.
#[inline]
fn reply_value(call: &mut Call<'_>) -> Result<bool, Error> {
    let text = string(call.keyspace.read(call.session.db, &call.args[1]))?;
    match text {
        Some(text) => reply_text(&mut call.reply, text),
        None => call.reply.null(),
    }
    Ok(text.is_some())
}

#[inline]
pub(super) fn reply_text(reply: &mut Reply<'_>, text: Text<'_>) {
    match text {
        Text::Integer(number) => reply.bulk_integer(number),
        Text::Plain(text) | Text::Raw(text) => reply.bulk(text),
        Text::Shared(bytes) => reply.bulk_shared(bytes),
    }
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    #[test]
    fn warm_requests_allocate_nothing() {
        let mut harness = Harness::new();
        for line in ["SET text 12345678901234567890123", "SET number 12345", "SET session v EX 10"]
        {
            harness.run(line);
        }
        for line in [
            "GET text",
            "GET number",
            "GET missing",
            "MGET text number missing",
            "STRLEN text",
            "GETRANGE text 3 7",
            "SET text 32109876543210987654321",
            "set text of-about-the-same-size",
            "SET number 54321",
            "SET session w EX 20",
            "SET text same NX GET",
            "GETEX session PX 1000",
            "GETEX text",
            "INCR number",
            "INCRBY number 10",
            "SETRANGE text 2 xyz",
        ] {
            assert_eq!(harness.allocations_of(line, 10), 0, "{line}");
        }
    }
}
