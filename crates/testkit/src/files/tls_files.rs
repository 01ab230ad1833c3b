//! Certificates for servers and clients under TLS, made anew for each use.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// The name that certificates of servers are for.
pub const SERVER_NAME: &str = "localhost";

/// An authority, and a certificate with its key for a server and for a client; the files are gone
/// with it.
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

    /// As [`Self::new`], for a server that has a key already, in PEM.
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
        // A leftover of an ended process that had the same id.
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

    /// A new certificate and key in the files of the server.
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

    /// One of `ca.pem`, `server.pem`, `server.key`, `client.pem`, `client.key`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The value of `-o` for a server that shows its certificate and knows the authority.
    pub fn suboptions(&self) -> String {
        let path = |name: &str| self.path(name).display().to_string();
        format!(
            "ssl_chain_cert={},ssl_key={},ssl_ca_cert={}",
            path("server.pem"),
            path("server.key"),
            path("ca.pem")
        )
    }

    /// A client that trusts the authority. Its clones resume each other's sessions.
    pub fn client(&self) -> Arc<ClientConfig> {
        self.client_of(&[&TLS13, &TLS12], None)
    }

    /// As [`Self::client`], which speaks TLS 1.2 only.
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

    /// As [`Self::client`], for which every handshake is a full one.
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
        // They are in the directory for temporary files, whatever happens.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn certificate(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).expect("a certificate")
}
