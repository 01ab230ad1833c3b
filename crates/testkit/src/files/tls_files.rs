//! Certificates for servers and clients under TLS, created for each use.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// The name in the certificates of servers.
pub const SERVER_NAME: &str = "localhost";

/// An authority, and a certificate with its key for a server and for a client. Dropping it removes
/// the files.
#[derive(Debug)]
pub struct TlsFiles {
    directory: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl TlsFiles {
    /// A new authority, server and client.
    pub fn new() -> Self {
        let files = Self::without_server();
        files.renew_server();
        files
    }

    /// As [`Self::new`], with this key for the server, in PEM.
    pub fn with_server_key(pem: &str) -> Self {
        let files = Self::without_server();
        files.certify("server", &KeyPair::from_pem(pem).expect("a key"));
        files
    }

    fn without_server() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("slabcore-test-tls-{}-{count}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        // An ended process with the same id may have left one.
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).expect("a directory for certificates");
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(authority, key).expect("an authority");
        let files = Self { directory, issuer };
        files.write("ca.pem", &files.issuer.pem());
        files.certify("client", &KeyPair::generate().expect("a key"));
        files
    }

    /// Replaces the server's certificate and key.
    pub fn renew_server(&self) {
        self.certify("server", &KeyPair::generate().expect("a key"));
    }

    fn certify(&self, owner: &str, key: &KeyPair) {
        let mut params = CertificateParams::new([SERVER_NAME.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, owner);
        let certificate = params.signed_by(key, &self.issuer).expect("a certificate");
        self.write(&format!("{owner}.key"), &key.serialize_pem());
        self.write(&format!("{owner}.pem"), &certificate.pem());
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(name), text).expect("a file of certificates");
    }

    /// The path of `ca.pem`, `server.pem`, `server.key`, `client.pem` or `client.key`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The value of `-o` for a server with this certificate and authority.
    pub fn suboptions(&self) -> String {
        let path = |name: &str| self.path(name).display().to_string();
        format!(
            "ssl_chain_cert={},ssl_key={},ssl_ca_cert={}",
            path("server.pem"),
            path("server.key"),
            path("ca.pem")
        )
    }

    /// The configuration of a client that trusts the authority. Its clones resume each other's
    /// sessions.
    pub fn client(&self) -> Arc<ClientConfig> {
        self.client_of(&[&TLS13, &TLS12], None)
    }

    /// As [`Self::client`], with TLS 1.2 only.
    pub fn old_client(&self) -> Arc<ClientConfig> {
        self.client_of(&[&TLS12], None)
    }

    /// As [`Self::client`], with a certificate of its own.
    pub fn certified_client(&self) -> Arc<ClientConfig> {
        self.client_of(&[&TLS13, &TLS12], Some(self))
    }

    /// As [`Self::client`], with a certificate of another authority.
    pub fn client_certified_by(&self, other: &Self) -> Arc<ClientConfig> {
        self.client_of(&[&TLS13, &TLS12], Some(other))
    }

    /// As [`Self::client`], without resumption of sessions.
    pub fn client_without_resumption(&self) -> Arc<ClientConfig> {
        let mut config = Arc::unwrap_or_clone(self.client());
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }

    fn client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        certified_by: Option<&Self>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.path("ca.pem"))).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions that there are")
            .with_root_certificates(roots);
        Arc::new(if let Some(files) = certified_by {
            let key = PrivateKeyDer::from_pem_file(files.path("client.key")).expect("a key");
            let chain = vec![certificate(&files.path("client.pem"))];
            builder.with_client_auth_cert(chain, key).expect("a certificate and its key")
        } else {
            builder.with_no_client_auth()
        })
    }
}

impl Default for TlsFiles {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TlsFiles {
    fn drop(&mut self) {
        // If this fails, the system removes temporary files at some time.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn certificate(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).expect("a certificate")
}
