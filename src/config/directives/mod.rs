//! The tables of directives. A new one is a block here and a field of [`Values`](super::Values).

mod client;
mod tls;

use super::directive::{Directive, Set};
use super::parse::{
    ValueError, addresses, choice, choice_name, integer, memory, no_save_points, only, permissions,
    signed, yes_or_no,
};

const NETWORK: &str = "Network";
const THREADS: &str = "Threads";
const KEYS: &str = "Keys and values";
const SECURITY: &str = "Security";
const PERSISTENCE: &str = "Persistence";
const LOG: &str = "Log";

/// All directives, those of a group together.
pub fn directives() -> impl Iterator<Item = &'static Directive> {
    SERVER.iter().chain(client::CLIENTS).chain(tls::TLS)
}

static SERVER: &[Directive] = &[
    Directive {
        name: "bind",
        alias: None,
        group: NETWORK,
        value_name: "address ...",
        default: "127.0.0.1 -::1",
        help: "Addresses or names to listen on; '*' and '::*' are all, a leading '-' makes one optional",
        get: |values| {
            let mut texts: Vec<&str> = values.bind.iter().map(|bind| bind.text.as_str()).collect();
            texts.dedup(); // a name may stand for several addresses
            texts.join(" ")
        },
        set: Set::AtStart(|values, text| {
            values.bind = addresses(text)?;
            Ok(())
        }),
    },
    Directive {
        name: "port",
        alias: None,
        group: NETWORK,
        value_name: "number",
        default: "6379",
        help: "TCP port; 0 takes any free one and logs it, or none beside a tls-port",
        get: |values| values.port.to_string(),
        set: Set::AtStart(|values, text| {
            values.port = integer(text, 0..=u64::from(u16::MAX))? as u16;
            Ok(())
        }),
    },
    Directive {
        name: "tls-port",
        alias: None,
        group: NETWORK,
        value_name: "number",
        default: "0",
        help: "TCP port that speaks TLS; none if 0",
        get: |values| values.tls_port.to_string(),
        set: Set::AtStart(|values, text| {
            values.tls_port = integer(text, 0..=u64::from(u16::MAX))? as u16;
            Ok(())
        }),
    },
    Directive {
        name: "unixsocket",
        alias: None,
        group: NETWORK,
        value_name: "path",
        default: "",
        help: "Unix socket to listen on as well; none if empty",
        get: |values| {
            let path = values.unixsocket.as_deref();
            path.map_or_else(String::new, |path| path.to_string_lossy().into_owned())
        },
        set: Set::AtStart(|values, text| {
            values.unixsocket = (!text.is_empty()).then(|| text.into());
            Ok(())
        }),
    },
    Directive {
        name: "unixsocketperm",
        alias: None,
        group: NETWORK,
        value_name: "octal",
        default: "0",
        help: "Permissions of the unix socket; 0 leaves them to the umask",
        get: |values| format!("{:o}", values.unixsocketperm),
        set: Set::AtStart(|values, text| {
            values.unixsocketperm = permissions(text)?;
            Ok(())
        }),
    },
    Directive {
        name: "tcp-backlog",
        alias: None,
        group: NETWORK,
        value_name: "number",
        default: "511",
        help: "Connections that may wait to be accepted; the kernel's somaxconn limits it too",
        get: |values| values.tcp_backlog.to_string(),
        set: Set::AtStart(|values, text| {
            values.tcp_backlog = integer(text, 0..=i32::MAX as u64)? as u32;
            Ok(())
        }),
    },
    Directive {
        name: "shutdown-timeout",
        alias: None,
        group: NETWORK,
        value_name: "seconds",
        default: "10",
        help: "How long a shutdown may take to answer what it has received",
        get: |values| values.shutdown_timeout.get().to_string(),
        set: Set::Live(|values, text| {
            values.shutdown_timeout.set(integer(text, 0..=i32::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "mode",
        alias: None,
        group: THREADS,
        value_name: "kv|echo",
        default: "kv",
        help: "Serve keys and values, or send back what arrives to see how fast that can be",
        get: |values| choice_name(values.mode),
        set: Set::AtStart(|values, text| {
            values.mode = choice(text)?;
            Ok(())
        }),
    },
    Directive {
        name: "backend",
        alias: None,
        group: THREADS,
        value_name: "auto|io_uring|epoll",
        default: "auto",
        help: "How to reach the kernel; 'auto' is io_uring where allowed, else epoll",
        get: |values| choice_name(values.backend),
        set: Set::AtStart(|values, text| {
            values.backend = choice(text)?;
            Ok(())
        }),
    },
    Directive {
        name: "threads",
        alias: None,
        group: THREADS,
        value_name: "number|auto",
        default: "auto",
        help: "Reactor threads; 'auto' or 0 is one for each core this process may use",
        get: |values| match values.threads {
            0 => "auto".to_owned(),
            threads => threads.to_string(),
        },
        set: Set::AtStart(|values, text| {
            let is_auto = text.eq_ignore_ascii_case("auto");
            values.threads = if is_auto { 0 } else { integer(text, 0..=1024)? as usize };
            Ok(())
        }),
    },
    Directive {
        name: "busy-poll",
        alias: None,
        group: THREADS,
        value_name: "microseconds",
        default: "0",
        help: "Keep polling this long after the last activity before sleeping",
        get: |values| values.busy_poll.get().to_string(),
        set: Set::Live(|values, text| {
            values.busy_poll.set(integer(text, 0..=1_000_000)?);
            Ok(())
        }),
    },
    Directive {
        name: "databases",
        alias: None,
        group: KEYS,
        value_name: "number",
        default: "16",
        help: "Databases that SELECT can choose from",
        get: |values| values.databases.to_string(),
        set: Set::AtStart(|values, text| {
            values.databases = integer(text, 1..=16_384)? as usize;
            Ok(())
        }),
    },
    Directive {
        name: "maxmemory",
        alias: None,
        group: KEYS,
        value_name: "bytes",
        default: "0",
        help: "Bytes in use from which on keys are given up or writes refused; 0 is no limit",
        get: |values| values.maxmemory.get().to_string(),
        set: Set::Live(|values, text| {
            values.maxmemory.set(memory(text, 0..=u64::MAX)?);
            Ok(())
        }),
    },
    Directive {
        name: "maxmemory-policy",
        alias: None,
        group: KEYS,
        value_name: "policy",
        default: "noeviction",
        help: "Keys to give up: noeviction, allkeys- or volatile- with lru, lfu, random, or volatile-ttl",
        get: |values| values.maxmemory_policy.name().to_owned(),
        set: Set::Live(|values, text| {
            values.maxmemory_policy.set(choice(text)?);
            Ok(())
        }),
    },
    Directive {
        name: "maxmemory-samples",
        alias: None,
        group: KEYS,
        value_name: "number",
        default: "5",
        help: "Keys that are looked at for each that is given up",
        get: |values| values.maxmemory_samples.get().to_string(),
        set: Set::Live(|values, text| {
            values.maxmemory_samples.set(integer(text, 1..=i32::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "lfu-log-factor",
        alias: None,
        group: KEYS,
        value_name: "number",
        default: "10",
        help: "How many uses of a key it takes to count one up on the logarithmic scale of LFU",
        get: |values| values.lfu_log_factor.get().to_string(),
        set: Set::Live(|values, text| {
            values.lfu_log_factor.set(integer(text, 0..=i32::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "lfu-decay-time",
        alias: None,
        group: KEYS,
        value_name: "minutes",
        default: "1",
        help: "Minutes without use after which LFU counts a key one down; 0 is never",
        get: |values| values.lfu_decay_time.get().to_string(),
        set: Set::Live(|values, text| {
            values.lfu_decay_time.set(integer(text, 0..=i32::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "hash-max-listpack-entries",
        alias: Some("hash-max-ziplist-entries"),
        group: KEYS,
        value_name: "number",
        default: "512",
        help: "Fields up to which a hash is kept in one piece of memory",
        get: |values| values.hash_max_listpack_entries.get().to_string(),
        set: Set::Live(|values, text| {
            values.hash_max_listpack_entries.set(integer(text, 0..=i64::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "hash-max-listpack-value",
        alias: Some("hash-max-ziplist-value"),
        group: KEYS,
        value_name: "bytes",
        default: "64",
        help: "Longest field or value of a hash that is kept in one piece of memory",
        get: |values| values.hash_max_listpack_value.get().to_string(),
        set: Set::Live(|values, text| {
            values.hash_max_listpack_value.set(memory(text, 0..=i64::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "list-max-listpack-size",
        alias: Some("list-max-ziplist-size"),
        group: KEYS,
        value_name: "size",
        default: "-2",
        help: "Elements in one piece of a list; -1, -2 to -5: as many as fit in 4, 8 to 64 KiB",
        get: |values| (values.list_max_listpack_size.get() as i64).to_string(),
        set: Set::Live(|values, text| {
            let size = signed(text, i32::MIN.into()..=i32::MAX.into())?;
            values.list_max_listpack_size.set(size as u64);
            Ok(())
        }),
    },
    Directive {
        name: "list-compress-depth",
        alias: None,
        group: KEYS,
        value_name: "0",
        default: "0",
        help: "Elements at the ends of lists that stay as they are: only 0, nothing is compressed",
        get: |_| "0".to_owned(),
        set: Set::Live(|_, text| only("0", text)),
    },
    Directive {
        name: "set-max-intset-entries",
        alias: None,
        group: KEYS,
        value_name: "number",
        default: "512",
        help: "Members up to which a set of integers is kept as sorted numbers",
        get: |values| values.set_max_intset_entries.get().to_string(),
        set: Set::Live(|values, text| {
            values.set_max_intset_entries.set(integer(text, 0..=i64::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "set-max-listpack-entries",
        alias: None,
        group: KEYS,
        value_name: "number",
        default: "128",
        help: "Members up to which any other set is kept in one piece of memory",
        get: |values| values.set_max_listpack_entries.get().to_string(),
        set: Set::Live(|values, text| {
            values.set_max_listpack_entries.set(integer(text, 0..=i64::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "set-max-listpack-value",
        alias: None,
        group: KEYS,
        value_name: "bytes",
        default: "64",
        help: "Longest member of a set that is kept in one piece of memory",
        get: |values| values.set_max_listpack_value.get().to_string(),
        set: Set::Live(|values, text| {
            values.set_max_listpack_value.set(memory(text, 0..=i64::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "zset-max-listpack-entries",
        alias: Some("zset-max-ziplist-entries"),
        group: KEYS,
        value_name: "number",
        default: "128",
        help: "Members up to which a sorted set is kept in one piece of memory",
        get: |values| values.zset_max_listpack_entries.get().to_string(),
        set: Set::Live(|values, text| {
            values.zset_max_listpack_entries.set(integer(text, 0..=i64::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "zset-max-listpack-value",
        alias: Some("zset-max-ziplist-value"),
        group: KEYS,
        value_name: "bytes",
        default: "64",
        help: "Longest member of a sorted set that is kept in one piece of memory",
        get: |values| values.zset_max_listpack_value.get().to_string(),
        set: Set::Live(|values, text| {
            values.zset_max_listpack_value.set(memory(text, 0..=i64::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "hz",
        alias: None,
        group: KEYS,
        value_name: "number",
        default: "10",
        help: "How often a second expired keys are looked for; brought into 1 to 500",
        get: |values| values.hz.get().to_string(),
        set: Set::Live(|values, text| {
            // Redis takes any number here and brings it into its range without a word.
            values.hz.set(integer(text, 0..=i32::MAX as u64)?.clamp(1, 500));
            Ok(())
        }),
    },
    Directive {
        name: "hll-sparse-max-bytes",
        alias: None,
        group: KEYS,
        value_name: "bytes",
        default: "3000",
        help: "Longest HyperLogLog in the sparse form; a longer one becomes dense",
        get: |values| values.hll_sparse_max_bytes.get().to_string(),
        set: Set::Live(|values, text| {
            values.hll_sparse_max_bytes.set(memory(text, 0..=i64::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "requirepass",
        alias: None,
        group: SECURITY,
        value_name: "password",
        default: "",
        help: "Password that clients must give with AUTH or HELLO; none if empty",
        get: |values| values.requirepass.get(),
        set: Set::Live(|values, text| {
            values.requirepass.set(text.to_owned());
            Ok(())
        }),
    },
    Directive {
        name: "enable-debug-command",
        alias: None,
        group: SECURITY,
        value_name: "who",
        default: "no",
        help: "Who may use DEBUG: no, yes, or 'local' for connections from this machine",
        get: |values| choice_name(values.enable_debug_command),
        set: Set::AtStart(|values, text| {
            values.enable_debug_command = choice(text)?;
            Ok(())
        }),
    },
    // Tools read the next two to learn that there is no persistence, and turn it off to be sure.
    Directive {
        name: "save",
        alias: None,
        group: PERSISTENCE,
        value_name: "''",
        default: "",
        help: "When to write snapshots: only '', never",
        get: |_| String::new(),
        set: Set::Live(|_, text| no_save_points(text)),
    },
    Directive {
        name: "appendonly",
        alias: None,
        group: PERSISTENCE,
        value_name: "no",
        default: "no",
        help: "Whether to log each change to disk: only 'no'",
        get: |_| "no".to_owned(),
        set: Set::Live(|_, text| match yes_or_no(text)? {
            true => Err(ValueError::NothingOnDisk { only: "no" }),
            false => Ok(()),
        }),
    },
    Directive {
        name: "loglevel",
        alias: Some("log-level"),
        group: LOG,
        value_name: "level",
        default: "notice",
        help: "What is logged: debug, verbose, notice, warning or nothing",
        get: |values| choice_name(values.loglevel.get()),
        set: Set::Live(|values, text| {
            values.loglevel.set(choice(text)?);
            Ok(())
        }),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lower_case() {
        let mut names: Vec<&str> = directives()
            .flat_map(|directive| [Some(directive.name), directive.alias])
            .flatten()
            .collect();
        assert!(names.iter().all(|name| *name == name.to_ascii_lowercase()));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn each_is_explained_in_one_line() {
        for directive in directives() {
            let help = directive.help;
            assert!(!help.is_empty() && help.len() <= 90, "{}", directive.name);
            assert!(!help.contains('\n') && !help.ends_with('.'), "{}", directive.name);
        }
    }

    #[test]
    fn those_of_a_group_stand_together() {
        let mut groups: Vec<&str> = directives().map(|directive| directive.group).collect();
        groups.dedup();
        let count = groups.len();
        groups.sort_unstable();
        groups.dedup();
        assert_eq!(groups.len(), count);
    }
}
