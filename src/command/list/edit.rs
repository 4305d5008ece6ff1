//! Changing lists at other places than their ends.

use super::{ELEMENT, WRITE, between, chunk_size, list, position};
use crate::command::options::{integer, is};
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::store::{Collection, Edit, End, List};

pub(super) static LSET: Command = Command {
    name: "lset",
    arity: 4,
    flags: WRITE,
    keys: &[KeySpec::one(&["RW", "update"])],
    group: Group::List,
    complexity: "O(N) where N is the length of the list. Setting either the first or the last element \
                 of the list is O(1).",
    summary: "Puts another element in the place of the one at an index of a list.",
    arguments: &[Argument::key(), Argument::integer("index"), ELEMENT],
    run: lset,
    ..Command::BASE
};

fn lset(call: &mut Call<'_>) -> Result<(), Error> {
    let len = list(call)?.ok_or(Error::NoSuchKey)?.len();
    let index = position(integer(&call.args[2])?, len);
    let index = index.ok_or_else(|| Error::text("index out of range"))?;
    let (element, size) = (&call.args[3], chunk_size(call));
    call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|list: &mut List| Edit::done(list.set(index, element, size)))
    })?;
    call.reply.ok();
    Ok(())
}

pub(super) static LINSERT: Command = Command {
    name: "linsert",
    arity: 5,
    flags: WRITE,
    keys: &[KeySpec::one(&["RW", "insert"])],
    group: Group::List,
    since: "2.2.0",
    complexity: "O(N) where N is the number of elements to traverse before seeing the value pivot. \
                 This means that inserting somewhere on the left end on the list (head) can be \
                 considered O(1) and inserting somewhere on the right end (tail) is O(N).",
    summary: "Puts an element in beside the first one of a list that equals a pivot.",
    arguments: &[
        Argument::key(),
        Argument::one_of(
            "where",
            &[Argument::word("before", "BEFORE"), Argument::word("after", "AFTER")],
        ),
        Argument::string("pivot"),
        ELEMENT,
    ],
    run: linsert,
    ..Command::BASE
};

fn linsert(call: &mut Call<'_>) -> Result<(), Error> {
    let behind = match &call.args[2] {
        word if is(word, "BEFORE") => 0,
        word if is(word, "AFTER") => 1,
        _ => return Err(Error::Syntax),
    };
    let (pivot, element, size) = (&call.args[3], &call.args[4], chunk_size(call));
    let outcome = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|list: &mut List| {
            let mut found = None;
            list.search(pivot, End::Left, usize::MAX, |number| {
                found = Some(number);
                false
            });
            if let Some(number) = found {
                list.insert(number + behind, element, size);
            }
            Edit::done_if(found.is_some(), found.map(|_| list.len() as i64))
        })
    })?;
    call.reply.integer(outcome.map_or(0, |len| len.unwrap_or(-1)));
    Ok(())
}

pub(super) static LREM: Command = Command {
    name: "lrem",
    arity: 4,
    flags: Flags::WRITE,
    keys: &[KeySpec::one(&["RW", "delete"])],
    group: Group::List,
    complexity: "O(N+M) where N is the length of the list and M is the number of elements removed.",
    summary: "Removes elements of a list that equal one, all or some from an end; returns how many.",
    arguments: &[Argument::key(), Argument::integer("count"), ELEMENT],
    run: lrem,
    ..Command::BASE
};

fn lrem(call: &mut Call<'_>) -> Result<(), Error> {
    let count = integer(&call.args[2])?;
    let from = if count < 0 { End::Right } else { End::Left };
    let most = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let (element, size) = (&call.args[3], chunk_size(call));
    let removed = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|list: &mut List| {
            let removed = list.remove_equal(element, from, most, size);
            Edit::done_if(removed > 0, removed)
        })
    })?;
    call.reply.integer(removed.unwrap_or(0) as i64);
    Ok(())
}

