//! INFO: what the server counts and knows of itself, as text.
//!
//! A field has the name it has in Redis where it means the same; tools find it by that name. What
//! Redis has and this server has not is left out, except where tools wait for a certain answer.

use std::fmt::{Display, Write};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::sys::utsname::uname;

use crate::clock::Now;
use crate::instance::{Instance, REDIS_VERSION, ReactorLink};
use crate::memory;
use crate::peer::Buffers;
use crate::stats::{CallStats, Counter, Flow, ReactorStats};
use crate::store::{self, Keyspace};

/// This server's own version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What INFO is made of.
pub struct Source<'a> {
    pub instance: &'a Instance,
    pub keyspace: &'a Keyspace,
    /// The full name of a command by its number.
    pub command_name: &'a dyn Fn(u16) -> String,
    pub now: Now,
}

/// The sections asked for, in a fixed order; the usual ones if none is named. Unknown names are
/// passed over.
pub fn text<'a>(asked: impl Iterator<Item = &'a [u8]> + Clone, source: &Source<'_>) -> String {
    let asks_for = |section: &Section, word: &[u8]| {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        is(section.title) || is("all") || is("everything") || section.usual && is("default")
    };
    let usual = asked.clone().next().is_none();
    let mut text = Text(String::with_capacity(4096));
    for section in SECTIONS {
        if usual && section.usual || asked.clone().any(|word| asks_for(section, word)) {
            text.title(section.title);
            (section.write)(&mut text, source);
        }
    }
    text.0
}

struct Section {
    title: &'static str,
    /// Shown when no section is named.
    usual: bool,
    write: fn(&mut Text, &Source<'_>),
}

const SECTIONS: &[Section] = &[
    Section { title: "Server", usual: true, write: server },
    Section { title: "Clients", usual: true, write: clients },
    Section { title: "Memory", usual: true, write: memory },
    Section { title: "Persistence", usual: true, write: persistence },
    Section { title: "Stats", usual: true, write: stats },
    Section { title: "Replication", usual: true, write: replication },
    Section { title: "CPU", usual: true, write: cpu },
    Section { title: "Modules", usual: true, write: |_, _| () },
    Section { title: "Reactor", usual: false, write: reactor },
    Section { title: "Commandstats", usual: false, write: command_stats },
    Section { title: "Errorstats", usual: true, write: error_stats },
    Section { title: "Cluster", usual: true, write: cluster },
    Section { title: "Keyspace", usual: true, write: keyspace },
];

/// Lines of `name:value`, ended as in the protocol.
struct Text(String);

impl Text {
    fn title(&mut self, title: &str) {
        let gap = if self.0.is_empty() { "" } else { "\r\n" };
        self.line(format_args!("{gap}# {title}"));
    }

    fn field(&mut self, name: &str, value: impl Display) {
        self.line(format_args!("{name}:{value}"));
    }

    /// A number of bytes, and once more in a short form.
    fn bytes(&mut self, name: &str, bytes: usize) {
        self.field(name, bytes);
        self.field(&format!("{name}_human"), Human(bytes));
    }

