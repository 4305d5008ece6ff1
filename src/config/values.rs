//! The values themselves: one field a directive, and the types that some of them have.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::live::{Chosen, Live, Number, Switch};
use super::output_limits::OutputLimits;
use super::parse::Choice;

/// The value of each directive that has one. Blank by itself; [`Config`](super::Config) fills in
/// the defaults.
#[derive(Default, Debug)]
pub struct Values {
    pub bind: Vec<BindAddress>,
    /// 0 takes any free port.
    pub port: u16,
    /// 0: no port speaks TLS.
    pub tls_port: u16,
    pub unixsocket: Option<PathBuf>,
    /// Permission bits of the unix socket; 0 leaves them to the umask.
    pub unixsocketperm: u32,
    /// Connections that the kernel holds until they are accepted; at most `i32::MAX`.
    pub tcp_backlog: u32,
    /// Seconds of silence after which the kernel probes a peer; 0 never probes.
    pub tcp_keepalive: Number,
    /// Seconds of silence after which a client is closed; 0: never. The reactors hold it too.
    pub timeout: Arc<Number>,
    /// Seconds that an orderly stop may take. The reactors hold it too.
    pub shutdown_timeout: Arc<Number>,
    pub maxclients: Number,
    pub protected_mode: Switch,
    /// Bytes of a request that has not yet come whole. The reactors hold it too.
    pub client_query_buffer_limit: Arc<Number>,
    /// The reactors hold it too.
    pub client_output_buffer_limit: Arc<OutputLimits>,
    /// Bytes, or a part of `maxmemory`; see [`Values::client_memory`].
    pub maxmemory_clients: Number,
    pub mode: Mode,
    pub backend: BackendChoice,
    /// Reactor threads; 0 stands for `auto`. See [`Values::reactors`].
    pub threads: usize,
    /// Microseconds that a reactor polls after the last activity before it sleeps. The reactors
    /// hold it too.
    pub busy_poll: Arc<Number>,
    pub databases: usize,
    /// Bytes that may be in use before keys are given up for new ones; 0: any number.
    pub maxmemory: Number,
    pub maxmemory_policy: Chosen<EvictionPolicy>,
    /// Keys that are looked at for each that is given up.
    pub maxmemory_samples: Number,
    pub lfu_log_factor: Number,
    /// Minutes.
    pub lfu_decay_time: Number,
    /// Fields of a packed hash, at most.
    pub hash_max_listpack_entries: Number,
    /// Bytes of a field or value of a packed hash, at most.
    pub hash_max_listpack_value: Number,
    /// How much a chunk of a list holds; the bits of an `i64`, for it may be negative.
    pub list_max_listpack_size: Number,
    /// Members of a set that is kept as sorted integers, at most.
    pub set_max_intset_entries: Number,
    /// Members of a packed set, at most.
    pub set_max_listpack_entries: Number,
    /// Bytes of a member of a packed set, at most.
    pub set_max_listpack_value: Number,
    /// Members of a packed sorted set, at most.
    pub zset_max_listpack_entries: Number,
    /// Bytes of a member of a packed sorted set, at most.
    pub zset_max_listpack_value: Number,
    /// Cycles of active expiry a second, 1 to 500.
    pub hz: Number,
    /// Bytes of the longest argument.
    pub proto_max_bulk_len: Number,
    /// Bytes of the longest sparse HyperLogLog.
    pub hll_sparse_max_bytes: Number,
    /// Empty when no password is needed.
    pub requirepass: Live<String>,
    pub enable_debug_command: Admission,
    /// Paths of files; empty ones are not set.
    pub tls_cert_file: Live<String>,
    pub tls_key_file: Live<String>,
    pub tls_ca_cert_file: Live<String>,
    pub tls_ca_cert_dir: Live<String>,
    pub tls_auth_clients: Chosen<ClientCertificates>,
    /// Names with spaces between them, or colons; empty: all that there are.
    pub tls_protocols: Live<String>,
    pub tls_ciphers: Live<String>,
    pub tls_ciphersuites: Live<String>,
    pub loglevel: Live<LogLevel>,
}

