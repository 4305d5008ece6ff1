//! A command that panics: its client and the log are told, and the server goes on.
//!
//! A panic is a bug, but one request that meets it is no reason to take all clients' data away. What
//! the command held is let go of and what it had replied is taken back, as with any error; a value that
//! it was in the middle of changing is removed, see [`Slot`](crate::store::Slot). A panic anywhere else
//! leaves nobody knows what half done, so it ends the process.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::{process, thread};

use super::table::TABLE;
use crate::client::NO_COMMAND;

thread_local! {
    /// The number of the command that this thread runs, or [`NO_COMMAND`].
    static RUNNING: Cell<u16> = const { Cell::new(NO_COMMAND) };
}

/// From here on a panic is that command's, until it has [`ended`].
#[inline]
pub(super) fn began(number: u16) {
    RUNNING.set(number);
}

#[inline]
pub(super) fn ended() {
    RUNNING.set(NO_COMMAND);
}

/// Runs some requests. If a command panics, its number is returned: the request is to be answered, and
/// those behind it are to be run again. There is one of these for many requests, so that it costs none
/// of them anything.
#[inline]
pub fn contain<R>(requests: impl FnOnce() -> R) -> Result<R, u16> {
    // All that a command changes and that outlives it is fit for use whenever it is interrupted.
    match panic::catch_unwind(AssertUnwindSafe(requests)) {
        Ok(done) => Ok(done),
        Err(panic) => match RUNNING.replace(NO_COMMAND) {
            NO_COMMAND => panic::resume_unwind(panic),
            number => Err(number),
        },
    }
}

