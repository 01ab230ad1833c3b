//! `ssl_ciphers`: OpenSSL's names of cipher suites, and which of them exist here.

use rustls::SupportedCipherSuite;
use rustls::crypto::ring::{ALL_CIPHER_SUITES, cipher_suite};

/// Suites of TLS 1.2 by OpenSSL's names. Such lists do not select suites of TLS 1.3.
const NAMES: &[(&str, SupportedCipherSuite)] = &[
    ("ECDHE-ECDSA-AES256-GCM-SHA384", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES256-GCM-SHA384", cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES128-GCM-SHA256", cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

/// Words of OpenSSL's lists that mean many suites, among them all that exist here.
const EVERYTHING: &[&str] = &["ALL", "DEFAULT", "COMPLEMENTOFDEFAULT", "HIGH", "ECDHE", "EECDH"];

/// The cipher suites in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsCiphers {
    /// Names of the chosen suites of TLS 1.2 in order of preference. `None`: all.
    chosen: Option<Vec<&'static str>>,
}

impl TlsCiphers {
    /// All suites.
    pub const ALL: Self = Self { chosen: None };

    /// Parses a list of OpenSSL's: names between colons, `!name` or `-name` to exclude one, and
    /// words for many. Also returns the words without meaning here.
    ///
    /// `None` if no suite is left.
    pub fn parse(list: &str) -> Option<(Self, Vec<&str>)> {
        let mut chosen: Vec<&'static str> = Vec::new();
        let mut unknown = Vec::new();
        for word in list.split([':', ',', ' ']).filter(|word| !word.is_empty()) {
            if let Some(excluded) = word.strip_prefix(['!', '-']) {
                // A suite that does not exist here needs no exclusion.
                chosen.retain(|&name| name != excluded);
                continue;
            }
            let word = word.strip_prefix('+').unwrap_or(word);
            let all = EVERYTHING.contains(&word);
            let before = chosen.len();
            for (name, _) in NAMES {
                if (all || *name == word) && !chosen.contains(name) {
                    chosen.push(name);
                }
            }
            let repeated = chosen.contains(&word);
            if chosen.len() == before && !all && !repeated && !word.starts_with('@') {
                unknown.push(word);
            }
        }
        (!chosen.is_empty()).then_some((Self { chosen: Some(chosen) }, unknown))
    }

    /// The names of all suites of TLS 1.2.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The suites in order of preference: all of TLS 1.3, then the chosen ones of TLS 1.2.
    pub(super) fn suites(&self) -> Vec<SupportedCipherSuite> {
        let tls13 = ALL_CIPHER_SUITES.iter().filter(|suite| suite.tls13().is_some()).copied();
        let suite = |name: &str| NAMES.iter().find(|it| it.0 == name).map(|it| it.1);
        match &self.chosen {
            None => ALL_CIPHER_SUITES.to_vec(),
            Some(chosen) => tls13.chain(chosen.iter().filter_map(|name| suite(name))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_of_tls_1_2_has_its_name() {
        let tls12 = ALL_CIPHER_SUITES.iter().filter(|suite| suite.tls13().is_none());
        for suite in tls12 {
            assert!(NAMES.iter().any(|it| it.1 == *suite), "{suite:?}");
        }
        assert_eq!(TlsCiphers::ALL.suites().len(), ALL_CIPHER_SUITES.len());
    }

    #[test]
    fn lists() {
        let check = |list: &str, tls12: usize, unknown: &[&str]| {
            let (ciphers, strange) = TlsCiphers::parse(list).unwrap();
            let suites = ciphers.suites();
            assert_eq!(suites.len(), tls12 + 3, "{list}");
            assert_eq!(strange, unknown, "{list}");
        };
        check("ECDHE-RSA-AES128-GCM-SHA256", 1, &[]);
        check("ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA", 1, &["AES128-SHA"]);
        check("HIGH:!aNULL:!MD5", 6, &[]);
        check("DEFAULT:!ECDHE-RSA-CHACHA20-POLY1305:@STRENGTH", 5, &[]);
        check("HIGH:ECDHE-RSA-AES128-GCM-SHA256", 6, &[]);
        assert_eq!(TlsCiphers::parse("foo"), None);
        assert_eq!(TlsCiphers::parse(""), None);
        let (ciphers, _) = TlsCiphers::parse("ECDHE-RSA-AES128-GCM-SHA256:HIGH").unwrap();
        let first = ciphers.suites().into_iter().find(|suite| suite.tls13().is_none());
        assert_eq!(first, Some(cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256));
    }
}
