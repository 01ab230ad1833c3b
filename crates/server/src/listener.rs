//! Listening sockets, bound before any thread starts, so that privileges can go.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::settings::{Listen, TcpListen};

/// One bound socket.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: OwnedFd,
    /// Where it listens; `None` for a Unix socket.
    pub(crate) address: Option<SocketAddr>,
}

/// Binds everything that `listen` names.
pub(crate) fn bind(listen: &Listen, backlog: i32) -> io::Result<Vec<Listener>> {
    match listen {
        Listen::Tcp(entries) => {
            let mut listeners = Vec::new();
            for entry in entries {
                bind_tcp(entry, backlog, &mut listeners)?;
            }
            Ok(listeners)
        }
        Listen::Unix { path, mask } => Ok(vec![bind_unix(path, *mask, backlog)?]),
    }
}

fn bind_tcp(entry: &TcpListen, backlog: i32, listeners: &mut Vec<Listener>) -> io::Result<()> {
    let Some(host) = &entry.host else {
        // All addresses: IPv6 may be absent, one of the two must work.
        let v6 = bind_one(SocketAddr::from((Ipv6Addr::UNSPECIFIED, entry.port)), backlog);
        let port = v6.as_ref().ok().and_then(|it| it.address).map_or(entry.port, |it| it.port());
        let v4 = bind_one(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), backlog);
        match (v4, v6) {
            (Err(error), Err(_)) => return Err(error),
            (Err(error), Ok(_)) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            (Ok(_), Err(error)) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            (v4, v6) => listeners.extend([v4, v6].into_iter().flatten()),
        }
        return Ok(());
    };
    let mut any = false;
    for address in (host.as_str(), entry.port).to_socket_addrs()? {
        listeners.push(bind_one(address, backlog)?);
        any = true;
    }
    if any { Ok(()) } else { Err(io::Error::new(io::ErrorKind::NotFound, "no address")) }
}

fn bind_one(address: SocketAddr, backlog: i32) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_keepalive(true)?;
    // Inherited by accepted sockets: a reply is not held back for the next.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(backlog)?;
    let address = socket.local_addr()?.as_socket();
    Ok(Listener { socket: socket.into(), address })
}

fn bind_unix(path: &Path, mask: u32, backlog: i32) -> io::Result<Listener> {
    // A socket left by an earlier server is replaced; any other file is not ours to remove.
    if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mask & 0o777))?;
    socket.listen(backlog)?;
    Ok(Listener { socket: socket.into(), address: None })
}
