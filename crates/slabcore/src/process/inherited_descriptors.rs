//! Descriptors that a service manager passes to the process, as `sd_listen_fds(3)` describes:
//! listening sockets (socket activation), and the item memory of an earlier process.

#![allow(unsafe_code)]

use std::env;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use listenfd::ListenFd;
use rustix::io::{FdFlags, fcntl_setfd};

use crate::refusal::Refusal;

/// Name of the item memory in the service manager's store.
pub(super) const ITEM_MEMORY: &str = "slabcore-items";

/// What a service manager passed.
#[derive(Debug, Default)]
pub(crate) struct InheritedDescriptors {
    /// TCP and Unix sockets that listen.
    pub(crate) sockets: Vec<OwnedFd>,
    /// The file of the items (`--keep-memory`).
    pub(crate) item_memory: Option<OwnedFd>,
}

impl InheritedDescriptors {
    /// Takes the descriptors of `LISTEN_FDS`, if `LISTEN_PID` names this process. Must be called
    /// once, and before the process id changes (`-d`).
    pub(crate) fn take() -> Result<InheritedDescriptors, Refusal> {
        let mut taken = InheritedDescriptors::default();
        if env::var_os("LISTEN_PID").is_none() {
            return Ok(taken);
        }
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names: Vec<&str> = names.split(':').collect();
        let mut passed = ListenFd::from_env();
        for index in 0..passed.len() {
            if names.get(index) == Some(&ITEM_MEMORY) {
                taken.item_memory = take_item_memory(&mut passed, index).ok().flatten();
            } else {
                taken.sockets.push(take_socket(&mut passed, index)?);
            }
        }
        Ok(taken)
    }
}

fn take_item_memory(passed: &mut ListenFd, index: usize) -> io::Result<Option<OwnedFd>> {
    let Some(number) = passed.take_raw_fd(index)? else { return Ok(None) };
    // SAFETY: the service manager opened it for this process, and it is taken once.
    let file = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl_setfd(&file, FdFlags::CLOEXEC)?;
    Ok(Some(file))
}

fn take_socket(passed: &mut ListenFd, index: usize) -> Result<OwnedFd, Refusal> {
    let tcp = passed.take_tcp_listener(index).ok().flatten().map(OwnedFd::from);
    let socket = tcp.or_else(|| passed.take_unix_listener(index).ok().flatten().map(OwnedFd::from));
    socket.ok_or_else(|| {
        let which = format!("LISTEN_FDS: number {} of the sockets passed", index + 1);
        Refusal::os_error(format!("{which} is not a stream socket (TCP or Unix)"))
    })
}
