//! Strings that are numbers.

use super::{WRITE_FAST, string};
use crate::command::options::integer;
use crate::command::{Argument, Call, Command, Error, Group, KeySpec, Kind};
use crate::number::long_double::LongDouble;
use crate::store::{Expiry, New};

const COUNT: &[KeySpec] = &[KeySpec::one(&["RW", "access", "update"])];

pub(super) static INCR: Command = Command {
    name: "incr",
    arity: 2,
    flags: WRITE_FAST,
    keys: COUNT,
    group: Group::String,
    summary: "Adds one to the integer value of a key; a missing key counts as 0.",
    arguments: &[Argument::key()],
    run: |call| add(call, 1),
    ..Command::BASE
};

pub(super) static DECR: Command = Command {
    name: "decr",
    arity: 2,
    flags: WRITE_FAST,
    keys: COUNT,
    group: Group::String,
    summary: "Subtracts one from the integer value of a key; a missing key counts as 0.",
    arguments: &[Argument::key()],
    run: |call| add(call, -1),
    ..Command::BASE
};

pub(super) static INCRBY: Command = Command {
    name: "incrby",
    arity: 3,
    flags: WRITE_FAST,
    keys: COUNT,
    group: Group::String,
    summary: "Adds to the integer value of a key; a missing key counts as 0.",
    arguments: &[Argument::key(), Argument::integer("increment")],
    run: incrby,
    ..Command::BASE
};

fn incrby(call: &mut Call<'_>) -> Result<(), Error> {
    let increment = integer(&call.args[2])?;
    add(call, increment)
}

pub(super) static DECRBY: Command = Command {
    name: "decrby",
    arity: 3,
    flags: WRITE_FAST,
    keys: COUNT,
    group: Group::String,
    summary: "Subtracts from the integer value of a key; a missing key counts as 0.",
    arguments: &[Argument::key(), Argument::integer("decrement")],
    run: decrby,
    ..Command::BASE
};

fn decrby(call: &mut Call<'_>) -> Result<(), Error> {
    let decrement = integer(&call.args[2])?;
    add(call, decrement.checked_neg().ok_or(Error::DecrementOverflow)?)
}

/// Adds to the integer at the key, and answers with the sum.
fn add(call: &mut Call<'_>, increment: i64) -> Result<(), Error> {
    let sum = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        let number = match string(slot.value())? {
            Some(text) => text.integer().ok_or(Error::NotAnInteger)?,
            None => 0,
        };
        let sum = number.checked_add(increment).ok_or(Error::Overflow)?;
        slot.set(New::Integer(sum), Expiry::Keep);
        Ok::<_, Error>(sum)
    })?;
    call.reply.integer(sum);
    Ok(())
}

pub(super) static INCRBYFLOAT: Command = Command {
    name: "incrbyfloat",
    arity: 3,
    flags: WRITE_FAST,
    keys: COUNT,
    group: Group::String,
    since: "2.6.0",
    summary: "Adds to the floating point value of a key; a missing key counts as 0.",
    arguments: &[Argument::key(), Argument::new("increment", Kind::Double)],
    run: incrbyfloat,
    ..Command::BASE
};

fn incrbyfloat(call: &mut Call<'_>) -> Result<(), Error> {
    let parse = |text: &[u8]| LongDouble::parse(text).ok_or(Error::NotAFloat);
    let sum = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        let number = match string(slot.value())? {
            Some(text) => parse(text.bytes(&mut itoa::Buffer::new()))?,
            None => parse(b"0")?,
        };
        let increment = parse(&call.args[2])?;
        let sum = number.checked_add(increment).ok_or(Error::NotFinite)?.to_string();
        slot.set(New::text(sum.as_bytes()), Expiry::Keep);
        Ok::<_, Error>(sum)
    })?;
    call.reply.bulk(sum.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    const NO_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
    const NO_FLOAT: &str = "-ERR value is not a valid float\r\n";
    const OVERFLOW: &str = "-ERR increment or decrement would overflow\r\n";

    #[test]
    fn counters_count_from_nothing() {
        for mut harness in Harness::each_way() {
            assert_eq!(harness.run("INCR k"), ":1\r\n");
            assert_eq!(harness.run("INCRBY k 41"), ":42\r\n");
            assert_eq!(harness.run("DECRBY k 50"), ":-8\r\n");
            assert_eq!(harness.run("DECR k"), ":-9\r\n");
            assert_eq!(harness.run("GET k"), "$2\r\n-9\r\n");
            assert_eq!(harness.run("DECRBY new -3"), ":3\r\n");
        }
    }

    #[test]
    fn counters_keep_the_expiry() {
        let mut harness = Harness::new();
        harness.run("SET k 1 EX 10");
        let expiry = harness.expiry("k");
        harness.run("INCR k");
        harness.run("INCRBYFLOAT k 1.5");
        assert_eq!((harness.expiry("k").is_some(), harness.expiry("k")), (true, expiry));
    }

    #[test]
    fn what_is_no_integer_or_becomes_none_is_refused() {
        let mut harness = Harness::new();
        let (most, least) = (i64::MAX, i64::MIN);
        harness.run(&format!("MSET most {most} least {least} text 1x float 1.5"));
        for (line, expected) in [
            ("INCR most", OVERFLOW),
            ("DECR least", OVERFLOW),
            ("INCRBY most 9223372036854775807", OVERFLOW),
            ("DECRBY k -9223372036854775808", "-ERR decrement would overflow\r\n"),
            ("INCR text", NO_INTEGER),
            ("INCRBY float 1", NO_INTEGER),
            ("INCRBY text x", NO_INTEGER),
            ("INCRBY k 01", NO_INTEGER),
            ("GET k", "$-1\r\n"),
            ("DECR most", ":9223372036854775806\r\n"),
        ] {
            assert_eq!(harness.run(line), expected, "{line}");
        }
    }

    #[test]
    fn floats_have_the_digits_that_redis_prints() {
        let mut harness = Harness::new();
        for (line, expected) in [
            ("INCRBYFLOAT k 0.1", "$3\r\n0.1\r\n"),
            ("INCRBYFLOAT k 0.2", "$3\r\n0.3\r\n"),
            ("INCRBYFLOAT k 5.0e3", "$22\r\n5000.29999999999999982\r\n"),
            ("INCRBYFLOAT k -5000.3", "$1\r\n0\r\n"),
            ("GET k", "$1\r\n0\r\n"),
            ("INCRBYFLOAT k x", NO_FLOAT),
            ("INCRBYFLOAT k nan", NO_FLOAT),
            ("INCRBYFLOAT k inf", "-ERR increment would produce NaN or Infinity\r\n"),
            ("INCRBYFLOAT k 3", "$1\r\n3\r\n"),
            ("INCR k", ":4\r\n"),
        ] {
            assert_eq!(harness.run(line), expected, "{line}");
        }
        harness.run("INCRBYFLOAT k 1");
        assert_eq!(harness.encoding("k"), "embstr");
    }
}
