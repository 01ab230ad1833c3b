//! Listening sockets. They are bound before any thread starts, so that the process can then drop
//! its privileges.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use rustix::io::ioctl_fionbio;
use rustix::net::sockopt::{
    set_ipv6_v6only, set_socket_keepalive, set_socket_reuseaddr, set_tcp_nodelay, socket_acceptconn,
};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, getsockname, socket_with,
};

use crate::settings::tls::ClientCertificates;
use crate::settings::{Encryption, Listen, Protocol, Settings, TcpListen};

/// How many ports that the system picks on the first address are tried on the others.
const FREE_PORT_TRIES: usize = 16;

/// One bound socket.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: OwnedFd,
    /// Its address. `None` for a Unix socket.
    pub(crate) address: Option<SocketAddr>,
    /// The shard of its connections. `None`: they are distributed over all shards.
    pub(crate) shard: Option<usize>,
    /// Protocol of its connections. `None`: that of the server.
    pub(crate) protocol: Option<Protocol>,
    /// Its rule for client certificates, if its connections use TLS.
    pub(crate) tls: Option<ClientCertificates>,
}

/// One bound UDP socket.
#[derive(Debug)]
pub(crate) struct DatagramSocket {
    pub(crate) socket: OwnedFd,
    pub(crate) address: SocketAddr,
}

impl Listener {
    /// True if its connections speak Redis' dialect only.
    pub(crate) fn speaks_redis(&self) -> bool {
        self.protocol == Some(Protocol::Resp)
    }

    /// A socket that listens, of another process with the same settings.
    pub(crate) fn of_socket(socket: OwnedFd) -> io::Result<Self> {
        let address = bound_address(&socket)?;
        Ok(Self { socket, address, shard: None, protocol: None, tls: None })
    }
}

impl DatagramSocket {
    /// A bound socket of another process.
    pub(crate) fn of_socket(socket: OwnedFd) -> io::Result<Self> {
        let unbound = || io::Error::new(io::ErrorKind::InvalidInput, "it is no UDP socket");
        let address = bound_address(&socket)?.ok_or_else(unbound)?;
        Ok(Self { socket, address })
    }
}

/// Adopts the stream sockets that a service manager bound, or else binds those of the settings. The
/// shards' ports come last.
pub(crate) fn bind(settings: &Settings, inherited: Vec<OwnedFd>) -> io::Result<Vec<Listener>> {
    let backlog = settings.listen_backlog;
    let adopted = inherited.into_iter().map(|socket| adopt(socket, settings));
    let mut listeners: Vec<Listener> = adopted.collect::<io::Result<_>>()?;
    match &settings.listen {
        _ if !listeners.is_empty() => {}
        Listen::Tcp(entries) => {
            for entry in entries {
                let tls = tls_of(entry.encryption, settings);
                let bind = |address| {
                    let bound = bind_one(address, backlog)?;
                    Ok(Listener { protocol: entry.protocol, tls, ..bound })
                };
                listeners.extend(bind_entry(entry, bind, |it| it.address)?);
            }
        }
        Listen::Unix { path, mask } => listeners.push(bind_unix(path, *mask, backlog)?),
    }
    if let Some(first_port) = settings.shard_ports {
        let first = listeners.len();
        bind_shards(first_port, settings.shards, backlog, &mut listeners)?;
        let tls = tls_of(Encryption::Default, settings);
        listeners[first..].iter_mut().for_each(|listener| listener.tls = tls);
    }
    Ok(listeners)
}

/// The listening sockets, in memcached's words.
pub(crate) fn named(settings: &Settings) -> String {
    match (&settings.listen, &settings.interfaces) {
        (Listen::Unix { path, .. }, _) => format!("UNIX socket: {}", path.display()),
        (Listen::Tcp(_), Some(list)) => format!("one of interface(s) {list}"),
        (Listen::Tcp(entries), None) => {
            format!("TCP port {}", entries.first().map_or(0, |entry| entry.port))
        }
    }
}

/// A listener's rule for client certificates, if it has TLS.
fn tls_of(encryption: Encryption, settings: &Settings) -> Option<ClientCertificates> {
    let tls = settings.tls.as_ref()?;
    match encryption {
        Encryption::Default => Some(tls.settings().client_certificates),
        Encryption::None => None,
        Encryption::Tls(demanded) => Some(demanded),
    }
}

/// Binds the UDP sockets of the settings.
pub(crate) fn bind_udp(settings: &Settings) -> io::Result<Vec<DatagramSocket>> {
    let mut sockets = Vec::new();
    for entry in &settings.udp {
        sockets.extend(bind_entry(entry, bind_one_udp, |it| Some(it.address))?);
    }
    Ok(sockets)
}

