//! torc: a Redis-protocol key-value server on io_uring.
//!
//! One single-threaded reactor per core reads requests straight from the kernel's receive buffers,
//! runs them against a hash map that all reactors share, and sends the replies of a whole turn with
//! one system call.
//!
//! Floors, from the street to the cellar; a module calls only what stands below it:
//!
//! | floor | modules | what it knows |
//! |---|---|---|
//! | start | [`server`] | options, threads, signals |
//! | bytes | [`reactor`] | connections and completions, no protocol |
//! | service | [`service`] | bytes in, bytes out: echo, or requests |
//! | commands | [`command`] | what each request means |
//! | report | [`info`] | the counters of all reactors, as text |
//! | people | [`session`], [`instance`], [`client`] | one client; what all reactors share |
//! | matter | [`resp`], [`store`], [`config`], [`stats`] | protocol, keys, directives, counters |
//! | ground | [`clock`], [`output`], [`mailbox`], [`peer`], [`number`], [`glob`], [`memory`], [`rdb`] | time, bytes on their way out, doorbells, addresses, numbers, patterns, what is allocated, the format of dumps |

pub mod client;
pub mod clock;
pub mod command;
pub mod config;
pub mod glob;
pub mod info;
pub mod instance;
pub mod mailbox;
pub mod memory;
pub mod number;
pub mod output;
pub mod peer;
pub mod rdb;
pub mod reactor;
pub mod resp;
pub mod server;
pub mod service;
pub mod session;
pub mod stats;
pub mod store;
