//! A server as a child process: torc on either backend, or Debian's redis-server.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use rustls::ClientConfig;

use super::{Certificates, Client, PATIENCE, program};

/// How torc does its I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    IoUring,
    Epoll,
}

impl Backend {
    /// The backend that a test is for: each test file is compiled once below a module
    /// `io_uring` and once below a module `epoll`, and passes its `module_path!()`.
    pub fn of(module: &str) -> Self {
        if module.split("::").any(|name| name == "io_uring") { Self::IoUring } else { Self::Epoll }
    }

    /// As `--backend` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Epoll => "epoll",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Torc(Backend),
    Redis,
}

/// A server that is about to start.
#[derive(Debug)]
pub struct Start {
    program: Program,
    arguments: Vec<String>,
    folder: TempDir,
    unix: Option<PathBuf>,
    /// What the shell does that becomes the server.
    limits: Vec<String>,
    panics: bool,
    tls: bool,
}

impl Start {
    pub fn torc(backend: Backend) -> Self {
        Self::new(Program::Torc(backend))
    }

    /// Debian's redis-server, which keeps nothing on disk here.
    pub fn redis() -> Self {
        Self::new(Program::Redis)
    }

    /// The server whose behaviour a test judges: torc, or redis-server itself where
    /// `TORC_TEST_REDIS=1` asks whether the test is right.
    pub fn judged(backend: Backend) -> Self {
        match std::env::var_os("TORC_TEST_REDIS") {
            Some(_) => Self::redis(),
            None => Self::torc(backend),
        }
    }

    fn new(program: Program) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self {
            program,
            arguments: Vec::new(),
            folder,
            unix: None,
            limits: Vec::new(),
            panics: false,
            tls: false,
        }
    }

    /// Sets a directive that both servers know, by the name that Redis gives it.
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([format!("--{name}"), value.to_owned()]);
        self
    }

    /// How many reactors torc runs; redis-server always has one.
    pub fn threads(self, threads: usize) -> Self {
        match self.program {
            Program::Torc(_) => self.flag("threads", &threads.to_string()),
            Program::Redis => self,
        }
    }

    /// Listens on a unix socket as well.
    pub fn unix_socket(mut self) -> Self {
        let path = self.folder.path().join("socket");
        self.unix = Some(path.clone());
        self.flag("unixsocket", path.to_str().expect("temporary paths are UTF-8"))
    }

    /// Speaks TLS, and nothing else, on its port.
    pub fn tls(mut self, certificates: &Certificates) -> Self {
        self.tls = true;
        self.flag("tls-cert-file", &certificates.path("server.crt"))
            .flag("tls-key-file", &certificates.path("server.key"))
            .flag("tls-ca-cert-file", &certificates.path("ca.crt"))
    }

    /// Lets the server open files up to that number only, from its start on.
    pub fn files(mut self, files: u64) -> Self {
        self.limits.push(format!("ulimit -n {files}"));
        self
    }

    /// Lets the server map so many KiB of memory.
    pub fn memory_kib(mut self, kib: u64) -> Self {
        self.limits.push(format!("ulimit -v {kib}"));
        self
    }

    /// Puts the server into the control group of that folder.
    pub fn in_group(mut self, folder: &Path) -> Self {
        self.limits.push(format!("echo $$ > '{}/cgroup.procs'", folder.display()));
        self
    }

    /// A panic is what the test is about; elsewhere it fails a test even if the server goes on.
    pub fn may_panic(mut self) -> Self {
        self.panics = true;
        self
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or is silent instead, with all that it printed.
    pub fn start(self) -> Server {
        // A free port may be taken before the server binds it, so it gets several tries. torc
        // without TLS chooses its own port and gets one.
        let tries = if self.program == Program::Redis || self.tls { 5 } else { 1 };
        for _ in 1..tries {
            if let Ok(started) = self.spawn() {
                return self.server(started);
            }
        }
        match self.spawn() {
            Ok(started) => self.server(started),
            Err(why) => panic!("{} {:?}: {why}", self.program_name(), self.arguments),
        }
    }

    fn server(self, started: Started) -> Server {
        let Started { child, port, printed } = started;
        let (unix, folder, panics) = (self.unix, self.folder, self.panics);
        Server { child, port, unix, folder, panics, printed }
    }

    fn spawn(&self) -> Result<Started, String> {
        let (mut command, port) = self.command();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("it cannot be started: {error}"))?;
        let printed = Arc::new(Mutex::new(String::new()));
        let lines = follow(child.stdout.take().expect("it is piped"), &printed);
        follow(child.stderr.take().expect("it is piped"), &printed);
        match await_ready(&lines, port) {
            Ok(port) => Ok(Started { child, port, printed }),
            Err(why) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(format!("{why}\n{}", printed.lock().expect("no reader panics")))
            }
        }
    }

    fn command(&self) -> (Command, Option<u16>) {
        let mut command = if self.limits.is_empty() {
            Command::new(self.program_name())
        } else {
            let mut shell = Command::new("sh");
            let limits = self.limits.join(" && ");
            shell.args(["-c", &format!("{limits} && exec \"$0\" \"$@\""), self.program_name()]);
            shell
        };
        command.current_dir(self.folder.path());
        match self.program {
            Program::Torc(backend) => command.args(["--backend", backend.name()]),
            Program::Redis => command.args(["--save", "", "--bind", "127.0.0.1"]),
        };
        let is_chosen = self.program == Program::Redis || self.tls;
        let port = is_chosen.then(free_port);
        let plain = port.filter(|_| !self.tls).unwrap_or(0);
        command.args(["--port", &plain.to_string()]);
        if let Some(port) = port.filter(|_| self.tls) {
            command.args(["--tls-port", &port.to_string()]);
        }
        command.args(&self.arguments);
        (command, port)
    }

    fn program_name(&self) -> &'static str {
        match self.program {
            Program::Torc(_) => env!("CARGO_BIN_EXE_torc"),
            Program::Redis => "redis-server",
        }
    }
}

