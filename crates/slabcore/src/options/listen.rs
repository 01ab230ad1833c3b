//! The grammar of `-l`: a list, separated by `,` or `;`, of
//!
//! ```text
//! [notls: | btls: | mtls:] [proto[name]:] [tag[name]:] [tag_name_:] address
//! address: host | host:port | [v6] | [v6]:port | v6 | *
//! ```

use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_until};
use nom::character::complete::char;
use nom::combinator::{all_consuming, consumed, map, not, opt, rest, value};
use nom::error::Error;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};
use slabcore_server::settings::{Encryption, Protocol, TcpListen};
use slabcore_server::{ClientCertificates, Tls};

use super::option_values::number;
use crate::refusal::Refusal;

/// memcached's longest tag of a listener.
const TAG_BYTES_MAX: usize = 8;

/// The addresses of all `-l`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listening {
    pub(super) addresses: Vec<TcpListen>,
    pub(super) warnings: Vec<String>,
}

/// Parses the values of all `-l`. Entries without a port get `port`. Names are not resolved here.
///
/// An address that an earlier `-l` named is bound once: a file of options and the command line may
/// name the same. Within one value each entry is bound, as in memcached. `login` is the protocol in
/// which clients must log in, if any.
pub(super) fn parse<'a>(
    values: impl Iterator<Item = &'a str>,
    port: u16,
    tls: Option<&Tls>,
    login: Option<Protocol>,
) -> Result<Listening, Refusal> {
    let mut listening = Listening::default();
    let mut given = false;
    for value in values {
        given = true;
        let earlier = listening.addresses.len();
        for entry in value.split([',', ';']).filter(|entry| !entry.is_empty()) {
            let refusal = |why| Refusal::os_error(format!("{why}\n{}", failed(value)));
            let (encryption, entry) = encryption(entry, tls, &mut listening.warnings)?;
            let (protocol, entry) =
                protocol(entry, login, &mut listening.warnings).map_err(refusal)?;
            let entry = without_tag(entry).map_err(refusal)?;
            let address = address(entry, port).map_err(refusal)?;
            let address = TcpListen { protocol, encryption, ..address };
            if !listening.addresses[..earlier].contains(&address) {
                listening.addresses.push(address);
            }
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

/// A name between an opening and a closing tag.
fn named<'a>(
    open: &'static str,
    close: &'static str,
) -> impl Parser<&'a str, Output = &'a str, Error = Error<&'a str>> {
    delimited(tag(open), take_until(close), tag(close))
}

/// `notls:`, `btls:` or `mtls:`.
fn tls_prefix(entry: &str) -> IResult<&str, (&str, Encryption)> {
    let prefix = alt((
        value(Encryption::None, tag("notls")),
        value(Encryption::Tls(ClientCertificates::Ignored), tag("btls")),
        value(Encryption::Tls(ClientCertificates::Required), tag("mtls")),
    ));
    terminated(consumed(prefix), char(':')).parse(entry)
}

/// Removes the TLS prefix, which comes first and needs `-Z`.
fn encryption<'a>(
    entry: &'a str,
    tls: Option<&Tls>,
    warnings: &mut Vec<String>,
) -> Result<(Encryption, &'a str), Refusal> {
    let Ok((rest, (name, encryption))) = tls_prefix(entry) else {
        return Ok((Encryption::Default, entry));
    };
    let Some(tls) = tls else {
        let message = format!("'{name}' option is valid only when SSL is enabled");
        return Err(Refusal::os_error(message));
    };
    let demands = encryption == Encryption::Tls(ClientCertificates::Required);
    if demands && !tls.has_authorities() {
        let warning = format!("warning: -l {entry} without ssl_ca_cert: all clients are refused");
        warnings.push(warning);
    }
    Ok((encryption, rest))
}

