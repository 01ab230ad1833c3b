//! `-Z` and `-o ssl_*`: the settings of TLS, under memcached's names.

use std::path::PathBuf;

use slabcore_server::{
    ClientCertificates, KeyFormat, Tls, TlsCiphers, TlsError, TlsSettings, TlsWords,
};

use super::option_values::number;
use crate::refusal::Refusal;

/// The beginning of the names of all TLS suboptions.
pub(super) const PREFIX: &str = "ssl_";

/// All TLS suboptions, with their help.
pub(crate) const TLS_SUBOPTIONS: &[(&str, &str)] = &[
    ("ssl_chain_cert", "PEM file with the certificate and its chain; required with -Z"),
    ("ssl_key", "file with the private key; required with -Z"),
    ("ssl_keyformat", "format of the key: PEM or 1 (default), DER or 2"),
    ("ssl_ca_cert", "PEM file with the authorities that sign certificates of clients"),
    (
        "ssl_verify_mode",
        "certificates of clients: 0 ignored (default), 1 requested, 2 or 3 required",
    ),
    ("ssl_ciphers", "cipher suites of TLS 1.2, by OpenSSL's names (default: all)"),
    ("ssl_min_version", "oldest version: 2 for TLS 1.2 (default), 3 for TLS 1.3; 0 and 1 mean 2"),
    ("ssl_session_cache", "clients may resume their sessions"),
    ("ssl_wbuf_size", "accepted with a warning, without effect: records have at most 16 KiB"),
    ("ssl_kernel_tls", "accepted with a warning, without effect: this process encrypts"),
];

/// The values of all `-o ssl_*`. Without `-Z` they only appear in `stats settings`, as in
/// memcached.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TlsSuboptions {
    words: TlsWords,
    warnings: Vec<String>,
    is_given: bool,
}

