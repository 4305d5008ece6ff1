//! Adding elements at the ends of lists.

use super::{ELEMENT, WRITE, chunk_size};
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::store::{Collection, Edit, End, List};

/// What the four commands have in common.
const PUSH: Command = Command {
    arity: -3,
    flags: WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(&["RW", "insert"])],
    group: Group::List,
    complexity: "O(1) for each element added, so O(N) to add N elements when the command is called \
                 with multiple arguments.",
    arguments: &[Argument::key(), ELEMENT.multiple()],
    ..Command::BASE
};

pub(super) static LPUSH: Command = Command {
    name: "lpush",
    history: &[("2.4.0", "Accepts multiple `element` arguments.")],
    summary: "Adds elements at the left end of a list; returns its length.",
    run: |call| push(call, End::Left),
    ..PUSH
};

pub(super) static RPUSH: Command = Command {
    name: "rpush",
    history: &[("2.4.0", "Accepts multiple `element` arguments.")],
    summary: "Adds elements at the right end of a list; returns its length.",
    run: |call| push(call, End::Right),
    ..PUSH
};

#[inline]
fn push(call: &mut Call<'_>, end: End) -> Result<(), Error> {
    let (elements, size) = (call.args.rest(2), chunk_size(call));
    let len = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter_or_new(|list: &mut List| {
            elements.iter().for_each(|element| list.push(end, element, size));
            Edit::done(list.len())
        })
    })?;
    call.reply.integer(len as i64);
    Ok(())
}

pub(super) static LPUSHX: Command = Command {
    name: "lpushx",
    since: "2.2.0",
    history: &[("4.0.0", "Accepts multiple `element` arguments.")],
    summary: "Adds elements at the left end of a list that is there; returns its length.",
    run: |call| push_if_there(call, End::Left),
    ..PUSH
};

pub(super) static RPUSHX: Command = Command {
    name: "rpushx",
    since: "2.2.0",
    history: &[("4.0.0", "Accepts multiple `element` arguments.")],
    summary: "Adds elements at the right end of a list that is there; returns its length.",
    run: |call| push_if_there(call, End::Right),
    ..PUSH
};

fn push_if_there(call: &mut Call<'_>, end: End) -> Result<(), Error> {
    let (elements, size) = (call.args.rest(2), chunk_size(call));
    let len = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|list: &mut List| {
            elements.iter().for_each(|element| list.push(end, element, size));
            Edit::done(list.len())
        })
    })?;
    call.reply.integer(len.unwrap_or(0) as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};

    #[test]
    fn elements_come_to_the_end_that_is_named() {
        for mut harness in Harness::each_way() {
            assert_eq!(harness.run("RPUSH l c d"), ":2\r\n");
            assert_eq!(harness.run("LPUSH l b a"), ":4\r\n");
            assert_eq!(harness.run("LPUSHX l 007"), ":5\r\n");
            assert_eq!(harness.run("RPUSHX l 7 -1"), ":7\r\n");
            let all = bulks(&harness.run("LRANGE l 0 -1"));
            assert_eq!(all, ["007", "a", "b", "c", "d", "7", "-1"]);
        }
    }

    #[test]
    fn the_x_stands_for_existing() {
        let mut harness = Harness::new();
        for line in ["LPUSHX l a", "RPUSHX l a"] {
            assert_eq!(harness.run(line), ":0\r\n");
        }
        assert_eq!(harness.len(0), 0);
    }

    #[test]
    fn the_form_follows_the_directive() {
        let mut harness = Harness::new();
        for i in 0..1000 {
            harness.run(&format!("RPUSH l {i}"));
        }
        assert_eq!(harness.encoding("l"), "listpack");
        let limit = |value: i64| format!("CONFIG SET list-max-listpack-size {value}");
        harness.run(&limit(2));
        harness.run("RPUSH small 1 2");
        assert_eq!(harness.encoding("small"), "listpack");
        harness.run("RPUSH small 3");
        assert_eq!(harness.encoding("small"), "quicklist");
        harness.run("RPOP small 2");
        assert_eq!(harness.encoding("small"), "listpack", "half of what it may be");
        harness.run(&limit(-1));
        harness.run_words(&["RPUSH", "long", &"x".repeat(4000)]);
        assert_eq!(harness.encoding("long"), "listpack");
        harness.run_words(&["RPUSH", "long", &"x".repeat(100)]);
        assert_eq!(harness.encoding("long"), "quicklist");
    }
}
