//! From a configuration to running reactors, and to their orderly end.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::clock::Now;
use crate::command::table::TABLE;
use crate::config::{BackendChoice, Config, Mode};
use crate::instance::{Instance, ReactorLink, run_id};
use crate::mailbox::{Doorbell, Stop};
use crate::reactor::backend::{Backend, Engine};
use crate::reactor::epoll::Epoll;
use crate::reactor::listener::{Address, BindError, Cause, Listener};
use crate::reactor::uring::{Unavailable, Uring, UringOptions};
use crate::reactor::{Links, Options, Reactor, socket};
use crate::service::Service;
use crate::service::echo::Echo;
use crate::service::kv::Kv;
use crate::stats::Clients;
use crate::store::Keyspace;

/// File descriptors that are not clients: listeners, rings, doorbells, standard streams.
const OWN_FILES: u64 = 64;

/// Runs a server until a signal or SHUTDOWN ends it.
///
/// # Errors
///
/// It cannot listen where it should, has no backend to run on, or a backend broke while it ran.
pub fn run(config: Config) -> Result<(), StartError> {
    let listeners: Arc<[Listener]> = listen(&config)?.into();
    match config.mode {
        Mode::Kv => serve(config, listeners, |instance, reactors| {
            let keyspaces = Keyspace::all(instance.config.databases, reactors).into_iter();
            let kv = |(index, keyspace)| Kv::new(keyspace, Arc::clone(instance), index);
            keyspaces.enumerate().map(kv).collect()
        }),
        Mode::Echo => serve(config, listeners, |_, reactors| (0..reactors).map(|_| Echo).collect()),
    }
}

/// Starts the reactors with a service each, says so, and waits for their end.
fn serve<S: Service + Send + 'static>(
    config: Config,
    listeners: Arc<[Listener]>,
    services: impl FnOnce(&Arc<Instance>, usize) -> Vec<S>,
) -> Result<(), StartError> {
    let clients = Arc::new(Clients::new(client_limit(&config)));
    let crew = Crew::assemble(&config, &listeners, &clients)?;
    let (reactors, options) = (crew.members.len(), reactor_options(&config));
    let instance = Arc::new(instance(config, &crew, &listeners, clients));
    let signals = watch_signals(Arc::clone(&crew.stop)).map_err(StartError::Signals)?;
    announce(&instance, &listeners, reactors);
    let outcome = crew.run(services(&instance, reactors), &options);
    signals.close();
    println!("stopped");
    outcome.map_err(StartError::Broken)
}

/// Listens on every configured address. All TCP addresses share one port, also a free one.
fn listen(config: &Config) -> Result<Vec<Listener>, StartError> {
    let mut listeners = Vec::new();
    let mut port = config.port;
    for bind in &config.bind {
        match Listener::tcp(SocketAddr::new(bind.ip, port), config.tcp_backlog) {
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
    if let Some(path) = &config.unixsocket {
        let mode = Some(config.unixsocketperm).filter(|&mode| mode != 0);
        let listener = Listener::unix(path, mode, config.tcp_backlog);
        listeners.push(listener.map_err(StartError::Bind)?);
    }
    if listeners.is_empty() {
        return Err(StartError::NowhereToListen);
    }
    Ok(listeners)
}

/// `maxclients`, or as many as the limit on open files allows.
fn client_limit(config: &Config) -> usize {
    let wanted = config.maxclients.get();
    let files = wanted.saturating_add(OWN_FILES);
    let allowed = rlimit::increase_nofile_limit(files).unwrap_or(files);
    if allowed < files {
        let clients = allowed.saturating_sub(OWN_FILES).max(1);
        log::warn!("maxclients is {clients}, not {wanted}: at most {allowed} files may be open");
        return clients as usize;
    }
    wanted as usize
}

fn reactor_options(config: &Config) -> Options {
    Options { busy_poll: Duration::from_micros(config.busy_poll.get()), ..Options::default() }
}

fn instance<S>(
    config: Config,
    crew: &Crew<S>,
    listeners: &[Listener],
    connections: Arc<Clients>,
) -> Instance {
    let port = listeners.iter().find_map(|listener| match listener.address() {
        Address::Tcp(address) => Some(address.port()),
        Address::Unix(_) => None,
    });
    let engine = crew.members.first().map(|member| member.engine.to_string());
    Instance {
        config,
        clients: Default::default(),
        connections,
        reactors: crew.members.iter().map(|member| (member.link)()).collect(),
        stop: Arc::clone(&crew.stop),
        active_expiry: AtomicBool::new(true),
        started: Now::read(),
        run_id: run_id(&mut fastrand::Rng::new()),
        engine: engine.unwrap_or_default(),
        port: port.unwrap_or(0),
    }
}

/// Says on standard output what runs, and where.
fn announce(instance: &Instance, listeners: &[Listener], reactors: usize) {
    let plural = if reactors == 1 { "" } else { "s" };
    let (engine, pid) = (&instance.engine, std::process::id());
    let version = env!("CARGO_PKG_VERSION");
    println!("torc {version}: {engine}, {reactors} reactor{plural}, pid {pid}");
    for listener in listeners {
        println!("listening on {}", listener.address());
    }
    println!("ready");
}

/// SIGTERM and SIGINT ask all reactors to stop.
fn watch_signals(stop: Arc<Stop>) -> io::Result<signal_hook::iterator::Handle> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let handle = signals.handle();
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            log::warn!("signal {signal}: stopping");
            stop.ask();
        }
    })?;
    Ok(handle)
}

