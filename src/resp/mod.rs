//! The Redis protocol, pure: no sockets, no clock, no unsafe code.
//!
//! Requests come in as bytes ([`request`], [`inline`], within [`limits`]) and are seen as [`args`];
//! answers leave through [`reply`].
//! The protocol is specified at <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

pub mod args;
pub mod inline;
pub mod limits;
pub mod reply;
pub mod request;

pub use args::{Args, OwnedArgs};
pub use limits::Limits;
pub use reply::{Reply, Version};
pub use request::{Parser, Status, Unfinished};
