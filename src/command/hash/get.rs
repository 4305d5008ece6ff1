//! Reading hashes.

use super::{FIELD, READ, READ_FAST, hash, reply_value};
use crate::command::string::reply_text;
use crate::command::{Argument, Call, Command, Error, Group, KeySpec};
use crate::store::{Collection, Hash, Text};

pub(super) static HGET: Command = Command {
    name: "hget",
    arity: 3,
    flags: READ_FAST,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Hash,
    since: "2.0.0",
    summary: "Returns the value of a field of a hash.",
    arguments: &[Argument::key(), FIELD],
    run: hget,
    ..Command::BASE
};

fn hget(call: &mut Call<'_>) -> Result<(), Error> {
    let hash: Option<&Hash> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    reply_value(&mut call.reply, hash.and_then(|hash| hash.get(&call.args[2])));
    Ok(())
}

pub(super) static HMGET: Command = Command {
    name: "hmget",
    arity: -3,
    flags: READ_FAST,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(N) where N is the number of fields being requested.",
    summary: "Returns the values of several fields of a hash.",
    arguments: &[Argument::key(), FIELD.multiple()],
    run: hmget,
    ..Command::BASE
};

fn hmget(call: &mut Call<'_>) -> Result<(), Error> {
    let fields = call.args.rest(2);
    let hash: Option<&Hash> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    call.reply.array(fields.len());
    for field in fields.iter() {
        reply_value(&mut call.reply, hash.and_then(|hash| hash.get(field)));
    }
    Ok(())
}

pub(super) static HEXISTS: Command = Command {
    name: "hexists",
    arity: 3,
    flags: READ_FAST,
    keys: &[KeySpec::one(&["RO"])],
    group: Group::Hash,
    since: "2.0.0",
    summary: "Tells whether a hash has a field.",
    arguments: &[Argument::key(), FIELD],
    run: hexists,
    ..Command::BASE
};

fn hexists(call: &mut Call<'_>) -> Result<(), Error> {
    let args = call.args;
    let is_there = hash(call)?.is_some_and(|hash| hash.get(&args[2]).is_some());
    call.reply.integer(i64::from(is_there));
    Ok(())
}

pub(super) static HSTRLEN: Command = Command {
    name: "hstrlen",
    arity: 3,
    flags: READ_FAST,
    keys: &[KeySpec::one(&["RO"])],
    group: Group::Hash,
    since: "3.2.0",
    summary: "Returns the length of the value of a field.",
    arguments: &[Argument::key(), FIELD],
    run: hstrlen,
    ..Command::BASE
};

fn hstrlen(call: &mut Call<'_>) -> Result<(), Error> {
    let args = call.args;
    let value = hash(call)?.and_then(|hash| hash.get(&args[2]));
    let len = value.map_or(0, |value| value.len());
    call.reply.integer(len as i64);
    Ok(())
}

pub(super) static HGETALL: Command = Command {
    name: "hgetall",
    arity: 2,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(N) where N is the size of the hash.",
    summary: "Returns all fields of a hash with their values.",
    arguments: &[Argument::key()],
    tips: &["nondeterministic_output_order"],
    run: hgetall,
    ..Command::BASE
};

fn hgetall(call: &mut Call<'_>) -> Result<(), Error> {
    let hash: Option<&Hash> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    call.reply.map(hash.map_or(0, Collection::len));
    if let Some(hash) = hash {
        hash.for_each(|field, value| {
            reply_text(&mut call.reply, field);
            reply_text(&mut call.reply, value);
        });
    }
    Ok(())
}

pub(super) static HKEYS: Command = Command {
    name: "hkeys",
    arity: 2,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(N) where N is the size of the hash.",
    summary: "Returns all fields of a hash.",
    arguments: &[Argument::key()],
    tips: &["nondeterministic_output_order"],
    run: |call| reply_each(call, |field, _| field),
    ..Command::BASE
};

pub(super) static HVALS: Command = Command {
    name: "hvals",
    arity: 2,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(N) where N is the size of the hash.",
    summary: "Returns the values of all fields of a hash.",
    arguments: &[Argument::key()],
    tips: &["nondeterministic_output_order"],
    run: |call| reply_each(call, |_, value| value),
    ..Command::BASE
};

/// Replies with one part of each pair.
#[inline]
fn reply_each(
    call: &mut Call<'_>,
    part: impl for<'a> Fn(Text<'a>, Text<'a>) -> Text<'a>,
) -> Result<(), Error> {
    let hash: Option<&Hash> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    call.reply.array(hash.map_or(0, Collection::len));
    if let Some(hash) = hash {
        hash.for_each(|field, value| reply_text(&mut call.reply, part(field, value)));
    }
    Ok(())
}

pub(super) static HLEN: Command = Command {
    name: "hlen",
    arity: 2,
    flags: READ_FAST,
    keys: &[KeySpec::one(&["RO"])],
    group: Group::Hash,
    since: "2.0.0",
    summary: "Returns how many fields a hash has.",
    arguments: &[Argument::key()],
    run: hlen,
    ..Command::BASE
};

fn hlen(call: &mut Call<'_>) -> Result<(), Error> {
    let len = hash(call)?.map_or(0, Collection::len);
    call.reply.integer(len as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::resp::Version;

    #[test]
    fn fields_come_back_as_they_were_set() {
        for mut harness in Harness::each_way() {
            assert_eq!(harness.run("HSET h a 1 b two c 007"), ":3\r\n");
            assert_eq!(harness.run("HGET h a"), "$1\r\n1\r\n");
            assert_eq!(harness.run("HGET h c"), "$3\r\n007\r\n");
            assert_eq!(harness.run("HGET h d"), "$-1\r\n");
            assert_eq!(harness.run("HMGET h d b"), "*2\r\n$-1\r\n$3\r\ntwo\r\n");
            assert_eq!(harness.run("HEXISTS h b"), ":1\r\n");
            assert_eq!(harness.run("HEXISTS h d"), ":0\r\n");
            assert_eq!(harness.run("HSTRLEN h c"), ":3\r\n");
            assert_eq!(harness.run("HSTRLEN h d"), ":0\r\n");
            assert_eq!(harness.run("HKEYS h"), "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
            assert_eq!(harness.run("HVALS h"), "*3\r\n$1\r\n1\r\n$3\r\ntwo\r\n$3\r\n007\r\n");
            assert_eq!(harness.run("HLEN h"), ":3\r\n");
            let all = "$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\ntwo\r\n$1\r\nc\r\n$3\r\n007\r\n";
            assert_eq!(harness.run("HGETALL h"), format!("*6\r\n{all}"));
            harness.speak(Version::V3);
            assert_eq!(harness.run("HGETALL h"), format!("%3\r\n{all}"));
        }
    }

    #[test]
    fn a_missing_key_is_an_empty_hash() {
        let mut harness = Harness::new();
        assert_eq!(harness.run("HGET h f"), "$-1\r\n");
        assert_eq!(harness.run("HLEN h"), ":0\r\n");
        assert_eq!(harness.run("HGETALL h"), "*0\r\n");
        assert_eq!(harness.run("HMGET h f g"), "*2\r\n$-1\r\n$-1\r\n");
        assert_eq!(harness.run("HSTRLEN h f"), ":0\r\n");
        harness.speak(Version::V3);
        assert_eq!(harness.run("HGET h f"), "_\r\n");
        assert_eq!(harness.run("HGETALL h"), "%0\r\n");
        assert_eq!(harness.run("HKEYS h"), "*0\r\n");
        assert_eq!(harness.run("HMGET h f"), "*1\r\n_\r\n");
    }
}
