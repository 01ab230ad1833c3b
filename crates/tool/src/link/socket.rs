//! The three kinds of sockets.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::encryption::TlsStream;
use super::link_error::LinkError;
use super::server::Server;
use super::server_address::ServerAddress;
use crate::limits::CONNECT_DURATION_MAX;

/// A connected socket whose reads and writes have a time limit.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream>),
}

impl Socket {
    /// Connects, and begins TLS if it is asked for.
    pub(super) fn connect(server: &Server) -> Result<Self, LinkError> {
        let silence_max = server.silence_max();
        match server.address() {
            ServerAddress::Unix(path) => {
                let socket = UnixStream::connect(path).map_err(LinkError::Unreachable)?;
                socket.set_read_timeout(Some(silence_max)).map_err(LinkError::Broken)?;
                socket.set_write_timeout(Some(silence_max)).map_err(LinkError::Broken)?;
                Ok(Self::Unix(socket))
            }
            ServerAddress::Tcp(host, port) => {
                let socket = connect(host, *port, silence_max)?;
                match server.encryption() {
                    None => Ok(Self::Tcp(socket)),
                    Some(encryption) => Ok(Self::Tls(Box::new(encryption.begin(socket)?))),
                }
            }
        }
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(into),
            Self::Unix(socket) => socket.read(into),
            Self::Tls(socket) => socket.read(into),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
            Self::Tls(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.flush(),
            Self::Unix(socket) => socket.flush(),
            Self::Tls(socket) => socket.flush(),
        }
    }
}

/// A connection to the first address of a host that accepts one.
fn connect(host: &str, port: u16, silence_max: Duration) -> Result<TcpStream, LinkError> {
    let addresses = (host, port).to_socket_addrs().map_err(LinkError::UnknownHost)?;
    let mut last = io::Error::from(ErrorKind::NotFound);
    for address in addresses {
        match connect_one(address, silence_max) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(LinkError::Unreachable(last))
}

fn connect_one(address: SocketAddr, silence_max: Duration) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, CONNECT_DURATION_MAX)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(silence_max))?;
    socket.set_write_timeout(Some(silence_max))?;
    Ok(socket)
}
