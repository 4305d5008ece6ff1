//! Iterating over the fields of a hash.

use super::READ;
use crate::command::scan::{Found, ScanOptions, cursor};
use crate::command::{Argument, Call, Command, Error, Group, KeySpec, Kind};
use crate::store::Hash;

pub(super) static HSCAN: Command = Command {
    name: "hscan",
    arity: -3,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Hash,
    since: "2.8.0",
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls \
                 for the cursor to return back to 0. N is the number of elements inside the \
                 collection..",
    summary: "Lists some fields of a hash with their values, and a cursor to ask for the next ones.",
    arguments: &[
        Argument::key(),
        Argument::integer("cursor"),
        Argument::new("pattern", Kind::Pattern).token("MATCH").optional(),
        Argument::integer("count").token("COUNT").optional(),
        Argument::word("novalues", "NOVALUES").since("7.4.0").optional(),
    ],
    tips: &["nondeterministic_output"],
    run: hscan,
    ..Command::BASE
};

fn hscan(call: &mut Call<'_>) -> Result<(), Error> {
    let start = cursor(&call.args[2])?;
    let mut found = Found::new(call);
    let hash: Option<&Hash> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    let mut next = 0;
    // As in Redis, the options of a key that is not there are not looked at.
    if let Some(hash) = hash {
        let options = ScanOptions::parse(call.args.rest(3), &["NOVALUES"])?;
        let mut digits = itoa::Buffer::new();
        next = hash.scan(start, options.count, |field, value| {
            if options.wants(field.bytes(&mut digits)) {
                found.add(field.bytes(&mut digits));
                if !options.no_values {
                    found.add(value.bytes(&mut digits));
                }
            }
        });
    }
    found.write_with_cursor(next, &mut call.reply);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::command::harness::{Harness, bulks};

    /// All pairs of an iteration in whose midst `meanwhile` is run with the number of the call.
    fn scan_all(
        harness: &mut Harness,
        options: &str,
        mut meanwhile: impl FnMut(&mut Harness, usize),
    ) -> BTreeMap<String, String> {
        let (mut found, mut cursor, mut calls) = (BTreeMap::new(), "0".to_owned(), 0);
        loop {
            let mut words = bulks(&harness.run(&format!("HSCAN h {cursor}{options}"))).into_iter();
            cursor = words.next().expect("a cursor");
            while let (Some(field), Some(value)) = (words.next(), words.next()) {
                found.insert(field, value);
            }
            if cursor == "0" {
                return found;
            }
            meanwhile(harness, calls);
            calls += 1;
        }
    }

    #[test]
    fn fields_that_stay_are_listed_though_others_come_and_go() {
        for mut harness in Harness::each_way() {
            for i in 0..1000 {
                harness.run(&format!("HSET h stays{i} {i} goes{i} {i}"));
            }
            let found = scan_all(&mut harness, " COUNT 30", |harness, call| {
                for i in 0..30 {
                    harness.run(&format!("HDEL h goes{}", call * 30 + i));
                    if call < 20 {
                        harness.run(&format!("HSET h new{call}:{i} x"));
                    }
                }
            });
            assert!((0..1000).all(|i| found.get(&format!("stays{i}")) == Some(&i.to_string())));
            let some = scan_all(&mut harness, " MATCH stays99? COUNT 100", |_, _| ());
            assert_eq!(some.len(), 10);
        }
    }

    /// The replies of redis-server 7.0.15, except for NOVALUES.
    #[test]
    fn options_and_faults_are_those_of_redis() {
        let mut harness = Harness::new();
        harness.run("HSET h a 1 b 2");
        let pair = "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n";
        let fields = "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n";
        let nothing = "*2\r\n$1\r\n0\r\n*0\r\n";
        for (line, reply) in [
            ("HSCAN h 0 MATCH b", pair),
            ("HSCAN h 12 COUNT 1 MATCH b", pair),
            ("HSCAN h 0 NOVALUES COUNT 10", fields),
            ("HSCAN none 5 foo bar", nothing),
            ("HSCAN h x", "-ERR invalid cursor\r\n"),
            ("HSCAN none x", "-ERR invalid cursor\r\n"),
            ("HSCAN h 0 COUNT 0", "-ERR syntax error\r\n"),
            ("HSCAN h 0 COUNT x", "-ERR value is not an integer or out of range\r\n"),
            ("HSCAN h 0 TYPE hash", "-ERR syntax error\r\n"),
            ("SCAN 0 NOVALUES", "-ERR syntax error\r\n"),
        ] {
            assert_eq!(harness.run(line), reply, "{line}");
        }
    }
}
