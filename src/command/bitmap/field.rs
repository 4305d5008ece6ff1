//! BITFIELD: a string as an array of integers of any width.

use super::number::{Encoding, Overflow};
use super::{WRITE, bit_offset};
use crate::command::options::{integer, is};
use crate::command::string::string;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::resp::Args;

const COMPLEXITY: &str = "O(1) for each subcommand specified";

const PLACE: &[Argument] = &[Argument::string("encoding"), Argument::integer("offset")];

pub(super) static BITFIELD: Command = Command {
    name: "bitfield",
    arity: -2,
    flags: WRITE,
    keys: &[KeySpec::one(&["RW", "access", "update", "variable_flags"])
        .notes("This command allows both access and modification of the key")],
    key_flags: Some(|args| match only_gets(args.rest(2)) {
        true => &["RO", "access"],
        false => &["RW", "access", "update"],
    }),
    group: Group::Bitmap,
    since: "3.2.0",
    complexity: COMPLEXITY,
    summary: "Reads, sets and adds to integers of any width, anywhere in a string.",
    arguments: &[
        Argument::key(),
        Argument::one_of(
            "operation",
            &[Argument::block("encoding_offset", PLACE).token("GET"), WRITES],
        )
        .optional()
        .multiple(),
    ],
    run: bitfield,
    ..Command::BASE
};

const WRITES: Argument = Argument::block(
    "write",
    &[
        Argument::one_of(
            "wrap_sat_fail",
            &[
                Argument::word("wrap", "WRAP"),
                Argument::word("sat", "SAT"),
                Argument::word("fail", "FAIL"),
            ],
        )
        .token("OVERFLOW")
        .optional(),
        Argument::one_of(
            "write_operation",
            &[
                Argument::block(
                    "encoding_offset_value",
                    &[
                        Argument::string("encoding"),
                        Argument::integer("offset"),
                        Argument::integer("value"),
                    ],
                )
                .token("SET"),
                Argument::block(
                    "encoding_offset_increment",
                    &[
                        Argument::string("encoding"),
                        Argument::integer("offset"),
                        Argument::integer("increment"),
                    ],
                )
                .token("INCRBY"),
            ],
        ),
    ],
);

fn bitfield(call: &mut Call<'_>) -> Result<(), Error> {
    let operations = operations(call)?;
    let ends = operations.iter().filter(|operation| operation.writes()).map(Operation::end);
    match ends.max() {
        Some(end) => change(call, &operations, end.div_ceil(8)),
        None => look(call, &operations),
    }
}

pub(super) static BITFIELD_RO: Command = Command {
    name: "bitfield_ro",
    arity: -2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Bitmap,
    since: "6.0.0",
    complexity: COMPLEXITY,
    summary: "Reads integers of any width, anywhere in a string.",
    arguments: &[
        Argument::key(),
        Argument {
            multiple_token: true,
            ..Argument::block("encoding_offset", PLACE).token("GET").optional().multiple()
        },
    ],
    run: bitfield_ro,
    ..Command::BASE
};

fn bitfield_ro(call: &mut Call<'_>) -> Result<(), Error> {
    let operations = operations(call)?;
    if operations.iter().any(Operation::writes) {
        return Err(Error::text("BITFIELD_RO only supports the GET subcommand"));
    }
    look(call, &operations)
}

/// Answers operations that do not write.
fn look(call: &mut Call<'_>, operations: &[Operation]) -> Result<(), Error> {
    let text = string(call.keyspace.read(call.session.db, &call.args[1]))?;
    let mut digits = itoa::Buffer::new();
    let bytes = text.as_ref().map_or(&b""[..], |text| text.bytes(&mut digits));
    call.reply.array(operations.len());
    for operation in operations {
        call.reply.integer(operation.read(bytes));
    }
    Ok(())
}

