//! The Redis protocol, pure: no sockets, no clock, no unsafe code.
//!
//! Requests come in as bytes ([`request`], [`inline`]) and are seen as [`args`]; answers leave through
//! [`reply`]. [`number`] and [`long_double`] are Redis' rules for numbers in text, [`glob`] its patterns.
//! The protocol is specified at <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

pub mod args;
mod binary;
pub mod inline;
pub mod number;
pub mod reply;
pub mod request;

pub use args::{Args, OwnedArgs};
pub use reply::{Reply, Version};
pub use request::{Limits, Parser, Status, Unfinished};
