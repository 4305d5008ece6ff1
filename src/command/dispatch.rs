//! From the words of a request to its reply: look-up, checks, keys held, handler, counters.

use std::sync::Arc;
use std::time::Instant;

use super::keys::keys;
use super::maxmemory::{self, Outcome, Room};
use super::table::{Entry, TABLE, Table};
use super::{Call, Command, Error, Flags, blocking, panics};
use crate::clock::Now;
use crate::instance::Instance;
use crate::output::{Mark, Output};
use crate::resp::{Args, Reply, Version};
use crate::session::{Replies, Session};
use crate::stats::CommandStats;
use crate::store::Keyspace;

/// Quick commands are timed once in this many calls: reading the clock costs as much as they do.
const TIMED: u64 = 64;

/// What one reactor runs commands with.
pub struct Worker {
    pub keyspace: Keyspace,
    pub instance: Arc<Instance>,
    /// Which of the instance's reactors this is.
    pub index: usize,
    pub(super) table: &'static Table,
    room: Room,
    pub(super) random: fastrand::Rng,
}

impl Worker {
    pub fn new(keyspace: Keyspace, instance: Arc<Instance>, index: usize) -> Self {
        let (room, random) = (Room::default(), fastrand::Rng::new());
        Self { keyspace, instance, index, table: &TABLE, room, random }
    }

    /// A batch of requests begins.
    #[inline]
    pub fn begin(&mut self, now: Now) {
        self.keyspace.set_lfu(maxmemory::lfu(&self.instance.config));
        self.keyspace.set_now(now);
    }

    /// Gives up some keys if more memory is in use than is allowed. True if there is more to do.
    pub fn keep_room(&mut self, now: Now) -> bool {
        if !self.room.may_be_short(&self.instance.config) {
            return false;
        }
        self.begin(now);
        self.keyspace.enter();
        let outcome = self.make_room(None);
        self.keyspace.leave();
        outcome == Outcome::Working
    }

    #[inline]
    pub(super) fn make_room(&mut self, args: Option<Args<'_>>) -> Outcome {
        let instance = &*self.instance;
        self.room.make(&mut self.keyspace, &instance.config, instance.reactors.len(), args)
    }

    /// The command that a request names, if there is one.
    #[inline]
    pub fn look_up(&self, args: Args<'_>) -> Option<Entry> {
        self.table.find(args.get(0)?)
    }

    /// Runs one request, which has at least one word and names the command that was `found`, and
    /// writes its reply.
    #[inline]
    pub fn dispatch(
        &mut self,
        found: Option<Entry>,
        session: &mut Session,
        args: Args<'_>,
        output: &mut Output,
        now: Now,
    ) {
        let before = output.mark();
        let outcome = match self.resolve(found, session, args) {
            Ok(entry) => self.run(entry, session, args, output, now),
            Err(refusal) => Err(refusal),
        };
        if let Err(error) = outcome {
            output.rewind(before);
            self.refuse(&error, session, args, output);
        }
        self.conclude(session, before, output, now);
    }

    /// A request has its reply, or waits for it.
    #[inline]
    fn conclude(&mut self, session: &mut Session, before: Mark, output: &mut Output, now: Now) {
        self.stats().processed.add(1);
        if self.keyspace.has_ready() {
            self.serve_waiting(now);
        }
        if session.replies != Replies::On && session.blocked.is_none() {
            silence(session, before, output);
        }
    }

    /// Ends a request of which the command, that with this number, has panicked.
    #[cold]
    pub fn give_up(
        &mut self,
        number: u16,
        session: &mut Session,
        before: Mark,
        output: &mut Output,
        now: Now,
    ) {
        self.keyspace.release();
        // It has its answer, whatever it has begun to wait for.
        session.blocked = None;
        blocking::stop_waiting(&mut self.keyspace, &session.client);
        let stats = self.stats();
        stats.calls[number as usize].calls.add(1);
        stats.calls[number as usize].failed.add(1);
        output.rewind(before);
        self.reply_error(&Error::Internal, session.version, output);
        self.conclude(session, before, output, now);
    }