struct Started {
    child: Child,
    port: u16,
    printed: Arc<Mutex<String>>,
}

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    unix: Option<PathBuf>,
    folder: TempDir,
    panics: bool,
    printed: Arc<Mutex<String>>,
}

impl Server {
    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The unix socket, of a server started with [`Start::unix_socket`].
    pub fn unix(&self) -> &Path {
        self.unix.as_deref().expect("started with a unix socket")
    }

    /// A folder of its own, removed with the server.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that it has printed so far, on both streams.
    pub fn printed(&self) -> String {
        self.printed.lock().expect("no reader panics").clone()
    }

    /// Waits until it has printed `text`; returns the line that it is in.
    #[track_caller]
    pub fn prints(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let printed = self.printed();
            if let Some(line) = printed.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "{text:?} is not in:\n{printed}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn connect(&self) -> Client {
        Client::tcp(self.port)
    }

    /// A client of a server started with [`Start::tls`].
    pub fn connect_tls(&self, config: &Arc<ClientConfig>) -> Client {
        Client::tls(self.port, config)
    }

    pub fn connect_unix(&self) -> Client {
        Client::unix(self.unix())
    }

    /// Sends a signal to the server.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).expect("a child can be signalled");
    }

    /// Ends the server as it stands.
    pub fn kill(&mut self) {
        self.panics = true; // what follows is no crash
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Waits until the server has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        program::wait(&mut self.child, PATIENCE).expect("the server ends by itself")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.child.try_wait().ok().flatten();
        let crashed = ended.filter(|status| !status.success() && !self.panics);
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server printed:\n{}", self.printed());
        } else if let Some(status) = crashed {
            panic!("the server ended with {status}:\n{}", self.printed());
        } else if !self.panics && self.printed().contains("panicked at") {
            panic!("a thread of the server ended:\n{}", self.printed()); // others may live on
        }
    }
}

/// Copies what a stream says into `printed` and hands on its lines.
fn follow(stream: impl Read + Send + 'static, printed: &Arc<Mutex<String>>) -> Receiver<String> {
    let (sender, lines) = channel();
    let printed = Arc::clone(printed);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut printed = printed.lock().expect("no reader panics");
            printed.push_str(&line);
            printed.push('\n');
            drop(printed);
            let _ = sender.send(line); // nobody listens once the server is ready
        }
    });
    lines
}

/// Reads lines until the server says that it is ready, and the port from them if it is not known.
fn await_ready(lines: &Receiver<String>, mut port: Option<u16>) -> Result<u16, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let line = match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return Err("it did not become ready".into()),
            Err(RecvTimeoutError::Disconnected) => return Err("it ended at once".into()),
        };
        if let Some((_, address)) = line.split_once("listening on 127.0.0.1:") {
            let digits = address.split(|c: char| !c.is_ascii_digit()).next();
            port = port.or_else(|| digits?.parse().ok());
        }
        if line.to_ascii_lowercase().contains("ready") {
            return port.ok_or_else(|| "it named no port".into());
        }
    }
}

/// A port that is free right now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Runs torc with flags that let it end by itself.
pub fn torc(arguments: &[&str]) -> program::Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_torc"));
    program::run(command.args(arguments), None, Duration::from_secs(5))
}