/// Binds one port for each shard, on every address that is bound already.
fn bind_shards(
    first_port: u16,
    shards: usize,
    backlog: i32,
    listeners: &mut Vec<Listener>,
) -> io::Result<()> {
    let mut addresses: Vec<IpAndScope> = Vec::new();
    for address in listeners.iter().filter_map(|it| it.address) {
        let address = IpAndScope::of(address);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    for shard in 0..shards {
        let mut bound = if first_port == 0 {
            bind_free_port(&addresses, backlog)?
        } else {
            let port = u16::try_from(usize::from(first_port) + shard).map_err(io::Error::other)?;
            bind_port(&addresses, port, backlog)?
        };
        for listener in &mut bound {
            listener.shard = Some(shard);
        }
        listeners.append(&mut bound);
    }
    Ok(())
}

/// Binds a free port, the same one on all addresses.
fn bind_free_port(addresses: &[IpAndScope], backlog: i32) -> io::Result<Vec<Listener>> {
    let mut tries = 1;
    loop {
        match bind_port(addresses, 0, backlog) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < FREE_PORT_TRIES => {
                tries += 1;
            }
            result => return result,
        }
    }
}

/// Binds a port on all addresses. For port 0, the one that the system picks on the first.
fn bind_port(addresses: &[IpAndScope], port: u16, backlog: i32) -> io::Result<Vec<Listener>> {
    let mut port = port;
    let mut listeners: Vec<Listener> = Vec::new();
    for address in addresses {
        let listener = bind_one(address.with_port(port), backlog)?;
        port = listener.address.map_or(port, |it| it.port());
        listeners.push(listener);
    }
    Ok(listeners)
}

/// A socket address without its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct IpAndScope(SocketAddr);

impl IpAndScope {
    fn of(mut address: SocketAddr) -> Self {
        address.set_port(0);
        Self(address)
    }

    fn with_port(self, port: u16) -> SocketAddr {
        let mut address = self.0;
        address.set_port(port);
        address
    }
}

/// Prepares a socket that already listens.
fn adopt(socket: OwnedFd, settings: &Settings) -> io::Result<Listener> {
    if !socket_acceptconn(&socket)? {
        let message = "a socket that was passed on does not listen";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let address = bound_address(&socket)?;
    if address.is_some() {
        set_socket_keepalive(&socket, true)?;
        set_tcp_nodelay(&socket, true)?;
    }
    ioctl_fionbio(&socket, true)?;
    let tls = address.and_then(|_| tls_of(Encryption::Default, settings));
    Ok(Listener { socket, address, shard: None, protocol: None, tls })
}

/// Binds the sockets of one entry of `-l`.
fn bind_entry<S>(
    entry: &TcpListen,
    bind: impl Fn(SocketAddr) -> io::Result<S>,
    address_of: impl Fn(&S) -> Option<SocketAddr>,
) -> io::Result<Vec<S>> {
    let mut sockets = Vec::new();
    let Some(host) = &entry.host else {
        // All addresses. The system may have no IPv6; one of the two must work.
        let v6 = bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, entry.port)));
        let port = v6.as_ref().ok().and_then(address_of).map_or(entry.port, |it| it.port());
        let v4 = bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
        match (v4, v6) {
            (Err(error), Err(_)) => return Err(error),
            (Err(error), Ok(_)) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            (Ok(_), Err(error)) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            (v4, v6) => sockets.extend([v4, v6].into_iter().flatten()),
        }
        return Ok(sockets);
    };
    for address in (host.as_str(), entry.port).to_socket_addrs()? {
        sockets.push(bind(address)?);
    }
    if sockets.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no address"));
    }
    Ok(sockets)
}

fn bind_one(address: SocketAddr, backlog: i32) -> io::Result<Listener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family_of(address), SocketType::STREAM, flags, None)?;
    set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        set_ipv6_v6only(&socket, true)?;
    }
    set_socket_keepalive(&socket, true)?;
    // Accepted sockets inherit it: a reply does not wait for the next one.
    set_tcp_nodelay(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, backlog)?;
    let address = bound_address(&socket)?;
    Ok(Listener { socket, address, shard: None, protocol: None, tls: None })
}

fn bind_one_udp(address: SocketAddr) -> io::Result<DatagramSocket> {
    let socket = socket_with(family_of(address), SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    if address.is_ipv6() {
        set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    let address = bound_address(&socket)?.unwrap_or(address);
    Ok(DatagramSocket { socket, address })
}

fn bind_unix(path: &Path, mask: u32, backlog: i32) -> io::Result<Listener> {
    // Only a socket of an earlier server is replaced. Other files must not be removed.
    if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mask & 0o777))?;
    rustix::net::listen(&socket, backlog)?;
    Ok(Listener { socket, address: None, shard: None, protocol: None, tls: None })
}

fn family_of(address: SocketAddr) -> AddressFamily {
    match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    }
}

/// The address of a bound socket; `None` for a Unix socket.
fn bound_address(socket: &OwnedFd) -> io::Result<Option<SocketAddr>> {
    Ok(getsockname(socket)?.try_into().ok())
}
