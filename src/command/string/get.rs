//! Reading strings whole.

use super::{MULTI_SHARD, READ_FAST, reply_text, reply_value, string};
use crate::command::options::{Lifetime, is};
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::resp::Args;

pub(super) static GET: Command = Command {
    name: "get",
    arity: 2,
    flags: READ_FAST,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::String,
    summary: "Returns the string value of a key.",
    arguments: &[Argument::key()],
    run: get,
    ..Command::BASE
};

fn get(call: &mut Call<'_>) -> Result<(), Error> {
    reply_value(call).map(drop)
}

pub(super) static GETDEL: Command = Command {
    name: "getdel",
    arity: 2,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(&["RW", "access", "delete"])],
    group: Group::String,
    since: "6.2.0",
    summary: "Returns a string and removes its key.",
    arguments: &[Argument::key()],
    run: getdel,
    ..Command::BASE
};

fn getdel(call: &mut Call<'_>) -> Result<(), Error> {
    if reply_value(call)? {
        call.keyspace.write(call.session.db, &call.args[1], |slot| slot.remove());
    }
    Ok(())
}

pub(super) static GETEX: Command = Command {
    name: "getex",
    arity: -2,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[
        KeySpec::one(&["RW", "access", "update"]).notes("RW and UPDATE because it changes the TTL")
    ],
    group: Group::String,
    since: "6.2.0",
    summary: "Returns the string value of a key, and may set or remove its expiry.",
    arguments: &[
        Argument::key(),
        Argument::one_of(
            "expiration",
            &[
                Argument::integer("seconds").token("EX"),
                Argument::integer("milliseconds").token("PX"),
                Argument::new("unix-time-seconds", Kind::UnixTime).token("EXAT"),
                Argument::new("unix-time-milliseconds", Kind::UnixTime).token("PXAT"),
                Argument::word("persist", "PERSIST"),
            ],
        )
        .optional(),
    ],
    run: getex,
    ..Command::BASE
};

fn getex(call: &mut Call<'_>) -> Result<(), Error> {
    let lifetime = getex_option(call.args)?;
    if !reply_value(call)? {
        return Ok(());
    }
    let expiry = match lifetime {
        Lifetime::Until(deadline, number) => {
            Some(deadline.moment(number, call.command.name, call.now)?)
        }
        Lifetime::Persist => None,
        Lifetime::Unsaid | Lifetime::Keep => return Ok(()),
    };
    let now = call.now.unix_ms();
    call.keyspace.write(call.session.db, &call.args[1], |slot| {
        if expiry.is_some_and(|at| at <= now) {
            slot.remove();
        } else if expiry.is_some() || slot.expiry().is_some() {
            slot.set_expiry(expiry);
        }
    });
    Ok(())
}

