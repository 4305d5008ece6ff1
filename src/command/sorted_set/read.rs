//! What a sorted set says of one member or of how many.

use super::bounds::{by_lex, by_score};
use super::{MEMBER, READ, sorted_set};
use crate::command::options::is;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::resp::Reply;
use crate::store::{Bounds, Collection, SortedSet};

const READ_FAST: Flags = READ.and(Flags::FAST);

pub(super) static ZCARD: Command = Command {
    name: "zcard",
    arity: 2,
    flags: READ_FAST,
    keys: &[KeySpec::one(&["RO"])],
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Returns how many members a sorted set has.",
    arguments: &[Argument::key()],
    run: zcard,
    ..Command::BASE
};

fn zcard(call: &mut Call<'_>) -> Result<(), Error> {
    let len = sorted_set(call)?.map_or(0, Collection::len);
    call.reply.integer(len as i64);
    Ok(())
}

pub(super) static ZSCORE: Command = Command {
    name: "zscore",
    arity: 3,
    flags: READ_FAST,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Returns the score of a member of a sorted set.",
    arguments: &[Argument::key(), MEMBER],
    run: zscore,
    ..Command::BASE
};

fn zscore(call: &mut Call<'_>) -> Result<(), Error> {
    let member = call.args;
    let score = sorted_set(call)?.and_then(|set| set.score(&member[2]));
    reply_score(&mut call.reply, score);
    Ok(())
}

pub(super) static ZMSCORE: Command = Command {
    name: "zmscore",
    arity: -3,
    flags: READ_FAST,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "6.2.0",
    complexity: "O(N) where N is the number of members being requested.",
    summary: "Returns the scores of several members of a sorted set.",
    arguments: &[Argument::key(), MEMBER.multiple()],
    run: zmscore,
    ..Command::BASE
};

fn zmscore(call: &mut Call<'_>) -> Result<(), Error> {
    let members = call.args.rest(2);
    let set: Option<&SortedSet> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    call.reply.array(members.len());
    for member in members.iter() {
        reply_score(&mut call.reply, set.and_then(|set| set.score(member)));
    }
    Ok(())
}

fn reply_score(reply: &mut Reply<'_>, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

pub(super) static ZCOUNT: Command = Command {
    name: "zcount",
    arity: 4,
    flags: READ_FAST,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "2.0.0",
    complexity: "O(log(N)) with N being the number of elements in the sorted set.",
    summary: "Counts the members of a sorted set with scores in a range.",
    arguments: &[
        Argument::key(),
        Argument::new("min", Kind::Double),
        Argument::new("max", Kind::Double),
    ],
    run: |call| count(call, by_score),
    ..Command::BASE
};

pub(super) static ZLEXCOUNT: Command = Command {
    name: "zlexcount",
    arity: 4,
    flags: READ_FAST,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "2.8.9",
    complexity: "O(log(N)) with N being the number of elements in the sorted set.",
    summary: "Counts the members of a sorted set between two others, where all have the same score.",
    arguments: &[Argument::key(), Argument::string("min"), Argument::string("max")],
    run: |call| count(call, by_lex),
    ..Command::BASE
};

/// Reads a range from its two ends.
type ReadBounds = for<'a> fn(&'a [u8], &'a [u8]) -> Result<Bounds<'a>, Error>;

fn count(call: &mut Call<'_>, read: ReadBounds) -> Result<(), Error> {
    let args = call.args;
    let bounds = read(&args[2], &args[3])?;
    let count = sorted_set(call)?.map_or(0, |set| set.range(bounds).len());
    call.reply.integer(count as i64);
    Ok(())
}

const RANK_ARGUMENTS: &[Argument] =
    &[Argument::key(), MEMBER, Argument::word("withscore", "WITHSCORE").since("7.2.0").optional()];
const RANK_HISTORY: &[(&str, &str)] = &[("7.2.0", "Added the optional `WITHSCORE` argument.")];

pub(super) static ZRANK: Command = Command {
    name: "zrank",
    arity: -3,
    flags: READ_FAST,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "2.0.0",
    history: RANK_HISTORY,
    complexity: "O(log(N))",
    summary: "Returns how many members of a sorted set come before a member.",
    arguments: RANK_ARGUMENTS,
    run: |call| reply_rank(call, false),
    ..Command::BASE
};

pub(super) static ZREVRANK: Command = Command {
    name: "zrevrank",
    arity: -3,
    flags: READ_FAST,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "2.0.0",
    history: RANK_HISTORY,
    complexity: "O(log(N))",
    summary: "Returns how many members of a sorted set come behind a member.",
    arguments: RANK_ARGUMENTS,
    run: |call| reply_rank(call, true),
    ..Command::BASE
};

fn reply_rank(call: &mut Call<'_>, reverse: bool) -> Result<(), Error> {
    let args = call.args;
    let with_score = match args.get(3) {
        None => false,
        Some(word) if args.len() == 4 && is(word, "WITHSCORE") => true,
        Some(_) => return Err(Error::Syntax),
    };
    let found = sorted_set(call)?.and_then(|set| {
        let (rank, score) = set.rank(&args[2])?;
        Some((if reverse { set.len() - 1 - rank } else { rank }, score))
    });
    let reply = &mut call.reply;
    match found {
        Some((rank, score)) if with_score => {
            reply.array(2);
            reply.integer(rank as i64);
            reply.double(score);
        }
        Some((rank, _)) => reply.integer(rank as i64),
        None if with_score => reply.null_array(),
        None => reply.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::resp::Version;

    #[test]
    fn scores_ranks_and_counts_are_told_in_either_form() {
        for entries in [0, 128] {
            let mut harness = Harness::new();
            harness.run(&format!("CONFIG SET zset-max-listpack-entries {entries}"));
            harness.run("ZADD z 1 a 2 b 2 c 4 d");
            harness.run("ZADD lex 0 a 0 b 0 c");
            for (line, reply) in [
                ("ZCARD z", ":4\r\n"),
                ("ZCARD none", ":0\r\n"),
                ("ZSCORE z d", "$1\r\n4\r\n"),
                ("ZSCORE z x", "$-1\r\n"),
                ("ZMSCORE z a x c", "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n"),
                ("ZMSCORE none a", "*1\r\n$-1\r\n"),
                ("ZCOUNT z 2 (4", ":2\r\n"),
                ("ZCOUNT z -inf +inf", ":4\r\n"),
                ("ZLEXCOUNT lex (a +", ":2\r\n"),
                ("ZRANK z c", ":2\r\n"),
                ("ZREVRANK z c", ":1\r\n"),
                ("ZRANK z x", "$-1\r\n"),
                ("ZRANK z d WITHSCORE", "*2\r\n:3\r\n$1\r\n4\r\n"),
                ("ZREVRANK z x WITHSCORE", "*-1\r\n"),
                ("ZRANK z a x", "-ERR syntax error\r\n"),
                ("ZCOUNT z x 1", "-ERR min or max is not a float\r\n"),
                ("ZLEXCOUNT z a +", "-ERR min or max not valid string range item\r\n"),
            ] {
                assert_eq!(harness.run(line), reply, "{line}");
            }
            harness.speak(Version::V3);
            assert_eq!(harness.run("ZSCORE z d"), ",4\r\n");
            assert_eq!(harness.run("ZRANK z d WITHSCORE"), "*2\r\n:3\r\n,4\r\n");
        }
    }
}