pub(super) static LTRIM: Command = Command {
    name: "ltrim",
    arity: 4,
    flags: Flags::WRITE,
    keys: &[KeySpec::one(&["RW", "delete"])],
    group: Group::List,
    complexity: "O(N) where N is the number of elements to be removed by the operation.",
    summary: "Removes all elements of a list but those from one index to another, both included.",
    arguments: &[Argument::key(), Argument::integer("start"), Argument::integer("stop")],
    run: ltrim,
    ..Command::BASE
};

fn ltrim(call: &mut Call<'_>) -> Result<(), Error> {
    let (start, stop) = (integer(&call.args[2])?, integer(&call.args[3])?);
    let size = chunk_size(call);
    call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|list: &mut List| {
            let before = list.len();
            list.keep(between(start, stop, before), size);
            Edit::done_if(list.len() < before, ())
        })
    })?;
    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};

    fn all(harness: &mut Harness) -> Vec<String> {
        bulks(&harness.run("LRANGE l 0 -1"))
    }

    #[test]
    fn an_element_is_replaced_where_it_stands() {
        for mut harness in Harness::each_way() {
            harness.run("RPUSH l a b c");
            assert_eq!(harness.run("LSET l 0 first"), "+OK\r\n");
            assert_eq!(harness.run("LSET l -1 3"), "+OK\r\n");
            assert_eq!(all(&mut harness), ["first", "b", "3"]);
        }
    }

    #[test]
    fn the_first_pivot_counts() {
        for mut harness in Harness::each_way() {
            harness.run("RPUSH l a b a");
            assert_eq!(harness.run("LINSERT l after a 1"), ":4\r\n");
            assert_eq!(harness.run("LINSERT l BEFORE b 2"), ":5\r\n");
            assert_eq!(harness.run("LINSERT l BEFORE x 3"), ":-1\r\n");
            assert_eq!(harness.run("LINSERT none BEFORE x 3"), ":0\r\n");
            assert_eq!(all(&mut harness), ["a", "1", "2", "b", "a"]);
        }
    }

    #[test]
    fn equal_elements_are_removed_from_the_end_that_the_sign_names() {
        for mut harness in Harness::each_way() {
            harness.run("RPUSH l a b a c a d a");
            assert_eq!(harness.run("LREM l -1 a"), ":1\r\n");
            assert_eq!(harness.run("LREM l 1 a"), ":1\r\n");
            assert_eq!(all(&mut harness), ["b", "a", "c", "a", "d"]);
            assert_eq!(harness.run("LREM l 0 a"), ":2\r\n");
            assert_eq!(harness.run("LREM l 0 a"), ":0\r\n");
            for element in ["b", "c", "d"] {
                harness.run(&format!("LREM l 5 {element}"));
            }
            assert_eq!(harness.run("EXISTS l"), ":0\r\n");
        }
    }

    #[test]
    fn a_list_is_trimmed_at_both_ends() {
        for mut harness in Harness::each_way() {
            harness.run("RPUSH l a b c d e");
            assert_eq!(harness.run("LTRIM l 1 -2"), "+OK\r\n");
            assert_eq!(all(&mut harness), ["b", "c", "d"]);
            assert_eq!(harness.run("LTRIM l 5 9"), "+OK\r\n");
            assert_eq!(harness.run("EXISTS l"), ":0\r\n");
            assert_eq!(harness.run("LTRIM l 0 0"), "+OK\r\n");
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_reported_in_redis_words() {
        let mut harness = Harness::new();
        harness.run("RPUSH l a");
        let integer = "ERR value is not an integer or out of range";
        for (line, error) in [
            ("LSET none 0 x", "ERR no such key"),
            ("LSET l 1 x", "ERR index out of range"),
            ("LSET l -2 x", "ERR index out of range"),
            ("LSET l x x", integer),
            ("LINSERT none BESIDE a x", "ERR syntax error"),
            ("LTRIM none x 0", integer),
            ("LREM l x a", integer),
        ] {
            assert_eq!(harness.run(line), format!("-{error}\r\n"), "{line}");
        }
        assert_eq!(all(&mut harness), ["a"]);
    }
}
