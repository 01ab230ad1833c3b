//! The grammar of `-l`: `host`, `host:port`, `[v6]`, `[v6]:port`, `*`, in lists with `,` or `;`.

use slabcore_server::settings::{Encryption, Protocol, TcpListen};
use slabcore_server::{ClientCertificates, Tls};

use crate::numbers::number;
use crate::refusal::Refusal;

/// memcached's longest tag of a listener.
const TAG_BYTES_MAX: usize = 8;

/// What one or more `-l` say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listening {
    pub(crate) addresses: Vec<TcpListen>,
    pub(crate) warnings: Vec<String>,
}

/// Parses the values of all `-l`; entries without a port of their own get `port`.
///
/// Names are not resolved here.
pub(crate) fn parse<'a>(
    values: impl Iterator<Item = &'a str>,
    port: u16,
    tls: Option<&Tls>,
) -> Result<Listening, Refusal> {
    let mut listening = Listening::default();
    let mut given = false;
    for value in values {
        given = true;
        for entry in value.split([',', ';']).filter(|entry| !entry.is_empty()) {
            let refusal = |why| Refusal::os_error(format!("{why}\n{}", failed(value)));
            let (encryption, entry) = encryption(entry, tls)?;
            let (protocol, entry) = protocol(entry, &mut listening.warnings).map_err(refusal)?;
            let entry = without_tag(entry).map_err(refusal)?;
            let address = address(entry, port).map_err(refusal)?;
            listening.addresses.push(TcpListen { protocol, encryption, ..address });
        }
        if listening.addresses.is_empty() {
            return Err(Refusal::os_error(failed(value)));
        }
    }
    if !given {
        listening.addresses.push(TcpListen::new(None, port));
    }
    Ok(listening)
}

fn failed(value: &str) -> String {
    format!("failed to listen on one of interface(s) {value}")
}

/// Takes the prefixes for TLS off, which stand first and need TLS.
fn encryption<'a>(entry: &'a str, tls: Option<&Tls>) -> Result<(Encryption, &'a str), Refusal> {
    let prefixes = [
        ("notls", Encryption::None),
        ("btls", Encryption::Tls(ClientCertificates::Ignored)),
        ("mtls", Encryption::Tls(ClientCertificates::Required)),
    ];
    for (name, encryption) in prefixes {
        let prefixed = entry.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
        let Some(rest) = prefixed else { continue };
        return match tls {
            None => {
                Err(Refusal::os_error(format!("'{name}' option is valid only when SSL is enabled")))
            }
            Some(tls) if name == "mtls" && !tls.has_authorities() => Err(Refusal::usage(
                "'mtls' asks clients for certificates: ssl_ca_cert must name who vouches for them",
            )),
            Some(_) => Ok((encryption, rest)),
        };
    }
    Ok((Encryption::Default, entry))
}

/// Takes `proto[name]:` off; a name that is none leaves it to the first byte, as memcached does.
fn protocol<'a>(
    entry: &'a str,
    warnings: &mut Vec<String>,
) -> Result<(Option<Protocol>, &'a str), String> {
    let Some(inside) = entry.strip_prefix("proto") else { return Ok((None, entry)) };
    let named = inside.strip_prefix('[').and_then(|inside| inside.split_once("]:"));
    let Some((name, rest)) = named else {
        // A host may begin like this.
        let is_host = !inside.starts_with('[');
        return if is_host {
            Ok((None, entry))
        } else {
            Err(format!("Invalid protocol spec: \"{inside}\""))
        };
    };
    let protocol = match name {
        "ascii" => Protocol::Text,
        "binary" => Protocol::Binary,
        "negotiating" => Protocol::Auto,
        _ => {
            warnings.push(format!(
                "warning: proto[{name}] of -l is not ascii, binary or negotiating: the first byte \
                 of a connection decides"
            ));
            Protocol::Auto
        }
    };
    Ok((Some(protocol), rest))
}

/// Takes `tag[name]:` or `tag_name_:` off. memcached's proxy routes by tags; without it, as here,
/// `stats settings` shows them and nothing else asks.
fn without_tag(entry: &str) -> Result<&str, String> {
    for (open, close) in [("tag[", "]:"), ("tag_", "_:")] {
        let Some(inside) = entry.strip_prefix(open) else { continue };
        let Some((name, rest)) = inside.split_once(close) else {
            return Err(format!("Invalid tag in socket config: \"{}\"", &entry["tag".len()..]));
        };
        return if (1..=TAG_BYTES_MAX).contains(&name.len()) {
            Ok(rest)
        } else {
            let bounds = format!("between 1 and {TAG_BYTES_MAX} characters");
            Err(format!("Listener tags must be {bounds}: \"{name}\""))
        };
    }
    Ok(entry)
}

