//! Where a server listens.

use std::fmt;
use std::path::PathBuf;

/// memcached's port.
const PORT: u16 = 11211;

/// A TCP port or a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServerAddress {
    /// A name or an address, and a port.
    Tcp(String, u16),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl ServerAddress {
    /// Reads `HOST`, `HOST:PORT`, `:PORT`, an IPv6 address with or without brackets, `/path` or
    /// `unix:/path`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:").or(text.starts_with('/').then_some(text)) {
            return Ok(Self::Unix(path.into()));
        }
        let (host, port) = match text.strip_prefix('[').and_then(|it| it.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, rest)) => {
                (host, Some(rest.strip_prefix(':').ok_or("a port follows a colon")?))
            }
            None => match text.split_once(':') {
                // Several colons: an IPv6 address alone.
                Some((_, rest)) if rest.contains(':') => (text, None),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            None => PORT,
            Some(port) => port.parse().ok().filter(|&it| it > 0).ok_or("a port is 1 to 65535")?,
        };
        let host = if host.is_empty() { "127.0.0.1" } else { host };
        Ok(Self::Tcp(host.to_owned(), port))
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let check = |text: &str, expected: Option<&str>| {
            let got = ServerAddress::parse(text).ok().map(|address| address.to_string());
            assert_eq!(got.as_deref(), expected, "{text}");
        };
        check("cache", Some("cache:11211"));
        check("cache:1", Some("cache:1"));
        check(":11212", Some("127.0.0.1:11212"));
        check("::1", Some("[::1]:11211"));
        check("[::1]", Some("[::1]:11211"));
        check("[fe80::1%eth0]:5", Some("[fe80::1%eth0]:5"));
        check("/run/s", Some("/run/s"));
        check("unix:s", Some("s"));
        check("cache:0", None);
        check("cache:x", None);
        check("cache:65536", None);
        check("[::1]5", None);
    }
}
