//! Which keys there are: KEYS, RANDOMKEY, SCAN.

use super::options::{integer, is};
use super::{Argument, Call, Command, Error, Flags, Group, Kind};
use crate::glob;
use crate::output::Output;
use crate::resp::{Args, Reply, Version};
use crate::store::Cursor;

/// The commands of this file, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[&KEYS, &RANDOMKEY, &SCAN];

pub static KEYS: Command = Command {
    name: "keys",
    arity: 2,
    // All keys of one moment: a key that is renamed meanwhile is listed once, not twice or never.
    flags: Flags::READONLY.and(Flags::EXCLUSIVE),
    group: Group::Generic,
    since: "1.0.0",
    complexity: "O(N) with N being the number of keys in the database, under the assumption that the \
                 key names in the database and the given pattern have limited length.",
    summary: "Lists all keys that match a pattern. Nothing else runs meanwhile: prefer SCAN.",
    arguments: &[Argument::new("pattern", Kind::Pattern)],
    tips: &["request_policy:all_shards", "nondeterministic_output_order"],
    categories: &["dangerous"],
    run: keys,
    ..Command::BASE
};

fn keys(call: &mut Call<'_>) -> Result<(), Error> {
    let pattern = &call.args[1];
    let mut found = Found::new(call);
    call.keyspace.for_each(call.session.db, |key, _| {
        if pattern == b"*" || glob::matches(pattern, key) {
            found.add(key);
        }
    });
    found.write(&mut call.reply);
    Ok(())
}

pub static RANDOMKEY: Command = Command {
    name: "randomkey",
    arity: 1,
    flags: Flags::READONLY,
    group: Group::Generic,
    since: "1.0.0",
    summary: "Returns some key, each as likely as any other.",
    tips: &["request_policy:all_shards", "nondeterministic_output"],
    run: randomkey,
    ..Command::BASE
};

fn randomkey(call: &mut Call<'_>) -> Result<(), Error> {
    let random = &mut *call.random;
    match call.keyspace.random_key(call.session.db, |n| random.usize(0..n)) {
        Some(key) => call.reply.bulk(&key),
        None => call.reply.null(),
    }
    Ok(())
}

pub static SCAN: Command = Command {
    name: "scan",
    arity: -2,
    flags: Flags::READONLY,
    group: Group::Generic,
    since: "2.8.0",
    history: &[("6.0.0", "Added the `TYPE` subcommand.")],
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls \
                 for the cursor to return back to 0. N is the number of elements inside the \
                 collection.",
    summary: "Lists some keys, and a cursor with which to ask for the next ones.",
    arguments: &[
        Argument::integer("cursor"),
        Argument::new("pattern", Kind::Pattern).token("MATCH").optional(),
        Argument::integer("count").token("COUNT").optional(),
        Argument::string("type").token("TYPE").since("6.0.0").optional(),
    ],
    tips: &["nondeterministic_output", "request_policy:special"],
    run: scan,
    ..Command::BASE
};

fn scan(call: &mut Call<'_>) -> Result<(), Error> {
    let start = cursor(&call.args[1])?;
    let options = ScanOptions::parse(call.args.rest(2), &["TYPE"])?;
    let mut found = Found::new(call);
    let next = call.keyspace.scan(call.session.db, Cursor(start), options.count, |key, value| {
        if options.wants(key) && options.wants_type(value.type_name()) {
            found.add(key);
        }
    });
    found.write_with_cursor(next.0, &mut call.reply);
    Ok(())
}

