//! The command `snapshot`.

use std::sync::Arc;

use slabcore_protocol::{Reply, error_lines};

use crate::connection::Connection;
use crate::executor::Executor;
use crate::snapshots::{self, Asker, SnapshotDirectory};

impl Connection {
    /// `snapshot`: the reply comes once the snapshot is written, or has failed.
    #[cold]
    pub(super) fn snapshot(&mut self, executor: &mut Executor, name: &[u8], noreply: bool) {
        let refusal = if executor.shared.settings.snapshots.directory.is_none() {
            Some(error_lines::SNAPSHOT_NOT_ENABLED)
        } else if !name.is_empty() && !SnapshotDirectory::is_name(name) {
            Some(error_lines::BAD_FORMAT)
        } else {
            None
        };
        if let Some(error) = refusal {
            if !noreply {
                self.reply(Reply::Error(error));
            }
            return;
        }
        let name = (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned());
        let shared = Arc::clone(&executor.shared);
        if noreply {
            // Whatever comes of it, the log and the statistics say it.
            let _ = snapshots::begin(&shared, name, None);
            return;
        }
        let ticket = self.open_ticket(executor);
        let asker = Asker { shard: executor.shard, ticket };
        if let Err(error) = snapshots::begin(&shared, name, Some(asker)) {
            self.output.fill(ticket.slot, error, &mut executor.spares);
        }
    }
}
