//! Looking for elements in lists.

use super::{ELEMENT, READ};
use crate::command::options::{integer, is};
use crate::command::{Argument, Call, Command, Error, Group, KeySpec};
use crate::resp::Args;
use crate::store::{End, List};

pub(super) static LPOS: Command = Command {
    name: "lpos",
    arity: -3,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::List,
    since: "6.0.6",
    complexity: "O(N) where N is the number of elements in the list, for the average case. When \
                 searching for elements near the head or the tail of the list, or when the MAXLEN \
                 option is provided, the command may run in constant time.",
    summary: "Returns the index of an element of a list, or of several that are equal.",
    arguments: &[
        Argument::key(),
        ELEMENT,
        Argument::integer("rank").token("RANK").optional(),
        Argument::integer("num-matches").token("COUNT").optional(),
        Argument::integer("len").token("MAXLEN").optional(),
    ],
    run: lpos,
    ..Command::BASE
};

fn lpos(call: &mut Call<'_>) -> Result<(), Error> {
    let Options { from, mut skip, count, most } = Options::parse(call.args.rest(3))?;
    let list: Option<&List> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    let wanted = match count {
        None => 1,
        Some(0) => usize::MAX,
        Some(count) => count,
    };
    let mut found = Vec::new();
    if let Some(list) = list {
        list.search(&call.args[2], from, most, |number| {
            if skip == 0 {
                found.push(number as i64);
            }
            skip = skip.saturating_sub(1);
            found.len() < wanted
        });
    }
    match (count, found.first()) {
        (Some(_), _) => {
            call.reply.array(found.len());
            found.iter().for_each(|number| call.reply.integer(*number));
        }
        (None, Some(number)) => call.reply.integer(*number),
        (None, None) => call.reply.null(),
    }
    Ok(())
}

/// `[RANK rank] [COUNT num-matches] [MAXLEN len]`
struct Options {
    from: End,
    /// Equal elements that are passed over.
    skip: u64,
    /// 0 for all; None if one is asked for, not an array.
    count: Option<usize>,
    /// Elements that are looked at, at most.
    most: usize,
}

impl Options {
    fn parse(options: Args<'_>) -> Result<Self, Error> {
        let mut parsed = Self { from: End::Left, skip: 0, count: None, most: usize::MAX };
        let natural = |word: &[u8], fault: &str| {
            let number = integer(word).ok().and_then(|number| usize::try_from(number).ok());
            number.ok_or_else(|| Error::text(fault))
        };
        let mut words = options.iter();
        while let Some(option) = words.next() {
            let number = words.next().ok_or(Error::Syntax)?;
            if is(option, "RANK") {
                let rank = integer(number)?;
                if rank == 0 {
                    return Err(Error::text(RANK_0));
                }
                parsed.from = if rank < 0 { End::Right } else { End::Left };
                parsed.skip = rank.unsigned_abs() - 1;
            } else if is(option, "COUNT") {
                parsed.count = Some(natural(number, "COUNT can't be negative")?);
            } else if is(option, "MAXLEN") {
                let len = natural(number, "MAXLEN can't be negative")?;
                parsed.most = if len == 0 { usize::MAX } else { len };
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(parsed)
    }
}

const RANK_0: &str = "RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
                      or use negative to start from the end of the list";

#[cfg(test)]
mod tests {
    use super::RANK_0;
    use crate::command::harness::Harness;

    /// The replies of redis-server 7.0.15.
    #[test]
    fn equal_elements_are_found_from_either_end() {
        for mut harness in Harness::each_way() {
            harness.run("RPUSH l a b c 1 2 3 c c");
            for (options, reply) in [
                ("c", ":2\r\n"),
                ("x", "$-1\r\n"),
                ("3", ":5\r\n"),
                ("c RANK 2", ":6\r\n"),
                ("c RANK -1", ":7\r\n"),
                ("c RANK 4", "$-1\r\n"),
                ("c RANK -9223372036854775808", "$-1\r\n"),
                ("c COUNT 2", "*2\r\n:2\r\n:6\r\n"),
                ("c COUNT 0 RANK -2", "*2\r\n:6\r\n:2\r\n"),
                ("c COUNT 0 MAXLEN 7", "*2\r\n:2\r\n:6\r\n"),
                ("c RANK -1 COUNT 0 MAXLEN 2", "*2\r\n:7\r\n:6\r\n"),
                ("c MAXLEN 2", "$-1\r\n"),
                ("x COUNT 1", "*0\r\n"),
            ] {
                assert_eq!(harness.run(&format!("LPOS l {options}")), reply, "{options}");
            }
            assert_eq!(harness.run("LPOS none a"), "$-1\r\n");
            assert_eq!(harness.run("LPOS none a COUNT 0"), "*0\r\n");
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_reported_in_redis_words() {
        let mut harness = Harness::new();
        for (options, error) in [
            ("RANK 0", RANK_0),
            ("RANK x", "value is not an integer or out of range"),
            ("RANK", "syntax error"),
            ("COUNT -1", "COUNT can't be negative"),
            ("COUNT x", "COUNT can't be negative"),
            ("MAXLEN -1", "MAXLEN can't be negative"),
            ("FIRST 1", "syntax error"),
        ] {
            let reply = harness.run(&format!("LPOS none a {options}"));
            assert_eq!(reply, format!("-ERR {error}\r\n"), "{options}");
        }
    }
}
