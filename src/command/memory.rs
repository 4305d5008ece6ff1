//! MEMORY: how many bytes are in use, and for what.

use super::help::help;
use super::options::{integer, is};
use super::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::memory;
use crate::store::Memory;

/// The commands of this file, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[&MEMORY];

/// For answers that differ from one server to the next.
const OF_EACH_SHARD: &[&str] =
    &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];

pub static MEMORY: Command = Command {
    name: "memory",
    arity: -2,
    group: Group::Server,
    since: "4.0.0",
    complexity: "Depends on subcommand.",
    summary: "A container for commands about memory.",
    subcommands: &[&DOCTOR, &HELP, &PURGE, &STATS, &USAGE],
    ..Command::BASE
};

pub static DOCTOR: Command = Command {
    name: "doctor",
    arity: 2,
    group: Group::Server,
    since: "4.0.0",
    summary: "Says in words whether memory is used well.",
    tips: OF_EACH_SHARD,
    run: doctor,
    ..Command::BASE
};

fn doctor(call: &mut Call<'_>) -> Result<(), Error> {
    let report = diagnosis(memory::used(), memory::peak(), memory::resident());
    call.reply.verbatim("txt", report.as_bytes());
    Ok(())
}

/// What the three figures, in bytes, say together.
fn diagnosis(used: usize, peak: usize, resident: usize) -> String {
    /// Below this the figures are those of the program, not of its data.
    const LITTLE: usize = 5 << 20;
    const MIB: usize = 1 << 20;
    if used < LITTLE {
        return "There is too little data for a diagnosis.".to_owned();
    }
    let mut report = String::new();
    if peak > used + used / 2 {
        report += &format!(
            "Peak: {} MiB were in use once, {} MiB are now. The allocator may keep some of the \
             difference.\n",
            peak / MIB,
            used / MIB
        );
    }
    if resident > used + used / 2 {
        report += &format!(
            "Fragmentation: the process takes {} MiB for {} MiB in use.\n",
            resident / MIB,
            used / MIB
        );
    }
    if report.is_empty() { "Memory is used well.".to_owned() } else { report }
}

pub static HELP: Command = Command {
    name: "help",
    arity: 2,
    flags: Flags::LOADING.and(Flags::STALE),
    group: Group::Server,
    since: "4.0.0",
    summary: "Lists the subcommands.",
    run: |call| help(call, &MEMORY),
    ..Command::BASE
};

pub static PURGE: Command = Command {
    name: "purge",
    arity: 2,
    group: Group::Server,
    since: "4.0.0",
    complexity: "Depends on how much memory is allocated, could be slow",
    summary: "Gives free memory back to the system.",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    run: purge,
    ..Command::BASE
};

fn purge(call: &mut Call<'_>) -> Result<(), Error> {
    memory::purge();
    call.reply.ok();
    Ok(())
}

pub static STATS: Command = Command {
    name: "stats",
    arity: 2,
    group: Group::Server,
    since: "4.0.0",
    summary: "Returns how many bytes are in use for what.",
    tips: OF_EACH_SHARD,
    run: stats,
    ..Command::BASE
};

fn stats(call: &mut Call<'_>) -> Result<(), Error> {
    let databases: Vec<(usize, usize, Memory)> = (0..call.keyspace.databases())
        .map(|db| (db, call.keyspace.len(db), call.keyspace.memory(db)))
        .filter(|(_, keys, _)| *keys > 0)
        .collect();
    let keys: usize = databases.iter().map(|(_, keys, _)| keys).sum();
    let tables: usize = databases.iter().map(|(_, _, memory)| memory.tables).sum();
    let (used, peak, resident) = (memory::used(), memory::peak(), memory::resident());
    let at_start = call.instance.memory_at_start;
    let dataset = used.saturating_sub(at_start + tables);

    let reply = &mut call.reply;
    reply.map(11 + databases.len());
    let mut integer = |name: &str, value: usize| {
        reply.bulk(name.as_bytes());
        reply.integer(value as i64);
    };
    integer("peak.allocated", peak);
    integer("total.allocated", used);
    integer("startup.allocated", at_start);
    integer("overhead.total", at_start + tables);
    integer("keys.count", keys);
    integer("keys.bytes-per-key", dataset.checked_div(keys).unwrap_or(0));
    integer("dataset.bytes", dataset);
    integer("fragmentation.bytes", resident.saturating_sub(used));
    for (db, _, memory) in &databases {
        reply.bulk(format!("db.{db}").as_bytes());
        reply.map(2);
        reply.bulk(b"overhead.hashtable.main");
        reply.integer(memory.tables as i64);
        reply.bulk(b"entries");
        reply.integer(memory.entries as i64);
    }
    let mut ratio = |name: &str, part: f64, whole: usize| {
        reply.bulk(name.as_bytes());
        reply.double(part / whole.max(1) as f64);
    };
    ratio("dataset.percentage", dataset as f64 * 100.0, used);
    ratio("peak.percentage", used as f64 * 100.0, peak);
    ratio("fragmentation", resident as f64, used);
    Ok(())
}

