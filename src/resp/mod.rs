//! The Redis protocol, pure: no sockets, no clock, no unsafe code.
//!
//! Requests come in as bytes ([`request`], [`inline`], within [`limits`]) and are seen as [`args`];
//! answers leave through [`reply`]. [`number`] and [`long_double`] hold Redis' rules for numbers in
//! text, [`glob`] those for patterns.
//! The protocol is specified at <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

pub mod args;
mod binary;
pub mod glob;
pub mod inline;
pub mod limits;
pub mod long_double;
pub mod number;
pub mod reply;
pub mod request;
