//! `-p`, `-U`, `-s`, `-a`, `-l`, `-b` and `--shard-ports`: the sockets that the server listens on.

use slabcore_server::settings::{Listen, PORT, Protocol, Settings, TcpListen};
use slabcore_server::{KeptSettings, Tls};

use super::command_line::GivenOptions;
use super::listen;
use super::option_values::{leading_number, number};
use crate::refusal::Refusal;

/// `-b`. The kernel accepts any number.
pub(super) fn listen_backlog(given: &GivenOptions, defaults: &Settings) -> i32 {
    given.last("listen-backlog").map_or(defaults.listen_backlog, leading_number)
}

/// `-a`.
pub(super) fn unix_mask(given: &GivenOptions) -> Result<u32, Refusal> {
    match given.last("unix-mask") {
        None => Ok(KeptSettings::default().unix_mask),
        Some(word) => match u32::from_str_radix(word.trim(), 8) {
            Ok(mask) if mask <= 0o7777 => Ok(mask),
            _ => Err(Refusal::usage(format!("Invalid mask of the Unix socket: {word}"))),
        },
    }
}

/// `-s` and `-a`, or `-l`, `-p` and `-U`.
pub(super) fn listening(
    given: &GivenOptions,
    tls: Option<&Tls>,
    login: Option<Protocol>,
    warnings: &mut Vec<String>,
) -> Result<Listen, Refusal> {
    let port = tcp_port(given)?;
    if let Some(path) = given.last("unix-socket") {
        if given.last("redis-port").is_some() {
            let warning = "warning: --redis-port without effect: with -s there is no TCP port; \
                           the Unix socket speaks Redis' dialect too";
            warnings.push(warning.to_owned());
        }
        return Ok(Listen::Unix { path: path.into(), mask: unix_mask(given)? });
    }
    let mut addresses = Vec::new();
    if let Some(port) = port.to_bind() {
        let listening = listen::parse(given.all("listen"), port, tls, login)?;
        warnings.extend(listening.warnings);
        addresses = listening.addresses;
    }
    addresses.extend(redis_addresses(given, tls)?);
    Ok(Listen::Tcp(addresses))
}

/// `--redis-port`: the hosts of `-l`, with this port.
fn redis_addresses(given: &GivenOptions, tls: Option<&Tls>) -> Result<Vec<TcpListen>, Refusal> {
    let Some(port) = given.last("redis-port").map(port).transpose()?.and_then(Port::to_bind) else {
        return Ok(Vec::new());
    };
    let mut addresses: Vec<TcpListen> = Vec::new();
    for address in listen::parse(given.all("listen"), port, tls, None)?.addresses {
        let address = TcpListen { port, protocol: Some(Protocol::Resp), ..address };
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// The values of all `-l` as written, without values whose addresses were all named before.
pub(super) fn interfaces(given: &GivenOptions) -> Option<String> {
    let (mut values, mut named): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for value in given.all("listen") {
        let entries: Vec<&str> = value.split([',', ';']).collect();
        if !entries.iter().all(|entry| named.contains(entry)) {
            values.push(value);
            named.extend(entries);
        }
    }
    (!values.is_empty()).then(|| values.join(","))
}

/// `-U`: the addresses of `-l`, with the port of `-U` where an address has none. None with a Unix
/// socket.
pub(super) fn udp(
    given: &GivenOptions,
    listen: &Listen,
    tls: Option<&Tls>,
    warnings: &mut Vec<String>,
) -> Result<Vec<TcpListen>, Refusal> {
    let port = match udp_port(given)? {
        None | Some(Port::None) => return Ok(Vec::new()),
        Some(Port::AnyFree) => 0,
        Some(Port::Number(port)) => port,
    };
    match listen {
        Listen::Unix { .. } => Ok(Vec::new()),
        Listen::Tcp(_) => {
            if tls.is_some() {
                let warning = "warning: datagrams (-U) are not encrypted, with or without -Z";
                warnings.push(warning.to_owned());
            }
            // The warnings were given for TCP already. With a login there is no UDP.
            Ok(listen::parse(given.all("listen"), port, tls, None)?.addresses)
        }
    }
}

/// The value of a port option: 0 is none, -1 any free port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    None,
    AnyFree,
    Number(u16),
}

impl Port {
    /// The port to bind; 0: the system picks one. `None`: there is none.
    fn to_bind(self) -> Option<u16> {
        match self {
            Self::None => None,
            Self::AnyFree => Some(0),
            Self::Number(port) => Some(port),
        }
    }

    /// The number as the command line spells it.
    pub(super) fn as_written(self) -> i32 {
        match self {
            Self::None => 0,
            Self::AnyFree => -1,
            Self::Number(port) => port.into(),
        }
    }
}

fn port(word: &str) -> Result<Port, Refusal> {
    match (number::<i8>(word), number::<u16>(word)) {
        (Some(-1), _) => Ok(Port::AnyFree),
        (_, Some(0)) => Ok(Port::None),
        (_, Some(port)) => Ok(Port::Number(port)),
        _ => Err(Refusal::usage(format!("ERROR: Invalid port number {word}."))),
    }
}

/// `-p`; without it the port of `-U`.
pub(super) fn tcp_port(given: &GivenOptions) -> Result<Port, Refusal> {
    let tcp = given.last("port").map(port).transpose()?;
    let udp = udp_port(given)?.filter(|&udp| udp != Port::None);
    Ok(tcp.or(udp).unwrap_or(Port::Number(PORT)))
}

/// `-U`. Like memcached, reads a non-number as 0, which disables UDP.
pub(super) fn udp_port(given: &GivenOptions) -> Result<Option<Port>, Refusal> {
    given.last("udp-port").map(|word| port(&leading_number(word).to_string())).transpose()
}

/// `--shard-ports`.
pub(super) fn shard_ports(
    given: &GivenOptions,
    listen: &Listen,
    shards: usize,
) -> Result<Option<u16>, Refusal> {
    let first = match given.last("shard-ports").map(port).transpose()? {
        None | Some(Port::None) => return Ok(None),
        Some(Port::AnyFree) => 0,
        Some(Port::Number(first)) => first,
    };
    let Some(addresses) = tcp_addresses(listen) else {
        return Err(Refusal::usage("Shard ports need a TCP port to listen on (-p)"));
    };
    if first == 0 {
        return Ok(Some(0));
    }
    let last = usize::from(first) + shards - 1;
    if last > usize::from(u16::MAX) {
        let message = format!("ERROR: Invalid port number {last} of the last shard.");
        return Err(Refusal::usage(message));
    }
    let among = |port: u16| (usize::from(first)..=last).contains(&usize::from(port));
    match addresses.iter().find(|address| among(address.port)) {
        Some(TcpListen { port, .. }) => {
            let message = format!("Port {port} is one of the shard ports {first} to {last}");
            Err(Refusal::usage(message))
        }
        None => Ok(Some(first)),
    }
}

/// The TCP addresses that are listened on; `None` without any.
fn tcp_addresses(listen: &Listen) -> Option<&[TcpListen]> {
    match listen {
        Listen::Tcp(addresses) if !addresses.is_empty() => Some(addresses),
        _ => None,
    }
}
