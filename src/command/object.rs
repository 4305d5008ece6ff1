//! OBJECT: how a value is kept.

use super::help::help;
use super::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::store::{Peek, Text, Value};

/// The commands of this file, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[&OBJECT];

pub static OBJECT: Command = Command {
    name: "object",
    arity: -2,
    group: Group::Generic,
    since: "2.2.3",
    complexity: "Depends on subcommand.",
    summary: "A container for commands that look inside of values.",
    subcommands: &[&ENCODING, &FREQ, &HELP, &IDLETIME, &REFCOUNT],
    ..Command::BASE
};

/// What the subcommands about a key have in common.
const ABOUT_A_KEY: Command = Command {
    arity: 3,
    flags: Flags::READONLY,
    keys: &[KeySpec::at(2, &["RO"])],
    group: Group::Generic,
    since: "2.2.3",
    arguments: &[Argument::key()],
    tips: &["nondeterministic_output"],
    ..Command::BASE
};

pub static ENCODING: Command = Command {
    name: "encoding",
    summary: "Names the form in which the value of a key is kept.",
    run: encoding,
    ..ABOUT_A_KEY
};

fn encoding(call: &mut Call<'_>) -> Result<(), Error> {
    match inspect(call).map(|key| key.value().encoding()) {
        Some(name) => call.reply.bulk(name.as_bytes()),
        None => call.reply.null(),
    }
    Ok(())
}

pub static FREQ: Command = Command {
    name: "freq",
    since: "4.0.0",
    summary: "Returns how often a key is used, on a scale of logarithms, under an LFU policy.",
    run: freq,
    ..ABOUT_A_KEY
};

fn freq(call: &mut Call<'_>) -> Result<(), Error> {
    let is_lfu = call.instance.config.maxmemory_policy.get().is_lfu();
    match inspect(call).map(|key| key.frequency()) {
        None => call.reply.null(),
        Some(frequency) if is_lfu => call.reply.integer(frequency.into()),
        Some(_) => {
            return Err(Error::text(
                "An LFU maxmemory policy is not selected, access frequency not tracked. Please note \
                 that when switching between policies at runtime LRU and LFU data will take some \
                 time to adjust.",
            ));
        }
    }
    Ok(())
}

pub static HELP: Command = Command {
    name: "help",
    arity: 2,
    flags: Flags::LOADING.and(Flags::STALE),
    group: Group::Generic,
    since: "6.2.0",
    summary: "Lists the subcommands.",
    run: |call| help(call, &OBJECT),
    ..Command::BASE
};

pub static IDLETIME: Command = Command {
    name: "idletime",
    summary: "Returns how many seconds ago a key was last used.",
    run: idletime,
    ..ABOUT_A_KEY
};

fn idletime(call: &mut Call<'_>) -> Result<(), Error> {
    let is_lfu = call.instance.config.maxmemory_policy.get().is_lfu();
    match inspect(call).map(|key| key.idle_s()) {
        None => call.reply.null(),
        Some(seconds) if !is_lfu => call.reply.integer(seconds.into()),
        Some(_) => {
            return Err(Error::text(
                "An LFU maxmemory policy is selected, idle time not tracked. Please note that when \
                 switching between policies at runtime LRU and LFU data will take some time to \
                 adjust.",
            ));
        }
    }
    Ok(())
}

pub static REFCOUNT: Command = Command {
    name: "refcount",
    summary: "Returns how many references there are to the value of a key.",
    run: refcount,
    ..ABOUT_A_KEY
};

fn refcount(call: &mut Call<'_>) -> Result<(), Error> {
    /// Integers of which Redis has one object for all keys, and what it counts for it.
    const SHARED: std::ops::Range<i64> = 0..10_000;
    const SHARED_COUNT: i64 = i32::MAX as i64;
    let value = inspect(call).map(|key| key.value());
    match value {
        Some(Value::String(Text::Integer(n))) if SHARED.contains(&n) => {
            call.reply.integer(SHARED_COUNT);
        }
        Some(_) => call.reply.integer(1),
        None => call.reply.null(),
    }
    Ok(())
}

/// The key that the subcommand is about. To ask is a hit or a miss, but no access.
fn inspect<'a>(call: &'a mut Call<'_>) -> Option<Peek<'a>> {
    call.keyspace.inspect(call.session.db, &call.args[2])
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};
    use crate::resp::Version;

    #[test]
    fn encodings_and_counts_are_those_that_redis_names() {
        for mut harness in Harness::each_way() {
            for (value, encoding, count) in [
                ("5", "int", "2147483647"),
                ("0", "int", "2147483647"),
                ("9999", "int", "2147483647"),
                ("10000", "int", "1"),
                ("-1", "int", "1"),
                ("05", "embstr", "1"),
                (&"v".repeat(44), "embstr", "1"),
                (&"v".repeat(45), "raw", "1"),
                (&"v".repeat(20_000), "raw", "1"),
            ] {
                harness.set("k", value);
                assert_eq!(bulks(&harness.run("OBJECT ENCODING k")), [encoding], "{value}");
                assert_eq!(harness.run("object refcount k"), format!(":{count}\r\n"), "{value}");
            }
        }
    }

    #[test]
    fn idle_time_runs_since_the_last_use() {
        let mut harness = Harness::new();
        harness.set("k", "v");
        assert_eq!(harness.run("OBJECT IDLETIME k"), ":0\r\n");
        harness.wait_ms(7_000);
        assert_eq!(harness.run("OBJECT IDLETIME k"), ":7\r\n");
        assert_eq!(harness.run("OBJECT IDLETIME k"), ":7\r\n", "asking is no use");
        harness.run("EXPIRE k 100");
        assert_eq!(harness.run("OBJECT IDLETIME k"), ":0\r\n");
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn missing_keys_and_faults_are_answered_as_by_redis() {
        let mut harness = Harness::new();
        for subcommand in ["ENCODING", "FREQ", "IDLETIME", "REFCOUNT"] {
            let request = format!("OBJECT {subcommand} nokey");
            harness.speak(Version::V2);
            assert_eq!(harness.run(&request), "$-1\r\n");
            harness.speak(Version::V3);
            assert_eq!(harness.run(&request), "_\r\n");
        }
        harness.set("k", "v");
        let no_lfu = "An LFU maxmemory policy is not selected, access frequency not tracked. Please \
                      note that when switching between policies at runtime LRU and LFU data will \
                      take some time to adjust.";
        for (request, error) in [
            ("OBJECT FREQ k", no_lfu),
            ("OBJECT", "wrong number of arguments for 'object' command"),
            ("OBJECT ENCODING", "wrong number of arguments for 'object|encoding' command"),
            ("OBJECT ENCODING a b", "wrong number of arguments for 'object|encoding' command"),
            ("OBJECT foo", "unknown subcommand 'foo'. Try OBJECT HELP."),
        ] {
            assert_eq!(harness.run(request), format!("-ERR {error}\r\n"), "{request}");
        }
    }

    #[test]
    fn help_names_every_subcommand() {
        let reply = Harness::new().run("OBJECT HELP");
        let lines: Vec<&str> = reply.split("\r\n").collect();
        assert_eq!(lines[0], "*11");
        let header = "+OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:";
        assert_eq!(lines[1], header);
        assert_eq!(lines[2], "+ENCODING key");
        assert!(lines[3].starts_with("+    Names the form"));
    }
}
