//! What the operator decides: one table of directives, from which come the flags of the command
//! line, their help and defaults, and CONFIG GET and SET.

pub mod command_line;
mod directive;
mod directives;
mod live;
mod output_limits;
mod parse;
mod values;

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use parking_lot::Mutex;

pub use directive::Directive;
pub use directives::directives;
pub use live::{Chosen, Live, Number, Switch};
pub use output_limits::{OutputClass, OutputLimit, OutputLimits};
pub use parse::ValueError;
pub use values::{
    Admission, BackendChoice, BindAddress, ClientCertificates, EvictionPolicy, LogLevel, Mode,
    Values,
};

use directive::Set;

/// The values of all directives, shared by the reactors of one server.
///
/// Its fields are those of [`Values`]: `config.port`, `config.maxclients.get()`. A value that may
/// change while the server runs is a [`Number`] or [`Live`]; the others are plain and stay as they
/// were at the start.
#[derive(Debug)]
pub struct Config {
    values: Values,
    /// Held while values change, so that each CONFIG SET is all or nothing for the next one.
    change: Mutex<()>,
    /// None until the server runs.
    system: Option<Box<dyn System>>,
}

/// What some directives reach beyond the server: sockets, and limits of the process.
pub trait System: fmt::Debug + Send + Sync {
    /// Brings a directive's new value into force.
    ///
    /// # Errors
    ///
    /// The system does not allow that value; the one before stays in force.
    fn enforce(&self, directive: &str, values: &Values) -> Result<(), ValueError>;
}

impl Default for Config {
    /// Every directive at its default.
    fn default() -> Self {
        let mut config = Self { values: Values::default(), change: Mutex::new(()), system: None };
        for directive in directives() {
            config.start(directive, directive.default).expect("a test sets every default");
        }
        config
    }
}

impl Deref for Config {
    type Target = Values;

    fn deref(&self) -> &Values {
        &self.values
    }
}

impl Config {
    /// Sets a directive before the server starts; here none is immutable.
    pub fn start(&mut self, directive: &Directive, text: &str) -> Result<(), ValueError> {
        match directive.set {
            Set::AtStart(set) => set(&mut self.values, text),
            Set::Live(set) => set(&self.values, text),
        }
    }

    /// Changes directives while the server runs: all of them, or none if one is refused.
    /// This is CONFIG SET.
    pub fn set_many<'a>(
        &self,
        pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<(), SetError> {
        let changes = changes(pairs)?;
        let _changing = self.change.lock();
        let before: Vec<String> =
            changes.iter().map(|change| change.directive.value(self)).collect();
        let set = changes.iter().try_for_each(|change| change.apply(self));
        let done = set.and_then(|()| changes.iter().try_for_each(|change| change.enforce(self)));
        if done.is_err() {
            for (undo, text) in changes.iter().zip(&before).rev() {
                (undo.set)(&self.values, text).expect("a test reads and sets every value");
            }
            // What was in force until now is allowed.
            changes.iter().for_each(|undo| drop(undo.enforce(self)));
        }
        done
    }

    /// Has `system` bring changes into force from now on.
    pub fn govern(&mut self, system: impl System + 'static) {
        self.system = Some(Box::new(system));
    }

    /// Each name that `matches` accepts, with the value of its directive. This is CONFIG GET.
    pub fn matching(
        &self,
        matches: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = (&'static str, String)> {
        let named = directives().flat_map(|of| of.names().map(move |name| (name, of)));
        let named = named.filter(move |(name, _)| matches(name));
        named.map(|(name, directive)| (name, directive.value(self)))
    }
}

/// One pair of CONFIG SET, of a directive that may change.
struct Change<'a> {
    directive: &'static Directive,
    /// Which of its names was used.
    name: &'static str,
    set: fn(&Values, &str) -> Result<(), ValueError>,
    value: &'a [u8],
}

impl Change<'_> {
    fn apply(&self, config: &Config) -> Result<(), SetError> {
        // A number or a word with a wrong byte in it is refused as such; what is left would have to
        // be kept as text.
        let text = String::from_utf8_lossy(self.value);
        (self.set)(&config.values, &text).map_err(|why| self.refused(why))?;
        match text {
            Cow::Borrowed(_) => Ok(()),
            Cow::Owned(_) => Err(self.refused(ValueError::NotText)),
        }
    }

    fn enforce(&self, config: &Config) -> Result<(), SetError> {
        let Some(system) = &config.system else { return Ok(()) };
        let enforced = system.enforce(self.directive.name, &config.values);
        enforced.map_err(|why| self.refused(why))
    }

    fn refused(&self, why: ValueError) -> SetError {
        SetError::Value { name: self.name, why }
    }
}

