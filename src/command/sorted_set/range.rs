//! Ranges of members: ZRANGE, which can all, the commands it has taken the place of, and ZRANGESTORE.

use std::ops::Range;

use super::bounds::{by_lex, by_rank, by_score};
use super::{READ, WITHSCORES, WRITE, begin_members, limits, reply_member, store};
use crate::command::options::{integer, is};
use crate::command::{Argument, Call, Command, Deprecated, Error, Flags, Group, KeySpec, Kind};
use crate::resp::Args;
use crate::store::{Bounds, Collection, SortedSet};

const LIMIT: Argument =
    Argument::block("offset_count", &[Argument::integer("offset"), Argument::integer("count")])
        .token("LIMIT");
const BY_SCORE_OR_LEX: &[Argument] =
    &[Argument::word("byscore", "BYSCORE"), Argument::word("bylex", "BYLEX")];

pub(super) static ZRANGE: Command = Command {
    name: "zrange",
    arity: -4,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "1.2.0",
    history: &[("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")],
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set \
                 and M the number of elements returned.",
    summary: "Returns members of a sorted set by rank, by score or by their bytes.",
    arguments: &[
        Argument::key(),
        Argument::string("start"),
        Argument::string("stop"),
        Argument::one_of("sortby", BY_SCORE_OR_LEX).since("6.2.0").optional(),
        Argument::word("rev", "REV").since("6.2.0").optional(),
        LIMIT.since("6.2.0").optional(),
        WITHSCORES.optional(),
    ],
    run: |call| range(call, Fixed::NOTHING),
    ..Command::BASE
};

