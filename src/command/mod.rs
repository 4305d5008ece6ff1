//! What each request means: one file a group of commands, each command declared once.
//!
//! A [`Command`] stands directly above its handler. The table, COMMAND and COMMAND DOCS, arity
//! checks, key look-up, ACL categories and the page of supported commands all read it.

pub mod bitmap;
pub mod blocking;
pub mod command_docs;
pub mod command_info;
pub mod command_keys;
#[cfg(test)]
mod concurrent;
pub mod config;
pub mod connection;
pub mod database;
pub mod debug;
pub mod dispatch;
pub mod dump;
pub mod error;
pub mod expire;
pub mod generic;
pub mod geo;
#[cfg(test)]
pub(crate) mod harness;
pub mod hash;
mod help;
pub mod hyperloglog;
pub mod keys;
pub mod list;
pub mod lolwut;
mod maxmemory;
pub mod memory;
pub mod object;
pub mod options;
pub mod panics;
pub mod rename;
pub mod scan;
pub mod server;
pub mod set;
pub mod sort;
pub mod sorted_set;
pub mod string;
mod syntax;
pub mod table;

pub use error::Error;
pub use keys::{Find, KeySpec};

use crate::clock::Now;
use crate::instance::Instance;
use crate::resp::{Args, Reply};
use crate::session::Session;
use crate::store::Keyspace;

/// One command, or one subcommand of a container such as CONFIG.
pub struct Command {
    /// In lower case; of a subcommand, its own word.
    pub name: &'static str,
    /// Number of words with the name; `-n` means n or more. Containers count both words.
    pub arity: i32,
    pub flags: Flags,
    pub keys: &'static [KeySpec],
    /// The flags of the keys of one request, where they vary with its options as those of SET.
    pub key_flags: Option<fn(Args<'_>) -> &'static [&'static str]>,
    pub group: Group,
    /// The version of Redis that first had it.
    pub since: &'static str,
    /// What later versions of Redis added to it, each with the version.
    pub history: &'static [(&'static str, &'static str)],
    pub deprecated: Option<Deprecated>,
    /// Empty where Redis' documentation does not say.
    pub complexity: &'static str,
    pub summary: &'static str,
    /// For those who run and test servers, not for applications.
    pub is_system: bool,
    pub arguments: &'static [Argument],
    /// Hints for clients of clusters, as COMMAND INFO lists them.
    pub tips: &'static [&'static str],
    /// ACL categories beyond those that follow from flags and group.
    pub categories: &'static [&'static str],
    pub subcommands: &'static [&'static Self],
    /// How it is served later, if it waits while its keys have nothing for it.
    pub waiting: Option<blocking::Waiting>,
    pub run: Handler,
}

/// That a command should no longer be used.
pub struct Deprecated {
    /// The version of Redis that says so first.
    pub since: &'static str,
    /// What to use now, in Markdown.
    pub replaced_by: &'static str,
}

/// Runs a command: typed arguments in, store calls, one reply.
pub type Handler = fn(&mut Call<'_>) -> Result<(), Error>;

/// One request on its way through its handler.
pub struct Call<'a> {
    /// The command as it was looked up; of a container, the subcommand.
    pub command: &'static Command,
    /// All words, the command's name first.
    pub args: Args<'a>,
    pub reply: Reply<'a>,
    pub session: &'a mut Session,
    pub keyspace: &'a mut Keyspace,
    /// What belongs to all reactors of the server.
    pub instance: &'a Instance,
    /// This reactor's source of chance, for RANDOMKEY and its kind; not for secrets.
    pub random: &'a mut fastrand::Rng,
    pub now: Now,
}

impl Call<'_> {
    /// The number of the database that the client has selected.
    #[inline]
    pub fn db(&self) -> usize {
        self.session.db
    }
}

/// A set of properties that COMMAND INFO lists, and that the dispatcher obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    pub const NONE: Self = Self(0);
    pub const WRITE: Self = Self(1 << 0);
    pub const READONLY: Self = Self(1 << 1);
    pub const DENYOOM: Self = Self(1 << 2);
    pub const ADMIN: Self = Self(1 << 3);
    pub const PUBSUB: Self = Self(1 << 4);
    pub const NOSCRIPT: Self = Self(1 << 5);
    pub const BLOCKING: Self = Self(1 << 6);
    pub const LOADING: Self = Self(1 << 7);
    pub const STALE: Self = Self(1 << 8);
    pub const SKIP_MONITOR: Self = Self(1 << 9);
    pub const SKIP_SLOWLOG: Self = Self(1 << 10);
    pub const ASKING: Self = Self(1 << 11);
    pub const FAST: Self = Self(1 << 12);
    pub const NO_AUTH: Self = Self(1 << 13);
    pub const MAY_REPLICATE: Self = Self(1 << 14);
    pub const NO_MANDATORY_KEYS: Self = Self(1 << 15);
    pub const ALLOW_BUSY: Self = Self(1 << 16);
    pub const NO_MULTI: Self = Self(1 << 17);
    /// Not shown to clients: the command needs the store to itself, see [`Keyspace::exclude`].
    pub const EXCLUSIVE: Self = Self(1 << 31);

    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The groups in which Redis' documentation orders commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    String,
    List,
    Hash,
    Set,
    SortedSet,
    Geo,
    Bitmap,
    HyperLogLog,
    Generic,
    Connection,
    Server,
}

