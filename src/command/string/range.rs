//! Parts of strings: reading them, writing them, and adding at the end.

use std::ops::Range;

use super::{WRITE, WRITE_FAST, string};
use crate::command::options::integer;
use crate::command::{Argument, Call, Command, Deprecated, Error, Flags, Group, KeySpec};
use crate::store::{Expiry, New, Slot, Text};

pub(super) static GETRANGE: Command = Command {
    name: "getrange",
    arity: 4,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::String,
    since: "2.4.0",
    complexity: PART_COMPLEXITY,
    summary: "Returns a part of a string; negative offsets count from its end.",
    arguments: PART,
    run: getrange,
    ..Command::BASE
};

pub(super) static SUBSTR: Command = Command {
    name: "substr",
    deprecated: Some(Deprecated { since: "2.0.0", replaced_by: "`GETRANGE`" }),
    arity: 4,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::String,
    complexity: PART_COMPLEXITY,
    summary: "Returns a part of a string; the old name of GETRANGE.",
    arguments: PART,
    run: getrange,
    ..Command::BASE
};

const PART: &[Argument] = &[Argument::key(), Argument::integer("start"), Argument::integer("end")];

const PART_COMPLEXITY: &str = "O(N) where N is the length of the returned string. The complexity is \
    ultimately determined by the returned length, but because creating a substring from an existing \
    string is very cheap, it can be considered O(1) for small strings.";

fn getrange(call: &mut Call<'_>) -> Result<(), Error> {
    let (start, end) = (integer(&call.args[2])?, integer(&call.args[3])?);
    match string(call.keyspace.read(call.session.db, &call.args[1]))? {
        None => call.reply.bulk(b""),
        Some(Text::Shared(bytes)) => {
            call.reply.bulk_shared(&bytes.slice(part(start, end, bytes.len())));
        }
        Some(text) => {
            let mut digits = itoa::Buffer::new();
            let bytes = text.bytes(&mut digits);
            call.reply.bulk(&bytes[part(start, end, bytes.len())]);
        }
    }
    Ok(())
}

/// The bytes from `start` to `end`, inclusive, of `len`; negative ones count from the end. What lies
/// before the first byte counts as the first, unless the two are the wrong way round.
fn part(start: i64, end: i64, len: usize) -> Range<usize> {
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let len = len as i64;
    let from_front = |offset: i64| if offset < 0 { (len + offset).max(0) } else { offset };
    let start = from_front(start);
    let end = from_front(end).min(len - 1);
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}

pub(super) static SETRANGE: Command = Command {
    name: "setrange",
    arity: 4,
    flags: WRITE,
    keys: &[KeySpec::one(&["RW", "update"])],
    group: Group::String,
    since: "2.2.0",
    complexity: "O(1), not counting the time taken to copy the new string in place. Usually, this \
        string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with \
        M being the length of the value argument.",
    summary: "Writes over a part of a string, which grows with zero bytes where needed.",
    arguments: &[Argument::key(), Argument::integer("offset"), Argument::string("value")],
    run: setrange,
    ..Command::BASE
};

fn setrange(call: &mut Call<'_>) -> Result<(), Error> {
    let offset = integer(&call.args[2])?;
    let offset = usize::try_from(offset).map_err(|_| Error::OffsetOutOfRange)?;
    let value = &call.args[3];
    let limit = call.instance.config.proto_max_bulk_len.get();
    let len = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        if value.is_empty() {
            // Nothing is written: the string does not even grow to the offset.
            return Ok(string(slot.value())?.map_or(0, |text| text.len()));
        }
        write_at(slot, offset, value, limit)
    })?;
    call.reply.integer(len as i64);
    Ok(())
}

pub(super) static APPEND: Command = Command {
    name: "append",
    arity: 3,
    flags: WRITE_FAST,
    keys: &[KeySpec::one(&["RW", "insert"])],
    group: Group::String,
    since: "2.0.0",
    complexity: "O(1). The amortized time complexity is O(1) assuming the appended value is small \
        and the already present value is of any size, since the dynamic string library used by \
        Redis will double the free space available on every reallocation.",
    summary: "Adds to the end of a string; a missing key is set.",
    arguments: &[Argument::key(), Argument::string("value")],
    run: append,
    ..Command::BASE
};

