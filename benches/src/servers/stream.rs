//! A connected, non-blocking socket, plain or under TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use slabcore_testkit::tls_files::SERVER_NAME;

/// Where a server listens, and what it speaks there.
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

/// See the module.
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

    /// True if bytes that were written have not left.
    pub(crate) fn holds_back(&self) -> bool {
        self.tls.as_ref().is_some_and(|session| session.wants_write())
    }

    /// Writes what is taken at once; with no bytes, only what was held back.
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

    /// Reads what is there. `Ok(None)`: nothing, for now; 0 is the end.
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

/// A socket that would have to be waited for takes nothing.
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
