//! Hashes: HGET, HSET and their kind.

mod counter;
mod expire;
mod fields;
mod get;
mod get_set_ex;
mod random;
mod scan;
mod set;

use counter::{HINCRBY, HINCRBYFLOAT};
use expire::{
    HEXPIRE, HEXPIREAT, HEXPIRETIME, HPERSIST, HPEXPIRE, HPEXPIREAT, HPEXPIRETIME, HPTTL, HTTL,
};
use get::{HEXISTS, HGET, HGETALL, HKEYS, HLEN, HMGET, HSTRLEN, HVALS};
use get_set_ex::{HGETDEL, HGETEX, HSETEX};
use random::HRANDFIELD;
use scan::HSCAN;
use set::{HDEL, HMSET, HSET, HSETNX};

use super::string::reply_text;
use super::{Argument, Call, Command, Error, Flags};
use crate::resp::Reply;
use crate::store::{Hash, Limits, Text};

/// The commands of this group, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[
    &HDEL,
    &HEXISTS,
    &HEXPIRE,
    &HEXPIREAT,
    &HEXPIRETIME,
    &HGET,
    &HGETALL,
    &HGETDEL,
    &HGETEX,
    &HINCRBY,
    &HINCRBYFLOAT,
    &HKEYS,
    &HLEN,
    &HMGET,
    &HMSET,
    &HPERSIST,
    &HPEXPIRE,
    &HPEXPIREAT,
    &HPEXPIRETIME,
    &HPTTL,
    &HRANDFIELD,
    &HSCAN,
    &HSET,
    &HSETEX,
    &HSETNX,
    &HSTRLEN,
    &HTTL,
    &HVALS,
];

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.and(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST);
const FIELD: Argument = Argument::string("field");
const VALUE: Argument = Argument::string("value");

/// The hash at the key, the word after the name.
#[inline]
fn hash<'a>(call: &'a mut Call<'_>) -> Result<Option<&'a Hash>, Error> {
    Ok(call.keyspace.read_as(call.session.db, &call.args[1])?)
}

/// Replies with the value of a field, or with null.
#[inline]
fn reply_value(reply: &mut Reply<'_>, value: Option<Text<'_>>) {
    match value {
        Some(value) => reply_text(reply, value),
        None => reply.null(),
    }
}