    fn line(&mut self, line: impl Display) {
        write!(self.0, "{line}\r\n").expect("a String takes all");
    }
}

fn server(text: &mut Text, source: &Source<'_>) {
    let instance = source.instance;
    let uptime_s = instance.uptime_ms(source.now) / 1000;
    text.field("redis_version", REDIS_VERSION);
    text.field("torc_version", VERSION);
    text.field("redis_mode", "standalone");
    text.field("os", system());
    text.field("arch_bits", usize::BITS);
    text.field("monotonic_clock", "POSIX clock_gettime");
    // The first word of the engine's description is its name.
    text.field("multiplexing_api", instance.engine.split(' ').next().unwrap_or_default());
    text.field("process_id", std::process::id());
    text.field("process_supervised", "no");
    text.field("run_id", &instance.run_id);
    text.field("tcp_port", instance.port);
    text.field("server_time_usec", source.now.unix_us);
    text.field("uptime_in_seconds", uptime_s);
    text.field("uptime_in_days", uptime_s / (24 * 60 * 60));
    text.field("hz", instance.config.hz.get());
    text.field("configured_hz", instance.config.hz.get());
    text.field("lru_clock", source.now.unix_s() & 0xff_ffff);
    let executable = std::env::current_exe().unwrap_or_default();
    text.field("executable", executable.display());
    text.field("config_file", "");
    listeners(text, instance);
}

/// Where clients come in. Redis 7.2 numbers the kinds of sockets, used or not.
fn listeners(text: &mut Text, instance: &Instance) {
    let config = &instance.config;
    let tcp = |name: &str, port: u16| {
        let bind: String = config.bind.iter().map(|bind| format!(",bind={}", bind.text)).collect();
        format!("name={name}{bind},port={port}")
    };
    if instance.port != 0 && instance.port != config.tls_port {
        text.field("listener0", tcp("tcp", instance.port));
    }
    if let Some(path) = &config.unixsocket {
        text.field("listener1", format_args!("name=unix,bind={}", path.display()));
    }
    if config.tls_port != 0 {
        text.field("listener2", tcp("tls", config.tls_port));
    }
}

/// As `uname -srm` prints it.
fn system() -> String {
    let Ok(name) = uname() else { return std::env::consts::OS.to_owned() };
    let parts = [name.sysname(), name.release(), name.machine()];
    parts.map(|part| part.to_string_lossy()).join(" ")
}

fn clients(text: &mut Text, source: &Source<'_>) {
    text.field("connected_clients", source.instance.clients.count());
    text.field("cluster_connections", 0);
    text.field("maxclients", source.instance.connections.limit());
    let clients = source.instance.clients.list();
    let largest = |part: fn(Buffers) -> usize| {
        clients.iter().map(|client| part(client.buffers())).max().unwrap_or(0)
    };
    text.field("client_recent_max_input_buffer", largest(|buffers| buffers.query));
    text.field("client_recent_max_output_buffer", largest(|buffers| buffers.output));
    let blocked = clients.iter().filter(|client| client.is_blocked()).count();
    text.field("blocked_clients", blocked);
    text.field("tracking_clients", 0);
}

fn memory(text: &mut Text, source: &Source<'_>) {
    let (used, resident, peak) = (memory::used(), memory::resident(), memory::peak());
    let ratio = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    // redis-cli --stat takes the first line that has "used_memory" in it.
    text.bytes("used_memory", used);
    text.bytes("used_memory_rss", resident);
    text.bytes("used_memory_peak", peak);
    text.field("used_memory_peak_perc", format_args!("{:.2}%", 100.0 * ratio(used, peak)));
    text.field("used_memory_startup", source.instance.memory_at_start);
    text.bytes("total_system_memory", total_system_memory());
    let config = &source.instance.config;
    text.bytes("maxmemory", config.maxmemory.get() as usize);
    text.field("maxmemory_policy", config.maxmemory_policy.name());
    text.field("mem_fragmentation_ratio", format_args!("{:.2}", ratio(resident, used)));
    text.field("mem_fragmentation_bytes", resident as i64 - used as i64);
    text.field("mem_not_counted_for_evict", store::unfreed());
    let clients = source.instance.clients.list();
    let memory: usize = clients.iter().map(|client| client.memory()).sum();
    text.field("mem_clients_slaves", 0);
    text.field("mem_clients_normal", memory);
    text.field("mem_allocator", memory::ALLOCATOR);
}

/// Bytes of memory that the machine has, by proc_meminfo(5); 0 if that cannot be read.
fn total_system_memory() -> usize {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = total.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Nothing is kept on disk, and so nothing is ever being loaded, saved or rewritten.
fn persistence(text: &mut Text, source: &Source<'_>) {
    text.field("loading", 0);
    text.field("async_loading", 0);
    let changes = sum(source, |reactor| &reactor.commands.changes);
    text.field("rdb_changes_since_last_save", changes);
    text.field("rdb_bgsave_in_progress", 0);
    text.field("rdb_last_save_time", source.instance.started.unix_s());
    text.field("rdb_last_bgsave_status", "ok");
    text.field("rdb_last_bgsave_time_sec", -1);
    text.field("rdb_saves", 0);
    text.field("aof_enabled", 0);
    text.field("aof_rewrite_in_progress", 0);
    text.field("aof_rewrite_scheduled", 0);
    text.field("aof_last_bgrewrite_status", "ok");
    text.field("aof_last_write_status", "ok");
}

fn stats(text: &mut Text, source: &Source<'_>) {
    let sum = |counter: fn(&ReactorLink) -> &Counter| sum(source, counter);
    let rates = rates(source);
    let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    text.field("total_connections_received", sum(|reactor| &reactor.stats.accepted));
    text.field("total_commands_processed", sum(|reactor| &reactor.commands.processed));
    text.field("instantaneous_ops_per_sec", rates.commands);
    text.field("total_net_input_bytes", sum(|reactor| &reactor.stats.bytes_in));
    text.field("total_net_output_bytes", sum(|reactor| &reactor.stats.bytes_out));
    text.field("instantaneous_input_kbps", kilobytes(rates.bytes_in));
    text.field("instantaneous_output_kbps", kilobytes(rates.bytes_out));
    text.field("rejected_connections", sum(|reactor| &reactor.stats.refused));
    text.field("expired_keys", sum(|reactor| &reactor.commands.expired));
    text.field("evicted_keys", sum(|reactor| &reactor.commands.evicted));
    text.field("evicted_clients", sum(|reactor| &reactor.commands.evicted_clients));
    text.field("keyspace_hits", sum(|reactor| &reactor.commands.hits));
    text.field("keyspace_misses", sum(|reactor| &reactor.commands.misses));
    text.field("pubsub_channels", 0);
    text.field("pubsub_patterns", 0);
    text.field("latest_fork_usec", 0);
    text.field("total_forks", 0);
    text.field("total_error_replies", sum(|reactor| &reactor.commands.errors));
    text.field("total_reads_processed", sum(|reactor| &reactor.stats.recvs));
    text.field("total_writes_processed", sum(|reactor| &reactor.stats.sends));
}

/// What passes through all reactors in a second.
fn rates(source: &Source<'_>) -> Flow {
    let now_ms = source.instance.uptime_ms(source.now);
    let each =
        source.instance.reactors.iter().map(|link| link.rates.per_second(now_ms, link.flow()));
    each.fold(Flow::default(), |sum, rate| Flow {
        commands: sum.commands + rate.commands,
        bytes_in: sum.bytes_in + rate.bytes_in,
        bytes_out: sum.bytes_out + rate.bytes_out,
    })
}

fn replication(text: &mut Text, _: &Source<'_>) {
    text.field("role", "master");
    text.field("connected_slaves", 0);
    text.field("master_failover_state", "no-failover");
    text.field("master_repl_offset", 0);
    text.field("repl_backlog_active", 0);
}

fn cpu(text: &mut Text, _: &Source<'_>) {
    let who = [("", UsageWho::RUSAGE_SELF), ("_children", UsageWho::RUSAGE_CHILDREN)];
    for (of, who) in who {
        // Fails only for a `who` that is unknown; see getrusage(2).
        let Ok(usage) = getrusage(who) else { continue };
        let seconds = |time: TimeVal| format!("{}.{:06}", time.tv_sec(), time.tv_usec());
        text.field(&format!("used_cpu_sys{of}"), seconds(usage.system_time()));
        text.field(&format!("used_cpu_user{of}"), seconds(usage.user_time()));
    }
}

fn reactor(text: &mut Text, source: &Source<'_>) {
    // Commas separate the parts of a value for many who read this.
    text.field("engine", source.instance.engine.replace(", ", " "));
    text.field("reactors", source.instance.reactors.len());
    for (index, reactor) in source.instance.reactors.iter().enumerate() {
        text.line(format_args!("reactor{index}:{}", Reactor(&reactor.stats)));
    }
}

/// A reactor's counters on one line.
struct Reactor<'a>(&'a ReactorStats);

impl Display for Reactor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stats = self.0;
        let per_wait = stats.completions.get() as f64 / stats.waits.get().max(1) as f64;
        let counters = [
            ("connections", stats.connected()),
            ("ticks", stats.ticks.get()),
            ("waits", stats.waits.get()),
            ("operations", stats.operations.get()),
            ("completions", stats.completions.get()),
            ("wakes", stats.wakes.get()),
            ("starved", stats.starved.get()),
            ("overflows", stats.overflows.get()),
            ("recvs", stats.recvs.get()),
            ("sends", stats.sends.get()),
            ("bytes_in", stats.bytes_in.get()),
            ("bytes_out", stats.bytes_out.get()),
            ("accepted", stats.accepted.get()),
            ("refused", stats.refused.get()),
            ("closed", stats.closed.get()),
            ("accept_pauses", stats.accept_pauses.get()),
            ("output_limit_closes", stats.output_limit_closes.get()),
            ("query_limit_closes", stats.query_limit_closes.get()),
        ];
        for (name, count) in counters {
            write!(f, "{name}={count},")?;
        }
        write!(f, "completions_per_wait={per_wait:.2}")
    }
}