/// Finds the directives of all pairs, before any of them changes.
fn changes<'a>(
    pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<Vec<Change<'a>>, SetError> {
    let mut changes: Vec<Change<'a>> = Vec::new();
    for (name, value) in pairs {
        let known = str::from_utf8(name).ok().and_then(Directive::find_name);
        let Some((directive, own_name)) = known else {
            return Err(SetError::Unknown { name: name.to_vec() });
        };
        let Set::Live(set) = directive.set else {
            return Err(SetError::Immutable { name: name.to_vec() });
        };
        // As in Redis, two names of one directive may stand side by side; the last one counts.
        if changes.iter().any(|change| change.name == own_name) {
            return Err(SetError::Duplicate { name: name.to_vec() });
        }
        changes.push(Change { directive, name: own_name, set, value });
    }
    Ok(changes)
}

/// Why CONFIG SET changed nothing. Names are as the client wrote them, but for a directive whose
/// value is wrong: Redis says its own name then.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError {
    Unknown { name: Vec<u8> },
    Immutable { name: Vec<u8> },
    Duplicate { name: Vec<u8> },
    Value { name: &'static str, why: ValueError },
}

impl SetError {
    /// The text of Redis 7.0, after `ERR `.
    pub fn message(&self) -> Vec<u8> {
        let (name, why): (&[u8], &dyn fmt::Display) = match self {
            Self::Unknown { name } => {
                let text = b"Unknown option or number of arguments for CONFIG SET - '";
                return [text, as_c_prints(name), b"'"].concat();
            }
            Self::Immutable { name } => (&name[..], &"can't set immutable config"),
            Self::Duplicate { name } => (&name[..], &"duplicate parameter"),
            Self::Value { name, why } => (name.as_bytes(), why),
        };
        let text = b"CONFIG SET failed (possibly related to argument '";
        [text, as_c_prints(name), b"') - ", why.to_string().as_bytes()].concat()
    }
}

/// What C's `%s` prints of a text: the bytes before the first zero.
fn as_c_prints(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message()))
    }
}

