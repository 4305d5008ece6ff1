//! Fields that are numbers.

use super::{FIELD, WRITE_FAST, limits};
use crate::command::options::integer;
use crate::command::{Argument, Call, Command, Error, Group, KeySpec, Kind};
use crate::number::long_double::LongDouble;
use crate::store::{Edit, Ends, Hash};

const COUNT: &[KeySpec] = &[KeySpec::one(&["RW", "access", "update"])];

pub(super) static HINCRBY: Command = Command {
    name: "hincrby",
    arity: 4,
    flags: WRITE_FAST,
    keys: COUNT,
    group: Group::Hash,
    since: "2.0.0",
    summary: "Adds to the integer value of a field; a missing field counts as 0.",
    arguments: &[Argument::key(), FIELD, Argument::integer("increment")],
    run: hincrby,
    ..Command::BASE
};

fn hincrby(call: &mut Call<'_>) -> Result<(), Error> {
    let (limits, args) = (limits(call), call.args);
    let (field, increment) = (&args[2], integer(&args[3])?);
    let sum = change(call, |hash| {
        let number = match hash.get(field) {
            Some(text) => {
                text.integer().ok_or_else(|| Error::text("hash value is not an integer"))?
            }
            None => 0,
        };
        let sum = number.checked_add(increment).ok_or(Error::Overflow)?;
        hash.set(field, itoa::Buffer::new().format(sum).as_bytes(), Ends::AsBefore, limits);
        Ok(sum)
    })?;
    call.reply.integer(sum);
    Ok(())
}

pub(super) static HINCRBYFLOAT: Command = Command {
    name: "hincrbyfloat",
    arity: 4,
    flags: WRITE_FAST,
    keys: COUNT,
    group: Group::Hash,
    since: "2.6.0",
    summary: "Adds to the floating point value of a field; a missing field counts as 0.",
    arguments: &[Argument::key(), FIELD, Argument::new("increment", Kind::Double)],
    run: hincrbyfloat,
    ..Command::BASE
};

fn hincrbyfloat(call: &mut Call<'_>) -> Result<(), Error> {
    let (limits, args) = (limits(call), call.args);
    let field = &args[2];
    let increment = LongDouble::parse(&call.args[3]).ok_or(Error::NotAFloat)?;
    if !increment.is_finite() {
        return Err(Error::text("value is NaN or Infinity"));
    }
    let sum = change(call, |hash| {
        let number = match hash.get(field) {
            Some(text) => LongDouble::parse(text.bytes(&mut itoa::Buffer::new()))
                .ok_or_else(|| Error::text("hash value is not a float"))?,
            None => LongDouble::from(0),
        };
        let sum = number.checked_add(increment).ok_or(Error::NotFinite)?.to_string();
        hash.set(field, sum.as_bytes(), Ends::AsBefore, limits);
        Ok(sum)
    })?;
    call.reply.bulk(sum.as_bytes());
    Ok(())
}

/// Changes the hash at the key; an error leaves it as it was.
fn change<R>(
    call: &mut Call<'_>,
    change: impl FnOnce(&mut Hash) -> Result<R, Error>,
) -> Result<R, Error> {
    call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter_or_new(|hash: &mut Hash| match change(hash) {
            Ok(outcome) => Edit::done(Ok(outcome)),
            Err(error) => Edit::none(Err(error)),
        })
    })?
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    /// The replies of redis-server 7.0.15.
    #[test]
    fn fields_count_from_nothing_and_faults_change_nothing() {
        for mut harness in Harness::each_way() {
            for (line, expected) in [
                ("HINCRBY h n x", "-ERR value is not an integer or out of range"),
                ("HINCRBYFLOAT h n x", "-ERR value is not a valid float"),
                ("HINCRBYFLOAT h n inf", "-ERR value is NaN or Infinity"),
                ("EXISTS h", ":0"),
                ("HINCRBY h n 5", ":5"),
                ("HINCRBY h n -7", ":-2"),
                ("HINCRBYFLOAT h n 0.5", "$4\r\n-1.5"),
                ("HINCRBY h n 1", "-ERR hash value is not an integer"),
                ("HSET h most 9223372036854775807 text x inf inf", ":3"),
                ("HINCRBY h most 1", "-ERR increment or decrement would overflow"),
                ("HINCRBYFLOAT h text 1", "-ERR hash value is not a float"),
                ("HINCRBYFLOAT h inf 1", "-ERR increment would produce NaN or Infinity"),
                (
                    "HMGET h n most text",
                    "*3\r\n$4\r\n-1.5\r\n$19\r\n9223372036854775807\r\n$1\r\nx",
                ),
            ] {
                assert_eq!(harness.run(line), format!("{expected}\r\n"), "{line}");
            }
        }
    }
}