/// Reactor threads whose backends are up, waiting for their services.
struct Crew<S> {
    members: Vec<Member<S>>,
    stop: Arc<Stop>,
}

struct Member<S> {
    engine: Engine,
    link: Box<dyn Fn() -> ReactorLink>,
    /// Takes what the thread waits for.
    start: SyncSender<(S, Options)>,
    thread: JoinHandle<io::Result<()>>,
}

/// What a reactor thread reports once its backend is up, or is not.
type Report = Result<Engine, NoBackend>;

impl<S: Service + Send + 'static> Crew<S> {
    /// Starts a thread for each reactor, on the backend that the configuration asks for.
    fn assemble(
        config: &Config,
        listeners: &Arc<[Listener]>,
        clients: &Arc<Clients>,
    ) -> Result<Self, StartError> {
        let count = config.reactors();
        let uring = |links: &Links<OwnedFd>, listeners| {
            let (doorbell, stats) = (Arc::clone(&links.doorbell), Arc::clone(&links.stats));
            Uring::new(&UringOptions::default(), listeners, doorbell, stats)
                .map_err(NoBackend::Uring)
        };
        let epoll = |links: &Links<OwnedFd>, listeners| {
            Epoll::new(listeners, &links.doorbell, Arc::clone(&links.stats))
                .map_err(NoBackend::Epoll)
        };
        let crew = match config.backend {
            BackendChoice::IoUring => Self::start(count, listeners, clients, uring),
            BackendChoice::Epoll => Self::start(count, listeners, clients, epoll),
            BackendChoice::Auto => Self::start(count, listeners, clients, uring).or_else(|why| {
                log::warn!("{why}; falling back to epoll");
                Self::start(count, listeners, clients, epoll)
            }),
        };
        crew.map_err(StartError::Backend)
    }

    /// Starts the threads. The first reactor accepts for all.
    fn start<B: Backend<Socket = OwnedFd>>(
        count: usize,
        listeners: &Arc<[Listener]>,
        clients: &Arc<Clients>,
        make: impl Fn(&Links<OwnedFd>, Arc<[Listener]>) -> Result<B, NoBackend> + Copy + Send + 'static,
    ) -> Result<Self, NoBackend> {
        let doorbell = |_| socket::eventfd().map(Doorbell::new);
        let doorbells: io::Result<Vec<_>> = (0..count).map(doorbell).collect();
        let links = Links::connect(doorbells.map_err(NoBackend::Thread)?, clients);
        let cores = cores(count);
        let stop = Arc::clone(&links[0].stop);
        let mut members = Vec::new();
        for (index, links) in links.into_iter().enumerate() {
            let core = cores.get(index).copied();
            let own = if index == 0 { Arc::clone(listeners) } else { Arc::from([]) };
            let make = move |links: &Links<OwnedFd>| make(links, own);
            members.push(Member::start(index, core, links, make)?);
        }
        Ok(Self { members, stop })
    }

    /// Gives every reactor its service, and waits until all have ended.
    fn run(self, services: Vec<S>, options: &Options) -> io::Result<()> {
        let mut threads = Vec::new();
        for (index, (member, service)) in self.members.into_iter().zip(services).enumerate() {
            let options = Options { index, ..options.clone() };
            // A thread that has ended says why when it is joined.
            let _ = member.start.send((service, options));
            threads.push(member.thread);
        }
        let mut outcome = Ok(());
        for thread in threads {
            let ended =
                thread.join().unwrap_or_else(|_| Err(io::Error::other("a reactor panicked")));
            outcome = outcome.and(ended);
        }
        outcome
    }
}