impl std::error::Error for SetError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn set(config: &Config, pairs: &[(&str, &str)]) -> Result<(), String> {
        let pairs = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        config.set_many(pairs).map_err(|error| error.to_string())
    }

    fn get(config: &Config, name: &str) -> String {
        Directive::find(name).unwrap().value(config)
    }

    #[test]
    fn every_value_can_be_set_to_itself() {
        let mut config = Config::default();
        for directive in directives() {
            let before = directive.value(&config);
            assert_eq!(config.start(directive, &before), Ok(()), "{}", directive.name);
            assert_eq!(directive.value(&config), before, "{}", directive.name);
        }
    }

    /// Another value for each directive that has more than one, so that a block which reads or
    /// writes its neighbour's field does not pass.
    #[test]
    fn every_value_reads_back_as_it_was_set() {
        let others = [
            ("bind", "* -::* 10.0.0.1"),
            ("port", "7000"),
            ("tls-port", "7001"),
            ("unixsocket", "/run/torc.sock"),
            ("unixsocketperm", "770"),
            ("tcp-backlog", "128"),
            ("shutdown-timeout", "5"),
            ("mode", "echo"),
            ("backend", "epoll"),
            ("threads", "3"),
            ("busy-poll", "50"),
            ("databases", "4"),
            ("maxmemory", "104857600"),
            ("maxmemory-policy", "volatile-ttl"),
            ("maxmemory-samples", "6"),
            ("lfu-log-factor", "11"),
            ("lfu-decay-time", "2"),
            ("hash-max-listpack-entries", "7"),
            ("hash-max-listpack-value", "8"),
            ("list-max-listpack-size", "-5"),
            ("list-compress-depth", "0"),
            ("set-max-intset-entries", "9"),
            ("set-max-listpack-entries", "10"),
            ("set-max-listpack-value", "11"),
            ("zset-max-listpack-entries", "9"),
            ("zset-max-listpack-value", "10"),
            ("hz", "100"),
            ("hll-sparse-max-bytes", "1000"),
            ("requirepass", "open sesame"),
            ("enable-debug-command", "local"),
            ("save", ""),
            ("appendonly", "no"),
            ("loglevel", "warning"),
            ("maxclients", "77"),
            ("timeout", "600"),
            ("tcp-keepalive", "60"),
            ("protected-mode", "no"),
            ("proto-max-bulk-len", "2097152"),
            ("client-query-buffer-limit", "3145728"),
            ("client-output-buffer-limit", "normal 1 2 3 slave 4 5 6 pubsub 7 8 9"),
            ("maxmemory-clients", "10%"),
            ("tls-cert-file", "/run/server.crt"),
            ("tls-key-file", "/run/server.key"),
            ("tls-ca-cert-file", "/run/ca.crt"),
            ("tls-ca-cert-dir", "/run/ca"),
            ("tls-auth-clients", "optional"),
            ("tls-protocols", "TLSv1.3"),
            ("tls-ciphers", "ECDHE-RSA-AES128-GCM-SHA256"),
            ("tls-ciphersuites", "TLS_AES_128_GCM_SHA256"),
        ];
        let mut config = Config::default();
        for (name, text) in others {
            config.start(Directive::find(name).unwrap(), text).unwrap();
        }
        let read: Vec<_> =
            directives().map(|directive| (directive.name, directive.value(&config))).collect();
        assert_eq!(read, others.map(|(name, text)| (name, text.to_owned())));
    }

    /// Allows ten clients, and notes what it was asked.
    #[derive(Debug)]
    struct TenClients(Arc<Mutex<Vec<String>>>);

    impl System for TenClients {
        fn enforce(&self, directive: &str, values: &Values) -> Result<(), ValueError> {
            let (clients, hz) = (values.maxclients.get(), values.hz.get());
            self.0.lock().push(format!("{directive} {clients} {hz}"));
            if directive != "maxclients" || clients <= 10 {
                return Ok(());
            }
            Err(ValueError::TooManyClients { most: 10 })
        }
    }

    #[test]
    fn what_the_system_refuses_changes_nothing() {
        let mut config = Config::default();
        let asked = Arc::default();
        config.govern(TenClients(Arc::clone(&asked)));
        assert_eq!(set(&config, &[("maxclients", "9")]), Ok(()));
        assert_eq!(
            set(&config, &[("hz", "20"), ("MaxClients", "11")]).unwrap_err(),
            "CONFIG SET failed (possibly related to argument 'maxclients') - The operating system \
             is not able to handle the specified number of clients, try with 10"
        );
        assert_eq!((get(&config, "maxclients"), get(&config, "hz")), ("9".into(), "10".into()));
        let expected =
            ["maxclients 9 10", "hz 11 20", "maxclients 11 20", "hz 9 10", "maxclients 9 10"];
        assert_eq!(*asked.lock(), expected, "what was enforced is taken back");
    }

    #[test]
    fn matching_lists_the_names_it_is_asked_for() {
        let config = Config::default();
        let found: Vec<_> = config.matching(|name| name.starts_with("tcp-")).collect();
        let expected = [("tcp-backlog", "511".to_owned()), ("tcp-keepalive", "300".to_owned())];
        assert_eq!(found, expected);
    }

    #[test]
    fn one_refused_value_undoes_the_whole_change() {
        let config = Config::default();
        let pairs = [("maxclients", "100"), ("requirepass", "secret"), ("hz", "abc")];
        assert_eq!(
            set(&config, &pairs).unwrap_err(),
            "CONFIG SET failed (possibly related to argument 'hz') - \
             argument couldn't be parsed into an integer"
        );
        assert_eq!((config.maxclients.get(), config.requirepass.get().as_str()), (10_000, ""));
        assert_eq!(set(&config, &pairs[..2]), Ok(()));
        assert_eq!((config.maxclients.get(), config.requirepass.get().as_str()), (100, "secret"));
    }

    /// Replies of redis-server 7.0.15.
    #[test]
    fn refusals_read_as_those_of_redis() {
        let config = Config::default();
        let cases = [
            ("databases", "4", "can't set immutable config"),
            ("DATABASES", "4", "can't set immutable config"),
            ("maxclients", "0", "argument must be between 1 and 4294967295 inclusive"),
            ("maxclients", "10k", "argument couldn't be parsed into an integer"),
            ("maxmemory", "50%", "argument must be a memory value"),
            ("maxmemory", "-1", "argument must be a memory value"),
            (
                "maxmemory-policy",
                "lru",
                "argument(s) must be one of the following: volatile-lru, volatile-lfu, \
                 volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, \
                 noeviction",
            ),
            ("maxmemory-samples", "0", "argument must be between 1 and 2147483647 inclusive"),
            ("lfu-log-factor", "-1", "argument must be between 0 and 2147483647 inclusive"),
            ("lfu-decay-time", "2147483648", "argument must be between 0 and 2147483647 inclusive"),
            ("timeout", "-1", "argument must be between 0 and 2147483647 inclusive"),
            ("save", "x", "Invalid save parameters"),
            ("appendonly", "maybe", "argument must be 'yes' or 'no'"),
            ("proto-max-bulk-len", "1mbb", "argument must be a memory value"),
            (
                "proto-max-bulk-len",
                "1k",
                "argument must be between 1048576 and 9223372036854775807 inclusive",
            ),
        ];
        for (name, value, why) in cases {
            let expected =
                format!("CONFIG SET failed (possibly related to argument '{name}') - {why}");
            assert_eq!(set(&config, &[(name, value)]), Err(expected));
        }
        assert_eq!(
            set(&config, &[("maxclients", "x"), ("MaxClients", "5")]).unwrap_err(),
            "CONFIG SET failed (possibly related to argument 'MaxClients') - duplicate parameter"
        );
        assert_eq!(
            set(&config, &[("maxclients", "5"), ("nosuch", "1")]).unwrap_err(),
            "Unknown option or number of arguments for CONFIG SET - 'nosuch'"
        );
        assert_eq!(get(&config, "maxclients"), "10000");
    }

    /// As redis-server 7.0.15 has it.
    #[test]
    fn an_older_name_means_the_same() {
        let config = Config::default();
        assert_eq!(set(&config, &[("Hash-Max-Ziplist-Entries", "77")]), Ok(()));
        let found: Vec<_> =
            config.matching(|name| name.starts_with("hash") && name.ends_with("entries")).collect();
        assert_eq!(found[0], ("hash-max-listpack-entries", "77".to_owned()));
        assert_eq!(found[1], ("hash-max-ziplist-entries", "77".to_owned()));
        assert_eq!(get(&config, "hash-max-ziplist-entries"), "77");
        let both = [("hash-max-ziplist-entries", "78"), ("hash-max-listpack-entries", "79")];
        assert_eq!(set(&config, &both), Ok(()));
        assert_eq!(get(&config, "hash-max-listpack-entries"), "79");
        let pairs = [both[0], ("hash-max-ziplist-value", "x")];
        assert_eq!(
            set(&config, &pairs).unwrap_err(),
            "CONFIG SET failed (possibly related to argument 'hash-max-ziplist-value') - \
             argument must be a memory value"
        );
        assert_eq!(get(&config, "hash-max-listpack-entries"), "79");
    }

    #[test]
    fn persistence_cannot_be_turned_on() {
        let config = Config::default();
        let error = set(&config, &[("appendonly", "yes")]).unwrap_err();
        assert!(error.ends_with("- nothing is kept on disk: it can only be 'no'"), "{error}");
        assert_eq!(set(&config, &[("appendonly", "no"), ("save", "")]), Ok(()));
    }

    #[test]
    fn a_value_that_is_not_text_is_refused() {
        let config = Config::default();
        for (name, why) in [
            ("maxmemory", ValueError::NotMemory),
            ("maxclients", ValueError::NotInteger),
            ("appendonly", ValueError::NotYesOrNo),
            ("client-output-buffer-limit", ValueError::OutputLimitWords),
            ("requirepass", ValueError::NotText),
        ] {
            let error = config.set_many([(name.as_bytes(), &b"\xff"[..])]).unwrap_err();
            assert_eq!(error, SetError::Value { name, why });
        }
        assert_eq!(get(&config, "requirepass"), "", "nothing of it is kept");
    }

    #[test]
    fn a_name_of_any_bytes_comes_back_as_it_was() {
        let config = Config::default();
        let error = config.set_many([(&b"\xff\0x"[..], &b"1"[..])]).unwrap_err();
        let text = b"Unknown option or number of arguments for CONFIG SET - '\xff'";
        assert_eq!(error.message(), text, "as far as C would print it");
    }
}
