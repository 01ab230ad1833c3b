//! `-u`: the user that the server runs as. Root must name one, and the process becomes that user
//! before any thread starts.

use std::ffi::CString;

use nix::unistd::{Gid, Uid, User, geteuid, getuid, initgroups, setgid, setuid};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_keep_capabilities};
use slabcore_server::settings::{Listen, TcpListen};

use crate::refusal::Refusal;

/// The lowest port that a process can bind without a capability.
const UNPRIVILEGED_PORT_MIN: u16 = 1_024;

/// The user that the process becomes.
#[derive(Debug)]
pub(crate) struct Identity {
    name: String,
    uid: Uid,
    gid: Gid,
}

/// Looks up the user of `-u`. `None`: the process is not root and keeps its user.
pub(crate) fn identity(user: Option<&str>) -> Result<Option<Identity>, Refusal> {
    if !getuid().is_root() && !geteuid().is_root() {
        return Ok(None);
    }
    let Some(name) = user.filter(|name| !name.is_empty()) else {
        return Err(Refusal::usage("must add '-u root' to start as root"));
    };
    match User::from_name(name) {
        Ok(Some(user)) => {
            Ok(Some(Identity { name: name.to_owned(), uid: user.uid, gid: user.gid }))
        }
        _ => Err(Refusal::no_user(format!("can't find the user {name} to switch to"))),
    }
}

/// True if a port needs a capability to bind. The first shard port is the lowest of the shard
/// ports.
pub(crate) fn needs_low_port(listen: &Listen, udp: &[TcpListen], shard_ports: Option<u16>) -> bool {
    let low = |port: u16| (1..UNPRIVILEGED_PORT_MIN).contains(&port);
    let tcp = match listen {
        Listen::Tcp(addresses) => addresses.as_slice(),
        Listen::Unix { .. } => &[],
    };
    tcp.iter().chain(udp).any(|a| low(a.port)) || shard_ports.is_some_and(low)
}

/// Changes user and groups to those of `identity`, and drops all capabilities.
///
/// With `keep_low_ports` the capability to bind low ports stays, because sockets are bound later.
/// Must run before the first thread starts: threads inherit user and capabilities.
pub(crate) fn become_user(identity: &Identity, keep_low_ports: bool) -> Result<(), Refusal> {
    let refuse = |why: String| Refusal::os_error(why);
    let name = CString::new(identity.name.as_str())
        .map_err(|_| refuse(format!("can't find the user {} to switch to", identity.name)))?;
    let keep = keep_low_ports && !identity.uid.is_root();
    if keep {
        set_keep_capabilities(true)
            .map_err(|e| refuse(format!("failed to keep the right to bind low ports: {e}")))?;
    }
    initgroups(&name, identity.gid)
        .map_err(|e| refuse(format!("failed to drop supplementary groups: {}", e.desc())))?;
    setgid(identity.gid)
        .and_then(|()| setuid(identity.uid))
        .map_err(|_| refuse(format!("failed to assume identity of user {}", identity.name)))?;
    if keep {
        let bind = CapabilitySet::NET_BIND_SERVICE;
        let only_bind = CapabilitySets {
            effective: bind,
            permitted: bind,
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, only_bind)
            .and_then(|()| set_keep_capabilities(false))
            .map_err(|e| refuse(format!("failed to keep the right to bind low ports: {e}")))?;
    }
    Ok(())
}

/// Allows core files (`-r`) after a change of user, which forbids them.
pub(crate) fn stay_dumpable() -> Result<(), Refusal> {
    set_dumpable_behavior(DumpableBehavior::Dumpable)
        .map_err(|e| Refusal::os_error(format!("failed to ensure corefile creation: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_ports() {
        let check = |port: u16, expected: bool| {
            let listen = Listen::Tcp(vec![TcpListen::new(None, port)]);
            assert_eq!(needs_low_port(&listen, &[], None), expected, "{port}");
            assert_eq!(needs_low_port(&Listen::Tcp(vec![]), &[], Some(port)), expected, "{port}");
        };
        check(0, false);
        check(1, true);
        check(1_023, true);
        check(1_024, false);
        assert!(!needs_low_port(&Listen::Unix { path: "/s".into(), mask: 0o700 }, &[], None));
    }
}
