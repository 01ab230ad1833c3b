//! The command `snapshot`: a thread writes the snapshot, then the client gets its reply.

use std::sync::Arc;
use std::thread;

use slabcore_protocol::error_lines;
use slabcore_shard::{ShardId, Ticket};

use crate::shared::mailbox::Message;
use crate::shared::shared_state::SharedState;
use crate::snapshots::writing;

/// The client that waits for a snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    /// The shard that serves the client.
    pub(crate) shard: ShardId,
    pub(crate) ticket: Ticket,
}

/// Begins a snapshot on a thread of its own, in the server's directory or in the one of this name
/// there. `asker` gets a reply at its end. The error is the line for a snapshot that cannot begin.
pub(crate) fn begin(
    shared: &Arc<SharedState>,
    name: Option<String>,
    asker: Option<Asker>,
) -> Result<(), &'static [u8]> {
    if shared.snapshots.is_under_way() {
        return Err(error_lines::SNAPSHOT_UNDER_WAY);
    }
    let shared = Arc::clone(shared);
    let write = move || {
        let reply = reply_of(&shared, name.as_deref());
        if let Some(Asker { shard, ticket }) = asker {
            shared.mailboxes[shard.index()].deliver(Message::Answered { ticket, reply });
        }
    };
    let thread = thread::Builder::new().name("slabcore-snap".to_owned());
    thread.spawn(write).map(drop).map_err(|_| error_lines::OUT_OF_MEMORY)
}

fn reply_of(shared: &SharedState, name: Option<&str>) -> String {
    let Some(current) = shared.snapshots.begin() else {
        return String::from_utf8_lossy(error_lines::SNAPSHOT_UNDER_WAY).into_owned();
    };
    match writing::write(shared, current, name) {
        Ok(()) => "OK\r\n".to_owned(),
        Err(error) => format!("SERVER_ERROR no snapshot: {error}\r\n"),
    }
}
