//! What can go wrong in a command, in Redis' words.

use std::borrow::Cow;
use std::fmt;

/// Written to the client by the dispatcher, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Syntax,
    WrongType,
    /// Of a command, or of a subcommand as `config|get`.
    Arity(String),
    UnknownCommand { name: Vec<u8>, args: Vec<Vec<u8>> },
    /// Of the container named second, in upper case.
    UnknownSubcommand { name: Vec<u8>, container: String },
    NotAnInteger,
    NotAFloat,
    /// The result of INCRBYFLOAT would be no number.
    NotFinite,
    Overflow,
    MustBePositive,
    /// INCR's kind of arithmetic, where DECRBY would negate the smallest integer.
    DecrementOverflow,
    /// An expiry that the named command cannot take.
    ExpireTime(&'static str),
    NoSuchKey,
    OffsetOutOfRange,
    TooLong,
    InvalidCursor,
    DatabaseOutOfRange,
    /// A source and a destination that are one and the same.
    SameObject,
    NotAuthenticated,
    WrongPassword,
    /// AUTH with a password where none is configured.
    NoPasswordSet,
    UnsupportedProtocol,
    /// Whatever only one command can say; it begins with the error's code.
    Other(Cow<'static, str>),
}

impl Error {
    /// The error `ERR text`.
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Other(format!("ERR {}", text.into()).into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "ERR syntax error",
            Self::WrongType => {
                "WRONGTYPE Operation against a key holding the wrong kind of value"
            }
            Self::Arity(name) => {
                return write!(f, "ERR wrong number of arguments for '{name}' command");
            }
            Self::UnknownCommand { name, args } => return unknown_command(f, name, args),
            Self::UnknownSubcommand { name, container } => {
                let name = String::from_utf8_lossy(&name[..name.len().min(128)]);
                return write!(f, "ERR unknown subcommand '{name}'. Try {container} HELP.");
            }
            Self::NotAnInteger => "ERR value is not an integer or out of range",
            Self::NotAFloat => "ERR value is not a valid float",
            Self::NotFinite => "ERR increment would produce NaN or Infinity",
            Self::Overflow => "ERR increment or decrement would overflow",
            Self::MustBePositive => "ERR value is out of range, must be positive",
            Self::DecrementOverflow => "ERR decrement would overflow",
            Self::ExpireTime(name) => {
                return write!(f, "ERR invalid expire time in '{name}' command");
            }
            Self::NoSuchKey => "ERR no such key",
            Self::OffsetOutOfRange => "ERR offset is out of range",
            Self::TooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Self::InvalidCursor => "ERR invalid cursor",
            Self::DatabaseOutOfRange => "ERR DB index is out of range",
            Self::SameObject => "ERR source and destination objects are the same",
            Self::NotAuthenticated => "NOAUTH Authentication required.",
            Self::WrongPassword => {
                "WRONGPASS invalid username-password pair or user is disabled."
            }
            Self::NoPasswordSet => {
                "ERR AUTH <password> called without any password configured for the default \
                 user. Are you sure your configuration is correct?"
            }
            Self::UnsupportedProtocol => "NOPROTO unsupported protocol version",
            Self::Other(text) => text,
        })
    }
}

impl std::error::Error for Error {}

/// Name and arguments are cut, so that a long request does not come back whole.
fn unknown_command(f: &mut fmt::Formatter<'_>, name: &[u8], args: &[Vec<u8>]) -> fmt::Result {
    const SHOWN: usize = 128;
    let cut = |text: &[u8], at: usize| String::from_utf8_lossy(&text[..text.len().min(at)]).into_owned();
    write!(f, "ERR unknown command '{}', with args beginning with: ", cut(name, SHOWN))?;
    let mut shown = 0;
    for arg in args {
        if shown >= SHOWN {
            break;
        }
        let arg = format!("'{}' ", cut(arg, SHOWN - shown));
        shown += arg.len();
        f.write_str(&arg)?;
    }
    Ok(())
}