impl<S: Service + Send + 'static> Member<S> {
    /// Starts one reactor thread, and waits until its backend is up.
    fn start<B: Backend<Socket = OwnedFd>>(
        index: usize,
        core: Option<core_affinity::CoreId>,
        links: Links<OwnedFd>,
        make: impl FnOnce(&Links<OwnedFd>) -> Result<B, NoBackend> + Send + 'static,
    ) -> Result<Self, NoBackend> {
        let (mailbox, stats) = (Arc::clone(&links.mailbox), Arc::clone(&links.stats));
        let link =
            move || ReactorLink::new(Arc::clone(&mailbox), Arc::clone(&stats), TABLE.numbers());
        let (start, started) = sync_channel(1);
        let (report, reported) = sync_channel::<Report>(1);
        let body = move || {
            if let Some(core) = core {
                core_affinity::set_for_current(core);
            }
            // The backend belongs to this thread: a ring takes requests from its maker only.
            reactor(make(&links), links, &report, &started)
        };
        let thread = thread::Builder::new().name(format!("reactor-{index}")).spawn(body);
        let thread = thread.map_err(NoBackend::Thread)?;
        let engine = reported.recv().expect("the thread reports before it ends")?;
        Ok(Self { engine, link: Box::new(link), start, thread })
    }
}

/// The life of a reactor thread: report, wait for the service, run.
fn reactor<B: Backend<Socket = OwnedFd>, S: Service>(
    backend: Result<B, NoBackend>,
    links: Links<OwnedFd>,
    report: &SyncSender<Report>,
    started: &Receiver<(S, Options)>,
) -> io::Result<()> {
    let backend = match backend {
        Ok(backend) => backend,
        Err(why) => {
            // Nobody listens any more only when the start was given up.
            let _ = report.send(Err(why));
            return Ok(());
        }
    };
    let _ = report.send(Ok(backend.engine().clone()));
    match started.recv() {
        Ok((service, options)) => {
            let stop = Arc::clone(&links.stop);
            let ended = Reactor::new(backend, service, options, links).run();
            // Without one of its reactors the server would leave clients unanswered.
            stop.ask();
            ended
        }
        Err(_) => Ok(()),
    }
}

/// A core for each reactor, where there are several and enough cores.
fn cores(reactors: usize) -> Vec<core_affinity::CoreId> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    if reactors > 1 && reactors <= cores.len() { cores } else { Vec::new() }
}

/// Why a reactor thread has no backend.
#[derive(Debug)]
pub enum NoBackend {
    Uring(Unavailable),
    Epoll(io::Error),
    /// Not even the thread, or what wakes it.
    Thread(io::Error),
}

impl fmt::Display for NoBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uring(why) => why.fmt(f),
            Self::Epoll(error) => write!(f, "cannot set up epoll: {error}"),
            Self::Thread(error) => write!(f, "cannot start a reactor: {error}"),
        }
    }
}

/// Why the server does not run, or no longer.
#[derive(Debug)]
pub enum StartError {
    Bind(BindError),
    NowhereToListen,
    Backend(NoBackend),
    Signals(io::Error),
    /// A backend became unusable.
    Broken(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::NowhereToListen => {
                f.write_str("no address to listen on: bind is empty or unusable")
            }
            Self::Backend(why) => why.fmt(f),
            Self::Signals(error) => write!(f, "cannot watch for signals: {error}"),
            Self::Broken(error) => write!(f, "a reactor ended: {error}"),
        }
    }
}

impl std::error::Error for StartError {}
