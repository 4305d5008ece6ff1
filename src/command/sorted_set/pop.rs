//! Taking out members at either end.

use std::ops::Range;

use super::WRITE;
use crate::command::options::{integer, is};
use crate::command::string::reply_text;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::resp::{Args, Reply, Version};
use crate::store::{Collection, Edit, Keyspace, SortedSet};

pub(super) const POPPED: &[&str] = &["RW", "access", "delete"];

pub(super) static ZPOPMIN: Command = Command {
    name: "zpopmin",
    arity: -2,
    flags: WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(POPPED)],
    group: Group::SortedSet,
    since: "5.0.0",
    complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being the \
                 number of elements popped.",
    summary: "Takes out members with the lowest scores and returns them.",
    arguments: &[Argument::key(), Argument::integer("count").optional()],
    run: zpopmin,
    ..Command::BASE
};

fn zpopmin(call: &mut Call<'_>) -> Result<(), Error> {
    zpop(call, End::Min)
}

pub(super) static ZPOPMAX: Command = Command {
    name: "zpopmax",
    arity: -2,
    flags: WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(POPPED)],
    group: Group::SortedSet,
    since: "5.0.0",
    complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being the \
                 number of elements popped.",
    summary: "Takes out members with the highest scores and returns them.",
    arguments: &[Argument::key(), Argument::integer("count").optional()],
    run: zpopmax,
    ..Command::BASE
};

fn zpopmax(call: &mut Call<'_>) -> Result<(), Error> {
    zpop(call, End::Max)
}

fn zpop(call: &mut Call<'_>, end: End) -> Result<(), Error> {
    let count = match call.args.len() {
        2 => None,
        3 => Some(positive(&call.args[2])?),
        _ => return Err(Error::Syntax),
    };
    // With a count, RESP3 has pairs; without, the member and its score stand in a row.
    let in_pairs = count.is_some() && call.reply.version() == Version::V3;
    let reply = &mut call.reply;
    let popped =
        pop(call.keyspace, call.session.db, &call.args[1], end, count.unwrap_or(1), |pop| {
            pop.reply(reply, in_pairs);
        })?;
    if !popped {
        call.reply.array(0);
    }
    Ok(())
}

/// A count that may be zero. Redis has the same words for what is too small and for what is no number.
fn positive(word: &[u8]) -> Result<usize, Error> {
    let count = integer(word).ok().and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| Error::text("value is out of range, must be positive"))
}

pub(super) static ZMPOP: Command = Command {
    name: "zmpop",
    arity: -4,
    flags: WRITE,
    keys: &[KeySpec::counted(1, POPPED)],
    group: Group::SortedSet,
    since: "7.0.0",
    complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of \
                 elements in the sorted set, and M being the number of elements popped.",
    summary: "Takes out members with the lowest or highest scores of the first sorted set of several \
              that is there.",
    arguments: &[
        Argument::integer("numkeys"),
        Argument::key().multiple(),
        Argument::one_of("where", &[Argument::word("min", "MIN"), Argument::word("max", "MAX")]),
        Argument::integer("count").token("COUNT").optional(),
    ],
    run: zmpop,
    ..Command::BASE
};

fn zmpop(call: &mut Call<'_>) -> Result<(), Error> {
    let request = ManyPop::parse(call.args.rest(1))?;
    for key in request.keys.iter() {
        if request.pop_from(call, key)? {
            return Ok(());
        }
    }
    call.reply.null_array();
    Ok(())
}

/// `numkeys key [key ...] <MIN | MAX> [COUNT count]`
pub(super) struct ManyPop<'a> {
    pub(super) keys: Args<'a>,
    pub(super) end: End,
    pub(super) count: usize,
}

impl<'a> ManyPop<'a> {
    pub(super) fn parse(words: Args<'a>) -> Result<Self, Error> {
        let above_zero = |word: &[u8], fault: &str| {
            let number = integer(word).ok().and_then(|number| usize::try_from(number).ok());
            number.filter(|number| *number > 0).ok_or_else(|| Error::text(fault))
        };
        let numkeys = above_zero(&words[0], "numkeys should be greater than 0")?;
        let (keys, rest) = words.rest(1).split(numkeys).ok_or(Error::Syntax)?;
        let end = End::read(rest.get(0).ok_or(Error::Syntax)?)?;
        let mut count = None;
        let mut options = rest.rest(1).iter();
        while let Some(option) = options.next() {
            if count.is_some() || !is(option, "COUNT") {
                return Err(Error::Syntax);
            }
            let number = options.next().ok_or(Error::Syntax)?;
            count = Some(above_zero(number, "count should be greater than 0")?);
        }
        Ok(Self { keys, end, count: count.unwrap_or(1) })
    }

