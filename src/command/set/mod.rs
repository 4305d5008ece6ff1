//! Sets: SADD, SINTER and their kind.

mod combine;
mod member;
mod random;
mod scan;

use combine::{SDIFF, SDIFFSTORE, SINTER, SINTERCARD, SINTERSTORE, SUNION, SUNIONSTORE};
use member::{SADD, SCARD, SISMEMBER, SMEMBERS, SMISMEMBER, SMOVE, SREM};
pub(super) use random::pick_count;
use random::{SPOP, SRANDMEMBER};
use scan::SSCAN;

use super::{Argument, Call, Command, Error, Flags};
use crate::store::{Limits, Set, SetLimits};

/// The commands of this group, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[
    &SADD,
    &SCARD,
    &SDIFF,
    &SDIFFSTORE,
    &SINTER,
    &SINTERCARD,
    &SINTERSTORE,
    &SISMEMBER,
    &SMEMBERS,
    &SMISMEMBER,
    &SMOVE,
    &SPOP,
    &SRANDMEMBER,
    &SREM,
    &SSCAN,
    &SUNION,
    &SUNIONSTORE,
];

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);
const MEMBER: Argument = Argument::string("member");

/// The set at the key, the word after the name.
#[inline]
fn set<'a>(call: &'a mut Call<'_>) -> Result<Option<&'a Set>, Error> {
    Ok(call.keyspace.read_as(call.session.db, &call.args[1])?)
}

/// How large a set may become in each of its forms.
#[inline]
pub(super) fn limits(call: &Call<'_>) -> SetLimits {
    let config = &call.instance.config;
    SetLimits {
        integers: config.set_max_intset_entries.get() as usize,
        packed: Limits {
            entries: config.set_max_listpack_entries.get() as usize,
            value: config.set_max_listpack_value.get() as usize,
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};

    #[test]
    fn warm_requests_allocate_nothing() {
        let mut harness = Harness::new();
        harness.run("SADD integers 1 2 3");
        harness.run("SADD packed 1 b c");
        for number in 0..1000 {
            harness.run(&format!("SADD table member{number}"));
        }
        for line in [
            "SADD integers 2",
            "SADD packed b",
            "SADD table member7",
            "SREM table missing",
            "SISMEMBER integers 3",
            "SISMEMBER packed x",
            "SISMEMBER table member5",
            "SMISMEMBER table member5 x",
            "SCARD table",
            "SMEMBERS integers",
            "SMEMBERS packed",
            "SRANDMEMBER table",
            "SRANDMEMBER table -3",
        ] {
            assert_eq!(harness.allocations_of(line, 10), 0, "{line}");
        }
    }

    /// What the commands of all keys make of a set in each form.
    #[test]
    fn sets_are_renamed_copied_moved_and_expire_as_other_values_do() {
        for mut harness in Harness::each_way() {
            for (form, members) in [("intset", 3), ("listpack", 100), ("hashtable", 600)] {
                harness.run("FLUSHALL");
                let first = if form == "listpack" { " x" } else { "" };
                let words: Vec<String> = (0..members).map(|number| format!(" {number}")).collect();
                harness.run(&format!("SADD s{}{first}", words.concat()));
                let whole = |harness: &mut Harness, key: &str| {
                    let mut all = bulks(&harness.run(&format!("SMEMBERS {key}")));
                    all.sort();
                    all
                };
                let before = whole(&mut harness, "s");
                harness.run("EXPIRE s 100");
                assert_eq!(harness.run("COPY s copy"), ":1\r\n");
                harness.set("string", "v");
                assert_eq!(harness.run("RENAME s string"), "+OK\r\n");
                assert_eq!(harness.run("SREM copy 0"), ":1\r\n");
                assert_eq!(whole(&mut harness, "string"), before);
                for key in ["copy", "string"] {
                    assert_eq!(harness.run(&format!("TTL {key}")), ":100\r\n");
                    assert_eq!(harness.run(&format!("TYPE {key}")), "+set\r\n");
                    assert_eq!(harness.encoding(key), form);
                }
                assert_eq!(harness.run("MOVE copy 1"), ":1\r\n");
                assert_eq!(harness.run("SCAN 0 TYPE set COUNT 10000").matches("string").count(), 1);
                harness.wait_ms(100_001);
                assert_eq!(harness.run("EXISTS string"), ":0\r\n");
                assert_eq!((harness.len(0), harness.len(1)), (0, 1));
            }
        }
    }

    #[test]
    fn commands_of_one_type_leave_values_of_another_alone() {
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
        let mut harness = Harness::new();
        harness.run("SADD s a");
        harness.set("string", "v");
        harness.worker.keyspace.take_tally();
        for line in [
            "GET s",
            "HGET s f",
            "SADD string a",
            "SREM string a",
            "SISMEMBER string a",
            "SMISMEMBER string a",
            "SMEMBERS string",
            "SCARD string",
            "SMOVE string s a",
            "SMOVE s string a",
            "SPOP string",
            "SPOP string 0",
            "SRANDMEMBER string",
            "SRANDMEMBER string 1",
            "SSCAN string 0",
            "SUNIONSTORE s string",
        ] {
            assert_eq!(harness.run(line), wrong, "{line}");
        }
        assert_eq!(harness.worker.keyspace.take_tally().changes, 0);
    }
}
