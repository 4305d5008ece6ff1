//! The same value under another name: RENAME, COPY, MOVE.

use super::options::{database, is};
use super::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::resp::Args;
use crate::store::{Keyspace, Owned};

/// The commands of this file, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[&COPY, &MOVE, &RENAME, &RENAMENX];

const MOVED: KeySpec = KeySpec::one(&["RW", "access", "delete"]);
const NAMES: &[Argument] = &[Argument::key(), Argument::new("newkey", Kind::Key(1))];

pub static RENAME: Command = Command {
    name: "rename",
    arity: 3,
    flags: Flags::WRITE,
    keys: &[MOVED, KeySpec::at(2, &["OW", "update"])],
    group: Group::Generic,
    since: "1.0.0",
    summary: "Gives a key another name; a key that has that name is overwritten.",
    arguments: NAMES,
    run: rename,
    ..Command::BASE
};

fn rename(call: &mut Call<'_>) -> Result<(), Error> {
    let (db, key, new) = (call.session.db, &call.args[1], &call.args[2]);
    if key != new {
        let value = take(call.keyspace, db, key).ok_or(Error::NoSuchKey)?;
        put(call.keyspace, db, new, value);
    } else if call.keyspace.peek(db, key).is_none() {
        return Err(Error::NoSuchKey);
    }
    call.reply.ok();
    Ok(())
}

pub static RENAMENX: Command = Command {
    name: "renamenx",
    arity: 3,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[MOVED, KeySpec::at(2, &["OW", "insert"])],
    group: Group::Generic,
    since: "1.0.0",
    history: &[(
        "3.2.0",
        "The command no longer returns an error when source and destination names are the same.",
    )],
    summary: "Gives a key another name, unless another key has that name.",
    arguments: NAMES,
    run: renamenx,
    ..Command::BASE
};

fn renamenx(call: &mut Call<'_>) -> Result<(), Error> {
    let (db, key, new) = (call.session.db, &call.args[1], &call.args[2]);
    if call.keyspace.peek(db, key).is_none() {
        return Err(Error::NoSuchKey);
    }
    // The same name twice is a name that is taken.
    let free = call.keyspace.peek(db, new).is_none();
    if free && let Some(value) = take(call.keyspace, db, key) {
        put(call.keyspace, db, new, value);
    }
    call.reply.integer(i64::from(free));
    Ok(())
}

pub static COPY: Command = Command {
    name: "copy",
    arity: -3,
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[KeySpec::one(KeySpec::READ), KeySpec::at(2, &["OW", "update"])],
    group: Group::Generic,
    since: "6.2.0",
    complexity: "O(N) worst case for collections, where N is the number of nested items. O(1) for \
                 string values.",
    summary: "Copies a key, with its expiry, to another name or database.",
    arguments: &[
        Argument::new("source", Kind::Key(0)),
        Argument::new("destination", Kind::Key(1)),
        Argument::integer("destination-db").token("DB").optional(),
        Argument::word("replace", "REPLACE").optional(),
    ],
    run: copy,
    ..Command::BASE
};

fn copy(call: &mut Call<'_>) -> Result<(), Error> {
    let (from, key, new) = (call.session.db, &call.args[1], &call.args[2]);
    let CopyOptions { db, replace } =
        CopyOptions::parse(call.args.rest(3), call.keyspace.databases())?;
    let to = db.unwrap_or(from);
    if from == to && key == new {
        return Err(Error::SameObject);
    }
    if from != to {
        // The destination is not held: it is in a database that the key table cannot tell.
        call.keyspace.exclude();
    }
    let free = replace || call.keyspace.peek(to, new).is_none();
    let source = call.keyspace.inspect(from, key).filter(|_| free);
    let source = source.map(|source| source.to_owned());
    let copied = source.is_some();
    if let Some(value) = source {
        put(call.keyspace, to, new, value);
    }
    call.reply.integer(i64::from(copied));
    Ok(())
}

struct CopyOptions {
    db: Option<usize>,
    replace: bool,
}