/// How large a hash may become before it is a table.
#[inline]
pub(super) fn limits(call: &Call<'_>) -> Limits {
    let config = &call.instance.config;
    Limits {
        entries: config.hash_max_listpack_entries.get() as usize,
        value: config.hash_max_listpack_value.get() as usize,
    }
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};

    #[test]
    fn warm_requests_allocate_nothing() {
        let mut harness = Harness::new();
        harness.run("HSET small f 123 g text");
        for i in 0..1000 {
            harness.run(&format!("HSET large f{i} v{i}"));
        }
        for line in [
            "HGET small g",
            "HGET small missing",
            "HGET large f500",
            "HGETALL small",
            "HLEN large",
            "HSET small f 456",
            "HSET large f500 w500",
            "HDEL small missing",
            "HMGET large f500 missing",
            "HEXISTS small g",
            "HINCRBY small f 1",
            "HRANDFIELD large",
        ] {
            assert_eq!(harness.allocations_of(line, 10), 0, "{line}");
        }
    }

    /// What the commands of all keys make of a hash in either form.
    #[test]
    fn hashes_are_renamed_copied_moved_and_expire_as_strings_do() {
        for mut harness in Harness::each_way() {
            for fields in [1, 600] {
                harness.run("FLUSHALL");
                let set: Vec<String> = (0..fields).map(|i| format!(" f{i} {i}")).collect();
                harness.run(&format!("HSET h{}", set.concat()));
                let whole = |harness: &mut Harness, key: &str| {
                    let mut all = bulks(&harness.run(&format!("HGETALL {key}")));
                    all.sort();
                    all
                };
                let before = whole(&mut harness, "h");
                assert_eq!(before.len(), 2 * fields);
                assert_eq!(harness.run("EXPIRE h 100"), ":1\r\n");
                assert_eq!(harness.run("COPY h copy"), ":1\r\n");
                assert_eq!(harness.run("RENAME h renamed"), "+OK\r\n");
                assert_eq!(harness.run("SET string v"), "+OK\r\n");
                assert_eq!(harness.run("RENAME renamed string"), "+OK\r\n");
                assert_eq!(harness.run("HSET copy f0 changed"), ":0\r\n");
                assert_eq!(whole(&mut harness, "string"), before);
                for key in ["copy", "string"] {
                    assert_eq!(harness.run(&format!("TTL {key}")), ":100\r\n");
                    assert_eq!(harness.run(&format!("TYPE {key}")), "+hash\r\n");
                }
                assert_eq!(harness.run("PERSIST copy"), ":1\r\n");
                assert_eq!(harness.run("MOVE copy 1"), ":1\r\n");
                assert_eq!(
                    harness.run("SCAN 0 TYPE hash COUNT 10000").matches("string").count(),
                    1
                );
                assert_eq!(
                    harness.run("SCAN 0 TYPE string COUNT 10000"),
                    "*2\r\n$1\r\n0\r\n*0\r\n"
                );
                let form = if fields == 1 { "listpack" } else { "hashtable" };
                assert_eq!(harness.encoding("string"), form);
                harness.wait_ms(100_001);
                assert_eq!(harness.run("EXISTS string"), ":0\r\n");
                assert_eq!((harness.len(0), harness.len(1)), (0, 1));
                harness.session.db = 1;
                assert_eq!(harness.run("HGET copy f0"), "$7\r\nchanged\r\n");
                assert_eq!(harness.run("SET copy v"), "+OK\r\n");
                assert_eq!(harness.get("copy").as_deref(), Some("v"));
                harness.session.db = 0;
            }
        }
    }

    #[test]
    fn commands_of_one_type_leave_values_of_another_alone() {
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
        let mut harness = Harness::new();
        harness.run("HSET h f v");
        harness.run("SET s v");
        harness.worker.keyspace.take_tally();
        for line in [
            "GET h",
            "GETSET h x",
            "GETDEL h",
            "GETEX h EX 1",
            "SET h x GET",
            "APPEND h x",
            "STRLEN h",
            "SETRANGE h 0 x",
            "GETRANGE h 0 1",
            "INCR h",
            "INCRBYFLOAT h 1",
            "HGET s f",
            "HSET s f v",
            "HDEL s f",
            "HLEN s",
            "HGETALL s",
            "HMGET s f",
            "HEXISTS s f",
            "HSTRLEN s f",
            "HKEYS s",
            "HVALS s",
            "HSETNX s f v",
            "HMSET s f v",
            "HINCRBY s f 1",
            "HINCRBYFLOAT s f 1",
            "HRANDFIELD s",
            "HRANDFIELD s 2",
            "HSCAN s 0 nonsense",
            "HEXPIRE s 1 FIELDS 1 f",
            "HPERSIST s FIELDS 1 f",
            "HTTL s FIELDS 1 f",
            "HGETDEL s FIELDS 1 f",
            "HGETEX s FIELDS 1 f",
            "HGETEX s EX 1 FIELDS 1 f",
            "HSETEX s FIELDS 1 f v",
        ] {
            assert_eq!(harness.run(line), wrong, "{line}");
        }
        assert_eq!(harness.worker.keyspace.take_tally().changes, 0);
        assert_eq!(harness.run("MGET h s"), "*2\r\n$-1\r\n$1\r\nv\r\n");
        assert_eq!(harness.run("HGETALL h"), "*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
        assert_eq!(harness.run("SETNX h x"), ":0\r\n");
    }

    #[test]
    fn memory_usage_counts_what_was_allocated() {
        let mut harness = Harness::new();
        for fields in [10, 20_000] {
            let key = format!("h{fields}");
            for i in 0..fields {
                harness.run(&format!("HSET {key} field{i} {}", "v".repeat(i % 40)));
            }
            let usage = harness.look(&key, |found| found.memory());
            let text: usize = (0..fields).map(|i| format!("field{i}").len() + i % 40).sum();
            assert!(usage > text + 2 * fields, "{usage}");
            assert!(usage < text + fields * 40 + 200, "{usage}");
        }
    }
}
