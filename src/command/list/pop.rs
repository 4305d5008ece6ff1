//! Taking elements from the ends of lists.

use super::{TAKEN, chunk_size};
use crate::command::options::positive;
use crate::command::string::reply_text;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::resp::Reply;
use crate::store::{ChunkSize, Collection, Edit, End, List};

/// What both commands have in common.
const POP: Command = Command {
    arity: -2,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(TAKEN)],
    group: Group::List,
    history: &[("6.2.0", "Added the `count` argument.")],
    complexity: "O(N) where N is the number of elements returned",
    arguments: &[Argument::key(), Argument::integer("count").since("6.2.0").optional()],
    ..Command::BASE
};

pub(super) static LPOP: Command = Command {
    name: "lpop",
    summary: "Takes elements from the left end of a list, and the list with the last one.",
    run: |call| pop(call, End::Left),
    ..POP
};

pub(super) static RPOP: Command = Command {
    name: "rpop",
    summary: "Takes elements from the right end of a list, and the list with the last one.",
    run: |call| pop(call, End::Right),
    ..POP
};

#[inline]
fn pop(call: &mut Call<'_>, end: End) -> Result<(), Error> {
    match call.args.len() {
        2 => pop_one(call, end),
        3 => pop_several(call, end),
        _ => Err(Error::Arity(call.command.name.to_owned())),
    }
}

#[inline]
fn pop_one(call: &mut Call<'_>, end: End) -> Result<(), Error> {
    let (size, reply) = (chunk_size(call), &mut call.reply);
    let popped = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|list: &mut List| {
            list.pop(end, size, |text| reply_text(reply, text));
            Edit::done(())
        })
    })?;
    if popped.is_none() {
        call.reply.null();
    }
    Ok(())
}

fn pop_several(call: &mut Call<'_>, end: End) -> Result<(), Error> {
    let count = positive(&call.args[2])?;
    let (size, reply) = (chunk_size(call), &mut call.reply);
    let popped = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|list: &mut List| {
            take(list, end, count, size, reply);
            Edit::done_if(count > 0, ())
        })
    })?;
    if popped.is_none() {
        call.reply.null_array();
    }
    Ok(())
}

/// Takes out up to `count` elements and answers with them.
fn take(list: &mut List, end: End, count: usize, size: ChunkSize, reply: &mut Reply<'_>) {
    let count = count.min(list.len());
    reply.array(count);
    for _ in 0..count {
        list.pop(end, size, |text| reply_text(reply, text));
    }
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};

    #[test]
    fn elements_leave_from_the_end_that_is_named() {
        for mut harness in Harness::each_way() {
            harness.run("RPUSH l a b c d e f");
            assert_eq!(harness.run("LPOP l"), "$1\r\na\r\n");
            assert_eq!(harness.run("RPOP l"), "$1\r\nf\r\n");
            assert_eq!(harness.run("LPOP l 0"), "*0\r\n");
            assert_eq!(bulks(&harness.run("RPOP l 2")), ["e", "d"]);
            assert_eq!(bulks(&harness.run("LPOP l 99")), ["b", "c"]);
            assert_eq!(harness.run("LPOP l"), "$-1\r\n");
            assert_eq!(harness.run("LPOP l 1"), "*-1\r\n");
            assert_eq!(harness.len(0), 0);
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_reported_in_redis_words() {
        let mut harness = Harness::new();
        harness.run("RPUSH l a");
        harness.run("SET s v");
        let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
        for (line, error) in [
            ("LPOP l -1", "ERR value is out of range, must be positive"),
            ("LPOP l x", "ERR value is out of range, must be positive"),
            ("RPOP l 1 2", "ERR wrong number of arguments for 'rpop' command"),
            ("LPOP s", wrong),
            ("LPOP s 0", wrong),
        ] {
            assert_eq!(harness.run(line), format!("-{error}\r\n"), "{line}");
        }
        assert_eq!(harness.run("LLEN l"), ":1\r\n");
    }
}
