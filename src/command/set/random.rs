//! Members that chance picks.

use super::READ;
use crate::command::options::integer;
use crate::command::string::reply_text;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::store::{Collection, Edit, Set};

pub(super) static SPOP: Command = Command {
    name: "spop",
    arity: -2,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(&["RW", "access", "delete"])],
    group: Group::Set,
    history: &[("3.2.0", "Added the `count` argument.")],
    complexity: "Without the count argument O(1), otherwise O(N) where N is the value of the passed \
                 count.",
    summary: "Removes and returns a random member of a set, or several.",
    arguments: &[Argument::key(), Argument::integer("count").since("3.2.0").optional()],
    tips: &["nondeterministic_output"],
    run: spop,
    ..Command::BASE
};

fn spop(call: &mut Call<'_>) -> Result<(), Error> {
    match call.args.len() {
        2 => pop_one(call),
        3 => pop_some(call),
        _ => Err(Error::Syntax),
    }
}

fn pop_one(call: &mut Call<'_>) -> Result<(), Error> {
    let (reply, random) = (&mut call.reply, &mut *call.random);
    let popped = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|set: &mut Set| {
            let popped = set.pop(|n| random.usize(0..n), |member| reply_text(reply, member));
            Edit::done_if(popped, popped)
        })
    })?;
    if popped != Some(true) {
        call.reply.null();
    }
    Ok(())
}

fn pop_some(call: &mut Call<'_>) -> Result<(), Error> {
    let count = integer(&call.args[2]).ok().and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or_else(|| Error::text("value is out of range, must be positive"))?;
    let (reply, random) = (&mut call.reply, &mut *call.random);
    let popped = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|set: &mut Set| {
            let count = count.min(set.len());
            reply.set(count);
            set.pop_several(count, |n| random.usize(0..n), |member| reply_text(reply, member));
            Edit::done_if(count > 0, ())
        })
    })?;
    if popped.is_none() {
        call.reply.set(0);
    }
    Ok(())
}

pub(super) static SRANDMEMBER: Command = Command {
    name: "srandmember",
    arity: -2,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Set,
    history: &[("2.6.0", "Added the optional `count` argument.")],
    complexity: "Without the count argument O(1), otherwise O(N) where N is the absolute value of \
                 the passed count.",
    summary: "Returns a random member of a set, or several: a negative count lets them come again.",
    arguments: &[Argument::key(), Argument::integer("count").since("2.6.0").optional()],
    tips: &["nondeterministic_output"],
    run: srandmember,
    ..Command::BASE
};

fn srandmember(call: &mut Call<'_>) -> Result<(), Error> {
    let count = match call.args.len() {
        2 => None,
        3 => Some(pick_count(&call.args[2])?),
        _ => return Err(Error::Syntax),
    };
    let (reply, random) = (&mut call.reply, &mut *call.random);
    let mut random = |n| random.usize(0..n);
    let set: Option<&Set> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    match (set, count) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(set), None) => match set.pick(random) {
            Some(member) => reply_text(reply, member),
            None => reply.null(),
        },
        (Some(set), Some(count @ 0..)) => {
            let count = set.len().min(count as usize);
            reply.array(count);
            set.sample(count, random, |member| reply_text(reply, member));
        }
        (Some(set), Some(count)) => {
            let count = count.unsigned_abs() as usize;
            reply.array(count);
            for _ in 0..count {
                if reply.is_cut() {
                    break;
                }
                set.pick(&mut random).into_iter().for_each(|member| reply_text(reply, member));
            }
        }
    }
    Ok(())
}

