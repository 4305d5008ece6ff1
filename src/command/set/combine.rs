//! Several sets at once: what they have in common, together, or one without the others.

use super::{READ, WRITE, limits};
use crate::command::options::{integer, is};
use crate::command::string::reply_text;
use crate::command::{Argument, Call, Command, Error, Group, KeySpec, Kind};
use crate::resp::{Args, Reply};
use crate::store::{Collection, Keyspace, Set, SetLimits, Text};

const KEYS: &[Argument] = &[Argument::key().multiple()];
const DESTINATION_AND_KEYS: &[Argument] =
    &[Argument::new("destination", Kind::Key(0)), Argument::new("key", Kind::Key(1)).multiple()];
const SOURCES: KeySpec = KeySpec { begin: 2, ..KeySpec::all(KeySpec::READ) };
const STORED: &[KeySpec] = &[KeySpec::one(&["OW", "update"]), SOURCES];
const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];
const OF_SMALLEST: &str = "O(N*M) worst case where N is the cardinality of the smallest set and M is \
                           the number of sets.";
const OF_ALL: &str = "O(N) where N is the total number of elements in all given sets.";

/// What the commands that answer with the members have in common.
const ANSWER: Command = Command {
    arity: -2,
    flags: READ,
    keys: &[KeySpec::all(KeySpec::READ)],
    group: Group::Set,
    complexity: OF_ALL,
    arguments: KEYS,
    tips: ANY_ORDER,
    ..Command::BASE
};

/// What the commands that store them have in common.
const STORE: Command = Command {
    arity: -3,
    flags: WRITE,
    keys: STORED,
    group: Group::Set,
    complexity: OF_ALL,
    arguments: DESTINATION_AND_KEYS,
    ..Command::BASE
};

pub(super) static SINTER: Command = Command {
    name: "sinter",
    complexity: OF_SMALLEST,
    summary: "Returns the members that all of the sets have.",
    run: |call| answer(call, |sets, _| Outcome::Members(intersection(sets).collect())),
    ..ANSWER
};

pub(super) static SINTERSTORE: Command = Command {
    name: "sinterstore",
    keys: &[KeySpec::one(&["RW", "update"]), SOURCES],
    complexity: OF_SMALLEST,
    summary: "Stores the members that all of the sets have; returns how many they are.",
    run: |call| store(call, |sets, _| Outcome::Members(intersection(sets).collect())),
    ..STORE
};

pub(super) static SINTERCARD: Command = Command {
    name: "sintercard",
    arity: -3,
    flags: READ,
    keys: &[KeySpec::counted(1, KeySpec::READ)],
    group: Group::Set,
    since: "7.0.0",
    complexity: OF_SMALLEST,
    summary: "Counts the members that all of the sets have, up to a limit.",
    arguments: &[
        Argument::integer("numkeys"),
        Argument::key().multiple(),
        Argument::integer("limit").token("LIMIT").optional(),
    ],
    run: sintercard,
    ..Command::BASE
};

fn sintercard(call: &mut Call<'_>) -> Result<(), Error> {
    let (count, limit) = counted_keys(call.args)?;
    let sets = sets(call.keyspace, call.session.db, call.args.rest(2).iter().take(count))?;
    let card = intersection(&sets).take(limit).count();
    call.reply.integer(card as i64);
    Ok(())
}

/// How many keys there are, and how many members at most to count.
fn counted_keys(args: Args<'_>) -> Result<(usize, usize), Error> {
    let positive = |word, least: i64| integer(word).ok().filter(|number| *number >= least);
    let count =
        positive(&args[1], 1).ok_or_else(|| Error::text("numkeys should be greater than 0"))?;
    let too_many = || Error::text("Number of keys can't be greater than number of args");
    let count = usize::try_from(count).ok().filter(|count| *count <= args.len() - 2);
    let count = count.ok_or_else(too_many)?;
    let (mut options, mut limit) = (args.rest(2 + count).iter(), 0);
    while let Some(option) = options.next() {
        let number = options.next().filter(|_| is(option, "LIMIT")).ok_or(Error::Syntax)?;
        limit = positive(number, 0).ok_or_else(|| Error::text("LIMIT can't be negative"))?;
    }
    Ok((count, if limit == 0 { usize::MAX } else { limit as usize }))
}

pub(super) static SUNION: Command = Command {
    name: "sunion",
    summary: "Returns the members that any of the sets has.",
    run: |call| answer(call, union),
    ..ANSWER
};

pub(super) static SUNIONSTORE: Command = Command {
    name: "sunionstore",
    summary: "Stores the members that any of the sets has; returns how many they are.",
    run: |call| store(call, union),
    ..STORE
};

pub(super) static SDIFF: Command = Command {
    name: "sdiff",
    summary: "Returns the members of the first set that none of the others has.",
    run: |call| answer(call, difference),
    ..ANSWER
};

pub(super) static SDIFFSTORE: Command = Command {
    name: "sdiffstore",
    summary: "Stores the members of the first set that none of the others has; returns how many they \
              are.",
    run: |call| store(call, difference),
    ..STORE
};