fn command_stats(text: &mut Text, source: &Source<'_>) {
    let reactors = &source.instance.reactors;
    let commands = reactors.first().map_or(0, |reactor| reactor.commands.calls.len());
    for number in 0..commands {
        let sum = |count: fn(&CallStats) -> u64| -> u64 {
            reactors.iter().map(|reactor| count(&reactor.commands.calls[number])).sum()
        };
        let (calls, failed) = (sum(|stats| stats.calls.get()), sum(|stats| stats.failed.get()));
        let rejected = sum(|stats| stats.rejected.get());
        if calls + rejected == 0 {
            continue;
        }
        let microseconds = sum(CallStats::time) / 1000;
        let each = microseconds as f64 / calls.max(1) as f64;
        let name = (source.command_name)(number as u16);
        text.line(format_args!(
            "cmdstat_{name}:calls={calls},usec={microseconds},usec_per_call={each:.2},\
             rejected_calls={rejected},failed_calls={failed}"
        ));
    }
}

fn error_stats(text: &mut Text, source: &Source<'_>) {
    let mut sums = std::collections::BTreeMap::<String, u64>::new();
    for reactor in &source.instance.reactors {
        for (code, count) in &*reactor.commands.by_code.lock() {
            *sums.entry(code.clone()).or_default() += count;
        }
    }
    for (code, count) in sums {
        text.line(format_args!("errorstat_{code}:count={count}"));
    }
}

