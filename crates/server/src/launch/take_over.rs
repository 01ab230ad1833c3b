//! The new process of a take-over: takes sockets, connections and item memory from the one that
//! serves.

use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use tracing::info;

use crate::connection::affinity::home_of;
use crate::settings::Settings;
use crate::settings::limits::{ENCRYPTED_END_MAX, HAND_OVER_ANSWER_MAX, HAND_OVER_DURATION_MAX};
use crate::settings::listener::{DatagramSocket, Listener};
use crate::settings::start_error::StartError;
use crate::shared::hand_over::Departed;
use crate::shared::mailbox::Message;
use crate::shared::shared_state::{Backend, SharedState};
use crate::takeover::Channel;
use crate::takeover::messages::Offer;

/// The process that serves, before it has given anything away.
pub(super) struct EarlierProcess {
    channel: Channel,
    ring_entries: u32,
    memory: OwnedFd,
    metrics: Option<TcpListener>,
}

impl EarlierProcess {
    /// Takes the sockets that both processes have for a while.
    pub(super) fn connect(
        socket: UnixStream,
    ) -> Result<(Self, Vec<Listener>, Vec<DatagramSocket>), StartError> {
        let channel = Channel::new(socket).map_err(|error| refused(&error))?;
        let offer = channel.receive_offer().map_err(|error| refused(&error))?;
        let Offer { ring_entries, memory, listeners, udp_sockets, metrics } = offer;
        Ok((Self { channel, ring_entries, memory, metrics }, listeners, udp_sockets))
    }

    /// Takes the connections, and then the item memory, which goes into the settings. This process
    /// has all else that the system may refuse.
    pub(super) fn take(
        self,
        settings: &mut Settings,
        backend: &Backend,
    ) -> Result<Taken, StartError> {
        let Self { channel, ring_entries, memory, metrics } = self;
        if ring_entries > 0 {
            check_rings(ring_entries, backend)?;
        }
        let patience = ENCRYPTED_END_MAX + HAND_OVER_DURATION_MAX + HAND_OVER_ANSWER_MAX;
        let take = || {
            channel.say_ready()?;
            let connections = channel.take(patience)?;
            channel.say_received()?;
            channel.take_memory(HAND_OVER_ANSWER_MAX)?;
            Ok(connections)
        };
        let connections = take().map_err(|error: io::Error| refused(&error))?;
        settings.keeping.inherited = Some(Arc::new(memory));
        Ok(Taken { channel, metrics, connections })
    }
}

/// The kernel counts the rings of both processes. Smaller ones, or none, would stay for as long as
/// this process lives.
fn check_rings(ring_entries: u32, backend: &Backend) -> Result<(), StartError> {
    match backend {
        Backend::Uring(size) if size.submissions >= ring_entries => Ok(()),
        Backend::Epoll(reason) if reason == "as asked for" => Ok(()),
        _ => Err(StartError::TakeOver(
            "the rings of two processes need more locked memory than there is (ulimit -l)".into(),
        )),
    }
}

fn refused(error: &io::Error) -> StartError {
    StartError::TakeOver(match error.kind() {
        io::ErrorKind::UnexpectedEof => "the process that serves has given it up".to_owned(),
        _ => error.to_string(),
    })
}

/// What was taken beside the item memory.
pub(super) struct Taken {
    channel: Channel,
    metrics: Option<TcpListener>,
    connections: Vec<Departed>,
}

impl Taken {
    /// Gives the connections to the executors, and tells the old process that it can end. Returns
    /// the listening socket of the metrics.
    pub(super) fn serve(self, shared: &SharedState) -> Option<TcpListener> {
        let count = self.connections.len();
        for departed in self.connections {
            shared.admission.connection_opened();
            give_to_executor(shared, departed);
        }
        info!("slabcore: took over {count} connections");
        // If it has ended meanwhile, it need not know.
        let _ = self.channel.say_serving();
        self.metrics
    }
}

/// Gives a connection, which is counted already, to the executor that is to serve it.
pub(super) fn give_to_executor(shared: &SharedState, departed: Departed) {
    let serving = shared.serving.executors();
    let own = departed.record.home as usize % shared.mailboxes.len();
    let executor = match departed.record.number {
        Some(number) if departed.upload.is_none() => home_of(number, serving).index(),
        // The first bytes of its value came from the executor of its shard.
        _ => own,
    };
    let mut message = Message::Adopted(Box::new(departed));
    while let Err(back) = shared.mailboxes[executor].hand_over(message) {
        // It is awake, and takes messages.
        message = back;
        std::thread::yield_now();
    }
}
