//! Directives that reach beyond the server: into its sockets, and the limits of the process.

use std::sync::Arc;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::config::{self, Config, ValueError, Values};
use crate::reactor::listener::Listener;
use crate::server::tls;
use crate::service::tls::Acceptor;

/// Open files that are not clients: standard streams, listeners, what is read for INFO.
const OWN_FILES: u64 = 32;

/// Each reactor has a ring or an epoll instance, and a doorbell.
const REACTOR_FILES: u64 = 2;

/// What the operating system grants this server.
#[derive(Debug)]
pub(super) struct System {
    listeners: Arc<[Listener]>,
    acceptor: Option<Arc<Acceptor>>,
    /// Open files that are not clients.
    own_files: u64,
}

impl System {
    pub(super) fn new(
        listeners: Arc<[Listener]>,
        acceptor: Option<Arc<Acceptor>>,
        reactors: usize,
    ) -> Self {
        Self { listeners, acceptor, own_files: OWN_FILES + REACTOR_FILES * reactors as u64 }
    }

    /// Brings the values into force that the server starts with. Where the limit on open files does
    /// not allow `maxclients`, that becomes what it does allow.
    pub(super) fn begin(&self, config: &Config) {
        let wanted = config.maxclients.get();
        let most = self.most_clients(wanted);
        if most < wanted {
            log::warn!("maxclients is {most}, not {wanted}: the limit on open files is too low");
            config.maxclients.set(most);
        }
        self.keep_alive(config.tcp_keepalive.get());
    }

    /// How many of `wanted` clients may be connected: each takes an open file. Raises the limit on
    /// open files as far as that helps and is allowed.
    fn most_clients(&self, wanted: u64) -> u64 {
        let files = wanted.saturating_add(self.own_files);
        // A limit that cannot be read is found out when it is met: accepting pauses then.
        let allowed = open_files(files).unwrap_or(files);
        allowed.saturating_sub(self.own_files).clamp(1, wanted)
    }

    fn keep_alive(&self, seconds: u64) {
        for listener in &*self.listeners {
            if let Err(error) = listener.keep_alive(seconds as u32) {
                log::warn!("tcp-keepalive at {}: {error}", listener.address());
            }
        }
    }
}

impl config::System for System {
    fn enforce(&self, directive: &str, values: &Values) -> Result<(), ValueError> {
        match directive {
            "maxclients" => {
                let wanted = values.maxclients.get();
                let most = self.most_clients(wanted);
                if most < wanted {
                    return Err(ValueError::TooManyClients { most });
                }
            }
            "tcp-keepalive" => self.keep_alive(values.tcp_keepalive.get()),
            tls if tls.starts_with("tls-") => {
                tls::reload(self.acceptor.as_deref(), values).map_err(|error| {
                    log::warn!("TLS stays as it was: {error}");
                    ValueError::Tls
                })?;
            }
            "loglevel" => log::set_max_level(values.loglevel.get().filter()),
            _ => {}
        }
        Ok(())
    }
}

/// Raises the soft limit on open files to `wanted`, or as near as the hard limit lets it; returns
/// what is allowed then.
fn open_files(wanted: u64) -> nix::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= wanted {
        return Ok(soft);
    }
    let raised = wanted.min(hard);
    setrlimit(Resource::RLIMIT_NOFILE, raised, hard)?;
    Ok(raised)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::System as _;
    use rustix::net::sockopt;

    #[test]
    fn listeners_take_a_new_keepalive() {
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), 16).unwrap();
        let system = System::new(Arc::new([listener]), None, 1);
        let config = Config::default();
        system.begin(&config);
        let idle = || sockopt::tcp_keepidle(&system.listeners[0]).unwrap().as_secs();
        assert_eq!(idle(), 300);
        config.tcp_keepalive.set(7);
        system.enforce("tcp-keepalive", &config).unwrap();
        assert_eq!(idle(), 7);
    }

    #[test]
    fn there_are_never_more_clients_than_files() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let system = System::new(Arc::new([]), None, 2);
        assert_eq!(system.most_clients(3), 3);
        if hard < u64::from(u32::MAX) {
            let most = hard - OWN_FILES - 2 * REACTOR_FILES;
            assert_eq!(system.most_clients(u64::from(u32::MAX)), most);
            let config = Config::default();
            config.maxclients.set(u64::from(u32::MAX));
            assert_eq!(
                system.enforce("maxclients", &config),
                Err(ValueError::TooManyClients { most })
            );
            system.begin(&config);
            assert_eq!(config.maxclients.get(), most);
        }
    }
}
