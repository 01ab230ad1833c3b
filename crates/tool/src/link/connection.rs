//! One connection to a server, and its answers to `stats`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use super::encryption::{Encryption, TlsStream};
use super::link_error::LinkError;
use super::login::Login;
use super::server_address::ServerAddress;
use crate::limits::{ANSWER_DURATION_MAX, CONNECT_DURATION_MAX, LINE_BYTES_MAX, READ_BYTES};
use crate::statistics::{ReplyReader, StatsReply, Topic};

/// First byte of an alert of TLS: the answer of a server that speaks TLS to one that does not.
const TLS_ALERT: u8 = 0x15;

/// The answer to anything before a login.
const UNAUTHENTICATED: &str = "CLIENT_ERROR unauthenticated";

/// A connection that is logged in.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    /// Whether the server has sent anything.
    answered: bool,
    /// Whether it knows Slabcore's topics. `None` before it was asked.
    is_slabcore: Option<bool>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream>),
}

impl Connection {
    /// Connects, begins TLS, and logs in, each if it is asked for.
    pub(crate) fn open(
        address: &ServerAddress,
        encryption: Option<&Encryption>,
        login: Option<&Login>,
    ) -> Result<Self, LinkError> {
        let socket = match address {
            ServerAddress::Unix(path) => {
                let socket = UnixStream::connect(path).map_err(LinkError::Unreachable)?;
                socket.set_read_timeout(Some(ANSWER_DURATION_MAX)).map_err(LinkError::Broken)?;
                socket.set_write_timeout(Some(ANSWER_DURATION_MAX)).map_err(LinkError::Broken)?;
                Socket::Unix(socket)
            }
            ServerAddress::Tcp(host, port) => {
                let socket = connect(host, *port)?;
                match encryption {
                    None => Socket::Tcp(socket),
                    Some(encryption) => Socket::Tls(Box::new(encryption.begin(socket)?)),
                }
            }
        };
        let mut connection = Self { socket, answered: false, is_slabcore: None };
        if let Some(login) = login {
            connection.log_in(login)?;
        }
        Ok(connection)
    }

    /// Asks for all tables that the server may have.
    pub(crate) fn ask(&mut self) -> Result<Vec<(Topic, StatsReply)>, LinkError> {
        let own = if self.is_slabcore == Some(false) { &[][..] } else { &Topic::OF_SLABCORE };
        let topics: Vec<Topic> = Topic::OF_ALL.iter().chain(own).copied().collect();
        let lines = topics.iter().map(|topic| match topic.word() {
            "" => "stats\r\n".to_owned(),
            word => format!("stats {word}\r\n"),
        });
        let deadline = Instant::now() + ANSWER_DURATION_MAX;
        self.send(lines.collect::<String>().as_bytes())?;
        let mut reader = ReplyReader::default();
        let mut replies = Vec::new();
        for topic in topics {
            let reply = self.next_reply(&mut reader, deadline)?;
            if let (Topic::General, StatsReply::Refused(line)) = (topic, &reply) {
                return Err(match line.as_str() {
                    UNAUTHENTICATED => LinkError::WantsLogin,
                    _ => LinkError::Refused(line.clone()),
                });
            }
            replies.push((topic, reply));
        }
        let knows = |(topic, reply): &(Topic, StatsReply)| {
            *topic == Topic::Slabcore && matches!(reply, StatsReply::Table(_))
        };
        self.is_slabcore = Some(replies.iter().any(knows));
        Ok(replies)
    }

    fn next_reply(
        &mut self,
        reader: &mut ReplyReader,
        deadline: Instant,
    ) -> Result<StatsReply, LinkError> {
        let mut bytes = [0; READ_BYTES];
        loop {
            if let Some(reply) = reader.next_reply().map_err(LinkError::Odd)? {
                return Ok(reply);
            }
            let received = self.receive(&mut bytes, deadline)?;
            reader.push(received);
        }
    }

    fn log_in(&mut self, login: &Login) -> Result<(), LinkError> {
        let deadline = Instant::now() + ANSWER_DURATION_MAX;
        self.send(&login.request())?;
        let mut line = Vec::new();
        let mut bytes = [0; READ_BYTES];
        while !line.ends_with(b"\n") {
            line.extend_from_slice(self.receive(&mut bytes, deadline)?);
            if line.len() > LINE_BYTES_MAX {
                break;
            }
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line == "STORED" { Ok(()) } else { Err(LinkError::LoginRefused(line)) }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        let sent = match &mut self.socket {
            Socket::Tcp(socket) => socket.write_all(bytes),
            Socket::Unix(socket) => socket.write_all(bytes),
            Socket::Tls(socket) => socket.write_all(bytes).and_then(|()| socket.flush()),
        };
        sent.map_err(|error| self.failed(error))
    }

    /// The next bytes of the server.
    fn receive<'b>(
        &mut self,
        bytes: &'b mut [u8],
        deadline: Instant,
    ) -> Result<&'b [u8], LinkError> {
        if Instant::now() > deadline {
            return Err(LinkError::Slow);
        }
        let read = match &mut self.socket {
            Socket::Tcp(socket) => socket.read(bytes),
            Socket::Unix(socket) => socket.read(bytes),
            Socket::Tls(socket) => socket.read(bytes),
        };
        let count = read.map_err(|error| self.failed(error))?;
        let received = &bytes[..count];
        match received.first() {
            None if self.answered => Err(LinkError::Closed),
            None => Err(LinkError::ClosedAtOnce),
            Some(&TLS_ALERT) if !self.answered => Err(LinkError::WantsTls),
            Some(_) => {
                self.answered = true;
                Ok(received)
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

/// A connection to the first address of a host that accepts one.
fn connect(host: &str, port: u16) -> Result<TcpStream, LinkError> {
    let addresses = (host, port).to_socket_addrs().map_err(LinkError::UnknownHost)?;
    let mut last = io::Error::from(ErrorKind::NotFound);
    for address in addresses {
        match connect_one(address) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(LinkError::Unreachable(last))
}

fn connect_one(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, CONNECT_DURATION_MAX)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(ANSWER_DURATION_MAX))?;
    socket.set_write_timeout(Some(ANSWER_DURATION_MAX))?;
    Ok(socket)
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