impl Group {
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Hash => "hash",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::Geo => "geo",
            Self::Bitmap => "bitmap",
            Self::HyperLogLog => "hyperloglog",
            Self::Generic => "generic",
            Self::Connection => "connection",
            Self::Server => "server",
        }
    }

    /// The ACL category of all its commands, if they share one.
    pub fn category(self) -> Option<&'static str> {
        match self {
            Self::String => Some("string"),
            Self::List => Some("list"),
            Self::Hash => Some("hash"),
            Self::Set => Some("set"),
            Self::SortedSet => Some("sortedset"),
            Self::Geo => Some("geo"),
            Self::Bitmap => Some("bitmap"),
            Self::HyperLogLog => Some("hyperloglog"),
            Self::Generic => Some("keyspace"),
            Self::Connection => Some("connection"),
            Self::Server => None,
        }
    }
}

/// One argument, as COMMAND DOCS describes it; redis-cli makes its hints of it.
pub struct Argument {
    pub name: &'static str,
    pub kind: Kind,
    /// The word that comes before it, such as EX; empty if none.
    pub token: &'static str,
    /// The version of Redis that first had it; empty if it is as old as its command.
    pub since: &'static str,
    /// The version of Redis that first advised against it; empty if none does.
    pub deprecated_since: &'static str,
    pub optional: bool,
    pub multiple: bool,
    /// The token comes again with each of several.
    pub multiple_token: bool,
}

/// What an argument is.
pub enum Kind {
    /// With the index of the key specification that finds it.
    Key(usize),
    String,
    Integer,
    Double,
    Pattern,
    /// A pattern of keys, with the index of the key specification that speaks of them.
    KeyPattern(usize),
    UnixTime,
    /// Nothing but its token.
    PureToken,
    /// Exactly one of these.
    OneOf(&'static [Argument]),
    /// All of these, in order.
    Block(&'static [Argument]),
}

impl Argument {
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        let (optional, multiple, multiple_token) = (false, false, false);
        let (token, since, deprecated_since) = ("", "", "");
        Self { name, kind, token, since, deprecated_since, optional, multiple, multiple_token }
    }

    /// The argument `key`, found by the first key specification.
    pub const fn key() -> Self {
        Self::new("key", Kind::Key(0))
    }

    pub const fn string(name: &'static str) -> Self {
        Self::new(name, Kind::String)
    }

    pub const fn integer(name: &'static str) -> Self {
        Self::new(name, Kind::Integer)
    }

    /// A word that stands for itself; `name` is what the documentation calls it.
    pub const fn word(name: &'static str, token: &'static str) -> Self {
        Self::new(name, Kind::PureToken).token(token)
    }

    pub const fn one_of(name: &'static str, choices: &'static [Self]) -> Self {
        Self::new(name, Kind::OneOf(choices))
    }

    pub const fn block(name: &'static str, parts: &'static [Self]) -> Self {
        Self::new(name, Kind::Block(parts))
    }

    pub const fn token(mut self, token: &'static str) -> Self {
        self.token = token;
        self
    }

    pub const fn since(mut self, version: &'static str) -> Self {
        self.since = version;
        self
    }

    pub const fn deprecated_since(mut self, version: &'static str) -> Self {
        self.deprecated_since = version;
        self
    }

    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    pub const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    /// As `multiple`, with the token again for each.
    pub const fn multiple_with_token(mut self) -> Self {
        (self.multiple, self.multiple_token) = (true, true);
        self
    }
}

impl Command {
    /// What most commands leave as it is; a declaration ends with `..Command::BASE`.
    pub const BASE: Self = Self {
        name: "",
        arity: 0,
        flags: Flags::NONE,
        keys: &[],
        key_flags: None,
        group: Group::Generic,
        since: "1.0.0",
        history: &[],
        deprecated: None,
        complexity: "O(1)",
        summary: "",
        is_system: false,
        arguments: &[],
        tips: &[],
        categories: &[],
        subcommands: &[],
        waiting: None,
        run: |_| Err(Error::Syntax),
    };

    #[inline]
    pub fn accepts(&self, words: usize) -> bool {
        let arity = self.arity.unsigned_abs() as usize;
        if self.arity >= 0 { words == arity } else { words >= arity }
    }
}
