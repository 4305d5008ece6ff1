//! Taking elements from the ends of lists.

use super::{LEFT_OR_RIGHT, TAKEN, chunk_size, end};
use crate::command::options::{integer, is, positive};
use crate::command::string::reply_text;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::resp::{Args, Reply};
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

pub(super) static LMPOP: Command = Command {
    name: "lmpop",
    arity: -4,
    flags: Flags::WRITE,
    keys: &[KeySpec::counted(1, TAKEN)],
    group: Group::List,
    since: "7.0.0",
    complexity: "O(N+M) where N is the number of provided keys and M is the number of elements \
                 returned.",
    summary: "Takes elements from an end of the first list that is there, of several.",
    arguments: &[
        Argument::integer("numkeys"),
        Argument::key().multiple(),
        Argument::one_of("where", LEFT_OR_RIGHT),
        Argument::integer("count").token("COUNT").optional(),
    ],
    run: lmpop,
    ..Command::BASE
};

fn lmpop(call: &mut Call<'_>) -> Result<(), Error> {
    let several = Several::parse(call.args.rest(1))?;
    for key in call.args.rest(2).iter().take(several.keys) {
        if several.pop_from(call, key)? {
            return Ok(());
        }
    }
    call.reply.null_array();
    Ok(())
}

/// `numkeys key [key ...] <LEFT | RIGHT> [COUNT count]`
pub(super) struct Several {
    pub(super) keys: usize,
    end: End,
    count: usize,
}

impl Several {
    pub(super) fn parse(words: Args<'_>) -> Result<Self, Error> {
        let above_0 = |word: &[u8], fault: &str| {
            let number = integer(word).ok().and_then(|number| usize::try_from(number).ok());
            number.filter(|number| *number > 0).ok_or_else(|| Error::text(fault))
        };
        let keys = above_0(&words[0], "numkeys should be greater than 0")?;
        let mut options = words.rest(keys.saturating_add(1)).iter();
        let end = end(options.next().ok_or(Error::Syntax)?)?;
        let mut count = None;
        while let Some(option) = options.next() {
            let number = options.next().filter(|_| is(option, "COUNT") && count.is_none());
            count = Some(above_0(number.ok_or(Error::Syntax)?, "count should be greater than 0")?);
        }
        Ok(Self { keys, end, count: count.unwrap_or(1) })
    }

    /// Takes elements out of the list at a key, and answers with the key and them. False if there
    /// is no list.
    pub(super) fn pop_from(&self, call: &mut Call<'_>, key: &[u8]) -> Result<bool, Error> {
        let (size, reply) = (chunk_size(call), &mut call.reply);
        let popped = call.keyspace.write(call.session.db, key, |slot| {
            slot.alter(|list: &mut List| {
                reply.array(2);
                reply.bulk(key);
                take(list, self.end, self.count, size, reply);
                Edit::done(())
            })
        })?;
        Ok(popped.is_some())
    }
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
            ("LMPOP 2 none s LEFT", wrong),
            ("LMPOP 0 l LEFT", "ERR numkeys should be greater than 0"),
            ("LMPOP x l LEFT", "ERR numkeys should be greater than 0"),
            ("LMPOP 2 l LEFT", "ERR syntax error"),
            ("LMPOP 9223372036854775807 l LEFT", "ERR syntax error"),
            ("LMPOP 1 l UP", "ERR syntax error"),
            ("LMPOP 1 l LEFT COUNT", "ERR syntax error"),
            ("LMPOP 1 l LEFT COUNT 1 COUNT 1", "ERR syntax error"),
            ("LMPOP 1 l LEFT COUNT 0", "ERR count should be greater than 0"),
            ("LMPOP 1 l LEFT COUNT x", "ERR count should be greater than 0"),
        ] {
            assert_eq!(harness.run(line), format!("-{error}\r\n"), "{line}");
        }
        assert_eq!(harness.run("LLEN l"), ":1\r\n");
    }

    #[test]
    fn the_first_list_of_several_gives_its_elements() {
        for mut harness in Harness::each_way() {
            harness.run("RPUSH b 1 2 3");
            harness.run("RPUSH c 4");
            let one = "*2\r\n$1\r\nb\r\n*1\r\n$1\r\n3\r\n";
            assert_eq!(harness.run("LMPOP 3 a b c RIGHT"), one);
            let two = harness.run("LMPOP 3 a b c left count 9");
            assert_eq!(bulks(&two), ["b", "1", "2"]);
            assert_eq!(bulks(&harness.run("LMPOP 3 a b c LEFT")), ["c", "4"]);
            assert_eq!(harness.run("LMPOP 3 a b c LEFT"), "*-1\r\n");
            assert_eq!(harness.len(0), 0);
        }
    }
}
