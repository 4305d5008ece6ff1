//! Adding members and changing their scores.

use super::{MEMBER, WRITE, limits};
use crate::command::options::is;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::number::parse_f64;
use crate::store::{Edit, Limits, SortedSet};

pub(super) static ZADD: Command = Command {
    name: "zadd",
    arity: -4,
    flags: WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[KeySpec::one(&["RW", "update"])],
    group: Group::SortedSet,
    since: "1.2.0",
    history: &[
        ("2.4.0", "Accepts multiple elements."),
        ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
        ("6.2.0", "Added the `GT` and `LT` options."),
    ],
    complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
    summary: "Adds members to a sorted set, or changes their scores; returns how many are new.",
    arguments: &[
        Argument::key(),
        Argument::one_of("condition", &[Argument::word("nx", "NX"), Argument::word("xx", "XX")])
            .since("3.0.2")
            .optional(),
        Argument::one_of("comparison", &[Argument::word("gt", "GT"), Argument::word("lt", "LT")])
            .since("6.2.0")
            .optional(),
        Argument::word("change", "CH").since("3.0.2").optional(),
        Argument::word("increment", "INCR").since("3.0.2").optional(),
        Argument::block("score_member", &[Argument::new("score", Kind::Double), MEMBER]).multiple(),
    ],
    run: zadd,
    ..Command::BASE
};

fn zadd(call: &mut Call<'_>) -> Result<(), Error> {
    add(call, AddOptions::default())
}

pub(super) static ZINCRBY: Command = Command {
    name: "zincrby",
    arity: 4,
    flags: WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[KeySpec::one(&["RW", "access", "update"])],
    group: Group::SortedSet,
    since: "1.2.0",
    complexity: "O(log(N)) where N is the number of elements in the sorted set.",
    summary: "Adds to the score of a member, which is 0 if it is new; returns the new score.",
    arguments: &[Argument::key(), Argument::integer("increment"), MEMBER],
    run: zincrby,
    ..Command::BASE
};

fn zincrby(call: &mut Call<'_>) -> Result<(), Error> {
    add(call, AddOptions { increment: true, ..AddOptions::default() })
}

/// ZADD; ZINCRBY is one with INCR.
fn add(call: &mut Call<'_>, options: AddOptions) -> Result<(), Error> {
    let mut options = options;
    let read = call.args.rest(2).iter().take_while(|word| options.accept(word)).count();
    let pairs = call.args.rest(2 + read);
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    options.check(pairs.len() / 2)?;
    let pair = |at: usize| Ok((parse_f64(&pairs[at]).ok_or(Error::NotAFloat)?, &pairs[at + 1]));
    if pairs.len() == 2 {
        return add_members(call, options, &[pair(0)?]); // the usual one needs no list
    }
    let members: Result<Vec<_>, Error> = (0..pairs.len()).step_by(2).map(pair).collect();
    add_members(call, options, &members?)
}

/// Adds members with their scores to the sorted set at the key, and replies as ZADD does.
pub(in crate::command) fn add_members(
    call: &mut Call<'_>,
    options: AddOptions,
    members: &[(f64, &[u8])],
) -> Result<(), Error> {
    let limits = limits(call);
    let mut tally = Tally::default();
    call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter_or_new(|set: &mut SortedSet| {
            for (score, member) in members {
                tally.count(options.apply(set, *score, member, limits));
            }
            Edit::done_if(tally.added + tally.updated > 0, ())
        })
    })?;
    match tally.last {
        _ if !options.increment => {
            let updated = if options.changes { tally.updated } else { 0 };
            call.reply.integer(tally.added + updated);
        }
        Applied::NotANumber => return Err(Error::text("resulting score is not a number (NaN)")),
        Applied::Refused => call.reply.null(),
        Applied::Added(score) | Applied::Updated(score) | Applied::Same(score) => {
            call.reply.double(score);
        }
    }
    Ok(())
}

/// NX, XX, GT, LT, CH and INCR.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::command) struct AddOptions {
    only_new: bool,
    only_old: bool,
    only_greater: bool,
    only_less: bool,
    /// Count changed scores, too.
    changes: bool,
    increment: bool,
}

/// What became of one member, with its score.
#[derive(Clone, Copy, Debug)]
enum Applied {
    Added(f64),
    Updated(f64),
    Same(f64),
    /// The options do not let it be changed.
    Refused,
    /// INCR would have led to no number: one infinity and the other one.
    NotANumber,
}

struct Tally {
    added: i64,
    updated: i64,
    last: Applied,
}

impl Default for Tally {
    fn default() -> Self {
        Self { added: 0, updated: 0, last: Applied::Refused }
    }
}

impl Tally {
    fn count(&mut self, applied: Applied) {
        match applied {
            Applied::Added(_) => self.added += 1,
            Applied::Updated(_) => self.updated += 1,
            _ => {}
        }
        self.last = applied;
    }
}

impl AddOptions {
    /// Takes a word as an option. False if it is none.
    #[inline]
    fn accept(&mut self, word: &[u8]) -> bool {
        if !word.first().is_some_and(u8::is_ascii_alphabetic) {
            return false; // most scores are seen to be none at once
        }
        let options = [
            ("NX", &mut self.only_new),
            ("XX", &mut self.only_old),
            ("GT", &mut self.only_greater),
            ("LT", &mut self.only_less),
            ("CH", &mut self.changes),
            ("INCR", &mut self.increment),
        ];
        let found = options.into_iter().find(|(name, _)| is(word, name));
        found.map(|(_, option)| *option = true).is_some()
    }

