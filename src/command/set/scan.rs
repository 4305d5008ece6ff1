//! SSCAN: the members of a set, some at a time.

use super::READ;
use crate::command::scan::{Found, ScanOptions, cursor};
use crate::command::{Argument, Call, Command, Error, Group, KeySpec, Kind};
use crate::store::Set;

pub(super) static SSCAN: Command = Command {
    name: "sscan",
    arity: -3,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Set,
    since: "2.8.0",
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls \
                 for the cursor to return back to 0. N is the number of elements inside the \
                 collection..",
    summary: "Lists some members of a set, and a cursor with which to ask for the next ones.",
    arguments: &[
        Argument::key(),
        Argument::integer("cursor"),
        Argument::new("pattern", Kind::Pattern).token("MATCH").optional(),
        Argument::integer("count").token("COUNT").optional(),
    ],
    tips: &["nondeterministic_output"],
    run: sscan,
    ..Command::BASE
};

fn sscan(call: &mut Call<'_>) -> Result<(), Error> {
    let start = cursor(&call.args[2])?;
    let mut found = Found::new(call);
    let mut next = 0;
    let set: Option<&Set> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    // Without a set, the options may be any.
    if let Some(set) = set {
        let options = ScanOptions::parse(call.args.rest(3), &[])?;
        let mut digits = itoa::Buffer::new();
        next = set.scan(start, options.count, |member| {
            let member = member.bytes(&mut digits);
            if options.wants(member) {
                found.add(member);
            }
        });
    }
    found.write_with_cursor(next, &mut call.reply);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::command::harness::{Harness, bulks};

    /// Runs a whole SSCAN with the same options, and something after each call; returns the members.
    fn scan_all(
        harness: &mut Harness,
        options: &str,
        mut between: impl FnMut(&mut Harness, usize),
    ) -> BTreeSet<String> {
        let (mut found, mut cursor, mut calls) = (BTreeSet::new(), "0".to_owned(), 0);
        loop {
            let mut words = bulks(&harness.run(&format!("SSCAN s {cursor}{options}"))).into_iter();
            cursor = words.next().expect("a cursor");
            assert!(words.len() < 100, "{} members in one call", words.len());
            found.extend(words);
            if cursor == "0" {
                return found;
            }
            calls += 1;
            between(harness, calls);
        }
    }

    #[test]
    fn members_that_stay_are_seen_though_others_come_and_go() {
        for mut harness in Harness::each_way() {
            for number in 0..1000 {
                harness.run(&format!("SADD s stays{number}"));
            }
            let found = scan_all(&mut harness, " COUNT 20", |harness, call| {
                let request = if call % 8 < 4 { "SADD" } else { "SREM" };
                let others: Vec<String> =
                    (0..1000).map(|number| format!(" {}", call % 4 * 1000 + number)).collect();
                harness.run(&format!("{request} s{}", others.concat()));
            });
            assert_eq!(found.iter().filter(|member| member.starts_with("stays")).count(), 1000);
        }
    }

    #[test]
    fn options_choose_and_bound() {
        let mut harness = Harness::new();
        let numbers: Vec<String> = (0..5000).map(|number| format!(" {number}")).collect();
        harness.run(&format!("SADD s{}", numbers.concat()));
        let found = scan_all(&mut harness, " MATCH 99* COUNT 50", |_, _| ());
        assert_eq!(found.len(), 11);
        harness.run("SADD small 1 2 3");
        assert_eq!(
            harness.run("SSCAN small 0 MATCH [13] COUNT 1"),
            "*2\r\n$1\r\n0\r\n*2\r\n$1\r\n1\r\n$1\r\n3\r\n"
        );
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_those_of_redis() {
        let mut harness = Harness::new();
        harness.run("SADD s 1");
        for (line, reply) in [
            ("SSCAN s x", "-ERR invalid cursor\r\n"),
            ("SSCAN no x", "-ERR invalid cursor\r\n"),
            ("SSCAN s 0 COUNT 0", "-ERR syntax error\r\n"),
            ("SSCAN s 0 TYPE set", "-ERR syntax error\r\n"),
            ("SSCAN no 0 COUNT x", "*2\r\n$1\r\n0\r\n*0\r\n"),
        ] {
            assert_eq!(harness.run(line), reply, "{line}");
        }
    }
}
