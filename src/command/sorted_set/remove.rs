//! Removing members by name or by range.

use super::bounds::{by_lex, by_rank, by_score};
use super::{MEMBER, WRITE};
use crate::command::options::integer;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::store::{Bounds, Collection, Edit, SortedSet};

const REMOVED: &[KeySpec] = &[KeySpec::one(&["RW", "delete"])];
const COMPLEXITY: &str = "O(log(N)+M) with N being the number of elements in the sorted set and M the \
                          number of elements removed by the operation.";

pub(super) static ZREM: Command = Command {
    name: "zrem",
    arity: -3,
    flags: WRITE.and(Flags::FAST),
    keys: REMOVED,
    group: Group::SortedSet,
    since: "1.2.0",
    history: &[("2.4.0", "Accepts multiple elements.")],
    complexity: "O(M*log(N)) with N being the number of elements in the sorted set and M the number \
                 of elements to be removed.",
    summary: "Removes members of a sorted set; returns how many there were.",
    arguments: &[Argument::key(), MEMBER.multiple()],
    run: zrem,
    ..Command::BASE
};

fn zrem(call: &mut Call<'_>) -> Result<(), Error> {
    let members = call.args.rest(2);
    remove(call, |set| members.iter().filter(|member| set.remove(member)).count())
}

pub(super) static ZREMRANGEBYRANK: Command = Command {
    name: "zremrangebyrank",
    arity: 4,
    flags: WRITE,
    keys: REMOVED,
    group: Group::SortedSet,
    since: "2.0.0",
    complexity: COMPLEXITY,
    summary: "Removes the members of a sorted set with ranks in a range; returns how many there were.",
    arguments: &[Argument::key(), Argument::integer("start"), Argument::integer("stop")],
    run: zremrangebyrank,
    ..Command::BASE
};

fn zremrangebyrank(call: &mut Call<'_>) -> Result<(), Error> {
    let (start, stop) = (integer(&call.args[2])?, integer(&call.args[3])?);
    remove(call, |set| {
        let ranks = by_rank(start, stop, set.len());
        set.remove_range(ranks.clone());
        ranks.len()
    })
}

pub(super) static ZREMRANGEBYSCORE: Command = Command {
    name: "zremrangebyscore",
    arity: 4,
    flags: WRITE,
    keys: REMOVED,
    group: Group::SortedSet,
    since: "1.2.0",
    complexity: COMPLEXITY,
    summary: "Removes the members of a sorted set with scores in a range; returns how many there were.",
    arguments: &[
        Argument::key(),
        Argument::new("min", Kind::Double),
        Argument::new("max", Kind::Double),
    ],
    run: zremrangebyscore,
    ..Command::BASE
};

fn zremrangebyscore(call: &mut Call<'_>) -> Result<(), Error> {
    let args = call.args;
    remove_within(call, by_score(&args[2], &args[3])?)
}

pub(super) static ZREMRANGEBYLEX: Command = Command {
    name: "zremrangebylex",
    arity: 4,
    flags: WRITE,
    keys: REMOVED,
    group: Group::SortedSet,
    since: "2.8.9",
    complexity: COMPLEXITY,
    summary: "Removes the members of a sorted set between two others; returns how many there were.",
    arguments: &[Argument::key(), Argument::string("min"), Argument::string("max")],
    run: zremrangebylex,
    ..Command::BASE
};

fn zremrangebylex(call: &mut Call<'_>) -> Result<(), Error> {
    let args = call.args;
    remove_within(call, by_lex(&args[2], &args[3])?)
}

fn remove_within(call: &mut Call<'_>, bounds: Bounds<'_>) -> Result<(), Error> {
    remove(call, |set| {
        let ranks = set.range(bounds);
        set.remove_range(ranks.clone());
        ranks.len()
    })
}

/// Lets `remove` remove members of the sorted set at the key, and replies with how many it did.
fn remove(call: &mut Call<'_>, remove: impl FnOnce(&mut SortedSet) -> usize) -> Result<(), Error> {
    let removed = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|set: &mut SortedSet| {
            let removed = remove(set);
            Edit::done_if(removed > 0, removed)
        })
    })?;
    call.reply.integer(removed.unwrap_or(0) as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};

    #[test]
    fn members_leave_by_name_or_by_range_and_the_key_with_the_last_one() {
        for entries in [0, 128] {
            for mut harness in Harness::each_way() {
                harness.run(&format!("CONFIG SET zset-max-listpack-entries {entries}"));
                harness.run("ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h");
                for (line, reply, left) in [
                    ("ZREM z a x a", ":1\r\n", "bcdefgh"),
                    ("ZREMRANGEBYRANK z 0 0", ":1\r\n", "cdefgh"),
                    ("ZREMRANGEBYRANK z -1 9", ":1\r\n", "cdefg"),
                    ("ZREMRANGEBYRANK z 3 1", ":0\r\n", "cdefg"),
                    ("ZREMRANGEBYSCORE z (3 (5", ":1\r\n", "cefg"),
                    ("ZREMRANGEBYLEX z [f [f", ":1\r\n", "ceg"),
                    ("ZREMRANGEBYSCORE z -inf +inf", ":3\r\n", ""),
                    ("ZREM z a", ":0\r\n", ""),
                ] {
                    assert_eq!(harness.run(line), reply, "{line}");
                    assert_eq!(bulks(&harness.run("ZRANGE z 0 -1")).concat(), left, "{line}");
                }
                assert_eq!(harness.run("EXISTS z"), ":0\r\n");
            }
        }
    }

    #[test]
    fn faults_are_reported_in_redis_words() {
        let mut harness = Harness::new();
        for (line, error) in [
            ("ZREMRANGEBYRANK z a 1", "value is not an integer or out of range"),
            ("ZREMRANGEBYSCORE z a 1", "min or max is not a float"),
            ("ZREMRANGEBYLEX z a 1", "min or max not valid string range item"),
        ] {
            assert_eq!(harness.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
    }
}
