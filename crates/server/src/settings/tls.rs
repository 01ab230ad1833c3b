//! The TLS configuration: the server's certificate, client certificates, versions and ciphers.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::ring as crypto;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, InconsistentKeys,
    RootCertStore, ServerConfig, SignatureScheme,
};

use crate::settings::tls_ciphers::TlsCiphers;

/// Sessions that the server remembers by id. Tickets need no memory.
const SESSIONS_MAX: usize = 4096;

/// Whether clients show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Clients are not asked for one.
    Ignored,
    /// Clients are asked for one. If a client shows one, it must be valid.
    Asked,
    /// A client without a valid one is refused.
    Required,
}

/// How the private key is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFormat {
    /// Base64 text between header and footer lines.
    Pem,
    /// Binary DER.
    Der,
}

/// What the operator chose (`-o ssl_*`).
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// The server's certificate chain, in PEM (`ssl_chain_cert`).
    pub chain_file: PathBuf,
    /// The certificate's private key (`ssl_key`).
    pub key_file: PathBuf,
    /// Format of `key_file` (`ssl_keyformat`).
    pub key_format: KeyFormat,
    /// Certificates of the authorities for client certificates, in PEM (`ssl_ca_cert`).
    pub ca_file: Option<PathBuf>,
    /// Client certificates, unless a listener has an own rule (`ssl_verify_mode`).
    pub client_certificates: ClientCertificates,
    /// Cipher suites (`ssl_ciphers`).
    pub ciphers: TlsCiphers,
    /// Refuse TLS 1.2 (`ssl_min_version`).
    pub only_tls13: bool,
    /// Remember sessions for clients of TLS 1.2 that keep no tickets (`ssl_session_cache`).
    pub session_cache: bool,
}

/// The TLS configuration in use: the contents of the files, checked.
#[derive(Clone)]
pub struct Tls {
    settings: TlsSettings,
    ignoring: Arc<ServerConfig>,
    asking: Arc<ServerConfig>,
    requiring: Arc<ServerConfig>,
    loaded: Instant,
}

/// Why there can be no TLS.
#[derive(Debug)]
pub enum TlsError {
    /// The certificate chain cannot be read, or the file has none.
    Chain(PathBuf, pem::Error),
    /// The private key cannot be read, or the file has none.
    Key(PathBuf, pem::Error),
    /// The certificates of the authorities cannot be read, or the file has none.
    Authorities(PathBuf, pem::Error),
    /// The key does not belong to the certificate, or its type is not supported.
    Unusable(Error),
    /// The certificates of the authorities are invalid.
    BadAuthorities(PathBuf, String),
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files and checks that they fit together.
    pub fn load(settings: TlsSettings) -> Result<Self, TlsError> {
        let provider = Arc::new(CryptoProvider {
            cipher_suites: settings.ciphers.suites(),
            ..crypto::default_provider()
        });
        let authorities = settings.ca_file.as_deref().map(authorities).transpose()?;
        let chain = chain(&settings.chain_file)?;
        let configure = |verifier: Option<Arc<dyn ClientCertVerifier>>| {
            let key = key(&settings.key_file, settings.key_format)?;
            configure(&settings, &provider, verifier, chain.clone(), key)
        };
        let demanding = |client_certificates| {
            let verifier = match &authorities {
                Some(roots) => verifier(roots, &provider, client_certificates).map_err(|why| {
                    TlsError::BadAuthorities(settings.ca_file.clone().unwrap_or_default(), why)
                })?,
                None => Arc::new(NoAuthorities {
                    demanded: client_certificates,
                    provider: Arc::clone(&provider),
                }),
            };
            configure(Some(verifier))
        };
        Ok(Self {
            ignoring: configure(None)?,
            asking: demanding(ClientCertificates::Asked)?,
            requiring: demanding(ClientCertificates::Required)?,
            loaded: Instant::now(),
            settings,
        })
    }

    /// Reads the files again. Earlier sessions cannot be resumed, so the new files hold for all.
    pub fn reload(&self) -> Result<Self, TlsError> {
        Self::load(self.settings.clone())
    }

    /// What the operator chose.
    pub fn settings(&self) -> &TlsSettings {
        &self.settings
    }

    /// True if there are authorities for client certificates.
    pub fn has_authorities(&self) -> bool {
        self.settings.ca_file.is_some()
    }

