//! From a configuration to running reactors, and to their orderly end.

mod crew;
mod system;
mod tls;

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::command::panics;
use crate::config::{Config, Mode};
use crate::instance::Instance;
use crate::mailbox::Stop;
use crate::memory;
use crate::reactor::listener::{Address, BindError, Cause, Listener};
use crate::reactor::{LiveLimits, Options};
use crate::service::Service;
use crate::service::echo::Echo;
use crate::service::kv::Kv;
use crate::service::tls::{Acceptor, Tls};
use crate::stats::Clients;
use crate::store::Keyspace;
use crew::Crew;
use system::System;

pub use crew::NoBackend;
pub use tls::TlsError;

/// Runs a server until a signal or SHUTDOWN ends it.
///
/// # Errors
///
/// It cannot listen where it should, has no backend to run on, or a backend broke while it ran.
pub fn run(config: Config) -> Result<(), StartError> {
    panics::watch();
    let acceptor = tls::acceptor(&config).map_err(StartError::Tls)?;
    let listeners: Arc<[Listener]> = listen(&config)?.into();
    match config.mode {
        Mode::Kv => serve(config, listeners, acceptor, |instance, reactors| {
            let keyspaces = Keyspace::all(instance.config.databases, reactors).into_iter();
            let kv = |(index, keyspace)| Kv::new(keyspace, Arc::clone(instance), index);
            keyspaces.enumerate().map(kv).collect()
        }),
        Mode::Echo => {
            serve(config, listeners, acceptor, |_, reactors| (0..reactors).map(|_| Echo).collect())
        }
    }
}

/// Starts the reactors with a service each, says so, and waits for their end.
fn serve<S: Service + Send + 'static>(
    mut config: Config,
    listeners: Arc<[Listener]>,
    acceptor: Option<Arc<Acceptor>>,
    services: impl FnOnce(&Arc<Instance>, usize) -> Vec<S>,
) -> Result<(), StartError> {
    let system = System::new(Arc::clone(&listeners), acceptor.clone(), config.reactors());
    system.begin(&config);
    let clients = Arc::new(Clients::new(config.maxclients.get() as usize));
    let crew = Crew::assemble(&config, &listeners, &clients).map_err(StartError::Backend)?;
    config.govern(system);
    let options = Options {
        busy_poll: Arc::clone(&config.busy_poll),
        timeout: Arc::clone(&config.timeout),
        live_limits: Some(LiveLimits {
            output: Arc::clone(&config.client_output_buffer_limit),
            query: Arc::clone(&config.client_query_buffer_limit),
        }),
        shutdown_timeout: Arc::clone(&config.shutdown_timeout),
        ..Options::default()
    };
    let instance = Arc::new(instance(config, &crew, &listeners, clients));
    let signals = watch_signals(Arc::clone(&crew.stop)).map_err(StartError::Signals)?;
    // The thread that wakes the reactors outlives all else: it must not hold the listeners.
    let mailboxes: Vec<_> =
        instance.reactors.iter().map(|link| Arc::clone(&link.mailbox)).collect();
    let wake = move || mailboxes.iter().for_each(|mailbox| mailbox.ring());
    memory::start_upkeep(wake).map_err(StartError::Memory)?;
    let services = services(&instance, crew.size()).into_iter().zip(&instance.reactors);
    let services = services.map(|(service, reactor)| {
        Tls::around(service, acceptor.clone(), Arc::clone(&reactor.mailbox))
    });
    let services = services.collect();
    announce(&instance, &listeners, crew.size());
    let outcome = crew.run(services, &options);
    signals.close();
    say("stopped");
    outcome.map_err(StartError::Broken)
}

/// Listens on every configured address, with and without TLS.
fn listen(config: &Config) -> Result<Vec<Listener>, StartError> {
    let mut listeners = Vec::new();
    if config.port != 0 || config.tls_port == 0 {
        listeners.extend(listen_at(config.port, config)?);
    }
    if config.tls_port != 0 {
        listeners.extend(listen_at(config.tls_port, config)?);
    }
    if let Some(path) = &config.unixsocket {
        let mode = Some(config.unixsocketperm).filter(|&mode| mode != 0);
        let listener = patiently(|| Listener::unix(path, mode, config.tcp_backlog));
        listeners.push(listener.map_err(StartError::Bind)?);
    }
    if listeners.is_empty() {
        return Err(StartError::NowhereToListen);
    }
    Ok(listeners)
}