/// What a combination has brought.
enum Outcome<'a> {
    /// Different members of the sets that were combined.
    Members(Vec<Text<'a>>),
    Set(Set),
}

impl Outcome<'_> {
    fn reply(&self, reply: &mut Reply<'_>) {
        match self {
            Self::Members(members) => {
                reply.set(members.len());
                members.iter().for_each(|member| reply_text(reply, *member));
            }
            Self::Set(set) => {
                reply.set(set.len());
                set.iter().for_each(|member| reply_text(reply, member));
            }
        }
    }

    fn into_set(self, limits: SetLimits) -> Set {
        match self {
            Self::Members(members) => collected(members.into_iter(), limits),
            Self::Set(set) => set,
        }
    }
}

/// Combines sets, of which some may be missing.
type Combine = for<'a> fn(&[Option<&'a Set>], SetLimits) -> Outcome<'a>;

fn answer(call: &mut Call<'_>, combine: Combine) -> Result<(), Error> {
    let limits = limits(call);
    let sets = sets(call.keyspace, call.session.db, call.args.rest(1).iter())?;
    combine(&sets, limits).reply(&mut call.reply);
    Ok(())
}

fn store(call: &mut Call<'_>, combine: Combine) -> Result<(), Error> {
    let limits = limits(call);
    let sets = sets(call.keyspace, call.session.db, call.args.rest(2).iter())?;
    let set = combine(&sets, limits).into_set(limits);
    let len = set.len();
    call.keyspace.write(call.session.db, &call.args[1], |slot| slot.replace(set));
    call.reply.integer(len as i64);
    Ok(())
}

fn sets<'a, 'k>(
    keyspace: &'a mut Keyspace,
    db: usize,
    keys: impl Iterator<Item = &'k [u8]> + Clone,
) -> Result<Vec<Option<&'a Set>>, Error> {
    let values = keyspace.read_all(db, keys).into_iter();
    let sets = values.map(|value| value.map(|value| Set::of(value).ok_or(Error::WrongType)));
    sets.map(Option::transpose).collect()
}

/// Goes through the smallest set, and asks the others from the next smallest on.
fn intersection<'a>(sets: &[Option<&'a Set>]) -> impl Iterator<Item = Text<'a>> + use<'a> {
    let mut sets: Vec<&Set> = sets.iter().copied().collect::<Option<_>>().unwrap_or_default();
    sets.sort_by_key(|set| set.len());
    sets.dedup_by_key(|set| std::ptr::from_ref(*set));
    let others = sets.split_off(sets.len().min(1));
    let members = sets.into_iter().flat_map(Set::iter);
    members.filter(move |member| others.iter().all(|set| set.contains(*member)))
}

fn union<'a>(sets: &[Option<&'a Set>], limits: SetLimits) -> Outcome<'a> {
    Outcome::Set(collected(sets.iter().copied().flatten().flat_map(Set::iter), limits))
}

fn collected<'a>(members: impl Iterator<Item = Text<'a>>, limits: SetLimits) -> Set {
    let mut set = Set::default();
    for member in members {
        set.add(member, limits);
    }
    set
}

