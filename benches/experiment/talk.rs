//! A connection on which requests are sent and their replies waited for.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub struct Talk {
    stream: BufReader<TcpStream>,
    line: Vec<u8>,
}

impl Talk {
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(1 << 16, stream), line: Vec::new() })
    }

    /// Sends requests together and waits for all of their replies, none of which may be an error.
    pub fn exchange(&mut self, requests: &Requests) -> io::Result<()> {
        self.stream.get_mut().write_all(&requests.bytes)?;
        (0..requests.count).try_for_each(|_| self.read_reply(&mut |_| {}))
    }

    /// Sends one request, its words parted by spaces, and returns the texts of which its reply is
    /// made.
    pub fn ask(&mut self, words: &str) -> io::Result<Vec<Vec<u8>>> {
        let mut texts = Vec::new();
        self.stream.get_mut().write_all(&Requests::from_iter([words]).bytes)?;
        self.read_reply(&mut |text| texts.push(text.to_vec()))?;
        Ok(texts)
    }

    fn read_reply(&mut self, see: &mut impl FnMut(&[u8])) -> io::Result<()> {
        let mut left = 1;
        while left > 0 {
            left -= 1;
            self.line.clear();
            self.stream.read_until(b'\n', &mut self.line)?;
            let line = String::from_utf8_lossy(self.line.trim_ascii_end()).into_owned();
            let length = || line[1..].parse::<i64>().map_err(io::Error::other);
            match line.as_bytes().first() {
                Some(b'*') => left += length()?.max(0),
                Some(b'$') => {
                    if let Ok(length) = usize::try_from(length()?) {
                        self.line.resize(length + 2, 0);
                        self.stream.read_exact(&mut self.line)?;
                        see(&self.line[..length]);
                    }
                }
                Some(b'+' | b':') => see(&line.as_bytes()[1..]),
                Some(_) => return Err(io::Error::other(line)),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        Ok(())
    }
}

/// Requests that are sent together.
#[derive(Default)]
pub struct Requests {
    bytes: Vec<u8>,
    count: usize,
}

impl Requests {
    pub fn add<'a>(&mut self, words: impl Iterator<Item = &'a str> + Clone) {
        write!(self.bytes, "*{}\r\n", words.clone().count()).expect("a Vec takes all");
        for word in words {
            write!(self.bytes, "${}\r\n{word}\r\n", word.len()).expect("a Vec takes all");
        }
        self.count += 1;
    }
}

impl<S: AsRef<str>> FromIterator<S> for Requests {
    /// Each is one request, its words parted by spaces.
    fn from_iter<T: IntoIterator<Item = S>>(lines: T) -> Self {
        let mut requests = Self::default();
        lines.into_iter().for_each(|line| requests.add(line.as_ref().split(' ')));
        requests
    }
}
