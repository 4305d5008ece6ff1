//! A client that sends and compares raw bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::{PATIENCE, escaped, reply};

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// One connection. Reads and writes fail after [`PATIENCE`].
pub struct Client {
    stream: Stream,
    /// Arrived and not yet looked at.
    arrived: Vec<u8>,
}

impl Client {
    pub fn tcp(port: u16) -> Self {
        Self::of(TcpStream::connect(("127.0.0.1", port)).expect("the server accepts"))
    }

    /// A connection that was made elsewhere.
    pub fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP option");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket option");
        Self { stream: Stream::Tcp(stream), arrived: Vec::new() }
    }

    /// One that speaks TLS; the handshake begins when it sends or reads for the first time.
    pub fn tls(port: u16, config: &Arc<ClientConfig>) -> Self {
        let Stream::Tcp(stream) = Self::tcp(port).stream else { unreachable!("it was just made") };
        let name = ServerName::try_from("localhost").expect("it is a name");
        let tls = ClientConnection::new(Arc::clone(config), name).expect("the name is sound");
        let stream = Box::new(StreamOwned::new(tls, stream));
        Self { stream: Stream::Tls(stream), arrived: Vec::new() }
    }

    /// The TLS connection, once something was sent or read.
    pub fn channel(&mut self) -> &mut ClientConnection {
        let Stream::Tls(stream) = &mut self.stream else { panic!("for TLS") };
        &mut stream.conn
    }

    /// The certificate that the server has shown.
    pub fn certificate(&mut self) -> CertificateDer<'static> {
        let shown = self.channel().peer_certificates().and_then(<[_]>::first);
        shown.expect("the handshake is done").clone().into_owned()
    }

    /// Why the server refuses this client; it must, or the test fails.
    #[track_caller]
    pub fn refused(&mut self) -> String {
        let Stream::Tls(stream) = &mut self.stream else { panic!("for TLS") };
        // A client of TLS 1.3 learns of a refusal after its own part of the handshake.
        let asked = stream.write_all(b"PING\r\n").and_then(|()| stream.flush());
        let answered = asked.and_then(|()| stream.read_exact(&mut [0]));
        answered.expect_err("the server refuses").to_string()
    }

    pub fn unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket option");
        Self { stream: Stream::Unix(stream), arrived: Vec::new() }
    }

    /// A second handle to the same connection, so that one thread can send and another read.
    pub fn split(&self) -> Self {
        let stream = match &self.stream {
            Stream::Tcp(stream) => Stream::Tcp(stream.try_clone().expect("a free descriptor")),
            Stream::Unix(stream) => Stream::Unix(stream.try_clone().expect("a free descriptor")),
            Stream::Tls(_) => panic!("a channel has one end here"),
        };
        Self { stream, arrived: Vec::new() }
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.write(bytes.as_ref()).expect("the server reads");
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// Sends bytes to a server that is expected to close before it has taken them all.
    #[track_caller]
    pub fn send_until_closed(&mut self, bytes: &[u8]) {
        let Stream::Tcp(stream) = &mut self.stream else { panic!("for TCP") };
        if let Err(error) = stream.write_all(bytes) {
            let closed = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
            assert!(closed.contains(&error.kind()), "{error}");
        }
    }

    /// Sends bytes as they are. False if the server has closed.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.write(bytes).is_ok()
    }

    /// Reads one reply; None if the server has closed before the first byte of it.
    #[track_caller]
    pub fn next_reply(&mut self) -> Option<Vec<u8>> {
        while self.arrived.is_empty() {
            match self.read_more() {
                Ok(1..) => {}
                Ok(0) => return None,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no reply: {error}"),
            }
        }
        Some(self.read_reply())
    }

    /// Sends a request given as one line, see [`request`].
    #[track_caller]
    pub fn ask(&mut self, line: &str) {
        self.send(request(line));
    }

    /// Sends a request given as one line and returns the raw reply.
    #[track_caller]
    pub fn call(&mut self, line: &str) -> Vec<u8> {
        self.ask(line);
        self.read_reply()
    }

    /// Sends a request given as one line and returns the integer that it is answered with.
    #[track_caller]
    pub fn integer(&mut self, line: &str) -> i64 {
        let reply = self.call(line);
        reply::integer(&reply).unwrap_or_else(|| panic!("{line}: {}", escaped(&reply)))
    }

    /// Sends a request given as one line and returns the text that it is answered with.
    #[track_caller]
    pub fn text(&mut self, line: &str) -> String {
        let reply = self.call(line);
        let text = reply::text(&reply).filter(|_| reply[0] != b'-');
        let text = text.unwrap_or_else(|| panic!("{line}: {}", escaped(&reply)));
        String::from_utf8_lossy(text).into_owned()
    }

    /// A number that INFO has in `field`.
    #[track_caller]
    pub fn info(&mut self, field: &str) -> u64 {
        let info = self.text("INFO everything");
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{field} in {info}"))
    }

    /// Sends each request, given as one line, and compares each raw reply.
    #[track_caller]
    pub fn talk(&mut self, exchange: &[(&str, &str)]) {
        for (line, expected) in exchange {
            self.ask(line);
            self.expect_for(expected.as_bytes(), line);
        }
    }

    /// Reads as many bytes as `expected` has and compares them.
    #[track_caller]
    pub fn expect(&mut self, expected: impl AsRef<[u8]>) {
        self.expect_for(expected.as_ref(), "");
    }

    #[track_caller]
    fn expect_for(&mut self, expected: &[u8], request: &str) {
        loop {
            let common = expected.len().min(self.arrived.len());
            if expected[..common] != self.arrived[..common] {
                self.read_what_follows();
                break;
            }
            if common == expected.len() {
                self.arrived.drain(..common);
                return;
            }
            match self.read_more() {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        panic!("{request}\n{}", super::difference(expected, &self.arrived));
    }

    /// Reads one reply of RESP2 or RESP3, nested ones whole, and returns its bytes.
    #[track_caller]
    pub fn read_reply(&mut self) -> Vec<u8> {
        loop {
            if let Some(length) = reply::length(&self.arrived) {
                return self.arrived.drain(..length).collect();
            }
            match self.read_more() {
                Ok(0) => panic!("closed within a reply: {}", escaped(&self.arrived)),
                Ok(_) => {}
                Err(error) => panic!("no reply: {error}; arrived: {}", escaped(&self.arrived)),
            }
        }
    }

    /// Checks that everything sent so far was answered and nothing else comes.
    #[track_caller]
    pub fn expect_silence(&mut self) {
        self.send("*2\r\n$4\r\nECHO\r\n$7\r\nsilence\r\n");
        self.expect("$7\r\nsilence\r\n");
    }

    /// Checks that the server closes the connection and sends nothing more.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        let ended = loop {
            match self.read_more() {
                Ok(0) => break Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        assert!(self.arrived.is_empty(), "before the end came {}", escaped(&self.arrived));
        ended.expect("the server closes");
    }

    /// Asks until the reply is `expected`: for what happens with time, such as expiry.
    #[track_caller]
    pub fn call_until(&mut self, line: &str, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let reply = self.call(line);
            if reply == expected.as_bytes() {
                return;
            }
            assert!(Instant::now() < deadline, "{line}: still {}", escaped(&reply));
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Says that nothing more will be sent; replies still come.
    pub fn finish_sending(&mut self) {
        let _ = match &mut self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
            Stream::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush()
            }
        };
    }

    /// This end's address, as CLIENT LIST shows it.
    pub fn address(&self) -> String {
        match &self.stream {
            Stream::Tcp(stream) => stream.local_addr().expect("it is connected").to_string(),
            Stream::Unix(_) => String::new(),
            Stream::Tls(stream) => stream.sock.local_addr().expect("it is connected").to_string(),
        }
    }

    /// Sends without blocking as much as the server and the sockets between take.
    pub fn send_until_full(&mut self, bytes: &[u8]) -> usize {
        let Stream::Tcp(stream) = &mut self.stream else { panic!("for TCP") };
        stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a socket option");
        let mut sent = 0;
        while sent < bytes.len() {
            match stream.write(&bytes[sent..]) {
                Ok(written) => sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("the server reads or waits: {error}"),
            }
        }
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket option");
        sent
    }

    fn read_more(&mut self) -> std::io::Result<usize> {
        let mut chunk = [0; 64 * 1024];
        let mut read = || match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut chunk),
            Stream::Unix(stream) => stream.read(&mut chunk),
            Stream::Tls(stream) => stream.read(&mut chunk),
        };
        // A wait with a limit ends when the process was stopped and goes on, signal(7).
        let read = loop {
            match read() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.arrived.extend_from_slice(&chunk[..read]);
        Ok(read)
    }

    /// After a mismatch: takes the rest of the reply too, so that the failure shows it whole.
    fn read_what_follows(&mut self) {
        let moment = Some(Duration::from_millis(100));
        let _ = match &self.stream {
            Stream::Tcp(stream) => stream.set_read_timeout(moment),
            Stream::Unix(stream) => stream.set_read_timeout(moment),
            Stream::Tls(stream) => stream.sock.set_read_timeout(moment),
        };
        while matches!(self.read_more(), Ok(1..)) {}
    }
}

/// A request as clients send it, an array of bulk strings, from a line of words. Spaces part the
/// words; double quotes hold a word together, so that `""` is the empty word.
pub fn request(line: &str) -> Vec<u8> {
    let mut words = Vec::new();
    for (index, part) in line.split('"').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_ascii_whitespace()),
            _ => words.push(part),
        }
    }
    encode(&words)
}

/// An array of bulk strings from words that may hold any bytes.
pub fn encode(words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.as_ref().len()).as_bytes());
        bytes.extend_from_slice(word.as_ref());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
