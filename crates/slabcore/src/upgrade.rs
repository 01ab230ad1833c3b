//! SIGUSR2: a new process of the program takes over from this one.

use std::os::unix::net::UnixStream;
use std::path::Path;

use slabcore_server::{HandOverError, HandedOver, Running};
use tracing::{info, warn};

use crate::process::{Invoked, StopSignals, Successor, TakeoverSocket};
use crate::refusal::Refusal;

/// What is needed to have another process take over.
pub(crate) struct Upgrade<'a> {
    invoked: &'a Invoked,
    /// Where processes that somebody else has started ask to take over.
    socket: Option<TakeoverSocket>,
}

impl<'a> Upgrade<'a> {
    /// For a process that was started as `invoked`, with this file of the item memory.
    pub(crate) fn new(invoked: &'a Invoked, memory_file: Option<&Path>) -> Self {
        let socket = memory_file.and_then(|file| {
            TakeoverSocket::listen(file)
                .inspect_err(|error| warn!("warning: --takeover cannot find this process: {error}"))
                .ok()
        });
        Self { invoked, socket }
    }

    /// Has a process take over: one that has asked, or a new one. Returns its id; this process has
    /// nothing left to serve then. `None`: it serves on, and the log says why.
    pub(crate) fn run(
        &mut self,
        running: &mut Running,
        signals: &mut StopSignals,
    ) -> Result<Option<u32>, Refusal> {
        if let Some((socket, process)) = self.socket.as_ref().and_then(TakeoverSocket::take_asking)
        {
            info!("slabcore: process {process} asks to take over");
            return hand_over(running, signals, socket, process.unsigned_abs(), None);
        }
        if !running.can_be_taken_over() {
            warn!(
                "SIGUSR2 ignored: the items are in memory of this process alone, which another one \
                 cannot take over (see -e)"
            );
            return Ok(None);
        }
        match self.invoked.start_successor() {
            Ok((successor, socket)) => {
                let process = successor.id();
                info!("slabcore: process {process} is to take over");
                hand_over(running, signals, socket, process, Some(successor))
            }
            Err(error) => {
                let program = self.invoked.program().display();
                warn!("{program} cannot be started: {error}; this process serves on");
                Ok(None)
            }
        }
    }
}

fn hand_over(
    running: &mut Running,
    signals: &mut StopSignals,
    socket: UnixStream,
    process: u32,
    started: Option<Successor>,
) -> Result<Option<u32>, Refusal> {
    match running.hand_over(socket, || signals.is_stop_due()) {
        Ok(HandedOver { connections, pause }) => {
            info!(
                "slabcore: process {process} has taken over {connections} connections in {} ms",
                pause.as_millis()
            );
            Ok(Some(process))
        }
        Err(HandOverError::ServesOn(why)) => {
            let status = started.and_then(Successor::end);
            let ended = status.map_or_else(String::new, |status| format!(" ({status})"));
            warn!("process {process} has not taken over: {why}{ended}; this one serves on");
            // What came meanwhile was for this take-over.
            signals.is_stop_due();
            Ok(None)
        }
        Err(HandOverError::Lost(why)) => {
            let _ = started.and_then(Successor::end);
            Err(Refusal::os_error(format!("process {process} has failed to take over: {why}")))
        }
    }
}
