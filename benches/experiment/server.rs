//! The servers that are compared: how each is started, with what, and that it ends.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::floor;
use super::place::Place;
use crate::load::workload::Protocol;

/// A server that takes part.
#[derive(Clone, Debug)]
pub struct Contender {
    /// As tables and legends call it.
    pub name: String,
    pub protocol: Protocol,
    /// What it says of its version.
    pub version: String,
    program: PathBuf,
    /// `{port}` stands for the port.
    pub arguments: String,
}

impl Contender {
    /// torc on one reactor.
    pub fn torc(name: &str, backend: &str, mode: &str) -> Self {
        Self {
            name: name.to_owned(),
            protocol: Protocol::Redis,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            program: env!("CARGO_BIN_EXE_torc").into(),
            arguments: format!(
                "--port {{port}} --bind 127.0.0.1 --threads 1 --backend {backend} --mode {mode}"
            ),
        }
    }

    /// The bare loop of [`floor`], which this program runs itself.
    pub fn floor() -> Self {
        Self {
            name: "floor".to_owned(),
            protocol: Protocol::Floor,
            version: "bare io_uring loop: counts requests, answers +OK".to_owned(),
            program: std::env::current_exe().expect("a running program has a file"),
            arguments: format!("{} {{port}}", floor::WORD),
        }
    }

    /// The other servers that are installed, and a line for each that is not.
    pub fn peers() -> (Vec<Self>, Vec<String>) {
        const REDIS: &str = "--port {port} --bind 127.0.0.1 --save '' --appendonly no";
        // Memory enough to evict nothing, and the right to run as root.
        const MEMCACHED: &str = "-p {port} -l 127.0.0.1 -U 0 -t 1 -c 8192 -m 16384 -u root";
        let known = [
            ("redis-server", Protocol::Redis, REDIS, "redis-server"),
            ("valkey-server", Protocol::Redis, REDIS, "valkey-server (Debian 13 and newer)"),
            ("memcached", Protocol::Memcached, MEMCACHED, "memcached"),
        ];
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for (name, protocol, arguments, package) in known {
            match version(name) {
                Some(version) => found.push(Self {
                    name: name.trim_end_matches("-server").to_owned(),
                    protocol,
                    version,
                    program: name.into(),
                    arguments: arguments.to_owned(),
                }),
                None => missing.push(format!("{name} is missing: apt-get install {package}")),
            }
        }
        (found, missing)
    }

    /// The command that starts it, for those who want to see it.
    pub fn command(&self) -> String {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        format!("{name} {}", self.arguments)
    }

    /// Starts the server on its core and waits until it accepts.
    pub fn start(&self, place: &Place) -> io::Result<Server> {
        // Somebody else may take a free port before the server does.
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_start(place) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < 3 => {}
                other => return other,
            }
        }
    }

    fn try_start(&self, place: &Place) -> io::Result<Server> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let words = self.arguments.replace("{port}", &port.to_string());
        let words = words.split_whitespace().map(|word| if word == "''" { "" } else { word });
        let mut command = Command::new(&self.program);
        command.args(words).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = place.on_server_cpu(|| command.spawn())?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Server { child, address, _folder: folder };
        server.await_ready(&self.command())?;
        Ok(server)
    }
}

/// A server that runs until this is dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Server {
    /// The process.
    pub fn id(&self) -> i32 {
        i32::try_from(self.child.id()).expect("process ids are small")
    }

    fn await_ready(&mut self, command: &str) -> io::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(status) = self.child.try_wait()? {
                let why = format!("`{command}` ended with {status}");
                return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
            }
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let why = format!("`{command}` does not accept");
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// What an installed program says of its version: the first word that looks like one.
fn version(program: impl AsRef<Path>) -> Option<String> {
    let said = Command::new(program.as_ref()).arg("--version").output().ok()?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let word = |word: &str| word.trim_start_matches("v=").to_owned();
    said.split_whitespace().map(word).find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
}
