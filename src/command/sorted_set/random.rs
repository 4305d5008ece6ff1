//! Members by chance, and all members a few at a time.

use std::collections::BTreeSet;

use super::{READ, WITHSCORES, begin_members, reply_member};
use crate::command::options::is;
use crate::command::scan::{Found, ScanOptions, cursor};
use crate::command::set::pick_count;
use crate::command::{Argument, Call, Command, Error, Group, KeySpec, Kind};
use crate::number::format_f64;
use crate::resp::Reply;
use crate::store::{Collection, SortedSet};

pub(super) static ZRANDMEMBER: Command = Command {
    name: "zrandmember",
    arity: -2,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "6.2.0",
    complexity: "O(N) where N is the number of elements returned",
    summary: "Returns a random member of a sorted set, or several: a negative count lets them come \
              again.",
    arguments: &[
        Argument::key(),
        Argument::block("options", &[Argument::integer("count"), WITHSCORES.optional()]).optional(),
    ],
    tips: &["nondeterministic_output"],
    run: zrandmember,
    ..Command::BASE
};

fn zrandmember(call: &mut Call<'_>) -> Result<(), Error> {
    let count = call.args.get(2).map(pick_count).transpose()?;
    let with_scores = match call.args.get(3) {
        None => false,
        Some(word) if call.args.len() == 4 && is(word, "WITHSCORES") => true,
        Some(_) => return Err(Error::Syntax),
    };
    if with_scores && count.is_some_and(|count| count > i64::MAX / 2) {
        return Err(Error::text("value is out of range"));
    }
    let (reply, random) = (&mut call.reply, &mut *call.random);
    let set: Option<&SortedSet> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    match (set, count) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(set), None) => reply_rank(reply, set, random.usize(0..set.len()), false),
        (Some(set), Some(count @ 0..)) => {
            let ranks = distinct_ranks(count as usize, set.len(), random);
            begin_members(reply, ranks.len(), with_scores);
            ranks.into_iter().for_each(|rank| reply_rank(reply, set, rank, with_scores));
        }
        (Some(set), Some(count)) => {
            let count = count.unsigned_abs() as usize;
            begin_members(reply, count, with_scores);
            for _ in 0..count {
                if reply.is_cut() {
                    break;
                }
                reply_rank(reply, set, random.usize(0..set.len()), with_scores);
            }
        }
    }
    Ok(())
}

fn reply_rank(reply: &mut Reply<'_>, set: &SortedSet, rank: usize, with_scores: bool) {
    set.visit(rank..rank + 1, false, |member, score| {
        reply_member(reply, member, score, with_scores);
    });
}

/// That many of the ranks below `len`, each once.
fn distinct_ranks(picks: usize, len: usize, random: &mut fastrand::Rng) -> BTreeSet<usize> {
    // Floyd's way: of the ranks up to each of the last ones, one that is not taken yet.
    let mut taken = BTreeSet::new();
    for last in len - picks.min(len)..len {
        if !taken.insert(random.usize(0..=last)) {
            taken.insert(last);
        }
    }
    taken
}

pub(super) static ZSCAN: Command = Command {
    name: "zscan",
    arity: -3,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::SortedSet,
    since: "2.8.0",
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls \
                 for the cursor to return back to 0. N is the number of elements inside the \
                 collection..",
    summary: "Lists some members of a sorted set with their scores, and a cursor with which to ask for \
              the next ones.",
    arguments: &[
        Argument::key(),
        Argument::integer("cursor"),
        Argument::new("pattern", Kind::Pattern).token("MATCH").optional(),
        Argument::integer("count").token("COUNT").optional(),
    ],
    tips: &["nondeterministic_output"],
    run: zscan,
    ..Command::BASE
};

fn zscan(call: &mut Call<'_>) -> Result<(), Error> {
    let start = cursor(&call.args[2])?;
    let mut found = Found::new(call);
    let mut next = 0;
    let set: Option<&SortedSet> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    // Without a set, the options may be any.
    if let Some(set) = set {
        let options = ScanOptions::parse(call.args.rest(3), &[])?;
        let mut digits = itoa::Buffer::new();
        next = set.scan(start, options.count, |member, score| {
            let member = member.bytes(&mut digits);
            if options.wants(member) {
                found.add(member);
                // Redis shows here what it keeps as integers, and large doubles with an exponent.
                match set.kept_whole(score) {
                    Some(score) => found.add(itoa::Buffer::new().format(score).as_bytes()),
                    None => found.add(&format_f64(score)),
                }
            }
        });
    }
    found.write_with_cursor(next, &mut call.reply);
    Ok(())
}

#[cfg(test)]
mod tests {

    use super::distinct_ranks;
    use crate::command::harness::{Harness, bulks};
    use crate::resp::Version;

    #[test]
    fn each_rank_is_as_likely_as_any_other() {
        let mut random = fastrand::Rng::with_seed(1);
        for count in 0..20 {
            let picked = distinct_ranks(count, 10, &mut random);
            assert_eq!(picked.len(), count.min(10));
            assert!(picked.iter().all(|&rank| rank < 10));
        }
        let mut times = [0; 10];
        for _ in 0..2000 {
            distinct_ranks(3, 10, &mut random).into_iter().for_each(|rank| times[rank] += 1);
        }
        assert!(times.iter().all(|times| (480..720).contains(times)), "{times:?}");
    }

    #[test]
    fn members_are_picked_with_scores_or_without() {
        let mut harness = Harness::new();
        harness.run("ZADD z 1.5 a");
        for (line, reply) in [
            ("ZRANDMEMBER z", "$1\r\na\r\n"),
            ("ZRANDMEMBER none", "$-1\r\n"),
            ("ZRANDMEMBER none 3", "*0\r\n"),
            ("ZRANDMEMBER z 0", "*0\r\n"),
            ("ZRANDMEMBER z 3", "*1\r\n$1\r\na\r\n"),
            (
                "ZRANDMEMBER z -2 WITHSCORES",
                "*4\r\n$1\r\na\r\n$3\r\n1.5\r\n$1\r\na\r\n$3\r\n1.5\r\n",
            ),
            ("ZRANDMEMBER z 1 x", "-ERR syntax error\r\n"),
            ("ZRANDMEMBER z 1 WITHSCORES x", "-ERR syntax error\r\n"),
            ("ZRANDMEMBER z x WITHSCORES", "-ERR value is not an integer or out of range\r\n"),
            ("ZRANDMEMBER z 4611686018427387904 WITHSCORES", "-ERR value is out of range\r\n"),
        ] {
            assert_eq!(harness.run(line), reply, "{line}");
        }
        harness.speak(Version::V3);
        assert_eq!(harness.run("ZRANDMEMBER z 1 WITHSCORES"), "*1\r\n*2\r\n$1\r\na\r\n,1.5\r\n");
    }

    #[test]
    fn a_scan_tells_members_that_match_with_their_scores() {
        let mut harness = Harness::new();
        harness.run("ZADD z 1 a 2.5 bb 3 bc");
        assert_eq!(
            bulks(&harness.run("ZSCAN z 0 MATCH b* COUNT 1")),
            ["0", "bb", "2.5", "bc", "3"]
        );
        assert_eq!(harness.run("ZSCAN none 0"), "*2\r\n$1\r\n0\r\n*0\r\n");
        assert_eq!(harness.run("ZSCAN z x"), "-ERR invalid cursor\r\n");
        assert_eq!(harness.run("ZSCAN z 0 COUNT"), "-ERR syntax error\r\n");
    }
}
