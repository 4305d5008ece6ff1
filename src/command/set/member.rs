//! Members of one set, named one by one or all.

use super::{MEMBER, READ, READ_FAST, WRITE, limits, set};
use crate::command::string::reply_text;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::store::{Collection, Edit, Set, Text};

pub(super) static SADD: Command = Command {
    name: "sadd",
    arity: -3,
    flags: WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(&["RW", "insert"])],
    group: Group::Set,
    history: &[("2.4.0", "Accepts multiple `member` arguments.")],
    complexity: "O(1) for each element added, so O(N) to add N elements when the command is called \
                 with multiple arguments.",
    summary: "Adds members to a set; returns how many of them are new.",
    arguments: &[Argument::key(), MEMBER.multiple()],
    run: sadd,
    ..Command::BASE
};

fn sadd(call: &mut Call<'_>) -> Result<(), Error> {
    let (members, limits) = (call.args.rest(2), limits(call));
    let added = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter_or_new(|set: &mut Set| {
            let added = members.iter().filter(|member| set.add(Text::new(member), limits)).count();
            Edit::done_if(added > 0, added)
        })
    })?;
    call.reply.integer(added as i64);
    Ok(())
}

pub(super) static SREM: Command = Command {
    name: "srem",
    arity: -3,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(&["RW", "delete"])],
    group: Group::Set,
    history: &[("2.4.0", "Accepts multiple `member` arguments.")],
    complexity: "O(N) where N is the number of members to be removed.",
    summary: "Removes members of a set, and the set with the last one; returns how many there were.",
    arguments: &[Argument::key(), MEMBER.multiple()],
    run: srem,
    ..Command::BASE
};

fn srem(call: &mut Call<'_>) -> Result<(), Error> {
    let members = call.args.rest(2);
    let removed = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|set: &mut Set| {
            let removed = members.iter().filter(|member| set.remove(Text::new(member))).count();
            Edit::done_if(removed > 0, removed)
        })
    })?;
    call.reply.integer(removed.unwrap_or(0) as i64);
    Ok(())
}

pub(super) static SISMEMBER: Command = Command {
    name: "sismember",
    arity: 3,
    flags: READ_FAST,
    keys: &[KeySpec::one(&["RO"])],
    group: Group::Set,
    summary: "Tells whether a text is a member of a set.",
    arguments: &[Argument::key(), MEMBER],
    run: sismember,
    ..Command::BASE
};

fn sismember(call: &mut Call<'_>) -> Result<(), Error> {
    let member = Text::new(call.args.get(2).unwrap_or_default());
    let is_member = set(call)?.is_some_and(|set| set.contains(member));
    call.reply.integer(is_member.into());
    Ok(())
}

pub(super) static SMISMEMBER: Command = Command {
    name: "smismember",
    arity: -3,
    flags: READ_FAST,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Set,
    since: "6.2.0",
    complexity: "O(N) where N is the number of elements being checked for membership",
    summary: "Tells of several texts whether each is a member of a set.",
    arguments: &[Argument::key(), MEMBER.multiple()],
    run: smismember,
    ..Command::BASE
};

fn smismember(call: &mut Call<'_>) -> Result<(), Error> {
    let members = call.args.rest(2);
    let set: Option<&Set> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    call.reply.array(members.len());
    for member in members.iter() {
        let is_member = set.is_some_and(|set| set.contains(Text::new(member)));
        call.reply.integer(is_member.into());
    }
    Ok(())
}

pub(super) static SMEMBERS: Command = Command {
    name: "smembers",
    arity: 2,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Set,
    complexity: "O(N) where N is the set cardinality.",
    summary: "Returns all members of a set.",
    arguments: &[Argument::key()],
    tips: &["nondeterministic_output_order"],
    run: smembers,
    ..Command::BASE
};

fn smembers(call: &mut Call<'_>) -> Result<(), Error> {
    let set: Option<&Set> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    call.reply.set(set.map_or(0, Collection::len));
    if let Some(set) = set {
        set.iter().for_each(|member| reply_text(&mut call.reply, member));
    }
    Ok(())
}

pub(super) static SCARD: Command = Command {
    name: "scard",
    arity: 2,
    flags: READ_FAST,
    keys: &[KeySpec::one(&["RO"])],
    group: Group::Set,
    summary: "Returns how many members a set has.",
    arguments: &[Argument::key()],
    run: scard,
    ..Command::BASE
};

fn scard(call: &mut Call<'_>) -> Result<(), Error> {
    let len = set(call)?.map_or(0, Collection::len);
    call.reply.integer(len as i64);
    Ok(())
}

pub(super) static SMOVE: Command = Command {
    name: "smove",
    arity: 4,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(&["RW", "access", "delete"]), KeySpec::at(2, &["RW", "insert"])],
    group: Group::Set,
    summary: "Moves a member from one set to another.",
    arguments: &[
        Argument::new("source", Kind::Key(0)),
        Argument::new("destination", Kind::Key(1)),
        MEMBER,
    ],
    run: smove,
    ..Command::BASE
};

