//! The Redis protocol, pure: no sockets, no clock, no unsafe code.
