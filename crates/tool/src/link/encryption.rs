//! TLS to a server, whose certificate one of the given authorities has signed.

use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::link_error::LinkError;

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
        let failed = |error: &dyn ToString| LinkError::Tls(error.to_string());
        let mut session = ClientConnection::new(Arc::clone(&self.config), self.server_name.clone())
            .map_err(|error| failed(&error))?;
        while session.is_handshaking() {
            session.complete_io(&mut socket).map_err(|error| failed(&error))?;
        }
        Ok(StreamOwned::new(session, socket))
    }
}
