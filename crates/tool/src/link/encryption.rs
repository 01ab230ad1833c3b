//! TLS to a server, whose certificate one of the given authorities has signed.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::link_error::LinkError;
use crate::limits::ANSWER_DURATION_MAX;

/// A connection under TLS.
pub(super) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// The authorities that are trusted, and the name that the server must have.
#[derive(Debug, Clone)]
pub(crate) struct Encryption {
    config: Arc<ClientConfig>,
    server_name: ServerName<'static>,
}

impl Encryption {
    /// Trusts the certificates in a PEM file. The server's certificate must be for `server_name`.
    pub(crate) fn new(authorities_pem: &[u8], server_name: &str) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities_pem) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        if roots.is_empty() {
            return Err("there is no certificate in it".to_owned());
        }
        let server_name = ServerName::try_from(server_name.to_owned())
            .map_err(|_| format!("{server_name:?} is no name of a server"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), server_name })
    }

    /// Begins a session, with its handshake.
    pub(super) fn begin(&self, mut socket: TcpStream) -> Result<TlsStream, LinkError> {
        let mut session = ClientConnection::new(Arc::clone(&self.config), self.server_name.clone())
            .map_err(|error| LinkError::Tls(error.to_string()))?;
        let deadline = Instant::now() + ANSWER_DURATION_MAX;
        while session.is_handshaking() {
            // Each read has a limit of its own; a server may send byte by byte.
            if Instant::now() > deadline {
                return Err(LinkError::Slow);
            }
            shake_hands(&mut session, &mut socket).map_err(|error| match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => LinkError::Slow,
                _ => LinkError::Tls(error.to_string()),
            })?;
        }
        Ok(StreamOwned::new(session, socket))
    }
}

/// One step of a handshake: one send, or else one read.
fn shake_hands(session: &mut ClientConnection, socket: &mut TcpStream) -> io::Result<()> {
    if session.wants_write() {
        return session.write_tls(socket).map(drop);
    }
    if session.read_tls(socket)? == 0 {
        return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection"));
    }
    session.process_new_packets().map(drop).map_err(|error| {
        // The alert, if the server still reads.
        let _ = session.write_tls(socket);
        io::Error::new(ErrorKind::InvalidData, error)
    })
}