fn getex_option(args: Args<'_>) -> Result<Lifetime<'_>, Error> {
    let mut lifetime = Lifetime::default();
    let mut words = args.iter().skip(2);
    while let Some(word) = words.next() {
        let option = if is(word, "PERSIST") {
            Lifetime::Persist
        } else {
            Lifetime::until(word, &mut words).ok_or(Error::Syntax)?
        };
        if !lifetime.accept(option) {
            return Err(Error::Syntax);
        }
    }
    Ok(lifetime)
}

pub(super) static MGET: Command = Command {
    name: "mget",
    arity: -2,
    flags: READ_FAST,
    keys: &[KeySpec::all(KeySpec::READ)],
    group: Group::String,
    complexity: "O(N) where N is the number of keys to retrieve.",
    summary: "Returns the string values of several keys.",
    arguments: &[Argument::key().multiple()],
    tips: &[MULTI_SHARD],
    run: mget,
    ..Command::BASE
};

fn mget(call: &mut Call<'_>) -> Result<(), Error> {
    call.reply.array(call.args.len() - 1);
    for key in call.args.iter().skip(1) {
        // Here a value of another type counts as none.
        match string(call.keyspace.read(call.session.db, key)) {
            Ok(Some(text)) => reply_text(&mut call.reply, text),
            _ => call.reply.null(),
        }
    }
    Ok(())
}

pub(super) static STRLEN: Command = Command {
    name: "strlen",
    arity: 2,
    flags: READ_FAST,
    keys: &[KeySpec::one(&["RO"])],
    group: Group::String,
    since: "2.2.0",
    summary: "Returns the length of a string.",
    arguments: &[Argument::key()],
    run: strlen,
    ..Command::BASE
};

fn strlen(call: &mut Call<'_>) -> Result<(), Error> {
    let text = string(call.keyspace.read(call.session.db, &call.args[1]))?;
    call.reply.integer(text.map_or(0, |text| text.len() as i64));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::resp::Version;

    const SYNTAX: &str = "-ERR syntax error\r\n";

    #[test]
    fn getdel_returns_what_it_deletes() {
        let mut harness = Harness::new();
        harness.run("SET k 12");
        assert_eq!(harness.run("GETDEL k"), "$2\r\n12\r\n");
        assert_eq!(harness.run("GETDEL k"), "$-1\r\n");
        harness.speak(Version::V3);
        assert_eq!(harness.run("GETDEL k"), "_\r\n");
    }

    #[test]
    fn getex_sets_and_removes_the_expiry() {
        let mut harness = Harness::new();
        harness.run("SET k v");
        for option in ["EX 10", "PX 10000"] {
            assert_eq!(harness.run(&format!("GETEX k {option}")), "$1\r\nv\r\n");
            assert_eq!(harness.expiry("k"), Some(harness.now.unix_ms() + 10_000));
        }
        assert_eq!(harness.run("GETEX k"), "$1\r\nv\r\n");
        assert!(harness.expiry("k").is_some());
        assert_eq!(harness.run("GETEX k PERSIST persist"), "$1\r\nv\r\n");
        assert_eq!(harness.expiry("k"), None);
        assert_eq!(harness.run("GETEX k EXAT 99999999999"), "$1\r\nv\r\n");
        assert_eq!(harness.expiry("k"), Some(99_999_999_999_000));
        assert_eq!(harness.run("GETEX k PXAT 1"), "$1\r\nv\r\n");
        assert_eq!(harness.run("GET k"), "$-1\r\n", "a moment that is past deletes the key");
    }

    #[test]
    fn getex_looks_at_its_number_only_when_there_is_a_key() {
        let mut harness = Harness::new();
        assert_eq!(harness.run("GETEX k EX 0"), "$-1\r\n");
        harness.run("SET k v");
        assert_eq!(
            harness.run("GETEX k EX 0"),
            "-ERR invalid expire time in 'getex' command\r\n",
            "and the value is taken back"
        );
        assert_eq!(harness.run("GETEX k PX x"), "-ERR value is not an integer or out of range\r\n");
        for line in ["GETEX k EX", "GETEX k EX 1 PERSIST", "GETEX k KEEPTTL", "GETEX k x"] {
            assert_eq!(harness.run(line), SYNTAX, "{line}");
        }
    }

    #[test]
    fn mget_answers_for_each_key() {
        for mut harness in Harness::each_way() {
            harness.run("MSET a 1 b two");
            assert_eq!(
                harness.run("MGET a x b a"),
                "*4\r\n$1\r\n1\r\n$-1\r\n$3\r\ntwo\r\n$1\r\n1\r\n"
            );
        }
    }

    #[test]
    fn reads_count_as_hits_and_misses() {
        let mut harness = Harness::new();
        harness.run("SET k v");
        for line in ["GET k", "GETEX k", "SET k v GET", "GETSET k v", "MGET k x", "GETDEL k"] {
            harness.run(line);
        }
        let tally = harness.worker.keyspace.take_tally();
        assert_eq!((tally.hits, tally.misses), (6, 1));
    }

    #[test]
    fn strlen_counts_bytes() {
        let mut harness = Harness::new();
        harness.run("MSET number -123 text four");
        assert_eq!(harness.run("STRLEN number"), ":4\r\n");
        assert_eq!(harness.run("STRLEN text"), ":4\r\n");
        assert_eq!(harness.run("STRLEN missing"), ":0\r\n");
    }

    #[test]
    fn large_values_come_back_whole() {
        let mut harness = Harness::new();
        let value = "v".repeat(100_000);
        assert_eq!(harness.run(&format!("SET k {value}")), "+OK\r\n");
        assert_eq!(harness.run("GET k"), format!("$100000\r\n{value}\r\n"));
    }
}
