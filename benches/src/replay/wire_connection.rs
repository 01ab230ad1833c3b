//! A blocking connection that sends many requests in one write and reads replies of any length.
//!
//! Before it sends more, the caller must read all outstanding replies except small ones. Otherwise
//! both ends could wait for each other to read.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use crate::replay::trace_copies::VALUE_BYTES_MAX;
use slabcore_bench::limits::{KEY_BYTES_MAX, SILENCE_MAX};

/// Bytes taken from the kernel in one call.
const INPUT_BYTES: usize = 256 << 10;
/// Longest line of a reply: `VALUE`, the key, three numbers.
const LINE_BYTES_MAX: usize = KEY_BYTES_MAX + 64;

/// Requests that are collected, and replies that are read.
#[derive(Debug)]
pub struct WireConnection {
    stream: BufReader<TcpStream>,
    output: Vec<u8>,
    line: Vec<u8>,
    filler: Vec<u8>,
}

impl WireConnection {
    /// Connects.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.set_write_timeout(Some(SILENCE_MAX))?;
        Ok(Self {
            stream: BufReader::with_capacity(INPUT_BYTES, stream),
            output: Vec::new(),
            line: Vec::with_capacity(LINE_BYTES_MAX),
            filler: vec![b'v'; VALUE_BYTES_MAX as usize],
        })
    }

    /// Adds a set of a value of this many bytes, at most [`VALUE_BYTES_MAX`], with a relative
    /// exptime in seconds.
    pub fn push_set(&mut self, key: &[u8], value_bytes: usize, exptime: u32) {
        self.output.extend_from_slice(b"set ");
        self.output.extend_from_slice(key);
        self.push_text(format_args!(" 0 {exptime} {value_bytes}\r\n"));
        self.output.extend_from_slice(&self.filler[..value_bytes]);
        self.output.extend_from_slice(b"\r\n");
    }

    /// Adds one get of these keys.
    pub fn push_get(&mut self, keys: impl Iterator<Item = impl AsRef<[u8]>>) {
        self.output.extend_from_slice(b"get");
        for key in keys {
            self.output.push(b' ');
            self.output.extend_from_slice(key.as_ref());
        }
        self.output.extend_from_slice(b"\r\n");
    }

    /// Adds a delete.
    pub fn push_delete(&mut self, key: &[u8]) {
        self.output.extend_from_slice(b"delete ");
        self.output.extend_from_slice(key);
        self.output.extend_from_slice(b"\r\n");
    }

    fn push_text(&mut self, text: std::fmt::Arguments<'_>) {
        self.output.write_fmt(text).expect("a vector takes all bytes");
    }

    /// Sends what was added.
    pub fn send(&mut self) -> io::Result<()> {
        self.stream.get_mut().write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }

    /// Reads a set's reply. Returns false if it was refused for lack of memory.
    pub fn read_stored(&mut self) -> io::Result<bool> {
        match self.read_line()? {
            b"STORED" => Ok(true),
            b"SERVER_ERROR out of memory storing object" => Ok(false),
            line => Err(unexpected(line)),
        }
    }

    /// Reads a delete's reply. Returns whether the item was there.
    pub fn read_deleted(&mut self) -> io::Result<bool> {
        match self.read_line()? {
            b"DELETED" => Ok(true),
            b"NOT_FOUND" => Ok(false),
            line => Err(unexpected(line)),
        }
    }

    /// Reads one part of a get's reply. For a hit it puts the key into `key` and returns the
    /// value's bytes. Returns `None` at the reply's end.
    pub fn read_value(&mut self, key: &mut Vec<u8>) -> io::Result<Option<usize>> {
        let line = self.read_line()?;
        if line == b"END" {
            return Ok(None);
        }
        let mut words = line.split(|&byte| byte == b' ');
        let (Some(b"VALUE"), Some(name), Some(b"0"), Some(length), None) =
            (words.next(), words.next(), words.next(), words.next(), words.next())
        else {
            return Err(unexpected(line));
        };
        let length = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
        let Some(value_bytes) = length else { return Err(unexpected(line)) };
        key.clear();
        key.extend_from_slice(name);
        self.skip_value(value_bytes)?;
        match self.read_line()? {
            b"" => Ok(Some(value_bytes)),
            line => Err(unexpected(line)),
        }
    }

    /// Skips a value. Every byte must be one that [`push_set`](Self::push_set) sends.
    fn skip_value(&mut self, value_bytes: usize) -> io::Result<()> {
        let mut rest = value_bytes;
        while rest > 0 {
            let bytes = self.stream.fill_buf()?;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let part = &bytes[..bytes.len().min(rest)];
            if !self.filler.starts_with(part) {
                return Err(unexpected(part));
            }
            let length = part.len();
            self.stream.consume(length);
            rest -= length;
        }
        Ok(())
    }

    /// A line without its end.
    fn read_line(&mut self) -> io::Result<&[u8]> {
        self.line.clear();
        self.stream.read_until(b'\n', &mut self.line)?;
        match self.line.strip_suffix(b"\r\n") {
            Some(line) => Ok(line),
            None if self.line.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            None => Err(unexpected(&self.line)),
        }
    }
}

