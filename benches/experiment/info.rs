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

    /// A field that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.field(name)?.parse().ok()
    }
}

/// The system calls that torc's only reactor has counted itself; of the section `reactor`.
pub fn own_system_calls(info: &Info) -> Option<u64> {
    let reactor = info.field("reactor0")?;
    let counter = |name: &str| -> Option<u64> {
        reactor.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    };
    // An operation is an entry of the ring, or a call of its own.
    let operations =
        if info.field("engine")?.starts_with("epoll") { counter("operations")? } else { 0 };
    Some(counter("waits")? + operations)
}
