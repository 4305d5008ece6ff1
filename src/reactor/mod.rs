//! Bytes and connections; knows no protocol.
