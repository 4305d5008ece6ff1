//! When fields end: HEXPIRE, HTTL and their kind.

use super::fields::{FIELDS, split};
use super::{READ_FAST, WRITE_FAST};
use crate::command::expire::{CONDITION, Conditions, MILLISECOND, SECOND, rounded};
use crate::command::options::Deadline;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::resp::Args;
use crate::store::{Edit, Hash};

const COMPLEXITY: &str = "O(N) where N is the number of specified fields";

/// What commands that set deadlines have in common.
const SETS: Command = Command {
    arity: -6,
    flags: WRITE_FAST,
    keys: &[KeySpec::one(&["RW", "update"])],
    group: Group::Hash,
    since: "7.4.0",
    complexity: COMPLEXITY,
    ..Command::BASE
};

pub(super) static HEXPIRE: Command = Command {
    name: "hexpire",
    summary: "Lets fields of a hash end in so many seconds.",
    arguments: &[Argument::key(), Argument::integer("seconds"), CONDITION, FIELDS],
    run: |call| set_deadlines(call, Deadline::InSeconds),
    ..SETS
};

pub(super) static HEXPIREAT: Command = Command {
    name: "hexpireat",
    summary: "Lets fields of a hash end at a time, given in seconds since the Unix epoch.",
    arguments: &[
        Argument::key(),
        Argument::new("unix-time-seconds", Kind::UnixTime),
        CONDITION,
        FIELDS,
    ],
    run: |call| set_deadlines(call, Deadline::AtSeconds),
    ..SETS
};

pub(super) static HPEXPIRE: Command = Command {
    name: "hpexpire",
    summary: "Lets fields of a hash end in so many milliseconds.",
    arguments: &[Argument::key(), Argument::integer("milliseconds"), CONDITION, FIELDS],
    run: |call| set_deadlines(call, Deadline::InMilliseconds),
    ..SETS
};

pub(super) static HPEXPIREAT: Command = Command {
    name: "hpexpireat",
    summary: "Lets fields of a hash end at a time, given in milliseconds since the Unix epoch.",
    arguments: &[
        Argument::key(),
        Argument::new("unix-time-milliseconds", Kind::UnixTime),
        CONDITION,
        FIELDS,
    ],
    run: |call| set_deadlines(call, Deadline::AtMilliseconds),
    ..SETS
};

const NO_FIELD: i64 = -2;
const NO_DEADLINE: i64 = -1;
const UNMET: i64 = 0;
const DONE: i64 = 1;
const REMOVED: i64 = 2;

/// Gives fields the deadline that the request says, and answers with a code for each. A deadline that
/// is past removes the field at once.
fn set_deadlines(call: &mut Call<'_>, deadline: Deadline) -> Result<(), Error> {
    let (options, fields) = split(call.args, 3, 1)?;
    if options.len() > 1 {
        return Err(Error::Syntax);
    }
    let conditions = Conditions::parse(options)?;
    let at = deadline.moment_from(0, &call.args[2], call.command.name, call.now)?;
    let now = call.now.unix_ms();
    each(call, fields, |hash, field| match hash.deadline(field) {
        None => NO_FIELD,
        Some(present) if !conditions.allow(present, at as i64) => UNMET,
        Some(_) if at <= now => {
            hash.remove(field);
            REMOVED
        }
        Some(_) => {
            hash.set_deadline(field, Some(at));
            DONE
        }
    })
}

pub(super) static HPERSIST: Command = Command {
    name: "hpersist",
    arity: -5,
    flags: Flags::WRITE.and(Flags::FAST),
    summary: "Takes the expiry of fields away, so that they do not end.",
    arguments: &[Argument::key(), FIELDS],
    run: hpersist,
    ..SETS
};

fn hpersist(call: &mut Call<'_>) -> Result<(), Error> {
    let fields = only_fields(call)?;
    each(call, fields, |hash, field| match hash.deadline(field) {
        None => NO_FIELD,
        Some(None) => NO_DEADLINE,
        Some(Some(_)) => {
            hash.set_deadline(field, None);
            DONE
        }
    })
}

