//! Notices to a service manager, by the protocol of `sd_notify(3)`: datagrams of `NAME=value` lines
//! to the socket that `NOTIFY_SOCKET` names.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The socket that notices are sent to; none without a service manager.
#[derive(Debug, Default)]
pub(crate) struct ServiceNotice {
    to: Option<(UnixDatagram, SocketAddr)>,
}

impl ServiceNotice {
    /// Reads `NOTIFY_SOCKET`. A malformed address counts as none.
    pub(crate) fn from_environment() -> Self {
        let name = env::var_os("NOTIFY_SOCKET");
        Self { to: name.as_deref().and_then(|name| connect(name).ok()) }
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

    /// Reports that the server stops.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Reports that all executors work (the watchdog's notice).
    pub(crate) fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    fn send(&self, text: &str) {
        if let Some((socket, address)) = &self.to {
            // The manager may have ended; the server serves on.
            let _ = socket.send_to_addr(text.as_bytes(), address);
        }
    }
}

fn connect(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
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
    use super::*;

    #[test]
    fn notices_arrive() {
        let path = env::temp_dir().join(format!("slabcore-notice-{}", process::id()));
        let names = [path.clone().into_os_string(), format!("@slabcore-{}", process::id()).into()];
        for name in names {
            let (_, address) = connect(&name).unwrap();
            let manager = UnixDatagram::bind_addr(&address).unwrap();
            let notice = ServiceNotice { to: connect(&name).ok() };
            notice.ready();
            notice.alive();
            notice.reloading();
            let mut bytes = [0; 100];
            for expected in ["READY=1", "WATCHDOG=1", "RELOADING=1\nMONOTONIC_USEC="] {
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
