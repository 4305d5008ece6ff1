//! Setting strings whole.

use super::{MULTI_SHARD, WRITE, WRITE_FAST, reply_value};
use crate::command::options::{Deadline, Lifetime, is};
use crate::command::{Argument, Call, Command, Deprecated, Error, Group, KeySpec, Kind};
use crate::resp::Args;
use crate::store::{Expiry, New, SHARED_FROM};

pub(super) static SET: Command = Command {
    name: "set",
    arity: -3,
    flags: WRITE,
    keys: &[KeySpec::one(&["RW", "access", "update", "variable_flags"])
        .notes("RW and ACCESS due to the optional `GET` argument")],
    key_flags: Some(|args| match args.rest(3).iter().any(|word| is(word, "GET")) {
        true => &["RW", "access", "update"],
        false => &["OW", "update"],
    }),
    group: Group::String,
    history: &[
        ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
        ("6.0.0", "Added the `KEEPTTL` option."),
        ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
        ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
    ],
    summary: "Sets a key to a string, whatever was there; may set its expiry and return the old value.",
    arguments: &[
        Argument::key(),
        Argument::string("value"),
        Argument::one_of("condition", &[Argument::word("nx", "NX"), Argument::word("xx", "XX")])
            .since("2.6.12")
            .optional(),
        Argument::word("get", "GET").since("6.2.0").optional(),
        Argument::one_of(
            "expiration",
            &[
                Argument::integer("seconds").token("EX").since("2.6.12"),
                Argument::integer("milliseconds").token("PX").since("2.6.12"),
                Argument::new("unix-time-seconds", Kind::UnixTime).token("EXAT").since("6.2.0"),
                Argument::new("unix-time-milliseconds", Kind::UnixTime)
                    .token("PXAT")
                    .since("6.2.0"),
                Argument::word("keepttl", "KEEPTTL").since("6.0.0"),
            ],
        )
        .optional(),
    ],
    run: set,
    ..Command::BASE
};

fn set(call: &mut Call<'_>) -> Result<(), Error> {
    if call.args.len() == 3 {
        store(call, 2, Condition::Always, Expiry::Clear);
        call.reply.ok();
        return Ok(());
    }
    let options = SetOptions::read(call.args)?;
    let expiry = match options.lifetime {
        Lifetime::Until(deadline, number) => {
            Expiry::At(deadline.moment(number, call.command.name, call.now)?)
        }
        Lifetime::Keep => Expiry::Keep,
        Lifetime::Unsaid | Lifetime::Persist => Expiry::Clear,
    };
    if options.get {
        reply_value(call)?;
    }
    let stored = store(call, 2, options.condition, expiry);
    match (options.get, stored) {
        (true, _) => {}
        (false, true) => call.reply.ok(),
        (false, false) => call.reply.null(),
    }
    Ok(())
}

/// Whether a key must be there to be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Condition {
    #[default]
    Always,
    /// NX
    IfAbsent,
    /// XX
    IfPresent,
}

#[derive(Default)]
struct SetOptions<'a> {
    condition: Condition,
    lifetime: Lifetime<'a>,
    get: bool,
}

impl<'a> SetOptions<'a> {
    fn read(args: Args<'a>) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut words = args.iter().skip(3);
        while let Some(word) = words.next() {
            let accepted = if is(word, "NX") {
                options.accept(Condition::IfAbsent)
            } else if is(word, "XX") {
                options.accept(Condition::IfPresent)
            } else if is(word, "GET") {
                options.get = true;
                true
            } else if is(word, "KEEPTTL") {
                options.lifetime.accept(Lifetime::Keep)
            } else {
                let until = Lifetime::until(word, &mut words);
                until.is_some_and(|until| options.lifetime.accept(until))
            };
            if !accepted {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }

    /// False if the condition contradicts an earlier one.
    fn accept(&mut self, condition: Condition) -> bool {
        let agrees = matches!(self.condition, Condition::Always) || self.condition == condition;
        self.condition = condition;
        agrees
    }
}

/// Sets the key, the word after the name, to the word at `value`. False if the condition is not met.
#[inline]
fn store(call: &mut Call<'_>, value: usize, condition: Condition, expiry: Expiry) -> bool {
    let value = new_string(call.args, value);
    call.keyspace.write(call.session.db, &call.args[1], |slot| {
        let met = match condition {
            Condition::Always => true,
            Condition::IfAbsent => slot.is_vacant(),
            Condition::IfPresent => !slot.is_vacant(),
        };
        if met {
            slot.set(value, expiry);
        }
        met
    })
}

/// The value that an argument becomes; a large one stays where it has arrived.
#[inline]
fn new_string<'a>(args: Args<'a>, index: usize) -> New<'a> {
    match args.share(index) {
        Some(text) if text.len() >= SHARED_FROM => New::Shared(text),
        _ => New::string(args.get(index).unwrap_or_default()),
    }
}

pub(super) static SETNX: Command = Command {
    name: "setnx",
    arity: 3,
    flags: WRITE_FAST,
    keys: &[KeySpec::one(&["OW", "insert"])],
    group: Group::String,
    summary: "Sets a key to a string if the key does not exist.",
    arguments: &[Argument::key(), Argument::string("value")],
    run: setnx,
    ..Command::BASE
};