/// Runs operations of which some write, the last of them into a string of `len` bytes.
fn change(call: &mut Call<'_>, operations: &[Operation], len: usize) -> Result<(), Error> {
    call.keyspace.write(call.session.db, &call.args[1], |slot| {
        string(slot.value())?;
        call.reply.array(operations.len());
        slot.edit(len, |bytes| {
            for operation in operations {
                match operation.run(bytes) {
                    Some(number) => call.reply.integer(number),
                    None => call.reply.null(),
                }
            }
        });
        Ok(())
    })
}

/// One subcommand, with the integer that it is about.
struct Operation {
    action: Action,
    encoding: Encoding,
    /// In bits.
    offset: usize,
    overflow: Overflow,
}

enum Action {
    Get,
    Set(i64),
    IncrBy(i64),
}

impl Operation {
    fn writes(&self) -> bool {
        !matches!(self.action, Action::Get)
    }

    /// The place behind its last bit.
    fn end(&self) -> usize {
        self.offset + self.encoding.bits
    }

    fn read(&self, bytes: &[u8]) -> i64 {
        self.encoding.read(bytes, self.offset)
    }

    /// Returns what is answered, or none if the number had no room and must not be changed then.
    fn run(&self, bytes: &mut [u8]) -> Option<i64> {
        let old = self.read(bytes);
        let (new, answer) = match self.action {
            Action::Get => return Some(old),
            Action::Set(number) => (self.encoding.fit(number, self.overflow)?, old),
            Action::IncrBy(increment) => {
                let sum = self.encoding.sum(old, increment, self.overflow)?;
                (sum, sum)
            }
        };
        self.encoding.write(bytes, self.offset, new);
        Some(answer)
    }
}

/// The subcommands of a request; an OVERFLOW is part of those that follow it.
fn operations(call: &Call<'_>) -> Result<Vec<Operation>, Error> {
    let (mut operations, mut overflow) = (Vec::new(), Overflow::default());
    let mut words = call.args.iter().skip(2);
    while let Some(name) = words.next() {
        let mut next = || words.next().ok_or(Error::Syntax);
        if is(name, "OVERFLOW") {
            let word = next()?;
            let unknown = || Error::text("Invalid OVERFLOW type specified");
            overflow = Overflow::parse(word).ok_or_else(unknown)?;
            continue;
        }
        let action: Option<fn(i64) -> Action> = match name {
            _ if is(name, "GET") => None,
            _ if is(name, "SET") => Some(Action::Set),
            _ if is(name, "INCRBY") => Some(Action::IncrBy),
            _ => return Err(Error::Syntax),
        };
        let (encoding, offset) = (next()?, next()?);
        let number = action.is_some().then(next).transpose()?;
        let encoding = Encoding::parse(encoding).ok_or_else(|| Error::text(NO_ENCODING))?;
        let offset = match offset {
            [b'#', number @ ..] => bit_offset(call, number, encoding.bits)?,
            _ => bit_offset(call, offset, 1)?,
        };
        let action = match (action, number) {
            (Some(action), Some(number)) => action(integer(number)?),
            _ => Action::Get,
        };
        operations.push(Operation { action, encoding, offset, overflow });
    }
    Ok(operations)
}

const NO_ENCODING: &str = "Invalid bitfield type. Use something like i16 u8. Note that u64 is not \
    supported but i64 is.";