impl Values {
    /// How many reactors to run: `threads`, or one for each core that this process may use.
    pub fn reactors(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// Bytes that all clients may take together; None if there is no limit.
    pub fn client_memory(&self) -> Option<u64> {
        let bytes = match ClientMemory::of(&self.maxmemory_clients) {
            ClientMemory::Bytes(bytes) => bytes,
            ClientMemory::Percent(percent) => {
                (u128::from(self.maxmemory.get()) * u128::from(percent) / 100) as u64
            }
        };
        (bytes > 0).then(|| bytes.max(ClientMemory::LEAST))
    }
}

/// How much memory all clients may take together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ClientMemory {
    /// 0: any.
    Bytes(u64),
    /// Of `maxmemory`, 1 to 100.
    Percent(u64),
}

impl ClientMemory {
    /// The least that can be in force: below it the server might close whoever connects.
    const LEAST: u64 = 128 * 1024;

    /// As a directive holds it: percents are negative.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => percent.wrapping_neg(),
        }
    }

    pub(super) fn of(number: &Number) -> Self {
        match number.get() as i64 {
            bytes @ 0.. => Self::Bytes(bytes as u64),
            percent => Self::Percent(percent.unsigned_abs()),
        }
    }
}

impl fmt::Display for ClientMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => bytes.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// What connections speak.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Mode {
    #[default]
    Kv,
    Echo,
}

impl Choice for Mode {
    const NAMES: &'static [(&'static str, Self)] = &[("kv", Self::Kv), ("echo", Self::Echo)];
}

/// How reactors reach the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum BackendChoice {
    /// io_uring where the kernel allows it, epoll where not.
    #[default]
    Auto,
    IoUring,
    Epoll,
}

impl Choice for BackendChoice {
    const NAMES: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("io_uring", Self::IoUring), ("epoll", Self::Epoll)];
}

/// Which keys are given up when memory is short: any, or only volatile ones, which expire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EvictionPolicy {
    VolatileLru,
    VolatileLfu,
    VolatileRandom,
    VolatileTtl,
    AllkeysLru,
    AllkeysLfu,
    AllkeysRandom,
    Noeviction,
}

impl EvictionPolicy {
    /// True if uses of keys are counted.
    pub fn is_lfu(self) -> bool {
        matches!(self, Self::VolatileLfu | Self::AllkeysLfu)
    }
}

impl Choice for EvictionPolicy {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("volatile-lru", Self::VolatileLru),
        ("volatile-lfu", Self::VolatileLfu),
        ("volatile-random", Self::VolatileRandom),
        ("volatile-ttl", Self::VolatileTtl),
        ("allkeys-lru", Self::AllkeysLru),
        ("allkeys-lfu", Self::AllkeysLfu),
        ("allkeys-random", Self::AllkeysRandom),
        ("noeviction", Self::Noeviction),
    ];
}

/// Who may use a command that is not for everyone.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Admission {
    #[default]
    Nobody,
    Everyone,
    /// Clients that connect from this machine.
    Local,
}

impl Choice for Admission {
    const NAMES: &'static [(&'static str, Self)] =
        &[("no", Self::Nobody), ("yes", Self::Everyone), ("local", Self::Local)];
}

/// Whether TLS clients must show a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientCertificates {
    Required,
    /// They need not, but if they do it must be a good one.
    Optional,
    /// They are not asked for one.
    No,
}

impl Choice for ClientCertificates {
    const NAMES: &'static [(&'static str, Self)] =
        &[("no", Self::No), ("yes", Self::Required), ("optional", Self::Optional)];
}

/// The least important message that is still logged.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum LogLevel {
    Debug,
    Verbose,
    #[default]
    Notice,
    Warning,
    Nothing,
}

impl LogLevel {
    /// Redis' levels in the words of the `log` crate.
    pub fn filter(self) -> log::LevelFilter {
        match self {
            Self::Debug => log::LevelFilter::Trace,
            Self::Verbose => log::LevelFilter::Debug,
            Self::Notice => log::LevelFilter::Info,
            Self::Warning => log::LevelFilter::Warn,
            Self::Nothing => log::LevelFilter::Off,
        }
    }
}

impl Choice for LogLevel {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("debug", Self::Debug),
        ("verbose", Self::Verbose),
        ("notice", Self::Notice),
        ("warning", Self::Warning),
        ("nothing", Self::Nothing),
    ];
}

/// An address to listen on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BindAddress {
    pub ip: IpAddr,
    /// The server starts even if this machine does not have the address.
    pub optional: bool,
    /// As it was written: `-::*`.
    pub text: String,
}
