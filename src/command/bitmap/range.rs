//! Many bits of a string: counting them, and finding the first.

use std::ops::Range;

use super::words;
use crate::command::options::{integer, is};
use crate::command::string::string;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec};

const UNIT: Argument =
    Argument::one_of("index_unit", &[Argument::word("byte", "BYTE"), Argument::word("bit", "BIT")])
        .since("7.0.0")
        .optional();

const UNIT_HISTORY: &[(&str, &str)] = &[("7.0.0", "Added the `BYTE|BIT` option.")];

pub(super) static BITCOUNT: Command = Command {
    name: "bitcount",
    arity: -2,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Bitmap,
    since: "2.6.0",
    history: UNIT_HISTORY,
    complexity: "O(N)",
    summary: "Counts the bits that are set in a string or in a part of it.",
    arguments: &[
        Argument::key(),
        Argument::block("index", &[Argument::integer("start"), Argument::integer("end"), UNIT])
            .optional(),
    ],
    run: bitcount,
    ..Command::BASE
};

fn bitcount(call: &mut Call<'_>) -> Result<(), Error> {
    let args = call.args;
    // Where there is no key, Redis does not look at the other words.
    let Some(text) = string(call.keyspace.read(call.session.db, &args[1]))? else {
        call.reply.integer(0);
        return Ok(());
    };
    let mut digits = itoa::Buffer::new();
    let bytes = text.bytes(&mut digits);
    let bits = match args.len() {
        2 => 0..bytes.len() * 8,
        4 | 5 => {
            let (start, end) = (integer(&args[2])?, integer(&args[3])?);
            // The wrong way round even where both lie before the first bit.
            let reversed = start < 0 && end < 0 && start > end;
            if reversed { 0..0 } else { Unit::read(args.get(4))?.bits(start, end, bytes.len()) }
        }
        _ => return Err(Error::Syntax),
    };
    call.reply.integer(words::count(bytes, bits) as i64);
    Ok(())
}

pub(super) static BITPOS: Command = Command {
    name: "bitpos",
    arity: -3,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Bitmap,
    since: "2.8.7",
    history: UNIT_HISTORY,
    complexity: "O(N)",
    summary: "Finds the first bit that is set, or the first that is not, in a string or in a part of it.",
    arguments: &[
        Argument::key(),
        Argument::integer("bit"),
        Argument::block(
            "index",
            &[
                Argument::integer("start"),
                Argument::block("end_index", &[Argument::integer("end"), UNIT]).optional(),
            ],
        )
        .optional(),
    ],
    run: bitpos,
    ..Command::BASE
};

fn bitpos(call: &mut Call<'_>) -> Result<(), Error> {
    let args = call.args;
    let set = match integer(&args[2])? {
        0 => false,
        1 => true,
        _ => return Err(Error::text("The bit argument must be 1 or 0.")),
    };
    let Some(text) = string(call.keyspace.read(call.session.db, &args[1]))? else {
        call.reply.integer(if set { -1 } else { 0 });
        return Ok(());
    };
    let mut digits = itoa::Buffer::new();
    let bytes = text.bytes(&mut digits);
    let (start, end, unit) = match args.len() {
        3 => (0, None, Unit::Byte),
        4..=6 => {
            let start = integer(&args[3])?;
            let unit = Unit::read(args.get(5))?;
            (start, args.get(4).map(integer).transpose()?, unit)
        }
        _ => return Err(Error::Syntax),
    };
    let bits = unit.bits(start, end.unwrap_or(-1), bytes.len());
    // Zeros follow the string, as far as its end has not been named.
    let beyond = (!set && end.is_none() && !bits.is_empty()).then_some(bits.end);
    let place = words::find(bytes, bits, set).or(beyond);
    call.reply.integer(place.map_or(-1, |place| place as i64));
    Ok(())
}

/// What the ends of a range count.
#[derive(Clone, Copy)]
enum Unit {
    Bit,
    Byte,
}

