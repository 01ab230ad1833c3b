//! A client of Redis' dialect: it sends commands and reads whole replies.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;

use crate::limits::SILENCE_MAX;
use crate::wire::wire_client::encrypted;

/// A reply.
#[derive(Clone, PartialEq, Eq)]
pub enum RedisReply {
    /// A reply of one line: a status, an error, an integer, nil. Without its line end.
    Line(Vec<u8>),
    /// A string, or a text for people.
    Bulk(Vec<u8>),
    /// A list, a set, a message; a map as twice as many replies. With its first byte.
    List(u8, Vec<RedisReply>),
}

impl RedisReply {
    /// The integer, if it is one.
    pub fn integer(&self) -> Option<i64> {
        let Self::Line(line) = self else { return None };
        std::str::from_utf8(line.strip_prefix(b":")?).ok()?.parse().ok()
    }

    /// The string, if it is one.
    pub fn bulk(&self) -> Option<&[u8]> {
        match self {
            Self::Bulk(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl fmt::Debug for RedisReply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => out.write_str(&String::from_utf8_lossy(line)),
            Self::Bulk(bytes) if bytes.len() > 80 => {
                write!(out, "\"{}...\" ({})", bytes[..60].escape_ascii(), bytes.len())
            }
            Self::Bulk(bytes) => write!(out, "\"{}\"", bytes.escape_ascii()),
            Self::List(kind, replies) => {
                write!(out, "{}", char::from(*kind))?;
                out.debug_list().entries(replies).finish()
            }
        }
    }
}

/// A command as a client library sends it.
pub fn encoded(words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        let word = word.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A connection. All methods panic if the server falls silent or closes.
pub struct RedisClient {
    stream: Box<dyn Stream>,
    /// Bytes that were read and are in no reply yet.
    read: Vec<u8>,
}

impl RedisClient {
    /// Connects to a port of 127.0.0.1.
    pub fn tcp(port: u16) -> io::Result<Self> {
        Ok(Self { stream: Box::new(Self::connected(port)?), read: Vec::new() })
    }

    /// Connects to a port of 127.0.0.1 under TLS.
    pub fn tls(port: u16, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let stream = encrypted(Self::connected(port)?, config)?;
        Ok(Self { stream: Box::new(stream), read: Vec::new() })
    }

    fn connected(port: u16) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.set_write_timeout(Some(SILENCE_MAX))?;
        Ok(stream)
    }

    /// Connects to a Unix socket.
    pub fn unix(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.set_write_timeout(Some(SILENCE_MAX))?;
        Ok(Self { stream: Box::new(stream), read: Vec::new() })
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// Sends a command and returns its reply.
    pub fn command(&mut self, words: &[impl AsRef<[u8]>]) -> RedisReply {
        self.send(&encoded(words));
        self.reply()
    }

    /// Sends an inline command and returns its reply, in the form of `Debug`.
    pub fn line(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        format!("{:?}", self.reply())
    }

    /// Reads one reply.
    pub fn reply(&mut self) -> RedisReply {
        let line = self.read_line();
        let number = || {
            let text = std::str::from_utf8(&line[1..]).expect("a number");
            text.parse::<i64>().unwrap_or_else(|_| panic!("{} is no head", line.escape_ascii()))
        };
        let count = match line.first() {
            Some(b'$' | b'=' | b'*' | b'~' | b'>' | b'%') => number(),
            _ => return RedisReply::Line(line),
        };
        let Ok(count) = usize::try_from(count) else { return RedisReply::Line(line) };
        match line[0] {
            b'$' | b'=' => RedisReply::Bulk(self.read_bulk(count)),
            kind => {
                let count = if kind == b'%' { count * 2 } else { count };
                RedisReply::List(kind, (0..count).map(|_| self.reply()).collect())
            }
        }
    }

    /// Reads until the server closes. Returns the bytes that are in no reply.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.read);
        // A reset is an end, too.
        let _ = self.stream.read_to_end(&mut rest);
        rest
    }

    fn read_line(&mut self) -> Vec<u8> {
        loop {
            if let Some(end) = self.read.windows(2).position(|it| it == b"\r\n") {
                let rest = self.read.split_off(end + 2);
                let mut line = std::mem::replace(&mut self.read, rest);
                line.truncate(end);
                return line;
            }
            self.read_more();
        }
    }

    fn read_bulk(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count + 2 {
            self.read_more();
        }
        let rest = self.read.split_off(count + 2);
        let mut bulk = std::mem::replace(&mut self.read, rest);
        assert!(bulk.ends_with(b"\r\n"), "a string ends with its line end");
        bulk.truncate(count);
        bulk
    }

    fn read_more(&mut self) {
        let mut buffer = [0; 16 << 10];
        let count = self.stream.read(&mut buffer).expect("the server answers in time");
        let pending = self.read.escape_ascii();
        assert!(count > 0, "the server closed the connection after {pending}");
        self.read.extend_from_slice(&buffer[..count]);
    }
}