/// Has every panic of the process logged in one line, and the process ended by any that is not within
/// a command: half a server would leave its clients waiting.
pub fn watch() {
    panic::set_hook(Box::new(|panic| {
        // A message may have several lines.
        let place = panic.to_string().replace('\n', " ");
        let trace = Backtrace::capture();
        let trace = match trace.status() {
            BacktraceStatus::Captured => format!("\n{trace}"),
            _ => String::new(),
        };
        match RUNNING.get() {
            NO_COMMAND => {
                let thread = thread::current();
                let name = thread.name().unwrap_or("without a name");
                log::error!("thread {name} {place}; this ends the server{trace}");
                process::abort();
            }
            number => {
                let name = TABLE.name(number);
                log::error!("command '{name}' {place}; its client is told so{trace}");
            }
        }
    }));
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::command::blocking::{Timeout, Waiting, serve_or_wait};
    use crate::command::harness::Harness;
    use crate::command::table::Table;
    use crate::command::{Call, Command, Error, Flags, KeySpec, connection, list, string};
    use crate::mailbox::Message;
    use crate::store::{ChunkSize, Cursor, Edit, End, Expiry, List, New, SHARED_FROM};

    const INTERNAL: &str =
        "-ERR internal error, the command was given up: see the server's log\r\n";

    const BUG: Command = Command { arity: -1, keys: &[KeySpec::one(&["RW"])], ..Command::BASE };

    /// Panics in the middle of an edit, and of a reply.
    static EDIT: Command = Command {
        name: "bug.edit",
        arity: 2,
        run: |call| {
            call.reply.array(3);
            call.reply.bulk_shared(&Bytes::from(vec![b'x'; SHARED_FROM]));
            edit(call)
        },
        ..BUG
    };

    fn edit(call: &mut Call<'_>) -> Result<(), Error> {
        let key = &call.args[1];
        let is_text = call
            .keyspace
            .peek(call.db(), key)
            .is_some_and(|found| found.value().type_name() == "string");
        call.keyspace.write(call.session.db, key, |slot| {
            if is_text {
                slot.edit(0, |_| panic!("in a string"));
                return Ok(None);
            }
            slot.alter(|list: &mut List| -> Edit<()> {
                list.push(End::Left, b"half", ChunkSize::from_directive(128));
                panic!("in a list")
            })
        })?;
        Ok(())
    }

    /// Panics when the change is done.
    static SET: Command = Command {
        name: "bug.set",
        arity: 3,
        run: |call| {
            let [key, value] = [&call.args[1], &call.args[2]];
            call.keyspace.write(call.session.db, key, |slot| {
                slot.set(New::string(value), Expiry::Clear);
                panic!("after a change")
            })
        },
        ..BUG
    };

    /// Panics while it visits segments that it does not hold for longer.
    static SCAN: Command = Command {
        name: "bug.scan",
        keys: &[],
        run: |call| {
            call.keyspace.scan(call.session.db, Cursor::START, 10_000, |_, _| panic!("on a visit"));
            Ok(())
        },
        ..BUG
    };

    /// Panics while it has the store to itself.
    static ALONE: Command = Command {
        name: "bug.alone",
        flags: Flags::EXCLUSIVE,
        keys: &[],
        run: |_| panic!("alone"),
        ..BUG
    };

    /// Begins to wait, and panics.
    static WAIT: Command = Command {
        name: "bug.wait",
        waiting: Some(Waiting { value_type: "list", serve: |_, _| Ok(false) }),
        run: |call| {
            serve_or_wait(call, 1..2, Timeout::parse(b"0")?)?;
            panic!("asleep")
        },
        ..BUG
    };

    /// Waits, and panics when it is served.
    static SERVED: Command = Command {
        name: "bug.served",
        waiting: Some(Waiting {
            value_type: "list",
            serve: |call, key| {
                let has_something = call.keyspace.read(0, key).is_some();
                edit(call).map(|()| has_something)
            },
        }),
        run: |call| serve_or_wait(call, 1..2, Timeout::parse(b"0")?),
        ..BUG
    };

    /// Gives reactors the commands above, beside those of strings, lists and connections.
    fn with_bugs<const N: usize>(mut reactors: [Harness; N]) -> [Harness; N] {
        let bugs: &[&Command] = &[&EDIT, &SET, &SCAN, &ALONE, &WAIT, &SERVED];
        let all = [bugs, connection::COMMANDS, string::COMMANDS, list::COMMANDS];
        let table = Box::leak(Box::new(Table::of(&all)));
        reactors.iter_mut().for_each(|harness| harness.worker.table = table);
        reactors
    }

    #[test]
    fn a_client_is_told_and_nobody_else_notices() {
        for mut harness in with_bugs(Harness::each_way()) {
            harness.set("other", "v");
            for request in ["bug.edit k", "bug.scan", "bug.alone", "bug.wait k"] {
                harness.set("k", "v");
                assert_eq!(harness.run(request), INTERNAL, "{request}");
                assert_eq!(harness.get("other"), Some("v".to_owned()), "{request}");
                assert_eq!(
                    harness.run("GET"),
                    "-ERR wrong number of arguments for 'get' command\r\n"
                );
            }
        }
    }

    #[test]
    fn what_was_held_is_free_for_others() {
        for request in ["bug.edit k", "bug.set k v", "bug.scan", "bug.alone", "bug.wait l"] {
            let [mut one, mut other] = with_bugs(Harness::pair());
            one.set("k", "v");
            assert_eq!(one.run(request), INTERNAL);
            for harness in [&mut other, &mut one] {
                assert_eq!(harness.run("RPUSH l v"), ":1\r\n", "{request}");
                assert_eq!(harness.run("MSET k v l v"), "+OK\r\n", "{request}");
                assert_eq!(harness.run("bug.alone"), INTERNAL, "{request}");
                assert_eq!(harness.run("GETDEL l"), "$1\r\nv\r\n", "{request}");
            }
        }
    }

    #[test]
    fn a_value_is_whole_or_gone() {
        for mut harness in with_bugs(Harness::each_way()) {
            harness.set("text", "v");
            harness.set("large", &"v".repeat(SHARED_FROM));
            harness.run("RPUSH list a b c");
            assert_eq!(harness.len(0), 3);
            for (left, key) in [(2, "text"), (1, "large"), (0, "list")] {
                assert_eq!(harness.run(&format!("bug.edit {key}")), INTERNAL);
                assert_eq!(harness.len(0), left);
                assert_eq!(harness.get(key), None);
            }
            assert_eq!(harness.run("bug.set k v"), INTERNAL);
            assert_eq!(harness.get("k"), Some("v".to_owned()), "the change was complete");
            assert_eq!(harness.len(0), 1);
        }
    }

    #[test]
    fn nobody_waits_who_was_answered() {
        for mut harness in with_bugs(Harness::each_way()) {
            assert_eq!(harness.run("bug.wait k"), INTERNAL);
            assert!(harness.session.blocked.is_none() && !harness.session.client.is_blocked());
            assert_eq!(harness.run("RPUSH k v"), ":1\r\n");
            assert_eq!(harness.run("LPOP k"), "$1\r\nv\r\n", "nobody has taken it");
        }
    }

    /// Who brings what another one waits for does not suffer from how that is served.
    #[test]
    fn who_waits_is_told_and_who_serves_is_not() {
        for harness in with_bugs(Harness::each_way()) {
            let mut waits = harness.another();
            let mut harness = harness;
            std::mem::swap(&mut waits, &mut harness.session);
            assert_eq!(harness.run("bug.served k"), "");
            std::mem::swap(&mut waits, &mut harness.session);
            assert_eq!(harness.run("RPUSH k v"), ":1\r\n");
            let link = &harness.worker.instance.reactors[harness.worker.index];
            let Some(Message::Answer(id, answer)) = link.mailbox.pop() else {
                panic!("it waits for ever")
            };
            assert_eq!(id, waits.client.peer.id);
            assert!(answer.segments(0).eq([INTERNAL.as_bytes()]));
            assert_eq!(harness.run("LLEN k"), ":0\r\n", "the list was in pieces");
        }
    }
}