/// How many members to pick. Redis takes any negative count, and may build its reply for hours.
pub(in crate::command) fn pick_count(word: &[u8]) -> Result<i64, Error> {
    const LEAST: i64 = -(1 << 27);
    match integer(word)? {
        i64::MIN => Err(Error::NotBetween(-i64::MAX, i64::MAX)),
        count if count < LEAST => Err(Error::NotBetween(LEAST, i64::MAX)),
        count => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::command::harness::{Harness, bulks};
    use crate::resp::Version;

    /// Sets of each form: integers, packed, a table.
    const SIZES: [(usize, &str); 3] = [(100, ""), (100, "x"), (1000, "x")];

    fn fill(harness: &mut Harness, (size, first): (usize, &str)) {
        harness.run("FLUSHALL");
        let members: Vec<String> = (0..size).map(|number| format!(" {first}{number}")).collect();
        harness.run(&format!("SADD s{}", members.concat()));
    }

    #[test]
    fn what_is_popped_was_there_and_is_gone() {
        for mut harness in Harness::each_way() {
            for form in SIZES {
                fill(&mut harness, form);
                let mut popped = BTreeSet::new();
                for (line, count) in
                    [("SPOP s", 1), ("SPOP s 30", 30), ("SPOP s 5000", form.0 - 31)]
                {
                    let members = bulks(&harness.run(line));
                    assert_eq!(members.len(), count);
                    popped.extend(members);
                }
                assert_eq!(popped.len(), form.0);
                assert_eq!(harness.run("EXISTS s"), ":0\r\n");
            }
        }
    }

    #[test]
    fn a_count_picks_different_members_and_a_negative_one_any() {
        let mut harness = Harness::new();
        for form in SIZES {
            fill(&mut harness, form);
            for (count, len) in [(0, 0), (1, 1), (99, 99), (5000, form.0)] {
                let picked = bulks(&harness.run(&format!("SRANDMEMBER s {count}")));
                assert_eq!(picked.len(), len);
                assert_eq!(picked.into_iter().collect::<BTreeSet<_>>().len(), len);
            }
            let picked = bulks(&harness.run("SRANDMEMBER s -5000"));
            assert_eq!(picked.len(), 5000);
            let different: BTreeSet<_> = picked.into_iter().collect();
            assert!(different.len() > form.0 * 9 / 10, "{}", different.len());
            assert_eq!(harness.run("SCARD s"), format!(":{}\r\n", form.0));
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn replies_to_a_missing_key_and_faults() {
        let mut harness = Harness::new();
        for (line, resp2, resp3) in [
            ("SPOP s", "$-1\r\n", "_\r\n"),
            ("SPOP s 3", "*0\r\n", "~0\r\n"),
            ("SRANDMEMBER s", "$-1\r\n", "_\r\n"),
            ("SRANDMEMBER s -3", "*0\r\n", "*0\r\n"),
        ] {
            for (version, reply) in [(Version::V2, resp2), (Version::V3, resp3)] {
                harness.speak(version);
                assert_eq!(harness.run(line), reply, "{line}");
            }
        }
        harness.run("SADD s 1");
        assert_eq!(harness.run("SRANDMEMBER s 1"), "*1\r\n$1\r\n1\r\n");
        assert_eq!(harness.run("SPOP s 0"), "~0\r\n");
        assert_eq!(harness.run("SPOP s 1"), "~1\r\n$1\r\n1\r\n");
        let (positive, integer) =
            ("value is out of range, must be positive", "value is not an integer or out of range");
        let range = "value is out of range, value must between -9223372036854775807 and \
                     9223372036854775807";
        for (line, error) in [
            ("SPOP s -1", positive),
            ("SPOP s x", positive),
            ("SPOP s 9223372036854775808", positive),
            ("SPOP s 1 2", "syntax error"),
            ("SRANDMEMBER s 1 2", "syntax error"),
            ("SRANDMEMBER s x", integer),
            ("SRANDMEMBER s -9223372036854775808", range),
        ] {
            assert_eq!(harness.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
        let too_many = harness.run("SRANDMEMBER s -9223372036854775807");
        assert!(too_many.starts_with("-ERR value is out of range"), "{too_many}");
    }
}