pub(super) static ZRANGEBYLEX: Command = Command {
    name: "zrangebylex",
    arity: -4,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "2.8.9",
    deprecated: Some(Deprecated {
        since: "6.2.0",
        replaced_by: "`ZRANGE` with the `BYLEX` argument",
    }),
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set \
                 and M the number of elements being returned. If M is constant (e.g. always \
                 asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
    summary: "Returns the members of a sorted set between two others, where all have the same score.",
    arguments: &[
        Argument::key(),
        Argument::string("min"),
        Argument::string("max"),
        LIMIT.optional(),
    ],
    run: |call| range(call, Fixed::by(By::Lex, false)),
    ..Command::BASE
};

pub(super) static ZRANGEBYSCORE: Command = Command {
    name: "zrangebyscore",
    arity: -4,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "1.0.5",
    history: &[("2.0.0", "Added the `WITHSCORES` modifier.")],
    deprecated: Some(Deprecated {
        since: "6.2.0",
        replaced_by: "`ZRANGE` with the `BYSCORE` argument",
    }),
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set \
                 and M the number of elements being returned. If M is constant (e.g. always \
                 asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
    summary: "Returns the members of a sorted set with scores in a range.",
    arguments: &[
        Argument::key(),
        Argument::new("min", Kind::Double),
        Argument::new("max", Kind::Double),
        WITHSCORES.since("2.0.0").optional(),
        LIMIT.optional(),
    ],
    run: |call| range(call, Fixed::by(By::Score, false)),
    ..Command::BASE
};

pub(super) static ZRANGESTORE: Command = Command {
    name: "zrangestore",
    arity: -5,
    flags: WRITE.and(Flags::DENYOOM),
    keys: &[KeySpec::one(&["OW", "update"]), KeySpec::at(2, KeySpec::READ)],
    group: Group::SortedSet,
    since: "6.2.0",
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set \
                 and M the number of elements stored into the destination key.",
    summary: "Stores what ZRANGE would return under another key.",
    arguments: &[
        Argument::new("dst", Kind::Key(0)),
        Argument::new("src", Kind::Key(1)),
        Argument::string("min"),
        Argument::string("max"),
        Argument::one_of("sortby", BY_SCORE_OR_LEX).optional(),
        Argument::word("rev", "REV").optional(),
        LIMIT.optional(),
    ],
    run: zrangestore,
    ..Command::BASE
};

pub(super) static ZREVRANGE: Command = Command {
    name: "zrevrange",
    arity: -4,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "1.2.0",
    deprecated: Some(Deprecated {
        since: "6.2.0",
        replaced_by: "`ZRANGE` with the `REV` argument",
    }),
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set \
                 and M the number of elements returned.",
    summary: "Returns members of a sorted set by rank, counted from the highest score on.",
    arguments: &[
        Argument::key(),
        Argument::integer("start"),
        Argument::integer("stop"),
        WITHSCORES.optional(),
    ],
    run: |call| range(call, Fixed::by(By::Rank, true)),
    ..Command::BASE
};

pub(super) static ZREVRANGEBYLEX: Command = Command {
    name: "zrevrangebylex",
    arity: -4,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "2.8.9",
    deprecated: Some(Deprecated {
        since: "6.2.0",
        replaced_by: "`ZRANGE` with the `REV` and `BYLEX` arguments",
    }),
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set \
                 and M the number of elements being returned. If M is constant (e.g. always \
                 asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
    summary: "Returns the members of a sorted set between two others, in reverse order.",
    arguments: &[
        Argument::key(),
        Argument::string("max"),
        Argument::string("min"),
        LIMIT.optional(),
    ],
    run: |call| range(call, Fixed::by(By::Lex, true)),
    ..Command::BASE
};

pub(super) static ZREVRANGEBYSCORE: Command = Command {
    name: "zrevrangebyscore",
    arity: -4,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "2.2.0",
    history: &[("2.1.6", "`min` and `max` can be exclusive.")],
    deprecated: Some(Deprecated {
        since: "6.2.0",
        replaced_by: "`ZRANGE` with the `REV` and `BYSCORE` arguments",
    }),
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set \
                 and M the number of elements being returned. If M is constant (e.g. always \
                 asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
    summary: "Returns the members of a sorted set with scores in a range, highest first.",
    arguments: &[
        Argument::key(),
        Argument::new("max", Kind::Double),
        Argument::new("min", Kind::Double),
        WITHSCORES.optional(),
        LIMIT.optional(),
    ],
    run: |call| range(call, Fixed::by(By::Score, true)),
    ..Command::BASE
};

/// Replies with the range that the words behind the key ask for.
fn range(call: &mut Call<'_>, fixed: Fixed) -> Result<(), Error> {
    let request = Request::parse(call.args.rest(2), fixed)?;
    let set: Option<&SortedSet> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    let Some(set) = set else {
        call.reply.array(0);
        return Ok(());
    };
    let ranks = request.ranks(set);
    begin_members(&mut call.reply, ranks.len(), request.with_scores);
    set.visit(ranks, request.reverse, |member, score| {
        reply_member(&mut call.reply, member, score, request.with_scores);
    });
    Ok(())
}

fn zrangestore(call: &mut Call<'_>) -> Result<(), Error> {
    let request = Request::parse(call.args.rest(3), Fixed { store: true, ..Fixed::NOTHING })?;
    let limits = limits(call);
    let mut stored = SortedSet::default();
    let set: Option<&SortedSet> = call.keyspace.read_as(call.session.db, &call.args[2])?;
    if let Some(set) = set {
        let mut digits = itoa::Buffer::new();
        set.visit(request.ranks(set), false, |member, score| {
            stored.update(member.bytes(&mut digits), limits, |_| Some(score));
        });
    }
    store(call, stored);
    Ok(())
}

/// What a range is by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// What a command says of its range by its name; the rest is left to options.
#[derive(Clone, Copy)]
struct Fixed {
    by: Option<By>,
    reverse: Option<bool>,
    store: bool,
}

impl Fixed {
    const NOTHING: Self = Self { by: None, reverse: None, store: false };

    const fn by(by: By, reverse: bool) -> Self {
        Self { by: Some(by), reverse: Some(reverse), store: false }
    }
}

/// `start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`
struct Request<'a> {
    select: Select<'a>,
    reverse: bool,
    /// How many members to leave out, and how many to take in at most; negative is all.
    limit: (i64, i64),
    with_scores: bool,
}

enum Select<'a> {
    Ranks(i64, i64),
    Bounds(Bounds<'a>),
}

impl<'a> Request<'a> {
    fn parse(words: Args<'a>, fixed: Fixed) -> Result<Self, Error> {
        let Fixed { mut by, mut reverse, store } = fixed;
        let (mut limit, mut with_scores) = ((0, -1), false);
        let mut options = words.rest(2);
        while let Some(option) = options.get(0) {
            options = options.rest(1);
            if !store && is(option, "WITHSCORES") {
                with_scores = true;
            } else if is(option, "LIMIT") && options.len() >= 2 {
                limit = (integer(&options[0])?, integer(&options[1])?);
                options = options.rest(2);
            } else if reverse.is_none() && is(option, "REV") {
                reverse = Some(true);
            } else if by.is_none() && is(option, "BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && is(option, "BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(Error::Syntax);
            }
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if limit.1 != -1 && by == By::Rank {
            let text =
                "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
            return Err(Error::text(text));
        }
        if with_scores && by == By::Lex {
            let text = "syntax error, WITHSCORES not supported in combination with BYLEX";
            return Err(Error::text(text));
        }
        let word = |at| words.get(at).unwrap_or_default();
        // By score and by bytes, a range that is read backwards is written backwards.
        let (min, max) = if reverse { (word(1), word(0)) } else { (word(0), word(1)) };
        let select = match by {
            By::Rank => Select::Ranks(integer(word(0))?, integer(word(1))?),
            By::Score => Select::Bounds(by_score(min, max)?),
            By::Lex => Select::Bounds(by_lex(min, max)?),
        };
        Ok(Self { select, reverse, limit, with_scores })
    }

    /// The ranks that are asked for.
    fn ranks(&self, set: &SortedSet) -> Range<usize> {
        match self.select {
            Select::Ranks(start, stop) => {
                let Range { start, end } = by_rank(start, stop, set.len());
                if self.reverse { set.len() - end..set.len() - start } else { start..end }
            }
            Select::Bounds(bounds) => self.limited(set.range(bounds)),
        }
    }

    fn limited(&self, ranks: Range<usize>) -> Range<usize> {
        let (offset, count) = self.limit;
        let Some(left) =
            usize::try_from(offset).ok().and_then(|skip| ranks.len().checked_sub(skip))
        else {
            return 0..0;
        };
        let count = usize::try_from(count).map_or(left, |count| count.min(left));
        match self.reverse {
            false => ranks.end - left..ranks.end - left + count,
            true => ranks.start + left - count..ranks.start + left,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};
    use crate::resp::Version;

    fn five() -> Harness {
        let mut harness = Harness::new();
        harness.run("ZADD z 1 a 2 b 3 c 4 d 5 e");
        harness.run("ZADD lex 0 a 0 b 0 c 0 d 0 e");
        harness
    }

    #[test]
    fn ranges_are_by_rank_by_score_or_by_bytes_in_either_direction() {
        for entries in [0, 128] {
            let mut harness = Harness::new();
            harness.run(&format!("CONFIG SET zset-max-listpack-entries {entries}"));
            harness.run("ZADD z 1 a 2 b 3 c 4 d 5 e");
            harness.run("ZADD lex 0 a 0 b 0 c 0 d 0 e");
            for (line, members) in [
                ("ZRANGE z 0 -1", "abcde"),
                ("ZRANGE z 1 2 REV", "dc"),
                ("ZREVRANGE z 0 1", "ed"),
                ("ZRANGE z (1 3 BYSCORE", "bc"),
                ("ZRANGE z (3 (1 BYSCORE REV", "b"),
                ("ZRANGEBYSCORE z -inf +inf LIMIT 1 2", "bc"),
                ("ZREVRANGEBYSCORE z 4 -inf LIMIT 1 2", "cb"),
                ("ZREVRANGEBYSCORE z 4 -inf LIMIT 1 -5", "cba"),
                ("ZRANGEBYSCORE z 1 5 LIMIT 5 1", ""),
                ("ZRANGEBYSCORE z 1 5 LIMIT 9 1", ""),
                ("ZRANGEBYSCORE z 1 5 LIMIT -1 1", ""),
                ("ZRANGEBYSCORE z 5 1", ""),
                ("ZRANGE lex [b (d BYLEX", "bc"),
                ("ZRANGE lex + [c BYLEX REV LIMIT 1 1", "d"),
                ("ZRANGEBYLEX lex - [b", "ab"),
                ("ZRANGEBYLEX lex + -", ""),
                ("ZREVRANGEBYLEX lex [d (b", "dc"),
                ("ZRANGE none 0 -1", ""),
            ] {
                assert_eq!(bulks(&harness.run(line)).concat(), members, "{line}");
            }
        }
    }

    #[test]
    fn scores_come_in_a_row_or_in_pairs() {
        let mut harness = five();
        assert_eq!(
            harness.run("ZRANGE z 0 1 WITHSCORES"),
            "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n"
        );
        harness.speak(Version::V3);
        assert_eq!(
            harness.run("ZREVRANGE z 0 1 WITHSCORES"),
            "*2\r\n*2\r\n$1\r\ne\r\n,5\r\n*2\r\n$1\r\nd\r\n,4\r\n"
        );
    }

    #[test]
    fn a_range_is_stored_in_the_place_of_what_was_there() {
        for mut harness in Harness::each_way() {
            harness.run("ZADD z 1 a 2 b 3 c");
            harness.run("SET to v EX 10");
            assert_eq!(harness.run("ZRANGESTORE to z (1 +inf BYSCORE LIMIT 0 1"), ":1\r\n");
            assert_eq!(harness.run("ZRANGE to 0 -1 WITHSCORES"), "*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
            assert_eq!(harness.run("TTL to"), ":-1\r\n");
            assert_eq!(harness.run("ZRANGESTORE z z 0 1 REV"), ":2\r\n");
            assert_eq!(bulks(&harness.run("ZRANGE z 0 -1")), ["b", "c"]);
            assert_eq!(harness.run("ZRANGESTORE to none 0 -1"), ":0\r\n");
            assert_eq!(harness.run("EXISTS to"), ":0\r\n");
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_reported_in_redis_words() {
        let mut harness = five();
        let integer = "value is not an integer or out of range";
        let limit =
            "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
        let with = "syntax error, WITHSCORES not supported in combination with BYLEX";
        for (line, error) in [
            ("ZRANGE z a 1", integer),
            ("ZRANGE z 0 1 LIMIT x 1 BYSCORE", integer),
            ("ZRANGE z 0 1 LIMIT 0 1", limit),
            ("ZRANGE z 0 1 LIMIT 0", "syntax error"),
            ("ZRANGE z - + BYLEX WITHSCORES", with),
            ("ZRANGE z 0 1 BYLEX BYSCORE", "syntax error"),
            ("ZREVRANGE z 0 1 REV", "syntax error"),
            ("ZRANGESTORE to z 0 1 WITHSCORES", "syntax error"),
            ("ZRANGEBYSCORE z x 1", "min or max is not a float"),
            ("ZRANGEBYSCORE z 1 nan", "min or max is not a float"),
            ("ZRANGEBYLEX z a +", "min or max not valid string range item"),
            ("ZRANGEBYLEX z [a b", "min or max not valid string range item"),
        ] {
            assert_eq!(harness.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
        assert_eq!(bulks(&harness.run("ZRANGE z 0 1 LIMIT 7 -1")), ["a", "b"], "as Redis has it");
    }
}