    /// As [`AddOptions::accept`], of the options that GEOADD has as well.
    pub(in crate::command) fn accept_condition(&mut self, word: &[u8]) -> bool {
        ["NX", "XX", "CH"].iter().any(|name| is(word, name)) && self.accept(word)
    }

    pub(in crate::command) fn contradicts(&self) -> bool {
        self.only_new && self.only_old
    }

    fn check(&self, pairs: usize) -> Result<(), Error> {
        let says = |text: &str| Err(Error::text(text));
        if self.contradicts() {
            return says("XX and NX options at the same time are not compatible");
        }
        let comparisons = usize::from(self.only_greater) + usize::from(self.only_less);
        if comparisons + usize::from(self.only_new) > 1 {
            return says("GT, LT, and/or NX options at the same time are not compatible");
        }
        if self.increment && pairs > 1 {
            return says("INCR option supports a single increment-element pair");
        }
        Ok(())
    }

    #[inline]
    fn apply(self, set: &mut SortedSet, score: f64, member: &[u8], limits: Limits) -> Applied {
        let mut applied = Applied::Refused;
        set.update(member, limits, |before| {
            applied = self.decide(score, before);
            match applied {
                Applied::Added(score) | Applied::Updated(score) => Some(score),
                Applied::Same(_) | Applied::Refused | Applied::NotANumber => None,
            }
        });
        applied
    }

    #[inline]
    fn decide(self, score: f64, before: Option<f64>) -> Applied {
        let Some(before) = before else {
            return if self.only_old { Applied::Refused } else { Applied::Added(score) };
        };
        if self.only_new {
            return Applied::Refused;
        }
        let score = if self.increment { before + score } else { score };
        if score.is_nan() {
            Applied::NotANumber
        } else if (self.only_less && score >= before) || (self.only_greater && score <= before) {
            Applied::Refused
        } else if score == before {
            Applied::Same(score)
        } else {
            Applied::Updated(score)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::resp::Version;

    #[test]
    fn new_members_are_counted_and_changed_ones_on_demand() {
        for mut harness in Harness::each_way() {
            assert_eq!(harness.run("ZADD z 1 a 2 b 1.5 a"), ":2\r\n");
            assert_eq!(harness.run("ZADD z CH 3 a 2 b 1 c"), ":2\r\n");
            assert_eq!(harness.run("ZADD z 4 a"), ":0\r\n");
            assert_eq!(
                harness.run("ZRANGE z 0 -1 WITHSCORES"),
                "*6\r\n$1\r\nc\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\na\r\n$1\r\n4\r\n"
            );
        }
    }

    #[test]
    fn options_say_which_members_may_change() {
        let mut harness = Harness::new();
        harness.run("ZADD z 5 a");
        for (line, reply) in [
            ("ZADD z NX CH 6 a 1 b", ":1\r\n"),
            ("ZADD z XX CH 6 a 1 c", ":1\r\n"),
            ("ZADD z GT CH 5 a", ":0\r\n"),
            ("ZADD z LT CH 5 a", ":1\r\n"),
            ("ZADD z GT CH 7 a 1 d", ":2\r\n"),
            ("ZADD z GT INCR -1 a", "$-1\r\n"),
            ("ZADD z INCR 1.5 a", "$3\r\n8.5\r\n"),
            ("ZADD z NX INCR 1 a", "$-1\r\n"),
            ("ZADD none XX 1 a", ":0\r\n"),
            ("EXISTS none", ":0\r\n"),
            ("ZINCRBY z -8.5 a", "$1\r\n0\r\n"),
            ("ZINCRBY new inf a", "$3\r\ninf\r\n"),
        ] {
            assert_eq!(harness.run(line), reply, "{line}");
        }
        harness.speak(Version::V3);
        assert_eq!(harness.run("ZINCRBY z 0.1 a"), ",0.10000000000000001\r\n");
        assert_eq!(harness.run("ZADD z XX INCR 1 none"), "_\r\n");
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_change_nothing() {
        let mut harness = Harness::new();
        harness.run("ZADD z inf a");
        harness.worker.keyspace.take_tally();
        for (line, error) in [
            ("ZADD z 1", "wrong number of arguments for 'zadd' command"),
            ("ZADD z NX 1 a b", "syntax error"),
            ("ZADD z NX CH", "syntax error"),
            ("ZINCRBY z NX a", "syntax error"),
            ("ZADD z 1 b x c", "value is not a valid float"),
            ("ZADD z nan b", "value is not a valid float"),
            ("ZADD z XX NX 1 b", "XX and NX options at the same time are not compatible"),
            ("ZADD z GT NX 1 b", "GT, LT, and/or NX options at the same time are not compatible"),
            ("ZADD z GT LT 1 b", "GT, LT, and/or NX options at the same time are not compatible"),
            ("ZADD z INCR 1 b 2 c", "INCR option supports a single increment-element pair"),
            ("ZINCRBY z -inf a", "resulting score is not a number (NaN)"),
        ] {
            assert_eq!(harness.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
        assert_eq!(harness.worker.keyspace.take_tally().changes, 0);
        assert_eq!(harness.run("ZRANGE z 0 -1"), "*1\r\n$1\r\na\r\n");
    }

    #[test]
    fn the_form_follows_the_directives() {
        let mut harness = Harness::new();
        harness.run("CONFIG SET zset-max-listpack-entries 2 zset-max-listpack-value 5");
        harness.run("ZADD z 1 a 2 12345");
        assert_eq!(harness.encoding("z"), "listpack");
        harness.run("ZADD z 1 b");
        assert_eq!(harness.encoding("z"), "skiplist");
        harness.run("ZADD long 1 123456");
        assert_eq!(harness.encoding("long"), "skiplist");
    }
}
