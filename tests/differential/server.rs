//! Commands on databases and on the server.

use super::{Compare, Generator, Random, Step};

pub const COMMANDS: &[Generator] = &[
    dbsize,
    dbsize,
    |random| Step::new("SWAPDB").word(random.database()).word(random.database()),
    flush,
    config_get,
    |_| Step::line("CONFIG SET nothing 1"),
    |random| Step::line("COMMAND GETKEYS").options(random.one_of(&REQUESTS)),
];

/// Requests whose keys COMMAND GETKEYS names, or not.
const REQUESTS: [&str; 19] = [
    "GET a",
    "SET a 1 EX 5",
    "MSET a 1 b 2",
    "MGET a b c",
    "DEL a b",
    "COPY a b",
    "RENAME a b",
    "LCS a b",
    "BITOP AND d a b",
    "BITFIELD a GET u8 0",
    "PFMERGE d a b",
    "PFCOUNT a b",
    "PING",
    "nothing a",
    "GET",
    "LMPOP 2 a b LEFT",
    "LMPOP 0 a LEFT",
    "LMOVE a b LEFT LEFT",
    "OBJECT ENCODING a",
];

fn dbsize(_: &mut Random) -> Step {
    Step::new("DBSIZE").compare(Compare::Soon)
}

/// Rare, so that there is something to flush.
fn flush(random: &mut Random) -> Step {
    let name = random.one_of(&["FLUSHDB", "FLUSHALL"]);
    match random.below(8) {
        0 => Step::new(name),
        1 => Step::new(name).word(random.one_of(&["ASYNC", "sync"])),
        2 => Step::new(name).word("nothing"),
        3 => Step::new(name).options("SYNC ASYNC"),
        _ => dbsize(random),
    }
}

fn config_get(random: &mut Random) -> Step {
    let name = random.one_of(&["databases", "DATABASES", "requirepass", "nothing", "database?"]);
    Step::line("CONFIG GET").word(name)
}