fn unexpected(bytes: &[u8]) -> io::Error {
    let excerpt = bytes[..bytes.len().min(80)].escape_ascii();
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected reply \"{excerpt}\""))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    /// A connection whose peer sends `reply` and closes, and what the peer then received.
    fn with_reply(
        reply: &'static [u8],
        check: impl FnOnce(&mut WireConnection),
    ) -> thread::Result<Vec<u8>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let peer = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(reply).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut received = Vec::new();
            stream.read_to_end(&mut received).unwrap();
            received
        });
        let mut connection = WireConnection::open(address).unwrap();
        check(&mut connection);
        drop(connection);
        peer.join()
    }

    #[test]
    fn requests_have_memcached_s_form() {
        let received = with_reply(b"", |connection| {
            connection.push_set(b"k1", 3, 60);
            connection.push_get([b"k1", b"k2"].iter());
            connection.push_delete(b"k1");
            connection.send().unwrap();
        });
        let expected = b"set k1 0 60 3\r\nvvv\r\nget k1 k2\r\ndelete k1\r\n";
        assert_eq!(received.unwrap(), expected);
    }

    #[test]
    fn replies_are_told_apart() {
        let reply = b"STORED\r\nSERVER_ERROR out of memory storing object\r\nNOT_FOUND\r\n\
            VALUE k1 0 3\r\nvvv\r\nVALUE k2 0 0\r\n\r\nEND\r\nEND\r\n";
        let mut key = Vec::new();
        let checked = with_reply(reply, |connection| {
            assert!(connection.read_stored().unwrap());
            assert!(!connection.read_stored().unwrap());
            assert!(!connection.read_deleted().unwrap());
            assert_eq!(connection.read_value(&mut key).unwrap(), Some(3));
            assert_eq!(key, b"k1");
            assert_eq!(connection.read_value(&mut key).unwrap(), Some(0));
            assert_eq!(key, b"k2");
            assert_eq!(connection.read_value(&mut key).unwrap(), None);
            assert_eq!(connection.read_value(&mut key).unwrap(), None);
            assert!(connection.read_value(&mut key).is_err());
        });
        checked.unwrap();
    }

    #[test]
    fn wrong_replies_are_errors() {
        let wrong: [&'static [u8]; 5] = [
            b"VALUE k1 0 3\r\nvvx\r\nEND\r\n",
            b"VALUE k1 0 3\r\nvvvv\r\nEND\r\n",
            b"VALUE k1 1 3\r\nvvv\r\n",
            b"ERROR\r\n",
            b"EN",
        ];
        for reply in wrong {
            let read = |connection: &mut WireConnection| {
                assert!(connection.read_value(&mut Vec::new()).is_err());
            };
            with_reply(reply, read).unwrap();
        }
    }
}
