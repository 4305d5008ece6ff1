//! BITOP: one string out of several, bit by bit.

use super::WRITE;
use crate::command::options::is;
use crate::command::string::string;
use crate::command::{Argument, Call, Command, Error, Group, KeySpec, Kind};
use crate::store::{Expiry, New};

pub(super) static BITOP: Command = Command {
    name: "bitop",
    arity: -4,
    flags: WRITE,
    keys: &[KeySpec::at(2, &["OW", "update"]), KeySpec { begin: 3, ..KeySpec::all(KeySpec::READ) }],
    group: Group::Bitmap,
    since: "2.6.0",
    complexity: "O(N)",
    summary: "Combines strings bit by bit and stores the outcome; short ones count as if zeros followed.",
    arguments: &[
        Argument::string("operation"),
        Argument::new("destkey", Kind::Key(0)),
        Argument::new("key", Kind::Key(1)).multiple(),
    ],
    run: bitop,
    ..Command::BASE
};

fn bitop(call: &mut Call<'_>) -> Result<(), Error> {
    let args = call.args;
    let operation = Operation::read(&args[1])?;
    let sources = args.rest(3);
    if operation == Operation::Not && sources.len() > 1 {
        return Err(Error::text("BITOP NOT must be called with a single source key."));
    }
    let mut outcome = Vec::new();
    for (at, key) in sources.iter().enumerate() {
        let text = string(call.keyspace.read(call.session.db, key))?;
        let mut digits = itoa::Buffer::new();
        let source = text.as_ref().map_or(&b""[..], |text| text.bytes(&mut digits));
        match at {
            0 => outcome.extend_from_slice(source),
            _ => operation.combine(&mut outcome, source),
        }
    }
    if operation == Operation::Not {
        outcome.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let len = outcome.len();
    call.keyspace.write(call.session.db, &args[2], |slot| match len {
        0 => drop(slot.remove()),
        _ => slot.set(New::raw_from(&mut outcome), Expiry::Clear),
    });
    call.reply.integer(len as i64);
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    fn read(word: &[u8]) -> Result<Self, Error> {
        let names = [("AND", Self::And), ("OR", Self::Or), ("XOR", Self::Xor), ("NOT", Self::Not)];
        let found = names.iter().find(|(name, _)| is(word, name));
        found.map(|(_, operation)| *operation).ok_or(Error::Syntax)
    }

    /// Takes another string into the outcome, which becomes as long as the longer of the two.
    fn combine(self, outcome: &mut Vec<u8>, source: &[u8]) {
        if outcome.len() < source.len() {
            outcome.resize(source.len(), 0);
        }
        let (common, beyond) = outcome.split_at_mut(source.len());
        let pairs = common.iter_mut().zip(source);
        // The compiler makes loops over words of these.
        match self {
            Self::And => {
                pairs.for_each(|(byte, other)| *byte &= other);
                beyond.fill(0);
            }
            Self::Or => pairs.for_each(|(byte, other)| *byte |= other),
            Self::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
            Self::Not => {} // has one string only
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    #[test]
    fn strings_are_combined_bit_by_bit() {
        for mut harness in Harness::each_way() {
            harness.run("MSET a foobar b abcdef short \u{60}\u{7f} number 1");
            for (request, len, outcome) in [
                ("AND d a b", 6, "`bc`ab"),
                ("or d a b", 6, "goofev"),
                ("XOR d a a", 6, "\0\0\0\0\0\0"),
                ("XOR d a a a", 6, "foobar"),
                ("AND d a short", 6, "`o\0\0\0\0"),
                ("AND d short a", 6, "`o\0\0\0\0"),
                ("AND d a missing", 6, "\0\0\0\0\0\0"),
                ("OR d short missing number", 2, "q\u{7f}"),
                ("XOR d missing short", 2, "`\u{7f}"),
                ("AND d a", 6, "foobar"),
            ] {
                harness.run("SET d old EX 100");
                let reply = harness.run(&format!("BITOP {request}"));
                assert_eq!(reply, format!(":{len}\r\n"), "{request}");
                assert_eq!(harness.get("d").as_deref(), Some(outcome), "{request}");
                assert_eq!((harness.encoding("d"), harness.expiry("d")), ("raw", None));
            }
            harness.run("BITOP NOT a a");
            harness.run("BITOP NOT a a");
            assert_eq!(harness.get("a").as_deref(), Some("foobar"), "a key may be its own source");
        }
    }

    #[test]
    fn long_strings_are_combined_to_their_end() {
        let mut harness = Harness::new();
        harness.set("long", &"3".repeat(100_000));
        harness.set("longer", &"5".repeat(100_001));
        assert_eq!(harness.run("BITOP AND d long longer"), ":100001\r\n");
        assert_eq!(harness.get("d"), Some("1".repeat(100_000) + "\0"));
        assert_eq!(harness.run("BITOP OR d longer long"), ":100001\r\n");
        assert_eq!(harness.get("d"), Some("7".repeat(100_000) + "5"));
    }

    #[test]
    fn nothing_out_of_nothing_removes_the_key() {
        let mut harness = Harness::new();
        harness.run("SET d v");
        assert_eq!(harness.run("BITOP OR d missing d2"), ":0\r\n");
        assert_eq!(harness.len(0), 0);
        assert_eq!(harness.run("BITOP NOT d missing"), ":0\r\n");
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_answered_as_by_redis() {
        let mut harness = Harness::new();
        assert_eq!(harness.run("BITOP x d a b"), "-ERR syntax error\r\n");
        assert_eq!(
            harness.run("BITOP NOT d a b"),
            "-ERR BITOP NOT must be called with a single source key.\r\n"
        );
    }
}