/// Asks all other sets for each member of the first, or takes all members of the others out of a
/// copy of the first, whichever is less work. The first way can end early, and copies nothing.
fn difference<'a>(sets: &[Option<&'a Set>], limits: SetLimits) -> Outcome<'a> {
    let Some((Some(first), others)) = sets.split_first() else {
        return Outcome::Members(Vec::new());
    };
    let mut others: Vec<&Set> = others.iter().copied().flatten().collect();
    let asking = first.len() * (1 + others.len()) / 2;
    let copying = first.len() + others.iter().map(|set| set.len()).sum::<usize>();
    if asking <= copying {
        // The largest most likely has it.
        others.sort_by_key(|set| std::cmp::Reverse(set.len()));
        let kept = |member: &Text<'_>| !others.iter().any(|set| set.contains(*member));
        return Outcome::Members(first.iter().filter(kept).collect());
    }
    let mut left = collected(first.iter(), limits);
    for member in others.into_iter().flat_map(Set::iter) {
        if left.is_empty() {
            break;
        }
        left.remove(member);
    }
    Outcome::Set(left)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::command::harness::{Harness, bulks};
    use crate::resp::Version;
    use crate::store::Limits;

    fn members(reply: &str) -> BTreeSet<String> {
        let bulks = bulks(reply);
        let members: BTreeSet<_> = bulks.iter().cloned().collect();
        assert_eq!(members.len(), bulks.len(), "{reply}");
        members
    }

    proptest! {
        /// Of sets in all forms, some of them missing, to a model; answered and stored.
        #[test]
        fn combinations_are_those_of_a_model(
            sets in prop::collection::vec(
                prop_oneof![
                    prop::collection::btree_set("[0-9]", 0..9),
                    prop::collection::btree_set("[0-9]|[a-c]", 0..12),
                    prop::collection::btree_set("[0-9]{1,3}", 0..700),
                ],
                1..5,
            )
        ) {
            let [mut harness, _] = Harness::pair();
            let mut keys = String::new();
            for (number, set) in sets.iter().enumerate() {
                keys += &format!(" k{number}");
                let words: Vec<String> = set.iter().map(|member| format!(" {member}")).collect();
                if !words.is_empty() {
                    harness.run(&format!("SADD k{number}{}", words.concat()));
                }
            }
            type Combine = fn(BTreeSet<String>, &BTreeSet<String>) -> BTreeSet<String>;
            let models: [(&str, Combine); 3] = [
                ("SINTER", |one, other| &one & other),
                ("SUNION", |one, other| &one | other),
                ("SDIFF", |one, other| &one - other),
            ];
            for (name, combine) in models {
                let expected = sets[1..].iter().fold(sets[0].clone(), combine);
                prop_assert_eq!(&members(&harness.run(&format!("{name}{keys}"))), &expected);
                let stored = harness.run(&format!("{name}STORE k0{keys}"));
                prop_assert_eq!(stored, format!(":{}\r\n", expected.len()));
                prop_assert_eq!(&members(&harness.run("SMEMBERS k0")), &expected);
                prop_assert_eq!(harness.run("EXISTS k0"), format!(":{}\r\n", u8::from(!expected.is_empty())));
                // The first set as it was, for the next combination.
                harness.run("DEL k0");
                for member in &sets[0] {
                    harness.run(&format!("SADD k0 {member}"));
                }
            }
            let card = sets[1..].iter().fold(sets[0].clone(), |one, other| &one & other).len();
            for limit in [0, 1, 3] {
                let count = harness.run(&format!("SINTERCARD {}{keys} LIMIT {limit}", sets.len()));
                let expected = if limit == 0 { card } else { card.min(limit) };
                prop_assert_eq!(count, format!(":{expected}\r\n"));
            }
        }
    }

    #[test]
    fn both_ways_of_a_difference_are_taken() {
        let limits = SetLimits { integers: 512, packed: Limits { entries: 128, value: 64 } };
        let numbers = |range: std::ops::Range<i64>| collected(range.map(Text::Integer), limits);
        let (large, small, half) = (numbers(0..100), numbers(0..3), numbers(0..50));
        let difference = |sets: &[&Set]| {
            let sets: Vec<_> = sets.iter().copied().map(Some).collect();
            match difference(&sets, limits) {
                Outcome::Members(members) => (members.len(), "asking"),
                Outcome::Set(set) => (set.len(), "copying"),
            }
        };
        assert_eq!(difference(&[&large, &half]), (50, "asking"));
        assert_eq!(difference(&[&large, &small, &small, &small]), (97, "copying"));
        assert_eq!(difference(&[&half, &large, &large]), (0, "asking"));
        assert_eq!(difference(&[&large]), (100, "asking"));
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_those_of_redis() {
        let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
        let zero = "ERR numkeys should be greater than 0";
        let mut harness = Harness::new();
        harness.run("SADD s a b");
        harness.set("string", "v");
        for (line, error) in [
            ("SINTER no string", wrong),
            ("SUNION string no", wrong),
            ("SDIFF no string", wrong),
            ("SINTERSTORE d no string", wrong),
            ("SINTERCARD 1 string", wrong),
            ("SINTERCARD 0 s", zero),
            ("SINTERCARD x s", zero),
            ("SINTERCARD -1 s", zero),
            ("SINTERCARD 2 s", "ERR Number of keys can't be greater than number of args"),
            ("SINTERCARD 1 s t", "ERR syntax error"),
            ("SINTERCARD 1 s LIMIT", "ERR syntax error"),
            ("SINTERCARD 1 s LIMIT x", "ERR LIMIT can't be negative"),
            ("SINTERCARD 1 s LIMIT -1", "ERR LIMIT can't be negative"),
        ] {
            assert_eq!(harness.run(line), format!("-{error}\r\n"), "{line}");
        }
        assert_eq!(harness.run("SINTERCARD 1 s LIMIT 1 LIMIT 0"), ":2\r\n");
        assert_eq!(harness.run("SINTERSTORE string no"), ":0\r\n", "any destination is replaced");
        assert_eq!(harness.run("EXISTS string"), ":0\r\n");
        harness.speak(Version::V3);
        assert_eq!(harness.run("SINTER s no"), "~0\r\n");
        assert_eq!(harness.run("SDIFF no s"), "~0\r\n");
        harness.run("SREM s b");
        assert_eq!(harness.run("SUNION s s"), "~1\r\n$1\r\na\r\n");
    }

    #[test]
    fn what_is_stored_does_not_expire() {
        let mut harness = Harness::new();
        harness.run("SADD s a");
        harness.run("SADD d b");
        harness.run("EXPIRE d 10");
        assert_eq!(harness.run("SUNIONSTORE d d s"), ":2\r\n");
        assert_eq!(harness.run("TTL d"), ":-1\r\n");
        harness.run("PEXPIRE s 5");
        harness.wait_ms(6);
        assert_eq!(harness.run("SINTERSTORE d d s"), ":0\r\n", "an expired set is empty");
    }
}