    /// Writes the error, unless the request comes from a web browser that somebody has sent here:
    /// its next lines are not to be run, so it is hung up on.
    #[cold]
    fn refuse(&self, error: &Error, session: &mut Session, args: Args<'_>, output: &mut Output) {
        let is_http =
            ["post", "host:"].iter().any(|word| args[0].eq_ignore_ascii_case(word.as_bytes()));
        if is_http && matches!(error, Error::UnknownCommand { .. }) {
            log::warn!(
                "closing a connection that speaks HTTP: {}",
                session.client.peer.address.remote()
            );
            session.closing = true;
            return;
        }
        self.reply_error(error, session.version, output);
    }

    #[cold]
    pub(super) fn reply_error(&self, error: &Error, version: Version, output: &mut Output) {
        let message = error.message();
        self.stats().count_error(&message);
        Reply::new(output, version).error(&message);
    }

    pub fn stats(&self) -> &CommandStats {
        &self.instance.reactors[self.index].commands
    }

    /// Finds the command, or says why the request is refused.
    #[inline]
    fn resolve(
        &mut self,
        found: Option<Entry>,
        session: &Session,
        args: Args<'_>,
    ) -> Result<Entry, Error> {
        let Some(found) = found else { return Err(Error::unknown_command(args)) };
        let entry = if found.command.subcommands.is_empty() {
            found
        } else {
            self.resolve_subcommand(found, args)?
        };
        let refusal = if !entry.command.accepts(args.len()) {
            Error::Arity(self.table.name(entry.number))
        } else if !session.authenticated
            && !entry.command.flags.has(Flags::NO_AUTH)
            // The password may have been taken away since the client connected.
            && !self.instance.config.requirepass.get().is_empty()
        {
            Error::NotAuthenticated
        } else if entry.command.flags.has(Flags::DENYOOM)
            && self.make_room(Some(args)) == Outcome::OutOfMemory
        {
            Error::OutOfMemory
        } else {
            return Ok(entry);
        };
        self.stats().calls[entry.number as usize].rejected.add(1);
        Err(refusal)
    }

    fn resolve_subcommand(&self, container: Entry, args: Args<'_>) -> Result<Entry, Error> {
        // Some containers are commands by themselves, such as COMMAND.
        let Some(name) = args.get(1) else { return Ok(container) };
        let unknown = || Error::UnknownSubcommand {
            name: name.to_vec(),
            container: container.command.name.to_ascii_uppercase(),
        };
        self.table.find_subcommand(container, name).ok_or_else(unknown)
    }

    #[inline]
    fn run(
        &mut self,
        entry: Entry,
        session: &mut Session,
        args: Args<'_>,
        output: &mut Output,
        now: Now,
    ) -> Result<(), Error> {
        let command = entry.command;
        session.last_command = entry.number;
        self.settle_access(command, session.db, args);
        let instance = &*self.instance;
        let stats = &instance.reactors[self.index].commands.calls[entry.number as usize];
        let timed = !entry.is_quick || stats.calls.get().is_multiple_of(TIMED);
        let begun = timed.then(Instant::now);
        let mut call = Call {
            command,
            args,
            reply: Reply::new(output, session.version),
            session,
            keyspace: &mut self.keyspace,
            instance,
            random: &mut self.random,
            now,
        };
        panics::began(entry.number);
        let outcome = (command.run)(&mut call);
        panics::ended();
        self.keyspace.release();
        stats.calls.add(1);
        if let Some(begun) = begun {
            stats.timed.add(1);
            stats.nanoseconds.add(begun.elapsed().as_nanos() as u64);
        }
        if outcome.is_err() {
            stats.failed.add(1);
        }
        outcome
    }

    /// Holds what the command may touch, as its declaration says.
    #[inline]
    pub(super) fn settle_access(&mut self, command: &'static Command, db: usize, args: Args<'_>) {
        if command.flags.has(Flags::EXCLUSIVE) {
            self.keyspace.exclude();
        } else if !command.keys.is_empty() {
            self.keyspace.hold(db, keys(command.keys, args));
        }
    }
}

/// CLIENT REPLY OFF and SKIP: takes back what the request was answered, be it an error.
#[cold]
pub(super) fn silence(session: &mut Session, before: Mark, output: &mut Output) {
    output.rewind(before);
    session.replies = match session.replies {
        Replies::SkipNext => Replies::Skip,
        Replies::Skip => Replies::On,
        lasting => lasting,
    };
}