fn cluster(text: &mut Text, _: &Source<'_>) {
    text.field("cluster_enabled", 0);
}

fn keyspace(text: &mut Text, source: &Source<'_>) {
    for db in 0..source.keyspace.databases() {
        let (keys, expires) = (source.keyspace.len(db), source.keyspace.expiring(db));
        if keys > 0 {
            text.line(format_args!("db{db}:keys={keys},expires={expires},avg_ttl=0"));
        }
    }
}

fn sum(source: &Source<'_>, counter: impl Fn(&ReactorLink) -> &Counter) -> u64 {
    source.instance.reactors.iter().map(|reactor| counter(reactor).get()).sum()
}

/// A number of bytes in the largest unit that it fills, as Redis writes it: `894.84K`.
struct Human(usize);

impl Display for Human {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units = [(1u64 << 40, 'T'), (1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];
        match units.iter().find(|(size, _)| self.0 as u64 >= *size) {
            Some((size, unit)) => write!(f, "{:.2}{unit}", self.0 as f64 / *size as f64),
            None => write!(f, "{}B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shortened_as_redis_does_it() {
        let cases = [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (916_320, "894.84K"),
            (11_894_784, "11.34M"),
            (25_276_510_208, "23.54G"),
            (2 << 40, "2.00T"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(Human(bytes).to_string(), shown);
        }
    }

    #[test]
    fn section_names_are_told_apart() {
        let mut titles: Vec<_> = SECTIONS.iter().map(|section| section.title).collect();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), SECTIONS.len());
    }
}