    /// When the files were read.
    pub(crate) fn loaded(&self) -> Instant {
        self.loaded
    }

    /// The configuration of a handshake.
    pub(crate) fn config(&self, demanded: ClientCertificates) -> &Arc<ServerConfig> {
        match demanded {
            ClientCertificates::Ignored => &self.ignoring,
            ClientCertificates::Asked => &self.asking,
            ClientCertificates::Required => &self.requiring,
        }
    }
}

fn configure(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let versions = if settings.only_tls13 { &[&TLS13][..] } else { &[&TLS13, &TLS12][..] };
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(TlsError::Unusable)?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(identity(provider, chain, key)?);
    // Clients keep the tickets. Each load, and each rule for client certificates, has a key of its
    // own, so no client resumes a session that the present files and rule would not allow.
    config.ticketer = crypto::Ticketer::new().map_err(TlsError::Unusable)?;
    config.session_storage = if settings.session_cache {
        ServerSessionMemoryCache::new(SESSIONS_MAX)
    } else {
        Arc::new(NoServerSessionStorage {})
    };
    Ok(Arc::new(config))
}

/// The server's certificate with its key.
fn identity(
    provider: &CryptoProvider,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<SingleCertAndKey>, TlsError> {
    let key = provider.key_provider.load_private_key(key).map_err(TlsError::Unusable)?;
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        // A certificate of version 1 works, but its key cannot be compared.
        Ok(())
        | Err(
            Error::InconsistentKeys(InconsistentKeys::Unknown)
            | Error::InvalidCertificate(CertificateError::Other(_)),
        ) => Ok(Arc::new(SingleCertAndKey::from(identity))),
        Err(error) => Err(TlsError::Unusable(error)),
    }
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let error = |error| TlsError::Chain(file.to_owned(), error);
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .map_err(error)?
        .collect::<Result<_, _>>()
        .map_err(error)?;
    if certificates.is_empty() { Err(error(pem::Error::NoItemsFound)) } else { Ok(certificates) }
}

fn key(file: &Path, format: KeyFormat) -> Result<PrivateKeyDer<'static>, TlsError> {
    let error = |error| TlsError::Key(file.to_owned(), error);
    match format {
        KeyFormat::Pem => PrivateKeyDer::from_pem_file(file).map_err(error),
        KeyFormat::Der => {
            let bytes = std::fs::read(file).map_err(|io| error(pem::Error::Io(io)))?;
            // The only error: it is none of the three encodings of a key.
            PrivateKeyDer::try_from(bytes).map_err(|_| error(pem::Error::NoItemsFound))
        }
    }
}

fn authorities(file: &Path) -> Result<Arc<RootCertStore>, TlsError> {
    let error = |error| TlsError::Authorities(file.to_owned(), error);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(error)? {
        let added = roots.add(certificate.map_err(error)?);
        added.map_err(|why| TlsError::BadAuthorities(file.to_owned(), why.to_string()))?;
    }
    if roots.is_empty() { Err(error(pem::Error::NoItemsFound)) } else { Ok(Arc::new(roots)) }
}

fn verifier(
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    demanded: ClientCertificates,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider));
    let builder = match demanded {
        ClientCertificates::Required => builder,
        _ => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|error| error.to_string())
}

/// Verifies clients without authorities: refuses every certificate.
#[derive(Debug)]
struct NoAuthorities {
    demanded: ClientCertificates,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for NoAuthorities {
    fn client_auth_mandatory(&self) -> bool {
        self.demanded == ClientCertificates::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut file = |what: &str, file: &Path, why: &dyn fmt::Display| {
            write!(f, "Error loading the {what}: {} : {why}", file.display())
        };
        match self {
            Self::Chain(path, error) => file("certificate chain", path, &Why(error)),
            Self::Key(path, error) => file("key", path, &Why(error)),
            Self::Authorities(path, error) => file("CA certificate", path, &Why(error)),
            Self::BadAuthorities(path, why) => file("CA certificate", path, why),
            Self::Unusable(error) => write!(f, "Error with the certificate and its key: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}

/// An error of a PEM file, in words for operators.
struct Why<'a>(&'a pem::Error);

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            pem::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                write!(f, "No such file or directory")
            }
            pem::Error::Io(error) => write!(f, "{error}"),
            pem::Error::NoItemsFound => write!(f, "the file has none"),
            error => write!(f, "{error}"),
        }
    }
}
