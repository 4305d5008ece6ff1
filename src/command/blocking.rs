//! Commands that wait: BLPOP and its kind. A client whose keys have nothing for it is queued up for
//! them, and whoever gives one of them a value serves it, on whichever reactor that is.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::dispatch::{Worker, silence};
use super::{Argument, Call, Error, Flags, Kind, maxmemory, panics};
use crate::client::{Client, Waiter};
use crate::clock::Now;
use crate::instance::Instance;
use crate::number::parse_f64;
use crate::output::Output;
use crate::resp::{OwnedArgs, Reply};
use crate::session::{Blocked, Replies, Session};
use crate::store::{Keyspace, Ticket};

/// How a command that waits is served.
pub struct Waiting {
    /// What it waits for, as TYPE names it. Other values at its keys do not disturb it.
    pub value_type: &'static str,
    /// Answers the request from one of its keys. False if the key has nothing for it.
    pub serve: fn(&mut Call<'_>, &[u8]) -> Result<bool, Error>,
}

/// The last argument of most commands that wait.
pub const TIMEOUT: Argument = Argument::new("timeout", Kind::Double);

pub const TIMEOUT_HISTORY: &[(&str, &str)] =
    &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")];

/// Serves the request from the first of its keys that has something for it, or lets the client wait
/// for them. The keys stand at these places among the words; all of them must be held.
pub fn serve_or_wait(
    call: &mut Call<'_>,
    keys: Range<usize>,
    timeout: Timeout,
) -> Result<(), Error> {
    let args = call.args;
    let Some(waiting) = &call.command.waiting else { return Err(Error::Syntax) };
    let words = || args.iter().take(keys.end).skip(keys.start);
    for key in words() {
        if (waiting.serve)(call, key)? {
            return Ok(());
        }
    }
    let Session { client, db, version, .. } = &*call.session;
    let (db, version) = (*db, *version);
    let ticket = call.keyspace.queue_up(db, words(), client.id);
    client.block(Waiter { ticket, db, version, args: OwnedArgs::from(args), keys });
    // A time that the clock cannot tell never comes.
    let until = timeout.0.and_then(|time| call.now.steady.checked_add(time));
    call.session.blocked = Some(Blocked { until });
    Ok(())
}

/// How long a client waits; for ever if it asks for zero seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(Option<Duration>);

impl Timeout {
    /// Reads seconds, of which parts of a millisecond are rounded up.
    pub fn parse(word: &[u8]) -> Result<Self, Error> {
        let ms = (parse_f64(word).ok_or(Error::TimeoutNotAFloat)? * 1000.0).ceil();
        // What 63 bits cannot hold becomes the smallest number in Redis.
        if ms < 0.0 || ms >= i64::MAX as f64 {
            return Err(Error::TimeoutNegative);
        }
        Ok(Self((ms > 0.0).then(|| Duration::from_millis(ms as u64))))
    }
}

/// Ends the wait of a client with an answer that is not from its keys. False if it does not wait:
/// it may have been served at this moment. Nothing may be held.
pub fn unblock(
    keyspace: &mut Keyspace,
    instance: &Instance,
    client: &Client,
    answer: impl FnOnce(&mut Reply<'_>),
) -> bool {
    let Some(waiter) = stop_waiting(keyspace, client) else { return false };
    let mut output = Output::new();
    answer(&mut Reply::new(&mut output, waiter.version));
    instance.answer(client, output);
    true
}

/// Ends the wait of a client that will hear no answer. Nothing may be held.
pub fn stop_waiting(keyspace: &mut Keyspace, client: &Client) -> Option<Arc<Waiter>> {
    let waiter = client.waiter()?;
    keyspace.hold(waiter.db, waiter.keys());
    let was_waiting = leave(keyspace, client, &waiter);
    keyspace.release();
    was_waiting.then_some(waiter)
}

/// Takes a request out of its queues, of which the segments are held. False if somebody else did.
fn leave(keyspace: &mut Keyspace, client: &Client, waiter: &Waiter) -> bool {
    let was_waiting = keyspace.leave_queues(waiter.db, waiter.keys(), waiter.ticket);
    if was_waiting {
        client.unblock();
    }
    was_waiting
}

/// What became of a request that waits for a key with a value.
#[derive(PartialEq, Eq)]
enum Outcome {
    /// It was answered, is over, or waits for a value of another type.
    Next,
    /// There is nothing at the key any more.
    Exhausted,
}

impl Worker {
    /// Serves those who wait for what the last command has brought, in order of arrival. To serve
    /// them may make other keys ready, as BLMOVE does.
    #[cold]
    pub(super) fn serve_waiting(&mut self, now: Now) {
        while let Some((db, key)) = self.keyspace.take_ready() {
            let mut last = None;
            while let Some(ticket) = self.next_waiting(db, &key, last) {
                if self.serve(db, &key, ticket, now) == Outcome::Exhausted {
                    break;
                }
                last = Some(ticket);
            }
        }
    }

    fn next_waiting(&mut self, db: usize, key: &[u8], last: Option<Ticket>) -> Option<Ticket> {
        self.keyspace.hold(db, [key].into_iter());
        let next = self.keyspace.next_waiting(db, key, last);
        self.keyspace.release();
        next
    }

    /// Serves one request from one of its keys, if it still waits and the key has what it wants.
    fn serve(&mut self, db: usize, key: &[u8], ticket: Ticket, now: Now) -> Outcome {
        // Who is about to be closed takes nothing with it.
        let Some(client) = self.instance.clients.find(ticket.client) else { return Outcome::Next };
        let waiter = client.waiter().filter(|waiter| waiter.ticket == ticket);
        let Some(waiter) = waiter else { return Outcome::Next };
        let args = waiter.args.as_args();
        let Some(entry) = self.table.find(&args[0]) else { return Outcome::Next };
        let Some(waiting) = &entry.command.waiting else { return Outcome::Next };
        let is_short = entry.command.flags.has(Flags::DENYOOM)
            && self.make_room(Some(args)) == maxmemory::Outcome::OutOfMemory;
        self.settle_access(entry.command, db, args);
        let found = self.keyspace.peek(db, key).map(|found| found.value().type_name());
        if found == Some(waiting.value_type) && self.keyspace.is_waiting(db, key, ticket) {
            let mut session = Session::new(client.clone(), true);
            (session.db, session.version) = (db, waiter.version);
            let mut answer = Output::new();
            let before = answer.mark();
            let mut call = Call {
                command: entry.command,
                args,
                reply: Reply::new(&mut answer, waiter.version),
                session: &mut session,
                keyspace: &mut self.keyspace,
                instance: &self.instance,
                random: &mut self.random,
                now,
            };
            // A panic is told to the one who waits: who serves it has its own reply already.
            let serve = || {
                panics::began(entry.number);
                let served = (waiting.serve)(&mut call, key);
                panics::ended();
                served
            };
            let served = match is_short {
                true => Err(Error::OutOfMemory),
                false => panics::contain(serve).unwrap_or(Err(Error::Internal)),
            };
            if let Err(error) = &served {
                answer.rewind(before);
                self.reply_error(error, waiter.version, &mut answer);
            }
            if served != Ok(false) && leave(&mut self.keyspace, &client, &waiter) {
                self.instance.answer(&client, answer);
            }
        }
        self.keyspace.release();
        if found.is_none() { Outcome::Exhausted } else { Outcome::Next }
    }

    /// Gives a session the answer that it is blocked by.
    pub fn answered(&mut self, session: &mut Session, answer: Output, output: &mut Output) {
        session.blocked = None;
        let before = output.mark();
        output.append(answer);
        if session.replies != Replies::On {
            silence(session, before, output);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::harness::Harness;
    use crate::mailbox::Message;

    /// Another reactor may take a request out of its queues between the look into them and the hold
    /// of its keys.
    #[test]
    fn who_was_served_elsewhere_takes_nothing() {
        for mut harness in Harness::each_way() {
            harness.run("BLPOP k 0");
            let client = Arc::clone(&harness.session.client);
            let ticket = client.waiter().expect("it waits").ticket;
            let (now, worker) = (harness.now, &mut harness.worker);
            worker.keyspace.enter();
            worker.keyspace.hold(0, [&b"k"[..]].into_iter());
            assert!(worker.keyspace.leave_queues(0, [&b"k"[..]].into_iter(), ticket));
            worker.keyspace.release();
            worker.keyspace.leave();
            harness.session.blocked = None;
            harness.run("RPUSH k v");
            harness.worker.keyspace.enter();
            assert!(harness.worker.serve(0, b"k", ticket, now) == Outcome::Next);
            harness.worker.keyspace.leave();
            assert_eq!(harness.run("LLEN k"), ":1\r\n");
        }
    }

    /// As redis-server does from 7.2 on.
    #[test]
    fn who_is_served_later_needs_memory_then() {
        for mut harness in Harness::each_way() {
            harness.run("RPUSH k v");
            harness.run("BLMOVE from to LEFT LEFT 0");
            harness.session.blocked = None;
            harness.run("CONFIG SET maxmemory 1");
            assert_eq!(harness.run("RENAME k from"), "+OK\r\n");
            let mailbox = &harness.worker.instance.reactors[harness.worker.index].mailbox;
            let Some(Message::Answer(_, answer)) = mailbox.pop() else { panic!("it is over") };
            let refusal = [Error::OutOfMemory.message(), b"\r\n".to_vec()].concat();
            let refusal = [b"-".to_vec(), refusal].concat();
            assert_eq!(answer.segments(0).flatten().copied().collect::<Vec<u8>>(), refusal);
            assert_eq!(harness.run("EXISTS from to"), ":1\r\n");
        }
    }

    #[test]
    fn a_timeout_is_in_seconds_and_parts_of_milliseconds_count_whole() {
        let forever = Ok(Timeout(None));
        let ms = |ms| Ok(Timeout(Some(Duration::from_millis(ms))));
        let (negative, no_float) = (Err(Error::TimeoutNegative), Err(Error::TimeoutNotAFloat));
        for (word, read) in [
            ("0", forever.clone()),
            ("0.1", ms(100)),
            ("0.0001", ms(1)),
            ("1.0001", ms(1001)),
            ("0x10", ms(16_000)),
            ("9e15", ms(9_000_000_000_000_000_000)),
            ("-0.0001", forever),
            ("-1", negative.clone()),
            ("1e16", negative.clone()),
            ("inf", negative.clone()),
            ("-inf", negative),
            ("nan", no_float.clone()),
            ("", no_float.clone()),
            (" 1", no_float.clone()),
            ("1s", no_float),
        ] {
            assert_eq!(Timeout::parse(word.as_bytes()), read, "{word}");
        }
    }
}
