//! What a client may send, and what it is told when it sends something else.

use std::borrow::Cow;
use std::fmt;

/// The longest line: a header, or a whole inline command. Fixed in Redis, too.
pub const MAX_LINE: usize = 64 * 1024;
/// The most arguments of one request.
pub const MAX_ARGS: usize = i32::MAX as usize;

const MAX_ARGS_UNAUTHENTICATED: usize = 10;
const MAX_BULK_LEN_UNAUTHENTICATED: usize = 16 * 1024;

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A client that has not yet authenticated may send only short requests.
    pub authenticated: bool,
    /// The longest argument, in bytes: `proto-max-bulk-len`.
    pub max_bulk_len: u64,
}

impl Limits {
    /// What [`MAX_ARGS`] is for this client.
    #[inline]
    pub(super) fn most_args(&self) -> usize {
        if self.authenticated { MAX_ARGS } else { MAX_ARGS_UNAUTHENTICATED }
    }

    /// In bytes.
    #[inline]
    pub(super) fn longest_bulk(&self) -> usize {
        let longest = self.max_bulk_len as usize;
        if self.authenticated { longest } else { longest.min(MAX_BULK_LEN_UNAUTHENTICATED) }
    }

    /// Why a bulk string longer than [`Limits::longest_bulk`] is refused.
    #[cold]
    pub(super) fn refusal(&self, len: usize) -> ProtocolError {
        if len as u64 > self.max_bulk_len {
            ProtocolError::InvalidBulkLength
        } else {
            ProtocolError::UnauthenticatedBulkLength
        }
    }
}

/// Bytes that are no request. The connection is told, and closed: where the next request would begin
/// is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// An inline command of more than [`MAX_LINE`] bytes.
    TooBigInline,
    UnbalancedQuotes,
    /// The first line of an array does not end within [`MAX_LINE`] bytes.
    TooBigCountLine,
    /// The number of arguments is no integer, or above 2^31 - 1.
    InvalidCount,
    UnauthenticatedCount,
    /// The first line of a bulk string does not end within [`MAX_LINE`] bytes.
    TooBigLengthLine,
    /// An argument does not begin with `$`.
    ExpectedBulk {
        got: u8,
    },
    /// The length of an argument is no integer, negative, or above `proto-max-bulk-len`.
    InvalidBulkLength,
    UnauthenticatedBulkLength,
}

impl ProtocolError {
    /// The error's text as Redis 7.0 sends it, without its code `ERR`. It may hold any byte.
    pub fn text(self) -> Cow<'static, [u8]> {
        let text: &[u8] = match self {
            Self::TooBigInline => b"Protocol error: too big inline request",
            Self::UnbalancedQuotes => b"Protocol error: unbalanced quotes in request",
            Self::TooBigCountLine => b"Protocol error: too big mbulk count string",
            Self::InvalidCount => b"Protocol error: invalid multibulk length",
            Self::UnauthenticatedCount => b"Protocol error: unauthenticated multibulk length",
            Self::TooBigLengthLine => b"Protocol error: too big bulk count string",
            Self::ExpectedBulk { got } => {
                return [b"Protocol error: expected '$', got '", &[got][..], b"'"].concat().into();
            }
            Self::InvalidBulkLength => b"Protocol error: invalid bulk length",
            Self::UnauthenticatedBulkLength => b"Protocol error: unauthenticated bulk length",
        };
        text.into()
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().escape_ascii().fmt(f)
    }
}

impl std::error::Error for ProtocolError {}
