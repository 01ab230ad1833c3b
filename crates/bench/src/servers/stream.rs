//! A connected, non-blocking socket, plain or under TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use slabcore_testkit::tls_files::SERVER_NAME;

/// A server's address, with or without TLS.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Address and port.
    pub address: SocketAddr,
    /// Under TLS, as this client.
    pub tls: Option<Arc<ClientConfig>>,
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }
}

/// A non-blocking connection.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Stream {
    /// Connects, and does the handshake if there is one.
    pub(crate) fn open(endpoint: &Endpoint) -> io::Result<Self> {
        let mut socket = TcpStream::connect(endpoint.address)?;
        socket.set_nodelay(true)?;
        let tls = match &endpoint.tls {
            None => None,
            Some(config) => {
                let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
                let session = ClientConnection::new(Arc::clone(config), name);
                let mut session = session.map_err(io::Error::other)?;
                while session.is_handshaking() {
                    session.complete_io(&mut socket)?;
                }
                Some(Box::new(session))
            }
        };
        socket.set_nonblocking(true)?;
        Ok(Self { socket, tls })
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Under TLS.
    pub(crate) fn is_session(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether written bytes have not been sent yet.
    pub(crate) fn holds_back(&self) -> bool {
        self.tls.as_ref().is_some_and(|session| session.wants_write())
    }

    /// Writes the bytes that the socket takes at once. An empty slice sends only retained bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(session) = &mut self.tls else { return no_wait(self.socket.write(bytes)) };
        let written = session.writer().write(bytes)?;
        while session.wants_write() {
            if no_wait(session.write_tls(&mut self.socket))? == 0 {
                break;
            }
        }
        Ok(written)
    }

    /// Reads available bytes. Returns `Ok(None)` if there are none yet, and 0 at the end.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(session) = &mut self.tls else { return nothing_yet(self.socket.read(into)) };
        loop {
            if let Some(bytes) = nothing_yet(session.reader().read(into))? {
                return Ok(Some(bytes));
            }
            match nothing_yet(session.read_tls(&mut self.socket))? {
                None | Some(0) => return Ok(None),
                Some(_) => session.process_new_packets().map_err(io::Error::other)?,
            };
        }
    }
}

/// Treats a socket that would block as one that takes nothing.
fn no_wait(result: io::Result<usize>) -> io::Result<usize> {
    nothing_yet(result).map(Option::unwrap_or_default)
}

fn nothing_yet(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
