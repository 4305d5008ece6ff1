//! Fields chosen by chance.

use super::READ;
use crate::command::options::is;
use crate::command::set::pick_count;
use crate::command::string::reply_text;
use crate::command::{Argument, Call, Command, Error, Group, KeySpec};
use crate::resp::{Reply, Version};
use crate::store::{Collection, Hash, Text};

pub(super) static HRANDFIELD: Command = Command {
    name: "hrandfield",
    arity: -2,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Hash,
    since: "6.2.0",
    complexity: "O(N) where N is the number of fields returned",
    summary: "Returns a random field, so many different ones, or with a negative count so many.",
    arguments: &[
        Argument::key(),
        Argument::block(
            "options",
            &[Argument::integer("count"), Argument::word("withvalues", "WITHVALUES").optional()],
        )
        .optional(),
    ],
    tips: &["nondeterministic_output"],
    run: hrandfield,
    ..Command::BASE
};

fn hrandfield(call: &mut Call<'_>) -> Result<(), Error> {
    match call.args.len() {
        2 => hrandfield_one(call),
        _ => hrandfield_count(call),
    }
}

fn hrandfield_one(call: &mut Call<'_>) -> Result<(), Error> {
    let random = &mut *call.random;
    let hash: Option<&Hash> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    match hash.and_then(|hash| hash.pick(|n| random.usize(0..n))) {
        Some((field, _)) => reply_text(&mut call.reply, field),
        None => call.reply.null(),
    }
    Ok(())
}

fn hrandfield_count(call: &mut Call<'_>) -> Result<(), Error> {
    let count = pick_count(&call.args[2])?;
    let with_values = match call.args.get(3) {
        Some(word) if call.args.len() == 4 && is(word, "WITHVALUES") => true,
        Some(_) => return Err(Error::Syntax),
        None => false,
    };
    if with_values && count > i64::MAX / 2 {
        return Err(Error::text("value is out of range"));
    }
    let random = &mut *call.random;
    let hash: Option<&Hash> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    let Some(hash) = hash else {
        call.reply.array(0);
        return Ok(());
    };
    let times = count.unsigned_abs() as usize;
    let pairs = if count < 0 { times } else { times.min(hash.len()) };
    let nested = with_values && call.reply.version() == Version::V3;
    call.reply.array(if with_values && !nested { 2 * pairs } else { pairs });
    let reply = &mut call.reply;
    if count > 0 {
        hash.sample(
            pairs,
            |n| random.usize(0..n),
            |field, value| {
                reply_pair(reply, field, with_values.then_some(value), nested);
            },
        );
        return Ok(());
    }
    hash.pick_each(
        times,
        |n| random.usize(0..n),
        |field, value| {
            reply_pair(reply, field, with_values.then_some(value), nested);
            !reply.is_cut()
        },
    );
    Ok(())
}

fn reply_pair(reply: &mut Reply<'_>, field: Text<'_>, value: Option<Text<'_>>, nested: bool) {
    if nested {
        reply.array(2);
    }
    reply_text(reply, field);
    if let Some(value) = value {
        reply_text(reply, value);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::command::harness::{Harness, bulks};
    use crate::resp::Version;

    /// Fields `f<i>` with the value `<i>`; packed, or a table.
    fn filled(fields: usize) -> Harness {
        let mut harness = Harness::new();
        (0..fields).for_each(|i| drop(harness.run(&format!("HSET h f{i} {i}"))));
        harness
    }

    #[test]
    fn a_positive_count_gives_different_fields() {
        for fields in [5, 1000] {
            let mut harness = filled(fields);
            for count in [1, 3, fields / 4, fields - 1, fields, fields + 10] {
                let words = bulks(&harness.run(&format!("HRANDFIELD h {count} WITHVALUES")));
                let distinct: BTreeSet<_> = words.chunks(2).map(|pair| pair.to_vec()).collect();
                assert_eq!(distinct.len(), count.min(fields), "{count} of {fields}");
                assert!(distinct.iter().all(|pair| pair[0] == format!("f{}", pair[1])));
            }
        }
    }

    #[test]
    fn each_field_is_as_likely_as_any_other() {
        for fields in [10, 600] {
            let mut harness = filled(fields);
            for count in [-100, fields as i64 / 2, fields as i64 / 5] {
                let mut times = vec![0; fields];
                while times.iter().sum::<usize>() < 100 * fields {
                    for field in bulks(&harness.run(&format!("HRANDFIELD h {count}"))) {
                        times[field[1..].parse::<usize>().expect("a field")] += 1;
                    }
                }
                assert!(times.iter().all(|times| (40..170).contains(times)), "{count}: {times:?}");
            }
        }
    }

    #[test]
    fn a_count_that_no_reply_can_hold_is_refused() {
        let mut harness = filled(1);
        for line in ["HRANDFIELD h -134217729", "HRANDFIELD h -4611686018427387903 WITHVALUES"] {
            let error = "-ERR value is out of range, value must between -134217728 and \
                         9223372036854775807\r\n";
            assert_eq!(harness.run(line), error, "{line}");
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn shapes_and_faults_are_those_of_redis() {
        let mut harness = filled(1);
        for (line, resp2, resp3) in [
            ("HRANDFIELD h", "$2\r\nf0\r\n", "$2\r\nf0\r\n"),
            ("HRANDFIELD h 0", "*0\r\n", "*0\r\n"),
            ("HRANDFIELD h 9", "*1\r\n$2\r\nf0\r\n", "*1\r\n$2\r\nf0\r\n"),
            (
                "HRANDFIELD h -2 withvalues",
                "*4\r\n$2\r\nf0\r\n$1\r\n0\r\n$2\r\nf0\r\n$1\r\n0\r\n",
                "*2\r\n*2\r\n$2\r\nf0\r\n$1\r\n0\r\n*2\r\n$2\r\nf0\r\n$1\r\n0\r\n",
            ),
            ("HRANDFIELD none", "$-1\r\n", "_\r\n"),
            ("HRANDFIELD none 3 WITHVALUES", "*0\r\n", "*0\r\n"),
        ] {
            for (version, expected) in [(Version::V2, resp2), (Version::V3, resp3)] {
                harness.speak(version);
                assert_eq!(harness.run(line), expected, "{line}");
            }
        }
        let between = "value is out of range, value must between -9223372036854775807 and \
                       9223372036854775807";
        for (line, error) in [
            ("HRANDFIELD h x", "value is not an integer or out of range"),
            ("HRANDFIELD h -9223372036854775808", between),
            ("HRANDFIELD h 2 foo", "syntax error"),
            ("HRANDFIELD h 2 WITHVALUES WITHVALUES", "syntax error"),
            ("HRANDFIELD h 4611686018427387904 WITHVALUES", "value is out of range"),
        ] {
            assert_eq!(harness.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
    }
}
