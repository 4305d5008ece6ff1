//! Strings: GET, SET and their kind.

use super::options::integer;
use super::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::resp::Reply;
use crate::store::{Expiry, New, Slot, Text, Value};

/// The commands of this group, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[&GET, &INCR];

const WRITE_FAST: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST);

pub static GET: Command = Command {
    name: "get",
    arity: 2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::String,
    since: "1.0.0",
    summary: "Returns the string value of a key.",
    arguments: &[Argument::key()],
    run: get,
    ..Command::BASE
};

fn get(call: &mut Call<'_>) -> Result<(), Error> {
    match call.keyspace.read(call.session.db, &call.args[1]) {
        Some(Value::String(text)) => reply_text(&mut call.reply, text),
        None => call.reply.null(),
    }
    Ok(())
}

pub static INCR: Command = Command {
    name: "incr",
    arity: 2,
    flags: WRITE_FAST,
    keys: &[KeySpec::one(&["RW", "access", "update"])],
    group: Group::String,
    since: "1.0.0",
    summary: "Adds one to the integer value of a key; a missing key counts as 0.",
    arguments: &[Argument::key()],
    run: incr,
    ..Command::BASE
};

fn incr(call: &mut Call<'_>) -> Result<(), Error> {
    let sum = call.keyspace.write(call.session.db, &call.args[1], |slot| add(slot, 1))?;
    call.reply.integer(sum);
    Ok(())
}

/// Adds to an integer; returns the sum.
fn add(slot: &mut Slot<'_>, increment: i64) -> Result<i64, Error> {
    let number = match slot.value() {
        None => 0,
        Some(Value::String(text)) => text.integer().ok_or(Error::NotAnInteger)?,
    };
    let sum = number.checked_add(increment).ok_or(Error::Overflow)?;
    slot.set(New::Integer(sum), Expiry::Keep);
    Ok(sum)
}

fn reply_text(reply: &mut Reply<'_>, text: Text<'_>) {
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
    fn incr_counts_from_nothing() {
        let mut harness = Harness::new();
        assert_eq!(harness.run("GET k"), "$-1\r\n");
        assert_eq!(harness.run("INCR k"), ":1\r\n");
        assert_eq!(harness.run("INCR k"), ":2\r\n");
        assert_eq!(harness.run("GET k"), "$1\r\n2\r\n");
        assert_eq!(harness.run("GET"), "-ERR wrong number of arguments for 'get' command\r\n");
        assert_eq!(
            harness.run("NOSUCH a b"),
            "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' \r\n"
        );
    }
}