fn append(call: &mut Call<'_>) -> Result<(), Error> {
    let value = &call.args[2];
    let limit = call.instance.config.proto_max_bulk_len.get();
    let len = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        let Some(text) = string(slot.value())? else {
            slot.set(New::string(value), Expiry::Clear);
            return Ok(value.len());
        };
        let len = text.len();
        write_at(slot, len, value, limit)
    })?;
    call.reply.integer(len as i64);
    Ok(())
}

/// Writes `value` over the string from `offset` on; returns the string's length then.
fn write_at(slot: &mut Slot<'_>, offset: usize, value: &[u8], limit: u64) -> Result<usize, Error> {
    let len = string(slot.value())?.map_or(0, |text| text.len());
    let end = offset.checked_add(value.len()).filter(|end| *end as u64 <= limit);
    let end = end.ok_or(Error::TooLong)?;
    slot.edit(end, |text| text[offset..end].copy_from_slice(value));
    Ok(len.max(end))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::command::harness::Harness;
    use crate::memory::allocations;
    use crate::store::Value;

    const TOO_LONG: &str = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";

    #[test]
    fn parts_are_counted_from_either_end() {
        let text = "This is a string";
        let cases = [
            (0, 3, "This"),
            (-3, -1, "ing"),
            (0, -1, text),
            (10, 100, "string"),
            (5, 3, ""),
            (-1, -5, ""),
            (-100, -100, "T"),
            (-100, 3, "This"),
            (16, 20, ""),
            (i64::MIN, i64::MAX, text),
            (i64::MAX, i64::MIN, ""),
        ];
        for (start, end, expected) in cases {
            assert_eq!(&text[part(start, end, text.len())], expected, "{start} {end}");
            assert_eq!(part(start, end, 0).len(), 0);
        }
    }

    #[test]
    fn getrange_reads_every_form_of_string() {
        let mut harness = Harness::new();
        let long = "0123456789".repeat(10_000);
        harness.run(&format!("MSET number -1234 text abcdef long {long}"));
        assert_eq!(harness.run("GETRANGE number 0 1"), "$2\r\n-1\r\n");
        assert_eq!(harness.run("SUBSTR text -2 -1"), "$2\r\nef\r\n");
        assert_eq!(harness.run("GETRANGE long 50000 50003"), "$4\r\n0123\r\n");
        assert_eq!(
            harness.run("GETRANGE long 1 99998"),
            format!("$99998\r\n{}\r\n", &long[1..99_999])
        );
        assert_eq!(harness.run("GETRANGE missing 0 -1"), "$0\r\n\r\n");
        let no_integer = "-ERR value is not an integer or out of range\r\n";
        assert_eq!(harness.run("GETRANGE missing 0 x"), no_integer);
    }

    #[test]
    fn setrange_writes_over_and_beyond() {
        let mut harness = Harness::new();
        assert_eq!(harness.run("SETRANGE k 3 abc"), ":6\r\n");
        assert_eq!(harness.run("GET k"), "$6\r\n\0\0\0abc\r\n");
        assert_eq!(harness.run("SETRANGE k 0 12345678"), ":8\r\n");
        assert_eq!(harness.run("SETRANGE k 1 x"), ":8\r\n");
        assert_eq!(harness.run("GET k"), "$8\r\n1x345678\r\n");
        harness.run("SET number 12345");
        assert_eq!(harness.run("SETRANGE number 1 99"), ":5\r\n");
        assert_eq!(harness.run("GET number"), "$5\r\n19945\r\n");
        assert_eq!(harness.encoding("number"), "raw");
    }

    #[test]
    fn setrange_of_nothing_changes_nothing() {
        let mut harness = Harness::new();
        harness.run("SET k 12");
        for (words, expected) in [
            (["SETRANGE", "k", "9223372036854775807", ""], ":2\r\n"),
            (["SETRANGE", "missing", "5", ""], ":0\r\n"),
            (["SETRANGE", "k", "-1", ""], "-ERR offset is out of range\r\n"),
        ] {
            assert_eq!(harness.run_words(&words), expected);
        }
        assert_eq!(harness.encoding("k"), "int");
        assert_eq!(harness.run("GET missing"), "$-1\r\n");
    }

    #[test]
    fn append_keeps_the_expiry_and_makes_it_raw() {
        for mut harness in Harness::each_way() {
            assert_eq!(harness.run("APPEND k 12"), ":2\r\n");
            assert_eq!(harness.encoding("k"), "int");
            assert_eq!(harness.run("APPEND k 3"), ":3\r\n");
            assert_eq!(harness.encoding("k"), "raw");
            assert_eq!(harness.run("INCR k"), ":124\r\n");
            harness.run("SET k v EX 10");
            let expiry = harness.expiry("k");
            assert_eq!(harness.run_words(&["APPEND", "k", ""]), ":1\r\n");
            assert_eq!(harness.encoding("k"), "raw");
            assert_eq!(harness.run("APPEND k a-longer-text-than-fits"), ":24\r\n");
            assert_eq!((harness.expiry("k").is_some(), harness.expiry("k")), (true, expiry));
            assert_eq!(harness.run("GET k"), "$24\r\nva-longer-text-than-fits\r\n");
        }
    }

    #[test]
    fn no_string_grows_beyond_the_limit() {
        let mut harness = Harness::new();
        let limit = 1 << 20;
        let set = [(&b"proto-max-bulk-len"[..], &b"1mb"[..])];
        harness.worker.instance.config.set_many(set).expect("the least that is allowed");
        assert_eq!(harness.run(&format!("SETRANGE k {limit} x")), TOO_LONG);
        assert_eq!(harness.run("SETRANGE k 9223372036854775807 x"), TOO_LONG);
        assert_eq!(harness.run(&format!("SETRANGE k {} x", limit - 1)), format!(":{limit}\r\n"));
        assert_eq!(harness.run("APPEND k x"), TOO_LONG);
        assert_eq!(harness.run("STRLEN k"), format!(":{limit}\r\n"));
    }

    #[test]
    fn a_string_that_grows_byte_by_byte_is_right_at_every_length() {
        let mut harness = Harness::new();
        let mut expected = Vec::new();
        for i in 0..40_000u32 {
            let byte = [b'a' + (i % 26) as u8];
            expected.push(byte[0]);
            let len = harness.run_words(&[&b"APPEND"[..], b"k", &byte]);
            assert_eq!(len, format!(":{}\r\n", expected.len()));
        }
        let expected = String::from_utf8(expected).expect("letters");
        assert_eq!(harness.run("GET k"), format!("$40000\r\n{expected}\r\n"));
    }

    /// The large value at a key.
    fn shared(harness: &mut Harness, key: &str) -> Bytes {
        harness.look(key, |found| match found.value() {
            Value::String(Text::Shared(bytes)) => bytes.clone(),
            other => panic!("{other:?} is not shared"),
        })
    }

    /// A copy for each append would take 20,000 times 8 MB.
    #[test]
    fn appending_to_a_large_string_does_not_copy_it() {
        let mut harness = Harness::new();
        harness.run("SETRANGE k 8000000 x");
        harness.run("APPEND k x");
        let place = |harness: &mut Harness| shared(harness, "k").as_ptr();
        let before = place(&mut harness);
        for _ in 0..20_000 {
            harness.run("APPEND k 0123456789");
        }
        assert_eq!(place(&mut harness), before, "there was room");
        let before = allocations();
        harness.run("SETRANGE k 5 y");
        assert!(allocations() - before < 10, "in place");
        assert_eq!(harness.run("GETRANGE k 7999999 8000003"), "$5\r\n\0xx01\r\n");
    }

    #[test]
    fn a_reply_on_its_way_keeps_the_old_bytes() {
        let mut harness = Harness::new();
        harness.run("SETRANGE k 20000 x");
        let reply = shared(&mut harness, "k");
        harness.run("SETRANGE k 20000 y");
        assert_eq!((reply.len(), reply[20_000]), (20_001, b'x'));
        assert_eq!(harness.run("GETRANGE k -1 -1"), "$1\r\ny\r\n");
    }
}
