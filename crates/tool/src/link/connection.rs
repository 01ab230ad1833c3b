//! One connection to a server: its answers to `stats`, and lines and blocks of other answers.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use super::link_error::LinkError;
use super::login::Login;
use super::server::Server;
use super::socket::Socket;
use crate::limits::{ANSWER_DURATION_MAX, LINE_BYTES_MAX, READ_BYTES, VALUE_BYTES_MAX};
use crate::statistics::{ReplyError, ReplyReader, StatTable, StatsReply, Topic};

/// First byte of an alert of TLS: the answer of a server that speaks TLS to one that does not.
const TLS_ALERT: u8 = 0x15;

/// The answer to anything before a login.
const UNAUTHENTICATED: &str = "CLIENT_ERROR unauthenticated";

/// A connection that is logged in.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    /// Received bytes; those before `taken` were returned.
    received: Vec<u8>,
    taken: usize,
    /// Whether the server has sent anything.
    answered: bool,
    /// Whether it knows Slabcore's topics. `None` before it was asked.
    is_slabcore: Option<bool>,
}

impl Connection {
    /// Connects, begins TLS, and logs in, each if it is asked for.
    pub(crate) fn open(server: &Server) -> Result<Self, LinkError> {
        let socket = Socket::connect(server)?;
        let (received, taken) = (Vec::new(), 0);
        let mut connection = Self { socket, received, taken, answered: false, is_slabcore: None };
        if let Some(login) = server.login() {
            connection.log_in(login)?;
        }
        Ok(connection)
    }

    /// Asks for all tables that the server may have.
    pub(crate) fn ask(&mut self) -> Result<Vec<(Topic, StatsReply)>, LinkError> {
        let own = if self.is_slabcore == Some(false) { &[][..] } else { &Topic::OF_SLABCORE };
        let topics: Vec<Topic> = Topic::OF_ALL.iter().chain(own).copied().collect();
        let replies = self.ask_for(&topics)?;
        let knows = |(topic, reply): &(Topic, StatsReply)| {
            *topic == Topic::Slabcore && matches!(reply, StatsReply::Table(_))
        };
        self.is_slabcore = Some(replies.iter().any(knows));
        Ok(replies)
    }

    /// Asks for one table. A table that is refused is empty, except the general one.
    pub(crate) fn table(&mut self, topic: Topic) -> Result<StatTable, LinkError> {
        let reply = self.ask_for(&[topic])?.pop();
        Ok(match reply {
            Some((_, StatsReply::Table(table))) => table,
            _ => StatTable::default(),
        })
    }

    fn ask_for(&mut self, topics: &[Topic]) -> Result<Vec<(Topic, StatsReply)>, LinkError> {
        let lines = topics.iter().map(|topic| match topic.word() {
            "" => "stats\r\n".to_owned(),
            word => format!("stats {word}\r\n"),
        });
        let deadline = Instant::now() + ANSWER_DURATION_MAX;
        self.send(lines.collect::<String>().as_bytes())?;
        let mut reader = ReplyReader::default();
        let mut replies = Vec::new();
        for &topic in topics {
            let reply = self.next_reply(&mut reader, deadline)?;
            if let (Topic::General, StatsReply::Refused(line)) = (topic, &reply) {
                return Err(refusal(line));
            }
            replies.push((topic, reply));
        }
        Ok(replies)
    }

    fn next_reply(
        &mut self,
        reader: &mut ReplyReader,
        deadline: Instant,
    ) -> Result<StatsReply, LinkError> {
        loop {
            if let Some(reply) = reader.next_reply().map_err(LinkError::Odd)? {
                return Ok(reply);
            }
            if Instant::now() > deadline {
                return Err(LinkError::Slow);
            }
            self.receive()?;
            reader.push(&self.received[self.taken..]);
            self.taken = self.received.len();
        }
    }

    fn log_in(&mut self, login: &Login) -> Result<(), LinkError> {
        self.send(&login.request())?;
        let line = String::from_utf8_lossy(self.line()?).into_owned();
        if line == "STORED" { Ok(()) } else { Err(LinkError::LoginRefused(line)) }
    }

    /// Sends all of these bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        let sent = self.socket.write_all(bytes).and_then(|()| self.socket.flush());
        sent.map_err(|error| self.failed(error))
    }

    /// The next line, without its end.
    pub(crate) fn line(&mut self) -> Result<&[u8], LinkError> {
        let mut searched = 0;
        let length = loop {
            let rest = &self.received[self.taken..];
            if let Some(at) = memchr::memchr(b'\n', &rest[searched..]) {
                break searched + at;
            }
            searched = rest.len();
            if searched > LINE_BYTES_MAX {
                return Err(LinkError::Odd(ReplyError::LineTooLong));
            }
            self.receive()?;
        };
        let line = &self.received[self.taken..][..length];
        self.taken += length + 1;
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// The next bytes: a value and the line end after it. Memory grows with what has come.
    pub(crate) fn value(&mut self, bytes: usize) -> Result<Vec<u8>, LinkError> {
        if bytes > VALUE_BYTES_MAX {
            return Err(LinkError::Odd(ReplyError::ValueTooLong));
        }
        let wanted = bytes + b"\r\n".len();
        let here = (self.received.len() - self.taken).min(wanted);
        let mut value = Vec::with_capacity(wanted.min(here.max(READ_BYTES)));
        value.extend_from_slice(&self.received[self.taken..][..here]);
        self.taken += here;
        while value.len() < wanted {
            self.receive()?;
            let more = (self.received.len() - self.taken).min(wanted - value.len());
            value.extend_from_slice(&self.received[self.taken..][..more]);
            self.taken += more;
        }
        if !value.ends_with(b"\r\n") {
            return Err(LinkError::Odd(ReplyError::ValueWithoutEnd));
        }
        value.truncate(bytes);
        Ok(value)
    }

    /// Waits for bytes of the server, and adds them to those received.
    fn receive(&mut self) -> Result<(), LinkError> {
        self.received.drain(..self.taken);
        self.taken = 0;
        let before = self.received.len();
        self.received.resize(before + READ_BYTES, 0);
        let read = self.socket.read(&mut self.received[before..]);
        self.received.truncate(before + *read.as_ref().unwrap_or(&0));
        let count = read.map_err(|error| self.failed(error))?;
        match self.received.first() {
            _ if count == 0 && self.answered => Err(LinkError::Closed),
            _ if count == 0 => Err(LinkError::ClosedAtOnce),
            Some(&TLS_ALERT) if !self.answered => Err(LinkError::WantsTls),
            _ => {
                self.answered = true;
                Ok(())
            }
        }
    }

    fn failed(&self, error: io::Error) -> LinkError {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => LinkError::Slow,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
                if self.answered { LinkError::Closed } else { LinkError::ClosedAtOnce }
            }
            _ => LinkError::Broken(error),
        }
    }
}

/// What an error line means for a client that is to be served.
fn refusal(line: &str) -> LinkError {
    match line {
        UNAUTHENTICATED => LinkError::WantsLogin,
        _ => LinkError::Refused(line.to_owned()),
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
