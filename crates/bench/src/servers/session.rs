//! A blocking connection for single commands besides the load.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use crate::limits::SILENCE_MAX;

/// A connection that sends a command and reads lines.
#[derive(Debug)]
pub struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    /// Connects.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// The number in the reply to `version`, such as `1.6.38`.
    pub fn version(&mut self) -> io::Result<String> {
        self.send("version")?;
        let line = self.line()?;
        let version = line.strip_prefix("VERSION ");
        version.map(str::to_owned).ok_or_else(|| unexpected(&line))
    }

    /// One value of `stats`; `None` when the server has no such line.
    pub fn stat(&mut self, name: &str) -> io::Result<Option<String>> {
        let stats = self.stats("")?;
        Ok(stats.into_iter().rev().find(|(found, _)| found == name).map(|(_, value)| value))
    }

    /// Name and value of each line of `stats WORDS`.
    pub fn stats(&mut self, words: &str) -> io::Result<Vec<(String, String)>> {
        self.send(format!("stats {words}").trim_end())?;
        let mut found = Vec::new();
        loop {
            let line = self.line()?;
            if line == "END" {
                return Ok(found);
            }
            let pair = line.strip_prefix("STAT ").and_then(|rest| rest.split_once(' '));
            let Some((name, value)) = pair else { return Err(unexpected(&line)) };
            found.push((name.to_owned(), value.to_owned()));
        }
    }

    fn send(&mut self, command: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

fn unexpected(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected reply \"{line}\""))
}