/// Whether these words are whole subcommands, of which none writes.
fn only_gets(words: Args<'_>) -> bool {
    let mut words = words.iter();
    while let Some(name) = words.next() {
        let last = match name {
            _ if is(name, "GET") => words.nth(1),
            _ if is(name, "OVERFLOW") => words.next(),
            _ => None,
        };
        if last.is_none() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::command::harness::Harness;
    use crate::resp::Version;

    #[test]
    fn integers_are_read_and_written_side_by_side() {
        for mut harness in Harness::each_way() {
            let request = "BITFIELD k SET u8 0 200 SET i5 8 -3 GET i8 0 INCRBY u4 #0 5 GET u4 13";
            assert_eq!(harness.run(request), "*5\r\n:0\r\n:0\r\n:-56\r\n:1\r\n:0\r\n");
            assert_eq!(harness.run("BITFIELD_RO k GET i5 8 GET u4 0"), "*2\r\n:-3\r\n:1\r\n");
            assert_eq!(harness.run("STRLEN k"), ":2\r\n");
            assert_eq!(harness.encoding("k"), "raw");
            assert_eq!(
                harness.run("BITFIELD k GET u8 #1 GET u63 4294967295"),
                "*2\r\n:232\r\n:0\r\n"
            );
            assert_eq!(harness.run("STRLEN k"), ":2\r\n", "reading adds nothing");
            harness.run("SET number 12");
            assert_eq!(harness.run("BITFIELD number GET u8 #0 GET u8 #1"), "*2\r\n:49\r\n:50\r\n");
            assert_eq!(harness.encoding("number"), "int");
            assert_eq!(harness.run("BITFIELD missing GET u8 0"), "*1\r\n:0\r\n");
            assert_eq!(harness.run("BITFIELD missing"), "*0\r\n");
            assert_eq!(harness.run("EXISTS missing"), ":0\r\n");
        }
    }

    #[test]
    fn overflow_holds_until_the_next_one() {
        let mut harness = Harness::new();
        let request = "BITFIELD k SET u2 0 5 OVERFLOW SAT SET u2 2 5 INCRBY u2 2 1 OVERFLOW fail \
                       INCRBY u2 2 1 SET u2 2 4 OVERFLOW WRAP INCRBY u2 2 1 GET u4 0";
        assert_eq!(harness.run(request), "*7\r\n:0\r\n:0\r\n:3\r\n$-1\r\n$-1\r\n:0\r\n:4\r\n");
        harness.speak(Version::V3);
        assert_eq!(harness.run("BITFIELD new OVERFLOW FAIL SET i8 0 200"), "*1\r\n_\r\n");
        assert_eq!(harness.run("STRLEN new"), ":1\r\n", "the room is made all the same");
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_answered_as_by_redis() {
        let mut harness = Harness::new();
        let syntax = "syntax error";
        let no_offset = "bit offset is not an integer or out of range";
        let no_integer = "value is not an integer or out of range";
        let only_get = "BITFIELD_RO only supports the GET subcommand";
        for (line, error) in [
            ("BITFIELD k GET", syntax),
            ("BITFIELD k GET x", syntax),
            ("BITFIELD k SET u8 0", syntax),
            ("BITFIELD k nothing", syntax),
            ("BITFIELD k OVERFLOW", syntax),
            ("BITFIELD k OVERFLOW x", "Invalid OVERFLOW type specified"),
            ("BITFIELD k SET u8 0 1 GET u64 x", super::NO_ENCODING),
            ("BITFIELD k SET u8 x x", no_offset),
            ("BITFIELD k GET u8 4294967296", no_offset),
            ("BITFIELD k GET u8 #536870912", no_offset),
            ("BITFIELD k GET i64 #9223372036854775807", no_offset),
            ("BITFIELD k GET u8 ##1", no_offset),
            ("BITFIELD k GET u8 -1", no_offset),
            ("BITFIELD k SET u8 0 x", no_integer),
            ("BITFIELD_RO k SET u8 0 x", no_integer),
            ("BITFIELD_RO k SET u8 0 1", only_get),
            ("BITFIELD_RO k GET u8 0 INCRBY u8 0 1", only_get),
        ] {
            assert_eq!(harness.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
        assert_eq!(harness.len(0), 0, "and nothing is changed");
    }

    /// As redis-server 7.0.15 tells.
    #[test]
    fn what_only_reads_says_so_to_those_who_ask_for_keys() {
        let mut harness = Harness::new();
        for (words, writes) in [
            ("", false),
            (" GET u8 0", false),
            (" OVERFLOW WRAP GET u8 0", false),
            (" GET u8 0 SET u8 0 1", true),
            (" INCRBY u8 0 1", true),
            (" GET u8", true),
            (" nothing", true),
        ] {
            let reply = harness.run(&format!("COMMAND GETKEYSANDFLAGS BITFIELD k{words}"));
            let flags =
                if writes { "*3\r\n+RW\r\n+access\r\n+update" } else { "*2\r\n+RO\r\n+access" };
            assert_eq!(reply, format!("*1\r\n*2\r\n$1\r\nk\r\n{flags}\r\n"), "{words}");
        }
    }

    /// One subcommand: GET, SET or INCRBY; overflow; sign and width; place; number.
    type Draw = (usize, usize, (bool, u32), usize, i64);

    fn draw() -> impl Strategy<Value = Draw> {
        let encoding = any::<bool>()
            .prop_flat_map(|signed| (Just(signed), 1..=if signed { 64u32 } else { 63 }));
        let number = prop_oneof![any::<i64>(), -300..300i64, Just(i64::MIN), Just(i64::MAX)];
        (0..3usize, 0..3usize, encoding, 0..200usize, number)
    }

    /// Bit by bit: what the fields hold, and what is answered.
    fn model(
        bits: &mut [bool],
        (action, overflow, (signed, width), offset, number): Draw,
    ) -> Option<i128> {
        let width = width as usize;
        let mut old = 0;
        for at in 0..width {
            old = old * 2 + i128::from(bits.get(offset + at).copied().unwrap_or(false));
        }
        let (least, most) = match signed {
            true => (-(1i128 << (width - 1)), (1i128 << (width - 1)) - 1),
            false => (0, (1i128 << width) - 1),
        };
        if old > most {
            old -= 1 << width;
        }
        let mut new = match (action, signed) {
            (0, _) => return Some(old),
            (1, true) => number.into(),
            (1, false) => (number as u64).into(),
            _ => old + i128::from(number),
        };
        if !(least..=most).contains(&new) {
            match overflow {
                0 => new = (new - least).rem_euclid(1 << width) + least,
                1 => new = new.clamp(least, most),
                _ => return None,
            }
        }
        for at in 0..width {
            bits[offset + at] = new >> (width - 1 - at) & 1 == 1;
        }
        Some(if action == 1 { old } else { new })
    }

    proptest! {
        #[test]
        fn fields_are_those_of_a_model_bit_by_bit(
            start in prop::collection::vec(any::<u8>(), 1..40),
            draws in prop::collection::vec(draw(), 1..12),
        ) {
            let mut harness = Harness::new();
            harness.run_words(&[&b"SET"[..], b"k", &start]);
            let mut bits: Vec<bool> =
                start.iter().flat_map(|byte| (0..8).map(move |at| byte << at & 0x80 != 0)).collect();
            let writes = draws.iter().filter(|draw| draw.0 != 0);
            let end = writes.map(|draw| draw.3 + draw.2.1 as usize).max().unwrap_or(0);
            bits.resize(bits.len().max(end.next_multiple_of(8)), false);
            let (mut line, mut expected) = ("BITFIELD k".to_owned(), format!("*{}\r\n", draws.len()));
            for draw in draws {
                let (action, overflow, (signed, width), offset, number) = draw;
                line += [" OVERFLOW WRAP", " OVERFLOW SAT", " OVERFLOW FAIL"][overflow];
                let sign = if signed { 'i' } else { 'u' };
                let name = ["GET", "SET", "INCRBY"][action];
                line += &format!(" {name} {sign}{width} {offset}");
                if action != 0 {
                    line += &format!(" {number}");
                }
                expected += &match model(&mut bits, draw) {
                    Some(answer) => format!(":{answer}\r\n"),
                    None => "$-1\r\n".to_owned(),
                };
            }
            prop_assert_eq!(harness.run(&line), expected, "{}", line);
            let ones = bits.iter().filter(|bit| **bit).count();
            prop_assert_eq!(harness.run("BITCOUNT k"), format!(":{ones}\r\n"));
            for (offset, bit) in bits.iter().enumerate() {
                let reply = harness.run(&format!("GETBIT k {offset}"));
                prop_assert_eq!(reply, format!(":{}\r\n", u8::from(*bit)));
            }
        }
    }
}
