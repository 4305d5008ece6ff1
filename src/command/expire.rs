//! When keys end: EXPIRE, TTL and their kind.

use super::options::{integer, is};
use super::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::resp::Args;

/// The commands of this file, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] =
    &[&EXPIRE, &EXPIREAT, &EXPIRETIME, &PERSIST, &PEXPIRE, &PEXPIREAT, &PEXPIRETIME, &PTTL, &TTL];

const WRITE_FAST: Flags = Flags::WRITE.and(Flags::FAST);
const READ_FAST: Flags = Flags::READONLY.and(Flags::FAST);
const UPDATED: &[KeySpec] = &[KeySpec::one(&["RW", "update"])];
const READ: &[KeySpec] = &[KeySpec::one(KeySpec::READ)];

/// Milliseconds of the unit in which a command counts.
pub(super) const MILLISECOND: i64 = 1;
pub(super) const SECOND: i64 = 1000;

const CONDITIONS_ADDED: &[(&str, &str)] = &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")];
const MINUS_TWO_ADDED: &[(&str, &str)] = &[("2.8.0", "Added the -2 reply.")];
pub(super) const CONDITION: Argument = Argument::one_of(
    "condition",
    &[
        Argument::word("nx", "NX"),
        Argument::word("xx", "XX"),
        Argument::word("gt", "GT"),
        Argument::word("lt", "LT"),
    ],
)
.since("7.0.0")
.optional();

pub static EXPIRE: Command = Command {
    name: "expire",
    arity: -3,
    flags: WRITE_FAST,
    keys: UPDATED,
    group: Group::Generic,
    since: "1.0.0",
    history: CONDITIONS_ADDED,
    summary: "Lets a key end in so many seconds.",
    arguments: &[Argument::key(), Argument::integer("seconds"), CONDITION],
    run: |call| set_expiry(call, call.now.unix_ms() as i64, SECOND),
    ..Command::BASE
};

pub static EXPIREAT: Command = Command {
    name: "expireat",
    arity: -3,
    flags: WRITE_FAST,
    keys: UPDATED,
    group: Group::Generic,
    since: "1.2.0",
    history: CONDITIONS_ADDED,
    summary: "Lets a key end at a time, given in seconds since the Unix epoch.",
    arguments: &[
        Argument::key(),
        Argument::new("unix-time-seconds", super::Kind::UnixTime),
        CONDITION,
    ],
    run: |call| set_expiry(call, 0, SECOND),
    ..Command::BASE
};

pub static PEXPIRE: Command = Command {
    name: "pexpire",
    arity: -3,
    flags: WRITE_FAST,
    keys: UPDATED,
    group: Group::Generic,
    since: "2.6.0",
    history: CONDITIONS_ADDED,
    summary: "Lets a key end in so many milliseconds.",
    arguments: &[Argument::key(), Argument::integer("milliseconds"), CONDITION],
    run: |call| set_expiry(call, call.now.unix_ms() as i64, MILLISECOND),
    ..Command::BASE
};

pub static PEXPIREAT: Command = Command {
    name: "pexpireat",
    arity: -3,
    flags: WRITE_FAST,
    keys: UPDATED,
    group: Group::Generic,
    since: "2.6.0",
    history: CONDITIONS_ADDED,
    summary: "Lets a key end at a time, given in milliseconds since the Unix epoch.",
    arguments: &[
        Argument::key(),
        Argument::new("unix-time-milliseconds", super::Kind::UnixTime),
        CONDITION,
    ],
    run: |call| set_expiry(call, 0, MILLISECOND),
    ..Command::BASE
};

/// Sets the expiry to `start` (in milliseconds since the epoch) and as many `unit`s as the request
/// says. A time that is past removes the key at once.
fn set_expiry(call: &mut Call<'_>, start: i64, unit: i64) -> Result<(), Error> {
    let conditions = Conditions::parse(call.args.rest(3))?;
    let at = integer(&call.args[2])?.checked_mul(unit).and_then(|ms| ms.checked_add(start));
    let at = at.ok_or(Error::ExpireTime(call.command.name))?;
    let now = call.now.unix_ms();
    let changed = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        if slot.is_vacant() || !conditions.allow(slot.expiry(), at) {
            return false;
        }
        match u64::try_from(at) {
            Ok(at) if at > now => slot.set_expiry(Some(at)),
            _ => return slot.remove(),
        }
        true
    });
    call.reply.integer(i64::from(changed));
    Ok(())
}

/// What the present expiry must be for the new one to be set.
#[derive(Default)]
pub(super) struct Conditions {
    /// NX: there is none.
    absent: bool,
    /// XX: there is one.
    present: bool,
    /// GT: the new one is later. A key without expiry never ends, and nothing is later than that.
    later: bool,
    /// LT: the new one is earlier.
    earlier: bool,
}