    /// Takes members out of the sorted set at a key, and answers with the key and them. False if
    /// there is none.
    pub(super) fn pop_from(&self, call: &mut Call<'_>, key: &[u8]) -> Result<bool, Error> {
        let reply = &mut call.reply;
        pop(call.keyspace, call.session.db, key, self.end, self.count, |pop| {
            reply.array(2);
            reply.bulk(key);
            pop.reply(reply, true);
        })
    }
}

/// The end of a sorted set that members are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Min,
    Max,
}

impl End {
    fn read(word: &[u8]) -> Result<Self, Error> {
        match word {
            _ if is(word, "MIN") => Ok(Self::Min),
            _ if is(word, "MAX") => Ok(Self::Max),
            _ => Err(Error::Syntax),
        }
    }
}

/// Members about to be taken out.
pub(super) struct Popped<'a> {
    set: &'a SortedSet,
    end: End,
    count: usize,
}

impl Popped<'_> {
    /// Replies with an array of them, with their scores: as pairs, or all in a row.
    pub(super) fn reply(&self, reply: &mut Reply<'_>, in_pairs: bool) {
        reply.array(if in_pairs { self.count } else { 2 * self.count });
        self.reply_members(reply, in_pairs);
    }

    pub(super) fn reply_members(&self, reply: &mut Reply<'_>, in_pairs: bool) {
        self.set.visit(self.ranks(), self.end == End::Max, |member, score| {
            if in_pairs {
                reply.array(2);
            }
            reply_text(reply, member);
            reply.double(score);
        });
    }

    fn ranks(&self) -> Range<usize> {
        match self.end {
            End::Min => 0..self.count,
            End::Max => self.set.len() - self.count..self.set.len(),
        }
    }
}

/// Takes up to `count` members out of the sorted set at a key, after `see` has seen them. False if
/// there is no such key.
pub(super) fn pop(
    keyspace: &mut Keyspace,
    db: usize,
    key: &[u8],
    end: End,
    count: usize,
    see: impl FnOnce(&Popped<'_>),
) -> Result<bool, Error> {
    let popped = keyspace.write(db, key, |slot| {
        slot.alter(|set: &mut SortedSet| {
            let popped = Popped { set, end, count: count.min(set.len()) };
            see(&popped);
            let ranks = popped.ranks();
            let changed = !ranks.is_empty();
            set.remove_range(ranks);
            Edit::done_if(changed, ())
        })
    })?;
    Ok(popped.is_some())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::resp::Version;

    #[test]
    fn members_leave_at_either_end_and_the_key_with_the_last_one() {
        for mut harness in Harness::each_way() {
            harness.run("ZADD z 1 a 2 b 3 c 4 d 5 e");
            assert_eq!(harness.run("ZPOPMIN z"), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
            assert_eq!(
                harness.run("ZPOPMAX z 2"),
                "*4\r\n$1\r\ne\r\n$1\r\n5\r\n$1\r\nd\r\n$1\r\n4\r\n"
            );
            harness.speak(Version::V3);
            assert_eq!(harness.run("ZPOPMAX z"), "*2\r\n$1\r\nc\r\n,3\r\n");
            assert_eq!(harness.run("ZPOPMIN z 0"), "*0\r\n");
            assert_eq!(harness.run("ZPOPMIN z 9"), "*1\r\n*2\r\n$1\r\nb\r\n,2\r\n");
            assert_eq!(harness.run("EXISTS z"), ":0\r\n");
            assert_eq!(harness.run("ZPOPMIN z"), "*0\r\n");
        }
    }

    #[test]
    fn the_first_set_that_is_there_gives_its_members() {
        let mut harness = Harness::new();
        harness.run("ZADD z 1 a 2 b 3 c");
        assert_eq!(
            harness.run("ZMPOP 2 none z MIN"),
            "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"
        );
        assert_eq!(
            harness.run("ZMPOP 1 z max count 5"),
            "*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n"
        );
        assert_eq!(harness.run("ZMPOP 1 z MIN"), "*-1\r\n");
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_reported_in_redis_words() {
        let mut harness = Harness::new();
        let positive = "value is out of range, must be positive";
        for (line, error) in [
            ("ZPOPMIN z x", positive),
            ("ZPOPMIN z -1", positive),
            ("ZPOPMIN z 1 2", "syntax error"),
            ("ZMPOP 0 z MIN", "numkeys should be greater than 0"),
            ("ZMPOP x z MIN", "numkeys should be greater than 0"),
            ("ZMPOP 2 z MIN", "syntax error"),
            ("ZMPOP 9223372036854775807 z MIN", "syntax error"),
            ("ZMPOP 1 z MIN COUNT 0", "count should be greater than 0"),
            ("ZMPOP 1 z MIN COUNT 1 COUNT 1", "syntax error"),
            ("ZMPOP 1 z MIN COUNT", "syntax error"),
            ("ZMPOP 1 z MIDDLE", "syntax error"),
        ] {
            assert_eq!(harness.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
    }
}