/// One address. A name with two colons and no brackets is a bare IPv6 address.
fn address(entry: &str, default_port: u16) -> Result<TcpListen, String> {
    let (host, port) = if let Some(bracketed) = entry.strip_prefix('[') {
        let Some((host, after)) = bracketed.split_once(']') else {
            return Err(format!("Invalid IPV6 address: \"{entry}\""));
        };
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(format!("Invalid port number: \"{after}\"")),
        }
    } else {
        match entry.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (entry, None),
        }
    };
    let port = match port {
        Some(word) => {
            number::<u16>(word).ok_or_else(|| format!("Invalid port number: \"{word}\""))?
        }
        None => default_port,
    };
    let host = (host != "*").then(|| host.to_owned());
    if host.as_deref() == Some("") {
        return Err(format!("Invalid address: \"{entry}\""));
    }
    Ok(TcpListen::new(host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: &[(&str, u16)]) {
        let listening = parse(values.iter().copied(), 11211, None).unwrap();
        let got: Vec<_> = listening
            .addresses
            .iter()
            .map(|a| (a.host.as_deref().unwrap_or("*"), a.port))
            .collect();
        assert_eq!(got, expected, "{values:?}");
    }

    #[test]
    fn addresses() {
        check(&[], &[("*", 11211)]);
        check(&["*"], &[("*", 11211)]);
        check(&["*:5"], &[("*", 5)]);
        check(&["127.0.0.1"], &[("127.0.0.1", 11211)]);
        check(&["127.0.0.1:11300"], &[("127.0.0.1", 11300)]);
        check(&["localhost:0"], &[("localhost", 0)]);
        check(&["::1"], &[("::1", 11211)]);
        check(&["fe80::1%eth0"], &[("fe80::1%eth0", 11211)]);
        check(&["[::1]"], &[("::1", 11211)]);
        check(&["[::1]:5"], &[("::1", 5)]);
        check(&["a,b:2;[::1]:3"], &[("a", 11211), ("b", 2), ("::1", 3)]);
        check(&["a,,b,"], &[("a", 11211), ("b", 11211)]);
        check(&["a", "b:2"], &[("a", 11211), ("b", 2)]);
    }

    #[test]
    fn an_address_may_name_its_protocol() {
        let check = |value: &str, expected: Option<Protocol>, warnings: usize| {
            let listening = parse([value].into_iter(), 11211, None).unwrap();
            assert_eq!(listening.addresses[0].protocol, expected, "{value}");
            assert_eq!(listening.addresses[0].host.as_deref(), Some("a"), "{value}");
            assert_eq!(listening.warnings.len(), warnings, "{value}");
        };
        check("a", None, 0);
        check("proto[ascii]:a", Some(Protocol::Text), 0);
        check("proto[binary]:a:5", Some(Protocol::Binary), 0);
        check("proto[negotiating]:a", Some(Protocol::Auto), 0);
        check("proto[foo]:a", Some(Protocol::Auto), 1);
        check("proto[ascii]:tag[ab]:a:5", Some(Protocol::Text), 0);
        check("tag_x_:a", None, 0);
        check("tag[abcdefgh]:a", None, 0);
        let host = parse(["proton"].into_iter(), 11211, None).unwrap().addresses;
        assert_eq!(host[0].host.as_deref(), Some("proton"));
    }

    #[test]
    fn refusals() {
        let check = |value: &str, first_line: &str| {
            let refusal = parse([value].into_iter(), 11211, None).unwrap_err();
            assert_eq!(refusal.exit_code, 71, "{value}");
            assert_eq!(refusal.to_string().lines().next(), Some(first_line), "{value}");
        };
        check("[::1", "Invalid IPV6 address: \"[::1\"");
        check("localhost:abc", "Invalid port number: \"abc\"");
        check("localhost:", "Invalid port number: \"\"");
        check("[::1]:x", "Invalid port number: \"x\"");
        check("[::1]11211", "Invalid port number: \"11211\"");
        check("127.0.0.1:70000", "Invalid port number: \"70000\"");
        check("127.0.0.1:-1", "Invalid port number: \"-1\"");
        check(":5", "Invalid address: \":5\"");
        check(",,", "failed to listen on one of interface(s) ,,");
        check("", "failed to listen on one of interface(s) ");
        check("proto[ascii:127.0.0.1", "Invalid protocol spec: \"[ascii:127.0.0.1\"");
        check("tag[abc:a", "Invalid tag in socket config: \"[abc:a\"");
        check("tag[]:a", "Listener tags must be between 1 and 8 characters: \"\"");
        check(
            "tag_012345678_:a",
            "Listener tags must be between 1 and 8 characters: \"012345678\"",
        );
        check("notls:127.0.0.1", "'notls' option is valid only when SSL is enabled");
    }
}