impl Conditions {
    pub(super) fn parse(options: Args<'_>) -> Result<Self, Error> {
        let mut conditions = Self::default();
        for option in options.iter() {
            let condition = match option {
                option if is(option, "NX") => &mut conditions.absent,
                option if is(option, "XX") => &mut conditions.present,
                option if is(option, "GT") => &mut conditions.later,
                option if is(option, "LT") => &mut conditions.earlier,
                other => return Err(Error::UnsupportedOption(other.to_vec())),
            };
            *condition = true;
        }
        let Self { absent, present, later, earlier } = conditions;
        if absent && (present || later || earlier) {
            return Err(Error::text(
                "NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if later && earlier {
            return Err(Error::text("GT and LT options at the same time are not compatible"));
        }
        Ok(conditions)
    }

    pub(super) fn allow(&self, present: Option<u64>, new: i64) -> bool {
        let Some(present) = present else { return !self.present && !self.later };
        let (present, new) = (i128::from(present), i128::from(new));
        !(self.absent || self.later && new <= present || self.earlier && new >= present)
    }
}

pub static TTL: Command = Command {
    name: "ttl",
    arity: 2,
    flags: READ_FAST,
    keys: READ,
    group: Group::Generic,
    since: "1.0.0",
    history: MINUS_TWO_ADDED,
    summary: "Returns how many seconds a key has left: -1 if it does not end, -2 without the key.",
    arguments: &[Argument::key()],
    tips: &["nondeterministic_output"],
    run: |call| reply_expiry(call, call.now.unix_ms(), SECOND),
    ..Command::BASE
};

pub static PTTL: Command = Command {
    name: "pttl",
    arity: 2,
    flags: READ_FAST,
    keys: READ,
    group: Group::Generic,
    since: "2.6.0",
    history: MINUS_TWO_ADDED,
    summary: "Returns how many milliseconds a key has left, as TTL does seconds.",
    arguments: &[Argument::key()],
    tips: &["nondeterministic_output"],
    run: |call| reply_expiry(call, call.now.unix_ms(), MILLISECOND),
    ..Command::BASE
};

pub static EXPIRETIME: Command = Command {
    name: "expiretime",
    arity: 2,
    flags: READ_FAST,
    keys: READ,
    group: Group::Generic,
    since: "7.0.0",
    summary: "Returns when a key ends, in seconds since the Unix epoch; -1 and -2 as TTL.",
    arguments: &[Argument::key()],
    run: |call| reply_expiry(call, 0, SECOND),
    ..Command::BASE
};

pub static PEXPIRETIME: Command = Command {
    name: "pexpiretime",
    arity: 2,
    flags: READ_FAST,
    keys: READ,
    group: Group::Generic,
    since: "7.0.0",
    summary: "Returns when a key ends, in milliseconds since the Unix epoch; -1 and -2 as TTL.",
    arguments: &[Argument::key()],
    run: |call| reply_expiry(call, 0, MILLISECOND),
    ..Command::BASE
};

/// Replies with the time from `start` to the key's expiry, rounded to whole `unit`s.
#[inline]
fn reply_expiry(call: &mut Call<'_>, start: u64, unit: i64) -> Result<(), Error> {
    let found = call.keyspace.inspect(call.session.db, &call.args[1]);
    call.reply.integer(match found.map(|key| key.expiry()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => rounded(at.saturating_sub(start), unit),
    });
    Ok(())
}

/// Milliseconds in whole `unit`s.
#[inline]
pub(super) fn rounded(ms: u64, unit: i64) -> i64 {
    let unit = unit as u64;
    (ms / unit + u64::from(ms % unit * 2 >= unit && unit > 1)) as i64
}

pub static PERSIST: Command = Command {
    name: "persist",
    arity: 2,
    flags: WRITE_FAST,
    keys: UPDATED,
    group: Group::Generic,
    since: "2.2.0",
    summary: "Takes a key's expiry away, so that it does not end.",
    arguments: &[Argument::key()],
    run: persist,
    ..Command::BASE
};

fn persist(call: &mut Call<'_>) -> Result<(), Error> {
    let changed = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        let ends = slot.expiry().is_some();
        if ends {
            slot.set_expiry(None);
        }
        ends
    });
    call.reply.integer(i64::from(changed));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    #[test]
    fn a_key_ends_when_its_time_is_over() {
        for mut harness in Harness::each_way() {
            harness.set("k", "v");
            assert_eq!(harness.run("TTL k"), ":-1\r\n");
            assert_eq!(harness.run("EXPIRETIME k"), ":-1\r\n");
            assert_eq!(harness.run("EXPIRE k 10"), ":1\r\n");
            assert_eq!(harness.run("PTTL k"), ":10000\r\n");
            harness.wait_ms(4_500);
            assert_eq!(harness.run("TTL k"), ":6\r\n", "5.5 is rounded up");
            harness.wait_ms(1);
            assert_eq!(harness.run("TTL k"), ":5\r\n");
            harness.wait_ms(5_499);
            assert_eq!(harness.run("PTTL k"), ":0\r\n", "still there in its last millisecond");
            harness.wait_ms(1);
            for command in ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"] {
                assert_eq!(harness.run(&format!("{command} k")), ":-2\r\n");
            }
            assert_eq!(harness.run("EXPIRE k 10"), ":0\r\n");
            assert_eq!(harness.run("PERSIST k"), ":0\r\n");
        }
    }

    #[test]
    fn a_time_of_day_is_kept_to_the_millisecond() {
        let mut harness = Harness::new();
        harness.set("k", "v");
        assert_eq!(harness.run("PEXPIREAT k 33177117420500"), ":1\r\n");
        assert_eq!(harness.run("PEXPIRETIME k"), ":33177117420500\r\n");
        assert_eq!(harness.run("EXPIRETIME k"), ":33177117421\r\n");
        assert_eq!(harness.run("EXPIREAT k 33177117420"), ":1\r\n");
        assert_eq!(harness.run("PEXPIRETIME k"), ":33177117420000\r\n");
        assert_eq!(harness.run("PEXPIREAT k 9223372036854775807"), ":1\r\n");
        assert_eq!(harness.run("EXPIRETIME k"), ":9223372036854776\r\n");
        assert_eq!(harness.run("PERSIST k"), ":1\r\n");
        assert_eq!(harness.run("PERSIST k"), ":0\r\n");
        assert_eq!(harness.run("PTTL k"), ":-1\r\n");
    }

    #[test]
    fn a_time_that_is_past_removes_the_key() {
        for request in
            ["EXPIRE k 0", "PEXPIRE k -1", "EXPIREAT k 1", "PEXPIREAT k -9223372036854775808"]
        {
            let mut harness = Harness::new();
            harness.set("k", "v");
            assert_eq!(harness.run(request), ":1\r\n", "{request}");
            assert_eq!(harness.run("EXISTS k"), ":0\r\n");
            assert_eq!(harness.worker.keyspace.len(0), 0);
        }
    }

    #[test]
    fn the_sweep_finds_a_key_whose_time_was_moved_forward() {
        let mut harness = Harness::new();
        for key in ["soon", "later"] {
            harness.set(key, "v");
            harness.run(&format!("EXPIRE {key} 1000"));
        }
        harness.run("EXPIRE soon 1");
        harness.wait_ms(1_001);
        harness.worker.keyspace.set_now(harness.now);
        assert!(harness.worker.keyspace.sweep(|| true));
        assert_eq!((harness.len(0), harness.worker.keyspace.expiring(0)), (1, 1));
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn conditions_compare_with_the_present_expiry() {
        let mut harness = Harness::new();
        harness.set("k", "v");
        for (request, reply) in [
            ("EXPIRE k 10 XX", 0),
            ("EXPIRE k 10 GT", 0),
            ("EXPIRE k 10 XX GT", 0),
            ("EXPIRE k 10 lt", 1),
            ("EXPIRE k 5 GT", 0),
            ("EXPIRE k 10 GT", 0),
            ("EXPIRE k 10 LT", 0),
            ("EXPIRE k 15 LT", 0),
            ("EXPIRE k 0 NX", 0),
            ("EXPIRE k 15 XX GT", 1),
            ("EXPIRE k 12 LT XX", 1),
            ("EXPIRE k -1 GT", 0),
            ("EXPIRE k -1 XX", 1),
            ("EXISTS k", 0),
            ("EXPIRE k 10 NX nx", 0),
        ] {
            assert_eq!(harness.run(request), format!(":{reply}\r\n"), "{request}");
        }
        harness.set("k", "v");
        assert_eq!(harness.run("EXPIRE k 10 NX nx"), ":1\r\n");
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_reported_in_redis_order_and_words() {
        let mut harness = Harness::new();
        let not_with_nx = "NX and XX, GT or LT options at the same time are not compatible";
        for (request, error) in [
            ("EXPIRE k x", "value is not an integer or out of range"),
            ("EXPIRE k 10 foo", "Unsupported option foo"),
            ("EXPIRE k x foo", "Unsupported option foo"),
            ("EXPIRE k 10 NX XX", not_with_nx),
            ("EXPIRE k 10 NX GT", not_with_nx),
            ("EXPIRE k x NX GT LT", not_with_nx),
            ("EXPIRE k 10 GT LT", "GT and LT options at the same time are not compatible"),
            ("EXPIRE k 9223372036854775", "invalid expire time in 'expire' command"),
            ("EXPIRE k -9223372036854776", "invalid expire time in 'expire' command"),
            ("EXPIREAT k 9223372036854776", "invalid expire time in 'expireat' command"),
            ("PEXPIRE k 9223372036854775807", "invalid expire time in 'pexpire' command"),
            ("PEXPIREAT k", "wrong number of arguments for 'pexpireat' command"),
        ] {
            assert_eq!(harness.run(request), format!("-ERR {error}\r\n"), "{request}");
        }
    }

    #[test]
    fn a_warm_ttl_or_expire_allocates_nothing() {
        let mut harness = Harness::new();
        harness.set("k", &"v".repeat(10_000));
        harness.run("EXPIRE k 10");
        assert_eq!(harness.allocations_of("TTL k", 100), 0);
        assert_eq!(harness.allocations_of("EXPIRE k 20", 100), 0);
    }
}