fn smove(call: &mut Call<'_>) -> Result<(), Error> {
    let (db, source, destination) = (call.session.db, &call.args[1], &call.args[2]);
    let (member, limits) = (Text::new(&call.args[3]), limits(call));
    let mut has = |key: &[u8]| {
        let look = |set: &mut Set| Edit::none(set.contains(member));
        call.keyspace.write(db, key, |slot| slot.alter(look))
    };
    // Without a source, the destination may be of any type.
    let mut moved = false;
    if let Some(is_member) = has(source)? {
        has(destination)?;
        moved = is_member;
    }
    if moved && source != destination {
        let remove = |set: &mut Set| Edit::done(set.remove(member));
        call.keyspace.write(db, source, |slot| slot.alter(remove))?;
        let add = |set: &mut Set| {
            let is_new = set.add(member, limits);
            Edit::done_if(is_new, ())
        };
        call.keyspace.write(db, destination, |slot| slot.alter_or_new(add))?;
    }
    call.reply.integer(moved.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};
    use crate::resp::Version;

    #[test]
    fn members_come_and_go() {
        for mut harness in Harness::each_way() {
            assert_eq!(harness.run("SADD s 1 2 2 007"), ":3\r\n");
            assert_eq!(harness.run("SADD s 1 x"), ":1\r\n");
            assert_eq!(harness.run("SCARD s"), ":4\r\n");
            assert_eq!(harness.run("SISMEMBER s 007"), ":1\r\n");
            assert_eq!(harness.run("SISMEMBER s 7"), ":0\r\n");
            let several = "*4\r\n:1\r\n:0\r\n:1\r\n:1\r\n";
            assert_eq!(harness.run("SMISMEMBER s x y 1 1"), several);
            assert_eq!(harness.run("SREM s 2 y 2"), ":1\r\n");
            let mut members = bulks(&harness.run("SMEMBERS s"));
            members.sort();
            assert_eq!(members, ["007", "1", "x"]);
            assert_eq!(harness.run("SREM s 007 1 x"), ":3\r\n");
            assert_eq!(harness.run("EXISTS s"), ":0\r\n");
        }
    }

    #[test]
    fn a_missing_key_is_an_empty_set() {
        let mut harness = Harness::new();
        for (line, resp2, resp3) in [
            ("SMEMBERS s", "*0\r\n", "~0\r\n"),
            ("SCARD s", ":0\r\n", ":0\r\n"),
            ("SISMEMBER s a", ":0\r\n", ":0\r\n"),
            ("SMISMEMBER s a b", "*2\r\n:0\r\n:0\r\n", "*2\r\n:0\r\n:0\r\n"),
            ("SREM s a", ":0\r\n", ":0\r\n"),
        ] {
            for (version, reply) in [(Version::V2, resp2), (Version::V3, resp3)] {
                harness.speak(version);
                assert_eq!(harness.run(line), reply, "{line}");
            }
        }
        harness.run("SADD s 5");
        assert_eq!(harness.run("SMEMBERS s"), "~1\r\n$1\r\n5\r\n");
    }

    #[test]
    fn a_member_moves_if_it_is_there() {
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
        for mut harness in Harness::each_way() {
            harness.run("SADD a 1 2");
            harness.run("SADD b 2");
            harness.set("string", "v");
            for (line, reply) in [
                ("SMOVE a b 3", ":0\r\n"),
                ("SMOVE a a 1", ":1\r\n"),
                ("SMOVE a a 3", ":0\r\n"),
                ("SMOVE a c 1", ":1\r\n"),
                ("SMOVE a b 2", ":1\r\n"),
                ("EXISTS a", ":0\r\n"),
                ("SCARD b", ":1\r\n"),
                ("SMEMBERS c", "*1\r\n$1\r\n1\r\n"),
                ("SMOVE a string 1", ":0\r\n"), // without a source, nothing is looked at
                ("SMOVE c string 7", wrong),
                ("SMOVE string c 1", wrong),
            ] {
                assert_eq!(harness.run(line), reply, "{line}");
            }
        }
    }

    #[test]
    fn only_what_changes_something_counts_as_a_change() {
        let mut harness = Harness::new();
        for (line, changes) in [
            ("SADD s a b", 1),
            ("SADD s a", 0),
            ("SREM s x", 0),
            ("SMOVE s s a", 0),
            ("SMOVE s t x", 0),
            ("SMOVE s t a", 2),
            ("SREM s b", 1),
        ] {
            harness.worker.keyspace.take_tally();
            harness.run(line);
            assert_eq!(harness.worker.keyspace.take_tally().changes, changes, "{line}");
        }
    }

    #[test]
    fn the_form_follows_the_directives() {
        let mut harness = Harness::new();
        harness.run("CONFIG SET set-max-intset-entries 2 set-max-listpack-entries 3");
        harness.run("CONFIG SET set-max-listpack-value 5");
        for (line, encoding) in [
            ("SADD s 1 2", "intset"),
            ("SADD s 12345", "hashtable"),
            ("SADD t 1 12345", "intset"),
            ("SADD t x", "listpack"),
            ("SADD t y", "hashtable"),
            ("SADD u abcdef", "hashtable"),
        ] {
            harness.run(line);
            assert_eq!(harness.encoding(&line[5..6]), encoding, "{line}");
        }
        harness.run("SREM u abcdef");
        harness.run("SADD u 1");
        assert_eq!(harness.encoding("u"), "intset", "a new set begins small");
    }
}
