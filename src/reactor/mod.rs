//! Bytes and connections: one single-threaded loop per core. It knows no protocol.

pub mod backend;