fn setnx(call: &mut Call<'_>) -> Result<(), Error> {
    let stored = store(call, 2, Condition::IfAbsent, Expiry::Clear);
    call.reply.integer(stored.into());
    Ok(())
}

pub(super) static SETEX: Command = Command {
    name: "setex",
    arity: 4,
    flags: WRITE,
    keys: &[KeySpec::one(&["OW", "update"])],
    group: Group::String,
    since: "2.0.0",
    summary: "Sets a key to a string that expires after some seconds.",
    arguments: &[Argument::key(), Argument::integer("seconds"), Argument::string("value")],
    run: |call| set_expiring(call, Deadline::InSeconds),
    ..Command::BASE
};

pub(super) static PSETEX: Command = Command {
    name: "psetex",
    arity: 4,
    flags: WRITE,
    keys: &[KeySpec::one(&["OW", "update"])],
    group: Group::String,
    since: "2.6.0",
    summary: "Sets a key to a string that expires after some milliseconds.",
    arguments: &[Argument::key(), Argument::integer("milliseconds"), Argument::string("value")],
    run: |call| set_expiring(call, Deadline::InMilliseconds),
    ..Command::BASE
};

fn set_expiring(call: &mut Call<'_>, deadline: Deadline) -> Result<(), Error> {
    let moment = deadline.moment(&call.args[2], call.command.name, call.now)?;
    store(call, 3, Condition::Always, Expiry::At(moment));
    call.reply.ok();
    Ok(())
}

pub(super) static GETSET: Command = Command {
    name: "getset",
    arity: 3,
    flags: WRITE_FAST,
    keys: &[KeySpec::one(&["RW", "access", "update"])],
    group: Group::String,
    deprecated: Some(Deprecated { since: "6.2.0", replaced_by: "`SET` with the `!GET` argument" }),
    summary: "Sets a key to a string and returns the old one.",
    arguments: &[Argument::key(), Argument::string("value")],
    run: getset,
    ..Command::BASE
};

fn getset(call: &mut Call<'_>) -> Result<(), Error> {
    reply_value(call)?;
    store(call, 2, Condition::Always, Expiry::Clear);
    Ok(())
}

/// The arguments of MSET and MSETNX.
const KEYS_AND_VALUES: &[Argument] =
    &[Argument::block("key_value", &[Argument::key(), Argument::string("value")]).multiple()];

pub(super) static MSET: Command = Command {
    name: "mset",
    arity: -3,
    flags: WRITE,
    keys: &[KeySpec::pairs(&["OW", "update"])],
    group: Group::String,
    since: "1.0.1",
    complexity: "O(N) where N is the number of keys to set.",
    summary: "Sets several keys to strings.",
    arguments: KEYS_AND_VALUES,
    tips: &[MULTI_SHARD, "response_policy:all_succeeded"],
    run: mset,
    ..Command::BASE
};

fn mset(call: &mut Call<'_>) -> Result<(), Error> {
    check_pairs(call)?;
    set_pairs(call);
    call.reply.ok();
    Ok(())
}

pub(super) static MSETNX: Command = Command {
    name: "msetnx",
    arity: -3,
    flags: WRITE,
    keys: &[KeySpec::pairs(&["OW", "insert"])],
    group: Group::String,
    since: "1.0.1",
    complexity: "O(N) where N is the number of keys to set.",
    summary: "Sets several keys to strings if none of them exists.",
    arguments: KEYS_AND_VALUES,
    tips: &[MULTI_SHARD, "response_policy:agg_min"],
    run: msetnx,
    ..Command::BASE
};

fn msetnx(call: &mut Call<'_>) -> Result<(), Error> {
    check_pairs(call)?;
    let mut keys = call.args.iter().skip(1).step_by(2);
    let none_exists = keys.all(|key| call.keyspace.peek(call.session.db, key).is_none());
    if none_exists {
        set_pairs(call);
    }
    call.reply.integer(none_exists.into());
    Ok(())
}

/// A key without a value is an error.
fn check_pairs(call: &Call<'_>) -> Result<(), Error> {
    let complete = call.args.len() % 2 == 1;
    complete.then_some(()).ok_or_else(|| Error::Arity(call.command.name.to_owned()))
}