impl CopyOptions {
    fn parse(options: Args<'_>, databases: usize) -> Result<Self, Error> {
        let mut parsed = Self { db: None, replace: false };
        let mut words = options.iter();
        while let Some(word) = words.next() {
            if is(word, "REPLACE") {
                parsed.replace = true;
            } else if is(word, "DB") {
                let number = words.next().ok_or(Error::Syntax)?;
                parsed.db = Some(database(number, databases)?);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(parsed)
    }
}

pub static MOVE: Command = Command {
    name: "move",
    arity: 3,
    flags: Flags::WRITE.and(Flags::FAST).and(Flags::EXCLUSIVE),
    keys: &[KeySpec::one(&["RW", "access", "update"])],
    group: Group::Generic,
    since: "1.0.0",
    summary: "Moves a key to another database, unless it is there already.",
    arguments: &[Argument::key(), Argument::integer("db")],
    run: move_key,
    ..Command::BASE
};

fn move_key(call: &mut Call<'_>) -> Result<(), Error> {
    let (from, key) = (call.session.db, &call.args[1]);
    let to = database(&call.args[2], call.keyspace.databases())?;
    if from == to {
        return Err(Error::SameObject);
    }
    let mut moved = false;
    if call.keyspace.peek(to, key).is_none()
        && let Some(value) = take(call.keyspace, from, key)
    {
        put(call.keyspace, to, key, value);
        moved = true;
    }
    call.reply.integer(i64::from(moved));
    Ok(())
}

/// Takes a key out, with its value and its expiry.
fn take(keyspace: &mut Keyspace, db: usize, key: &[u8]) -> Option<Owned> {
    keyspace.write(db, key, |slot| slot.take())
}

fn put(keyspace: &mut Keyspace, db: usize, key: &[u8], value: Owned) {
    keyspace.write(db, key, |slot| slot.put(value));
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    #[test]
    fn a_renamed_key_keeps_value_and_expiry() {
        for mut harness in Harness::each_way() {
            for i in 0..50 {
                harness.set("from", &i.to_string());
                let to = format!("to{i}"); // some in the same segment, most in another
                harness.set(&to, "old");
                harness.run(&format!("EXPIRE {to} 5"));
                if i % 2 == 0 {
                    harness.run("EXPIRE from 10");
                }
                assert_eq!(harness.run(&format!("RENAME from {to}")), "+OK\r\n");
                assert_eq!(harness.get(&to), Some(i.to_string()));
                let ttl = if i % 2 == 0 { ":10\r\n" } else { ":-1\r\n" };
                assert_eq!(harness.run(&format!("TTL {to}")), ttl);
                assert_eq!(harness.run("EXISTS from"), ":0\r\n");
            }
            assert_eq!(harness.run("DBSIZE"), ":50\r\n");
            assert_eq!(harness.worker.keyspace.expiring(0), 25);
        }
    }

    #[test]
    fn a_rename_needs_a_source_and_renamenx_a_free_name() {
        for mut harness in Harness::each_way() {
            for request in ["RENAME no x", "RENAME no no", "RENAMENX no x", "RENAMENX no no"] {
                assert_eq!(harness.run(request), "-ERR no such key\r\n", "{request}");
            }
            harness.set("a", "1");
            harness.set("b", "2");
            assert_eq!(harness.run("RENAME a a"), "+OK\r\n");
            assert_eq!(harness.run("RENAMENX a a"), ":0\r\n");
            assert_eq!(harness.run("RENAMENX a b"), ":0\r\n");
            assert_eq!(harness.run("RENAMENX a c"), ":1\r\n");
            assert_eq!(harness.run("EXISTS a"), ":0\r\n");
            assert_eq!(harness.get("c").as_deref(), Some("1"));
        }
    }

    #[test]
    fn a_copy_stands_beside_its_source() {
        for mut harness in Harness::each_way() {
            harness.set("a", "1");
            harness.set("b", "2");
            harness.run("EXPIRE a 10");
            assert_eq!(harness.run("COPY a b"), ":0\r\n");
            assert_eq!(harness.run("COPY a b replace"), ":1\r\n");
            assert_eq!(harness.get("a"), harness.get("b"));
            assert_eq!(harness.run("TTL b"), ":10\r\n");
            assert_eq!(harness.run("COPY no b REPLACE"), ":0\r\n");
            assert_eq!(harness.run("COPY a c DB 0"), ":1\r\n");
            assert_eq!(harness.run("COPY a a DB 3"), ":1\r\n");
            assert_eq!(harness.run("COPY b a DB 3"), ":0\r\n");
            assert_eq!(harness.run("COPY b a REPLACE DB 1 DB 3 REPLACE"), ":1\r\n");
            assert_eq!((0..4).map(|db| harness.len(db)).collect::<Vec<_>>(), [3, 0, 0, 1]);
        }
    }

    #[test]
    fn a_large_value_is_shared_by_its_copies() {
        let mut harness = Harness::new();
        harness.set("a", &"v".repeat(1 << 20));
        harness.run("COPY a warm");
        let before = crate::memory::used();
        assert_eq!(harness.run("COPY a b"), ":1\r\n");
        assert_eq!(harness.run("RENAME b c"), "+OK\r\n");
        // Other tests allocate at the same time, so only the order of size can be told.
        assert!(crate::memory::used() < before + (64 << 20));
        assert_eq!(harness.get("c").map(|value| value.len()), Some(1 << 20));
    }

    #[test]
    fn a_moved_key_is_in_one_database_only() {
        for mut harness in Harness::each_way() {
            harness.set("a", "1");
            harness.run("EXPIRE a 10");
            assert_eq!(harness.run("MOVE a 1"), ":1\r\n");
            assert_eq!(harness.run("MOVE a 1"), ":0\r\n");
            harness.set("a", "2");
            assert_eq!(harness.run("MOVE a 1"), ":0\r\n", "it is there already");
            assert_eq!((harness.len(0), harness.len(1)), (1, 1));
            harness.session.db = 1;
            assert_eq!(harness.run("TTL a"), ":10\r\n");
            assert_eq!(harness.get("a").as_deref(), Some("1"));
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_reported_in_redis_words() {
        let mut harness = Harness::new();
        let (range, integer) =
            ("DB index is out of range", "value is not an integer or out of range");
        let same = "source and destination objects are the same";
        let int = "value is out of range, value must between -2147483648 and 2147483647";
        for (request, error) in [
            ("COPY a a", same),
            ("COPY a a DB 0", same),
            ("COPY a b DB", "syntax error"),
            ("COPY a b foo", "syntax error"),
            ("COPY a b DB x", integer),
            ("COPY a b DB 99", range),
            ("COPY a b DB -1", range),
            ("COPY a b DB 99999999999", int),
            ("MOVE a 0", same),
            ("MOVE a x", integer),
            ("MOVE a 16", range),
            ("MOVE a 99999999999", int),
        ] {
            assert_eq!(harness.run(request), format!("-ERR {error}\r\n"), "{request}");
        }
    }
}