impl Unit {
    fn read(word: Option<&[u8]>) -> Result<Self, Error> {
        match word {
            Some(word) if is(word, "BIT") => Ok(Self::Bit),
            Some(word) if !is(word, "BYTE") => Err(Error::Syntax),
            _ => Ok(Self::Byte),
        }
    }

    /// The bits from `start` to `end`, inclusive, of a string of `len` bytes; negative ends count
    /// from the string's end, and what lies before its beginning counts as the first.
    fn bits(self, start: i64, end: i64, len: usize) -> Range<usize> {
        let size = match self {
            Self::Bit => 1,
            Self::Byte => 8,
        };
        let total = (len * 8 / size) as i64;
        let from_front = |at: i64| if at < 0 { (total + at).max(0) } else { at };
        let (start, end) = (from_front(start), from_front(end).min(total - 1));
        if start > end { 0..0 } else { start as usize * size..(end as usize + 1) * size }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    #[test]
    fn a_part_is_counted_in_bytes_or_bits() {
        let mut harness = Harness::new();
        harness.run("MSET k foobar number 12");
        for (part, ones) in [
            ("", 26),
            (" 0 0", 4),
            (" 1 1", 6),
            (" 1 1 BYTE", 6),
            (" 5 30 bit", 17),
            (" -1 -1", 4),
            (" -100 100", 26),
            (" 3 1", 0),
            (" 6 10", 0),
            (" -9 -7", 4),
            (" -7 -9", 0),
            (" -1 -3 nothing", 0),
            (" 0 9223372036854775807 BIT", 26),
            (" -9223372036854775808 -1 BIT", 26),
        ] {
            assert_eq!(harness.run(&format!("BITCOUNT k{part}")), format!(":{ones}\r\n"), "{part}");
        }
        assert_eq!(harness.run("BITCOUNT number"), ":6\r\n");
        assert_eq!(harness.run("BITCOUNT missing x"), ":0\r\n");
    }

    #[test]
    fn the_first_bit_is_found_in_bytes_or_bits() {
        let mut harness = Harness::new();
        harness.run_words(&[&b"SET"[..], b"k", b"\xff\xf0\x00"]);
        harness.run_words(&[&b"SET"[..], b"ones", b"\xff\xff"]);
        harness.run_words(&["SET", "empty", ""]);
        for (request, place) in [
            ("k 0", 12),
            ("k 1", 0),
            ("k 1 2", -1),
            ("k 0 2", 16),
            ("k 1 1 -1 BYTE", 8),
            ("k 0 0 7 BIT", -1),
            ("k 1 -13 -10 bit", 11),
            ("k 0 -9 -10", -1),
            ("ones 0", 16),
            ("ones 0 0", 16),
            ("ones 0 0 -1", -1),
            ("ones 0 2", -1),
            ("ones 1 1", 8),
            ("empty 0", -1),
            ("missing 0", 0),
            ("missing 1 x", -1),
        ] {
            assert_eq!(
                harness.run(&format!("BITPOS {request}")),
                format!(":{place}\r\n"),
                "{request}"
            );
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_answered_as_by_redis() {
        let mut harness = Harness::new();
        harness.run("SET k foobar");
        let syntax = "-ERR syntax error\r\n";
        let no_integer = "-ERR value is not an integer or out of range\r\n";
        for (line, error) in [
            ("BITCOUNT k 1", syntax),
            ("BITCOUNT k 1 x", no_integer),
            ("BITCOUNT k 1 1 x", syntax),
            ("BITCOUNT k 1 1 BIT x", syntax),
            ("BITPOS k x", no_integer),
            ("BITPOS missing 2 x", "-ERR The bit argument must be 1 or 0.\r\n"),
            ("BITPOS k 1 x", no_integer),
            ("BITPOS k 1 0 x", no_integer),
            ("BITPOS k 1 0 x y", syntax),
            ("BITPOS k 1 0 1 bit y", syntax),
        ] {
            assert_eq!(harness.run(line), error, "{line}");
        }
    }
}