/// The names of `proto[name]:`. A beginning of a name chooses the first name in this order, as in
/// memcached.
const PROTOCOLS: &[(&str, Named)] = &[
    ("ascii", Named::Protocol(Protocol::Text)),
    ("binary", Named::Protocol(Protocol::Binary)),
    ("negotiating", Named::Protocol(Protocol::Auto)),
    ("proxy", Named::Proxy),
    // memcached has no such name.
    ("redis", Named::Protocol(Protocol::Resp)),
];

/// The meaning of a name in `proto[name]:`.
#[derive(Clone, Copy)]
enum Named {
    Protocol(Protocol),
    /// memcached's proxy, an option of its build.
    Proxy,
}

/// Removes `proto[name]:`. `None`: the entry's connections speak the protocol of `-B`. If clients
/// must log in, they speak the protocol of the login.
fn protocol<'a>(
    entry: &'a str,
    login: Option<Protocol>,
    warnings: &mut Vec<String>,
) -> Result<(Option<Protocol>, &'a str), String> {
    let Ok((rest, name)) = named("proto[", "]:").parse(entry) else {
        return match entry.strip_prefix("proto") {
            Some(spec) if spec.starts_with('[') => {
                Err(format!("Invalid protocol spec: \"{spec}\""))
            }
            // A host name may begin with "proto".
            _ => Ok((None, entry)),
        };
    };
    let meant = PROTOCOLS.iter().find(|(whole, _)| whole.starts_with(name));
    let protocol = match (meant.map(|(_, meant)| *meant), login) {
        // Its own login works with both.
        (Some(Named::Protocol(Protocol::Resp)), _) => Some(Protocol::Resp),
        (Some(Named::Proxy), _) => {
            return Err(format!("Server not built with proxy: \"proto[{name}\""));
        }
        (Some(Named::Protocol(Protocol::Binary)), Some(Protocol::Text)) => {
            return Err(BINARY_LOGIN.to_owned());
        }
        (Some(Named::Protocol(Protocol::Auto)), Some(Protocol::Text)) => {
            warnings.push(NEGOTIATING_LOGIN.to_owned());
            Some(Protocol::Text)
        }
        (Some(Named::Protocol(requested)), Some(Protocol::Binary)) => {
            if requested != Protocol::Binary {
                warnings.push(format!(
                    "warning: -l proto[{name}]: with SASL (-S) all ports are binary only"
                ));
            }
            Some(Protocol::Binary)
        }
        (Some(Named::Protocol(requested)), _) => Some(requested),
        (None, _) => {
            warnings.push(format!(
                "warning: -l proto[{name}]: not ascii, binary or negotiating; the port speaks the \
                 protocol of -B"
            ));
            None
        }
    };
    Ok((protocol, rest))
}

/// memcached's message for a binary port when clients log in by text (`-Y`).
const BINARY_LOGIN: &str = "Cannot use binary protocol when ascii authentication enabled";
/// memcached's message for a negotiating port when clients log in by text.
const NEGOTIATING_LOGIN: &str =
    "WARNING: negotiating ports are ascii only when ascii authentication enabled";