/// The fields of a request that has no options.
pub(super) fn only_fields<'a>(call: &Call<'a>) -> Result<Args<'a>, Error> {
    let (options, fields) = split(call.args, 2, 1)?;
    if options.is_empty() { Ok(fields) } else { Err(Error::Syntax) }
}

/// Answers with the code that `change` gives for each field; from 1 on it stands for a change.
fn each(
    call: &mut Call<'_>,
    fields: Args<'_>,
    mut change: impl FnMut(&mut Hash, &[u8]) -> i64,
) -> Result<(), Error> {
    let reply = &mut call.reply;
    let found = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|hash: &mut Hash| {
            reply.array(fields.len());
            let codes = fields.iter().map(|field| change(hash, field));
            let changes = codes.filter(|code| {
                reply.integer(*code);
                *code >= DONE
            });
            Edit::done_if(changes.count() > 0, ())
        })
    })?;
    if found.is_none() {
        reply.array(fields.len());
        fields.iter().for_each(|_| reply.integer(NO_FIELD));
    }
    Ok(())
}

/// What commands that tell deadlines have in common.
const TELLS: Command = Command {
    arity: -5,
    flags: READ_FAST,
    keys: &[KeySpec::one(KeySpec::READ)],
    arguments: &[Argument::key(), FIELDS],
    ..SETS
};

pub(super) static HTTL: Command = Command {
    name: "httl",
    summary: "Returns how many seconds fields have left: -1 if one does not end, -2 without it.",
    tips: &["nondeterministic_output"],
    run: |call| reply_deadlines(call, call.now.unix_ms(), SECOND),
    ..TELLS
};

pub(super) static HPTTL: Command = Command {
    name: "hpttl",
    summary: "Returns how many milliseconds fields have left, as HTTL does seconds.",
    tips: &["nondeterministic_output"],
    run: |call| reply_deadlines(call, call.now.unix_ms(), MILLISECOND),
    ..TELLS
};

pub(super) static HEXPIRETIME: Command = Command {
    name: "hexpiretime",
    summary: "Returns when fields end, in seconds since the Unix epoch; -1 and -2 as HTTL.",
    run: |call| reply_deadlines(call, 0, SECOND),
    ..TELLS
};

pub(super) static HPEXPIRETIME: Command = Command {
    name: "hpexpiretime",
    summary: "Returns when fields end, in milliseconds since the Unix epoch; -1 and -2 as HTTL.",
    run: |call| reply_deadlines(call, 0, MILLISECOND),
    ..TELLS
};