pub static USAGE: Command = Command {
    name: "usage",
    arity: -3,
    flags: Flags::READONLY,
    keys: &[KeySpec::at(2, &["RO"])],
    group: Group::Server,
    since: "4.0.0",
    complexity: "O(N) where N is the number of samples.",
    summary: "Returns how many bytes of memory a key takes with its value.",
    arguments: &[Argument::key(), Argument::integer("count").token("SAMPLES").optional()],
    run: usage,
    ..Command::BASE
};

fn usage(call: &mut Call<'_>) -> Result<(), Error> {
    let mut words = call.args.rest(3).iter();
    while let Some(word) = words.next() {
        let count = words.next().filter(|_| is(word, "SAMPLES")).ok_or(Error::Syntax)?;
        // How many elements of a collection to look at; strings have none.
        if integer(count)? < 0 {
            return Err(Error::Syntax);
        }
    }
    match call.keyspace.peek(call.session.db, &call.args[2]).map(|key| key.memory()) {
        Some(bytes) => call.reply.integer(bytes as i64),
        None => call.reply.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::harness::Harness;

    fn number(reply: &str) -> usize {
        reply.trim_start_matches(':').trim_end().parse().expect("an integer reply")
    }

    #[test]
    fn usage_grows_with_key_and_value() {
        for mut harness in Harness::each_way() {
            assert_eq!(harness.run("MEMORY USAGE k"), "$-1\r\n");
            for len in [10, 100, 10_000, 1_000_000] {
                harness.set("k", &"v".repeat(len));
                let usage = number(&harness.run("MEMORY USAGE k"));
                assert!(usage > len && usage < len + 200, "{usage} for {len}");
                assert_eq!(number(&harness.run("MEMORY USAGE k samples 0 SAMPLES 4")), usage);
            }
            assert_eq!(harness.worker.keyspace.take_tally().misses, 0, "it leaves no trace");
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_reported_in_redis_words() {
        let mut harness = Harness::new();
        for (request, error) in [
            ("MEMORY USAGE", "wrong number of arguments for 'memory|usage' command"),
            ("MEMORY USAGE k SAMPLES", "syntax error"),
            ("MEMORY USAGE k SAMPLES -1", "syntax error"),
            ("MEMORY USAGE k SAMPLES x", "value is not an integer or out of range"),
            ("MEMORY USAGE k foo 0", "syntax error"),
            ("MEMORY nonsense", "unknown subcommand 'nonsense'. Try MEMORY HELP."),
        ] {
            assert_eq!(harness.run(request), format!("-ERR {error}\r\n"), "{request}");
        }
    }

    #[test]
    fn stats_count_the_keys_of_all_databases() {
        for mut harness in Harness::each_way() {
            for db in [0, 5] {
                harness.session.db = db;
                for i in 0..1000 {
                    harness.set(&format!("key{i}"), &"v".repeat(100));
                }
            }
            let reply = harness.run("MEMORY STATS");
            let lines: Vec<&str> = reply.split("\r\n").collect();
            assert_eq!(lines[0], "*26");
            let after = |name: &str| {
                let at = lines.iter().position(|line| *line == name).expect(name);
                number(lines[at + 1])
            };
            assert_eq!(after("keys.count"), 2000);
            let entries = after("entries");
            assert!((100_000..200_000).contains(&entries), "{entries}");
            let tables = after("overhead.hashtable.main");
            // Both databases have as many keys, but not as many in each segment.
            let all_tables = after("overhead.total");
            assert!(tables > 8 * 1000 && all_tables > 3 * tables / 2 && all_tables < 3 * tables);
            assert!(after("total.allocated") > 2 * entries);
            assert!(after("peak.allocated") >= after("total.allocated"));
            assert!(lines.contains(&"db.0") && lines.contains(&"db.5"));
        }
    }

    #[test]
    fn the_doctor_sees_peaks_and_fragments() {
        const MIB: usize = 1 << 20;
        assert!(diagnosis(MIB, 9 * MIB, 9 * MIB).contains("too little"));
        assert_eq!(diagnosis(100 * MIB, 110 * MIB, 120 * MIB), "Memory is used well.");
        let both = diagnosis(100 * MIB, 200 * MIB, 300 * MIB);
        assert!(both.contains("Peak: 200 MiB") && both.contains("takes 300 MiB for 100 MiB"));
    }
}
