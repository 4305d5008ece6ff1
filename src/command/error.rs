//! What can go wrong in a command, in Redis' words.

use std::borrow::Cow;
use std::fmt;

use crate::resp::Args;
use crate::store;

/// Written to the client by the dispatcher, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Syntax,
    WrongType,
    /// Of a command, or of a subcommand as `config|get`.
    Arity(String),
    UnknownCommand {
        name: Vec<u8>,
        args: Vec<Vec<u8>>,
    },
    /// Of the container named second, in upper case.
    UnknownSubcommand {
        name: Vec<u8>,
        container: String,
    },
    /// As `UnknownSubcommand`, where the number of words could be at fault as well.
    UnfitSubcommand {
        name: Vec<u8>,
        container: &'static str,
    },
    NotAnInteger,
    /// An integer outside of these bounds.
    NotBetween(i64, i64),
    NotPositive,
    NotAFloat,
    TimeoutNotAFloat,
    TimeoutNegative,
    /// The result of INCRBYFLOAT would be no number.
    NotFinite,
    Overflow,
    /// INCR's kind of arithmetic, where DECRBY would negate the smallest integer.
    DecrementOverflow,
    /// An expiry that the named command cannot take.
    ExpireTime(&'static str),
    NoSuchKey,
    OffsetOutOfRange,
    BitOffset,
    TooLong,
    NotAHyperLogLog,
    CorruptHyperLogLog,
    InvalidCursor,
    DatabaseOutOfRange,
    /// A source and a destination that are one and the same.
    SameObject,
    NotAuthenticated,
    OutOfMemory,
    WrongPassword,
    /// AUTH with a password where none is configured.
    NoPasswordSet,
    UnsupportedProtocol,
    /// The command panicked.
    Internal,
    /// `ERR text 'word'`, about a word that a client sent.
    About(&'static str, Vec<u8>),
    /// An option of EXPIRE and its kind that does not exist.
    UnsupportedOption(Vec<u8>),
    /// Whatever only one command can say; it begins with the error's code.
    Other(Cow<'static, [u8]>),
}

impl Error {
    /// The error `ERR text`.
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Other([b"ERR ", text.as_ref()].concat().into())
    }

    /// The error `ERR text 'word'`.
    pub fn about(text: &'static str, word: &[u8]) -> Self {
        Self::About(text, word.to_vec())
    }

    /// No command has the name that the request begins with.
    pub fn unknown_command(args: Args<'_>) -> Self {
        let shown = |arg: &[u8]| arg[..arg.len().min(SHOWN)].to_vec();
        // Each is shown with two quotes and a space at least.
        let rest = args.rest(1).iter().take(SHOWN / 3 + 1).map(shown).collect();
        Self::UnknownCommand { name: shown(&args[0]), args: rest }
    }
}

impl From<store::WrongType> for Error {
    fn from(_: store::WrongType) -> Self {
        Self::WrongType
    }
}

impl Error {
    /// The text for the client, beginning with the code. Names that a client sent may be any bytes.
    pub fn message(&self) -> Vec<u8> {
        match self {
            Self::UnknownCommand { name, args } => unknown_command(name, args),
            Self::UnknownSubcommand { name, container } => {
                let try_help = format!("'. Try {container} HELP.");
                [b"ERR unknown subcommand '", cut(name, SHOWN), try_help.as_bytes()].concat()
            }
            Self::UnfitSubcommand { name, container } => {
                let text = b"ERR unknown subcommand or wrong number of arguments for '";
                let try_help = format!("'. Try {container} HELP.");
                [text, cut(name, SHOWN), try_help.as_bytes()].concat()
            }
            Self::Other(text) => text.to_vec(),
            Self::About(text, word) => {
                let text = format!("ERR {text} '");
                [text.as_bytes(), cut(word, word.len()), b"'"].concat()
            }
            Self::UnsupportedOption(option) => {
                [b"ERR Unsupported option ", cut(option, option.len())].concat()
            }
            other => other.to_string().into_bytes(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "ERR syntax error",
            Self::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::Arity(name) => {
                return write!(f, "ERR wrong number of arguments for '{name}' command");
            }
            Self::UnknownCommand { .. }
            | Self::UnknownSubcommand { .. }
            | Self::UnfitSubcommand { .. }
            | Self::Other(_)
            | Self::About(..)
            | Self::UnsupportedOption(_) => {
                return f.write_str(&String::from_utf8_lossy(&self.message()));
            }
            Self::NotPositive => "ERR value is out of range, must be positive",
            Self::NotAnInteger => "ERR value is not an integer or out of range",
            Self::NotBetween(low, high) => {
                return write!(f, "ERR value is out of range, value must between {low} and {high}");
            }
            Self::NotAFloat => "ERR value is not a valid float",
            Self::TimeoutNotAFloat => "ERR timeout is not a float or out of range",
            Self::TimeoutNegative => "ERR timeout is negative",
            Self::NotFinite => "ERR increment would produce NaN or Infinity",
            Self::Overflow => "ERR increment or decrement would overflow",
            Self::DecrementOverflow => "ERR decrement would overflow",
            Self::ExpireTime(name) => {
                return write!(f, "ERR invalid expire time in '{name}' command");
            }
            Self::NoSuchKey => "ERR no such key",
            Self::OffsetOutOfRange => "ERR offset is out of range",
            Self::BitOffset => "ERR bit offset is not an integer or out of range",
            Self::TooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Self::NotAHyperLogLog => "WRONGTYPE Key is not a valid HyperLogLog string value.",
            Self::CorruptHyperLogLog => "INVALIDOBJ Corrupted HLL object detected",
            Self::InvalidCursor => "ERR invalid cursor",
            Self::DatabaseOutOfRange => "ERR DB index is out of range",
            Self::SameObject => "ERR source and destination objects are the same",
            Self::NotAuthenticated => "NOAUTH Authentication required.",
            Self::OutOfMemory => "OOM command not allowed when used memory > 'maxmemory'.",
            Self::WrongPassword => "WRONGPASS invalid username-password pair or user is disabled.",
            Self::NoPasswordSet => {
                "ERR AUTH <password> called without any password configured for the default \
                 user. Are you sure your configuration is correct?"
            }
            Self::UnsupportedProtocol => "NOPROTO unsupported protocol version",
            Self::Internal => "ERR internal error, the command was given up: see the server's log",
        })
    }
}

impl std::error::Error for Error {}

/// So much of a name or of all arguments is shown: a long request does not come back whole.
const SHOWN: usize = 128;

fn unknown_command(name: &[u8], args: &[Vec<u8>]) -> Vec<u8> {
    let mut text =
        [b"ERR unknown command '", cut(name, SHOWN), b"', with args beginning with: "].concat();
    let mut shown = 0;
    for arg in args {
        if shown >= SHOWN {
            break;
        }
        let arg = [b"'", cut(arg, SHOWN - shown), b"' "].concat();
        shown += arg.len();
        text.extend(arg);
    }
    text
}

/// At most `len` bytes, and no more than up to a zero byte: Redis prints with C's `%s`.
fn cut(text: &[u8], len: usize) -> &[u8] {
    let text = &text[..text.len().min(len)];
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}