/// Reads a cursor as C's `strtoul` does: 64 bits, after a sign perhaps, up to a zero byte; nothing at
/// all is 0.
pub(super) fn cursor(word: &[u8]) -> Result<u64, Error> {
    let (negative, digits) = match word.split(|byte| *byte == 0).next().unwrap_or_default() {
        [] => return Ok(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number = str::from_utf8(digits).ok().filter(|_| is_number);
    let number: u64 = number.and_then(|digits| digits.parse().ok()).ok_or(Error::InvalidCursor)?;
    Ok(if negative { number.wrapping_neg() } else { number })
}

/// MATCH and COUNT, and what only some commands have: TYPE and NOVALUES.
pub(super) struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    /// About how much to look at in one call; at least 1.
    pub(super) count: usize,
    kind: Option<&'a [u8]>,
    pub(super) no_values: bool,
}

impl<'a> ScanOptions<'a> {
    const COUNT: usize = 10;

    /// Beside MATCH and COUNT, the command has the options `more`.
    pub(super) fn parse(options: Args<'a>, more: &[&str]) -> Result<Self, Error> {
        let mut parsed = Self { pattern: None, count: Self::COUNT, kind: None, no_values: false };
        let mut words = options.iter();
        while let Some(option) = words.next() {
            let has = |name: &str| more.contains(&name) && is(option, name);
            if has("NOVALUES") {
                parsed.no_values = true;
                continue;
            }
            let value = words.next().ok_or(Error::Syntax)?;
            if is(option, "COUNT") {
                let count = usize::try_from(integer(value)?).ok();
                parsed.count = count.filter(|count| *count > 0).ok_or(Error::Syntax)?;
            } else if is(option, "MATCH") {
                parsed.pattern = Some(value).filter(|pattern| *pattern != b"*");
            } else if has("TYPE") {
                parsed.kind = Some(value);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(parsed)
    }

    pub(super) fn wants(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name))
    }

    /// A type that does not exist is the type of no key.
    fn wants_type(&self, name: &str) -> bool {
        self.kind.is_none_or(|kind| kind.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// The elements of an array whose length is known only when the last one has come.
pub(super) struct Found {
    elements: Output,
    count: usize,
    version: Version,
}

impl Found {
    pub(super) fn new(call: &Call<'_>) -> Self {
        Self { elements: Output::new(), count: 0, version: call.session.version }
    }

    pub(super) fn add(&mut self, element: &[u8]) {
        Reply::new(&mut self.elements, self.version).bulk(element);
        self.count += 1;
    }

    /// Where to go on, then what was found: the reply of SCAN and its kind.
    pub(super) fn write_with_cursor(&self, next: u64, reply: &mut Reply<'_>) {
        reply.array(2);
        reply.bulk(itoa::Buffer::new().format(next).as_bytes());
        self.write(reply);
    }

    fn write(&self, reply: &mut Reply<'_>) {
        reply.array(self.count);
        for segment in self.elements.segments(0) {
            reply.output().extend(segment);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::command::harness::{Harness, bulks};

    /// Runs a whole SCAN with the same options; returns the keys, and the number of calls.
    fn scan_all(harness: &mut Harness, options: &str) -> (BTreeSet<String>, usize) {
        let (mut found, mut cursor, mut calls) = (BTreeSet::new(), "0".to_owned(), 0);
        loop {
            let reply = harness.run(&format!("SCAN {cursor}{options}"));
            let mut words = bulks(&reply).into_iter();
            cursor = words.next().expect("a cursor");
            found.extend(words);
            calls += 1;
            if cursor == "0" {
                return (found, calls);
            }
        }
    }

    #[test]
    fn a_scan_lists_what_its_options_ask_for() {
        for mut harness in Harness::each_way() {
            for i in 0..1000 {
                harness.set(&format!("key:{i}"), "v");
            }
            let (all, calls) = scan_all(&mut harness, "");
            assert_eq!(all.len(), 1000);
            let (some, fewer_calls) = scan_all(&mut harness, " COUNT 300");
            assert!(some == all && fewer_calls < calls / 10, "{fewer_calls} of {calls}");
            let (some, one_call) = scan_all(&mut harness, " count 9223372036854775807");
            assert!(some == all && one_call == 1);
            let (some, _) = scan_all(&mut harness, " MATCH key:99* COUNT 50");
            assert_eq!(some.len(), 11);
            let (some, _) = scan_all(&mut harness, " TYPE String MATCH x MATCH *:7 COUNT 100");
            assert_eq!(some, BTreeSet::from(["key:7".to_owned()]));
            for kind in ["hash", "nonsense"] {
                let (none, _) = scan_all(&mut harness, &format!(" TYPE {kind} COUNT 1000"));
                assert!(none.is_empty());
            }
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn cursors_and_faults_are_those_of_redis() {
        let mut harness = Harness::new();
        let end = "*2\r\n$1\r\n0\r\n*0\r\n";
        for cursor in ["0", "", "+0", "-1", "18446744073709551615", "\0", "0\0x"] {
            assert_eq!(harness.run_words(&["SCAN", cursor]), end, "{cursor:?}");
        }
        for cursor in ["x", "-", "+", " 0", "0 ", "1.0", "+-1", "18446744073709551616", "\u{661}"] {
            let reply = harness.run_words(&["SCAN", cursor, "nonsense"]);
            assert_eq!(reply, "-ERR invalid cursor\r\n", "{cursor:?}");
        }
        let integer = "value is not an integer or out of range";
        for (request, error) in [
            ("SCAN 0 COUNT", "syntax error"),
            ("SCAN 0 COUNT 0", "syntax error"),
            ("SCAN 0 COUNT -5", "syntax error"),
            ("SCAN 0 COUNT x", integer),
            ("SCAN 0 COUNT 9223372036854775808", integer),
            ("SCAN 0 COUNT 5 MATCH", "syntax error"),
            ("SCAN 0 foo bar", "syntax error"),
            ("KEYS", "wrong number of arguments for 'keys' command"),
        ] {
            assert_eq!(harness.run(request), format!("-ERR {error}\r\n"), "{request}");
        }
    }

    #[test]
    fn keys_lists_what_matches_and_has_not_expired() {
        for mut harness in Harness::each_way() {
            assert_eq!(harness.run("KEYS *"), "*0\r\n");
            for key in ["hello", "hallo", "hillo", "gone"] {
                harness.set(key, "v");
            }
            harness.run("PEXPIRE gone 5");
            harness.wait_ms(6);
            let mut keys = |pattern: &str| {
                let mut keys = bulks(&harness.run(&format!("KEYS {pattern}")));
                keys.sort();
                keys
            };
            assert_eq!(keys("*"), ["hallo", "hello", "hillo"]);
            assert_eq!(keys("h[ae]llo"), ["hallo", "hello"]);
            assert_eq!(keys("hello"), ["hello"]);
        }
    }

    #[test]
    fn every_key_has_about_the_same_chance() {
        for size in [1, 3, 10, 100, 1000] {
            let mut harness = Harness::new();
            assert_eq!(harness.run("RANDOMKEY"), "$-1\r\n");
            for i in 0..size {
                harness.set(&format!("key{i}"), "v");
            }
            let mut drawn = BTreeMap::<String, usize>::new();
            let draws = 20 * size.max(100);
            for _ in 0..draws {
                *drawn.entry(harness.run("RANDOMKEY")).or_default() += 1;
            }
            let (least, most) = (drawn.values().min(), drawn.values().max());
            let fair = draws / size;
            assert!(drawn.len() >= size * 95 / 100, "{} of {size}", drawn.len());
            assert!(most < Some(&(fair * 8)), "{most:?} of {size}");
            if size <= 10 {
                assert!(least > Some(&(fair / 2)) && most < Some(&(fair * 2)), "{drawn:?}");
            }
        }
    }
}
