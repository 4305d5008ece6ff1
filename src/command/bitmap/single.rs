//! One bit of a string: reading and writing it.

use super::{WRITE, bit_offset};
use crate::command::string::string;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec};

pub(super) static GETBIT: Command = Command {
    name: "getbit",
    arity: 3,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Bitmap,
    since: "2.2.0",
    summary: "Returns one bit of a string; beyond its end there are zeros.",
    arguments: &[Argument::key(), Argument::integer("offset")],
    run: getbit,
    ..Command::BASE
};

fn getbit(call: &mut Call<'_>) -> Result<(), Error> {
    let offset = bit_offset(call, &call.args[2], 1)?;
    let text = string(call.keyspace.read(call.session.db, &call.args[1]))?;
    let mut digits = itoa::Buffer::new();
    let byte = text.and_then(|text| text.bytes(&mut digits).get(offset / 8).copied());
    call.reply.integer((byte.unwrap_or(0) & mask(offset) != 0).into());
    Ok(())
}

pub(super) static SETBIT: Command = Command {
    name: "setbit",
    arity: 4,
    flags: WRITE,
    keys: &[KeySpec::one(&["RW", "access", "update"])],
    group: Group::Bitmap,
    since: "2.2.0",
    summary: "Sets or clears one bit of a string and returns what it was.",
    arguments: &[Argument::key(), Argument::integer("offset"), Argument::integer("value")],
    run: setbit,
    ..Command::BASE
};

fn setbit(call: &mut Call<'_>) -> Result<(), Error> {
    let offset = bit_offset(call, &call.args[2], 1)?;
    let set = match &call.args[3] {
        b"0" => false,
        b"1" => true,
        _ => return Err(Error::text("bit is not an integer or out of range")),
    };
    let (byte, mask) = (offset / 8, mask(offset));
    let was_set = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        string(slot.value())?;
        let mut was_set = false;
        slot.edit(byte + 1, |text| {
            was_set = text[byte] & mask != 0;
            text[byte] = if set { text[byte] | mask } else { text[byte] & !mask };
        });
        Ok::<_, Error>(was_set)
    })?;
    call.reply.integer(was_set.into());
    Ok(())
}

/// The bit in its byte.
fn mask(offset: usize) -> u8 {
    0x80 >> (offset % 8)
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    const NO_OFFSET: &str = "-ERR bit offset is not an integer or out of range\r\n";

    #[test]
    fn bits_are_numbered_from_the_highest_of_the_first_byte() {
        for mut harness in Harness::each_way() {
            assert_eq!(harness.run("SETBIT k 7 1"), ":0\r\n");
            assert_eq!(harness.run("GET k"), "$1\r\n\u{1}\r\n");
            assert_eq!(harness.run("SETBIT k 9 1"), ":0\r\n");
            assert_eq!(harness.run("GET k"), "$2\r\n\u{1}@\r\n");
            assert_eq!(harness.run("SETBIT k 7 0"), ":1\r\n");
            assert_eq!(harness.run("GET k"), "$2\r\n\0@\r\n");
            for (offset, bit) in [(7, 0), (8, 0), (9, 1), (10, 0), (16, 0), (u32::MAX, 0)] {
                assert_eq!(harness.run(&format!("GETBIT k {offset}")), format!(":{bit}\r\n"));
            }
            assert_eq!(harness.run("GETBIT missing 0"), ":0\r\n");
        }
    }

    #[test]
    fn a_bit_may_be_changed_in_every_form_of_string() {
        let mut harness = Harness::new();
        let long = "\0".repeat(100_000);
        let long_changed = format!("@{}", &long[1..]);
        for (value, was, is, changed) in
            [("12", 0, 1, "q2"), ("ab", 1, 0, "!b"), (&long, 0, 1, &long_changed)]
        {
            harness.set("k", value);
            harness.run("EXPIRE k 100");
            assert_eq!(harness.run("GETBIT k 1"), format!(":{was}\r\n"));
            assert_eq!(harness.run(&format!("SETBIT k 1 {is}")), format!(":{was}\r\n"));
            assert_eq!(harness.run("GETBIT k 1"), format!(":{is}\r\n"));
            assert_eq!(harness.get("k").as_deref(), Some(changed));
            assert_eq!(harness.encoding("k"), "raw");
            assert!(harness.expiry("k").is_some());
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_answered_as_by_redis() {
        let mut harness = Harness::new();
        let no_bit = "-ERR bit is not an integer or out of range\r\n";
        for (line, error) in [
            ("SETBIT k -1 x", NO_OFFSET),
            ("SETBIT k x 1", NO_OFFSET),
            ("SETBIT k 4294967296 1", NO_OFFSET),
            ("SETBIT k 9223372036854775808 1", NO_OFFSET),
            ("GETBIT k 4294967296", NO_OFFSET),
            ("SETBIT k 4294967295 2", no_bit),
            ("SETBIT k 1 x", no_bit),
            ("SETBIT k 1 01", no_bit),
        ] {
            assert_eq!(harness.run(line), error, "{line}");
        }
        assert_eq!(harness.len(0), 0, "and nothing is changed");
    }

    #[test]
    fn the_last_bit_is_the_last_of_the_longest_string() {
        let mut harness = Harness::new();
        let set = [(&b"proto-max-bulk-len"[..], &b"1mb"[..])];
        harness.worker.instance.config.set_many(set).expect("the least that is allowed");
        assert_eq!(harness.run("SETBIT k 8388608 1"), NO_OFFSET);
        assert_eq!(harness.run("SETBIT k 8388607 1"), ":0\r\n");
        assert_eq!(harness.run("STRLEN k"), ":1048576\r\n");
        assert_eq!(harness.run("GETBIT k 8388607"), ":1\r\n");
    }
}
