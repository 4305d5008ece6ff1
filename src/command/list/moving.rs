//! Moving an element from one list to another, or to the other end.

use super::{LEFT_OR_RIGHT, TAKEN, WRITE, chunk_size, end};
use crate::command::{Argument, Call, Command, Deprecated, Error, Group, KeySpec, Kind};
use crate::store::{Edit, End, List};

pub(super) const KEYS: &[KeySpec] = &[KeySpec::one(TAKEN), KeySpec::at(2, &["RW", "insert"])];
pub(super) const SOURCE: Argument = Argument::new("source", Kind::Key(0));
pub(super) const DESTINATION: Argument = Argument::new("destination", Kind::Key(1));

pub(super) static LMOVE: Command = Command {
    name: "lmove",
    arity: 5,
    flags: WRITE,
    keys: KEYS,
    group: Group::List,
    since: "6.2.0",
    summary: "Takes an element from one end of a list, adds it at an end of another, and returns it.",
    arguments: &[
        SOURCE,
        DESTINATION,
        Argument::one_of("wherefrom", LEFT_OR_RIGHT),
        Argument::one_of("whereto", LEFT_OR_RIGHT),
    ],
    run: |call| {
        let (from, to) = (end(&call.args[3])?, end(&call.args[4])?);
        transfer_or_null(call, from, to)
    },
    ..Command::BASE
};

pub(super) static RPOPLPUSH: Command = Command {
    name: "rpoplpush",
    arity: 3,
    flags: WRITE,
    keys: KEYS,
    group: Group::List,
    since: "1.2.0",
    deprecated: Some(Deprecated {
        since: "6.2.0",
        replaced_by: "`LMOVE` with the `RIGHT` and `LEFT` arguments",
    }),
    summary: "Takes the last element of a list, adds it at the left end of another, and returns it.",
    arguments: &[SOURCE, DESTINATION],
    run: |call| transfer_or_null(call, End::Right, End::Left),
    ..Command::BASE
};

fn transfer_or_null(call: &mut Call<'_>, from: End, to: End) -> Result<(), Error> {
    if !transfer(call, from, to)? {
        call.reply.null();
    }
    Ok(())
}

/// Moves the element at one end of the first list to an end of the second, which may be the same,
/// and answers with it. False if there is none.
pub(super) fn transfer(call: &mut Call<'_>, from: End, to: End) -> Result<bool, Error> {
    let (db, source, destination) = (call.session.db, &call.args[1], &call.args[2]);
    let size = chunk_size(call);
    let list: Option<&List> = call.keyspace.read_as(db, source)?;
    let Some(element) = list.and_then(|list| list.outermost(from)) else {
        return Ok(false);
    };
    let element = element.to_vec();
    if source == destination {
        call.keyspace.write(db, source, |slot| {
            slot.alter(|list: &mut List| {
                list.pop(from, size, |_| ());
                list.push(to, &element, size);
                Edit::done(())
            })
        })?;
    } else {
        // The element is in both lists for a moment: if the second is none, the first stays whole.
        call.keyspace.write(db, destination, |slot| {
            slot.alter_or_new(|list: &mut List| {
                list.push(to, &element, size);
                Edit::done(())
            })
        })?;
        call.keyspace.write(db, source, |slot| {
            slot.alter(|list: &mut List| Edit::done(list.pop(from, size, |_| ())))
        })?;
    }
    call.reply.bulk(&element);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};

    #[test]
    fn an_element_moves_between_the_ends_that_are_named() {
        for mut harness in Harness::each_way() {
            harness.run("RPUSH a 1 2 3");
            harness.run("RPUSH b x");
            assert_eq!(harness.run("LMOVE a b LEFT RIGHT"), "$1\r\n1\r\n");
            assert_eq!(harness.run("LMOVE a b right left"), "$1\r\n3\r\n");
            assert_eq!(harness.run("RPOPLPUSH b c"), "$1\r\n1\r\n");
            assert_eq!(bulks(&harness.run("LRANGE b 0 -1")), ["3", "x"]);
            assert_eq!(harness.run("LMOVE a a LEFT RIGHT"), "$1\r\n2\r\n", "alone it stays");
            assert_eq!(harness.run("LMOVE b b LEFT RIGHT"), "$1\r\n3\r\n");
            assert_eq!(bulks(&harness.run("LRANGE b 0 -1")), ["x", "3"]);
            assert_eq!(harness.run("LMOVE a c LEFT RIGHT"), "$1\r\n2\r\n");
            assert_eq!(harness.run("EXISTS a"), ":0\r\n");
            assert_eq!(bulks(&harness.run("LRANGE c 0 -1")), ["1", "2"]);
        }
    }

    #[test]
    fn nothing_moves_when_it_cannot_arrive() {
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
        let mut harness = Harness::new();
        harness.run("RPUSH l a");
        harness.run("SET s v");
        for (line, reply) in [
            ("LMOVE l s LEFT LEFT", wrong),
            ("RPOPLPUSH s l", wrong),
            ("RPOPLPUSH s s", wrong),
            ("LMOVE none s LEFT LEFT", "$-1\r\n"),
            ("LMOVE l l LEFT UP", "-ERR syntax error\r\n"),
        ] {
            assert_eq!(harness.run(line), reply, "{line}");
        }
        assert_eq!(bulks(&harness.run("LRANGE l 0 -1")), ["a"]);
    }
}
