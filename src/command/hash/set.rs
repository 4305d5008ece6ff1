//! Setting and removing fields of hashes.

use super::{FIELD, VALUE, WRITE_FAST, limits};
use crate::command::{Argument, Call, Command, Deprecated, Error, Flags, Group, KeySpec};
use crate::store::{Edit, Ends, Hash};

pub(super) static HSET: Command = Command {
    name: "hset",
    arity: -4,
    flags: WRITE_FAST,
    keys: &[KeySpec::one(&["RW", "update"])],
    group: Group::Hash,
    since: "2.0.0",
    history: &[("4.0.0", "Accepts multiple `field` and `value` arguments.")],
    complexity: "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the \
                 command is called with multiple field/value pairs.",
    summary: "Sets fields of a hash; returns how many of them are new.",
    arguments: &[Argument::key(), Argument::block("field_value", &[FIELD, VALUE]).multiple()],
    run: hset,
    ..Command::BASE
};

fn hset(call: &mut Call<'_>) -> Result<(), Error> {
    let added = set_all(call)?;
    call.reply.integer(added);
    Ok(())
}

pub(super) static HMSET: Command = Command {
    name: "hmset",
    arity: -4,
    flags: WRITE_FAST,
    keys: &[KeySpec::one(&["RW", "update"])],
    group: Group::Hash,
    since: "2.0.0",
    deprecated: Some(Deprecated {
        since: "4.0.0",
        replaced_by: "`HSET` with multiple field-value pairs",
    }),
    complexity: "O(N) where N is the number of fields being set.",
    summary: "Sets fields of a hash.",
    arguments: &[Argument::key(), Argument::block("field_value", &[FIELD, VALUE]).multiple()],
    run: hmset,
    ..Command::BASE
};

fn hmset(call: &mut Call<'_>) -> Result<(), Error> {
    set_all(call)?;
    call.reply.ok();
    Ok(())
}

/// Sets the fields that follow the key; returns how many of them are new.
#[inline]
fn set_all(call: &mut Call<'_>) -> Result<i64, Error> {
    let pairs = call.args.rest(2);
    if !pairs.len().is_multiple_of(2) {
        return Err(Error::Arity(call.command.name.to_owned()));
    }
    let limits = limits(call);
    let added = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter_or_new(|hash: &mut Hash| {
            let (mut words, mut added) = (pairs.iter(), 0);
            while let (Some(field), Some(value)) = (words.next(), words.next()) {
                added += i64::from(hash.set(field, value, Ends::Never, limits));
            }
            Edit::done(added)
        })
    })?;
    Ok(added)
}

pub(super) static HSETNX: Command = Command {
    name: "hsetnx",
    arity: 4,
    flags: WRITE_FAST,
    keys: &[KeySpec::one(&["RW", "insert"])],
    group: Group::Hash,
    since: "2.0.0",
    summary: "Sets a field of a hash that is not there yet; returns whether it was set.",
    arguments: &[Argument::key(), FIELD, VALUE],
    run: hsetnx,
    ..Command::BASE
};

fn hsetnx(call: &mut Call<'_>) -> Result<(), Error> {
    let (limits, field, value) = (limits(call), &call.args[2], &call.args[3]);
    let is_set = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter_or_new(|hash: &mut Hash| {
            let is_new = hash.get(field).is_none();
            if is_new {
                hash.set(field, value, Ends::Never, limits);
            }
            Edit::done_if(is_new, is_new)
        })
    })?;
    call.reply.integer(i64::from(is_set));
    Ok(())
}

pub(super) static HDEL: Command = Command {
    name: "hdel",
    arity: -3,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(&["RW", "delete"])],
    group: Group::Hash,
    since: "2.0.0",
    history: &[("2.4.0", "Accepts multiple `field` arguments.")],
    complexity: "O(N) where N is the number of fields to be removed.",
    summary: "Removes fields of a hash, and the hash with the last one; returns how many there were.",
    arguments: &[Argument::key(), FIELD.multiple()],
    run: hdel,
    ..Command::BASE
};

fn hdel(call: &mut Call<'_>) -> Result<(), Error> {
    let fields = call.args.rest(2);
    let removed = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|hash: &mut Hash| {
            let removed = fields.iter().filter(|field| hash.remove(field)).count();
            Edit::done_if(removed > 0, removed)
        })
    })?;
    call.reply.integer(removed.unwrap_or(0) as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    #[test]
    fn hset_counts_the_new_fields() {
        for mut harness in Harness::each_way() {
            assert_eq!(harness.run("HSET h a 1 b 2 a 3"), ":2\r\n");
            assert_eq!(harness.run("HSET h a 4 c 5"), ":1\r\n");
            assert_eq!(harness.run("HGET h a"), "$1\r\n4\r\n");
            assert_eq!(
                harness.run("HSET h a 1 b"),
                "-ERR wrong number of arguments for 'hset' command\r\n"
            );
        }
    }

    #[test]
    fn hmset_sets_and_hsetnx_leaves_alone() {
        for mut harness in Harness::each_way() {
            assert_eq!(harness.run("HMSET h a 1 b 2"), "+OK\r\n");
            assert_eq!(harness.run("HSETNX h a 3"), ":0\r\n");
            assert_eq!(harness.run("HSETNX h c 3"), ":1\r\n");
            assert_eq!(
                harness.run("HMGET h a b c d"),
                "*4\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$-1\r\n"
            );
            assert_eq!(
                harness.run("HMSET h a 1 b"),
                "-ERR wrong number of arguments for 'hmset' command\r\n"
            );
        }
    }

    #[test]
    fn hset_keeps_the_expiry() {
        let mut harness = Harness::new();
        harness.run("HSET h a 1");
        harness.run("EXPIRE h 10");
        harness.run("HSET h a 2 b 3");
        assert_eq!(harness.run("TTL h"), ":10\r\n");
    }

    #[test]
    fn the_last_field_takes_the_key_with_it() {
        for mut harness in Harness::each_way() {
            harness.run("HSET h a 1 b 2 c 3");
            harness.run("EXPIRE h 10");
            assert_eq!(harness.run("HDEL h a x a"), ":1\r\n");
            assert_eq!(harness.run("HDEL h b c d"), ":2\r\n");
            assert_eq!(harness.run("EXISTS h"), ":0\r\n");
            assert_eq!(harness.run("HDEL h b"), ":0\r\n");
            assert_eq!((harness.len(0), harness.worker.keyspace.expiring(0)), (0, 0));
        }
    }

    #[test]
    fn only_what_changes_something_counts_as_a_change() {
        let mut harness = Harness::new();
        harness.worker.keyspace.take_tally();
        for (line, changes) in [
            ("HDEL h a", 0),
            ("HSET h a 1", 1),
            ("HSET h a 1", 1),
            ("HDEL h b", 0),
            ("HDEL h a", 1),
        ] {
            harness.run(line);
            assert_eq!(harness.worker.keyspace.take_tally().changes, changes, "{line}");
        }
    }

    #[test]
    fn the_form_follows_the_directives() {
        let mut harness = Harness::new();
        harness.run("CONFIG SET hash-max-listpack-entries 2 hash-max-listpack-value 5");
        harness.run("HSET h a 12345 b 2");
        assert_eq!(harness.encoding("h"), "listpack");
        harness.run("HSET h c 3");
        assert_eq!(harness.encoding("h"), "hashtable");
        harness.run("HSET long a 123456");
        assert_eq!(harness.encoding("long"), "hashtable");
        harness.run("HDEL long a");
        harness.run("HSET long a 1");
        assert_eq!(harness.encoding("long"), "listpack", "a new hash begins small");
    }
}