/// All TCP addresses share one port, also a free one.
fn listen_at(mut port: u16, config: &Config) -> Result<Vec<Listener>, StartError> {
    let mut listeners = Vec::new();
    for bind in &config.bind {
        let address = SocketAddr::new(bind.ip, port);
        match patiently(|| Listener::tcp(address, config.tcp_backlog)) {
            Ok(listener) => {
                if let Address::Tcp(address) = listener.address() {
                    port = address.port();
                }
                listeners.push(listener);
            }
            Err(error) if bind.optional && !matches!(error.cause, Cause::InUse) => {
                log::debug!("{error}; it is optional");
            }
            Err(error) => return Err(StartError::Bind(error)),
        }
    }
    Ok(listeners)
}

/// Tries again for a while where an address is in use: a ring outlives a server that was killed, and with
/// it the ring's listeners, by some milliseconds.
fn patiently(listen: impl Fn() -> Result<Listener, BindError>) -> Result<Listener, BindError> {
    const FOR: Duration = Duration::from_millis(500);
    const PAUSE: Duration = Duration::from_millis(10);
    let until = Instant::now() + FOR;
    loop {
        match listen() {
            Err(error) if matches!(error.cause, Cause::InUse) && Instant::now() < until => {
                thread::sleep(PAUSE);
            }
            outcome => return outcome,
        }
    }
}

fn instance<S: Service + Send + 'static>(
    config: Config,
    crew: &Crew<S>,
    listeners: &[Listener],
    connections: Arc<Clients>,
) -> Instance {
    let port = listeners.iter().find_map(|listener| match listener.address() {
        Address::Tcp(address) => Some(address.port()),
        Address::Unix(_) => None,
    });
    Instance {
        memory_at_start: memory::used(),
        engine: crew.engine().to_string(),
        port: port.unwrap_or(0),
        ..Instance::new(config, connections, crew.links(), Arc::clone(&crew.stop))
    }
}

/// Says on standard output what runs, and where.
fn announce(instance: &Instance, listeners: &[Listener], reactors: usize) {
    let plural = if reactors == 1 { "" } else { "s" };
    let (engine, pid) = (&instance.engine, std::process::id());
    let version = env!("CARGO_PKG_VERSION");
    say(&format!("torc {version}: {engine}, {reactors} reactor{plural}, pid {pid}"));
    for listener in listeners {
        let address = listener.address();
        let tls = instance.config.tls_port;
        let is_tls = matches!(address, Address::Tcp(address) if address.port() == tls);
        say(&format!("listening on {address}{}", if is_tls { " with TLS" } else { "" }));
    }
    say("ready");
}

fn say(line: &str) {
    // Whoever does not listen any more is no reason to end.
    let _ = writeln!(io::stdout(), "{line}");
}

/// SIGTERM and SIGINT ask all reactors to stop. SIGHUP does nothing, as in Redis: the server outlives
/// the terminal that it was started from.
fn watch_signals(stop: Arc<Stop>) -> io::Result<signal_hook::iterator::Handle> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let handle = signals.handle();
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever().filter(|&signal| signal != SIGHUP) {
            log::warn!("signal {signal}: stopping");
            stop.ask();
        }
    })?;
    Ok(handle)
}

/// Why the server does not run, or no longer.
#[derive(Debug)]
pub enum StartError {
    Tls(TlsError),
    Bind(BindError),
    NowhereToListen,
    Backend(NoBackend),
    Signals(io::Error),
    Memory(io::Error),
    /// A backend became unusable.
    Broken(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::Bind(error) => error.fmt(f),
            Self::NowhereToListen => {
                f.write_str("no address to listen on: bind is empty or unusable")
            }
            Self::Backend(why) => why.fmt(f),
            Self::Signals(error) => write!(f, "cannot watch for signals: {error}"),
            Self::Memory(error) => write!(f, "cannot watch memory: {error}"),
            Self::Broken(error) => write!(f, "a reactor ended: {error}"),
        }
    }
}

impl std::error::Error for StartError {}
