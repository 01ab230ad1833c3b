//! Notices to a service manager, by the protocol of `sd_notify(3)`: datagrams of `NAME=value` lines
//! to the socket that `NOTIFY_SOCKET` names.

use std::env;
use std::ffi::OsStr;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::process;
use std::time::Duration;

use rustix::cmsg_space;
use rustix::net::{
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, sendmsg_addr,
};
use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

use crate::process::inherited_descriptors::ITEM_MEMORY;

/// The socket that notices are sent to; none without a service manager.
#[derive(Debug, Default)]
pub(crate) struct ServiceNotice {
    to: Option<Manager>,
}

impl ServiceNotice {
    /// Reads `NOTIFY_SOCKET`. A malformed address counts as none.
    pub(crate) fn from_environment() -> Self {
        let name = env::var_os("NOTIFY_SOCKET");
        Self { to: name.as_deref().and_then(|name| Manager::at(name).ok()) }
    }

    /// Reports that clients can connect, or that a reload has ended.
    pub(crate) fn ready(&self) {
        self.send("READY=1");
    }

    /// Reports that a reload begins. It ends with [`Self::ready`].
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }

    /// Reports that another process of the service is the main one now, and serves.
    pub(crate) fn replaced_by(&self, process: u32) {
        self.send(&format!("MAINPID={process}\nREADY=1"));
    }

    /// Reports that the server stops.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Reports that all executors work (the watchdog's notice).
    pub(crate) fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// Has the service manager keep the item memory for the next process (`FDSTORE=1`). Where it
    /// cannot, this says so.
    pub(crate) fn keep_item_memory(&self, file: BorrowedFd<'_>) {
        // systemd says how many descriptors it keeps from version 254 on.
        let is_allowed = env::var_os("FDSTORE").is_none_or(|number| number != "0");
        let text = format!("FDSTORE=1\nFDPOLL=0\nFDNAME={ITEM_MEMORY}");
        let lost = match &self.to {
            None => "no service manager is there (NOTIFY_SOCKET)".to_owned(),
            Some(_) if !is_allowed => {
                "the service manager keeps nothing (FileDescriptorStoreMax=)".to_owned()
            }
            Some(manager) => match manager.send(&text, &[file]) {
                Ok(()) => return,
                Err(error) => error.to_string(),
            },
        };
        warn!("warning: --keep-memory: nobody keeps the items over a restart: {lost}");
    }

    /// Has the service manager keep the item memory of an earlier process no longer.
    pub(crate) fn drop_item_memory(&self) {
        self.send(&format!("FDSTOREREMOVE=1\nFDNAME={ITEM_MEMORY}"));
    }

    fn send(&self, text: &str) {
        if let Some(manager) = &self.to {
            // The manager may have ended; the server serves on.
            let _ = manager.send(text, &[]);
        }
    }
}

/// A service manager's socket.
#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddrUnix,
}

impl Manager {
    fn at(name: &OsStr) -> io::Result<Manager> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddrUnix::new_abstract_name(name)?,
            name => SocketAddrUnix::new(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Manager { socket, address })
    }

    /// Sends a notice, with at most one file.
    fn send(&self, text: &str, files: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(files));
        }
        let text = [IoSlice::new(text.as_bytes())];
        sendmsg_addr(&self.socket, &self.address, &text, &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

/// The longest time between two [`ServiceNotice::alive`] that the service manager accepts; `None`
/// without a watchdog.
pub(crate) fn watchdog_interval() -> Option<Duration> {
    let pid = env::var("WATCHDOG_PID").ok();
    let microseconds = env::var("WATCHDOG_USEC").ok();
    interval(microseconds.as_deref(), pid.as_deref())
}

/// The interval, unless `WATCHDOG_PID` names another process.
fn interval(microseconds: Option<&str>, pid: Option<&str>) -> Option<Duration> {
    let ours = pid.is_none_or(|pid| pid.parse() == Ok(process::id()));
    let microseconds = microseconds?.parse().ok().filter(|&it| ours && it > 0)?;
    Some(Duration::from_micros(microseconds))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    use super::*;

    #[test]
    fn notices_arrive() {
        let path = env::temp_dir().join(format!("slabcore-notice-{}", process::id()));
        let abstract_name = format!("slabcore-{}", process::id());
        let managers = [
            (path.clone().into_os_string(), UnixDatagram::bind(&path).unwrap()),
            (format!("@{abstract_name}").into(), {
                let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
                UnixDatagram::bind_addr(&address).unwrap()
            }),
        ];
        for (name, manager) in managers {
            let notice = ServiceNotice { to: Manager::at(&name).ok() };
            notice.ready();
            notice.alive();
            notice.reloading();
            notice.keep_item_memory(File::open("/dev/null").unwrap().as_fd());
            let mut bytes = [0; 100];
            let expected = ["READY=1", "WATCHDOG=1", "RELOADING=1\nMONOTONIC_USEC=", "FDSTORE=1\n"];
            for expected in expected {
                let length = manager.recv(&mut bytes).unwrap();
                let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                assert!(text.starts_with(expected), "{name:?}: {text}");
            }
        }
        std::fs::remove_file(path).unwrap();
        ServiceNotice::default().stopping();
    }

    #[test]
    fn the_watchdogs_interval() {
        let own = process::id().to_string();
        let check = |microseconds, pid, expected| {
            let expected = Option::map(expected, Duration::from_micros);
            assert_eq!(interval(microseconds, pid), expected, "{microseconds:?} {pid:?}");
        };
        check(None, None, None);
        check(Some("3000000"), None, Some(3_000_000));
        check(Some("3000000"), Some(&own), Some(3_000_000));
        check(Some("3000000"), Some("1"), None);
        check(Some("x"), None, None);
        check(Some("0"), None, None);
    }
}
