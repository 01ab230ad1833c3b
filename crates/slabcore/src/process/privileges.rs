//! As whom the server runs: root must name a user, and becomes that user before any thread starts.

use std::ffi::CString;

use nix::unistd::{Gid, Uid, User, geteuid, getuid, initgroups, setgid, setuid};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_keep_capabilities};
use slabcore_server::settings::{Listen, TcpListen};

use crate::refusal::Refusal;

/// Ports below this one need a capability to bind.
const UNPRIVILEGED_PORT_MIN: u16 = 1_024;

/// The user to become.
#[derive(Debug)]
pub(crate) struct Identity {
    name: String,
    uid: Uid,
    gid: Gid,
}

/// Whom `-u` means; `None` where the process is not root and stays what it is.
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

/// Whether a port is asked for that only root may bind. Of the ports of shards the first is the
/// lowest.
pub(crate) fn needs_low_port(listen: &Listen, udp: &[TcpListen], shard_ports: Option<u16>) -> bool {
    let low = |port: u16| (1..UNPRIVILEGED_PORT_MIN).contains(&port);
    let tcp = match listen {
        Listen::Tcp(addresses) => addresses.as_slice(),
        Listen::Unix { .. } => &[],
    };
    tcp.iter().chain(udp).any(|a| low(a.port)) || shard_ports.is_some_and(low)
}

/// Becomes `identity`, with that user's groups.
///
/// Must run before the first thread starts: identity and capabilities are then those of all.
/// With `keep_low_ports` the one capability to bind low ports stays, as a service manager would
/// grant it, because the sockets are bound later; every other one goes.
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

/// A change of identity makes a process write no core files; this allows them again (`-r`).
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
