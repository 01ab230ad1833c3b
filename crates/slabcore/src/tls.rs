//! `-Z` and `-o ssl_*`: from memcached's names to what TLS is served with.

use std::path::PathBuf;

use slabcore_server::{ClientCertificates, KeyFormat, Tls, TlsCiphers, TlsError, TlsSettings};

use crate::numbers::number;
use crate::refusal::Refusal;

/// Beginning of the names of all suboptions that are read here.
pub(crate) const PREFIX: &str = "ssl_";

/// What there is, and what each says.
pub(crate) const TLS_SUBOPTIONS: &[(&str, &str)] = &[
    ("ssl_chain_cert", "certificate and its chain, a PEM file; -Z needs it"),
    ("ssl_key", "its private key, a file; -Z needs it"),
    ("ssl_keyformat", "format of the key: PEM or 1 (default), DER or 2"),
    ("ssl_ca_cert", "PEM file of those who vouch for clients"),
    (
        "ssl_verify_mode",
        "certificates of clients: 0 not asked for (default), 1 asked for, 2 or 3 required",
    ),
    ("ssl_ciphers", "cipher suites of TLS 1.2, by OpenSSL's names (default: all there are)"),
    ("ssl_min_version", "oldest version: 2 for TLS 1.2 (default), 3 for TLS 1.3; 0 and 1 are as 2"),
    ("ssl_session_cache", "clients may resume their sessions"),
    ("ssl_wbuf_size", "accepted with a warning, without effect: records are 16 KiB at most"),
    ("ssl_kernel_tls", "accepted with a warning, without effect: this process encrypts"),
];

/// What the `-o ssl_*` say; without `-Z` it means nothing, as in memcached.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsSuboptions {
    chain_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    key_format: Option<KeyFormat>,
    ca_file: Option<PathBuf>,
    client_certificates: Option<ClientCertificates>,
    ciphers: Option<String>,
    min_version: Option<MinVersion>,
    session_cache: bool,
    warnings: Vec<String>,
}

/// Oldest protocol version to accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MinVersion {
    Tls12,
    Tls13,
}