/// Removes `tag[name]:` or `tag_name_:`. Tags are for memcached's proxy; without it they only
/// appear in `stats settings`.
fn without_tag(entry: &str) -> Result<&str, String> {
    for (open, close) in [("tag[", "]:"), ("tag_", "_:")] {
        if !entry.starts_with(open) {
            continue;
        }
        let Ok((rest, name)) = named(open, close).parse(entry) else {
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

/// Host and port as written. A host with two colons and no brackets is an IPv6 address.
fn host_and_port(entry: &str) -> IResult<&str, (&str, Option<&str>)> {
    let bracketed = (named("[", "]"), opt(preceded(char(':'), rest)));
    let word = || take_till(|character| character == ':');
    let plain = all_consuming((word(), opt(preceded(char(':'), word()))));
    let bare = map(rest, |host| (host, None));
    alt((bracketed, preceded(not(char('[')), alt((plain, bare))))).parse(entry)
}

/// One address.
fn address(entry: &str, default_port: u16) -> Result<TcpListen, String> {
    let (rest, (host, port)) =
        host_and_port(entry).map_err(|_| format!("Invalid IPV6 address: \"{entry}\""))?;
    let invalid_port = |word: &str| format!("Invalid port number: \"{word}\"");
    if !rest.is_empty() {
        return Err(invalid_port(rest));
    }
    let port = match port {
        Some(word) => number::<u16>(word).ok_or_else(|| invalid_port(word))?,
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
        let listening = parse(values.iter().copied(), 11211, None, None).unwrap();
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
        check(&["a", "a"], &[("a", 11211)]);
        check(&["a,b", "b:11211", "a:5"], &[("a", 11211), ("b", 11211), ("a", 5)]);
        check(&["a,a"], &[("a", 11211), ("a", 11211)]);
    }

    #[test]
    fn an_address_may_name_its_protocol() {
        let check = |value: &str, expected: Option<Protocol>, warnings: usize| {
            let listening = parse([value].into_iter(), 11211, None, None).unwrap();
            assert_eq!(listening.addresses[0].protocol, expected, "{value}");
            assert_eq!(listening.addresses[0].host.as_deref(), Some("a"), "{value}");
            assert_eq!(listening.warnings.len(), warnings, "{value}");
        };
        check("a", None, 0);
        check("proto[ascii]:a", Some(Protocol::Text), 0);
        check("proto[binary]:a:5", Some(Protocol::Binary), 0);
        check("proto[negotiating]:a", Some(Protocol::Auto), 0);
        check("proto[]:a", Some(Protocol::Text), 0);
        check("proto[b]:a", Some(Protocol::Binary), 0);
        check("proto[neg]:a", Some(Protocol::Auto), 0);
        check("proto[foo]:a", None, 1);
        check("proto[asciix]:a", None, 1);
        check("proto[ascii]:tag[ab]:a:5", Some(Protocol::Text), 0);
        check("tag_x_:a", None, 0);
        check("tag[abcdefgh]:a", None, 0);
        let host = parse(["proton"].into_iter(), 11211, None, None).unwrap().addresses;
        assert_eq!(host[0].host.as_deref(), Some("proton"));
    }

    /// A port with another protocol than the login's would serve everybody, or nobody.
    #[test]
    fn ports_speak_the_protocol_of_the_login() {
        let check = |name: &str, login: Protocol, expected: Protocol, warnings: usize| {
            let value = format!("proto[{name}]:a");
            let listening = parse([&*value].into_iter(), 11211, None, Some(login)).unwrap();
            assert_eq!(listening.addresses[0].protocol, Some(expected), "{name}");
            assert_eq!(listening.warnings.len(), warnings, "{name}");
        };
        check("ascii", Protocol::Text, Protocol::Text, 0);
        check("negotiating", Protocol::Text, Protocol::Text, 1);
        check("ascii", Protocol::Binary, Protocol::Binary, 1);
        check("negotiating", Protocol::Binary, Protocol::Binary, 1);
        check("binary", Protocol::Binary, Protocol::Binary, 0);
        let binary = ["proto[binary]:a"].into_iter();
        let refusal = parse(binary, 11211, None, Some(Protocol::Text)).unwrap_err();
        assert_eq!(refusal.exit_code, 71);
        assert_eq!(refusal.to_string().lines().next(), Some(BINARY_LOGIN));
    }

    #[test]
    fn refusals() {
        let check = |value: &str, first_line: &str| {
            let refusal = parse([value].into_iter(), 11211, None, None).unwrap_err();
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
        check("proto[proxy]:a", "Server not built with proxy: \"proto[proxy\"");
        check("tag[abc:a", "Invalid tag in socket config: \"[abc:a\"");
        check("tag[]:a", "Listener tags must be between 1 and 8 characters: \"\"");
        check(
            "tag_012345678_:a",
            "Listener tags must be between 1 and 8 characters: \"012345678\"",
        );
        check("notls:127.0.0.1", "'notls' option is valid only when SSL is enabled");
    }
}