fn set_pairs(call: &mut Call<'_>) {
    let args = call.args;
    for key in (1..args.len()).step_by(2) {
        let value = new_string(args, key + 1);
        call.keyspace.write(call.session.db, &args[key], |slot| slot.set(value, Expiry::Clear));
    }
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    const OK: &str = "+OK\r\n";
    const NULL: &str = "$-1\r\n";
    const SYNTAX: &str = "-ERR syntax error\r\n";

    #[test]
    fn set_obeys_its_condition() {
        let mut harness = Harness::new();
        assert_eq!(harness.run("SET k 1 XX"), NULL);
        assert_eq!(harness.run("SET k 1 nx"), OK);
        assert_eq!(harness.run("SET k 2 NX"), NULL);
        assert_eq!(harness.run("SET k 3 XX XX"), OK);
        assert_eq!(harness.run("GET k"), "$1\r\n3\r\n");
    }

    #[test]
    fn set_with_get_returns_the_old_value_whether_or_not_it_sets() {
        let mut harness = Harness::new();
        assert_eq!(harness.run("SET k 1 GET"), NULL);
        assert_eq!(harness.run("SET k 2 GET NX"), "$1\r\n1\r\n");
        assert_eq!(harness.run("SET k 3 XX GET"), "$1\r\n1\r\n");
        assert_eq!(harness.run("GET k"), "$1\r\n3\r\n");
        assert_eq!(harness.run("SET new 1 XX GET"), NULL);
        assert_eq!(harness.run("SET new 1 NX GET"), NULL);
        assert_eq!(harness.run("GET new"), "$1\r\n1\r\n");
    }

    #[test]
    fn set_keeps_clears_or_sets_the_expiry() {
        let mut harness = Harness::new();
        let now = harness.now.unix_ms();
        assert_eq!(harness.run("SET k v EX 10"), OK);
        assert_eq!(harness.expiry("k"), Some(now + 10_000));
        assert_eq!(harness.run("SET k w KEEPTTL"), OK);
        assert_eq!(harness.expiry("k"), Some(now + 10_000));
        assert_eq!(harness.run("SET k v PX 5 px 7"), OK);
        assert_eq!(harness.expiry("k"), Some(now + 7));
        harness.wait_ms(8);
        assert_eq!(harness.run("GET k"), NULL);
        assert_eq!(harness.run("SET k v PXAT 99999999999999"), OK);
        assert_eq!(harness.expiry("k"), Some(99_999_999_999_999));
        assert_eq!(harness.run("SET k v"), OK);
        assert_eq!(harness.expiry("k"), None);
        assert_eq!(harness.run("SET k v EXAT 1"), OK);
        assert_eq!(harness.run("GET k"), NULL, "it was set, and its time is over");
    }

    #[test]
    fn set_refuses_options_that_contradict() {
        let mut harness = Harness::new();
        for options in [
            "NX XX",
            "XX NX",
            "EX 1 PX 1",
            "EX 1 KEEPTTL",
            "KEEPTTL PXAT 1",
            "EX",
            "PERSIST",
            "x",
            "EX x PX 1",
            "",
        ] {
            assert_eq!(harness.run(&format!("SET k v {options}")), SYNTAX, "{options}");
        }
        for (line, command) in [
            ("SET k v EX 0", "set"),
            ("SET k v EXAT 0", "set"),
            ("SET k v PX -1", "set"),
            ("SET k v EX 9223372036854775", "set"),
            ("SET k v PX 9223372036854775807 GET", "set"),
            ("SETEX k 0 v", "setex"),
            ("PSETEX k -5 v", "psetex"),
        ] {
            let expected = format!("-ERR invalid expire time in '{command}' command\r\n");
            assert_eq!(harness.run(line), expected, "{line}");
        }
        let expected = "-ERR value is not an integer or out of range\r\n";
        for line in ["SET k v EX 1.5 NX", "SETEX k x v", "SET k v PX 9223372036854775808"] {
            assert_eq!(harness.run(line), expected, "{line}");
        }
        assert_eq!(harness.run("GET k"), NULL);
    }

    #[test]
    fn short_forms_of_set() {
        let mut harness = Harness::new();
        let now = harness.now.unix_ms();
        assert_eq!(harness.run("SETNX k 1"), ":1\r\n");
        assert_eq!(harness.run("SETNX k 2"), ":0\r\n");
        assert_eq!(harness.run("SETEX k 10 3"), OK);
        assert_eq!(harness.expiry("k"), Some(now + 10_000));
        assert_eq!(harness.run("PSETEX k 10 4"), OK);
        assert_eq!(harness.expiry("k"), Some(now + 10));
        assert_eq!(harness.run("GETSET k 5"), "$1\r\n4\r\n");
        assert_eq!(harness.expiry("k"), None);
        assert_eq!(harness.run("GETSET new 5"), NULL);
        assert_eq!(harness.run("GET new"), "$1\r\n5\r\n");
    }

    #[test]
    fn several_keys_are_set_together_or_not_at_all() {
        for mut harness in Harness::each_way() {
            assert_eq!(harness.run("MSET a 1 b 2 a 3"), OK);
            assert_eq!(harness.run("MGET a b"), "*2\r\n$1\r\n3\r\n$1\r\n2\r\n");
            assert_eq!(harness.run("MSETNX c 1 a 9"), ":0\r\n");
            assert_eq!(harness.run("GET c"), NULL);
            assert_eq!(harness.run("MSETNX c 1 c 2"), ":1\r\n");
            assert_eq!(harness.run("GET c"), "$1\r\n2\r\n");
            for name in ["mset", "msetnx"] {
                let expected = format!("-ERR wrong number of arguments for '{name}' command\r\n");
                assert_eq!(harness.run(&format!("{name} a 1 b")), expected);
            }
        }
    }
}
