//! What a Redis-like server tells of itself with INFO.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One section of INFO.
pub struct Info(String);

impl Info {
    pub fn ask(address: SocketAddr, section: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "*2\r\n$4\r\nINFO\r\n${}\r\n{section}\r\n", section.len())?;
        let mut stream = BufReader::new(stream);
        let mut header = String::new();
        stream.read_line(&mut header)?;
        let length = header.trim().strip_prefix('$').and_then(|length| length.parse().ok());
        let length: u64 = length.ok_or_else(|| io::Error::other(format!("INFO: {header}")))?;
        let mut text = String::new();
        stream.take(length).read_to_string(&mut text)?;
        Ok(Self(text))
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    }

    /// How often a command was called; of the section `commandstats`.
    pub fn calls(&self, command: &str) -> u64 {
        let stats = self.field(&format!("cmdstat_{}", command.to_ascii_lowercase()));
        stats.and_then(|stats| part(stats, "calls")).unwrap_or_default()
    }

    /// The system calls that torc's only reactor has counted itself; of the section `reactor`.
    pub fn system_calls(&self) -> Option<u64> {
        let reactor = self.field("reactor0")?;
        // An operation is an entry of the ring, or a call of its own.
        let operations = match self.field("engine")?.starts_with("epoll") {
            true => part(reactor, "operations")?,
            false => 0,
        };
        Some(part(reactor, "waits")? + operations)
    }
}

/// A number among those of a field: `name=1,other=2`.
fn part(field: &str, name: &str) -> Option<u64> {
    field.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}
