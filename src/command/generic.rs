//! Keys whatever they hold: are they there, of which type, and away with them.

use std::sync::atomic::Ordering;

use super::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::store::Keyspace;

/// The commands of this file, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[&DEL, &EXISTS, &TOUCH, &TYPE, &UNLINK];

const READ_FAST: Flags = Flags::READONLY.and(Flags::FAST);
const KEYS: &[Argument] = &[Argument::key().multiple()];
/// A cluster's client sends a part to each shard, and adds up the answers.
const SUM_OF_SHARDS: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];

pub static DEL: Command = Command {
    name: "del",
    arity: -2,
    flags: Flags::WRITE,
    keys: &[KeySpec::all(&["RM", "delete"])],
    group: Group::Generic,
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys that will be removed. When a key to remove holds \
                 a value other than a string, the individual complexity for this key is O(M) where M \
                 is the number of elements in the list, set, sorted set or hash. Removing a single \
                 key that holds a string value is O(1).",
    summary: "Removes keys; returns how many there were.",
    arguments: KEYS,
    tips: SUM_OF_SHARDS,
    run: del,
    ..Command::BASE
};

fn del(call: &mut Call<'_>) -> Result<(), Error> {
    count_keys(call, |keyspace, db, key| keyspace.write(db, key, |slot| slot.remove()))
}

pub static UNLINK: Command = Command {
    name: "unlink",
    arity: -2,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::all(&["RM", "delete"])],
    group: Group::Generic,
    since: "4.0.0",
    complexity: "O(1) for each key removed regardless of its size. Then the command does O(N) work in \
                 a different thread in order to reclaim memory, where N is the number of allocations \
                 the deleted objects where composed of.",
    summary: "Removes keys as DEL does, and leaves the work of freeing large collections to others.",
    arguments: KEYS,
    tips: SUM_OF_SHARDS,
    // What is large is freed on another thread, whichever command removes it.
    run: del,
    ..Command::BASE
};

pub static EXISTS: Command = Command {
    name: "exists",
    arity: -2,
    flags: READ_FAST,
    keys: &[KeySpec::all(&["RO"])],
    group: Group::Generic,
    since: "1.0.0",
    history: &[("3.0.3", "Accepts multiple `key` arguments.")],
    complexity: "O(N) where N is the number of keys to check.",
    summary: "Counts which of the keys are there; a key that is named twice counts twice.",
    arguments: KEYS,
    tips: SUM_OF_SHARDS,
    run: exists,
    ..Command::BASE
};

fn exists(call: &mut Call<'_>) -> Result<(), Error> {
    count_keys(call, |keyspace, db, key| keyspace.inspect(db, key).is_some())
}

pub static TOUCH: Command = Command {
    name: "touch",
    arity: -2,
    flags: READ_FAST,
    keys: &[KeySpec::all(&["RO"])],
    group: Group::Generic,
    since: "3.2.1",
    complexity: "O(N) where N is the number of keys that will be touched.",
    summary: "Marks keys as just used; returns how many of them are there.",
    arguments: KEYS,
    tips: SUM_OF_SHARDS,
    run: touch,
    ..Command::BASE
};

fn touch(call: &mut Call<'_>) -> Result<(), Error> {
    // The one command that counts as an access even under CLIENT NO-TOUCH.
    call.keyspace.set_touch(true);
    let done = count_keys(call, |keyspace, db, key| keyspace.read(db, key).is_some());
    call.keyspace.set_touch(!call.session.client.no_touch.load(Ordering::Relaxed));
    done
}

pub static TYPE: Command = Command {
    name: "type",
    arity: 2,
    flags: READ_FAST,
    keys: &[KeySpec::one(&["RO"])],
    group: Group::Generic,
    since: "1.0.0",
    summary: "Names the type of the value that a key holds.",
    arguments: &[Argument::key()],
    run: type_of,
    ..Command::BASE
};

fn type_of(call: &mut Call<'_>) -> Result<(), Error> {
    let found = call.keyspace.inspect(call.session.db, &call.args[1]);
    call.reply.simple(found.map_or("none", |key| key.value().type_name()));
    Ok(())
}

/// Replies for how many of the keys `counts` says true.
#[inline]
fn count_keys(
    call: &mut Call<'_>,
    mut counts: impl FnMut(&mut Keyspace, usize, &[u8]) -> bool,
) -> Result<(), Error> {
    let db = call.session.db;
    let count = call.args.iter().skip(1).filter(|key| counts(call.keyspace, db, key)).count();
    call.reply.integer(count as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::harness::Harness;
    use crate::store::Tally;

    #[test]
    fn keys_are_counted_as_often_as_they_are_named() {
        for mut harness in Harness::each_way() {
            harness.set("a", "1");
            harness.set("b", "two");
            assert_eq!(harness.run("EXISTS a b a nokey"), ":3\r\n");
            assert_eq!(harness.run("TOUCH a b a nokey"), ":3\r\n");
            assert_eq!(harness.run("TYPE a"), "+string\r\n");
            assert_eq!(harness.run("TYPE nokey"), "+none\r\n");
            assert_eq!(harness.run("DEL a a nokey"), ":1\r\n");
            assert_eq!(harness.run("UNLINK a b"), ":1\r\n");
            assert_eq!(harness.run("EXISTS a b"), ":0\r\n");
            for name in ["del", "unlink", "exists", "touch", "type"] {
                let refusal = format!("-ERR wrong number of arguments for '{name}' command\r\n");
                assert_eq!(harness.run(name), refusal);
            }
        }
    }

    #[test]
    fn an_expired_key_is_no_key() {
        let mut harness = Harness::new();
        harness.set("a", "1");
        harness.run("PEXPIRE a 10");
        harness.wait_ms(11);
        assert_eq!(harness.run("DEL a"), ":0\r\n");
        assert_eq!(harness.worker.keyspace.take_tally().expired, 1);
    }

    #[test]
    fn asking_counts_hits_and_is_no_access() {
        let mut harness = Harness::new();
        harness.set("a", "1");
        harness.worker.keyspace.take_tally();
        harness.wait_ms(5_000);
        harness.run("EXISTS a nokey");
        harness.run("TYPE a");
        harness.run("TTL a");
        let tally = harness.worker.keyspace.take_tally();
        assert_eq!(tally, Tally { hits: 3, misses: 1, ..Tally::default() });
        assert_eq!(harness.run("OBJECT IDLETIME a"), ":5\r\n");
        harness.session.client.no_touch.store(true, Ordering::Relaxed);
        harness.worker.keyspace.set_touch(false);
        harness.run("TOUCH a");
        assert_eq!(harness.run("OBJECT IDLETIME a"), ":0\r\n");
        harness.wait_ms(2_000);
        harness.run("GET a");
        assert_eq!(harness.run("OBJECT IDLETIME a"), ":2\r\n", "NO-TOUCH holds for the others");
    }

    #[test]
    fn a_warm_exists_allocates_nothing() {
        let mut harness = Harness::new();
        harness.set("a", "1");
        assert_eq!(harness.allocations_of("EXISTS a nokey", 100), 0);
    }
}