impl TlsSuboptions {
    /// Takes one suboption; false if there is none of this name.
    pub(crate) fn take(&mut self, name: &str, value: Option<&str>) -> Result<bool, Refusal> {
        match name {
            "ssl_session_cache" => {
                self.session_cache = true;
                return Ok(true);
            }
            "ssl_kernel_tls" => {
                self.warn("ssl_kernel_tls", "records are encrypted by this process");
                return Ok(true);
            }
            _ => {}
        }
        let value = || value.ok_or_else(|| Refusal::bad_option(format!("Missing {name} argument")));
        match name {
            "ssl_chain_cert" => self.chain_file = Some(value()?.into()),
            "ssl_key" => self.key_file = Some(value()?.into()),
            "ssl_ca_cert" => self.ca_file = Some(value()?.into()),
            "ssl_ciphers" => self.ciphers = Some(value()?.to_owned()),
            "ssl_keyformat" => self.key_format = Some(key_format(value()?)?),
            "ssl_verify_mode" => self.client_certificates = Some(verify_mode(value()?)?),
            "ssl_min_version" => self.min_version = Some(self.min_version(value()?)?),
            "ssl_wbuf_size" => {
                if number::<u32>(value()?).is_none() {
                    return Err(unparsed(name));
                }
                self.warn("ssl_wbuf_size", "records are as large as what is ready, up to 16 KiB");
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads the files if there is to be TLS. Warnings go behind those that there are.
    pub(crate) fn load(
        self,
        enabled: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Tls>, Refusal> {
        if !enabled {
            if self != Self::default() {
                warnings.push("warning: -o ssl_* has no effect without -Z".to_owned());
            }
            return Ok(None);
        }
        warnings.extend(self.warnings);
        let ciphers = match &self.ciphers {
            None => TlsCiphers::ALL,
            Some(list) => ciphers(list, warnings)?,
        };
        let settings = TlsSettings {
            chain_file: self.chain_file.ok_or_else(|| Refusal::usage("-Z needs ssl_chain_cert"))?,
            key_file: self.key_file.ok_or_else(|| Refusal::usage("-Z needs ssl_key"))?,
            key_format: self.key_format.unwrap_or(KeyFormat::Pem),
            ca_file: self.ca_file,
            client_certificates: self.client_certificates.unwrap_or(ClientCertificates::Ignored),
            ciphers,
            only_tls13: self.min_version == Some(MinVersion::Tls13),
            session_cache: self.session_cache,
        };
        Tls::load(settings).map(Some).map_err(|error: TlsError| Refusal::usage(error.to_string()))
    }

    fn min_version(&mut self, word: &str) -> Result<MinVersion, Refusal> {
        match number::<u8>(word) {
            Some(old @ (0 | 1)) => {
                let version = ["1.0", "1.1"][usize::from(old)];
                let instead = format!("there is no TLS {version} here: 1.2 is the oldest");
                self.warn("ssl_min_version", &instead);
                Ok(MinVersion::Tls12)
            }
            Some(2) => Ok(MinVersion::Tls12),
            Some(3) => Ok(MinVersion::Tls13),
            Some(_) => Err(invalid("ssl_min_version")),
            None => Err(unparsed("ssl_min_version")),
        }
    }

    fn warn(&mut self, name: &str, instead: &str) {
        self.warnings.push(format!("warning: -o {name} has no effect: {instead}"));
    }
}

/// memcached takes OpenSSL's number for the format; its help has the names.
fn key_format(word: &str) -> Result<KeyFormat, Refusal> {
    match word {
        "1" | "PEM" => Ok(KeyFormat::Pem),
        "2" | "DER" => Ok(KeyFormat::Der),
        _ => Err(unparsed("ssl_keyformat")),
    }
}

fn verify_mode(word: &str) -> Result<ClientCertificates, Refusal> {
    match number::<u8>(word) {
        Some(0) => Ok(ClientCertificates::Ignored),
        Some(1) => Ok(ClientCertificates::Asked),
        // Who renegotiates is refused: once is always.
        Some(2 | 3) => Ok(ClientCertificates::Required),
        Some(_) => Err(invalid("ssl_verify_mode")),
        None => Err(unparsed("ssl_verify_mode")),
    }
}

fn ciphers(list: &str, warnings: &mut Vec<String>) -> Result<TlsCiphers, Refusal> {
    let Some((ciphers, unknown)) = TlsCiphers::parse(list) else {
        let names: Vec<_> = TlsCiphers::names().collect();
        return Err(Refusal::usage(format!(
            "Error setting the provided cipher(s): {list}\n -- of TLS 1.2 there are {}",
            names.join(", ")
        )));
    };
    for word in unknown {
        warnings.push(format!("warning: ssl_ciphers: there is no {word} here"));
    }
    Ok(ciphers)
}

fn unparsed(name: &str) -> Refusal {
    Refusal::bad_option(format!("could not parse argument to {name}"))
}

fn invalid(name: &str) -> Refusal {
    Refusal::bad_option(format!("Invalid {name}. Use help to see valid options."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(entries: &[(&str, &str)]) -> TlsSuboptions {
        let mut suboptions = TlsSuboptions::default();
        for (name, value) in entries {
            assert_eq!(suboptions.take(name, Some(value)), Ok(true), "{name}");
        }
        suboptions
    }

    #[test]
    fn values() {
        let suboptions =
            taken(&[("ssl_verify_mode", "3"), ("ssl_keyformat", "2"), ("ssl_min_version", "3")]);
        assert_eq!(suboptions.client_certificates, Some(ClientCertificates::Required));
        assert_eq!(suboptions.key_format, Some(KeyFormat::Der));
        assert_eq!(suboptions.min_version, Some(MinVersion::Tls13));
        let mut suboptions = TlsSuboptions::default();
        assert_eq!(suboptions.take("ssl_foo", None), Ok(false));
    }

    #[test]
    fn what_has_no_effect_says_so() {
        let names = ["ssl_wbuf_size", "ssl_kernel_tls", "ssl_min_version"];
        let suboptions = taken(&names.map(|name| (name, "1")));
        for (warning, name) in suboptions.warnings.iter().zip(names) {
            assert!(warning.starts_with(&format!("warning: -o {name} has no effect: ")));
        }
        assert_eq!(suboptions.warnings.len(), names.len());
        for entry in [("ssl_key", "x"), ("ssl_min_version", "2"), ("ssl_verify_mode", "0")] {
            let mut warnings = Vec::new();
            assert!(taken(&[entry]).load(false, &mut warnings).unwrap().is_none());
            assert_eq!(warnings, ["warning: -o ssl_* has no effect without -Z"], "{entry:?}");
        }
    }

    #[test]
    fn refusals() {
        let check = |name: &str, value: Option<&str>, message: &str| {
            let refusal = TlsSuboptions::default().take(name, value).unwrap_err();
            assert_eq!((refusal.exit_code, refusal.to_string()), (1, message.to_owned()), "{name}");
        };
        check("ssl_key", None, "Missing ssl_key argument");
        check("ssl_keyformat", Some("foo"), "could not parse argument to ssl_keyformat");
        let help = "Use help to see valid options.";
        check("ssl_verify_mode", Some("5"), &format!("Invalid ssl_verify_mode. {help}"));
        check("ssl_min_version", Some("7"), &format!("Invalid ssl_min_version. {help}"));
    }

    #[test]
    fn what_is_missing_or_cannot_be_read_ends_the_start() {
        let check = |entries: &[(&str, &str)], beginning: &str| {
            let refusal = taken(entries).load(true, &mut Vec::new()).unwrap_err();
            assert_eq!(refusal.exit_code, 64);
            assert!(refusal.to_string().starts_with(beginning), "{refusal}");
        };
        check(&[], "-Z needs ssl_chain_cert");
        check(&[("ssl_chain_cert", "a")], "-Z needs ssl_key");
        let files = [("ssl_chain_cert", "/no/chain"), ("ssl_key", "/no/key")];
        let absent = "Error loading the certificate chain: /no/chain : No such file or directory";
        check(&files, absent);
        check(&[files[0], files[1], ("ssl_verify_mode", "2")], "Clients can show certificates");
        check(
            &[files[0], files[1], ("ssl_ciphers", "foo")],
            "Error setting the provided cipher(s): foo",
        );
    }
}
