//! Reading lists.

use super::{READ, between, list, position};
use crate::command::options::integer;
use crate::command::string::reply_text;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::store::{Collection, List};

pub(super) static LLEN: Command = Command {
    name: "llen",
    arity: 2,
    flags: READ.and(Flags::FAST),
    keys: &[KeySpec::one(&["RO"])],
    group: Group::List,
    summary: "Returns how many elements a list has.",
    arguments: &[Argument::key()],
    run: llen,
    ..Command::BASE
};

fn llen(call: &mut Call<'_>) -> Result<(), Error> {
    let len = list(call)?.map_or(0, Collection::len);
    call.reply.integer(len as i64);
    Ok(())
}

pub(super) static LRANGE: Command = Command {
    name: "lrange",
    arity: 4,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::List,
    complexity: "O(S+N) where S is the distance of start offset from HEAD for small lists, from \
                 nearest end (HEAD or TAIL) for large lists; and N is the number of elements in the \
                 specified range.",
    summary: "Returns the elements of a list from one index to another, both included.",
    arguments: &[Argument::key(), Argument::integer("start"), Argument::integer("stop")],
    run: lrange,
    ..Command::BASE
};

fn lrange(call: &mut Call<'_>) -> Result<(), Error> {
    let (start, stop) = (integer(&call.args[2])?, integer(&call.args[3])?);
    let list: Option<&List> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    let Some(list) = list else {
        call.reply.array(0);
        return Ok(());
    };
    let numbers = between(start, stop, list.len());
    call.reply.array(numbers.len());
    list.for_each(numbers, |text| reply_text(&mut call.reply, text));
    Ok(())
}

pub(super) static LINDEX: Command = Command {
    name: "lindex",
    arity: 3,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::List,
    complexity: "O(N) where N is the number of elements to traverse to get to the element at index. \
                 This makes asking for the first or the last element of the list O(1).",
    summary: "Returns the element of a list at an index; negative ones count from the end.",
    arguments: &[Argument::key(), Argument::integer("index")],
    run: lindex,
    ..Command::BASE
};

fn lindex(call: &mut Call<'_>) -> Result<(), Error> {
    let list: Option<&List> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    let Some(list) = list else {
        call.reply.null();
        return Ok(());
    };
    let index = position(integer(&call.args[2])?, list.len());
    match index.and_then(|index| list.get(index)) {
        Some(text) => reply_text(&mut call.reply, text),
        None => call.reply.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};

    /// A list in the small form, and one in the large.
    fn lists() -> [(Harness, Vec<String>); 2] {
        [("-2", 10), ("3", 100)].map(|(chunk, len)| {
            let mut harness = Harness::new();
            harness.run(&format!("CONFIG SET list-max-listpack-size {chunk}"));
            let elements: Vec<String> = (0..len).map(|i| format!("e{i}")).collect();
            harness.run(&format!("RPUSH l {}", elements.join(" ")));
            (harness, elements)
        })
    }

    #[test]
    fn indices_count_from_either_end() {
        for (mut harness, elements) in lists() {
            let len = elements.len() as i64;
            assert_eq!(harness.run("LLEN l"), format!(":{len}\r\n"));
            for index in -len..len {
                let expected = &elements[((index + len) % len) as usize];
                assert_eq!(bulks(&harness.run(&format!("LINDEX l {index}"))), [expected.as_str()]);
            }
            for index in [len, -len - 1, i64::MAX, i64::MIN] {
                assert_eq!(harness.run(&format!("LINDEX l {index}")), "$-1\r\n");
            }
        }
    }

    #[test]
    fn ranges_end_where_the_list_ends() {
        for (mut harness, elements) in lists() {
            let len = elements.len() as i64;
            let edges = [0, 1, 4, len - 2, len - 1, len, len + 5, -1, -3, -len, -len - 1];
            for (start, stop) in edges.iter().flat_map(|a| edges.iter().map(move |b| (*a, *b))) {
                let absolute = |index: i64| if index < 0 { index + len } else { index };
                let wanted = absolute(start).max(0)..=absolute(stop);
                let expected: Vec<&str> = (0..len)
                    .filter(|index| wanted.contains(index))
                    .map(|index| elements[index as usize].as_str())
                    .collect();
                let reply = harness.run(&format!("LRANGE l {start} {stop}"));
                assert_eq!(bulks(&reply), expected, "{start} {stop}");
                assert!(reply.starts_with(&format!("*{}\r\n", expected.len())));
            }
            let all = harness.run(&format!("LRANGE l {} {}", i64::MIN, i64::MAX));
            assert_eq!(bulks(&all), elements);
        }
    }

    #[test]
    fn a_missing_key_is_an_empty_list() {
        let mut harness = Harness::new();
        assert_eq!(harness.run("LLEN l"), ":0\r\n");
        assert_eq!(harness.run("LRANGE l 0 -1"), "*0\r\n");
        assert_eq!(harness.run("LINDEX l x"), "$-1\r\n", "as in Redis");
        assert_eq!(harness.run("LRANGE l 0 x"), "-ERR value is not an integer or out of range\r\n");
    }
}
