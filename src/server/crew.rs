//! Reactor threads: started, pinned, joined.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::{fmt, io};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::command::table::TABLE;
use crate::config::{BackendChoice, Config};
use crate::instance::ReactorLink;
use crate::mailbox::{Doorbell, Mailbox, Stop};
use crate::reactor::backend::{Backend, Engine};
use crate::reactor::epoll::Epoll;
use crate::reactor::listener::Listener;
use crate::reactor::uring::{Unavailable, Uring, UringOptions};
use crate::reactor::{Links, Options, Reactor, socket};
use crate::service::Service;
use crate::stats::{Clients, ReactorStats};

/// Reactor threads whose backends are up, waiting for their services.
pub(super) struct Crew<S> {
    members: Vec<Member<S>>,
    pub(super) stop: Arc<Stop>,
}

struct Member<S> {
    engine: Engine,
    mailbox: Arc<Mailbox>,
    stats: Arc<ReactorStats>,
    /// Takes what the thread waits for.
    start: SyncSender<(S, Options)>,
    thread: JoinHandle<io::Result<()>>,
}

/// What a reactor thread reports once its backend is up, or is not.
type Report = Result<Engine, NoBackend>;

impl<S: Service + Send + 'static> Crew<S> {
    /// Starts a thread for each reactor, on the backend that the configuration asks for.
    pub(super) fn assemble(
        config: &Config,
        listeners: &Arc<[Listener]>,
        clients: &Arc<Clients>,
    ) -> Result<Self, NoBackend> {
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
        match config.backend {
            BackendChoice::IoUring => Self::start(count, listeners, clients, uring),
            BackendChoice::Epoll => Self::start(count, listeners, clients, epoll),
            BackendChoice::Auto => Self::start(count, listeners, clients, uring).or_else(|why| {
                log::warn!("{why}; falling back to epoll");
                Self::start(count, listeners, clients, epoll)
            }),
        }
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

    /// How many reactors there are.
    pub(super) fn size(&self) -> usize {
        self.members.len()
    }

    /// What all of them run on.
    pub(super) fn engine(&self) -> &Engine {
        &self.members[0].engine
    }

    /// What others see of each, in order.
    pub(super) fn links(&self) -> Vec<ReactorLink> {
        let link = |Member { mailbox, stats, .. }: &Member<S>| {
            ReactorLink::new(Arc::clone(mailbox), Arc::clone(stats), TABLE.numbers())
        };
        self.members.iter().map(link).collect()
    }

    /// Gives every reactor its service, and waits until all have ended.
    pub(super) fn run(self, services: Vec<S>, options: &Options) -> io::Result<()> {
        let mut threads = Vec::new();
        for (index, (member, service)) in self.members.into_iter().zip(services).enumerate() {
            let options = Options { index, ..options.clone() };
            // A thread that has ended says why when it is joined.
            let _ = member.start.send((service, options));
            threads.push(member.thread);
        }
        let mut outcome = Ok(());
        for thread in threads {
            let ended = thread.join().expect("a reactor that panics ends the process");
            outcome = outcome.and(ended);
        }
        outcome
    }
}

impl<S: Service + Send + 'static> Member<S> {
    /// Starts one reactor thread, and waits until its backend is up.
    fn start<B: Backend<Socket = OwnedFd>>(
        index: usize,
        core: Option<usize>,
        links: Links<OwnedFd>,
        make: impl FnOnce(&Links<OwnedFd>) -> Result<B, NoBackend> + Send + 'static,
    ) -> Result<Self, NoBackend> {
        let (mailbox, stats) = (Arc::clone(&links.mailbox), Arc::clone(&links.stats));
        let (start, started) = sync_channel(1);
        let (report, reported) = sync_channel::<Report>(1);
        let body = move || {
            if let Some(core) = core {
                pin(core);
            }
            // The backend belongs to this thread: a ring takes requests from its maker only.
            reactor(make(&links), links, &report, &started)
        };
        let thread = thread::Builder::new().name(format!("reactor-{index}")).spawn(body);
        let thread = thread.map_err(NoBackend::Thread)?;
        let engine = reported.recv().expect("the thread reports before it ends")?;
        Ok(Self { engine, mailbox, stats, start, thread })
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
    let Ok((service, options)) = started.recv() else { return Ok(()) };
    let stop = Arc::clone(&links.stop);
    let ended = Reactor::new(backend, service, options, links).run();
    // Without one of its reactors the server would leave clients unanswered.
    stop.ask();
    ended
}

/// Keeps this thread on a core. Where that is not allowed the scheduler decides, as for any thread.
fn pin(core: usize) {
    let mut only = CpuSet::new();
    if only.set(core).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &only);
    }
}

/// A core for each reactor, where there are several and enough cores.
fn cores(reactors: usize) -> Vec<usize> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    let cores: Vec<_> =
        (0..CpuSet::count()).filter(|&core| allowed.is_set(core).unwrap_or(false)).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Now;
    use crate::command::panics;
    use crate::config::Directive;
    use crate::output::Output;
    use crate::reactor::listener::Address;
    use crate::service::{Peer, Served};
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::os::unix::process::ExitStatusExt;

    /// A service with a bug.
    struct Bug;

    impl Service for Bug {
        type Session = ();

        fn open(&mut self, _: Peer) {}

        fn serve(&mut self, _: &mut (), _: &[u8], _: &mut Output, _: Now) -> Served {
            panic!("as the test wants it");
        }

        fn close(&mut self, (): ()) {}
    }

    /// Runs two reactors with a bug, and a client that meets it.
    fn meet_a_bug() {
        env_logger::builder().filter_level(log::LevelFilter::Error).init();
        panics::watch();
        let mut config = Config::default();
        for (name, text) in [("threads", "2"), ("backend", "epoll")] {
            config.start(Directive::find(name).unwrap(), text).unwrap();
        }
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), 16).unwrap();
        let Address::Tcp(address) = *listener.address() else { panic!("this is TCP") };
        let listeners: Arc<[Listener]> = Arc::new([listener]);
        let crew = Crew::assemble(&config, &listeners, &Arc::new(Clients::new(10))).unwrap();
        thread::spawn(|| crew.run(vec![Bug, Bug], &Options::default()));
        // The first is served by the first reactor, and waits; the second by the other one.
        let (mut one, mut two) =
            (TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap());
        two.write_all(b"hello").unwrap();
        let _ = one.read(&mut [0]);
    }

    #[test]
    fn a_panic_ends_the_process() {
        const CHILD: &str = "TORC_TEST_PANICS";
        if std::env::var_os(CHILD).is_some() {
            return meet_a_bug();
        }
        let myself = std::env::current_exe().unwrap();
        let name = "server::crew::tests::a_panic_ends_the_process";
        let mut child = std::process::Command::new(myself);
        let ended = child.args(["--exact", name]).env(CHILD, "1").output().unwrap();
        assert_eq!(ended.status.signal(), Some(libc::SIGABRT), "{ended:?}");
        let said = String::from_utf8_lossy(&ended.stderr);
        let line = said.lines().find(|line| line.contains("panicked at")).unwrap_or_default();
        let (thread, end) = ("thread reactor-", "as the test wants it; this ends the server");
        assert!(line.contains(thread) && line.ends_with(end), "{said}");
    }
}