impl TlsSuboptions {
    /// Takes one suboption. Returns false if none has this name.
    pub(super) fn take(&mut self, name: &str, value: Option<&str>) -> Result<bool, Refusal> {
        self.is_given = true;
        match name {
            "ssl_session_cache" => {
                self.words.session_cache = true;
                return Ok(true);
            }
            "ssl_kernel_tls" => {
                self.words.kernel_tls = true;
                self.warn("ssl_kernel_tls", "records are encrypted by this process");
                return Ok(true);
            }
            _ => {}
        }
        let value = || value.ok_or_else(|| Refusal::bad_option(format!("Missing {name} argument")));
        let words = &mut self.words;
        match name {
            "ssl_chain_cert" => words.chain_file = Some(value()?.to_owned()),
            "ssl_key" => words.key_file = Some(value()?.to_owned()),
            "ssl_ca_cert" => words.ca_file = Some(value()?.to_owned()),
            "ssl_ciphers" => words.ciphers = Some(value()?.to_owned()),
            "ssl_keyformat" => words.key_format = key_format(value()?)?,
            "ssl_verify_mode" => words.verify_mode = up_to_three(name, value()?)?,
            "ssl_min_version" => {
                words.min_version = up_to_three(name, value()?)?;
                if let Some(version) = ["1.0", "1.1"].get(usize::from(words.min_version)) {
                    let instead = format!("TLS {version} is not supported: 1.2 is the oldest");
                    self.warn(name, &instead);
                }
            }
            "ssl_wbuf_size" => {
                let kib = number::<u32>(value()?).ok_or_else(|| unparsed(name))?;
                words.write_buffer_bytes = u64::from(kib) << 10;
                self.warn(name, "records have what is ready, up to 16 KiB");
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The values as given, for `stats settings`.
    pub(super) fn words(&self) -> &TlsWords {
        &self.words
    }

    /// Reads the files of TLS if it is enabled (`-Z`). Appends to `warnings`.
    pub(super) fn load(
        self,
        enabled: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Tls>, Refusal> {
        if !enabled {
            if self.is_given {
                warnings.push("warning: -o ssl_* has no effect without -Z".to_owned());
            }
            return Ok(None);
        }
        warnings.extend(self.warnings);
        let words = self.words;
        let ciphers = match &words.ciphers {
            None => TlsCiphers::ALL,
            Some(list) => ciphers(list, warnings)?,
        };
        let chain_file = words.chain_file.ok_or_else(|| Refusal::usage("-Z needs ssl_chain_cert"));
        let settings = TlsSettings {
            chain_file: chain_file?.into(),
            key_file: words.key_file.ok_or_else(|| Refusal::usage("-Z needs ssl_key"))?.into(),
            key_format: if words.key_format == DER { KeyFormat::Der } else { KeyFormat::Pem },
            ca_file: words.ca_file.map(PathBuf::from),
            client_certificates: client_certificates(words.verify_mode),
            ciphers,
            only_tls13: words.min_version == 3,
            session_cache: words.session_cache,
        };
        if settings.ca_file.is_none() {
            let refused = match settings.client_certificates {
                ClientCertificates::Ignored => None,
                ClientCertificates::Asked => Some("clients that show a certificate are refused"),
                ClientCertificates::Required => Some("all clients are refused"),
            };
            warnings.extend(refused.map(|refused| {
                let mode = words.verify_mode;
                format!("warning: -o ssl_verify_mode={mode} without ssl_ca_cert: {refused}")
            }));
        }
        Tls::load(settings).map(Some).map_err(|error: TlsError| Refusal::usage(error.to_string()))
    }

    fn warn(&mut self, name: &str, instead: &str) {
        self.warnings.push(format!("warning: -o {name} has no effect: {instead}"));
    }
}

/// OpenSSL's numbers for formats of keys.
const PEM: u8 = 1;
const DER: u8 = 2;

/// Parses `ssl_keyformat`: a number of OpenSSL, as memcached reads it, or the name in its help.
fn key_format(word: &str) -> Result<u8, Refusal> {
    match word {
        "1" | "PEM" => Ok(PEM),
        "2" | "DER" => Ok(DER),
        _ => Err(unparsed("ssl_keyformat")),
    }
}

/// Parses a number from 0 to 3.
fn up_to_three(name: &str, word: &str) -> Result<u8, Refusal> {
    match number::<u8>(word) {
        Some(number @ 0..=3) => Ok(number),
        Some(_) => Err(invalid(name)),
        None => Err(unparsed(name)),
    }
}

fn client_certificates(verify_mode: u8) -> ClientCertificates {
    match verify_mode {
        0 => ClientCertificates::Ignored,
        1 => ClientCertificates::Asked,
        // memcached's "once" (3) differs only when a client renegotiates, which rustls refuses.
        _ => ClientCertificates::Required,
    }
}

fn ciphers(list: &str, warnings: &mut Vec<String>) -> Result<TlsCiphers, Refusal> {
    let Some((ciphers, unknown)) = TlsCiphers::parse(list) else {
        let names: Vec<_> = TlsCiphers::names().collect();
        return Err(Refusal::usage(format!(
            "Error setting the provided cipher(s): {list}\n -- for TLS 1.2 there are {}",
            names.join(", ")
        )));
    };
    for word in unknown {
        warnings.push(format!("warning: ssl_ciphers: {word} is not supported"));
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
        let words = suboptions.words();
        assert_eq!(client_certificates(words.verify_mode), ClientCertificates::Required);
        assert_eq!((words.key_format, words.min_version), (DER, 3));
        let mut suboptions = TlsSuboptions::default();
        assert_eq!(suboptions.take("ssl_foo", None), Ok(false));
    }

    #[test]
    fn suboptions_without_effect_warn() {
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
    fn missing_and_unreadable_files_are_refused() {
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
        check(
            &[files[0], files[1], ("ssl_ciphers", "foo")],
            "Error setting the provided cipher(s): foo",
        );
    }
}
