//! Whole databases: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.

use super::options::{integer32, is};
use super::{Argument, Call, Command, Error, Flags, Group};
use crate::resp::Args;

/// The commands of this file, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[&DBSIZE, &FLUSHALL, &FLUSHDB, &SWAPDB];

pub static DBSIZE: Command = Command {
    name: "dbsize",
    arity: 1,
    flags: Flags::READONLY.and(Flags::FAST),
    group: Group::Server,
    since: "1.0.0",
    summary: "Returns how many keys the database has.",
    tips: &["request_policy:all_shards", "response_policy:agg_sum"],
    categories: &["keyspace"],
    run: dbsize,
    ..Command::BASE
};

fn dbsize(call: &mut Call<'_>) -> Result<(), Error> {
    call.reply.integer(call.keyspace.len(call.session.db) as i64);
    Ok(())
}

/// What FLUSHDB and FLUSHALL have in common.
const FLUSH: Command = Command {
    arity: -1,
    flags: Flags::WRITE.and(Flags::EXCLUSIVE),
    group: Group::Server,
    since: "1.0.0",
    history: &[
        ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
        ("6.2.0", "Added the `SYNC` flushing mode modifier."),
    ],
    arguments: &[Argument::one_of(
        "async",
        &[
            Argument::word("async", "ASYNC").since("4.0.0"),
            Argument::word("sync", "SYNC").since("6.2.0"),
        ],
    )
    .optional()],
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    categories: &["keyspace", "dangerous"],
    ..Command::BASE
};

pub static FLUSHDB: Command = Command {
    name: "flushdb",
    complexity: "O(N) where N is the number of keys in the selected database",
    summary: "Empties the selected database.",
    run: flushdb,
    ..FLUSH
};

fn flushdb(call: &mut Call<'_>) -> Result<(), Error> {
    let in_background = in_background(call.args.rest(1))?;
    call.keyspace.flush(call.session.db, in_background);
    call.reply.ok();
    Ok(())
}

pub static FLUSHALL: Command = Command {
    name: "flushall",
    complexity: "O(N) where N is the total number of keys in all databases",
    summary: "Empties every database.",
    run: flushall,
    ..FLUSH
};

fn flushall(call: &mut Call<'_>) -> Result<(), Error> {
    let in_background = in_background(call.args.rest(1))?;
    for db in 0..call.keyspace.databases() {
        call.keyspace.flush(db, in_background);
    }
    call.reply.ok();
    Ok(())
}

/// Whether the memory is freed by another thread, while clients are served again.
fn in_background(options: Args<'_>) -> Result<bool, Error> {
    match options.get(0) {
        None => Ok(false),
        Some(mode) if options.len() == 1 && is(mode, "ASYNC") => Ok(true),
        Some(mode) if options.len() == 1 && is(mode, "SYNC") => Ok(false),
        Some(_) => Err(Error::Syntax),
    }
}

pub static SWAPDB: Command = Command {
    name: "swapdb",
    arity: 3,
    flags: Flags::WRITE.and(Flags::FAST).and(Flags::EXCLUSIVE),
    group: Group::Server,
    since: "4.0.0",
    complexity: "O(N) where N is the count of clients watching or blocking on keys from both \
                 databases.",
    summary: "Exchanges two databases, for all clients at once.",
    arguments: &[Argument::integer("index1"), Argument::integer("index2")],
    categories: &["keyspace", "dangerous"],
    run: swapdb,
    ..Command::BASE
};

fn swapdb(call: &mut Call<'_>) -> Result<(), Error> {
    let one = integer32(&call.args[1]).map_err(|_| Error::text("invalid first DB index"))?;
    let other = integer32(&call.args[2]).map_err(|_| Error::text("invalid second DB index"))?;
    let databases = call.keyspace.databases();
    let index = |number: i32| {
        let number = usize::try_from(number).ok().filter(|number| *number < databases);
        number.ok_or(Error::DatabaseOutOfRange)
    };
    call.keyspace.swap(index(one)?, index(other)?);
    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    #[test]
    fn a_database_is_emptied_alone_or_with_all_others() {
        for mut harness in Harness::each_way() {
            for request in ["FLUSHDB", "FLUSHDB SYNC", "flushdb async"] {
                for db in 0..3 {
                    harness.session.db = db;
                    for i in 0..100 {
                        harness.set(&format!("key{i}"), "v");
                    }
                    harness.run("EXPIRE key0 10");
                }
                assert_eq!(harness.run("DBSIZE"), ":100\r\n");
                assert_eq!(harness.run(request), "+OK\r\n");
                assert_eq!((0..3).map(|db| harness.len(db)).collect::<Vec<_>>(), [100, 100, 0]);
                assert_eq!(harness.worker.keyspace.expiring(2), 0);
                assert_eq!(harness.run("GET key1"), "$-1\r\n");
                assert_eq!(
                    harness.run(&request.replace("DB", "ALL").replace("db", "all")),
                    "+OK\r\n"
                );
                assert!(harness.worker.keyspace.is_empty());
            }
        }
    }

    #[test]
    fn swapped_databases_keep_their_keys() {
        for mut harness in Harness::each_way() {
            harness.set("zero", "v");
            assert_eq!(harness.run("SWAPDB 0 2"), "+OK\r\n");
            assert_eq!((harness.len(0), harness.len(2)), (0, 1));
            harness.set("two", "v");
            harness.session.db = 2;
            assert_eq!(harness.run("EXISTS zero"), ":1\r\n");
            assert_eq!(harness.run("SWAPDB 2 0"), "+OK\r\n");
            assert_eq!(harness.run("EXISTS two"), ":1\r\n");
            assert_eq!(harness.run("SWAPDB 2 2"), "+OK\r\n");
            assert_eq!(harness.run("DBSIZE"), ":1\r\n");
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_reported_in_redis_words() {
        let mut harness = Harness::new();
        for (request, error) in [
            ("FLUSHDB foo", "syntax error"),
            ("FLUSHALL async sync", "syntax error"),
            ("SWAPDB a b", "invalid first DB index"),
            ("SWAPDB 0 b", "invalid second DB index"),
            ("SWAPDB 99 b", "invalid second DB index"),
            ("SWAPDB 99999999999 0", "invalid first DB index"),
            ("SWAPDB 0 16", "DB index is out of range"),
            ("SWAPDB -1 0", "DB index is out of range"),
            ("DBSIZE x", "wrong number of arguments for 'dbsize' command"),
        ] {
            assert_eq!(harness.run(request), format!("-ERR {error}\r\n"), "{request}");
        }
    }
}