/// Replies with the time from `start` to each field's deadline, rounded to whole `unit`s.
fn reply_deadlines(call: &mut Call<'_>, start: u64, unit: i64) -> Result<(), Error> {
    let fields = only_fields(call)?;
    let hash: Option<&Hash> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    call.reply.array(fields.len());
    for field in fields.iter() {
        call.reply.integer(match hash.and_then(|hash| hash.deadline(field)) {
            None => NO_FIELD,
            Some(None) => NO_DEADLINE,
            Some(Some(at)) => rounded(at.saturating_sub(start), unit),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    /// Three fields, packed, or many of which these are the first.
    fn each_size() -> impl Iterator<Item = Harness> {
        Harness::each_way().into_iter().flat_map(|harness| {
            let mut harnesses = [harness, Harness::new()];
            for (harness, fields) in harnesses.iter_mut().zip([3, 700]) {
                (0..fields).for_each(|i| drop(harness.run(&format!("HSET h f{i} {i}"))));
            }
            harnesses
        })
    }

    /// The codes that a command answers with.
    fn codes(harness: &mut Harness, line: &str) -> Vec<i64> {
        let reply = harness.run(line);
        let mut lines = reply.lines();
        let head = lines.next().expect("a reply");
        let codes: Vec<i64> = lines.map(|line| line[1..].parse().expect("an integer")).collect();
        assert_eq!(head, format!("*{}", codes.len()), "{line}: {reply}");
        codes
    }

    #[test]
    fn a_field_ends_when_its_time_is_over() {
        for mut harness in each_size() {
            let before: usize = harness.run("HLEN h")[1..].trim().parse().expect("a length");
            assert_eq!(codes(&mut harness, "HPEXPIRE h 10 FIELDS 3 f0 none f1"), [1, -2, 1]);
            assert_eq!(codes(&mut harness, "HPTTL h FIELDS 4 f0 f2 none f1"), [10, -1, -2, 10]);
            harness.wait_ms(10);
            assert_eq!(
                harness.run("HGET h f0"),
                "$1\r\n0\r\n",
                "still there in its last millisecond"
            );
            harness.wait_ms(1);
            assert_eq!(harness.run("HGET h f0"), "$-1\r\n");
            assert_eq!(harness.run("HLEN h"), format!(":{}\r\n", before - 2));
            assert_eq!(harness.run("HEXISTS h f1"), ":0\r\n");
            assert_eq!(codes(&mut harness, "HTTL h FIELDS 2 f1 f2"), [-2, -1]);
            assert_eq!(codes(&mut harness, "HEXPIRE h 10 FIELDS 1 f1"), [-2]);
            assert_eq!(harness.run("HSET h f1 again"), ":1\r\n");
            assert_eq!(codes(&mut harness, "HTTL h FIELDS 1 f1"), [-1]);
        }
    }

    #[test]
    fn fields_that_ended_and_are_too_many_to_remove_at_once_are_not_seen() {
        for mut harness in Harness::each_way() {
            const FIELDS: usize = 10_000;
            let fields: Vec<String> = (0..FIELDS).map(|i| format!("f{i}")).collect();
            let pairs: Vec<String> = fields.iter().map(|field| format!("{field} 1")).collect();
            harness.run(&format!("HSET h stays 1 {}", pairs.join(" ")));
            harness.run(&format!("HPEXPIRE h 10 FIELDS {FIELDS} {}", fields.join(" ")));
            harness.run("COPY h all");
            harness.run("HDEL all stays");
            harness.run("SADD s h");
            harness.wait_ms(11);
            for (request, reply) in [
                ("SORT s BY nosort GET *->f9999", "*1\r\n$-1\r\n"),
                ("HGET h f9999", "$-1\r\n"),
                ("HLEN h", ":1\r\n"),
                ("HGETALL h", "*2\r\n$5\r\nstays\r\n$1\r\n1\r\n"),
                ("HSCAN h 0 COUNT 100000", "*2\r\n$1\r\n0\r\n*2\r\n$5\r\nstays\r\n$1\r\n1\r\n"),
                ("HRANDFIELD h", "$5\r\nstays\r\n"),
                ("HRANDFIELD h -2", "*2\r\n$5\r\nstays\r\n$5\r\nstays\r\n"),
                ("HRANDFIELD h 2", "*1\r\n$5\r\nstays\r\n"),
                ("HKEYS h", "*1\r\n$5\r\nstays\r\n"),
                ("HVALS h", "*1\r\n$1\r\n1\r\n"),
                ("HTTL h FIELDS 2 f9999 stays", "*2\r\n:-2\r\n:-1\r\n"),
                ("HEXISTS h f9999", ":0\r\n"),
                ("HPERSIST h FIELDS 1 f9999", "*1\r\n:-2\r\n"),
                ("HEXPIRE h 10 FIELDS 1 f9999", "*1\r\n:-2\r\n"),
                ("HDEL h f9999", ":0\r\n"),
                ("HSETNX h f9998 new", ":1\r\n"),
                ("HINCRBY h f9997 5", ":5\r\n"),
                ("HTTL h FIELDS 2 f9998 f9997", "*2\r\n:-1\r\n:-1\r\n"),
                ("COPY h copy", ":1\r\n"),
                ("HLEN copy", ":3\r\n"),
                ("HDEL h stays f9998 f9997", ":3\r\n"),
                ("EXISTS h all", ":0\r\n"),
            ] {
                assert_eq!(harness.run(request), reply, "{request}");
            }
        }
    }

    #[test]
    fn the_last_field_that_ends_takes_the_key_with_it() {
        for reads in ["GET h", "EXISTS h", "HLEN h", "TYPE h", "HSET h new 1", "HDEL h f0"] {
            for mut harness in Harness::each_way() {
                harness.run("HSET h f0 0 f1 1");
                assert_eq!(codes(&mut harness, "HPEXPIRE h 10 FIELDS 2 f0 f1"), [1, 1]);
                assert!(harness.worker.keyspace.ages(0));
                harness.wait_ms(11);
                harness.run(reads);
                let expected = usize::from(reads.starts_with("HSET"));
                assert_eq!(harness.len(0), expected, "{reads}");
                assert!(!harness.worker.keyspace.ages(0), "{reads}");
                assert_eq!(harness.run("HGETALL h").matches("f1").count(), 0);
            }
        }
    }

    #[test]
    fn the_sweep_removes_fields_that_nobody_asks_for() {
        for mut harness in each_size() {
            harness.run("HSET other a 1");
            codes(&mut harness, "HPEXPIRE h 10 FIELDS 2 f0 f1");
            codes(&mut harness, "HPEXPIRE other 10 FIELDS 1 a");
            harness.run("EXPIRE h 100");
            harness.wait_ms(11);
            harness.worker.keyspace.set_now(harness.now);
            harness.worker.keyspace.enter();
            assert!(harness.worker.keyspace.sweep(|| true));
            harness.worker.keyspace.leave();
            assert_eq!((harness.len(0), harness.worker.keyspace.expiring(0)), (1, 1));
            let soonest = harness.look("h", |found| found.value().encoding());
            assert_eq!(soonest, "hashtable");
            harness.run("PERSIST h");
            assert!(!harness.worker.keyspace.ages(0));
        }
    }

    #[test]
    fn a_sweep_that_is_stopped_loses_no_field() {
        let mut harness = Harness::new();
        for i in 0..2000 {
            harness.run(&format!("HSETEX h PX {} FIELDS 1 f{i} v", 1 + i / 2));
        }
        harness.run("HSET h stays v");
        harness.wait_ms(501);
        harness.worker.keyspace.set_now(harness.now);
        let mut calls = 0;
        while !harness.worker.keyspace.sweep(|| false) {
            calls += 1;
            assert!(calls < 5000, "it gets nowhere");
        }
        harness.now = crate::clock::Now { unix_us: harness.now.unix_us - 400_000, ..harness.now };
        assert_eq!(harness.run("HLEN h"), ":1001\r\n", "what is due is gone before it is read");
        harness.wait_ms(2_000);
        assert_eq!(harness.run("HLEN h"), ":1\r\n");
    }

    #[test]
    fn what_changes_the_value_keeps_the_deadline_and_what_sets_it_does_not() {
        let mut harness = Harness::new();
        for (line, left) in [
            ("HINCRBY h f 100000", 100),
            ("HINCRBYFLOAT h f 1.5", 100),
            ("HSETNX h f 1", 100),
            ("HSETEX h KEEPTTL FIELDS 1 f 7", 100),
            ("HGETEX h FIELDS 1 f", 100),
            ("HSET h f 1", -1),
            ("HMSET h f 1", -1),
            ("HSETEX h FIELDS 1 f 1", -1),
            ("HGETEX h PERSIST FIELDS 1 f", -1),
            ("HSETEX h EX 7 FIELDS 1 f 1", 7),
            ("HGETEX h EX 8 FIELDS 1 f", 8),
        ] {
            harness.run("HSET h f 1");
            assert_eq!(codes(&mut harness, "HEXPIRE h 100 FIELDS 1 f"), [1]);
            harness.run(line);
            assert_eq!(codes(&mut harness, "HTTL h FIELDS 1 f"), [left], "{line}");
        }
    }

    #[test]
    fn deadlines_go_where_the_hash_goes() {
        for mut harness in each_size() {
            codes(&mut harness, "HPEXPIRE h 1000 FIELDS 1 f0");
            harness.run("COPY h copy");
            harness.run("EXPIRE h 50");
            harness.run("RENAME h renamed");
            harness.run("PERSIST renamed");
            for key in ["copy", "renamed"] {
                assert_eq!(codes(&mut harness, &format!("HPTTL {key} FIELDS 2 f0 f1")), [1000, -1]);
            }
            harness.run("SET copy v");
            harness.wait_ms(1001);
            assert_eq!(harness.run("HEXISTS renamed f0"), ":0\r\n");
            assert_eq!(harness.run("GET copy"), "$1\r\nv\r\n");
            assert!(!harness.worker.keyspace.ages(0));
        }
    }

    #[test]
    fn conditions_compare_with_the_present_deadline() {
        for mut harness in Harness::each_way() {
            harness.run("HSET h f 1 g 2");
            for (line, code) in [
                ("HEXPIRE h 10 XX FIELDS 1 f", 0),
                ("HEXPIRE h 10 GT FIELDS 1 f", 0),
                ("HEXPIRE h 0 XX FIELDS 1 f", 0),
                ("HEXPIRE h 10 lt FIELDS 1 f", 1),
                ("HEXPIRE h 5 GT FIELDS 1 f", 0),
                ("HEXPIRE h 15 LT FIELDS 1 f", 0),
                ("HEXPIRE h 15 NX FIELDS 1 f", 0),
                ("HEXPIRE h 15 GT fields 1 f", 1),
                ("HPERSIST h FIELDS 1 f", 1),
                ("HPERSIST h FIELDS 1 f", -1),
                ("HPERSIST h FIELDS 1 none", -2),
                ("HPERSIST none FIELDS 1 f", -2),
                ("HEXPIREAT h 33177117420 NX FIELDS 1 f", 1),
                ("HEXPIRETIME h FIELDS 1 f", 33_177_117_420),
                ("HPEXPIREAT h 33177117420500 FIELDS 1 f", 1),
                ("HPEXPIRETIME h FIELDS 1 f", 33_177_117_420_500),
                ("HEXPIRETIME h FIELDS 1 f", 33_177_117_421),
                ("HEXPIREAT h 1 FIELDS 1 f", 2),
                ("HEXPIRE h 0 FIELDS 1 g", 2),
                ("HEXPIRE h 0 FIELDS 1 g", -2),
            ] {
                assert_eq!(codes(&mut harness, line), [code], "{line}");
            }
            assert_eq!((harness.len(0), harness.worker.keyspace.ages(0)), (0, false));
        }
    }

    #[test]
    fn faults_change_nothing() {
        let mut harness = Harness::new();
        harness.run("HSET h f v");
        let syntax = "syntax error";
        let fields = "numfields should be greater than 0 and match the provided number of fields";
        for (line, error) in [
            ("HEXPIRE h 10 NX XX FIELDS 1 f", syntax),
            ("HEXPIRE h 10 NX 1 f g", syntax),
            ("HEXPIRE h 10 foo FIELDS 1 f", "Unsupported option foo"),
            ("HEXPIRE h x FIELDS 1 f", "value is not an integer or out of range"),
            ("HEXPIRE h -1 FIELDS 1 f", "invalid expire time in 'hexpire' command"),
            (
                "HEXPIRE h 9223372036854775807 FIELDS 1 f",
                "invalid expire time in 'hexpire' command",
            ),
            ("HEXPIRE h 10 FIELDS 2 f", fields),
            ("HEXPIRE h 10 FIELDS 0 f", fields),
            ("HEXPIRE h 10 FIELDS x f", "value is not an integer or out of range"),
            ("HTTL h NX FIELDS 1 f", syntax),
            ("HTTL h FIELDS 1", "wrong number of arguments for 'httl' command"),
            ("HPERSIST h FIELDS -1 f", fields),
        ] {
            assert_eq!(harness.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
        assert_eq!(harness.encoding("h"), "listpack");
    }
}
